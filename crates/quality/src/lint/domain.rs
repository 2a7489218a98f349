//! Which values a rule can measure at all, and whether a comparison can hold for one of them.

use crate::ast::Leaf;
use crate::condition::{Comparison, Condition, DateOperand, NumberCondition, NumberOperand};

/// The numbers that a rule can measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Domain {
    low: f64,
    high: f64,
    whole: bool,
    /// Whether every value is a number, so that a condition that all numbers satisfy always holds.
    pub(super) complete: bool,
}

const SHARE: Domain = Domain { low: 0.0, high: 1.0, whole: false, complete: true };
const COUNT: Domain = Domain { low: 0.0, high: f64::INFINITY, whole: true, complete: true };
const SIZE: Domain = Domain { low: 0.0, high: f64::INFINITY, whole: false, complete: true };
const ANY: Domain = Domain { low: f64::NEG_INFINITY, high: f64::INFINITY, whole: false, complete: false };

impl Domain {
    /// A share of rows.
    pub(super) fn of_threshold() -> Self {
        SHARE
    }

    /// What the rule measures; `whole`: its column holds whole numbers.
    pub(super) fn of(leaf: &Leaf, whole: bool) -> Self {
        match leaf.name() {
            "Completeness"
            | "Uniqueness"
            | "UniqueValueRatio"
            | "ReferentialIntegrity"
            | "DatasetMatch"
            | "SchemaMatch"
            | "FileUniqueness" => SHARE,
            "RowCount"
            | "ColumnCount"
            | "DistinctValuesCount"
            | "ColumnLength"
            | "FileSize"
            | "ZerosCount"
            | "DuplicateRowCount" => COUNT,
            "StandardDeviation" | "Variance" | "Entropy" | "RowCountMatch" | "Range" | "InterquartileRange" => SIZE,
            "ColumnCorrelation" => Domain { low: -1.0, high: 1.0, ..SIZE },
            "ColumnValues" => Domain { whole, ..ANY },
            _ => ANY,
        }
    }

    /// Values at which a comparison with these operands can change its verdict, and one of each stretch between them.
    fn probes(self, operands: &[f64]) -> Vec<f64> {
        let mut marks: Vec<f64> = operands.to_vec();
        marks.extend([self.low, self.high].into_iter().filter(|end| end.is_finite()));
        marks.sort_by(f64::total_cmp);
        let mut probes: Vec<f64> =
            marks.iter().flat_map(|m| [m.floor() - 1.0, m.floor(), *m, m.ceil(), m.ceil() + 1.0]).collect();
        probes.extend(marks.iter().zip(marks.iter().skip(1)).map(|(a, b)| a + (b - a) / 2.0));
        probes.retain(|p| *p >= self.low && *p <= self.high && (!self.whole || p.fract() == 0.0));
        probes
    }

    /// Whether a value can satisfy all of the comparisons, and whether every value does.
    pub(super) fn verdict(self, comparisons: &[&Comparison<f64>]) -> (bool, bool) {
        let operands: Vec<f64> = comparisons.iter().flat_map(|c| c.operands()).copied().collect();
        let probes = self.probes(&operands);
        let holds = |probe: &f64| comparisons.iter().all(|comparison| satisfied(comparison, *probe));
        (probes.iter().any(holds), self.complete && probes.iter().all(holds))
    }
}

fn satisfied(comparison: &Comparison<f64>, value: f64) -> bool {
    match comparison {
        Comparison::Compare(operator, operand) => value.partial_cmp(operand).is_some_and(|o| operator.holds(o)),
        Comparison::Between(low, high, negated) => (value > *low && value < *high) != *negated,
        Comparison::In(operands, negated) => operands.contains(&value) != *negated,
    }
}

/// A condition's comparison over plain numbers, NULL left out of lists; `None` when it has others.
pub(super) fn plain(condition: &Condition) -> Option<Comparison<f64>> {
    #[expect(clippy::cast_precision_loss, reason = "only the order matters")]
    match condition {
        Condition::Number(number) => numbers(number),
        Condition::Duration(amounts) | Condition::Size(amounts) => map(amounts, |amount| Some(amount.value() as f64)),
        Condition::Date(dates) => map(dates, |date| match date {
            DateOperand::Date(date) => Some(f64::from(chrono::Datelike::num_days_from_ce(date))),
            _ => None,
        })
        .or_else(|| {
            map(dates, |date| if let DateOperand::Now(offset) = date { Some(offset.value() as f64) } else { None })
        }),
        Condition::Text(_) | Condition::Matches(..) => None,
    }
}

pub(super) fn numbers(condition: &NumberCondition) -> Option<Comparison<f64>> {
    let comparison = match &condition.comparison {
        Comparison::In(operands, negated) => {
            let listed = operands.iter().filter(|operand| **operand != NumberOperand::Null);
            Comparison::In(listed.cloned().collect(), *negated)
        }
        other => other.clone(),
    };
    map(&comparison, |operand| match operand {
        NumberOperand::Number(number) => Some(number.value),
        NumberOperand::Null | NumberOperand::Dynamic(_) => None,
    })
}

fn map<T>(comparison: &Comparison<T>, each: impl Fn(&T) -> Option<f64>) -> Option<Comparison<f64>> {
    Some(match comparison {
        Comparison::Compare(operator, operand) => Comparison::Compare(*operator, each(operand)?),
        Comparison::Between(low, high, negated) => Comparison::Between(each(low)?, each(high)?, *negated),
        Comparison::In(operands, negated) => {
            Comparison::In(operands.iter().map(each).collect::<Option<_>>()?, *negated)
        }
    })
}
