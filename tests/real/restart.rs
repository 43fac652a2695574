//! Ended in the middle: by SIGTERM nothing is lost and nothing comes twice; by SIGKILL nothing is lost.

use super::event::MIXED;
use super::job::Job;
use super::verify::Judge;
use crate::services::{Services, wait_at_broker};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
/// Ends in the middle of a job.
const ENDS: u64 = 3;

#[test]
fn sigterm_midway_loses_and_duplicates_nothing() {
    let Some(services) = Services::turn() else { return };
    let job = Job::new(&services, "sigterm", 12_000, MIXED).slow().positioned();
    for end in 1..=ENDS {
        run_until(&job, end, |sidecar| {
            sidecar.signal("TERM");
            let (code, took) = sidecar.exit(Duration::from_secs(20));
            assert_eq!(code, Some(0), "exit code after SIGTERM:\n{}", sidecar.log());
            assert!(took < Duration::from_secs(5), "the drain took {took:?}");
        });
        let (written, committed) = (services.end_offsets(&job.sink), job.committed());
        for ((events, written), committed) in job.events.iter().zip(&written).zip(&committed) {
            let below = events.iter().filter(|event| event.comes_out() && event.record.offset < *committed).count();
            assert_eq!(*written, below as i64, "outputs, and records below the offset committed by the drain");
        }
        midway(&job, end, &written);
    }
    finish(&job);
    Judge::new(&job).all_once(&job.read_sink(), &services.read_topic(&job.dead_letter));
}

#[test]
fn sigkill_midway_loses_nothing_and_repeats_only_what_was_not_committed() {
    let Some(services) = Services::turn() else { return };
    let job = Job::new(&services, "sigkill", 12_000, MIXED).slow().positioned();
    let mut kills = Vec::new();
    for end in 1..=ENDS {
        run_until(&job, end, |sidecar| {
            sidecar.signal("KILL");
            sidecar.exit(LIMIT);
        });
        // Once the broker has buried the member, nothing of it is under way any more.
        wait_at_broker("the group to lose its killed member", LIMIT, || {
            (services.group(&job.group).0 == 0).then_some(())
        });
        midway(&job, end, &services.end_offsets(&job.sink));
        kills.push(job.committed());
    }
    finish(&job);
    let judge = Judge::new(&job);
    let duplicates = judge.at_least_once(&job.read_sink(), &kills);
    judge.dead_letters(&services.read_topic(&job.dead_letter));
    println!("sigkill: {ENDS} kills, {duplicates} duplicates, committed at each: {kills:?}");
}

/// Runs until a random point of this process's share of the job, then ends it.
fn run_until(job: &Job<'_>, end: u64, finish: impl Fn(&mut crate::services::sidecar::Sidecar)) {
    // What earlier processes did counts in their own metrics.
    let share = job.total() / (ENDS + 1);
    let goal = fastrand::u64(share / 10..share * 8 / 10);
    let mut sidecar = job.start();
    sidecar.wait_for(&format!("{goal} records by process {end}"), LIMIT, |metrics| {
        metrics.count("records_produced_total") >= goal
    });
    finish(&mut sidecar);
}

/// The end came in the middle, or this suite proves nothing.
fn midway(job: &Job<'_>, end: u64, written: &[i64]) {
    let written: i64 = written.iter().sum();
    let total = i64::try_from(job.total()).unwrap();
    assert!(written > 0 && written < total * 95 / 100, "end {end} came at {written} of {total} records");
}

/// Runs to the end of the source.
fn finish(job: &Job<'_>) {
    let mut sidecar = job.start();
    sidecar.wait_for("the rest", LIMIT, |metrics| {
        metrics.has("consumer_lag", &[("partition", "3")])
            && metrics.count("partitions_assigned") == 4
            && (0..4).all(|partition: i32| metrics.has("consumer_lag", &[("partition", &partition.to_string())]))
            && metrics.sum("consumer_lag", &[]) == 0.0
            && metrics.count("records_in_flight") == 0
    });
    sidecar.terminate();
}
