//! Columns of the dataset beside those of another one: in which type they are compared.
//!
//! Types are Spark's choice (<https://spark.apache.org/docs/latest/sql-ref-ansi-compliance.html>, without ANSI mode): text beside a
//! number is cast to it, a decimal beside a double is a double, and times without a zone are those of UTC. A value that the common type
//! cannot hold equals nothing, not even NULL.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, TimeUnit};
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use lakegate_contract::{Error, Result, type_name};

use crate::row::unknown_column;

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
