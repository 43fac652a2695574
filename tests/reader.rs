//! Reading a topic without a group, on librdkafka's mock cluster.

use crate::spawn::broker_down;
use json2avro::config::{Kafka, Start};
use json2avro::fault::Blame;
use json2avro::kafka::reader::{Reader, Span};
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
/// The timestamp of the record with offset 0; the next ones are a second apart.
const FIRST: i64 = 1_700_000_000_000;

struct Cluster {
    mock: MockCluster<'static, DefaultProducerContext>,
    producer: BaseProducer,
}

impl Cluster {
    /// Topic `t` with three partitions: five records in partition 0, three in 1, none in 2.
    fn start() -> Self {
        let mock = MockCluster::new(1).unwrap();
        mock.create_topic("t", 3, 1).unwrap();
        let producer = ClientConfig::new().set("bootstrap.servers", mock.bootstrap_servers()).create().unwrap();
        let cluster = Self { mock, producer };
        cluster.produce(0, 5);
        cluster.produce(1, 3);
        cluster
    }

    fn produce(&self, partition: i32, records: i64) {
        for record in 0..records {
            let (key, value) = (format!("k{record}"), format!("p{partition}-{record}"));
            let headers = OwnedHeaders::new()
                .insert(Header { key: "h", value: Some("1") })
                .insert(Header { key: "h", value: None::<&str> });
            let record = BaseRecord::to("t")
                .partition(partition)
                .key(&key)
                .payload(&value)
                .timestamp(FIRST + record * 1000)
                .headers(headers);
            self.producer.send(record).unwrap();
        }
        self.producer.flush(PATIENCE).unwrap();
    }

    fn kafka(&self) -> Kafka {
        at(&self.mock.bootstrap_servers())
    }

    /// The values read, sorted: partitions take turns as they like.
    fn values(&self, span: Span<'_>, most: usize) -> Vec<String> {
        let mut values = Vec::new();
        let mut reader = Reader::open(&self.kafka(), span, PATIENCE).unwrap();
        let read = reader.each(|record| {
            values.push(String::from_utf8(record.value.unwrap().to_vec()).unwrap());
            if values.len() == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        read.unwrap();
        values.sort();
        values
    }
}

fn at(servers: &str) -> Kafka {
    let properties = BTreeMap::from([("bootstrap.servers".to_owned(), servers.to_owned())]);
    Kafka { name: "main".to_owned(), properties }
}

fn span(from: Start) -> Span<'static> {
    Span { topic: "t", partition: None, from, to_end: true }
}

#[test]
fn a_bounded_read_ends_where_the_partitions_ended() {
    let cluster = Cluster::start();
    let all = ["p0-0", "p0-1", "p0-2", "p0-3", "p0-4", "p1-0", "p1-1", "p1-2"];
    let everything = span(Start::Earliest);
    for (name, span, values) in [
        ("everything", everything, &all[..]),
        ("one partition", Span { partition: Some(1), ..everything }, &all[5..]),
        ("an empty partition", Span { partition: Some(2), ..everything }, &[]),
        ("nothing after the end", span(Start::Latest), &[]),
    ] {
        assert_eq!(cluster.values(span, usize::MAX), values, "{name}");
    }
}

#[test]
fn an_endless_read_waits_for_what_comes() {
    let cluster = Cluster::start();
    let mut reader = Reader::open(&cluster.kafka(), Span { to_end: false, ..span(Start::Latest) }, PATIENCE).unwrap();
    cluster.produce(2, 1);
    let mut found = None;
    let read = reader.each(|record| {
        found = Some((record.partition, record.offset));
        ControlFlow::Break(())
    });
    read.unwrap();
    assert_eq!(found, Some((2, 0)));
}

#[test]
fn a_record_comes_whole() {
    let cluster = Cluster::start();
    let mut seen = 0;
    let one = Span { partition: Some(0), ..span(Start::Earliest) };
    let read = Reader::open(&cluster.kafka(), one, PATIENCE).unwrap().each(|record| {
        assert_eq!((record.partition, record.offset), (0, seen));
        assert_eq!(record.timestamp.millis(), Some(FIRST + seen * 1000));
        assert_eq!(record.key, Some(format!("k{seen}").as_bytes()));
        assert_eq!(record.headers(), [(&b"h"[..], Some(&b"1"[..])), (b"h", None)]);
        seen += 1;
        ControlFlow::Continue(())
    });
    read.unwrap();
    assert_eq!(seen, 5);
}

#[test]
fn what_is_not_there_is_the_callers_fault_and_silence_the_clusters() {
    let cluster = Cluster::start();
    cluster.mock.topic_error("gone", rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART).unwrap();
    let everything = span(Start::Earliest);
    let soon = Duration::from_millis(500);
    for (name, kafka, span, patience, blame) in [
        ("no topic", cluster.kafka(), Span { topic: "gone", ..everything }, PATIENCE, Blame::Config),
        ("no partition", cluster.kafka(), Span { partition: Some(3), ..everything }, PATIENCE, Blame::Config),
        ("nobody there", at("127.0.0.1:1"), everything, soon, Blame::Broker),
    ] {
        let began = Instant::now();
        let fault = Reader::open(&kafka, span, patience).unwrap_err();
        assert_eq!(fault.blame, blame, "{name}: {fault}");
        assert!(blame == Blame::Config || fault.message.contains("refused"), "{name} does not say why: {fault}");
        assert!(began.elapsed() < patience + Duration::from_secs(5), "{name} took {:?}", began.elapsed());
    }
}

#[test]
fn a_cluster_that_falls_silent_ends_an_endless_read() {
    let cluster = Cluster::start();
    let endless = Span { to_end: false, ..span(Start::Earliest) };
    let mut reader = Reader::open(&cluster.kafka(), endless, Duration::from_secs(2)).unwrap();
    let mut read = 0;
    let ended = reader.each(|_| {
        read += 1;
        if read == 8 {
            broker_down(&cluster.mock, 1);
        }
        ControlFlow::Continue(())
    });
    assert_eq!(ended.unwrap_err().blame, Blame::Broker);
    assert_eq!(read, 8);
}
