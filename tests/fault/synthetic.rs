//! The checker checked: histories that are wrong in one way each, and a verdict that says so and nothing else.

use super::history::{Commit, Fate, History, Input, Letter, Output, Position};
use super::verdict::{Promise, Verdict, judge};

const PARTITIONS: i32 = 2;
/// Of each partition.
const EACH: i64 = 40;
/// Offsets between two commits, which come together for all partitions.
const CUT: i64 = 10;

type Log = History<i64>;

fn at(partition: i32, offset: i64) -> Position {
    Position { partition, offset }
}

/// Every tenth input is bad, every tenth is filtered, the others come out.
fn input(at: Position) -> Input<i64> {
    let fate = match at.offset % 10 {
        3 => Fate::DeadLetter,
        7 => Fate::Filtered,
        _ => Fate::Output(at.offset * 100),
    };
    Input { at, key: vec![b'k', (at.offset % 4) as u8], fate }
}

fn output(source: Position, appended: i64) -> Output<i64> {
    let value = source.offset * 100;
    Output { at: source, source, key: input(source).key, value, bytes: value.to_be_bytes().to_vec(), appended }
}

/// A run without a fault: the output of offset n is appended at 10 n + 5, the commit of n at 10 n.
fn clean() -> Log {
    let mut log = Log::default();
    for partition in 0..PARTITIONS {
        log.inputs.extend((0..EACH).map(|offset| input(at(partition, offset))));
    }
    for input in &log.inputs {
        match input.fate {
            Fate::Output(_) => log.outputs.push(output(input.at, input.at.offset * 10 + 5)),
            Fate::DeadLetter => log.letters.push(Letter { source: input.at, intact: true }),
            Fate::Filtered => {}
        }
    }
    for next in (CUT..=EACH).step_by(CUT as usize) {
        log.commits.extend((0..PARTITIONS).map(|partition| Commit { partition, next, appended: next * 10 }));
    }
    settle(log)
}

/// Gives the outputs their offsets, and both readers the same.
fn settle(mut log: Log) -> Log {
    for partition in 0..PARTITIONS {
        let mine = log.outputs.iter_mut().filter(|output| output.at.partition == partition);
        mine.enumerate().for_each(|(offset, output)| output.at.offset = offset as i64);
    }
    log.watched = log.outputs.clone();
    log
}

/// Writes offsets of partition 0 again, as one run, after everything else.
fn again(log: &mut Log, offsets: std::ops::Range<i64>, appended: i64) {
    let due = offsets.map(|offset| at(0, offset)).filter(|at| matches!(input(*at).fate, Fate::Output(_)));
    log.outputs.extend(due.map(|source| output(source, appended)));
}

fn index(log: &Log, source: Position) -> usize {
    log.outputs.iter().position(|output| output.source == source).unwrap()
}

/// A name, what is done to the clean log, and what the verdict must be but for the tally.
type Row = (&'static str, fn(&mut Log), fn(&mut Verdict));

/// Changed before the outputs get their offsets.
const WRITTEN: &[Row] = &[
    ("nothing", |_| {}, |_| {}),
    (
        "one output of a cut lost",
        |log| {
            let lost = index(log, at(0, 15));
            log.outputs.remove(lost);
        },
        |verdict| {
            verdict.lost = vec![at(0, 15)];
            verdict.torn = vec!["cut of 200: 1 of 16 missing".into()];
        },
    ),
    (
        "a whole cut lost",
        |log| log.outputs.retain(|output| !(10..20).contains(&output.source.offset)),
        |verdict| {
            let both = (0..PARTITIONS).flat_map(|partition| (10..20).map(move |offset| at(partition, offset)));
            verdict.lost = both.filter(|at| ![3, 7].contains(&(at.offset % 10))).collect();
        },
    ),
    (
        "one partition's half of a cut lost",
        |log| log.outputs.retain(|output| output.source.partition == 1 || !(10..20).contains(&output.source.offset)),
        |verdict| {
            let lost = (10..20).map(|offset| at(0, offset));
            verdict.lost = lost.filter(|at| ![3, 7].contains(&(at.offset % 10))).collect();
            verdict.torn = vec!["cut of 200: 8 of 16 missing".into()];
        },
    ),
    (
        "outputs whose offsets were never committed",
        |log| log.commits.retain(|commit| commit.partition == 0 || commit.next < EACH),
        |verdict| {
            let ahead = [30, 31, 32, 34, 35, 36, 38, 39].map(|offset| at(1, offset));
            verdict.torn = ahead.map(|at| format!("{at} is there, its offset is not committed")).to_vec();
        },
    ),
    (
        "the uncommitted window written again",
        |log| {
            log.commits.retain(|commit| commit.next < EACH);
            again(log, 30..35, 1000);
            log.commits.extend((0..PARTITIONS).map(|partition| Commit { partition, next: EACH, appended: 1001 }));
        },
        |verdict| verdict.replayed = [30, 31, 32, 34].map(|offset| at(0, offset)).to_vec(),
    ),
    (
        "committed outputs written again, from an earlier commit",
        |log| again(log, 20..23, 1000),
        |verdict| verdict.stale = [20, 21, 22].map(|offset| at(0, offset)).to_vec(),
    ),
    (
        "outputs written again from between two commits",
        |log| again(log, 22..25, 1000),
        |verdict| verdict.stray = [22, 24].map(|offset| at(0, offset)).to_vec(),
    ),
    (
        "a part of the uncommitted window written again, not from its beginning",
        |log| {
            log.commits.retain(|commit| commit.next < EACH);
            again(log, 32..35, 1000);
            log.commits.extend((0..PARTITIONS).map(|partition| Commit { partition, next: EACH, appended: 1001 }));
        },
        |verdict| verdict.resent = [32, 34].map(|offset| at(0, offset)).to_vec(),
    ),
    (
        "one output twice in a row, before its commit",
        |log| {
            let twice = index(log, at(0, 15));
            log.outputs.insert(twice, log.outputs[twice].clone());
        },
        |verdict| verdict.resent = vec![at(0, 15)],
    ),
    (
        "a replay that differs in a byte",
        |log| {
            log.commits.retain(|commit| commit.next < EACH);
            again(log, 30..31, 1000);
            log.outputs.last_mut().unwrap().bytes[0] ^= 1;
            log.commits.extend((0..PARTITIONS).map(|partition| Commit { partition, next: EACH, appended: 1001 }));
        },
        |verdict| (verdict.replayed, verdict.changed) = (vec![at(0, 30)], vec![at(0, 30)]),
    ),
    (
        "two outputs of one key swapped",
        |log| {
            let (one, other) = (index(log, at(1, 12)), index(log, at(1, 16)));
            log.outputs.swap(one, other);
        },
        // Those between are behind 16 too.
        |verdict| verdict.reordered = [12, 14, 15].map(|offset| at(1, offset)).to_vec(),
    ),
    (
        "two outputs of different keys swapped",
        |log| {
            let (one, other) = (index(log, at(1, 14)), index(log, at(1, 15)));
            log.outputs.swap(one, other);
        },
        |verdict| verdict.reordered = vec![at(1, 14)],
    ),
    (
        "another value",
        |log| log.outputs[5].value += 1,
        |verdict| verdict.wrong = vec!["[0]@6: 601 instead of 600".into()],
    ),
    (
        "another key",
        |log| log.outputs[5].key.push(0),
        |verdict| verdict.wrong = vec!["[0]@6: key or partition, at [0]@5".into()],
    ),
    (
        "a bad record comes out",
        |log| log.outputs.insert(3, output(at(0, 3), 35)),
        |verdict| verdict.wrong = vec!["[0]@3: came out, at [0]@3, instead of DeadLetter".into()],
    ),
    (
        "an output of nothing",
        |log| log.inputs.retain(|input| input.at != at(1, 39)),
        |verdict| verdict.wrong = vec!["[1]@39: no such input, at [1]@31".into()],
    ),
];

/// Changed after the outputs have their offsets.
const SEEN: &[Row] = &[
    (
        "a reader saw what is gone",
        |log| log.watched[4].at.offset += 1000,
        |verdict| (verdict.vanished, verdict.unseen) = (vec![at(0, 1004)], vec![at(0, 4)]),
    ),
    (
        "a reader saw another record there",
        |log| log.watched[4].bytes[0] ^= 1,
        |verdict| verdict.vanished = vec![at(0, 4)],
    ),
    ("a reader passed over a record", |log| _ = log.watched.remove(4), |verdict| verdict.unseen = vec![at(0, 4)]),
    ("a reader was not done", |log| log.watched.truncate(4), |_| {}),
    ("a dead letter lost", |log| _ = log.letters.remove(0), |verdict| verdict.letters_lost = vec![at(0, 3)]),
    (
        "a dead letter twice",
        |log| log.letters.push(log.letters[0].clone()),
        |verdict| verdict.letters_repeated = vec![at(0, 3)],
    ),
    (
        "a dead letter that is not as it was",
        |log| log.letters[0].intact = false,
        |verdict| verdict.letters_wrong = vec![at(0, 3)],
    ),
    (
        "a good record as a dead letter",
        |log| log.letters.push(Letter { source: at(0, 4), intact: true }),
        |verdict| verdict.letters_wrong = vec![at(0, 4)],
    ),
    ("a transaction left open", |log| log.unstable = 3, |verdict| verdict.unstable = 3),
];

#[test]
fn each_deviation_is_reported_and_nothing_else() {
    let rows = WRITTEN.iter().map(|row| (row, true)).chain(SEEN.iter().map(|row| (row, false)));
    for ((name, change, expect), written) in rows {
        let mut log = clean();
        change(&mut log);
        let log = if written { settle(log) } else { log };
        let found = judge(&log);
        let mut expected = Verdict { tally: found.tally, ..Verdict::default() };
        expect(&mut expected);
        assert_eq!(found, expected, "{name}");
        let deviates = expected != Verdict { tally: found.tally, ..Verdict::default() };
        assert_eq!(!found.breaches(Promise::default()).is_empty(), deviates, "{name}: an exact promise");
    }
}

#[test]
fn the_books_count_each_input_once() {
    let tally = judge(&clean()).tally;
    assert_eq!((tally.inputs, tally.outputs, tally.dead_lettered, tally.filtered), (80, 64, 8, 8));
}

#[test]
fn a_promise_allows_what_it_names_alone() {
    let replays = Promise { replays: true, ..Promise::default() };
    let stale = Promise { stale: true, ..replays };
    let zombies = Promise { zombies: true, ..replays };
    for (verdict, allowed_by) in [
        (Verdict { replayed: vec![at(0, 1)], ..Verdict::default() }, [true, true, true]),
        (Verdict { letters_repeated: vec![at(0, 1)], ..Verdict::default() }, [true, true, true]),
        (Verdict { resent: vec![at(0, 1)], ..Verdict::default() }, [false, false, true]),
        (Verdict { stale: vec![at(0, 1)], ..Verdict::default() }, [false, true, true]),
        (Verdict { stray: vec![at(0, 1)], ..Verdict::default() }, [false, false, true]),
        (Verdict { reordered: vec![at(0, 1)], ..Verdict::default() }, [false, false, true]),
        (Verdict { changed: vec![at(0, 1)], ..Verdict::default() }, [false, false, false]),
        (Verdict { torn: vec!["x".into()], ..Verdict::default() }, [false, false, false]),
        (Verdict { unstable: 1, ..Verdict::default() }, [false, false, false]),
    ] {
        let found = [replays, stale, zombies].map(|promise| verdict.breaches(promise).is_empty());
        assert_eq!(found, allowed_by, "{verdict:?}");
    }
}
