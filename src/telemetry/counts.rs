//! What one lane counts: plain numbers, added to per record, published once a batch.
//!
//! Comes in: records read and how they ended. Goes out: a snapshot in which consumed = produced + dead-lettered +
//! skipped + abandoned + in flight. Must never: be shared while written (the lane owns it), use an atomic, read a clock,
//! allocate per record.

use super::RouteIndex;
use super::histogram::{CONVERT_BOUNDS, Histogram, LATENCY_BOUNDS};
use crate::fault::Stage;
use crate::transcoder::Act;
use std::time::Duration;

/// A lane's counts since its start. Publish a snapshot with [`super::LaneMetrics::publish`] once a batch, at a moment when
/// every record taken from the consumer has either ended or is counted as in flight.
#[derive(Debug)]
pub struct Counts {
    /// By [`RouteIndex`].
    pub(super) traffic: Vec<Traffic>,
    pub(super) in_flight: Volume,
    pub(super) dead_lettered: Tally<&'static str>,
    pub(super) skipped: Tally<&'static str>,
    pub(super) abandoned: u64,
    pub(super) failed: Tally<(&'static str, &'static str)>,
    pub(super) lossy: Tally<&'static str>,
    pub(super) tombstones: u64,
    pub(super) offsets_skipped: u64,
    pub(super) convert: Histogram,
    pub(super) latency: Histogram,
}

/// What came and what went on one route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) consumed: Volume,
    pub(super) produced: Volume,
}

/// Records and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Volume {
    pub(super) records: u64,
    pub(super) bytes: u64,
}

/// The one lossy act that is no conversion: librdkafka cannot write a record's timestamp of 0, which becomes 1.
const TIMESTAMP_ZERO: &str = "timestamp_zero";

impl Default for Counts {
    fn default() -> Self {
        Self {
            traffic: Vec::new(),
            in_flight: Volume::default(),
            dead_lettered: Tally::default(),
            skipped: Tally::default(),
            abandoned: 0,
            failed: Tally::default(),
            // Shown from the start, at zero.
            lossy: Tally(Act::ALL.map(Act::label).into_iter().chain([TIMESTAMP_ZERO]).map(|act| (act, 0)).collect()),
            tombstones: 0,
            offsets_skipped: 0,
            convert: Histogram::new(CONVERT_BOUNDS),
            latency: Histogram::new(LATENCY_BOUNDS),
        }
    }
}

impl Counts {
    /// A record was read from a route's source topic: key and value bytes.
    pub fn consumed(&mut self, route: RouteIndex, bytes: usize) {
        self.traffic(route).consumed.merge(Volume { records: 1, bytes: bytes as u64 });
    }

    /// A route's sink topic acknowledged records: key and value bytes as written.
    pub fn delivered(&mut self, route: RouteIndex, records: u64, bytes: u64) {
        self.traffic(route).produced.merge(Volume { records, bytes });
    }

    #[inline]
    fn traffic(&mut self, route: RouteIndex) -> &mut Traffic {
        let place = route.0 as usize;
        if place >= self.traffic.len() {
            self.traffic.resize(place + 1, Traffic::default());
        }
        &mut self.traffic[place]
    }

    /// The dead letter topic acknowledged records that were refused for one reason.
    pub fn dead_lettered(&mut self, reason: &'static str, records: u64) {
        self.dead_lettered.add(reason, records);
    }

    /// A record was left out by a policy that the config names.
    pub fn skipped(&mut self, reason: &'static str) {
        self.skipped.add(reason, 1);
    }

    /// Records were given up before they ended (revoked, rewound, drain deadline) and will be read again.
    pub fn abandoned(&mut self, records: u64) {
        self.abandoned += records;
    }

    /// The records that were read and did not end yet, and their bytes in the producer. Set from the lane's own books
    /// (the offset tracker), not computed from these counts, so that the identity is a check and no tautology.
    pub fn in_flight(&mut self, records: u64, bytes: u64) {
        self.in_flight = Volume { records, bytes };
    }

    /// A record failed at a stage; how it ended is counted apart.
    pub fn failed(&mut self, stage: Stage, reason: &'static str) {
        self.failed.add((stage.label(), reason), 1);
    }

    /// A record without a value was passed on.
    pub fn tombstone(&mut self) {
        self.tombstones += 1;
    }

    /// What the transcoder's ledger says of one record or of a batch.
    pub fn lossy(&mut self, ledger: impl IntoIterator<Item = (&'static str, u64)>) {
        for (reason, times) in ledger {
            if times > 0 {
                self.lossy.add(reason, times);
            }
        }
    }

    /// Offsets that were never read: retention or `out_of_range` took them.
    pub fn offsets_skipped(&mut self, offsets: u64) {
        self.offsets_skipped += offsets;
    }

    /// `records` were converted in `total`: each counts with the mean, so that a lane may read the clock once a batch.
    pub fn converted(&mut self, total: Duration, records: u32) {
        if records > 0 {
            self.convert.observe(total.as_secs_f64() / f64::from(records), u64::from(records));
        }
    }

    /// Milliseconds from the source records' timestamp to the sink's acknowledgement; clocks that disagree count as 0.
    #[expect(clippy::cast_precision_loss, reason = "2^53 ms are 285,000 years")]
    pub fn end_to_end(&mut self, millis: i64, records: u64) {
        self.latency.observe(millis.max(0) as f64 / 1000.0, records);
    }

    /// Whether every record read is accounted for: consumed = produced + dead-lettered + skipped + abandoned + in flight.
    #[must_use]
    pub fn balanced(&self) -> bool {
        let consumed: u64 = self.traffic.iter().map(|traffic| traffic.consumed.records).sum();
        consumed == self.ended() + self.abandoned + self.in_flight.records
    }

    /// Records that ended for good: produced, dead-lettered or skipped.
    pub(super) fn ended(&self) -> u64 {
        let produced: u64 = self.traffic.iter().map(|route| route.produced.records).sum();
        produced + self.dead_lettered.total() + self.skipped.total()
    }

    /// Adds another lane of the same pipeline, but for its traffic, which is shown by topic.
    pub(super) fn add(&mut self, other: &Self) {
        self.in_flight.merge(other.in_flight);
        self.dead_lettered.merge(&other.dead_lettered);
        self.skipped.merge(&other.skipped);
        self.abandoned += other.abandoned;
        self.failed.merge(&other.failed);
        self.lossy.merge(&other.lossy);
        self.tombstones += other.tombstones;
        self.offsets_skipped += other.offsets_skipped;
        self.convert.add(&other.convert);
        self.latency.add(&other.latency);
    }
}

/// By hand, so that a publish reuses the snapshot's memory.
impl Clone for Counts {
    fn clone(&self) -> Self {
        let mut copy = Self::default();
        copy.clone_from(self);
        copy
    }

    fn clone_from(&mut self, source: &Self) {
        // Without `..`, so that a new field cannot be forgotten here.
        let Self {
            traffic,
            in_flight,
            dead_lettered,
            skipped,
            abandoned,
            failed,
            lossy,
            tombstones,
            offsets_skipped,
            convert,
            latency,
        } = source;
        self.traffic.clone_from(traffic);
        self.in_flight = *in_flight;
        (self.abandoned, self.tombstones, self.offsets_skipped) = (*abandoned, *tombstones, *offsets_skipped);
        self.dead_lettered.0.clone_from(&dead_lettered.0);
        self.skipped.0.clone_from(&skipped.0);
        self.failed.0.clone_from(&failed.0);
        self.lossy.0.clone_from(&lossy.0);
        self.convert.clone_from(convert);
        self.latency.clone_from(latency);
    }
}

impl Traffic {
    pub(super) fn merge(&mut self, other: Self) {
        self.consumed.merge(other.consumed);
        self.produced.merge(other.produced);
    }
}

impl Volume {
    fn merge(&mut self, other: Self) {
        self.records += other.records;
        self.bytes += other.bytes;
    }
}

/// Counts by reason. Reasons are words of a closed set and few, so a list beats a map.
#[derive(Clone, Debug)]
pub(super) struct Tally<K>(Vec<(K, u64)>);

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Copy + PartialEq> Tally<K> {
    fn add(&mut self, reason: K, times: u64) {
        match self.0.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += times,
            None => self.0.push((reason, times)),
        }
    }

    fn merge(&mut self, other: &Self) {
        for (reason, times) in other.iter() {
            self.add(reason, times);
        }
    }

    fn total(&self) -> u64 {
        self.iter().map(|(_, count)| count).sum()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (K, u64)> {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTE: RouteIndex = RouteIndex(0);

    #[test]
    fn the_books_balance_only_when_every_record_ended_or_is_in_flight() {
        let mut counts = Counts::default();
        for _ in 0..10 {
            counts.consumed(ROUTE, 100);
        }
        assert!(!counts.balanced(), "ten records are nowhere");
        counts.in_flight(10, 1000);
        assert!(counts.balanced());
        counts.delivered(ROUTE, 1, 80);
        counts.dead_lettered("missing_field", 1);
        counts.skipped("not_json");
        counts.abandoned(3);
        counts.in_flight(4, 400);
        assert!(counts.balanced());
        counts.delivered(RouteIndex(3), 1, 1);
        assert!(!counts.balanced());
    }

    #[test]
    fn a_snapshot_equals_its_source() {
        let mut counts = Counts::default();
        counts.consumed(ROUTE, 7);
        counts.delivered(ROUTE, 1, 5);
        counts.in_flight(2, 3);
        counts.dead_lettered("a", 1);
        counts.skipped("b");
        counts.abandoned(1);
        counts.failed(Stage::Convert, "a");
        counts.lossy([("rounded", 2), ("unknown_field", 0)]);
        counts.tombstone();
        counts.offsets_skipped(9);
        counts.converted(Duration::from_micros(30), 3);
        counts.end_to_end(-5, 1);
        let mut snapshot = Counts::default();
        snapshot.skipped("stale");
        snapshot.clone_from(&counts);
        assert_eq!(format!("{snapshot:?}"), format!("{counts:?}"));
        assert_eq!((counts.convert.count(), counts.latency.sum()), (3, 0.0));
    }
}
