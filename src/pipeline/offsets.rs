//! Which offsets may be committed: those behind which every record has ended.
//!
//! One narrow interface between records and commits: `track` a record that was handed over, `mark` it by its ticket when
//! its delivery report comes, `cut` what may be committed. A ring for each partition in hand, in the order of reading;
//! the cut advances over its ended prefix. Never by arithmetic on offsets: compaction and transactions leave gaps.
//!
//! Comes in: offsets, tickets. Goes out: cuts, and what a ticket stood for. Must never: commit, or forget a record.

use crate::record::TopicPartition;
use crate::telemetry::RouteIndex;
use std::collections::VecDeque;

/// All partitions that a lane has in hand.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    slots: Vec<Option<Slot>>,
    /// Distinguishes the partitions that used a slot one after another, so that a late report marks nothing of its
    /// successor's.
    generations: Vec<u8>,
    in_flight_records: u64,
    in_flight_bytes: usize,
    in_flight_headers: usize,
    /// In transactions: what stays in hand until all is settled.
    held: Option<held::Held>,
}

/// A partition in hand, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotIndex(usize);

/// What comes back with a delivery report: slot (16 bits), generation (8 bits), place in the slot's sequence (40 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket(pub(super) u64);

const SEQUENCE_BITS: u32 = 40;
const GENERATION_BITS: u32 = 8;
/// More partitions than this in one lane are refused by `assign`.
const MOST_SLOTS: usize = 1 << 16;

/// A record in flight: what its end needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InFlight {
    pub(super) offset: i64,
    /// The source timestamp, milliseconds, where there is one.
    pub(super) timestamp: Option<i64>,
    /// Key and value as handed to the producer.
    pub(super) bytes: u32,
    /// What its headers take in memory, bytes.
    pub(super) headers: u32,
    /// Whose counts it goes into.
    pub(super) route: RouteIndex,
    /// Set on a record's way to the dead letter topic.
    pub(super) dead_letter: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    InFlight,
    Ended,
    /// It ended without being handed over.
    LeftOut,
    /// Not delivered: nothing from here on may be committed.
    Failed,
}

#[derive(Debug)]
struct Slot {
    partition: TopicPartition,
    /// The sequence number of the ring's first entry.
    first: u64,
    ring: VecDeque<(InFlight, Progress)>,
    in_flight: u32,
    /// The next offset to read once all before it has ended: what a commit would say. None: nothing ended yet.
    cut: Option<i64>,
    /// What was last handed to a commit.
    sent: Option<i64>,
    /// In transactions: what was read since the last commit.
    open: held::Open,
}

impl Offsets {
    /// Takes a partition in hand; None if there are too many.
    pub(super) fn assign(&mut self, partition: TopicPartition) -> Option<SlotIndex> {
        let open = held::Open::default();
        let slot = Slot { partition, first: 0, ring: VecDeque::new(), in_flight: 0, cut: None, sent: None, open };
        if let Some(free) = self.slots.iter().position(Option::is_none) {
            self.slots[free] = Some(slot);
            return Some(SlotIndex(free));
        }
        if self.slots.len() == MOST_SLOTS {
            return None;
        }
        self.slots.push(Some(slot));
        self.generations.push(0);
        Some(SlotIndex(self.slots.len() - 1))
    }

    /// The partition begins at an offset that is not committed yet: it is due.
    pub(super) fn begin(&mut self, index: SlotIndex, offset: i64) {
        if let Some(slot) = self.slots.get_mut(index.0).and_then(Option::as_mut) {
            slot.cut = Some(offset);
        }
    }

    /// Lets a partition go. What is still in flight is abandoned: its number comes back, late reports mark nothing.
    pub(super) fn release(&mut self, index: SlotIndex) -> u64 {
        let Some(slot) = self.slots.get_mut(index.0).and_then(Option::take) else { return 0 };
        if let Some(generation) = self.generations.get_mut(index.0) {
            *generation = generation.wrapping_add(1);
        }
        for (record, _) in slot.ring.iter().filter(|(_, progress)| *progress == Progress::InFlight) {
            self.in_flight_bytes = self.in_flight_bytes.saturating_sub(record.bytes as usize);
            self.in_flight_headers = self.in_flight_headers.saturating_sub(record.headers as usize);
        }
        self.in_flight_records = self.in_flight_records.saturating_sub(u64::from(slot.in_flight));
        if let Some(all) = &mut self.held {
            // Or a transaction would be full of what it does not hold.
            all.give_up(slot.open.held);
        }
        u64::from(slot.in_flight) + slot.open.held.reported
    }

    /// The ticket that the slot's next tracked record will have.
    pub(super) fn next_ticket(&self, index: SlotIndex) -> Ticket {
        let generation = self.generations.get(index.0).copied().unwrap_or_default();
        let sequence = self.slot(index).map_or(0, |slot| slot.first + slot.ring.len() as u64);
        Ticket(
            (index.0 as u64) << (SEQUENCE_BITS + GENERATION_BITS)
                | u64::from(generation) << SEQUENCE_BITS
                | sequence & ((1 << SEQUENCE_BITS) - 1),
        )
    }

    /// A record was handed over under the slot's next ticket.
    pub(super) fn track(&mut self, index: SlotIndex, record: InFlight) {
        if let Some(slot) = self.slots.get_mut(index.0).and_then(Option::as_mut) {
            slot.ring.push_back((record, Progress::InFlight));
            slot.in_flight += 1;
            self.in_flight_records += 1;
            self.in_flight_bytes += record.bytes as usize;
            self.in_flight_headers += record.headers as usize;
            if let Some(held) = &mut self.held {
                held.read(record.bytes);
                slot.open.read(record.offset, record.bytes);
            }
        }
    }

    /// A record ended without being handed over.
    pub(super) fn settle(&mut self, index: SlotIndex, offset: i64) {
        if let Some(slot) = self.slots.get_mut(index.0).and_then(Option::as_mut) {
            if let Some(held) = &mut self.held {
                held.read(0);
                slot.open.read(offset, 0);
            }
            if slot.ring.is_empty() {
                if self.held.is_none() {
                    slot.cut = Some(offset + 1);
                }
                return;
            }
            let record = InFlight {
                offset,
                timestamp: None,
                bytes: 0,
                headers: 0,
                route: RouteIndex::default(),
                dead_letter: None,
            };
            slot.ring.push_back((record, Progress::LeftOut));
        }
    }

    /// A delivery report came. None: its partition was let go, the record counted as abandoned then.
    pub(super) fn mark(&mut self, ticket: Ticket, delivered: bool) -> Option<(SlotIndex, InFlight)> {
        let index = (ticket.0 >> (SEQUENCE_BITS + GENERATION_BITS)) as usize;
        let generation = (ticket.0 >> SEQUENCE_BITS) as u8;
        if self.generations.get(index) != Some(&generation) {
            return None;
        }
        let slot = self.slots.get_mut(index)?.as_mut()?;
        let mask = (1 << SEQUENCE_BITS) - 1;
        let place = ticket.0.wrapping_sub(slot.first) & mask;
        let (record, progress) = slot.ring.get_mut(usize::try_from(place).ok()?)?;
        if *progress != Progress::InFlight {
            return None;
        }
        *progress = if delivered { Progress::Ended } else { Progress::Failed };
        let record = *record;
        slot.in_flight -= 1;
        match &mut self.held {
            Some(held) => {
                held.reported += 1;
                slot.gather();
            }
            None => slot.advance(),
        }
        self.in_flight_records -= 1;
        self.in_flight_bytes -= record.bytes as usize;
        self.in_flight_headers -= record.headers as usize;
        Some((SlotIndex(index), record))
    }

    /// What may be committed and was not yet handed out: the next offset to read of each partition whose cut advanced.
    pub(super) fn cut(&mut self) -> Vec<(TopicPartition, i64)> {
        let mut cuts = Vec::new();
        for slot in self.slots.iter_mut().flatten() {
            if let Some(cut) = slot.cut
                && slot.sent != Some(cut)
            {
                slot.sent = Some(cut);
                cuts.push((slot.partition.clone(), cut));
            }
        }
        cuts
    }

    /// A commit failed: all cuts are due again.
    pub(super) fn uncut(&mut self) {
        for slot in self.slots.iter_mut().flatten() {
            slot.sent = None;
        }
    }

    /// Whether a cut waits to be committed.
    pub(super) fn cut_due(&self) -> bool {
        self.slots.iter().flatten().any(|slot| slot.due(self.held.is_some()))
    }

    /// Whether this partition has a cut that waits to be committed.
    pub(super) fn cut_due_of(&self, index: SlotIndex) -> bool {
        self.slot(index).is_some_and(|slot| slot.due(self.held.is_some()))
    }

    /// Forgets what was read behind the cut, once nothing of it is in flight any more. Reading goes on at the offset that
    /// comes back: the first record that did not end, or `next` if all did. In transactions what was read stays in hand.
    pub(super) fn rewind(&mut self, index: SlotIndex, next: Option<i64>) -> Option<i64> {
        if self.held.is_some() {
            return next;
        }
        let slot = self.slots.get_mut(index.0).and_then(Option::as_mut)?;
        debug_assert_eq!(slot.in_flight, 0, "rewound with records in flight");
        let first = slot.ring.front().map(|(record, _)| record.offset);
        slot.first += slot.ring.len() as u64;
        slot.ring.clear();
        first.or(next)
    }

    /// Records of this partition in flight.
    pub(super) fn in_flight_of(&self, index: SlotIndex) -> u32 {
        self.slot(index).map_or(0, |slot| slot.in_flight)
    }

    /// Records in flight.
    pub(super) fn in_flight_records(&self) -> u64 {
        self.in_flight_records
    }

    /// Bytes in flight, as handed to the producer.
    pub(super) fn in_flight_bytes(&self) -> usize {
        self.in_flight_bytes
    }

    /// What is in flight takes so many bytes of memory: key, value, headers, and the bookkeeping for each record, here and
    /// in librdkafka, which outweighs small records.
    pub(super) fn in_flight_memory(&self) -> usize {
        const BOOKKEEPING: usize = 256;
        let records = usize::try_from(self.in_flight_records).unwrap_or(usize::MAX);
        let bytes = self.in_flight_bytes.saturating_add(self.in_flight_headers);
        bytes.saturating_add(records.saturating_mul(BOOKKEEPING))
    }

    fn slot(&self, index: SlotIndex) -> Option<&Slot> {
        self.slots.get(index.0)?.as_ref()
    }
}

impl Slot {
    fn due(&self, in_transactions: bool) -> bool {
        self.cut.is_some() && self.cut != self.sent || in_transactions && self.open.behind.is_some()
    }

    fn advance(&mut self) {
        while let Some((record, Progress::Ended | Progress::LeftOut)) = self.ring.front() {
            self.cut = Some(record.offset + 1);
            self.ring.pop_front();
            self.first += 1;
        }
    }
}

mod held;
#[cfg(test)]
pub(super) mod tests;
