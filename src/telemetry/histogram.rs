//! A histogram that one thread owns: no atomics, added up when published.
//!
//! Comes in: observations in seconds. Goes out: counts per bucket and their sum. Must never: allocate after its making.

/// Conversion of one record: from a microsecond to a stall.
pub(super) const CONVERT_BOUNDS: &[f64] =
    &[1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 1e-2, 1e-1];
/// From the source record's timestamp to the sink's acknowledgement: from live traffic to a backlog of days.
pub(super) const LATENCY_BOUNDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0, 86400.0];
/// One HTTP request.
pub(super) const REQUEST_BOUNDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Observations by upper bound.
#[derive(Debug)]
pub(super) struct Histogram {
    bounds: &'static [f64],
    /// One for each bound and one for everything above them.
    counts: Vec<u64>,
    sum: f64,
    /// The bucket of the last observation, where the next one is likely to be: neighbours are alike.
    last: usize,
}

impl Histogram {
    pub(super) fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1], sum: 0.0, last: 0 }
    }

    /// The same value `times` times.
    pub(super) fn observe(&mut self, seconds: f64, times: u64) {
        let above = self.last.checked_sub(1).and_then(|below| self.bounds.get(below)).is_none_or(|low| *low < seconds);
        let within = above && self.bounds.get(self.last).is_none_or(|high| seconds <= *high);
        if !within {
            self.last = self.bounds.partition_point(|bound| *bound < seconds);
        }
        if let Some(count) = self.counts.get_mut(self.last) {
            *count += times;
        }
        #[expect(clippy::cast_precision_loss, reason = "a batch is far below 2^53 records")]
        let times = times as f64;
        self.sum += seconds * times;
    }

    /// Adds another histogram with the same bounds.
    pub(super) fn add(&mut self, other: &Self) {
        for (own, more) in self.counts.iter_mut().zip(&other.counts) {
            *own += more;
        }
        self.sum += other.sum;
    }

    /// Upper bound and observations up to it, from the lowest bound on.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        self.bounds.iter().zip(&self.counts).scan(0, |below, (bound, count)| {
            *below += count;
            Some((*bound, *below))
        })
    }

    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub(super) fn sum(&self) -> f64 {
        self.sum
    }
}

/// By hand, so that a publish reuses the snapshot's memory.
impl Clone for Histogram {
    fn clone(&self) -> Self {
        Self { bounds: self.bounds, counts: self.counts.clone(), sum: self.sum, last: self.last }
    }

    fn clone_from(&mut self, source: &Self) {
        self.bounds = source.bounds;
        self.counts.clone_from(&source.counts);
        self.sum = source.sum;
        self.last = source.last;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_inclusive_and_buckets_are_cumulative() {
        let mut histogram = Histogram::new(&[0.1, 1.0]);
        for (seconds, times) in [(0.0, 1), (0.1, 2), (0.5, 3), (1.0, 1), (9.0, 3), (9.5, 1), (0.1, 0)] {
            histogram.observe(seconds, times);
        }
        assert_eq!(histogram.cumulative().collect::<Vec<_>>(), [(0.1, 3), (1.0, 7)]);
        assert_eq!(histogram.count(), 11);
        assert!((histogram.sum() - 39.2).abs() < 1e-9, "{}", histogram.sum());

        let mut both = histogram.clone();
        both.add(&histogram);
        assert_eq!((both.count(), both.cumulative().last()), (22, Some((1.0, 14))));
    }
}
