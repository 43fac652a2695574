//! What never changes, asked once: answers kept for ever, failures for a moment, one question at a time for each key.
//!
//! Comes in: a key and a way to ask. Goes out: the answer, shared. Must never: know what is asked or whom, read a clock
//! of its own, hold more than its capacity, keep a failure as an answer.

use super::failure::Failure;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync;

/// Answers by key, immutable once given. Safe for concurrent use.
pub(super) struct Cache<K, V> {
    capacity: usize,
    failure_memory: Duration,
    now: Box<dyn Fn() -> Instant + Send + Sync>,
    slots: Mutex<Slots<K, V>>,
}

struct Slots<K, V> {
    by_key: HashMap<K, Slot<V>>,
    /// Keys in the order of their first question: the oldest makes room.
    order: VecDeque<K>,
}

/// Whoever holds the lock asks; who waits for it finds the outcome. A questioner that is dropped half-way lets go of the
/// lock, and the next in line asks.
type Slot<V> = Arc<sync::Mutex<State<V>>>;

enum State<V> {
    Unasked,
    Answered(V),
    Failed { failure: Failure, until: Instant },
}

impl<K, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("capacity", &self.capacity)
            .field("failure_memory", &self.failure_memory)
            .finish_non_exhaustive()
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Cache<K, V> {
    /// A cache of at most `capacity` keys (at least one) that remembers a failure for `failure_memory` by the clock
    /// `now`.
    pub(super) fn new(
        capacity: usize,
        failure_memory: Duration,
        now: impl Fn() -> Instant + Send + Sync + 'static,
    ) -> Self {
        Self {
            capacity: capacity.max(1),
            failure_memory,
            now: Box::new(now),
            slots: Mutex::new(Slots { by_key: HashMap::new(), order: VecDeque::new() }),
        }
    }

    /// The answer for `key`: the one known, or that of `ask`. Callers that come while one asks share its outcome, be it a
    /// failure.
    ///
    /// # Errors
    /// What `ask` failed with, now or a moment ago.
    pub(super) async fn get<F>(&self, key: K, ask: impl FnOnce() -> F) -> Result<V, Failure>
    where
        F: Future<Output = Result<V, Failure>>,
    {
        let slot = self.slot(key);
        let arrival = (self.now)();
        let mut state = slot.lock().await;
        match &*state {
            State::Answered(value) => return Ok(value.clone()),
            State::Failed { failure, until } if arrival < *until => return Err(failure.clone()),
            State::Failed { .. } | State::Unasked => {}
        }
        let outcome = ask().await;
        *state = match &outcome {
            Ok(value) => State::Answered(value.clone()),
            Err(failure) => State::Failed { failure: failure.clone(), until: (self.now)() + self.failure_memory },
        };
        outcome
    }

    fn slot(&self, key: K) -> Slot<V> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.by_key.get(&key) {
            return Arc::clone(slot);
        }
        if slots.order.len() >= self.capacity
            && let Some(oldest) = slots.order.pop_front()
        {
            slots.by_key.remove(&oldest);
        }
        let slot = Slot::new(sync::Mutex::new(State::Unasked));
        slots.order.push_back(key.clone());
        slots.by_key.insert(key, Arc::clone(&slot));
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::super::failure::Reason;
    use super::*;
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    /// A cache over a clock that the test moves, and a count of the questions that reached the far side.
    struct Bench {
        cache: Cache<i32, i32>,
        seconds: Arc<AtomicU64>,
        asked: AtomicUsize,
    }

    impl Bench {
        fn new(capacity: usize, failure_memory: Duration) -> Self {
            let (origin, seconds) = (Instant::now(), Arc::new(AtomicU64::new(0)));
            let hand = Arc::clone(&seconds);
            let now = move || origin + Duration::from_secs(hand.load(Ordering::SeqCst));
            Self { cache: Cache::new(capacity, failure_memory, now), seconds, asked: AtomicUsize::new(0) }
        }

        async fn get(&self, key: i32, answer: Result<i32, Failure>) -> Result<i32, Failure> {
            let ask = || async {
                self.asked.fetch_add(1, Ordering::SeqCst);
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                answer
            };
            self.cache.get(key, ask).await
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::SeqCst)
        }
    }

    fn failure() -> Failure {
        Failure::new(Reason::Unavailable, "asked")
    }

    #[tokio::test]
    async fn an_answer_stays_for_ever_and_a_failure_for_its_time() {
        let bench = Bench::new(10, Duration::from_secs(5));
        // Second, what the far side would say, what the caller gets, questions so far.
        for (second, far, expected, asked) in [
            (0, Err(failure()), Err(failure()), 1),
            (4, Ok(1), Err(failure()), 1),
            (5, Err(failure()), Err(failure()), 2),
            (10, Ok(2), Ok(2), 3),
            (1_000_000, Ok(3), Ok(2), 3),
        ] {
            bench.seconds.store(second, Ordering::SeqCst);
            assert_eq!(bench.get(7, far).await, expected, "second {second}");
            assert_eq!(bench.asked(), asked, "second {second}");
        }
    }

    #[tokio::test]
    async fn callers_at_the_same_time_share_one_question() {
        for (failure_memory, far) in [(5, Ok(1)), (5, Err(failure())), (0, Ok(1))] {
            let bench = Arc::new(Bench::new(10, Duration::from_secs(failure_memory)));
            let callers: Vec<_> = (0..50)
                .map(|_| {
                    let (bench, far) = (Arc::clone(&bench), far.clone());
                    tokio::spawn(async move { bench.get(7, far).await })
                })
                .collect();
            for caller in callers {
                assert_eq!(caller.await.ok(), Some(far.clone()));
            }
            assert_eq!(bench.asked(), 1, "{far:?}");
        }
    }

    #[tokio::test]
    async fn a_questioner_that_goes_away_leaves_the_question_to_the_next() {
        let bench = Bench::new(10, Duration::from_secs(5));
        let gone = tokio::time::timeout(Duration::ZERO, bench.cache.get(7, std::future::pending)).await;
        assert!(gone.is_err());
        assert_eq!(bench.get(7, Ok(1)).await, Ok(1));
    }

    #[tokio::test]
    async fn the_oldest_key_makes_room() {
        let bench = Bench::new(2, Duration::from_secs(5));
        for (key, asked) in [(1, 1), (2, 2), (1, 2), (3, 3), (2, 3), (1, 4)] {
            assert_eq!(bench.get(key, Ok(key)).await, Ok(key));
            assert_eq!(bench.asked(), asked, "key {key}");
        }
    }
}
