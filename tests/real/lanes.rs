//! Two lanes in a process on real Kafka, in both modes: ended, killed, and among other processes, they lose nothing and
//! duplicate nothing but what a killed process had not committed.

use super::event::MIXED;
use super::job::{Job, PARTITIONS};
use super::verify::{Committed, Judge};
use crate::fault::readback::unstable;
use crate::services::sidecar::{Metrics, Sidecar};
use crate::services::{Services, wait_at_broker, wait_for};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(90);
const EACH: i64 = 10_000;
/// A few dozen records of each lane for each round trip of 20 ms: a test can meet them midway.
const BUDGET: &str = "pipeline.main.in_flight_bytes";

/// The delivery guarantee under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    AtLeastOnce,
    ExactlyOnce,
}

const MODES: [Mode; 2] = [Mode::AtLeastOnce, Mode::ExactlyOnce];

#[test]
fn sigterm_midway_loses_and_duplicates_nothing() {
    for mode in MODES {
        let Some(services) = Services::turn() else { return };
        let job = job(&services, "lanes-term", mode);
        for end in 1..=3 {
            let mut sidecar = job.start();
            busy(&mut sidecar, 200);
            sidecar.signal("TERM");
            let (code, took) = sidecar.exit(LIMIT);
            assert_eq!(code, Some(0), "{mode:?}, end {end}:\n{}", sidecar.log());
            assert!(took < Duration::from_secs(5), "{mode:?}, end {end}: the drain took {took:?}");
            midway(&job, end);
        }
        job.finish_without(&[BUDGET], LIMIT);
        judge(&job, &services, &[]);
    }
}

#[test]
fn kills_midway_lose_nothing() {
    for mode in MODES {
        let Some(services) = Services::turn() else { return };
        let job = job(&services, "lanes-kill", mode).set("pipeline.main.transaction.cut_ms", "2000");
        let job = if mode == Mode::AtLeastOnce { job.unset("pipeline.main.transaction.cut_ms") } else { job };
        let mut kills = Vec::new();
        for end in 1..=3 {
            let mut sidecar = job.start();
            busy(&mut sidecar, 200);
            if mode == Mode::AtLeastOnce {
                // The first one only says where reading began.
                let committed = |metrics: &Metrics| metrics.count("committed_offset") > 0;
                sidecar.wait_for("a commit", LIMIT, committed);
            }
            sidecar.wait_for("records in flight", LIMIT, |metrics| metrics.count("records_in_flight") > 0);
            if mode == Mode::ExactlyOnce {
                let open = || (unstable(&services, &job.sink) > 0).then_some(());
                wait_for("records that brokers have in an open transaction", LIMIT, open);
            }
            sidecar.signal("KILL");
            sidecar.exit(LIMIT);
            // Once the broker has buried the members, nothing of them is under way any more.
            wait_at_broker("the group to lose its members", LIMIT, || (job.members().0 == 0).then_some(()));
            match mode {
                Mode::AtLeastOnce => {
                    midway(&job, end);
                    kills.push(job.committed());
                }
                // What it left open keeps the group's offsets untold until its next start. It may have been the first.
                Mode::ExactlyOnce => {
                    let (written, total) = (job.written(), job.total());
                    assert!(written < total * 95 / 100, "end {end} came at {written} of {total} records");
                }
            }
        }
        job.finish_without(&[BUDGET], LIMIT);
        let more = judge(&job, &services, if mode == Mode::AtLeastOnce { &kills } else { &[] });
        println!("lanes-kill, {mode:?}: {more} duplicates");
        if mode == Mode::ExactlyOnce {
            let tried: usize = services.read_uncommitted(&job.sink).iter().map(Vec::len).sum();
            assert!(tried > job.read_sink().concat().len(), "no kill landed inside a transaction");
        }
    }
}

#[test]
fn among_other_processes_they_lose_nothing() {
    for mode in MODES {
        let Some(services) = Services::turn() else { return };
        // Processes come and go for longer here.
        let job =
            job(&services, "lanes-many", mode).set(BUDGET, "8192").set("kafka.main.\"session.timeout.ms\"", "10000");
        let start = |name| if mode == Mode::ExactlyOnce { job.start_as(name) } else { job.start() };
        let mut first = start("a");
        busy(&mut first, 50);
        let mut second = start("b");
        shared(&mut [&mut first, &mut second]);
        works(&mut [&mut first, &mut second]);
        first.signal("KILL");
        first.exit(LIMIT);
        // Under exactly-once what it left open would have to be aborted first, and there is nothing to explain.
        let kills: Vec<Committed> = (mode == Mode::AtLeastOnce).then(|| left_behind(&job)).into_iter().collect();
        shared(&mut [&mut second]);
        let mut third = start("c");
        shared(&mut [&mut second, &mut third]);
        works(&mut [&mut second, &mut third]);
        second.terminate();
        shared(&mut [&mut third]);
        works(&mut [&mut third]);
        midway(&job, 3);
        third.terminate();
        job.finish_without(&[BUDGET], LIMIT);
        judge(&job, &services, &kills);
    }
}

fn job<'a>(services: &'a Services, name: &str, mode: Mode) -> Job<'a> {
    let name = if mode == Mode::ExactlyOnce { format!("{name}-exactly") } else { name.to_owned() };
    let job = Job::new(services, &name, EACH, MIXED)
        .positioned()
        .set("pipeline.main.lanes", "2")
        .set("pipeline.main.commit_interval_ms", "300")
        .set("kafka.main.\"linger.ms\"", "20")
        .set(BUDGET, "32768");
    match mode {
        Mode::AtLeastOnce => job,
        // A killed process's offsets are told only once its transaction has been given up.
        Mode::ExactlyOnce => job.exactly_once().set("pipeline.main.transaction.timeout_ms", "10000"),
    }
}

/// Both lanes have partitions, and the process has written some more records since.
fn busy(sidecar: &mut Sidecar, more: u64) {
    wait_for("both lanes to have partitions", LIMIT, || {
        sidecar.still_runs("sharing");
        let has = |lane: &str| sidecar.said(&["partitions", lane, "held=2"]);
        (has("lane=0") && has("lane=1")).then_some(())
    });
    let before = sidecar.metrics().map_or(0, |metrics| metrics.count("records_produced_total"));
    let goal = before + fastrand::u64(more / 2..=more);
    sidecar.wait_for("more records", LIMIT, |metrics| metrics.count("records_produced_total") >= goal);
}

/// Each process has some partitions, all of them together.
fn shared(processes: &mut [&mut Sidecar]) {
    wait_for("the partitions to be shared", LIMIT, || {
        let held = |process: &&mut Sidecar| process.metrics().map_or(0, |metrics| metrics.count("partitions_assigned"));
        let held: Vec<u64> = processes.iter().map(held).collect();
        (held.iter().sum::<u64>() == PARTITIONS as u64 && held.iter().all(|held| *held > 0)).then_some(())
    });
}

/// Each process writes some more records.
fn works(processes: &mut [&mut Sidecar]) {
    for process in processes {
        let before = process.metrics().map_or(0, |metrics| metrics.count("records_produced_total"));
        process.wait_for("more records", LIMIT, |metrics| metrics.count("records_produced_total") >= before + 50);
    }
}

/// Where others will take over from a killed process: what is committed while the group still counts it in.
fn left_behind(job: &Job<'_>) -> Committed {
    let members = job.members().0;
    let mut committed = job.committed();
    loop {
        let later = job.committed();
        if job.members().0 < members {
            return committed;
        }
        committed = later;
    }
}

/// The end came in the middle, or the test proves nothing.
fn midway(job: &Job<'_>, end: u64) {
    let committed: i64 = job.committed().iter().sum();
    let total = i64::try_from(job.total()).unwrap();
    assert!((1..total * 95 / 100).contains(&committed), "end {end} came at {committed} of {total} records");
}

/// Exactly once where there was no kill; dead letters, too. Returns the number of duplicates.
fn judge(job: &Job<'_>, services: &Services, kills: &[Committed]) -> usize {
    let (sink, judge) = (job.read_sink(), Judge::new(job));
    let letters = services.read_topic(&job.dead_letter);
    if !kills.is_empty() {
        judge.dead_letters(&letters);
        return judge.at_least_once(&sink, kills);
    }
    judge.all_once(&sink, &letters);
    0
}
