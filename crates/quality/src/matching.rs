//! Rules that compare the dataset with another one: RowCountMatch, SchemaMatch, AggregateMatch, DatasetMatch.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Field, Float64Type, Schema, SchemaRef};
use datafusion::common::TableReference;
use datafusion::prelude::SessionContext;
use lakegate_contract::{Error, Result, type_name};

use crate::ast::Leaf;
use crate::finding::{Finding, finding, number};
use crate::key_search::{Matches, is_unique, matches};
use crate::measure::as_double;
use crate::queries::{counts, no_rows, only_row, quoted, unreadable};

/// Rows over rows of the other dataset: infinite, or no number, where that one is empty.
pub(crate) async fn row_count_match(leaf: &Leaf, rows: u64, context: &SessionContext) -> Result<Finding> {
    let alias = leaf.column();
    let theirs = counts(context, &format!("SELECT count(*) FROM {}", quoted(alias))).await?;
    let [Some(theirs)] = theirs.as_slice() else { return Err(Error::bug("a count is missing")) };
    Ok(number(leaf, as_double(rows) / as_double(*theirs)))
}

/// Columns that the other dataset has under the same name with the same type, over columns. Datasets with different numbers of
/// columns do not match at all, as in the open engine.
pub(crate) async fn schema_match(leaf: &Leaf, schema: &SchemaRef, context: &SessionContext) -> Result<Finding> {
    let alias = leaf.column();
    let other = context.table(TableReference::bare(alias)).await.map_err(unreadable)?.schema().as_arrow().clone();
    let differs = |field: &Field| match other.field_with_name(field.name()) {
        Ok(theirs) => {
            // How values are encoded is not seen by Spark: types of one name are the same.
            let (own, theirs) = (type_name(field.data_type()), type_name(theirs.data_type()));
            (own != theirs).then(|| format!("`{}` is {theirs} there and {own} here", field.name()))
        }
        Err(_) => Some(format!("`{}` is not there", field.name())),
    };
    let mut differences: Vec<String> = schema.fields().iter().filter_map(|field| differs(field)).collect();
    let all = schema.fields().len();
    let same = all - differences.len();
    let added = other.fields().iter().filter(|field| schema.index_of(field.name()).is_err());
    differences.extend(added.map(|field| format!("`{}` is there alone", field.name())));
    let ratio = if all == other.fields().len() { as_double(same as u64) / as_double(all as u64) } else { 0.0 };
    let mut found = number(leaf, ratio);
    if let Some(message) = &mut found.message {
        message.push_str(": ");
        message.push_str(&differences.join(", "));
    }
    Ok(found)
}

/// `sum(column)` or `avg(alias.column)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Aggregate {
    function: &'static str,
    pub(crate) alias: String,
    pub(crate) column: String,
}

impl Aggregate {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let bad = || {
            Error::usage(format!("`{text}` is not an aggregate"))
                .expected("sum(column), avg(column), sum(alias.column) or avg(alias.column)")
        };
        let (function, argument) = text.trim().strip_suffix(')').and_then(|t| t.split_once('(')).ok_or_else(bad)?;
        let function = match function.trim() {
            "sum" | "SUM" => "sum",
            "avg" | "AVG" => "avg",
            _ => return Err(bad()),
        };
        let argument = argument.replace('"', "");
        let (alias, column) = argument.rsplit_once('.').unwrap_or(("primary", &argument));
        if alias.trim().is_empty() || column.trim().is_empty() {
            return Err(bad());
        }
        Ok(Self { function, alias: alias.trim().to_owned(), column: column.trim().to_owned() })
    }

    async fn value(&self, context: &SessionContext) -> Result<Option<f64>> {
        let table = context.table(TableReference::bare(self.alias.as_str())).await.map_err(unreadable)?;
        let field = table.schema().as_arrow().field_with_name(&self.column);
        let column = quoted(&self.column);
        // A sum of whole numbers would wrap around as one of them; one of decimals gets more digits before it becomes a double.
        let summed = match field.map(Field::data_type) {
            Ok(data_type) if data_type.is_integer() => format!("CAST({column} AS decimal(20, 0))"),
            // A column without a type has no value.
            Ok(data_type) if !data_type.is_numeric() => return Ok(None),
            _ => column.clone(),
        };
        // The engine's average of decimals has four digits more than they have.
        let parts = if self.function == "avg" { format!(" / count({column})") } else { String::new() };
        let sql = format!("SELECT CAST(sum({summed}) AS double){parts} FROM {}", quoted(&self.alias));
        Ok(first_double(&only_row(context, &sql).await?))
    }
}

fn first_double(row: &RecordBatch) -> Option<f64> {
    row.columns().first().and_then(|c| c.as_primitive_opt::<Float64Type>()).and_then(|c| c.iter().next().flatten())
}

/// One aggregate over another: 1 where both are 0, and 0 where only the second is, as in the open engine.
pub(crate) async fn aggregate_match(leaf: &Leaf, context: &SessionContext) -> Result<Finding> {
    let aggregates = leaf.aggregates()?;
    let mut values = Vec::new();
    for aggregate in &aggregates {
        match aggregate.value(context).await? {
            Some(value) => values.push(value),
            None => {
                return Ok(finding(
                    false,
                    [],
                    Some(format!("`{}` has no value in {}", aggregate.column, aggregate.alias)),
                ));
            }
        }
    }
    let [first, second] = values.as_slice() else {
        return Err(Error::bug("an aggregate is missing"));
    };
    let ratio = if *second != 0.0 {
        first / second
    } else if *first == 0.0 {
        1.0
    } else {
        0.0
    };
    Ok(number(leaf, ratio))
}

/// Columns of the dataset and those of the other one that stand for them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pairs {
    pub(crate) own: Vec<String>,
    pub(crate) theirs: Vec<String>,
}

impl Pairs {
    /// The keys of a `DatasetMatch`, and the columns that it compares.
    pub(crate) fn of_rule(leaf: &Leaf, schema: &Schema) -> (Self, Self) {
        let keys = Self::parse(leaf.parameters.get(1).map_or("", String::as_str));
        let compared = match leaf.parameters.get(2) {
            Some(text) => Self::parse(text),
            None => other_columns(&keys, schema),
        };
        (keys, compared)
    }

    /// `a,b->c`: `a` is `a` there, and `b` is `c`.
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
        let (own, theirs) = pairs
            .map(|pair| pair.split_once("->").map_or((pair, pair), |(own, theirs)| (own.trim(), theirs.trim())))
            .map(|(own, theirs)| (own.to_owned(), theirs.to_owned()))
            .unzip();
        Self { own, theirs }
    }
}

/// Rows whose key stands in the other dataset with the same values, over rows. Keys must be unique on both sides, and NULL in a key
/// matches nothing; values match also where both are NULL.
pub(crate) async fn dataset_match(leaf: &Leaf, schema: &SchemaRef, context: &SessionContext) -> Result<Finding> {
    let (keys, _) = Pairs::of_rule(leaf, schema);
    if let Err(why) = keys_are_unique(leaf, &keys, context).await? {
        return Ok(finding(false, [], Some(why)));
    }
    let Matches { rows, hits } = matches(leaf, schema, context).await?;
    if rows == 0 {
        return Ok(no_rows());
    }
    Ok(number(leaf, as_double(hits) / as_double(rows)))
}

/// Whether no key stands twice on either side; if one does, on which.
pub(crate) async fn keys_are_unique(
    leaf: &Leaf,
    keys: &Pairs,
    context: &SessionContext,
) -> Result<std::result::Result<(), String>> {
    for (table, columns) in [("primary", &keys.own), (leaf.column(), &keys.theirs)] {
        if !is_unique(table, columns, context).await? {
            return Ok(Err(format!("keys of {table} are not unique: `{}`", columns.join("`, `"))));
        }
    }
    Ok(Ok(()))
}

/// Without a third parameter all columns but the keys are compared under their own names.
fn other_columns(keys: &Pairs, schema: &Schema) -> Pairs {
    let names = schema.fields().iter().map(|field| field.name().clone());
    let own: Vec<String> = names.filter(|name| !keys.own.contains(name)).collect();
    Pairs { theirs: own.clone(), own }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Decimal128Array, Int64Array};

    use super::*;

    #[tokio::test]
    async fn aggregates_keep_their_digits() {
        // 10.00, 10.00 and 10.01: 30.01 by 3 is 10.00333…, with no end.
        let prices = Decimal128Array::from(vec![Some(1000), None, Some(1000), Some(1001)]);
        let columns: [(&str, ArrayRef); 2] = [
            ("Large", Arc::new(Int64Array::from(vec![Some(i64::MAX), Some(i64::MAX), None, Some(1)]))),
            ("price", Arc::new(prices.with_precision_and_scale(12, 2).unwrap())),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, values)| (name, values, true)));
        let context = SessionContext::new();
        context.register_batch("primary", batch.unwrap()).unwrap();
        let nine = 9.223_372_036_854_776e18;
        for (text, value) in [("sum(Large)", 2.0 * nine), ("avg(Large)", 2.0 * nine / 3.0), ("avg(price)", 30.01 / 3.0)]
        {
            let found = Aggregate::parse(text).unwrap().value(&context).await.unwrap().unwrap();
            assert!((found - value).abs() <= 1e-15 * value, "{text}: {found}");
        }
    }

    #[test]
    fn aggregates_and_pairs_are_read() {
        let aggregate = Aggregate::parse("AVG(db.orders.\"total\")").unwrap();
        assert_eq!(
            (aggregate.function, aggregate.alias.as_str(), aggregate.column.as_str()),
            ("avg", "db.orders", "total")
        );
        assert_eq!(Aggregate::parse("sum(a)").unwrap().alias, "primary");
        for bad in ["max(a)", "Sum(a)", "sum(a", "sum()", "sum(x.)", ""] {
            assert!(Aggregate::parse(bad).is_err(), "{bad}");
        }
        let pairs = Pairs::parse("a, b->c");
        assert_eq!(
            (pairs.own, pairs.theirs),
            (vec!["a".to_owned(), "b".to_owned()], vec!["a".to_owned(), "c".to_owned()])
        );
    }
}
