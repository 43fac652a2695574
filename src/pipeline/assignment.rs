//! The partitions that the group gave to a lane: which of their records pass, where each goes on, when it is let go.
//!
//! All that decides about them is here and in `group` (what the group wants) and `halts` (what comes to rest, and what is
//! read again); the lane carries it out (`rebalance`, `stop`, `exactly_once`). So a model can drive it (`tests`).
//!
//! Comes in: the group's events, places of records, ends of deliveries, the time. Goes out: whether a record passes, and
//! what to answer, seek and pause. Must never: call a client, read a clock, pass over a record.

mod group;
mod halts;

use super::offsets::SlotIndex;
use super::passage::Place;
use crate::fault::Fault;
use crate::kafka::record::Record;
use crate::record::TopicPartition;
pub(super) use group::Answer;
use group::Rebalance;
pub(super) use halts::{Halt, Rest};
use std::collections::{BTreeMap, VecDeque};

/// A partition in hand.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) partition: TopicPartition,
    pub(super) slot: SlotIndex,
    /// The route of its records.
    pub(super) route: usize,
    state: State,
    /// The next offset to read, once one is known.
    next: Option<i64>,
    /// It was stopped in front of this offset before it was assigned again: it stops there again, untried.
    stop_at: Option<i64>,
}

/// What a partition is doing.
#[derive(Clone, Debug, PartialEq)]
enum State {
    /// Its records pass.
    Reading,
    /// Its records are left where they are until it can be taken back to an offset.
    Halting(Halt),
    /// Paused in front of a record; stays so until a restart.
    Stopped,
    /// The group takes it; it drains.
    Revoking,
}

/// All partitions in hand.
#[derive(Debug, Default)]
pub(super) struct Assignment {
    held: Vec<Held>,
    /// The last record's topic token and partition, and where its partition stands: neighbours share it.
    last: Option<(usize, i32, usize)>,
    /// Partitions that stopped, and in front of which offset: remembered over a reassignment.
    stops: BTreeMap<TopicPartition, (i64, Fault)>,
    /// What the group wants and did not get an answer to yet, oldest first.
    waiting: VecDeque<Rebalance>,
}

/// Where a record lies.
pub(super) trait Located {
    /// Equal tokens, equal topics.
    fn topic_token(&self) -> usize;
    fn topic(&self) -> &str;
    fn partition(&self) -> i32;
    fn offset(&self) -> i64;
}

impl Located for Record<'_> {
    fn topic_token(&self) -> usize {
        self.topic_token()
    }

    fn topic(&self) -> &str {
        self.topic()
    }

    fn partition(&self) -> i32 {
        self.partition()
    }

    fn offset(&self) -> i64 {
        self.offset()
    }
}

impl Held {
    pub(super) fn place(&self) -> Place {
        Place { slot: self.slot, route: self.route }
    }

    /// A record of it has passed.
    #[inline]
    pub(super) fn passed(&mut self, offset: i64) {
        self.next = Some(offset + 1);
    }
}

impl Assignment {
    /// The partition of a record that may pass. None: the record is left where it is; if its partition is in hand, that
    /// goes back to it.
    #[inline]
    pub(super) fn passes(&mut self, record: &impl Located) -> Option<&mut Held> {
        let place = self.place(record)?;
        let held = self.held.get_mut(place)?;
        let offset = record.offset();
        if held.state != State::Reading {
            held.left(offset);
            return None;
        }
        if let Some(at) = held.stop_at.filter(|at| offset >= *at) {
            match self.stops.get(&held.partition) {
                Some((_, fault)) => {
                    held.state = State::Halting(Halt::Stop { at: Some(at), fault: fault.clone() });
                    return None;
                }
                // Forgotten meanwhile, with its topic: tried again.
                None => held.stop_at = None,
            }
        }
        held.next = Some(offset);
        Some(held)
    }

    /// A record of the batch in hand is left where it is, whatever its partition is doing: that goes back to it.
    pub(super) fn leave(&mut self, record: &impl Located) {
        if let Some(place) = self.place(record)
            && let Some(held) = self.held.get_mut(place)
        {
            held.left(record.offset());
            if held.state == State::Reading {
                held.state = State::Halting(Halt::Resume);
            }
        }
    }

    #[inline]
    fn place(&mut self, record: &impl Located) -> Option<usize> {
        let (token, partition) = (record.topic_token(), record.partition());
        match self.last {
            Some((last_token, last_partition, place)) if (last_token, last_partition) == (token, partition) => {
                Some(place)
            }
            _ => {
                let topic = record.topic();
                let place = self
                    .held
                    .iter()
                    .position(|held| held.partition.partition == partition && held.partition.topic == topic)?;
                self.last = Some((token, partition, place));
                Some(place)
            }
        }
    }

    /// Forgets where partitions of topics stopped that are read no more.
    pub(super) fn retire(&mut self, subscribed: &[String]) {
        self.stops.retain(|partition, _| subscribed.contains(&partition.topic));
    }

    pub(super) fn get(&self, partition: &TopicPartition) -> Option<&Held> {
        self.held.iter().find(|held| held.partition == *partition)
    }

    pub(super) fn by_slot(&self, slot: SlotIndex) -> Option<&Held> {
        self.held.iter().find(|held| held.slot == slot)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Held> {
        self.held.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

impl Held {
    /// Of a partition that halts before its first record has passed, nothing else tells where it has to go back to.
    fn left(&mut self, offset: i64) {
        self.next.get_or_insert(offset);
    }
}

#[cfg(test)]
mod tests;
