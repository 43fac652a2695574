//! Faults of the sidecar's own process: killed, ended, frozen, coming and going.

use crate::fault::case::{Case, EXACT, REPLAYS, scaled};
use crate::fault::member::Member;
use crate::fault::proxy::Fate;
use crate::fault::scene::{LONG_CUT, Mode, PATIENCE, PLAN, Plan, Scene};
use crate::fault::verdict::Promise;
use crate::services::sidecar::Sidecar;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::time::Duration;

tests! {
    killed { always at_least_once, always exactly_once }
    terminated_in_turn { always at_least_once, on_demand exactly_once }
    rebalance_storm { always at_least_once, always exactly_once }
    frozen { on_demand at_least_once, on_demand exactly_once }
    frozen_for_long { on_demand exactly_once }
    hijacked { on_demand exactly_once }
    unheard { always at_least_once, on_demand exactly_once }
}

/// A killed member is buried after three seconds.
const QUICK_BURIAL: Plan = Plan { settings: &[("kafka.main.\"session.timeout.ms\"", "3000")], ..PLAN };
/// A transaction that is found open is soon aborted by the broker.
const SHORT_LIVED: &[(&str, &str)] = &[("timeout_ms", "6000"), LONG_CUT[0]];

fn killed() -> Case {
    Case {
        row: "1 kill -9 of the sidecar",
        plan: Plan { transaction: LONG_CUT, ..QUICK_BURIAL },
        promise: REPLAYS,
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
}

fn terminated_in_turn() -> Case {
    Case {
        row: "3 SIGTERM, one of two after the other",
        plan: PLAN,
        promise: EXACT,
        harm: |scene| {
            scene.join();
            scene.join();
            for _ in 0..scaled(3, 12) {
                scene.await_shared();
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
}

fn rebalance_storm() -> Case {
    Case {
        row: "12 rebalance storm",
        plan: PLAN,
        promise: REPLAYS,
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
}

fn frozen() -> Case {
    Case {
        row: "10 SIGSTOP of one sidecar of two, beyond its session",
        plan: Plan { transaction: LONG_CUT, ..QUICK_BURIAL },
        promise: Promise { zombies: true, ..REPLAYS },
        harm: |scene| {
            scene.join();
            scene.join();
            for _ in 0..scaled(1, 3) {
                scene.await_shared();
                scene.pass(50, "a share to come out");
                let zombie = freeze(scene);
                let left = scene.uncommitted();
                await_members(scene, 1);
                if scene.mode == Mode::AtLeastOnce {
                    // Its partitions are taken; under exactly-once, they wait for its transaction.
                    scene.await_sidecars("the other one to hold everything", |scene| {
                        scene.metric("partitions_assigned") == 4
                    });
                    scene.recover();
                }
                scene.last(scaled(Duration::from_secs(1), Duration::from_secs(15)));
                zombie.signal("CONT");
                scene.sidecars.push(zombie);
                scene.prove(format!("frozen with {left} outputs not committed, its membership ended"), left > 0);
                scene.await_shared();
                scene.recover();
            }
        },
    }
}

fn frozen_for_long() -> Case {
    Case {
        row: "10b SIGSTOP of one sidecar of two, beyond its transaction's timeout",
        plan: Plan { transaction: SHORT_LIVED, ..QUICK_BURIAL },
        promise: EXACT,
        harm: |scene| {
            scene.join();
            scene.join();
            for _ in 0..scaled(1, 3) {
                scene.await_shared();
                scene.pass(50, "a share to come out");
                let zombie = freeze(scene);
                let left = scene.uncommitted();
                scene.await_sidecars("the other one to hold everything", |scene| {
                    scene.metric("partitions_assigned") == 4
                });
                // The broker has aborted its transaction: nothing waits for it any more.
                scene.recover();
                scene.last(scaled(Duration::from_secs(1), Duration::from_secs(400)));
                zombie.signal("CONT");
                scene.sidecars.push(zombie);
                scene.await_shared();
                scene.recover();
                scene.await_sidecars("its owner to take the transaction back", |scene| {
                    scene.sidecars.last().is_some_and(|zombie| took_back(zombie) > 0.0)
                });
                scene.prove(format!("frozen with {left} outputs not committed, taken back by its owner"), left > 0);
            }
        },
    }
}

fn hijacked() -> Case {
    Case {
        row: "11 transactional id hijacked",
        plan: PLAN,
        promise: EXACT,
        harm: |scene| {
            scene.join();
            for _ in 0..scaled(2, 10) {
                scene.pass(100, "a share to come out");
                let rival: BaseProducer =
                    scene.turn.direct().client().set("transactional.id", "json2avro-member-1-main-0").create().unwrap();
                rival.init_transactions(PATIENCE).unwrap();
                let (code, told) = scene.ended(&["fenced", "transaction.instance"]);
                scene.prove(format!("exit code {code:?}, the cause told: {told}"), code == Some(64) && told);
                // What the rival leaves open, the one that comes back takes back; then the rival is fenced.
                rival.begin_transaction().unwrap();
                rival.send(BaseRecord::<[u8], [u8]>::to(&scene.sink).partition(0).payload(b"not ours")).unwrap();
                rival.flush(PATIENCE).unwrap();
                scene.join();
                scene.recover();
                let late = rival.commit_transaction(PATIENCE);
                assert!(late.is_err(), "two live with one transactional id");
            }
        },
    }
}

/// Stops the oldest sidecar where it stands, in an open transaction under exactly-once. It must not be asked anything until
/// it goes on, so it is not among the others.
fn freeze(scene: &mut Scene) -> Member {
    let trap = scene.hold_transaction();
    let zombie = scene.sidecars.remove(0);
    zombie.signal("STOP");
    if let Some(trap) = trap {
        trap.release(Fate::Passes);
    }
    zombie
}

/// Transactions that a sidecar gave up.
fn took_back(sidecar: &Sidecar) -> f64 {
    sidecar.metrics().map_or(0.0, |metrics| metrics.sum("transactions_aborted_total", &[]))
}

/// Until the group has so many members.
fn await_members(scene: &mut Scene, members: usize) {
    scene.await_sidecars("the group to bury a member", |scene| scene.members() == members);
}

fn unheard() -> Case {
    Case {
        row: "23 log pipe blocked",
        plan: PLAN,
        promise: EXACT,
        harm: |scene| {
            scene.join_unheard();
            scene.pass(scaled(500, 20_000), "the log's pipe to be full, and records to come out all the same");
            let heard = scene.sidecars[0].hear();
            scene.prove(format!("the log's pipe took {heard} bytes more"), heard <= 1024 && heard > 0);
            scene.recover();
        },
    }
}
