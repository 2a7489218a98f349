//! Quoted values: dates, times of day, and texts.

use chrono::{NaiveDate, NaiveTime};

use crate::condition::DateOperand;

/// What the open grammar's lexer takes a quoted string for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Date,
    /// `"9:05 PM"`
    TwelveHours,
    /// `"21:05"`
    TwentyFourHours,
    Text,
}

fn form(inner: &str) -> Form {
    // One `d` for each digit shows the form.
    let shape: String = inner.chars().take(11).map(|c| if c.is_ascii_digit() { 'd' } else { c }).collect();
    let letters = inner.chars().any(|c| c == 'd');
    match shape.as_str() {
        _ if letters => Form::Text,
        "dddd-dd-dd" => Form::Date,
        "dd:dd" => Form::TwentyFourHours,
        "d:dd AM" | "d:dd PM" | "dd:dd AM" | "dd:dd PM" => Form::TwelveHours,
        _ => Form::Text,
    }
}

/// Whether a quoted string has the form of a date or of a time, and so is no string to Glue.
pub(crate) fn looks_dated(quoted: &str) -> bool {
    let inner = quoted.strip_prefix('"').and_then(|q| q.strip_suffix('"')).unwrap_or(quoted);
    form(inner) != Form::Text
}

/// The date or time that is written; `None` for a text, an error's words for a date that no calendar has.
pub(super) fn dated(inner: &str) -> Option<Result<DateOperand, String>> {
    let date = || NaiveDate::parse_from_str(inner, "%Y-%m-%d").map(DateOperand::Date);
    let time = |format| NaiveTime::parse_from_str(inner, format).map(DateOperand::Time);
    let parsed = match form(inner) {
        Form::Text => return None,
        Form::Date => date().map_err(|_| "is no day of the calendar"),
        Form::TwentyFourHours => time("%H:%M").map_err(|_| "is no time of the day"),
        Form::TwelveHours => time("%I:%M %p").map_err(|_| "is no time of the day with AM or PM"),
    };
    Some(parsed.map_err(|problem| format!("\"{inner}\" {problem}")))
}

/// Takes one level of backslashes away.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut escaped = false;
    for c in text.chars() {
        match c {
            '\\' if !escaped => escaped = true,
            other => {
                out.push(other);
                escaped = false;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_are_told_by_their_form() {
        for text in ["2024-02-29", "9999-99-99", "23:59", "99:99", "9:05 AM", "12:30 PM"] {
            assert_ne!(form(text), Form::Text, "{text}");
        }
        for text in ["2024-2-29", "2024-02-29 ", "9:05", "9:05 am", "9:05  AM", "009:05", "dddd-dd-dd", "dd:dd", ""] {
            assert_eq!(form(text), Form::Text, "{text}");
        }
    }

    #[test]
    fn a_date_that_does_not_exist_is_no_text() {
        for text in ["2023-02-29", "24:00", "13:00 PM", "0:30 AM"] {
            assert!(matches!(dated(text), Some(Err(_))), "{text}");
        }
        let noon = DateOperand::Time(NaiveTime::from_hms_opt(12, 5, 0).unwrap());
        assert_eq!(dated("12:05 PM"), Some(Ok(noon)));
        assert_eq!(dated("12:05"), Some(Ok(noon)));
    }
}
