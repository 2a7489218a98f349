//! The lake: partitioned Parquet under a Delta log, staged before it is seen and published in one commit.
//!
//! ```text
//! <lake>/tables/<table>/_delta_log/…                                 the truth: which files exist
//! <lake>/tables/<table>/<key>=<value>/…/g-<ulid>/part-00000.parquet    a generation of a partition
//! <lake>/quarantine/<table>/run=<ulid>/part-00000.parquet              refused rows
//! <lake>/staging/<ulid>/…                                            `append` before its audit
//! <lake>/system/{runs,rule_outcomes}/dt=…/<ulid>.json                 records, one JSON object a line
//! <lake>/system/metrics/table=<table>/dt=…/<ulid>.json                what rules measured, one value a line
//! ```

mod append;
mod bucket;
mod durable_local;
pub mod engine;
mod failure;
mod files;
mod key;
mod location;
mod lock;
mod log_cache;
mod objects;
mod owner;
mod probe;
mod publish;
mod quarantine;
mod reading;
mod run;
mod statistics;
mod system;
mod table;
mod tail;
pub mod testing;
mod vacuum;
mod writer;

pub use bucket::{BucketOptions, check_endpoint};
pub use engine::clear_spill;
pub use files::{DELTA_LOG, FileRoot};
pub use key::{decode_partition_segment, encode_partition_segment};
pub use location::Lake;
pub use lock::TableLock;
pub use objects::{FoundObject, Objects};
pub use owner::check_account;
pub use publish::{Published, published_meanwhile};
pub use quarantine::{
    Fate, Quarantine, QuarantineFile, QuarantineLabel, QuarantineSummary, QuarantineWriter, QuarantinedPlace,
    QuarantinedRows, RejectedRecord, place_fields,
};
pub use run::{KilledRun, RunId, RunInfo};
pub use system::record_name;
pub use table::{Head, LiveFile, PublishedColumn};
pub use tail::Tail;
pub use vacuum::Vacuumed;
pub use writer::{Staged, StagedFile, StagedWriter, WriteMode, WriterOptions};

#[cfg(test)]
mod tests;
