//! What the group wants: partitions taken in hand and given away, one answer at a time, oldest question first.
//!
//! Giving partitions away: their records stop passing at once, what is in flight is waited for, what ended is committed,
//! then they are let go; a deadline bounds it. What is lost is let go at once: others may own it already.
//!
//! Comes in: the group's events, where partitions begin, the time. Goes out: the answer that is due. Must never: let go
//! of what has not ended before its deadline, or keep it longer.

use super::{Assignment, Halt, Held, State};
use crate::backoff::Backoff;
use crate::fault::{Blame, Fault, Stage};
use crate::pipeline::offsets::Offsets;
use crate::pipeline::start::Begin;
use crate::record::TopicPartition;
use std::time::{Duration, Instant};

/// Well below `max.poll.interval.ms` (5 min) and the group's usual patience; a drain that takes longer is not a drain.
const REVOKE_TIMEOUT: Duration = Duration::from_secs(20);
/// Between two tries to learn where partitions begin.
const ASK_AGAIN: Backoff = Backoff { first: Duration::from_millis(100), most: Duration::from_secs(5) };

#[derive(Debug)]
pub(super) enum Rebalance {
    Assign { partitions: Vec<TopicPartition>, tries: u32, next_try: Option<Instant> },
    Revoke { partitions: Vec<TopicPartition>, lost: bool, deadline: Instant },
}

/// What is to be answered to the group now.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::pipeline) enum Answer {
    /// Ask where these begin, then `take` them; `ask_again` where the cluster does not say.
    Take(Vec<TopicPartition>),
    /// Leave the rest of the batch, then `let_go` of these.
    LetGo {
        /// Which.
        partitions: Vec<TopicPartition>,
        /// Others may own them already.
        lost: bool,
    },
}

impl Assignment {
    /// The group gives partitions.
    pub(in crate::pipeline) fn assigned(&mut self, partitions: Vec<TopicPartition>) {
        self.waiting.push_back(Rebalance::Assign { partitions, tries: 0, next_try: None });
    }

    /// The group takes partitions: none of their records passes any more.
    pub(in crate::pipeline) fn revoked(&mut self, partitions: Vec<TopicPartition>, lost: bool, now: Instant) {
        for held in self.held.iter_mut().filter(|held| partitions.contains(&held.partition)) {
            held.state = State::Revoking;
        }
        self.waiting.push_back(Rebalance::Revoke { partitions, lost, deadline: now + REVOKE_TIMEOUT });
    }

    /// The group waits for an answer.
    pub(in crate::pipeline) fn rebalancing(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The group waits for partitions to be let go.
    pub(in crate::pipeline) fn revoking(&self) -> bool {
        self.waiting.iter().any(|rebalance| matches!(rebalance, Rebalance::Revoke { .. }))
    }

    /// The answer to the oldest rebalance if it is due. `busy`: the lane is inside a batch, or a commit is under way.
    pub(in crate::pipeline) fn due(&self, offsets: &Offsets, busy: bool, now: Instant) -> Option<Answer> {
        match self.waiting.front()? {
            Rebalance::Assign { next_try: Some(at), .. } if now < *at => None,
            Rebalance::Assign { partitions, .. } => Some(Answer::Take(partitions.clone())),
            Rebalance::Revoke { partitions, lost, deadline } => {
                let due = *lost || now >= *deadline || !busy && self.at_rest(partitions, offsets);
                due.then(|| Answer::LetGo { partitions: partitions.clone(), lost: *lost })
            }
        }
    }

    /// Nothing of these partitions is in flight, or ended and not committed.
    fn at_rest(&self, partitions: &[TopicPartition], offsets: &Offsets) -> bool {
        let mut held = self.held.iter().filter(|held| partitions.contains(&held.partition));
        held.all(|held| offsets.in_flight_of(held.slot) == 0 && !offsets.cut_due_of(held.slot))
    }

    /// The cluster did not say where the partitions begin.
    pub(in crate::pipeline) fn ask_again(&mut self, now: Instant) {
        if let Some(Rebalance::Assign { tries, next_try, .. }) = self.waiting.front_mut() {
            *next_try = Some(now + ASK_AGAIN.wait(*tries));
            *tries = tries.saturating_add(1);
        }
    }

    /// Takes the partitions of the oldest assignment in hand. `route`: of a topic's records, and why none of them may pass.
    ///
    /// # Errors
    /// A partition has no route, or there are too many.
    pub(in crate::pipeline) fn take<'r>(
        &mut self,
        begins: &[Begin],
        route: impl Fn(&str) -> Option<(usize, Option<&'r Fault>)>,
        offsets: &mut Offsets,
    ) -> Result<(), Fault> {
        self.waiting.pop_front();
        self.last = None;
        for begin in begins {
            let partition = begin.position.partition.clone();
            let Some((route, flooded)) = route(&partition.topic) else {
                let message = format!("the group gave {partition}, of a topic that was not subscribed");
                return Err(Fault::lasting(Stage::Consume, Blame::Us, "no_topic", message));
            };
            let Some(slot) = offsets.assign(partition.clone()) else {
                let message = "more partitions than a lane can have in hand; run more instances";
                return Err(Fault::lasting(Stage::Consume, Blame::Config, "too_many_partitions", message));
            };
            if let (true, Some(offset)) = (begin.commit, begin.position.offset) {
                offsets.begin(slot, offset);
            }
            let next = begin.position.offset;
            let stop_at = self.stopped_before(&partition, next);
            let state = match flooded {
                _ if self.taken_back(&partition) => State::Revoking,
                Some(fault) => State::Halting(Halt::Stop { at: None, fault: fault.clone() }),
                None => State::Reading,
            };
            self.held.push(Held { partition, slot, route, state, next, stop_at });
        }
        Ok(())
    }

    /// A revocation came while the partition's assignment was not answered yet.
    fn taken_back(&self, partition: &TopicPartition) -> bool {
        self.waiting.iter().any(|rebalance| match rebalance {
            Rebalance::Revoke { partitions, .. } => partitions.contains(partition),
            Rebalance::Assign { .. } => false,
        })
    }

    /// Lets go of the partitions of the oldest revocation. Returns how many records that abandons.
    pub(in crate::pipeline) fn let_go(&mut self, partitions: &[TopicPartition], offsets: &mut Offsets) -> u64 {
        self.waiting.pop_front();
        self.last = None;
        let gone = self.held.extract_if(.., |held| partitions.contains(&held.partition));
        gone.map(|held| offsets.release(held.slot)).sum()
    }
}
