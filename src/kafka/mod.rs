//! Kafka, behind one door: the only room that names rdkafka.
//!
//! `settings` config -> librdkafka properties; `consumer` control events, data batches, commits; `record` what a batch
//! holds; `offsets` what a cluster says of offsets; `producer` records out,
//! delivery reports in; `transaction` the calls that end one; `topics` what a cluster says of its topics, `create` makes one; `admin` what only a check asks;
//! `mock` a cluster in this process; `ffi` the raw calls.
//!
//! Comes in: checked config, records to produce. Goes out: borrowed records, events, reports, faults. Must never: know
//! JSON, Avro or a policy; wait without a bound.

pub mod admin;
pub mod consumer;
mod context;
pub mod create;
mod ffi;
pub mod mock;
pub mod offsets;
pub mod producer;
pub mod reader;
pub mod record;
pub mod settings;
pub mod topics;
pub mod transaction;

pub use ffi::Headers;

use crate::fault::{Blame, Fault, Stage};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// librdkafka's version, for `build_info`.
#[must_use]
pub fn librdkafka_version() -> String {
    rdkafka::util::get_rdkafka_version().1
}

/// A client call's failure as a fault: who has to act, and whether time may mend it.
fn fault(stage: Stage, what: &str, error: &KafkaError) -> Fault {
    match error.rdkafka_error_code() {
        Some(code) => code_fault(stage, what, code),
        // No code: the client could not even be made, which only its properties can cause.
        None => Fault::lasting(stage, Blame::Config, "client_config", format!("{what}: {error}")),
    }
}

/// librdkafka's error code as a fault.
fn code_fault(stage: Stage, what: &str, code: RDKafkaErrorCode) -> Fault {
    use RDKafkaErrorCode as Code;
    let (blame, reason, retry) = match code {
        Code::MessageSizeTooLarge | Code::InvalidMessageSize => (Blame::Record, "message_too_large", false),
        Code::InvalidTimestamp => (Blame::Record, "invalid_timestamp", false),
        Code::InvalidRecord | Code::InvalidMessage => (Blame::Record, "invalid_record", false),
        Code::UnknownTopic | Code::UnknownTopicOrPartition => (Blame::Config, "unknown_topic", false),
        Code::UnknownPartition => (Blame::Config, "unknown_partition", false),
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed => (Blame::Config, "not_authorized", false),
        Code::Authentication | Code::SaslAuthenticationFailed => (Blame::Config, "not_authenticated", true),
        Code::Fatal | Code::OutOfOrderSequenceNumber | Code::UnknownProducerId | Code::InvalidProducerEpoch => {
            (Blame::Broker, "producer_fatal", false)
        }
        Code::InvalidTransactionTimeout => (Blame::Config, "transaction_timeout", false),
        Code::UnsupportedFeature => (Blame::Config, "unsupported", false),
        Code::InvalidConfig
        | Code::PolicyViolation
        | Code::InvalidReplicationFactor
        | Code::InvalidPartitions
        | Code::InvalidTopic => (Blame::Config, "topic_refused", false),
        Code::FencedInstanceId | Code::Fenced | Code::ProducerFenced => (Blame::Config, "fenced", false),
        Code::State => (Blame::Broker, "not_fetching", true),
        Code::PurgeQueue | Code::PurgeInflight => (Blame::Broker, "purged", true),
        Code::OffsetOutOfRange | Code::AutoOffsetReset => (Blame::Config, "offset_out_of_range", false),
        Code::BrokerTransportFailure
        | Code::AllBrokersDown
        | Code::OperationTimedOut
        | Code::RequestTimedOut
        | Code::MessageTimedOut
        | Code::Resolve
        | Code::WaitingForCoordinator
        | Code::NotCoordinator
        | Code::CoordinatorNotAvailable
        | Code::CoordinatorLoadInProgress => (Blame::Broker, "unreachable", true),
        _ => (Blame::Broker, "broker_error", true),
    };
    let next = match reason {
        "not_authorized" => "; add an ACL, json2avro check --live names the missing right",
        "fenced" if stage == Stage::Consume => "; another process has the same group_instance_id: give each its own",
        _ => "",
    };
    Fault { stage, blame, reason, retry, message: format!("{what}: {code}{next}") }
}
