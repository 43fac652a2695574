//! How far the group is behind the log's end.
//!
//! End offsets are asked for on a timer by a thread of their own: the statistics that librdkafka keeps come with fetched
//! records and freeze under back-pressure, just when the lag is of interest.
//!
//! Comes in: partitions taken and let go, committed offsets. Goes out: the lag metrics. Must never: hold up the lane.

use crate::kafka::offsets::Watch;
use crate::record::TopicPartition;
use crate::telemetry::LaneMetrics;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(5);
const ASK: Duration = Duration::from_secs(2);

/// The lane's side of the watch over its lag.
#[derive(Debug)]
pub(super) struct Lag {
    shared: Arc<Shared>,
    metrics: LaneMetrics,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Progress {
    partitions: BTreeMap<TopicPartition, Place>,
    /// A partition came while the thread was asking for the others: it must not wait for the next turn.
    new: bool,
    stop: bool,
}

/// One partition: the offset to read next as far as it is committed, and the log's end.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    committed: Option<i64>,
    end: Option<i64>,
}

impl Lag {
    /// Begins to watch.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn begin(watch: Watch, metrics: LaneMetrics) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (theirs, their_metrics) = (Arc::clone(&shared), metrics.clone());
        let name = format!("lag {}", metrics.pipeline());
        let thread = std::thread::Builder::new().name(name).spawn(move || ask(&theirs, &watch, &their_metrics))?;
        Ok(Self { shared, metrics, thread: Some(thread) })
    }

    /// A partition came in hand, to be read from `offset` (None: from its beginning).
    pub(super) fn assigned(&self, partition: &TopicPartition, offset: Option<i64>) {
        let place = Place { committed: offset, end: None };
        let mut progress = self.shared.locked();
        progress.partitions.insert(partition.clone(), place);
        progress.new = true;
        drop(progress);
        self.shared.changed.notify_one();
    }

    /// A partition was let go.
    pub(super) fn released(&self, partition: &TopicPartition) {
        self.shared.locked().partitions.remove(partition);
    }

    /// A partition's commit went through.
    pub(super) fn committed(&self, partition: &TopicPartition, offset: i64) {
        if let Some(place) = self.shared.locked().partitions.get_mut(partition) {
            place.committed = Some(offset);
            place.show(partition, &self.metrics);
        }
    }

    /// Ends the thread; returns when it holds the consumer no more.
    pub(super) fn join(&mut self) {
        self.shared.locked().stop = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by its thread; nothing here depends on it.
            drop(thread.join());
        }
    }
}

impl Drop for Lag {
    fn drop(&mut self) {
        self.join();
    }
}

impl Shared {
    fn locked(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn show(self, partition: &TopicPartition, metrics: &LaneMetrics) {
        if let (Some(committed), Some(end)) = (self.committed, self.end) {
            metrics.set_lag(partition, committed, end);
        }
    }
}

fn ask(shared: &Shared, watch: &Watch, metrics: &LaneMetrics) {
    let mut progress = shared.locked();
    while !progress.stop {
        let partitions: Vec<TopicPartition> = progress.partitions.keys().cloned().collect();
        progress.new = false;
        drop(progress);
        let ends = if partitions.is_empty() { Ok(Vec::new()) } else { watch.end_offsets(&partitions, ASK) };
        progress = shared.locked();
        // An outage shows elsewhere; the lag keeps its last value until the cluster answers again.
        for (partition, end) in ends.unwrap_or_default() {
            if let (Some(place), Some(end)) = (progress.partitions.get_mut(&partition), end) {
                place.end = Some(end);
                place.show(&partition, metrics);
            }
        }
        let idle = |progress: &mut Progress| !progress.new && !progress.stop;
        progress =
            shared.changed.wait_timeout_while(progress, INTERVAL, idle).unwrap_or_else(PoisonError::into_inner).0;
    }
}
