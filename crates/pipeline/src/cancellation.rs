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
    /// That of the process, such as the deadline of an invocation: it is over this much later.
    Process(Duration),
}

impl Cancellation {
    /// The same, and also asked when `limit` is up at `end`.
    #[must_use]
    pub fn until(&self, end: Instant, limit: Limit) -> Self {
        let mut limits = self.limits.clone();
        limits.push((end, limit));
        Self { asked: Arc::clone(&self.asked), by_hand: Arc::clone(&self.by_hand), limits }
    }

    /// What is left between being asked to stop and the end of the process, where that is known.
    pub fn grace(&self) -> Option<Duration> {
        self.limits.iter().find_map(|(_, limit)| match limit {
            Limit::Process(grace) => Some(*grace),
            Limit::Timeout(_) => None,
        })
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
        let far = all.until(Instant::now() + Duration::from_secs(600), Limit::Process(Duration::from_secs(2)));
        assert!(!far.is_cancelled());
        all.cancel();
        assert_eq!(far.check().unwrap_err().class(), Class::Interrupted);
    }
}
