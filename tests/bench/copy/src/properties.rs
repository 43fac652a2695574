//! The copy's librdkafka properties: what json2avro's clients have by default. `tests/bench.rs` compares the two.

/// The consumer's, but for the group and the brokers.
pub(crate) const CONSUMER: &[(&str, &str)] = &[
    ("ssl.ca.location", "probe"),
    ("reconnect.backoff.ms", "22"),
    ("fetch.queue.backoff.ms", "10"),
    ("queued.min.messages", "10000"),
    ("queued.max.messages.kbytes", "6936"),
    ("fetch.max.bytes", "184979"),
    ("message.max.bytes", "184979"),
    ("partition.assignment.strategy", "cooperative-sticky"),
    ("topic.metadata.refresh.interval.ms", "30000"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "error"),
    ("enable.partition.eof", "false"),
];

/// The producer's, but for the brokers.
pub(crate) const PRODUCER: &[(&str, &str)] = &[
    ("ssl.ca.location", "probe"),
    ("reconnect.backoff.ms", "22"),
    ("linger.ms", "5"),
    ("compression.type", "lz4"),
    ("topic.metadata.refresh.interval.ms", "10000"),
    ("enable.idempotence", "true"),
    ("acks", "all"),
    ("message.timeout.ms", "0"),
    ("allow.auto.create.topics", "false"),
    ("queue.buffering.max.messages", "0"),
    ("queue.buffering.max.kbytes", "40645"),
];
