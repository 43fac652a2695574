//! Records out, delivery reports in.
//!
//! Comes in: bytes with a ticket. Goes out: the ticket again, once, with what became of it. Must never: block, retry in
//! another order, or decide what a failure means for a record.

use super::context::Unread;
use super::ffi::{Headers, Outgoing, ReportQueue, Served, TopicHandle};
use super::{code_fault, context, fault, settings};
use crate::config;
use crate::fault::{Blame, Fault, Stage};
use rdkafka::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, Producer as _, PurgeConfig};
use std::ffi::CString;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A lane's producer: idempotent, acks from all in-sync replicas, no time limit on a delivery.
#[allow(missing_debug_implementations, reason = "the crate's client has no Debug")]
pub struct Producer {
    // Dropped before the client that they belong to.
    topics: Vec<(String, TopicHandle)>,
    queue: ReportQueue,
    client: Client,
    settings: ClientConfig,
    cluster: String,
    most_bytes: usize,
    trouble: Option<Fault>,
}

/// A producer's client, shared with the thread that makes its transaction calls.
pub(super) type Client = Arc<BaseProducer<Unread>>;

/// What became of a record that was enqueued.
#[derive(Debug)]
pub struct Report {
    /// The ticket it was enqueued with.
    pub ticket: u64,
    /// None: acknowledged.
    pub fault: Option<Box<Fault>>,
}

/// One of a producer's topics, by the order they were named in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicIndex(pub usize);

/// A record to enqueue. Key and value are copied.
#[derive(Clone, Copy, Debug)]
pub struct Produced<'r> {
    /// Which topic.
    pub topic: TopicIndex,
    /// Which partition of it.
    pub partition: i32,
    /// Absent and empty are different things.
    pub key: Option<&'r [u8]>,
    /// None is a tombstone.
    pub value: Option<&'r [u8]>,
    /// Milliseconds since the epoch; -1 for none; librdkafka reads 0 as "now".
    pub timestamp_millis: i64,
    /// Comes back with the delivery report.
    pub ticket: u64,
}

/// Why a record was not enqueued.
#[derive(Debug)]
pub enum Refusal {
    /// The queue is full: try again after delivery reports came in.
    Full,
    /// The transaction takes no more records: it can only be aborted, or the producer is done for.
    Broken(Fault),
    /// It will not be taken as it is.
    Fault(Fault),
}

impl Producer {
    /// A producer for a cluster.
    ///
    /// # Errors
    /// librdkafka refuses a property.
    pub fn new(kafka: &config::Kafka, queue_bytes: usize) -> Result<Self, Fault> {
        Self::with(settings::producer(kafka, queue_bytes), &kafka.name)
    }

    /// A producer whose records are delivered in transactions, under this transactional id. Before the first record it
    /// must be initialised (`Transactor::init`).
    ///
    /// # Errors
    /// librdkafka refuses a property.
    pub fn transactional(
        kafka: &config::Kafka,
        queue_bytes: usize,
        id: &str,
        timeout: Duration,
    ) -> Result<Self, Fault> {
        Self::with(settings::transactional(kafka, queue_bytes, id, timeout), &kafka.name)
    }

    /// Another one like this, with the same topics under the same indexes.
    ///
    /// # Errors
    /// Those of `new`.
    pub fn again(&self) -> Result<Self, Fault> {
        let mut again = Self::with(self.settings.clone(), &self.cluster)?;
        self.topics.iter().try_for_each(|(name, _)| again.topic(name).map(drop))?;
        Ok(again)
    }

    fn with(settings: ClientConfig, cluster: &str) -> Result<Self, Fault> {
        let client: BaseProducer<Unread> = settings
            .create_with_context(Unread)
            .map_err(|error| fault(Stage::Produce, &format!("producer of [kafka.{cluster}]"), &error))?;
        let queue = ReportQueue::new(client.client().native_ptr()).ok_or_else(|| {
            let message = format!("producer of [kafka.{cluster}]: it has no queue");
            Fault::lasting(Stage::Produce, Blame::Us, "no_queue", message)
        })?;
        let most_bytes = settings::most_bytes(&settings);
        let (client, cluster) = (Arc::new(client), cluster.to_owned());
        Ok(Self { topics: Vec::new(), queue, client, settings, cluster, most_bytes, trouble: None })
    }

    pub(super) fn client(&self) -> Client {
        Arc::clone(&self.client)
    }

    /// One more topic to write to; the same index for the same name.
    ///
    /// # Errors
    /// librdkafka does not take the name.
    pub fn topic(&mut self, name: &str) -> Result<TopicIndex, Fault> {
        if let Some(known) = self.topics.iter().position(|(known, _)| known == name) {
            return Ok(TopicIndex(known));
        }
        let handle =
            CString::new(name).ok().and_then(|name| TopicHandle::new(self.client.client().native_ptr(), &name));
        let handle = handle.ok_or_else(|| {
            let message = format!("the producer does not take the topic name {name:?}");
            Fault::lasting(Stage::Produce, Blame::Config, "client_config", message)
        })?;
        self.topics.push((name.to_owned(), handle));
        Ok(TopicIndex(self.topics.len() - 1))
    }

    /// Has librdkafka get its producer id, which the first record would wait for.
    pub fn introduce(&self, wait: Duration) {
        if let Some(topic) = self.any_topic() {
            introduce(&self.client, topic, wait);
        }
    }

    /// One of the topics that it was told.
    pub(super) fn any_topic(&self) -> Option<&str> {
        self.topics.first().map(|(name, _)| name.as_str())
    }

    /// A record with more bytes, key included, is refused: `message.max.bytes` less what its frame and headers may take.
    #[must_use]
    pub fn most_bytes(&self) -> usize {
        self.most_bytes
    }

    /// Hands a record to librdkafka. The headers are taken on success and left where they are otherwise.
    ///
    /// # Errors
    /// See `Refusal`.
    pub fn enqueue(&self, record: Produced<'_>, headers: &mut Option<Headers>) -> Result<(), Refusal> {
        let Some((name, topic)) = self.topics.get(record.topic.0) else {
            let message = format!("no topic number {}", record.topic.0);
            return Err(Refusal::Fault(Fault::lasting(Stage::Produce, Blame::Us, "no_topic", message)));
        };
        let outgoing = Outgoing {
            partition: record.partition,
            key: record.key,
            value: record.value,
            timestamp_millis: record.timestamp_millis,
            ticket: record.ticket,
        };
        match RDKafkaErrorCode::from(topic.produce(&outgoing, headers)) {
            RDKafkaErrorCode::NoError => Ok(()),
            RDKafkaErrorCode::QueueFull => Err(Refusal::Full),
            code @ (RDKafkaErrorCode::State | RDKafkaErrorCode::Fatal | RDKafkaErrorCode::Fenced)
                if self.settings.get("transactional.id").is_some() =>
            {
                Err(Refusal::Broken(code_fault(Stage::Produce, "the transaction takes no record", code)))
            }
            code => Err(Refusal::Fault(code_fault(Stage::Produce, &format!("writing to topic {name:?}"), code))),
        }
    }

    /// Serves the client and replaces the list's content by the reports that came in, waiting up to `wait` for some.
    pub fn reports(&mut self, into: &mut Vec<Report>, wait: Duration) {
        const MOST_EVENTS: usize = 64;
        into.clear();
        let mut wait = wait;
        for _ in 0..MOST_EVENTS {
            let report = |ticket, error| into.push(Report { ticket, fault: undelivered(error) });
            match self.queue.serve(wait, report) {
                None => return,
                Some(Served::Reports) => wait = Duration::ZERO,
                Some(Served::Error(code, text)) => {
                    let fault = code_fault(Stage::Produce, &text, RDKafkaErrorCode::from(code));
                    // What comes after a fatal state says less.
                    if self.trouble.as_ref().is_none_or(|trouble| trouble.reason != "producer_fatal") {
                        self.trouble = Some(fault);
                    }
                }
                Some(Served::Log(level, facility, text)) => context::log(level, &facility, &text),
                Some(Served::Other) => {}
            }
        }
    }

    /// The last trouble that librdkafka reported since it was asked (a broker out of reach, a fatal state).
    #[must_use]
    pub fn trouble(&mut self) -> Option<Fault> {
        self.trouble.take()
    }

    /// Gives up all that is queued or in flight: each comes back as a report with a purge error.
    pub fn purge(&self) {
        self.client.purge(PurgeConfig::default().queue().inflight());
    }
}

/// Lets a client meet its cluster. It asks for a producer id (or the transaction's coordinator) when it is made, before any
/// broker is there, then half a second later (`rd_kafka_idemp_pid_fsm`), but also whenever a broker tells of topics: the
/// first answer comes from an address of the configuration, which is given up for the broker behind it.
pub(super) fn introduce(client: &Client, topic: &str, wait: Duration) {
    let until = Instant::now() + wait;
    for _ in 0..2 {
        drop(client.client().fetch_metadata(Some(topic), until.saturating_duration_since(Instant::now())));
    }
}

fn undelivered(error: rdkafka_sys::rd_kafka_resp_err_t) -> Option<Box<Fault>> {
    match RDKafkaErrorCode::from(error) {
        RDKafkaErrorCode::NoError => None,
        code => Some(Box::new(code_fault(Stage::Produce, "the broker did not take the record", code))),
    }
}
