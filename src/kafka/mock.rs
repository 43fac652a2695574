//! librdkafka's own Kafka cluster, in this process and on loopback: for the demo and for quick tests.
//!
//! It speaks the protocol, consumer groups and idempotent producers included, and keeps the newest 5 MiB or 100,000
//! records of each partition: older ones vanish without a word. Comes in: topics to create. Goes out: an address that any
//! client can connect to. Must never: be taken for a durable one.

use super::context::Unread;
use super::{fault, ffi};
use crate::fault::{Blame, Fault, Stage};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, Producer as _};

/// What the cluster keeps of each partition, bytes as they were sent.
pub const RETAINED_BYTES: usize = 5 << 20;

/// A running cluster of one broker; it ends when dropped.
#[allow(missing_debug_implementations, reason = "the crate's client has no Debug")]
pub struct MockCluster {
    client: BaseProducer<Unread>,
}

impl MockCluster {
    /// Starts it on free ports.
    ///
    /// # Errors
    /// The system gives it no port or thread.
    pub fn start() -> Result<Self, Fault> {
        let client: BaseProducer<Unread> = ClientConfig::new()
            .set("test.mock.num.brokers", "1")
            .create_with_context(Unread)
            .map_err(|error| fault(Stage::Config, "starting the embedded cluster", &error))?;
        ffi::groups_begin_at_once(client.client().native_ptr());
        Ok(Self { client })
    }

    /// Where it listens, as `bootstrap.servers` has it.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        self.client.client().mock_cluster().map(|cluster| cluster.bootstrap_servers()).unwrap_or_default()
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// There is one of this name, or the name or the number cannot be used.
    pub fn create_topic(&self, topic: &str, partitions: i32) -> Result<(), Fault> {
        let lost = || Fault::lasting(Stage::Config, Blame::Us, "no_cluster", "the embedded cluster is not there");
        let cluster = self.client.client().mock_cluster().ok_or_else(lost)?;
        cluster
            .create_topic(topic, partitions, 1)
            .map_err(|error| fault(Stage::Config, &format!("creating the topic {topic:?}"), &error))
    }
}
