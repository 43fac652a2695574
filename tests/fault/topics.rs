//! What a case does to its topics: more partitions, records taken away, compaction; and how far they and the group are.
//!
//! Comes in: a scene. Goes out: topics changed, and the scene that knows of it. Must never: take a record away that the
//! checker has not seen.

use super::feeder::PARTITIONS;
use super::scene::{APPENDED, PATIENCE, Scene};
use super::watcher::Watcher;
use crate::services::wait_for;
use std::thread;
use std::time::Duration;

impl Scene {
    /// Gives sink and then source more partitions, which are fed and watched from then on.
    pub(crate) fn grow(&self, partitions: i32) {
        let direct = self.turn.direct();
        let before = self.feeder.partitions();
        for topic in [&self.sink, &self.source] {
            direct.create_partitions(topic, usize::try_from(partitions).unwrap());
            self.turn.in_sync(&[topic]);
        }
        self.watcher.grow(before..partitions);
        self.feeder.grow(partitions);
    }

    /// Takes so many records of each partition away that the group has not read, while no sidecar runs.
    pub(crate) fn take_unread(&mut self, records: i64) {
        let direct = self.turn.direct();
        let committed = direct.committed(&self.group, &self.source);
        let most = committed.iter().fold(0, |most, next| *next.max(&most));
        self.wait("unread records", || self.feeder.next() > most + records + 100);
        self.gone = direct.read_topic(&self.source).concat();
        for (partition, from) in (0..).zip(committed) {
            direct.delete_records(&self.source, partition, from + records);
            self.skipped.push((partition, from..from + records));
        }
    }

    /// Waits until each partition of the source was compacted, and ends that: how many offsets are gone in front of the
    /// first record of each, together.
    pub(crate) fn await_compaction(&self) -> i64 {
        let direct = self.turn.direct();
        let firsts = || {
            direct.read_topic(&self.source).iter().map(|records| records.first().map_or(0, |it| it.offset)).collect()
        };
        self.wait("compaction", || {
            let firsts: Vec<i64> = firsts();
            firsts.iter().all(|first| *first > 0)
        });
        direct.set(&self.source, &[("retention.ms", "-1")]);
        let mut last: Vec<i64> = Vec::new();
        // One that is under way comes to its end.
        wait_for("compaction to end", PATIENCE, || {
            thread::sleep(Duration::from_secs(1));
            let now = firsts();
            let same = now == last;
            last = now;
            same.then(|| last.iter().sum())
        })
    }

    /// Deletes the sink with all that is in it. What the watcher saw of it counts as come out.
    pub(crate) fn delete_sink(&mut self) {
        self.earlier = self.watcher.stop();
        self.turn.direct().delete_topic(&self.sink);
    }

    /// Makes the sink anew. What was committed by then is not written again.
    pub(crate) fn recreate_sink(&mut self, partitions: i32) {
        let direct = self.turn.direct();
        self.reclaimed = direct.committed(&self.group, &self.source);
        direct.create_topic(&self.sink, partitions, &APPENDED);
        self.turn.in_sync(&[&self.sink]);
        if partitions == PARTITIONS {
            self.watcher = Watcher::start(direct, &self.sink, partitions);
        }
    }

    /// The source's end offsets, added up.
    pub(crate) fn end(&self) -> u64 {
        self.turn.direct().end_offsets(&self.source).iter().sum::<i64>().unsigned_abs()
    }

    /// The group's offsets, added up.
    pub(crate) fn committed(&self) -> u64 {
        self.turn.direct().committed(&self.group, &self.source).iter().sum::<i64>().unsigned_abs()
    }

    /// Whether the sink is there.
    pub(crate) fn has_sink(&self) -> bool {
        self.turn.has_topic(&self.sink)
    }
}
