//! Asking again: how often, after what wait, and when to say so.
//!
//! Comes in: a question that can be put again. Goes out: its answer, or the last failure. Must never: put a question
//! again whose failure lasts, or fill the log while it waits.

use super::failure::{Failure, Outlook};
use crate::backoff::Backoff;
use std::time::{Duration, Instant};

/// While nothing changes, a wait is mentioned this often.
const REMINDER: Duration = Duration::from_secs(30);

/// How long to insist on an answer.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The waits between tries.
    pub backoff: Backoff,
    /// The number of tries, at least one; `None` is for ever.
    pub tries: Option<u32>,
}

const BACKOFF: Backoff = Backoff { first: Duration::from_millis(100), most: Duration::from_secs(10) };

impl Patience {
    /// A few tries, for a question that is put again anyway.
    pub const SHORT: Self = Self { backoff: BACKOFF, tries: Some(3) };

    /// For ever, for what nothing can start without.
    pub const ENDLESS: Self = Self { backoff: BACKOFF, tries: None };

    /// Puts a question until it is answered, fails for good, or the tries are used up. Where that is for ever the log
    /// tells of the waiting: at its start, when its cause changes, every 30 s, at its end. Safe to drop at any time.
    ///
    /// # Errors
    /// The last failure.
    pub async fn insist<T, F>(self, mut ask: impl FnMut() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut waiting = Waiting::default();
        let mut tries = 0u32;
        loop {
            let failure = match ask().await {
                Ok(answer) => {
                    waiting.over();
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            tries = tries.saturating_add(1);
            if self.tries.is_some_and(|most| tries >= most) || failure.reason.outlook() == Outlook::Lasting {
                return Err(failure);
            }
            let wait = self.wait(tries - 1, &failure);
            if self.tries.is_none() {
                waiting.on(&failure, wait);
            }
            tokio::time::sleep(wait).await;
        }
    }

    fn wait(&self, tries: u32, failure: &Failure) -> Duration {
        let own = match failure.reason.outlook() {
            Outlook::Slow => self.backoff.most,
            Outlook::Passing | Outlook::Lasting => self.backoff.wait(tries),
        };
        own.max(failure.retry_after.unwrap_or_default())
    }
}

/// What the log was last told.
#[derive(Default)]
struct Waiting {
    since: Option<Instant>,
    said: Option<(Instant, &'static str)>,
}

impl Waiting {
    fn on(&mut self, failure: &Failure, wait: Duration) {
        let (now, reason) = (Instant::now(), failure.reason.label());
        let since = *self.since.get_or_insert(now);
        if self.said.is_some_and(|(at, said)| said == reason && now.duration_since(at) < REMINDER) {
            return;
        }
        self.said = Some((now, reason));
        tracing::warn!(
            reason,
            waited_seconds = now.duration_since(since).as_secs(),
            next_try_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            "waiting for the registry: {failure}"
        );
    }

    fn over(&self) {
        if let Some(since) = self.since {
            tracing::info!(waited_seconds = since.elapsed().as_secs(), "the registry answers");
        }
    }
}
