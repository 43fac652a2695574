//! The tracker in a transaction: nothing may be committed by itself, all of it is settled at once.
//!
//! A ring then holds all that was read of its partition since the last commit, ended or not: what a commit says is what
//! lies behind the last of it, and an abort goes back to the first.
//!
//! Comes in: how the transaction ended. Goes out: offsets for it, and the records that it held. Must never: settle one
//! partition without the others.

use super::{InFlight, Offsets, Progress, Slot, SlotIndex};
use crate::record::TopicPartition;

/// What was read since the last commit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    /// Records, those left out included.
    pub(super) read: u64,
    /// Those of them whose report came.
    pub(super) reported: u64,
    /// Their bytes as handed to the producer.
    pub(super) bytes: usize,
}

impl Offsets {
    /// A tracker whose records stay in hand until their transaction is settled.
    pub(in crate::pipeline) fn in_transactions() -> Self {
        Self { held: Some(Held::default()), ..Self::default() }
    }

    /// Records handed over that are not settled yet, in flight or reported.
    pub(in crate::pipeline) fn held_records(&self) -> u64 {
        self.in_flight_records + self.held.map_or(0, |held| held.reported)
    }

    /// What was read since the last commit, records left out included.
    pub(in crate::pipeline) fn read_records(&self) -> u64 {
        self.held.map_or(0, |held| held.read)
    }

    /// Bytes handed over since the last commit.
    pub(in crate::pipeline) fn read_bytes(&self) -> usize {
        self.held.map_or(0, |held| held.bytes)
    }

    /// The next offset to read behind all that was read, of each partition where that is not committed.
    pub(in crate::pipeline) fn behind(&self) -> Vec<(TopicPartition, i64)> {
        let due = self.slots.iter().flatten().filter(|slot| slot.due(true));
        due.filter_map(|slot| Some((slot.partition.clone(), slot.behind()?))).collect()
    }

    /// The first offset read of a partition since the last commit.
    pub(in crate::pipeline) fn first_read(&self, index: SlotIndex) -> Option<i64> {
        self.slot(index)?.ring.front().map(|(record, _)| record.offset)
    }

    /// The transaction was committed: hands over each record that it delivered.
    pub(in crate::pipeline) fn committed(&mut self, mut delivered: impl FnMut(&InFlight)) {
        for slot in self.slots.iter_mut().flatten() {
            let behind = slot.behind();
            slot.ring.iter().filter(|(_, end)| *end != Progress::LeftOut).for_each(|(record, _)| delivered(record));
            slot.empty();
            (slot.cut, slot.sent) = (behind, behind);
        }
        self.settled();
    }

    /// The transaction was taken back: how many records it had delivered or in flight. Late reports mark nothing.
    pub(in crate::pipeline) fn aborted(&mut self) -> u64 {
        let records = self.held_records();
        for (slot, generation) in self.slots.iter_mut().zip(&mut self.generations) {
            *generation = generation.wrapping_add(1);
            slot.iter_mut().for_each(Slot::empty);
        }
        self.settled();
        records
    }

    /// The group's offset of a partition stands there: one before it is not due any more.
    pub(in crate::pipeline) fn stands(&mut self, index: SlotIndex, offset: i64) {
        if let Some(slot) = self.slots.get_mut(index.0).and_then(Option::as_mut) {
            (slot.cut, slot.sent) = (Some(offset), Some(offset));
        }
    }

    fn settled(&mut self) {
        (self.in_flight_records, self.in_flight_bytes, self.held) = (0, 0, Some(Held::default()));
    }
}

impl Slot {
    fn behind(&self) -> Option<i64> {
        self.ring.back().map(|(record, _)| record.offset + 1).or(self.cut)
    }

    fn empty(&mut self) {
        self.first += self.ring.len() as u64;
        self.in_flight = 0;
        self.ring.clear();
    }
}
