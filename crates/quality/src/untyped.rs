//! Columns that have no type because no row has a value in them: blank in every row of a CSV file, `null` in every row of a JSON
//! file. They are read as strings, empty or NULL, and rules over numbers take them for numbers that are all NULL.

use arrow::datatypes::{DataType, Field};

/// The key of a field's metadata that says so.
const KEY: &str = "lakegate.untyped";

/// The column, marked as one without a type.
#[must_use]
pub fn untyped(field: Field) -> Field {
    let mut metadata = field.metadata().clone();
    metadata.insert(KEY.to_owned(), "true".to_owned());
    field.with_metadata(metadata)
}

/// Whether a rule over numbers can measure the column.
pub(crate) fn holds_numbers(field: &Field) -> bool {
    is_untyped(field) || field.data_type().is_numeric()
}

/// Whether the column is marked so.
pub(crate) fn is_untyped(field: &Field) -> bool {
    field.metadata().contains_key(KEY) || *field.data_type() == DataType::Null
}
