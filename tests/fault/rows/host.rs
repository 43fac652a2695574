//! Faults of the machine that a sidecar runs on: its wall clock is wrong or set, it gets little CPU or few files, names do not
//! resolve.

use crate::fault::case::{Case, EXACT, REPLAYS, scaled};
use crate::fault::host::{Shim, Throttle, open_files, set_open_files, with_open_files};
use crate::fault::scene::{PLAN, Plan, Scene};
use crate::fault::watcher::source_of;
use crate::services::topics::Record;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

tests! {
    clock_set { on_demand at_least_once, on_demand exactly_once }
    clock_set_back_idle { on_demand at_least_once, on_demand exactly_once }
    starved { on_demand at_least_once, on_demand exactly_once }
    few_files { on_demand at_least_once, on_demand exactly_once }
    nameless { on_demand at_least_once, on_demand exactly_once }
}

fn clock_set() -> Case {
    Case {
        row: "25 wall clock an hour off, set ahead and back",
        plan: PLAN,
        promise: EXACT,
        harm: |scene| {
            // The times that records have are looked at; nothing is replayed here whose time would be needed.
            scene.turn.direct().set(&scene.sink, &[("message.timestamp.type", "CreateTime"), ("retention.ms", "-1")]);
            let shim = Shim::new();
            for first in [1, -1] {
                shim.set_clock(first);
                scene.join_by(&shim.words());
                scene.recover();
                for hours in [0, -first, first] {
                    scene.pass(scaled(50, 5_000), "a share to come out");
                    shim.set_clock(hours);
                    scene.recover();
                    let before = scene.committed();
                    scene.await_sidecars("commits to go on", |scene| scene.committed() > before);
                }
                scene.leave();
            }
            scene.join();
            scene.recover();
            let (outputs, changed) = timestamps(scene);
            assert!(changed.is_empty(), "timestamps that are not the source's: {changed:?}");
            let readings = shim.readings();
            scene.prove(format!("{readings} looks at a wrong clock, {outputs} timestamps kept"), readings > 0);
        },
    }
}

fn clock_set_back_idle() -> Case {
    Case {
        row: "25b wall clock set back while nothing comes",
        plan: PLAN,
        promise: EXACT,
        harm: |scene| {
            let shim = Shim::new();
            scene.join_by(&shim.words());
            scene.pass(50, "a share to come out");
            scene.stop_feeding();
            scene.await_sidecars("the end", |scene| scene.committed() == scene.end());
            // No record ends a wait that now lasts longer. Its session would be over meanwhile.
            shim.set_clock(-2);
            scene.last(scaled(Duration::from_secs(9), Duration::from_secs(120)));
            assert_eq!(scene.members(), 1, "the group buried it");
            let took = scene.leave();
            assert!(took < Duration::from_secs(10), "its end took {took:?}");
            let readings = shim.readings();
            scene.prove(format!("{readings} looks at a clock set back, ended within {took:.1?}"), readings > 0);
        },
    }
}

/// How many outputs there are, and the first places where the time is not that of the source record.
fn timestamps(scene: &Scene) -> (usize, Vec<(i32, i64)>) {
    let read = |topic: &str| scene.turn.direct().read_topic(topic).concat();
    // In this order: what comes in meanwhile has no output here.
    let (outputs, source) = (read(&scene.sink), read(&scene.source));
    let times: BTreeMap<(i32, i64), i64> =
        source.iter().map(|record| ((record.partition, record.offset), record.timestamp)).collect();
    let kept = |record: &&Record| source_of(record).and_then(|at| times.get(&at)) == Some(&record.timestamp);
    let changed = outputs.iter().filter(|record| !kept(record)).map(|record| (record.partition, record.offset));
    (outputs.len(), changed.take(3).collect())
}

fn starved() -> Case {
    Case {
        row: "26 a tenth of the CPU, warm and cold",
        plan: PLAN,
        promise: EXACT,
        harm: |scene| {
            scene.join();
            for start in ["warm", "cold"] {
                if start == "warm" {
                    scene.pass(100, "a share to come out");
                }
                let throttle = Throttle::begin(scene.sidecars[0].pid());
                scene.recover();
                let out = scene.watcher.count();
                scene.last(scaled(Duration::from_secs(6), Duration::from_secs(300)));
                let came = scene.watcher.count() - out;
                scene.recover();
                let stood = throttle.end();
                let what = format!("{start}: stopped {stood} % of the time, {came} records came out meanwhile");
                scene.prove(what, stood >= 80 && came > 0);
                scene.recover();
                scene.leave();
                scene.join();
            }
        },
    }
}

fn few_files() -> Case {
    /// As the matrix has it.
    const MOST: u32 = 64;
    Case {
        row: "26b 64 open files, then none free",
        plan: PLAN,
        promise: REPLAYS,
        harm: |scene| {
            scene.join_by(&with_open_files(MOST));
            scene.pass(100, "a share to come out");
            let process = scene.sidecars[0].pid();
            let open = open_files(process);
            // All that it has open stays; a new one would be above the limit.
            set_open_files(process, 4, MOST);
            scene.turn.proxies().iter().for_each(|proxy| _ = proxy.reset());
            scene.await_sidecars("it to say so", |scene| scene.sidecars[0].said(&["Too many open files"]));
            scene.await_standstill();
            let out = scene.watcher.count();
            // Its probes have no file either.
            let until = Instant::now() + scaled(Duration::from_secs(4), Duration::from_secs(60));
            scene.await_sidecars("the fault to last", |_| Instant::now() > until);
            let came = scene.watcher.count() - out;
            set_open_files(process, MOST, MOST);
            scene.prove(format!("{open} of {MOST} files open, {came} records came out with none free"), came == 0);
            scene.recover();
        },
    }
}

fn nameless() -> Case {
    Case {
        row: "26c names do not resolve, warm and cold",
        // Else librdkafka goes on for a second with what it was told last.
        plan: Plan { settings: &[("kafka.main.\"broker.address.ttl\"", "0")], ..PLAN },
        promise: REPLAYS,
        harm: |scene| {
            let shim = Shim::new();
            scene.join_by(&shim.words());
            scene.pass(100, "a share to come out");
            shim.set_deaf(true);
            scene.turn.proxies().iter().for_each(|proxy| _ = proxy.reset());
            scene.await_sidecars("look-ups that fail", |_| shim.refused() > 0);
            scene.join_by(&shim.words());
            scene.await_sidecars("the second one to be there", |scene| scene.sidecars[1].probe("live") == Some(200));
            scene.await_standstill();
            let out = scene.watcher.count();
            scene.last(scaled(Duration::from_secs(2), Duration::from_secs(300)));
            let (came, refused) = (scene.watcher.count() - out, shim.refused());
            let waits = scene.sidecars[1].probe("ready") == Some(503);
            let told = scene.sidecars.iter().all(|sidecar| sidecar.said(&["resolve"]));
            shim.set_deaf(false);
            scene.prove(
                format!("{refused} look-ups failed, the cause told: {told}, {came} records came out, a start waited: {waits}"),
                told && came == 0 && waits,
            );
            scene.recover();
            scene.await_shared();
            scene.recover();
        },
    }
}
