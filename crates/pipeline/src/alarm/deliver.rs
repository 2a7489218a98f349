//! Sending: once for each occasion, without ever failing the job.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use lakegate_contract::Result;
use lakegate_lake::{Lake, RunId};
use serde_json::Value;

use super::{Alarm, AlarmChannel, AlarmKind};
use crate::text::digest;

/// Where the marks of alarms that were sent stand below the lake's `system/`.
const KIND: &str = "alarms";
const ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(if cfg!(test) { 1 } else { 500 });
/// Members of a mark.
const CLAIM: &str = "claim";
const SENT: &str = "sent";
/// How long sending takes at most: a mark that is older and says nothing of it was left by who was killed.
const ABOUT_TO: TimeDelta = TimeDelta::seconds(45);
/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What became of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// At least one channel has taken it.
    Sent,
    /// It was sent before, on the same occasion.
    Repeated,
    /// No channel has taken it; the next time on the same occasion it is tried again.
    Undelivered,
    /// There is no channel.
    Unwanted,
}

/// The name of a mark, below the folder of its occasion.
fn mark_of(job: &str, occasion: &str) -> String {
    format!("{}/{}", folder_of(occasion), digest([job]))
}

fn folder_of(occasion: &str) -> String {
    digest([occasion])
}

/// Whether a failure was told on an occasion, whatever the job.
///
/// # Errors
/// When the lake cannot tell.
pub async fn was_told(lake: &Lake, occasion: &str) -> Result<bool> {
    const MOST_JOBS: usize = 50;
    let marks = lake.system_records(&format!("{KIND}/{}", folder_of(occasion)), MOST_JOBS).await?;
    let slow = AlarmKind::Slow.as_str();
    let sent = |mark: &&Value| mark.get(SENT).and_then(Value::as_bool) == Some(true);
    Ok(marks.iter().filter(sent).any(|mark| mark.get("kind").and_then(Value::as_str).is_some_and(|kind| kind != slow)))
}

/// Sends an alarm to every channel, unless one was sent before for the same job and `occasion`. What fails is logged: an
/// alarm never fails a job.
pub async fn deliver(lake: &Lake, channels: &[Arc<dyn AlarmChannel>], alarm: &Alarm, occasion: &str) -> Delivery {
    if channels.is_empty() {
        return Delivery::Unwanted;
    }
    let mark = mark_of(&alarm.job, occasion);
    let Some(mut line) = line_of(alarm, occasion) else { return Delivery::Undelivered };
    match is_mine(lake, &mark, &line).await {
        Some(false) => return Delivery::Repeated,
        Some(true) => {}
        // Without its lake an alarm is all the more to be told, perhaps twice.
        None => tracing::warn!(job = alarm.job, "whether the alarm was sent before could not be told"),
    }
    let sent = futures::future::join_all(channels.iter().map(|channel| send(channel.as_ref(), alarm))).await;
    let taken = sent.contains(&true);
    let noted = async {
        match (taken, line.as_object_mut()) {
            (true, Some(members)) => {
                members.insert(SENT.to_owned(), true.into());
                lake.write_system_record(KIND, &mark, &line).await
            }
            _ => lake.release_system_record(KIND, &mark).await,
        }
    };
    if !matches!(tokio::time::timeout(PATIENCE, noted).await, Ok(Ok(()))) {
        tracing::warn!(job = alarm.job, "what became of an alarm could not be noted");
    }
    if taken { Delivery::Sent } else { Delivery::Undelivered }
}

/// What a mark holds: the alarm, on which occasion, when, and whose mark it is.
fn line_of(alarm: &Alarm, occasion: &str) -> Option<Value> {
    let mut line = serde_json::to_value(alarm).ok()?;
    let members = line.as_object_mut()?;
    members.insert("occasion".to_owned(), occasion.into());
    members.insert("at".to_owned(), Utc::now().to_rfc3339().into());
    members.insert(CLAIM.to_owned(), RunId::new().to_string().into());
    Some(line)
}

/// Whether the alarm is for us to send: nobody has sent it, and nobody is about to. `None` when that cannot be told.
async fn is_mine(lake: &Lake, mark: &str, line: &Value) -> Option<bool> {
    tokio::time::timeout(PATIENCE, claim(lake, mark, line)).await.ok()?.ok()
}

/// The same, for as long as it takes.
async fn claim(lake: &Lake, mark: &str, line: &Value) -> Result<bool> {
    if lake.claim_system_record(KIND, mark, line).await? {
        return Ok(true);
    }
    // A store may report that a mark exists which was written by the very request whose answer was lost.
    let found = lake.system_record(KIND, mark).await?.unwrap_or_default();
    if found.get(CLAIM) == line.get(CLAIM) {
        return Ok(true);
    }
    let at = found.get("at").and_then(Value::as_str).and_then(|at| at.parse::<DateTime<Utc>>().ok());
    let waited = at.is_none_or(|at| Utc::now() - at > ABOUT_TO);
    let sent = found.get(SENT).and_then(Value::as_bool) == Some(true);
    if !sent && waited {
        // Whoever was about to was killed.
        lake.write_system_record(KIND, mark, line).await?;
        return Ok(true);
    }
    Ok(false)
}

async fn send(channel: &dyn AlarmChannel, alarm: &Alarm) -> bool {
    let mut pause = FIRST_PAUSE;
    for attempt in 1..=ATTEMPTS {
        match tokio::time::timeout(PATIENCE, channel.send(alarm)).await {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => {
                tracing::warn!(channel = channel.describe(), job = alarm.job, attempt, %error, "an alarm was not sent");
                if !error.retryable() {
                    return false;
                }
            }
            Err(_) => tracing::warn!(channel = channel.describe(), job = alarm.job, attempt, "an alarm took too long"),
        }
        if attempt < ATTEMPTS {
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use lakegate_contract::Error;

    use super::*;
    use crate::alarm::AlarmKind;

    /// Fails so often, then takes everything.
    struct Channel(Mutex<(u32, Vec<String>)>);

    #[async_trait::async_trait]
    impl AlarmChannel for Channel {
        fn describe(&self) -> String {
            "test".to_owned()
        }

        async fn send(&self, alarm: &Alarm) -> Result<()> {
            let mut state = self.0.lock().unwrap();
            if state.0 > 0 {
                state.0 -= 1;
                return Err(Error::unavailable("away"));
            }
            state.1.push(alarm.summary.clone());
            Ok(())
        }
    }

    fn alarm(job: &str) -> Alarm {
        Alarm::new(AlarmKind::Failed, "shop", job, format!("{job} failed"))
    }

    #[tokio::test]
    async fn an_alarm_is_sent_once_for_each_occasion_and_again_if_nobody_took_it() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path().to_str().unwrap()).unwrap();
        let flaky = Arc::new(Channel(Mutex::new((5, Vec::new()))));
        let channels: [Arc<dyn AlarmChannel>; 1] = [flaky.clone()];
        assert_eq!(deliver(&lake, &[], &alarm("a"), "one").await, Delivery::Unwanted);
        assert_eq!(deliver(&lake, &channels, &alarm("a"), "one").await, Delivery::Undelivered);
        assert_eq!(deliver(&lake, &channels, &alarm("a"), "one").await, Delivery::Sent);
        assert_eq!(deliver(&lake, &channels, &alarm("a"), "one").await, Delivery::Repeated);
        assert_eq!(deliver(&lake, &channels, &alarm("a"), "two").await, Delivery::Sent);
        assert_eq!(deliver(&lake, &channels, &alarm("b"), "two").await, Delivery::Sent);
        assert!(was_told(&lake, "two").await.unwrap() && !was_told(&lake, "three").await.unwrap());
        assert_eq!(flaky.0.lock().unwrap().1, ["a failed", "a failed", "b failed"]);
        let sent = lake.system_records(KIND, 10).await.unwrap();
        assert_eq!(sent.len(), 3);
        assert!(sent.iter().all(|mark| mark["kind"] == "failed" && mark["sent"] == true));
    }

    #[tokio::test]
    async fn a_mark_whose_sender_was_killed_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path().to_str().unwrap()).unwrap();
        let channel = Arc::new(Channel(Mutex::new((0, Vec::new()))));
        let channels: [Arc<dyn AlarmChannel>; 1] = [channel.clone()];
        let mark = mark_of("a", "one");
        for (at, expected) in [(Utc::now(), Delivery::Repeated), (Utc::now() - TimeDelta::minutes(2), Delivery::Sent)] {
            let line = serde_json::json!({ "claim": "another", "at": at.to_rfc3339() });
            lake.write_system_record(KIND, &mark, &line).await.unwrap();
            assert_eq!(deliver(&lake, &channels, &alarm("a"), "one").await, expected);
        }
        assert_eq!(deliver(&lake, &channels, &alarm("a"), "one").await, Delivery::Repeated);
    }
}
