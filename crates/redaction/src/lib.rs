//! The only door from raw to clean: removes, replaces or coarsens sensitive values.
//!
//! [`Redactor::redact`] makes a [`CleanBatch`] of raw rows, and [`Restorer::restore`] of rows that were redacted before and
//! come back from the lake's own quarantine; nothing else does, and sinks take nothing else. The [`Guard`] looks over what comes
//! out for values that should not have.

mod batch;
mod coarsen;
mod detector;
mod guard;
mod key_ring;
mod origin;
mod pseudonym;
mod redactor;
mod restorer;
mod secret;

/// Rises when the same contract, keys and input come to give other rows: then what is published is no longer up to date.
pub const VERSION: u32 = 1;

pub use batch::{CleanBatch, RawBatch};
pub use detector::looks_like;
pub use guard::{Finding, Guard};
pub use key_ring::KeyRing;
pub use origin::{Origin, OriginUnit};
pub use redactor::Redactor;
pub use restorer::{RedactionState, Restorer};
pub use secret::Secret;
