//! The lane's partitions that come to rest: halted, sought and paused as `assignment` says.
//!
//! Comes in: a slot and what shall follow. Goes out: pauses, seeks, words about them. Must never: touch another
//! partition.

use super::assignment::{Halt, Rest};
use super::lane::Lane;
use super::offsets::SlotIndex;
use super::route::Route;
use crate::config::OutOfRange;
use crate::fault::Fault;
use crate::kafka::consumer::Position;
use crate::record::TopicPartition;
use std::time::{Duration, Instant};

/// How long a question about one partition may hold up its lane.
const ASK: Duration = Duration::from_secs(1);

impl Lane {
    /// No more of a partition's records pass; what follows, follows when it has come to rest.
    pub(super) fn halt(&mut self, slot: SlotIndex, halt: Halt) {
        self.assignment.halt(slot, halt);
        self.drop_waiting();
    }

    /// Stops every partition of a topic, those that come later included. The membership is kept, so that no other instance
    /// takes them over and runs into the same. The pipeline has failed once none of its topics goes on.
    pub(super) fn flood(&mut self, index: usize, fault: Fault) {
        let Some(route) = self.passage.routes.get_mut(index) else { return };
        self.assignment.flood(index, &fault);
        route.flooded = Some(fault.clone());
        if self.read_routes().all(|route| route.flooded.is_some()) {
            self.passage.events.failed(&fault);
            self.pulse.failed();
        } else if let Some(route) = self.passage.routes.get(index) {
            self.passage.events.topic_failed(&route.prepared.source_topic, &fault);
        }
    }

    /// The routes of the topics that are read now.
    fn read_routes(&self) -> impl Iterator<Item = &Route> {
        self.subscribed
            .iter()
            .filter_map(|topic| self.passage.routes.iter().rev().find(|route| route.prepared.source_topic == *topic))
    }

    /// The data queue says that a partition cannot go on.
    pub(super) fn partition_fault(&mut self, partition: &TopicPartition, mut fault: Fault, now: Instant) {
        let Some(slot) = self.assignment.get(partition).map(|held| held.slot) else { return };
        if fault.reason == "offset_out_of_range" {
            let out_of_range = self.passage.config.out_of_range;
            if out_of_range != OutOfRange::Stop {
                return self.halt(slot, Halt::Reset { to: out_of_range });
            }
            fault.message = format!(
                "the next offset to read of {partition} is no longer in the log (retention, or the topic was made \
                 anew): set out_of_range to earliest or latest, or reset the group's offset"
            );
        } else if fault.retry || matches!(fault.reason, "unknown_topic" | "unknown_partition") {
            // A broker may be behind; a topic that is really gone is taken away by the group.
            return self.passage.events.waiting(&fault, now);
        }
        self.halt(slot, Halt::Stop { at: None, fault });
    }

    /// Carries out what follows for partitions that have come to rest.
    pub(super) fn step_halts(&mut self, now: Instant) {
        if self.cursor < self.consumer.batch_len() {
            return;
        }
        for (slot, rest) in self.assignment.rests(&mut self.passage.offsets) {
            let Some(partition) = self.assignment.by_slot(slot).map(|held| held.partition.clone()) else { continue };
            let done = match rest {
                Rest::ReadOn(at) => self.read_on(slot, &partition, at),
                Rest::Reset(from, to) => self.reset(slot, &partition, from, to),
                Rest::Stand(at, fault) => self.stand(&partition, at).map(|()| {
                    self.passage.events.partition_stopped(&partition, at.unwrap_or(0), &fault);
                    self.assignment.stands(slot, at, fault);
                }),
            };
            // Tried again next round.
            if let Err(fault) = done {
                self.passage.events.waiting(&fault, now);
            }
        }
    }

    fn read_on(&mut self, slot: SlotIndex, partition: &TopicPartition, at: i64) -> Result<(), Fault> {
        match self.consumer.seek(partition, at) {
            // An offset out of range ended the fetching of its partition: seeking is not enough, it has to begin anew.
            Err(fault) if fault.reason == "not_fetching" && !self.assignment.rebalancing() => {
                let position = Position { partition: partition.clone(), offset: Some(at) };
                // As they stand now: one that was taken back a moment ago has to begin there.
                self.consumer.restart(&position, &self.assignment.positions(slot, at))?;
            }
            sought => sought?,
        }
        self.assignment.reads_on(slot, at);
        Ok(())
    }

    fn reset(
        &mut self,
        slot: SlotIndex,
        partition: &TopicPartition,
        from: Option<i64>,
        to: OutOfRange,
    ) -> Result<(), Fault> {
        let (low, end) = self.consumer.watch().watermarks(partition, ASK)?;
        let at = if to == OutOfRange::Latest { end } else { low };
        self.read_on(slot, partition, at)?;
        self.passage.events.out_of_range(&mut self.passage.counts, partition, from.unwrap_or(low), at);
        Ok(())
    }

    /// Pauses a partition, in front of an offset if there is one.
    fn stand(&self, partition: &TopicPartition, at: Option<i64>) -> Result<(), Fault> {
        self.consumer.pause(partition)?;
        match at.map_or(Ok(()), |at| self.consumer.seek(partition, at)) {
            // Its fetching has ended already: there is nothing to take back.
            Err(fault) if fault.reason == "not_fetching" => Ok(()),
            sought => sought,
        }
    }
}
