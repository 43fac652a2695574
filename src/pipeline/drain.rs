//! The order to drain, round by round: no more records, then nothing in flight and all committed, then out of the group.
//!
//! Comes in: whether it was ordered, what is not settled yet, the time. Goes out: what the lane does now. Must never: leave the
//! group with records that may still be committed, unless the time is up; call a client, read a clock.

use super::assignment::Assignment;
use std::time::{Duration, Instant};

/// How far the drain is.
#[derive(Debug)]
pub(super) struct Drain {
    pub(super) timeout: Duration,
    /// None: it was not ordered.
    began: Option<Instant>,
    left_group: bool,
    /// It stays in its group, which keeps its partitions for the process that follows (KIP-345).
    static_member: bool,
}

/// What the lane does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// It was not ordered.
    ReadOn,
    /// Let go of what was taken and did not pass.
    Begin,
    Wait,
    /// All that passed has ended and is committed: leave the group.
    Leave,
    /// Drained, or the deadline passed.
    End,
}

impl Drain {
    pub(super) fn new(timeout: Duration, static_member: bool) -> Self {
        Self { timeout, began: None, left_group: false, static_member }
    }

    /// When it was ordered.
    pub(super) fn began(&self) -> Option<Instant> {
        self.began
    }

    /// `settled`: nothing is in flight, nothing to be committed, no commit under way.
    pub(super) fn step(&mut self, ordered: bool, settled: bool, assignment: &Assignment, now: Instant) -> Move {
        let Some(began) = self.began else {
            self.began = ordered.then_some(now);
            return if ordered { Move::Begin } else { Move::ReadOn };
        };
        if now.duration_since(began) >= self.timeout {
            return Move::End;
        }
        match (self.static_member, self.left_group) {
            _ if assignment.rebalancing() => Move::Wait,
            (true, _) if settled => Move::End,
            (false, false) if settled => {
                self.left_group = true;
                Move::Leave
            }
            (false, true) if assignment.is_empty() => Move::End,
            _ => Move::Wait,
        }
    }
}
