//! One pipeline's numbers as values, for who shows them within the process.
//!
//! Comes in: what its lanes published. Goes out: plain numbers. Must never: hold a number that `/metrics` does not show.

use super::lane::State;
use super::{Counts, SchemaInForce};
use crate::record::TopicPartition;
use std::collections::{BTreeMap, BTreeSet};

/// What a pipeline did since its start. Each lane's counts are of one moment, so that consumed = produced +
/// dead-lettered + skipped + abandoned + in flight.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Records read from the source topics.
    pub consumed: u64,
    /// Their key and value bytes.
    pub consumed_bytes: u64,
    /// Records acknowledged by the sink topics.
    pub produced: u64,
    /// Their key and value bytes as written.
    pub produced_bytes: u64,
    /// Records acknowledged by the dead letter topic, by reason.
    pub dead_lettered: BTreeMap<&'static str, u64>,
    /// Records left out by the policy `skip`.
    pub skipped: u64,
    /// Records given up before they ended, to be read again.
    pub abandoned: u64,
    /// Records read that did not end yet.
    pub in_flight: u64,
    /// The committed offset of each partition that is held and has one.
    pub committed: BTreeMap<TopicPartition, i64>,
    /// The schemas written with.
    pub schemas: BTreeSet<SchemaInForce>,
    /// Times another schema came into force.
    pub schema_switches: u64,
    /// Why the pipeline cannot go on, if it cannot.
    pub failed: Option<&'static str>,
}

impl Totals {
    /// Dead letters for all reasons.
    #[must_use]
    pub fn dead_letters(&self) -> u64 {
        self.dead_lettered.values().sum()
    }

    /// Adds one lane.
    pub(super) fn add(&mut self, counts: &Counts, state: &State) {
        for route in &counts.traffic {
            self.consumed += route.consumed.records;
            self.consumed_bytes += route.consumed.bytes;
            self.produced += route.produced.records;
            self.produced_bytes += route.produced.bytes;
        }
        for (reason, times) in counts.dead_lettered.iter() {
            *self.dead_lettered.entry(reason).or_default() += times;
        }
        self.skipped += counts.skipped.iter().map(|(_, times)| times).sum::<u64>();
        self.abandoned += counts.abandoned;
        self.in_flight += counts.in_flight.records;
        self.committed.extend(state.offsets.iter().map(|(partition, offsets)| (partition.clone(), offsets.committed)));
        self.schemas.extend(state.schemas.values().filter_map(|schema| schema.in_force.clone()));
        self.schema_switches += state.schema_switches;
        self.failed = self.failed.or(state.failed);
    }
}
