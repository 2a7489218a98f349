//! Reports and queries on this machine, over the lake at pinned versions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use datafusion::common::{Column, SchemaError};
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use lakegate_contract::{Error, Result, TableName};
use lakegate_lake::{Lake, engine};

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
        let context = engine::session(SessionConfig::new(), Some(self.memory_limit))?;
        let tables = self.register_tables(&context, sql).await?;
        let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        let frame = context.sql_with_options(sql, options).await.map_err(|e| refused(&e))?;
        let schema = SchemaRef::new(frame.schema().as_arrow().clone());
        let batches = frame.collect().await.map_err(|e| refused(&e))?;
        Ok(ReportResult { schema, batches, tables, elapsed: began.elapsed() })
    }

    /// Registers the tables that a statement names, all at their newest version at this moment.
    async fn register_tables(&self, context: &SessionContext, sql: &str) -> Result<Vec<(TableName, u64)>> {
        let statement = parsed(context, sql)?;
        let references = context.state().resolve_table_references(&statement).map_err(|e| refused(&e))?;
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

impl Report {
    /// Plans the statement over empty tables of these schemas, with each parameter at its default or at a sample.
    ///
    /// # Errors
    /// When it is no SELECT, or names a table, a column or a function that does not exist.
    pub async fn check_against(&self, schemas: &BTreeMap<String, SchemaRef>) -> Result<()> {
        let samples = self.parameters.iter().filter(|p| p.default.is_none());
        let arguments = samples.map(|p| (p.name.clone(), p.data_type.sample().to_owned())).collect();
        let sql = self.bind(&arguments)?;
        let context = SessionContext::new();
        let statement = parsed(&context, &sql)?;
        let known: Vec<TableName> = schemas.keys().filter_map(|name| TableName::new(name.as_str()).ok()).collect();
        for reference in context.state().resolve_table_references(&statement).map_err(|e| refused(&e))? {
            let schema = schemas.get(reference.table()).ok_or_else(|| unknown(reference.table(), &known))?;
            let empty = MemTable::try_new(SchemaRef::clone(schema), vec![Vec::new()]).map_err(|e| refused(&e))?;
            context.register_table(reference.table(), Arc::new(empty)).map_err(|e| refused(&e))?;
        }
        let frame = context.sql(&sql).await.map_err(|e| refused(&e))?;
        frame.create_physical_plan().await.map(drop).map_err(|e| refused(&e))
    }
}

/// One SELECT, parsed.
fn parsed(context: &SessionContext, sql: &str) -> Result<Statement> {
    let state = context.state();
    let dialect = state.config().options().sql_parser.dialect;
    let statement = state.sql_to_statement(sql, &dialect).map_err(|e| refused(&e))?;
    refuse_other_statements(&statement)?;
    Ok(statement)
}

fn refuse_other_statements(statement: &Statement) -> Result<()> {
    let is_query = match statement {
        Statement::Statement(inner) => matches!(inner.as_ref(), SqlStatement::Query(_)),
        _ => false,
    };
    if is_query {
        return Ok(());
    }
    Err(Error::usage("the statement is no SELECT")
        .expected("one SELECT over the lake's tables")
        .help("a lake is changed by jobs alone; `lakegate plan` lists the tables"))
}

fn unknown(name: &str, known: &[TableName]) -> Error {
    let names = || known.iter().map(TableName::as_str);
    let error = Error::usage(format!("there is no table `{name}` in the lake"));
    if known.is_empty() {
        return error.help("nothing has been published yet: run `lakegate run`");
    }
    let error = error.expected(format!("one of {}", names().collect::<Vec<_>>().join(", ")));
    error.help("if a job loads it, run that job first").suggesting(name, names())
}

/// What the planner says names tables, columns and functions, and may be shown. What a running statement says may quote a
/// row's value, so only its kind is passed on.
fn refused(error: &DataFusionError) -> Error {
    let text = || error.strip_backtrace().lines().next().unwrap_or_default().to_owned();
    match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => Error::usage("the statement takes more memory than is allowed")
            .help("raise memory_limit under [run] in lakegate.toml"),
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { field, valid_fields } => unknown_column(field, valid_fields),
            _ => Error::usage(text()),
        },
        DataFusionError::Plan(_) | DataFusionError::SQL(..) | DataFusionError::NotImplemented(_) => {
            Error::usage(text()).help("DataFusion's SQL reference: https://datafusion.apache.org/user-guide/sql/")
        }
        DataFusionError::ArrowError(arrow, _) => while_running(match arrow.as_ref() {
            ArrowError::CastError(_) | ArrowError::ParseError(_) => {
                "a value cannot be cast to the type that is asked for"
            }
            ArrowError::DivideByZero => "a value is divided by zero",
            ArrowError::ArithmeticOverflow(_) | ArrowError::ComputeError(_) => "a value is out of its type's range",
            _ => "a value cannot be computed",
        }),
        DataFusionError::ParquetError(_) | DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => {
            Error::bad_input("a file of the lake is damaged or missing")
                .help("load the table again: `lakegate run JOB --force`; a job that appends, with mode = \"replace\" for one run")
        }
        _ => while_running("the statement failed while it ran"),
    }
}

fn while_running(found: &str) -> Error {
    Error::usage(found).help("`try_cast` gives NULL where `cast` fails, `nullif(x, 0)` guards a division")
}

fn unknown_column(field: &Column, valid: &[Column]) -> Error {
    let names: Vec<&str> = valid.iter().map(|column| column.name.as_str()).collect();
    let error =
        Error::usage(format!("there is no column `{}`", field.name)).expected(format!("one of {}", names.join(", ")));
    error.suggesting(&field.name, names.iter().copied())
}
