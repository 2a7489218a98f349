//! Entries on disk, in order, and the merge of what lies in memory and there.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use lakegate_contract::{Error, Result};

use super::{FLAGS, WIDTH, unite};

/// Runs of one level that are merged to one of the next.
const MAX_RUNS: usize = 64;
/// Bytes of a run that are read at once: many runs are read together.
const READ: usize = 16 << 10;
/// Entries that are merged at once, about: they fit into a processor's own memory.
const STRETCH: u64 = 4096;
/// What the system says when a process has too many files open: EMFILE and ENFILE.
const TOO_MANY_FILES: [i32; 2] = [24, 23];

/// Sources of entries in order: below and above the middle of all hashes, so that two threads can merge.
pub(super) type Halves = [Vec<Entries>; 2];

/// Sorted runs of entries on disk.
///
/// The runs of a level share a file, as a process may have few files open, and there are many counters. So each entry is written once
/// for each level, of which there are hardly ever more than three.
#[derive(Default)]
pub(super) struct Runs(Vec<Level>);

struct Level {
    file: BufWriter<File>,
    /// The entries of the file so far.
    length: u64,
    runs: Vec<Run>,
}

/// Where a run begins in its file, where its upper half does, and where it ends.
struct Run {
    start: u64,
    middle: u64,
    end: u64,
}

pub(super) fn half_of(entry: u128) -> usize {
    usize::from(entry >> 127 != 0)
}

impl Runs {
    /// Writes a run of entries in order.
    pub(super) fn write(&mut self, entries: &[u128]) -> Result<()> {
        let level = self.level(0)?;
        level.begin();
        entries.iter().try_for_each(|entry| level.push(*entry))?;
        self.merge_full(0)
    }

    pub(super) fn add_to(self, sources: &mut Halves) -> Result<()> {
        self.0.into_iter().try_for_each(|level| level.add_to(sources))
    }

    fn level(&mut self, number: usize) -> Result<&mut Level> {
        if self.0.len() == number {
            self.0.push(Level::new()?);
        }
        self.0.get_mut(number).ok_or_else(|| Error::bug("a level of spilled keys is missing"))
    }

    /// Makes one run of the next level of those of a level that is full.
    fn merge_full(&mut self, number: usize) -> Result<()> {
        let level = self.level(number)?;
        if level.runs.len() < MAX_RUNS {
            return Ok(());
        }
        let full = std::mem::replace(level, Level::new()?);
        let mut sources: Halves = [Vec::new(), Vec::new()];
        full.add_to(&mut sources)?;
        let next = self.level(number + 1)?;
        next.begin();
        for half in sources {
            merge(half, |entry| next.push(entry))?;
        }
        self.merge_full(number + 1)
    }
}

impl Level {
    fn new() -> Result<Self> {
        Ok(Self { file: unnamed()?, length: 0, runs: Vec::new() })
    }

    fn begin(&mut self) {
        self.runs.push(Run { start: self.length, middle: self.length, end: self.length });
    }

    fn push(&mut self, entry: u128) -> Result<()> {
        self.file.write_all(&entry.to_le_bytes()).map_err(disk)?;
        self.length += 1;
        if let Some(run) = self.runs.last_mut() {
            run.end = self.length;
            run.middle += u64::from(half_of(entry) == 0);
        }
        Ok(())
    }

    fn add_to(self, sources: &mut Halves) -> Result<()> {
        let file = Arc::new(self.file.into_inner().map_err(|e| disk(e.into_error()))?);
        for Run { start, middle, end } in self.runs {
            for (half, (start, end)) in sources.iter_mut().zip([(start, middle), (middle, end)]) {
                half.push(Entries::File(Reader {
                    file: Arc::clone(&file),
                    next: start,
                    end,
                    held: Vec::new().into_iter(),
                }));
            }
        }
        Ok(())
    }
}

/// A file without a name: it is gone with the process, however that ends.
pub(super) fn unnamed() -> Result<BufWriter<File>> {
    Ok(BufWriter::with_capacity(1 << 16, tempfile::tempfile().map_err(disk)?))
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
        let last = if number == u128::from(stretches) { u128::MAX } else { (number * width) | FLAGS };
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
