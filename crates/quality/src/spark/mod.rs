//! Spark SQL, as users of Glue write it in `where` and `CustomSql`, run by DataFusion.
//!
//! A text is read with Spark's quotes and escapes ([`dialect`]), its names are spelled as the datasets spell them ([`names`]), its
//! functions and casts become expressions with Spark's meaning ([`rewrite`], [`functions`]), and its operators are planned by the
//! types of their sides ([`operators`]). Functions come from `datafusion-spark` where that has them right; Spark's own answers, recorded
//! by `tests/oracle/spark_expressions.py`, decide.

mod bounded;
mod build;
mod cast;
mod dialect;
pub(crate) mod exercise;
mod functions;
mod limits;
mod moment;
mod names;
mod numbers;
mod operators;
mod rewrite;
mod texts;
mod times;
mod udf;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::TreeNode as _;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::execution::{FunctionRegistry as _, SessionState};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, ExprSchemable as _};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{self, visit_relations};
use lakegate_contract::{Error, Result, type_name};

use crate::plan_error;

/// The context with Spark's functions and operators over the same tables and memory: made once for many predicates.
///
/// # Errors
/// When a function cannot be registered, which would be a bug.
pub(crate) fn prepared(context: &SessionContext) -> Result<SessionState> {
    spark_state(context).map_err(not_planned)
}

fn spark_state(context: &SessionContext) -> std::result::Result<SessionState, DataFusionError> {
    let mut state = SessionStateBuilder::new_from_existing(context.state()).build();
    let options = state.config_mut().options_mut();
    // A number with a point is a decimal in Spark, and 0.1 + 0.2 = 0.3.
    options.sql_parser.parse_float_as_decimal = true;
    datafusion_spark::register_all(&mut state)?;
    // The library's takes doubles alone.
    state.register_udaf(datafusion::functions_aggregate::average::avg_udaf())?;
    let own =
        [cast::udf(), bounded::udf(), numbers::division(), numbers::integral_division(), numbers::decimal_division()];
    let own = own
        .into_iter()
        .chain([numbers::round(), numbers::bround(), numbers::square_root(), cast::as_number()])
        .chain(texts::functions());
    for function in own.chain(times::functions()) {
        state.register_udf(function)?;
    }
    let mut planners = vec![Arc::new(operators::Operators) as Arc<_>];
    planners.extend(state.expr_planners().iter().cloned());
    Ok(SessionStateBuilder::new_from_existing(state).with_expr_planners(planners).build())
}

/// Casts a column's values as Spark does outside of its ANSI mode: what cannot be cast becomes NULL.
///
/// # Errors
/// When there is no cast between the types.
pub(crate) fn cast_column(column: &ArrayRef, to: &DataType) -> std::result::Result<ArrayRef, DataFusionError> {
    cast::array(column, to)
}

/// Microseconds of UTC: the type of Spark's timestamps.
pub(crate) const TIMESTAMP: DataType = cast::TIMESTAMP;

/// Room for the recursion of parser, visitors and planner over the longest text that is let through.
const STACK: usize = 32 << 20;

/// Works in a thread of its own, whose stack is deep: those of a runtime's threads are not.
fn on_deep_stack<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("plan of a rule".to_owned()).stack_size(STACK);
        let running = thread.spawn_scoped(scope, work);
        let running = running.map_err(|e| Error::unavailable("a thread cannot be started").caused_by(e))?;
        running.join().map_err(|_| Error::bug("planning a rule has stopped"))?
    })
}

/// Plans a query over the tables of a context; it may only read.
///
/// # Errors
/// What in the text is no Spark SQL, or has no counterpart here.
pub(crate) fn plan(context: &SessionContext, sql: &str) -> Result<DataFrame> {
    on_deep_stack(|| futures::executor::block_on(planned(context, sql)))
}

async fn planned(context: &SessionContext, sql: &str) -> Result<DataFrame> {
    let mut query = dialect::query(sql)?;
    limits::refuse_growth(&query)?;
    names::Names::new(tables_of(context, &query).await).resolve(&mut query);
    rewrite::rewrite(&mut query)?;
    let state = spark_state(context).map_err(not_planned)?;
    let statement = Statement::Statement(Box::new(ast::Statement::Query(query)));
    let planned = state.statement_to_plan(statement).await;
    let plan = planned.map_err(|error| plan_error::told(&error, &registered(context)))?;
    limits::refuse_depth(&plan)?;
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(&plan)
        .map_err(not_planned)?;
    Ok(DataFrame::new(state, plan))
}

/// Plans a predicate over one table, in a [`prepared`] state.
///
/// # Errors
/// As [`plan`].
pub(crate) fn predicate(state: &SessionState, sql: &str, schema: &DFSchema) -> Result<Expr> {
    on_deep_stack(|| planned_predicate(state, sql, schema))
}

fn planned_predicate(state: &SessionState, sql: &str, schema: &DFSchema) -> Result<Expr> {
    let mut parsed = dialect::expression(sql)?;
    refuse_queries(&parsed)?;
    let columns = BTreeMap::from([("primary".to_owned(), dialect::columns(schema))]);
    names::Names::new(columns).resolve_expression(&mut parsed);
    rewrite::rewrite(&mut parsed)?;
    let named = ast::ExprWithAlias { expr: parsed, alias: None };
    let planned = state.create_logical_expr_from_sql_expr(named, schema).map_err(not_planned)?;
    refuse_aggregates(&planned)?;
    // Functions that stand for others are replaced by these: what is not part of a query is not optimised on its way.
    let context = SimplifyContext::builder()
        .with_schema(Arc::new(schema.clone()))
        .with_config_options(Arc::clone(state.config_options()))
        .with_query_execution_start_time(Some(chrono::Utc::now()))
        .build();
    let simplifier = ExprSimplifier::new(context);
    let coerced = simplifier.coerce(planned, schema).map_err(not_planned)?;
    refuse_other_than_truth(&coerced, schema)?;
    simplifier.simplify(coerced).map_err(not_planned)
}

/// A predicate sees one row at a time.
fn refuse_queries(predicate: &ast::Expr) -> Result<()> {
    let found = ast::visit_expressions(predicate, |part| match part {
        ast::Expr::Subquery(_) | ast::Expr::Exists { .. } | ast::Expr::InSubquery { .. } => {
            std::ops::ControlFlow::Break(())
        }
        _ => std::ops::ControlFlow::Continue(()),
    });
    if found.is_break() {
        return Err(Error::usage("the predicate holds a query, and a `where` sees one row at a time")
            .help("compare with a query in `CustomSql`"));
    }
    Ok(())
}

fn refuse_aggregates(predicate: &Expr) -> Result<()> {
    let found = predicate.exists(|part| Ok(matches!(part, Expr::AggregateFunction(_) | Expr::WindowFunction(_))));
    if found.map_err(not_planned)? {
        return Err(Error::usage("the predicate aggregates rows, and a `where` sees one row at a time")
            .help("aggregate in `CustomSql`"));
    }
    Ok(())
}

fn refuse_other_than_truth(predicate: &Expr, schema: &DFSchema) -> Result<()> {
    match predicate.get_type(schema).map_err(not_planned)? {
        DataType::Boolean | DataType::Null => Ok(()),
        other => Err(Error::usage(format!("the predicate is of type {}", type_name(&other)))
            .expected("what is true or false, such as `amount > 0`")),
    }
}

/// The tables that a statement names; none when it does not parse, which planning will tell.
pub(crate) fn tables(sql: &str) -> Vec<String> {
    on_deep_stack(|| Ok(named_tables(sql))).unwrap_or_default()
}

fn named_tables(sql: &str) -> Vec<String> {
    let Ok(query) = dialect::query(sql) else { return Vec::new() };
    let defined: Vec<String> =
        query.with.iter().flat_map(|with| &with.cte_tables).map(|cte| cte.alias.name.value.to_lowercase()).collect();
    let mut found = Vec::new();
    let _: std::ops::ControlFlow<()> = visit_relations(&query, |name| {
        let table = name.0.last().and_then(|part| part.as_ident()).map(|ident| ident.value.clone());
        found.extend(table.filter(|table| !defined.contains(&table.to_lowercase())));
        std::ops::ControlFlow::Continue(())
    });
    found
}

/// The columns of the tables of a context.
async fn tables_of(context: &SessionContext, query: &ast::Query) -> BTreeMap<String, Vec<String>> {
    let mut wanted = Vec::new();
    let _: std::ops::ControlFlow<()> = visit_relations(query, |name| {
        wanted.extend(name.0.last().and_then(|part| part.as_ident()).map(|ident| ident.value.to_lowercase()));
        std::ops::ControlFlow::Continue(())
    });
    let mut tables = BTreeMap::new();
    for name in registered(context).into_iter().filter(|name| wanted.contains(&name.to_lowercase())) {
        if let Ok(provider) = context.table_provider(datafusion::common::TableReference::bare(name.as_str())).await {
            tables.insert(name, provider.schema().fields().iter().map(|field| field.name().clone()).collect());
        }
    }
    tables
}

/// The names of all tables of a context, in order.
fn registered(context: &SessionContext) -> Vec<String> {
    let catalogs = context.catalog_names().into_iter().filter_map(|name| context.catalog(&name));
    let schemas = catalogs.flat_map(|catalog| {
        catalog.schema_names().into_iter().filter_map(|name| catalog.schema(&name)).collect::<Vec<_>>()
    });
    let mut names: Vec<String> = schemas.flat_map(|schema| schema.table_names()).collect();
    names.sort();
    names
}

/// What a function of ours has refused, of an error that went through the engine.
pub(crate) fn own_error(error: &DataFusionError) -> Option<Error> {
    match error.find_root() {
        DataFusionError::External(source) => {
            let own = source.downcast_ref::<Error>()?;
            let copy = Error::new(own.class(), own.found());
            let copy = own.place().map(str::to_owned).into_iter().fold(copy, Error::at);
            let copy = own.expectation().into_iter().fold(copy, Error::expected);
            Some(own.advice().into_iter().fold(copy, Error::help))
        }
        _ => None,
    }
}

fn not_planned(error: DataFusionError) -> Error {
    plan_error::told(&error, &[])
}

#[cfg(test)]
mod tests;
