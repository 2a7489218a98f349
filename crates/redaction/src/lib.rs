//! The only door from raw to clean: removes, replaces or coarsens sensitive values.
//!
//! Redaction is the one function that makes a [`CleanBatch`]; sinks take nothing else.

mod batch;
mod origin;
mod secret;

pub use batch::{CleanBatch, RawBatch};
pub use origin::{Origin, OriginUnit};
pub use secret::Secret;
