//! What a rule's value is compared with.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use crate::dynamic::Dynamic;

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Operator {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Operator::Equal => "=",
            Operator::NotEqual => "!=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
        }
    }

    /// Whether an ordering satisfies the operator.
    pub(crate) fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Operator::Equal => ordering.is_eq(),
            Operator::NotEqual => ordering.is_ne(),
            Operator::Greater => ordering.is_gt(),
            Operator::GreaterOrEqual => ordering.is_ge(),
            Operator::Less => ordering.is_lt(),
            Operator::LessOrEqual => ordering.is_le(),
        }
    }
}

/// A comparison over operands of one kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Comparison<T> {
    Compare(Operator, T),
    /// Exclusive at both ends; `true`: its exact complement.
    Between(T, T, bool),
    /// `true`: not in.
    In(Vec<T>, bool),
}

impl<T> Comparison<T> {
    pub(crate) fn map<B>(&self, each: impl Fn(&T) -> B) -> Comparison<B> {
        match self {
            Comparison::Compare(operator, operand) => Comparison::Compare(*operator, each(operand)),
            Comparison::Between(low, high, negated) => Comparison::Between(each(low), each(high), *negated),
            Comparison::In(operands, negated) => Comparison::In(operands.iter().map(each).collect(), *negated),
        }
    }

    pub(crate) fn operands(&self) -> Vec<&T> {
        match self {
            Comparison::Compare(_, operand) => vec![operand],
            Comparison::Between(low, high, _) => vec![low, high],
            Comparison::In(operands, _) => operands.iter().collect(),
        }
    }
}

/// A condition, by the kind of its operands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    Number(NumberCondition),
    Text(Comparison<TextOperand>),
    /// `true`: does not match.
    Matches(String, bool),
    Date(Comparison<DateOperand>),
    /// Durations, whose value is one of minutes.
    Duration(Comparison<Amount>),
    /// Sizes, whose value is one of bytes.
    Size(Comparison<Amount>),
}

/// So many of a unit, as it was written: `24 hours` is the same as `1 days`, and stays what it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Amount {
    pub(crate) count: i64,
    pub(crate) unit: Unit,
}

/// A unit, and how many minutes or bytes it has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unit {
    pub(crate) name: &'static str,
    factor: i64,
}

impl Unit {
    pub(crate) const DURATIONS: [Unit; 3] = [
        Unit { name: "days", factor: 24 * 60 },
        Unit { name: "hours", factor: 60 },
        Unit { name: "minutes", factor: 1 },
    ];
    pub(crate) const SIZES: [Unit; 5] = [
        Unit { name: "B", factor: 1 },
        Unit { name: "KB", factor: 1 << 10 },
        Unit { name: "MB", factor: 1 << 20 },
        Unit { name: "GB", factor: 1 << 30 },
        Unit { name: "TB", factor: 1 << 40 },
    ];
    /// That of a size without a unit.
    pub(crate) const BYTES: Unit = Unit { name: "", factor: 1 };
}

impl Amount {
    /// No time at all, before or after now.
    pub(crate) const NONE: Amount = Amount { count: 0, unit: Unit::BYTES };

    /// `None` when its value has more than 64 bits.
    pub(crate) fn new(count: i64, unit: Unit) -> Option<Self> {
        count.checked_mul(unit.factor).map(|_| Self { count, unit })
    }

    /// Minutes or bytes.
    pub(crate) fn value(self) -> i64 {
        self.count.saturating_mul(self.unit.factor)
    }
}

impl PartialEq for Amount {
    fn eq(&self, other: &Self) -> bool {
        self.value() == other.value()
    }
}

impl Eq for Amount {}

/// A condition over numbers, perhaps with NULL among its operands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NumberCondition {
    pub(crate) comparison: Comparison<NumberOperand>,
}

/// An operand of a condition over numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NumberOperand {
    Number(Number),
    Null,
    /// An expression over earlier runs.
    Dynamic(Dynamic),
}

/// A number as it was written: exact, and as a double.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Number {
    pub(crate) value: f64,
    pub(crate) text: String,
}

/// An operand of a condition over texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TextOperand {
    Text(String),
    Null,
    Empty,
    WhitespacesOnly,
}

/// An operand of a condition over dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateOperand {
    Date(NaiveDate),
    /// A time of today.
    Time(NaiveTime),
    /// So long before (negative) or after now.
    Now(Amount),
    Null,
}

impl DateOperand {
    /// The instant that is meant; `None` for NULL.
    pub(crate) fn instant(self, now: DateTime<Utc>, zone: chrono_tz::Tz) -> Option<DateTime<Utc>> {
        use chrono::TimeZone as _;
        match self {
            DateOperand::Null => None,
            DateOperand::Date(date) => Some(date.and_time(NaiveTime::MIN).and_utc()),
            DateOperand::Now(offset) => now.checked_add_signed(chrono::Duration::try_minutes(offset.value())?),
            DateOperand::Time(time) => {
                let today = now.with_timezone(&zone).date_naive();
                zone.from_local_datetime(&today.and_time(time)).earliest().map(|t| t.with_timezone(&Utc))
            }
        }
    }
}
