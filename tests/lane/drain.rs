//! The end: a first signal drains, a second one or the deadline cuts short.

use super::stage::{LIMIT, Stage, ended, json};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use std::time::Duration;

#[test]
fn a_signal_drains_and_commits() {
    for signal in ["TERM", "INT"] {
        let stage = Stage::new(1).raw("pipeline.p.commit_interval_ms", 600_000);
        stage.write(json(0..2_000));
        let mut sidecar = stage.run();
        sidecar.wait_for("first records", LIMIT, |metrics| ended(metrics)[0] > 0);
        sidecar.signal(signal);
        assert_eq!(sidecar.exit(LIMIT).0, Some(0), "{signal}: {}", sidecar.log());
        let written = stage.numbers(0);
        assert_eq!(stage.committed(), [i64::try_from(written.len()).unwrap()], "{signal}: what was written, no more");
        assert_eq!(written, Vec::from_iter(0..stage.committed()[0]), "{signal}");
    }
}

#[test]
fn a_drain_that_cannot_end_is_cut_short() {
    // Whether a second signal comes; the longest the end may take.
    for (again, most) in [(true, 2_000), (false, 6_000)] {
        let timeout = if again { 60_000 } else { 500 };
        let stage = Stage::new(1).raw("drain.timeout_ms", timeout);
        let mut sidecar = stage.run();
        stage.write(json(0..10));
        sidecar.wait_for("records", LIMIT, |metrics| metrics.sum("committed_offset", &[]) == 10.0);
        // The first answer is to the test's own write; after it the sink takes nothing for as long as this test lasts.
        let mut answers = vec![RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR];
        answers.resize(5_000, RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
        stage.cluster.mock().request_errors(RDKafkaApiKey::Produce, &answers);
        stage.write(json(10..20));
        sidecar.wait_for("records in flight", LIMIT, |metrics| metrics.count("records_in_flight") == 10);
        sidecar.signal("TERM");
        if again {
            crate::services::wait_for("the drain", LIMIT, || sidecar.log().contains("draining").then_some(()));
            sidecar.signal("TERM");
        }
        let (code, took) = sidecar.exit(LIMIT);
        eprintln!("second signal {again}: exit code {code:?} after {took:?}");
        assert!(took < Duration::from_millis(most), "took {took:?}: {}", sidecar.log());
        // What a drain's deadline exits with is not settled yet.
        if again {
            assert_eq!(code, Some(75), "{}", sidecar.log());
        } else {
            assert!(sidecar.log().contains("pipeline ended before it was drained"), "{}", sidecar.log());
        }
        assert_eq!(stage.committed(), [10], "nothing that did not end is committed");
    }
}
