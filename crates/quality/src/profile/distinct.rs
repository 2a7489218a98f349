//! How many different values a column has: exactly while they are few, estimated after that.

use std::collections::HashMap;

/// Most values that are kept.
const KEPT: usize = 40;
/// Longest text that is kept, in bytes.
const LONGEST: usize = 80;
/// Registers of the estimate: its standard error is 1.04 over the root of them, 0.8 %.
const REGISTER_BITS: u32 = 14;
const REGISTERS: usize = 1 << REGISTER_BITS;

/// The different values of a column: themselves with their counts while they are few, and an estimate of their number
/// (Flajolet and others, "HyperLogLog", 2007).
#[derive(Debug)]
pub(crate) struct Distinct {
    values: Option<HashMap<u64, (String, u64)>>,
    registers: Box<[u8]>,
}

impl Distinct {
    /// `kept`: whether values are worth keeping.
    pub(super) fn new(kept: bool) -> Self {
        Self { values: kept.then(HashMap::new), registers: vec![0; REGISTERS].into_boxed_slice() }
    }

    /// Counts a value of this hash; `text` writes it out, and is asked once for each value that is kept.
    pub(super) fn add(&mut self, hash: u64, text: impl FnOnce() -> Option<String>) {
        let rank = u8::try_from((hash << REGISTER_BITS).leading_zeros().min(64 - REGISTER_BITS) + 1).unwrap_or(u8::MAX);
        if let Some(register) = self.registers.get_mut(usize::try_from(hash >> (64 - REGISTER_BITS)).unwrap_or(0)) {
            *register = rank.max(*register);
        }
        let Some(values) = &mut self.values else { return };
        if let Some((_, count)) = values.get_mut(&hash) {
            *count += 1;
            return;
        }
        match text().filter(|text| values.len() < KEPT && text.len() <= LONGEST) {
            Some(text) => {
                values.insert(hash, (text, 1));
            }
            None => self.values = None,
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (register, more) in self.registers.iter_mut().zip(&other.registers) {
            *register = (*register).max(*more);
        }
        self.values = match (self.values.take(), other.values) {
            (Some(mut values), Some(more)) => {
                for (hash, (text, count)) in more {
                    values.entry(hash).or_insert((text, 0)).1 += count;
                }
                (values.len() <= KEPT).then_some(values)
            }
            _ => None,
        };
    }

    /// The values with their counts, in order; `None` when they are many.
    pub(crate) fn values(&self) -> Option<Vec<(&str, u64)>> {
        let mut values: Vec<(&str, u64)> =
            self.values.as_ref()?.values().map(|(text, count)| (text.as_str(), *count)).collect();
        values.sort_unstable();
        Some(values)
    }

    /// How many there are, about.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate, and never negative"
    )]
    pub(crate) fn count(&self) -> u64 {
        if let Some(values) = &self.values {
            return values.len() as u64;
        }
        let registers = REGISTERS as f64;
        let sum: f64 = self.registers.iter().map(|rank| 2f64.powi(-i32::from(*rank))).sum();
        let raw = 0.7213 / (1.0 + 1.079 / registers) * registers * registers / sum;
        let empty = self.registers.iter().filter(|rank| **rank == 0).count();
        // Few values leave registers empty, and their number says more than the ranks do.
        let estimate =
            if raw <= 2.5 * registers && empty > 0 { registers * (registers / empty as f64).ln() } else { raw };
        estimate.round() as u64
    }
}
