//! Exactly-once on the mock, which makes brokers fail at will: aborts, fencing, outcomes that nobody knows.
//!
//! The mock keeps what was aborted and no offsets of transactions, so here each record comes out at least once, in order
//! but for repetitions; `real` proves that it comes out once.

use super::stage::{LIMIT, SCHEMA, Stage, ended, json};
use crate::services::sidecar::Metrics;
use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Code};
use std::time::{Duration, Instant};

fn aborted(metrics: &Metrics, reason: &str) -> u64 {
    metrics.sum("transactions_aborted_total", &[("reason", reason)]) as u64
}

/// Each number at least once, each first in order.
fn all_there(stage: &Stage, until: i64) {
    let mut next = 0;
    for number in stage.numbers(0) {
        assert!(number <= next, "{number} came before {next}");
        next = next.max(number + 1);
    }
    assert_eq!(next, until, "lost at the end");
}

#[test]
fn records_and_dead_letters_are_committed_together() {
    let stage = Stage::new(2).dead_letters().exactly_once();
    stage.write_to(0, json(0..500));
    stage.write_to(1, json(0..50));
    stage.write_to(1, ["no"]);
    let mut sidecar = stage.run();
    // A partition's committed offset is shown with its end, and the end is asked for beside the lane's work.
    let metrics = sidecar.wait_for("all records", LIMIT, |metrics| {
        ended(metrics) == [550, 1, 0] && metrics.sum("committed_offset", &[]) == 551.0
    });
    assert!(metrics.count("transactions_committed_total") >= 1);
    assert_eq!(metrics.sum("transactions_aborted_total", &[]), 0.0);
    sidecar.terminate();
    assert_eq!((stage.numbers(0), stage.numbers(1)), (Vec::from_iter(0..500), Vec::from_iter(0..50)));
    assert_eq!(stage.read("dead").len(), 1);
}

#[test]
fn a_transaction_of_many_records_is_cut_where_the_config_says() {
    // Key, value; at least so many transactions for 200 records of 6 or 7 bytes.
    for (key, value, least) in [("cut_records", 10, 20), ("cut_bytes", 1024, 1), ("cut_ms", 10, 1)] {
        let stage = Stage::new(1).exactly_once().raw("pipeline.p.transaction.cut_ms", 15_000);
        let stage = stage.raw(&format!("pipeline.p.transaction.{key}"), value);
        stage.write(json(0..200));
        let mut sidecar = stage.run();
        sidecar.wait_for("all records, committed or not", LIMIT, |metrics| {
            let read = ended(metrics)[0] + metrics.count("records_in_flight");
            read == 200 && metrics.count("transactions_committed_total") >= least
        });
        // The rest is not due for long: the drain commits it.
        sidecar.terminate();
        assert_eq!(stage.numbers(0), Vec::from_iter(0..200), "{key}");
    }
}

#[test]
fn what_is_refused_at_the_commit_is_taken_back_and_written_again() {
    let cases = [
        (Api::TxnOffsetCommit, Code::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION),
        (Api::TxnOffsetCommit, Code::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID),
        (Api::TxnOffsetCommit, Code::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS),
    ];
    for (api, code) in cases {
        let stage = Stage::new(1).exactly_once();
        stage.write(json(0..300));
        stage.cluster.mock().request_errors(api, &[code]);
        let mut sidecar = stage.run();
        let metrics = sidecar.wait_for("all records", LIMIT, |metrics| ended(metrics) == [300, 0, 0]);
        assert_eq!(aborted(&metrics, "not_committed"), 1, "{code:?}");
        assert!(metrics.count("records_abandoned_total") > 0, "{code:?}");
        sidecar.terminate();
        all_there(&stage, 300);
    }
}

#[test]
fn an_error_that_passes_is_waited_for_within_the_call() {
    let stage = Stage::new(1).exactly_once();
    stage.write(json(0..300));
    stage.cluster.mock().request_errors(Api::EndTxn, &[Code::RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS; 2]);
    stage.cluster.mock().request_errors(Api::InitProducerId, &[Code::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE]);
    let mut sidecar = stage.run();
    let metrics = sidecar.wait_for("all records", LIMIT, |metrics| ended(metrics) == [300, 0, 0]);
    assert_eq!(metrics.sum("transactions_aborted_total", &[]), 0.0);
    sidecar.terminate();
    assert_eq!(stage.numbers(0), Vec::from_iter(0..300));
}

#[test]
fn an_outcome_that_nobody_knows_is_asked_for_by_a_new_producer() {
    let stage = Stage::new(1).exactly_once();
    stage.write(json(0..300));
    stage.cluster.mock().request_errors(Api::EndTxn, &[Code::RD_KAFKA_RESP_ERR_INVALID_TXN_STATE]);
    let mut sidecar = stage.run();
    let metrics = sidecar.wait_for("all records", LIMIT, |metrics| ended(metrics) == [300, 0, 0]);
    assert_eq!(aborted(&metrics, "outcome_unknown"), 1);
    stage.write(json(300..310));
    sidecar.wait_for("more", LIMIT, |metrics| ended(metrics) == [310, 0, 0]);
    sidecar.terminate();
    all_there(&stage, 310);
}

#[test]
fn a_call_that_never_comes_back_is_left_behind() {
    let stage = Stage::new(1).exactly_once();
    stage.write(json(0..10));
    let mut sidecar = stage.run();
    sidecar.wait_for("the first records", LIMIT, |metrics| ended(metrics) == [10, 0, 0]);
    let mut rounds = 1;
    // Another query of librdkafka's may meet the second error, just after the start: then nothing hangs, and it is sent again.
    while sidecar.metrics().is_none_or(|metrics| aborted(&metrics, "outcome_unknown") == 0) {
        assert!(rounds < 10, "nothing hangs: {}", sidecar.log());
        // The group's coordinator moved, and who is asked where to does not know yet: librdkafka does not ask again.
        for api in [Api::TxnOffsetCommit, Api::FindCoordinator] {
            stage.cluster.mock().request_errors(api, &[Code::RD_KAFKA_RESP_ERR_NOT_COORDINATOR]);
        }
        stage.write(json(rounds * 10..(rounds + 1) * 10));
        rounds += 1;
        let all = rounds.unsigned_abs() * 10;
        sidecar.wait_for("all records", LIMIT, |metrics| ended(metrics) == [all, 0, 0]);
    }
    assert!(sidecar.log().contains("did not come back"), "{}", sidecar.log());
    sidecar.terminate();
    all_there(&stage, rounds * 10);
}

#[test]
fn a_rival_ends_the_lane_with_words_and_an_exit_code() {
    for (api, code) in [
        (Api::EndTxn, Code::RD_KAFKA_RESP_ERR_PRODUCER_FENCED),
        (Api::EndTxn, Code::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH),
        (Api::AddOffsetsToTxn, Code::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH),
    ] {
        let stage = Stage::new(1).exactly_once();
        stage.write(json(0..300));
        stage.cluster.mock().request_errors(api, &[code]);
        let mut sidecar = stage.run();
        let (exit, _) = sidecar.exit(LIMIT);
        assert_eq!(exit, Some(64), "{api:?} {code:?}: {}", sidecar.log());
        assert!(sidecar.log().contains("transaction.instance"), "{}", sidecar.log());
    }
}

#[test]
fn a_refusal_that_does_not_come_again_condemns_no_record() {
    let stage = Stage::new(1).dead_letters().exactly_once();
    let mut sidecar = stage.run();
    stage.write(json(0..10));
    sidecar.wait_for("good records", LIMIT, |metrics| ended(metrics) == [10, 0, 0]);
    // The first answer is to the test's own write.
    let errors = [Code::RD_KAFKA_RESP_ERR_NO_ERROR, Code::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE];
    stage.cluster.mock().request_errors(Api::Produce, &errors);
    stage.write(json(10..200));
    let metrics = sidecar.wait_for("all records", LIMIT, |metrics| ended(metrics) == [200, 0, 0]);
    assert_eq!(aborted(&metrics, "record_refused"), 1);
    sidecar.terminate();
    all_there(&stage, 200);
    assert_eq!(stage.read("dead").len(), 0);
}

#[test]
fn what_only_a_person_mends_stops_the_partition_in_front_of_it() {
    let stage = Stage::new(1).exactly_once();
    let mut sidecar = stage.run();
    stage.write(json(0..10));
    sidecar.wait_for("good records", LIMIT, |metrics| ended(metrics) == [10, 0, 0]);
    let errors = [Code::RD_KAFKA_RESP_ERR_NO_ERROR, Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED];
    stage.cluster.mock().request_errors(Api::Produce, &errors);
    stage.write(json(10..20));
    let stopped = [("reason", "not_authorized")];
    let metrics = sidecar.wait_for("the stop", LIMIT, |metrics| metrics.sum("partitions_stopped", &stopped) == 1.0);
    assert_eq!(ended(&metrics), [10, 0, 0]);
    sidecar.terminate();
}

#[test]
fn a_policy_that_stops_does_so_inside_a_transaction() {
    let stage = Stage::new(2).exactly_once();
    stage.write_to(0, json(0..10));
    stage.write_to(0, ["no"]);
    stage.write_to(0, json(10..20));
    // Taken back once, so that the stop has to be reached again.
    stage.cluster.mock().request_errors(Api::TxnOffsetCommit, &[Code::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION]);
    let mut sidecar = stage.run();
    let metrics = sidecar.wait_for("the stop", LIMIT, |metrics| {
        metrics.sum("partitions_stopped", &[]) == 1.0 && ended(metrics) == [10, 0, 0]
    });
    assert_eq!(aborted(&metrics, "not_committed"), 1);
    stage.write_to(1, json(0..5));
    sidecar.wait_for("the other partition", LIMIT, |metrics| ended(metrics) == [15, 0, 0]);
    sidecar.terminate();
    all_there(&stage, 10);
}

#[test]
fn a_transaction_that_cannot_be_drained_is_given_up_at_the_deadline() {
    // Nobody who lives is given up on a busy machine.
    let stage = Stage::new(2).exactly_once().raw("kafka.main.\"session.timeout.ms\"", 10_000);
    // Nor does the transaction end by itself before that.
    let stage = stage.raw("pipeline.p.transaction.timeout_ms", 120_000);
    let mut first = stage.run();
    stage.write(json(0..100));
    first.wait_for("the first records", LIMIT, |metrics| ended(metrics) == [100, 0, 0]);
    // The first answer is to the test's own write; then the brokers answer, and take nothing.
    let none = [Code::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS; 10_000];
    stage.cluster.mock().request_errors(Api::Produce, &[&[Code::RD_KAFKA_RESP_ERR_NO_ERROR][..], &none].concat());
    stage.write(json(100..150));
    first.wait_for("records in flight", LIMIT, |metrics| metrics.count("records_in_flight") == 50);
    let (began, deadline) = (Instant::now(), Duration::from_secs(20));
    let stage = stage.set("pipeline.p.transaction.instance", "there");
    let mut second = stage.run();
    // The mock's group takes a session and more to settle.
    second.wait_for("its share", 4 * LIMIT, |metrics| metrics.count("partitions_assigned") > 0);
    assert!(began.elapsed() >= deadline, "given away after {:?}, with a transaction open", began.elapsed());
    stage.cluster.mock().clear_request_errors(Api::Produce);
    crate::services::wait_for("the rest", 4 * LIMIT, || {
        first.still_runs("the rest");
        second.still_runs("the rest");
        (stage.numbers(0).last() == Some(&149)).then_some(())
    });
    first.terminate();
    second.terminate();
    all_there(&stage, 150);
}

#[test]
fn what_no_transaction_spans_is_refused_at_start() {
    let (stage, _sink) = Stage::with_own_sink(1);
    let stage = stage.exactly_once();
    let mut sidecar = stage.run();
    let (exit, _) = sidecar.exit(LIMIT);
    assert_eq!(exit, Some(64), "{}", sidecar.log());
    assert!(sidecar.said(&["two clusters", "kafka.main", "kafka.other"]), "{}", sidecar.log());
    // Two names for one cluster are none.
    let stage = Stage::new(1).exactly_once();
    let address = format!("localhost:{}", stage.cluster.bootstrap().rsplit(':').next().unwrap());
    let stage = stage
        .set("kafka.other.\"bootstrap.servers\"", &address)
        .set("pipeline.p.source.kafka", "main")
        .set("pipeline.p.sink.kafka", "other");
    stage.registry.register("out-value", SCHEMA);
    stage.write(json(0..10));
    let mut sidecar = stage.run();
    sidecar.wait_for("all records", LIMIT, |metrics| ended(metrics) == [10, 0, 0]);
    sidecar.terminate();
}
