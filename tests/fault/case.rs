//! Runs a case in one mode, again where it proved nothing, and says how it ended.
//!
//! Comes in: a `Case`, a mode. Goes out: a line of the table, and a panic where a promise was broken or nothing was proved. Must
//! never: call a run passed in which the fault did not bite.

use super::cluster::Cluster;
use super::scene::{Mode, Plan, Scene};
use super::verdict::{Promise, Verdict, judge};
use std::fs::OpenOptions;
use std::io::Write;
use std::time::{Duration, Instant};

/// Runs of a case until one proves something.
const TRIES: u32 = 3;
/// Where `fault/matrix` wants the lines of its table.
const TABLE: &str = "JSON2AVRO_FAULT_TABLE";
/// Set to 1: faults last as long and come as often as the matrix has them.
const FULL: &str = "JSON2AVRO_FAULT_FULL";

/// One row of the fault matrix.
pub(crate) struct Case {
    /// Its number in the matrix and its name.
    pub(crate) row: &'static str,
    pub(crate) plan: Plan,
    /// Under at-least-once; exactly-once promises everything, always.
    pub(crate) promise: Promise,
    /// Starts sidecars, does harm, mends it.
    pub(crate) harm: fn(&mut Scene),
}

/// Replays from the uncommitted window.
pub(crate) const REPLAYS: Promise = Promise { replays: true, resends: false, stale: false, zombies: false };
/// As well what brokers had taken and lost again, or had taken and could not say so.
pub(crate) const RESENDS: Promise = Promise { replays: true, resends: true, stale: false, zombies: false };
/// Each once, in order.
pub(crate) const EXACT: Promise = Promise { replays: false, resends: false, stale: false, zombies: false };

/// A number for the compressed run and one for the full one.
pub(crate) fn scaled<T>(compressed: T, full: T) -> T {
    if std::env::var(FULL).is_ok_and(|value| value == "1") { full } else { compressed }
}

impl Case {
    /// Runs the case under at-least-once.
    pub(crate) fn at_least_once(&self) {
        self.run(Mode::AtLeastOnce);
    }

    /// Runs the case under exactly-once.
    pub(crate) fn exactly_once(&self) {
        self.run(Mode::ExactlyOnce);
    }

    fn run(&self, mode: Mode) {
        let conclusive = (1..=TRIES).any(|_| self.proves(mode));
        assert!(conclusive, "{} {}: inconclusive {TRIES} times", self.row, mode.name());
    }

    /// Runs it once; false: it proved nothing. Panics where a promise was broken.
    fn proves(&self, mode: Mode) -> bool {
        // Skipped by hand, and said so.
        let Some(turn) = Cluster::turn() else { return true };
        let began = Instant::now();
        let name: String = self.row.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '-' }).collect();
        let mut scene = Scene::new(turn, &name, mode, self.plan);
        (self.harm)(&mut scene);
        scene.turn.heal();
        let history = scene.finish();
        let verdict = judge(&history);
        let promise = if mode == Mode::ExactlyOnce { EXACT } else { self.promise };
        let breaches = verdict.breaches(promise);
        let missing: Vec<&str> =
            scene.evidence.iter().filter(|(_, happened)| !happened).map(|(what, _)| what.as_str()).collect();
        let result = match (breaches.is_empty(), missing.is_empty() && !scene.evidence.is_empty()) {
            (false, _) => format!("BROKEN: {}", breaches.join("; ")),
            (true, false) => format!("INCONCLUSIVE: {}", missing.join("; ")),
            (true, true) => "kept".to_owned(),
        };
        self.report(&scene, &verdict, &result, began.elapsed());
        assert!(breaches.is_empty(), "{} {}: {}\n{}", self.row, mode.name(), breaches.join("\n"), scene.state());
        if result != "kept" {
            println!("{}", scene.state());
        }
        result == "kept"
    }

    fn report(&self, scene: &Scene, verdict: &Verdict, result: &str, took: Duration) {
        let recovery = scene.recoveries.iter().max().map_or("-".into(), |time| format!("{:.1} s", time.as_secs_f64()));
        let order = match verdict.reordered.len() + verdict.stray.len() {
            0 => "kept".to_owned(),
            count => format!("{count} out of place"),
        };
        let happened: Vec<&str> = scene.evidence.iter().map(|(what, _)| what.as_str()).collect();
        let line = format!(
            "| {} | {} | {} | {} | {} | {order} | {recovery} | {} MiB | {result} | {} | {:.0} s |",
            self.row,
            scene.mode.name(),
            verdict.tally.inputs,
            verdict.lost.len() + verdict.letters_lost.len(),
            verdict.duplicates() + verdict.letters_repeated.len(),
            scene.peak_mib,
            happened.join("; "),
            took.as_secs_f64(),
        );
        println!("{line}");
        if let Some(file) = std::env::var_os(TABLE) {
            writeln!(OpenOptions::new().create(true).append(true).open(file).unwrap(), "{line}").unwrap();
        }
    }
}
