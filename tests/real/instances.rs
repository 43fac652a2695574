//! Several instances in one group, coming and going under load: nothing is lost, each partition keeps its order, and
//! nothing comes twice but what a killed instance had not committed.

use super::event::MIXED;
use super::job::{Job, PARTITIONS, Protocol};
use super::verify::{Committed, Judge};
use crate::services::sidecar::Sidecar;
use crate::services::{Services, wait_for};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const EACH: i64 = 6_000;
/// What every instance must write before the next one comes or goes.
const SHARE: u64 = 50;

/// Few bytes in flight are few records a second.
const BUDGET: &str = "pipeline.main.in_flight_bytes";

#[test]
fn joining_and_leaving_loses_and_duplicates_nothing() {
    for (name, protocol) in [
        ("join-cooperative", Protocol::Cooperative),
        ("join-eager", Protocol::Eager),
        ("join-broker", Protocol::Broker),
    ] {
        let Some(services) = Services::turn() else { return };
        let job = crowded(&services, name, protocol);
        let mut fleet = Fleet::new(&job);
        fleet.join();
        fleet.join();
        fleet.leave(0);
        fleet.join();
        fleet.leave(0);
        fleet.finish();
        exactly_once(&job, &services);
    }
}

#[test]
fn a_rolling_restart_of_three_loses_and_duplicates_nothing() {
    let Some(services) = Services::turn() else { return };
    let job = crowded(&services, "rolling", Protocol::Cooperative);
    let mut fleet = Fleet::new(&job);
    (0..3).for_each(|_| fleet.join());
    for _ in 0..3 {
        fleet.leave(0);
        fleet.join();
    }
    fleet.finish();
    exactly_once(&job, &services);
}

#[test]
fn a_killed_instance_loses_nothing_and_repeats_only_what_was_not_committed() {
    let Some(services) = Services::turn() else { return };
    let job = crowded(&services, "killed", Protocol::Cooperative);
    let mut fleet = Fleet::new(&job);
    fleet.join();
    fleet.join();
    let mut kills = vec![fleet.kill(0)];
    fleet.join();
    fleet.join();
    kills.push(fleet.kill(1));
    fleet.leave(0);
    fleet.finish();
    let judge = Judge::new(&job);
    let duplicates = judge.at_least_once(&job.read_sink(), &kills);
    judge.dead_letters(&services.read_topic(&job.dead_letter));
    println!("killed: {duplicates} duplicates, committed at each kill: {kills:?}");
}

/// A job that lasts while instances come and go.
fn crowded<'a>(services: &'a Services, name: &str, protocol: Protocol) -> Job<'a> {
    Job::new(services, name, EACH, MIXED)
        .positioned()
        .set("pipeline.main.commit_interval_ms", "300")
        // A handful of records for each round trip of 20 ms.
        .set(BUDGET, "2048")
        // Long enough that a busy machine expels nobody who lives.
        .set("kafka.main.\"session.timeout.ms\"", "10000")
        .set("kafka.main.\"linger.ms\"", "20")
        .protocol(protocol)
}

fn exactly_once(job: &Job<'_>, services: &Services) {
    Judge::new(job).all_once(&job.read_sink(), &services.read_topic(&job.dead_letter));
}

/// The instances of one job that run now, oldest first.
struct Fleet<'a> {
    job: &'a Job<'a>,
    running: Vec<Sidecar>,
}

impl<'a> Fleet<'a> {
    fn new(job: &'a Job<'a>) -> Self {
        Self { job, running: Vec::new() }
    }

    /// One more instance takes its share from those that run.
    fn join(&mut self) {
        let rebalances = self.counts("rebalances_total");
        self.running.push(self.job.start());
        self.settle("joining");
        let after = self.counts("rebalances_total");
        assert!(rebalances.iter().zip(&after).all(|(before, after)| before < after), "{rebalances:?} -> {after:?}");
        self.work("joining");
    }

    /// An instance leaves by SIGTERM; the others take its partitions.
    fn leave(&mut self, index: usize) {
        let mut leaving = self.running.remove(index);
        leaving.signal("TERM");
        let (code, took) = leaving.exit(Duration::from_secs(20));
        assert_eq!(code, Some(0), "exit code after SIGTERM:\n{}", leaving.log());
        assert!(took < Duration::from_secs(5), "the drain took {took:?}:\n{}", leaving.log());
        self.settle("leaving");
        self.work("leaving");
    }

    /// An instance is killed; the others take its partitions once the broker has buried it. What its group had committed
    /// by then comes back.
    fn kill(&mut self, index: usize) -> Committed {
        let mut killed = self.running.remove(index);
        let held = held(&killed);
        killed.signal("KILL");
        killed.exit(LIMIT);
        let mut committed = self.job.committed();
        wait_for("the group to lose its killed member", LIMIT, || {
            // Nobody can commit for the killed one's partitions while the group still holds it.
            let now = self.job.committed();
            let buried = self.job.members().0 == self.running.len();
            if !buried {
                committed = now;
            }
            buried.then_some(())
        });
        assert!(held > 0, "the killed instance held partitions");
        self.settle("a kill");
        self.work("a kill");
        committed
    }

    /// Waits until the group is stable and all partitions are held, by each instance some.
    fn settle(&mut self, what: &str) {
        let count = self.running.len();
        wait_for(&format!("the group to settle after {what}"), LIMIT, || {
            self.running.iter_mut().for_each(|member| member.still_runs(what));
            let held: Vec<u64> = self.counts("partitions_assigned");
            let shared = held.iter().sum::<u64>() == PARTITIONS as u64 && held.iter().all(|held| *held > 0);
            // DescribeGroups does not know the groups of KIP-848.
            let (members, state) = self.job.members();
            (shared && (state == "Dead" || (members, &*state) == (count, "Stable"))).then_some(())
        });
    }

    /// Waits until each instance has written more, and checks that there is more to do.
    fn work(&mut self, what: &str) {
        let before = self.counts("records_produced_total");
        wait_for(&format!("each of {} instances to write after {what}", before.len()), LIMIT, || {
            let now = self.counts("records_produced_total");
            now.iter().zip(&before).all(|(now, before)| *now >= before + SHARE).then_some(())
        });
        let (written, total) = (self.job.written(), self.job.total());
        println!("{}: {written} of {total} after {what}, {before:?} by instance", self.job.source);
        assert!(written < total * 95 / 100, "{what} was over at {written} of {total} records: not under load");
    }

    /// All leave; one that is in a hurry runs to the end of the source.
    fn finish(mut self) {
        self.running.drain(..).for_each(Sidecar::terminate);
        self.job.finish_without(&[BUDGET], LIMIT);
    }

    fn counts(&self, metric: &str) -> Vec<u64> {
        self.running.iter().map(|member| member.metrics().map_or(0, |metrics| metrics.count(metric))).collect()
    }
}

impl Drop for Fleet<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.running.iter().for_each(|member| eprintln!("--- an instance's log:\n{}", member.log()));
        }
    }
}

fn held(member: &Sidecar) -> u64 {
    member.metrics().map_or(0, |metrics| metrics.count("partitions_assigned"))
}
