//! Conditions over Arrow columns: one truth value a row, never NULL.

use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::HashSet;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{is_not_null, is_null};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimeUnit};
use chrono::{DateTime, Datelike, Utc};
use lakegate_contract::{Error, Result, type_name};

use crate::age::Age;
use crate::castable::Castable;
use crate::condition::{
    Comparison, Condition, DateOperand, Number, NumberCondition, NumberOperand, Operator, TextOperand,
};
use crate::pattern::Pattern;

/// A condition made ready for columns of one type.
pub(crate) enum Test {
    /// Not NULL.
    Complete,
    /// NULL.
    Absent,
    /// Numbers, compared exactly where the column's type is exact.
    Number(Exact, Nulls),
    /// Lengths of texts in characters; NULL has length 0.
    Length(NumberCondition),
    Text(TextTest, Nulls),
    Matches(Pattern, bool),
    /// Days since 1970-01-01.
    Date(Comparison<Option<i64>>, Nulls),
    Castable(Castable),
    Age(Age),
}

/// What NULL gives.
pub(crate) type Nulls = bool;

/// A numeric condition with its operands scaled to whole numbers.
pub(crate) struct Exact {
    condition: NumberCondition,
    /// Digits after the point of the finest operand.
    scale: u32,
    /// Operands times ten to the scale; `None` where one is too large for that.
    scaled: Option<Comparison<Option<i128>>>,
}

pub(crate) struct TextTest {
    texts: Texts,
    empty: bool,
    /// Spaces alone, and at least one: the open engine asks Spark's `trim`, which knows no other white space.
    whitespace: bool,
    negated: bool,
}

impl Test {
    /// Makes a condition ready; `now` gives the days of relative dates.
    ///
    /// # Errors
    /// When the condition asks for earlier runs, or its regular expression does not compile.
    pub(crate) fn new(condition: &Condition, zone: chrono_tz::Tz, now: DateTime<Utc>) -> Result<Self> {
        Ok(match condition {
            // NULL alone has no type: it is compared with values of all types.
            Condition::Number(number) if names_null_alone(&number.comparison) => {
                if nulls_pass(&number.comparison, |_| true) { Test::Absent } else { Test::Complete }
            }
            Condition::Number(number) => {
                refuse_dynamic(number)?;
                Test::Number(Exact::new(number), nulls_pass(&number.comparison, |o| *o == NumberOperand::Null))
            }
            Condition::Text(text) => Test::Text(TextTest::new(text), nulls_pass(text, |o| *o == TextOperand::Null)),
            Condition::Matches(pattern, negated) => Test::Matches(Pattern::full(pattern)?, *negated),
            Condition::Date(date) => {
                let days =
                    date.map(|operand| operand.instant(now, zone).map(|t| i64::from(t.num_days_from_ce()) - EPOCH));
                Test::Date(days, nulls_pass(date, |o| *o == DateOperand::Null))
            }
            Condition::Duration(_) | Condition::Size(_) => {
                return Err(Error::usage("the condition does not fit a column's values"));
            }
        })
    }

    /// Judges a column's values.
    ///
    /// # Errors
    /// When the column's type cannot be compared so.
    pub(crate) fn judge(&self, column: &ArrayRef) -> Result<BooleanArray> {
        match self {
            Test::Complete => is_not_null(column).map_err(|e| Error::bug("nulls cannot be counted").caused_by(e)),
            Test::Absent => is_null(column).map_err(|e| Error::bug("nulls cannot be counted").caused_by(e)),
            Test::Number(exact, nulls) => exact.judge(column, *nulls),
            Test::Castable(castable) => castable.judge(column),
            Test::Age(age) => age.judge(column),
            Test::Length(condition) => {
                let (lengths, operands) = (lengths(column)?, doubles(condition));
                let holds = |row: usize| optional_holds(&operands, &f64::from(lengths.value(row)));
                Ok(BooleanArray::new(BooleanBuffer::collect_bool(lengths.len(), holds), None))
            }
            Test::Text(test, nulls) => {
                let texts = text_column(column)?;
                let texts = texts.as_string::<i32>();
                Ok(per_row(texts, *nulls, |row| test.holds(texts.value(row))))
            }
            Test::Matches(pattern, negated) => {
                let texts = text_column(column)?;
                let texts = texts.as_string::<i32>();
                let failed = Cell::new(None);
                let judged = per_row(texts, false, |row| match pattern.is_match(texts.value(row)) {
                    Ok(found) => found != *negated,
                    Err(error) => {
                        failed.set(Some(error));
                        false
                    }
                });
                failed.into_inner().map_or(Ok(judged), Err)
            }
            Test::Date(days, nulls) => {
                let dates = cast_column(column, &DataType::Date32)?;
                let dates = dates.as_primitive::<Date32Type>();
                let failed_casts = dates.null_count() > column.null_count();
                let judged = per_row(dates, *nulls, |row| optional_holds(days, &i64::from(dates.value(row))));
                if failed_casts { and_not_cast_failure(&judged, column, dates) } else { Ok(judged) }
            }
        }
    }
}

/// Days from the common era to 1970-01-01.
const EPOCH: i64 = 719_163;

/// What is no date fails, whatever NULL does.
fn and_not_cast_failure(judged: &BooleanArray, column: &ArrayRef, cast: &dyn Array) -> Result<BooleanArray> {
    let null = is_null(column).map_err(|e| Error::bug("nulls cannot be counted").caused_by(e))?;
    Ok((0..judged.len()).map(|row| Some(judged.value(row) && (cast.is_valid(row) || null.value(row)))).collect())
}

/// Judges the valid rows by `holds`; the others give `nulls`.
fn per_row(column: &dyn Array, nulls: Nulls, holds: impl Fn(usize) -> bool) -> BooleanArray {
    let judged = if column.null_count() == 0 {
        BooleanBuffer::collect_bool(column.len(), holds)
    } else {
        BooleanBuffer::collect_bool(column.len(), |row| if column.is_valid(row) { holds(row) } else { nulls })
    };
    BooleanArray::new(judged, None)
}

/// Whether NULL satisfies: with an explicit NULL it does under `=` and `in` and does not under their opposites; without one
/// it satisfies only `!=` and `not in`.
fn nulls_pass<T>(comparison: &Comparison<T>, is_null: impl Fn(&T) -> bool) -> Nulls {
    let names_null = comparison.operands().into_iter().any(is_null);
    match comparison {
        Comparison::Compare(Operator::Equal, _) | Comparison::In(_, false) => names_null,
        Comparison::Compare(Operator::NotEqual, _) | Comparison::In(_, true) => !names_null,
        Comparison::Compare(..) | Comparison::Between(..) => false,
    }
}

/// Whether a condition asks for NULL, or for anything else, and for no number.
fn names_null_alone(comparison: &Comparison<NumberOperand>) -> bool {
    let asks = matches!(comparison, Comparison::Compare(Operator::Equal | Operator::NotEqual, _) | Comparison::In(..));
    asks && comparison.operands().into_iter().all(|operand| *operand == NumberOperand::Null)
}

/// Compares a value with operands of which NULL is `None`: a value is never equal to NULL.
pub(crate) fn optional_holds<T: PartialOrd>(comparison: &Comparison<Option<T>>, value: &T) -> bool {
    let order = |operand: &Option<T>| operand.as_ref().and_then(|o| value.partial_cmp(o));
    match comparison {
        Comparison::Compare(operator, operand) => match order(operand) {
            Some(ordering) => operator.holds(ordering),
            None => *operator == Operator::NotEqual,
        },
        Comparison::Between(low, high, negated) => {
            (order(low) == Some(Ordering::Greater) && order(high) == Some(Ordering::Less)) != *negated
        }
        Comparison::In(operands, negated) => operands.iter().any(|o| order(o) == Some(Ordering::Equal)) != *negated,
    }
}

/// Whether a measured number satisfies a condition: exact comparison of doubles. NaN satisfies only `!=` and `not in`, as in the open
/// engine, which compares metrics outside of Spark.
pub(crate) fn number_holds(condition: &NumberCondition, value: f64) -> bool {
    match &condition.comparison {
        Comparison::Between(..) if value.is_nan() => false,
        _ => optional_holds(&doubles(condition), &value),
    }
}

/// A number of a row, in the order of Spark: NaN equals itself and is greater than all others.
struct Ordered(f64);

impl Ordered {
    fn order(&self, other: &Self) -> Ordering {
        self.0.partial_cmp(&other.0).unwrap_or_else(|| self.0.is_nan().cmp(&other.0.is_nan()))
    }
}

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.order(other).is_eq()
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.order(other))
    }
}

/// The operands of a condition as doubles; NULL, and what is not known yet, is `None`.
fn doubles(condition: &NumberCondition) -> Comparison<Option<f64>> {
    condition.comparison.map(|operand| match operand {
        NumberOperand::Number(number) => Some(number.value),
        _ => None,
    })
}

/// Refuses expressions over earlier runs: a row has none.
pub(crate) fn refuse_dynamic(condition: &NumberCondition) -> Result<()> {
    for operand in condition.comparison.operands() {
        if let NumberOperand::Dynamic(dynamic) = operand {
            dynamic.check()?;
            return Err(Error::usage(format!(
                "`{}` asks for the metrics of earlier runs, and the rule judges single rows",
                dynamic.text
            ))
            .expected("a number; or a rule over the dataset, such as `Mean \"column\" > 0.9 * avg(last(7))`"));
        }
    }
    Ok(())
}

impl Exact {
    fn new(condition: &NumberCondition) -> Self {
        let numbers = || {
            condition.comparison.operands().into_iter().filter_map(|o| match o {
                NumberOperand::Number(number) => Some(number),
                _ => None,
            })
        };
        let scale = numbers().map(|n| fraction_digits(&n.text)).max().unwrap_or(0);
        let fits = scale <= 18 && numbers().all(|n| scaled(n, scale).is_some());
        let scaled = fits.then(|| {
            condition.comparison.map(|operand| match operand {
                NumberOperand::Number(number) => scaled(number, scale),
                _ => None,
            })
        });
        Self { condition: condition.clone(), scale, scaled }
    }

    fn judge(&self, column: &ArrayRef, nulls: Nulls) -> Result<BooleanArray> {
        match (column.data_type(), &self.scaled) {
            (t, Some(operands)) if t.is_integer() && *t != DataType::UInt64 => {
                let values = cast_column(column, &DataType::Int64)?;
                let values = values.as_primitive::<Int64Type>();
                let unit = 10i128.pow(self.scale);
                Ok(per_row(values, nulls, |row| optional_holds(operands, &(i128::from(values.value(row)) * unit))))
            }
            (DataType::Decimal128(_, own), Some(_)) if *own >= 0 => {
                self.judge_decimal(column, own.unsigned_abs().into(), nulls)
            }
            _ => {
                let values = cast_column(column, &DataType::Float64)?;
                let values = values.as_primitive::<Float64Type>();
                let operands = doubles(&self.condition).map(|operand| operand.map(Ordered));
                let judged = per_row(values, nulls, |row| optional_holds(&operands, &Ordered(values.value(row))));
                if values.null_count() > column.null_count() {
                    and_not_cast_failure(&judged, column, values)
                } else {
                    Ok(judged)
                }
            }
        }
    }

    fn judge_decimal(&self, column: &ArrayRef, own: u32, nulls: Nulls) -> Result<BooleanArray> {
        let values = column.as_primitive::<Decimal128Type>();
        let Some(operands) = &self.scaled else { return Err(Error::bug("a decimal condition is not scaled")) };
        let common = own.max(self.scale);
        let (value_unit, operand_unit) = (10i128.checked_pow(common - own), 10i128.checked_pow(common - self.scale));
        let (Some(value_unit), Some(operand_unit)) = (value_unit, operand_unit) else {
            return Err(Error::usage("the condition has too many digits for the column"));
        };
        let operands = operands.map(|o| o.and_then(|v| v.checked_mul(operand_unit)));
        Ok(per_row(values, nulls, |row| {
            // A product that overflows lies beyond every operand on its own side.
            let value = values.value(row);
            let scaled = value.checked_mul(value_unit).unwrap_or(if value < 0 { i128::MIN } else { i128::MAX });
            optional_holds(&operands, &scaled)
        }))
    }
}

fn fraction_digits(text: &str) -> u32 {
    text.split_once('.').map_or(0, |(_, fraction)| u32::try_from(fraction.len()).unwrap_or(u32::MAX))
}

fn scaled(number: &Number, scale: u32) -> Option<i128> {
    let (whole, fraction) = number.text.split_once('.').unwrap_or((&number.text, ""));
    let missing = usize::try_from(scale).ok()?.checked_sub(fraction.len())?;
    format!("{whole}{fraction}{}", "0".repeat(missing)).parse().ok()
}

/// The texts of a list. Few are compared one by one: that is faster than to hash each value.
enum Texts {
    Few(Vec<String>),
    Many(HashSet<String>),
}

impl Texts {
    const FEW: usize = 12;

    fn new(texts: HashSet<String>) -> Self {
        match texts.len() {
            0..=Self::FEW => Texts::Few(texts.into_iter().collect()),
            _ => Texts::Many(texts),
        }
    }

    fn has(&self, text: &str) -> bool {
        match self {
            Texts::Few(texts) => texts.iter().any(|known| known == text),
            Texts::Many(texts) => texts.contains(text),
        }
    }
}

impl TextTest {
    fn new(comparison: &Comparison<TextOperand>) -> Self {
        let operands = comparison.operands();
        let texts = operands
            .iter()
            .filter_map(|o| match o {
                TextOperand::Text(text) => Some(text.clone()),
                _ => None,
            })
            .collect();
        Self {
            texts: Texts::new(texts),
            empty: operands.contains(&&TextOperand::Empty),
            whitespace: operands.contains(&&TextOperand::WhitespacesOnly),
            negated: matches!(comparison, Comparison::Compare(Operator::NotEqual, _) | Comparison::In(_, true)),
        }
    }

    fn holds(&self, text: &str) -> bool {
        let found = self.texts.has(text)
            || (self.empty && text.is_empty())
            || (self.whitespace && !text.is_empty() && text.bytes().all(|byte| byte == b' '));
        found != self.negated
    }
}

/// Lengths of texts in characters; NULL has length 0, as AWS documents.
pub(crate) fn lengths(column: &ArrayRef) -> Result<Int32Array> {
    let texts = text_column(column)?;
    let length = |text: &str| if text.is_ascii() { text.len() } else { text.chars().count() };
    let lengths = texts.as_string::<i32>().iter().map(|text| text.map_or(0, length));
    // Texts of one array have less than 2³¹ bytes together.
    Ok(lengths.map(|length| i32::try_from(length).unwrap_or(i32::MAX)).collect::<Vec<_>>().into())
}

pub(crate) fn text_column(column: &ArrayRef) -> Result<ArrayRef> {
    match column.data_type() {
        DataType::Utf8 => Ok(ArrayRef::clone(column)),
        _ => cast_column(column, &DataType::Utf8),
    }
}

/// Spark's cast: what cannot be cast becomes NULL.
pub(crate) fn cast_column(column: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    crate::spark::cast_column(column, to).map_err(|_| {
        let (found, wanted) = (type_name(column.data_type()), type_name(to));
        Error::usage(format!("a column of type {found} cannot be compared as {wanted}"))
    })
}

/// Whether a column's type can be ordered as a date.
pub(crate) fn is_dated(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Date32
            | DataType::Date64
            | DataType::Timestamp(
                TimeUnit::Second | TimeUnit::Millisecond | TimeUnit::Microsecond | TimeUnit::Nanosecond,
                _
            )
            | DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
    )
}

pub(crate) fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}
