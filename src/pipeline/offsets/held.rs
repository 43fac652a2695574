//! The tracker in a transaction: nothing may be committed by itself, all of it is settled at once.
//!
//! The rings hold what is in flight, as ever; of what ended behind them is kept what an end needs: from where to read again,
//! where a commit would go on, and what there is to count, in sums. A million records are then a few timestamps.
//!
//! Comes in: how the transaction ended. Goes out: offsets for it, and what it held. Must never: settle one partition
//! without the others.

use super::{InFlight, Offsets, Progress, Slot, SlotIndex};
use crate::record::TopicPartition;
use crate::telemetry::RouteIndex;

/// What was read since the last commit, of one partition or of all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    /// Records, those left out included.
    read: u64,
    /// Those of them whose report came.
    pub(super) reported: u64,
    /// Their bytes as handed to the producer.
    bytes: usize,
}

/// What was read of a partition since the last commit.
#[derive(Debug, Default)]
pub(super) struct Open {
    pub(super) held: Held,
    /// The first offset.
    first: Option<i64>,
    /// One past the last.
    pub(super) behind: Option<i64>,
    ended: Ended,
}

/// Records of a partition that were delivered in a transaction, to be counted once it is committed.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Ended {
    /// Whose counts they go into.
    pub(in crate::pipeline) route: RouteIndex,
    /// Records in the sink topic.
    pub(in crate::pipeline) records: u64,
    /// Their bytes.
    pub(in crate::pipeline) bytes: u64,
    /// Dead letters by reason.
    pub(in crate::pipeline) dead_lettered: Vec<(&'static str, u64)>,
    /// Source timestamps, milliseconds, each with how many records in a row have it.
    pub(in crate::pipeline) timestamps: Vec<(i64, u64)>,
}

impl Held {
    pub(super) fn read(&mut self, bytes: u32) {
        self.read += 1;
        self.bytes += bytes as usize;
    }

    /// A partition's share goes with it.
    pub(super) fn give_up(&mut self, share: Self) {
        self.read = self.read.saturating_sub(share.read);
        self.reported = self.reported.saturating_sub(share.reported);
        self.bytes = self.bytes.saturating_sub(share.bytes);
    }
}

impl Open {
    pub(super) fn read(&mut self, offset: i64, bytes: u32) {
        self.held.read(bytes);
        self.first.get_or_insert(offset);
        self.behind = Some(offset + 1);
    }
}

impl Ended {
    fn add(&mut self, record: &InFlight) {
        match record.dead_letter {
            Some(reason) => match self.dead_lettered.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, records)) => *records += 1,
                None => self.dead_lettered.push((reason, 1)),
            },
            None => {
                self.route = record.route;
                self.records += 1;
                self.bytes += u64::from(record.bytes);
            }
        }
        match (record.timestamp, self.timestamps.last_mut()) {
            (None, _) => {}
            (Some(timestamp), Some((last, records))) if *last == timestamp => *records += 1,
            (Some(timestamp), _) => self.timestamps.push((timestamp, 1)),
        }
    }

    /// Ready for the next transaction, in the memory of this one.
    fn clear(&mut self) {
        (self.records, self.bytes) = (0, 0);
        self.dead_lettered.clear();
        self.timestamps.clear();
    }
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
        self.slot(index)?.open.first
    }

    /// The transaction was committed: hands over what it delivered of each partition.
    pub(in crate::pipeline) fn committed(&mut self, mut delivered: impl FnMut(&Ended)) {
        for slot in self.slots.iter_mut().flatten() {
            let behind = slot.behind();
            // A commit waits for every report; nothing is left here.
            for (record, _) in slot.ring.iter().filter(|(_, progress)| *progress != Progress::LeftOut) {
                slot.open.ended.add(record);
            }
            delivered(&slot.open.ended);
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
        (self.in_flight_records, self.in_flight_bytes, self.in_flight_headers) = (0, 0, 0);
        self.held = Some(Held::default());
    }
}

impl Slot {
    /// A report came: what ended at the front of the ring is only counted from now on. What failed stays: the transaction
    /// will be taken back.
    pub(super) fn gather(&mut self) {
        self.open.held.reported += 1;
        while let Some((record, progress @ (Progress::Ended | Progress::LeftOut))) = self.ring.front() {
            if *progress == Progress::Ended {
                self.open.ended.add(record);
            }
            self.ring.pop_front();
            self.first += 1;
        }
    }

    fn behind(&self) -> Option<i64> {
        self.open.behind.or(self.cut)
    }

    fn empty(&mut self) {
        self.first += self.ring.len() as u64;
        self.in_flight = 0;
        self.ring.clear();
        self.open.ended.clear();
        (self.open.held, self.open.first, self.open.behind) = (Held::default(), None, None);
    }
}
