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

#[cfg(test)]
mod tests {
    use super::super::failure::Reason;
    use super::*;
    use std::cell::Cell;
    use std::io;
    use std::sync::{Arc, Mutex};

    const FAST: Backoff = Backoff { first: Duration::from_millis(1), most: Duration::from_millis(2) };

    /// Puts a question that fails for these reasons in turn and is then answered; the number of tries comes back.
    async fn tries(patience: Patience, reasons: &[Reason]) -> (u32, Result<(), Reason>) {
        let asked = Cell::new(0u32);
        let ask = || {
            let reason = reasons.get(asked.replace(asked.get() + 1) as usize).copied();
            async move { reason.map_or(Ok(()), |reason| Err(Failure::new(reason, "asked"))) }
        };
        let outcome = patience.insist(ask).await.map_err(|failure| failure.reason);
        (asked.get(), outcome)
    }

    #[tokio::test]
    async fn passing_failures_are_asked_again_and_lasting_ones_are_not() {
        use Reason::{Incompatible, SubjectNotFound, Timeout, Unauthorized, Unavailable};
        let (few, endless) = (Patience { backoff: FAST, tries: Some(3) }, Patience { backoff: FAST, tries: None });
        for (patience, reasons, expected) in [
            (few, &[][..], (1, Ok(()))),
            (few, &[Timeout, Unavailable], (3, Ok(()))),
            (few, &[Timeout, Unavailable, Unauthorized], (3, Err(Unauthorized))),
            (few, &[Timeout, SubjectNotFound], (2, Err(SubjectNotFound))),
            (endless, &[Incompatible], (1, Err(Incompatible))),
            (endless, &[Timeout; 40], (41, Ok(()))),
        ] {
            assert_eq!(tries(patience, reasons).await, expected, "{reasons:?}");
        }
    }

    #[test]
    fn who_asks_for_a_longer_wait_gets_it() {
        let patience = Patience::ENDLESS;
        let wait = |reason, seconds: u64| {
            let failure = Failure::new(reason, "asked").after(Some(Duration::from_secs(seconds)));
            patience.wait(0, &failure)
        };
        assert!(wait(Reason::RateLimited, 0) <= Duration::from_millis(100));
        assert_eq!(wait(Reason::RateLimited, 7), Duration::from_secs(7));
        assert_eq!(wait(Reason::Unauthorized, 7), Duration::from_secs(10), "a wrong password is not tried fast");
    }

    #[tokio::test]
    async fn the_log_tells_of_a_wait_when_it_changes_not_at_each_try() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
        let guard = tracing::subscriber::set_default(subscriber);
        let reasons = [[Reason::Unreachable; 10], [Reason::Unavailable; 10]].concat();
        let outcome = tries(Patience { backoff: FAST, tries: None }, &reasons).await;
        let outcome = (outcome, tries(Patience { backoff: FAST, tries: Some(3) }, &reasons).await.0);
        drop(guard);
        assert_eq!(outcome, ((21, Ok(())), 3));
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let words: Vec<_> = text.lines().map(|line| line.split_whitespace().nth(1)).collect();
        assert_eq!(words, [Some("WARN"), Some("WARN"), Some("INFO")], "{text}");
    }

    /// What was logged.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
