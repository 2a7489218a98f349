//! Why a query gave nothing. What the planner says names tables and columns and may be shown; what a running query says may
//! quote a row's value, so only its code is passed on.

use aws_sdk_athena::types::{AthenaError, QueryExecutionState, QueryExecutionStatus};
use lakegate_contract::{Class, Error};

/// Codes of what is found before a row is read.
const OF_THE_STATEMENT: [&str; 11] = [
    "SYNTAX_ERROR",
    "TABLE_NOT_FOUND",
    "COLUMN_NOT_FOUND",
    "SCHEMA_NOT_FOUND",
    "CATALOG_NOT_FOUND",
    "FUNCTION_NOT_FOUND",
    "TYPE_MISMATCH",
    "NOT_SUPPORTED",
    "AMBIGUOUS_NAME",
    "EXPRESSION_NOT_AGGREGATE",
    "PERMISSION_DENIED",
];

/// A query that failed or was cancelled, as an error; whether it can be tried again, its class says.
pub(super) fn of(status: &QueryExecutionStatus, id: &str) -> Error {
    /// Athena's own trouble. <https://docs.aws.amazon.com/athena/latest/APIReference/API_AthenaError.html>
    const SYSTEM: i32 = 1;
    let reason = status.state_change_reason().unwrap_or_default();
    let code = reason.split([':', ' ']).next().unwrap_or_default();
    let help = format!("Athena's console shows query {id}");
    if status.state() == Some(&QueryExecutionState::Cancelled) {
        // Somebody, or a limit of the work group: the reason is Athena's own, and names no value.
        return Error::usage(format!(
            "the query was cancelled: {}",
            if reason.is_empty() { "no reason given" } else { reason }
        ))
        .help(format!("see the limits of the work group; {help}"));
    }
    if OF_THE_STATEMENT.contains(&code) {
        return Error::usage(reason.to_owned()).help(help);
    }
    let code = if is_code(code) { code } else { "no code" };
    let of_athena = |e: &AthenaError| e.retryable() || e.error_category() == Some(SYSTEM);
    if status.athena_error().is_some_and(of_athena) {
        return Error::new(Class::Unavailable, format!("Athena could not finish the query ({code})")).help(help);
    }
    match code {
        "HIVE_BAD_DATA" | "HIVE_CURSOR_ERROR" | "HIVE_CANNOT_OPEN_SPLIT" | "HIVE_PARTITION_SCHEMA_MISMATCH" => {
            Error::bad_input(format!("Athena cannot read a file of the lake ({code})"))
                .help(format!("`lakegate catalog diff` compares the catalog with the lake; {help}"))
        }
        "INVALID_CAST_ARGUMENT" | "DIVISION_BY_ZERO" | "NUMERIC_VALUE_OUT_OF_RANGE" => {
            Error::usage(format!("the query failed on a value ({code})"))
                .help(format!("`try_cast` gives NULL where `cast` fails, `nullif(x, 0)` guards a division; {help}"))
        }
        code if code.starts_with("HIVE_") => Error::usage(format!("Athena cannot read the lake ({code})"))
            .help(format!("your credentials may lack access to the bucket, its key or Glue; {help}")),
        _ => Error::usage(format!("the query failed ({code})")).help(help),
    }
}

fn is_code(text: &str) -> bool {
    text.len() > 2 && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(reason: &str, retryable: bool) -> Error {
        let error = AthenaError::builder().retryable(retryable).build();
        let status = QueryExecutionStatus::builder().state_change_reason(reason).athena_error(error).build();
        of(&status, "q-1")
    }

    #[test]
    fn values_of_rows_are_not_passed_on() {
        let error = failed("INVALID_CAST_ARGUMENT: Cannot cast 'kim@example.com' to INT", false);
        assert!(!error.to_string().contains("kim") && error.found().contains("INVALID_CAST_ARGUMENT"), "{error}");
        let error = failed("'kim@example.com' is no number", false);
        assert!(!error.to_string().contains("kim"), "{error}");
        let error = failed("SYNTAX_ERROR: line 1:8: Column 'prise' cannot be resolved", false);
        assert!(error.found().contains("prise"), "{error}");
        let limit = QueryExecutionStatus::builder().state(QueryExecutionState::Cancelled);
        let limit = of(&limit.state_change_reason("Bytes scanned limit was exceeded").build(), "q-1");
        assert!(limit.found().contains("limit was exceeded") && !limit.class().retryable(), "{limit}");
        assert_eq!(failed("GENERIC_INTERNAL_ERROR: x", true).class(), Class::Unavailable);
        assert_eq!(failed("HIVE_BAD_DATA: x", false).class(), Class::BadInput);
    }
}
