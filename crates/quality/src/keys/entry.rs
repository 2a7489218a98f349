//! An entry: the hash of a key, how many rows have the key, and whether the other dataset has it too.

/// Set in an entry whose key was seen in the other dataset.
pub(super) const THERE: u128 = 1;
/// One row of the dataset.
pub(super) const ROW: u128 = THERE << 1;
/// Digits of the number of rows: it ends at 68 billion for one key.
const ROW_BITS: u32 = 36;
const MOST_ROWS: u128 = (1 << ROW_BITS) - 1;
/// The digits of an entry that are no part of the key.
pub(super) const NOTES: u128 = (MOST_ROWS << 1) | THERE;
/// Bytes of an entry.
pub(super) const WIDTH: usize = size_of::<u128>();

pub(super) fn key_of(entry: u128) -> u128 {
    entry & !NOTES
}

pub(super) fn rows_of(entry: u128) -> u64 {
    u64::try_from((entry & NOTES) >> 1).unwrap_or(u64::MAX)
}

pub(super) fn is_there(entry: u128) -> bool {
    entry & THERE != 0
}

/// Sorts entries and makes one of equal keys.
pub(super) fn compact(entries: &mut Vec<u128>) {
    entries.sort_unstable();
    unite(entries);
}

/// Makes one of equal keys that follow each other.
pub(super) fn unite(entries: &mut Vec<u128>) {
    entries.dedup_by(|next, kept| {
        let same = key_of(*next) == key_of(*kept);
        if same {
            let rows = (((*next & NOTES) >> 1) + ((*kept & NOTES) >> 1)).min(MOST_ROWS);
            *kept = key_of(*kept) | (rows << 1) | ((*next | *kept) & THERE);
        }
        same
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_summed_and_end_at_the_most() {
        let key = 7 << 64;
        let mut entries =
            vec![key | ROW, key | (2 * ROW), key | THERE, (8 << 64) | THERE, (9 << 64) | (MOST_ROWS << 1)];
        entries.push((9 << 64) | ROW);
        unite(&mut entries);
        assert_eq!(
            entries.iter().map(|e| (key_of(*e) >> 64, is_there(*e))).collect::<Vec<_>>(),
            [(7, true), (8, true), (9, false)]
        );
        assert_eq!(entries.iter().map(|e| rows_of(*e)).collect::<Vec<_>>(), [3, 0, (1 << 36) - 1]);
    }
}
