//! Entries on disk, in order, and the merge of what lies in memory and there.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use lakegate_contract::{Error, Result};

use super::{FLAGS, REPEATED, WIDTH, same_key};

/// Runs of one level that are merged to one of the next.
const MAX_RUNS: usize = 64;
/// Bytes of a run that are read at once: many runs are read together.
const READ: usize = 16 << 10;
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
                half.push(Entries::File(Reader { file: Arc::clone(&file), next: start, end, held: Vec::new() }));
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
    /// Entries that were read, the next one last.
    held: Vec<u128>,
}

impl Entries {
    fn next(&mut self) -> Result<Option<u128>> {
        match self {
            Entries::Memory(entries) => Ok(entries.next()),
            Entries::File(reader) => {
                if reader.held.is_empty() && reader.next < reader.end {
                    reader.read()?;
                }
                Ok(reader.held.pop())
            }
        }
    }
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
        self.held.extend(entries.iter().rev().map(|entry| u128::from_le_bytes(*entry)));
        Ok(())
    }
}

/// Hands the entries of sorted sources on in order, one for each key, with the marks of all of its entries.
pub(super) fn merge(mut sources: Vec<Entries>, mut take: impl FnMut(u128) -> Result<()>) -> Result<()> {
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
            Some(known) if same_key(known, entry) => known | REPEATED | (entry & FLAGS),
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

pub(super) fn disk(error: std::io::Error) -> Error {
    if error.raw_os_error().is_some_and(|code| TOO_MANY_FILES.contains(&code)) {
        return Error::unavailable("the keys of a rule cannot be spilled: too many files are open")
            .help("raise the limit (`ulimit -n`), raise the memory limit, or judge fewer rules about keys at once");
    }
    Error::unavailable(format!("the keys of a rule cannot be spilled: {}", error.kind()))
        .at(std::env::temp_dir().display().to_string())
        .help("make room there, or name another folder in TMPDIR")
}
