//! Faults between the sidecar and brokers that are well: cut off, slow, answers lost.

use crate::fault::case::{Case, EXACT, REPLAYS, scaled};
use crate::fault::proxy::{Api, Weather};
use crate::fault::scene::{Mode, PLAN, Plan, Scene};
use std::time::Duration;

tests! {
    cut_off { on_demand at_least_once, on_demand exactly_once }
    one_broker_cut_off { always at_least_once, on_demand exactly_once }
    produce_answers_lost { always at_least_once, on_demand exactly_once }
    commit_answers_lost { on_demand at_least_once, always exactly_once }
    far_away_and_shaky { on_demand at_least_once, on_demand exactly_once }
    slow_sink { always at_least_once, on_demand exactly_once }
}

/// Requests without an answer are given up soon.
const IMPATIENT: Plan = Plan {
    settings: &[("kafka.main.\"request.timeout.ms\"", "2000"), ("kafka.main.\"socket.timeout.ms\"", "4000")],
    ..PLAN
};
/// So little may be in flight that a slow sink holds up the reading. The budget counts 256 bytes of bookkeeping for each
/// record, which the metric does not.
const NARROW: Plan = Plan { settings: &[("pipeline.main.in_flight_bytes", "262144")], ..PLAN };

/// Bytes a second of each connection that is narrow, in each direction.
const NARROW_LINK: u32 = 64 << 10;

fn swallowed(scene: &Scene, api: Api) -> u64 {
    scene.turn.proxies().iter().map(|proxy| proxy.passed(api).swallowed).sum()
}

fn narrowed(scene: &Scene) -> u64 {
    scene.turn.proxies().iter().map(|proxy| proxy.narrowed()).sum()
}

fn cut_off() -> Case {
    Case {
        row: "6b sidecar cut off from all brokers",
        plan: PLAN,
        promise: REPLAYS,
        harm: |scene| {
            scene.join();
            scene.pass(100, "a share to come out");
            scene.turn.weather(&Weather { black_hole: true, ..Weather::default() });
            scene.last(Duration::from_secs(1));
            let (out, in_flight) = (scene.watcher.count(), scene.metric("records_in_flight"));
            // Longer than its session: others would have its partitions by now.
            scene.last(scaled(Duration::from_secs(8), Duration::from_secs(300)));
            let still = scene.watcher.count() == out;
            scene
                .prove(format!("cut off with {in_flight} records in flight, nothing came out"), still && in_flight > 0);
            scene.turn.weather(&Weather::default());
            scene.recover();
        },
    }
}

fn one_broker_cut_off() -> Case {
    Case {
        row: "7 sidecar cut off from one broker",
        plan: IMPATIENT,
        promise: REPLAYS,
        harm: |scene| {
            scene.join();
            for broker in 1..=scaled(1, 3) {
                scene.pass(100, "a share to come out");
                let leads =
                    |partition: &i32| scene.leader(*partition) == broker || scene.source_leader(*partition) == broker;
                let (cut, open): (Vec<i32>, Vec<i32>) = (0..4).partition(leads);
                scene.turn.proxy(broker).set(Weather { black_hole: true, ..Weather::default() });
                let reached = |scene: &Scene, of: &[i32]| -> Vec<i64> {
                    of.iter().map(|partition| scene.watcher.reached(*partition)).collect()
                };
                scene.last(Duration::from_secs(2));
                let (before, others) = (reached(scene, &cut), reached(scene, &open));
                scene.last(scaled(Duration::from_secs(8), Duration::from_secs(60)));
                let stood = reached(scene, &cut) == before && !cut.is_empty();
                let went = reached(scene, &open).iter().zip(&others).filter(|(now, before)| now > before).count();
                let (cut, open) = (cut.len(), open.len());
                scene.prove(
                    format!("{cut} partitions of broker {broker} stood, {went} of {open} others went on"),
                    stood,
                );
                scene.turn.proxy(broker).clear();
                scene.recover();
            }
        },
    }
}

fn produce_answers_lost() -> Case {
    Case {
        row: "8 answers to Produce lost",
        plan: IMPATIENT,
        // librdkafka's idempotent producer can give up over lost answers (fatal: "out of order sequence number ... rewound",
        // about one run in eight here, more on a busy machine); the lane then starts anew from its last commit.
        promise: REPLAYS,
        harm: |scene| {
            scene.join();
            for swallow_resets in [true, false] {
                scene.pass(50, "a share to come out");
                let before = swallowed(scene, Api::PRODUCE);
                scene.turn.weather(&Weather { swallow: vec![Api::PRODUCE], swallow_resets, ..Weather::default() });
                scene.await_sidecars("answers to be lost", |scene| swallowed(scene, Api::PRODUCE) >= before + 3);
                scene.last(scaled(Duration::from_secs(1), Duration::from_secs(30)));
                scene.turn.weather(&Weather::default());
                scene.recover();
                let lost = swallowed(scene, Api::PRODUCE) - before;
                let how = if swallow_resets { "by reset" } else { "in silence" };
                scene.prove(format!("{lost} answers lost {how}"), lost >= 3);
            }
        },
    }
}

fn commit_answers_lost() -> Case {
    Case {
        row: "8b answers to OffsetCommit, TxnOffsetCommit and EndTxn lost",
        plan: IMPATIENT,
        promise: EXACT,
        harm: |scene| {
            scene.join();
            let kinds = match scene.mode {
                Mode::AtLeastOnce => vec![Api::OFFSET_COMMIT],
                Mode::ExactlyOnce => vec![Api::TXN_OFFSET_COMMIT, Api::END_TXN],
            };
            for (kind, swallow_resets) in kinds.into_iter().flat_map(|kind| [(kind, true), (kind, false)]) {
                scene.pass(50, "a share to come out");
                let before = swallowed(scene, kind);
                scene.turn.weather(&Weather { swallow: vec![kind], swallow_resets, ..Weather::default() });
                scene.await_sidecars("answers to be lost", |scene| swallowed(scene, kind) > before);
                scene.last(scaled(Duration::from_secs(1), Duration::from_secs(30)));
                scene.turn.weather(&Weather::default());
                scene.recover();
                let lost = swallowed(scene, kind) - before;
                scene.prove(format!("{lost} answers to {kind:?} lost, reset: {swallow_resets}"), lost >= 1);
            }
        },
    }
}

fn far_away_and_shaky() -> Case {
    Case {
        row: "9 latency 300 ms, 64 KiB/s, resets",
        plan: PLAN,
        promise: REPLAYS,
        harm: |scene| {
            scene.join();
            scene.pass(50, "a share to come out");
            scene.turn.weather(&Weather {
                delay: Duration::from_millis(150),
                request_bytes_per_second: Some(NARROW_LINK),
                response_bytes_per_second: Some(NARROW_LINK),
                ..Weather::default()
            });
            let (out, before) = (scene.watcher.count(), narrowed(scene));
            let (mut resets, rounds) = (0, scaled(8, 100));
            for round in 0..rounds {
                scene.last(Duration::from_secs(1));
                resets += scene.turn.proxies()[round % 3].reset();
            }
            let (came, passed) = (scene.watcher.count() - out, narrowed(scene) - before);
            // More than one connection carries.
            let narrow = passed > rounds as u64 * u64::from(NARROW_LINK);
            scene.prove(
                format!("{resets} connections reset, {} KiB passed, {came} records came out meanwhile", passed >> 10),
                resets > 8 && came > 0 && narrow,
            );
            scene.recover();
            scene.turn.weather(&Weather::default());
            scene.recover();
        },
    }
}

fn slow_sink() -> Case {
    Case {
        row: "18b slow sink",
        plan: NARROW,
        promise: EXACT,
        harm: |scene| {
            scene.join();
            scene.pass(100, "a share to come out");
            let rebalances = scene.metric("rebalances_total");
            scene.turn.weather(&Weather { request_bytes_per_second: Some(8_000), ..Weather::default() });
            let mut most = 0;
            scene.await_sidecars("the budget to be used up", |scene| {
                most = scene.metric("in_flight_bytes").max(most);
                // The rest of the budget is for headers and bookkeeping.
                most > 60_000
            });
            let out = scene.watcher.count();
            scene.last(scaled(Duration::from_secs(6), Duration::from_secs(600)));
            let (came, after) = (scene.watcher.count() - out, scene.metric("rebalances_total"));
            assert_eq!(after, rebalances, "a slow sink cost it its partitions");
            most = most.max(scene.metric("in_flight_bytes"));
            scene.prove(format!("{most} bytes in flight of 262144, {came} records came out"), came > 0);
            assert!(most < 262_144, "{most} bytes in flight");
            scene.turn.weather(&Weather::default());
            scene.recover();
        },
    }
}
