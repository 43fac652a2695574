//! Where reading begins: `start` for the group's first start, the committed offset ever after.

use super::stage::{LIMIT, Stage, ended, json};

#[test]
fn a_start_is_resolved_once_and_kept() {
    // Start; which of ten older records it reads.
    for (start, older) in [("earliest", 0..10), ("latest", 10..10)] {
        let stage = Stage::new(2).set("pipeline.p.start", start);
        stage.write_to(0, json(0..10));
        let mut sidecar = stage.run();
        let count = older.clone().count() as u64;
        sidecar.wait_for("its partitions", LIMIT, |metrics| metrics.count("partitions_assigned") == 2);
        sidecar.wait_for("a commit of where it began", LIMIT, |metrics| {
            ended(metrics) == [count, 0, 0] && metrics.sum("commits_total", &[("result", "ok")]) >= 1.0
        });
        sidecar.terminate();
        // Written while nobody reads, to the partition that was idle too: the second start is not the first.
        stage.write_to(0, json(10..15));
        stage.write_to(1, json(0..5));
        let mut sidecar = stage.run();
        sidecar.wait_for("the records between", LIMIT, |metrics| ended(metrics) == [10, 0, 0]);
        sidecar.terminate();
        assert_eq!(stage.numbers(0), Vec::from_iter(older.chain(10..15)), "{start}");
        assert_eq!((stage.numbers(1), stage.committed()), (Vec::from_iter(0..5), vec![15, 5]), "{start}");
    }
}
