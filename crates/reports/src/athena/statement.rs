//! A report as Athena takes it: `?` for each parameter, and the values beside the statement, never in it.

use std::collections::BTreeMap;

use lakegate_contract::{Error, Result};
use sha2::{Digest as _, Sha256};

use crate::Report;
use crate::parameter::{placeholders, values};

/// The longest statement. Source: Athena's service model, `QueryString`.
const LONGEST: usize = 262_144;
/// The longest execution parameter. Source: Athena's service model, `ExecutionParameter`.
const LONGEST_PARAMETER: usize = 1024;

/// A statement and the values of its placeholders, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) parameters: Vec<String>,
}

impl Statement {
    /// A report with its arguments.
    pub(super) fn of(report: &Report, arguments: &BTreeMap<String, String>) -> Result<Self> {
        let values = values(&report.parameters, arguments).map_err(|e| e.within(format!("report {}", report.name)))?;
        let (sql, names) = placeholders(&report.sql, &report.parameters);
        let parameters = names.iter().filter_map(|name| values.get(name.as_str()));
        let statement = Self { sql, parameters: parameters.map(|value| quoted(value)).collect() };
        statement.check(report)?;
        Ok(statement)
    }

    /// A statement without parameters.
    pub(super) fn plain(sql: String) -> Self {
        Self { sql, parameters: Vec::new() }
    }

    fn check(&self, report: &Report) -> Result<()> {
        if self.sql.len() > LONGEST {
            return Err(Error::usage(format!("the statement has {} bytes", self.sql.len()))
                .at(format!("report {}", report.name))
                .expected(format!("at most {LONGEST}, as Athena takes")));
        }
        if self.parameters.iter().any(|value| value.len() > LONGEST_PARAMETER) {
            return Err(Error::usage("a parameter's value is too long for Athena")
                .at(format!("report {}", report.name))
                .expected(format!("at most {LONGEST_PARAMETER} bytes with its quotes")));
        }
        Ok(())
    }

    /// Athena starts a query once for each token, however often the call is repeated. The same call has the same token, and
    /// no other one: `nonce` is of one attempt, so that a query that has failed can be tried anew.
    pub(super) fn token(&self, nonce: &str, place: &str) -> String {
        let mut hash = Sha256::new();
        for text in [nonce, place, &self.sql].into_iter().chain(self.parameters.iter().map(String::as_str)) {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Every value goes as a string literal; the statement casts it to its type.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_beside_the_statement() {
        let text = "-- title: t\n-- param: s string\n-- param: d date = 2026-03-01\nSELECT ':no' FROM t WHERE a = :s AND d > :d AND b <> :s\n";
        let report = Report::parse(text, "sql/r.sql").unwrap();
        let arguments = BTreeMap::from([("s".to_owned(), "O'Neill ?".to_owned())]);
        let statement = Statement::of(&report, &arguments).unwrap();
        assert_eq!(
            statement.sql,
            "SELECT ':no' FROM t WHERE a = CAST(? AS varchar) AND d > CAST(? AS date) AND b <> CAST(? AS varchar)"
        );
        assert_eq!(statement.parameters, ["'O''Neill ?'", "'2026-03-01'", "'O''Neill ?'"]);
        assert!(Statement::of(&report, &BTreeMap::new()).is_err());
        let long = BTreeMap::from([("s".to_owned(), "x".repeat(1023))]);
        assert!(Statement::of(&report, &long).is_err());
    }

    #[test]
    fn a_token_is_of_one_call_alone() {
        let statement = Statement::plain("SELECT 1".to_owned());
        let token = statement.token("a", "db");
        assert_eq!((token.len(), statement.token("a", "db")), (64, token.clone()));
        assert_ne!(token, statement.token("b", "db"));
        assert_ne!(token, Statement::plain("SELECT 2".to_owned()).token("a", "db"));
    }
}
