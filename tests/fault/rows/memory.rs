//! A budget of memory, and what tries to break it: a backlog, a slow sink, batches that swell, a registry that is away.

use crate::fault::case::{Case, EXACT, scaled};
use crate::fault::feeder::Feed;
use crate::fault::proxy::Weather;
use crate::fault::scene::{FEED, PLAN, Plan, Scene};
use std::time::Duration;

tests! {
    backlog_in_little { always at_least_once, on_demand exactly_once }
    backlog { on_demand at_least_once, on_demand exactly_once }
    slow_sink { on_demand at_least_once, on_demand exactly_once }
    swollen_gzip { on_demand at_least_once, on_demand exactly_once }
    swollen_lz4 { on_demand at_least_once, on_demand exactly_once }
    swollen_zstd { on_demand at_least_once, on_demand exactly_once }
    registry_away { on_demand at_least_once, on_demand exactly_once }
}

const MIB: usize = 1 << 20;

/// The small budget; records of some 4 KiB, more of them than it could hold.
const SMALL: Plan = Plan {
    feed: Feed { backlog: 6_000, padding: 4_000, ..FEED },
    settings: &[("memory.budget_bytes", "67108864")],
    ..PLAN
};
/// The usual budget; three times of it wait.
const USUAL: Plan = Plan { feed: Feed { backlog: 25_000, padding: 4_000, ..FEED }, ..PLAN };
/// Some 100 KB a record, nearly all of it white space.
const SWOLLEN: Plan = Plan { feed: Feed { pace: 40, backlog: 1_000, padding: 100_000, ..FEED }, ..PLAN };

/// Fed past the proxies, then read through them, as fast as it goes.
fn catch_up(scene: &mut Scene, budget: usize) {
    let waits = scene.await_backlog();
    scene.prove(format!("{} MiB wait, the budget is {} MiB", waits / MIB, budget / MIB), waits > budget);
    scene.join();
    scene.recover();
    within(scene, budget);
}

fn within(scene: &mut Scene, budget: usize) {
    let peak = scene.peak_mib() as usize;
    assert!(peak > 0 && peak <= budget / MIB, "{peak} MiB of {} MiB", budget / MIB);
}

fn backlog_in_little() -> Case {
    Case { row: "24 backlog, 64 MiB", plan: SMALL, promise: EXACT, harm: |scene| catch_up(scene, 64 * MIB) }
}

fn backlog() -> Case {
    Case { row: "24b backlog, 128 MiB", plan: USUAL, promise: EXACT, harm: |scene| catch_up(scene, 128 * MIB) }
}

fn slow_sink() -> Case {
    Case {
        row: "24c backlog and a slow sink, 64 MiB",
        plan: SMALL,
        promise: EXACT,
        harm: |scene| {
            let waits = scene.await_backlog();
            let slow = Weather { request_bytes_per_second: Some(30_000), ..Weather::default() };
            scene.turn.weather(&slow);
            scene.join();
            let mut most = 0;
            scene.await_sidecars("reading to be ahead of the sink", |scene| {
                most = most.max(scene.metric("in_flight_bytes"));
                most > 500_000
            });
            scene.last(scaled(Duration::from_secs(8), Duration::from_secs(600)));
            most = most.max(scene.metric("in_flight_bytes"));
            scene.prove(format!("{} MiB wait, {most} bytes in flight", waits / MIB), waits > 64 * MIB);
            within(scene, 64 * MIB);
            scene.turn.weather(&Weather::default());
            scene.recover();
            within(scene, 64 * MIB);
        },
    }
}

fn swollen_gzip() -> Case {
    Case {
        row: "24d batches of gzip that swell, 128 MiB",
        plan: swollen("gzip", 800),
        promise: EXACT,
        harm: catch_up_swollen,
    }
}

fn swollen_lz4() -> Case {
    Case {
        row: "24e batches of lz4 that swell, 128 MiB",
        plan: swollen("lz4", 100),
        promise: EXACT,
        harm: catch_up_swollen,
    }
}

fn swollen_zstd() -> Case {
    Case {
        row: "24f batches of zstd that swell, 128 MiB",
        plan: swollen("zstd", 1_600),
        promise: EXACT,
        harm: catch_up_swollen,
    }
}

/// So many random characters that a batch is about a hundred times as large when it is decompressed.
fn swollen(codec: &'static str, random: usize) -> Plan {
    Plan { feed: Feed { codec, random, ..SWOLLEN.feed }, ..SWOLLEN }
}

fn catch_up_swollen(scene: &mut Scene) {
    scene.await_backlog();
    // The feeder goes on: the logs first, or they would seem to swell more than they do.
    let stored = scene.turn.stored_bytes(&scene.source);
    let times = scene.fed_bytes() / stored;
    scene.prove(format!("swelling to {times} times their size"), (100..=130).contains(&times));
    catch_up(scene, 128 * MIB);
}

fn registry_away() -> Case {
    Case {
        row: "24g backlog and no registry, 64 MiB",
        plan: SMALL,
        promise: EXACT,
        harm: |scene| {
            let waits = scene.await_backlog();
            scene.registry.down();
            scene.join();
            scene.await_sidecars("a cold start to wait", |scene| scene.sidecars[0].probe("live") == Some(200));
            scene.last(scaled(Duration::from_secs(4), Duration::from_secs(600)));
            let waited = scene.watcher.count() == 0;
            scene.prove(format!("{} MiB wait, nothing came out without a registry", waits / MIB), waited);
            within(scene, 64 * MIB);
            scene.registry.up();
            scene.pass(1, "the backlog to come out");
            scene.recover();
            within(scene, 64 * MIB);
        },
    }
}
