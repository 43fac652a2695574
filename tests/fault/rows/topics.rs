//! Faults of the topics themselves: more partitions, records that went unread, offsets with gaps.

use crate::fault::case::{Case, EXACT, REPLAYS, scaled};
use crate::fault::feeder::Feed;
use crate::fault::scene::{FEED, PLAN, Plan};
use std::time::Duration;

tests! {
    grown { on_demand at_least_once, on_demand exactly_once }
    taken { on_demand at_least_once, on_demand exactly_once }
    sink_deleted { on_demand at_least_once, on_demand exactly_once }
    gaps { on_demand at_least_once, on_demand exactly_once }
}

/// New partitions are found soon.
const CURIOUS: Plan = Plan { settings: &[("kafka.main.\"topic.metadata.refresh.interval.ms\"", "3000")], ..PLAN };
/// Compacted, aborted in part.
const GAPS: Plan = Plan {
    feed: Feed { transactions: true, ..FEED },
    source: &[("cleanup.policy", "compact"), ("segment.ms", "1000"), ("min.cleanable.dirty.ratio", "0.001")],
    ..PLAN
};

fn grown() -> Case {
    Case {
        row: "21 source partitions 4 -> 8 under load, sink first",
        plan: CURIOUS,
        promise: EXACT,
        harm: |scene| {
            scene.join();
            scene.join();
            scene.pass(200, "a share to come out");
            scene.grow(8);
            let began = std::time::Instant::now();
            scene.await_sidecars("the new partitions to be held", |scene| scene.metric("partitions_assigned") == 8);
            let found = began.elapsed();
            scene.prove(format!("found within {:.1} s", found.as_secs_f64()), true);
            scene.recover();
            scene.pass(scaled(200, 20_000), "a share of all of them");
        },
    }
}

fn taken() -> Case {
    Case {
        row: "20 unread records taken by retention: stop, then earliest",
        plan: PLAN,
        promise: EXACT,
        harm: |scene| {
            scene.join();
            scene.pass(100, "a share to come out");
            scene.leave();
            scene.take_unread(150);
            scene.join();
            scene.await_sidecars("all partitions to stop", |scene| scene.metric("partitions_stopped") == 4);
            let out = scene.watcher.count();
            scene.last(scaled(Duration::from_secs(2), Duration::from_secs(60)));
            let still = scene.watcher.count() == out;
            let told = scene.sidecars[0].said(&["out_of_range"]);
            scene.prove(
                format!("4 partitions stopped, nothing came out: {still}, the cause told: {told}"),
                still && told,
            );
            scene.leave();
            scene.set("pipeline.main.out_of_range", "\"earliest\"");
            scene.join();
            scene.recover();
            let skipped = scene.metric("offsets_skipped_total");
            scene.prove(format!("{skipped} of 600 offsets counted as skipped"), skipped == 600);
        },
    }
}

fn sink_deleted() -> Case {
    Case {
        row: "19 sink deleted, made anew with fewer partitions, then whole",
        plan: CURIOUS,
        promise: REPLAYS,
        harm: |scene| {
            scene.join();
            scene.pass(200, "a share to come out");
            scene.delete_sink();
            scene.await_sidecars("all partitions to stop", |scene| scene.metric("partitions_stopped") == 4);
            // By whom it is noticed first: a partition or the whole topic is unknown.
            let told = scene.sidecars[0].said(&["partition stopped", "unknown_", &scene.sink]);
            scene.last(scaled(Duration::from_secs(2), Duration::from_secs(60)));
            let absent = !scene.has_sink();
            scene.prove(format!("all stopped, the cause told: {told}, no topic made: {absent}"), told && absent);
            scene.leave();
            scene.recreate_sink(2);
            scene.join();
            let (code, told) = scene.ended(&["fewer_partitions", "has 2 partitions"]);
            scene.prove(format!("refused with exit code {code:?}, the cause told: {told}"), code == Some(64) && told);
            scene.turn.direct().delete_topic(&scene.sink);
            scene.await_sidecars("it to be gone", |scene| !scene.has_sink());
            scene.recreate_sink(4);
            scene.join();
            scene.recover();
        },
    }
}

fn gaps() -> Case {
    Case {
        row: "22 compaction, tombstones, aborted input",
        plan: GAPS,
        promise: EXACT,
        harm: |scene| {
            let removed = scene.await_compaction();
            scene.join();
            scene.recover();
            scene.pass(scaled(500, 20_000), "a share to come out");
            scene.stop_feeding();
            // The log ends with a marker, which nobody reads: of each partition, one offset is left. It may be written only
            // after the feeder's commit has been answered.
            scene.await_sidecars("the end", |scene| {
                scene.metric("consumer_lag") <= 4 && scene.metric("end_offset") == scene.end()
            });
            let lag = scene.metric("consumer_lag");
            scene.prove(format!("{removed} offsets compacted away, lag {lag} in the end"), removed > 0);
        },
    }
}
