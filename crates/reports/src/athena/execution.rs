//! A query from its start to its end.

use std::pin::pin;
use std::time::Duration;

use aws_sdk_athena::types::{
    QueryExecution, QueryExecutionContext, QueryExecutionState, QueryExecutionStatistics, ResultConfiguration,
    ResultReuseByAgeConfiguration, ResultReuseConfiguration,
};
use lakegate_aws::AwsFailure;
use lakegate_contract::{Class, Error, Result};
use ulid::Ulid;

use super::statement::Statement;
use super::{AthenaEngine, Execution, failure};

const FIRST_LOOK: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// How often a query is started that Athena could not finish for reasons of its own.
const ATTEMPTS: u32 = 3;
/// How long is waited for Athena to take a request to stop.
const STOPPING: Duration = Duration::from_secs(5);

impl AthenaEngine {
    /// Runs a statement to its end.
    pub(super) async fn execute(&self, statement: &Statement, stop: impl Future<Output = ()>) -> Result<Execution> {
        let mut stop = pin!(stop);
        let call = Ulid::generate();
        let mut attempt = 1;
        loop {
            let id = self.start(statement, &format!("{call}-{attempt}")).await?;
            let waited = tokio::select! {
                ended = self.ended(&id) => Some(ended?),
                () = &mut stop => None,
            };
            let Some(query) = waited else { return Err(self.stopped(&id).await) };
            match state_of(&query) {
                Some(QueryExecutionState::Succeeded) => return Ok(execution(id, &query)),
                Some(QueryExecutionState::Cancelled) => {
                    return Err(Error::unavailable("somebody has stopped the query")
                        .help("run the report again when it may run; see also the limits of the work group"));
                }
                _ => {}
            }
            let status = query.status();
            let error = status.map_or_else(|| Error::bug("a query has no status"), |status| failure::of(status, &id));
            if error.class() != Class::Unavailable || attempt >= ATTEMPTS {
                return Err(error);
            }
            tracing::info!(query = id, attempt, %error, "trying again");
            attempt += 1;
        }
    }

    /// Starts a query; when the reply is lost, the SDK repeats the call under the same token, and Athena the same answer.
    async fn start(&self, statement: &Statement, nonce: &str) -> Result<String> {
        let options = &self.options;
        let place = format!("{}/{}", options.work_group, options.database);
        let context = QueryExecutionContext::builder().database(&options.database).build();
        let output = options.output.as_ref().map(|to| ResultConfiguration::builder().output_location(to).build());
        let call = self
            .client
            .start_query_execution()
            .query_string(&statement.sql)
            .client_request_token(statement.token(nonce, &place))
            .query_execution_context(context)
            .work_group(&options.work_group)
            .set_result_configuration(output)
            .set_result_reuse_configuration(options.reuse.map(reuse))
            .set_execution_parameters(Some(statement.parameters.clone()).filter(|p| !p.is_empty()));
        let answer = call.send().await.map_err(|e| refused(AwsFailure::of("Athena", "StartQueryExecution", &e)))?;
        let id = answer.query_execution_id().ok_or_else(|| Error::bug("a query was started without an id"))?;
        tracing::info!(query = id, "started on Athena");
        Ok(id.to_owned())
    }

    async fn ended(&self, id: &str) -> Result<QueryExecution> {
        let mut pause = FIRST_LOOK;
        loop {
            let answer = self.client.get_query_execution().query_execution_id(id).send().await;
            let answer = answer.map_err(|e| AwsFailure::of("Athena", "GetQueryExecution", &e).into_error())?;
            let query = answer.query_execution().ok_or_else(|| Error::bug("a query has no execution"))?;
            if !matches!(state_of(query), Some(QueryExecutionState::Queued | QueryExecutionState::Running)) {
                return Ok(query.clone());
            }
            tokio::time::sleep(pause).await;
            pause = pause.mul_f32(1.5).min(LONGEST_PAUSE);
        }
    }

    async fn stopped(&self, id: &str) -> Error {
        let call = self.client.stop_query_execution().query_execution_id(id).send();
        let error = Error::new(Class::Interrupted, "the report was interrupted");
        match tokio::time::timeout(STOPPING, call).await {
            Ok(Ok(_)) => error.help(format!("query {id} was stopped on Athena")),
            _ => error.help(format!("query {id} may still run on Athena: it did not answer the request to stop it")),
        }
    }
}

/// A common first mistake gets its own advice.
fn refused(failure: AwsFailure) -> Error {
    let says = |text: &str| failure.message.as_deref().is_some_and(|message| message.contains(text));
    let (output, work_group) = (says("output location"), says("WorkGroup"));
    let error = failure.into_error();
    match (output, work_group) {
        (true, _) => {
            error.help("set output = \"s3://bucket/prefix/\" under [athena], or an output location of the work group")
        }
        (_, true) => error.help("correct work_group under [athena]"),
        _ => error,
    }
}

fn reuse(age: Duration) -> ResultReuseConfiguration {
    let minutes = i32::try_from(age.as_secs() / 60).unwrap_or(i32::MAX);
    let by_age = ResultReuseByAgeConfiguration::builder().enabled(true).max_age_in_minutes(minutes).build();
    ResultReuseConfiguration::builder().result_reuse_by_age_configuration(by_age).build()
}

fn state_of(query: &QueryExecution) -> Option<QueryExecutionState> {
    query.status().and_then(|status| status.state()).cloned()
}

fn execution(id: String, query: &QueryExecution) -> Execution {
    let statistics = query.statistics();
    let number = |get: fn(&QueryExecutionStatistics) -> Option<i64>| {
        statistics.and_then(get).and_then(|n| u64::try_from(n).ok()).unwrap_or(0)
    };
    let reused = statistics.and_then(|s| s.result_reuse_information()).is_some_and(|r| r.reused_previous_result());
    Execution {
        id,
        scanned: number(QueryExecutionStatistics::data_scanned_in_bytes),
        reused,
        queued: Duration::from_millis(number(QueryExecutionStatistics::query_queue_time_in_millis)),
        total: Duration::from_millis(number(QueryExecutionStatistics::total_execution_time_in_millis)),
    }
}
