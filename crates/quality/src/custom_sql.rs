//! `CustomSql`: one SELECT over `primary` and the declared references.

use datafusion::execution::context::SQLOptions;
use datafusion::prelude::{DataFrame, SessionContext};
use lakegate_contract::{Error, Result};

use crate::row::PlannerText as _;

/// Longest statement or predicate.
const MAX_LENGTH: usize = 65_536;
/// Most operators and brackets: the SQL parser recurses for each, and a deep enough text would end the process.
const MAX_OPERATORS: usize = 500;

/// Refuses texts that are too long or too deep before any parser sees them.
pub(crate) fn refuse_monsters(sql: &str) -> Result<()> {
    if sql.len() > MAX_LENGTH {
        return Err(Error::usage(format!("the SQL has {} bytes", sql.len())).expected(format!("at most {MAX_LENGTH}")));
    }
    let symbols = sql
        .bytes()
        .filter(|b| matches!(b, b'+' | b'-' | b'*' | b'/' | b'(' | b'[' | b'|' | b'%' | b'<' | b'>' | b'='))
        .count();
    let words = sql
        .split(|c: char| !c.is_ascii_alphabetic())
        .filter(|w| ["and", "or", "not", "case", "union", "select"].iter().any(|k| w.eq_ignore_ascii_case(k)))
        .count();
    if symbols + words > MAX_OPERATORS {
        return Err(Error::usage(format!("the SQL has {} operators and brackets", symbols + words))
            .expected(format!("at most {MAX_OPERATORS}")));
    }
    Ok(())
}

/// The tables that a statement names; none when it does not parse, which planning will tell.
pub(crate) fn tables(sql: &str) -> Vec<String> {
    if refuse_monsters(sql).is_err() {
        return Vec::new();
    }
    let state = SessionContext::new().state();
    let dialect = state.config().options().sql_parser.dialect;
    let parsed = state.sql_to_statement(sql, &dialect).and_then(|statement| state.resolve_table_references(&statement));
    parsed.map(|tables| tables.iter().map(|table| table.table().to_owned()).collect()).unwrap_or_default()
}

/// Plans a statement that may only read.
pub(crate) async fn plan(context: &SessionContext, sql: &str) -> Result<DataFrame> {
    refuse_monsters(sql)?;
    let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    context.sql_with_options(sql, options).await.map_err(|e| {
        Error::usage("the SQL of CustomSql cannot be run")
            .expected("one SELECT over `primary` and the declared references")
            .caused_by(e.strip_backtrace_text())
    })
}
