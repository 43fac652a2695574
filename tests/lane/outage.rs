//! Brokers that are away, at the start and later: waited for, and nothing lost.

use super::stage::{LIMIT, Stage, avro, ended, json};
use crate::services::topics::Record;
use crate::spawn::broker_down;

#[test]
fn brokers_down_at_the_start_are_waited_for() {
    let stage = Stage::new(1);
    stage.write(json(0..10));
    broker_down(&stage.cluster.mock(), -1);
    let mut sidecar = stage.run();
    crate::services::wait_for("a word about it", LIMIT, || sidecar.log().contains("pipeline waits").then_some(()));
    assert_eq!((sidecar.probe("live"), sidecar.probe("ready")), (Some(200), Some(503)));
    stage.cluster.mock().broker_up(-1).unwrap();
    sidecar.wait_for("all records", LIMIT, |metrics| ended(metrics) == [10, 0, 0]);
    assert_eq!(sidecar.probe("ready"), Some(200));
    sidecar.terminate();
    assert_eq!(stage.numbers(0), Vec::from_iter(0..10));
}

#[test]
fn brokers_down_later_are_waited_for() {
    let (stage, sink) = Stage::with_own_sink(1);
    let mut sidecar = stage.run();
    for round in 1..=3 {
        let to = round * 100;
        sidecar.wait_for("its partition", LIMIT, |metrics| metrics.count("partitions_assigned") == 1);
        broker_down(&sink.mock(), -1);
        stage.write(json(to - 100..to));
        sidecar.wait_for("records in flight", LIMIT, |metrics| metrics.count("records_in_flight") == 100);
        assert_eq!((sidecar.probe("live"), sidecar.probe("ready")), (Some(200), Some(200)), "an outage elsewhere");
        sink.mock().broker_up(-1).unwrap();
        sidecar.wait_for("this round's records", LIMIT, |metrics| metrics.sum("committed_offset", &[]) == to as f64);
    }
    sidecar.terminate();
    let lying: Vec<Record> = sink.read_topic("out").concat();
    let expected: Vec<Vec<u8>> = (0..300).map(|number| avro(1, number)).collect();
    assert_eq!(lying.into_iter().map(|record| record.value.unwrap()).collect::<Vec<_>>(), expected, "once, in order");
}
