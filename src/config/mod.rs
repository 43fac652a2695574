//! The configuration: as typed (`typed`), loaded in layers (`load`), checked whole (`validate`), as meant (here).
//!
//! Comes in: the embedded `config/default.toml`, a file, environment, flags. Goes out: one `Config` that every room may
//! trust, or every mistake at once. Must never: be read again after the start, print a secret.

mod delivery;
mod file;
mod format;
mod keys;
mod layer;
mod lines;
mod load;
mod memory;
mod mistake;
mod pipelines;
mod properties;
mod registry;
mod route;
mod schema;
mod shape;
mod start;
mod topics;
mod transcoding;
mod typed;
mod validate;

pub use delivery::{Cut, Delivery, Transactions};
pub use load::{load, load_text};
pub use memory::Room;
pub use mistake::{Mistake, Mistakes, Origin};
pub use route::{Conversion, ConversionShape, InputFormat, Part, Route, Shape, Subject};
pub use start::StartError;
pub use topics::{Pattern, Template, Topics};

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Everything `run` needs, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Log lines.
    pub log: Log,
    /// The admin server: /live /ready /metrics.
    pub admin: Admin,
    /// How long a drain may take after SIGTERM before the process ends anyway.
    pub drain_timeout: Duration,
    /// The most memory that the process may take, bytes: every pipeline's queues are sized from it.
    pub memory_budget: u64,
    /// Clusters by name.
    pub kafka: BTreeMap<String, Kafka>,
    /// Registries by name.
    pub registry: BTreeMap<String, Registry>,
    /// Pipelines by name; at least one.
    pub pipeline: BTreeMap<String, Pipeline>,
}

/// Log lines on standard error.
#[derive(Clone, Debug)]
pub struct Log {
    /// One JSON object a line, or text for people.
    pub format: LogFormat,
    /// A `tracing` filter: `info`, `warn,json2avro::pipeline=debug`.
    pub level: String,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Text for people.
    Human,
}

/// The admin server.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Address and port to listen at.
    pub listen: std::net::SocketAddr,
    /// `/live` fails when a lane has not polled its control queue for this long.
    pub live_timeout: Duration,
}

/// One Kafka cluster: librdkafka properties under their own names.
#[derive(Clone)]
pub struct Kafka {
    /// The table's name.
    pub name: String,
    /// librdkafka properties, secrets filled in from their files.
    pub properties: BTreeMap<String, String>,
}

impl Kafka {
    /// Whether both mean one cluster: the same table, or a broker in common.
    #[must_use]
    pub fn same_cluster(&self, other: &Self) -> bool {
        properties::same_cluster(self, other)
    }
}

/// Only the names: values may be secrets.
impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kafka").field("name", &self.name).field("properties", &self.properties.keys()).finish()
    }
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// One Schema Registry with Confluent's HTTP API.
#[derive(Clone, Debug)]
pub struct Registry {
    /// The table's name.
    pub name: String,
    /// Base URLs of its nodes, at least one: a path kept, no trailing slash, no credentials inside. The next one is asked
    /// where one does not answer.
    pub urls: Vec<String>,
    /// Certificates (PEM) that are trusted beside the system's.
    pub ca: Option<Vec<u8>>,
    /// Basic authentication.
    pub basic_auth: Option<(String, Secret)>,
    /// One HTTP request, connection included.
    pub request_timeout: Duration,
    /// How long a failure is remembered before it is asked again.
    pub failure_cache: Duration,
}

/// One pipeline: source topics, each with a sink topic of its own.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// The table's name: the `pipeline` label.
    pub name: String,
    /// The consumer group.
    pub group_id: String,
    /// Static membership: what tells this process from all others of the group, the same after a restart.
    pub group_instance_id: Option<String>,
    /// How often a record is delivered.
    pub delivery: Delivery,
    /// Where the group's first start begins.
    pub start: Start,
    /// What to do when a committed offset is no longer in the log.
    pub out_of_range: OutOfRange,
    /// What is read.
    pub source: Source,
    /// What is written.
    pub sink: Sink,
    /// Where the records of a topic go, and how they are re-encoded.
    pub shape: Shape,
    /// The same for topics that have a table of their own.
    pub topic: BTreeMap<String, Shape>,
    /// What happens to a record that cannot be re-encoded.
    pub refused: Refused,
    /// How often offsets are committed.
    pub commit_interval: Duration,
    /// The most bytes handed to the producers of all lanes and not yet acknowledged.
    pub in_flight_bytes: usize,
    /// How many threads read it side by side, each with clients of its own; at least one.
    pub lanes: usize,
    /// What each lane's consumer may hold.
    pub room: Room,
}

impl Pipeline {
    /// The `group.instance.id` of one lane (KIP-345): `<group_instance_id>-<lane>`.
    #[must_use]
    pub fn group_instance_id_of_lane(&self, lane: usize) -> Option<String> {
        self.group_instance_id.as_ref().map(|process| format!("{process}-{lane}"))
    }

    /// One lane's part of `in_flight_bytes`: more lanes do not take more memory there.
    #[must_use]
    pub fn in_flight_bytes_of_lane(&self) -> usize {
        self.in_flight_bytes / self.lanes.max(1)
    }
}

/// Where a group without any committed offset begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the first record.
    Earliest,
    /// After the last record.
    Latest,
    /// At the first record with this timestamp (milliseconds since the epoch) or later.
    Timestamp(i64),
}

/// What to do when a committed offset is no longer in the log: retention took unread records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutOfRange {
    /// Stop the partition and say so.
    Stop,
    /// Go on with the first record, counting what is gone.
    Earliest,
    /// Go on after the last record, counting what is skipped.
    Latest,
}

/// What is read.
#[derive(Clone, Debug)]
pub struct Source {
    /// Name of the cluster.
    pub kafka: String,
    /// Which topics.
    pub topics: Topics,
    /// How often the cluster is asked for topics that a pattern matches.
    pub topic_refresh: Duration,
}

/// What is written.
#[derive(Clone, Debug)]
pub struct Sink {
    /// Name of the cluster.
    pub kafka: String,
    /// Name of the registry.
    pub registry: String,
    /// Which partition a record goes to.
    pub partitioning: Partitioning,
    /// Whether each record carries its source position in one header.
    pub source_position: bool,
    /// How a topic is made that does not exist; None: that is an error.
    pub create: Option<Create>,
}

/// How a topic is made that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Create {
    /// How many partitions; None: as many as the source topic has.
    pub partitions: Option<i32>,
    /// How many replicas; None: the broker's default.
    pub replication_factor: Option<i32>,
    /// The topic's own settings, `cleanup.policy` and the like; the broker has the defaults. Not for dead letters.
    pub settings: BTreeMap<String, String>,
}

/// Which sink partition a record goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitioning {
    /// The number of its source partition.
    Preserve,
    /// Java's murmur2 of the key; a record without key: source partition modulo the sink's count.
    ByKey,
}

/// Where a pipeline's schema comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaChoice {
    /// The subject's latest version, asked again this often while running.
    Latest {
        /// Time between two questions.
        refresh: Duration,
    },
    /// One version of the subject.
    Version(i32),
    /// One schema id.
    Id(i32),
    /// A local `.avsc`: registered under the subject, or only looked up there.
    File {
        /// Where it lies.
        path: PathBuf,
        /// Its text, read and parsed once at start.
        text: String,
        /// Register it if the subject does not have it.
        register: bool,
    },
}

/// What happens to refused records.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Where each one ends.
    pub policy: RefusedPolicy,
    /// Of each topic the last this many records are watched for a flood; 0 turns the watch off.
    pub flood_window: usize,
    /// More than this share of them refused stops the topic, from 0 to 1.
    pub flood_share: f64,
}

/// Where a refused record ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusedPolicy {
    /// On this topic of the sink cluster, as it was, with the reason in headers.
    DeadLetter {
        /// The dead letter topic.
        topic: String,
    },
    /// Nowhere, counted.
    Skip,
    /// The partition stops in front of it.
    Stop,
}
