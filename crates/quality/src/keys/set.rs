//! A set of keys that may be larger than memory.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;

use lakegate_contract::Result;

use super::Room;
use super::entry::{WIDTH, key_of};
use super::spill::disk;

/// Entries of a block on disk.
const BLOCK: usize = 256;

/// Keys, to be asked whether one is among them.
#[derive(Debug)]
pub(crate) enum KeySet {
    /// In order.
    Memory(Vec<u128>),
    /// In order, with the first of each block.
    Disk { file: File, firsts: Vec<u128>, length: usize },
}

/// Takes the keys of a set in order.
pub(super) struct KeySetBuilder {
    held: Vec<u128>,
    capacity: usize,
    spilled: Option<Spilled>,
}

struct Spilled {
    file: BufWriter<File>,
    firsts: Vec<u128>,
    length: usize,
}

impl KeySet {
    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, KeySet::Memory(keys) if keys.is_empty())
    }

    /// Whether the key of that hash is one of them.
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) fn contains(&self, hash: u128) -> Result<bool> {
        match self {
            KeySet::Memory(keys) => Ok(keys.binary_search(&hash).is_ok()),
            KeySet::Disk { file, firsts, length } => {
                let Some(block) = firsts.partition_point(|first| *first <= hash).checked_sub(1) else {
                    return Ok(false);
                };
                let start = block * BLOCK;
                let mut bytes = [0; BLOCK * WIDTH];
                let held = bytes.get_mut(..BLOCK.min(length - start) * WIDTH).unwrap_or_default();
                file.read_exact_at(held, (start * WIDTH) as u64).map_err(disk)?;
                let (entries, _) = held.as_chunks::<WIDTH>();
                Ok(entries.binary_search_by_key(&hash, |entry| u128::from_le_bytes(*entry)).is_ok())
            }
        }
    }
}

impl KeySetBuilder {
    /// A builder of a set that holds about as much in memory as there is room.
    pub(super) fn new(room: &Room) -> Self {
        Self { held: Vec::new(), capacity: (room.bytes / WIDTH).max(BLOCK), spilled: None }
    }

    pub(super) fn push(&mut self, entry: u128) -> Result<()> {
        let hash = key_of(entry);
        if let Some(spilled) = &mut self.spilled {
            return spilled.push(hash);
        }
        self.held.push(hash);
        if self.held.len() > self.capacity {
            let mut spilled = Spilled { file: unnamed()?, firsts: Vec::new(), length: 0 };
            std::mem::take(&mut self.held).into_iter().try_for_each(|hash| spilled.push(hash))?;
            self.spilled = Some(spilled);
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<KeySet> {
        Ok(match self.spilled {
            None => KeySet::Memory(self.held),
            Some(Spilled { file, firsts, length }) => {
                KeySet::Disk { file: file.into_inner().map_err(|e| disk(e.into_error()))?, firsts, length }
            }
        })
    }
}

fn unnamed() -> Result<BufWriter<File>> {
    Ok(BufWriter::with_capacity(1 << 16, tempfile::tempfile().map_err(disk)?))
}

impl Spilled {
    fn push(&mut self, hash: u128) -> Result<()> {
        if self.length.is_multiple_of(BLOCK) {
            self.firsts.push(hash);
        }
        self.length += 1;
        self.file.write_all(&hash.to_le_bytes()).map_err(disk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_on_disk_has_the_same_keys() {
        for length in [0, 1, 255, 256, 257, 512, 1000] {
            for bytes in [0, 1 << 20] {
                let mut builder = KeySetBuilder::new(&Room::new(bytes));
                (0..length).for_each(|n: u128| builder.push((n << 100) | 1).unwrap());
                let set = builder.finish().unwrap();
                assert_eq!(set.is_empty(), length == 0);
                assert_eq!(matches!(set, KeySet::Disk { .. }), bytes == 0 && length > 256);
                for n in 0..length * 2 + 2 {
                    let found = set.contains(n << 99).unwrap();
                    assert_eq!(found, n.is_multiple_of(2) && n / 2 < length, "{n} of {length}");
                }
            }
        }
    }
}
