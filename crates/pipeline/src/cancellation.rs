//! Asking runs to stop before they publish.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lakegate_contract::{Class, Error, Result};

use crate::shown_duration;

/// Asks runs to stop; clones share what is asked. A run that is asked before its commit abandons it; afterwards it goes on to
/// its end.
#[derive(Debug, Clone, Default)]
pub struct Cancellation {
    asked: Arc<AtomicBool>,
    by_hand: Arc<AtomicBool>,
    limits: Vec<(Instant, Limit)>,
}

/// What time is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// That of the job's `timeout`.
    Timeout(Duration),
    /// That of the process, such as the deadline of an invocation, which ends then: in between it clears up.
    Process(Instant),
}

impl Cancellation {
    /// The same, and also asked when `limit` is up at `end`.
    #[must_use]
    pub fn until(&self, end: Instant, limit: Limit) -> Self {
        let mut limits = self.limits.clone();
        limits.push((end, limit));
        Self { asked: Arc::clone(&self.asked), by_hand: Arc::clone(&self.by_hand), limits }
    }

    /// The part `share` of the time until the process ends, at most `most`; where no end is known, `most`.
    pub fn share(&self, share: u32, most: Duration) -> Duration {
        let end = self.limits.iter().find_map(|(_, limit)| match limit {
            Limit::Process(end) => Some(*end),
            Limit::Timeout(_) => None,
        });
        end.map_or(most, |end| most.min(end.saturating_duration_since(Instant::now()) / share))
    }

    /// Asks.
    pub fn cancel(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Asks, for somebody at a keyboard, who need not be told of it.
    pub fn cancel_by_hand(&self) {
        self.by_hand.store(true, Ordering::Relaxed);
        self.cancel();
    }

    /// Whether somebody at a keyboard has asked.
    pub fn is_by_hand(&self) -> bool {
        self.by_hand.load(Ordering::Relaxed)
    }

    /// Whether the run is asked to stop, by somebody or by the time.
    pub fn is_cancelled(&self) -> bool {
        self.check().is_err()
    }

    /// # Errors
    /// When the run is asked to stop, and why.
    pub(crate) fn check(&self) -> Result<()> {
        if self.asked.load(Ordering::Relaxed) {
            return Err(Error::new(Class::Interrupted, "the run was interrupted before it published")
                .help("it has published nothing; run the job again when you like"));
        }
        let now = Instant::now();
        match self.limits.iter().find(|(end, _)| *end <= now) {
            None => Ok(()),
            Some((_, Limit::Timeout(limit))) => {
                Err(Error::unavailable(format!("the run took longer than its timeout of {}", shown_duration(*limit)))
                    .help("it has published nothing; find out what is slow, or give it more with `timeout` in the job's file"))
            }
            Some((_, Limit::Process(_))) => {
                Err(Error::new(Class::Interrupted, "the time of the process was up before the run published")
                    .help("it has published nothing; it needs a longer timeout of the function, or more memory and with it more processor"))
            }
        }
    }

    /// The result of `work`, or the interruption, whichever comes first: a service that does not answer must not keep
    /// anybody waiting.
    pub(crate) async fn or<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            result = work => result,
            error = self.asked() => Err(error),
        }
    }

    /// Ends some time after the run was asked to stop, with why: what is on its way may end by itself. There is more time for it
    /// when only this run is over, and not the process.
    pub(crate) async fn asked_and_waited(&self) -> Error {
        const SHORT: Duration = Duration::from_millis(500);
        const LONG: Duration = Duration::from_secs(30);
        let error = self.asked().await;
        tokio::time::sleep(if error.class() == Class::Unavailable { LONG } else { SHORT }).await;
        error
    }

    /// Ends when the run is asked to stop, with why.
    pub(crate) async fn asked(&self) -> Error {
        const LOOK: Duration = Duration::from_millis(100);
        loop {
            if let Err(error) = self.check() {
                return error;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_are_asked_together_and_limits_are_their_own() {
        let all = Cancellation::default();
        let limited = all.until(Instant::now(), Limit::Timeout(Duration::from_secs(600)));
        assert!(!all.is_cancelled() && limited.is_cancelled());
        let error = limited.check().unwrap_err();
        assert!(error.retryable() && error.found().contains("10 m"), "{error}");
        let far = all.until(Instant::now() + Duration::from_secs(600), Limit::Process(Instant::now()));
        assert!(!far.is_cancelled());
        assert_eq!(all.share(2, Duration::from_secs(9)), Duration::from_secs(9));
        assert_eq!(far.share(2, Duration::from_secs(9)), Duration::ZERO);
        all.cancel();
        assert_eq!(far.check().unwrap_err().class(), Class::Interrupted);
    }
}
