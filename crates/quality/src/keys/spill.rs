//! Entries on disk, in order, and the merge of what lies in memory and there.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, PoisonError};

use lakegate_contract::{Error, Result};

use super::entry::{NOTES, WIDTH, unite};

/// Runs of one level that are merged to one of the next.
const MAX_RUNS: usize = 64;
/// Bytes of a run that are read at once: many runs are read together.
const READ: usize = 16 << 10;
/// Bytes that are written at once.
const WRITTEN: usize = 64 << 10;
/// Entries that are merged at once, about: they fit into a processor's own memory.
const STRETCH: u64 = 4096;
/// What the system says when a process has too many files open: EMFILE and ENFILE.
const TOO_MANY_FILES: [i32; 2] = [24, 23];

/// Sources of entries in order: below and above the middle of all hashes, so that two threads can merge.
pub(super) type Halves = [Vec<Entries>; 2];

/// A file to which many counters spill: a process may have few files open. It has no name, so it is gone with the process, however
/// that ends, and the first counter that needs it makes it.
#[derive(Default)]
pub(crate) struct Spill(Mutex<Space>);

#[derive(Default)]
struct Space {
    file: Option<Arc<File>>,
    /// Entries that have a place in the file.
    taken: u64,
}

impl Spill {
    /// A place for so many entries: the file, and where in it they begin.
    fn take(&self, entries: u64) -> Result<(Arc<File>, u64)> {
        let mut space = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match &space.file {
            Some(file) => Arc::clone(file),
            None => Arc::clone(space.file.insert(Arc::new(tempfile::tempfile().map_err(disk)?))),
        };
        let start = space.taken;
        space.taken += entries;
        Ok((file, start))
    }
}

/// Gives the disk back what entries have taken. A file system that cannot keeps it until the file is gone.
#[cfg(target_os = "linux")]
fn give_back(file: &File, start: u64, end: u64) {
    use rustix::fs::{FallocateFlags, fallocate};
    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    fallocate(file, hole, start * WIDTH as u64, (end - start) * WIDTH as u64).ok();
}

#[cfg(not(target_os = "linux"))]
fn give_back(_: &File, _: u64, _: u64) {}

/// Sorted runs of one counter's entries, by levels: many of one are merged to one of the next. So each entry is written once for each
/// level, of which there are hardly ever more than three, and few runs are read together.
pub(super) struct Runs {
    spill: Arc<Spill>,
    levels: Vec<Vec<Run>>,
}

/// Entries in order: their file, where in it they begin, where their upper half does, and where they end.
struct Run {
    file: Arc<File>,
    start: u64,
    middle: u64,
    end: u64,
}

pub(super) fn half_of(entry: u128) -> usize {
    usize::from(entry >> 127 != 0)
}

impl Runs {
    pub(super) fn new(spill: &Arc<Spill>) -> Self {
        Self { spill: Arc::clone(spill), levels: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// Writes a run of entries in order.
    pub(super) fn write(&mut self, entries: &[u128]) -> Result<()> {
        let mut run = RunWriter::new(&self.spill, entries.len() as u64)?;
        entries.iter().try_for_each(|entry| run.push(*entry))?;
        self.add(0, run.finish()?)
    }

    pub(super) fn add_to(self, sources: &mut Halves) {
        self.levels.iter().flatten().for_each(|run| run.add_to(sources));
    }

    fn add(&mut self, level: usize, run: Run) -> Result<()> {
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        let runs = self.levels.get_mut(level).ok_or_else(|| Error::bug("a level of spilled keys is missing"))?;
        runs.push(run);
        if runs.len() < MAX_RUNS {
            return Ok(());
        }
        let merged = merged(&self.spill, &std::mem::take(runs))?;
        self.add(level + 1, merged)
    }
}

/// One run of several, which give their space back.
fn merged(spill: &Spill, runs: &[Run]) -> Result<Run> {
    let mut sources: Halves = [Vec::new(), Vec::new()];
    runs.iter().for_each(|run| run.add_to(&mut sources));
    let mut merged = RunWriter::new(spill, runs.iter().map(|run| run.end - run.start).sum())?;
    for half in sources {
        merge(half, |entry| merged.push(entry))?;
    }
    runs.iter().for_each(|run| give_back(&run.file, run.start, run.end));
    merged.finish()
}

impl Run {
    fn add_to(&self, sources: &mut Halves) {
        for (half, (start, end)) in sources.iter_mut().zip([(self.start, self.middle), (self.middle, self.end)]) {
            let held = Vec::new().into_iter();
            half.push(Entries::File(Reader { file: Arc::clone(&self.file), next: start, end, held }));
        }
    }
}

/// Writes entries in order to a place of its own.
struct RunWriter {
    run: Run,
    /// Bytes that are not written yet: those of the run's last entries.
    held: Vec<u8>,
}

impl RunWriter {
    fn new(spill: &Spill, most: u64) -> Result<Self> {
        let (file, start) = spill.take(most)?;
        Ok(Self { run: Run { file, start, middle: start, end: start }, held: Vec::with_capacity(WRITTEN) })
    }

    fn push(&mut self, entry: u128) -> Result<()> {
        self.held.extend_from_slice(&entry.to_le_bytes());
        self.run.end += 1;
        self.run.middle += u64::from(half_of(entry) == 0);
        if self.held.len() < WRITTEN { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<()> {
        let place = self.run.end * WIDTH as u64 - self.held.len() as u64;
        self.run.file.write_all_at(&self.held, place).map_err(disk)?;
        self.held.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<Run> {
        self.write()?;
        Ok(self.run)
    }
}

/// Entries in order, from memory or from a file.
pub(super) enum Entries {
    Memory(std::vec::IntoIter<u128>),
    File(Reader),
}

/// Part of a file that other readers read as well.
pub(super) struct Reader {
    file: Arc<File>,
    /// The entry that is read next, and the one behind the last.
    next: u64,
    end: u64,
    /// Entries that were read.
    held: std::vec::IntoIter<u128>,
}

impl Entries {
    fn length(&self) -> u64 {
        match self {
            Entries::Memory(entries) => entries.len() as u64,
            Entries::File(reader) => reader.end - reader.next + reader.held.len() as u64,
        }
    }

    /// Moves the entries up to `last` to `taken`.
    fn take_up_to(&mut self, last: u128, taken: &mut Vec<u128>) -> Result<()> {
        let reader = match self {
            Entries::Memory(entries) => {
                move_up_to(last, entries, taken);
                return Ok(());
            }
            Entries::File(reader) => reader,
        };
        loop {
            move_up_to(last, &mut reader.held, taken);
            if reader.held.len() > 0 || reader.next == reader.end {
                return Ok(());
            }
            reader.read()?;
        }
    }
}

fn move_up_to(last: u128, entries: &mut std::vec::IntoIter<u128>, taken: &mut Vec<u128>) {
    let count = entries.as_slice().partition_point(|entry| *entry <= last);
    taken.extend(entries.take(count));
}

impl Reader {
    fn read(&mut self) -> Result<()> {
        let entries = (self.end - self.next).min((READ / WIDTH) as u64);
        let mut bytes = [0; READ];
        let length = usize::try_from(entries).unwrap_or_default() * WIDTH;
        let bytes = bytes.get_mut(..length).unwrap_or_default();
        self.file.read_exact_at(bytes, self.next * WIDTH as u64).map_err(disk)?;
        self.next += entries;
        let (entries, _) = bytes.as_chunks::<WIDTH>();
        self.held = entries.iter().map(|entry| u128::from_le_bytes(*entry)).collect::<Vec<_>>().into_iter();
        Ok(())
    }
}

/// Hands the entries of sorted sources on in order, one for each key, with the marks of all of its entries.
///
/// Hashes are spread evenly over all numbers. So these are cut into equal stretches, and of each stretch the entries of all sources are
/// put together and sorted: that is several times as fast as to look for the least of all heads again and again.
pub(super) fn merge(mut sources: Vec<Entries>, mut take: impl FnMut(u128) -> Result<()>) -> Result<()> {
    let length: u64 = sources.iter().map(Entries::length).sum();
    let stretches = (length / STRETCH + 1).next_power_of_two();
    let width = u128::MAX / u128::from(stretches);
    let mut stretch = Vec::new();
    for number in 1..=u128::from(stretches) {
        // Entries of one key, which differ by their marks, are never parted; the last stretch ends with the greatest number of all.
        let last = if number == u128::from(stretches) { u128::MAX } else { (number * width) | NOTES };
        sources.iter_mut().try_for_each(|source| source.take_up_to(last, &mut stretch))?;
        // A stable sort makes use of the sources' own order.
        stretch.sort();
        unite(&mut stretch);
        stretch.drain(..).try_for_each(&mut take)?;
    }
    Ok(())
}

pub(super) fn disk(error: std::io::Error) -> Error {
    if error.raw_os_error().is_some_and(|code| TOO_MANY_FILES.contains(&code)) {
        return Error::unavailable("the keys of a rule cannot be spilled: too many files are open")
            .help("raise the limit (`ulimit -n`), raise the memory limit, or judge fewer rules about keys at once");
    }
    Error::unavailable(format!("the keys of a rule cannot be spilled: {}", error.kind()))
        .at(std::env::temp_dir().display().to_string())
        .help("make room there, or name another folder in TMPDIR")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::entry::{ROW, THERE, key_of};
    use super::*;

    /// The keys of entries with the notes that a merge must give them.
    fn expected(sources: &[Vec<u128>]) -> Vec<u128> {
        let mut keys: BTreeMap<u128, (u128, u128)> = BTreeMap::new();
        for entry in sources.iter().flatten() {
            let (rows, there) = keys.entry(key_of(*entry)).or_default();
            *rows += (entry & NOTES) >> 1;
            *there |= entry & THERE;
        }
        keys.into_iter().map(|(key, (rows, there))| key | (rows << 1) | there).collect()
    }

    fn merged_entries(sources: &[Vec<u128>]) -> Vec<u128> {
        let spill = Arc::new(Spill::default());
        let mut halves: Halves = [Vec::new(), Vec::new()];
        for (number, source) in sources.iter().enumerate() {
            let above = source.partition_point(|entry| half_of(*entry) == 0);
            if number % 2 == 0 {
                let mut runs = Runs::new(&spill);
                runs.write(source).unwrap();
                runs.add_to(&mut halves);
            } else {
                let mut below = source.clone();
                let above = below.split_off(above);
                halves[0].push(Entries::Memory(below.into_iter()));
                halves[1].push(Entries::Memory(above.into_iter()));
            }
        }
        let mut found = Vec::new();
        for half in halves {
            merge(half, |entry| {
                found.push(entry);
                Ok(())
            })
            .unwrap();
        }
        found
    }

    #[test]
    fn entries_of_one_key_meet_also_where_stretches_do() {
        // Enough entries for many stretches, and around the ends of each the same key with all marks in several sources.
        let many = (0..200_000_u128).map(|n| key_of(n << 110));
        let ends = (0..=64_u128).map(|n| key_of(n.saturating_mul(u128::MAX / 64)));
        let marked = [0, ROW, THERE, (5 * ROW) | THERE].map(|marks| {
            let mut source: Vec<u128> = ends.clone().chain(many.clone().step_by(7)).map(|key| key | marks).collect();
            source.extend([marks, key_of(u128::MAX) | marks]);
            source.sort_unstable();
            source.dedup();
            source
        });
        let mut sources = marked.to_vec();
        sources.extend([Vec::new(), many.collect(), Vec::new()]);
        assert_eq!(merged_entries(&sources), expected(&sources));
    }

    proptest! {
        #[test]
        fn a_merge_is_that_of_a_map(sources in prop::collection::vec(prop::collection::btree_set(any::<u128>(), 0..50), 0..5)) {
            // Few keys, so that they meet.
            let few = |entry: u128| (entry & (0xff << 120)) | (entry & ((7 * ROW) | THERE));
            let sorted = |source: std::collections::BTreeSet<u128>| source.into_iter().map(few).collect::<std::collections::BTreeSet<_>>();
            let mut sources: Vec<Vec<u128>> = sources.into_iter().map(|source| sorted(source).into_iter().collect()).collect();
            // A counter has one entry of a key.
            sources.iter_mut().for_each(|source| source.dedup_by_key(|entry| key_of(*entry)));
            prop_assert_eq!(merged_entries(&sources), expected(&sources));
        }
    }

    #[test]
    fn merged_runs_give_their_space_back() {
        use std::os::unix::fs::MetadataExt as _;
        let spill = Arc::new(Spill::default());
        let mut runs = Runs::new(&spill);
        let entries: Vec<u128> = (0..8192_u128).map(|n| n << 100).collect();
        // The same keys in all runs: one run of the next level has them once.
        (0..MAX_RUNS).for_each(|_| runs.write(&entries).unwrap());
        assert_eq!(runs.levels.iter().map(Vec::len).collect::<Vec<_>>(), [0, 1]);
        let file = spill.0.lock().unwrap().file.clone().unwrap();
        let one = (entries.len() * WIDTH) as u64;
        assert!(file.metadata().unwrap().len() > one * MAX_RUNS as u64);
        let taken = file.metadata().unwrap().blocks() * 512;
        // A file system that knows no holes keeps all.
        assert!(taken < 2 * one || taken > one * MAX_RUNS as u64, "{taken}");
    }
}
