//! Text to tokens, each with its bytes.

use lakegate_contract::{Error, Result};

/// Longest ruleset that is read.
const MAX_TEXT: usize = 1 << 20;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A bare word: a name, a keyword, a rule type.
    Word,
    /// A quoted string.
    Text,
    /// Digits, perhaps with a fraction.
    Number,
    /// `now()`.
    Now,
    /// `$name`.
    Constant,
    /// One of the symbols.
    Symbol,
    /// The end of the text.
    End,
}

/// A token: its kind, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    /// The token as written, quotes included.
    pub(crate) text: &'a str,
    /// First byte.
    pub(crate) start: usize,
}

impl Token<'_> {
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

const SYMBOLS: [&str; 18] =
    [">=", "<=", "!=", "!", "=", ">", "<", "[", "]", "(", ")", "{", "}", ",", ":", "+", "-", "*"];

/// Cuts a ruleset into tokens; the last is [`Kind::End`].
pub(crate) fn tokens<'a>(text: &'a str, file: &str) -> Result<Vec<Token<'a>>> {
    if text.len() > MAX_TEXT {
        return Err(Error::usage(format!("the ruleset has {} bytes", text.len()))
            .at(file)
            .expected(format!("at most {MAX_TEXT}")));
    }
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
        let skipped = skip(rest);
        if skipped > 0 {
            at += skipped;
            continue;
        }
        let (kind, length) = one(rest).map_err(|found| Error::usage(found).at(place(text, file, at)))?;
        tokens.push(Token { kind, text: rest.get(..length).unwrap_or(rest), start: at });
        at += length;
    }
    tokens.push(Token { kind: Kind::End, text: "", start: text.len() });
    Ok(tokens)
}

/// Bytes of white space or of one comment at the front.
fn skip(rest: &str) -> usize {
    if rest.starts_with('#') {
        return rest.find('\n').unwrap_or(rest.len());
    }
    rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{feff}']).len()
}

fn one(rest: &str) -> std::result::Result<(Kind, usize), String> {
    if rest.starts_with("now()") {
        return Ok((Kind::Now, 5));
    }
    let first = rest.chars().next().unwrap_or(' ');
    match first {
        '"' => string(rest).map(|length| (Kind::Text, length)),
        '$' => match word(rest.get(1..).unwrap_or_default()) {
            0 => Err("`$` without a name".to_owned()),
            length => Ok((Kind::Constant, length + 1)),
        },
        c if c.is_ascii_alphanumeric() || matches!(c, '_' | '.') => {
            let length = word(rest);
            let text = rest.get(..length).unwrap_or_default();
            Ok((if is_number(text) { Kind::Number } else { Kind::Word }, length))
        }
        '\'' | '‘' | '’' => Err("single quotes are not DQDL: use double quotes".to_owned()),
        '“' | '”' | '„' | '«' | '»' | '＂' => {
            Err(format!("`{first}` is no quote of DQDL: use straight ones, \"like these\""))
        }
        '/' if rest.starts_with("//") => Err("`//` does not begin a comment: use `#`".to_owned()),
        '/' => Ok((Kind::Symbol, 1)),
        other => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            Some(symbol) => Ok((Kind::Symbol, symbol.len())),
            None => Err(format!("the character `{}` is not part of DQDL", other.escape_default())),
        },
    }
}

fn word(rest: &str) -> usize {
    rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.')).unwrap_or(rest.len())
}

/// Digits, or digits, a point and digits.
fn is_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(text),
    }
}

fn string(rest: &str) -> std::result::Result<usize, String> {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Ok(at + 1),
            _ => {}
        }
    }
    Err("the string that begins here has no end".to_owned())
}

/// What stands between the quotes, as written; a line ends in LF, however the file ends its lines.
pub(crate) fn content(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
    unix_lines(inner)
}

/// The text with LF alone where CR, however many, and LF end a line.
pub(crate) fn unix_lines(text: &str) -> String {
    let mut lines = text.split('\n').peekable();
    let mut out = String::with_capacity(text.len());
    while let Some(line) = lines.next() {
        match lines.peek() {
            Some(_) => out.extend([line.trim_end_matches('\r'), "\n"]),
            None => out.push_str(line),
        }
    }
    out
}

/// `file:line:column` of a byte.
pub(crate) fn place(text: &str, file: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    // A byte order mark is no column.
    let last = before.rsplit('\n').next().unwrap_or_default().trim_start_matches('\u{feff}');
    let column = last.chars().count() + 1;
    format!("{file}:{}:{column}", line_of(text, at))
}

/// The line of a byte, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or(text).matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        tokens(text, "t").unwrap().into_iter().map(|t| (t.kind, t.text)).collect()
    }

    #[test]
    fn words_numbers_strings_and_symbols_are_told_apart() {
        assert_eq!(
            kinds("a >= 1.5 # c\n\"x\\\"y\" now() $k 5KB"),
            [
                (Kind::Word, "a"),
                (Kind::Symbol, ">="),
                (Kind::Number, "1.5"),
                (Kind::Text, "\"x\\\"y\""),
                (Kind::Now, "now()"),
                (Kind::Constant, "$k"),
                (Kind::Word, "5KB"),
                (Kind::End, ""),
            ]
        );
    }

    #[test]
    fn what_is_not_dqdl_is_placed() {
        let error = tokens("Rules = [\n  'a'", "r.dqdl").unwrap_err();
        assert_eq!(error.place(), Some("r.dqdl:2:3"));
        assert!(tokens("\"open", "r").is_err());
        assert!(tokens("// no", "r").is_err());
    }
}
