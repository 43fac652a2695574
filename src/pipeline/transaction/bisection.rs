//! The search for the record that a broker refuses, by halves.
//!
//! A broker refuses a batch whole, so the guilty record is one of those that failed. After an abort partitions are read again
//! in another order among each other, and newer records of others come in between: a search by the number of records alone
//! would lose it. So the suspects are known by partition and offset, and only they are counted.
//!
//! Comes in: what was refused, what was read, what was committed. Goes out: whether the open transaction takes more. Must
//! never: take a record for the guilty one whose batch held another.

use crate::record::TopicPartition;
use std::collections::{BTreeMap, BTreeSet};

/// Records of which at least one is refused.
#[derive(Debug, Default)]
pub(super) struct Bisection {
    suspects: BTreeMap<TopicPartition, BTreeSet<i64>>,
    /// Suspects in the open transaction.
    read: usize,
}

impl Bisection {
    /// Whether the open transaction holds half of the suspects.
    pub(super) fn full(&self) -> bool {
        let suspects: usize = self.suspects.values().map(BTreeSet::len).sum();
        suspects > 0 && self.read >= (suspects / 2).max(1)
    }

    /// A record was added to the open transaction.
    pub(super) fn passed(&mut self, partition: &TopicPartition, offset: i64) {
        if self.suspects.get(partition).is_some_and(|suspects| suspects.contains(&offset)) {
            self.read += 1;
        }
    }

    /// Another transaction is open.
    pub(super) fn opened(&mut self) {
        self.read = 0;
    }

    /// All records of the batches that were refused. True: it is one record, and so to blame.
    pub(super) fn refused<'a>(&mut self, records: impl Iterator<Item = (&'a TopicPartition, i64)>) -> bool {
        // The guilty one is committed next, as a dead letter, before the search ends.
        self.suspects.clear();
        for (partition, offset) in records {
            self.suspects.entry(partition.clone()).or_default().insert(offset);
        }
        self.suspects.values().map(BTreeSet::len).sum::<usize>() == 1
    }

    /// The group's offsets now stand there: what lies before them went through.
    pub(super) fn settled(&mut self, committed: &[(TopicPartition, i64)]) {
        for (partition, next) in committed {
            if let Some(suspects) = self.suspects.get_mut(partition) {
                *suspects = suspects.split_off(next);
            }
        }
        self.suspects.retain(|_, suspects| !suspects.is_empty());
    }

    /// Another lane reads this partition now.
    pub(super) fn let_go(&mut self, partition: &TopicPartition) {
        self.suspects.remove(partition);
    }
}
