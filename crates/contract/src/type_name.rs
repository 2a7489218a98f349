//! Types of data by the names that users of Spark, Glue and Athena know.

use arrow::datatypes::DataType;

/// The name of a type of Arrow as Spark writes it, in which messages speak of types: `string`, `bigint`, `decimal(12,2)`,
/// `array<string>`. Unsigned numbers have the name of the type that Spark reads them as; a time without a zone is `timestamp_ntz`.
///
/// ```
/// use arrow::datatypes::{DataType, TimeUnit};
/// use lakegate_contract::type_name;
///
/// assert_eq!(type_name(&DataType::Utf8View), "string");
/// assert_eq!(type_name(&DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))), "timestamp");
/// ```
pub fn type_name(data_type: &DataType) -> String {
    let plain = match data_type {
        DataType::Null => "void",
        DataType::Boolean => "boolean",
        DataType::Int8 => "tinyint",
        DataType::Int16 | DataType::UInt8 => "smallint",
        DataType::Int32 | DataType::UInt16 => "int",
        DataType::Int64 | DataType::UInt32 => "bigint",
        DataType::UInt64 => "decimal(20,0)",
        DataType::Float16 | DataType::Float32 => "float",
        DataType::Float64 => "double",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => "binary",
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Timestamp(_, Some(_)) => "timestamp",
        DataType::Timestamp(_, None) => "timestamp_ntz",
        DataType::Time32(_) | DataType::Time64(_) => "time",
        DataType::Duration(_) | DataType::Interval(_) => "interval",
        _ => return composed(data_type),
    };
    plain.to_owned()
}

fn composed(data_type: &DataType) -> String {
    match data_type {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::LargeListView(element)
        | DataType::FixedSizeList(element, _) => format!("array<{}>", type_name(element.data_type())),
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|field| format!("{}:{}", field.name(), type_name(field.data_type())));
            format!("struct<{}>", fields.collect::<Vec<_>>().join(","))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) => {
                let sides = pair.iter().map(|side| type_name(side.data_type()));
                format!("map<{}>", sides.collect::<Vec<_>>().join(","))
            }
            other => format!("map<{}>", type_name(other)),
        },
        // How values are encoded is nothing that Spark knows.
        DataType::Dictionary(_, values) => type_name(values),
        DataType::RunEndEncoded(_, values) => type_name(values.data_type()),
        other => other.to_string().to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{Field, TimeUnit};

    use super::*;
    use crate::DataType as Declared;

    #[test]
    fn what_a_contract_declares_is_told_by_the_same_name() {
        for text in [
            "boolean",
            "tinyint",
            "smallint",
            "int",
            "bigint",
            "float",
            "double",
            "decimal(12,2)",
            "string",
            "binary",
            "date",
            "timestamp",
            "array<string>",
            "map<string,array<int>>",
            "struct<price:decimal(12,2),seen:timestamp>",
        ] {
            assert_eq!(type_name(&Declared::parse(text).unwrap().to_arrow()), text);
        }
    }

    #[test]
    fn other_types_of_arrow_have_the_name_of_what_spark_reads() {
        let coded = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::LargeUtf8));
        let list = DataType::LargeList(Arc::new(Field::new("item", DataType::UInt64, true)));
        let shown =
            [coded, list, DataType::Timestamp(TimeUnit::Nanosecond, None), DataType::Null].map(|t| type_name(&t));
        assert_eq!(shown, ["string", "array<decimal(20,0)>", "timestamp_ntz", "void"]);
    }
}
