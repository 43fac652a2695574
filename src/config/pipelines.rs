//! Pipelines: each by itself, then side by side.
//!
//! Comes in: the tables [pipeline.NAME] over [defaults], the clusters and registries. Goes out: pipelines as meant. Must
//! never: complain of an inherited key that a pipeline's own choice makes idle.

use super::delivery::{Delivery, delivery};
use super::mistake::{Complaint, Mistakes};
use super::properties::same_cluster;
use super::topics::{PLACE, Topics};
use super::typed::{Table, Typed};
use super::{
    Create, Kafka, OutOfRange, Partitioning, Pipeline, Refused, RefusedPolicy, Registry, Room, Shape, Sink, Source,
    Start,
};
use super::{format, keys, shape};
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
        let mut pipeline = pipeline(name, &table, clusters, folder, mistakes);
        pipeline.delivery = delivery(&table, clusters.kafka.get(&pipeline.source.kafka), typed, mistakes);
        pipeline.topic = of_topics(typed, &pipeline, folder, mistakes);
        topics(&pipeline, typed, clusters, mistakes);
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
    table.required("source.topic", "name the topics to read", mistakes);
    let source = Source {
        kafka: reference(table, "source.kafka", "kafka", clusters.kafka, mistakes),
        topics: Topics::new(table.texts("source.topic")),
        topic_refresh: table.duration("source.topic_refresh_ms"),
    };
    let sink = sink(table, clusters, mistakes);
    Pipeline {
        name: name.to_owned(),
        group_id: group_id.unwrap_or_default().to_owned(),
        group_instance_id: table.text("group_instance_id").map(str::to_owned),
        // Told once the source is known.
        delivery: Delivery::AtLeastOnce,
        start: table.get("start").and_then(|start| format::start(&start.value).ok()).unwrap_or(Start::Earliest),
        out_of_range: match table.text("out_of_range") {
            Some("earliest") => OutOfRange::Earliest,
            Some("latest") => OutOfRange::Latest,
            _ => OutOfRange::Stop,
        },
        shape: shape::shape(table, Some(&source.topics), folder, mistakes),
        topic: BTreeMap::new(),
        source,
        sink,
        refused: refused(table, mistakes),
        commit_interval: table.duration("commit_interval_ms"),
        // Told once all pipelines are known.
        in_flight_bytes: 0,
        room: Room::LEAST,
        // Stands in for a number that is wrong, which no one will see.
        lanes: table.integer::<usize>("lanes").max(1),
    }
}

fn sink(table: &Table<'_>, clusters: &Clusters<'_>, mistakes: &mut Mistakes) -> Sink {
    Sink {
        kafka: reference(table, "sink.kafka", "kafka", clusters.kafka, mistakes),
        registry: reference(table, "sink.registry", "registry", clusters.registry, mistakes),
        partitioning: match table.text("sink.partitioning") {
            Some("by_key") => Partitioning::ByKey,
            _ => Partitioning::Preserve,
        },
        source_position: table.flag("sink.source_position"),
        create: create(table, mistakes),
    }
}

fn create(table: &Table<'_>, mistakes: &mut Mistakes) -> Option<Create> {
    if !table.flag("sink.create") {
        for key in ["sink.create_partitions", "sink.create_replication_factor", "sink.create_settings"] {
            table.idle(key, "has no effect with create = false", "set sink.create = true or take it out", mistakes);
        }
        return None;
    }
    let number = |key| Some(table.integer(key)).filter(|number| *number > 0);
    let settings = table.texts("sink.create_settings").into_iter().filter_map(|text| text.split_once('='));
    Some(Create {
        partitions: number("sink.create_partitions"),
        replication_factor: number("sink.create_replication_factor"),
        settings: settings.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect(),
    })
}

/// The shapes of topics with a table of their own.
fn of_topics(
    typed: &Typed<'_>,
    pipeline: &Pipeline,
    folder: &Path,
    mistakes: &mut Mistakes,
) -> BTreeMap<String, Shape> {
    let mut shapes = BTreeMap::new();
    for topic in typed.topics(&pipeline.name) {
        let table = typed.topic(&pipeline.name, topic);
        if !pipeline.source.topics.select(topic) && !table.wrong("source.topic", mistakes) {
            let complaint =
                Complaint::new("is no topic that the pipeline reads", "correct it, or add it to source.topic");
            mistakes.add(typed.table_mistake(&table, complaint));
        }
        shapes.insert(topic.to_owned(), shape::shape(&table, None, folder, mistakes));
    }
    shapes
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

/// No pipeline may read what it writes, or write one topic from two.
fn topics(pipeline: &Pipeline, typed: &Typed<'_>, clusters: &Clusters<'_>, mistakes: &mut Mistakes) {
    let (source, sink) = (&pipeline.source, &pipeline.sink);
    let one_cluster = match (clusters.kafka.get(&source.kafka), clusters.kafka.get(&sink.kafka)) {
        (Some(source), Some(sink)) => same_cluster(source, sink),
        _ => false,
    };
    let mut clash = |table: &Table<'_>, key: &str, wrong: String, next: &str| {
        if let Some(given) = table.get(key) {
            mistakes.add(table.mistake(key, given, Complaint::new(wrong, next)));
        }
    };
    let own = "give each its own topic";
    let dead_letter = match &pipeline.refused.policy {
        RefusedPolicy::DeadLetter { topic } => Some(topic),
        RefusedPolicy::Skip | RefusedPolicy::Stop => None,
    };
    let table = typed.table("pipeline", &pipeline.name);
    let mut sinks: BTreeMap<String, &str> = BTreeMap::new();
    for name in
        source.topics.names.iter().chain(pipeline.topic.keys().filter(|name| !source.topics.names.contains(name)))
    {
        let own_table = pipeline.topic.contains_key(name);
        let of_topic = if own_table { &typed.topic(&pipeline.name, name) } else { &table };
        let made = pipeline.route(name).sink_topic;
        if one_cluster && made == *name {
            clash(of_topic, "sink.topic", "is the topic of the source too, on the same cluster".to_owned(), own);
        }
        if one_cluster && made != *name && dead_letter != Some(name) && pipeline.writes(name) {
            let wrong = format!("has {name:?}, which the pipeline writes");
            clash(&table, "source.topic", wrong, "take it out, or let the sink be called otherwise");
        }
        if dead_letter == Some(&made) {
            clash(
                &table,
                "refused.dead_letter_topic",
                "is the topic of the sink too, on the same cluster".to_owned(),
                own,
            );
        } else if one_cluster && dead_letter == Some(name) {
            clash(
                &table,
                "refused.dead_letter_topic",
                "is the topic of the source too, on the same cluster".to_owned(),
                own,
            );
        }
        let several = own_table || pipeline.shape.sink_topic.has_place();
        if let Some(other) = sinks.insert(made, name).filter(|_| several) {
            clash(of_topic, "sink.topic", format!("is the same for the source topics {other:?} and {name:?}"), own);
        }
    }
    if one_cluster && !source.topics.patterns.is_empty() && pipeline.shape.sink_topic.as_str() == PLACE {
        let next = "put something before or behind it: \"{topic}-avro\"";
        clash(&table, "sink.topic", "is the topic of the source too, on the same cluster".to_owned(), next);
    }
}

fn same_group(one: &Pipeline, other: &Pipeline, clusters: &Clusters<'_>) -> bool {
    let cluster = |pipeline: &Pipeline| clusters.kafka.get(&pipeline.source.kafka);
    let one_cluster = cluster(one).zip(cluster(other)).is_some_and(|(one, other)| same_cluster(one, other));
    one_cluster && !one.group_id.is_empty() && one.group_id == other.group_id
}
