//! Happenings: one function each writes the log line and the counters together.
//!
//! Comes in: what happened to a pipeline, a partition or a record. Goes out: a line with fields, and the numbers in the
//! lane's counts or state. Must never: hold a payload or a key; write a line per record.

use super::quiet::Quiet;
use super::{Counts, LaneMetrics, SchemaInForce};
use crate::config::Part;
use crate::fault::{Fault, Stage};
use crate::record::{Outcome, TopicPartition};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The happenings of one lane. Another thread of the lane (schema refresh) makes its own from a clone of the handle.
#[derive(Debug)]
pub struct Events {
    metrics: LaneMetrics,
    quiet: Quiet,
    refused: Quiet,
}

/// A record that could not be re-encoded.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'a> {
    /// Where it was read.
    pub partition: &'a TopicPartition,
    /// Its offset.
    pub offset: i64,
    /// The stage that refused it.
    pub stage: Stage,
    /// A word from a closed set.
    pub reason: &'static str,
    /// The place in the JSON, empty where there is none.
    pub path: &'a str,
    /// For a person. Never a payload.
    pub message: &'a str,
    /// How the policy lets it end.
    pub ends: Outcome,
}

/// A pipeline's life.
impl Events {
    /// The happenings of the lane behind this handle.
    #[must_use]
    pub fn new(metrics: LaneMetrics) -> Self {
        Self { metrics, quiet: Quiet::default(), refused: Quiet::default() }
    }

    /// The lane's handle.
    #[must_use]
    pub fn metrics(&self) -> &LaneMetrics {
        &self.metrics
    }

    /// The pipeline runs.
    pub fn started(&self, group_id: &str, topics: usize, lanes: usize) {
        self.metrics.running();
        tracing::info!(target: "json2avro", pipeline = self.pipeline(), topics, lanes, group_id, "pipeline started");
    }

    /// The pipeline reads this topic from now on.
    pub fn topic_joined(&mut self, source: &str, sink: &str) {
        self.metrics.topic_waits(source, None);
        tracing::info!(target: "json2avro", pipeline = self.pipeline(), source, sink, "topic joined");
    }

    /// A topic that matches a pattern cannot be read yet; it is tried again at the next look. Said once for each reason.
    pub fn topic_waits(&self, topic: &str, fault: &Fault) {
        if self.metrics.topic_waits(topic, Some(fault.reason)) != Some(fault.reason) {
            let (stage, reason, message) = parts(fault);
            tracing::warn!(
                target: "json2avro", pipeline = self.pipeline(), topic, stage, reason, message, "topic waits"
            );
        }
    }

    /// A topic matches a pattern and has the name of one that is written: it is not read.
    pub fn topic_is_output(&self, topic: &str) {
        tracing::info!(
            target: "json2avro", pipeline = self.pipeline(), topic,
            "topic not read: it has the name of an output; name it in source.topic to read it all the same"
        );
    }

    /// The topic exists no more, or a pattern matches it no more.
    pub fn topic_left(&self, topic: &str) {
        self.metrics.topic_waits(topic, None);
        tracing::info!(target: "json2avro", pipeline = self.pipeline(), topic, "topic left");
    }

    /// Refusals stopped one topic; the pipeline's others go on.
    pub fn topic_failed(&self, topic: &str, fault: &Fault) {
        let (stage, reason, message) = parts(fault);
        tracing::error!(target: "json2avro", pipeline = self.pipeline(), topic, stage, reason, message, "topic failed");
    }

    /// The pipeline cannot start yet, or not go on, and tries again.
    pub fn waiting(&mut self, fault: &Fault, now: Instant) {
        if let Some(times) = self.quiet.happened(fault.reason, now) {
            let (stage, reason, message) = parts(fault);
            tracing::warn!(
                target: "json2avro", pipeline = self.pipeline(), lane = self.lane(), stage, reason, times, message,
                "pipeline waits"
            );
        }
    }

    /// A lane ended with a fault that time mends and is started anew by itself; the others go on.
    pub fn lane_ended(&mut self, lane: usize, fault: &Fault, now: Instant) {
        if let Some(times) = self.quiet.happened(fault.reason, now) {
            let (stage, reason, message) = parts(fault);
            tracing::warn!(
                target: "json2avro", pipeline = self.pipeline(), lane, stage, reason, times, message,
                "lane ended, it is started anew"
            );
        }
    }

    /// A lane cannot go on without a person: neither does its pipeline, once the other lanes have drained.
    pub fn lane_failed(&self, lane: usize, fault: &Fault) {
        self.metrics.failed(fault.reason);
        let (stage, reason, message) = parts(fault);
        tracing::error!(
            target: "json2avro", pipeline = self.pipeline(), lane, stage, reason, message, "lane failed, the others drain"
        );
    }

    /// There are more lanes than partitions to read: some have nothing to do.
    pub fn idle_lanes(&self, lanes: usize, partitions: usize) {
        tracing::warn!(
            target: "json2avro", pipeline = self.pipeline(), lanes, partitions,
            "more lanes than source partitions: some have nothing to do"
        );
    }

    /// The pipeline cannot go on without a person.
    pub fn failed(&self, fault: &Fault) {
        self.metrics.failed(fault.reason);
        let (stage, reason, message) = parts(fault);
        tracing::error!(target: "json2avro", pipeline = self.pipeline(), stage, reason, message, "pipeline failed");
    }

    /// The pipeline ended as ordered. `abandoned` records were in flight when the deadline came and are read again.
    pub fn drained(&self, took: Duration, abandoned: u64) {
        let (pipeline, took_ms) = (self.pipeline(), u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        if abandoned == 0 {
            tracing::info!(target: "json2avro", pipeline, lane = self.lane(), took_ms, "pipeline drained");
        } else {
            tracing::warn!(
                target: "json2avro", pipeline, lane = self.lane(), took_ms, abandoned,
                "pipeline ended before it was drained"
            );
        }
    }

    /// To be called now and then: tells of happenings that were kept back and did not happen again.
    pub fn tick(&mut self, now: Instant) {
        let pipeline = self.metrics.pipeline();
        for (reason, times) in self.refused.due(now) {
            tracing::warn!(target: "json2avro", pipeline, reason, times, "records refused");
        }
        for (reason, times) in self.quiet.due(now) {
            tracing::warn!(target: "json2avro", pipeline, reason, times, "happened again");
        }
    }

    fn pipeline(&self) -> &str {
        self.metrics.pipeline()
    }

    fn lane(&self) -> Option<usize> {
        self.metrics.number()
    }
}

/// Schemas.
impl Events {
    /// The keys or values of a topic are written with this schema from the next record on.
    pub fn schema_in_force(&self, topic: &str, part: Part, schema: SchemaInForce) {
        let (pipeline, subject) = (self.metrics.pipeline(), schema.subject.clone());
        let before = self.metrics.schema_in_force(topic, part, schema.clone());
        let (id, version, part) = (schema.id, schema.version, part.label());
        match before {
            Some(before) if before.id != id => tracing::info!(
                target: "json2avro", pipeline, topic, part, subject, from_id = before.id, from_version = before.version,
                id, version, "schema switched"
            ),
            Some(_) => {}
            None => tracing::info!(target: "json2avro", pipeline, topic, part, subject, id, version, "schema in force"),
        }
    }

    /// The registry did not say whether there is a newer schema; the one in force stays.
    pub fn schema_refresh_failed(&mut self, fault: &Fault, now: Instant) {
        if let Some(times) = self.quiet.happened(fault.reason, now) {
            let (stage, reason, message) = parts(fault);
            tracing::warn!(
                target: "json2avro", pipeline = self.pipeline(), stage, reason, times, message,
                "schema not refreshed, the one in force stays"
            );
        }
    }
}

/// Partitions.
impl Events {
    /// The group gave these partitions; `held` are held now.
    pub fn assigned(&self, partitions: &[TopicPartition], held: usize) {
        self.metrics.rebalanced();
        self.metrics.assigned(held);
        let (pipeline, partitions) = (self.pipeline(), listed(partitions));
        tracing::info!(target: "json2avro", pipeline, lane = self.lane(), partitions, held, "partitions assigned");
    }

    /// The group took these partitions; `held` are left.
    pub fn revoked(&self, partitions: &[TopicPartition], held: usize) {
        self.let_go(partitions, held);
        let (pipeline, partitions) = (self.pipeline(), listed(partitions));
        tracing::info!(target: "json2avro", pipeline, lane = self.lane(), partitions, held, "partitions revoked");
    }

    /// These partitions were lost (session timeout, fenced): others may already read them.
    pub fn lost(&self, partitions: &[TopicPartition], held: usize) {
        self.let_go(partitions, held);
        let (pipeline, partitions) = (self.pipeline(), listed(partitions));
        tracing::warn!(target: "json2avro", pipeline, lane = self.lane(), partitions, held, "partitions lost");
    }

    /// A partition stands in front of this offset; the others go on.
    pub fn partition_stopped(&self, at: &TopicPartition, offset: i64, fault: &Fault) {
        self.metrics.stopped(at, fault.reason);
        let (stage, reason, message) = parts(fault);
        tracing::error!(
            target: "json2avro", pipeline = self.pipeline(), topic = at.topic, partition = at.partition, offset,
            stage, reason, message, "partition stopped"
        );
    }

    /// The committed offset is no longer in the log, and the config says to go on at `to`: what lies between was never
    /// read, as far as it can be known (0 when reading goes back).
    pub fn out_of_range(&self, counts: &mut Counts, at: &TopicPartition, from: i64, to: i64) {
        let skipped = u64::try_from(to.saturating_sub(from)).unwrap_or(0);
        counts.offsets_skipped(skipped);
        tracing::error!(
            target: "json2avro", pipeline = self.pipeline(), topic = at.topic, partition = at.partition, from, to,
            skipped, "offset out of range"
        );
    }

    fn let_go(&self, partitions: &[TopicPartition], held: usize) {
        self.metrics.rebalanced();
        self.metrics.assigned(held);
        partitions.iter().for_each(|partition| self.metrics.forget_partition(partition));
    }
}

/// Records, deliveries and commits.
impl Events {
    /// A record was refused. Its ending (dead-lettered, skipped, abandoned) is counted when it comes.
    pub fn refused(&mut self, counts: &mut Counts, refusal: Refusal<'_>, now: Instant) {
        let Refusal { partition, offset, stage, reason, path, message, ends } = refusal;
        counts.failed(stage, reason);
        if let Some(times) = self.refused.happened(reason, now) {
            let ends = match ends {
                Outcome::DeadLettered => "dead letter",
                Outcome::Skipped => "skipped",
                Outcome::Delivered | Outcome::Abandoned => "stopped",
            };
            tracing::warn!(
                target: "json2avro", pipeline = self.pipeline(), topic = partition.topic,
                partition = partition.partition, offset, stage = stage.label(), reason, path, times, ends, message,
                "record refused"
            );
        }
    }

    /// The sink or the dead letter topic (the fault's stage says which) did not take a record.
    pub fn delivery_failed(
        &mut self,
        counts: &mut Counts,
        at: &TopicPartition,
        offset: i64,
        fault: &Fault,
        now: Instant,
    ) {
        counts.failed(fault.stage, fault.reason);
        if let Some(times) = self.quiet.happened(fault.reason, now) {
            let (stage, reason, message) = parts(fault);
            tracing::error!(
                target: "json2avro", pipeline = self.pipeline(), topic = at.topic, partition = at.partition, offset,
                stage, reason, times, retry = fault.retry, message, "delivery failed"
            );
        }
    }

    /// Offsets were committed.
    pub fn committed(&self) {
        self.metrics.committed(true);
    }

    /// A transaction was committed, records and offsets together, so long after its first record.
    pub fn transaction_committed(&self, age: Duration) {
        self.metrics.committed(true);
        self.metrics.transaction_committed(age);
    }

    /// A transaction was taken back: its records are read again.
    pub fn transaction_aborted(&mut self, reason: &'static str, records: u64, now: Instant) {
        self.metrics.transaction_aborted(reason);
        if let Some(times) = self.quiet.happened(reason, now) {
            tracing::warn!(
                target: "json2avro", pipeline = self.pipeline(), reason, records, times,
                "transaction aborted, its records are read again"
            );
        }
    }

    /// Offsets could not be committed; the next commit holds them too.
    pub fn commit_failed(&mut self, fault: &Fault, now: Instant) {
        self.metrics.committed(false);
        if let Some(times) = self.quiet.happened(fault.reason, now) {
            let (stage, reason, message) = parts(fault);
            tracing::warn!(
                target: "json2avro", pipeline = self.pipeline(), lane = self.lane(), stage, reason, times, message,
                "commit failed"
            );
        }
    }
}

/// `orders[0,1,2] users[4]`
fn listed(partitions: &[TopicPartition]) -> String {
    let mut by_topic: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for at in partitions {
        by_topic.entry(&at.topic).or_default().push(at.partition.to_string());
    }
    let topics = by_topic.iter().map(|(topic, numbers)| format!("{topic}[{}]", numbers.join(",")));
    topics.collect::<Vec<_>>().join(" ")
}

fn parts(fault: &Fault) -> (&'static str, &'static str, &str) {
    (fault.stage.label(), fault.reason, &fault.message)
}
