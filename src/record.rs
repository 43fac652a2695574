//! Where a record comes from and how it ends: the words that every room shares.
//!
//! Holds no record data. Comes in: numbers from the Kafka client. Goes out: positions for messages, headers and the
//! offset tracker. Must never: own a payload.

use std::fmt;

/// One partition of one topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: String,
    /// The partition's number, from 0.
    pub partition: i32,
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.topic, self.partition)
    }
}

/// A record's timestamp, milliseconds since the Unix epoch, as the broker hands it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timestamp {
    /// The record carries none.
    Absent,
    /// Set by whoever produced it.
    CreateTime(i64),
    /// Set by the broker that stored it.
    LogAppendTime(i64),
}

impl Timestamp {
    /// The milliseconds, whoever set them.
    #[must_use]
    pub fn millis(self) -> Option<i64> {
        match self {
            Self::Absent => None,
            Self::CreateTime(ms) | Self::LogAppendTime(ms) => Some(ms),
        }
    }
}

/// How a record that was read ends. Records read = the sum of these + records in flight, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Acknowledged by the sink.
    Delivered,
    /// Acknowledged by the dead letter topic.
    DeadLettered,
    /// Left out by a policy that the config names.
    Skipped,
    /// Given up before it ended (revoked, rewound, drain deadline): its offset is not committed, it is read again.
    Abandoned,
}
