//! The decisions one by one, then the whole against a naive broker that keeps what was committed.

use super::*;
use crate::pipeline::offsets::tests::{USUAL, seeds};
use fastrand::Rng;
use std::collections::BTreeSet;

const TIMEOUT: Duration = Duration::from_secs(30);
const CUT: Cut = Cut { age: Duration::from_millis(100), records: 8, bytes: 1000 };
const NOTHING: Held = Held { due: false, records: 0, bytes: 0 };
const SOME: Held = Held { due: true, records: 3, bytes: 30 };

fn fault(blame: Blame, reason: &'static str, retry: bool) -> Fault {
    Fault { stage: Stage::Commit, blame, reason, retry, message: String::new() }
}

fn trouble() -> Fault {
    fault(Blame::Broker, "broker_error", true)
}

fn partition() -> TopicPartition {
    TopicPartition { topic: "t".into(), partition: 0 }
}

fn failure(offset: i64, fault: Fault) -> Failure {
    Failure { partition: partition(), offset, as_dead_letter: false, fault }
}

/// A transaction that takes records.
fn open(now: Instant) -> Transaction {
    let mut state = Transaction::new(CUT, TIMEOUT);
    assert!(!state.started() && !state.takes(NOTHING, now));
    assert_eq!(state.ended(End::Done, now), None);
    assert!(state.started() && !state.busy() && state.takes(NOTHING, now));
    state
}

#[test]
fn a_transaction_is_cut_by_age_records_bytes_and_need() {
    let now = Instant::now();
    let full = |records, bytes| Held { due: true, records, bytes };
    // What it holds; its age; urgent; cut.
    let cases = [
        (NOTHING, 1000, true, false),
        (SOME, 0, false, false),
        (SOME, 99, false, false),
        (SOME, 100, false, true),
        (SOME, 0, true, true),
        (full(8, 0), 0, false, true),
        (full(1, 1000), 0, false, true),
        // A beginning that is to be committed, without a record.
        (full(0, 0), 100, false, true),
    ];
    for (held, age, urgent, cut) in cases {
        let mut state = open(now);
        let first = state.step(held, urgent, now);
        let found = first.or_else(|| state.step(held, urgent, now + Duration::from_millis(age)));
        assert_eq!(found, cut.then_some(Command::Commit), "{held:?}, {age} ms, urgent {urgent}");
        assert_eq!(state.busy(), cut);
    }
}

#[test]
fn the_age_counts_from_the_first_record_and_not_from_the_last_commit() {
    let now = Instant::now();
    let mut state = open(now);
    assert_eq!(state.step(NOTHING, false, now), None);
    let later = now + Duration::from_secs(60);
    assert_eq!(state.step(SOME, false, later), None);
    assert_eq!(state.step(SOME, false, later + CUT.age), Some(Command::Commit));
    let end = later + CUT.age * 2;
    assert_eq!(state.ended(End::Done, end), Some(Command::Settle(CUT.age * 2)));
}

#[test]
fn each_end_of_a_commit_has_its_way() {
    let now = Instant::now();
    for (end, expected) in [
        (End::Rejected(trouble()), Command::Abort),
        (End::Unknown(trouble()), Command::Renew),
        (End::Again(trouble()), Command::Renew),
        (End::Refused(trouble()), Command::Give(trouble())),
    ] {
        let mut state = open(now);
        state.step(SOME, true, now);
        let shown = format!("{end:?}");
        assert_eq!(state.ended(end, now), Some(expected), "{shown}");
        assert!(!state.takes(NOTHING, now));
    }
}

#[test]
fn an_unknown_outcome_is_asked_for_behind_a_new_producer() {
    let now = Instant::now();
    let mut state = open(now);
    state.step(SOME, true, now);
    assert_eq!(state.ended(End::Unknown(trouble()), now), Some(Command::Renew));
    assert_eq!(state.step(SOME, true, now), None, "nothing while the id is taken over");
    assert_eq!(state.ended(End::Again(trouble()), now), Some(Command::Init), "brokers are away: it goes on");
    assert_eq!(state.ended(End::Done, now), Some(Command::Ask));
    assert_eq!(state.step(SOME, true, now), Some(Command::Ask), "asked again until there is an answer");
    state.asked();
    assert!(!state.busy() && state.takes(NOTHING, now));
}

#[test]
fn a_fenced_producer_was_slow_or_has_a_rival() {
    let now = Instant::now();
    let fenced = || End::Fenced(fault(Blame::Config, "fenced", false));
    let mut state = open(now);
    state.step(SOME, false, now);
    state.step(SOME, true, now);
    match state.ended(fenced(), now + TIMEOUT / 2) {
        Some(Command::Give(fault)) => assert_eq!((fault.reason, fault.retry), ("fenced", false)),
        other => panic!("a rival: {other:?}"),
    }
    let mut state = open(now);
    state.step(SOME, false, now);
    state.step(SOME, true, now);
    assert_eq!(state.ended(fenced(), now + TIMEOUT), Some(Command::Renew), "the broker gave it up by itself");
    let mut state = open(now);
    state.broke(trouble());
    assert_eq!(state.step(NOTHING, false, now), Some(Command::Abort));
    assert!(matches!(state.ended(fenced(), now), Some(Command::Give(_))), "idle, so it was no slowness");
}

#[test]
fn new_producers_without_a_commit_between_end_in_a_new_lane() {
    let now = Instant::now();
    let mut state = open(now);
    for _ in 0..MOST_PRODUCERS {
        state.step(SOME, true, now);
        assert_eq!(state.ended(End::Unknown(trouble()), now), Some(Command::Renew));
        assert_eq!(state.ended(End::Done, now), Some(Command::Ask));
        state.asked();
    }
    state.step(SOME, true, now);
    match state.ended(End::Unknown(trouble()), now) {
        Some(Command::Give(fault)) => assert_eq!(fault.reason, "producer_fatal"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_abort_rests_before_it_is_tried_again_and_stops_what_only_a_person_mends() {
    let now = Instant::now();
    let mut state = open(now);
    state.failed(failure(5, trouble()));
    state.failed(failure(6, fault(Blame::Config, "not_authorized", false)));
    state.failed(failure(7, fault(Blame::Config, "not_authorized", false)));
    assert_eq!(state.step(SOME, false, now), Some(Command::Abort));
    state.failed(failure(8, fault(Blame::Record, "invalid_record", false)));
    let stopped = vec![(partition(), fault(Blame::Config, "not_authorized", false))];
    let aborted = Aborted { reason: "not_delivered", condemned: None, stopped };
    assert_eq!(state.ended(End::Done, now), Some(Command::GoBack(aborted)));
    assert!(!state.busy() && !state.takes(NOTHING, now));
    assert!(state.takes(NOTHING, now + AGAIN.most));
}

#[test]
fn partitions_that_went_are_an_abort() {
    let now = Instant::now();
    for reason in ["lost", "revoked"] {
        let mut state = open(now);
        state.broke(fault(Blame::Broker, reason, true));
        assert_eq!(state.step(NOTHING, false, now), Some(Command::Abort));
        match state.ended(End::Done, now) {
            Some(Command::GoBack(aborted)) => assert_eq!(aborted.reason, reason),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_guilty_record_is_found_among_newer_ones_of_other_partitions() {
    let now = Instant::now();
    let cut = Cut { records: 10_000, bytes: 1 << 20, ..CUT };
    let mut state = Transaction::new(cut, TIMEOUT);
    assert_eq!(state.ended(End::Done, now), None);
    let busy = TopicPartition { partition: 1, ..partition() };
    let (guilty, mut next, mut others, mut transactions) = (37, 0, 0, 0);
    loop {
        transactions += 1;
        assert!(transactions < 20, "no end: {state:?}");
        let held = |records: i64| Held { due: true, records: records.unsigned_abs(), bytes: 0 };
        // After an abort they come first, with what was written to them since.
        let before = others;
        while others - before < 100 && state.takes(held(others - before), now) {
            state.passed(&busy, others);
            others += 1;
        }
        let mut read = next;
        while read < 64 && state.takes(held(others - before + read - next), now) {
            state.passed(&partition(), read);
            read += 1;
        }
        let records = others - before + read - next;
        if (next..read).contains(&guilty) {
            let refused = fault(Blame::Record, "message_too_large", false);
            (next..read).for_each(|offset| state.failed(failure(offset, refused.clone())));
            assert_eq!(state.step(held(records), false, now), Some(Command::Abort));
            let Some(Command::GoBack(aborted)) = state.ended(End::Done, now) else { panic!("{state:?}") };
            if let Some(condemned) = aborted.condemned {
                assert_eq!(condemned.offset, guilty);
                break;
            }
        } else {
            assert_eq!(state.step(held(records), true, now), Some(Command::Commit));
            assert!(matches!(state.ended(End::Done, now), Some(Command::Settle(_))));
            next = read;
            state.settled(&[(partition(), next), (busy.clone(), others)]);
        }
    }
}

/// One partition's log, what its records' ends were, and a lane that does as it is told.
struct Model {
    guilty: BTreeSet<i64>,
    condemned: BTreeSet<i64>,
    /// How each offset ended, once: delivered or a dead letter.
    ended: Vec<(i64, bool)>,
    committed: i64,
    read: i64,
    end: i64,
}

impl Model {
    fn held(&self) -> Held {
        let records = (self.read - self.committed).unsigned_abs();
        Held { due: records > 0, records, bytes: 0 }
    }

    /// The open transaction is gone, and so is what the lane knew.
    fn begin_again(&mut self) {
        self.read = self.committed;
        self.condemned.clear();
    }

    /// The open transaction lands.
    fn land(&mut self) {
        self.ended.extend((self.committed..self.read).map(|offset| (offset, !self.condemned.contains(&offset))));
        self.committed = self.read;
    }
}

/// Any order of: records read, deliveries that fail, partitions lost or revoked, a process slower than the transaction's
/// timeout, a commit rejected, unanswered or fenced, a lane that fails, a crash. Each is replayed by its seed.
///
/// `SEEDS=n cargo test --lib pipeline` runs so many of each model; `SEED=n` one alone.
#[test]
fn every_record_ends_once_and_only_the_guilty_as_dead_letters() {
    let (mut aborts, mut renewals, mut condemnations, mut crashes, mut given) = (0, 0, 0, 0, BTreeSet::new());
    for seed in seeds(USUAL) {
        let mut random = Rng::with_seed(seed);
        let mut now = Instant::now();
        let end = random.i64(1..120);
        let guilty = (0..end).filter(|_| random.u8(..40) == 0).collect();
        let (condemned, ended) = (BTreeSet::new(), Vec::new());
        let mut model = Model { guilty, condemned, ended, committed: 0, read: 0, end };
        let mut state = open(now);
        let mut batch = Vec::new();
        for step in 0.. {
            assert!(step < 20_000, "seed {seed}: no end: {state:?}");
            if model.committed == model.end {
                break;
            }
            now += Duration::from_millis(random.u64(0..60));
            while model.read < model.end && state.takes(model.held(), now) && random.u8(..10) > 0 {
                let offset = model.read;
                model.read += 1;
                state.passed(&partition(), offset);
                if model.guilty.contains(&offset) && !model.condemned.contains(&offset) {
                    // Its batch mates fail with it.
                    let mates = (model.committed..offset).filter(|_| random.bool());
                    let refused = fault(Blame::Record, "invalid_record", false);
                    batch = mates.chain([offset]).collect::<Vec<_>>();
                    batch.iter().copied().for_each(|offset| state.failed(failure(offset, refused.clone())));
                }
            }
            match random.u8(..200) {
                0 => state.broke(fault(Blame::Broker, "lost", true)),
                1 => state.broke(fault(Blame::Broker, "revoked", true)),
                2 => now += TIMEOUT,
                3 => {
                    crashes += 1;
                    model.begin_again();
                    state = open(now);
                }
                _ => {}
            }
            let mut command = state.step(model.held(), random.u8(..20) == 0, now);
            while let Some(next) = command {
                command = match next {
                    Command::Commit => {
                        let (end, lands) = match random.u8(..20) {
                            0 => (End::Unknown(trouble()), random.bool()),
                            1 => (End::Rejected(trouble()), false),
                            2 if random.bool() => (End::Fenced(fault(Blame::Config, "fenced", false)), false),
                            _ => (End::Done, true),
                        };
                        let settled = matches!(end, End::Done);
                        let command = state.ended(end, now);
                        if lands {
                            // A commit whose answer was lost shows only in the group's offsets.
                            let read = model.read;
                            model.land();
                            assert!(settled || model.committed == read);
                        }
                        command
                    }
                    Command::Abort => {
                        let lost = random.u8(..20) == 0;
                        let end = if lost { End::Unknown(trouble()) } else { End::Done };
                        state.ended(end, now)
                    }
                    Command::GoBack(aborted) => {
                        aborts += 1;
                        if let Some(guilty) = aborted.condemned {
                            assert_eq!(batch, [guilty.offset], "seed {seed}: its batch held another");
                            assert!(model.guilty.contains(&guilty.offset), "seed {seed}: {guilty:?} is innocent");
                            model.condemned.insert(guilty.offset);
                            condemnations += 1;
                        }
                        model.read = model.committed;
                        None
                    }
                    Command::Renew => {
                        renewals += 1;
                        state.ended(End::Done, now)
                    }
                    Command::Ask => {
                        model.read = model.committed;
                        state.asked();
                        None
                    }
                    Command::Settle(_) => {
                        state.settled(&[(partition(), model.committed)]);
                        None
                    }
                    Command::Init => None,
                    Command::Give(fault) => {
                        given.insert(fault.reason);
                        // A lane that starts anew.
                        model.begin_again();
                        state = open(now);
                        None
                    }
                };
            }
        }
        let expected: Vec<(i64, bool)> = (0..end).map(|offset| (offset, !model.guilty.contains(&offset))).collect();
        assert_eq!(model.ended, expected, "seed {seed}");
    }
    if std::env::var_os("SEED").or(std::env::var_os("SEEDS")).is_none() {
        assert!(aborts > 1000 && renewals > 1000 && condemnations > 1000, "{aborts} {renewals} {condemnations}");
        assert!(crashes > 1000 && given == BTreeSet::from(["fenced", "producer_fatal"]), "{crashes} {given:?}");
    }
}
