//! The tokens of JSON, by its strict grammar.

use std::borrow::Cow;

use memchr::memchr2;

/// Deepest nesting that is read.
pub(crate) const MAX_DEPTH: usize = 64;

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

pub(crate) type Parsed<T> = Result<T, Fault>;

/// One text at hand and how far it is read.
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    pub(crate) at: usize,
    /// The first value that does not fit; reading goes on, so that the record's end is known.
    pub(crate) unfit: Option<String>,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, unfit: None }
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(crate) fn malformed(&self, what: &'static str) -> Fault {
        Fault::Malformed(self.at, what)
    }

    pub(crate) fn misfit(&mut self, reason: String) {
        self.unfit.get_or_insert(reason);
    }

    /// Skips white space; the byte behind it.
    pub(crate) fn after_space(&mut self) -> Parsed<u8> {
        loop {
            match self.peek() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(byte) => return Ok(byte),
                None => return Err(Fault::Incomplete),
            }
        }
    }

    /// A member's name and the colon behind it.
    pub(crate) fn key(&mut self) -> Parsed<Cow<'a, str>> {
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

    pub(crate) fn word(&mut self, word: &'static [u8]) -> Parsed<()> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        if word.starts_with(rest) { Err(Fault::Incomplete) } else { Err(self.malformed("not a JSON value")) }
    }

    /// A number by JSON's strict grammar.
    pub(crate) fn number(&mut self) -> Parsed<&'a str> {
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

    pub(crate) fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    pub(crate) fn some_digits(&mut self) -> Parsed<()> {
        let start = self.at;
        self.digits();
        match (self.at > start, self.peek()) {
            (true, _) => Ok(()),
            (false, None) => Err(Fault::Incomplete),
            (false, Some(_)) => Err(self.malformed("a malformed number")),
        }
    }

    /// The bytes between two places.
    pub(crate) fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// ASCII that was just scanned.
    pub(crate) fn text(&self, start: usize, end: usize) -> &'a str {
        self.bytes.get(start..end).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default()
    }

    pub(crate) fn string(&mut self) -> Parsed<Cow<'a, str>> {
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
    pub(crate) fn unended(&self, start: usize, rest: &[u8]) -> Fault {
        match self.refuse_control(start, rest) {
            Err(fault) => fault,
            Ok(()) => Fault::Incomplete,
        }
    }

    pub(crate) fn refuse_control(&self, start: usize, text: &[u8]) -> Parsed<()> {
        if !text.iter().any(|b| *b < 0x20) {
            return Ok(());
        }
        let at = text.iter().position(|b| *b < 0x20).unwrap_or(0);
        Err(Fault::Malformed(start + at, "a control character in a string"))
    }

    pub(crate) fn escaped(&mut self, start: usize, first: usize) -> Parsed<Cow<'a, str>> {
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

    pub(crate) fn escape(&mut self, out: &mut Vec<u8>) -> Parsed<()> {
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

    pub(crate) fn unicode(&mut self, out: &mut Vec<u8>) -> Parsed<()> {
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

    pub(crate) fn hex(&self, at: usize) -> Parsed<u32> {
        let Some(digits) = self.bytes.get(at..at + 4) else { return Err(Fault::Incomplete) };
        digits.iter().try_fold(0, |value, digit| {
            char::from(*digit)
                .to_digit(16)
                .map(|d| value * 16 + d)
                .ok_or_else(|| self.malformed("an unknown escape in a string"))
        })
    }

    /// Skips a value, without recursion.
    pub(crate) fn skip(&mut self, depth: usize) -> Parsed<()> {
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

    pub(crate) fn refuse_depth(&self, depth: usize) -> Parsed<()> {
        if depth >= MAX_DEPTH { Err(self.malformed("nested too deep")) } else { Ok(()) }
    }

    /// Behind a value: closes what ends here; whether another value follows.
    pub(crate) fn close(&mut self, open: &mut Vec<u8>) -> Parsed<bool> {
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
