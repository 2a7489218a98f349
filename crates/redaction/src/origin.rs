//! Where in its source each row of a batch stands.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt64Array};
use arrow::compute::{filter, take};
use arrow::datatypes::UInt64Type;
use lakegate_contract::{Error, Result};

/// What the numbers of an [`Origin`] count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginUnit {
    /// Bytes of the (decompressed) object: a row spans `start..end`.
    Byte,
    /// Rows as the source's user counts them: sheet rows from 1, or positions in a table's snapshot.
    Row,
}

impl OriginUnit {
    /// The word used in quarantine.
    pub fn as_str(self) -> &'static str {
        match self {
            OriginUnit::Byte => "byte",
            OriginUnit::Row => "row",
        }
    }

    /// The unit of a word used in quarantine.
    pub fn parse(word: &str) -> Option<Self> {
        [OriginUnit::Byte, OriginUnit::Row].into_iter().find(|unit| unit.as_str() == word)
    }
}

/// The places of a batch's rows: one object (and part of it), and a range per row.
#[derive(Debug, Clone)]
pub struct Origin {
    object: Arc<str>,
    part: Option<Arc<str>>,
    unit: OriginUnit,
    start: UInt64Array,
    end: UInt64Array,
}

impl Origin {
    /// Rows that span `start..end` (in `unit`) of `object`, and within it of `part` (a sheet).
    ///
    /// # Errors
    /// When the two lists differ in length or hold nulls.
    pub fn new(
        object: impl Into<Arc<str>>,
        part: Option<Arc<str>>,
        unit: OriginUnit,
        start: UInt64Array,
        end: UInt64Array,
    ) -> Result<Self> {
        if start.len() != end.len() || start.null_count() + end.null_count() > 0 {
            return Err(Error::bug("the origin of a batch does not cover its rows"));
        }
        Ok(Self { object: object.into(), part, unit, start, end })
    }

    /// Consecutive rows `first, first + 1, …` of `object`.
    pub fn rows(object: impl Into<Arc<str>>, part: Option<Arc<str>>, first: u64, count: usize) -> Self {
        let start = UInt64Array::from_iter_values((first..).take(count));
        let end = UInt64Array::from_iter_values((first + 1..).take(count));
        Self { object: object.into(), part, unit: OriginUnit::Row, start, end }
    }

    /// The object: a file, a key, a table.
    pub fn object(&self) -> &Arc<str> {
        &self.object
    }

    /// The part of the object, such as a sheet.
    pub fn part(&self) -> Option<&Arc<str>> {
        self.part.as_ref()
    }

    /// What the ranges count.
    pub fn unit(&self) -> OriginUnit {
        self.unit
    }

    /// First position of each row.
    pub fn start(&self) -> &UInt64Array {
        &self.start
    }

    /// Position after the last of each row.
    pub fn end(&self) -> &UInt64Array {
        &self.end
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.start.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.start.is_empty()
    }

    pub(crate) fn filter(&self, mask: &BooleanArray) -> Result<Self> {
        self.map(|a| filter(a, mask))
    }

    pub(crate) fn take(&self, indices: &dyn Array) -> Result<Self> {
        self.map(|a| take(a, indices, None))
    }

    pub(crate) fn slice(&self, offset: usize, length: usize) -> Self {
        Self { start: self.start.slice(offset, length), end: self.end.slice(offset, length), ..self.clone() }
    }

    fn map(&self, f: impl Fn(&dyn Array) -> arrow::error::Result<ArrayRef>) -> Result<Self> {
        let apply = |a: &UInt64Array| -> Result<UInt64Array> {
            let mapped = f(a).map_err(|e| Error::bug("the origin of a batch cannot be cut").caused_by(e))?;
            Ok(mapped.as_primitive::<UInt64Type>().clone())
        };
        Ok(Self { start: apply(&self.start)?, end: apply(&self.end)?, ..self.clone() })
    }
}
