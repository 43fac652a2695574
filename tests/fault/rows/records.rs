//! Records that cannot be re-encoded or are larger than the sink takes, many of them, and a kill among them.

use crate::fault::case::{Case, EXACT, REPLAYS, scaled};
use crate::fault::feeder::{Feed, MOST_BYTES};
use crate::fault::scene::{APPENDED, FEED, LONG_CUT, Mode, PLAN, Plan, Scene};
use crate::fault::verdict::Promise;
use crate::real::event::Mix;
use crate::services::sidecar::Metrics;

tests! {
    poison { on_demand at_least_once, on_demand exactly_once }
    poison_and_kills { always at_least_once, on_demand exactly_once }
    huge_and_deep { on_demand at_least_once, on_demand exactly_once }
    too_large { on_demand at_least_once, on_demand exactly_once }
}

/// One in five is bad.
const POISONED: Plan =
    Plan { transaction: LONG_CUT, feed: Feed { mix: Mix { tombstones: 20, refused: 200 }, ..FEED }, ..PLAN };

/// A record of 20 MiB that fits the schema, one that is cut short, one that is 100,000 arrays deep, and so on.
const MONSTROUS: Plan = Plan {
    feed: Feed { monster_every: 150, ..FEED },
    source: &[("max.message.bytes", MOST_BYTES)],
    sink: &[("max.message.bytes", MOST_BYTES)],
    ..PLAN
};

/// Of the sink: less than a large order has, and than the producer may send.
const NARROW: (&str, &str) = ("max.message.bytes", "262144");
/// Batches that the sink takes: else it would refuse records that are small, many together.
const OVERSIZED: Plan = Plan {
    feed: Feed { large_every: 4000, ..FEED },
    settings: &[("kafka.main.\"batch.size\"", "250000")],
    sink: &[NARROW],
    ..PLAN
};

fn poison() -> Case {
    Case {
        row: "16 poison records to the dead letter topic",
        plan: POISONED,
        promise: EXACT,
        harm: |scene| {
            scene.join();
            scene.pass(scaled(600, 20_000), "a share to come out");
            let letters = scene.metric("records_dead_lettered_total");
            scene.prove(format!("{letters} dead letters"), letters > 300);
            scene.recover();
        },
    }
}

fn poison_and_kills() -> Case {
    Case {
        row: "16b poison records and kill -9",
        plan: POISONED,
        promise: REPLAYS,
        harm: |scene| {
            scene.join();
            for _ in 0..scaled(2, 20) {
                scene.pass(fastrand::i64(1..300), "a share to come out");
                let letters = scene.metric("records_dead_lettered_total");
                scene.kill();
                scene.prove(format!("{letters} dead letters before the kill"), letters > 0);
                scene.join();
                scene.recover();
            }
        },
    }
}

fn huge_and_deep() -> Case {
    Case {
        row: "16c huge and deep records",
        plan: MONSTROUS,
        promise: EXACT,
        harm: |scene| {
            scene.turn.direct().set(&scene.dead_letter, &[("retention.ms", "-1"), ("max.message.bytes", MOST_BYTES)]);
            scene.join();
            // It may neither write them nor lay them aside: their partitions stand, the others go on.
            scene.await_sidecars("a stop", |scene| labelled(scene, "partitions_stopped") >= 1);
            let stopped = labelled(scene, "partitions_stopped");
            scene.prove(format!("{stopped} partitions stopped until message.max.bytes was raised"), true);
            scene.set("kafka.main.\"message.max.bytes\"", MOST_BYTES);
            scene.set("memory.budget_bytes", "268435456");
            scene.leave();
            scene.join();
            scene.pass(scaled(600, 20_000), "a share to come out");
            let count = |reason| {
                let of = |metrics: Metrics| metrics.sum("records_dead_lettered_total", &[("reason", reason)]) as u64;
                scene.sidecars.iter().filter_map(|sidecar| sidecar.metrics()).map(of).sum::<u64>()
            };
            let (deep, cut) = (count("depth"), count("syntax"));
            scene
                .prove(format!("{deep} too deep, {cut} cut short, one or more of them of 20 MiB"), deep > 0 && cut > 0);
            scene.recover();
            let peak = scene.peak_mib();
            assert!(peak <= 256, "{peak} MiB of 256 MiB");
        },
    }
}

fn too_large() -> Case {
    Case {
        row: "17 output too large for the topic",
        plan: OVERSIZED,
        // What was in flight behind the record when it was refused may land before it.
        promise: Promise { zombies: true, ..REPLAYS },
        harm: |scene| {
            scene.join();
            match scene.mode {
                // Alone in a transaction, each is known to be the guilty one.
                Mode::ExactlyOnce => {
                    scene.pass(scaled(2500, 20_000), "large records among the others");
                    let letters = labelled(scene, "records_dead_lettered_total");
                    let aborts = scene.sidecars[0].metrics().map_or(0, |metrics| {
                        metrics.sum("transactions_aborted_total", &[("reason", "record_refused")]) as u64
                    });
                    scene.prove(format!("{letters} found by {aborts} aborts"), letters >= 2 && aborts >= letters);
                    assert!(aborts <= letters * 15, "halves, not a loop: {aborts} aborts for {letters} records");
                }
                // Nobody knows which of a batch it was: the partition stops, until the topic takes it.
                Mode::AtLeastOnce => {
                    scene.await_sidecars("a stop", |scene| labelled(scene, "partitions_stopped") >= 1);
                    let stopped = labelled(scene, "partitions_stopped");
                    scene.turn.direct().set(&scene.sink, &[APPENDED[0], APPENDED[1], ("max.message.bytes", "1048576")]);
                    scene.leave();
                    scene.join();
                    scene.prove(format!("{stopped} partitions stopped until the topic took more"), true);
                }
            }
            scene.recover();
        },
    }
}

/// A metric's count of what was too large.
fn labelled(scene: &Scene, name: &str) -> u64 {
    let count = |metrics: Metrics| metrics.sum(name, &[("reason", "message_too_large")]) as u64;
    scene.sidecars.iter().filter_map(|sidecar| sidecar.metrics()).map(count).sum()
}
