//! A key as a number: two keys are equal exactly when their numbers are, but for a chance that nobody meets.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, BooleanBufferBuilder, make_array};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float16Type, Float32Type, Float64Type};
use arrow::row::{RowConverter, SortField};
use lakegate_contract::{Error, Result};
use twox_hash::XxHash3_128;

use super::entry::key_of;
use super::kernel;

/// Nobody who makes keys knows it, so nobody can make two keys of one hash.
static SEED: LazyLock<u64> = LazyLock::new(|| {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one("keys")
});

/// Which rows have no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyless {
    /// Those in which every column is NULL.
    AllNull,
    /// Those in which one of so many first columns is NULL.
    AnyNull(usize),
    /// None: NULL is a value like others.
    Never,
}

/// Turns rows of columns of some types into hashes of 91 bits, the highest of 128: the others are left for notes.
pub(crate) struct KeyHasher {
    /// For keys that are not one column of text or of fixed width.
    converter: Option<RowConverter>,
    types: Vec<DataType>,
    keyless: Keyless,
}

/// The keys of a batch.
pub(crate) struct Hashes {
    /// Those of the rows that have one.
    pub(crate) hashes: Vec<u128>,
    /// Which rows these are; `None`: all.
    pub(crate) present: Option<NullBuffer>,
}

impl KeyHasher {
    pub(crate) fn new(types: &[DataType], keyless: Keyless) -> Result<Self> {
        let converter = match types {
            [only] if is_plain(only) && keyless != Keyless::Never => None,
            _ => {
                let fields = types.iter().map(|t| SortField::new(t.clone())).collect();
                Some(RowConverter::new(fields).map_err(|e| {
                    Error::usage("a column of this type cannot be compared for uniqueness").caused_by(e)
                })?)
            }
        };
        Ok(Self { converter, types: types.to_vec(), keyless })
    }

    /// The keys of rows: columns of other types are cast, and a row of which a value cannot be has none.
    pub(crate) fn hashes(&self, columns: &[ArrayRef]) -> Result<Hashes> {
        let rows = columns.first().map_or(0, |c| c.len());
        let mut held = None;
        let mut cast = |(column, wanted): (&ArrayRef, &DataType)| {
            if column.data_type() == wanted {
                return canonical(column);
            }
            let cast = cast(column, wanted).map_err(kernel)?;
            held = NullBuffer::union(held.as_ref(), held_by(column, &cast).as_ref());
            canonical(&cast)
        };
        let columns: Vec<ArrayRef> = columns.iter().zip(&self.types).map(&mut cast).collect::<Result<_>>()?;
        let present = NullBuffer::union(held.as_ref(), self.present(&columns, rows).as_ref());
        let hashes = match (&self.converter, columns.as_slice()) {
            (None, [only]) => hashes_of_one(only)?,
            (None, _) => return Err(Error::bug("keys without a converter")),
            (Some(converter), _) => {
                let encoded = converter.convert_columns(&columns).map_err(kernel)?;
                let kept = |row: &usize| present.as_ref().is_none_or(|present| present.is_valid(*row));
                (0..rows).filter(kept).map(|row| hash(encoded.row(row).as_ref())).collect()
            }
        };
        Ok(Hashes { hashes, present })
    }

    fn present(&self, columns: &[ArrayRef], rows: usize) -> Option<NullBuffer> {
        let nulls = |count: usize| columns.iter().take(count).map(|c| c.logical_nulls());
        let present = match self.keyless {
            Keyless::Never => None,
            Keyless::AnyNull(first) => nulls(first).fold(None, |a, b| NullBuffer::union(a.as_ref(), b.as_ref())),
            Keyless::AllNull => {
                let all: Option<Vec<NullBuffer>> = nulls(columns.len()).collect();
                let values = all?.into_iter().map(NullBuffer::into_inner).reduce(|a, b| &a | &b)?;
                Some(NullBuffer::new(values))
            }
        };
        present.filter(|present| present.len() == rows && present.null_count() > 0)
    }
}

impl Hashes {
    /// A truth for each row: that of its key, or `keyless` where it has none.
    pub(crate) fn truths(
        self,
        rows: usize,
        keyless: bool,
        mut of_key: impl FnMut(u128) -> Result<bool>,
    ) -> Result<BooleanArray> {
        let mut truths = BooleanBufferBuilder::new(rows);
        let mut hashes = self.hashes.into_iter();
        for row in 0..rows {
            let has_key = self.present.as_ref().is_none_or(|present| present.is_valid(row));
            truths.append(match has_key {
                true => of_key(hashes.next().ok_or_else(|| Error::bug("a row lacks its key"))?)?,
                false => keyless,
            });
        }
        Ok(BooleanArray::new(truths.finish(), None))
    }
}

fn hash(bytes: &[u8]) -> u128 {
    key_of(XxHash3_128::oneshot_with_seed(*SEED, bytes))
}

/// Whether values of the type are equal exactly when their bytes are.
fn is_plain(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
        || (data_type.is_primitive() && !data_type.is_floating())
}

/// The rows whose value the type that it was cast to can hold; `None`: all.
fn held_by(column: &ArrayRef, cast: &ArrayRef) -> Option<NullBuffer> {
    let values = cast.logical_nulls()?;
    let held = match column.logical_nulls() {
        Some(before) => values.inner() | &!before.inner(),
        None => values.into_inner(),
    };
    Some(NullBuffer::new(held)).filter(|held| held.null_count() > 0)
}

/// Zero has two forms in floating point and NaN many; as keys they are one each, also within lists and structures.
fn canonical(column: &ArrayRef) -> Result<ArrayRef> {
    Ok(match column.data_type() {
        DataType::Float64 => one_zero::<Float64Type>(column, |v| if v.is_nan() { f64::NAN } else { v + 0.0 }),
        DataType::Float32 => one_zero::<Float32Type>(column, |v| if v.is_nan() { f32::NAN } else { v + 0.0 }),
        DataType::Float16 => {
            type Half = <Float16Type as ArrowPrimitiveType>::Native;
            one_zero::<Float16Type>(column, |v| if v.is_nan() { Half::NAN } else { v + Half::ZERO })
        }
        nested if nested.is_nested() && holds_floats(nested) => {
            let data = column.to_data();
            let parts = data.child_data().iter().map(|part| Ok(canonical(&make_array(part.clone()))?.to_data()));
            let parts = parts.collect::<Result<Vec<_>>>()?;
            make_array(data.into_builder().child_data(parts).build().map_err(kernel)?)
        }
        _ => ArrayRef::clone(column),
    })
}

fn one_zero<T: ArrowPrimitiveType>(column: &ArrayRef, canonical: impl Fn(T::Native) -> T::Native) -> ArrayRef {
    Arc::new(column.as_primitive::<T>().unary::<_, T>(canonical))
}

fn holds_floats(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => holds_floats(item.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| holds_floats(field.data_type())),
        other => other.is_floating(),
    }
}

/// Hashes of the values of one column that are not NULL.
fn hashes_of_one(column: &ArrayRef) -> Result<Vec<u128>> {
    let texts = |texts: &mut dyn Iterator<Item = Option<&str>>| texts.flatten().map(|t| hash(t.as_bytes())).collect();
    Ok(match column.data_type() {
        DataType::Utf8 => texts(&mut column.as_string::<i32>().iter()),
        DataType::LargeUtf8 => texts(&mut column.as_string::<i64>().iter()),
        DataType::Utf8View => texts(&mut column.as_string_view().iter()),
        other => {
            let width = other.primitive_width().ok_or_else(|| Error::bug("a key column without a width"))?;
            let data = column.to_data();
            let bytes = data.buffers().first().map_or(&[][..], |b| b.as_slice());
            let bytes = bytes.get(data.offset() * width..).unwrap_or_default();
            let values = bytes.chunks_exact(width).take(column.len());
            match column.nulls() {
                None => values.map(hash).collect(),
                Some(nulls) => {
                    let valid = values.enumerate().filter(|(row, _)| nulls.is_valid(*row));
                    valid.map(|(_, value)| hash(value)).collect()
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float16Array, Float64Array, Int64Array, ListArray, StringArray};
    use arrow::datatypes::Float64Type;

    use super::*;

    fn hashes(hasher: &KeyHasher, columns: &[ArrayRef]) -> Vec<u128> {
        hasher.hashes(columns).unwrap().hashes
    }

    #[test]
    fn zero_is_one_key_in_every_type() {
        let half = |v: f32| <Float16Type as ArrowPrimitiveType>::Native::from_f32(v);
        let lists = [Some(vec![Some(0.0), None]), Some(vec![Some(-0.0), None]), None, Some(vec![])];
        let columns: [ArrayRef; 3] = [
            Arc::new(Float64Array::from(vec![0.0, -0.0, 1.0])),
            Arc::new(Float16Array::from(vec![half(0.0), half(-0.0), half(1.0)])),
            Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(lists).slice(0, 4)),
        ];
        for column in columns {
            let hasher = KeyHasher::new(&[column.data_type().clone()], Keyless::AllNull).unwrap();
            let found = hashes(&hasher, std::slice::from_ref(&column));
            assert_eq!(found.len(), 3, "{column:?}");
            assert!(found[0] == found[1] && found[1] != found[2], "{column:?}");
        }
    }

    #[test]
    fn what_the_common_type_cannot_hold_is_no_key() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("1"), Some("one"), None]));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, None]));
        for keyless in [Keyless::Never, Keyless::AnyNull(0)] {
            let hasher = KeyHasher::new(&[DataType::Int64], keyless).unwrap();
            let found = hashes(&hasher, &[Arc::clone(&texts)]);
            // 1, and NULL, which both sides have.
            assert_eq!(found, hashes(&hasher, &[numbers.slice(0, 2)]));
        }
    }
}
