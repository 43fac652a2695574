//! Partitions that come to rest: rewound, reset or stopped, while the others go on.
//!
//! A partition is taken back to an offset only between two batches and, where deliveries decide the offset, once none of
//! its records is in flight: what was fetched behind that offset must not pass after it.
//!
//! Comes in: a slot and what shall follow. Goes out: pauses, seeks, the memory of stops. Must never: touch another
//! partition.

use super::assignment::{Halt, Held, State};
use super::lane::Lane;
use super::offsets::SlotIndex;
use super::route::Route;
use crate::config::OutOfRange;
use crate::fault::Fault;
use crate::kafka::consumer::{Consumer, Position};
use crate::record::TopicPartition;
use std::time::{Duration, Instant};

/// How long a question about one partition may hold up its lane.
const ASK: Duration = Duration::from_secs(1);

impl Lane {
    /// No more of a partition's records pass; what follows, follows when it has come to rest.
    pub(super) fn halt(&mut self, slot: SlotIndex, halt: Halt) {
        if self.passage.waiting.as_ref().is_some_and(|waiting| waiting.slot == slot) {
            self.passage.abandon_waiting();
        }
        let Some(held) = self.assignment.by_slot(slot) else { return };
        let halt = match (&held.state, halt) {
            (State::Revoking, _) => return,
            // It stops, but an earlier record did not end: it has to go back further.
            (State::Halting(Halt::Stop { fault, .. }), Halt::Resume) => Halt::Stop { at: None, fault: fault.clone() },
            (State::Stopped, Halt::Resume) => match self.stops.get(&held.partition) {
                Some((_, fault)) => Halt::Stop { at: None, fault: fault.clone() },
                None => Halt::Resume,
            },
            (_, halt) => halt,
        };
        held.state = State::Halting(halt);
    }

    /// A partition that was stopped before it was assigned again has come to where it stopped.
    pub(super) fn stop_again(&mut self, slot: SlotIndex, at: i64) {
        let Some(held) = self.assignment.by_slot(slot) else { return };
        let Some((_, fault)) = self.stops.get(&held.partition) else {
            held.stop_at = None;
            return;
        };
        held.state = State::Halting(Halt::Stop { at: Some(at), fault: fault.clone() });
    }

    /// Stops every partition of a topic, those that come later included. The membership is kept, so that no other instance
    /// takes them over and runs into the same. The pipeline has failed once none of its topics goes on.
    pub(super) fn flood(&mut self, index: usize, fault: Fault) {
        let Some(route) = self.passage.routes.get_mut(index) else { return };
        // What is about to be rewound or reset would read on after it.
        let reads_on =
            |state: &State| matches!(state, State::Reading | State::Halting(Halt::Resume | Halt::Reset { .. }));
        for held in self.assignment.iter_mut().filter(|held| held.route == index && reads_on(&held.state)) {
            held.state = State::Halting(Halt::Stop { at: None, fault: fault.clone() });
        }
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
        let Some(held) = self.assignment.get_mut(partition) else { return };
        let slot = held.slot;
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
        let halting = self.assignment.iter().any(|held| matches!(held.state, State::Halting(_)));
        if !halting || self.cursor < self.consumer.batch_len() {
            return;
        }
        let rebalancing = self.rebalances.pending();
        let all: Vec<Position> = self.assignment.iter().map(Held::position).collect();
        let Self { assignment, passage, consumer, stops, .. } = self;
        // An offset out of range ended the fetching of its partition: seeking is not enough, it has to begin anew.
        let read_on = |held: &Held, at: i64| match consumer.seek(&held.partition, at) {
            Err(fault) if fault.reason == "not_fetching" && !rebalancing => {
                let position = Position { partition: held.partition.clone(), offset: Some(at) };
                let held =
                    all.iter().map(|other| if other.partition == position.partition { &position } else { other });
                consumer.restart(&position, &held.cloned().collect::<Vec<_>>())
            }
            sought => sought,
        };
        for held in assignment.iter_mut() {
            let State::Halting(halt) = held.state.clone() else { continue };
            let settled = passage.offsets.in_flight_of(held.slot) == 0;
            let done = match halt {
                Halt::Stop { at: Some(at), fault } => stand(consumer, &held.partition, at).map(|()| {
                    passage.events.partition_stopped(&held.partition, at, &fault);
                    stops.insert(held.partition.clone(), (at, fault));
                    State::Stopped
                }),
                Halt::Stop { at: None, fault } if settled => {
                    let at = rewound(held, &mut passage.offsets);
                    held.state = State::Halting(Halt::Stop { at: at.or(Some(0)), fault: fault.clone() });
                    match at {
                        Some(_) => continue,
                        // Nothing of it was ever read: there is no offset to go back to.
                        None => consumer.pause(&held.partition).map(|()| {
                            passage.events.partition_stopped(&held.partition, 0, &fault);
                            State::Stopped
                        }),
                    }
                }
                Halt::Resume if settled => match rewound(held, &mut passage.offsets) {
                    Some(at) => read_on(held, at).map(|()| State::Reading),
                    None => Ok(State::Reading),
                },
                Halt::Reset { to } if settled => {
                    consumer.watch().watermarks(&held.partition, ASK).and_then(|(low, end)| {
                        let from = rewound(held, &mut passage.offsets).unwrap_or(low);
                        let at = if to == OutOfRange::Latest { end } else { low };
                        read_on(held, at)?;
                        passage.events.out_of_range(&mut passage.counts, &held.partition, from, at);
                        held.next = Some(at);
                        Ok(State::Reading)
                    })
                }
                Halt::Stop { .. } | Halt::Resume | Halt::Reset { .. } => continue,
            };
            match done {
                Ok(state) => held.state = state,
                // Tried again next round.
                Err(fault) => passage.events.waiting(&fault, now),
            }
        }
    }
}

/// Pauses a partition in front of an offset.
fn stand(consumer: &Consumer, partition: &TopicPartition, at: i64) -> Result<(), Fault> {
    consumer.pause(partition)?;
    match consumer.seek(partition, at) {
        // Its fetching has ended already: there is nothing to take back.
        Err(fault) if fault.reason == "not_fetching" => Ok(()),
        sought => sought,
    }
}

/// Where reading goes on after everything that did not end is forgotten.
fn rewound(held: &mut Held, offsets: &mut super::offsets::Offsets) -> Option<i64> {
    let at = offsets.rewind(held.slot, held.next);
    held.next = at;
    at
}
