//! Which date or time Spark reads in a text when it casts (`DateTimeUtils.stringToDate` and `stringToTimestamp`), in UTC.

use chrono::{DateTime, Duration, NaiveDate, Offset as _, TimeZone as _, Utc};
use chrono_tz::Tz;

const MICROS: i64 = 1_000_000;
const DAY: i64 = 86_400 * MICROS;

/// Years after which the calendar repeats, and their days.
const CYCLE: i64 = 400;
const CYCLE_DAYS: i64 = 146_097;

/// A text as every cast reads it: white space and control characters at both ends do not count.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ' || c == '\u{7f}')
}

/// Days since 1970-01-01 of `yyyy`, `yyyy-m`, `yyyy-m-d`, and of a whole date with a space or `T` and anything behind it.
pub(crate) fn date(text: &str) -> Option<i32> {
    let (date, rest) = Date::read(text, 7)?;
    let ends = rest.is_empty() || (date.day.is_some() && rest.starts_with([' ', 'T']));
    i32::try_from(date.days().filter(|_| ends)?).ok()
}

/// Microseconds since 1970-01-01 of a date as above, or with a time behind a space or `T`: `h`, `h:m`, `h:m:s` or `h:m:s.ffffff`, the
/// last two perhaps with a zone; or of a time of today.
pub(crate) fn timestamp(text: &str) -> Option<i64> {
    if let Some(time) = text.strip_prefix('T') {
        return of_today(time);
    }
    match Date::read(text, 6) {
        Some((date, "")) => date.days()?.checked_mul(DAY),
        Some((date, rest)) if date.day.is_some() => {
            let time = Time::read(rest.strip_prefix([' ', 'T'])?)?;
            time.on(date.days()?)
        }
        Some(_) => None,
        None => text.contains(':').then(|| of_today(text)).flatten(),
    }
}

fn of_today(time: &str) -> Option<i64> {
    let time = Time::read(time)?;
    let now = time.zone.local(Utc::now());
    time.on(now.timestamp_micros().div_euclid(DAY))
}

/// `2026-03-01`, and with a sign what has more than four digits or none.
pub(crate) fn spelled_day(days: i64) -> String {
    let cycles = days.div_euclid(CYCLE_DAYS);
    let within = NaiveDate::default().checked_add_signed(Duration::days(days.rem_euclid(CYCLE_DAYS)));
    let date = within.unwrap_or_default();
    let year = i64::from(chrono::Datelike::year(&date)) + cycles * CYCLE;
    let sign = match year {
        ..0 => "-",
        0..=9_999 => "",
        _ => "+",
    };
    format!("{sign}{:04}{}", year.unsigned_abs(), date.format("-%m-%d"))
}

/// `2026-03-01 12:30:00.5`: no more digits of a fraction than there are.
pub(crate) fn spelled(micros: i64) -> String {
    let (days, of_day) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    let (seconds, fraction) = (of_day / MICROS, of_day % MICROS);
    let whole = format!("{} {:02}:{:02}:{:02}", spelled_day(days), seconds / 3600, seconds / 60 % 60, seconds % 60);
    match fraction {
        0 => whole,
        fraction => format!("{whole}.{}", format!("{fraction:06}").trim_end_matches('0')),
    }
}

struct Date {
    year: i64,
    month: Option<u32>,
    day: Option<u32>,
}

impl Date {
    /// The date in front of a text, whose year has four to so many digits, and the rest.
    fn read(text: &str, year_digits: usize) -> Option<(Self, &str)> {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (year, rest) = digits(unsigned, 4, year_digits)?;
        let year = if text.starts_with('-') { -i64::from(year) } else { i64::from(year) };
        let Some(rest) = rest.strip_prefix('-') else { return Some((Self { year, month: None, day: None }, rest)) };
        let (month, rest) = digits(rest, 1, 2)?;
        let Some(rest) = rest.strip_prefix('-') else {
            return Some((Self { year, month: Some(month), day: None }, rest));
        };
        let (day, rest) = digits(rest, 1, 2)?;
        Some((Self { year, month: Some(month), day: Some(day) }, rest))
    }

    /// Days since 1970-01-01, if there is such a date.
    fn days(&self) -> Option<i64> {
        let within = self.year.rem_euclid(CYCLE);
        let near = i32::try_from(within + 5 * CYCLE).ok()?;
        let date = NaiveDate::from_ymd_opt(near, self.month.unwrap_or(1), self.day.unwrap_or(1))?;
        let cycles = (self.year - within) / CYCLE - 5;
        Some(date.signed_duration_since(NaiveDate::default()).num_days() + cycles * CYCLE_DAYS)
    }
}

struct Time {
    /// Since midnight.
    micros: i64,
    zone: Zone,
}

impl Time {
    fn read(text: &str) -> Option<Self> {
        let (hour, mut rest) = digits(text, 1, 2)?;
        let mut sixtieths = [0, 0];
        for sixtieth in &mut sixtieths {
            if rest.is_empty() {
                break;
            }
            let (value, after) = digits(rest.strip_prefix(':')?, 1, 2)?;
            (*sixtieth, rest) = (value, after);
        }
        let [minute, second] = sixtieths;
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let (fraction, rest) = match rest.strip_prefix('.') {
            Some(rest) => rest.split_at_checked(rest.bytes().take_while(u8::is_ascii_digit).count())?,
            None => ("", rest),
        };
        // What is finer than a microsecond is cut off.
        let fraction: i64 = format!("{fraction:0<6.6}").parse().ok()?;
        let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
        Some(Self { micros: seconds * MICROS + fraction, zone: Zone::read(rest)? })
    }

    /// The moment on a day since 1970-01-01.
    fn on(&self, day: i64) -> Option<i64> {
        self.zone.utc(i64::try_from(i128::from(day) * i128::from(DAY) + i128::from(self.micros)).ok()?)
    }
}

enum Zone {
    /// Seconds ahead of UTC.
    Offset(i64),
    Region(Tz),
}

/// Names of zones that Java keeps for what was written long ago (`ZoneId.SHORT_IDS`).
const SHORT_NAMES: [(&str, Tz); 25] = [
    ("ACT", Tz::Australia__Darwin),
    ("AET", Tz::Australia__Sydney),
    ("AGT", Tz::America__Argentina__Buenos_Aires),
    ("ART", Tz::Africa__Cairo),
    ("AST", Tz::America__Anchorage),
    ("BET", Tz::America__Sao_Paulo),
    ("BST", Tz::Asia__Dhaka),
    ("CAT", Tz::Africa__Harare),
    ("CNT", Tz::America__St_Johns),
    ("CST", Tz::America__Chicago),
    ("CTT", Tz::Asia__Shanghai),
    ("EAT", Tz::Africa__Addis_Ababa),
    ("ECT", Tz::Europe__Paris),
    ("IET", Tz::America__Indiana__Indianapolis),
    ("IST", Tz::Asia__Kolkata),
    ("JST", Tz::Asia__Tokyo),
    ("MIT", Tz::Pacific__Apia),
    ("NET", Tz::Asia__Yerevan),
    ("NST", Tz::Pacific__Auckland),
    ("PLT", Tz::Asia__Karachi),
    ("PNT", Tz::America__Phoenix),
    ("PRT", Tz::America__Puerto_Rico),
    ("PST", Tz::America__Los_Angeles),
    ("SST", Tz::Pacific__Guadalcanal),
    ("VST", Tz::Asia__Ho_Chi_Minh),
];

impl Zone {
    /// Nothing, `Z`, an offset such as `+9`, `+09:00`, `UTC+9`, or the name of a region.
    fn read(text: &str) -> Option<Self> {
        let text = text.trim_matches(|c: char| c <= ' ');
        let offset = ["UTC", "GMT", "UT"].iter().find_map(|prefix| text.strip_prefix(prefix));
        if text.is_empty() || text == "Z" || offset == Some("") {
            return Some(Self::Offset(0));
        }
        let signed = offset.unwrap_or(text);
        if let Some(offset) = signed.strip_prefix(['+', '-']).and_then(seconds_ahead) {
            return Some(Self::Offset(if signed.starts_with('-') { -offset } else { offset }));
        }
        // Java knows the region by its other names alone.
        if text == "ROC" {
            return None;
        }
        let short = SHORT_NAMES.iter().find(|(name, _)| *name == text).map(|(_, zone)| *zone);
        short.or_else(|| text.parse().ok()).map(Self::Region)
    }

    /// The moment at which clocks of the zone show so many microseconds since 1970-01-01.
    fn utc(&self, local: i64) -> Option<i64> {
        let region = match self {
            Self::Offset(seconds) => return local.checked_sub(seconds * MICROS),
            Self::Region(region) => region,
        };
        let shown = DateTime::from_timestamp_micros(local)?.naive_utc();
        // A time that clocks jump over is read with the offset from before, and one that they show twice with it too.
        let before = || region.offset_from_local_datetime(&(shown - Duration::days(1))).earliest();
        let offset = region.offset_from_local_datetime(&shown).earliest().or_else(before)?;
        local.checked_sub(i64::from(offset.fix().local_minus_utc()) * MICROS)
    }

    /// What clocks of the zone show, as if it were UTC.
    fn local(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Offset(seconds) => now + Duration::seconds(*seconds),
            Self::Region(region) => now.with_timezone(region).naive_local().and_utc(),
        }
    }
}

/// `h`, `hh`, `h:m`, `hhmm`, `hh:mm:ss` or `hhmmss` in seconds: at most 18 hours, as in Java.
fn seconds_ahead(text: &str) -> Option<i64> {
    let mut parts = [0, 0, 0];
    if text.contains(':') {
        let pieces: Vec<&str> = text.split(':').collect();
        // With seconds Java wants two digits of each.
        let fewest = if pieces.len() > 2 { 2 } else { 1 };
        (pieces.len() <= parts.len()).then_some(())?;
        for (index, (part, piece)) in parts.iter_mut().zip(pieces).enumerate() {
            *part = whole(piece, if index == 0 { 1 } else { fewest }, 2)?;
        }
    } else {
        let width = if text.len() > 2 { 2 } else { 1.max(text.len()) };
        let mut rest = text;
        for part in &mut parts {
            let (piece, after) = rest.split_at_checked(width.min(rest.len()))?;
            *part = if piece.is_empty() { 0 } else { whole(piece, width, width)? };
            rest = after;
        }
        (rest.is_empty() && !text.is_empty()).then_some(())?;
    }
    let [hours, minutes, seconds] = parts.map(i64::from);
    let ahead = hours * 3600 + minutes * 60 + seconds;
    (minutes < 60 && seconds < 60 && ahead <= 18 * 3600).then_some(ahead)
}

/// A number of so many digits and nothing else.
fn whole(text: &str, fewest: usize, most: usize) -> Option<u32> {
    digits(text, fewest, most).filter(|(_, rest)| rest.is_empty()).map(|(number, _)| number)
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
