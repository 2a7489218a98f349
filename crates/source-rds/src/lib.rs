//! Tables of relational databases: PostgreSQL and SQLite.
//!
//! The column list is made from the contract, so a column that the contract drops is never asked for: a database user without
//! the right to read it can run the job.

mod failure;
mod postgres;
mod source;
mod sqlite;

pub use source::{RdsConfig, RdsSource};
