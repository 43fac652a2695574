//! Making a topic that does not exist.
//!
//! Comes in: a cluster, a name, how the topic shall be. Goes out: the topic, or a fault. Must never: change one that
//! exists.

use super::{code_fault, context, fault, settings};
use crate::config;
use crate::fault::{Blame, Fault, Stage};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::RDKafkaErrorCode;
use std::time::Duration;

/// Makes a topic with this many partitions. One that exists already stays as it is.
///
/// # Errors
/// Lasting: the broker refuses a setting or does not allow it. Passing: no answer within `wait`.
pub async fn create_topic(
    kafka: &config::Kafka,
    name: &str,
    partitions: i32,
    how: &config::Create,
    wait: Duration,
) -> Result<(), Fault> {
    let what = format!("[kafka.{}]: creating topic {name:?}", kafka.name);
    let client: AdminClient<context::Control> = settings::inquirer(kafka)
        .create_with_context(context::Control::default())
        .map_err(|error| fault(Stage::Config, &what, &error))?;
    // -1: the broker's default (KIP-464).
    let replication = TopicReplication::Fixed(how.replication_factor.unwrap_or(-1));
    let mut topic = NewTopic::new(name, partitions, replication);
    for (setting, value) in &how.settings {
        topic = topic.set(setting, value);
    }
    let options = AdminOptions::new().request_timeout(Some(wait)).operation_timeout(Some(wait));
    let made = client.create_topics([&topic], &options).await.map_err(|error| fault(Stage::Config, &what, &error))?;
    match made.into_iter().next() {
        Some(Ok(_)) | Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(()),
        Some(Err((_, code))) => Err(code_fault(Stage::Config, &what, code)),
        None => Err(Fault::passing(Stage::Config, Blame::Broker, "broker_error", format!("{what}: no answer"))),
    }
}
