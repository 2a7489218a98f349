//! JSON texts, read in one pass straight into the values of a row.

use std::borrow::Cow;
use std::collections::BTreeSet;

use chrono_tz::Tz;
use lakegate_contract::DataType;
use lakegate_pipeline::rows::{Misfit, Value, of_integer, of_text};
use lakegate_pipeline::text::{parse_decimal, parse_integer};
use memchr::memchr2;

use crate::fields::{Members, Target};

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 64;
/// Names of undeclared members that are told.
const MAX_NAMES: usize = 64;
const MAX_NAME_LENGTH: usize = 64;

/// Why a text is not a record.
#[derive(Debug, PartialEq)]
pub(crate) enum Fault {
    /// It goes on behind what is at hand.
    Incomplete,
    /// It is malformed at this byte.
    Malformed(usize, &'static str),
    /// It is JSON up to this byte, and a value does not fit its column.
    Unfit(usize, String),
}

type Parsed<T> = Result<T, Fault>;

/// Reads objects of one shape.
pub(crate) struct JsonDecoder<'t> {
    pub(crate) members: &'t Members,
    pub(crate) columns: &'t [String],
    pub(crate) zone: Tz,
}

/// One text at hand and how far it is read.
struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The first value that does not fit; reading goes on, so that the record's end is known.
    unfit: Option<String>,
}

impl JsonDecoder<'_> {
    /// Reads the object that begins at `start`; returns the byte behind it. `row` has a place for each column.
    pub(crate) fn decode<'a>(
        &self,
        bytes: &'a [u8],
        start: usize,
        row: &mut [Value<'a>],
        unread: &mut BTreeSet<String>,
    ) -> Parsed<usize> {
        row.fill(Value::Null);
        let mut scanner = Scanner { bytes, at: start, unfit: None };
        if scanner.peek() != Some(b'{') {
            return Err(Fault::Malformed(start, "not a JSON object"));
        }
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
        unread: &mut BTreeSet<String>,
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
                    note_name(&key, unread);
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
        unread: &mut BTreeSet<String>,
        depth: usize,
    ) -> Parsed<()> {
        match members.fields.get(index).map(|f| &f.target) {
            Some(Target::Column(column, data_type)) => {
                let value = self.value(scanner, data_type, depth)?;
                match (value, row.get_mut(*column)) {
                    (Ok(value), Some(place)) => *place = value,
                    (Err(misfit), _) => {
                        let name = self.columns.get(*column).map_or("?", String::as_str);
                        scanner.misfit(format!("column {name}: {misfit} where {data_type} was expected"));
                    }
                    _ => {}
                }
                Ok(())
            }
            Some(Target::Members(inner)) if scanner.after_space()? == b'{' => {
                if depth + 1 >= MAX_DEPTH {
                    return Err(scanner.malformed("nested too deep"));
                }
                self.object(scanner, inner, row, unread, depth + 1)
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

/// Names may be anything, even what is sensitive: only those that look like names are told.
fn note_name(name: &str, unread: &mut BTreeSet<String>) {
    let plain = name.len() <= MAX_NAME_LENGTH
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if unread.len() < MAX_NAMES && plain && !unread.contains(name) {
        unread.insert(name.to_owned());
    }
}

fn text_value<'a>(text: &'a str, data_type: &DataType, zone: Tz) -> Result<Value<'a>, Misfit> {
    match data_type {
        DataType::String | DataType::Timestamp | DataType::Date => of_text(text, data_type, zone),
        _ => Err("a string"),
    }
}

fn owned(value: Value<'_>) -> Value<'static> {
    match value {
        Value::Timestamp(v) => Value::Timestamp(v),
        Value::Date(v) => Value::Date(v),
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
            Ok(number) if number.is_finite() => Ok(Value::Double(number)),
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

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn malformed(&self, what: &'static str) -> Fault {
        Fault::Malformed(self.at, what)
    }

    fn misfit(&mut self, reason: String) {
        self.unfit.get_or_insert(reason);
    }

    /// Skips white space; the byte behind it.
    fn after_space(&mut self) -> Parsed<u8> {
        loop {
            match self.peek() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(byte) => return Ok(byte),
                None => return Err(Fault::Incomplete),
            }
        }
    }

    /// A member's name and the colon behind it.
    fn key(&mut self) -> Parsed<Cow<'a, str>> {
        if self.after_space()? != b'"' {
            return Err(self.malformed("a member has no name"));
        }
        let key = self.string()?;
        if self.after_space()? != b':' {
            return Err(self.malformed("no `:` after a member's name"));
        }
        self.at += 1;
        Ok(key)
    }

    fn word(&mut self, word: &'static [u8]) -> Parsed<()> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        if word.starts_with(rest) { Err(Fault::Incomplete) } else { Err(self.malformed("not a JSON value")) }
    }

    /// A number by JSON's strict grammar.
    fn number(&mut self) -> Parsed<&'a str> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            None => return Err(Fault::Incomplete),
            _ => return Err(self.malformed("not a JSON value")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        match self.peek() {
            None => Err(Fault::Incomplete),
            Some(b'0'..=b'9' | b'.' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-') => {
                Err(self.malformed("a malformed number"))
            }
            Some(_) => Ok(self.text(start, self.at)),
        }
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Parsed<()> {
        let start = self.at;
        self.digits();
        match (self.at > start, self.peek()) {
            (true, _) => Ok(()),
            (false, None) => Err(Fault::Incomplete),
            (false, Some(_)) => Err(self.malformed("a malformed number")),
        }
    }

    /// ASCII that was just scanned.
    fn text(&self, start: usize, end: usize) -> &'a str {
        self.bytes.get(start..end).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default()
    }

    fn string(&mut self) -> Parsed<Cow<'a, str>> {
        let start = self.at + 1;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let Some(length) = memchr2(b'"', b'\\', rest) else {
            return Err(self.unended(start, rest));
        };
        let plain = rest.get(..length).unwrap_or_default();
        self.refuse_control(start, plain)?;
        if rest.get(length) == Some(&b'"') {
            self.at = start + length + 1;
            return std::str::from_utf8(plain)
                .map(Cow::Borrowed)
                .map_err(|_| Fault::Malformed(start, "text that is not UTF-8"));
        }
        self.escaped(start, length)
    }

    /// A string without an end: cut by a line break, or by the end of what is at hand.
    fn unended(&self, start: usize, rest: &[u8]) -> Fault {
        match self.refuse_control(start, rest) {
            Err(fault) => fault,
            Ok(()) => Fault::Incomplete,
        }
    }

    fn refuse_control(&self, start: usize, text: &[u8]) -> Parsed<()> {
        if !text.iter().any(|b| *b < 0x20) {
            return Ok(());
        }
        let at = text.iter().position(|b| *b < 0x20).unwrap_or(0);
        Err(Fault::Malformed(start + at, "a control character in a string"))
    }

    fn escaped(&mut self, start: usize, first: usize) -> Parsed<Cow<'a, str>> {
        let mut out: Vec<u8> = self.bytes.get(start..start + first).unwrap_or_default().to_vec();
        self.at = start + first;
        loop {
            match self.peek() {
                None => return Err(Fault::Incomplete),
                Some(b'"') => {
                    self.at += 1;
                    let text = String::from_utf8(out).map_err(|_| Fault::Malformed(start, "text that is not UTF-8"))?;
                    return Ok(Cow::Owned(text));
                }
                Some(b'\\') => self.escape(&mut out)?,
                Some(byte) if byte < 0x20 => return Err(self.malformed("a control character in a string")),
                Some(_) => {
                    let rest = self.bytes.get(self.at..).unwrap_or_default();
                    let length = rest.iter().position(|b| *b == b'"' || *b == b'\\' || *b < 0x20).unwrap_or(rest.len());
                    out.extend_from_slice(rest.get(..length).unwrap_or_default());
                    self.at += length;
                }
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Parsed<()> {
        let Some(kind) = self.bytes.get(self.at + 1) else { return Err(Fault::Incomplete) };
        let plain = match kind {
            b'"' | b'\\' | b'/' => *kind,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return self.unicode(out),
            _ => return Err(self.malformed("an unknown escape in a string")),
        };
        out.push(plain);
        self.at += 2;
        Ok(())
    }

    fn unicode(&mut self, out: &mut Vec<u8>) -> Parsed<()> {
        let high = self.hex(self.at + 2)?;
        let mut length = 6;
        let code = if (0xD800..0xDC00).contains(&high) {
            match self.bytes.get(self.at + 6..self.at + 8) {
                None => return Err(Fault::Incomplete),
                Some(b"\\u") => {}
                Some(_) => return Err(self.malformed("half of a surrogate pair")),
            }
            let low = self.hex(self.at + 8)?;
            if !(0xDC00..0xE000).contains(&low) {
                return Err(self.malformed("half of a surrogate pair"));
            }
            length = 12;
            0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)
        } else {
            high
        };
        let character = char::from_u32(code).ok_or_else(|| self.malformed("half of a surrogate pair"))?;
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        self.at += length;
        Ok(())
    }

    fn hex(&self, at: usize) -> Parsed<u32> {
        let Some(digits) = self.bytes.get(at..at + 4) else { return Err(Fault::Incomplete) };
        digits.iter().try_fold(0, |value, digit| {
            char::from(*digit)
                .to_digit(16)
                .map(|d| value * 16 + d)
                .ok_or_else(|| self.malformed("an unknown escape in a string"))
        })
    }

    /// Skips a value, without recursion.
    fn skip(&mut self, depth: usize) -> Parsed<()> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            match self.after_space()? {
                b'{' => {
                    self.at += 1;
                    open.push(b'}');
                    if self.after_space()? != b'}' {
                        self.key()?;
                        self.refuse_depth(depth + open.len())?;
                        continue;
                    }
                }
                b'[' => {
                    self.at += 1;
                    open.push(b']');
                    if self.after_space()? != b']' {
                        self.refuse_depth(depth + open.len())?;
                        continue;
                    }
                }
                b'"' => drop(self.string()?),
                b'n' => self.word(b"null")?,
                b't' => self.word(b"true")?,
                b'f' => self.word(b"false")?,
                _ => drop(self.number()?),
            }
            if !self.close(&mut open)? {
                return Ok(());
            }
        }
    }

    fn refuse_depth(&self, depth: usize) -> Parsed<()> {
        if depth >= MAX_DEPTH { Err(self.malformed("nested too deep")) } else { Ok(()) }
    }

    /// Behind a value: closes what ends here; whether another value follows.
    fn close(&mut self, open: &mut Vec<u8>) -> Parsed<bool> {
        while let Some(end) = open.last().copied() {
            match self.after_space()? {
                byte if byte == end => {
                    self.at += 1;
                    open.pop();
                }
                b',' => {
                    self.at += 1;
                    if end == b'}' {
                        self.key()?;
                    }
                    return Ok(true);
                }
                _ => return Err(self.malformed("neither `,` nor an end behind a value")),
            }
        }
        Ok(false)
    }
}
