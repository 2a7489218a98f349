//! `CustomSql`: one SELECT over `primary` and the declared references.

use datafusion::prelude::{DataFrame, SessionContext};
use lakegate_contract::{Error, Result};

/// Longest statement or predicate.
const MAX_LENGTH: usize = 65_536;
/// Most operators and brackets: the SQL parser recurses for each, and a deep enough text would end the process.
const MAX_OPERATORS: usize = 500;
/// What makes an expression or a query a level deeper each time that it stands there.
const SYMBOLS: &[u8] = b"+-*/([|%<>=!&^~#@?";
const WORDS: [&str; 29] = [
    "and",
    "or",
    "not",
    "xor",
    "case",
    "is",
    "isnull",
    "notnull",
    "like",
    "ilike",
    "rlike",
    "regexp",
    "similar",
    "between",
    "in",
    "collate",
    "at",
    "div",
    "interval",
    "overlaps",
    "select",
    "union",
    "except",
    "intersect",
    "minus",
    "join",
    "values",
    "table",
    "explain",
];

/// Refuses texts that are too long or too deep before any parser sees them.
pub(crate) fn refuse_monsters(sql: &str) -> Result<()> {
    if sql.len() > MAX_LENGTH {
        return Err(Error::usage(format!("the SQL has {} bytes", sql.len())).expected(format!("at most {MAX_LENGTH}")));
    }
    let symbols = sql.bytes().filter(|b| SYMBOLS.contains(b)).count() + sql.matches("::").count();
    let words = sql
        .split(|c: char| !c.is_ascii_alphabetic())
        .filter(|w| WORDS.iter().any(|known| w.eq_ignore_ascii_case(known)))
        .count();
    if symbols + words > MAX_OPERATORS {
        return Err(Error::usage(format!("the SQL has {} operators and brackets", symbols + words))
            .expected(format!("at most {MAX_OPERATORS}")));
    }
    Ok(())
}

/// The tables that a statement names; none when it does not parse, which planning will tell.
pub(crate) fn tables(sql: &str) -> Vec<String> {
    if refuse_monsters(sql).is_err() { Vec::new() } else { crate::spark::tables(sql) }
}

/// Whether a text of rules or of SQL, in lower case, could name a column: reading one too many does no harm.
pub(crate) fn could_name(text: &str, column: &str) -> bool {
    let name = column.to_lowercase();
    // A backtick within backticks is written twice.
    text.contains(&name) || (name.contains('`') && text.contains(&name.replace('`', "``")))
}

/// Plans a statement that may only read.
pub(crate) fn plan(context: &SessionContext, sql: &str) -> Result<DataFrame> {
    refuse_monsters(sql)?;
    crate::spark::plan(context, sql).map_err(|error| error.within("CustomSql"))
}
