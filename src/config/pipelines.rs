//! Pipelines: each by itself, then side by side.
//!
//! Comes in: the tables [pipeline.NAME] over [defaults], the clusters and registries. Goes out: pipelines as meant. Must
//! never: complain of an inherited key that a pipeline's own choice makes idle.

use super::mistake::{Complaint, Mistakes};
use super::properties::same_cluster;
use super::typed::{Table, Typed};
use super::{Kafka, OutOfRange, Partitioning, Pipeline, Refused, RefusedPolicy, Registry, Sink, Source, Start, Value};
use super::{format, keys, schema};
use crate::framing::InputFraming;
use crate::transcoder::{Lossy, Options};
use std::collections::BTreeMap;
use std::path::Path;

/// What a pipeline may name.
#[derive(Debug)]
pub(super) struct Clusters<'a> {
    pub(super) kafka: &'a BTreeMap<String, Kafka>,
    pub(super) registry: &'a BTreeMap<String, Registry>,
}

/// All pipelines.
pub(super) fn all(
    typed: &Typed<'_>,
    clusters: &Clusters<'_>,
    folder: &Path,
    mistakes: &mut Mistakes,
) -> BTreeMap<String, Pipeline> {
    let mut pipelines: BTreeMap<String, Pipeline> = BTreeMap::new();
    for name in typed.names("pipeline") {
        let table = typed.table("pipeline", name);
        let pipeline = pipeline(name, &table, clusters, folder, mistakes);
        topics(&pipeline, &table, clusters, mistakes);
        if let Some(other) = pipelines.values().find(|other| same_group(other, &pipeline, clusters)) {
            let complaint = Complaint::new(
                format!("is the group of pipeline.{} and pipeline.{name} on one cluster", other.name),
                "give each pipeline its own: one group would split the partitions of both topics among both",
            );
            if let Some(given) = table.get("group_id") {
                mistakes.add(table.mistake("group_id", given, complaint));
            }
        }
        pipelines.insert(name.to_owned(), pipeline);
    }
    pipelines
}

fn pipeline(
    name: &str,
    table: &Table<'_>,
    clusters: &Clusters<'_>,
    folder: &Path,
    mistakes: &mut Mistakes,
) -> Pipeline {
    let group_id = table.required("group_id", "name its consumer group", mistakes);
    let source = Source {
        kafka: reference(table, "source.kafka", "kafka", clusters.kafka, mistakes),
        topic: table.required("source.topic", "name the topic to read", mistakes).unwrap_or_default().to_owned(),
    };
    let sink = sink(table, clusters, mistakes);
    Pipeline {
        name: name.to_owned(),
        group_id: group_id.unwrap_or_default().to_owned(),
        start: table.get("start").and_then(|start| format::start(&start.value).ok()).unwrap_or(Start::Earliest),
        out_of_range: match table.text("out_of_range") {
            Some("earliest") => OutOfRange::Earliest,
            Some("latest") => OutOfRange::Latest,
            _ => OutOfRange::Stop,
        },
        value: value(table, &sink, folder, mistakes),
        source,
        sink,
        refused: refused(table, mistakes),
        commit_interval: table.duration("commit_interval_ms"),
        in_flight_bytes: table.integer("in_flight_bytes"),
    }
}

fn sink(table: &Table<'_>, clusters: &Clusters<'_>, mistakes: &mut Mistakes) -> Sink {
    Sink {
        kafka: reference(table, "sink.kafka", "kafka", clusters.kafka, mistakes),
        registry: reference(table, "sink.registry", "registry", clusters.registry, mistakes),
        topic: table.required("sink.topic", "name the topic to write", mistakes).unwrap_or_default().to_owned(),
        partitioning: match table.text("sink.partitioning") {
            Some("by_key") => Partitioning::ByKey,
            _ => Partitioning::Preserve,
        },
        source_position: table.flag("sink.source_position"),
    }
}

fn value(table: &Table<'_>, sink: &Sink, folder: &Path, mistakes: &mut Mistakes) -> Value {
    let lossy = |key| if table.text(key) == Some("refuse") { Lossy::Refuse } else { Lossy::Count };
    Value {
        input_framing: match table.text("value.input_framing") {
            Some("confluent") => InputFraming::Confluent,
            _ => InputFraming::None,
        },
        subject: table.text("value.subject").map_or_else(|| format!("{}-value", sink.topic), str::to_owned),
        schema: schema::choice(table, folder, mistakes),
        transcoder: Options { unknown_fields: lossy("value.unknown_fields"), rounding: lossy("value.rounding") },
    }
}

/// The name of a table in `section`; where there is only one, it may go without saying.
fn reference<T>(
    table: &Table<'_>,
    key: &str,
    section: &str,
    tables: &BTreeMap<String, T>,
    mistakes: &mut Mistakes,
) -> String {
    let names: Vec<&str> = tables.keys().map(String::as_str).collect();
    match (table.get(key), names.as_slice()) {
        (None, [only]) => return (*only).to_owned(),
        // Said already: there is none, or its name is no text.
        (_, []) => {}
        (None, _) if table.wrong(key, mistakes) => {}
        (None, _) => drop(table.required(key, &format!("use {}", keys::alternatives(&names)), mistakes)),
        (Some(given), _) => {
            let name = given.value.as_str().unwrap_or_default();
            if tables.contains_key(name) {
                return name.to_owned();
            }
            let wrong = format!("is {}, but there is no [{section}.{name}]", format::quoted(name));
            let next = format!("use {} or add the table", keys::alternatives(&names));
            mistakes.add(table.mistake(key, given, Complaint::new(wrong, next)));
        }
    }
    String::new()
}

fn refused(table: &Table<'_>, mistakes: &mut Mistakes) -> Refused {
    let topic = table.get("refused.dead_letter_topic");
    let policy = table.get("refused.policy");
    // Whoever names a dead letter topic and no policy means it.
    let meant = policy.filter(|policy| topic.is_none() || !policy.embedded());
    let word = meant.and_then(|policy| policy.value.as_str());
    let policy = match (word, topic) {
        (Some("dead_letter") | None, Some(topic)) => {
            RefusedPolicy::DeadLetter { topic: topic.value.as_str().unwrap_or_default().to_owned() }
        }
        (Some("dead_letter"), None) => {
            table.required(
                "refused.dead_letter_topic",
                "name the topic for refused records, or change the policy",
                mistakes,
            );
            RefusedPolicy::Stop
        }
        (Some("skip"), _) => RefusedPolicy::Skip,
        _ => RefusedPolicy::Stop,
    };
    if let (Some(own), Some(word)) =
        (table.own("refused.dead_letter_topic"), word.filter(|word| *word != "dead_letter"))
    {
        let wrong = format!("has no effect with policy = \"{word}\"");
        let complaint = Complaint::new(wrong, "set policy = \"dead_letter\" or take the topic out");
        mistakes.add(table.mistake("refused.dead_letter_topic", own, complaint));
    }
    Refused {
        policy,
        flood_window: table.integer("refused.flood_window"),
        flood_share: table.share("refused.flood_share"),
    }
}

/// No pipeline may read what it writes.
fn topics(pipeline: &Pipeline, table: &Table<'_>, clusters: &Clusters<'_>, mistakes: &mut Mistakes) {
    let (source, sink) = (&pipeline.source, &pipeline.sink);
    let one_cluster = match (clusters.kafka.get(&source.kafka), clusters.kafka.get(&sink.kafka)) {
        (Some(source), Some(sink)) => same_cluster(source, sink),
        _ => false,
    };
    let mut clash = |key: &str, other: &str| {
        if let Some(given) = table.get(key) {
            let wrong = format!("is the topic of the {other} too, on the same cluster");
            mistakes.add(table.mistake(key, given, Complaint::new(wrong, "give each its own topic")));
        }
    };
    if one_cluster && !source.topic.is_empty() && source.topic == sink.topic {
        clash("sink.topic", "source");
    }
    if let RefusedPolicy::DeadLetter { topic } = &pipeline.refused.policy {
        if *topic == sink.topic {
            clash("refused.dead_letter_topic", "sink");
        } else if one_cluster && *topic == source.topic {
            clash("refused.dead_letter_topic", "source");
        }
    }
}

fn same_group(one: &Pipeline, other: &Pipeline, clusters: &Clusters<'_>) -> bool {
    let cluster = |pipeline: &Pipeline| clusters.kafka.get(&pipeline.source.kafka);
    let one_cluster = cluster(one).zip(cluster(other)).is_some_and(|(one, other)| same_cluster(one, other));
    one_cluster && !one.group_id.is_empty() && one.group_id == other.group_id
}
