//! What the clusters say of a pipeline's topics.
//!
//! Comes in: a pipeline and its clusters. Goes out: findings, and how the source can be read. Must never: create
//! anything, ask a cluster again that did not answer.

use super::access::{self, Role};
use super::finding::Notes;
use crate::config::{Config, Kafka, Partitioning, Pipeline, RefusedPolicy, Route, Start};
use crate::fault::Blame;
use crate::kafka::admin::Admin;
use crate::kafka::reader::{Reader, Span};
use crate::kafka::topics::Topics;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::Runtime;

/// Records looked at for the oldest timestamp, at most.
const LOOK: u32 = 10_000;

/// The clusters of a config, and which of them did not answer: anything, or what they allow.
pub(super) struct Clusters<'c> {
    pub(super) config: &'c Config,
    pub(super) silent: BTreeSet<String>,
    pub(super) untold: BTreeSet<String>,
    pub(super) patience: Duration,
}

impl<'c> Clusters<'c> {
    pub(super) fn new(config: &'c Config, patience: Duration) -> Self {
        Self { config, silent: BTreeSet::new(), untold: BTreeSet::new(), patience }
    }
}

/// A source that can be read, and what may be written of it.
pub(super) struct Readable {
    pub(super) kafka: Kafka,
    pub(super) partitions: i32,
    pub(super) most_bytes: usize,
}

/// One side of a pipeline.
pub(super) struct Side<'c> {
    pub(super) kafka: &'c Kafka,
    pub(super) admin: Admin,
}

/// The topics that a pipeline reads; its dead letter topic is looked at.
pub(super) fn of_pipeline(clusters: &mut Clusters<'_>, pipeline: &Pipeline, notes: &mut Notes<'_>) -> Vec<String> {
    let mut topics = pipeline.source.topics.names.clone();
    if !pipeline.source.topics.patterns.is_empty() {
        topics.extend(matching(clusters, pipeline, notes));
    }
    if let RefusedPolicy::DeadLetter { topic } = &pipeline.refused.policy
        && let Some(side) = side(clusters, &pipeline.sink.kafka, None, notes)
    {
        look(clusters, &side, topic, Role::DeadLetter, pipeline.sink.create.is_some(), notes);
    }
    topics
}

/// The topics that match a pattern.
fn matching(clusters: &mut Clusters<'_>, pipeline: &Pipeline, notes: &mut Notes<'_>) -> Vec<String> {
    let about = format!("pattern {:?}", pipeline.source.topics.patterns);
    let Some(kafka) = clusters.config.kafka.get(&pipeline.source.kafka) else { return Vec::new() };
    match Topics::new(kafka).and_then(|topics| topics.names(clusters.patience)) {
        Ok(names) => {
            let config = clusters.config;
            let there =
                |other: &Pipeline| config.kafka.get(&other.sink.kafka).is_some_and(|sink| sink.same_cluster(kafka));
            let written = |topic: &str| config.pipeline.values().any(|other| there(other) && other.writes(topic));
            let topics = &pipeline.source.topics;
            let new = |name: &String| !topics.names.contains(name) && topics.matches(name);
            let (outputs, found): (Vec<String>, Vec<String>) =
                names.into_iter().filter(new).partition(|name| written(name));
            if !outputs.is_empty() {
                let message = format!("not read, for they have the name of an output: {}", outputs.join(", "));
                notes.ok(&about, message);
            }
            match found.len() {
                0 => notes.warn(&about, "no topic matches yet", "correct the pattern, or make the topics"),
                count => notes.ok(&about, format!("{count} topics match: {}", found.join(", "))),
            }
            found
        }
        Err(fault) => {
            clusters.silent.insert(kafka.name.clone());
            notes.error(fault.blame, &format!("kafka.{}", kafka.name), fault.message, "check the address");
            Vec::new()
        }
    }
}

/// Looks at the topics of a route; none where the source cannot be read.
pub(super) fn check(
    runtime: &Runtime,
    clusters: &mut Clusters<'_>,
    pipeline: &Pipeline,
    route: &Route,
    notes: &mut Notes<'_>,
) -> Option<Readable> {
    let source = side(clusters, &pipeline.source.kafka, Some(&pipeline.group_id), notes);
    let sink = side(clusters, &pipeline.sink.kafka, None, notes);
    let (topic, makes) = (&route.source_topic, pipeline.sink.create.is_some());
    let source_seen = source.as_ref().and_then(|side| look(clusters, side, topic, Role::Source, false, notes));
    let sink_seen = sink.as_ref().and_then(|side| look(clusters, side, &route.sink_topic, Role::Sink, makes, notes));
    let planned = pipeline.sink.create.as_ref().and_then(|how| how.partitions);
    let sink_partitions = sink_seen.as_ref().map(|seen| seen.partitions).or(planned);
    if let (Some(source), Some(sink)) = (&source_seen, sink_partitions) {
        partitions(pipeline, route, source.partitions, sink, notes);
    }
    let readable = source.zip(source_seen).filter(|(_, seen)| seen.allowed);
    let oldest =
        readable.as_ref().and_then(|(side, seen)| oldest(side.kafka, topic, seen.partitions, clusters.patience));
    if let (Some(side), Some(_)) = (&sink, sink_seen) {
        settings(runtime, side, &route.sink_topic, oldest, notes);
    }
    let (source, seen) = readable?;
    let most_bytes = sink.as_ref().map_or(usize::MAX, |side| side.admin.most_bytes());
    Some(Readable { kafka: source.kafka.clone(), partitions: seen.partitions, most_bytes })
}

pub(super) fn side<'c>(
    clusters: &Clusters<'c>,
    name: &str,
    group: Option<&str>,
    notes: &mut Notes<'_>,
) -> Option<Side<'c>> {
    let kafka = clusters.config.kafka.get(name)?;
    match Admin::new(kafka, group, clusters.patience) {
        Ok(admin) => Some(Side { kafka, admin }),
        Err(fault) => {
            notes.error(fault.blame, &format!("kafka.{name}"), fault.message, "correct the properties");
            None
        }
    }
}

/// A topic that is there.
struct Seen {
    partitions: i32,
    /// Whether the pipeline may do with it what it has to, as far as the cluster tells.
    allowed: bool,
}

fn look(
    clusters: &mut Clusters<'_>,
    side: &Side<'_>,
    topic: &str,
    role: Role,
    makes: bool,
    notes: &mut Notes<'_>,
) -> Option<Seen> {
    if clusters.silent.contains(&side.kafka.name) {
        return None;
    }
    let about = format!("topic {topic:?}");
    match side.admin.partition_count(topic) {
        Ok(partitions) => {
            notes.ok(&about, format!("{}, {partitions} partitions", role.name()));
            Some(Seen { partitions, allowed: access::topic(clusters, side, topic, role, notes) })
        }
        Err(fault) if makes && fault.reason == "unknown_topic" => {
            access::create(clusters, side, topic, role, notes);
            None
        }
        Err(fault) if fault.retry => {
            clusters.silent.insert(side.kafka.name.clone());
            let servers = side.kafka.properties.get("bootstrap.servers").map_or("", String::as_str);
            let message = format!("{} (bootstrap.servers {servers:?})", fault.message);
            let next = "check the address, the network and the credentials";
            notes.error(fault.blame, &format!("kafka.{}", side.kafka.name), message, next);
            None
        }
        Err(fault) => {
            access::unseen(&fault, topic, role, notes);
            None
        }
    }
}

fn partitions(pipeline: &Pipeline, route: &Route, source: i32, sink: i32, notes: &mut Notes<'_>) {
    if pipeline.sink.partitioning == Partitioning::Preserve && sink < source {
        let message = format!("partitioning = \"preserve\", but it has {sink} partitions and the source {source}");
        let next = "give it at least as many, or set partitioning = \"by_key\"";
        notes.error(Blame::Config, &format!("topic {:?}", route.sink_topic), message, next);
    }
}

/// What the sink topic's settings would do to the records.
fn settings(runtime: &Runtime, side: &Side<'_>, topic: &str, oldest: Option<Oldest>, notes: &mut Notes<'_>) {
    let about = format!("topic {topic:?}");
    let found = match runtime.block_on(side.admin.topic_settings(topic)) {
        Ok(found) => found,
        Err(fault) if fault.reason == "not_authorized" => {
            let message = format!("its settings cannot be looked at: missing DescribeConfigs on Topic {topic:?}");
            return notes.warn(&about, message, "allow it, or check retention and sizes by hand; running needs it not");
        }
        Err(fault) => return notes.warn(&about, format!("its settings are not known: {}", fault.message), ""),
    };
    let number = |name: &str| found.get(name).and_then(|value| value.parse::<i64>().ok());
    let most = i64::try_from(side.admin.most_bytes()).unwrap_or(i64::MAX);
    if let Some(limit) = number("max.message.bytes").filter(|limit| *limit < most) {
        let message = format!(
            "max.message.bytes = {limit} is less than the producer's message.max.bytes: larger records, and batches of \
             many small ones, would be refused by the broker"
        );
        notes.warn(&about, message, "raise it, or set message.max.bytes or batch.size to no more");
    }
    let policy = found.get("cleanup.policy").map_or("delete", String::as_str);
    if let Some(oldest) = &oldest {
        timestamps(&found, policy, oldest, &about, notes);
        if policy.contains("compact") && oldest.null_keys {
            let message = "cleanup.policy has compact, which refuses records without a key, and the source has such";
            notes.error(Blame::Config, &about, message, "set cleanup.policy = delete, or write keys at the source");
        }
    }
}

/// What age does to forwarded records: the sink gets the source's timestamps.
fn timestamps(found: &BTreeMap<String, String>, policy: &str, oldest: &Oldest, about: &str, notes: &mut Notes<'_>) {
    if found.get("message.timestamp.type").is_some_and(|kind| kind == "LogAppendTime") {
        return notes.warn(
            about,
            "message.timestamp.type = LogAppendTime: the source's timestamps are not kept",
            "set CreateTime to keep them",
        );
    }
    let number = |name: &str| found.get(name).and_then(|value| value.parse::<i64>().ok());
    let Some(age) = oldest.age_millis() else { return };
    let days = age / 86_400_000;
    if policy.contains("delete")
        && let Some(retention) = number("retention.ms").filter(|retention| *retention >= 0 && *retention < age)
    {
        let message = format!(
            "retention.ms = {retention}, but the source's oldest record is {days} days old and keeps its timestamp: \
             records older than that would be deleted soon after they are written"
        );
        notes.warn(about, message, "raise retention.ms, or set pipeline start to a later time");
    }
    if let Some(limit) = number("message.timestamp.before.max.ms").filter(|limit| *limit < age) {
        let message = format!(
            "message.timestamp.before.max.ms = {limit}, but the source's oldest record is {days} days old: the broker \
             would refuse it"
        );
        notes.warn(about, message, "raise it, or set pipeline start to a later time");
    }
    if let Some(limit) = number("message.timestamp.after.max.ms").filter(|limit| *limit < -age) {
        let message = format!("message.timestamp.after.max.ms = {limit}, but the source has records from the future");
        notes.warn(about, message, "raise it: the broker would refuse them");
    }
}

/// What the first records of each partition tell.
#[derive(Default)]
struct Oldest {
    millis: Option<i64>,
    null_keys: bool,
}

impl Oldest {
    fn age_millis(&self) -> Option<i64> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_millis();
        Some(i64::try_from(now).ok()?.saturating_sub(self.millis?))
    }
}

/// Reads the first record of each partition. A failure is told where the sample is taken.
fn oldest(kafka: &Kafka, topic: &str, partitions: i32, patience: Duration) -> Option<Oldest> {
    let span = Span { topic, partition: None, from: Start::Earliest, to_end: true };
    let (mut oldest, mut seen, mut left) = (Oldest::default(), BTreeSet::new(), LOOK);
    let mut reader = Reader::open(kafka, span, patience).ok()?;
    let read = reader.each(|record| {
        left -= 1;
        oldest.null_keys |= record.key.is_none();
        if seen.insert(record.partition)
            && let Some(millis) = record.timestamp.millis()
        {
            oldest.millis = Some(oldest.millis.map_or(millis, |known| known.min(millis)));
        }
        let all = usize::try_from(partitions).is_ok_and(|count| seen.len() >= count);
        if all || left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    read.ok().map(|()| oldest)
}
