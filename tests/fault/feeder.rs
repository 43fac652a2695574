//! Writes the source topic while the fault goes on: past the proxies, at a steady pace, every record what its place says.
//!
//! Comes in: a topic, a pace. Goes out: records; how many were handed over of each partition. Must never: lose or
//! reorder a record, or repeat one by itself (its idempotent producer may, when all brokers are killed: readback takes the source
//! as it is); stop because a broker does.

use crate::real::event::{Event, Flaw, Mix, event, large, sequence};
use crate::services::topics::{Broker, Record};
use fastrand::Rng;
use rdkafka::producer::{BaseProducer, Producer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Source and sink partitions.
pub(crate) const PARTITIONS: i32 = 4;
/// Different keys of each partition.
const KEYS: i64 = 16;
/// Characters of an order that is larger than some sinks take.
pub(crate) const LARGE: usize = 300_000;
/// Characters of an order that is larger than clients and topics take, unless they are told to.
const HUGE: usize = 20 << 20;
/// What they must be told to take, then.
pub(crate) const MOST_BYTES: &str = "25165824";
/// Huge or deep.
const MONSTERS: [(usize, Option<Flaw>); 3] = [(HUGE, None), (HUGE, Some(Flaw::Malformed)), (0, Some(Flaw::Deep))];
const PATIENCE: Duration = Duration::from_secs(120);

/// What is fed, and how.
#[derive(Clone, Copy)]
pub(crate) struct Feed {
    /// Records a second of each partition.
    pub(crate) pace: i64,
    pub(crate) mix: Mix,
    /// Records of each partition that are fed at once, before all others.
    pub(crate) backlog: i64,
    /// Characters of white space behind each JSON text; all alike, they compress to next to nothing.
    pub(crate) padding: usize,
    /// How many of these are random.
    pub(crate) random: usize,
    /// Of the source's batches.
    pub(crate) codec: &'static str,
    /// Each so many records of a partition, one is `LARGE`; 0: none is.
    pub(crate) large_every: i64,
    /// Each so many records, one is a monster, in one partition after the other; 0: none is.
    pub(crate) monster_every: i64,
    /// In transactions, every third of which is aborted: offsets have gaps, and the log ends with a marker.
    pub(crate) transactions: bool,
}

/// The event with a sequence number: those of the real suites, with keys that come again.
pub(crate) fn fed(partition: i32, sequence: i64, feed: Feed) -> Event {
    let place = sequence + i64::from(partition) * feed.large_every / i64::from(PARTITIONS);
    let mut event = match (feed.large_every, monster(partition, sequence, feed.monster_every)) {
        (_, Some((length, flaw))) => large(partition, sequence, length, flaw),
        (every, None) if every > 0 && place % every == every / 2 => large(partition, sequence, LARGE, None),
        _ => event(partition, sequence, feed.mix),
    };
    event.record.key = Some(format!("{partition}:{}", sequence % KEYS).into_bytes());
    if let Some(value) = &mut event.record.value {
        let mut rng = Rng::with_seed(u64::try_from(place).unwrap());
        let space = || *rng.choice(b" \t\r\n").unwrap();
        let end = value.len() + feed.padding;
        value.extend(std::iter::repeat_with(space).take(feed.random));
        value.resize(end, b' ');
    }
    event
}

/// The length and the flaw of the monster at a place.
fn monster(partition: i32, sequence: i64, every: i64) -> Option<(usize, Option<Flaw>)> {
    let turn = sequence.checked_div(every)?;
    let here = sequence % every == every / 2 && turn % i64::from(PARTITIONS) == i64::from(partition);
    here.then(|| MONSTERS[usize::try_from(turn).unwrap() % MONSTERS.len()])
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
    partitions: AtomicI32,
}

impl Feeder {
    /// Feeds each partition until stopped.
    pub(crate) fn start(broker: &Broker, topic: &str, feed: Feed) -> Self {
        let mut config = broker.client();
        config
            .set("enable.idempotence", "true")
            .set("linger.ms", "5")
            .set("message.max.bytes", MOST_BYTES)
            .set("compression.type", feed.codec)
            .set("topic.metadata.refresh.interval.ms", "1000")
            .set("reconnect.backoff.max.ms", "500")
            .set("retry.backoff.max.ms", "500");
        match feed.transactions {
            true => config.set("transactional.id", topic),
            false => config.set("message.timeout.ms", "0"),
        };
        let producer: BaseProducer = config.create().unwrap();
        let shared = Arc::new(Shared { partitions: AtomicI32::new(PARTITIONS), ..Shared::default() });
        let (topic, seen) = (topic.to_owned(), Arc::clone(&shared));
        let line = Line { producer, topic, feed };
        let thread = thread::spawn(move || line.run(&seen));
        Self { shared, thread: Some(thread) }
    }

    /// How many records of each partition were handed over.
    pub(crate) fn next(&self) -> i64 {
        self.shared.next.load(Ordering::SeqCst)
    }

    /// How many partitions are fed.
    pub(crate) fn partitions(&self) -> i32 {
        self.shared.partitions.load(Ordering::SeqCst)
    }

    /// The topic has more partitions now: the new ones get all that the others have had, then the same as they.
    pub(crate) fn grow(&self, partitions: i32) {
        self.shared.partitions.store(partitions, Ordering::SeqCst);
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

/// The feeding thread's own.
struct Line {
    producer: BaseProducer,
    topic: String,
    feed: Feed,
}

impl Line {
    fn run(&self, shared: &Shared) {
        let (began, mut fed, mut rounds) = (Instant::now(), PARTITIONS, 0);
        if self.feed.transactions {
            self.producer.init_transactions(PATIENCE).unwrap();
        }
        loop {
            let last = shared.stop.load(Ordering::SeqCst);
            let next = shared.next.load(Ordering::SeqCst);
            let due = self.feed.backlog + (began.elapsed().as_secs_f64() * self.feed.pace as f64) as i64;
            // No log ends with records that were taken back: nobody commits behind those.
            let due = due.max(next + i64::from(last));
            if self.feed.transactions {
                self.producer.begin_transaction().unwrap();
            }
            let partitions = shared.partitions.load(Ordering::SeqCst);
            for (partition, sequence) in
                (fed..partitions).flat_map(|new| (0..next).map(move |sequence| (new, sequence)))
            {
                self.send(partition, sequence);
            }
            fed = partitions;
            for sequence in next..due {
                (0..fed).for_each(|partition| self.send(partition, sequence));
                shared.next.store(sequence + 1, Ordering::SeqCst);
            }
            rounds += 1;
            match self.feed.transactions {
                false => self.producer.poll(Duration::from_millis(10)),
                true if rounds % 3 == 2 && !last => {
                    // Into the log before they are taken back.
                    self.producer.flush(PATIENCE).unwrap();
                    self.producer.abort_transaction(PATIENCE).unwrap();
                }
                true => self.producer.commit_transaction(PATIENCE).unwrap(),
            }
            if last {
                break;
            }
        }
        self.producer.flush(PATIENCE).unwrap();
    }

    fn send(&self, partition: i32, sequence: i64) {
        let event = fed(partition, sequence, self.feed);
        let mut outgoing = event.record.outgoing(&self.topic);
        while let Err((_, back)) = self.producer.send(outgoing) {
            self.producer.poll(Duration::from_millis(10));
            outgoing = back;
        }
    }
}
