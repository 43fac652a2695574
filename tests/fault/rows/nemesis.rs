//! Everything at once, in an order that only a seed knows.

use crate::fake_registry::Answer;
use crate::fault::case::{Case, RESENDS, scaled};
use crate::fault::cluster::BROKERS;
use crate::fault::proxy::{Api, Weather};
use crate::fault::scene::{PLAN, Scene};
use crate::fault::verdict::Promise;
use fastrand::Rng;
use std::time::Duration;

tests! {
    nemesis { on_demand at_least_once, on_demand exactly_once }
}

/// Set by hand to repeat a run.
const SEED: &str = "JSON2AVRO_FAULT_SEED";

fn nemesis() -> Case {
    Case {
        row: "27 random nemesis: 1, 4, 5, 7, 8, 12, 14",
        plan: PLAN,
        // A member that was expelled while it was cut off may write behind its successor.
        promise: Promise { zombies: true, ..RESENDS },
        harm: |scene| {
            let seed = std::env::var(SEED).ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
            println!("27: {SEED}={seed}");
            let mut rng = Rng::with_seed(seed);
            scene.join();
            scene.join();
            let mut done = [0; 7];
            for _ in 0..scaled(14, 700) {
                scene.pass(rng.i64(1..100), "a share to come out");
                let harm = rng.usize(..done.len());
                harm_once(scene, harm, &mut rng);
                done[harm] += 1;
                scene.recover();
            }
            let kinds = done.iter().filter(|times| **times > 0).count();
            scene.prove(format!("seed {seed}: {done:?} by kind"), kinds >= 4);
        },
    }
}

fn harm_once(scene: &mut Scene, harm: usize, rng: &mut Rng) {
    let broker = BROKERS[rng.usize(..BROKERS.len())];
    let pause = Duration::from_millis(rng.u64(500..6000));
    match harm {
        0 => {
            scene.kill_unproved();
            scene.join();
        }
        1 => {
            scene.leave();
            scene.join();
        }
        2 => scene.join(),
        3 => {
            scene.turn.kill(broker);
            scene.last(pause);
            scene.turn.start(broker);
            scene.in_sync();
        }
        4 => {
            scene.turn.proxy(broker).set(Weather { black_hole: true, ..Weather::default() });
            scene.last(pause);
            scene.turn.proxy(broker).clear();
        }
        5 => {
            let swallow = vec![[Api::PRODUCE, Api::OFFSET_COMMIT, Api::FETCH][rng.usize(..3)]];
            let weather = Weather { swallow, swallow_resets: true, ..Weather::default() };
            scene.turn.proxy(broker).set(weather);
            scene.last(pause);
            scene.turn.proxy(broker).clear();
        }
        _ => {
            scene.registry.answer_always(Some(Answer::error(500, 50001)));
            scene.last(pause);
            scene.registry.answer_always(None);
        }
    }
    // Storms bring more than they take.
    while scene.sidecars.len() > 3 {
        scene.leave();
    }
}
