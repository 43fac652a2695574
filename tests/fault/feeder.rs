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

/// The event with a sequence number: those of the real suites, with keys that come again.
pub(crate) fn fed(partition: i32, sequence: i64, mix: Mix) -> Event {
    let mut event = event(partition, sequence, mix);
    event.record.key = Some(format!("{partition}:{}", sequence % KEYS).into_bytes());
    event
}

/// The event that a record of the source is, or None where it is none.
pub(crate) fn fed_as(record: &Record, mix: Mix) -> Option<Event> {
    let mut event = fed(record.partition, sequence(record.partition, record.timestamp)?, mix);
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
    /// Feeds each partition so many records a second until stopped.
    pub(crate) fn start(broker: &Broker, topic: &str, each_per_second: i64, mix: Mix) -> Self {
        let producer: BaseProducer = broker
            .client()
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", "0")
            .set("linger.ms", "5")
            .set("compression.type", "lz4")
            .set("reconnect.backoff.max.ms", "500")
            .set("retry.backoff.max.ms", "500")
            .create()
            .unwrap();
        let (shared, topic) = (Arc::new(Shared::default()), topic.to_owned());
        let seen = Arc::clone(&shared);
        let thread = thread::spawn(move || feed(&producer, &topic, each_per_second, mix, &seen));
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

fn feed(producer: &BaseProducer, topic: &str, each_per_second: i64, mix: Mix, shared: &Shared) {
    let began = Instant::now();
    while !shared.stop.load(Ordering::SeqCst) {
        let due = (began.elapsed().as_secs_f64() * each_per_second as f64) as i64;
        let next = shared.next.load(Ordering::SeqCst);
        for offset in next..due {
            for partition in 0..PARTITIONS {
                send(producer, topic, &fed(partition, offset, mix).record);
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
