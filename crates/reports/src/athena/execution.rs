//! A query from its start to its end.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};
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

/// The query that is under way, for whoever has to stop it.
#[derive(Debug, Default)]
pub(super) struct Started(Mutex<Option<String>>);

impl Started {
    fn set(&self, id: Option<&str>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = id.map(str::to_owned);
    }

    fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl AthenaEngine {
    /// What `work` gives. When `stop` ends first, or `work` fails while its query is under way, the query is stopped: nobody
    /// would see what it costs.
    pub(super) async fn until<T>(
        &self,
        stop: impl Future<Output = ()>,
        started: &Started,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let mut work = pin!(work);
        let failed = tokio::select! {
            result = &mut work => match result {
                Ok(done) => return Ok(done),
                Err(error) => error,
            },
            () = stop => {
                // A query that is being started has no id yet by which it could be stopped.
                let known = async { while started.get().is_none() { tokio::time::sleep(FIRST_LOOK).await } };
                let settled = async { tokio::select! { _ = &mut work => {}, () = known => {} } };
                let _ = tokio::time::timeout(STOPPING, settled).await;
                Error::new(Class::Interrupted, "the report was interrupted")
            }
        };
        let Some(id) = started.get() else { return Err(failed) };
        let call = self.client.stop_query_execution().query_execution_id(&id).send();
        match tokio::time::timeout(STOPPING, call).await {
            Ok(Ok(_)) => Err(failed.help(format!("query {id} was stopped on Athena"))),
            _ => Err(failed.help(format!("query {id} may still run on Athena: it could not be stopped"))),
        }
    }

    /// Runs a statement to its end.
    pub(super) async fn execute(
        &self,
        statement: &Statement,
        reuse: Option<Duration>,
        started: &Started,
    ) -> Result<Execution> {
        let call = Ulid::generate();
        let mut attempt = 1;
        loop {
            let id = self.start(statement, reuse, &format!("{call}-{attempt}")).await?;
            started.set(Some(&id));
            let query = self.ended(&id).await?;
            started.set(None);
            if state_of(&query) == Some(QueryExecutionState::Succeeded) {
                return Ok(execution(id, &query));
            }
            let status = query.status();
            let error = status.map_or_else(|| Error::bug("a query has no status"), |status| failure::of(status, &id));
            if error.class() != Class::Unavailable || attempt >= ATTEMPTS {
                return Err(error);
            }
            tracing::info!(query = id, attempt, %error, "trying again");
            tokio::time::sleep(FIRST_LOOK * 2u32.pow(attempt)).await;
            attempt += 1;
        }
    }

    /// Starts a query; when the reply is lost, the SDK repeats the call under the same token, and Athena the same answer.
    async fn start(&self, statement: &Statement, reuse: Option<Duration>, nonce: &str) -> Result<String> {
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
            .set_result_reuse_configuration(reuse.map(by_age))
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

fn by_age(age: Duration) -> ResultReuseConfiguration {
    let minutes = i32::try_from(age.as_secs() / 60).unwrap_or(i32::MAX);
    let configured = ResultReuseByAgeConfiguration::builder().enabled(true).max_age_in_minutes(minutes).build();
    ResultReuseConfiguration::builder().result_reuse_by_age_configuration(configured).build()
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
