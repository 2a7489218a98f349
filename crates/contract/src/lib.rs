//! What a table of the lake is: names, types, treatments, partition keys.
//!
//! A *contract* is the allow-list of a table's columns, written in `schemas/<table>.toml`. Every other
//! crate reads it from here; this crate knows no client and does no I/O beyond reading files.
//!
//! ```
//! use lakegate_contract::Contract;
//!
//! let contract = Contract::parse(
//!     r#"
//!     key = ["order_id"]
//!     partition_by = ["month(ordered_at) as month"]
//!     columns = [
//!       { name = "order_id", type = "bigint", nullable = false },
//!       { name = "email", type = "string", treatment = "drop" },
//!       { name = "ordered_at", type = "timestamp", nullable = false },
//!     ]
//!     "#,
//!     "schemas/orders.toml",
//! )?;
//! assert_eq!(contract.table().as_str(), "orders");
//! assert_eq!(contract.published_schema().fields().len(), 2);
//! # Ok::<(), lakegate_contract::Error>(())
//! ```

mod contract;
mod data_type;
mod document;
mod error;
mod name;
mod partition;
mod treatment;
mod type_name;

pub use contract::{Column, Contract, OnNewColumn};
pub use data_type::{DataType, StructField};
pub use document::{Located, load_document, parse_document, suggest};
pub use error::{Class, Error, Result};
pub use name::{ColumnName, JobName, ReportName, TableName};
pub use partition::{
    HIVE_NULL_PARTITION, MAX_PARTITION_SEGMENT, PartitionCodes, PartitionField, PartitionTransform, PartitionValue,
};
pub use treatment::{AsOf, Band, Detector, Treatment, Truncation};
pub use type_name::type_name;
