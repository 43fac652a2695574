//! The samples of one metric, on their way to the text format.
//!
//! Comes in: labels and numbers. Goes out: one metric family. Must never: know a metric's name or meaning.

use super::catalogue::Pipeline;
use super::histogram::Histogram;
use super::lane::Offsets;
use prometheus::proto::{Bucket, Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use std::collections::BTreeMap;

/// Every name begins with it.
const PREFIX: &str = "json2avro_";

/// The samples of one metric.
#[derive(Debug)]
pub(super) struct Samples {
    kind: MetricType,
    common: Vec<LabelPair>,
    metrics: Vec<Metric>,
}

impl Samples {
    pub(super) fn new(kind: MetricType) -> Self {
        Self { kind, common: Vec::new(), metrics: Vec::new() }
    }

    /// The following samples are this pipeline's.
    pub(super) fn of(&mut self, pipeline: &Pipeline) {
        self.common = vec![label("pipeline", &pipeline.name)];
    }

    /// One whole number; exact up to 2^53, as Prometheus has it.
    #[expect(clippy::cast_precision_loss, reason = "the format's numbers are doubles")]
    pub(super) fn put(&mut self, labels: &[(&str, &str)], value: u64) {
        self.value(labels, value as f64);
    }

    /// One number.
    pub(super) fn value(&mut self, labels: &[(&str, &str)], value: f64) {
        let mut metric = self.metric(labels);
        if self.kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        self.metrics.push(metric);
    }

    /// One number for each reason.
    pub(super) fn by_reason(&mut self, reasons: impl IntoIterator<Item = (&'static str, u64)>) {
        for (reason, times) in reasons {
            self.put(&[("reason", reason)], times);
        }
    }

    /// One number for each topic.
    pub(super) fn by_topic(&mut self, topics: BTreeMap<&str, u64>) {
        for (topic, number) in topics {
            self.put(&[("topic", topic)], number);
        }
    }

    /// One number for each source partition that the pipeline holds.
    #[expect(clippy::cast_precision_loss, reason = "the format's numbers are doubles")]
    pub(super) fn by_partition(&mut self, pipeline: &Pipeline, number: fn(&Offsets) -> i64) {
        // A map, because a series told twice (two lanes, in the middle of a rebalance) spoils the whole page.
        let offsets: BTreeMap<_, _> = pipeline.states.iter().flat_map(|state| &state.offsets).collect();
        for (partition, offsets) in offsets {
            let number = number(offsets) as f64;
            self.value(&[("topic", &partition.topic), ("partition", &partition.partition.to_string())], number);
        }
    }

    /// One histogram.
    pub(super) fn histogram(&mut self, labels: &[(&str, &str)], histogram: &Histogram) {
        let buckets = histogram.cumulative().map(|(bound, count)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(count);
            bucket
        });
        let mut sample = prometheus::proto::Histogram::default();
        sample.set_bucket(buckets.collect());
        sample.set_sample_count(histogram.count());
        sample.set_sample_sum(histogram.sum());
        let mut metric = self.metric(labels);
        metric.set_histogram(sample);
        self.metrics.push(metric);
    }

    /// All of them under a name.
    pub(super) fn family(self, name: &str, help: &str) -> MetricFamily {
        let mut family = MetricFamily::default();
        family.set_name(format!("{PREFIX}{name}"));
        family.set_help(help.to_owned());
        family.set_field_type(self.kind);
        family.set_metric(self.metrics);
        family
    }

    fn metric(&self, labels: &[(&str, &str)]) -> Metric {
        let own = labels.iter().map(|(name, value)| label(name, value));
        Metric::from_label(self.common.iter().cloned().chain(own).collect())
    }
}

fn label(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}
