//! Reads the sink topic while the fault goes on, past the proxies, with read_committed.
//!
//! Comes in: a topic. Goes out: all that it saw, in its order, and how far each source partition has come out. Must never:
//! panic because a broker went away.

use crate::services::topics::{Broker, Record, record_of};
use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The header in which an output says where it came from.
pub(crate) const SOURCE: &str = "json2avro.source";

/// A thread that reads.
pub(crate) struct Watcher {
    consumer: Arc<BaseConsumer>,
    topic: String,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    seen: Mutex<Seen>,
}

/// What came so far.
#[derive(Default)]
struct Seen {
    records: Vec<Record>,
    /// Source partition -> the highest source offset that came out.
    reached: BTreeMap<i32, i64>,
}

impl Watcher {
    /// Reads a topic from its beginning until stopped.
    pub(crate) fn start(broker: &Broker, topic: &str, partitions: i32) -> Self {
        let consumer: BaseConsumer = broker
            .client()
            .set("group.id", "watcher")
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .set("auto.offset.reset", "error")
            .set("reconnect.backoff.max.ms", "500")
            .create()
            .unwrap();
        let consumer = Arc::new(consumer);
        let reading = Arc::clone(&consumer);
        let shared = Arc::new(Shared::default());
        let filling = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            while !filling.stop.load(Ordering::SeqCst) {
                // An error is an outage, which passes; what it hid is found by comparing with the last reading.
                let Some(Ok(message)) = reading.poll(Duration::from_millis(50)) else { continue };
                filling.lock().take(record_of(&message));
            }
        });
        let watcher = Self { consumer, topic: topic.to_owned(), shared, thread: Some(thread) };
        watcher.grow(0..partitions);
        watcher
    }

    /// Reads these partitions, too, from their beginning.
    pub(crate) fn grow(&self, partitions: Range<i32>) {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition_offset(&self.topic, partition, Offset::Beginning).unwrap();
        }
        self.consumer.incremental_assign(&list).unwrap();
    }

    /// The highest source offset of a partition that came out, -1 before the first.
    pub(crate) fn reached(&self, partition: i32) -> i64 {
        self.shared.lock().reached.get(&partition).copied().unwrap_or(-1)
    }

    /// How many records came out.
    pub(crate) fn count(&self) -> usize {
        self.shared.lock().records.len()
    }

    /// How many of the records that came out lie at or behind these source offsets, by partition.
    pub(crate) fn behind(&self, offsets: &[i64]) -> usize {
        let behind = |record: &&Record| {
            source_of(record).is_some_and(|(partition, offset)| offset >= offsets[usize::try_from(partition).unwrap()])
        };
        self.shared.lock().records.iter().filter(behind).count()
    }

    /// Stops; all that came, in its order.
    pub(crate) fn stop(&mut self) -> Vec<Record> {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        std::mem::take(&mut self.shared.lock().records)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn take(&mut self, record: Record) {
        if let Some((partition, offset)) = source_of(&record) {
            let reached = self.reached.entry(partition).or_insert(-1);
            *reached = offset.max(*reached);
        }
        self.records.push(record);
    }
}

/// Partition and offset in an output's source header.
pub(crate) fn source_of(record: &Record) -> Option<(i32, i64)> {
    let mut parts = record.header(SOURCE)?.rsplitn(3, ':');
    let offset = parts.next()?.parse().ok()?;
    Some((parts.next()?.parse().ok()?, offset))
}
