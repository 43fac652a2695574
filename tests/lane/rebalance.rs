//! Partitions that go before their records have ended: at a deadline where they cannot be drained, at once where they are
//! lost. Nothing is committed for what did not end, and nothing at all for what was lost.

use super::stage::{LIMIT, Stage, avro, ended, json};
use crate::services::sidecar::Sidecar;
use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Code};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// What a revocation may take.
const DEADLINE: Duration = Duration::from_secs(20);
/// Until the mock's group has settled: its rebalances last for a session, and a member that is gone for another one.
const SETTLED: Duration = Duration::from_secs(60);

#[test]
fn what_cannot_be_drained_is_let_go_at_the_deadline_and_read_again() {
    let (stage, sink) = Stage::with_own_sink(2);
    // Nobody who lives is given up on a busy machine.
    let stage = stage.raw("kafka.main.\"session.timeout.ms\"", 10_000);
    (0..2).for_each(|partition| stage.write_to(partition, json(0..100)));
    let mut first = stage.run();
    first.wait_for("a first commit", LIMIT, |metrics| metrics.sum("committed_offset", &[]) == 200.0);
    // The sink's brokers answer, and take nothing.
    sink.mock().request_errors(Api::Produce, &[Code::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS; 10_000]);
    (0..2).for_each(|partition| stage.write_to(partition, json(100..150)));
    first.wait_for("records in flight", LIMIT, |metrics| metrics.count("records_in_flight") == 100);
    let began = Instant::now();
    let mut second = stage.run();
    let wait = DEADLINE + SETTLED;
    second.wait_for("its share of the partitions", wait, |metrics| metrics.count("partitions_assigned") > 0);
    assert!(began.elapsed() >= DEADLINE, "given away after {:?}, with records in flight", began.elapsed());
    first.wait_for("what it gives up", LIMIT, |metrics| metrics.count("records_abandoned_total") >= 50);
    assert_eq!(stage.committed(), [100, 100]);
    sink.mock().clear_request_errors(Api::Produce);
    crate::services::wait_for("the rest", SETTLED, || {
        first.still_runs("the rest");
        second.still_runs("the rest");
        (stage.committed() == [150, 150]).then_some(())
    });
    // The mock gives a member up that is a second late in a rebalance. What that one had not committed comes twice.
    // It learns of it at its next heartbeat or, sooner, at its next commit.
    let given_up = |member: &Sidecar| member.said(&["partitions lost"]) || member.said(&["UnknownMemberId"]);
    let given_up = given_up(&first) || given_up(&second);
    let logs = format!("{}\n---\n{}", first.log(), second.log());
    second.terminate();
    first.terminate();
    let expected: Vec<Vec<u8>> = (0..150).map(|number| avro(1, number)).collect();
    for partition in sink.read_topic("out") {
        let mut values: Vec<_> = partition.into_iter().map(|record| record.value.unwrap()).collect();
        if given_up {
            let mut seen = BTreeSet::new();
            values.retain(|value| seen.insert(value.clone()));
        }
        assert_eq!(values, expected, "in order, and once where nobody was given up:\n{logs}");
    }
}

#[test]
fn nothing_is_committed_for_partitions_that_were_lost() {
    let stage = Stage::new(1).raw("pipeline.p.commit_interval_ms", 600_000);
    stage.write(json(0..10));
    let mut sidecar = stage.run();
    sidecar.wait_for("all records", LIMIT, |metrics| ended(metrics) == [10, 0, 0]);
    assert_eq!(stage.committed(), [0], "the interval is ten minutes");
    expelled(&stage);
    let metrics = sidecar.wait_for("all records again", SETTLED, |metrics| ended(metrics) == [20, 0, 0]);
    assert!(sidecar.said(&["partitions lost"]), "{}", sidecar.log());
    assert_eq!((metrics.sum("commits_total", &[]), stage.committed()), (0.0, vec![0]));
    sidecar.terminate();
    assert_eq!(stage.committed(), [10]);
    assert_eq!(stage.numbers(0), (0..10).chain(0..10).collect::<Vec<_>>());
}

#[test]
fn a_transaction_is_taken_back_whose_partitions_were_lost() {
    let stage = Stage::new(1).exactly_once().raw("pipeline.p.transaction.cut_ms", 15_000);
    let mut sidecar = stage.run();
    sidecar.wait_for("its partition", LIMIT, |metrics| metrics.count("partitions_assigned") == 1);
    // Before the transaction is cut.
    stage.write(json(0..10));
    sidecar.wait_for("an open transaction", LIMIT, |metrics| metrics.count("records_in_flight") == 10);
    expelled(&stage);
    let metrics = sidecar.wait_for("the records again", SETTLED, |metrics| {
        metrics.count("records_abandoned_total") == 10 && metrics.count("records_consumed_total") == 20
    });
    assert!(sidecar.said(&["partitions lost"]), "{}", sidecar.log());
    assert_eq!(metrics.sum("transactions_aborted_total", &[("reason", "lost")]), 1.0);
    sidecar.wait_for("the commit", SETTLED, |metrics| ended(metrics) == [10, 0, 0]);
    sidecar.terminate();
}

/// The group has given the member up: its session had expired, say.
fn expelled(stage: &Stage) {
    stage.cluster.mock().request_errors(Api::Heartbeat, &[Code::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID]);
}
