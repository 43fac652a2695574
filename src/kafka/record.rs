//! What the data queue holds: records, borrowed from their batch, and partitions that cannot go on.
//!
//! Comes in: messages of a batch. Goes out: their parts. Must never: copy a payload.

use super::code_fault;
use super::ffi::{Headers, Message};
use crate::fault::{Fault, Stage};
use crate::record::{Timestamp, TopicPartition};
use rdkafka::error::RDKafkaErrorCode;

/// One item of the data queue.
#[derive(Debug)]
pub enum Item<'b> {
    /// A record.
    Record(Record<'b>),
    /// The partition cannot go on: its fetch position is out of range, it is gone, access was taken away.
    PartitionFault {
        /// Which partition.
        partition: TopicPartition,
        /// Why.
        fault: Fault,
    },
}

/// A record, borrowed from its batch.
#[derive(Clone, Copy, Debug)]
pub struct Record<'b> {
    message: Message<'b>,
}

impl<'b> Item<'b> {
    pub(super) fn of(message: Message<'b>) -> Self {
        match RDKafkaErrorCode::from(message.error()) {
            RDKafkaErrorCode::NoError => Self::Record(Record { message }),
            code => Self::PartitionFault {
                partition: TopicPartition { topic: message.topic().to_owned(), partition: message.partition() },
                fault: code_fault(Stage::Consume, &message.error_text(), code),
            },
        }
    }
}

impl<'b> Record<'b> {
    /// Tells topics apart without reading their names: equal tokens, equal topics.
    #[must_use]
    pub fn topic_token(&self) -> usize {
        self.message.topic_token()
    }

    /// The topic's name.
    #[must_use]
    pub fn topic(&self) -> &'b str {
        self.message.topic()
    }

    /// The partition.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.message.partition()
    }

    /// The offset.
    #[must_use]
    pub fn offset(&self) -> i64 {
        self.message.offset()
    }

    /// The timestamp.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.message.timestamp()
    }

    /// The key; absent and empty are different things.
    #[must_use]
    pub fn key(&self) -> Option<&'b [u8]> {
        self.message.key()
    }

    /// The value; None is a tombstone.
    #[must_use]
    pub fn value(&self) -> Option<&'b [u8]> {
        self.message.value()
    }

    /// Takes the headers off the record: a second call finds none.
    #[must_use]
    pub fn detach_headers(&self) -> Option<Headers> {
        self.message.detach_headers()
    }
}
