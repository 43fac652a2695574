//! The partitions that the group gave to a lane, and what each is doing.
//!
//! Comes in: assignments, stops, revocations. Goes out: for a record, its partition's slot and whether it may pass.
//! Must never: call a client.

use super::offsets::SlotIndex;
use crate::config::OutOfRange;
use crate::fault::Fault;
use crate::kafka::consumer::Position;
use crate::kafka::record::Record;
use crate::record::TopicPartition;

/// A partition in hand.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) partition: TopicPartition,
    pub(super) slot: SlotIndex,
    /// The route of its records.
    pub(super) route: usize,
    pub(super) state: State,
    /// The next offset to read, once one is known.
    pub(super) next: Option<i64>,
    /// It was stopped in front of this offset before it was assigned again: it stops there again, untried.
    pub(super) stop_at: Option<i64>,
}

impl Held {
    /// Where its reading stands.
    pub(super) fn position(&self) -> Position {
        Position { partition: self.partition.clone(), offset: self.next }
    }
}

/// What a partition is doing.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    /// Its records pass.
    Reading,
    /// Its records are left where they are until it can be taken back to an offset.
    Halting(Halt),
    /// Paused in front of a record; stays so until a restart.
    Stopped,
    /// The group takes it; it drains.
    Revoking,
}

/// What follows once a partition has come to rest.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Halt {
    /// Read on from the first record that did not end.
    Resume,
    /// Read on from the log's first or end offset: the next one is not in the log any more.
    Reset {
        /// Which.
        to: OutOfRange,
    },
    /// Pause in front of an offset; None: the first record that did not end.
    Stop {
        /// The offset.
        at: Option<i64>,
        /// Why.
        fault: Fault,
    },
}

/// All partitions in hand.
#[derive(Debug, Default)]
pub(super) struct Assignment {
    held: Vec<Held>,
    /// The last record's topic token and partition, and where its partition stands: neighbours share it.
    last: Option<(usize, i32, usize)>,
}

impl Assignment {
    pub(super) fn add(&mut self, held: Held) {
        self.last = None;
        self.held.push(held);
    }

    pub(super) fn remove(&mut self, partition: &TopicPartition) -> Option<Held> {
        self.last = None;
        let place = self.held.iter().position(|held| held.partition == *partition)?;
        Some(self.held.swap_remove(place))
    }

    /// The partition of a record.
    #[inline]
    pub(super) fn of(&mut self, record: &Record<'_>) -> Option<&mut Held> {
        let (token, partition) = (record.topic_token(), record.partition());
        let place = match self.last {
            Some((last_token, last_partition, place)) if (last_token, last_partition) == (token, partition) => place,
            _ => {
                let topic = record.topic();
                let place = self
                    .held
                    .iter()
                    .position(|held| held.partition.partition == partition && held.partition.topic == topic)?;
                self.last = Some((token, partition, place));
                place
            }
        };
        self.held.get_mut(place)
    }

    pub(super) fn get_mut(&mut self, partition: &TopicPartition) -> Option<&mut Held> {
        self.held.iter_mut().find(|held| held.partition == *partition)
    }

    pub(super) fn by_slot(&mut self, slot: SlotIndex) -> Option<&mut Held> {
        self.held.iter_mut().find(|held| held.slot == slot)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Held> {
        self.held.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Held> {
        self.held.iter_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}
