//! Keeps the AWS Glue catalog equal to the lake: without a crawler, and never pointing at half of anything.
//!
//! What the catalog should hold is computed from the newest version of a table's log, compared with what it holds, and the
//! difference is applied and read back. Partitions are pointed at the folders of their newest generation, each at once.

mod catalog;
mod client;
mod desired;
mod model;
mod plan;
mod wire;

pub use catalog::{Difference, GlueCatalog, Shown};
pub use plan::Change;
