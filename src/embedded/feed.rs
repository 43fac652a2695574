//! The demo's producer: orders into the source topic, no faster than the pipeline commits.
//!
//! The embedded cluster keeps a few MiB of each partition and drops older records without a word. So at most `WINDOW`
//! records of a partition are written ahead of its committed offset. Comes in: a cluster, the pipeline's metrics. Goes out:
//! records, and how many were acknowledged. Must never: write what the cluster may drop before it is read.

use super::orders::{MOST_BYTES, Made, Orders};
use crate::config;
use crate::fault::{Blame, Fault, Stage};
use crate::kafka::mock::RETAINED_BYTES;
use crate::kafka::producer::{Produced, Producer, Refusal, Report, TopicIndex};
use crate::lifecycle::Shutdown;
use crate::telemetry::Metrics;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Records of one partition ahead of its committed offset.
const WINDOW: i64 = 2500;
/// A batch that holds a record still to be read is dropped as a whole: one batch (1 MB at most) is left between.
const _: () = assert!(WINDOW as usize * MOST_BYTES + 1_000_000 < RETAINED_BYTES);

const QUEUE_BYTES: usize = 8 << 20;
/// What a round may wait for the pipeline, or for acknowledgements.
const WAIT: Duration = Duration::from_millis(1);
/// How long the cluster may take to acknowledge the last records.
const LAST_ACKNOWLEDGEMENTS: Duration = Duration::from_secs(10);
const SEED: u64 = 42;

/// What to write, and where.
#[derive(Debug)]
pub struct Load {
    /// The source's cluster.
    pub kafka: config::Kafka,
    /// The source topic.
    pub topic: String,
    /// How many partitions it has.
    pub partitions: i32,
    /// The pipeline that reads it.
    pub pipeline: String,
    /// How many records; None: until the order to drain.
    pub records: Option<u64>,
    /// After so many records the events are those of the second version, once [`Feed::evolve`] was called; until then it
    /// waits there.
    pub evolve_after: u64,
}

/// A running feed.
#[derive(Debug)]
pub struct Feed {
    shared: Arc<Shared>,
    thread: JoinHandle<Result<(), Fault>>,
}

#[derive(Debug, Default)]
struct Shared {
    evolved: AtomicBool,
    written: AtomicU64,
    bad: AtomicU64,
}

impl Shared {
    fn fed(&self) -> Fed {
        Fed { records: self.written.load(Ordering::Acquire), bad: self.bad.load(Ordering::Acquire) }
    }
}

/// What the cluster has acknowledged.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fed {
    /// Records.
    pub records: u64,
    /// Those among them that fit no schema.
    pub bad: u64,
}

impl Feed {
    /// Begins to write. It ends by itself, at the number ordered or at the order to drain.
    ///
    /// # Errors
    /// The client cannot be made, or the system gives no thread.
    pub fn start(load: Load, metrics: Arc<Metrics>, shutdown: Shutdown) -> Result<Self, Fault> {
        let mut producer = Producer::new(&load.kafka, QUEUE_BYTES)?;
        let topic = producer.topic(&load.topic)?;
        let shared = Arc::new(Shared::default());
        let writer = Writer {
            producer,
            topic,
            shared: Arc::clone(&shared),
            metrics,
            shutdown,
            written: (0..load.partitions).map(|partition| (partition, 0)).collect(),
            committed: BTreeMap::new(),
            unacknowledged: 0,
            reports: Vec::new(),
            load,
        };
        let thread = std::thread::Builder::new().name("feed".to_owned()).spawn(move || writer.run());
        let thread = thread.map_err(|error| {
            Fault::lasting(Stage::Config, Blame::Us, "died", format!("no thread for the feed: {error}"))
        })?;
        Ok(Self { shared, thread })
    }

    /// From now on the events may have the second version's field.
    pub fn evolve(&self) {
        self.shared.evolved.store(true, Ordering::Release);
    }

    /// What was written so far.
    #[must_use]
    pub fn fed(&self) -> Fed {
        self.shared.fed()
    }

    /// It writes no more.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// The cluster refused a record, or did not acknowledge all of them.
    pub fn join(self) -> Result<Fed, Fault> {
        let ended = self.thread.join();
        ended.unwrap_or_else(|_| Err(Fault::lasting(Stage::Produce, Blame::Us, "died", "the feed panicked")))?;
        Ok(self.shared.fed())
    }
}

/// The feed's thread.
struct Writer {
    load: Load,
    producer: Producer,
    topic: TopicIndex,
    shared: Arc<Shared>,
    metrics: Arc<Metrics>,
    shutdown: Shutdown,
    /// Records written to each partition, which starts empty: its next offset.
    written: BTreeMap<i32, i64>,
    committed: BTreeMap<i32, i64>,
    unacknowledged: u64,
    reports: Vec<Report>,
}

impl Writer {
    fn run(mut self) -> Result<(), Fault> {
        let mut orders = Orders::new(SEED);
        let mut json = Vec::with_capacity(MOST_BYTES);
        while !self.shutdown.ordered() && self.load.records.is_none_or(|most| orders.made() < most) {
            let late = orders.made() >= self.load.evolve_after;
            if late && !self.shared.evolved.load(Ordering::Acquire) {
                self.serve(WAIT)?;
                continue;
            }
            let now = wall_millis();
            let made = orders.next(now, late, &mut json);
            if !self.write(made, now, &json)? {
                break;
            }
        }
        let began = Instant::now();
        while self.unacknowledged > 0 {
            self.serve(WAIT)?;
            if began.elapsed() > LAST_ACKNOWLEDGEMENTS {
                let message = format!("the cluster did not acknowledge {} records of the feed", self.unacknowledged);
                return Err(Fault::lasting(Stage::Produce, Blame::Broker, "unreachable", message));
            }
        }
        Ok(())
    }

    /// False: the order to drain came before there was room for it.
    fn write(&mut self, made: Made, timestamp_millis: i64, json: &[u8]) -> Result<bool, Fault> {
        let partition = self.partition(made.customer);
        let key = made.customer.to_string();
        let record = Produced {
            topic: self.topic,
            partition,
            key: Some(key.as_bytes()),
            value: Some(json),
            timestamp_millis,
            ticket: u64::from(made.bad),
        };
        loop {
            if self.shutdown.ordered() {
                return Ok(false);
            }
            if self.room(partition) {
                match self.producer.enqueue(record, &mut None) {
                    Ok(()) => break,
                    Err(Refusal::Full) => {}
                    Err(Refusal::Fault(fault) | Refusal::Broken(fault)) => return Err(fault),
                }
            }
            self.serve(WAIT)?;
        }
        *self.written.entry(partition).or_default() += 1;
        self.unacknowledged += 1;
        if self.unacknowledged.is_multiple_of(256) {
            self.serve(Duration::ZERO)?;
        }
        Ok(true)
    }

    /// All orders of a customer go to one partition, as with any keyed producer.
    fn partition(&self, customer: u64) -> i32 {
        let partitions = u64::from(self.load.partitions.unsigned_abs()).max(1);
        i32::try_from(customer % partitions).unwrap_or_default()
    }

    fn room(&mut self, partition: i32) -> bool {
        let written = self.written.get(&partition).copied().unwrap_or_default();
        let ahead = |committed: &BTreeMap<i32, i64>| written - committed.get(&partition).copied().unwrap_or_default();
        if ahead(&self.committed) < WINDOW {
            return true;
        }
        // The pipeline reads this topic alone.
        let committed = self.metrics.totals(&self.load.pipeline).committed;
        self.committed = committed.into_iter().map(|(place, offset)| (place.partition, offset)).collect();
        ahead(&self.committed) < WINDOW
    }

    fn serve(&mut self, wait: Duration) -> Result<(), Fault> {
        self.producer.reports(&mut self.reports, wait);
        for report in self.reports.drain(..) {
            if let Some(fault) = report.fault {
                return Err(*fault);
            }
            self.unacknowledged = self.unacknowledged.saturating_sub(1);
            self.shared.written.fetch_add(1, Ordering::Release);
            self.shared.bad.fetch_add(report.ticket, Ordering::Release);
        }
        Ok(())
    }
}

fn wall_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
