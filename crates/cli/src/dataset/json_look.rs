//! Where in files of JSON lines the text does not parse, or a value is not of the kind that its column has elsewhere: the reader itself
//! knows no line. It is looked for once reading has failed, in one more pass that holds a line at a time.

use std::collections::BTreeMap;

use lakegate_contract::{Error, Result};
use lakegate_lake::FileRoot;
use object_store::ObjectMeta;
use serde_json::Value;
use serde_json::error::Category;

use super::stream;

/// Longest line that is looked into.
const LONGEST: usize = 64 << 20;

/// The first trouble in the files, if there is one.
///
/// # Errors
/// When a file cannot be read.
pub async fn first_trouble(root: &FileRoot, files: &[ObjectMeta], compressed: bool) -> Result<Option<Error>> {
    let mut lines = Lines::default();
    for file in files {
        lines.begin(stream::shown(root, &file.location));
        stream::through(root, file, compressed, &mut lines).await?;
        lines.end();
        if lines.trouble.is_some() {
            break;
        }
    }
    Ok(lines.trouble)
}

/// What a value is, as far as a column needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Truth,
    Number,
    Text,
    List,
    Object,
}

impl Kind {
    fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Null => return None,
            Value::Bool(_) => Kind::Truth,
            Value::Number(_) => Kind::Number,
            Value::String(_) => Kind::Text,
            Value::Array(_) => Kind::List,
            Value::Object(_) => Kind::Object,
        })
    }

    fn word(self) -> &'static str {
        match self {
            Kind::Truth => "true or false",
            Kind::Number => "a number",
            Kind::Text => "a text",
            Kind::List => "a list",
            Kind::Object => "an object",
        }
    }
}

/// Lines as they go by.
#[derive(Default)]
struct Lines {
    file: String,
    number: u64,
    line: Vec<u8>,
    /// A line that is too long is passed over.
    passing: bool,
    /// What each column has been first, and where.
    kinds: BTreeMap<String, (Kind, String)>,
    trouble: Option<Error>,
}

impl stream::Look for Lines {
    fn see(&mut self, text: &[u8]) {
        let mut rest = text;
        while self.trouble.is_none() {
            let Some(end) = memchr::memchr(b'\n', rest) else { return self.hold(rest) };
            let (line, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            self.hold(line);
            self.end_line();
            rest = after.get(1..).unwrap_or_default();
        }
    }

    fn done(&self) -> bool {
        self.trouble.is_some()
    }
}

impl Lines {
    fn begin(&mut self, file: String) {
        (self.file, self.number) = (file, 0);
    }

    fn end(&mut self) {
        if self.trouble.is_none() {
            self.end_line();
        }
    }

    fn hold(&mut self, part: &[u8]) {
        if self.passing || self.line.len() + part.len() > LONGEST {
            self.passing = true;
            self.line.clear();
        } else {
            self.line.extend_from_slice(part);
        }
    }

    fn end_line(&mut self) {
        self.number += 1;
        let line = std::mem::take(&mut self.line);
        if !std::mem::take(&mut self.passing) {
            self.judge(&line);
        }
        // The next line needs no new memory.
        self.line = line;
        self.line.clear();
    }

    fn place(&self) -> String {
        format!("{}, line {}", self.file, self.number)
    }

    fn judge(&mut self, line: &[u8]) {
        let line = if self.number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
        let trimmed = line.trim_ascii();
        if trimmed.is_empty() {
            return;
        }
        if std::str::from_utf8(line).is_err() {
            return self.tell(Error::bad_input("its text is not UTF-8").at(self.place()).expected("JSON in UTF-8"));
        }
        match serde_json::from_slice::<Value>(line) {
            Ok(Value::Object(members)) => members.iter().for_each(|(name, value)| self.see_value(name, value)),
            Ok(other) => self.tell(self.no_object(&format!("the line holds {}", word(&other)))),
            Err(error) => {
                let column = error.column();
                self.tell(match error.classify() {
                    Category::Eof => self.no_object("the line ends before its JSON does"),
                    _ => Error::bad_input(no_json(&error))
                        .at(format!("{}, column {column}", self.place()))
                        .expected("one JSON object a line"),
                });
            }
        }
    }

    fn no_object(&self, found: &str) -> Error {
        let error = Error::bad_input(found).at(self.place()).expected("one JSON object a line");
        error.help("jq writes it so: `jq -c . FILE`, or `jq -c '.[]' FILE` where the file is one array")
    }

    fn tell(&mut self, trouble: Error) {
        self.trouble.get_or_insert(trouble);
    }

    /// Compares a value's kind with that of its column so far, as deep as the parser goes.
    fn see_value(&mut self, column: &str, value: &Value) {
        let Some(kind) = Kind::of(value) else { return };
        match self.kinds.get(column) {
            Some((known, place)) if *known != kind => {
                let found = format!("column `{column}` holds {} here", kind.word());
                let trouble = Error::bad_input(found)
                    .at(self.place())
                    .expected(format!("{}, as in {place}", known.word()))
                    .help("a column of JSON lines has values of one kind, or NULL");
                return self.tell(trouble);
            }
            Some(_) => {}
            None => {
                self.kinds.insert(column.to_owned(), (kind, self.place()));
            }
        }
        match value {
            Value::Array(items) => {
                let inner = format!("{column}[]");
                items.iter().for_each(|item| self.see_value(&inner, item));
            }
            Value::Object(members) => {
                members.iter().for_each(|(name, item)| self.see_value(&format!("{column}.{name}"), item));
            }
            _ => {}
        }
    }
}

fn word(value: &Value) -> &'static str {
    Kind::of(value).map_or("null", Kind::word)
}

/// What a text is that JSON forbids, or that nobody can hold. The parser has these words alone for both.
fn no_json(error: &serde_json::Error) -> &'static str {
    let words = error.to_string();
    if words.starts_with("number out of range") {
        "a number is larger than a double can hold"
    } else if words.starts_with("recursion limit exceeded") {
        "its objects and arrays are nested too deep"
    } else {
        "the text is no JSON"
    }
}

#[cfg(test)]
mod tests {
    use super::stream::Look as _;
    use super::*;

    fn trouble(files: &[&[u8]]) -> Option<String> {
        let mut lines = Lines::default();
        for (name, text) in ["a", "b"].iter().zip(files) {
            lines.begin((*name).to_owned());
            // In pieces that end anywhere.
            text.chunks(3).for_each(|piece| lines.see(piece));
            lines.end();
        }
        lines.trouble.map(|error| error.to_string())
    }

    #[test]
    fn the_line_that_does_not_parse_is_named_and_its_text_is_not() {
        let broken = b"{\"a\":1}\r\n\n{\"a\":secret}\n{\"a\":\"x\"}\n";
        assert_eq!(
            trouble(&[broken]).unwrap(),
            "a, line 3, column 6: the text is no JSON; expected one JSON object a line"
        );
        let expected = "; expected one JSON object a line";
        assert_eq!(
            trouble(&[b"[\n {\"a\":1}\n]"]).unwrap(),
            format!("a, line 1: the line ends before its JSON does{expected}")
        );
        assert_eq!(trouble(&[b"{\"a\":1}\n[1]"]).unwrap(), format!("a, line 2: the line holds a list{expected}"));
        let large = trouble(&[b"{\"a\":1e400}"]).unwrap();
        assert!(large.starts_with("a, line 1, column 10: a number is larger than a double"), "{large}");
        let deep = trouble(&[format!("{{\"a\":{}", "[".repeat(5000)).as_bytes()]).unwrap();
        assert!(deep.contains("nested too deep"), "{deep}");
        assert!(trouble(&[b"{\"a\":1}\n{\"a\":\"\xe9\"}"]).unwrap().starts_with("a, line 2: its text is not UTF-8"));
        assert_eq!(trouble(&[b"\xef\xbb\xbf{\"a\":1}\n\n", b"{\"a\":null}\n{\"a\":1.5}"]), None);
    }

    #[test]
    fn a_value_of_another_kind_is_placed_also_in_another_file() {
        let found =
            trouble(&[b"{\"a\":1,\"b\":{\"c\":[1]}}\n", b"{\"a\":2}\n{\"b\":{\"c\":[null,\"secret\"]}}"]).unwrap();
        assert_eq!(found, "b, line 2: column `b.c[]` holds a text here; expected a number, as in a, line 1");
    }
}
