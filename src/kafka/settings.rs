//! A config table -> librdkafka properties.
//!
//! Three layers: what measures well (the user may change it), what the user's table says, what the delivery guarantee
//! owns (`config` refuses these in the table). Comes in: `config::Kafka`. Goes out: client settings. Must never: print a
//! value.

use crate::config::Kafka;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use std::time::Duration;

const STRATEGY: &str = "partition.assignment.strategy";
const FETCH_BYTES: &str = "fetch.max.bytes";

/// Better than librdkafka's defaults for this loop; the reasons and figures are in the project's research.
const CONSUMER_DEFAULTS: &[(&str, &str)] = &[
    // The default of 1000 stalls the fetcher for a second once the queue is full.
    ("fetch.queue.backoff.ms", "10"),
    // 144 -> 82 MB at the same speed.
    ("queued.min.messages", "10000"),
    ("queued.max.messages.kbytes", "16384"),
    (FETCH_BYTES, "16777216"),
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

/// A consumer's settings; with an instance id it is a static member (KIP-345).
#[must_use]
pub fn consumer(kafka: &Kafka, group_id: &str, instance_id: Option<&str>) -> ClientConfig {
    let mut settings = layered(kafka, CONSUMER_DEFAULTS, CONSUMER_OWNED);
    settings.set("group.id", group_id);
    if let Some(instance_id) = instance_id {
        settings.set("group.instance.id", instance_id);
    }
    if settings.get("group.protocol") == Some("consumer") && !kafka.properties.contains_key(STRATEGY) {
        // KIP-848: the broker assigns, and librdkafka refuses a strategy of the client's.
        settings.remove(STRATEGY);
    }
    let number = |name: &str| settings.get(name).and_then(|text| text.parse::<u64>().ok());
    if number("message.max.bytes") > number(FETCH_BYTES) && !kafka.properties.contains_key(FETCH_BYTES) {
        // librdkafka refuses a smaller one that was set, and raises its own.
        settings.remove(FETCH_BYTES);
    }
    settings
}

/// A producer's settings; its queue takes this many bytes at most.
#[must_use]
pub fn producer(kafka: &Kafka, queue_bytes: usize) -> ClientConfig {
    let mut settings = layered(kafka, PRODUCER_DEFAULTS, PRODUCER_OWNED);
    settings.set("queue.buffering.max.kbytes", (queue_bytes / 1024).max(1).to_string());
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
    const FRAME: usize = 512;
    let configured = settings.get("message.max.bytes").and_then(|text| text.parse().ok());
    configured.unwrap_or(DEFAULT).saturating_sub(FRAME)
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
    // OpenSSL is built in and knows no system's folder of certificates: look in the usual places.
    settings.set("ssl.ca.location", "probe");
    for (name, value) in defaults {
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

    #[test]
    fn a_larger_record_needs_one_property_alone() {
        for (properties, fetch_bytes) in [
            (&[][..], Some("16777216")),
            (&[("message.max.bytes", "1000000")], Some("16777216")),
            (&[("message.max.bytes", "33554432")], None),
            (&[("message.max.bytes", "33554432"), ("fetch.max.bytes", "50000000")], Some("50000000")),
        ] {
            let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let settings = consumer(&Kafka { name: "main".into(), properties }, "group", None);
            assert_eq!(settings.get(FETCH_BYTES), fetch_bytes);
            assert!(settings.create::<BaseConsumer>().is_ok(), "{fetch_bytes:?}");
        }
    }
}
