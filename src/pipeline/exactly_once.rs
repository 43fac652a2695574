//! The lane under exactly-once: carries out what `transaction` decides.
//!
//! Comes in: commands, ends of calls. Goes out: calls on the transactor's thread, partitions taken back, counts. Must
//! never: count a record as delivered whose transaction may still be taken back; wait for a call.

use super::lane::Lane;
use super::transaction::{self, Aborted, Command, Failure, Transaction};
use crate::fault::Fault;
use crate::kafka::producer::Report;
use crate::kafka::transaction::{End, Transactor};
use crate::pipeline::offsets::Ticket;
use crate::record::TopicPartition;
use std::time::{Duration, Instant};

/// How long the group's offsets may take to come; the lane does not poll meanwhile.
const ASK: Duration = Duration::from_secs(5);
/// How long an open transaction may take to be aborted when the lane ends.
const LAST_ABORT: Duration = Duration::from_secs(2);

/// The transactions of a lane.
#[derive(Debug)]
pub(super) struct ExactlyOnce {
    pub(super) state: Transaction,
    pub(super) calls: Transactor,
    /// What the commit under way commits.
    pub(super) committing: Vec<(TopicPartition, i64)>,
}

impl Lane {
    /// Whether one more record may pass.
    pub(super) fn takes(&self, now: Instant) -> bool {
        let Some(once) = &self.once else { return true };
        // Asked before every record: not what is due, which looks at each partition.
        let (records, bytes) = (self.passage.offsets.read_records(), self.passage.offsets.read_bytes());
        once.state.takes(transaction::Held { due: false, records, bytes }, now)
    }

    /// The group may be joined: what an earlier lane of this id left open is settled.
    pub(super) fn may_join(&self) -> bool {
        self.once.as_ref().is_none_or(|once| once.state.started())
    }

    /// Takes up the ends of calls and makes those that are due.
    pub(super) fn step_transaction(&mut self, now: Instant) -> Result<(), Fault> {
        let held = self.held();
        let urgent = self.drain.began().is_some() || self.assignment.revoking();
        let Some(once) = &mut self.once else { return Ok(()) };
        if let Some(fault) = self.passage.broken.take() {
            once.state.broke(fault);
        }
        let mut command = None;
        if let Some(end) = once.calls.ended() {
            match &end {
                End::Done => {}
                End::Again(fault) => self.passage.events.waiting(fault, now),
                End::Rejected(fault) | End::Unknown(fault) | End::Fenced(fault) | End::Refused(fault) => {
                    self.passage.events.commit_failed(fault, now);
                }
            }
            command = once.state.ended(end, now);
        }
        if let Some(command) = command.or_else(|| once.state.step(held, urgent, now)) {
            self.carry_out(command, now)?;
        }
        self.commits.pending = self.once.as_ref().is_some_and(|once| once.state.started() && once.state.busy());
        Ok(())
    }

    fn held(&self) -> transaction::Held {
        let offsets = &self.passage.offsets;
        transaction::Held { due: offsets.cut_due(), records: offsets.read_records(), bytes: offsets.read_bytes() }
    }

    fn carry_out(&mut self, command: Command, now: Instant) -> Result<(), Fault> {
        let Some(once) = &mut self.once else { return Ok(()) };
        let passage = &mut self.passage;
        match command {
            Command::Commit => {
                once.committing = passage.offsets.behind();
                once.calls.commit(&passage.producer, once.committing.clone(), self.consumer.group()?);
            }
            Command::Abort => once.calls.abort(&passage.producer),
            Command::Init => once.calls.init(&passage.producer, None),
            Command::Renew => {
                let again = passage.producer.again()?;
                let before = std::mem::replace(&mut passage.producer, again);
                once.calls.init(&passage.producer, Some(before));
            }
            Command::Settle(age) => self.settle(age),
            Command::GoBack(aborted) => {
                let reason = aborted.reason;
                passage.condemned.extend(aborted.condemned.clone());
                let records = self.go_back(&[], &aborted, now)?;
                self.passage.events.transaction_aborted(reason, records, now);
            }
            Command::Ask => self.ask(now)?,
            Command::Give(fault) => return Err(fault),
        }
        Ok(())
    }

    /// All that was read since the last commit is committed.
    fn settle(&mut self, age: Duration) {
        let Some(once) = &mut self.once else { return };
        let committed = std::mem::take(&mut once.committing);
        once.state.settled(&committed);
        self.passage.settle(super::lane::wall_millis());
        for (partition, offset) in &committed {
            self.lag.committed(partition, *offset);
            self.passage.condemned.retain(|guilty| guilty.partition != *partition || guilty.offset >= *offset);
        }
        self.passage.events.transaction_committed(age);
    }

    /// The outcome of the last transaction is not known: with a new producer it is settled, and the group's offsets tell
    /// which way. Asked again next round where they do not come.
    fn ask(&mut self, now: Instant) -> Result<(), Fault> {
        let partitions: Vec<TopicPartition> = self.assignment.iter().map(|held| held.partition.clone()).collect();
        let asked = match partitions.is_empty() {
            true => Ok(Vec::new()),
            false => self.consumer.watch().committed(&partitions, ASK),
        };
        let committed = match asked {
            Ok(committed) => committed,
            Err(fault) => {
                self.passage.events.waiting(&fault, now);
                return Ok(());
            }
        };
        let behind = self.passage.offsets.behind();
        let reached = |(partition, offset): &(TopicPartition, i64)| {
            committed.iter().any(|(known, at)| known == partition && at.is_some_and(|at| at >= *offset))
        };
        if !behind.is_empty() && behind.iter().all(reached) {
            if let Some(once) = &mut self.once {
                once.committing = behind;
            }
            self.settle(Duration::ZERO);
        } else {
            let records = self.go_back(&committed, &Aborted::default(), now)?;
            self.passage.events.transaction_aborted("outcome_unknown", records, now);
        }
        if let Some(once) = &mut self.once {
            once.state.asked();
        }
        Ok(())
    }

    /// Takes every partition back (`Assignment::go_back`). Returns how many records that gives up.
    fn go_back(
        &mut self,
        asked: &[(TopicPartition, Option<i64>)],
        aborted: &Aborted,
        now: Instant,
    ) -> Result<u64, Fault> {
        self.leave_batch(now);
        let (records, resumed) = self.assignment.go_back(asked, &aborted.stopped, &mut self.passage.offsets);
        self.passage.counts.abandoned(records);
        resumed.iter().try_for_each(|partition| self.consumer.resume(partition))?;
        Ok(records)
    }

    /// A report in a transaction: a delivery counts when it is committed.
    pub(super) fn reported(&mut self, report: Report, now: Instant) {
        let (ticket, delivered) = (Ticket(report.ticket), report.fault.is_none());
        let Some((slot, record)) = self.passage.offsets.mark(ticket, delivered) else { return };
        let Some(mut fault) = report.fault.filter(|fault| fault.reason != "purged") else { return };
        let Some(held) = self.assignment.by_slot(slot) else { return };
        let partition = held.partition.clone();
        self.passage.undelivered(&partition, &record, &mut fault, now);
        let Some(once) = &mut self.once else { return };
        let (offset, as_dead_letter) = (record.offset, record.dead_letter.is_some());
        match fault.reason {
            "producer_fatal" | "fenced" => once.state.broke(*fault),
            _ => once.state.failed(Failure { partition, offset, as_dead_letter, fault: *fault }),
        }
    }

    /// The lane ends: readers of the sink shall not wait for what it leaves open.
    pub(super) fn abort_at_the_end(&mut self) {
        let Some(once) = &mut self.once else { return };
        if once.state.busy() || self.passage.offsets.held_records() == 0 {
            return;
        }
        once.calls.abort(&self.passage.producer);
        let deadline = Instant::now() + LAST_ABORT;
        while once.calls.ended().is_none() && Instant::now() < deadline {
            self.passage.producer.reports(&mut self.reports, Duration::from_millis(5));
        }
    }
}
