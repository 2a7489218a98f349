//! Sources, splits, the run and its gate.

pub mod source;

pub use source::{Bookmark, InputObject, ItemStream, Plan, Rejected, Source, SourceEnvironment, SourceItem, Split};
