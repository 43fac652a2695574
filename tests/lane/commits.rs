//! Commits: retried until they go through, never past a record that did not end.

use super::stage::{LIMIT, Stage, ended, json};
use crate::spawn::broker_down;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

#[test]
fn a_commit_that_fails_is_counted_and_made_again() {
    use RDKafkaRespErr as Code;
    let stage = Stage::new(2);
    let mut sidecar = stage.run();
    stage.write_to(0, json(0..20));
    sidecar.wait_for("a first commit", LIMIT, |metrics| metrics.sum("committed_offset", &[]) == 20.0);
    let failing = [Code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, Code::RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE];
    stage.cluster.mock().request_errors(RDKafkaApiKey::OffsetCommit, &failing);
    stage.write_to(1, json(0..30));
    let failed = [("result", "failed")];
    let metrics = sidecar.wait_for("the commit made again", LIMIT, |metrics| {
        metrics.sum("commits_total", &failed) >= 1.0 && metrics.sum("committed_offset", &[]) == 50.0
    });
    assert_eq!(ended(&metrics), [50, 0, 0], "nothing is written twice for it");
    sidecar.terminate();
    assert_eq!(stage.committed(), [20, 30]);
}

#[test]
fn nothing_is_committed_past_a_record_that_was_not_delivered() {
    let (stage, sink) = Stage::with_own_sink(1);
    let mut sidecar = stage.run();
    stage.write(json(0..10));
    sidecar.wait_for("a first commit", LIMIT, |metrics| metrics.sum("committed_offset", &[]) == 10.0);
    broker_down(&sink.mock(), -1);
    stage.write(json(10..500));
    let metrics = sidecar.wait_for("records in flight", LIMIT, |metrics| metrics.count("records_in_flight") == 490);
    assert_eq!(metrics.sum("committed_offset", &[]), 10.0);
    // Long enough for several commits, were one due.
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(stage.committed(), [10]);
    sink.mock().broker_up(-1).unwrap();
    sidecar.wait_for("all", LIMIT, |metrics| metrics.sum("committed_offset", &[]) == 500.0);
    sidecar.terminate();
    assert_eq!(sink.end_offsets("out"), [500]);
}
