//! What databases say, without the values that they quote.

use lakegate_contract::Error;
use rusqlite::ErrorCode;
use tokio_postgres::error::SqlState;

/// An error of PostgreSQL. Its message and detail may quote values, so only the SQLSTATE is passed on.
pub(crate) fn postgres(error: &tokio_postgres::Error, place: &str) -> Error {
    let out = match error.code() {
        Some(code) if *code == SqlState::INVALID_PASSWORD || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            Error::usage("the database refuses the user or the password")
                .help("correct the connection's URL in lakegate.toml, or the variable that holds it")
        }
        Some(code) if *code == SqlState::INVALID_CATALOG_NAME => {
            Error::usage("there is no such database on the server")
                .help("correct the connection's URL in lakegate.toml")
        }
        Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => Error::usage(
            "the user may not read the table or one of its columns",
        )
        .help(
            "grant it: GRANT SELECT (column, …) ON table TO user; columns that the contract drops need no grant, and a table that \
             is read in several parts needs ctid as well (or splits = 1 in the job)",
        ),
        Some(code) if *code == SqlState::UNDEFINED_OBJECT => {
            Error::unavailable("the snapshot of the run is gone").help("run the job again: it will take a new one")
        }
        // Syntax, undefined and wrong objects; data that a view's own expressions refuse.
        Some(code) if code.code().starts_with("42") || code.code().starts_with("22") => Error::bad_input(format!(
            "the database refuses the query, with SQLSTATE {}", code.code()
        ))
        .help("https://www.postgresql.org/docs/current/errcodes-appendix.html says what the code means; look at the table or view"),
        Some(code) => Error::unavailable(format!("the database reports SQLSTATE {}", code.code())),
        None if error.is_closed() => Error::unavailable("the connection was closed"),
        None => match cause_of(error) {
            Cause::Certificate => Error::usage("the connection failed: the server's certificate is not trusted by this machine").help(
                "give this machine the authority that has signed it: a PEM file in the folder that SSL_CERT_DIR names, or SSL_CERT_FILE; \
                 RDS has authorities of its own",
            ),
            Cause::Other(text) => Error::unavailable(format!("the connection failed: {text}")),
        },
    };
    out.at(place)
}

/// Why there is no connection.
enum Cause {
    /// Another try meets the same certificate.
    Certificate,
    Other(String),
}

fn cause_of(error: &tokio_postgres::Error) -> Cause {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let text = inner.to_string();
        if text.contains("certificate") || text.contains("UnknownIssuer") {
            return Cause::Certificate;
        }
        if text.contains("server does not support TLS") {
            return Cause::Other("the server does not offer TLS, which sslmode=require asks for".to_owned());
        }
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return Cause::Other(io.kind().to_string());
        }
        cause = inner.source();
    }
    Cause::Other("protocol error".to_owned())
}

/// An error of SQLite.
pub(crate) fn sqlite(error: &rusqlite::Error, place: &str) -> Error {
    let out = match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen | ErrorCode::SystemIoFailure | ErrorCode::PermissionDenied) => {
            Error::bad_input("the database file cannot be opened").help("correct the connection's URL in lakegate.toml")
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            Error::bad_input("the file is not a whole SQLite database")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::unavailable("the database is locked by another program")
        }
        Some(code) => Error::unavailable(format!("SQLite reports {code:?}")),
        None => Error::bad_input("the database cannot be read"),
    };
    out.at(place)
}

/// A table that is not there, with those that are.
pub(crate) fn missing_table(table: &str, found: &[String], place: &str) -> Error {
    let error = Error::bad_input(format!("there is no table `{table}`")).at(place);
    let error = if found.is_empty() { error } else { error.expected(format!("one of {}", found.join(", "))) };
    let unqualified = table.rsplit('.').next().unwrap_or(table);
    error.suggesting(unqualified, found.iter().map(String::as_str))
}
