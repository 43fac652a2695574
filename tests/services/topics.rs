//! What a test does at the broker: make topics, fill them, read them whole, ask what a group committed.

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// A header list as it lies in a topic: order and repeated names are kept.
pub(crate) type HeaderList = Vec<(String, Option<Vec<u8>>)>;

/// A record as it lies in a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) partition: i32,
    /// Where it lies; not looked at when a record is written.
    pub(crate) offset: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: HeaderList,
    /// Milliseconds since the epoch.
    pub(crate) timestamp: i64,
}

impl Record {
    /// As a producer takes it.
    pub(crate) fn outgoing<'r>(&'r self, topic: &'r str) -> BaseRecord<'r, [u8], [u8]> {
        let mut outgoing = BaseRecord::to(topic).partition(self.partition).timestamp(self.timestamp).headers(
            self.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header { key, value: value.as_deref() })
            }),
        );
        outgoing.key = self.key.as_deref();
        outgoing.payload = self.value.as_deref();
        outgoing
    }

    /// The value of the last header with this name, as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().rev().find(|(found, _)| found == name)?;
        std::str::from_utf8(value.as_deref()?).ok()
    }
}

/// A cluster, real or not, by its address.
pub(crate) struct Broker {
    bootstrap: String,
    /// What else a client needs to be let in: librdkafka's properties.
    properties: Vec<(&'static str, String)>,
    /// Replicas of the topics made here.
    replicas: i32,
}

impl Broker {
    pub(crate) fn at(bootstrap: String) -> Self {
        Self { bootstrap, properties: Vec::new(), replicas: 1 }
    }

    /// Makes topics with so many replicas.
    pub(crate) fn replicated(self, replicas: i32) -> Self {
        Self { replicas, ..self }
    }

    /// As a user whose password is its name.
    pub(crate) fn user(self, name: &str) -> Self {
        let (protocol, mechanism) = ("SASL_PLAINTEXT".to_owned(), "PLAIN".to_owned());
        let properties = vec![
            ("security.protocol", protocol),
            ("sasl.mechanism", mechanism),
            ("sasl.username", name.to_owned()),
            ("sasl.password", name.to_owned()),
        ];
        Self { properties, ..self }
    }

    /// What a client needs besides `bootstrap.servers`.
    pub(crate) fn properties(&self) -> &[(&'static str, String)] {
        &self.properties
    }

    /// `bootstrap.servers`.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Makes a topic and returns once it can be written to.
    pub(crate) fn create_topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().unwrap();
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(self.replicas));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let made = patiently("a new topic", || runtime.block_on(admin.create_topics([&topic], &options)));
        assert!(made.iter().all(Result::is_ok), "{name}: {made:?}");
    }

    /// Deletes a topic.
    pub(crate) fn delete_topic(&self, name: &str) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().unwrap();
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let deleted = patiently("a deletion", || runtime.block_on(admin.delete_topics(&[name], &options)));
        assert!(deleted.iter().all(Result::is_ok), "{name}: {deleted:?}");
    }

    /// Gives a topic more partitions, so many in all.
    pub(crate) fn create_partitions(&self, name: &str, partitions: usize) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().unwrap();
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let made = patiently("new partitions", || {
            runtime.block_on(admin.create_partitions([&NewPartitions::new(name, partitions)], &options))
        });
        assert!(made.iter().all(Result::is_ok), "{name}: {made:?}");
    }

    /// Gives a topic these settings and no others.
    pub(crate) fn set(&self, name: &str, settings: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().unwrap();
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let change = AlterConfig::new(ResourceSpecifier::Topic(name));
        let change = settings.iter().fold(change, |change, (key, value)| change.set(key, value));
        let altered = patiently("new settings", || runtime.block_on(admin.alter_configs([&change], &options)));
        assert!(altered.iter().all(Result::is_ok), "{name}: {altered:?}");
    }

    /// A topic's settings.
    pub(crate) fn settings(&self, name: &str) -> BTreeMap<String, String> {
        let admin: AdminClient<DefaultClientContext> = self.client().create().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (topic, options) = (ResourceSpecifier::Topic(name), AdminOptions::new());
        let found = patiently("settings", || runtime.block_on(admin.describe_configs([&topic], &options)));
        let found = found.into_iter().next().unwrap().unwrap();
        found.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect()
    }

    /// Takes what lies before an offset out of a partition, as retention does.
    pub(crate) fn delete_records(&self, topic: &str, partition: i32, before: i64) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(before)).unwrap();
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let deleted = patiently("a cut", || runtime.block_on(admin.delete_records(&list, &options)));
        assert!(deleted.elements().iter().all(|element| element.error().is_ok()), "{topic}: {deleted:?}");
    }

    /// Writes records, each to its own partition, in order, and returns once all are acknowledged.
    pub(crate) fn produce<'a>(&self, topic: &str, records: impl IntoIterator<Item = &'a Record>) {
        let failed = Arc::new(AtomicUsize::new(0));
        let producer: BaseProducer<CountFailures> = self
            .client()
            .set("linger.ms", "20")
            .set("message.max.bytes", "100000000")
            .set("enable.idempotence", "true")
            .create_with_context(CountFailures(Arc::clone(&failed)))
            .unwrap();
        for record in records {
            let mut outgoing = record.outgoing(topic);
            while let Err((error, back)) = producer.send(outgoing) {
                assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull), "{topic}: {error}");
                producer.poll(Duration::from_millis(10));
                outgoing = back;
            }
        }
        producer.flush(PATIENCE).unwrap();
        assert_eq!(failed.load(Ordering::Relaxed), 0, "records refused by {topic}");
    }

    /// Reads everything in a topic, partition by partition; of transactions what was committed.
    pub(crate) fn read_topic(&self, topic: &str) -> Vec<Vec<Record>> {
        self.read(topic, "read_committed")
    }

    /// As `read_topic`, what was aborted included.
    pub(crate) fn read_uncommitted(&self, topic: &str) -> Vec<Vec<Record>> {
        self.read(topic, "read_uncommitted")
    }

    fn read(&self, topic: &str, isolation: &str) -> Vec<Vec<Record>> {
        let consumer: BaseConsumer = self
            .client()
            .set("isolation.level", isolation)
            .set("group.id", "reader")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            // For the answer that says where a partition ends.
            .set("fetch.wait.max.ms", "10")
            .create()
            .unwrap();
        let ends = self.end_offsets(topic);
        let mut list = TopicPartitionList::new();
        for partition in 0..ends.len() {
            list.add_partition_offset(topic, i32::try_from(partition).unwrap(), Offset::Beginning).unwrap();
        }
        consumer.assign(&list).unwrap();
        let mut partitions: Vec<Vec<Record>> = vec![Vec::new(); ends.len()];
        // A partition that is written to meanwhile ends more than once, or never: it is read to where it ended before.
        let mut ended = BTreeSet::new();
        while ended.len() < ends.len() {
            match consumer.poll(PATIENCE) {
                Some(Ok(message)) => {
                    let partition = usize::try_from(message.partition()).unwrap();
                    if message.offset() + 1 >= ends[partition] {
                        ended.insert(message.partition());
                    }
                    partitions[partition].push(record_of(&message));
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => drop(ended.insert(partition)),
                Some(Err(error)) if error.rdkafka_error_code().is_some_and(passes) => {}
                Some(Err(error)) => panic!("{topic}: {error}"),
                None => panic!("{topic}: no record and no end within {PATIENCE:?}"),
            }
        }
        partitions
    }

    /// The offset after the last record of each partition.
    pub(crate) fn end_offsets(&self, topic: &str) -> Vec<i64> {
        patiently("end offsets", || self.try_end_offsets(topic))
    }

    /// As `end_offsets`, or that a broker does not answer.
    pub(crate) fn try_end_offsets(&self, topic: &str) -> KafkaResult<Vec<i64>> {
        let consumer: BaseConsumer = self.client().create()?;
        let partitions = partitions(&consumer, topic)?;
        partitions.into_iter().map(|id| Ok(consumer.fetch_watermarks(topic, id, PATIENCE)?.1)).collect()
    }

    /// What a group committed for each partition of a topic; 0 where nothing.
    pub(crate) fn committed(&self, group: &str, topic: &str) -> Vec<i64> {
        let consumer: BaseConsumer = self.client().set("group.id", group).create().unwrap();
        let mut list = TopicPartitionList::new();
        for partition in patiently("partitions", || partitions(&consumer, topic)) {
            list.add_partition(topic, partition);
        }
        let committed = patiently("committed offsets", || consumer.committed_offsets(list.clone(), PATIENCE));
        committed.elements().iter().map(|element| element.offset().to_raw().unwrap_or(0).max(0)).collect()
    }

    /// How many members a group has, and its state.
    pub(crate) fn group(&self, group: &str) -> (usize, String) {
        let consumer: BaseConsumer = self.client().create().unwrap();
        let list = patiently("the group", || consumer.fetch_group_list(Some(group), PATIENCE));
        list.groups().first().map_or((0, String::new()), |group| (group.members().len(), group.state().to_owned()))
    }

    /// What every client of this cluster needs.
    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap());
        for (name, value) in &self.properties {
            config.set(*name, value);
        }
        config
    }
}

/// The numbers of a topic's partitions; none where there is no such topic.
fn partitions(consumer: &BaseConsumer, topic: &str) -> KafkaResult<Vec<i32>> {
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
    let Some(found) = metadata.topics().first() else { return Ok(Vec::new()) };
    match found.error().map(RDKafkaErrorCode::from).filter(|error| passes(*error)) {
        Some(error) => Err(KafkaError::MetadataFetch(error)),
        None => {
            let mut ids: Vec<i32> = found.partitions().iter().map(|partition| partition.id()).collect();
            ids.sort_unstable();
            Ok(ids)
        }
    }
}

/// Asks again for as long as brokers start, take over partitions, or read their groups.
pub(crate) fn patiently<T>(what: &str, ask: impl Fn() -> KafkaResult<T>) -> T {
    super::wait_for(what, PATIENCE, || match ask() {
        Err(error) if error.rdkafka_error_code().is_some_and(passes) => None,
        answer => Some(answer.unwrap()),
    })
}

fn passes(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::NotLeaderForPartition
            | Code::LeaderNotAvailable
            | Code::UnknownLeaderEpoch
            | Code::FencedLeaderEpoch
            | Code::ReplicaNotAvailable
            | Code::OffsetNotAvailable
            | Code::NotCoordinator
            | Code::CoordinatorNotAvailable
            | Code::CoordinatorLoadInProgress
            | Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::OperationTimedOut
            | Code::RequestTimedOut
    )
}

/// A message of a client as a record.
pub(crate) fn record_of(message: &impl Message) -> Record {
    Record {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: message
            .headers()
            .map(|headers| {
                headers.iter().map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect()
            })
            .unwrap_or_default(),
        timestamp: message.timestamp().to_millis().unwrap_or(-1),
    }
}

/// Counts records that the broker did not take.
struct CountFailures(Arc<AtomicUsize>);

impl ClientContext for CountFailures {}

impl ProducerContext for CountFailures {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}
