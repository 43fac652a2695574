//! Where a refused record ends: dead letter topic, nowhere, or its partition stops in front of it.

use super::stage::{LIMIT, Stage, TIME, ended, json, record};
use crate::services::topics::Record;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

const BAD: &str = r#"{"n":"no number"}"#;

/// Good, bad, good, bad bytes, good; three partitions.
fn mixture(stage: &Stage) {
    for partition in 0..3 {
        stage.write_to(partition, [r#"{"n":1}"#, BAD, r#"{"n":2}"#, "{", r#"{"n":3}"#]);
    }
}

#[test]
fn a_policy_says_where_refused_records_end() {
    // Policy; produced, dead-lettered, skipped; stopped partitions; committed.
    let cases = [("dead_letter", [9, 6, 0], 0, [5; 3]), ("skip", [9, 0, 6], 0, [5; 3]), ("stop", [3, 0, 0], 3, [1; 3])];
    for (policy, ends, stopped, committed) in cases {
        let stage = match policy {
            "dead_letter" => Stage::new(3).dead_letters(),
            policy => Stage::new(3).set("pipeline.p.refused.policy", policy),
        };
        mixture(&stage);
        let mut sidecar = stage.run();
        let metrics = sidecar.wait_for(policy, LIMIT, |metrics| {
            ended(metrics) == ends && metrics.count("partitions_stopped") == stopped
        });
        assert_eq!(metrics.sum("records_failed_total", &[("stage", "parse")]) as u64, if stopped == 0 { 3 } else { 0 });
        assert_eq!(metrics.count("partitions_assigned"), 3, "{policy}");
        assert_eq!((sidecar.probe("live"), sidecar.probe("ready")), (Some(200), Some(200)), "{policy}");
        sidecar.terminate();
        assert_eq!(stage.committed(), committed, "{policy}");
        let expected: &[i64] = if stopped == 0 { &[1, 2, 3] } else { &[1] };
        (0..3).for_each(|partition| assert_eq!(stage.numbers(partition), expected, "{policy}"));
    }
}

#[test]
fn a_dead_letter_is_the_record_and_where_it_came_from() {
    let stage = Stage::new(3).dead_letters();
    let own = vec![
        ("a".to_owned(), Some(b"1".to_vec())),
        ("a".to_owned(), None),
        ("__value_schema_id".to_owned(), Some(b"x".to_vec())),
    ];
    let bad = Record { key: Some(Vec::new()), headers: own.clone(), ..record(2, BAD.as_bytes()) };
    stage.cluster.produce("in", [&record(2, b"{\"n\":7}"), &bad]);
    let mut sidecar = stage.run();
    sidecar.wait_for("a dead letter", LIMIT, |metrics| ended(metrics) == [1, 1, 0]);
    sidecar.terminate();
    let letters = stage.read("dead");
    let [letter] = letters.as_slice() else { panic!("one dead letter: {letters:?}") };
    assert_eq!((&letter.key, &letter.value, letter.timestamp), (&bad.key, &bad.value, TIME));
    assert_eq!(letter.headers[..3], own, "its own headers, as they were");
    let expected = [
        ("json2avro.source.topic", "in"),
        ("json2avro.source.partition", "2"),
        ("json2avro.source.offset", "1"),
        ("json2avro.source.timestamp", "1700000000000"),
        ("json2avro.stage", "convert"),
        ("json2avro.path", "$.n"),
    ];
    for (name, value) in expected {
        assert_eq!(letter.header(name), Some(value), "{name}");
    }
    for name in ["json2avro.reason", "json2avro.message"] {
        assert!(letter.header(name).is_some_and(|text| !text.is_empty()), "{name}: {letter:?}");
    }
}

#[test]
fn a_dead_letter_that_cannot_be_delivered_stops_its_partition() {
    let stage = Stage::new(2).dead_letters();
    stage.write_to(0, [BAD]);
    // The only record, so the only produce request, is the dead letter.
    stage
        .cluster
        .mock()
        .request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 1]);
    let mut sidecar = stage.run();
    let metrics = sidecar.wait_for("a stopped partition", LIMIT, |metrics| metrics.count("partitions_stopped") == 1);
    assert_eq!(metrics.sum("records_failed_total", &[("stage", "dead_letter")]) as u64, 1);
    stage.write_to(1, json(0..10));
    sidecar.wait_for("the other partition", LIMIT, |metrics| ended(metrics) == [10, 0, 0]);
    sidecar.terminate();
    assert_eq!(stage.committed(), [0, 10]);
    assert_eq!(stage.read("dead"), []);
}
