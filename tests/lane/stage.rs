//! The scene of one test: a mock cluster with topics `in`, `out` and `dead`, a registry that knows `out-value`, a config.
//!
//! Comes in: settings that differ from the plain ones, records. Goes out: a running sidecar, what lies in the topics.
//! Must never: assert anything about the sidecar by itself.

#![allow(unsafe_code, reason = "the mock's rebalance delay has no safe setter, and at 3 s no test would be fast")]

use crate::fake_registry::FakeRegistry;
use crate::services::sidecar::{Metrics, Sidecar};
use crate::services::topics::{Broker, Record};
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, DefaultProducerContext, Producer};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::time::Duration;

/// How long anything may take on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// What values are written as: one number.
pub(crate) const SCHEMA: &str = r#"{"type":"record","name":"R","fields":[{"name":"n","type":"long"}]}"#;
/// Timestamps of the test's records.
pub(crate) const TIME: i64 = 1_700_000_000_000;

/// A mock cluster of one broker.
pub(crate) struct Cluster {
    client: BaseProducer,
    broker: Broker,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let client: BaseProducer = ClientConfig::new().set("test.mock.num.brokers", "1").create().unwrap();
        // SAFETY: a live client's own mock cluster, which lives as long as the client.
        unsafe {
            let mock = rdkafka_sys::rd_kafka_handle_mock_cluster(client.client().native_ptr());
            rdkafka_sys::rd_kafka_mock_group_initial_rebalance_delay_ms(mock, 0);
        }
        let broker = Broker::at(client.client().mock_cluster().unwrap().bootstrap_servers());
        Self { client, broker }
    }

    /// The controls: errors to come, brokers down and up.
    pub(crate) fn mock(&self) -> MockCluster<'_, DefaultProducerContext> {
        self.client.client().mock_cluster().unwrap()
    }
}

impl Deref for Cluster {
    type Target = Broker;

    fn deref(&self) -> &Broker {
        &self.broker
    }
}

/// One pipeline, `p`, and all around it.
pub(crate) struct Stage {
    pub(crate) cluster: Cluster,
    pub(crate) registry: FakeRegistry,
    settings: BTreeMap<String, String>,
}

impl Stage {
    /// Topics `in` and `out` with this many partitions, `dead` with one; `out-value` has `SCHEMA` as id 1.
    pub(crate) fn new(partitions: i32) -> Self {
        let cluster = Cluster::start();
        for (topic, partitions) in [("in", partitions), ("out", partitions), ("dead", 1)] {
            cluster.mock().create_topic(topic, partitions, 1).unwrap();
        }
        let registry = FakeRegistry::start();
        registry.register("out-value", SCHEMA);
        let settings = [
            ("log.format", "human"),
            ("kafka.main.\"bootstrap.servers\"", cluster.bootstrap()),
            ("registry.main.url", &registry.url()),
            ("pipeline.p.group_id", "g"),
            ("pipeline.p.source.topic", "in"),
            ("pipeline.p.sink.topic", "out"),
        ];
        let settings = settings.map(|(key, value)| (key.to_owned(), format!("{value:?}"))).into();
        Self { cluster, registry, settings }
            .raw("kafka.main.\"session.timeout.ms\"", 6000)
            .raw("kafka.main.\"heartbeat.interval.ms\"", 200)
            .raw("kafka.main.\"reconnect.backoff.max.ms\"", 200)
            .raw("pipeline.p.commit_interval_ms", 50)
    }

    /// Sets a config key to a string.
    #[must_use]
    pub(crate) fn set(self, key: &str, value: &str) -> Self {
        self.raw(key, format!("{value:?}"))
    }

    /// Sets a config key to what is no string.
    #[must_use]
    pub(crate) fn raw(mut self, key: &str, value: impl ToString) -> Self {
        self.settings.insert(key.to_owned(), value.to_string());
        self
    }

    /// Delivers exactly once.
    #[must_use]
    pub(crate) fn exactly_once(mut self) -> Self {
        self.settings.remove("pipeline.p.commit_interval_ms");
        self.set("pipeline.p.delivery", "exactly_once").set("pipeline.p.transaction.instance", "here")
    }

    /// With a cluster of its own for the sink, `out` and `dead` on it.
    pub(crate) fn with_own_sink(partitions: i32) -> (Self, Cluster) {
        let sink = Cluster::start();
        for topic in ["out", "dead"] {
            sink.mock().create_topic(topic, partitions, 1).unwrap();
        }
        let stage = Self::new(partitions)
            .set("kafka.other.\"bootstrap.servers\"", sink.bootstrap())
            .raw("kafka.other.\"reconnect.backoff.max.ms\"", 200)
            .set("pipeline.p.source.kafka", "main")
            .set("pipeline.p.sink.kafka", "other");
        (stage, sink)
    }

    /// Refused records go to `dead`.
    #[must_use]
    pub(crate) fn dead_letters(self) -> Self {
        self.set("pipeline.p.refused.policy", "dead_letter").set("pipeline.p.refused.dead_letter_topic", "dead")
    }

    /// Starts a process.
    pub(crate) fn run(&self) -> Sidecar {
        let lines: Vec<String> = self.settings.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        Sidecar::start(&lines.join("\n"))
    }

    /// Writes values to partition 0 of `in`, on from what is there.
    pub(crate) fn write<V: AsRef<[u8]>>(&self, values: impl IntoIterator<Item = V>) {
        self.write_to(0, values);
    }

    pub(crate) fn write_to<V: AsRef<[u8]>>(&self, partition: i32, values: impl IntoIterator<Item = V>) {
        let records: Vec<Record> = values.into_iter().map(|value| record(partition, value.as_ref())).collect();
        self.cluster.produce("in", &records);
    }

    /// Everything in a topic.
    pub(crate) fn read(&self, topic: &str) -> Vec<Record> {
        self.cluster.read_topic(topic).concat()
    }

    /// The numbers in a partition of `out`, all framed with id 1.
    pub(crate) fn numbers(&self, partition: usize) -> Vec<i64> {
        self.cluster.read_topic("out")[partition].iter().map(|record| number(1, record)).collect()
    }

    /// What the group committed, by partition.
    pub(crate) fn committed(&self) -> Vec<i64> {
        self.cluster.committed("g", "in")
    }
}

/// A record with a value only.
pub(crate) fn record(partition: i32, value: &[u8]) -> Record {
    Record { partition, offset: 0, key: None, value: Some(value.to_vec()), headers: Vec::new(), timestamp: TIME }
}

/// JSON that fits `SCHEMA`.
pub(crate) fn json(numbers: impl IntoIterator<Item = i64>) -> Vec<String> {
    numbers.into_iter().map(|n| format!(r#"{{"n":{n}}}"#)).collect()
}

/// A number as `SCHEMA` in a frame.
pub(crate) fn avro(id: u8, number: i64) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 0, id];
    let mut zigzag = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while zigzag >= 0x80 {
        bytes.push((zigzag & 0x7f) as u8 | 0x80);
        zigzag >>= 7;
    }
    bytes.push(zigzag as u8);
    bytes
}

fn number(id: u8, record: &Record) -> i64 {
    let value = record.value.as_deref().unwrap();
    let payload = value.strip_prefix(&[0, 0, 0, 0, id]).unwrap_or_else(|| panic!("no frame of id {id}: {value:?}"));
    let zigzag = payload.iter().rev().fold(0u64, |all, byte| all << 7 | u64::from(byte & 0x7f));
    (zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed())
}

/// The metrics that say how records ended: produced, dead-lettered, skipped, abandoned at least, in flight.
pub(crate) fn ended(metrics: &Metrics) -> [u64; 3] {
    ["produced", "dead_lettered", "skipped"].map(|ending| metrics.count(&format!("records_{ending}_total")))
}
