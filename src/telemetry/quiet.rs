//! Keeps a log readable while the same thing happens a million times.
//!
//! Comes in: a reason and the time. Goes out: whether to write this one, and how many were kept back since. Must never:
//! read a clock, grow with anything but the reasons, a closed set.

use std::time::{Duration, Instant};

/// Between two lines about one reason.
const PAUSE: Duration = Duration::from_secs(10);

/// Per reason: when the last line was written and how many were kept back since.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    reasons: Vec<Reason>,
}

#[derive(Debug)]
struct Reason {
    name: &'static str,
    written: Instant,
    kept_back: u64,
}

impl Quiet {
    /// The number of happenings to write a line for: 1 for the first of a reason, all since the last line once a pause
    /// is over, none while it lasts.
    pub(super) fn happened(&mut self, name: &'static str, now: Instant) -> Option<u64> {
        let Some(reason) = self.reasons.iter_mut().find(|known| known.name == name) else {
            self.reasons.push(Reason { name, written: now, kept_back: 0 });
            return Some(1);
        };
        reason.kept_back += 1;
        reason.due(now)
    }

    /// The reasons whose pause is over with something kept back: without this the last ones would never be told.
    pub(super) fn due(&mut self, now: Instant) -> impl Iterator<Item = (&'static str, u64)> {
        self.reasons.iter_mut().filter_map(move |reason| {
            let name = reason.name;
            reason.due(now).map(|times| (name, times))
        })
    }
}

impl Reason {
    fn due(&mut self, now: Instant) -> Option<u64> {
        let over = now.saturating_duration_since(self.written) >= PAUSE;
        (over && self.kept_back > 0).then(|| {
            self.written = now;
            std::mem::take(&mut self.kept_back)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_reason_then_a_summary_every_pause() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut quiet = Quiet::default();
        for (reason, second, lines) in [
            ("a", 0, Some(1)),
            ("a", 0, None),
            ("b", 1, Some(1)),
            ("a", 9, None),
            ("a", 10, Some(3)),
            ("a", 11, None),
            ("a", 40, Some(2)),
        ] {
            assert_eq!(quiet.happened(reason, at(second)), lines, "{reason} at {second}");
        }
        assert_eq!(quiet.happened("b", at(10)), None);
        assert_eq!(quiet.due(at(10)).count(), 0, "its pause is not over");
        assert_eq!(quiet.due(at(11)).collect::<Vec<_>>(), [("b", 1)]);
        assert_eq!(quiet.due(at(99)).count(), 0, "told already");
    }
}
