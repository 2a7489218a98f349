//! Reports on Amazon Athena: the same files, run where the data is.

mod execution;
mod failure;
mod publish;
mod results;
mod statement;
mod work_group;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_athena::Client;
use lakegate_aws::Aws;
use lakegate_contract::{Error, Result};

use crate::{Report, ReportResult};
use execution::Started;
pub use publish::Publication;
use statement::Statement;
pub use work_group::WorkGroup;

/// Athena's price by the terabyte scanned, in US dollars, in most regions; see <https://aws.amazon.com/athena/pricing/>.
const DOLLARS_PER_TERABYTE: f64 = 5.0;
/// A query that scans less is charged for as much.
const LEAST_CHARGED: u64 = 10 << 20;

/// Where and how queries run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AthenaOptions {
    /// The database of the catalog.
    pub database: String,
    /// The work group.
    pub work_group: String,
    /// Where results go, when the work group does not say.
    pub output: Option<String>,
    /// How old a result may be that is given again instead of running the query.
    pub reuse: Option<Duration>,
}

/// Runs reports on Athena.
#[derive(Debug, Clone)]
pub struct AthenaEngine {
    client: Client,
    options: AthenaOptions,
}

/// What a query on Athena took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// Athena's id of it: the console shows the query under it.
    pub id: String,
    /// Bytes that it read.
    pub scanned: u64,
    /// Whether an earlier result was given again.
    pub reused: bool,
    /// How long it waited for its turn.
    pub queued: Duration,
    /// How long Athena took in all.
    pub total: Duration,
}

impl Execution {
    /// What it costs in US dollars, about: prices differ by region, and capacity may be reserved.
    #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
    pub fn dollars(&self) -> f64 {
        const TERABYTE: f64 = (1u64 << 40) as f64;
        match (self.reused, self.scanned) {
            (true, _) | (_, 0) => 0.0,
            (false, scanned) => scanned.max(LEAST_CHARGED) as f64 / TERABYTE * DOLLARS_PER_TERABYTE,
        }
    }
}

/// A report's rows and what they took.
#[derive(Debug)]
pub struct AthenaResult {
    /// The rows, as the local engine gives them.
    pub result: ReportResult,
    /// What they took.
    pub execution: Execution,
}

impl AthenaEngine {
    /// An engine on this account.
    ///
    /// # Errors
    /// When no region is known.
    pub async fn new(aws: &Aws, options: AthenaOptions) -> Result<Self> {
        Ok(Self { client: Client::new(aws.config().await?), options })
    }

    /// Runs a report. When `stop` ends first, the query is stopped on Athena too.
    ///
    /// # Errors
    /// When an argument is wrong, Athena refuses or fails the query, or it is stopped.
    pub async fn run(
        &self,
        report: &Report,
        arguments: &BTreeMap<String, String>,
        stop: impl Future<Output = ()>,
    ) -> Result<AthenaResult> {
        let place = format!("report {} on Athena", report.name);
        let began = Instant::now();
        let statement = Statement::of(report, arguments)?;
        let started = Started::default();
        let work = async {
            let execution = self.execute(&statement, self.options.reuse, &started).await?;
            let (schema, batches) = self.results(&execution.id).await?;
            let result = ReportResult { schema, batches, tables: Vec::new(), elapsed: began.elapsed() };
            Ok(AthenaResult { result, execution })
        };
        self.until(stop, &started, work).await.map_err(|e| within(&place, e))
    }
}

fn within(place: &str, error: Error) -> Error {
    match error.place() {
        None => error.at(place),
        Some(_) => error.within(place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_queries_are_charged_for_ten_megabytes_and_repeated_ones_for_nothing() {
        let execution = |scanned, reused| Execution {
            id: String::new(),
            scanned,
            reused,
            queued: Duration::ZERO,
            total: Duration::ZERO,
        };
        assert_eq!(execution(1 << 40, false).dollars(), 5.0);
        assert_eq!(execution(5, false).dollars(), execution(10 << 20, false).dollars());
        assert_eq!((execution(0, false).dollars(), execution(1 << 40, true).dollars()), (0.0, 0.0));
    }
}
