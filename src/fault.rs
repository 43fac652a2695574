//! A failure as a value: what failed, at which stage, whose fault, whether trying again can help.
//!
//! Comes in: what a room knows of its own failure. Goes out: the policy's question (retry, dead letter, skip, stop), the
//! metric labels (closed sets) and the exit code, each by one exhaustive match. Must never: hold a payload or a secret.

use std::fmt;

/// The step that failed. The `stage` label of `json2avro_records_failed_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Reading and checking the configuration.
    Config,
    /// Reading from the source, the input frame included.
    Consume,
    /// The bytes are no JSON.
    Parse,
    /// The JSON does not fit the schema.
    Convert,
    /// Finding or registering a schema, or compiling it.
    Registry,
    /// Writing to the sink.
    Produce,
    /// Writing to the dead letter topic.
    DeadLetter,
    /// Committing offsets or holding the group membership.
    Commit,
}

impl Stage {
    /// The stage as a metric label, header value and word in messages.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Consume => "consume",
            Self::Parse => "parse",
            Self::Convert => "convert",
            Self::Registry => "registry",
            Self::Produce => "produce",
            Self::DeadLetter => "dead_letter",
            Self::Commit => "commit",
        }
    }
}

/// Who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The record's producer.
    Record,
    /// Whoever wrote the configuration (a wrong subject, topic, credential, schema).
    Config,
    /// The Schema Registry or the way to it.
    Registry,
    /// A Kafka broker or the way to it.
    Broker,
    /// json2avro: a bug.
    Us,
}

impl Blame {
    /// The process exit code when a fault with this blame ends it (sysexits.h).
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Record => 65,
            Self::Config => 64,
            Self::Registry | Self::Broker => 69,
            Self::Us => 70,
        }
    }
}

/// One failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The step that failed.
    pub stage: Stage,
    /// Who has to act.
    pub blame: Blame,
    /// A word from a closed set, the `reason` label: `missing_field`, `subject_not_found`, `message_too_large`...
    pub reason: &'static str,
    /// Whether the same call may succeed later without anyone changing anything.
    pub retry: bool,
    /// What failed, where, and the next step, for a person. Never a payload or a secret.
    pub message: String,
}

impl Fault {
    /// A failure that stays until someone acts.
    #[must_use]
    pub fn lasting(stage: Stage, blame: Blame, reason: &'static str, message: impl Into<String>) -> Self {
        Self { stage, blame, reason, retry: false, message: message.into() }
    }

    /// A failure that time may mend: an outage, an overload.
    #[must_use]
    pub fn passing(stage: Stage, blame: Blame, reason: &'static str, message: impl Into<String>) -> Self {
        Self { stage, blame, reason, retry: true, message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}: {})", self.message, self.stage.label(), self.reason)
    }
}

impl std::error::Error for Fault {}
