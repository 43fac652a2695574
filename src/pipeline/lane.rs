//! The lane: a thread that owns one consumer, one producer and its routes, and runs records to completion.
//!
//! ```text
//!            ┌────────────── each round ──────────────────────────────────────────────┐
//!  control ─>│ events -> reports -> rebalance -> halts -> commit -> drain -> records  │<─ data, unless back-pressed
//!            └───────────────────────────────────────────────────────────────────────-┘
//! ```
//! All that is not a record is a state looked at once a round; nothing in a round waits for the network, but for bounded
//! questions when partitions are assigned. Comes in: records, events, reports, the order to drain. Goes out: records,
//! commits, counts. Must never: commit past a record that did not end.

use super::assignment::{Assignment, Halt};
use super::drain::{Drain, Move};
use super::exactly_once::ExactlyOnce;
use super::lag::Lag;
use super::offsets::Ticket;
use super::passage::{Passage, Step};
use super::policy::{self, Undelivered};
use super::route::{Board, Route};
use crate::fault::{Blame, Fault, Stage};
use crate::kafka::consumer::{Consumer, Event};
use crate::kafka::producer::Report;
use crate::kafka::record::Item;
use crate::lifecycle::{Pulse, Shutdown};
use crate::record::TopicPartition;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a round may wait for a record when nothing else is under way.
const IDLE_WAIT: Duration = Duration::from_millis(100);
/// How long it may when deliveries, commits or a rebalance are under way.
const BUSY_WAIT: Duration = Duration::from_millis(2);
/// How long a round waits while the lane joins its group, and for how long it hastens that (`Consumer::hasten`).
const JOIN_WAIT: Duration = Duration::from_millis(5);
const JOIN_HASTE: Duration = Duration::from_secs(5);
/// The most that the producer's introduction to its cluster takes, while the group is joined and nobody waits.
const INTRODUCTION: Duration = Duration::from_millis(100);
/// How often the partitions in hand are forwarded anew (`Consumer::forward`).
const FORWARD_AGAIN: Duration = Duration::from_millis(200);
/// Between a commit that failed and the next try while a partition waits for it to be let go.
const COMMIT_AGAIN: Duration = Duration::from_millis(100);

/// A lane, ready to run.
#[allow(missing_debug_implementations, reason = "holds clients")]
pub(super) struct Lane {
    pub(super) passage: Passage,
    pub(super) assignment: Assignment,
    pub(super) commits: Commits,
    /// None: offsets are committed by themselves, behind the records.
    pub(super) once: Option<ExactlyOnce>,
    /// Where the supervisor shows routes and schemas, and how much of it is taken up.
    pub(super) board: Arc<Board>,
    pub(super) seen: Option<u64>,
    pub(super) subscribed: Vec<String>,
    pub(super) waiting_topics: Vec<String>,
    pub(super) drain: Drain,
    /// When the partitions in hand were last forwarded.
    pub(super) forwarded: Instant,
    pub(super) began: Instant,
    pub(super) lag: Lag,
    pub(super) pulse: Pulse,
    pub(super) shutdown: Shutdown,
    pub(super) reports: Vec<Report>,
    /// The next item of the consumer's batch.
    pub(super) cursor: usize,
    pub(super) consumer: Consumer,
}

/// Commits under way and due.
#[derive(Debug)]
pub(super) struct Commits {
    pub(super) pending: bool,
    /// The last one failed.
    pub(super) failed: bool,
    pub(super) last: Instant,
}

impl Lane {
    /// Runs until drained.
    ///
    /// # Errors
    /// The lane cannot go on: a fatal client state (start another one), a bug, or a drain that did not end in time.
    pub(super) fn run(mut self) -> Result<(), Fault> {
        let ended = self.rounds();
        let unsettled = self.passage.offsets.cut_due() || self.commits.pending;
        self.abort_at_the_end();
        let abandoned = self.give_up();
        self.passage.publish(Instant::now());
        self.lag.join();
        let Some(began) = self.drain.began() else { return ended };
        self.passage.events.drained(began.elapsed(), abandoned);
        if abandoned > 0 || unsettled { ended.and(Err(drain_cut_short(self.drain.timeout, abandoned))) } else { ended }
    }

    fn rounds(&mut self) -> Result<(), Fault> {
        loop {
            let now = Instant::now();
            self.pulse.beat();
            self.step_board()?;
            self.serve_control(now)?;
            self.serve_reports(Duration::ZERO, now)?;
            self.step_rebalance(now)?;
            self.step_halts(now);
            self.step_forward(now);
            self.step_commit(now);
            self.step_transaction(now)?;
            if self.step_drain(now) {
                return Ok(());
            }
            self.step_records(now)?;
            self.passage.publish(now);
        }
    }

    /// Takes up new routes, newer schemas and the topics to read, between two batches.
    fn step_board(&mut self) -> Result<(), Fault> {
        let epoch = self.board.epoch();
        if !self.may_join() || self.seen == Some(epoch) || self.inside_batch() || self.drain.began().is_some() {
            return Ok(());
        }
        let first = self.seen.replace(epoch).is_none();
        let shown = self.board.shown();
        let Passage { routes, producer, config, .. } = &mut self.passage;
        routes.iter_mut().for_each(Route::follow);
        for prepared in shown.routes.into_iter().skip(routes.len()) {
            routes.push(Route::new(prepared, producer, &config.refused)?);
        }
        self.waiting_topics = shown.waiting;
        if shown.subscribed != self.subscribed {
            self.subscribed = shown.subscribed;
            self.retire();
            match self.subscribed.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                // The last topic is gone; librdkafka takes no empty subscription.
                [] => self.consumer.unsubscribe(),
                topics => self.consumer.subscribe(topics)?,
            }
        }
        if first {
            self.passage.producer.introduce(INTRODUCTION);
        }
        Ok(())
    }

    /// Some of the batch's records have passed, or one that was re-encoded waits for room.
    fn inside_batch(&self) -> bool {
        self.cursor < self.consumer.batch_len() && (self.cursor > 0 || self.passage.waiting.is_some())
    }

    /// Forgets what topics needed that are read no more.
    fn retire(&mut self) {
        let Self { subscribed, passage, assignment, .. } = self;
        assignment.retire(subscribed);
        for (index, route) in passage.routes.iter_mut().enumerate() {
            let held = assignment.iter().any(|held| held.route == index);
            if !held && !subscribed.contains(&route.prepared.source_topic) {
                route.retire();
            }
        }
    }

    fn serve_control(&mut self, now: Instant) -> Result<(), Fault> {
        while let Some(event) = self.consumer.control() {
            match event {
                Event::Assign(partitions) => self.assignment.assigned(partitions),
                Event::Revoke { partitions, lost } => self.revoke(partitions, lost, now),
                Event::Committed { offsets, fault } => self.committed(&offsets, fault, now),
                Event::Trouble(fault) if fault.blame == Blame::Us || fault.reason == "fenced" => return Err(fault),
                Event::Trouble(fault) => self.passage.events.waiting(&fault, now),
            }
        }
        if let Some(fault) = self.passage.producer.trouble() {
            match &mut self.once {
                Some(once) if matches!(fault.reason, "producer_fatal" | "fenced") => once.state.broke(fault),
                None if fault.reason == "producer_fatal" => return Err(fault),
                _ => self.passage.events.waiting(&fault, now),
            }
        }
        Ok(())
    }

    /// Marks what was delivered, halts the partitions of what was not.
    fn serve_reports(&mut self, wait: Duration, now: Instant) -> Result<(), Fault> {
        let mut reports = std::mem::take(&mut self.reports);
        self.passage.producer.reports(&mut reports, wait);
        let wall_millis = if reports.is_empty() { 0 } else { wall_millis() };
        let mut ended = Ok(());
        for report in reports.drain(..) {
            if self.once.is_some() {
                self.reported(report, now);
                continue;
            }
            let marked = self.passage.offsets.mark(Ticket(report.ticket), report.fault.is_none());
            // None: its partition was let go, and it was counted then.
            let Some((slot, record)) = marked else { continue };
            let Some(mut fault) = report.fault else {
                self.passage.delivered(&record, wall_millis);
                continue;
            };
            if let Some(held) = self.assignment.by_slot(slot) {
                self.passage.undelivered(&held.partition, &record, &mut fault, now);
                self.passage.counts.abandoned(1);
            }
            match policy::undelivered(&fault) {
                Undelivered::Restart => ended = Err(*fault),
                Undelivered::Rewind => self.halt(slot, Halt::Resume),
                Undelivered::Stop => self.halt(slot, Halt::Stop { at: None, fault: *fault }),
            }
        }
        self.reports = reports;
        ended
    }

    /// Takes records on their way until the batch is done or the way is blocked.
    fn step_records(&mut self, now: Instant) -> Result<(), Fault> {
        if self.passage.over_budget() || !self.takes(now) {
            return self.serve_reports(Duration::from_millis(1), now);
        }
        if self.cursor >= self.consumer.batch_len() {
            if self.drain.began().is_some() {
                return self.serve_reports(Duration::from_millis(1), now);
            }
            let wait = self.wait(now);
            self.consumer.take(wait);
            self.cursor = 0;
            // Looked at again behind the wait: a record that was written after a schema was told to be in force is written
            // with it.
            self.step_board()?;
        }
        let began = Instant::now();
        let first = self.cursor;
        let blocked = self.pass_batch(began);
        let records = u32::try_from(self.cursor - first).unwrap_or(u32::MAX);
        self.passage.counts.converted(began.elapsed(), records);
        if blocked { self.serve_reports(Duration::from_millis(1), now) } else { Ok(()) }
    }

    /// How long the round may wait for a record.
    fn wait(&self, now: Instant) -> Duration {
        if self.assignment.is_empty() && now.duration_since(self.began) < JOIN_HASTE {
            self.consumer.hasten();
            return JOIN_WAIT;
        }
        let busy = self.passage.offsets.held_records() > 0 || self.commits.pending || self.assignment.rebalancing();
        if busy { BUSY_WAIT } else { IDLE_WAIT }
    }

    /// True: the producer's queue is full.
    fn pass_batch(&mut self, now: Instant) -> bool {
        while !self.passage.over_budget() && self.takes(now) {
            let Some(item) = self.consumer.item(self.cursor) else { return false };
            let record = match item {
                Item::Record(record) => record,
                Item::PartitionFault { partition, fault } => {
                    self.cursor += 1;
                    self.partition_fault(&partition, fault, now);
                    continue;
                }
            };
            let Some(held) = self.assignment.passes(&record) else {
                self.cursor += 1;
                continue;
            };
            let (place, offset) = (held.place(), record.offset());
            match self.passage.pass(place, &record, now) {
                Step::Next => {
                    if let Some(once) = &mut self.once {
                        once.state.passed(&held.partition, offset);
                    }
                    held.passed(offset);
                    self.cursor += 1;
                }
                Step::Full => return true,
                Step::Stop(fault) => {
                    self.cursor += 1;
                    self.halt(place.slot, Halt::Stop { at: Some(offset), fault });
                }
                Step::Flood(fault) => {
                    self.cursor += 1;
                    self.flood(place.route, fault);
                }
            }
        }
        false
    }

    fn step_forward(&mut self, now: Instant) {
        if now.duration_since(self.forwarded) >= FORWARD_AGAIN {
            self.forwarded = now;
            for held in self.assignment.iter() {
                self.consumer.forward(&held.partition);
            }
        }
    }

    /// Sends what may be committed, at the interval, or at once where a partition waits for it to be let go.
    fn step_commit(&mut self, now: Instant) {
        if self.once.is_some() || self.commits.pending || !self.passage.offsets.cut_due() {
            return;
        }
        let urgent = self.drain.began().is_some() || self.assignment.revoking();
        let interval = match (urgent, self.commits.failed) {
            (false, _) => self.passage.config.commit_interval,
            (true, true) => COMMIT_AGAIN,
            (true, false) => Duration::ZERO,
        };
        if now.duration_since(self.commits.last) < interval {
            return;
        }
        self.commits.last = now;
        let cuts = self.passage.offsets.cut();
        match self.consumer.commit(&cuts) {
            Ok(()) => self.commits.pending = true,
            Err(fault) => self.commit_failed(&fault, now),
        }
    }

    fn committed(&mut self, offsets: &[(TopicPartition, i64)], fault: Option<Fault>, now: Instant) {
        self.commits.pending = false;
        for (partition, offset) in offsets {
            self.lag.committed(partition, *offset);
        }
        match fault {
            None => {
                self.commits.failed = false;
                self.passage.events.committed();
            }
            Some(fault) => self.commit_failed(&fault, now),
        }
    }

    fn commit_failed(&mut self, fault: &Fault, now: Instant) {
        self.commits.failed = true;
        self.passage.offsets.uncut();
        self.passage.events.commit_failed(fault, now);
    }

    /// True: drained, or the deadline passed.
    fn step_drain(&mut self, now: Instant) -> bool {
        let offsets = &self.passage.offsets;
        let settled = offsets.in_flight_records() == 0 && !offsets.cut_due() && !self.commits.pending;
        match self.drain.step(self.shutdown.ordered(), settled, &self.assignment, now) {
            Move::ReadOn | Move::Wait => {}
            Move::Begin => {
                self.cursor = self.consumer.batch_len();
                self.passage.abandon_waiting();
            }
            Move::Leave => self.consumer.unsubscribe(),
            Move::End => return true,
        }
        false
    }

    /// What is still in flight at the end is read again by whoever comes next.
    fn give_up(&mut self) -> u64 {
        self.passage.abandon_waiting();
        if self.passage.offsets.held_records() > 0 {
            self.passage.producer.purge();
        }
        let abandoned = self.assignment.iter().map(|held| self.passage.offsets.release(held.slot)).sum();
        self.passage.counts.abandoned(abandoned);
        self.pulse.ended();
        abandoned
    }
}

fn drain_cut_short(timeout: Duration, abandoned: u64) -> Fault {
    let message = format!(
        "the drain did not end within drain.timeout_ms = {}: {abandoned} records were not acknowledged, or offsets not \
         committed; they are read again. Look at the sink's brokers, or raise drain.timeout_ms",
        timeout.as_millis()
    );
    Fault::lasting(Stage::Commit, Blame::Broker, "drain_deadline", message)
}

pub(super) fn wall_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
