//! Metrics of earlier runs, and expressions over them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lakegate_contract::{Error, Result};

use crate::ast::{Leaf, Node, Ruleset};
use crate::condition::{Comparison, Condition, Number, NumberCondition, NumberOperand};
use crate::dynamic::{Expression, Function};
use crate::measure::as_double;
use crate::metric;

/// A value of a metric, and when it was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// When the run began.
    pub at: DateTime<Utc>,
    /// What it measured.
    pub value: f64,
}

/// What earlier runs measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// By [`crate::Evaluation::series`], newest first.
    series: BTreeMap<String, Vec<Observation>>,
    /// Of runs whose gate stayed closed: nothing to compare with, unless there is nothing else.
    refused: BTreeMap<String, Vec<Observation>>,
}

impl History {
    /// A history without any run: `last()` is 0 then, as AWS documents.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a run, which is older than those that were added before.
    pub fn add_older(&mut self, at: DateTime<Utc>, series: impl IntoIterator<Item = (String, f64)>) {
        Self::add(&mut self.series, at, series);
    }

    /// Adds a run whose gate stayed closed, older than those that were added before. Its values count for series of which no other run
    /// has any: otherwise a rule that fails for want of earlier values could never begin to hold.
    pub fn add_older_refused(&mut self, at: DateTime<Utc>, series: impl IntoIterator<Item = (String, f64)>) {
        Self::add(&mut self.refused, at, series);
    }

    fn add(
        to: &mut BTreeMap<String, Vec<Observation>>,
        at: DateTime<Utc>,
        series: impl IntoIterator<Item = (String, f64)>,
    ) {
        for (name, value) in series.into_iter().filter(|(_, value)| value.is_finite()) {
            to.entry(name).or_default().push(Observation { at, value });
        }
    }

    /// Whether there is no earlier value of anything.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty() && self.refused.is_empty()
    }

    /// The values of one series, newest first.
    pub(crate) fn of(&self, series: &str) -> &[Observation] {
        self.series.get(series).or_else(|| self.refused.get(series)).map_or(&[], Vec::as_slice)
    }

    /// A rule as it is judged, where it asks for earlier runs; `None` where it does not.
    pub(crate) fn evaluated(&self, node: &Node) -> Option<String> {
        let mut node = node.clone();
        let mut changed = false;
        node.change_leaves(&mut |leaf| {
            if let Ok(Cow::Owned(resolved)) = self.resolved(leaf) {
                (*leaf, changed) = (resolved, true);
            }
        });
        changed.then(|| crate::print::node(&node))
    }

    /// The rule with numbers in place of its expressions over earlier runs.
    ///
    /// # Errors
    /// When an index lies outside of what there is.
    pub(crate) fn resolved<'a>(&self, leaf: &'a Leaf) -> Result<Cow<'a, Leaf>> {
        let condition = match &leaf.condition {
            Some(Condition::Number(condition)) if is_dynamic(condition) => Some(condition),
            _ => None,
        };
        let threshold = leaf.threshold.as_ref().filter(|threshold| is_dynamic(threshold));
        if condition.is_none() && threshold.is_none() {
            return Ok(Cow::Borrowed(leaf));
        }
        let earlier = self.of(&metric::series(leaf, &metric::of(leaf)));
        let mut leaf = leaf.clone();
        if let Some(condition) = condition {
            leaf.condition = Some(Condition::Number(with_numbers(condition, earlier)?));
        }
        if let Some(threshold) = threshold {
            leaf.threshold = Some(with_numbers(threshold, earlier)?);
        }
        Ok(Cow::Owned(leaf))
    }
}

impl Ruleset {
    /// How many earlier runs its rules and analyzers ask for; 0 when they do not.
    pub fn runs_needed(&self) -> usize {
        let leaves = self.rules.iter().flat_map(|rule| rule.node.leaves());
        let of_rules = leaves.map(|leaf| match (leaf.name(), &leaf.condition) {
            ("DetectAnomalies", _) => crate::anomaly::MOST,
            (_, Some(Condition::Number(condition))) => asked(condition).max(leaf.threshold.as_ref().map_or(0, asked)),
            _ => leaf.threshold.as_ref().map_or(0, asked),
        });
        let of_analyzers = self.analyzers.iter().filter(|analyzer| analyzer.name == "Distribution");
        of_rules.chain(of_analyzers.map(|_| crate::distribution::OVERFLOWING_RUNS)).max().unwrap_or(0)
    }
}

fn asked(condition: &NumberCondition) -> usize {
    let of_operand = |operand: &NumberOperand| match operand {
        NumberOperand::Dynamic(dynamic) => runs_of(&dynamic.expression),
        _ => 0,
    };
    condition.comparison.operands().into_iter().map(of_operand).max().unwrap_or(0)
}

fn runs_of(expression: &Expression) -> usize {
    match expression {
        Expression::Number(_) => 0,
        Expression::Latest => 1,
        Expression::Last(count) => usize::try_from(*count).unwrap_or(usize::MAX),
        Expression::Call(_, inner) | Expression::Index(inner, _) => runs_of(inner),
        Expression::Binary(_, left, right) => runs_of(left).max(runs_of(right)),
    }
}

/// Whether a condition asks for earlier runs.
pub(crate) fn is_dynamic(condition: &NumberCondition) -> bool {
    condition.comparison.operands().into_iter().any(|operand| matches!(operand, NumberOperand::Dynamic(_)))
}

fn with_numbers(condition: &NumberCondition, earlier: &[Observation]) -> Result<NumberCondition> {
    let number = |operand: &NumberOperand| match operand {
        NumberOperand::Dynamic(dynamic) => {
            let value = scalar(&dynamic.expression, earlier)?;
            Ok(NumberOperand::Number(Number { value, text: format!("{value}") }))
        }
        other => Ok(other.clone()),
    };
    let comparison = match &condition.comparison {
        Comparison::Compare(operator, operand) => Comparison::Compare(*operator, number(operand)?),
        Comparison::Between(low, high, negated) => Comparison::Between(number(low)?, number(high)?, *negated),
        Comparison::In(operands, negated) => {
            Comparison::In(operands.iter().map(number).collect::<Result<_>>()?, *negated)
        }
    };
    Ok(NumberCondition { comparison })
}

/// What an expression gives: one number, or a list that a function makes one of.
enum Value {
    Number(f64),
    List(Vec<f64>),
}

fn scalar(expression: &Expression, earlier: &[Observation]) -> Result<f64> {
    match evaluate(expression, earlier)? {
        Value::Number(number) => Ok(number),
        Value::List(_) => Err(Error::usage(format!("`{expression}` is a list of earlier values"))
            .expected("a function that makes one number of the list: avg, median, max, min, sum, std or index")),
    }
}

fn evaluate(expression: &Expression, earlier: &[Observation]) -> Result<Value> {
    Ok(match expression {
        Expression::Number(number) => Value::Number(*number),
        Expression::Latest => Value::Number(earlier.first().map_or(0.0, |observation| observation.value)),
        Expression::Last(count) => {
            let count = usize::try_from(*count).unwrap_or(usize::MAX);
            Value::List(earlier.iter().take(count).map(|observation| observation.value).collect())
        }
        Expression::Call(function, argument) => called(*function, evaluate(argument, earlier)?),
        Expression::Index(list, at) => match evaluate(list, earlier)? {
            Value::List(values) if values.is_empty() => Value::Number(0.0),
            Value::List(values) => {
                let at = usize::try_from(*at).unwrap_or(usize::MAX);
                Value::Number(*values.get(at).ok_or_else(|| {
                    Error::usage(format!("`{expression}` asks for value {at}, and {}", known_runs(values.len())))
                        .expected("an index from 0, the newest; the rule can be judged when there are more runs")
                })?)
            }
            Value::Number(_) => {
                return Err(Error::usage(format!("`{list}` is one number")).expected("a list for `index`"));
            }
        },
        Expression::Binary(operator, left, right) => {
            Value::Number(operator.of(scalar(left, earlier)?, scalar(right, earlier)?))
        }
    })
}

/// A function of a number or a list. Of no value each gives 0, as `last()` does without history.
fn called(function: Function, argument: Value) -> Value {
    let values = match argument {
        Value::Number(number) => vec![number],
        Value::List(values) if function == Function::Abs => {
            return Value::List(values.into_iter().map(f64::abs).collect());
        }
        Value::List(values) => values,
    };
    if values.is_empty() {
        return Value::Number(0.0);
    }
    let count = as_double(values.len() as u64);
    let sum: f64 = values.iter().sum();
    Value::Number(match function {
        Function::Avg => sum / count,
        Function::Sum => sum,
        Function::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Function::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
        Function::Median => median(values),
        // Of the population, as StandardDeviation is.
        Function::Std => (values.iter().map(|value| (value - sum / count).powi(2)).sum::<f64>() / count).sqrt(),
        Function::Abs => sum.abs(),
    })
}

/// The middle of the values, or the mean of the two in the middle; 0 when there is none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (Some(value), 1) => *value,
        (Some(value), _) => values.get(middle.wrapping_sub(1)).map_or(*value, |before| f64::midpoint(*before, *value)),
        (None, _) => 0.0,
    }
}

/// How many earlier runs are known, in words.
pub(crate) fn known_runs(count: usize) -> String {
    match count {
        1 => "1 earlier run is known".to_owned(),
        count => format!("{count} earlier runs are known"),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;

    use super::*;
    use crate::parse;

    fn value(expression: &str, newest_first: &[f64]) -> Result<f64> {
        let ruleset = parse(&format!("Rules = [ RowCount > {expression} ]"), "t").unwrap();
        let mut history = History::new();
        for (day, value) in (1..).zip(newest_first) {
            let at = Utc.with_ymd_and_hms(2026, 3, 28 - day, 0, 0, 0).unwrap();
            history.add_older(at, [("Dataset.*.RowCount".to_owned(), *value)]);
        }
        let leaves = ruleset.rules()[0].node.leaves();
        let resolved = history.resolved(leaves[0])?;
        let Some(Condition::Number(condition)) = &resolved.condition else { panic!("{expression}") };
        match condition.comparison.operands()[0] {
            NumberOperand::Number(number) => Ok(number.value),
            other => panic!("{expression}: {other:?}"),
        }
    }

    #[test]
    fn expressions_are_over_the_newest_values() {
        let earlier = [40.0, 20.0, 30.0, -50.0];
        for (expression, expected) in [
            ("last()", 40.0),
            ("avg(last(3))", 30.0),
            ("avg(last(10))", 10.0), // (40 + 20 + 30 - 50) / 4
            ("avg(last(3)) * 0.5 + 1", 16.0),
            ("median(last(3))", 30.0),
            ("median(last(2))", 30.0),
            ("max(last(4)) - min(last(4))", 90.0),
            ("sum(last(2))", 60.0),
            ("std(last(2))", 10.0), // 40 and 20 are 10 from 30
            ("index(last(3), 1)", 20.0),
            ("max(abs(last(4)))", 50.0),
            ("abs(index(last(4), 3))", 50.0),
            ("1 + last() * 2", 82.0), // flat precedence
        ] {
            assert_eq!(value(expression, &earlier).unwrap(), expected, "{expression}");
        }
        for expression in ["last()", "avg(last(3))", "std(last(3))", "max(last(2))", "index(last(3), 0)"] {
            assert_eq!(value(expression, &[]).unwrap(), 0.0, "{expression}");
        }
        assert!(value("index(last(5), 4)", &earlier).unwrap_err().found().contains("4 earlier runs"));
    }

    #[test]
    fn refused_runs_count_where_there_is_no_other() {
        let mut history = History::new();
        let at = Utc.with_ymd_and_hms(2026, 3, 1, 0, 0, 0).unwrap();
        history.add_older_refused(at, [("a".to_owned(), 1.0), ("b".to_owned(), 2.0)]);
        history.add_older(at, [("b".to_owned(), 3.0)]);
        let newest = |series: &str| history.of(series).first().map(|observation| observation.value);
        assert_eq!((newest("a"), newest("b"), newest("c")), (Some(1.0), Some(3.0), None));
    }

    #[test]
    fn a_ruleset_says_how_many_runs_it_asks_for() {
        for (text, runs) in [
            ("Rules = [ RowCount > 0 ]", 0),
            ("Rules = [ RowCount > last() ]", 1),
            ("Rules = [ (RowCount > 0.5 * avg(last(7))) and (Mean \"a\" between last() and max(last(30)) + 1) ]", 30),
            ("Rules = [ ColumnValues \"a\" > 1 with threshold > median(last(5)) ]", 5),
            ("Rules = [ DetectAnomalies \"RowCount\" ]", 90),
            ("Analyzers = [ RowCount, Distribution \"a\" ]", 3),
        ] {
            assert_eq!(parse(text, "t").unwrap().runs_needed(), runs, "{text}");
        }
    }

    #[test]
    fn another_where_is_another_series() {
        let leaf = |rule: &str| parse(&format!("Rules = [ {rule} ]"), "t").unwrap().rules()[0].node.leaves()[0].clone();
        let series = |rule: &str| metric::series(&leaf(rule), &metric::of(&leaf(rule)));
        assert_ne!(series("RowCount > 0"), series("RowCount > 0 where \"a = 1\""));
        assert_eq!(series("RowCount > 0"), series("RowCount < avg(last(3))"));
        assert_ne!(series("CustomSql \"select 1\" > 0"), series("CustomSql \"select 2\" > 0"));
        assert_eq!(
            series("ColumnValues \"a\" in [1] with threshold > 0.5"),
            series("ColumnValues \"a\" in [1] with threshold > 0.6")
        );
    }
}
