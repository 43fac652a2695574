//! 200,000 mixed records over four partitions: every offset accounted for.

use super::event::{Ending, MIXED};
use super::job::{Job, PARTITIONS};
use super::verify::Judge;
use crate::services::Services;
use crate::services::sidecar::Metrics;
use std::time::Duration;

#[test]
fn two_hundred_thousand_mixed_records() {
    let Some(services) = Services::turn() else { return };
    let job = Job::new(&services, "main-job", 50_000, MIXED);
    let mut sidecar = job.start();
    let metrics = sidecar.wait_for("all records and no lag", Duration::from_secs(120), |metrics| {
        metrics.count("records_produced_total") + metrics.count("records_dead_lettered_total") == job.total()
            && caught_up(metrics)
    });
    assert_eq!(sidecar.probe("ready"), Some(200));
    assert_eq!(sidecar.probe("live"), Some(200));
    sidecar.terminate();

    let judge = Judge::new(&job);
    judge.exactly_once(&job.read_sink());
    let reasons = judge.dead_letters(&services.read_topic(&job.dead_letter));
    assert_eq!(job.committed(), services.end_offsets(&job.source), "committed offsets and the source's end");
    counts(&job, &metrics);
    for (reason, count) in &reasons {
        let counted = metrics.sum("records_dead_lettered_total", &[("reason", reason.as_str())]);
        assert_eq!(counted, *count as f64, "dead letters for {reason}");
    }
    // Once each: the judge has seen that none is missing.
    assert_eq!(reasons.values().sum::<u64>(), metrics.count("records_dead_lettered_total"));
}

fn caught_up(metrics: &Metrics) -> bool {
    (0..PARTITIONS).all(|partition| {
        let partition = partition.to_string();
        let labels = [("partition", partition.as_str())];
        metrics.has("consumer_lag", &labels) && metrics.sum("consumer_lag", &labels) == 0.0
    })
}

/// The metrics against what was written.
fn counts(job: &Job<'_>, metrics: &Metrics) {
    let events = || job.events.iter().flatten();
    let count = |ending: fn(&Ending) -> bool| events().filter(|event| ending(&event.ending)).count() as u64;
    let tombstones = count(|ending| matches!(ending, Ending::Tombstone));
    let refused = count(|ending| matches!(ending, Ending::Refused(_)));
    for (metric, expected) in [
        ("records_consumed_total", job.total()),
        ("records_produced_total", job.total() - refused),
        ("records_dead_lettered_total", refused),
        ("records_failed_total", refused),
        ("records_skipped_total", 0),
        ("records_abandoned_total", 0),
        ("records_in_flight", 0),
        ("in_flight_bytes", 0),
        ("tombstones_total", tombstones),
        ("offsets_skipped_total", 0),
        ("partitions_assigned", job.events.len() as u64),
        ("partitions_stopped", 0),
        ("pipeline_failed", 0),
        ("schema_switches_total", 0),
        ("schema_info", 1),
        ("build_info", 1),
    ] {
        assert_eq!(metrics.count(metric), expected, "{metric}");
    }
    for (partition, events) in job.events.iter().enumerate() {
        let partition = partition.to_string();
        let labels = [("partition", partition.as_str())];
        assert_eq!(metrics.sum("end_offset", &labels), events.len() as f64, "end offset of {partition}");
    }
    for metric in ["bytes_consumed_total", "bytes_produced_total", "commits_total", "registry_requests_total"] {
        assert!(metrics.count(metric) > 0, "{metric}");
    }
}
