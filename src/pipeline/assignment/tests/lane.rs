//! A lane that does as it is told, round by round as the real one does; clients, brokers and time are dice.
//!
//! What must hold is asserted where it happens; `tests` says what all of it proves.

use super::super::{Answer, Assignment, Halt};
use super::Seen;
use super::cluster::{Cluster, End, Event, Item, Owner};
use crate::config::OutOfRange;
use crate::fault::{Blame, Fault, Stage};
use crate::pipeline::drain::{Drain, Move};
use crate::pipeline::offsets::{self, Offsets, SlotIndex, Ticket};
use crate::record::TopicPartition;
use fastrand::Rng;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A revocation is answered by then, and a drain ends.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

pub(super) struct Lane {
    pub(super) random: Rng,
    pub(super) cluster: Cluster,
    pub(super) assignment: Assignment,
    pub(super) offsets: Offsets,
    pub(super) now: Instant,
    /// Nothing fails any more.
    pub(super) calm: bool,
    pub(super) seen: Seen,
    /// In transactions.
    once: bool,
    /// What is left of the batch.
    batch: VecDeque<Item>,
    /// The record in hand: it was re-encoded, and the producer's queue was full.
    waiting: Option<(SlotIndex, usize, usize)>,
    in_flight: Vec<Sent>,
    /// The commit under way: partition, epoch, offset.
    commit: Option<Vec<(usize, u32, i64)>>,
    transaction: Transaction,
    /// What the open transaction holds, but for what was left out: partition, epoch, entry.
    held: Vec<(usize, u32, usize)>,
    /// The transaction takes no more records, and will be aborted.
    broken: bool,
    pub(super) flooded: [Option<Fault>; 2],
    drain: Drain,
    /// The order to drain was given.
    pub(super) ordered: bool,
    /// The drain is over.
    pub(super) ended: bool,
}

struct Sent {
    ticket: Ticket,
    partition: usize,
    entry: usize,
    purged: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Transaction {
    Open,
    Committing,
    Aborting,
    Asking,
}

fn fault(reason: &'static str) -> Fault {
    Fault::lasting(Stage::Consume, Blame::Broker, reason, "")
}

impl Lane {
    pub(super) fn new(mut random: Rng, once: bool, now: Instant) -> Self {
        let cluster = Cluster::new(&mut random);
        let drain = Drain::new(DEADLINE, random.u8(..4) == 0);
        Self {
            random,
            cluster,
            assignment: Assignment::default(),
            offsets: books(once),
            now,
            calm: false,
            seen: Seen::default(),
            once,
            batch: VecDeque::new(),
            waiting: None,
            in_flight: Vec::new(),
            commit: None,
            transaction: Transaction::Open,
            held: Vec::new(),
            broken: false,
            flooded: [None, None],
            drain,
            ordered: false,
            ended: false,
        }
    }

    /// Once in `n` times, while things fail.
    fn fails(&mut self, n: u8) -> bool {
        !self.calm && self.random.u8(..n) == 0
    }

    pub(super) fn round(&mut self) {
        self.serve_control();
        self.serve_reports();
        self.step_rebalance();
        self.step_halts();
        if self.once {
            self.step_transaction()
        } else {
            self.step_commit()
        }
        self.step_drain();
        self.step_records();
        assert_eq!(offsets::tests::in_hand(&self.offsets), self.assignment.len(), "slots of partitions in hand");
    }

    /// It dies. What it sent may arrive.
    pub(super) fn crash(&mut self) {
        self.seen.crashes += 1;
        match (self.random.bool(), self.once) {
            (true, false) => drop(self.commit_lands()),
            (true, true) if self.may_land() => self.land(),
            _ => {}
        }
        self.cluster.crash();
        (self.assignment, self.offsets) = (Assignment::default(), books(self.once));
        self.batch.clear();
        self.in_flight.clear();
        (self.waiting, self.commit, self.flooded) = (None, None, [None, None]);
        self.begin_transaction();
    }

    /// A topic is read no more, and about to be taken by the group.
    pub(super) fn retire(&mut self) {
        self.assignment.retire(&["a".to_owned()]);
        self.cluster.partitions.iter_mut().for_each(|partition| partition.retired |= partition.topic == 1);
    }

    fn names(&self, partitions: &[usize]) -> Vec<TopicPartition> {
        partitions.iter().map(|p| self.cluster.partitions[*p].name.clone()).collect()
    }

    fn number(&self, name: &TopicPartition) -> usize {
        self.cluster.partitions.iter().position(|partition| partition.name == *name).unwrap()
    }

    fn serve_control(&mut self) {
        while let Some(event) = self.cluster.events.pop_front() {
            let told = match event {
                Event::Assign(given) => {
                    self.assignment.assigned(self.names(&given));
                    Event::Assign(given)
                }
                Event::Revoke(taken, lost, _) => {
                    taken.iter().for_each(|p| self.cluster.partitions[*p].owner = Owner::Leaving);
                    self.assignment.revoked(self.names(&taken), lost, self.now);
                    self.drop_waiting();
                    Event::Revoke(taken, lost, Some(self.now + DEADLINE))
                }
            };
            self.cluster.asked.push_back(told);
        }
        if !self.once && self.commit.is_some() && !self.fails(2) {
            let lands = !self.fails(8);
            // A refused commit, or one whose answer was lost.
            let all = if lands || self.random.bool() { self.commit_lands() } else { false };
            self.commit = None;
            if !(lands && all) {
                self.offsets.uncut();
            }
        }
    }

    /// The group takes the offsets of partitions that it did not give away since. True: of all.
    fn commit_lands(&mut self) -> bool {
        let mut all = true;
        for (p, epoch, offset) in self.commit.iter().flatten() {
            let partition = &mut self.cluster.partitions[*p];
            if partition.epoch == *epoch {
                assert!(partition.committed.is_none_or(|before| before <= *offset), "{} goes back", partition.name);
                partition.committed = Some(*offset);
            } else {
                all = false;
            }
        }
        all
    }

    fn serve_reports(&mut self) {
        let most = if self.calm { usize::MAX } else { self.random.usize(..4) };
        for _ in 0..most.min(self.in_flight.len()) {
            let place = self.random.usize(..self.in_flight.len());
            let sent = self.in_flight.swap_remove(place);
            let fails = sent.purged || self.fails(24);
            let Some((slot, record)) = self.offsets.mark(sent.ticket, !fails) else { continue };
            let partition = &mut self.cluster.partitions[sent.partition];
            assert_eq!(self.assignment.by_slot(slot).map(|held| &held.partition), Some(&partition.name));
            assert_eq!(record.offset, partition.log[sent.entry].offset);
            let mut passed = partition.passed.iter_mut();
            let passed = passed.find(|(entry, end)| *entry == sent.entry && *end == End::InFlight).unwrap();
            passed.1 = if fails { End::Failed } else { End::Delivered };
            match (fails, self.once) {
                (false, true) => {}
                (false, false) => partition.log[sent.entry].ended = true,
                (true, true) => self.broken |= !sent.purged,
                (true, false) if sent.purged || self.random.bool() => self.halt(slot, Halt::Resume),
                (true, false) => self.stop(sent.partition, slot, None),
            }
        }
    }

    fn halt(&mut self, slot: SlotIndex, halt: Halt) {
        self.assignment.halt(slot, halt);
        self.drop_waiting();
    }

    fn stop(&mut self, p: usize, slot: SlotIndex, at: Option<i64>) {
        self.cluster.partitions[p].may_stop = true;
        self.halt(slot, Halt::Stop { at, fault: fault("stop") });
    }

    fn drop_waiting(&mut self) {
        if self.waiting.is_some_and(|(slot, ..)| !self.assignment.reads(slot)) {
            self.waiting = None;
        }
    }

    fn leave_batch(&mut self) {
        while let Some(item) = self.batch.pop_front() {
            match item {
                Item::Record(p, entry) => self.assignment.leave(&self.cluster.partitions[p].at(entry)),
                Item::OutOfRange(p) | Item::Denied(p) => self.partition_fault(p, item),
            }
        }
        self.waiting = None;
    }

    fn partition_fault(&mut self, p: usize, item: Item) {
        let Some(slot) = self.assignment.get(&self.cluster.partitions[p].name).map(|held| held.slot) else { return };
        let to = self.cluster.out_of_range;
        match item {
            Item::OutOfRange(_) if to != OutOfRange::Stop => self.halt(slot, Halt::Reset { to }),
            _ => self.stop(p, slot, None),
        }
    }

    /// A commit is under way, or has to be.
    fn committing(&self) -> bool {
        self.commit.is_some() || self.transaction != Transaction::Open || self.broken
    }

    fn step_rebalance(&mut self) {
        let busy = !self.batch.is_empty() || self.committing();
        let overdue = match self.cluster.asked.front() {
            Some(Event::Revoke(_, lost, deadline)) => *lost || deadline.is_some_and(|deadline| self.now >= deadline),
            _ => false,
        };
        match self.assignment.due(&self.offsets, busy, self.now) {
            None => assert!(!overdue, "a revocation is not answered by its deadline"),
            Some(Answer::Take(_)) if self.fails(3) => self.assignment.ask_again(self.now),
            Some(Answer::Take(names)) => self.take(&names),
            Some(Answer::LetGo { partitions, lost }) => self.let_go(&partitions, lost, overdue),
        }
    }

    fn take(&mut self, names: &[TopicPartition]) {
        let Some(Event::Assign(given)) = self.cluster.asked.pop_front() else { panic!("nothing was given") };
        assert_eq!(names, self.names(&given));
        let begins: Vec<_> = given.iter().map(|p| self.cluster.begin(*p)).collect();
        let flooded = &self.flooded;
        let route = |topic: &str| {
            let route = usize::from(topic == "b");
            Some((route, flooded[route].as_ref()))
        };
        self.assignment.take(&begins, route, &mut self.offsets).unwrap();
    }

    fn let_go(&mut self, names: &[TopicPartition], lost: bool, overdue: bool) {
        let Some(Event::Revoke(taken, was_lost, _)) = self.cluster.asked.pop_front() else {
            panic!("nothing is taken")
        };
        assert_eq!((names, lost), (self.names(&taken).as_slice(), was_lost));
        self.seen.lost += u64::from(lost);
        self.seen.overdue += u64::from(overdue && !lost);
        for partition in taken.iter().map(|p| &self.cluster.partitions[*p]).filter(|_| !overdue) {
            assert!(!partition.in_flight(), "{} goes with records in flight", partition.name);
            let ended = partition.passed.iter().take_while(|(_, end)| end.over()).last();
            let committed = ended.is_none_or(|(entry, _)| partition.committed > Some(partition.log[*entry].offset));
            assert!(committed, "{} goes before what ended is committed", partition.name);
        }
        self.leave_batch();
        if self.assignment.let_go(names, &mut self.offsets) > 0 {
            self.in_flight.iter_mut().for_each(|sent| sent.purged = true);
            self.broken |= self.once && self.transaction == Transaction::Open;
        }
        taken.iter().for_each(|p| self.cluster.partitions[*p].goes());
    }

    fn step_commit(&mut self) {
        let urgent = self.urgent();
        if self.commit.is_some() || !self.offsets.cut_due() || !urgent && self.random.u8(..3) > 0 {
            return;
        }
        let cuts = self.offsets.cut();
        let sent = cuts.iter().map(|(name, offset)| self.committed_by(name, *offset, false)).collect();
        self.commit = Some(sent);
    }

    /// Checks an offset that is sent to be committed.
    fn committed_by(&self, name: &TopicPartition, offset: i64, held: bool) -> (usize, u32, i64) {
        let p = self.number(name);
        let partition = &self.cluster.partitions[p];
        assert!(!(partition.lost && partition.owner == Owner::Leaving), "{name} is committed that was lost");
        let passed = |at: usize| held && partition.passed.iter().any(|(entry, _)| *entry == at);
        for (at, entry) in partition.log[..partition.index(offset)].iter().enumerate() {
            assert!(entry.ended || entry.gone || passed(at), "{name} is committed past {}", entry.offset);
        }
        (p, partition.known_epoch().unwrap(), offset)
    }

    pub(super) fn urgent(&self) -> bool {
        self.calm || self.drain.began().is_some() || self.assignment.revoking()
    }

    fn step_drain(&mut self) {
        let settled = self.offsets.in_flight_records() == 0 && !self.offsets.cut_due() && !self.committing();
        match self.drain.step(self.ordered, settled, &self.assignment, self.now) {
            Move::ReadOn | Move::Wait => {}
            Move::Begin => {
                self.batch.clear();
                self.waiting = None;
            }
            Move::Leave => self.cluster.leave(),
            Move::End => self.ended = true,
        }
    }
}

fn books(once: bool) -> Offsets {
    if once { Offsets::in_transactions() } else { Offsets::default() }
}

mod halts;
mod once;
mod records;
