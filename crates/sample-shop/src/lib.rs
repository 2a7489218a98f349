//! A sample shop in any size: a SQLite database, survey workbooks and click logs, with the blemishes that real ones have.
//!
//! The same options make the same bytes, on any machine and with any number of threads.

mod clicks;
mod database;
mod random;
mod surveys;
mod words;

use std::path::Path;

use lakegate_contract::{Error, Result};

/// What to make.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// 1 is 200,000 users, 20,000 products, 1 M orders, 2.5 M order items, 400,000 reviews, 100,000 answers and 5 M clicks.
    pub scale: f64,
    /// Another seed makes another shop.
    pub seed: u64,
    /// A text that is put into every sensitive value, so that a test can look for it.
    pub canary: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { scale: 0.02, seed: 7, canary: None }
    }
}

/// How far making has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// What is being made.
    pub part: &'static str,
    /// Rows made of it.
    pub done: u64,
    /// Rows to make of it.
    pub all: u64,
}

/// How many of each thing there are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sizes {
    users: u64,
    products: u64,
    orders: u64,
    reviews: u64,
    answers_a_quarter: u64,
    clicks: u64,
}

/// Categories, eight of them without a parent.
pub(crate) const CATEGORIES: u64 = 40;

/// Monday, 2026-03-02, 00:00 UTC, in seconds: the first click. A week later is the shop's last moment.
pub(crate) const FIRST_DAY: i64 = 1_772_409_600;
pub(crate) const DAY: i64 = 86_400;
pub(crate) const LAST_MOMENT: i64 = FIRST_DAY + 7 * DAY;

impl Sizes {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sizes are positive and small")]
    fn of(scale: f64) -> Self {
        let scaled = |count: f64, least: u64| ((count * scale) as u64).max(least);
        Self {
            users: scaled(200_000.0, 20),
            products: scaled(20_000.0, 40),
            orders: scaled(1_000_000.0, 100),
            reviews: scaled(400_000.0, 40),
            answers_a_quarter: scaled(25_000.0, 20),
            clicks: scaled(5_000_000.0, 500),
        }
    }
}

/// Makes `data/shop.db`, `data/surveys/` and `data/clicks/` below `folder`; what is there already is made anew.
///
/// # Errors
/// When the scale is not a positive number, or a file cannot be written.
pub fn generate(folder: &Path, options: &Options, progress: &(dyn Fn(Progress) + Sync)) -> Result<()> {
    const LARGEST: f64 = 1000.0;
    if !(options.scale > 0.0 && options.scale <= LARGEST) {
        return Err(
            Error::usage(format!("the scale is {}", options.scale)).expected("a number above 0 and at most 1000")
        );
    }
    let sizes = Sizes::of(options.scale);
    let data = folder.join("data");
    std::fs::create_dir_all(&data).map_err(|e| unwritable(&e, &data))?;
    database::generate(&data.join("shop.db"), &sizes, options, progress)?;
    surveys::generate(&data.join("surveys"), &sizes, options, progress)?;
    clicks::generate(&data.join("clicks"), &sizes, options, progress)
}

pub(crate) fn unwritable(error: &std::io::Error, path: &Path) -> Error {
    Error::unavailable(format!("the sample cannot be written: {}", error.kind())).at(path.display().to_string())
}

/// `2026-03-02T00:00:00.123Z`
pub(crate) fn instant(milliseconds: i64) -> String {
    chrono::DateTime::from_timestamp_millis(milliseconds)
        .map(|t| t.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn files(folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, found);
            } else {
                found.insert(
                    path.file_name().unwrap().to_str().unwrap().to_owned() + &found.len().to_string(),
                    std::fs::read(&path).unwrap(),
                );
            }
        }
    }

    #[test]
    fn the_same_options_make_the_same_shop() {
        let make = |seed| {
            let folder = tempfile::tempdir().unwrap();
            generate(folder.path(), &Options { scale: 0.001, seed, canary: None }, &|_| {}).unwrap();
            let mut found = BTreeMap::new();
            for part in ["data/clicks", "data/surveys"] {
                files(&folder.path().join(part), &mut found);
            }
            let database = rusqlite::Connection::open(folder.path().join("data/shop.db")).unwrap();
            let total: f64 = database
                .query_row("SELECT sum(total_amount * 1.0) + sum(user_id) FROM orders", [], |r| r.get(0))
                .unwrap();
            (found, total.to_bits())
        };
        let first = make(7);
        assert!(first == make(7), "two runs differ");
        assert!(first != make(8), "another seed makes the same shop");
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let folder = tempfile::tempdir().unwrap();
        generate(folder.path(), &Options { scale: 0.001, ..Options::default() }, &|_| {}).unwrap();
        let database = rusqlite::Connection::open(folder.path().join("data/shop.db")).unwrap();
        for (table, column, target) in [
            ("orders", "user_id", "users"),
            ("order_items", "order_id", "orders"),
            ("order_items", "product_id", "products"),
            ("reviews", "product_id", "products"),
            ("products", "category_id", "categories"),
        ] {
            let sql = format!("SELECT count(*) FROM {table} WHERE {column} NOT IN (SELECT {column} FROM {target})");
            let orphans: i64 = database.query_row(&sql, [], |row| row.get(0)).unwrap();
            assert_eq!(orphans, 0, "{table}.{column}");
        }
    }

    #[test]
    fn nonsense_scales_are_refused() {
        for scale in [0.0, -1.0, f64::NAN, 1e9] {
            assert!(generate(Path::new("/nowhere"), &Options { scale, ..Options::default() }, &|_| {}).is_err());
        }
    }
}
