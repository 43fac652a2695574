//! How long to wait before the next try: exponential, capped, with full jitter.
//!
//! Comes in: the number of the try. Goes out: a duration. Must never: sleep or read a clock.

use std::time::Duration;

/// A schedule of waits.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The first wait's upper bound.
    pub first: Duration,
    /// No wait is longer.
    pub most: Duration,
}

impl Backoff {
    /// The wait before try number `tries + 1`: evenly random between half of the bound and the bound, so that a fleet
    /// spreads and yet no one hammers.
    #[must_use]
    pub fn wait(&self, tries: u32) -> Duration {
        let bound = self.first.saturating_mul(1u32.checked_shl(tries.min(20)).unwrap_or(u32::MAX)).min(self.most);
        bound.mul_f64(0.5 + fastrand::f64() * 0.5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_doubles_up_to_the_cap() {
        let schedule = Backoff { first: Duration::from_millis(100), most: Duration::from_secs(10) };
        for (tries, bound) in [(0, 100), (1, 200), (5, 3200), (7, 10_000), (31, 10_000), (u32::MAX, 10_000)] {
            for _ in 0..50 {
                let wait = schedule.wait(tries).as_millis();
                assert!((bound / 2..=bound).contains(&wait), "try {tries}: {wait} ms, bound {bound}");
            }
        }
    }
}
