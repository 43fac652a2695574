//! What the broker answers to a produce request: passed over, stopped at, or a lane anew; never a loss.

use super::stage::{LIMIT, Stage, ended, json};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

#[test]
fn an_error_that_passes_is_not_seen() {
    use RDKafkaRespErr as Code;
    let passing = [
        Code::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        Code::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        Code::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        Code::RD_KAFKA_RESP_ERR__TRANSPORT,
    ];
    let stage = Stage::new(1);
    stage.write(json(0..500));
    stage.cluster.mock().request_errors(RDKafkaApiKey::Produce, &passing);
    let mut sidecar = stage.run();
    let metrics = sidecar.wait_for("all records", LIMIT, |metrics| ended(metrics) == [500, 0, 0]);
    assert_eq!((metrics.count("records_failed_total"), metrics.count("records_abandoned_total")), (0, 0));
    sidecar.terminate();
    assert_eq!(stage.numbers(0), Vec::from_iter(0..500), "each once, in order");
    assert_eq!(stage.committed(), [500]);
}

#[test]
fn an_error_that_stays_stops_the_partition_in_front_of_the_record() {
    use RDKafkaRespErr as Code;
    // The answer; the reason; how many records of the other partition come through meanwhile: librdkafka takes none at all
    // for a topic that it may not write to, until it has asked again.
    let cases = [
        (Code::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "message_too_large", 10),
        (Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "not_authorized", 0),
        (Code::RD_KAFKA_RESP_ERR_INVALID_RECORD, "invalid_record", 10),
    ];
    for (code, reason, other) in cases {
        let stage = Stage::new(2);
        let mut sidecar = stage.run();
        stage.write_to(0, json(0..10));
        sidecar.wait_for("good records", LIMIT, |metrics| ended(metrics) == [10, 0, 0]);
        // The first answer is to the test's own write.
        stage.cluster.mock().request_errors(RDKafkaApiKey::Produce, &[Code::RD_KAFKA_RESP_ERR_NO_ERROR, code]);
        stage.write_to(0, json(10..11));
        let stopped = [("reason", reason)];
        let metrics = sidecar.wait_for(reason, LIMIT, |metrics| metrics.sum("partitions_stopped", &stopped) == 1.0);
        assert_eq!(metrics.sum("records_failed_total", &[("stage", "produce"), ("reason", reason)]) as u64, 1);
        stage.write_to(0, json(11..20));
        stage.write_to(1, json(0..other));
        let through = u64::try_from(10 + other).unwrap();
        sidecar.wait_for("the other partition", LIMIT, |metrics| ended(metrics) == [through, 0, 0]);
        sidecar.terminate();
        assert_eq!(stage.committed(), [10, other], "{reason}");
        assert_eq!(stage.numbers(0), Vec::from_iter(0..10), "{reason}");
        // Whoever comes next reads on there.
        let mut sidecar = stage.run();
        sidecar.wait_for("the rest", LIMIT, |metrics| ended(metrics) == [10, 0, 0]);
        sidecar.terminate();
        assert_eq!(stage.numbers(0), Vec::from_iter(0..20), "{reason}");
    }
}

#[test]
fn a_fatal_state_of_the_producer_is_a_lane_anew() {
    use RDKafkaRespErr as Code;
    let fatal = [
        Code::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
        Code::RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID,
        Code::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
    ];
    for code in fatal {
        let stage = Stage::new(1);
        stage.write(json(0..300));
        stage.cluster.mock().request_errors(RDKafkaApiKey::Produce, &[code]);
        let mut sidecar = stage.run();
        sidecar.wait_for("all records", LIMIT, |metrics| {
            metrics.count("records_produced_total") >= 300 && metrics.count("records_in_flight") == 0
        });
        stage.write(json(300..310));
        sidecar.wait_for("more", LIMIT, |metrics| metrics.sum("committed_offset", &[]) == 310.0);
        sidecar.terminate();
        let mut numbers = stage.numbers(0);
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers, Vec::from_iter(0..310), "{code:?}: nothing is lost");
        assert_eq!(stage.committed(), [310], "{code:?}");
    }
}

#[test]
fn a_record_too_large_for_the_sink_is_refused_by_itself() {
    let schema = r#"{"type":"record","name":"R","fields":[{"name":"s","type":"string"}]}"#;
    let large = |length: usize| format!(r#"{{"s":"{}"}}"#, "x".repeat(length));
    // Length; dead-lettered, stopped: the dead letter, headers and all, fits or does not.
    for (dead_letters, length, ends, stopped) in
        [(true, 1_700, [2, 1, 0], 0), (true, 5_000, [1, 0, 0], 1), (false, 5_000, [1, 0, 0], 1)]
    {
        let mut stage = Stage::new(1).raw("kafka.main.\"message.max.bytes\"", 2_200);
        stage.registry.register("out-value", schema);
        if dead_letters {
            stage = stage.dead_letters();
        }
        stage.write([large(10), large(length), large(20)]);
        let mut sidecar = stage.run();
        let metrics = sidecar.wait_for("its end", LIMIT, |metrics| {
            ended(metrics) == ends && metrics.count("partitions_stopped") == stopped
        });
        let failed = [("stage", "produce"), ("reason", "message_too_large")];
        assert_eq!(metrics.sum("records_failed_total", &failed) as u64, 1, "{length} bytes");
        sidecar.terminate();
        assert_eq!(stage.committed(), [if stopped == 0 { 3 } else { 1 }], "{length} bytes");
        let letters = stage.read("dead");
        assert!(letters.iter().all(|letter| letter.value == Some(large(length).into_bytes())));
        assert_eq!(letters.len() as u64, ends[1]);
    }
}
