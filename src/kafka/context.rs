//! What librdkafka calls back: noted here, acted on by the lane.
//!
//! Comes in: callbacks on the thread that polls (rebalance, commit results) and log lines from
//! librdkafka's own threads. Goes out: queues of events that the lane empties. Must never: act inside a callback; a
//! rebalance is a state of the lane, not a stack frame of librdkafka's.

use super::consumer::Event;
use crate::fault::Stage;
use crate::record::TopicPartition;
use crate::telemetry;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tracing::Level;

/// The consumer's notes.
#[derive(Debug, Default)]
pub(super) struct Control {
    events: Mutex<VecDeque<Event>>,
    /// Set before the consumer is dropped: nobody is left to answer a rebalance, so it is answered at once.
    pub(super) closing: AtomicBool,
}

impl Control {
    pub(super) fn next(&self) -> Option<Event> {
        lock(&self.events).pop_front()
    }

    pub(super) fn note(&self, event: Event) {
        lock(&self.events).push_back(event);
    }
}

impl ClientContext for Control {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        forward_log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.note(Event::Trouble(super::fault(Stage::Consume, reason, &error)));
    }
}

impl ConsumerContext for Control {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if self.closing.load(Ordering::Relaxed) {
            let answered = match consumer.rebalance_protocol() {
                RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
                _ => consumer.unassign(),
            };
            if let Err(error) = answered {
                forward_log(RDKafkaLogLevel::Warning, "CLOSE", &error.to_string());
            }
            return;
        }
        let partitions = partitions(list);
        self.note(match error {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Event::Assign(partitions),
            _ => Event::Revoke { partitions, lost: consumer.assignment_lost() },
        });
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        let committed = offsets
            .elements()
            .iter()
            .filter_map(|element| {
                let Offset::Offset(offset) = element.offset() else { return None };
                let partition = TopicPartition { topic: element.topic().to_owned(), partition: element.partition() };
                Some((partition, offset, element.error().err()))
            })
            .collect::<Vec<_>>();
        let failed = match &result {
            // Nothing to commit is no failure.
            Err(error) if error.rdkafka_error_code() != Some(RDKafkaErrorCode::NoOffset) => Some(error),
            _ => None,
        };
        let of_partition = committed.iter().find_map(|(_, _, error)| error.as_ref());
        let fault = of_partition.or(failed).map(|error| super::fault(Stage::Commit, "committing offsets", error));
        // Without a word of any partition, the failure is that of all.
        let all_failed = failed.is_some() && of_partition.is_none();
        let taken = committed.into_iter().filter(|(_, _, error)| !all_failed && error.is_none());
        let offsets = taken.map(|(partition, offset, _)| (partition, offset)).collect();
        self.note(Event::Committed { offsets, fault });
    }
}

/// A producer's context that notes nothing: its queue is read by `ffi::ReportQueue`, never by the crate, but for what the
/// crate drops with the client.
#[derive(Debug)]
pub(super) struct Unread;

impl ClientContext for Unread {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        forward_log(level, facility, message);
    }
}

impl ProducerContext for Unread {
    type DeliveryOpaque = usize;

    fn delivery(&self, _: &DeliveryResult<'_>, _: usize) {}
}

/// A poisoned lock means a panic elsewhere; the notes themselves are whole after every statement here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn partitions(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements()
        .iter()
        .map(|element| TopicPartition { topic: element.topic().to_owned(), partition: element.partition() })
        .collect()
}

fn forward_log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    log(level as i32, facility, message);
}

/// A log line of librdkafka's, its level as in syslog (RFC 5424).
pub(super) fn log(level: i32, facility: &str, message: &str) {
    let level = match level {
        ..=3 => Level::ERROR,
        4 => Level::WARN,
        5 | 6 => Level::INFO,
        7.. => Level::DEBUG,
    };
    telemetry::log::librdkafka(level, facility, message);
}
