//! What a file holds, by the ending of its name.

use lakegate_contract::{Error, Result};

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Parquet,
    Csv,
    JsonLines,
}

/// What a file's name says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    pub kind: Kind,
    /// Whether it is gzipped.
    pub compressed: bool,
}

const ENDINGS: [(&str, Kind); 5] = [
    ("parquet", Kind::Parquet),
    ("csv", Kind::Csv),
    ("json", Kind::JsonLines),
    ("jsonl", Kind::JsonLines),
    ("ndjson", Kind::JsonLines),
];

/// What the name of a file, or a path to it, says; `None` when that is nothing known.
pub fn of_name(path: &str) -> Option<Named> {
    let name = path.rsplit('/').next()?;
    let (stem, compressed) = match name.strip_suffix(".gz") {
        Some(stem) => (stem, true),
        None => (name, false),
    };
    let (_, extension) = stem.rsplit_once('.')?;
    let (_, kind) = ENDINGS.iter().find(|(ending, _)| extension.eq_ignore_ascii_case(ending))?;
    // Parquet compresses its pages itself.
    (!compressed || *kind != Kind::Parquet).then_some(Named { kind: *kind, compressed })
}

/// What all of these files hold, whose names all say something.
pub fn of_all<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Option<Named>> {
    let mut known = names.into_iter().filter_map(|name| Some((name, of_name(name)?)));
    let Some((first, named)) = known.next() else { return Ok(None) };
    match known.find(|(_, other)| *other != named) {
        Some((other, _)) => Err(Error::usage(format!("there are files of several kinds: {first} and {other}"))
            .expected("files with one ending")),
        None => Ok(Some(named)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_tell_the_kind() {
        assert_eq!(of_name("a/b.CSV"), Some(Named { kind: Kind::Csv, compressed: false }));
        assert_eq!(of_name("x.json.gz"), Some(Named { kind: Kind::JsonLines, compressed: true }));
        assert_eq!(of_name("x.txt"), None);
        assert_eq!(of_name("x.csv/part"), None);
        assert_eq!(of_name("x.parquet.gz"), None);
    }
}
