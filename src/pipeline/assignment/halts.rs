//! Partitions that come to rest: rewound, reset or stopped, while the others go on.
//!
//! A partition is taken back to an offset only between two batches and, where deliveries decide the offset, once none of
//! its records is in flight: what was fetched behind that offset must not pass after it.
//!
//! Comes in: a slot and what shall follow. Goes out: what is to be done with partitions at rest, the memory of stops.
//! Must never: read on behind a record that did not end.

use super::{Assignment, Held, State};
use crate::config::OutOfRange;
use crate::fault::Fault;
use crate::kafka::consumer::Position;
use crate::pipeline::offsets::{Offsets, SlotIndex};
use crate::record::TopicPartition;
use std::collections::BTreeMap;

/// What follows once a partition has come to rest.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::pipeline) enum Halt {
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

/// What is to be done with a partition that has come to rest.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::pipeline) enum Rest {
    /// Seek there, then say `reads_on`.
    ReadOn(i64),
    /// Seek to the log's first or end offset in place of this one, then say `reads_on`.
    Reset(Option<i64>, OutOfRange),
    /// Pause in front of this offset, then say `stands`. None: nothing of it was ever read.
    Stand(Option<i64>, Fault),
}

impl Assignment {
    /// Whether a partition's records pass.
    pub(in crate::pipeline) fn reads(&self, slot: SlotIndex) -> bool {
        self.by_slot(slot).is_some_and(|held| held.state == State::Reading)
    }

    /// No more of a partition's records pass; what follows, follows when it has come to rest.
    pub(in crate::pipeline) fn halt(&mut self, slot: SlotIndex, halt: Halt) {
        let Some(held) = self.held.iter_mut().find(|held| held.slot == slot) else { return };
        let halt = match (&held.state, halt) {
            (State::Revoking, _) => return,
            // What stops does not begin anew because there is nothing more to read.
            (State::Stopped | State::Halting(Halt::Stop { .. }), Halt::Reset { .. }) => return,
            // It stops, but an earlier record did not end: it has to go back further.
            (State::Halting(Halt::Stop { fault, .. }), Halt::Resume) => Halt::Stop { at: None, fault: fault.clone() },
            (State::Stopped, Halt::Resume) => match self.stops.get(&held.partition) {
                Some((_, fault)) => Halt::Stop { at: None, fault: fault.clone() },
                // Forgotten with its topic, which the group is about to take.
                None => return,
            },
            (_, halt) => halt,
        };
        held.state = State::Halting(halt);
    }

    /// Every partition of a route stops in front of its first record that did not end.
    pub(in crate::pipeline) fn flood(&mut self, route: usize, fault: &Fault) {
        // What is about to be rewound or reset would read on after it.
        let reads_on =
            |state: &State| matches!(state, State::Reading | State::Halting(Halt::Resume | Halt::Reset { .. }));
        for held in self.held.iter_mut().filter(|held| held.route == route && reads_on(&held.state)) {
            held.state = State::Halting(Halt::Stop { at: None, fault: fault.clone() });
        }
    }

    /// What is to be done with the partitions that have come to rest. Asked between two batches; what could not be done is
    /// due again.
    pub(in crate::pipeline) fn rests(&mut self, offsets: &mut Offsets) -> Vec<(SlotIndex, Rest)> {
        let mut rests = Vec::new();
        for held in &mut self.held {
            let State::Halting(halt) = held.state.clone() else { continue };
            let settled = offsets.in_flight_of(held.slot) == 0;
            let rest = match halt {
                Halt::Stop { at: Some(at), fault } => Rest::Stand(Some(at), fault),
                Halt::Stop { at: None, fault } if settled => match held.rewind(offsets) {
                    // Next round, when what failed has been counted.
                    at @ Some(_) => {
                        held.state = State::Halting(Halt::Stop { at, fault });
                        continue;
                    }
                    None => Rest::Stand(None, fault),
                },
                Halt::Reset { to } if settled => Rest::Reset(held.rewind(offsets), to),
                Halt::Resume if settled => match held.rewind(offsets) {
                    Some(at) => Rest::ReadOn(at),
                    // Nothing of it was ever taken: it stands where it began.
                    None => {
                        held.state = State::Reading;
                        continue;
                    }
                },
                Halt::Stop { .. } | Halt::Resume | Halt::Reset { .. } => continue,
            };
            rests.push((held.slot, rest));
        }
        rests
    }

    /// Where all partitions stand, and this one at an offset: for who has to begin them all anew.
    pub(in crate::pipeline) fn positions(&self, slot: SlotIndex, at: i64) -> Vec<Position> {
        let offset = |held: &Held| if held.slot == slot { Some(at) } else { held.next };
        self.held.iter().map(|held| Position { partition: held.partition.clone(), offset: offset(held) }).collect()
    }

    /// A partition was taken back: its records pass again, from there on.
    pub(in crate::pipeline) fn reads_on(&mut self, slot: SlotIndex, at: i64) {
        if let Some(held) = self.held.iter_mut().find(|held| held.slot == slot) {
            (held.state, held.next) = (State::Reading, Some(at));
        }
    }

    /// A partition was paused.
    pub(in crate::pipeline) fn stands(&mut self, slot: SlotIndex, at: Option<i64>, fault: Fault) {
        if let Some(held) = self.held.iter_mut().find(|held| held.slot == slot) {
            held.state = State::Stopped;
            if let Some(at) = at {
                self.stops.insert(held.partition.clone(), (at, fault));
            }
        }
    }

    /// Where a partition stopped when it was last in hand, unless its group has gone past that since.
    pub(super) fn stopped_before(&mut self, partition: &TopicPartition, next: Option<i64>) -> Option<i64> {
        let at = self.stops.get(partition)?.0;
        // Without a committed offset it may be another topic of the same name: what stopped it is tried again.
        if next.is_none_or(|next| next > at) {
            self.stops.remove(partition);
            return None;
        }
        Some(at)
    }

    /// The open transaction is given up: takes every partition back to where its group's offset stands, as asked, or to
    /// the first record read since the last commit; those of `stopped` stop there. Returns how many records that abandons,
    /// and which partitions have to be resumed: they stood behind what is read again.
    pub(in crate::pipeline) fn go_back(
        &mut self,
        asked: &[(TopicPartition, Option<i64>)],
        stopped: &[(TopicPartition, Fault)],
        offsets: &mut Offsets,
    ) -> (u64, Vec<TopicPartition>) {
        let mut resumed = Vec::new();
        for held in &mut self.held {
            let known = asked.iter().find(|(partition, _)| *partition == held.partition).and_then(|(_, at)| *at);
            let back = known.or_else(|| offsets.first_read(held.slot));
            if let Some(at) = known {
                // Or a beginning that was to be committed would be, though the group has gone past it.
                offsets.stands(held.slot, at);
            }
            let stood = held.state == State::Stopped;
            held.back_to(back, &mut self.stops);
            if stood && held.state != State::Stopped {
                resumed.push(held.partition.clone());
            }
            if let Some((_, fault)) = stopped.iter().find(|(partition, _)| *partition == held.partition)
                && held.state != State::Revoking
            {
                held.state = State::Halting(Halt::Stop { at: None, fault: fault.clone() });
            }
        }
        (offsets.aborted(), resumed)
    }
}

impl Held {
    /// Where reading goes on after everything that did not end is forgotten.
    fn rewind(&mut self, offsets: &mut Offsets) -> Option<i64> {
        self.next = offsets.rewind(self.slot, self.next);
        self.next
    }

    /// Takes it back; what it was about to do, it does after that. None: nothing of it was read.
    fn back_to(&mut self, back: Option<i64>, stops: &mut BTreeMap<TopicPartition, (i64, Fault)>) {
        let behind = |at: i64| back.is_some_and(|back| back < at);
        match self.state.clone() {
            State::Reading | State::Halting(Halt::Resume) => self.state = State::Halting(Halt::Resume),
            // It stands behind what has to be read again, and will stand there again.
            State::Stopped if stops.get(&self.partition).is_some_and(|(at, _)| behind(*at)) => {
                self.stop_at = stops.get(&self.partition).map(|(at, _)| *at);
                self.state = State::Halting(Halt::Resume);
            }
            State::Halting(Halt::Stop { at: Some(at), fault }) if behind(at) => {
                stops.insert(self.partition.clone(), (at, fault));
                self.stop_at = Some(at);
                self.state = State::Halting(Halt::Resume);
            }
            State::Halting(Halt::Reset { .. }) if back.is_some() => self.state = State::Halting(Halt::Resume),
            State::Stopped | State::Revoking | State::Halting(Halt::Stop { .. } | Halt::Reset { .. }) => {}
        }
        if self.state != State::Stopped {
            self.next = back.or(self.next);
        }
    }
}
