//! librdkafka properties: those that are ours to set, and those that come out of files.
//!
//! Comes in: one cluster's properties as given. Goes out: the properties for its clients. Must never: check a name that
//! only librdkafka knows, show a value.

use super::Kafka;
use super::file;
use super::mistake::{Complaint, Mistakes};
use super::typed::Typed;
use std::collections::BTreeMap;
use std::path::Path;

/// Properties that a promise of ours rests on, and why no one else may set them.
const OWNED: &[(&[&str], &str)] = &[
    (&["group.id"], "each pipeline has its own group: set group_id there"),
    (&["group.instance.id"], "each lane has its own: set group_instance_id of the pipeline"),
    (
        &["enable.auto.commit", "auto.commit.enable", "auto.commit.interval.ms"],
        "an offset is committed only behind the delivery of its record; set commit_interval_ms of the pipeline",
    ),
    (
        &["enable.auto.offset.store", "offset.store.method", "offset.store.path", "offset.store.sync.interval.ms"],
        "an offset is marked only behind the delivery of its record; take it out",
    ),
    (&["auto.offset.reset"], "it would skip records silently; set start and out_of_range of the pipeline"),
    (&["enable.partition.eof"], "the end of a partition is no record; take it out"),
    (&["consume.callback.max.messages"], "records are read in batches, not by callback; take it out"),
    (&["acks", "request.required.acks"], "a record counts as delivered when all in-sync replicas have it; take it out"),
    (&["enable.idempotence"], "it is always on, so that a retry neither doubles nor reorders; take it out"),
    (
        &["max.in.flight", "max.in.flight.requests.per.connection"],
        "order holds up to the idempotent producer's 5; set in_flight_bytes of the pipeline",
    ),
    (
        &["message.send.max.retries", "retries"],
        "a record is tried until it is delivered or refused for good; take it out",
    ),
    (
        &["message.timeout.ms", "delivery.timeout.ms"],
        "a record that times out in the queue would be lost or reordered; take it out",
    ),
    (
        &["queue.buffering.max.kbytes", "queue.buffering.max.messages"],
        "what waits in the producer is bounded by bytes; set in_flight_bytes of the pipeline",
    ),
    (&["queuing.strategy"], "only fifo keeps the order; take it out"),
    (&["enable.gapless.guarantee"], "a gap stops its partition already; take it out"),
    (&["delivery.report.only.error"], "every record's delivery is waited for; take it out"),
    (&["produce.offset.report"], "delivery reports are read as they are; take it out"),
    (
        &["partitioner", "sticky.partitioning.linger.ms"],
        "the partition is chosen here; set sink.partitioning of the pipeline",
    ),
    (
        &["transactional.id", "transaction.timeout.ms"],
        "each lane has its own; set delivery and transaction of the pipeline",
    ),
    (&["allow.auto.create.topics"], "a misspelt topic would be created; create topics yourself and take it out"),
    (&["enabled_events", "log.queue"], "the client's events are read in one place; take it out"),
    (
        &[
            "background_event_cb",
            "closesocket_cb",
            "connect_cb",
            "consume_cb",
            "default_topic_conf",
            "dr_cb",
            "dr_msg_cb",
            "error_cb",
            "interceptors",
            "log_cb",
            "msg_order_cmp",
            "oauthbearer_token_refresh_cb",
            "offset_commit_cb",
            "opaque",
            "open_cb",
            "partitioner_cb",
            "rebalance_cb",
            "resolve_cb",
            "socket_cb",
            "ssl.certificate.verify_cb",
            "ssl_ca",
            "ssl_certificate",
            "ssl_engine_callback_data",
            "ssl_key",
            "stats_cb",
            "throttle_cb",
        ],
        "it is no text but an object in a program; take it out",
    ),
];

/// The two names for the brokers to ask first.
const SERVERS: [&str; 2] = ["bootstrap.servers", "metadata.broker.list"];

/// One cluster.
pub(super) fn kafka(name: &str, typed: &Typed<'_>, folder: &Path, mistakes: &mut Mistakes) -> Kafka {
    let table = typed.table("kafka", name);
    let mut properties = BTreeMap::new();
    for (key, given) in table.all() {
        let property = key.strip_suffix("_file").unwrap_or(key);
        let value = if let Some((_, why)) = OWNED.iter().find(|(names, _)| names.contains(&property)) {
            Err(Complaint::new("is not yours to set", *why))
        } else if property == key {
            Ok(given.value.as_str().unwrap_or_default().to_owned())
        } else if table.own(property).is_some() {
            Err(Complaint::new(format!("stands beside {property}"), "keep one of the two"))
        } else {
            file::secret(given, folder)
        };
        match value {
            Ok(value) => drop(properties.insert(property.to_owned(), value)),
            Err(complaint) => mistakes.add(table.mistake(key, given, complaint)),
        }
    }
    if servers(&properties).next().is_none() && !SERVERS.iter().any(|key| table.wrong(key, mistakes)) {
        let key = table.key(SERVERS[0]);
        let complaint = Complaint::new("is missing", "set it to the brokers to ask first: host:9092,host:9092");
        mistakes.add(typed.absent(&key, complaint));
    }
    Kafka { name: name.to_owned(), properties }
}

/// Whether two tables mean one cluster: the same table, or a broker in common.
pub(super) fn same_cluster(one: &Kafka, other: &Kafka) -> bool {
    one.name == other.name || servers(&one.properties).any(|a| servers(&other.properties).any(|b| a == b))
}

fn servers(properties: &BTreeMap<String, String>) -> impl Iterator<Item = &str> {
    let lists = SERVERS.iter().filter_map(|key| properties.get(*key));
    lists.flat_map(|list| list.split(',')).map(str::trim).filter(|server| !server.is_empty())
}
