//! The query engine, DataFusion, within bounds: the one place where its sessions are made.

mod pool;
mod spill;

use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use lakegate_contract::{Error, Result};

use pool::SharedMemory;
pub use spill::clear_spill;

/// The least memory that is worth another partition, in bytes. Statements that sort and group 200,000 texts of 27 bytes found room in
/// 2 MiB with one partition, and none in 8 MiB with two of 4 MiB each.
const EACH: usize = 32 << 20;
/// The part of a partition's memory that is kept for the merge of sorted rows, before any are sorted. DataFusion keeps 10 MiB, be there
/// as much or not; with a quarter, sorts by two columns failed in 1 MiB that went with an eighth.
const MERGE: usize = 8;

/// A session whose statements keep their tables within `memory` bytes, where a limit is given, by spilling to files of this process.
///
/// Rows on their way between partitions may take as much again, pages that are read are not counted. With little memory there are
/// fewer partitions than `config` has.
///
/// # Errors
/// When the engine cannot start.
pub fn session(config: SessionConfig, memory: Option<usize>) -> Result<SessionContext> {
    let runtime = RuntimeEnvBuilder::new().with_disk_manager_builder(spill::manager());
    let (config, runtime) = match memory {
        None => (config, runtime),
        Some(bytes) => (bounded(config, bytes), runtime.with_memory_pool(Arc::new(SharedMemory::new(bytes)))),
    };
    let runtime = runtime
        .build_arc()
        .map_err(|e| Error::unavailable("the query engine cannot start").caused_by(e.strip_backtrace()))?;
    Ok(SessionContext::new_with_config_rt(config, runtime))
}

/// What operators divide or reserve, in proportion to the memory.
fn bounded(mut config: SessionConfig, bytes: usize) -> SessionConfig {
    let partitions = (bytes / EACH).clamp(1, config.target_partitions().max(1));
    let execution = &mut config.options_mut().execution;
    execution.sort_spill_reservation_bytes = execution.sort_spill_reservation_bytes.min(bytes / partitions / MERGE);
    config.with_target_partitions(partitions)
}

#[cfg(test)]
mod tests;
