//! One place in the metrics, a lane's or that of its pipeline itself: the last published counts and what it says of its
//! state. All that a pipeline has are shown as one.
//!
//! Comes in: snapshots from the lane's thread, states from the threads that know them (kafka callbacks, schema refresh).
//! Goes out: to `catalogue`, when scraped. Must never: be locked on a record's way.

use super::histogram::{Histogram, REQUEST_BOUNDS};
use super::progress::Progress;
use super::{Counts, locked};
use crate::config::Part;
use crate::lifecycle::Pulse;
use crate::record::TopicPartition;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A lane's handle; clones are the same lane, for its other threads. A restarted lane goes on with its handle and with
/// [`LaneMetrics::counts`], so that no counter ever goes back.
#[derive(Clone, Debug)]
pub struct LaneMetrics {
    lane: Arc<Lane>,
}

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) pipeline: String,
    /// Which of several; None: the pipeline itself, or its only lane.
    number: Option<usize>,
    /// One list for all lanes of the pipeline.
    pub(super) routes: Arc<Mutex<Vec<Route>>>,
    pub(super) counts: Mutex<Counts>,
    pub(super) progress: Mutex<Progress>,
    pub(super) state: Mutex<State>,
}

/// A source topic and the sink topic of its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) source_topic: String,
    pub(super) sink_topic: String,
}

/// The place of a route in the counts of a pipeline's lanes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteIndex(pub(super) u32);

/// What a lane says of itself, beside its counts.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// Offsets of the partitions it holds.
    pub(super) offsets: BTreeMap<TopicPartition, Offsets>,
    /// Partitions it holds.
    pub(super) assigned: usize,
    /// Partitions that stand, with the reason.
    pub(super) stopped: BTreeMap<TopicPartition, &'static str>,
    /// Topics that match a pattern and cannot be read yet, with the reason.
    pub(super) waiting: BTreeMap<String, &'static str>,
    /// Why the pipeline cannot go on.
    pub(super) failed: Option<&'static str>,
    pub(super) rebalances: u64,
    pub(super) commits_ok: u64,
    pub(super) commits_failed: u64,
    /// None: there are no transactions.
    pub(super) transactions: Option<Transactions>,
    /// By source topic and part.
    pub(super) schemas: BTreeMap<(String, &'static str), Schema>,
    pub(super) schema_switches: u64,
    /// None: the pipeline itself, which polls nothing.
    pub(super) pulse: Option<Pulse>,
}

/// How transactions ended.
#[derive(Clone, Debug)]
pub(super) struct Transactions {
    pub(super) committed: u64,
    pub(super) aborted: BTreeMap<&'static str, u64>,
    pub(super) duration: Histogram,
}

impl Default for Transactions {
    fn default() -> Self {
        Self { committed: 0, aborted: BTreeMap::new(), duration: Histogram::new(REQUEST_BOUNDS) }
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Schema {
    pub(super) in_force: Option<SchemaInForce>,
    pub(super) answered: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Offsets {
    pub(super) committed: i64,
    pub(super) end: i64,
}

/// The schema that the keys or values of a topic are written with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SchemaInForce {
    /// Its subject in the registry.
    pub subject: String,
    /// Its version there; unknown for a schema that is named by id alone.
    pub version: Option<i32>,
    /// Its id.
    pub id: i32,
}

impl LaneMetrics {
    pub(super) fn new(pipeline: &str, number: Option<usize>, routes: Arc<Mutex<Vec<Route>>>) -> (Self, Arc<Lane>) {
        let lane = Arc::new(Lane {
            pipeline: pipeline.to_owned(),
            number,
            routes,
            counts: Mutex::default(),
            progress: Mutex::default(),
            state: Mutex::default(),
        });
        (Self { lane: Arc::clone(&lane) }, lane)
    }

    /// Makes the lane's counts visible, all of them at one moment. Once a batch.
    pub fn publish(&self, counts: &Counts) {
        locked(&self.lane.counts).clone_from(counts);
        locked(&self.lane.progress).published(counts.ended(), counts.in_flight.records > 0, Instant::now());
    }

    /// The lane's sign of life, whose age is shown from now on.
    pub fn beats(&self, pulse: &Pulse) {
        locked(&self.lane.state).pulse = Some(pulse.clone());
    }

    /// The counts as last published.
    #[must_use]
    pub fn counts(&self) -> Counts {
        locked(&self.lane.counts).clone()
    }

    /// The pipeline's name: the `pipeline` label.
    #[must_use]
    pub fn pipeline(&self) -> &str {
        &self.lane.pipeline
    }

    /// Which lane of several this is: the field `lane` of its log lines.
    pub(super) fn number(&self) -> Option<usize> {
        self.lane.number
    }

    /// The place of a route in the counts of all lanes, from now on shown; the same for the same topics.
    pub fn route(&self, source_topic: &str, sink_topic: &str) -> RouteIndex {
        let route = Route { source_topic: source_topic.to_owned(), sink_topic: sink_topic.to_owned() };
        let mut routes = locked(&self.lane.routes);
        let place = routes.iter().position(|known| *known == route).unwrap_or_else(|| {
            routes.push(route);
            routes.len() - 1
        });
        RouteIndex(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// A partition's committed offset (where nothing is committed yet: where reading began) and its end offset. The lag
    /// is the difference, so it also holds for records that are read and not committed.
    pub fn set_lag(&self, partition: &TopicPartition, committed: i64, end: i64) {
        let mut state = locked(&self.lane.state);
        state.offsets.insert(partition.clone(), Offsets { committed, end });
        self.behind(&state);
    }

    /// The partition is held no more: its series end here, another instance has them now.
    pub fn forget_partition(&self, partition: &TopicPartition) {
        let mut state = locked(&self.lane.state);
        state.offsets.remove(partition);
        state.stopped.remove(partition);
        self.behind(&state);
    }

    fn behind(&self, state: &State) {
        let behind = state.offsets.values().any(|offsets| offsets.end > offsets.committed);
        locked(&self.lane.progress).behind(behind, Instant::now());
    }

    /// The number of partitions the lane holds now.
    pub fn assigned(&self, partitions: usize) {
        locked(&self.lane.state).assigned = partitions;
    }

    /// The group gave or took partitions.
    pub fn rebalanced(&self) {
        locked(&self.lane.state).rebalances += 1;
    }

    /// Offsets were committed, or could not be.
    pub fn committed(&self, ok: bool) {
        let mut state = locked(&self.lane.state);
        let count = if ok { &mut state.commits_ok } else { &mut state.commits_failed };
        *count += 1;
    }

    /// A transaction was committed, so long after its first record.
    pub fn transaction_committed(&self, age: Duration) {
        let mut state = locked(&self.lane.state);
        let transactions = state.transactions.get_or_insert_default();
        transactions.committed += 1;
        transactions.duration.observe(age.as_secs_f64(), 1);
    }

    /// A transaction was taken back.
    pub fn transaction_aborted(&self, reason: &'static str) {
        let mut state = locked(&self.lane.state);
        *state.transactions.get_or_insert_default().aborted.entry(reason).or_default() += 1;
    }

    /// A partition stands in front of a record, until [`LaneMetrics::forget_partition`].
    pub fn stopped(&self, partition: &TopicPartition, reason: &'static str) {
        locked(&self.lane.state).stopped.insert(partition.clone(), reason);
    }

    /// A topic that matches a pattern cannot be read yet (why), or need not wait any more (None). Returns why it waited.
    pub fn topic_waits(&self, topic: &str, reason: Option<&'static str>) -> Option<&'static str> {
        let mut state = locked(&self.lane.state);
        match reason {
            Some(reason) => state.waiting.insert(topic.to_owned(), reason),
            None => state.waiting.remove(topic),
        }
    }

    /// The topic is read no more: its schemas have no age.
    pub fn forget_topic(&self, topic: &str) {
        locked(&self.lane.state).schemas.retain(|(known, _), _| known != topic);
    }

    /// Of the topics that wait, these alone still match a pattern.
    pub fn still_match(&self, topics: &BTreeSet<String>) {
        locked(&self.lane.state).waiting.retain(|topic, _| topics.contains(topic));
    }

    /// The pipeline runs, whatever was before.
    pub fn running(&self) {
        locked(&self.lane.state).failed = None;
    }

    /// The pipeline cannot go on without a person.
    pub fn failed(&self, reason: &'static str) {
        locked(&self.lane.state).failed = Some(reason);
    }

    /// The keys or values of a source topic are written with this schema from the next record on. Returns the one before;
    /// another id is a switch.
    pub fn schema_in_force(&self, topic: &str, part: Part, schema: SchemaInForce) -> Option<SchemaInForce> {
        let mut state = locked(&self.lane.state);
        let id = schema.id;
        let before = state.schemas.entry((topic.to_owned(), part.label())).or_default().in_force.replace(schema);
        if before.as_ref().is_some_and(|before| before.id != id) {
            state.schema_switches += 1;
        }
        before
    }

    /// The registry answered which schema is in force for a source topic's keys or values, changed or not.
    pub fn schema_answered(&self, topic: &str, part: Part, now: Instant) {
        locked(&self.lane.state).schemas.entry((topic.to_owned(), part.label())).or_default().answered = Some(now);
    }
}
