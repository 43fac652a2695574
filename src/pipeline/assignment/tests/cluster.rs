//! What the lane cannot see: the logs, the group, where fetching stands, how each record ended, and what may pass next.

use super::super::Located;
use crate::config::OutOfRange;
use crate::kafka::consumer::Position;
use crate::pipeline::start::Begin;
use crate::record::TopicPartition;
use fastrand::Rng;
use std::collections::VecDeque;
use std::time::Instant;

/// Two partitions of topic 0, one of topic 1.
const TOPICS: [(&str, usize, i32); 3] = [("a", 0, 0), ("a", 0, 1), ("b", 1, 0)];

/// The cluster and the group, as a librdkafka consumer meets them.
pub(super) struct Cluster {
    pub(super) partitions: Vec<Partition>,
    /// The group's protocol: whole assignments only.
    pub(super) eager: bool,
    /// A first start begins at the end.
    pub(super) latest: bool,
    pub(super) out_of_range: OutOfRange,
    left: bool,
    /// What the group wants and the lane was not told yet.
    pub(super) events: VecDeque<Event>,
    /// What it was told and did not answer, oldest first.
    pub(super) asked: VecDeque<Event>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    Assign(Vec<usize>),
    /// Whether they are lost; by when it is to be answered, once it was told.
    Revoke(Vec<usize>, bool, Option<Instant>),
}

/// One partition.
pub(super) struct Partition {
    pub(super) name: TopicPartition,
    pub(super) topic: usize,
    pub(super) log: Vec<Entry>,
    /// The first entry that the log still has.
    pub(super) low: usize,
    pub(super) committed: Option<i64>,
    pub(super) owner: Owner,
    pub(super) lost: bool,
    /// Grows when it goes.
    pub(super) epoch: u32,
    /// None: it is not assigned.
    pub(super) fetch: Option<Fetch>,
    /// The entry that must pass next.
    pub(super) next: usize,
    /// What has passed since it was taken in hand, taken back or, in transactions, committed.
    pub(super) passed: Vec<(usize, End)>,
    /// The first entry that never passed.
    pub(super) high: usize,
    /// Something came that stops it.
    pub(super) may_stop: bool,
    /// Where it stopped was forgotten.
    pub(super) retired: bool,
    pub(super) access: Access,
}

/// A record of a log.
pub(super) struct Entry {
    /// Compaction and transactions leave gaps.
    pub(super) offset: i64,
    /// A policy stops in front of it.
    pub(super) bad: bool,
    /// Delivered or left out, in transactions committed.
    pub(super) ended: bool,
    /// Skipped with a word about it, or before where reading began.
    pub(super) gone: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum End {
    InFlight,
    Delivered,
    LeftOut,
    Failed,
}

impl End {
    pub(super) fn over(self) -> bool {
        matches!(self, Self::Delivered | Self::LeftOut)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Owner {
    Nobody,
    Lane,
    /// The lane was told to give it away.
    Leaving,
}

/// May it be read? A refusal is told once, and again after a seek.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Access {
    Granted,
    Denied,
    Told,
}

/// Where fetching stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fetch {
    pub(super) at: usize,
    pub(super) paused: bool,
    /// The offset was out of range: only an assignment begins it again.
    pub(super) over: bool,
}

/// What a batch holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item {
    Record(usize, usize),
    OutOfRange(usize),
    Denied(usize),
}

/// A record's place.
pub(super) struct At {
    topic: usize,
    partition: i32,
    pub(super) offset: i64,
}

impl Located for At {
    fn topic_token(&self) -> usize {
        self.topic
    }

    fn topic(&self) -> &str {
        ["a", "b"][self.topic]
    }

    fn partition(&self) -> i32 {
        self.partition
    }

    fn offset(&self) -> i64 {
        self.offset
    }
}

impl Cluster {
    pub(super) fn new(random: &mut Rng) -> Self {
        let mut partitions: Vec<Partition> = TOPICS.iter().map(|place| Partition::new(*place)).collect();
        for partition in &mut partitions {
            (0..random.u8(..8)).for_each(|_| partition.write(random));
        }
        let out_of_range = [OutOfRange::Earliest, OutOfRange::Latest, OutOfRange::Stop][random.usize(..3)];
        let (eager, latest) = (random.u8(..3) == 0, random.u8(..4) == 0);
        Self { partitions, eager, latest, out_of_range, left: false, events: VecDeque::new(), asked: VecDeque::new() }
    }

    /// One thing that happens without the lane.
    pub(super) fn happens(&mut self, random: &mut Rng) {
        let any = random.usize(..self.partitions.len());
        let partition = &mut self.partitions[any];
        match random.u8(..64) {
            0..16 => self.give(random, false),
            16..22 => self.take(random, false),
            22..24 => self.take(random, true),
            24..34 => partition.write(random),
            34..36 => partition.low = (partition.low + random.usize(..3)).min(partition.log.len()),
            36 if partition.access == Access::Granted => partition.access = Access::Denied,
            37..40 if partition.owner == Owner::Nobody || partition.lost => partition.read_elsewhere(random),
            _ => {}
        }
    }

    /// The group gives some of what nobody has, or all. librdkafka asks one thing at a time.
    pub(super) fn give(&mut self, random: &mut Rng, all: bool) {
        if self.left || !self.quiet() {
            return;
        }
        let free = |p: &usize| self.partitions[*p].owner == Owner::Nobody;
        let (free, had): (Vec<usize>, Vec<usize>) = (0..self.partitions.len()).partition(free);
        if self.eager && !had.is_empty() {
            // Nothing is added to an assignment: all of it is taken first.
            if all && !free.is_empty() {
                self.take(random, false);
            }
            return;
        }
        let given: Vec<usize> = free.into_iter().filter(|_| all || random.bool()).collect();
        // An empty assignment is one, too.
        if all && given.is_empty() {
            return;
        }
        given.iter().for_each(|p| self.partitions[*p].owner = Owner::Lane);
        self.events.push_back(Event::Assign(given));
    }

    /// The lane leaves: librdkafka takes all that it has.
    pub(super) fn leave(&mut self) {
        assert!(self.quiet(), "it leaves before it has answered");
        self.left = true;
        let ours = |p: &usize| self.partitions[*p].owner == Owner::Lane;
        let ours: Vec<usize> = (0..self.partitions.len()).filter(ours).collect();
        if !ours.is_empty() {
            self.events.push_back(Event::Revoke(ours, false, None));
        }
    }

    /// The group takes some of what the lane has, perhaps while it still asks where those begin that it was given.
    pub(super) fn take(&mut self, random: &mut Rng, lost: bool) {
        let revokes = |event: &Event| matches!(event, Event::Revoke(..));
        if self.left || lost && !self.quiet() || self.events.iter().chain(&self.asked).any(revokes) {
            return;
        }
        let all = 0..self.partitions.len();
        let ours = all.filter(|p| self.partitions[*p].owner == Owner::Lane);
        let taken: Vec<usize> = ours.filter(|_| lost || self.eager || random.bool()).collect();
        if taken.is_empty() {
            return;
        }
        for p in taken.iter().filter(|_| lost) {
            self.partitions[*p].lost = true;
            self.partitions[*p].epoch += 1;
        }
        self.events.push_back(Event::Revoke(taken, lost, None));
    }

    fn quiet(&self) -> bool {
        self.events.is_empty() && self.asked.is_empty()
    }

    /// Where a partition begins, which is taken in hand.
    pub(super) fn begin(&mut self, p: usize) -> Begin {
        let latest = self.latest;
        let partition = &mut self.partitions[p];
        let begins = latest.then(|| partition.end()).filter(|_| partition.committed.is_none());
        let offset = partition.committed.or(begins);
        partition.begins(offset);
        let position = Position { partition: partition.name.clone(), offset };
        Begin { position, commit: begins.is_some() }
    }

    /// Takes up to `most` records, those of a partition in order; what keeps one from being read, once.
    pub(super) fn fetch(&mut self, random: &mut Rng, most: usize) -> VecDeque<Item> {
        let mut batch = VecDeque::new();
        for _ in 0..most {
            let p = random.usize(..self.partitions.len());
            let partition = &mut self.partitions[p];
            let Some(fetch) = partition.fetch.as_mut().filter(|fetch| !fetch.paused && !fetch.over) else { continue };
            match partition.access {
                Access::Denied => {
                    partition.access = Access::Told;
                    batch.push_back(Item::Denied(p));
                }
                Access::Told => {}
                Access::Granted if fetch.at < partition.low => {
                    fetch.over = true;
                    batch.push_back(Item::OutOfRange(p));
                }
                Access::Granted if fetch.at < partition.log.len() => {
                    batch.push_back(Item::Record(p, fetch.at));
                    fetch.at += 1;
                }
                Access::Granted => {}
            }
        }
        batch
    }

    /// Begins to fetch partitions anew: this one, under the eager protocol all in hand.
    pub(super) fn restart(&mut self, p: usize, positions: &[Position]) {
        for Position { partition: name, offset } in positions {
            let found = self.partitions.iter_mut().enumerate().find(|(_, partition)| partition.name == *name);
            let (number, partition) = found.unwrap();
            if number != p && !self.eager {
                continue;
            }
            let at = offset.map_or(partition.low, |offset| partition.index(offset));
            if offset.is_none() {
                partition.skip_to(at);
            }
            partition.fetch_from(at);
        }
    }

    /// The process dies, and the group takes notice.
    pub(super) fn crash(&mut self) {
        self.events.clear();
        self.asked.clear();
        for partition in &mut self.partitions {
            partition.goes();
            partition.may_stop = false;
        }
    }
}

impl Partition {
    fn new((topic, token, partition): (&str, usize, i32)) -> Self {
        Self {
            name: TopicPartition { topic: topic.to_owned(), partition },
            topic: token,
            log: Vec::new(),
            low: 0,
            committed: None,
            owner: Owner::Nobody,
            lost: false,
            epoch: 0,
            fetch: None,
            next: 0,
            passed: Vec::new(),
            high: 0,
            may_stop: false,
            retired: false,
            access: Access::Granted,
        }
    }

    pub(super) fn at(&self, index: usize) -> At {
        At { topic: self.topic, partition: self.name.partition, offset: self.log[index].offset }
    }

    fn write(&mut self, random: &mut Rng) {
        let (offset, bad) = (self.end() + i64::from(random.u8(..3) / 2), random.u8(..64) == 0);
        self.log.push(Entry { offset, bad, ended: false, gone: false });
    }

    /// The offset behind the last entry.
    pub(super) fn end(&self) -> i64 {
        self.log.last().map_or(0, |entry| entry.offset + 1)
    }

    /// The first entry at or behind an offset.
    pub(super) fn index(&self, offset: i64) -> usize {
        self.log.partition_point(|entry| entry.offset < offset)
    }

    /// The first offset that the log still has.
    pub(super) fn low_offset(&self) -> i64 {
        self.log.get(self.low).map_or(self.end(), |entry| entry.offset)
    }

    fn begins(&mut self, offset: Option<i64>) {
        self.passed.clear();
        self.next = 0;
        let at = offset.map_or(self.low, |offset| self.index(offset));
        self.skip_to(at);
        self.fetch_from(at);
    }

    pub(super) fn skip_to(&mut self, at: usize) {
        let skipped = self.log.get_mut(self.next..at).unwrap_or_default();
        skipped.iter_mut().for_each(|entry| entry.gone = true);
        self.next = self.next.max(at);
    }

    pub(super) fn fetch_from(&mut self, at: usize) {
        self.fetch = Some(Fetch { at, paused: false, over: false });
        self.tell_again();
    }

    pub(super) fn tell_again(&mut self) {
        if self.access == Access::Told {
            self.access = Access::Denied;
        }
    }

    /// Where reading has to go on after it was halted: at the first entry that did not end.
    pub(super) fn first_not_ended(&self) -> usize {
        self.passed.iter().find(|(_, end)| !end.over()).map_or(self.next, |(index, _)| *index)
    }

    pub(super) fn in_flight(&self) -> bool {
        self.passed.iter().any(|(_, end)| *end == End::InFlight)
    }

    /// Another member reads some of it, and commits.
    fn read_elsewhere(&mut self, random: &mut Rng) {
        let from = self.committed.map_or(0, |offset| self.index(offset)).max(self.low);
        let to = (from + random.usize(..3)).min(self.log.len());
        self.log[..from].iter_mut().for_each(|entry| entry.gone = true);
        self.log[from..to].iter_mut().for_each(|entry| entry.ended = true);
        if to > from {
            self.committed = Some(self.log[to - 1].offset + 1);
        }
    }

    /// The epoch that the lane was told of; None: it is not in its hands.
    pub(super) fn known_epoch(&self) -> Option<u32> {
        let untold = u32::from(self.lost && self.owner == Owner::Lane);
        (self.owner != Owner::Nobody).then_some(self.epoch - untold)
    }

    /// It is not the lane's any more.
    pub(super) fn goes(&mut self) {
        self.epoch += 1;
        (self.owner, self.lost, self.fetch) = (Owner::Nobody, false, None);
        self.passed.clear();
        self.tell_again();
    }
}
