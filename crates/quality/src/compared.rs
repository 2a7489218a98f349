//! Columns of the dataset beside those of another one: in which type they are compared, and how many rows match.
//!
//! Types are Spark's choice (<https://spark.apache.org/docs/latest/sql-ref-ansi-compliance.html>, without ANSI mode): text beside a
//! number is cast to it, a decimal beside a double is a double, and times without a zone are those of UTC. A value that the common type
//! cannot hold equals nothing, not even NULL.

use std::sync::Arc;

use arrow::array::AsArray as _;
use arrow::datatypes::{DataType, Int64Type, Schema, TimeUnit};
use datafusion::common::{JoinType, TableReference};
use datafusion::functions_aggregate::expr_fn::{max, sum};
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::{Operator, binary_expr, try_cast};
use datafusion::prelude::{DataFrame, Expr, SessionContext, ident, lit};
use lakegate_contract::{Class, Error, Result, type_name};

use crate::queries::{one_form, unreadable};
use crate::row::unknown_column;

/// Columns of two datasets that are compared pair by pair.
pub(crate) struct Compared {
    primary: DataFrame,
    other: DataFrame,
    pairs: Vec<Pair>,
    /// So many first columns are keys, in which NULL matches nothing; in others it matches NULL.
    keys: usize,
}

struct Pair {
    own: String,
    theirs: String,
    common: DataType,
}

/// The types in which columns of the dataset are compared with so many others in their order.
///
/// # Errors
/// When there is no such column, or the values of two types are never equal.
pub(crate) fn common_types(own: &[String], schema: &Schema, others: &Schema) -> Result<Vec<DataType>> {
    let common = |(name, theirs): (&String, &Arc<arrow::datatypes::Field>)| {
        let own = schema.field_with_name(name).map_err(|_| unknown_column(name, schema))?.data_type();
        common_type(own, theirs.data_type()).ok_or_else(|| {
            let (own, theirs) = (type_name(own), type_name(theirs.data_type()));
            Error::usage(format!("column `{name}` is of type {own}, which cannot be compared with {theirs}"))
        })
    };
    own.iter().zip(others.fields()).map(common).collect()
}

fn common_type(own: &DataType, theirs: &DataType) -> Option<DataType> {
    use DataType::{Date32, Date64, Float64, LargeUtf8, Timestamp, Utf8, Utf8View};
    let text = |t: &DataType| matches!(t, Utf8 | LargeUtf8 | Utf8View);
    let exact = |t: &DataType| t.is_decimal();
    let rough = |t: &DataType| t.is_floating() || text(t);
    let utc = || Some(Arc::from("+00:00"));
    let zone = |own: &Option<Arc<str>>, theirs: &Option<Arc<str>>| own.as_ref().or(theirs.as_ref()).and_then(|_| utc());
    Some(match (own, theirs) {
        (own, theirs) if own == theirs => own.clone(),
        (own, theirs) if (exact(own) && rough(theirs)) || (rough(own) && exact(theirs)) => Float64,
        (Timestamp(unit, own), Timestamp(other, theirs)) => Timestamp(common_unit(*unit, *other), zone(own, theirs)),
        // Nanoseconds would end in the year 2262.
        (Timestamp(_, own), other) | (other, Timestamp(_, own)) if text(other) || matches!(other, Date32 | Date64) => {
            Timestamp(TimeUnit::Microsecond, zone(own, &None))
        }
        (own, theirs) if (own.is_temporal() && theirs.is_integer()) || (own.is_integer() && theirs.is_temporal()) => {
            return None;
        }
        _ => return comparison_coercion(own, theirs),
    })
}

/// The finer of two units, but none below Spark's microseconds.
fn common_unit(own: TimeUnit, theirs: TimeUnit) -> TimeUnit {
    use TimeUnit::{Microsecond, Millisecond, Nanosecond};
    match (own, theirs) {
        (own, theirs) if own == theirs => own,
        (Nanosecond | Microsecond, _) | (_, Nanosecond | Microsecond) => Microsecond,
        _ => Millisecond,
    }
}

impl Compared {
    /// Columns of `primary` and, in their order, those of another table.
    ///
    /// # Errors
    /// When there is no such column, or two cannot be compared.
    pub(crate) async fn with_table(
        context: &SessionContext,
        own: &[String],
        alias: &str,
        theirs: &[String],
        keys: usize,
    ) -> Result<Self> {
        let other = context.table(TableReference::bare(alias)).await.map_err(unreadable)?;
        Self::with(context, own, other, theirs, keys).await
    }

    /// Columns of `primary` and, in their order, those of a frame.
    ///
    /// # Errors
    /// As [`Compared::with_table`].
    pub(crate) async fn with(
        context: &SessionContext,
        own: &[String],
        other: DataFrame,
        theirs: &[String],
        keys: usize,
    ) -> Result<Self> {
        let primary = context.table("primary").await.map_err(unreadable)?;
        let schema = other.schema().as_arrow();
        let field = |name: &String| schema.field_with_name(name).cloned().map_err(|_| unknown_column(name, schema));
        let others = Schema::new(theirs.iter().map(field).collect::<Result<Vec<_>>>()?);
        let types = common_types(own, primary.schema().as_arrow(), &others)?;
        let pair = |((own, theirs), common): ((&String, &String), _)| Pair {
            own: own.clone(),
            theirs: theirs.clone(),
            common,
        };
        let pairs = own.iter().zip(theirs).zip(types).map(pair).collect();
        Ok(Self { primary, other, pairs, keys })
    }

    /// How many rows of the dataset have their values there, in one row or in several.
    pub(crate) async fn hits(&self) -> Result<u64> {
        match self.joined().await {
            // The join holds the other dataset in memory; grouping both together can spill.
            Err(error) if error.class() == Class::Unavailable => self.grouped().await,
            other => other,
        }
    }

    async fn joined(&self) -> Result<u64> {
        let own = self.side(&self.primary, |pair| &pair.own, "own")?;
        let theirs = self.side(&self.other, |pair| &pair.theirs, "theirs")?.distinct().map_err(unreadable)?;
        let same = (0..self.pairs.len()).map(|place| {
            let operator = if place < self.keys { Operator::Eq } else { Operator::IsNotDistinctFrom };
            binary_expr(ident(format!("own{place}")), operator, ident(format!("theirs{place}")))
        });
        let joined = own.join_on(theirs, JoinType::LeftSemi, same).map_err(unreadable)?;
        Ok(joined.count().await.map_err(unreadable)? as u64)
    }

    /// The same, without holding either side in memory.
    ///
    /// # Errors
    /// When the data cannot be read.
    pub(crate) async fn grouped(&self) -> Result<u64> {
        let own = self.marked(self.side(&self.primary, |pair| &pair.own, "c")?, 1)?;
        let theirs = self.marked(self.side(&self.other, |pair| &pair.theirs, "c")?, 0)?;
        let marks = vec![sum(ident("own")).alias("own"), max(ident("theirs")).alias("theirs")];
        let hits = own
            .union(theirs)
            .and_then(|both| both.aggregate(self.columns().collect(), marks))
            .and_then(|groups| groups.filter(ident("theirs").gt(lit(0_i64))))
            .and_then(|groups| groups.aggregate(Vec::new(), vec![sum(ident("own"))]))
            .map_err(unreadable)?;
        let batches = hits.collect().await.map_err(unreadable)?;
        let sums =
            batches.iter().filter_map(|batch| batch.columns().first()?.as_primitive_opt::<Int64Type>()?.iter().next());
        // Without a group there is no sum.
        Ok(sums.flatten().next().map_or(0, i64::unsigned_abs))
    }

    /// The columns of one side under the names of their places, without the rows of which a value is none of the common type.
    fn side(&self, frame: &DataFrame, name: fn(&Pair) -> &String, prefix: &str) -> Result<DataFrame> {
        let (mut columns, mut held) = (Vec::new(), None);
        for (place, pair) in self.pairs.iter().enumerate() {
            let column = ident(name(pair).as_str());
            let field = frame.schema().as_arrow().field_with_name(name(pair));
            let cast = if field.is_ok_and(|field| *field.data_type() != pair.common) {
                let cast = try_cast(column.clone(), pair.common.clone());
                let holds = column.is_null().or(cast.clone().is_not_null());
                held = Some(held.map_or_else(|| holds.clone(), |others: Expr| others.and(holds.clone())));
                cast
            } else {
                column
            };
            columns.push(one_form(cast, &pair.common).alias(format!("{prefix}{place}")));
        }
        let frame = match held {
            Some(held) => frame.clone().filter(held).map_err(unreadable)?,
            None => frame.clone(),
        };
        frame.select(columns).map_err(unreadable)
    }

    /// The rows of a side that have a key, marked as those of the dataset or of the other.
    fn marked(&self, side: DataFrame, own: i64) -> Result<DataFrame> {
        let present = self.columns().take(self.keys).map(Expr::is_not_null).reduce(Expr::and);
        let columns = self.columns().chain([lit(own).alias("own"), lit(1 - own).alias("theirs")]);
        let marked = side.select(columns.collect::<Vec<_>>());
        let present = |marked: DataFrame| match present {
            Some(present) => marked.filter(present),
            None => Ok(marked),
        };
        marked.and_then(present).map_err(unreadable)
    }

    fn columns(&self) -> impl Iterator<Item = Expr> + '_ {
        (0..self.pairs.len()).map(|place| ident(format!("c{place}")))
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::DataType::{
        Boolean, Date32, Decimal128, Float32, Float64, Int32, Int64, Timestamp, UInt64, Utf8,
    };
    use arrow::datatypes::TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};

    use super::*;

    #[test]
    fn values_are_compared_in_the_type_that_spark_chooses() {
        let seoul = || Some(Arc::from("Asia/Seoul"));
        let utc = || Some(Arc::from("+00:00"));
        for (own, theirs, common) in [
            (Int32, Int64, Some(Int64)),
            (Int64, UInt64, Some(Decimal128(20, 0))),
            (Int64, Float64, Some(Float64)),
            (Decimal128(12, 2), Decimal128(10, 4), Some(Decimal128(14, 4))),
            (Decimal128(12, 2), Float64, Some(Float64)),
            (Decimal128(12, 2), Float32, Some(Float64)),
            (Decimal128(12, 2), Utf8, Some(Float64)),
            (Utf8, Int64, Some(Int64)),
            (Utf8, Date32, Some(Date32)),
            (Utf8, Timestamp(Microsecond, seoul()), Some(Timestamp(Microsecond, utc()))),
            (Utf8, Timestamp(Second, None), Some(Timestamp(Microsecond, None))),
            (Date32, Timestamp(Nanosecond, None), Some(Timestamp(Microsecond, None))),
            (Timestamp(Nanosecond, None), Timestamp(Second, seoul()), Some(Timestamp(Microsecond, utc()))),
            (Timestamp(Millisecond, seoul()), Timestamp(Second, utc()), Some(Timestamp(Millisecond, utc()))),
            (Date32, Int64, None),
            (Boolean, Int64, None),
        ] {
            assert_eq!(common_type(&own, &theirs), common, "{own} and {theirs}");
            assert_eq!(common_type(&theirs, &own), common, "{theirs} and {own}");
        }
    }
}
