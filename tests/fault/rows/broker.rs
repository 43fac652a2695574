//! Faults of brokers: killed, restarted, frozen, too few.

use crate::fault::case::{Case, EXACT, REPLAYS, RESENDS, scaled};
use crate::fault::cluster::BROKERS;
use crate::fault::scene::{Mode, PLAN, Scene};
use std::time::{Duration, Instant};

tests! {
    leader_killed { always at_least_once, always exactly_once }
    restarted_in_turn { on_demand at_least_once, on_demand exactly_once }
    all_restarted { on_demand at_least_once, on_demand exactly_once }
    frozen { on_demand at_least_once, on_demand exactly_once }
    too_few_in_sync { always at_least_once, on_demand exactly_once }
}

fn leader_killed() -> Case {
    Case {
        row: "5 kill -9 of the broker that leads",
        plan: PLAN,
        promise: REPLAYS,
        harm: |scene| {
            scene.join();
            for round in 0..scaled(1, 3) {
                scene.pass(100, "a share to come out");
                let broker = scene.leader(round);
                scene.turn.kill(broker);
                let (stuck, stood) = await_another_leader(scene, round, broker);
                scene.prove(format!("broker {broker} killed, {stuck}"), stood);
                scene.recover();
                scene.last(scaled(Duration::from_secs(1), Duration::from_secs(30)));
                scene.turn.start(broker);
                scene.in_sync();
                scene.recover();
            }
        },
    }
}

fn restarted_in_turn() -> Case {
    Case {
        row: "4 rolling restart of the brokers",
        plan: PLAN,
        promise: EXACT,
        harm: |scene| {
            scene.join();
            for broker in BROKERS {
                scene.pass(10, "a share to come out");
                // Leadership comes back to those who were restarted.
                scene.await_sidecars("the broker to lead", |scene| (0..4).any(|it| scene.leader(it) == broker));
                scene.turn.stop(broker);
                scene.recover();
                scene.last(scaled(Duration::ZERO, Duration::from_secs(20)));
                scene.turn.start(broker);
                scene.in_sync();
                scene.prove(format!("broker {broker} restarted, which led"), true);
            }
            scene.recover();
        },
    }
}

fn all_restarted() -> Case {
    Case {
        row: "6 all brokers killed and back",
        plan: PLAN,
        promise: RESENDS,
        harm: |scene| {
            scene.join();
            scene.pass(100, "a share to come out");
            BROKERS.into_iter().for_each(|broker| scene.turn.kill(broker));
            scene.last(scaled(Duration::from_secs(3), Duration::from_secs(300)));
            let stuck = scene.metric("records_in_flight");
            scene.prove(format!("{stuck} records in flight with no broker there"), stuck > 0);
            BROKERS.into_iter().for_each(|broker| scene.turn.start(broker));
            scene.recover();
            scene.in_sync();
        },
    }
}

fn frozen() -> Case {
    Case {
        row: "5b SIGSTOP of the broker that leads",
        plan: PLAN,
        promise: REPLAYS,
        harm: |scene| {
            scene.join();
            for round in 0..scaled(1, 3) {
                scene.pass(100, "a share to come out");
                let broker = scene.leader(round);
                scene.turn.freeze(broker);
                let (stuck, stood) = await_another_leader(scene, round, broker);
                scene.last(scaled(Duration::from_secs(2), Duration::from_secs(45)));
                scene.turn.thaw(broker);
                scene.prove(format!("broker {broker} frozen, {stuck}"), stood);
                scene.recover();
                scene.in_sync();
            }
        },
    }
}

fn too_few_in_sync() -> Case {
    Case {
        row: "18 min ISR lost and back",
        plan: PLAN,
        promise: REPLAYS,
        harm: |scene| {
            scene.join();
            scene.pass(100, "a share to come out");
            let last = scene.leader(0);
            Scene::others(last).for_each(|broker| scene.turn.kill(broker));
            let mut stuck = 0;
            // What was acknowledged by then comes out; after that, nothing may be.
            scene.await_sidecars("records in flight that nobody acknowledges", |scene| {
                let before = scene.metric("records_produced_total");
                std::thread::sleep(Duration::from_secs(1));
                stuck = scene.metric("records_in_flight");
                stuck > 0 && scene.metric("records_produced_total") == before
            });
            scene.last(scaled(Duration::from_secs(4), Duration::from_secs(600)));
            scene.prove(format!("{stuck} records in flight, one replica in sync"), stuck > 0);
            Scene::others(last).for_each(|broker| scene.turn.start(broker));
            scene.recover();
            scene.in_sync();
        },
    }
}

/// Until another broker leads a partition of the sink: what waited for it meanwhile, and whether anything did. A
/// transaction spans all partitions, so there nothing is committed; otherwise records wait while others go on.
fn await_another_leader(scene: &mut Scene, partition: i32, broker: i32) -> (String, bool) {
    let mut stuck = 0;
    let (mut committed, mut since, mut stood) = (0, Instant::now(), Duration::ZERO);
    scene.await_sidecars("another leader", |scene| {
        stuck = stuck.max(scene.metric("records_in_flight"));
        let now = scene.metric("transactions_committed_total");
        if now != committed {
            (committed, since) = (now, Instant::now());
        }
        stood = stood.max(since.elapsed());
        scene.turn.leader(&scene.sink, partition).is_some_and(|leader| leader != broker)
    });
    match scene.mode {
        Mode::AtLeastOnce => (format!("{stuck} records in flight"), stuck > 0),
        Mode::ExactlyOnce => {
            let happened = stuck > 0 && stood >= Duration::from_secs(1);
            (format!("{stuck} records in a transaction that stood {:.1} s", stood.as_secs_f64()), happened)
        }
    }
}
