//! Several lanes in one process: they share the partitions, add up in the metrics, die alone and drain together.

use super::stage::{LIMIT, Stage, ended, json};
use crate::services::sidecar::{Metrics, Sidecar};
use crate::services::wait_for;
use crate::spawn::broker_down;
use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Code};
use std::time::Duration;

/// Two lanes over four partitions, each of which has two of them.
fn two(stage: Stage) -> (Stage, Sidecar) {
    // The mock's rebalances last for a session, less a second.
    let stage = stage.raw("pipeline.p.lanes", 2).raw("kafka.main.\"session.timeout.ms\"", 3000);
    let mut sidecar = stage.run();
    shared(&mut sidecar);
    (stage, sidecar)
}

fn shared(sidecar: &mut Sidecar) {
    wait_for("both lanes to have partitions", LIMIT, || {
        sidecar.still_runs("sharing");
        let has = |lane: &str| sidecar.said(&["partitions", lane, "held=2"]);
        (has("lane=0") && has("lane=1")).then_some(())
    });
    sidecar.wait_for("all partitions", LIMIT, |metrics| metrics.count("partitions_assigned") == 4);
}

fn write_all(stage: &Stage, numbers: std::ops::Range<i64>) {
    (0..4).for_each(|partition| stage.write_to(partition, json(numbers.clone())));
}

#[test]
fn they_share_the_partitions_and_are_shown_as_one() {
    for exactly_once in [false, true] {
        let stage = Stage::new(4).dead_letters();
        let (stage, mut sidecar) = two(if exactly_once { stage.exactly_once() } else { stage });
        write_all(&stage, 0..300);
        stage.write_to(3, ["no"]);
        let metrics = sidecar.wait_for("all records", LIMIT, |metrics| {
            ended(metrics) == [1200, 1, 0] && metrics.sum("committed_offset", &[]) == 1201.0
        });
        let zero = ["records_in_flight", "in_flight_bytes", "records_abandoned_total", "consumer_lag"];
        assert_eq!(zero.map(|name| metrics.count(name)), [0; 4], "exactly once: {exactly_once}");
        assert_eq!(sidecar.probe("ready"), Some(200));
        sidecar.terminate();
        for partition in 0..4 {
            assert_eq!(stage.numbers(partition), Vec::from_iter(0..300), "exactly once: {exactly_once}");
        }
        if !exactly_once {
            assert_eq!(stage.committed(), [300, 300, 300, 301]);
        }
    }
}

#[test]
fn one_that_dies_is_started_anew_and_the_other_goes_on() {
    let (stage, mut sidecar) = two(Stage::new(4));
    write_all(&stage, 0..50);
    sidecar.wait_for("all records", LIMIT, |metrics| ended(metrics) == [200, 0, 0]);
    // The first answer is to the test's own write.
    let errors = [Code::RD_KAFKA_RESP_ERR_NO_ERROR, Code::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER];
    stage.cluster.mock().request_errors(Api::Produce, &errors);
    stage.write_to(0, json(50..51));
    wait_for("a lane to end", LIMIT, || sidecar.said(&["lane ended", "producer_fatal", "lane="]).then_some(()));
    (0..4).for_each(|partition| stage.write_to(partition, json(if partition == 0 { 51..100 } else { 50..100 })));
    sidecar.wait_for("the rest", LIMIT, |metrics| {
        metrics.sum("committed_offset", &[]) == 400.0 && metrics.count("partitions_assigned") == 4
    });
    assert_eq!(sidecar.probe("ready"), Some(200), "a rebalance is all that comes of it");
    assert!(!sidecar.said(&["pipeline waits"]) && !sidecar.said(&["pipeline failed"]), "{}", sidecar.log());
    sidecar.terminate();
    for partition in 0..4 {
        let mut numbers = stage.numbers(partition);
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers, Vec::from_iter(0..100), "nothing is lost");
    }
}

#[test]
fn one_that_cannot_go_on_ends_the_pipeline_and_the_other_drains() {
    let (stage, mut sidecar) = two(Stage::new(4).exactly_once());
    stage.cluster.mock().request_errors(Api::EndTxn, &[Code::RD_KAFKA_RESP_ERR_PRODUCER_FENCED]);
    stage.write_to(0, json(0..10));
    let (exit, _) = sidecar.exit(LIMIT);
    assert_eq!(exit, Some(64), "{}", sidecar.log());
    for words in
        [["lane failed, the others drain", "fenced"], ["pipeline drained", "lane="], ["pipeline failed", "fenced"]]
    {
        assert!(sidecar.said(&words), "{words:?}: {}", sidecar.log());
    }
}

#[test]
fn one_without_a_partition_is_ready_and_told_of() {
    let stage = Stage::new(1).raw("pipeline.p.lanes", 3);
    stage.write(json(0..10));
    let mut sidecar = stage.run();
    wait_for("all lanes to be ready", LIMIT, || (sidecar.probe("ready") == Some(200)).then_some(()));
    assert!(sidecar.said(&["more lanes than source partitions", "lanes=3", "partitions=1"]), "{}", sidecar.log());
    sidecar.wait_for("the records", LIMIT, |metrics| ended(metrics) == [10, 0, 0]);
    sidecar.terminate();
}

#[test]
fn all_have_one_deadline_to_drain() {
    let (stage, sink) = Stage::with_own_sink(4);
    let (stage, mut sidecar) = two(stage.raw("drain.timeout_ms", 1000));
    broker_down(&sink.mock(), -1);
    write_all(&stage, 0..100);
    sidecar.wait_for("records in flight", LIMIT, |metrics| metrics.count("records_in_flight") == 400);
    sidecar.signal("TERM");
    let (code, took) = sidecar.exit(LIMIT);
    assert_eq!(code, Some(69), "{}", sidecar.log());
    assert!(took < Duration::from_secs(8), "{took:?}: {}", sidecar.log());
    assert_eq!(stage.committed(), [0; 4]);
    sink.mock().broker_up(-1).unwrap();
    let mut sidecar = stage.run();
    sidecar.wait_for("all of it", LIMIT, |metrics| ended(metrics) == [400, 0, 0]);
    sidecar.terminate();
}

/// What may be in flight is the pipeline's figure, however many lanes there are.
#[test]
fn memory_in_flight_does_not_grow_with_them() {
    let (stage, sink) = Stage::with_own_sink(4);
    let (stage, mut sidecar) = two(stage.raw("pipeline.p.in_flight_bytes", 65536));
    write_all(&stage, 0..1);
    sidecar.wait_for("a first commit", LIMIT, |metrics| metrics.sum("committed_offset", &[]) == 4.0);
    broker_down(&sink.mock(), -1);
    write_all(&stage, 1..501);
    // 256 bytes of bookkeeping and 6 or 7 of value for each record: 249 or so in all, of 2,000.
    let held = |metrics: &Metrics| metrics.count("records_in_flight");
    sidecar.wait_for("the budget to be full", LIMIT, |metrics| held(metrics) >= 248);
    // Asked for every five seconds: long enough for lanes with a larger budget to read on.
    let metrics = sidecar.wait_for("the ends", LIMIT, |metrics| metrics.sum("end_offset", &[]) == 2004.0);
    assert!(held(&metrics) <= 256, "{} records in flight", held(&metrics));
    sink.mock().broker_up(-1).unwrap();
    sidecar.wait_for("all records", LIMIT, |metrics| ended(metrics) == [2004, 0, 0]);
    sidecar.terminate();
}
