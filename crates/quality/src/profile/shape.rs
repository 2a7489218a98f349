//! What codes are made of: letters and digits in runs, with signs between them.

use std::fmt::Write as _;

/// Most different shapes that are told apart.
const SHAPES: usize = 3;
/// Most runs of a shape.
const RUNS: usize = 16;
/// Longest code.
const LONGEST: usize = 64;

/// The shapes of a column's texts, as long as they look like codes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shapes {
    /// Runs by class, with the shortest and the longest of each; `None` when there are too many.
    shapes: Vec<Vec<Run>>,
    many: bool,
    /// Something that no code holds was seen.
    gone: bool,
    letters: Letters,
    lengths: Option<(usize, usize)>,
    scratch: Vec<Run>,
}

/// Characters of one class in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    class: u8,
    fewest: usize,
    most: usize,
}

/// Which characters have been seen, besides digits.
#[derive(Debug, Clone, Copy, Default)]
struct Letters {
    lower: bool,
    upper: bool,
    /// A letter beyond f.
    beyond_hexadecimal: bool,
    sign: bool,
    /// A sign elsewhere than in a UUID, or another length.
    no_uuid: bool,
    digit: bool,
}

const DIGIT: u8 = b'0';
const LOWER: u8 = b'a';
const UPPER: u8 = b'A';

impl Shapes {
    /// Looks at a text that is not empty.
    pub(super) fn read(&mut self, text: &str) {
        if self.gone {
            return;
        }
        let bytes = text.as_bytes();
        if bytes.len() > LONGEST || !bytes.iter().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\')) {
            self.gone = true;
            return;
        }
        let (fewest, most) = self.lengths.unwrap_or((bytes.len(), bytes.len()));
        self.lengths = Some((fewest.min(bytes.len()), most.max(bytes.len())));
        self.letters.read(bytes);
        if !self.many {
            self.read_runs(bytes);
        }
    }

    fn read_runs(&mut self, bytes: &[u8]) {
        self.scratch.clear();
        for byte in bytes {
            let class = class_of(*byte);
            match self.scratch.last_mut() {
                Some(run) if run.class == class => {
                    run.fewest += 1;
                    run.most += 1;
                }
                _ => self.scratch.push(Run { class, fewest: 1, most: 1 }),
            }
        }
        if self.scratch.len() > RUNS {
            self.many = true;
            return;
        }
        let runs = std::mem::take(&mut self.scratch);
        self.add(&runs);
        self.scratch = runs;
    }

    fn add(&mut self, runs: &[Run]) {
        let same = |known: &&mut Vec<Run>| {
            known.len() == runs.len() && known.iter().zip(runs).all(|(a, b)| a.class == b.class)
        };
        if let Some(known) = self.shapes.iter_mut().find(same) {
            for (run, other) in known.iter_mut().zip(runs) {
                run.fewest = run.fewest.min(other.fewest);
                run.most = run.most.max(other.most);
            }
            return;
        }
        if self.shapes.len() == SHAPES {
            self.many = true;
            self.shapes.clear();
        } else {
            self.shapes.push(runs.to_vec());
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.gone |= other.gone;
        self.letters = self.letters.with(other.letters);
        self.lengths = match (self.lengths, other.lengths) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, another) => one.or(another),
        };
        self.many |= other.many;
        for runs in &other.shapes {
            if !self.many {
                self.add(runs);
            }
        }
        if self.many {
            self.shapes.clear();
        }
    }

    /// A pattern that all texts match, if they look like codes: run lengths that never change are held, others are free.
    pub(crate) fn pattern(&self) -> Option<String> {
        let letters = self.letters;
        let (fewest, most) = self.lengths.filter(|_| !self.gone && letters.digit)?;
        if !letters.no_uuid {
            let class = if letters.upper { "[0-9A-F]" } else { "[0-9a-f]" };
            return (letters.lower != letters.upper)
                .then(|| format!("{class}{{8}}-{class}{{4}}-{class}{{4}}-{class}{{4}}-{class}{{12}}"));
        }
        if !self.many {
            let mut shapes: Vec<String> = self.shapes.iter().map(|runs| pattern_of(runs)).collect();
            shapes.sort_unstable();
            return Some(shapes.join("|"));
        }
        if letters.sign || fewest != most || fewest < 6 {
            return None;
        }
        let class = match (letters.lower, letters.upper, letters.beyond_hexadecimal) {
            (true, false, false) => "[0-9a-f]",
            (false, true, false) => "[0-9A-F]",
            (true, false, true) => "[0-9a-z]",
            (false, true, true) => "[0-9A-Z]",
            _ => "[0-9A-Za-z]",
        };
        Some(format!("{class}{{{fewest}}}"))
    }
}

impl Letters {
    fn read(&mut self, bytes: &[u8]) {
        const DASHES: [usize; 4] = [8, 13, 18, 23];
        for byte in bytes {
            match byte {
                b'0'..=b'9' => self.digit = true,
                b'a'..=b'z' => {
                    self.lower = true;
                    self.beyond_hexadecimal |= *byte > b'f';
                }
                b'A'..=b'Z' => {
                    self.upper = true;
                    self.beyond_hexadecimal |= *byte > b'F';
                }
                _ => self.sign = true,
            }
        }
        if !self.no_uuid {
            let signs =
                |at: usize, byte: &u8| if DASHES.contains(&at) { *byte == b'-' } else { byte.is_ascii_hexdigit() };
            self.no_uuid = bytes.len() != 36 || !bytes.iter().enumerate().all(|(at, byte)| signs(at, byte));
        }
    }

    fn with(self, other: Self) -> Self {
        Self {
            lower: self.lower | other.lower,
            upper: self.upper | other.upper,
            beyond_hexadecimal: self.beyond_hexadecimal | other.beyond_hexadecimal,
            sign: self.sign | other.sign,
            no_uuid: self.no_uuid | other.no_uuid,
            digit: self.digit | other.digit,
        }
    }
}

fn class_of(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => DIGIT,
        b'a'..=b'z' => LOWER,
        b'A'..=b'Z' => UPPER,
        other => other,
    }
}

fn pattern_of(runs: &[Run]) -> String {
    let mut pattern = String::new();
    for run in runs {
        match run.class {
            DIGIT => pattern.push_str("[0-9]"),
            LOWER => pattern.push_str("[a-z]"),
            UPPER => pattern.push_str("[A-Z]"),
            sign @ (b'-' | b'_' | b'/' | b':' | b',') => pattern.push(char::from(sign)),
            // In brackets every sign but these stands for itself, in Java's dialect and in Rust's.
            sign @ (b'[' | b']' | b'^' | b'&' | b'~') => {
                let _ = write!(pattern, "\\{}", char::from(sign));
            }
            sign => {
                let _ = write!(pattern, "[{}]", char::from(sign));
            }
        }
        match (run.fewest, run.most) {
            (1, 1) => {}
            (fewest, most) if fewest == most => {
                let _ = write!(pattern, "{{{fewest}}}");
            }
            _ => pattern.push('+'),
        }
    }
    pattern
}
