//! The assignment and the offsets in any order of what can happen to a lane, each replayed by its seed.
//!
//! Partitions given, taken and lost; batches of several partitions' records that pass, are left out, meet a full queue,
//! stop their partition or flood their topic; reports, good and bad; commits that go through, fail, or end without an
//! answer; transactions taken back; offsets that are out of range, access that is taken away; calls that fail; deadlines
//! that pass; crashes, and other members that read on meanwhile. Then all is well for a while, and then the lane leaves; or it is
//! told to drain in the midst of it.
//!
//! What holds: the records of a partition pass in order, none is passed over and none passes twice, but behind where the
//! partition was taken back to, and that is its first record that did not end; nothing of it passes once the lane was told
//! to give it away; no offset is committed in front of which a record has not ended, nor one of a partition that was lost;
//! what is taken is let go once all of it has ended and is committed, or at its deadline; a slot for each partition in
//! hand; and in the end each partition has read all there is, or stands where something stopped it. A drain leaves nothing in
//! flight and commits all that ended, or ends at its deadline, but never in fair weather.
//!
//! `SEEDS=n cargo test --lib pipeline` runs so many of each model; `SEED=n` one alone.

mod cluster;
mod lane;

use super::State;
use crate::pipeline::offsets::tests::{USUAL, seeds};
use cluster::{Event, Owner};
use fastrand::Rng;
use lane::Lane;
use std::time::{Duration, Instant};

/// How often what the model is for has happened.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    rewound: u64,
    reset: u64,
    stopped: u64,
    lost: u64,
    overdue: u64,
    committed: u64,
    aborted: u64,
    crashes: u64,
    drained: u64,
}

/// Names the seed of a run that failed.
struct Replay(u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("again: SEED={}", self.0);
        }
    }
}

#[test]
fn no_record_is_passed_over_or_committed_before_it_ended() {
    all(false, |seen| {
        seen.lost
            .min(seen.overdue)
            .min(seen.rewound)
            .min(seen.reset)
            .min(seen.stopped)
            .min(seen.crashes)
            .min(seen.drained)
    });
}

#[test]
fn in_transactions_no_record_is_passed_over_or_committed_twice() {
    all(true, |seen| {
        seen.lost
            .min(seen.overdue)
            .min(seen.aborted)
            .min(seen.committed)
            .min(seen.reset)
            .min(seen.stopped)
            .min(seen.drained)
    });
}

fn all(once: bool, rarest: impl Fn(Seen) -> u64) {
    let (mut all, start) = (Seen::default(), Instant::now());
    for seed in seeds(USUAL) {
        let replay = Replay(seed);
        // The jitter of what is tried again.
        fastrand::seed(seed);
        let seen = run(Rng::with_seed(seed), once, start);
        all = Seen {
            rewound: all.rewound + seen.rewound,
            reset: all.reset + seen.reset,
            stopped: all.stopped + seen.stopped,
            lost: all.lost + seen.lost,
            overdue: all.overdue + seen.overdue,
            committed: all.committed + seen.committed,
            aborted: all.aborted + seen.aborted,
            crashes: all.crashes + seen.crashes,
            drained: all.drained + seen.drained,
        };
        drop(replay);
    }
    if std::env::var_os("SEED").or(std::env::var_os("SEEDS")).is_none() {
        assert!(rarest(all) > 1000, "{all:?}");
    }
}

fn run(mut random: Rng, once: bool, start: Instant) -> Seen {
    let rounds = random.u8(8..48);
    let mut lane = Lane::new(random, once, start);
    for _ in 0..rounds {
        lane.now += Duration::from_millis(if lane.random.u8(..16) == 0 { 25_000 } else { 50 });
        for _ in 0..2 {
            lane.cluster.happens(&mut lane.random);
        }
        match lane.random.u8(..64) {
            0 => lane.crash(),
            1 => lane.retire(),
            _ => {}
        }
        lane.round();
    }
    if lane.random.bool() {
        drain(&mut lane);
        return lane.seen;
    }
    lane.calm = true;
    until(&mut lane, "all partitions have read all there is, or stand", |lane| {
        lane.cluster.give(&mut lane.random, true);
        lane.cluster.asked.is_empty() && (0..lane.cluster.partitions.len()).all(|p| done(lane, p))
    });
    let overdue = lane.seen.overdue;
    lane.cluster.eager = true;
    lane.cluster.take(&mut lane.random, false);
    until(&mut lane, "the lane has left", |lane| lane.assignment.is_empty());
    assert_eq!(lane.seen.overdue, overdue, "it left at the deadline");
    lane.seen
}

/// The lane is told to end in the midst of it; in fair weather from then on, or not.
fn drain(lane: &mut Lane) {
    lane.seen.drained += 1;
    (lane.ordered, lane.calm) = (true, lane.random.bool());
    let (overdue, calm, began) = (lane.seen.overdue, lane.calm, lane.now);
    until(lane, "the lane has drained", |lane| {
        if !lane.calm {
            lane.cluster.happens(&mut lane.random);
            // Long enough for any deadline.
            lane.now += Duration::from_millis(500);
        }
        lane.ended
    });
    let by_deadline = lane.now.duration_since(began) >= lane::DEADLINE;
    assert!(!(calm && by_deadline), "it drained at the deadline");
    if by_deadline || lane.seen.overdue > overdue {
        return;
    }
    for partition in &lane.cluster.partitions {
        assert!(!partition.in_flight(), "{} was left with records in flight", partition.name);
        let ended = partition.passed.iter().take_while(|(_, end)| end.over()).last();
        let committed = ended.is_none_or(|(entry, _)| partition.committed > Some(partition.log[*entry].offset));
        assert!(committed, "{} was left before what ended was committed", partition.name);
    }
}

fn until(lane: &mut Lane, what: &str, holds: impl Fn(&mut Lane) -> bool) {
    for _ in 0..400 {
        lane.now += Duration::from_millis(40);
        lane.round();
        if holds(lane) {
            return;
        }
    }
    panic!("never: {what}; {:#?}", lane.assignment);
}

/// The partition stands with a reason, or has read its log, and all that ended is committed.
fn done(lane: &Lane, p: usize) -> bool {
    let partition = &lane.cluster.partitions[p];
    let asked = |event: &Event| matches!(event, Event::Revoke(taken, ..) if taken.contains(&p));
    let Some(held) = lane.assignment.get(&partition.name).filter(|_| partition.owner == Owner::Lane) else {
        return false;
    };
    if lane.cluster.events.iter().any(asked) {
        return false;
    }
    if held.state == State::Stopped {
        assert!(partition.may_stop || lane.flooded[partition.topic].is_some(), "{} stands for nothing", partition.name);
        let settled = !partition.in_flight() && !lane.offsets.cut_due_of(held.slot);
        let over = partition.passed.iter().all(|(_, end)| end.over());
        assert!(!settled || over || partition.retired, "{} stands behind a record that did not end", partition.name);
        return settled;
    }
    let all = partition.next == partition.log.len() && partition.log.iter().all(|entry| entry.ended || entry.gone);
    all && held.state == State::Reading && !lane.offsets.cut_due_of(held.slot)
}
