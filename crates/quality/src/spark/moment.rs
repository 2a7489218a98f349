//! Dates and timestamps by a format, as Spark spells and reads them, in UTC.

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, Timelike as _};

/// The date and time of microseconds since 1970-01-01.
pub(super) fn time_of(micros: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_micros(micros).map(|time| time.naive_utc())
}

pub(super) fn micros_of(time: NaiveDateTime) -> i64 {
    time.and_utc().timestamp_micros()
}

/// A piece of a pattern such as `yyyy-MM-dd HH:mm:ss`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// A letter and how often it stands there.
    Field(char, usize),
    Literal(String),
}

/// A pattern of Java's `DateTimeFormatter`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Format(Vec<Piece>);

impl Format {
    /// Reads a pattern; the error says which letter is not known.
    pub(super) fn new(pattern: &str) -> Result<Self, String> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\'' => {
                    let mut quoted = String::new();
                    loop {
                        match chars.next() {
                            Some('\'') if chars.peek() == Some(&'\'') => {
                                chars.next();
                                quoted.push('\'');
                            }
                            Some('\'') => break,
                            Some(other) => quoted.push(other),
                            None => return Err("a quote is not closed".to_owned()),
                        }
                    }
                    pieces.push(Piece::Literal(if quoted.is_empty() { "'".to_owned() } else { quoted }));
                }
                c if c.is_ascii_alphabetic() => match pieces.last_mut() {
                    Some(Piece::Field(last, count)) if *last == c => *count += 1,
                    _ => pieces.push(Piece::Field(c, 1)),
                },
                c => pieces.push(Piece::Literal(c.to_string())),
            }
        }
        for piece in &pieces {
            if let Piece::Field(letter, count) = piece
                && !matches!(
                    (letter, count),
                    ('y' | 'u', 1..=4)
                        | ('M' | 'L', 1..=4)
                        | ('d' | 'H' | 'h' | 'm' | 's' | 'k', 1..=2)
                        | ('S', 1..=9)
                        | ('E', 1..=4)
                        | ('a', 1)
                        | ('D', 1 | 3)
                        | ('Q' | 'q', 1)
                )
            {
                return Err(format!("`{}` is not supported", letter.to_string().repeat(*count)));
            }
        }
        Ok(Self(pieces))
    }

    /// Spells a time.
    pub(super) fn spelled(&self, time: NaiveDateTime) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => out.push_str(text),
                Piece::Field(letter, count) => out.push_str(&field(time, *letter, *count)),
            }
        }
        out
    }

    /// Reads a time; all of the text must fit.
    pub(super) fn read(&self, text: &str) -> Option<NaiveDateTime> {
        let mut parts = Parts::default();
        let mut rest = text;
        for (index, piece) in self.0.iter().enumerate() {
            rest = match piece {
                Piece::Literal(literal) => rest.strip_prefix(literal.as_str())?,
                Piece::Field(letter, count) => {
                    let adjacent = matches!(self.0.get(index + 1), Some(Piece::Field(..)));
                    parts.take(rest, *letter, *count, adjacent)?
                }
            };
        }
        if rest.is_empty() { parts.time() } else { None }
    }
}

fn field(time: NaiveDateTime, letter: char, count: usize) -> String {
    let half = |hour: u32| if hour.is_multiple_of(12) { 12 } else { hour % 12 };
    let number = match letter {
        'y' | 'u' if count == 2 => i64::from(time.year().rem_euclid(100)),
        'y' | 'u' => i64::from(time.year()),
        'M' | 'L' if count == 3 => return time.format("%b").to_string(),
        'M' | 'L' if count == 4 => return time.format("%B").to_string(),
        'M' | 'L' => time.month().into(),
        'd' => time.day().into(),
        'D' => time.ordinal().into(),
        'Q' | 'q' => (time.month0() / 3 + 1).into(),
        'H' => time.hour().into(),
        'k' => (if time.hour() == 0 { 24 } else { time.hour() }).into(),
        'h' => half(time.hour()).into(),
        'm' => time.minute().into(),
        's' => time.second().into(),
        'S' => {
            let nanos = format!("{:09}", time.nanosecond());
            return nanos.get(..count).unwrap_or(&nanos).to_owned();
        }
        'E' if count == 4 => return time.format("%A").to_string(),
        'E' => return time.format("%a").to_string(),
        _ => return time.format("%p").to_string(),
    };
    format!("{number:0count$}")
}

/// What a text has told so far; what it tells twice must be the same.
#[derive(Default)]
struct Parts {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    hour: Option<u32>,
    /// Of half a day, from 0.
    half_hour: Option<u32>,
    /// The half of the day: 0 or 1.
    half: Option<u32>,
    minute: Option<u32>,
    second: Option<u32>,
    nanos: Option<u32>,
}

/// Notes a value, unless another one is there.
fn note<T: PartialEq + Copy>(field: &mut Option<T>, value: T) -> Option<()> {
    (*field.get_or_insert(value) == value).then_some(())
}

impl Parts {
    /// Reads one field at the front of `text`, and returns what is behind it.
    fn take<'a>(&mut self, text: &'a str, letter: char, count: usize, adjacent: bool) -> Option<&'a str> {
        if letter == 'M' && count >= 3 {
            return self.month_name(text, count);
        }
        if letter == 'a' {
            let (name, rest) = text.split_at_checked(2)?;
            let half = ["AM", "PM"].iter().position(|known| *known == name)?;
            note(&mut self.half, u32::try_from(half).ok()?)?;
            return Some(rest);
        }
        let available = text.bytes().take_while(u8::is_ascii_digit).count();
        let wanted = match (count, letter) {
            (1, _) if !adjacent => available.min(if letter == 'S' { 1 } else { 9 }),
            _ => count,
        };
        if wanted == 0 || available < wanted {
            return None;
        }
        let (digits, rest) = text.split_at_checked(wanted)?;
        let number: u32 = digits.parse().ok()?;
        match letter {
            'y' | 'u' if count == 2 => note(&mut self.year, i32::try_from(number + 2000).ok()?)?,
            'y' | 'u' => note(&mut self.year, i32::try_from(number).ok()?)?,
            'M' | 'L' => note(&mut self.month, number)?,
            'd' => note(&mut self.day, number)?,
            'H' if number < 24 => note(&mut self.hour, number)?,
            'h' if (1..=12).contains(&number) => note(&mut self.half_hour, number % 12)?,
            'm' if number < 60 => note(&mut self.minute, number)?,
            's' if number < 60 => note(&mut self.second, number)?,
            'S' => {
                let unit = 10u32.checked_pow(u32::try_from(9usize.checked_sub(wanted)?).ok()?)?;
                note(&mut self.nanos, number * unit)?;
            }
            _ => return None,
        }
        Some(rest)
    }

    fn month_name<'a>(&mut self, text: &'a str, count: usize) -> Option<&'a str> {
        const NAMES: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        let (month, name) = (1u32..).zip(NAMES).find_map(|(month, name)| {
            let name = if count == 3 { name.get(..3)? } else { name };
            text.starts_with(name).then_some((month, name))
        })?;
        note(&mut self.month, month)?;
        text.strip_prefix(name)
    }

    fn time(self) -> Option<NaiveDateTime> {
        let date = NaiveDate::from_ymd_opt(self.year.unwrap_or(1970), self.month.unwrap_or(1), self.day.unwrap_or(1))?;
        let hour = match self.hour {
            Some(hour) => {
                let agrees = self.half.is_none_or(|half| half == hour / 12)
                    && self.half_hour.is_none_or(|half_hour| half_hour == hour % 12);
                agrees.then_some(hour)?
            }
            None => self.half_hour.unwrap_or(0) + 12 * self.half.unwrap_or(0),
        };
        let [minute, second, nanos] = [self.minute, self.second, self.nanos].map(Option::unwrap_or_default);
        date.and_hms_nano_opt(hour, minute, second, nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(format: &str, text: &str) -> Option<String> {
        Format::new(format).unwrap().read(text).map(|time| time.to_string())
    }

    #[test]
    fn what_a_text_tells_twice_must_agree() {
        assert_eq!(read("yyyy yyyy-MM", "2026 2026-03").as_deref(), Some("2026-03-01 00:00:00"));
        for (format, text) in [
            ("yyyy yyyy", "2025 2026"),
            ("dydy-m-dd", "2026-01-31"),
            ("MM MMM", "02 Jan"),
            ("HH a", "03 PM"),
            ("HH h", "13 2"),
        ] {
            assert_eq!(read(format, text), None, "{format}");
        }
        for (format, text) in [("a h", "PM 3"), ("h a", "3 PM"), ("HH h a", "15 3 PM"), ("HH", "15")] {
            assert_eq!(read(format, text).as_deref(), Some("1970-01-01 15:00:00"), "{format}");
        }
    }
}
