//! Brokers that are not there: at the start, and while it runs.

use super::stage::{LIMIT, Stage, ended, json};

#[test]
fn brokers_may_come_late_and_go_for_a_while() {
    let stage = Stage::new(2);
    stage.write_to(0, json(0..100));
    stage.cluster.mock().broker_down(-1).unwrap();
    let mut sidecar = stage.run();
    crate::services::wait_for("word of it", LIMIT, || sidecar.log().contains("pipeline waits").then_some(()));
    assert_eq!((sidecar.probe("live"), sidecar.probe("ready")), (Some(200), Some(503)));
    stage.cluster.mock().broker_up(-1).unwrap();
    sidecar.wait_for("records", LIMIT, |metrics| ended(metrics) == [100, 0, 0]);
    stage.cluster.mock().broker_down(-1).unwrap();
    crate::services::wait_for("the outage", LIMIT, || sidecar.log().contains("by peer").then_some(()));
    stage.cluster.mock().broker_up(-1).unwrap();
    stage.write_to(0, json(100..200));
    stage.write_to(1, json(0..100));
    sidecar.wait_for("the rest", LIMIT, |metrics| ended(metrics) == [300, 0, 0]);
    assert_eq!((sidecar.probe("live"), sidecar.probe("ready")), (Some(200), Some(200)));
    sidecar.terminate();
    assert_eq!(stage.numbers(0), Vec::from_iter(0..200));
    assert_eq!((stage.numbers(1), stage.committed()), (Vec::from_iter(0..100), vec![200, 100]));
}
