//! Texts that functions make: none longer, and not more of them, than memory has room for.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::ScalarUDF;
use lakegate_contract::Error;

use super::udf::{argument, typed, wholes};

/// Longest text that a function makes, in bytes.
pub(super) const LONGEST: usize = 4 << 20;

/// Most bytes of the texts that a function makes of one batch.
const MOST: usize = 256 << 20;

/// Longest text of which functions are made whose work grows with the square of it, in bytes.
pub(super) const LONGEST_SQUARED: usize = 5_000;

/// Gives texts back as they are, or fails if one is too long: its second argument is the limit.
pub(super) const NAME: &str = "spark_bounded";

/// The function of that name.
pub(super) fn udf() -> Arc<ScalarUDF> {
    typed(
        NAME,
        |fields, _| match fields {
            [value, _] => Ok(value.data_type().clone()),
            _ => plan_err!("a text and a limit are compared"),
        },
        |args, _| {
            let (values, limits) = (argument(args, 0)?, wholes(args, 1)?);
            let limit = limits.iter().flatten().next().and_then(|limit| usize::try_from(limit).ok());
            refuse_long(values, limit.unwrap_or(LONGEST))?;
            Ok(Arc::clone(values))
        },
    )
}

fn refuse_long(values: &ArrayRef, limit: usize) -> Result<()> {
    let binary = match values.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Binary | DataType::BinaryView => {
            arrow::compute::cast(values, &DataType::LargeBinary)?
        }
        _ => return Ok(()),
    };
    let lengths = arrow::compute::kernels::length::length(&binary)?;
    let longest = arrow::compute::max(arrow::array::AsArray::as_primitive::<arrow::datatypes::Int64Type>(&lengths));
    let total = values.get_array_memory_size();
    if longest.and_then(|longest| usize::try_from(longest).ok()).is_some_and(|longest| longest > limit) {
        return Err(too_long(limit));
    }
    if limit == LONGEST && total > MOST { Err(too_many()) } else { Ok(()) }
}

fn too_long(limit: usize) -> DataFusionError {
    failed(Error::usage(format!("a function of SQL meets or makes a text of more than {limit} bytes")))
}

fn too_many() -> DataFusionError {
    failed(Error::usage(format!("a function of SQL makes more than {MOST} bytes of text of one batch of rows")))
}

fn failed(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The texts that a function makes, row by row.
pub(super) struct Texts {
    made: StringBuilder,
    bytes: usize,
}

impl Texts {
    pub(super) fn new() -> Self {
        Self { made: StringBuilder::new(), bytes: 0 }
    }

    /// Takes room for a text before it is made.
    ///
    /// # Errors
    /// When it would be too long, or the last of too many.
    pub(super) fn reserve(&mut self, bytes: Option<usize>) -> Result<()> {
        let bytes = bytes.filter(|bytes| *bytes <= LONGEST).ok_or_else(|| too_long(LONGEST))?;
        self.bytes += bytes;
        if self.bytes > MOST { Err(too_many()) } else { Ok(()) }
    }

    /// Adds a text, for which there is room.
    pub(super) fn push(&mut self, text: Option<impl AsRef<str>>) {
        self.made.append_option(text);
    }

    pub(super) fn finish(mut self) -> ArrayRef {
        Arc::new(self.made.finish())
    }
}
