//! How the sidecars of a case end: killed, told to, or by themselves.
//!
//! Comes in: a scene. Goes out: the scene without its oldest sidecar, whose name is free and whose log is kept. Must never:
//! take an end for a good one that was not.

use super::scene::{Mode, PATIENCE, Scene};
use std::time::Duration;

impl Scene {
    /// Ends the oldest sidecar by SIGKILL. What it left uncommitted is evidence.
    pub(crate) fn kill(&mut self) {
        self.await_open_transaction();
        self.kill_unproved();
        let left = self.uncommitted();
        self.prove(format!("killed with {left} outputs not committed"), left > 0);
    }

    /// Under exactly-once, waits until brokers have records of a transaction that the oldest sidecar has not committed: what
    /// is waited for otherwise comes out when a transaction has just ended.
    pub(crate) fn await_open_transaction(&mut self) {
        if self.mode == Mode::ExactlyOnce {
            self.await_sidecars("records in an open transaction that brokers have", |scene| {
                scene.sidecars[0].metrics().is_some_and(|metrics| {
                    let (records, bytes) = (metrics.count("records_in_flight"), metrics.count("in_flight_bytes"));
                    records >= 30 && bytes < records * 20
                })
            });
        }
    }

    /// Ends the oldest sidecar by SIGKILL, whatever it was about to do.
    pub(crate) fn kill_unproved(&mut self) {
        let mut killed = self.sidecars.remove(0);
        self.note_peak(&killed);
        killed.signal("KILL");
        killed.exit(PATIENCE);
        self.names.give_back(&killed);
        self.logs.push(killed.log());
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
}
