//! A config table -> librdkafka properties.
//!
//! Three layers: what measures well (the user may change it), what the user's table says, what the delivery guarantee
//! owns (`config` refuses these in the table). Comes in: `config::Kafka`, a lane's room in memory. Goes out: client
//! settings. Must never: print a value.

use crate::config::{Kafka, Room};
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use std::time::Duration;

const STRATEGY: &str = "partition.assignment.strategy";
const FETCH_BYTES: &str = "fetch.max.bytes";
const RECORD_BYTES: &str = "message.max.bytes";
const ANSWER_BYTES: &str = "receive.message.max.bytes";
/// What librdkafka allocates for each record that it has fetched, beside its bytes, and does not count.
const FETCHED_BOOKKEEPING: u64 = 512;
/// What librdkafka puts around a record, at most.
const FRAME: u64 = 512;

/// Better than librdkafka's defaults for every client.
const DEFAULTS: &[(&str, &str)] = &[
    // OpenSSL is built in and knows no system's folder of certificates: look in the usual places.
    ("ssl.ca.location", "probe"),
    // A client's second connection, to the broker behind the first address, waits for half of this, and a start is made
    // of such waits. It doubles with each try that fails, up to `reconnect.backoff.max.ms`.
    ("reconnect.backoff.ms", "22"),
];

/// Better than librdkafka's defaults for this loop; the reasons and figures are in the project's research.
const CONSUMER_DEFAULTS: &[(&str, &str)] = &[
    // The default of 1000 stalls the fetcher for a second once the queue is full.
    ("fetch.queue.backoff.ms", "10"),
    // Moves only the partitions that change hands.
    (STRATEGY, "cooperative-sticky"),
    // New partitions are found within half a minute.
    ("topic.metadata.refresh.interval.ms", "30000"),
];

/// What at-least-once stands on.
const CONSUMER_OWNED: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    // Where a partition begins is decided by the pipeline's `start` and `out_of_range`, never by a silent reset.
    ("auto.offset.reset", "error"),
    ("enable.partition.eof", "false"),
];

const PRODUCER_DEFAULTS: &[(&str, &str)] = &[
    ("linger.ms", "5"),
    // Avro sent uncompressed can be larger than compressed JSON.
    ("compression.type", "lz4"),
    // A sink that was given more partitions is known before the source's new ones are.
    ("topic.metadata.refresh.interval.ms", "10000"),
];

const PRODUCER_OWNED: &[(&str, &str)] = &[
    ("enable.idempotence", "true"),
    ("acks", "all"),
    // No time limit on a delivery: only a lasting failure ends it, so an outage leaves no hole.
    ("message.timeout.ms", "0"),
    // A mistyped sink topic must not come into being.
    ("allow.auto.create.topics", "false"),
    // Bounded by bytes alone.
    ("queue.buffering.max.messages", "0"),
];

/// What reading without a group stands on. librdkafka wants a group's name even where none is joined.
const READER_OWNED: &[(&str, &str)] = &[
    ("group.id", "json2avro-read"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "true"),
    ("auto.offset.reset", "earliest"),
];

/// A consumer's settings; with an instance id it is a static member (KIP-345). It holds as much as there is room
/// for.
#[must_use]
pub fn consumer(kafka: &Kafka, group_id: &str, instance_id: Option<&str>, room: Room) -> ClientConfig {
    let mut settings = layered(kafka, CONSUMER_DEFAULTS, CONSUMER_OWNED);
    settings.set("group.id", group_id);
    if let Some(instance_id) = instance_id {
        settings.set("group.instance.id", instance_id);
    }
    bounded(&mut settings, kafka, room);
    if settings.get("group.protocol") == Some("consumer") && !kafka.properties.contains_key(STRATEGY) {
        // KIP-848: the broker assigns, and librdkafka refuses a strategy of the client's.
        settings.remove(STRATEGY);
    }
    settings
}

/// Bounds what a consumer holds, where the user's table does not.
fn bounded(settings: &mut ClientConfig, kafka: &Kafka, room: Room) {
    let mut set = |name: &str, value: u64| {
        if !kafka.properties.contains_key(name) {
            settings.set(name, value.to_string());
        }
    };
    // Counted over all partitions, before a fetch: what is under way comes on top.
    set("queued.max.messages.kbytes", room.queued_bytes / 1000);
    set("queued.min.messages", (room.queued_bytes / FETCHED_BOOKKEEPING).clamp(500, 10_000));
    set(FETCH_BYTES, room.fetch_bytes);
    let number = |name| kafka.properties.get(name).and_then(|text| text.parse::<u64>().ok());
    let (fetch, record) = (number(FETCH_BYTES).unwrap_or(room.fetch_bytes), number(RECORD_BYTES).unwrap_or(0));
    // librdkafka wants no smaller fetch than the largest record; but a broker sends a batch that is larger all the same, and
    // a consumer needs the property for nothing else. It takes no less than 1000.
    settings.set(RECORD_BYTES, fetch.max(1000).to_string());
    // It then no longer makes room for such an answer by itself.
    const DEFAULT: u64 = 100_000_000;
    let answer = record.saturating_add(fetch).saturating_add(FRAME);
    if !kafka.properties.contains_key(ANSWER_BYTES) && answer > DEFAULT {
        settings.set(ANSWER_BYTES, answer.to_string());
    }
}

/// A producer's settings; its queue takes this many bytes at most, or one record of the largest size.
#[must_use]
pub fn producer(kafka: &Kafka, queue_bytes: usize) -> ClientConfig {
    let mut settings = layered(kafka, PRODUCER_DEFAULTS, PRODUCER_OWNED);
    // A record that does not even fit into an empty queue would wait for ever.
    let bytes = queue_bytes.max(most_bytes(&settings).saturating_add(FRAME as usize));
    settings.set("queue.buffering.max.kbytes", bytes.div_ceil(1024).to_string());
    settings
}

/// A producer's settings for transactions. There a record's delivery ends with its transaction at the latest, so the
/// limit on it is librdkafka's to set.
#[must_use]
pub fn transactional(kafka: &Kafka, queue_bytes: usize, id: &str, timeout: Duration) -> ClientConfig {
    let mut settings = producer(kafka, queue_bytes);
    settings.remove("message.timeout.ms");
    settings.set("transactional.id", id);
    settings.set("transaction.timeout.ms", timeout.as_millis().to_string());
    settings
}

/// `message.max.bytes` less what librdkafka's record frame may take.
#[must_use]
pub fn most_bytes(settings: &ClientConfig) -> usize {
    const DEFAULT: usize = 1_000_000;
    let configured = settings.get(RECORD_BYTES).and_then(|text| text.parse().ok());
    configured.unwrap_or(DEFAULT).saturating_sub(FRAME as usize)
}

/// Settings of a client that only asks for metadata.
#[must_use]
pub fn inquirer(kafka: &Kafka) -> ClientConfig {
    layered(kafka, &[], &[])
}

/// Settings of a client that reads without a group; it says only what went wrong.
#[must_use]
pub fn reader(kafka: &Kafka) -> ClientConfig {
    let mut settings = layered(kafka, &[], READER_OWNED);
    settings.set_log_level(RDKafkaLogLevel::Warning);
    settings
}

fn layered(kafka: &Kafka, defaults: &[(&str, &str)], owned: &[(&str, &str)]) -> ClientConfig {
    let mut settings = ClientConfig::new();
    settings.set_log_level(RDKafkaLogLevel::Info);
    for (name, value) in DEFAULTS.iter().chain(defaults) {
        settings.set(*name, *value);
    }
    for (name, value) in &kafka.properties {
        // One table serves both sides: librdkafka ignores the other side's properties, and says so.
        settings.set(name, value);
    }
    for (name, value) in owned {
        settings.set(*name, *value);
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::consumer::BaseConsumer;

    const ROOM: Room = Room { fetch_bytes: 262_144, queued_bytes: 8_000_000, batch_bytes: 4_000_000 };

    #[test]
    fn a_larger_record_needs_one_property_alone() {
        for (properties, fetch, answer) in [
            (&[][..], "262144", None),
            (&[("message.max.bytes", "1000000")], "262144", None),
            (&[("message.max.bytes", "33554432")], "262144", None),
            (&[("message.max.bytes", "100000000")], "262144", Some("100262656")),
            (&[("message.max.bytes", "33554432"), ("fetch.max.bytes", "50000000")], "50000000", None),
            (&[("fetch.max.bytes", "22000")], "22000", None),
        ] {
            let settings = consumer(&table(properties), "group", None, ROOM);
            assert_eq!((settings.get(FETCH_BYTES), settings.get(ANSWER_BYTES)), (Some(fetch), answer));
            assert!(settings.create::<BaseConsumer>().is_ok(), "{properties:?}");
        }
    }

    #[test]
    fn what_the_user_sets_stays_as_it_is_set() {
        let set = [
            ("fetch.max.bytes", "2000000"),
            ("queued.max.messages.kbytes", "70"),
            ("queued.min.messages", "7"),
            ("receive.message.max.bytes", "3000000"),
        ];
        let settings = consumer(&table(&set), "group", None, ROOM);
        for (name, value) in set {
            assert_eq!(settings.get(name), Some(value), "{name}");
        }
        assert!(settings.create::<BaseConsumer>().is_ok());
    }

    fn table(properties: &[(&str, &str)]) -> Kafka {
        let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Kafka { name: "main".into(), properties }
    }
}
