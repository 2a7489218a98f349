//! The program as a Lambda function: events are served one after the other, until the environment is taken away.

mod firehose;
mod metrics;
mod queue;
mod serve;
mod uploads;
mod watch;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lakegate_contract::{Class, Error, Result};
use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use tracing::Instrument as _;

use crate::arguments::GlobalArguments;
use crate::errors;
pub use firehose::check as check_transformation;
pub use uploads::{Group, Refusal, serve_uploads};
pub use watch::glue_job;

use serve::Function;

/// Variables that Lambda sets for a runtime, without which its library cannot begin.
const NEEDED: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];
/// Time that is kept for clearing up, alarms and the answer: at least, and at most.
const LEAST_MARGIN: Duration = Duration::from_secs(2);
const MOST_MARGIN: Duration = Duration::from_secs(30);

/// Whether the process was started as the `bootstrap` of a function: without a word.
pub fn is_bootstrap() -> bool {
    std::env::args_os().len() == 1 && std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
}

/// What an invocation is, besides its event.
pub struct Invocation {
    /// Its request id: the same when Lambda tries an asynchronous one again.
    pub id: String,
    /// When runs are to stop.
    pub stop: Instant,
    /// What is left then, for clearing up and for the answer.
    pub margin: Duration,
}

/// Serves events. The project is read with the first one, so that what is wrong with it is the answer to an event.
///
/// # Errors
/// When this is no function of Lambda, or its runtime interface fails.
pub async fn run(global: &GlobalArguments) -> Result<()> {
    if let Some(missing) = NEEDED.iter().find(|name| std::env::var_os(name).is_none()) {
        return Err(Error::usage(format!("{missing} is not set: this is no Lambda function"))
            .help("use this binary as the `bootstrap` of a function with the runtime provided.al2023"));
    }
    let function = Arc::new(Function::new(global));
    let served = lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let function = Arc::clone(&function);
        async move {
            let left = left(&event.context);
            let margin = margin(left);
            let stop = Instant::now() + left.saturating_sub(margin);
            let invocation = Invocation { id: event.context.request_id, stop, margin };
            let span = tracing::error_span!("invocation", request = %invocation.id);
            async {
                let answer = function.serve(event.payload, &invocation).await;
                answer.map_err(|error| {
                    tracing::error!(class = error_type(error.class()), %error, "the event was not served");
                    diagnostic(&error)
                })
            }
            .instrument(span)
            .await
        }
    }));
    served.await.map_err(|e| Error::unavailable(format!("the runtime interface of Lambda failed: {e}")))
}

/// The time until the deadline.
fn left(context: &Context) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Duration::from_millis(context.deadline).saturating_sub(now)
}

/// The part of it that is kept for the end.
fn margin(left: Duration) -> Duration {
    (left / 10).clamp(LEAST_MARGIN, MOST_MARGIN).min(left / 2)
}

/// What Lambda is told of a failure: its type is a word that retriers can act upon.
fn diagnostic(error: &Error) -> Diagnostic {
    Diagnostic { error_type: error_type(error.class()).to_owned(), error_message: errors::render(error) }
}

fn error_type(class: Class) -> &'static str {
    match class {
        Class::Bug => "Lakegate.Bug",
        Class::Usage => "Lakegate.Usage",
        Class::GateClosed => "Lakegate.GateClosed",
        Class::BadInput => "Lakegate.BadInput",
        Class::Unavailable => "Lakegate.Unavailable",
        Class::CommitUnknown => "Lakegate.CommitUnknown",
        Class::CatalogLagging => "Lakegate.CatalogLagging",
        Class::Interrupted => "Lakegate.Interrupted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_time_is_kept_for_the_end() {
        let seconds = Duration::from_secs;
        assert_eq!(margin(seconds(900)), seconds(30));
        assert_eq!(margin(seconds(60)), seconds(6));
        assert_eq!(margin(seconds(10)), seconds(2));
        assert_eq!(margin(seconds(2)), seconds(1));
        assert_eq!(margin(Duration::ZERO), Duration::ZERO);
    }
}
