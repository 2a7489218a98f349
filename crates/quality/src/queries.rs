//! Rules that take a query of their own.

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type, SchemaRef};
use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Case;
use datafusion::prelude::{DataFrame, Expr, SessionContext, ident};
use futures::TryStreamExt as _;
use lakegate_contract::{Error, Result};

use crate::ast::Leaf;
use crate::custom_sql;
use crate::finding::{Finding, finding, number, thresholded};
use crate::key_search::{Matches, matches};
use crate::measure::as_double;

/// Rows whose key stands in the reference over rows. NULL in a key never matches.
pub(crate) async fn referential_integrity(
    leaf: &Leaf,
    schema: &SchemaRef,
    context: &SessionContext,
) -> Result<Finding> {
    let found = matches(leaf, schema, context).await?;
    if found.rows == 0 {
        return Ok(no_rows());
    }
    Ok(number(leaf, as_double(found.hits) / as_double(found.rows)))
}

/// A share of nothing is none.
pub(crate) fn no_rows() -> Finding {
    finding(false, [], Some("the dataset has no rows".to_owned()))
}

/// What a statement gives: a number, or without a condition the rows that pass.
pub(crate) async fn custom_sql(leaf: &Leaf, schema: &SchemaRef, context: &SessionContext) -> Result<Finding> {
    if leaf.condition.is_some() {
        let frame = custom_sql::plan(context, leaf.column())?;
        let batches = frame.collect().await.map_err(unreadable)?;
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let value = batches.iter().find(|b| b.num_rows() == 1 && b.num_columns() == 1);
        let (1, Some(batch)) = (rows, value) else {
            return Err(Error::usage(format!("the SQL gave {rows} rows")).expected("one row with one number"));
        };
        let found = batch.column(0).data_type();
        if !found.is_numeric() && !matches!(found, DataType::Boolean | DataType::Null) {
            return Err(Error::usage(format!("the SQL's result is of type {}", lakegate_contract::type_name(found)))
                .expected("a number"));
        }
        let column = arrow::compute::cast(batch.column(0), &DataType::Float64)
            .map_err(|_| Error::usage("the SQL's result is not a number"))?;
        let value = column.as_primitive::<Float64Type>().iter().next().flatten();
        return Ok(match value {
            Some(value) => number(leaf, value),
            None => finding(false, [], Some("the SQL's result is NULL".to_owned())),
        });
    }
    custom_sql_rows(leaf, schema, context).await
}

/// Without a condition, the rows that the statement returns pass and the others fail.
async fn custom_sql_rows(leaf: &Leaf, schema: &SchemaRef, context: &SessionContext) -> Result<Finding> {
    let Matches { rows, hits } = matches(leaf, schema, context).await?;
    if rows == 0 {
        return Ok(no_rows());
    }
    Ok(thresholded(leaf, as_double(hits) / as_double(rows), rows - hits))
}

/// Spark's exact `percentile`: between the values on both sides of a quarter and of three quarters of the way through them in order.
/// `None` when there is no value.
pub(crate) async fn interquartile_range(leaf: &Leaf, context: &SessionContext) -> Result<Option<f64>> {
    use datafusion::logical_expr::cast;
    let kept = kept_values(leaf, context).await?;
    let numbers = |field: &arrow::datatypes::Field| field.data_type().is_numeric();
    if !kept.schema().as_arrow().field_with_name(leaf.column()).is_ok_and(numbers) {
        // A column without a type has no value.
        return Ok(None);
    }
    let rows = as_double(kept.clone().count().await.map_err(unreadable)? as u64);
    if rows == 0.0 {
        return Ok(None);
    }
    // NaN lies above all numbers, also with its sign bit set.
    let value = one_form(cast(ident(leaf.column()), DataType::Float64), &DataType::Float64).alias("value");
    let sorted = kept.select(vec![value]).and_then(|values| values.sort(vec![ident("value").sort(true, false)]));
    let mut stream = sorted.map_err(unreadable)?.execute_stream().await.map_err(unreadable)?;
    let mut quartiles = [Quartile::new(0.25 * (rows - 1.0)), Quartile::new(0.75 * (rows - 1.0))];
    let mut seen = 0.0;
    while let Some(batch) = stream.try_next().await.map_err(unreadable)? {
        let values = batch.column(0).as_primitive::<Float64Type>().values();
        quartiles.iter_mut().for_each(|quartile| quartile.read(values, seen));
        seen += as_double(values.len() as u64);
    }
    let [first, third] = quartiles;
    Ok(Some(third.value() - first.value()))
}

/// A place among sorted values, and the values on both sides of it.
struct Quartile {
    place: f64,
    sides: [f64; 2],
}

impl Quartile {
    fn new(place: f64) -> Self {
        Self { place, sides: [f64::NAN; 2] }
    }

    /// Looks for its sides among values of which the first has `start` values before it.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place within a batch")]
    fn read(&mut self, values: &[f64], start: f64) {
        for (side, place) in [self.place.floor(), self.place.ceil()].into_iter().enumerate() {
            if place >= start
                && let (Some(value), Some(side)) = (values.get((place - start) as usize), self.sides.get_mut(side))
            {
                *side = *value;
            }
        }
    }

    fn value(&self) -> f64 {
        let [low, high] = self.sides;
        low + (high - low) * self.place.fract()
    }
}

/// The rows that `where` keeps and in which the column is not NULL.
async fn kept_values(leaf: &Leaf, context: &SessionContext) -> Result<DataFrame> {
    let mut frame = context.table("primary").await.map_err(unreadable)?;
    if let Some(text) = &leaf.filter {
        custom_sql::refuse_monsters(text)?;
        let predicate = crate::spark::predicate(&crate::spark::prepared(context)?, text, frame.schema())?;
        frame = frame.filter(predicate).map_err(unreadable)?;
    }
    frame.filter(ident(leaf.column()).is_not_null()).map_err(unreadable)
}

/// The one row of a query.
pub(crate) async fn only_row(context: &SessionContext, sql: &str) -> Result<RecordBatch> {
    custom_sql::refuse_monsters(sql)?;
    let frame = context.sql(sql).await.map_err(unreadable)?;
    let batches: Vec<_> = frame.execute_stream().await.map_err(unreadable)?.try_collect().await.map_err(unreadable)?;
    batches.into_iter().find(|b: &RecordBatch| b.num_rows() == 1).ok_or_else(|| Error::bug("a query gave no row"))
}

/// The whole numbers of a query's one row.
pub(crate) async fn counts(context: &SessionContext, sql: &str) -> Result<Vec<Option<u64>>> {
    let row = only_row(context, sql).await?;
    let number = |c: &ArrayRef| c.as_primitive_opt::<Int64Type>().and_then(|v| v.iter().next().flatten());
    Ok(row.columns().iter().map(|c| number(c).and_then(|v| u64::try_from(v).ok())).collect())
}

/// Zero has two forms in floating point, and NaN many, which the engine groups apart. They are one value each, as in Spark
/// (<https://spark.apache.org/docs/latest/sql-ref-datatypes.html#floating-point-special-values>).
fn one_form(value: Expr, data_type: &DataType) -> Expr {
    use datafusion::functions::expr_fn::isnan;
    use datafusion::logical_expr::lit;
    let (nan, zero) = match data_type {
        DataType::Float64 => (lit(f64::NAN), lit(0.0_f64)),
        DataType::Float32 => (lit(f32::NAN), lit(0.0_f32)),
        _ => return value,
    };
    let case = Case::new(None, vec![(Box::new(isnan(value.clone())), Box::new(nan))], Some(Box::new(value + zero)));
    Expr::Case(case)
}

pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A reader's message may quote what it could not read, a planner's does not.
pub(crate) fn unreadable(error: DataFusionError) -> Error {
    if let Some(own) = crate::spark::own_error(&error) {
        return own;
    }
    match error.find_root() {
        DataFusionError::Plan(_) | DataFusionError::SchemaError(..) | DataFusionError::SQL(..) => {
            crate::plan_error::told(&error, &[])
        }
        DataFusionError::ResourcesExhausted(_) => {
            Error::unavailable("judging the rules takes more memory than is allowed")
                .help("raise memory_limit under [run] in lakegate.toml, or --memory-limit of lakegate quality")
        }
        DataFusionError::ArrowError(cause, _)
            if matches!(**cause, ArrowError::JsonError(_) | ArrowError::CsvError(_) | ArrowError::ParquetError(_)) =>
        {
            Error::bad_input(
                "the data to judge cannot be read: its text does not parse, or a value is of another type than its column",
            )
        }
        DataFusionError::ArrowError(..) | DataFusionError::Execution(_) => {
            Error::usage("the rule's expression fails on the data")
                .help("`try_cast` gives NULL where `cast` fails, `nullif(x, 0)` guards a division")
        }
        _ => Error::bad_input("the data to judge cannot be read"),
    }
}
