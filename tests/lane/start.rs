//! Where reading begins: `start` for the group's first start only, the committed offset ever after.

use super::stage::{LIMIT, Stage, ended, json};

#[test]
fn start_says_where_a_new_group_begins() {
    // Start; which of ten records that are there come out.
    for (start, from) in [("earliest", 0), ("latest", 10)] {
        let stage = Stage::new(1).set("pipeline.p.start", start);
        stage.write(json(0..10));
        let mut sidecar = stage.run();
        sidecar.wait_for("its partition", LIMIT, |metrics| metrics.count("partitions_assigned") == 1);
        stage.write(json(10..15));
        let expected = 15 - from;
        sidecar.wait_for("the records", LIMIT, |metrics| ended(metrics) == [expected, 0, 0]);
        sidecar.terminate();
        assert_eq!(stage.numbers(0), Vec::from_iter(i64::try_from(from).unwrap()..15), "{start}");
    }
}

#[test]
fn latest_is_remembered_over_a_restart_without_a_record() {
    let stage = Stage::new(2).set("pipeline.p.start", "latest");
    stage.write_to(0, json(0..10));
    let mut sidecar = stage.run();
    sidecar.wait_for("its partitions", LIMIT, |metrics| metrics.count("partitions_assigned") == 2);
    sidecar.terminate();
    assert_eq!(stage.committed(), [10, 0]);
    // Written while nobody reads: not to be skipped by a second `latest`.
    stage.write_to(0, json(10..15));
    let mut sidecar = stage.run();
    sidecar.wait_for("the records", LIMIT, |metrics| ended(metrics) == [5, 0, 0]);
    sidecar.terminate();
    assert_eq!(stage.numbers(0), Vec::from_iter(10..15));
}

#[test]
fn a_committed_offset_wins_over_start() {
    let stage = Stage::new(1);
    stage.write(json(0..10));
    let mut sidecar = stage.run();
    sidecar.wait_for("the records", LIMIT, |metrics| ended(metrics) == [10, 0, 0]);
    sidecar.terminate();
    stage.write(json(10..20));
    let stage = stage.set("pipeline.p.start", "latest");
    let mut sidecar = stage.run();
    sidecar.wait_for("the rest", LIMIT, |metrics| ended(metrics) == [10, 0, 0]);
    sidecar.terminate();
    assert_eq!(stage.numbers(0), Vec::from_iter(0..20));
}
