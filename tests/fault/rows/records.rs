//! Records that cannot be re-encoded, many of them, and a kill among them.

use crate::fault::case::{BOTH, Case, EXACT, REPLAYS, scaled};
use crate::fault::scene::{PLAN, Plan};
use crate::real::event::Mix;

/// One in five is bad.
const POISONED: Plan = Plan { mix: Mix { tombstones: 20, refused: 200 }, ..PLAN };

#[test]
#[ignore = "by fault/matrix"]
fn poison() {
    Case {
        row: "16 poison records to the dead letter topic",
        plan: POISONED,
        promise: EXACT,
        modes: BOTH,
        harm: |scene| {
            scene.join();
            scene.pass(scaled(600, 20_000), "a share to come out");
            let letters = scene.metric("records_dead_lettered_total");
            scene.prove(format!("{letters} dead letters"), letters > 300);
            scene.recover();
        },
    }
    .run();
}

#[test]
fn poison_and_kills() {
    Case {
        row: "16b poison records and kill -9",
        plan: POISONED,
        promise: REPLAYS,
        modes: BOTH,
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
    .run();
}
