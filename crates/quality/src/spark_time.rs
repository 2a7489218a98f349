//! Which texts Spark takes for a date or a timestamp when it casts (`DateTimeUtils.stringToDate` and `stringToTimestamp`).

/// `yyyy`, `yyyy-m`, `yyyy-m-d`, and after a whole date a space or `T` with anything behind it.
pub(crate) fn is_date(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let Some((date, rest)) = date_part(unsigned, 7) else { return false };
    rest.is_empty() || (date.whole && rest.starts_with([' ', 'T']))
}

/// A date as above, or with a time behind a space or `T`: `h`, `h:m`, `h:m:s` or `h:m:s.ffffff`, the last two perhaps with a zone; or a time of today.
pub(crate) fn is_timestamp(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(time) = text.strip_prefix('T') {
        return is_time(time);
    }
    match date_part(unsigned, 6) {
        Some((_, "")) => true,
        Some((date, rest)) if date.whole => rest.strip_prefix([' ', 'T']).is_some_and(is_time),
        Some(_) => false,
        None => text.contains(':') && is_time(text),
    }
}

struct DatePart {
    /// Whether a day is there.
    whole: bool,
}

/// The date in front of a text, whose year has so many digits at most, and the rest.
fn date_part(text: &str, year_digits: usize) -> Option<(DatePart, &str)> {
    let (year, rest) = digits(text, 4, year_digits)?;
    let Some(rest) = rest.strip_prefix('-') else { return Some((DatePart { whole: false }, rest)) };
    let (month, rest) = digits(rest, 1, 2)?;
    let Some(rest) = rest.strip_prefix('-') else {
        return (1..=12).contains(&month).then_some((DatePart { whole: false }, rest));
    };
    let (day, rest) = digits(rest, 1, 2)?;
    // The calendar repeats every 400 years.
    let year = i32::try_from(2000 + year % 400).ok()?;
    chrono::NaiveDate::from_ymd_opt(year, month, day).map(|_| (DatePart { whole: true }, rest))
}

fn is_time(text: &str) -> bool {
    let Some((hour, mut rest)) = digits(text, 1, 2) else { return false };
    if hour > 23 {
        return false;
    }
    for _ in 0..2 {
        if rest.is_empty() {
            return true;
        }
        let Some(next) = rest.strip_prefix(':') else { return false };
        let Some((value, after)) = digits(next, 1, 2) else { return false };
        if value > 59 {
            return false;
        }
        rest = after;
    }
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    is_zone(rest)
}

/// Nothing, `Z`, an offset such as `+9`, `+09:00`, `UTC+9`, or the name of a region.
fn is_zone(text: &str) -> bool {
    let text = text.trim_start();
    if text.is_empty() || text == "Z" {
        return true;
    }
    let offset = ["UTC", "GMT", "UT"].iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
    if offset.is_empty() {
        return true;
    }
    match offset.strip_prefix(['+', '-']) {
        Some(offset) => is_offset(offset),
        None => text.parse::<chrono_tz::Tz>().is_ok(),
    }
}

/// `h`, `hh`, `h:m` or `hhmm`: at most 18 hours, as in Java.
fn is_offset(text: &str) -> bool {
    let (hours, minutes) = match text.split_once(':') {
        Some(parts) => parts,
        None if text.len() == 4 && text.is_ascii() => text.split_at(2),
        None => (text, "0"),
    };
    match (digits(hours, 1, 2), digits(minutes, 1, 2)) {
        (Some((hours, "")), Some((minutes, ""))) => minutes < 60 && hours * 60 + minutes <= 18 * 60,
        _ => false,
    }
}

/// The number in front of a text, of so many digits, and the rest.
fn digits(text: &str, fewest: usize, most: usize) -> Option<(u32, &str)> {
    let count = text.bytes().take_while(u8::is_ascii_digit).count();
    if !(fewest..=most).contains(&count) {
        return None;
    }
    let (number, rest) = text.split_at(count);
    Some((number.parse().ok()?, rest))
}
