//! What a cluster says of offsets: committed, by time, at the end. Bounded questions.
//!
//! Comes in: partitions. Goes out: their offsets, or that nobody answered in time. Must never: wait longer than told.

use super::context::{Control, partitions};
use super::{fault, topics};
use crate::fault::{Fault, Stage};
use crate::record::TopicPartition;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::time::Duration;

/// Asks a consumer's cluster for offsets, as the consumer's group.
#[allow(missing_debug_implementations, reason = "the crate's client has no Debug")]
pub struct Watch {
    client: Arc<BaseConsumer<Control>>,
}

impl Watch {
    pub(super) fn new(client: Arc<BaseConsumer<Control>>) -> Self {
        Self { client }
    }

    /// The committed offsets of these partitions, None where there is none.
    ///
    /// # Errors
    /// The group coordinator does not answer within `wait`.
    pub fn committed(
        &self,
        of: &[TopicPartition],
        wait: Duration,
    ) -> Result<Vec<(TopicPartition, Option<i64>)>, Fault> {
        offsets(self.client.committed_offsets(list_of(of), wait), "asking for committed offsets")
    }

    /// The first offsets with this timestamp (milliseconds since the epoch) or later; None where there is none.
    ///
    /// # Errors
    /// A partition's leader does not answer within `wait`.
    pub fn offsets_at(
        &self,
        of: &[TopicPartition],
        timestamp_millis: i64,
        wait: Duration,
    ) -> Result<Vec<(TopicPartition, Option<i64>)>, Fault> {
        offsets_for(&self.client, of, Offset::Offset(timestamp_millis), wait)
    }

    /// The log's first and end offset of a partition.
    ///
    /// # Errors
    /// The partition's leader does not answer within `wait`.
    pub fn watermarks(&self, of: &TopicPartition, wait: Duration) -> Result<(i64, i64), Fault> {
        self.client
            .fetch_watermarks(&of.topic, of.partition, wait)
            .map_err(|error| fault(Stage::Consume, &format!("asking for the offsets of {of}"), &error))
    }

    /// How many partitions a topic has.
    ///
    /// # Errors
    /// The cluster does not answer within `wait`, or does not have the topic.
    pub fn partition_count(&self, topic: &str, wait: Duration) -> Result<i32, Fault> {
        topics::partition_count(&self.client, topic, wait)
    }

    /// The end offsets: one past the last record that a consumer with this isolation level may see.
    ///
    /// # Errors
    /// A partition's leader does not answer within `wait`.
    pub fn end_offsets(
        &self,
        of: &[TopicPartition],
        wait: Duration,
    ) -> Result<Vec<(TopicPartition, Option<i64>)>, Fault> {
        // offsets_for_times passes the value on to ListOffsets, where -1, Offset::End, asks for the end (KIP-79).
        offsets_for(&self.client, of, Offset::End, wait)
    }
}

fn offsets_for(
    client: &BaseConsumer<Control>,
    of: &[TopicPartition],
    at: Offset,
    wait: Duration,
) -> Result<Vec<(TopicPartition, Option<i64>)>, Fault> {
    const WHAT: &str = "asking for offsets by time";
    let mut list = TopicPartitionList::with_capacity(of.len());
    for partition in of {
        list.add_partition_offset(&partition.topic, partition.partition, at)
            .map_err(|error| fault(Stage::Consume, WHAT, &error))?;
    }
    offsets(client.offsets_for_times(list, wait), WHAT)
}

pub(super) fn list_of(of: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(of.len());
    for partition in of {
        list.add_partition(&partition.topic, partition.partition);
    }
    list
}

pub(super) fn list_at(offsets: &[(TopicPartition, i64)]) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for (partition, offset) in offsets {
        list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(*offset))?;
    }
    Ok(list)
}

/// An answered list as offsets; the first partition's error fails the whole.
fn offsets(answer: KafkaResult<TopicPartitionList>, what: &str) -> Result<Vec<(TopicPartition, Option<i64>)>, Fault> {
    let list = answer.map_err(|error| fault(Stage::Consume, what, &error))?;
    let names = partitions(&list);
    names
        .into_iter()
        .zip(list.elements())
        .map(|(partition, element)| {
            element.error().map_err(|error| fault(Stage::Consume, &format!("{what} of {partition}"), &error))?;
            let offset = match element.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            };
            Ok((partition, offset))
        })
        .collect()
}
