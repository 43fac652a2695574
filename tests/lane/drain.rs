//! The end: SIGTERM and SIGINT drain, commit and leave; a second signal or the deadline ends it anyway.

use super::stage::{LIMIT, Stage, ended, json};
use crate::spawn::broker_down;
use std::time::Duration;

#[test]
fn a_signal_drains_commits_and_leaves() {
    for signal in ["TERM", "INT"] {
        let stage = Stage::new(2).raw("pipeline.p.commit_interval_ms", 600_000);
        stage.write_to(0, json(0..100));
        stage.write_to(1, json(0..50));
        let mut sidecar = stage.run();
        sidecar.wait_for("all records", LIMIT, |metrics| ended(metrics) == [150, 0, 0]);
        assert_eq!(stage.committed(), [0, 0], "the interval is ten minutes");
        sidecar.signal(signal);
        let (code, took) = sidecar.exit(LIMIT);
        assert_eq!(code, Some(0), "{signal}: {}", sidecar.log());
        assert!(took < Duration::from_secs(5), "{signal}: {took:?}");
        assert_eq!(stage.committed(), [100, 50], "{signal}");
    }
}

#[test]
fn a_start_that_still_waits_ends_at_once() {
    let stage = Stage::new(1);
    stage.registry.down();
    let sidecar = stage.run();
    crate::services::wait_for("the admin server", LIMIT, || sidecar.probe("live"));
    sidecar.terminate_within(Duration::from_secs(2));
}

#[test]
fn a_drain_that_cannot_end_ends_at_its_deadline_or_by_a_second_signal() {
    // A second signal or not; the exit code; at the latest after.
    for (again, expected, most) in [(false, 69, 8), (true, 75, 2)] {
        let (stage, sink) = Stage::with_own_sink(1);
        let stage = stage.raw("drain.timeout_ms", if again { 60_000 } else { 1000 });
        let mut sidecar = stage.run();
        stage.write(json(0..10));
        sidecar.wait_for("a first commit", LIMIT, |metrics| metrics.sum("committed_offset", &[]) == 10.0);
        broker_down(&sink.mock(), -1);
        stage.write(json(10..500));
        sidecar.wait_for("records in flight", LIMIT, |metrics| metrics.count("records_in_flight") == 490);
        sidecar.signal("TERM");
        if again {
            crate::services::wait_for("the drain", LIMIT, || sidecar.log().contains("draining").then_some(()));
            sidecar.signal("TERM");
        }
        let (code, took) = sidecar.exit(LIMIT);
        let log = sidecar.log();
        assert_eq!(code, Some(expected), "{log}");
        assert!(took < Duration::from_secs(most), "{took:?}: {log}");
        assert!(log.contains("read again"), "{log}");
        assert_eq!(stage.committed(), [10], "what was not acknowledged is not committed");
        // Whoever comes next delivers it.
        sink.mock().broker_up(-1).unwrap();
        let mut sidecar = stage.run();
        sidecar.wait_for("the rest", LIMIT, |metrics| ended(metrics) == [490, 0, 0]);
        sidecar.terminate();
        assert_eq!(sink.end_offsets("out"), [500]);
    }
}
