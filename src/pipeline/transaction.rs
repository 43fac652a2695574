//! When a transaction is cut, and what follows from how its calls end: the lane's state under exactly-once.
//!
//! ```text
//! Starting ─> Open ──cut──> Committing ──done──> Open          settled: records count as delivered
//!               │               │ rejected
//!               └──broken──> Aborting ──done──> Open           taken back: read again from the first record
//!                               │ unknown
//!                            Resolving ──done──> Asking ─> Open   a new producer; the group's offsets say what landed
//! ```
//! A commit's flush waits for what is in flight, so there is no state for that. A record that a broker refuses fails its
//! whole batch, and the broker need not say which one it was: the transaction is tried again with half of them, until a
//! batch that is refused held one alone (`bisection`).
//!
//! Comes in: what was read, reports, ends of calls, the time. Goes out: one command at a time. Must never: call a client,
//! read a clock.

mod bisection;

use super::passage::Condemned;
use crate::backoff::Backoff;
use crate::config::Cut;
use crate::fault::{Blame, Fault, Stage};
use crate::kafka::transaction::End;
use crate::record::TopicPartition;
use bisection::Bisection;
use std::time::{Duration, Instant};

/// After an abort that no record is to blame for. The first try comes soon: a rebalance is over in a moment.
const AGAIN: Backoff = Backoff { first: Duration::from_millis(20), most: Duration::from_secs(5) };
/// New producers in a row, without a commit between, before the lane starts anew as a whole.
const MOST_PRODUCERS: u32 = 3;

/// The state, and what it is decided by.
#[derive(Debug)]
pub(super) struct Transaction {
    cut: Cut,
    timeout: Duration,
    state: State,
    /// When the first record of the open transaction was read.
    opened: Option<Instant>,
    failures: Vec<Failure>,
    /// Why the open transaction cannot be committed, though no record failed.
    broken: Option<Fault>,
    bisection: Bisection,
    aborts: u32,
    producers: u32,
    /// No record passes before this.
    rests: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The transactional id is being taken over.
    Starting,
    Open,
    Committing,
    Aborting,
    Resolving,
    /// A new producer is ready; where to go on is asked next.
    Asking,
}

/// A record of the open transaction that a broker did not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) partition: TopicPartition,
    pub(super) offset: i64,
    pub(super) as_dead_letter: bool,
    pub(super) fault: Fault,
}

/// What the open transaction holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// Something is to be committed.
    pub(super) due: bool,
    /// Records read since the last commit.
    pub(super) records: u64,
    /// Bytes handed over and not reported.
    pub(super) bytes: usize,
}

/// What the lane does next.
#[derive(Debug, PartialEq)]
pub(super) enum Command {
    Commit,
    Abort,
    /// Make the call of the init again.
    Init,
    /// Go on with a new producer of the same id.
    Renew,
    /// The transaction was committed, so long after its first record.
    Settle(Duration),
    /// It was aborted: go back to its first record.
    GoBack(Aborted),
    /// Ask the group's offsets whether it was committed, and go on there; say `asked` when that is done.
    Ask,
    /// The lane cannot go on.
    Give(Fault),
}

/// An abort, and what is to be done about its cause.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Aborted {
    /// A word from a closed set.
    pub(super) reason: &'static str,
    /// The record that was found alone.
    pub(super) condemned: Option<Condemned>,
    /// Partitions that stop in front of their first record: someone has to act.
    pub(super) stopped: Vec<(TopicPartition, Fault)>,
}

impl Transaction {
    pub(super) fn new(cut: Cut, timeout: Duration) -> Self {
        Self {
            cut,
            timeout,
            state: State::Starting,
            opened: None,
            failures: Vec::new(),
            broken: None,
            bisection: Bisection::default(),
            aborts: 0,
            producers: 0,
            rests: None,
        }
    }

    /// Whether the group may be joined: what an earlier lane left open has been settled.
    pub(super) fn started(&self) -> bool {
        self.state != State::Starting
    }

    /// Whether the open transaction takes one more record.
    pub(super) fn takes(&self, held: Held, now: Instant) -> bool {
        self.state == State::Open
            && self.failures.is_empty()
            && self.broken.is_none()
            && self.rests.is_none_or(|until| until <= now)
            && !self.full(held)
    }

    /// Whether a call is under way or has to follow: nothing may be let go yet.
    pub(super) fn busy(&self) -> bool {
        self.state != State::Open || !self.failures.is_empty() || self.broken.is_some()
    }

    /// A broker did not take a record.
    pub(super) fn failed(&mut self, failure: Failure) {
        let before = matches!(self.state, State::Open | State::Committing);
        // The rest of a refused batch may be reported late, and is needed: one that is known alone is condemned.
        let of_record = |failure: &Failure| failure.fault.blame == Blame::Record;
        let late = self.state == State::Aborting && of_record(&failure) && self.failures.iter().any(of_record);
        if before || late {
            self.failures.push(failure);
        }
    }

    /// A record was added to the open transaction.
    pub(super) fn passed(&mut self, partition: &TopicPartition, offset: i64) {
        self.bisection.passed(partition, offset);
    }

    /// The group's offsets now stand there.
    pub(super) fn settled(&mut self, committed: &[(TopicPartition, i64)]) {
        self.bisection.settled(committed);
    }

    /// Another lane reads this partition now.
    pub(super) fn let_go(&mut self, partition: &TopicPartition) {
        self.bisection.let_go(partition);
    }

    /// The open transaction cannot be committed any more.
    pub(super) fn broke(&mut self, fault: Fault) {
        if self.state == State::Open {
            self.broken.get_or_insert(fault);
        }
    }

    /// What is due. `urgent`: partitions are to be given away, or the lane ends.
    pub(super) fn step(&mut self, held: Held, urgent: bool, now: Instant) -> Option<Command> {
        match self.state {
            State::Asking => Some(Command::Ask),
            State::Open if !self.failures.is_empty() || self.broken.is_some() => {
                self.to(State::Aborting, Command::Abort)
            }
            State::Open if !held.due => {
                self.opened = None;
                None
            }
            State::Open => {
                let opened = *self.opened.get_or_insert(now);
                let cut = urgent || now.duration_since(opened) >= self.cut.age || self.full(held);
                if cut { self.to(State::Committing, Command::Commit) } else { None }
            }
            State::Starting | State::Committing | State::Aborting | State::Resolving => None,
        }
    }

    /// A call ended.
    pub(super) fn ended(&mut self, end: End, now: Instant) -> Option<Command> {
        match (self.state, end) {
            (_, End::Refused(fault)) => Some(Command::Give(fault)),
            (State::Starting | State::Resolving, End::Again(_)) => Some(Command::Init),
            (_, End::Fenced(fault)) if !self.slow(now) => Some(Command::Give(fenced(&fault))),
            (_, End::Again(fault) | End::Unknown(fault) | End::Fenced(fault)) => self.renew(fault),
            (State::Starting, End::Done) => {
                self.state = State::Open;
                None
            }
            (State::Committing, End::Done) => {
                let age = self.opened.map_or(Duration::ZERO, |opened| now.duration_since(opened));
                (self.aborts, self.producers) = (0, 0);
                self.open();
                Some(Command::Settle(age))
            }
            (State::Committing, End::Rejected(fault)) => {
                self.broken.get_or_insert(fault);
                self.to(State::Aborting, Command::Abort)
            }
            (State::Aborting, End::Done) => Some(Command::GoBack(self.judge(now))),
            (State::Resolving, End::Done) => self.to(State::Asking, Command::Ask),
            (State::Starting | State::Aborting | State::Resolving, End::Rejected(fault)) => self.renew(fault),
            // No call is under way.
            (State::Open | State::Asking, End::Done | End::Rejected(_)) => None,
        }
    }

    /// The lane goes on where the group's offsets say.
    pub(super) fn asked(&mut self) {
        self.open();
    }

    /// A broker aborts by itself only what is older than the timeout: a producer that was fenced earlier has a rival.
    fn slow(&self, now: Instant) -> bool {
        self.opened.is_some_and(|opened| now.duration_since(opened) >= self.timeout)
    }

    fn full(&self, held: Held) -> bool {
        held.records >= self.cut.records || self.bisection.full() || held.bytes >= self.cut.bytes
    }

    fn renew(&mut self, fault: Fault) -> Option<Command> {
        self.producers += 1;
        if self.producers > MOST_PRODUCERS {
            // Worth another lane.
            let again = Fault { reason: "producer_fatal", ..fault };
            return Some(Command::Give(again));
        }
        self.to(if self.state == State::Starting { State::Starting } else { State::Resolving }, Command::Renew)
    }

    /// The transaction was aborted: which record, partition or moment is to blame?
    fn judge(&mut self, now: Instant) -> Aborted {
        let failures = std::mem::take(&mut self.failures);
        let broken = self.broken.take();
        self.open();
        let refused = || failures.iter().filter(|failure| failure.fault.blame == Blame::Record);
        if let Some(poison) = refused().next() {
            let alone = self.bisection.refused(refused().map(|failure| (&failure.partition, failure.offset)));
            let condemned = alone.then(|| Condemned {
                partition: poison.partition.clone(),
                offset: poison.offset,
                fault: poison.fault.clone(),
                as_dead_letter: poison.as_dead_letter,
            });
            return Aborted { reason: "record_refused", condemned, stopped: Vec::new() };
        }
        let mut stopped: Vec<(TopicPartition, Fault)> = Vec::new();
        for Failure { partition, fault, .. } in failures.iter().filter(|failure| !failure.fault.retry) {
            if fault.blame == Blame::Config && !stopped.iter().any(|(known, _)| known == partition) {
                stopped.push((partition.clone(), fault.clone()));
            }
        }
        self.rests = Some(now + AGAIN.wait(self.aborts));
        self.aborts = self.aborts.saturating_add(1);
        let reason = match (&broken, failures.is_empty()) {
            (Some(fault), _) if matches!(fault.reason, "lost" | "revoked") => fault.reason,
            (_, false) => "not_delivered",
            _ => "not_committed",
        };
        Aborted { reason, condemned: None, stopped }
    }

    fn open(&mut self) {
        (self.state, self.opened, self.rests) = (State::Open, None, None);
        self.failures.clear();
        self.broken = None;
        self.bisection.opened();
    }

    fn to(&mut self, state: State, command: Command) -> Option<Command> {
        self.state = state;
        Some(command)
    }
}

fn fenced(fault: &Fault) -> Fault {
    let message = format!(
        "{}: another process took over this transactional id, and it was no slowness of ours: no transaction was older than \
         transaction.timeout_ms. Give each process its own transaction.instance",
        fault.message
    );
    Fault::lasting(Stage::Commit, Blame::Config, "fenced", message)
}

#[cfg(test)]
mod tests;
