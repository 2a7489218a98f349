//! Reports and queries on this machine, over the lake at pinned versions.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use lakegate_contract::{Error, Result, TableName, suggest};
use lakegate_lake::Lake;

use crate::Report;

/// Runs SQL over a lake with DataFusion.
pub struct LocalEngine {
    lake: Lake,
    memory_limit: usize,
}

/// What a statement gave.
#[derive(Debug)]
pub struct ReportResult {
    /// Its columns.
    pub schema: SchemaRef,
    /// Its rows.
    pub batches: Vec<RecordBatch>,
    /// The tables that it read, each at the version that it read.
    pub tables: Vec<(TableName, u64)>,
    /// How long it took.
    pub elapsed: Duration,
}

impl ReportResult {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

impl LocalEngine {
    /// An engine over `lake` that may use `memory_limit` bytes.
    pub fn new(lake: Lake, memory_limit: usize) -> Self {
        Self { lake, memory_limit }
    }

    /// Runs a report.
    ///
    /// # Errors
    /// When an argument is wrong, a table has not been published, or the statement fails.
    pub async fn run(&self, report: &Report, arguments: &BTreeMap<String, String>) -> Result<ReportResult> {
        let sql = report.bind(arguments)?;
        self.query(&sql).await.map_err(|e| e.within(format!("report {}", report.name)))
    }

    /// Runs one SELECT.
    ///
    /// # Errors
    /// When it is no SELECT, a table has not been published, or it fails.
    pub async fn query(&self, sql: &str) -> Result<ReportResult> {
        let began = Instant::now();
        let context = self.session()?;
        let tables = self.register_tables(&context, sql).await?;
        let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        let frame = context.sql_with_options(sql, options).await.map_err(|e| refused(&e))?;
        let schema = SchemaRef::new(frame.schema().as_arrow().clone());
        let batches = frame.collect().await.map_err(|e| refused(&e))?;
        Ok(ReportResult { schema, batches, tables, elapsed: began.elapsed() })
    }

    fn session(&self) -> Result<SessionContext> {
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_limit(self.memory_limit, 1.0)
            .build_arc()
            .map_err(|e| Error::unavailable("the query engine cannot start").caused_by(e.strip_backtrace()))?;
        Ok(SessionContext::new_with_config_rt(SessionConfig::new(), runtime))
    }

    /// Registers the tables that a statement names, all at their newest version at this moment.
    async fn register_tables(&self, context: &SessionContext, sql: &str) -> Result<Vec<(TableName, u64)>> {
        let state = context.state();
        let dialect = state.config().options().sql_parser.dialect;
        let statement = state.sql_to_statement(sql, &dialect).map_err(|e| refused(&e))?;
        let references = state.resolve_table_references(&statement).map_err(|e| refused(&e))?;
        let known = self.lake.tables().await?;
        let mut tables = Vec::new();
        for reference in references {
            let table = known
                .iter()
                .find(|t| t.as_str() == reference.table())
                .ok_or_else(|| unknown(reference.table(), &known))?;
            let version = self.lake.register(context, table.as_str(), table, None).await?;
            tables.push((table.clone(), version));
        }
        tables.sort();
        tables.dedup();
        Ok(tables)
    }
}

fn unknown(name: &str, known: &[TableName]) -> Error {
    let names = || known.iter().map(TableName::as_str);
    let error = Error::usage(format!("there is no table `{name}` in the lake"));
    if known.is_empty() {
        return error.help("nothing has been published yet: run `lakegate run`");
    }
    let error = error.expected(format!("one of {}", names().collect::<Vec<_>>().join(", ")));
    match suggest(name, names()) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help("if a job loads it, run that job first"),
    }
}

/// What the engine says of a statement names tables, columns and functions; the lake holds nothing sensitive.
fn refused(error: &datafusion::error::DataFusionError) -> Error {
    let text = error.strip_backtrace();
    let text = text.lines().next().unwrap_or_default().to_owned();
    match error.find_root() {
        datafusion::error::DataFusionError::ResourcesExhausted(_) => {
            Error::unavailable("the statement takes more memory than is allowed")
                .help("raise memory_limit under [run] in lakegate.toml")
        }
        _ => Error::usage(text),
    }
}
