//! One dead service must not stall the others: attempts with backoff, and a breaker for each service.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lakegate_contract::{Class, Error, Result};

/// Failures in a row after which a service is left alone.
const THRESHOLD: u32 = 2;
/// For how long.
const COOL_DOWN: Duration = Duration::from_millis(if cfg!(test) { 300 } else { 30_000 });
const FIRST_PAUSE: Duration = Duration::from_millis(if cfg!(test) { 4 } else { 400 });

/// Breakers of all services that this process talks to, by name: `connection shop`, `Glue`. Cheap to clone, shared by all jobs.
#[derive(Debug, Clone, Default)]
pub struct Breakers(Arc<Mutex<HashMap<String, State>>>);

#[derive(Debug, Clone)]
struct State {
    failures: u32,
    last: Instant,
    said: String,
}

impl State {
    /// For how long the service is still left alone; `None` when it has not failed often enough for that.
    fn left_alone(&self) -> Option<Duration> {
        (self.failures >= THRESHOLD).then(|| COOL_DOWN.saturating_sub(self.last.elapsed()))
    }
}

impl Breakers {
    /// What `work` gives. While `service` fails as unavailable, `work` is tried up to `attempts` times with growing pauses;
    /// when that has failed twice in a row, the service is not asked again for half a minute, and whoever needs it is told so
    /// at once.
    ///
    /// # Errors
    /// Those of `work`; [`Class::Unavailable`] while the service is left alone.
    pub async fn call<T, F>(&self, service: &str, attempts: u32, mut work: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        self.admit(service)?;
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            match work().await {
                Err(error) if error.class() == Class::Unavailable => {
                    if attempt >= attempts {
                        self.note(service, Some(&error));
                        return Err(error);
                    }
                    tracing::info!(service, attempt, %error, "trying again");
                }
                // Any other answer is one: the service is alive.
                other => {
                    self.note(service, None);
                    return other;
                }
            }
            tokio::time::sleep(jittered(pause)).await;
            pause *= 2;
            attempt += 1;
        }
    }

    /// How long until every service that is left alone may be asked again: who tries again then does so with a chance.
    pub fn closed_for(&self) -> Duration {
        let states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        states.values().filter_map(State::left_alone).max().unwrap_or_default()
    }

    fn admit(&self, service: &str) -> Result<()> {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(state) = states.get_mut(service) else { return Ok(()) };
        let Some(left) = state.left_alone() else { return Ok(()) };
        if left.is_zero() {
            // One asks; the others wait for what it learns.
            state.last = Instant::now();
            return Ok(());
        }
        Err(Error::unavailable(format!(
            "{service} has failed {} times in a row and is left alone for {} s: {}",
            state.failures,
            left.as_secs().max(1),
            state.said
        ))
        .at(service)
        .help("run the job again once the service answers"))
    }

    fn note(&self, service: &str, failure: Option<&Error>) {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match failure {
            None => drop(states.remove(service)),
            Some(error) => {
                let failures = states.get(service).map_or(0, |s| s.failures) + 1;
                let said = error.found().to_owned();
                states.insert(service.to_owned(), State { failures, last: Instant::now(), said });
            }
        }
    }
}

/// Between half of a pause and all of it: jobs that failed together must not come back together.
pub(crate) fn jittered(pause: Duration) -> Duration {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.subsec_nanos());
    pause.mul_f64(0.5 + f64::from(nanos % 1000) / 2000.0)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_dead_service_is_left_alone_and_a_living_one_is_not_touched_by_it() {
        let breakers = Breakers::default();
        let asked = AtomicU32::new(0);
        let dead = || async {
            asked.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(Error::unavailable("no answer"))
        };
        for _ in 0..5 {
            assert!(breakers.call("Glue", 3, dead).await.is_err());
        }
        assert_eq!(asked.load(Ordering::Relaxed), 6);
        let error = breakers.call("Glue", 3, dead).await.unwrap_err();
        assert!(error.found().contains("left alone") && error.found().contains("no answer"), "{error}");
        assert!(breakers.closed_for() > Duration::ZERO);
        assert_eq!(breakers.call("connection shop", 3, || async { Ok(1) }).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_service_that_comes_back_is_used_again() {
        let breakers = Breakers::default();
        let asked = AtomicU32::new(0);
        let flaky = || async {
            match asked.fetch_add(1, Ordering::Relaxed) {
                0 | 1 => Err(Error::unavailable("no answer")),
                _ => Ok("here"),
            }
        };
        assert_eq!(breakers.call("Glue", 3, flaky).await.unwrap(), "here");
        let refused = || async { Err::<(), _>(Error::usage("no such table")) };
        for _ in 0..4 {
            assert_eq!(breakers.call("Glue", 3, refused).await.unwrap_err().found(), "no such table");
        }
    }

    #[tokio::test]
    async fn when_the_time_is_over_one_asks_for_all() {
        let breakers = Breakers::default();
        let asked = AtomicU32::new(0);
        let dead = || async {
            asked.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(Error::unavailable("no answer"))
        };
        for _ in 0..2 {
            assert!(breakers.call("Glue", 1, dead).await.is_err());
        }
        tokio::time::sleep(breakers.closed_for() + Duration::from_millis(5)).await;
        for _ in 0..4 {
            assert!(breakers.call("Glue", 1, dead).await.is_err());
        }
        assert_eq!(asked.load(Ordering::Relaxed), 3);
        tokio::time::sleep(breakers.closed_for() + Duration::from_millis(5)).await;
        assert_eq!(breakers.call("Glue", 1, || async { Ok(1) }).await.unwrap(), 1);
        assert_eq!(breakers.call("Glue", 1, || async { Ok(2) }).await.unwrap(), 2);
    }
}
