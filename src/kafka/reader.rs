//! Reading a topic to look at it: partitions taken directly, no group joined, nothing committed.
//!
//! Comes in: a cluster's properties and what to read. Goes out: borrowed records, partition by partition in order. Must
//! never: join a group, commit, wait for an unreachable cluster without a bound.

use super::ffi;
use super::settings;
use crate::config::{Kafka, Start};
use crate::fault::{Blame, Fault, Stage};
use crate::record::Timestamp;
use crate::telemetry;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::{ClientContext, Timestamp as KafkaTimestamp};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A question waits so long before what librdkafka says in the meantime is told.
const SLICE: Duration = Duration::from_secs(3);

/// And so long is listened to it.
const LISTEN: Duration = Duration::from_millis(20);

/// What to read.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// The topic.
    pub topic: &'a str,
    /// Only this partition, or all that the topic has now.
    pub partition: Option<i32>,
    /// Where each partition begins.
    pub from: Start,
    /// End where each partition ended when reading began, instead of waiting for more.
    pub to_end: bool,
}

/// A record, borrowed from the client's buffer.
#[derive(Debug)]
pub struct Record<'m> {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// When, and who says so.
    pub timestamp: Timestamp,
    /// Its key.
    pub key: Option<&'m [u8]>,
    /// Its value; none for a tombstone.
    pub value: Option<&'m [u8]>,
    message: &'m BorrowedMessage<'m>,
}

impl Record<'_> {
    /// Its headers, name and value, in their order; names may repeat. A name need not be text.
    #[must_use]
    pub fn headers(&self) -> Vec<(&[u8], Option<&[u8]>)> {
        ffi::headers(self.message)
    }
}

/// A topic's reader.
pub struct Reader {
    consumer: BaseConsumer<Context>,
    /// Of the cluster, for messages.
    servers: String,
    topic: String,
    /// The partitions not yet read to where they ended when reading began, with that offset.
    open: BTreeMap<i32, i64>,
    to_end: bool,
    patience: Duration,
}

/// By hand: the client has no Debug.
impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("topic", &self.topic).field("open", &self.open).finish_non_exhaustive()
    }
}

impl Reader {
    /// Finds the topic's partitions and where each begins and ends, and starts fetching. `patience` bounds this and every
    /// later wait for a cluster that does not answer.
    ///
    /// # Errors
    /// The cluster's properties are wrong, there is no such topic or partition (blame: config), or the cluster does not
    /// answer (blame: broker).
    pub fn open(kafka: &Kafka, span: Span<'_>, patience: Duration) -> Result<Self, Fault> {
        Self::open_at(kafka, span, patience, |low, high| match span.from {
            Start::Earliest => low,
            Start::Latest => high,
            // The offset field carries the time in this question, as the API has it.
            Start::Timestamp(millis) => millis,
        })
    }

    /// As [`Self::open`], for the last offsets of each partition, at most this many, to the end.
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub fn open_tail(kafka: &Kafka, topic: &str, each: i64, patience: Duration) -> Result<Self, Fault> {
        let span = Span { topic, partition: None, from: Start::Earliest, to_end: true };
        Self::open_at(kafka, span, patience, |low, high| high.saturating_sub(each).max(low))
    }

    fn open_at(
        kafka: &Kafka,
        span: Span<'_>,
        patience: Duration,
        begin: impl Fn(i64, i64) -> i64,
    ) -> Result<Self, Fault> {
        let consumer = client(kafka)?;
        let mut reader = Self {
            consumer,
            servers: kafka.properties.get("bootstrap.servers").cloned().unwrap_or_default(),
            topic: span.topic.to_owned(),
            open: BTreeMap::new(),
            to_end: span.to_end,
            patience,
        };
        let partitions = reader.partitions(span.partition)?;
        let begins = reader.begins(&partitions, span.from, begin)?;
        reader.consumer.assign(&begins).map_err(|error| reader.fault("assigning partitions", &error))?;
        Ok(reader)
    }

    /// Hands every record to `take` until it breaks, or until the end where the span says so.
    ///
    /// # Errors
    /// The topic may not be read or is gone, or the cluster stopped answering for as long as the patience.
    pub fn each(&mut self, mut take: impl FnMut(&Record<'_>) -> ControlFlow<()>) -> Result<(), Fault> {
        let slice = Duration::from_millis(200).min(self.patience);
        let mut heard = Instant::now();
        while !(self.to_end && self.open.is_empty()) {
            match self.consumer.poll(slice) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    if self.to_end && !within(&mut self.open, message.partition(), message.offset()) {
                        continue;
                    }
                    if take(&record(&message)).is_break() {
                        return Ok(());
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    heard = Instant::now();
                    self.open.remove(&partition);
                }
                Some(Err(error)) if lasting(&error) => return Err(self.fault("reading", &error)),
                // Told in the log; librdkafka tries again by itself.
                Some(Err(_)) | None => {}
            }
            if heard.elapsed() >= self.patience {
                // Nothing new, or nobody there? Not asked by `ask`, whose polling would swallow a record.
                let answer = self.consumer.fetch_metadata(Some(&self.topic), self.patience);
                answer.map_err(|error| self.fault("reading", &error))?;
                heard = Instant::now();
            }
        }
        Ok(())
    }

    /// The topic's partitions, or the one asked for if there is such a one.
    fn partitions(&self, only: Option<i32>) -> Result<Vec<i32>, Fault> {
        let metadata =
            self.ask("asking for the topic", |client, wait| client.fetch_metadata(Some(&self.topic), wait))?;
        let found = metadata.topics().iter().find(|topic| topic.name() == self.topic);
        let error = found.map_or(Some(Code::UnknownTopic), |topic| topic.error().map(Code::from));
        if let Some(code) = error {
            return Err(self.fault("asking for the topic", &KafkaError::MetadataFetch(code)));
        }
        let all: Vec<i32> = found.iter().flat_map(|topic| topic.partitions()).map(|partition| partition.id()).collect();
        match only {
            None => Ok(all),
            Some(one) if all.contains(&one) => Ok(vec![one]),
            Some(one) => {
                let message = format!("topic {:?} has {} partitions and none of number {one}", self.topic, all.len());
                Err(Fault::lasting(Stage::Consume, Blame::Config, "unknown_partition", message))
            }
        }
    }

    /// Where each partition begins. Notes where it ends.
    fn begins(
        &mut self,
        partitions: &[i32],
        from: Start,
        begin: impl Fn(i64, i64) -> i64,
    ) -> Result<TopicPartitionList, Fault> {
        let mut begins = TopicPartitionList::new();
        for &partition in partitions {
            let (low, high) =
                self.ask("asking for offsets", |client, wait| client.fetch_watermarks(&self.topic, partition, wait))?;
            if low < high && from != Start::Latest {
                self.open.insert(partition, high);
            }
            begins
                .add_partition_offset(&self.topic, partition, Offset::Offset(begin(low, high)))
                .map_err(|error| self.fault("asking for offsets", &error))?;
        }
        match from {
            Start::Earliest | Start::Latest => Ok(begins),
            Start::Timestamp(_) => self.ask("asking for the offsets of a time", |client, wait| {
                let found = client.offsets_for_times(begins.clone(), wait)?;
                // Each partition has an error of its own, and its answer is worth nothing then.
                match found.elements().iter().find_map(|partition| partition.error().err()) {
                    Some(error) => Err(error),
                    None => Ok(found),
                }
            }),
        }
    }

    /// Puts a question until it is answered, refused, or the patience is over. Only before partitions are assigned: it
    /// polls, because log lines and the reasons of errors come only to who polls.
    fn ask<T>(&self, what: &str, ask: impl Fn(&BaseConsumer<Context>, Duration) -> KafkaResult<T>) -> Result<T, Fault> {
        let began = Instant::now();
        loop {
            let left = self.patience.saturating_sub(began.elapsed());
            let error = match ask(&self.consumer, left.min(SLICE)) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            // Not until nothing comes: refused connections are tried again, and told of, sooner than that.
            let listened = Instant::now();
            while listened.elapsed() < LISTEN && self.consumer.poll(LISTEN).is_some() {}
            let fault = self.fault(what, &error);
            if left <= SLICE || !fault.retry {
                return Err(fault);
            }
        }
    }

    fn fault(&self, what: &str, error: &KafkaError) -> Fault {
        let code = error.rdkafka_error_code();
        let reason = self.consumer.context().reason().map(|reason| format!(": {reason}")).unwrap_or_default();
        let message = format!("{what}: {error}{reason} (topic {:?}, bootstrap.servers {:?})", self.topic, self.servers);
        match code {
            Some(Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition | Code::InvalidTopic) => {
                Fault::lasting(Stage::Consume, Blame::Config, "unknown_topic", message)
            }
            Some(Code::TopicAuthorizationFailed) => {
                Fault::lasting(Stage::Consume, Blame::Config, "not_authorized", message)
            }
            _ => Fault::passing(Stage::Consume, Blame::Broker, "unreachable", message),
        }
    }
}

fn client(kafka: &Kafka) -> Result<BaseConsumer<Context>, Fault> {
    settings::reader(kafka).create_with_context(Context::default()).map_err(|error| {
        let message = format!("the client refuses the properties of [kafka.{}]: {error}", kafka.name);
        Fault::lasting(Stage::Config, Blame::Config, "client_config", message)
    })
}

/// Whether a record lies before its partition's end. A record in front of the end or behind it closes the partition:
/// offsets can be missing (compaction, transaction markers), so the end itself may never come.
fn within(open: &mut BTreeMap<i32, i64>, partition: i32, offset: i64) -> bool {
    let Some(end) = open.get(&partition).copied() else { return false };
    if offset >= end - 1 {
        open.remove(&partition);
    }
    offset < end
}

fn record<'m>(message: &'m BorrowedMessage<'m>) -> Record<'m> {
    Record {
        partition: message.partition(),
        offset: message.offset(),
        timestamp: match message.timestamp() {
            KafkaTimestamp::NotAvailable => Timestamp::Absent,
            KafkaTimestamp::CreateTime(millis) => Timestamp::CreateTime(millis),
            KafkaTimestamp::LogAppendTime(millis) => Timestamp::LogAppendTime(millis),
        },
        key: message.key(),
        value: message.payload(),
        message,
    }
}

/// Whether no further try of the client can help.
fn lasting(error: &KafkaError) -> bool {
    matches!(error, KafkaError::MessageConsumptionFatal(_))
        || matches!(
            error.rdkafka_error_code(),
            Some(Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::TopicAuthorizationFailed)
        )
}

/// The client's log lines and errors.
#[derive(Debug, Default)]
struct Context {
    /// What librdkafka last said of a connection: a refused one, a failed handshake or login.
    reason: Mutex<Option<String>>,
}

impl Context {
    fn reason(&self) -> Option<String> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let level = match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                tracing::Level::ERROR
            }
            RDKafkaLogLevel::Warning => tracing::Level::WARN,
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => tracing::Level::INFO,
            RDKafkaLogLevel::Debug => tracing::Level::DEBUG,
        };
        telemetry::log::librdkafka(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            // No error, and a sum of errors that were told one by one.
            Some(Code::PartitionEOF | Code::AllBrokersDown) => {}
            // Its log line was written already.
            _ => {
                *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
            }
        }
    }
}

impl ConsumerContext for Context {}
