//! Writes the source topic while the fault goes on: past the proxies, at a steady pace, every record what its place says.
//!
//! Comes in: a topic, a pace. Goes out: records; how many were handed over of each partition. Must never: lose or
//! reorder a record, or repeat one by itself (its idempotent producer may, when all brokers are killed: readback takes the source
//! as it is); stop because a broker does.

use crate::real::event::{Event, Mix, event, sequence};
use crate::services::topics::{Broker, Record};
use rdkafka::producer::{BaseProducer, Producer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Source and sink partitions.
pub(crate) const PARTITIONS: i32 = 4;
/// Different keys of each partition.
const KEYS: i64 = 16;
const PATIENCE: Duration = Duration::from_secs(120);

/// What a feeder feeds.
#[derive(Clone, Copy)]
pub(crate) struct Feed {
    /// Records a second of each partition.
    pub(crate) pace: i64,
    pub(crate) mix: Mix,
    /// Records of each partition that are fed at once, before all others.
    pub(crate) backlog: i64,
    /// Spaces behind each JSON text: they compress to next to nothing.
    pub(crate) padding: usize,
    /// Of the source's batches.
    pub(crate) codec: &'static str,
}

/// The event with a sequence number: those of the real suites, with keys that come again.
pub(crate) fn fed(partition: i32, sequence: i64, feed: Feed) -> Event {
    let mut event = event(partition, sequence, feed.mix);
    event.record.key = Some(format!("{partition}:{}", sequence % KEYS).into_bytes());
    if let Some(value) = &mut event.record.value {
        value.resize(value.len() + feed.padding, b' ');
    }
    event
}

/// The event that a record of the source is, or None where it is none.
pub(crate) fn fed_as(record: &Record, feed: Feed) -> Option<Event> {
    let mut event = fed(record.partition, sequence(record.partition, record.timestamp)?, feed);
    event.record.offset = record.offset;
    (event.record == *record).then_some(event)
}

/// A thread that feeds.
pub(crate) struct Feeder {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    /// Records handed over of each partition.
    next: AtomicI64,
}

impl Feeder {
    /// Feeds until stopped.
    pub(crate) fn start(broker: &Broker, topic: &str, feed: Feed) -> Self {
        let producer: BaseProducer = broker
            .client()
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", "0")
            .set("linger.ms", "5")
            .set("compression.type", feed.codec)
            .set("reconnect.backoff.max.ms", "500")
            .set("retry.backoff.max.ms", "500")
            .create()
            .unwrap();
        let (shared, topic) = (Arc::new(Shared::default()), topic.to_owned());
        let seen = Arc::clone(&shared);
        let thread = thread::spawn(move || run(&producer, &topic, feed, &seen));
        Self { shared, thread: Some(thread) }
    }

    /// How many records of each partition were handed over.
    pub(crate) fn next(&self) -> i64 {
        self.shared.next.load(Ordering::SeqCst)
    }

    /// Stops and waits until the brokers have all; how many of each partition.
    pub(crate) fn stop(&mut self) -> i64 {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        self.next()
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
    }
}

fn run(producer: &BaseProducer, topic: &str, feed: Feed, shared: &Shared) {
    let began = Instant::now();
    while !shared.stop.load(Ordering::SeqCst) {
        let due = feed.backlog + (began.elapsed().as_secs_f64() * feed.pace as f64) as i64;
        let next = shared.next.load(Ordering::SeqCst);
        for offset in next..due {
            for partition in 0..PARTITIONS {
                send(producer, topic, &fed(partition, offset, feed).record);
            }
            shared.next.store(offset + 1, Ordering::SeqCst);
        }
        producer.poll(Duration::from_millis(10));
    }
    producer.flush(PATIENCE).unwrap();
}

fn send(producer: &BaseProducer, topic: &str, record: &Record) {
    let mut outgoing = record.outgoing(topic);
    while let Err((_, back)) = producer.send(outgoing) {
        producer.poll(Duration::from_millis(10));
        outgoing = back;
    }
}
