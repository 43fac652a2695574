//! The lane's answers to its group: looked at once a round, given when `assignment` says that one is due.
//!
//! Taking partitions: where each begins is asked first (`start`), in bounded questions, until the cluster answers.
//!
//! Comes in: the group's events. Goes out: answers to the group. Must never: run inside a callback.

use super::assignment::Answer;
use super::lane::Lane;
use super::start::{self, Begin};
use crate::fault::{Blame, Fault, Stage};
use crate::kafka::consumer::Position;
use crate::kafka::record::Item;
use crate::record::TopicPartition;
use std::time::Instant;

impl Lane {
    /// The group takes partitions.
    pub(super) fn revoke(&mut self, partitions: Vec<TopicPartition>, lost: bool, now: Instant) {
        self.assignment.revoked(partitions, lost, now);
        self.drop_waiting();
    }

    /// Answers the oldest rebalance if the lane is ready to.
    ///
    /// # Errors
    /// librdkafka does not take the answer: only a new consumer mends that.
    pub(super) fn step_rebalance(&mut self, now: Instant) -> Result<(), Fault> {
        let busy = self.cursor < self.consumer.batch_len() || self.commits.pending;
        match self.assignment.due(&self.passage.offsets, busy, now) {
            None => Ok(()),
            Some(Answer::Take(partitions)) => {
                let (start, routes) = (self.passage.config.start, &self.passage.routes);
                let (waiting, in_transactions) = (&self.waiting_topics, self.once.is_some());
                match start::positions(&self.consumer.watch(), start, routes, waiting, &partitions, in_transactions) {
                    Ok(begins) => self.take_in_hand(&begins),
                    Err(fault) => {
                        self.passage.events.waiting(&fault, now);
                        self.assignment.ask_again(now);
                        Ok(())
                    }
                }
            }
            Some(Answer::LetGo { partitions, lost }) => self.let_go(&partitions, lost, now),
        }
    }

    fn take_in_hand(&mut self, begins: &[Begin]) -> Result<(), Fault> {
        let routes = &self.passage.routes;
        let route = |topic: &str| {
            let route = routes.iter().rposition(|route| route.prepared.source_topic == topic)?;
            Some((route, routes[route].flooded.as_ref()))
        };
        self.assignment.take(begins, route, &mut self.passage.offsets)?;
        for Begin { position, .. } in begins {
            self.lag.assigned(&position.partition, position.offset);
        }
        let positions: Vec<Position> = begins.iter().map(|begin| begin.position.clone()).collect();
        self.consumer.assign(&positions)?;
        self.pulse.joined();
        let partitions: Vec<_> = positions.into_iter().map(|position| position.partition).collect();
        self.passage.events.assigned(&partitions, self.assignment.len());
        Ok(())
    }

    fn let_go(&mut self, partitions: &[TopicPartition], lost: bool, now: Instant) -> Result<(), Fault> {
        // The rest of the batch cannot be told apart by owner any more once partitions come and go: it is read again.
        self.leave_batch(now);
        let abandoned = self.assignment.let_go(partitions, &mut self.passage.offsets);
        for partition in partitions {
            self.lag.released(partition);
            if let Some(once) = &mut self.once {
                once.state.let_go(partition);
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

    /// Leaves the rest of the batch where it is.
    pub(super) fn leave_batch(&mut self, now: Instant) {
        while let Some(item) = self.consumer.item(self.cursor) {
            self.cursor += 1;
            match item {
                Item::Record(record) => self.assignment.leave(&record),
                // It does not come again by itself, as a record does that is read again.
                Item::PartitionFault { partition, fault } => self.partition_fault(&partition, fault, now),
            }
        }
        self.passage.abandon_waiting();
    }

    /// Gives up the record in hand if its partition does not read any more.
    pub(super) fn drop_waiting(&mut self) {
        if self.passage.waiting.as_ref().is_some_and(|waiting| !self.assignment.reads(waiting.slot)) {
            self.passage.abandon_waiting();
        }
    }
}
