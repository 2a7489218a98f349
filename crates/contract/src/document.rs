//! Reading a TOML file of a project into a typed value, with errors that say file, line and column.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;

use crate::{Class, Error, Result};

/// A value and where in its file it stands.
///
/// Keeps the byte span, so that a check made after parsing can still point at the text.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent, bound(deserialize = "T: Deserialize<'de>"))]
pub struct Located<T>(Spanned<T>);

impl<T> Located<T> {
    /// The value.
    pub fn value(&self) -> &T {
        self.0.get_ref()
    }

    /// The value, without its place.
    pub fn into_value(self) -> T {
        self.0.into_inner()
    }

    /// `file:line:column` of the value in `text`.
    pub fn place(&self, text: &str, file: &str) -> String {
        place_of(text, file, self.0.span().start)
    }
}

/// Reads and parses a TOML file.
///
/// # Errors
/// As [`parse_document`]; also when the file cannot be read.
pub fn load_document<T: DeserializeOwned>(path: &Path) -> Result<(T, String)> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::new(Class::Usage, format!("the file cannot be read: {}", e.kind())).at(&file))?;
    let value = parse_document(&text, &file)?;
    Ok((value, text))
}

/// Parses TOML text; `file` is the name shown in errors.
///
/// # Errors
/// With `file:line:column`, what was found, the valid alternatives and a "did you mean".
pub fn parse_document<T: DeserializeOwned>(text: &str, file: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let message = error.message().trim();
        let mut out = match split_alternatives(message) {
            Some((found, names)) => {
                let names: Vec<&str> = names;
                let listed = names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
                let out =
                    Error::usage(found.replace("unknown field", "unknown key")).expected(format!("one of {listed}"));
                match quoted(found).and_then(|bad| suggest(bad, names.iter().copied())) {
                    Some(near) => out.help(format!("did you mean `{near}`?")),
                    None => out,
                }
            }
            None => Error::usage(message.replace('\n', " ")),
        };
        out = out.at(place_of(text, file, offset));
        out
    })
}

/// The name among `valid` that is nearest to `found`, if any is near enough to be meant.
pub fn suggest<'a>(found: &str, valid: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (found.chars().count() / 3).max(1) + 1;
    valid
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(found, name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// Splits serde's "unknown field `x`, expected one of `a`, `b`" into its head and the names.
fn split_alternatives(message: &str) -> Option<(&str, Vec<&str>)> {
    let (found, rest) = message.split_once(", expected ")?;
    if !found.starts_with("unknown") {
        return None;
    }
    let names: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    (!names.is_empty()).then_some((found, names))
}

fn quoted(text: &str) -> Option<&str> {
    text.split('`').nth(1)
}

fn place_of(text: &str, file: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    format!("{file}:{line}:{column}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        #[serde(rename = "treatment")]
        _treatment: String,
    }

    #[test]
    fn an_unknown_key_is_placed_and_answered_with_a_suggestion() {
        let error = parse_document::<Example>("\n  tretment = \"drop\"\n", "schemas/x.toml").unwrap_err();
        assert_eq!(error.place(), Some("schemas/x.toml:2:3"));
        assert_eq!(error.found(), "unknown key `tretment`");
        assert_eq!(error.expectation(), Some("one of `treatment`"));
        assert_eq!(error.advice(), Some("did you mean `treatment`?"));
    }

    #[test]
    fn columns_are_counted_in_characters() {
        let error = parse_document::<Example>("\"나이\" = 1", "a.toml").unwrap_err();
        assert_eq!(error.place(), Some("a.toml:1:1"));
    }

    #[test]
    fn nothing_is_suggested_for_a_name_that_is_far() {
        assert_eq!(suggest("password", ["after", "mode"]), None);
        assert_eq!(suggest("sorce", ["source", "mode"]), Some("source"));
    }
}
