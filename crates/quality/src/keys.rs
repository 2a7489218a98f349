//! How often keys occur: in one pass, in bounded memory, spilling what does not fit.
//!
//! A key counts as its 127-bit hash under a seed of this process: among a billion keys the chance that two share one is
//! below 10⁻²⁰. Hashes gather in a buffer; a full buffer is sorted, equal ones become one, and if that makes no room it goes
//! to an unnamed temporary file. In the end the sorted runs are merged.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek as _, Write as _};
use std::sync::LazyLock;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::NullBuffer;
use arrow::compute::filter;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use arrow::row::{RowConverter, SortField};
use lakegate_contract::{Error, Result};
use twox_hash::XxHash3_128;

/// Set in an entry whose key was seen more than once.
const REPEATED: u128 = 1;
/// Runs that are merged at once.
const MAX_RUNS: usize = 64;
/// Bytes of an entry.
const WIDTH: usize = size_of::<u128>();

/// Nobody who makes keys knows it, so nobody can make two keys of one hash.
static SEED: LazyLock<u64> = LazyLock::new(|| {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one("keys")
});

/// What was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KeyCounts {
    /// Rows, those without any key included.
    pub(crate) rows: u64,
    /// Rows with a value in at least one of the columns.
    pub(crate) keyed: u64,
    /// NULLs of each column.
    pub(crate) nulls: Vec<u64>,
    /// Different keys.
    pub(crate) distinct: u64,
    /// Keys of one row only.
    pub(crate) once: u64,
}

/// Counts the keys of one part of a dataset.
pub(crate) struct KeyCounter {
    /// For keys that are not one column of text or of fixed width.
    converter: Option<RowConverter>,
    buffer: Vec<u128>,
    capacity: usize,
    runs: Vec<Run>,
    counts: KeyCounts,
}

/// A sorted run of entries: below and above the middle of all hashes, so that two threads can merge.
struct Run {
    halves: [File; 2],
}

impl KeyCounter {
    /// A counter of keys of columns of these types, which holds about `bytes` in memory.
    pub(crate) fn new(types: &[DataType], bytes: usize) -> Result<Self> {
        let converter = match types {
            [only] if is_plain(only) => None,
            _ => {
                let fields = types.iter().map(|t| SortField::new(t.clone())).collect();
                Some(RowConverter::new(fields).map_err(|e| {
                    Error::usage("a column of this type cannot be compared for uniqueness").caused_by(e)
                })?)
            }
        };
        let counts = KeyCounts { nulls: vec![0; types.len()], ..KeyCounts::default() };
        Ok(Self { converter, buffer: Vec::new(), capacity: (bytes / WIDTH).max(1024), runs: Vec::new(), counts })
    }

    /// Counts the keys of rows that `kept` keeps.
    pub(crate) fn add(&mut self, columns: &[ArrayRef], kept: Option<&BooleanArray>) -> Result<()> {
        let columns: Vec<ArrayRef> = match kept {
            None => columns.to_vec(),
            Some(kept) => {
                columns.iter().map(|c| filter(c, kept)).collect::<std::result::Result<_, _>>().map_err(kernel)?
            }
        };
        let rows = columns.first().map_or(0, |c| c.len());
        self.counts.rows += rows as u64;
        for (nulls, column) in self.counts.nulls.iter_mut().zip(&columns) {
            *nulls += column.logical_null_count() as u64;
        }
        let columns: Vec<ArrayRef> = columns.iter().map(canonical).collect::<Result<_>>()?;
        let hashes = match (&self.converter, columns.as_slice()) {
            (None, [only]) => hashes_of_one(only)?,
            _ => self.hashes_of_many(&columns, rows)?,
        };
        self.counts.keyed += hashes.len() as u64;
        for hash in hashes {
            if self.buffer.len() == self.capacity {
                self.make_room()?;
            }
            self.buffer.push(hash & !REPEATED);
        }
        Ok(())
    }

    fn hashes_of_many(&self, columns: &[ArrayRef], rows: usize) -> Result<Vec<u128>> {
        let converter = self.converter.as_ref().ok_or_else(|| Error::bug("keys without a converter"))?;
        let encoded = converter.convert_columns(columns).map_err(kernel)?;
        let present = |row: &usize| columns.iter().any(|c| c.is_valid(*row));
        Ok((0..rows).filter(present).map(|row| hash(encoded.row(row).as_ref())).collect())
    }

    fn make_room(&mut self) -> Result<()> {
        compact(&mut self.buffer);
        // Little was repeated: the buffer would be full again at once.
        if self.buffer.len() > self.capacity / 2 {
            self.runs.push(Run::write(self.buffer.iter().copied())?);
            self.buffer.clear();
        }
        if self.runs.len() >= MAX_RUNS {
            let runs = std::mem::take(&mut self.runs);
            self.runs.push(Run::merged(runs)?);
        }
        Ok(())
    }
}

/// The counts of all parts together.
pub(crate) async fn total(counters: Vec<KeyCounter>) -> Result<KeyCounts> {
    let mut sum = KeyCounts::default();
    let mut sources: [Vec<Entries>; 2] = [Vec::new(), Vec::new()];
    for mut counter in counters {
        sum.rows += counter.counts.rows;
        sum.keyed += counter.counts.keyed;
        sum.nulls.resize(counter.counts.nulls.len().max(sum.nulls.len()), 0);
        sum.nulls.iter_mut().zip(&counter.counts.nulls).for_each(|(a, b)| *a += b);
        compact(&mut counter.buffer);
        let above = counter.buffer.split_off(counter.buffer.partition_point(|entry| half_of(*entry) == 0));
        let [lower, upper] = &mut sources;
        lower.push(Entries::Memory(counter.buffer.into_iter()));
        upper.push(Entries::Memory(above.into_iter()));
        for run in counter.runs {
            let [below, above] = run.halves;
            lower.push(Entries::read(below)?);
            upper.push(Entries::read(above)?);
        }
    }
    let merges = sources.map(|half| tokio::task::spawn_blocking(move || count_merged(half)));
    for merge in merges {
        let (distinct, once) = merge.await.map_err(|_| Error::bug("merging keys has stopped"))??;
        sum.distinct += distinct;
        sum.once += once;
    }
    Ok(sum)
}

/// Sorts entries and makes one of equal keys.
fn compact(entries: &mut Vec<u128>) {
    entries.sort_unstable();
    entries.dedup_by(|next, kept| {
        let same = *next >> 1 == *kept >> 1;
        if same {
            *kept |= REPEATED;
        }
        same
    });
}

fn half_of(entry: u128) -> usize {
    usize::from(entry >> 127 != 0)
}

/// Different keys, and those of one row.
fn count_merged(sources: Vec<Entries>) -> Result<(u64, u64)> {
    let (mut distinct, mut once) = (0, 0);
    merge(sources, |entry| {
        distinct += 1;
        once += u64::from(entry & REPEATED == 0);
        Ok(())
    })?;
    Ok((distinct, once))
}

/// Hands the entries of sorted sources on in order, one for each key.
fn merge(mut sources: Vec<Entries>, mut take: impl FnMut(u128) -> Result<()>) -> Result<()> {
    use std::cmp::Reverse;
    let mut heads = std::collections::BinaryHeap::new();
    for (index, source) in sources.iter_mut().enumerate() {
        if let Some(entry) = source.next()? {
            heads.push(Reverse((entry, index)));
        }
    }
    let mut current: Option<u128> = None;
    while let Some(mut head) = heads.peek_mut() {
        let Reverse((entry, index)) = *head;
        current = Some(match current {
            Some(known) if known >> 1 == entry >> 1 => known | REPEATED,
            Some(known) => {
                take(known)?;
                entry
            }
            None => entry,
        });
        let next = match sources.get_mut(index) {
            Some(source) => source.next()?,
            None => None,
        };
        match next {
            Some(next) => *head = Reverse((next, index)),
            None => drop(std::collections::binary_heap::PeekMut::pop(head)),
        }
    }
    current.map_or(Ok(()), take)
}

/// Entries in order, from memory or from a file.
enum Entries {
    Memory(std::vec::IntoIter<u128>),
    File(BufReader<File>),
}

impl Entries {
    fn read(mut file: File) -> Result<Self> {
        file.rewind().map_err(disk)?;
        Ok(Entries::File(BufReader::with_capacity(1 << 16, file)))
    }

    fn next(&mut self) -> Result<Option<u128>> {
        match self {
            Entries::Memory(entries) => Ok(entries.next()),
            Entries::File(file) => {
                let mut bytes = [0; WIDTH];
                match file.read_exact(&mut bytes) {
                    Ok(()) => Ok(Some(u128::from_le_bytes(bytes))),
                    Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
                    Err(error) => Err(disk(error)),
                }
            }
        }
    }
}

impl Run {
    fn write(entries: impl Iterator<Item = u128>) -> Result<Self> {
        let mut halves = [Self::file()?, Self::file()?];
        for entry in entries {
            if let Some(file) = halves.get_mut(half_of(entry)) {
                file.write_all(&entry.to_le_bytes()).map_err(disk)?;
            }
        }
        Self::finish(halves)
    }

    fn merged(runs: Vec<Run>) -> Result<Self> {
        let mut sources: [Vec<Entries>; 2] = [Vec::new(), Vec::new()];
        for run in runs {
            for (half, file) in sources.iter_mut().zip(run.halves) {
                half.push(Entries::read(file)?);
            }
        }
        let mut halves = [Self::file()?, Self::file()?];
        for (half, file) in sources.into_iter().zip(&mut halves) {
            merge(half, |entry| file.write_all(&entry.to_le_bytes()).map_err(disk))?;
        }
        Self::finish(halves)
    }

    /// Without a name: it is gone with the process, however that ends.
    fn file() -> Result<BufWriter<File>> {
        Ok(BufWriter::with_capacity(1 << 16, tempfile::tempfile().map_err(disk)?))
    }

    fn finish(halves: [BufWriter<File>; 2]) -> Result<Self> {
        let [below, above] = halves.map(|file| file.into_inner().map_err(|e| disk(e.into_error())));
        Ok(Self { halves: [below?, above?] })
    }
}

fn disk(error: std::io::Error) -> Error {
    Error::unavailable(format!("the keys of a rule cannot be spilled: {}", error.kind()))
        .at(std::env::temp_dir().display().to_string())
        .help("make room there, or name another folder in TMPDIR")
}

fn kernel(error: arrow::error::ArrowError) -> Error {
    Error::bug("keys cannot be encoded").caused_by(error)
}

fn hash(bytes: &[u8]) -> u128 {
    XxHash3_128::oneshot_with_seed(*SEED, bytes)
}

/// Whether values of the type are equal exactly when their bytes are.
fn is_plain(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
        || (data_type.is_primitive() && !data_type.is_floating())
}

/// Zero has two forms in floating point and NaN many; as keys they are one each.
fn canonical(column: &ArrayRef) -> Result<ArrayRef> {
    Ok(match column.data_type() {
        DataType::Float64 => std::sync::Arc::new(
            column
                .as_primitive::<Float64Type>()
                .unary::<_, Float64Type>(|v| if v.is_nan() { f64::NAN } else { v + 0.0 }),
        ),
        DataType::Float32 => std::sync::Arc::new(
            column
                .as_primitive::<Float32Type>()
                .unary::<_, Float32Type>(|v| if v.is_nan() { f32::NAN } else { v + 0.0 }),
        ),
        _ => ArrayRef::clone(column),
    })
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
            let valid = |row: &usize| column.nulls().is_none_or(|n: &NullBuffer| n.is_valid(*row));
            let values = bytes.chunks_exact(width).take(column.len()).enumerate();
            values.filter(|(row, _)| valid(row)).map(|(_, value)| hash(value)).collect()
        }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array, StringArray};
    use proptest::prelude::*;

    use super::*;

    async fn counted(parts: &[Vec<Option<i64>>], bytes: usize) -> KeyCounts {
        let mut counters = Vec::new();
        for part in parts {
            let mut counter = KeyCounter::new(&[DataType::Int64], bytes).unwrap();
            for chunk in part.chunks(97) {
                counter.add(&[Arc::new(Int64Array::from(chunk.to_vec()))], None).unwrap();
            }
            counters.push(counter);
        }
        total(counters).await.unwrap()
    }

    fn expected(parts: &[Vec<Option<i64>>]) -> KeyCounts {
        let mut seen: HashMap<i64, u64> = HashMap::new();
        let all: Vec<Option<i64>> = parts.concat();
        all.iter().flatten().for_each(|v| *seen.entry(*v).or_default() += 1);
        KeyCounts {
            rows: all.len() as u64,
            keyed: all.iter().flatten().count() as u64,
            nulls: vec![all.iter().filter(|v| v.is_none()).count() as u64],
            distinct: seen.len() as u64,
            once: seen.values().filter(|n| **n == 1).count() as u64,
        }
    }

    #[tokio::test]
    async fn what_spills_counts_the_same() {
        // 1,024 entries fit: 100,000 keys make some 100 runs, more than are merged at once.
        let unique: Vec<Option<i64>> = (0..100_000).map(Some).collect();
        let again: Vec<Option<i64>> = (99_000..140_000).map(|v| (v % 7 != 0).then_some(v)).collect();
        let few: Vec<Option<i64>> = (0..50_000).map(|v| Some(-(v % 3) - 1)).collect();
        let parts = [unique, again, few];
        assert_eq!(counted(&parts, 0).await, expected(&parts));
        assert_eq!(counted(&parts, 1 << 30).await, expected(&parts));
    }

    proptest! {
        #[test]
        fn counts_are_those_of_a_map(parts in prop::collection::vec(prop::collection::vec(prop::option::of(-50i64..50), 0..300), 0..4)) {
            let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
            let found = runtime.block_on(counted(&parts, 0));
            let mut wanted = expected(&parts);
            wanted.nulls.truncate(found.nulls.len());
            prop_assert_eq!(found, wanted);
        }
    }

    #[tokio::test]
    async fn several_columns_make_one_key_and_where_leaves_rows_out() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("a"), None, None, Some("b"), Some("b")]));
        let zero = Float64Array::from(vec![Some(0.0), Some(-0.0), Some(1.0), None, None, Some(9.0)]);
        let kept = BooleanArray::from(vec![true, true, true, true, true, false]);
        let mut counter = KeyCounter::new(&[DataType::Utf8, DataType::Float64], 0).unwrap();
        counter.add(&[texts, Arc::new(zero)], Some(&kept)).unwrap();
        let counts = total(vec![counter]).await.unwrap();
        // ("a", 0) twice, (NULL, 1) and ("b", NULL) once; the row of NULLs has no key.
        assert_eq!(counts, KeyCounts { rows: 5, keyed: 4, nulls: vec![2, 2], distinct: 3, once: 2 });
    }

    #[tokio::test]
    async fn slices_count_their_own_rows() {
        let whole = Int64Array::from(vec![Some(1), Some(1), None, Some(2), Some(3)]);
        let mut counter = KeyCounter::new(&[DataType::Int64], 0).unwrap();
        counter.add(&[Arc::new(whole.slice(1, 3))], None).unwrap();
        let counts = total(vec![counter]).await.unwrap();
        assert_eq!(counts, KeyCounts { rows: 3, keyed: 2, nulls: vec![1], distinct: 2, once: 2 });
    }
}
