//! What is committed: never past a record that did not end, and again when a commit failed.

use super::stage::{LIMIT, Stage, ended, json};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

#[test]
fn a_commit_that_failed_is_sent_again() {
    let stage = Stage::new(2);
    let failing = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED; 2];
    stage.cluster.mock().request_errors(RDKafkaApiKey::OffsetCommit, &failing);
    stage.write_to(0, json(0..10));
    stage.write_to(1, json(0..20));
    let mut sidecar = stage.run();
    sidecar.wait_for("the commits", LIMIT, |metrics| {
        metrics.sum("commits_total", &[("result", "failed")]) >= 2.0 && metrics.sum("committed_offset", &[]) == 30.0
    });
    let metrics = sidecar.metrics().unwrap();
    assert_eq!(ended(&metrics), [30, 0, 0], "no record is read again for it");
    sidecar.terminate();
    assert_eq!(stage.committed(), [10, 20]);
}
