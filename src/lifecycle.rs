//! The process's stages, shared by all rooms: running, draining, and what each lane says of itself.
//!
//! Comes in: signals, lanes' polls. Goes out: `Shutdown` for whoever must stop, `Pulse` for the live probe. Must never:
//! block, log or decide what a stage means for a record.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The order to drain: given once, seen by threads and tasks alike.
#[derive(Clone, Debug)]
pub struct Shutdown {
    sender: Arc<watch::Sender<bool>>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { sender: Arc::new(watch::Sender::new(false)) }
    }
}

impl Shutdown {
    /// Gives the order. Giving it again changes nothing.
    pub fn order(&self) {
        self.sender.send_replace(true);
    }

    /// Whether the order was given.
    #[must_use]
    pub fn ordered(&self) -> bool {
        *self.sender.borrow()
    }

    /// Returns once the order is given.
    pub async fn wait(&self) {
        let mut receiver = self.sender.subscribe();
        // The sender lives in self, so this cannot fail while we wait.
        drop(receiver.wait_for(|ordered| *ordered).await);
    }
}

/// Before a lane's first poll: it waits for the registry or a broker, and an outage elsewhere must not restart the pod.
const NOT_STARTED: u64 = u64::MAX;

/// A lane's sign of life: when it last polled its control queue, whether it joined its group, whether it can go on.
#[derive(Clone, Debug)]
pub struct Pulse {
    inner: Arc<PulseInner>,
}

#[derive(Debug)]
struct PulseInner {
    origin: Instant,
    last_poll_millis: AtomicU64,
    joined: AtomicBool,
    failed: AtomicBool,
    ended: AtomicBool,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            inner: Arc::new(PulseInner {
                origin: Instant::now(),
                last_poll_millis: AtomicU64::new(NOT_STARTED),
                joined: AtomicBool::new(false),
                failed: AtomicBool::new(false),
                ended: AtomicBool::new(false),
            }),
        }
    }
}

impl Pulse {
    /// The lane polled its control queue.
    pub fn beat(&self) {
        let millis = u64::try_from(self.inner.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.inner.last_poll_millis.store(millis, Ordering::Relaxed);
        // A lane that starts anew lives again.
        self.inner.ended.store(false, Ordering::Relaxed);
    }

    /// The lane's group gave it an assignment, an empty one included. Only goes forward.
    pub fn joined(&self) {
        self.inner.joined.store(true, Ordering::Relaxed);
    }

    /// The pipeline cannot go on without a person.
    pub fn failed(&self) {
        self.inner.failed.store(true, Ordering::Relaxed);
    }

    /// The lane ended as ordered: its age means nothing any more.
    pub fn ended(&self) {
        self.inner.ended.store(true, Ordering::Relaxed);
    }

    /// Time since the last poll of the control queue; zero before the lane's first poll and after its end.
    #[must_use]
    pub fn age(&self) -> Duration {
        let last = self.inner.last_poll_millis.load(Ordering::Relaxed);
        if last == NOT_STARTED || self.inner.ended.load(Ordering::Relaxed) {
            return Duration::ZERO;
        }
        self.inner.origin.elapsed().saturating_sub(Duration::from_millis(last))
    }

    /// Where the lane is on its way to ready.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        if self.inner.failed.load(Ordering::Relaxed) {
            Readiness::Failed
        } else if self.inner.joined.load(Ordering::Relaxed) {
            Readiness::Ready
        } else {
            Readiness::Joining
        }
    }

    /// Ready: joined its group once, and no fatal fault since.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.readiness() == Readiness::Ready
    }
}

/// Where a lane is on its way to ready, the best first: a pipeline is where the last of its lanes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Readiness {
    /// It joined its group once; zero partitions are ready too.
    Ready,
    /// It waits for a service or for its group.
    Joining,
    /// It cannot go on without a person.
    Failed,
}
