//! Sets of characters that Java names.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

/// Names and bounds of Unicode's blocks, a line each: Java knows characters by them (`\p{InHiragana}`), the Rust crates do not.
const BLOCKS: &str = include_str!("blocks.txt");

const HORIZONTAL: &str = r"[\t \x{a0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}]";
const VERTICAL: &str = r"[\n\x0b\x0c\r\x{85}\x{2028}\x{2029}]";

/// The set that the `regex` crate gives a class, written as there.
pub(super) fn of(class: &str) -> Option<ClassUnicode> {
    match regex_syntax::parse(class).ok()?.into_kind() {
        HirKind::Class(Class::Unicode(set)) => Some(set),
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?;
            Some(ClassUnicode::new(text.chars().map(|c| ClassUnicodeRange::new(c, c))))
        }
        _ => None,
    }
}

/// A set written in this file: what does not parse would be found by the first test.
fn known(class: &str) -> ClassUnicode {
    of(class).unwrap_or_else(ClassUnicode::empty)
}

pub(super) fn single(c: char) -> ClassUnicode {
    ClassUnicode::new([ClassUnicodeRange::new(c, c)])
}

pub(super) fn range(first: char, last: char) -> ClassUnicode {
    ClassUnicode::new([ClassUnicodeRange::new(first, last)])
}

pub(super) fn negated(mut set: ClassUnicode) -> ClassUnicode {
    set.negate();
    set
}

/// What `\b` takes for a part of a word: letters and digits of all scripts, and marks upon them.
pub(super) fn java_word() -> ClassUnicode {
    known(r"[_\p{L}\p{Nd}\p{Mn}]")
}

/// The set of `\d`, `\h`, `\s`, `\v` or `\w`, or of their opposites in upper case.
pub(super) fn letter(name: char, unicode: bool) -> Option<ClassUnicode> {
    let set = match (name.to_ascii_lowercase(), unicode) {
        ('d', false) => known("[0-9]"),
        ('d', true) => known(r"\p{Nd}"),
        ('s', false) => known(r"[\t\n\x0b\x0c\r ]"),
        ('s', true) => known(r"\p{White_Space}"),
        ('w', false) => known("[0-9A-Za-z_]"),
        ('w', true) => known(r"\w"),
        ('h', _) => known(HORIZONTAL),
        ('v', _) => known(VERTICAL),
        _ => return None,
    };
    Some(if name.is_ascii_uppercase() { negated(set) } else { set })
}

/// What `.` takes.
pub(super) fn dot(all: bool, unix: bool) -> ClassUnicode {
    match (all, unix) {
        (true, _) => known(r"(?s:.)"),
        (false, true) => known(r"[^\n]"),
        (false, false) => known(r"[^\n\r\x{85}\x{2028}\x{2029}]"),
    }
}

/// What a character takes under flag `i`: an ASCII letter that of the other case, or with `u` any letter.
pub(super) fn single_ignoring_case(c: char, unicode: bool) -> ClassUnicode {
    if !unicode {
        return with_ascii_case(single(c));
    }
    let lower = java_lower(java_upper(c));
    if java_upper(c) == lower {
        return single(c);
    }
    // İ and ı become i by way of Java's upper and lower case, and fold to nothing by Unicode's.
    let mut near = ClassUnicode::new([lower, c, 'İ', 'ı'].map(|c| ClassUnicodeRange::new(c, c)));
    // Folding is there for all of Unicode: the crate is built with its tables.
    let _ = near.try_case_fold_simple();
    let all = near.ranges().iter().flat_map(|range| range.start()..=range.end());
    let same = all.filter(|&other| other == lower || java_lower(java_upper(other)) == lower);
    ClassUnicode::new(same.map(|c| ClassUnicodeRange::new(c, c)))
}

/// What a range takes under flag `i`.
pub(super) fn range_ignoring_case(first: char, last: char, unicode: bool) -> ClassUnicode {
    let mut set = range(first, last);
    if !unicode {
        return with_ascii_case(set);
    }
    // Folding goes through a set character by character: through those alone that have another case.
    let mut cased = known(r"\p{Changes_When_Casemapped}");
    cased.intersect(&set);
    if cased.try_case_fold_simple().is_ok() {
        set.union(&cased);
        if first <= 'i' && 'i' <= last {
            set.union(&known(r"[\x{130}\x{131}]"));
        }
    }
    set
}

fn with_ascii_case(mut set: ClassUnicode) -> ClassUnicode {
    let mut letters = set.clone();
    letters.intersect(&known("[A-Za-z]"));
    let other = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    let parts = ["[A-Z]", "[a-z]"].map(|case| {
        let mut part = letters.clone();
        part.intersect(&known(case));
        part
    });
    for range in parts.iter().flat_map(|part| part.ranges()) {
        set.push(ClassUnicodeRange::new(other(range.start()), other(range.end())));
    }
    set
}

/// `Character.toUpperCase`: one character for one.
fn java_upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    upper.next().filter(|_| upper.next().is_none()).unwrap_or(c)
}

/// `Character.toLowerCase`.
fn java_lower(c: char) -> char {
    let mut lower = c.to_lowercase();
    let first = lower.next();
    if c == 'İ' { 'i' } else { first.filter(|_| lower.next().is_none()).unwrap_or(c) }
}

/// The set of `\p{name}`; `None` when Java has none, or this table does not.
pub(super) fn property(name: &str, ignore_case: bool, unicode: bool) -> Option<ClassUnicode> {
    if let Some((key, value)) = name.split_once('=') {
        return match key.to_ascii_lowercase().as_str() {
            "sc" | "script" => script(value),
            "blk" | "block" => block(value),
            "gc" | "general_category" => category(value, ignore_case),
            _ => None,
        };
    }
    if let Some(block_name) = name.strip_prefix("In") {
        return block(block_name);
    }
    if let Some(rest) = name.strip_prefix("Is") {
        return binary(rest, ignore_case).or_else(|| category(rest, ignore_case)).or_else(|| script(rest));
    }
    if let Some(method) = name.strip_prefix("java") {
        return java_method(method, ignore_case);
    }
    posix(name, ignore_case, unicode).or_else(|| category(name, ignore_case))
}

fn script(name: &str) -> Option<ClassUnicode> {
    plain_name(name).then(|| of(&format!(r"\p{{sc={name}}}"))).flatten()
}

fn block(name: &str) -> Option<ClassUnicode> {
    let plain = |text: &str| text.replace([' ', '_', '-'], "").to_ascii_lowercase();
    let wanted = plain(name);
    let line = BLOCKS.lines().find(|line| line.split('\t').next().is_some_and(|known| plain(known) == wanted))?;
    let mut bounds = line.split('\t').skip(1).map(|hex| u32::from_str_radix(hex, 16).ok().and_then(char::from_u32));
    Some(range(bounds.next()??, bounds.next()??))
}

fn plain_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

const CATEGORIES: [&str; 36] = [
    "Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Me", "Mc", "Nd", "Nl", "No", "Zs", "Zl", "Zp", "Cc", "Cf", "Co", "Pd",
    "Ps", "Pe", "Pc", "Po", "Sm", "Sc", "Sk", "So", "Pi", "Pf", "L", "M", "N", "Z", "C", "P", "S",
];

fn category(name: &str, ignore_case: bool) -> Option<ClassUnicode> {
    match name {
        "Lu" | "Ll" | "Lt" if ignore_case => Some(known(r"[\p{Lu}\p{Ll}\p{Lt}]")),
        "LC" => Some(known(r"[\p{Lu}\p{Ll}\p{Lt}]")),
        "LD" => Some(known(r"[\p{L}\p{Nd}]")),
        "L1" => Some(known(r"[\x00-\x{ff}]")),
        "all" => Some(known("(?s:.)")),
        _ => CATEGORIES.contains(&name).then(|| of(&format!(r"\p{{gc={name}}}"))).flatten(),
    }
}

/// `\p{IsX}` where X is a property that a character has or not.
fn binary(name: &str, ignore_case: bool) -> Option<ClassUnicode> {
    let cased = ignore_case && matches!(name.to_ascii_uppercase().as_str(), "LOWERCASE" | "UPPERCASE" | "TITLECASE");
    if cased {
        return Some(known(r"[\p{Lowercase}\p{Uppercase}\p{Lt}]"));
    }
    Some(known(match name.to_ascii_uppercase().as_str() {
        "ALPHABETIC" => r"\p{Alphabetic}",
        "LETTER" => r"\p{L}",
        "IDEOGRAPHIC" => r"\p{Ideographic}",
        "LOWERCASE" => r"\p{Lowercase}",
        "UPPERCASE" => r"\p{Uppercase}",
        "TITLECASE" => r"\p{Lt}",
        "WHITE_SPACE" | "WHITESPACE" => r"\p{White_Space}",
        "CONTROL" => r"\p{Cc}",
        "PUNCTUATION" => r"\p{P}",
        "HEX_DIGIT" | "HEXDIGIT" => r"[\p{Nd}0-9A-Fa-f\x{ff10}-\x{ff19}\x{ff21}-\x{ff26}\x{ff41}-\x{ff46}]",
        "ASSIGNED" => r"\P{Cn}",
        "DIGIT" => r"\p{Nd}",
        "ALNUM" => r"[\p{Alphabetic}\p{Nd}]",
        "BLANK" => r"[\t\p{Zs}]",
        "GRAPH" => r"[^\p{Z}\p{Cc}\p{Cn}\p{White_Space}]",
        "PRINT" => r"[[[^\p{Zl}\p{Zp}\p{Cc}\p{Cn}]&&[^\p{White_Space}]]\p{Zs}]",
        "WORD" => r"\w",
        "JOIN_CONTROL" | "JOINCONTROL" => r"[\x{200c}\x{200d}]",
        _ => return None,
    }))
}

/// `\p{javaX}` where X is a method `Character.isX`.
fn java_method(name: &str, ignore_case: bool) -> Option<ClassUnicode> {
    if ignore_case && matches!(name, "LowerCase" | "UpperCase" | "TitleCase") {
        return Some(known(r"[\p{Lowercase}\p{Uppercase}\p{Lt}]"));
    }
    Some(known(match name {
        "LowerCase" => r"\p{Lowercase}",
        "UpperCase" => r"\p{Uppercase}",
        "TitleCase" => r"\p{Lt}",
        "Alphabetic" => r"\p{Alphabetic}",
        "Ideographic" => r"\p{Ideographic}",
        "Digit" => r"\p{Nd}",
        "Defined" => r"\P{Cn}",
        "Letter" => r"\p{L}",
        "LetterOrDigit" => r"[\p{L}\p{Nd}]",
        "JavaIdentifierStart" => r"[\p{L}\p{Nl}\p{Sc}\p{Pc}]",
        "SpaceChar" => r"\p{Z}",
        "Whitespace" => r"[[\p{Z}&&[^\x{a0}\x{2007}\x{202f}]]\t\n\x0b\x0c\r\x1c-\x1f]",
        "ISOControl" => r"[\x00-\x1f\x7f-\x{9f}]",
        _ => return None,
    }))
}

/// POSIX names: of ASCII, or with flag `U` of Unicode.
fn posix(name: &str, ignore_case: bool, unicode: bool) -> Option<ClassUnicode> {
    const NAMES: [&str; 13] = [
        "ASCII", "Alnum", "Alpha", "Blank", "Cntrl", "Digit", "Graph", "Lower", "Print", "Punct", "Space", "Upper",
        "XDigit",
    ];
    if unicode {
        let wanted = NAMES.iter().find(|known| known.eq_ignore_ascii_case(name))?;
        return match *wanted {
            "ASCII" => Some(known("[[:ascii:]]")),
            "Alpha" => binary("Alphabetic", ignore_case),
            "Cntrl" => binary("Control", ignore_case),
            "Lower" => binary("Lowercase", ignore_case),
            "Upper" => binary("Uppercase", ignore_case),
            "Punct" => binary("Punctuation", ignore_case),
            "Space" => binary("White_Space", ignore_case),
            "XDigit" => binary("Hex_Digit", ignore_case),
            other => binary(other, ignore_case),
        };
    }
    if !NAMES.contains(&name) {
        return None;
    }
    if ignore_case && matches!(name, "Lower" | "Upper") {
        return Some(known("[A-Za-z]"));
    }
    Some(known(&format!("[[:{}:]]", name.to_ascii_lowercase())))
}
