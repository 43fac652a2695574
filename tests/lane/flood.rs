//! A flood of refusals: the schema or the config is wrong, and nothing more may be dead-lettered.

use super::stage::{LIMIT, Stage, ended, json};

#[test]
fn a_flood_stops_the_pipeline_and_keeps_its_membership() {
    let stage = Stage::new(2)
        .dead_letters()
        .raw("pipeline.p.refused.flood_window", 10)
        .raw("pipeline.p.refused.flood_share", 0.5);
    stage.write_to(0, json(0..20));
    let mut sidecar = stage.run();
    sidecar.wait_for("good records", LIMIT, |metrics| ended(metrics) == [20, 0, 0]);
    stage.write_to(0, ["no"; 100]);
    let metrics = sidecar.wait_for("the flood", LIMIT, |metrics| {
        metrics.has("pipeline_failed", &[("reason", "flood")]) && metrics.count("partitions_stopped") == 2
    });
    // Five are no flood, the sixth is and stays where it is.
    assert_eq!((ended(&metrics), metrics.count("records_abandoned_total")), ([20, 5, 0], 1));
    assert_eq!((sidecar.probe("live"), sidecar.probe("ready")), (Some(200), Some(503)));
    assert_eq!(metrics.count("partitions_assigned"), 2, "it stays a member");
    // Neither partition reads on.
    stage.write_to(1, json(0..20));
    let committed = |metrics: &crate::services::sidecar::Metrics| metrics.sum("committed_offset", &[]) as u64;
    let metrics = sidecar.wait_for("the commit", LIMIT, |metrics| committed(metrics) == 25);
    assert_eq!(metrics.count("records_consumed_total"), 26);
    assert_eq!(stage.read("dead").len(), 5);
    sidecar.terminate();
    assert_eq!(stage.committed(), [25, 0]);
}
