//! A rebalance as a state: noted when the group says so, looked at once a round, answered when the lane is ready.
//!
//! Giving partitions away: their records stop passing at once, what is in flight is waited for, what ended is committed,
//! then they are let go; a deadline bounds it. What is lost is let go at once: others may own it already. Taking
//! partitions: where each begins is asked first (`start`), in bounded questions, until the cluster answers.
//!
//! Comes in: the group's events. Goes out: answers to the group. Must never: run inside a callback.

use super::assignment::{Halt, Held, State};
use super::lane::Lane;
use super::start;
use crate::backoff::Backoff;
use crate::fault::{Blame, Fault, Stage};
use crate::kafka::consumer::Position;
use crate::kafka::record::Item;
use crate::record::TopicPartition;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Well below `max.poll.interval.ms` (5 min) and the group's usual patience; a drain that takes longer is not a drain.
const REVOKE_TIMEOUT: Duration = Duration::from_secs(20);
/// Between two tries to learn where partitions begin.
const ASK_AGAIN: Backoff = Backoff { first: Duration::from_millis(100), most: Duration::from_secs(5) };

/// What the group wants and did not get an answer to yet, oldest first.
#[derive(Debug, Default)]
pub(super) struct Rebalances {
    waiting: VecDeque<Rebalance>,
}

#[derive(Debug)]
enum Rebalance {
    Assign { partitions: Vec<TopicPartition>, tries: u32, next_try: Option<Instant> },
    Revoke { partitions: Vec<TopicPartition>, lost: bool, deadline: Instant },
}

impl Rebalances {
    pub(super) fn assigned(&mut self, partitions: Vec<TopicPartition>) {
        self.waiting.push_back(Rebalance::Assign { partitions, tries: 0, next_try: None });
    }

    pub(super) fn pending(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// A revocation came while the partition's assignment was not answered yet.
    fn take_back(&self, partition: &TopicPartition) -> bool {
        self.waiting.iter().any(|rebalance| match rebalance {
            Rebalance::Revoke { partitions, .. } => partitions.contains(partition),
            Rebalance::Assign { .. } => false,
        })
    }

    pub(super) fn revoking(&self) -> bool {
        self.waiting.iter().any(|rebalance| matches!(rebalance, Rebalance::Revoke { .. }))
    }
}

impl Lane {
    /// The group takes partitions.
    pub(super) fn revoke(&mut self, partitions: Vec<TopicPartition>, lost: bool, now: Instant) {
        for partition in &partitions {
            if let Some(held) = self.assignment.get_mut(partition) {
                held.state = State::Revoking;
                if self.passage.waiting.as_ref().is_some_and(|waiting| waiting.slot == held.slot) {
                    self.passage.abandon_waiting();
                }
            }
        }
        self.rebalances.waiting.push_back(Rebalance::Revoke { partitions, lost, deadline: now + REVOKE_TIMEOUT });
    }

    /// Answers the oldest rebalance if the lane is ready to.
    ///
    /// # Errors
    /// librdkafka does not take the answer: only a new consumer mends that.
    pub(super) fn step_rebalance(&mut self, now: Instant) -> Result<(), Fault> {
        match self.rebalances.waiting.pop_front() {
            None => Ok(()),
            Some(Rebalance::Assign { partitions, tries, next_try }) => {
                if next_try.is_some_and(|at| now < at) {
                    self.rebalances.waiting.push_front(Rebalance::Assign { partitions, tries, next_try });
                    return Ok(());
                }
                let (start, routes) = (self.passage.config.start, &self.passage.routes);
                let (waiting, in_transactions) = (&self.waiting_topics, self.once.is_some());
                match start::positions(&self.consumer.watch(), start, routes, waiting, &partitions, in_transactions) {
                    Ok(begins) => self.take_in_hand(&begins),
                    Err(fault) => {
                        self.passage.events.waiting(&fault, now);
                        let next_try = Some(now + ASK_AGAIN.wait(tries));
                        let tries = tries.saturating_add(1);
                        self.rebalances.waiting.push_front(Rebalance::Assign { partitions, tries, next_try });
                        Ok(())
                    }
                }
            }
            Some(Rebalance::Revoke { partitions, lost, deadline }) => {
                if lost || now >= deadline || self.at_rest(&partitions) {
                    return self.let_go(&partitions, lost);
                }
                self.rebalances.waiting.push_front(Rebalance::Revoke { partitions, lost, deadline });
                Ok(())
            }
        }
    }

    fn take_in_hand(&mut self, begins: &[start::Begin]) -> Result<(), Fault> {
        for begin in begins {
            let partition = begin.position.partition.clone();
            let route = self.passage.routes.iter().rposition(|route| route.prepared.source_topic == partition.topic);
            let Some(route) = route else {
                let message = format!("the group gave {partition}, of a topic that was not subscribed");
                return Err(Fault::lasting(Stage::Consume, Blame::Us, "no_topic", message));
            };
            let Some(slot) = self.passage.offsets.assign(partition.clone()) else {
                let message = "more partitions than a lane can have in hand; run more instances";
                return Err(Fault::lasting(Stage::Consume, Blame::Config, "too_many_partitions", message));
            };
            if let (true, Some(offset)) = (begin.commit, begin.position.offset) {
                self.passage.offsets.begin(slot, offset);
            }
            let next = begin.position.offset;
            let stop_at = self.stopped_before(&partition, next);
            self.lag.assigned(&partition, next);
            let state = match &self.passage.routes[route].flooded {
                _ if self.rebalances.take_back(&partition) => State::Revoking,
                Some(fault) => State::Halting(Halt::Stop { at: None, fault: fault.clone() }),
                None => State::Reading,
            };
            self.assignment.add(Held { partition, slot, route, state, next, stop_at });
        }
        let positions: Vec<Position> = begins.iter().map(|begin| begin.position.clone()).collect();
        self.consumer.assign(&positions)?;
        self.pulse.joined();
        let partitions: Vec<_> = positions.into_iter().map(|position| position.partition).collect();
        self.passage.events.assigned(&partitions, self.assignment.len());
        Ok(())
    }

    /// Where a partition stopped when it was last in hand, unless its group has gone past that since.
    fn stopped_before(&mut self, partition: &TopicPartition, next: Option<i64>) -> Option<i64> {
        let at = self.stops.get(partition)?.0;
        // Without a committed offset it may be another topic of the same name: what stopped it is tried again.
        if next.is_none_or(|next| next > at) {
            self.stops.remove(partition);
            return None;
        }
        Some(at)
    }

    /// Nothing of these partitions is in flight, in the batch in hand, or ended and not committed.
    fn at_rest(&self, partitions: &[TopicPartition]) -> bool {
        let offsets = &self.passage.offsets;
        self.cursor >= self.consumer.batch_len()
            && !self.commits.pending
            && self
                .assignment
                .iter()
                .filter(|held| partitions.contains(&held.partition))
                .all(|held| offsets.in_flight_of(held.slot) == 0 && !offsets.cut_due_of(held.slot))
    }

    fn let_go(&mut self, partitions: &[TopicPartition], lost: bool) -> Result<(), Fault> {
        if self.cursor < self.consumer.batch_len() {
            // The rest of the batch cannot be told apart by owner any more once partitions come and go: read it again.
            self.note_next();
            self.cursor = self.consumer.batch_len();
            self.passage.abandon_waiting();
            let kept: Vec<_> = self.assignment.iter().filter(|held| held.state == State::Reading).collect();
            let slots: Vec<_> = kept.iter().map(|held| held.slot).collect();
            slots.into_iter().for_each(|slot| self.halt(slot, Halt::Resume));
        }
        let mut abandoned = 0;
        for partition in partitions {
            if let Some(held) = self.assignment.remove(partition) {
                abandoned += self.passage.offsets.release(held.slot);
                self.lag.released(partition);
                if let Some(once) = &mut self.once {
                    once.state.let_go(partition);
                }
            }
        }
        if abandoned > 0 {
            // Queued records would land behind the new owner's. What else is purged comes back as failed and is rewound.
            self.passage.producer.purge();
            if let Some(once) = &mut self.once {
                let reason = if lost { "lost" } else { "revoked" };
                let message = "partitions went whose records were not committed";
                once.state.broke(Fault::passing(Stage::Commit, Blame::Broker, reason, message));
            }
        }
        self.passage.counts.abandoned(abandoned);
        self.consumer.unassign(partitions)?;
        let held = self.assignment.len();
        if lost {
            self.passage.events.lost(partitions, held)
        } else {
            self.passage.events.revoked(partitions, held)
        }
        Ok(())
    }

    /// A partition none of whose records passed yet has no next offset to be taken back to: it is that of its first
    /// record in the batch.
    pub(super) fn note_next(&mut self) {
        for index in self.cursor..self.consumer.batch_len() {
            if let Some(Item::Record(record)) = self.consumer.item(index)
                && let Some(held) = self.assignment.of(&record)
            {
                held.next.get_or_insert(record.offset());
            }
        }
    }
}
