//! The routes of a pipeline: one for each source topic, prepared by the supervisor, taken up by the lane between records.
//!
//! Comes in: topics whose schemas and partitions are known. Goes out: to the lane, what a record of a topic needs on its
//! way. Must never: lose or reorder a route; its index is what partitions in hand refer to.

use super::flood::Flood;
use super::schema::{InForce, SchemaCell};
use crate::config::{self, Conversion, Part};
use crate::fault::{Fault, Stage};
use crate::kafka::producer::{Producer, TopicIndex};
use crate::telemetry::RouteIndex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A source topic with all that its records need, shared by supervisor and lane.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) source_topic: String,
    pub(super) sink_topic: String,
    pub(super) place: RouteIndex,
    pub(super) partitions: Partitions,
    /// It appeared after the pipeline's start: whatever `start` says, it is read from its beginning.
    pub(super) late: bool,
    pub(super) key: Option<Schema>,
    pub(super) value: Option<Schema>,
}

/// How many partitions a route's topics had when they were last looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Partitions {
    pub(super) source: i32,
    pub(super) sink: i32,
}

/// One half of a topic's records: how it is re-encoded, and the schema in force.
#[derive(Clone, Debug)]
pub(super) struct Schema {
    pub(super) conversion: Arc<Conversion>,
    pub(super) cell: Arc<SchemaCell>,
}

/// What the supervisor shows to the lane.
#[derive(Debug, Default)]
pub(super) struct Board {
    epoch: AtomicU64,
    shown: Mutex<Shown>,
}

/// All routes so far, and the source topics that are read now.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    pub(super) routes: Vec<Arc<Prepared>>,
    pub(super) subscribed: Vec<String>,
    /// Topics that match a pattern and could not be read at the start: the group may know them.
    pub(super) waiting: Vec<String>,
}

impl Board {
    /// Changes what is shown. The lane sees it between two batches.
    pub(super) fn change(&self, change: impl FnOnce(&mut Shown)) {
        change(&mut self.shown.lock().unwrap_or_else(PoisonError::into_inner));
        self.epoch.fetch_add(1, Ordering::Release);
    }

    pub(super) fn shown(&self) -> Shown {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }
}

/// A route in the lane's hands.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) prepared: Arc<Prepared>,
    pub(super) sink: TopicIndex,
    pub(super) key: Option<InForce>,
    pub(super) value: Option<InForce>,
    pub(super) flood: Flood,
    /// Set by a flood: none of its partitions reads any more.
    pub(super) flooded: Option<Fault>,
    /// Nothing can pass: what a record needs is gone.
    pub(super) retired: bool,
}

impl Route {
    /// Takes up a prepared route.
    ///
    /// # Errors
    /// The client does not take the sink topic's name.
    pub(super) fn new(
        prepared: Arc<Prepared>,
        producer: &mut Producer,
        refused: &config::Refused,
    ) -> Result<Self, Fault> {
        let sink = producer.topic(&prepared.sink_topic)?;
        let most_bytes = producer.most_bytes();
        let in_force =
            |schema: &Schema| InForce::new(Arc::clone(&schema.cell), Arc::clone(&schema.conversion), most_bytes);
        let (key, value) = (prepared.key.as_ref().map(in_force), prepared.value.as_ref().map(in_force));
        Ok(Self { prepared, sink, key, value, flood: Flood::new(refused), flooded: None, retired: false })
    }

    /// Takes up newer schemas. Called between two records.
    pub(super) fn follow(&mut self) {
        self.key.iter_mut().chain(&mut self.value).for_each(InForce::follow);
    }

    /// Lets go of what records need: none will come on this route any more.
    pub(super) fn retire(&mut self) {
        (self.key, self.value, self.flood, self.retired) = (None, None, Flood::off(), true);
    }

    /// Half of a record, for which there is a conversion.
    pub(super) fn in_force(&mut self, part: Part) -> Option<&mut InForce> {
        match part {
            Part::Key => self.key.as_mut(),
            Part::Value => self.value.as_mut(),
        }
    }
}

/// A flood in one of its topics.
pub(super) fn flood_fault(route: &Route, refused: &config::Refused, reason: &str) -> Fault {
    let message = format!(
        "{} of the last {} records of topic {:?} are refused, more than flood_share = {}: the schema or the config is \
         likely wrong, not the records; the last reason is {reason}. Correct it and start again, or raise flood_share",
        route.flood.refused(),
        refused.flood_window,
        route.prepared.source_topic,
        refused.flood_share,
    );
    Fault::lasting(Stage::Convert, crate::fault::Blame::Config, "flood", message)
}
