//! Errors of stores and of the log, as ours.

use std::error::Error as _;
use std::io;

use deltalake::DeltaTableError;
use lakegate_contract::{Class, Error};

/// The place of errors of those who provide credentials.
const CREDENTIALS: &str = "AWS credentials";

/// What a store said, told apart by what the user can do.
pub(crate) fn store(error: &object_store::Error, place: impl Into<String>) -> Error {
    use object_store::Error as E;
    let out = match error {
        missing if missing.to_string().contains("NoSuchBucket") => {
            Error::usage("there is no such bucket").help("correct its name, or make the bucket")
        }
        E::NotFound { .. } => Error::unavailable("the object is not there"),
        E::AlreadyExists { .. } => Error::unavailable("the object exists already"),
        // Said by the chain of credentials, before S3 was asked; no secret is in it.
        E::Unauthenticated { path, source } if path == CREDENTIALS => {
            Error::usage(format!("no usable AWS credentials were found: {}", innermost(source.as_ref())))
                .help("sign in (`aws sso login`), set a profile under [aws], or give the function or task a role")
        }
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => Error::usage("access is refused")
            .help("check the credentials and their permissions, or who owns the folder"),
        E::InvalidPath { source } => Error::bad_input(format!("a key cannot be used: {source}"))
            .expected("keys without empty parts, without `.` or `..` as one, and without control characters")
            .help("rename the object"),
        // The store's answer to a request of any kind.
        other if other.to_string().contains("AccessDenied") || other.to_string().contains("403 Forbidden") => {
            Error::usage("access is refused").help("check the credentials and their permissions on this place")
        }
        other => match cause_of::<io::Error>(other) {
            Some(cause) => return io(cause, place),
            None => Error::unavailable("the store did not do what was asked").caused_by(StoreText(other.to_string())),
        },
    };
    out.at(place)
}

/// What the file system said.
pub(crate) fn io(error: &io::Error, place: impl Into<String>) -> Error {
    let out = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Error::unavailable("there is no space left on the disk")
                .help("free some space and run again; what was published before is untouched")
        }
        io::ErrorKind::PermissionDenied => {
            Error::usage("permission denied").help("check who owns the file or folder, and who may read and write it")
        }
        io::ErrorKind::ReadOnlyFilesystem => Error::usage("the file system is read-only"),
        kind @ (io::ErrorKind::ConnectionRefused
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::TimedOut
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof) => Error::unavailable(format!("the store cannot be reached: {kind}"))
            .help("check the network, and endpoint under [lake] if one is set"),
        kind @ (io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::AlreadyExists
        | io::ErrorKind::NotFound
        | io::ErrorKind::InvalidFilename) => {
            Error::usage(format!("the place cannot be used: {kind}")).help("check the path")
        }
        kind => Error::unavailable(format!("the disk or the network failed: {kind}"))
            .help("for a bucket, check endpoint and region under [lake]"),
    };
    out.at(place)
}

/// What Delta said.
pub(crate) fn delta(error: DeltaTableError, place: impl Into<String>) -> Error {
    match &error {
        DeltaTableError::ObjectStore { source } => store(source, place),
        DeltaTableError::VersionAlreadyExists(_) | DeltaTableError::Transaction { .. } => {
            Error::unavailable("the commit was not taken").at(place).caused_by(StoreText(error.to_string()))
        }
        _ => match cause_of::<object_store::Error>(&error) {
            Some(found) => store(found, place),
            None => Error::new(Class::BadInput, "the table's log cannot be read")
                .at(place)
                .caused_by(StoreText(error.to_string()))
                .help("an entry of its _delta_log may be damaged or missing: restore it"),
        },
    }
}

/// What the Parquet writer said.
pub(crate) fn parquet(error: &parquet::errors::ParquetError, place: impl Into<String>) -> Error {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(found) = inner.downcast_ref::<object_store::Error>() {
            return store(found, place);
        }
        if let Some(found) = inner.downcast_ref::<io::Error>() {
            return match io_inside(found) {
                Some(deeper) => io(deeper, place),
                None => io(found, place),
            };
        }
        cause = inner.source();
    }
    Error::new(Class::Unavailable, "the Parquet file cannot be written").at(place)
}

/// The first error of a type among the causes of another.
fn cause_of<'a, T: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a T> {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(found) = inner.downcast_ref() {
            return Some(found);
        }
        cause = inner.source();
    }
    None
}

/// An `io::Error` may wrap a store's error that wraps the file system's.
fn io_inside(error: &io::Error) -> Option<&io::Error> {
    let inner = error.get_ref()?;
    match inner.downcast_ref::<object_store::Error>() {
        Some(found) => cause_of(found),
        None => inner.downcast_ref::<io::Error>(),
    }
}

/// What caused it all.
fn innermost<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    let mut error = error;
    while let Some(inner) = error.source() {
        error = inner;
    }
    error
}

/// The text of a store's error: keys and codes, never data.
#[derive(Debug)]
struct StoreText(String);

impl std::fmt::Display for StoreText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StoreText {}
