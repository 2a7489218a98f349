//! How often keys occur, and which: in one pass, in bounded memory, spilling what does not fit.
//!
//! A key counts as its 91-bit hash under a seed of this process: the chance that two of 20 million keys share one is below 10⁻¹³, of a
//! billion below 10⁻⁹. Hashes gather in a buffer, each with the number of its rows; a full buffer is sorted, equal ones become one,
//! and if that makes no room it goes to an unnamed temporary file. In the end the sorted runs are merged.

mod entry;
mod hash;
mod set;
mod spill;

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, BooleanArray};
use arrow::compute::filter;
use arrow::datatypes::DataType;
use lakegate_contract::{Error, Result};

use crate::measure::as_double;
use entry::{ROW, THERE, WIDTH, compact, is_there, key_of, rows_of};
pub(crate) use hash::{KeyHasher, Keyless};
pub(crate) use set::KeySet;
use set::KeySetBuilder;
use spill::{Entries, Halves, Runs, Spill, half_of, merge};

/// What keys may hold in memory, and the file to which all of them spill what does not fit.
#[derive(Clone)]
pub(crate) struct Room {
    bytes: usize,
    spill: Arc<Spill>,
}

impl Room {
    /// So many bytes of memory, about.
    pub(crate) fn new(bytes: usize) -> Self {
        Self { bytes, spill: Arc::default() }
    }

    /// What each of so many may hold.
    pub(crate) fn shared_by(&self, many: usize) -> Self {
        Self { bytes: self.bytes / many.max(1), spill: Arc::clone(&self.spill) }
    }
}

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
    /// Of the others, how many keys have so many rows.
    pub(crate) repeated: BTreeMap<u64, u64>,
}

impl KeyCounts {
    /// Shannon's entropy of the keys in nats: ln n − Σ c ln c / n over the rows c of each of the n rows' keys. `None` without a key.
    pub(crate) fn entropy(&self) -> Option<f64> {
        let rows = as_double(self.keyed);
        let weights =
            self.repeated.iter().map(|(rows, keys)| as_double(*keys) * as_double(*rows) * as_double(*rows).ln());
        // One value alone: what is left is rounding.
        (self.keyed > 0).then(|| (rows.ln() - weights.sum::<f64>() / rows).max(0.0))
    }
}

/// Counts the keys of one part of a dataset.
pub(crate) struct KeyCounter {
    hasher: KeyHasher,
    mark: u128,
    buffer: Vec<u128>,
    capacity: usize,
    runs: Runs,
    counts: KeyCounts,
}

impl KeyCounter {
    /// A counter of keys of columns of these types. A row without any value has no key.
    pub(crate) fn new(types: &[DataType], room: &Room) -> Result<Self> {
        Ok(Self::of(KeyHasher::new(types, Keyless::AllNull)?, types.len(), room))
    }

    /// A counter of the keys that a hasher makes of so many columns.
    pub(crate) fn of(hasher: KeyHasher, columns: usize, room: &Room) -> Self {
        let counts = KeyCounts { nulls: vec![0; columns], ..KeyCounts::default() };
        let capacity = (room.bytes / WIDTH).max(1024);
        Self { hasher, mark: ROW, buffer: Vec::new(), capacity, runs: Runs::new(&room.spill), counts }
    }

    /// The same for the other of two datasets.
    #[must_use]
    pub(crate) fn of_the_other(self) -> Self {
        Self { mark: THERE, ..self }
    }

    /// Rows so far, those without any key included.
    pub(crate) fn rows(&self) -> u64 {
        self.counts.rows
    }

    /// Counts the keys of rows that `kept` keeps.
    pub(crate) fn add(&mut self, columns: &[ArrayRef], kept: Option<&BooleanArray>) -> Result<()> {
        let columns = kept_columns(columns.to_vec(), kept)?;
        let rows = columns.first().map_or(0, |c| c.len());
        self.counts.rows += rows as u64;
        for (nulls, column) in self.counts.nulls.iter_mut().zip(&columns) {
            *nulls += column.logical_null_count() as u64;
        }
        let hashes = self.hasher.hashes(&columns)?.hashes;
        self.counts.keyed += hashes.len() as u64;
        for hash in hashes {
            if self.buffer.len() == self.capacity {
                self.make_room()?;
            }
            self.buffer.push(hash | self.mark);
        }
        Ok(())
    }

    fn make_room(&mut self) -> Result<()> {
        compact(&mut self.buffer);
        // Little was repeated: the buffer would be full again at once.
        if self.buffer.len() > self.capacity / 2 {
            self.runs.write(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    fn add_to(mut self, sources: &mut Halves) {
        let above = self.buffer.split_off(self.buffer.partition_point(|entry| half_of(*entry) == 0));
        for (half, entries) in sources.iter_mut().zip([self.buffer, above]) {
            half.push(Entries::Memory(entries.into_iter()));
        }
        self.runs.add_to(sources);
    }
}

/// The rows of columns that are kept.
pub(crate) fn kept_columns(columns: Vec<ArrayRef>, kept: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
    let Some(kept) = kept else { return Ok(columns) };
    columns.iter().map(|column| filter(column, kept)).collect::<std::result::Result<_, _>>().map_err(kernel)
}

/// All keys of counters, to be asked for any of them.
pub(crate) type KnownKeys = HashSet<u128, BuildHasherDefault<OwnHash>>;

/// A key is its own hash.
#[derive(Default)]
pub(crate) struct OwnHash(u64);

impl Hasher for OwnHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, _) = bytes.as_chunks();
        self.0 = words.iter().fold(self.0, |hash, word| hash ^ u64::from_ne_bytes(*word));
    }

    fn write_u128(&mut self, key: u128) {
        // The lowest digits are notes.
        self.0 = (key >> 64) as u64;
    }
}

/// The keys of counters that have spilled nothing and are few enough for a table; else the counters.
pub(crate) fn in_memory(mut counters: Vec<KeyCounter>) -> std::result::Result<KnownKeys, Vec<KeyCounter>> {
    counters.iter_mut().for_each(|counter| compact(&mut counter.buffer));
    let held = counters.iter().map(|counter| counter.buffer.len()).sum::<usize>();
    let most = counters.iter().map(|counter| counter.capacity).sum::<usize>();
    // A table takes up to two and a half times as much as its keys.
    if held > most / 5 * 2 || counters.iter().any(|counter| !counter.runs.is_empty()) {
        return Err(counters);
    }
    let mut known = KnownKeys::with_capacity_and_hasher(held, BuildHasherDefault::default());
    known.extend(counters.iter().flat_map(|counter| &counter.buffer).map(|entry| key_of(*entry)));
    Ok(known)
}

/// The counts of all parts together.
pub(crate) async fn total(counters: Vec<KeyCounter>) -> Result<KeyCounts> {
    let mut sum = KeyCounts::default();
    for counter in &counters {
        sum.rows += counter.counts.rows;
        sum.keyed += counter.counts.keyed;
        sum.nulls.resize(counter.counts.nulls.len().max(sum.nulls.len()), 0);
        sum.nulls.iter_mut().zip(&counter.counts.nulls).for_each(|(a, b)| *a += b);
    }
    for half in on_each_half(counters, count_merged).await? {
        sum.distinct += half.distinct;
        sum.once += half.once;
        for (rows, keys) in half.repeated {
            *sum.repeated.entry(rows).or_default() += keys;
        }
    }
    Ok(sum)
}

/// The rows of the dataset whose key a counter of the other dataset has seen.
pub(crate) async fn rows_there(counters: Vec<KeyCounter>) -> Result<u64> {
    let count = |sources| {
        let mut rows = 0;
        merge(sources, |entry| {
            rows += if is_there(entry) { rows_of(entry) } else { 0 };
            Ok(())
        })?;
        Ok(rows)
    };
    Ok(on_each_half(counters, count).await?.iter().sum())
}

/// Merges what the counters hold, on two threads.
async fn on_each_half<T: Send + 'static>(
    counters: Vec<KeyCounter>,
    merge: impl Fn(Vec<Entries>) -> Result<T> + Copy + Send + 'static,
) -> Result<Vec<T>> {
    let merges = sources(counters).await?.map(|half| tokio::task::spawn_blocking(move || merge(half)));
    let mut merged = Vec::new();
    for half in merges {
        merged.push(half.await.map_err(stopped)??);
    }
    Ok(merged)
}

/// The keys of more than one row.
pub(crate) async fn repeated(counters: Vec<KeyCounter>, room: &Room) -> Result<KeySet> {
    chosen(counters, room, |entry| rows_of(entry) > 1).await
}

/// The keys that no counter of the other dataset has seen.
pub(crate) async fn missing_there(counters: Vec<KeyCounter>, room: &Room) -> Result<KeySet> {
    chosen(counters, room, |entry| !is_there(entry)).await
}

async fn chosen(
    counters: Vec<KeyCounter>,
    room: &Room,
    is_chosen: impl Fn(u128) -> bool + Send + 'static,
) -> Result<KeySet> {
    let halves = sources(counters).await?;
    let mut set = KeySetBuilder::new(room);
    let merging = move || {
        for half in halves {
            merge(half, |entry| if is_chosen(entry) { set.push(entry) } else { Ok(()) })?;
        }
        set.finish()
    };
    tokio::task::spawn_blocking(merging).await.map_err(stopped)?
}

/// What the counters hold, in order: each is sorted on a thread of its own.
async fn sources(counters: Vec<KeyCounter>) -> Result<Halves> {
    let sorted = counters.into_iter().map(|mut counter| {
        tokio::task::spawn_blocking(move || {
            compact(&mut counter.buffer);
            counter
        })
    });
    let sorted: Vec<_> = sorted.collect();
    let mut sources: Halves = [Vec::new(), Vec::new()];
    for counter in sorted {
        counter.await.map_err(stopped)?.add_to(&mut sources);
    }
    Ok(sources)
}

/// Different keys, those of one row, and how many rows the others have.
fn count_merged(sources: Vec<Entries>) -> Result<KeyCounts> {
    let mut counts = KeyCounts::default();
    merge(sources, |entry| {
        counts.distinct += 1;
        match rows_of(entry) {
            1 => counts.once += 1,
            rows => *counts.repeated.entry(rows).or_default() += 1,
        }
        Ok(())
    })?;
    Ok(counts)
}

fn stopped(_: tokio::task::JoinError) -> Error {
    Error::bug("merging keys has stopped")
}

fn kernel(error: arrow::error::ArrowError) -> Error {
    Error::bug("keys cannot be encoded").caused_by(error)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use arrow::array::{Float64Array, Int64Array, StringArray};
    use proptest::prelude::*;

    use super::*;

    async fn counted(parts: &[Vec<Option<i64>>], bytes: usize) -> KeyCounts {
        let (room, mut counters) = (Room::new(bytes), Vec::new());
        for part in parts {
            let mut counter = KeyCounter::new(&[DataType::Int64], &room).unwrap();
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
            repeated: seen.values().filter(|n| **n > 1).fold(BTreeMap::new(), |mut all, rows| {
                *all.entry(*rows).or_default() += 1;
                all
            }),
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

    #[tokio::test]
    async fn what_spills_takes_few_open_files() {
        let (room, mut counters) = (Room::new(0), Vec::new());
        let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let before = open();
        for part in 0..12_i64 {
            let mut counter = KeyCounter::new(&[DataType::Int64], &room).unwrap();
            // More than 64 runs of 1,024 entries, of which 64 become one of the next level.
            for n in 0..100_i64 {
                let first = (part * 100 + n) * 1000;
                counter.add(&[Arc::new(Int64Array::from_iter_values(first..first + 1000))], None).unwrap();
            }
            counters.push(counter);
        }
        // Other tests may open some at the same time.
        assert!(open() < before + 10, "{} files are open", open() - before);
        assert_eq!(total(counters).await.unwrap().once, 1_200_000);
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
        let mut counter = KeyCounter::new(&[DataType::Utf8, DataType::Float64], &Room::new(0)).unwrap();
        counter.add(&[texts, Arc::new(zero)], Some(&kept)).unwrap();
        let counts = total(vec![counter]).await.unwrap();
        // ("a", 0) twice, (NULL, 1) and ("b", NULL) once; the row of NULLs has no key.
        assert_eq!(
            counts,
            KeyCounts { rows: 5, keyed: 4, nulls: vec![2, 2], distinct: 3, once: 2, repeated: [(2, 1)].into() }
        );
    }

    #[tokio::test]
    async fn slices_count_their_own_rows() {
        let whole = Int64Array::from(vec![Some(1), Some(1), None, Some(2), Some(3)]);
        let mut counter = KeyCounter::new(&[DataType::Int64], &Room::new(0)).unwrap();
        counter.add(&[Arc::new(whole.slice(1, 3))], None).unwrap();
        let counts = total(vec![counter]).await.unwrap();
        assert_eq!(
            counts,
            KeyCounts { rows: 3, keyed: 2, nulls: vec![1], distinct: 2, once: 2, ..KeyCounts::default() }
        );
    }
}
