//! JSON texts, read in one pass straight into the values of a row.

use std::borrow::Cow;

use chrono_tz::Tz;
use lakegate_contract::DataType;
use lakegate_pipeline::rows::{Misfit, Value, of_double, of_integer, of_text};
use lakegate_pipeline::text::{parse_decimal, parse_integer};

use crate::fields::{Members, Target};
use crate::scanner::{Fault, MAX_DEPTH, Parsed, Scanner};
use crate::unread::Unread;

/// Reads objects of one shape.
pub(crate) struct JsonDecoder<'t> {
    pub(crate) members: &'t Members,
    pub(crate) columns: &'t [String],
    pub(crate) zone: Tz,
}

impl JsonDecoder<'_> {
    /// Reads the object that begins at `start`; returns the byte behind it. `row` has a place for each column; `unread` meets
    /// the members that none of them takes.
    pub(crate) fn decode<'a>(
        &self,
        bytes: &'a [u8],
        start: usize,
        row: &mut [Value<'a>],
        unread: &mut Unread,
    ) -> Parsed<usize> {
        row.fill(Value::Null);
        let mut scanner = Scanner::new(bytes, start);
        if scanner.peek() != Some(b'{') {
            return Err(Fault::Malformed(start, "not a JSON object"));
        }
        unread.forget();
        self.object(&mut scanner, self.members, row, unread, 0)?;
        match scanner.unfit {
            Some(reason) => Err(Fault::Unfit(scanner.at, reason)),
            None => Ok(scanner.at),
        }
    }

    fn object<'a>(
        &self,
        scanner: &mut Scanner<'a>,
        members: &Members,
        row: &mut [Value<'a>],
        unread: &mut Unread,
        depth: usize,
    ) -> Parsed<()> {
        scanner.at += 1;
        if scanner.after_space()? == b'}' {
            scanner.at += 1;
            return Ok(());
        }
        let (mut seen, mut expected) = (0u64, 0);
        loop {
            let key = scanner.key()?;
            match members.find(key.as_bytes(), expected) {
                Some(index) => {
                    let bit = 1u64.checked_shl(u32::try_from(index).unwrap_or(u32::MAX)).unwrap_or(0);
                    if seen & bit != 0 {
                        scanner.misfit("a member stands twice".to_owned());
                    }
                    seen |= bit;
                    expected = index + 1;
                    self.member(scanner, members, index, row, unread, depth)?;
                }
                None => {
                    unread.note(&members.path, &key);
                    scanner.skip(depth)?;
                }
            }
            match scanner.after_space()? {
                b',' => scanner.at += 1,
                b'}' => {
                    scanner.at += 1;
                    return Ok(());
                }
                _ => return Err(scanner.malformed("neither `,` nor `}` after a member")),
            }
        }
    }

    fn member<'a>(
        &self,
        scanner: &mut Scanner<'a>,
        members: &Members,
        index: usize,
        row: &mut [Value<'a>],
        unread: &mut Unread,
        depth: usize,
    ) -> Parsed<()> {
        match members.fields.get(index).map(|f| &f.target) {
            Some(Target::Columns(columns)) => {
                let start = scanner.at;
                for (column, data_type) in columns {
                    // The same text is read again for each column that wants it.
                    scanner.at = start;
                    let value = self.value(scanner, data_type, depth)?;
                    match (value, row.get_mut(*column)) {
                        (Ok(value), Some(place)) => *place = value,
                        (Err(misfit), _) => {
                            let name = self.columns.get(*column).map_or("?", String::as_str);
                            scanner.misfit(format!("column {name}: {misfit} where {data_type} was expected"));
                        }
                        _ => {}
                    }
                }
                Ok(())
            }
            Some(Target::Members(inner)) if scanner.after_space()? == b'{' => {
                if depth + 1 >= MAX_DEPTH {
                    return Err(scanner.malformed("nested too deep"));
                }
                self.object(scanner, inner, row, unread, depth + 1)
            }
            Some(Target::Members(_)) if scanner.after_space()? != b'n' => {
                scanner.skip(depth)?;
                let name = members.fields.get(index).map_or("?", |f| f.name.as_str());
                scanner.misfit(format!("member {name}: something else where an object was expected"));
                Ok(())
            }
            _ => scanner.skip(depth),
        }
    }

    /// A value for a column; `Err` inside: it is well-formed and does not fit.
    fn value<'a>(
        &self,
        scanner: &mut Scanner<'a>,
        data_type: &DataType,
        depth: usize,
    ) -> Parsed<Result<Value<'a>, Misfit>> {
        match scanner.after_space()? {
            b'"' => {
                let text = scanner.string()?;
                Ok(match text {
                    Cow::Borrowed(text) => text_value(text, data_type, self.zone),
                    Cow::Owned(text) if *data_type == DataType::String => Ok(Value::Text(Cow::Owned(text))),
                    Cow::Owned(text) => text_value(&text, data_type, self.zone).map(owned),
                })
            }
            b'n' => scanner.word(b"null").map(|()| Ok(Value::Null)),
            b't' => scanner.word(b"true").map(|()| truth(true, data_type)),
            b'f' => scanner.word(b"false").map(|()| truth(false, data_type)),
            b'[' => self.texts(scanner, data_type, depth),
            b'{' => scanner.skip(depth).map(|()| Err("an object")),
            _ => scanner.number().map(|text| number_value(text, data_type)),
        }
    }

    /// An array of strings.
    fn texts<'a>(
        &self,
        scanner: &mut Scanner<'a>,
        data_type: &DataType,
        depth: usize,
    ) -> Parsed<Result<Value<'a>, Misfit>> {
        let wanted = matches!(data_type, DataType::Array(element) if **element == DataType::String);
        if !wanted {
            return scanner.skip(depth).map(|()| Err("an array"));
        }
        scanner.at += 1;
        let mut texts = Vec::new();
        let mut misfit = None;
        if scanner.after_space()? == b']' {
            scanner.at += 1;
            return Ok(Ok(Value::Texts(texts)));
        }
        loop {
            if scanner.after_space()? == b'"' {
                texts.push(scanner.string()?);
            } else {
                scanner.skip(depth)?;
                misfit = Some("an array of other things than strings");
            }
            match scanner.after_space()? {
                b',' => scanner.at += 1,
                b']' => {
                    scanner.at += 1;
                    return Ok(misfit.map_or(Ok(Value::Texts(texts)), Err));
                }
                _ => return Err(scanner.malformed("neither `,` nor `]` in an array")),
            }
        }
    }
}

fn text_value<'a>(text: &'a str, data_type: &DataType, zone: Tz) -> Result<Value<'a>, Misfit> {
    match data_type {
        // Numbers that other programs could not hold exactly are often sent as text.
        DataType::BigInt | DataType::Decimal { .. } => of_text(text, data_type, zone),
        DataType::String | DataType::Timestamp | DataType::Date => of_text(text, data_type, zone),
        _ => Err("a string"),
    }
}

fn owned(value: Value<'_>) -> Value<'static> {
    match value {
        Value::Timestamp(v) => Value::Timestamp(v),
        Value::Date(v) => Value::Date(v),
        Value::Integer(v) => Value::Integer(v),
        Value::Decimal(v) => Value::Decimal(v),
        Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
        _ => Value::Null,
    }
}

fn truth<'a>(value: bool, data_type: &DataType) -> Result<Value<'a>, Misfit> {
    match data_type {
        DataType::Boolean => Ok(Value::Boolean(value)),
        _ => Err("true or false"),
    }
}

fn number_value<'a>(text: &'a str, data_type: &DataType) -> Result<Value<'a>, Misfit> {
    match data_type {
        DataType::String => Ok(Value::Text(text.into())),
        DataType::Boolean => Err("a number"),
        DataType::Decimal { precision, scale } => parse_decimal(text, *precision, *scale)
            .map(Value::Decimal)
            .ok_or("a number with too many digits or an exponent"),
        DataType::Float | DataType::Double => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => of_double(number, data_type),
            _ => Err("a number that is too large"),
        },
        DataType::TinyInt | DataType::SmallInt | DataType::Int | DataType::BigInt | DataType::Timestamp => {
            // 1.0 is a whole number; 1.5 and 1e3 are not written as one.
            let whole = parse_integer(text).or_else(|| i64::try_from(parse_decimal(text, 19, 0)?).ok());
            of_integer(whole.ok_or("a number that is not whole or too large")?, data_type)
        }
        _ => Err("a number"),
    }
}
