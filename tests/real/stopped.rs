//! Policy `stop`: one partition stands in front of its bad record, the others go on, the group keeps its member.

use super::event::{CLEAN, Ending, Flaw};
use super::job::{Job, PARTITIONS};
use super::verify::Judge;
use crate::services::Services;
use crate::services::sidecar::Metrics;
use crate::services::topics::Record;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const EACH: i64 = 2_000;

#[test]
fn a_bad_record_stops_its_partition_only() {
    let Some(services) = Services::turn() else { return };
    let mut job = Job::new(&services, "stopped", EACH, CLEAN)
        .set("pipeline.main.refused.policy", "\"stop\"")
        .unset("pipeline.main.refused.dead_letter_topic")
        .set("pipeline.main.commit_interval_ms", "200");
    // At the end of partition 2, and behind it one that is good.
    let stopped = 2;
    let bad = Record {
        offset: EACH,
        partition: stopped,
        value: Some(b"{".to_vec()),
        key: None,
        headers: vec![],
        timestamp: 1,
    };
    let good = Record { value: None, key: Some(b"after".to_vec()), offset: EACH + 1, ..bad.clone() };
    services.produce(&job.source, [&bad, &good]);

    let mut sidecar = job.start();
    let all_but = |metrics: &Metrics| {
        metrics.count("records_produced_total") == job.total()
            && metrics.count("partitions_stopped") == 1
            && metrics.sum("committed_offset", &[]) == job.total() as f64
    };
    let metrics = sidecar.wait_for("all records but those of the stopped partition", LIMIT, all_but);
    assert_eq!(metrics.count("partitions_assigned"), 4, "a stopped partition stays assigned");
    sidecar.wait_for("the lag of the stopped partition", LIMIT, |metrics| {
        metrics.sum("consumer_lag", &[("partition", "2")]) == 2.0 && metrics.sum("consumer_lag", &[]) == 2.0
    });
    assert_eq!(sidecar.probe("live"), Some(200));

    // A second member takes partitions over, the stopped one perhaps: it stays stopped, and goes nowhere twice.
    let mut second = job.start();
    second.wait_for("its share of the partitions", LIMIT, |metrics| metrics.count("partitions_assigned") == 2);
    sidecar.wait_for("the rest of the partitions", LIMIT, |metrics| metrics.count("partitions_assigned") == 2);
    crate::services::wait_for("one stopped partition in the group", LIMIT, || {
        sidecar.still_runs("first member");
        second.still_runs("second member");
        let stopped = |metrics: Option<Metrics>| metrics.map(|metrics| metrics.count("partitions_stopped"));
        (stopped(sidecar.metrics())? + stopped(second.metrics())? == 1).then_some(())
    });
    assert_eq!(services.group(&job.group), (2, "Stable".into()));
    sidecar.terminate();
    second.terminate();

    assert_eq!(job.committed(), [EACH; PARTITIONS as usize], "committed in front of the bad record");
    let refused = super::event::Event { record: bad, ending: Ending::Refused(Flaw::Malformed) };
    job.events[2].push(refused);
    Judge::new(&job).exactly_once(&job.read_sink());
}
