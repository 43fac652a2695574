//! Kills at exact points of the delivery path, told by what a sidecar says to its brokers: it is killed while the proxies hold
//! that request, before its broker has it, or that answer, after its broker did the work and before the sidecar knows.

use crate::fault::case::{Case, REPLAYS, scaled};
use crate::fault::proxy::{Api, Fate, Sight};
use crate::fault::scene::{LONG_CUT, Mode, PLAN, Plan, Scene};
use std::time::Duration;

tests! {
    killed_at_each { on_demand at_least_once, on_demand exactly_once }
}

/// For a point to be reached.
const PATIENCE: Duration = Duration::from_secs(40);

/// What has to happen for a point to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Brings {
    /// It comes by itself.
    Work,
    /// The sidecar is the successor of one that was killed.
    Start,
    /// Another one joins its group.
    Join,
    /// It is frozen beyond its session.
    Freeze,
    /// SIGTERM.
    End,
}

/// A point, as a sequence of frames, the last of which is held.
type Point = (&'static str, Brings, &'static [Sight]);

/// Of both modes.
const BOTH: &[Point] = &[
    ("before the producer's id is given", Brings::Start, &[Sight::request(Api::INIT_PRODUCER_ID)]),
    ("the producer's id was given", Brings::Start, &[Sight::answer(Api::INIT_PRODUCER_ID)]),
    ("partitions were given", Brings::Start, &[Sight::answer(Api::SYNC_GROUP)]),
    ("told where to begin", Brings::Start, &[Sight::answer(Api::OFFSET_FETCH)]),
    ("before records are written", Brings::Work, &[Sight::request(Api::PRODUCE)]),
    ("records were written, no report", Brings::Work, &[Sight::answer(Api::PRODUCE)]),
    ("partitions let go", Brings::Join, &[Sight::answer(Api::SYNC_GROUP), Sight::request(Api::JOIN_GROUP)]),
    ("before the group is left", Brings::End, &[Sight::request(Api::LEAVE_GROUP)]),
    ("the group was left", Brings::End, &[Sight::answer(Api::LEAVE_GROUP)]),
];

const AT_LEAST_ONCE: &[Point] = &[
    ("before a commit", Brings::Work, &[Sight::request(Api::OFFSET_COMMIT)]),
    ("committed", Brings::Work, &[Sight::answer(Api::OFFSET_COMMIT)]),
    (
        "drained for a rebalance, before the commit",
        Brings::Join,
        &[Sight::answer(Api::SYNC_GROUP), Sight::request(Api::OFFSET_COMMIT)],
    ),
    (
        "drained for a rebalance, committed",
        Brings::Join,
        &[Sight::answer(Api::SYNC_GROUP), Sight::answer(Api::OFFSET_COMMIT)],
    ),
    ("drained for the end, before the commit", Brings::End, &[Sight::request(Api::OFFSET_COMMIT)]),
    ("drained for the end, committed", Brings::End, &[Sight::answer(Api::OFFSET_COMMIT)]),
];

const EXACTLY_ONCE: &[Point] = &[
    ("before partitions are added", Brings::Work, &[Sight::request(Api::ADD_PARTITIONS_TO_TXN)]),
    ("partitions were added", Brings::Work, &[Sight::answer(Api::ADD_PARTITIONS_TO_TXN)]),
    ("all was reported, before the group is added", Brings::Work, &[Sight::request(Api::ADD_OFFSETS_TO_TXN)]),
    ("the group was added", Brings::Work, &[Sight::answer(Api::ADD_OFFSETS_TO_TXN)]),
    ("before offsets are sent", Brings::Work, &[Sight::request(Api::TXN_OFFSET_COMMIT)]),
    ("offsets were sent", Brings::Work, &[Sight::answer(Api::TXN_OFFSET_COMMIT)]),
    ("before EndTxn commits", Brings::Work, &[Sight::request(Api::END_TXN)]),
    ("EndTxn committed", Brings::Work, &[Sight::answer(Api::END_TXN)]),
    ("before EndTxn aborts", Brings::Freeze, &[Sight::request(Api::END_TXN).of_an_abort()]),
    ("EndTxn aborted, not gone back", Brings::Freeze, &[Sight::answer(Api::END_TXN).of_an_abort()]),
    (
        "drained for a rebalance, before EndTxn commits",
        Brings::Join,
        &[Sight::answer(Api::SYNC_GROUP), Sight::request(Api::END_TXN)],
    ),
    (
        "drained for a rebalance, committed",
        Brings::Join,
        &[Sight::answer(Api::SYNC_GROUP), Sight::answer(Api::END_TXN)],
    ),
    ("drained for the end, before EndTxn commits", Brings::End, &[Sight::request(Api::END_TXN)]),
    ("drained for the end, committed", Brings::End, &[Sight::answer(Api::END_TXN)]),
];

fn killed_at_each() -> Case {
    Case {
        row: "2 kill -9 at each failpoint",
        plan: Plan {
            // A killed or frozen member is buried after three seconds.
            settings: &[("kafka.main.\"session.timeout.ms\"", "3000")],
            transaction: LONG_CUT,
            ..PLAN
        },
        promise: REPLAYS,
        harm: |scene| {
            scene.join();
            scene.recover();
            let own = if scene.mode == Mode::ExactlyOnce { EXACTLY_ONCE } else { AT_LEAST_ONCE };
            let points: Vec<&Point> = BOTH.iter().chain(own).collect();
            let (mut left, mut missed) = (0, Vec::new());
            let times = scaled(2, 20);
            for point in (0..times).flat_map(|_| &points) {
                match kill_at(scene, point) {
                    Some(outputs) => left += outputs,
                    None => missed.push(point.0),
                }
            }
            let what = format!("{times} kills at each of {} points, {left} outputs not committed", points.len());
            scene.prove(format!("{what}; missed: {missed:?}"), missed.is_empty() && left > 0);
        },
    }
}

/// Kills the one sidecar at a point and has another one take its place: the outputs that it left uncommitted, or None: it
/// was not there.
fn kill_at(scene: &mut Scene, (what, brings, sequence): &Point) -> Option<usize> {
    // Whoever comes next bears the name of the one that went last.
    let name = scene.sidecars[0].name();
    let open = if matches!(brings, Brings::Start | Brings::Freeze) { scene.hold_transaction() } else { None };
    if *brings == Brings::Start {
        scene.kill_unproved();
        open.iter().for_each(|open| open.release(Fate::Lost));
    }
    let trap = scene.turn.trap(&name, sequence);
    match brings {
        Brings::Work => {}
        Brings::Start | Brings::Join => scene.join(),
        Brings::Freeze => {
            scene.sidecars[0].signal("STOP");
            open.iter().for_each(|open| open.release(Fate::Passes));
            scene.await_sidecars("the group to bury it", |scene| scene.members() == 0);
            scene.sidecars[0].signal("CONT");
        }
        Brings::End => scene.sidecars[0].signal("TERM"),
    }
    let held = trap.holds(PATIENCE);
    // No exit code of its own: it lived until then.
    let killed = scene.kill_unproved().is_none();
    trap.release(Fate::Lost);
    let left = scene.uncommitted();
    println!("{what}: held {held}, killed {killed}, {left} outputs not committed");
    scene.join();
    scene.recover();
    // At each point a window of its own, not that of all points before.
    let end = scene.end();
    scene.await_sidecars("a commit of what came out", |scene| scene.committed() >= end);
    while scene.sidecars.len() > 1 {
        scene.leave();
        scene.recover();
    }
    (held && killed).then_some(left)
}
