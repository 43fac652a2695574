//! What a cluster says of its topics.
//!
//! Comes in: a cluster, a topic's name. Goes out: topics, partition counts. Must never: create a topic, join a group.

use super::{code_fault, context, fault, settings};
use crate::config;
use crate::fault::{Blame, Fault, Stage};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use std::time::Duration;

/// A connection to ask a cluster of its topics, outside of any group.
#[allow(missing_debug_implementations, reason = "the crate's client has no Debug")]
pub struct Topics {
    cluster: String,
    client: BaseConsumer<context::Control>,
}

impl Topics {
    /// Connects in the background; nothing is asked yet.
    ///
    /// # Errors
    /// librdkafka refuses a property.
    pub fn new(kafka: &config::Kafka) -> Result<Self, Fault> {
        let client = settings::inquirer(kafka)
            .create_with_context(context::Control::default())
            .map_err(|error| fault(Stage::Config, &format!("client of [kafka.{}]", kafka.name), &error))?;
        Ok(Self { cluster: kafka.name.clone(), client })
    }

    /// The names of all topics that the cluster lets us see.
    ///
    /// # Errors
    /// No answer within `wait`.
    pub fn names(&self, wait: Duration) -> Result<Vec<String>, Fault> {
        drop(self.client.poll(Duration::ZERO));
        let what = format!("[kafka.{}]: asking for all topics", self.cluster);
        let metadata = self.client.fetch_metadata(None, wait).map_err(|error| fault(Stage::Consume, &what, &error))?;
        Ok(metadata.topics().iter().map(|topic| topic.name().to_owned()).collect())
    }

    /// The id that the cluster gave itself: two addresses of one cluster tell the same one.
    ///
    /// # Errors
    /// No answer within `wait`.
    pub fn cluster_id(&self, wait: Duration) -> Result<String, Fault> {
        drop(self.client.poll(Duration::ZERO));
        self.client.client().fetch_cluster_id(wait).ok_or_else(|| {
            let message = format!("[kafka.{}]: asking for the cluster's id: no answer", self.cluster);
            Fault::passing(Stage::Config, Blame::Broker, "unreachable", message)
        })
    }

    /// How many partitions a topic has.
    ///
    /// # Errors
    /// Lasting: the cluster has no such topic or does not let us see it. Passing: no answer within `wait`.
    pub fn partition_count(&self, topic: &str, wait: Duration) -> Result<i32, Fault> {
        // Serves errors and log lines.
        drop(self.client.poll(Duration::ZERO));
        partition_count(&self.client, topic, wait).map_err(|mut fault| {
            fault.message = format!("[kafka.{}]: {}", self.cluster, fault.message);
            fault
        })
    }
}

pub(super) fn partition_count(
    client: &BaseConsumer<context::Control>,
    topic: &str,
    wait: Duration,
) -> Result<i32, Fault> {
    let what = format!("asking for topic {topic:?}");
    let metadata = client.fetch_metadata(Some(topic), wait).map_err(|error| fault(Stage::Consume, &what, &error))?;
    let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
        return Err(Fault::passing(Stage::Consume, Blame::Broker, "unreachable", format!("{what}: no answer")));
    };
    match found.error().map(RDKafkaErrorCode::from) {
        None => {}
        Some(code @ (RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition)) => {
            let message = format!("{what}: the cluster has no such topic ({code}); create it, or correct its name");
            return Err(Fault::lasting(Stage::Consume, Blame::Config, "unknown_topic", message));
        }
        Some(code) => return Err(code_fault(Stage::Consume, &what, code)),
    }
    i32::try_from(found.partitions().len())
        .map_err(|_| Fault::lasting(Stage::Consume, Blame::Broker, "broker_error", format!("{what}: absurd answer")))
}
