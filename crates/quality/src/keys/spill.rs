//! Entries on disk, in order, and the merge of what lies in memory and there.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek as _, Write as _};

use lakegate_contract::{Error, Result};

use super::{FLAGS, REPEATED, WIDTH, same_key};

/// Sources of entries in order: below and above the middle of all hashes, so that two threads can merge.
pub(super) type Halves = [Vec<Entries>; 2];

/// A sorted run of entries, in halves.
pub(super) struct Run {
    halves: [File; 2],
}

pub(super) fn half_of(entry: u128) -> usize {
    usize::from(entry >> 127 != 0)
}

impl Run {
    pub(super) fn write(entries: impl Iterator<Item = u128>) -> Result<Self> {
        let mut halves = [unnamed()?, unnamed()?];
        for entry in entries {
            if let Some(file) = halves.get_mut(half_of(entry)) {
                file.write_all(&entry.to_le_bytes()).map_err(disk)?;
            }
        }
        Self::finish(halves)
    }

    pub(super) fn merged(runs: Vec<Run>) -> Result<Self> {
        let mut sources: Halves = [Vec::new(), Vec::new()];
        for run in runs {
            run.add_to(&mut sources)?;
        }
        let mut halves = [unnamed()?, unnamed()?];
        for (half, file) in sources.into_iter().zip(&mut halves) {
            merge(half, |entry| file.write_all(&entry.to_le_bytes()).map_err(disk))?;
        }
        Self::finish(halves)
    }

    pub(super) fn add_to(self, sources: &mut Halves) -> Result<()> {
        for (half, file) in sources.iter_mut().zip(self.halves) {
            half.push(Entries::read(file)?);
        }
        Ok(())
    }

    fn finish(halves: [BufWriter<File>; 2]) -> Result<Self> {
        let [below, above] = halves.map(|file| file.into_inner().map_err(|e| disk(e.into_error())));
        Ok(Self { halves: [below?, above?] })
    }
}

/// A file without a name: it is gone with the process, however that ends.
pub(super) fn unnamed() -> Result<BufWriter<File>> {
    Ok(BufWriter::with_capacity(1 << 16, tempfile::tempfile().map_err(disk)?))
}

/// Entries in order, from memory or from a file.
pub(super) enum Entries {
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
    Error::unavailable(format!("the keys of a rule cannot be spilled: {}", error.kind()))
        .at(std::env::temp_dir().display().to_string())
        .help("make room there, or name another folder in TMPDIR")
}
