//! The lane's transactions, without what `transaction` decides about them: that has a model of its own.

use super::super::cluster::End;
use super::{Lane, Transaction, fault};
use crate::fault::Fault;
use crate::record::TopicPartition;

impl Lane {
    pub(super) fn takes(&mut self) -> bool {
        !self.once || self.transaction == Transaction::Open && !self.broken && !self.fails(16)
    }

    pub(super) fn begin_transaction(&mut self) {
        (self.transaction, self.broken, self.commit) = (Transaction::Open, false, None);
        self.held.clear();
    }

    /// A call ends now and then, well or not.
    pub(super) fn step_transaction(&mut self) {
        let transaction = self.transaction;
        match transaction {
            Transaction::Open if self.broken => self.transaction = Transaction::Aborting,
            Transaction::Open => self.cut(),
            _ if self.fails(2) => {}
            Transaction::Committing => self.committed(),
            Transaction::Aborting if self.fails(8) => self.transaction = Transaction::Asking,
            Transaction::Aborting if self.fails(8) => self.stop_some(),
            Transaction::Aborting => self.go_back(&[], &[]),
            Transaction::Asking => self.ask(),
        }
    }

    fn cut(&mut self) {
        let urgent = self.urgent();
        if !self.offsets.cut_due() || !urgent && self.random.u8(..4) > 0 {
            return;
        }
        let stale = self.held.iter().find(|(p, epoch, _)| self.cluster.partitions[*p].known_epoch() != Some(*epoch));
        assert_eq!(stale, None, "a transaction is committed that holds records of a partition that was let go");
        let behind = self.offsets.behind();
        self.commit = Some(behind.iter().map(|(name, offset)| self.committed_by(name, *offset, true)).collect());
        self.transaction = Transaction::Committing;
    }

    /// The flush waits for reports; the brokers take the offsets of a member that still is one.
    fn committed(&mut self) {
        if !self.broken && self.ends(End::InFlight) > 0 && self.ends(End::Failed) == 0 {
            return;
        }
        if !self.may_land() || self.fails(8) {
            self.transaction = Transaction::Aborting;
        } else if self.fails(8) {
            if self.random.bool() {
                self.land();
            }
            self.transaction = Transaction::Asking;
        } else {
            self.land();
            self.settle();
        }
    }

    /// How many records of the transaction had this end, those left out of it whose partitions went.
    fn ends(&self, wanted: End) -> usize {
        let partition = |p: usize| &self.cluster.partitions[p];
        let holds = |(p, epoch, entry): &&(usize, u32, usize)| {
            partition(*p).epoch == *epoch && partition(*p).passed.contains(&(*entry, wanted))
        };
        self.held.iter().filter(holds).count()
    }

    /// All of the open transaction was delivered, and is to be committed for partitions that nobody else has.
    pub(super) fn may_land(&self) -> bool {
        let current = |(p, epoch, _): &(usize, u32, i64)| self.cluster.partitions[*p].epoch == *epoch;
        self.transaction == Transaction::Committing
            && !self.broken
            && self.ends(End::Delivered) == self.held.len()
            && self.commit.iter().flatten().all(current)
    }

    /// The transaction is committed, whoever knows of it.
    pub(super) fn land(&mut self) {
        self.commit_lands();
        for partition in &mut self.cluster.partitions {
            for (entry, _) in partition.passed.iter().filter(|(_, end)| *end == End::LeftOut) {
                partition.log[*entry].ended = true;
            }
        }
        for (p, _, entry) in self.held.drain(..) {
            let entry = &mut self.cluster.partitions[p].log[entry];
            assert!(!entry.ended, "{} is committed twice", entry.offset);
            entry.ended = true;
        }
    }

    /// The lane knows it.
    fn settle(&mut self) {
        self.seen.committed += 1;
        self.offsets.committed(|_| ());
        self.cluster.partitions.iter_mut().for_each(|partition| partition.passed.clear());
        self.begin_transaction();
    }

    /// The group's offsets say whether the transaction was committed.
    fn ask(&mut self) {
        let partition = |name: &TopicPartition| &self.cluster.partitions[self.number(name)];
        let committed: Vec<(TopicPartition, Option<i64>)> =
            self.assignment.iter().map(|held| (held.partition.clone(), partition(&held.partition).committed)).collect();
        let behind = self.offsets.behind();
        let reached = |(name, offset): &(TopicPartition, i64)| {
            committed.iter().any(|(known, at)| known == name && at.is_some_and(|at| at >= *offset))
        };
        if !behind.is_empty() && behind.iter().all(reached) {
            self.settle();
        } else {
            self.go_back(&committed, &[]);
        }
    }

    /// The abort has a cause that only a person mends.
    fn stop_some(&mut self) {
        let p = self.random.usize(..self.cluster.partitions.len());
        let partition = &mut self.cluster.partitions[p];
        partition.may_stop = true;
        let stopped = (partition.name.clone(), fault("not_authorized"));
        self.go_back(&[], &[stopped]);
    }

    fn go_back(&mut self, asked: &[(TopicPartition, Option<i64>)], stopped: &[(TopicPartition, Fault)]) {
        self.seen.aborted += 1;
        self.leave_batch();
        let (_, resumed) = self.assignment.go_back(asked, stopped, &mut self.offsets);
        for name in resumed {
            let p = self.number(&name);
            self.cluster.partitions[p].fetch.as_mut().unwrap().paused = false;
        }
        for partition in &mut self.cluster.partitions {
            let known = asked.iter().find(|(name, _)| *name == partition.name).and_then(|(_, at)| *at);
            let first = partition.passed.first().map(|(entry, _)| *entry);
            let known = known.map(|offset| partition.index(offset));
            partition.next = known.or(first).unwrap_or(partition.next);
            partition.passed.clear();
        }
        self.begin_transaction();
    }
}
