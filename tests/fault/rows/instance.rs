//! Faults of the sidecar's own process: killed, ended, frozen, coming and going.

use crate::fault::case::{BOTH, Case, EXACT, REPLAYS, scaled};
use crate::fault::scene::{PLAN, Plan};
use crate::fault::verdict::Promise;
use std::time::Duration;

/// A killed member is buried after three seconds.
const QUICK_BURIAL: Plan = Plan { settings: &[("kafka.main.\"session.timeout.ms\"", "3000")], ..PLAN };

#[test]
fn killed() {
    Case {
        row: "1 kill -9 of the sidecar",
        plan: QUICK_BURIAL,
        promise: REPLAYS,
        modes: BOTH,
        harm: |scene| {
            scene.join();
            for _ in 0..scaled(3, 50) {
                scene.pass(fastrand::i64(1..300), "a share to come out");
                scene.kill();
                scene.join();
                scene.recover();
            }
        },
    }
    .run();
}

#[test]
fn terminated_in_turn() {
    Case {
        row: "3 SIGTERM, one of two after the other",
        plan: PLAN,
        promise: EXACT,
        modes: BOTH,
        harm: |scene| {
            scene.join();
            scene.join();
            for _ in 0..scaled(3, 12) {
                scene.await_sidecars("both to hold partitions", |scene| {
                    let held = |metrics: crate::services::sidecar::Metrics| metrics.count("partitions_assigned") == 2;
                    scene.sidecars.iter().all(|sidecar| sidecar.metrics().is_some_and(held))
                });
                scene.pass(fastrand::i64(1..200), "a share to come out");
                let in_flight = scene.uncommitted();
                let took = scene.leave();
                scene.prove(format!("ended with {in_flight} not committed just before"), in_flight > 0);
                assert!(took.as_secs() < 10, "the drain took {took:?}");
                scene.join();
                scene.recover();
            }
        },
    }
    .run();
}

#[test]
fn rebalance_storm() {
    Case {
        row: "12 rebalance storm",
        plan: PLAN,
        promise: REPLAYS,
        modes: BOTH,
        harm: |scene| {
            scene.join();
            scene.pass(10, "the first records");
            let mut rebalances = 0;
            for round in 0..scaled(6, 150) {
                scene.join();
                scene.last(Duration::from_secs(1));
                if round % 2 == 1 {
                    scene.last(Duration::from_secs(1));
                    rebalances += scene.sidecars[0].metrics().map_or(0, |metrics| metrics.count("rebalances_total"));
                    scene.leave();
                }
                if round % 3 == 2 {
                    rebalances += scene.sidecars[0].metrics().map_or(0, |metrics| metrics.count("rebalances_total"));
                    scene.leave();
                    // Whatever the storm does, records come out.
                    scene.recover();
                }
            }
            rebalances += scene.metric("rebalances_total");
            scene.prove(format!("{rebalances} rebalances"), rebalances >= 10);
        },
    }
    .run();
}

#[test]
#[ignore = "by fault/matrix"]
fn frozen() {
    Case {
        row: "10 SIGSTOP of one sidecar of two, beyond its session",
        plan: QUICK_BURIAL,
        promise: Promise { zombies: true, ..REPLAYS },
        modes: BOTH,
        harm: |scene| {
            scene.join();
            scene.join();
            for _ in 0..scaled(1, 3) {
                scene.await_sidecars("both to hold partitions", |scene| {
                    let held = |metrics: crate::services::sidecar::Metrics| metrics.count("partitions_assigned") == 2;
                    scene.sidecars.iter().all(|sidecar| sidecar.metrics().is_some_and(held))
                });
                scene.pass(50, "a share to come out");
                // It must not be asked anything while it is frozen.
                let zombie = scene.sidecars.remove(0);
                zombie.signal("STOP");
                let left = scene.uncommitted();
                scene.await_sidecars("the other one to hold everything", |scene| {
                    scene.metric("partitions_assigned") == 4
                });
                scene.recover();
                scene.last(scaled(Duration::from_secs(1), Duration::from_secs(45)));
                zombie.signal("CONT");
                scene.sidecars.push(zombie);
                scene.prove(format!("frozen with {left} outputs not committed, its partitions taken"), left > 0);
                scene.await_sidecars("the one that was frozen to be back", |scene| {
                    let held = |metrics: crate::services::sidecar::Metrics| metrics.count("partitions_assigned") > 0;
                    scene.sidecars.iter().all(|sidecar| sidecar.metrics().is_some_and(held))
                });
                scene.recover();
            }
        },
    }
    .run();
}

#[test]
fn unheard() {
    Case {
        row: "23 log pipe blocked",
        plan: PLAN,
        promise: EXACT,
        modes: BOTH,
        harm: |scene| {
            scene.join_unheard();
            scene.pass(scaled(500, 20_000), "the log's pipe to be full, and records to come out all the same");
            let heard = scene.sidecars[0].hear();
            scene.prove(format!("the log's pipe took {heard} bytes more"), heard <= 1024 && heard > 0);
            scene.recover();
        },
    }
    .run();
}
