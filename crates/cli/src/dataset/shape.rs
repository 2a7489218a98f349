//! How rules see what was read: plain columns, codes as text, blank text as text.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::AsArray as _;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::functions_aggregate::expr_fn::bool_or;
use datafusion::prelude::{DataFrame, Expr, SessionContext, cast, coalesce, col, ident, lit, try_cast};
use lakegate_contract::{Error, type_name};

use super::files_table::FilesTable;

type Frame = datafusion::error::Result<DataFrame>;

/// The columns without any value, whose type nobody knows.
pub fn without_type(frame: &DataFrame) -> Vec<String> {
    let fields = frame.schema().fields().iter();
    fields.filter(|field| *field.data_type() == DataType::Null).map(|field| field.name().clone()).collect()
}

/// The schema with those columns marked.
pub fn marked(schema: &SchemaRef, untyped: &[String]) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match untyped.contains(field.name()) {
        true => Arc::new(lakegate_quality::untyped(field.as_ref().clone())),
        false => Arc::clone(field),
    });
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()))
}

/// Rules see plain columns: a dictionary is its values, and a column without any value is text that is NULL.
pub fn plain_columns(frame: DataFrame) -> Frame {
    let special = |t: &DataType| match t {
        DataType::Dictionary(_, value) => Some(value.as_ref().clone()),
        DataType::Null => Some(DataType::Utf8),
        _ => None,
    };
    if !frame.schema().fields().iter().any(|f| special(f.data_type()).is_some()) {
        return Ok(frame);
    }
    let columns: Vec<_> = frame
        .schema()
        .columns()
        .into_iter()
        .zip(frame.schema().fields().iter())
        .map(|(column, field)| match special(field.data_type()) {
            Some(plain) => {
                let name = column.name.clone();
                cast(col(column), plain).alias(name)
            }
            None => col(column),
        })
        .collect();
    frame.select(columns)
}

/// Glue's rule: a blank CSV cell is the empty string in a text column, also in one of blank cells alone, and NULL in a typed one. A
/// partition column has no cells.
pub fn blank_text_is_empty(frame: DataFrame, cells: &Schema) -> Frame {
    let columns: Vec<_> = frame
        .schema()
        .columns()
        .into_iter()
        .zip(frame.schema().fields().iter())
        .map(|(column, field)| {
            let name = column.name.clone();
            let value = col(column);
            match field.data_type() {
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View if cells.index_of(&name).is_ok() => {
                    coalesce(vec![value, lit("")]).alias(name)
                }
                _ => value,
            }
        })
        .collect();
    frame.select(columns)
}

/// Columns whose cells have the form of a type and cannot all be read as of it are text. A number with a zero in front is a code, and
/// would lose its zero; 30 February and the hour 25 are no times, and nothing of the file could be read. `None` when there is none.
pub async fn with_misread_cells_as_text(
    context: &SessionContext,
    table: &FilesTable,
) -> datafusion::error::Result<Option<SchemaRef>> {
    let inferred = table.file_schema();
    let asked = inferred.fields().iter().filter_map(|field| Some(bool_or(misread(field)?).alias(field.name())));
    let asked: Vec<_> = asked.collect();
    if asked.is_empty() {
        return Ok(None);
    }
    let texts: Vec<_> = inferred.fields().iter().map(|f| Field::new(f.name(), DataType::Utf8, true)).collect();
    let frame = context.read_table(Arc::new(table.with_schema(Arc::new(Schema::new(texts)))))?;
    let found = frame.aggregate(Vec::new(), asked)?.collect().await?;
    let is_misread = |name: &str| {
        found.iter().any(|batch| {
            batch
                .column_by_name(name)
                .and_then(|c| c.as_boolean_opt())
                .is_some_and(|c| c.iter().any(|v| v == Some(true)))
        })
    };
    if !inferred.fields().iter().any(|f| is_misread(f.name())) {
        return Ok(None);
    }
    let typed = inferred.fields().iter().map(|f| {
        let data_type = if is_misread(f.name()) { DataType::Utf8 } else { f.data_type().clone() };
        Field::new(f.name(), data_type, true)
    });
    Ok(Some(Arc::new(Schema::new(typed.collect::<Vec<_>>()))))
}

/// Whether a text would be read as another value, or not at all, as of the type of a column; `None` where none would.
fn misread(field: &Field) -> Option<Expr> {
    let text = ident(field.name());
    match field.data_type() {
        whole if whole.is_integer() => Some(text.like(lit("0_%"))),
        time @ (DataType::Date32 | DataType::Timestamp(..)) => {
            Some(text.clone().is_not_null().and(try_cast(text, time.clone()).is_null()))
        }
        _ => None,
    }
}

/// One schema for CSV files of the same header: a column that is not of one type in all of them is text, unless it is of numbers.
pub fn merged(schemas: &[SchemaRef]) -> SchemaRef {
    let Some((first, others)) = schemas.split_first() else { return Arc::new(Schema::empty()) };
    let fields = first.fields().iter().enumerate().map(|(place, field)| {
        let types = others.iter().filter_map(|other| other.fields().get(place)).map(|other| other.data_type());
        let common = types.fold(field.data_type().clone(), common_type);
        Field::new(field.name(), common, true)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The first column that two files, by their names, hold in different types.
pub fn conflict(schemas: &[(String, SchemaRef)]) -> Option<Error> {
    let mut known: BTreeMap<&str, (&DataType, &str)> = BTreeMap::new();
    for (file, schema) in schemas {
        for field in schema.fields() {
            let (data_type, first) = *known.entry(field.name()).or_insert((field.data_type(), file));
            if data_type != field.data_type() {
                let (found, wanted) = (type_name(field.data_type()), type_name(data_type));
                let error = Error::bad_input(format!("column `{}` is of type {found} here", field.name()));
                return Some(error.at(file).expected(format!("{wanted}, as in {first}")).help(
                    "files of one dataset hold a column in one type: judge them apart, or write one of them anew",
                ));
            }
        }
    }
    None
}

fn common_type(a: DataType, b: &DataType) -> DataType {
    match (&a, b) {
        (same, other) if *same == *other => a,
        (DataType::Null, other) => other.clone(),
        (_, DataType::Null) => a,
        (DataType::Int64, DataType::Float64) | (DataType::Float64, DataType::Int64) => DataType::Float64,
        (DataType::Date32, DataType::Timestamp(..)) => b.clone(),
        (DataType::Timestamp(..), DataType::Date32) => a,
        // Units are in the order of their size.
        (DataType::Timestamp(own, _), DataType::Timestamp(other, _)) => {
            if other > own {
                b.clone()
            } else {
                a
            }
        }
        _ => DataType::Utf8,
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::TimeUnit;

    use super::*;

    #[test]
    fn files_of_different_types_are_told_with_both_places() {
        let schema = |name: &str, b: DataType| {
            let fields = vec![Field::new("a", DataType::Int64, true), Field::new("b", b, true)];
            (name.to_owned(), Arc::new(Schema::new(fields)))
        };
        let same = [schema("x", DataType::Utf8), schema("y", DataType::Utf8)];
        assert!(conflict(&same).is_none());
        let error = conflict(&[same.as_slice(), &[schema("z", DataType::Date32)]].concat()).unwrap();
        assert_eq!(error.to_string().split(';').next(), Some("z: column `b` is of type date here"));
        assert_eq!(error.expectation(), Some("string, as in x"));
    }

    #[test]
    fn columns_of_several_files_have_one_type() {
        let schema = |types: [DataType; 3]| Arc::new(Schema::new(types.map(|t| Field::new("c", t, true)).to_vec()));
        let merged = merged(&[
            schema([DataType::Null, DataType::Int64, DataType::Int64]),
            schema([DataType::Date32, DataType::Float64, DataType::Boolean]),
        ]);
        let types: Vec<_> = merged.fields().iter().map(|f| f.data_type().clone()).collect();
        assert_eq!(types, [DataType::Date32, DataType::Float64, DataType::Utf8]);
    }

    #[test]
    fn times_of_several_files_have_the_finest_unit() {
        let time = |unit| DataType::Timestamp(unit, None);
        for (a, b, common) in [
            (time(TimeUnit::Second), time(TimeUnit::Microsecond), time(TimeUnit::Microsecond)),
            (time(TimeUnit::Millisecond), time(TimeUnit::Second), time(TimeUnit::Millisecond)),
            (DataType::Date32, time(TimeUnit::Second), time(TimeUnit::Second)),
        ] {
            assert_eq!(common_type(a.clone(), &b), common);
            assert_eq!(common_type(b, &a), common);
        }
    }
}
