//! Static membership (KIP-345) on real Kafka: a process that ends and comes back finds its partitions again, and nobody
//! else has to stop; two processes with one name do not both go on.

use super::event::MIXED;
use super::job::{Job, PARTITIONS};
use super::verify::Judge;
use crate::services::sidecar::Sidecar;
use crate::services::{Services, wait_for};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(90);
const EACH: i64 = 6_000;
/// Few bytes in flight are few records for each round trip of 20 ms.
const BUDGET: &str = "pipeline.main.in_flight_bytes";

#[test]
fn a_restart_moves_no_partitions() {
    for exactly_once in [false, true] {
        let Some(services) = Services::turn() else { return };
        let job = job(&services, if exactly_once { "static-exactly" } else { "static" }, exactly_once);
        let mut comes_back = job.start_static("a");
        let mut stays = job.start_static("b");
        shared(&[&comes_back, &stays]);
        // The last word of a rebalance, which may come after the partitions, is over by then.
        works(&mut comes_back);
        works(&mut stays);
        let rebalances = count(&stays, "rebalances_total");
        for restart in 1..=2 {
            works(&mut comes_back);
            let held = count(&comes_back, "partitions_assigned");
            comes_back.terminate();
            assert_eq!(job.members(), (2, "Stable".to_owned()), "restart {restart}: it is still a member");
            comes_back = job.start_static("a");
            comes_back.wait_for("its partitions", LIMIT, |metrics| metrics.count("partitions_assigned") == held);
        }
        works(&mut comes_back);
        works(&mut stays);
        assert_eq!(count(&stays, "rebalances_total"), rebalances, "the other one had to stop");
        let written = job.written();
        assert!(written < job.total() * 95 / 100, "it was over at {written}: not under load");
        comes_back.terminate();
        stays.terminate();
        // Both again, in a hurry: another one would have to wait until these are given up.
        let job = job.unset(BUDGET);
        let last = ["a", "b"].map(|instance| job.start_static(instance));
        job.await_end(LIMIT);
        last.into_iter().for_each(Sidecar::terminate);
        Judge::new(&job).all_once(&job.read_sink(), &services.read_topic(&job.dead_letter));
    }
}

#[test]
fn of_two_with_one_name_the_first_ends_and_says_why() {
    let Some(services) = Services::turn() else { return };
    let job = job(&services, "static-twice", false);
    let mut first = job.start_static("a");
    works(&mut first);
    let mut second = job.start_static("a");
    let (code, _) = first.exit(LIMIT);
    assert_eq!(code, Some(64), "{}", first.log());
    assert!(first.log().contains("another process has the same group_instance_id"), "{}", first.log());
    works(&mut second);
    second.terminate();
}

fn job<'a>(services: &'a Services, name: &str, exactly_once: bool) -> Job<'a> {
    let job = Job::new(services, name, EACH, MIXED)
        .positioned()
        .set("pipeline.main.commit_interval_ms", "300")
        .set(BUDGET, "2048")
        // Nobody is given up on a busy machine while it restarts.
        .set("kafka.main.\"session.timeout.ms\"", "20000")
        .set("kafka.main.\"linger.ms\"", "20");
    if exactly_once { job.exactly_once() } else { job }
}

fn count(process: &Sidecar, metric: &str) -> u64 {
    process.metrics().map_or(0, |metrics| metrics.count(metric))
}

fn shared(processes: &[&Sidecar]) {
    wait_for("the partitions to be shared", LIMIT, || {
        let held: Vec<u64> = processes.iter().map(|process| count(process, "partitions_assigned")).collect();
        (held.iter().sum::<u64>() == PARTITIONS as u64 && held.iter().all(|held| *held > 0)).then_some(())
    });
}

fn works(process: &mut Sidecar) {
    let goal = count(process, "records_produced_total") + 50;
    process.wait_for("more records", LIMIT, |metrics| metrics.count("records_produced_total") >= goal);
}
