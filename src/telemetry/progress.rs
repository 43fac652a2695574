//! Since when a lane has work and has ended none of it.
//!
//! Work is a record in flight, or one that is not committed of a partition in hand. Comes in: what is published, what the
//! timer found out of offsets. Goes out: a moment. Must never: count waiting for work as a stall.

use std::time::Instant;

/// One lane's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    ended: u64,
    in_flight: bool,
    behind: bool,
    since: Option<Instant>,
}

impl Progress {
    /// So many records have ended by now; some are in flight or none.
    pub(super) fn published(&mut self, ended: u64, in_flight: bool, now: Instant) {
        if ended != self.ended {
            self.since = None;
        }
        (self.ended, self.in_flight) = (ended, in_flight);
        self.look(now);
    }

    /// A partition in hand has records that are not committed, or none has.
    pub(super) fn behind(&mut self, behind: bool, now: Instant) {
        self.behind = behind;
        self.look(now);
    }

    /// When the last record ended, or, if that is later, when work came. None: there is no work.
    pub(super) fn since(&self) -> Option<Instant> {
        self.since
    }

    fn look(&mut self, now: Instant) {
        match self.in_flight || self.behind {
            true => self.since = self.since.or(Some(now)),
            false => self.since = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Each step comes ten seconds after the one before: records ended, some in flight, some behind; the age told then.
    #[test]
    fn only_work_that_does_not_end_ages() {
        let began = Instant::now();
        let mut progress = Progress::default();
        for (step, (ended, in_flight, behind, age)) in [
            (0, false, false, None),
            (0, false, true, Some(0)),
            (0, false, true, Some(10)),
            (0, true, true, Some(20)),
            (1, true, true, Some(0)),
            (1, true, true, Some(10)),
            (2, false, false, None),
            (2, false, false, None),
            (2, true, false, Some(0)),
            (2, true, false, Some(10)),
            (9, false, true, Some(0)),
        ]
        .into_iter()
        .enumerate()
        {
            let now = began + Duration::from_secs(10 * step as u64);
            progress.behind(behind, now);
            progress.published(ended, in_flight, now);
            let found = progress.since().map(|since| now.duration_since(since).as_secs());
            assert_eq!(found, age, "step {step}");
        }
    }
}
