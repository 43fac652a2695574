//! What librdkafka calls back: noted here, acted on by the lane.
//!
//! Comes in: callbacks on the thread that polls (rebalance, commit results, delivery reports) and log lines from
//! librdkafka's own threads. Goes out: queues of events that the lane empties. Must never: act inside a callback; a
//! rebalance is a state of the lane, not a stack frame of librdkafka's.

use super::consumer::Event;
use super::producer::Report;
use crate::fault::{Fault, Stage};
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
            _ => committed.iter().find_map(|(_, _, error)| error.as_ref()),
        };
        let result = match failed {
            Some(error) => Err(super::fault(Stage::Commit, "committing offsets", error)),
            None => Ok(committed.into_iter().map(|(partition, offset, _)| (partition, offset)).collect()),
        };
        self.note(Event::Committed(result));
    }
}

/// The producer's notes.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    reports: Mutex<Vec<Report>>,
    trouble: Mutex<Option<Fault>>,
}

impl Deliveries {
    /// How many reports wait to be taken.
    pub(super) fn reported(&self) -> usize {
        lock(&self.reports).len()
    }

    /// Moves the reports into the caller's empty list.
    pub(super) fn take(&self, into: &mut Vec<Report>) {
        std::mem::swap(&mut *lock(&self.reports), into);
    }

    pub(super) fn take_trouble(&self) -> Option<Fault> {
        lock(&self.trouble).take()
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        forward_log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        *lock(&self.trouble) = Some(super::fault(Stage::Produce, reason, &error));
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: usize) {
        let fault = result
            .as_ref()
            .err()
            .map(|(error, _)| Box::new(super::fault(Stage::Produce, "the broker did not take the record", error)));
        lock(&self.reports).push(Report { ticket: ticket as u64, fault });
    }
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
    let level = match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
            Level::ERROR
        }
        RDKafkaLogLevel::Warning => Level::WARN,
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => Level::INFO,
        RDKafkaLogLevel::Debug => Level::DEBUG,
    };
    telemetry::log::librdkafka(level, facility, message);
}
