//! How the sidecars of a case end: killed, told to, or by themselves; and how all stands where one ends badly.
//!
//! Comes in: a scene. Goes out: the scene without its oldest sidecar, whose name is free and whose log is kept. Must never:
//! take an end for a good one that was not.

use super::proxy::{Api, Fate, Sight, Trap};
use super::scene::{Mode, PATIENCE, Scene};
use std::sync::Arc;
use std::time::Duration;

impl Scene {
    /// Ends the oldest sidecar by SIGKILL. What it left uncommitted is evidence.
    pub(crate) fn kill(&mut self) {
        let trap = self.hold_transaction();
        self.kill_unproved();
        if let Some(trap) = trap {
            trap.release(Fate::Lost);
        }
        let left = self.uncommitted();
        self.prove(format!("killed with {left} outputs not committed"), left > 0);
    }

    /// Under exactly-once, waits for a moment at which brokers have records of a transaction that the oldest sidecar cannot
    /// commit: one of its next answers to Produce is held, until the trap is released.
    pub(crate) fn hold_transaction(&mut self) -> Option<Arc<Trap>> {
        if self.mode != Mode::ExactlyOnce {
            return None;
        }
        let answers = vec![Sight::answer(Api::PRODUCE); fastrand::usize(1..30)];
        let trap = self.turn.trap(&self.sidecars[0].name(), &answers);
        self.await_sidecars("records in an open transaction that brokers have", |scene| {
            trap.holds(Duration::ZERO) && scene.uncommitted() > 0
        });
        Some(trap)
    }

    /// Ends the oldest sidecar by SIGKILL, whatever it was about to do: its exit code, if it had ended by itself.
    pub(crate) fn kill_unproved(&mut self) -> Option<i32> {
        let mut killed = self.sidecars.remove(0);
        self.note_peak(&killed);
        killed.signal("KILL");
        let (code, _) = killed.exit(PATIENCE);
        self.names.give_back(&killed);
        self.logs.push(killed.log());
        code
    }

    /// Ends the oldest sidecar by SIGTERM, and has it end well; how long it took.
    pub(crate) fn leave(&mut self) -> Duration {
        let mut leaving = self.sidecars.remove(0);
        self.note_peak(&leaving);
        leaving.signal("TERM");
        let (code, took) = leaving.exit(PATIENCE);
        assert_eq!(code, Some(0), "exit code after SIGTERM:\n{}", leaving.log());
        self.names.give_back(&leaving);
        self.logs.push(leaving.log());
        took
    }

    /// Waits until the oldest sidecar ends by itself: its exit code, and whether a line of its log has these words.
    pub(crate) fn ended(&mut self, words: &[&str]) -> (Option<i32>, bool) {
        let mut ended = self.sidecars.remove(0);
        let (code, _) = ended.exit(PATIENCE);
        self.names.give_back(&ended);
        self.logs.push(ended.log());
        (code, ended.said(words))
    }

    /// For a person who has to find out why.
    pub(crate) fn state(&self) -> String {
        let reached: Vec<i64> =
            (0..self.feeder.partitions()).map(|partition| self.watcher.reached(partition)).collect();
        let running = self.sidecars.iter().map(|sidecar| sidecar.log());
        let logs: Vec<String> =
            self.logs.iter().cloned().chain(running).map(|log| format!("--- log:\n{log}")).collect();
        let (direct, fed) = (self.turn.direct(), self.feeder.next());
        // Where it stands: the reading, the writing or the watcher.
        let (committed, sink) = (direct.committed(&self.group, &self.source), direct.try_end_offsets(&self.sink));
        let evidence = &self.evidence;
        let stands = format!("fed {fed} of each, committed {committed:?}, sink's ends {sink:?}, out {reached:?}");
        format!("{stands}, {evidence:?}\n{}", logs.join("\n"))
    }
}
