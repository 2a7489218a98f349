use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{FairSpillPool, MemoryPool};
use datafusion::physical_plan::{ExecutionPlan, collect};

use super::*;

const MB: usize = 1 << 20;

/// Rows of `t`: a number and a text, both of one row each, and a number of many.
fn add_rows(context: &SessionContext, rows: i64) {
    let batch = |begin: i64| {
        let numbers = begin..(begin + 8192).min(rows);
        let mixed = |n: i64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64.cast_signed());
        let columns: [(&str, ArrayRef); 3] = [
            ("n", Arc::new(numbers.clone().map(mixed).collect::<Int64Array>())),
            (
                "u",
                Arc::new(
                    numbers.clone().map(|n| Some(format!("{:016x}-of-one-row", mixed(n)))).collect::<StringArray>(),
                ),
            ),
            ("k", Arc::new(numbers.map(|n| n % 1000).collect::<Int64Array>())),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    };
    let batches: Vec<_> = (0..rows).step_by(8192).map(batch).collect();
    let table = MemTable::try_new(batches[0].schema(), vec![batches]).unwrap();
    context.register_table("t", Arc::new(table)).unwrap();
}

/// What a statement gives: how many rows, and how often exchanges have spilled for it.
async fn run(context: &SessionContext, sql: &str) -> std::result::Result<(usize, usize), DataFusionError> {
    let plan = context.sql(sql).await?.create_physical_plan().await?;
    let batches = collect(Arc::clone(&plan), context.task_ctx());
    let batches = tokio::time::timeout(Duration::from_secs(120), batches).await.expect("the statement has stopped")?;
    Ok((batches.iter().map(RecordBatch::num_rows).sum(), exchange_spills(&plan)))
}

fn exchange_spills(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let below: usize = plan.children().into_iter().map(exchange_spills).sum();
    let own = plan.metrics().filter(|_| plan.name() == "RepartitionExec").and_then(|found| found.spill_count());
    below + own.unwrap_or_default()
}

/// Eight partitions share so little that all of them spill.
fn crowded(memory: Arc<dyn MemoryPool>) -> SessionContext {
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(memory).build_arc().unwrap();
    let context = SessionContext::new_with_config_rt(config(8), runtime);
    add_rows(&context, 100_000);
    context
}

fn config(partitions: usize) -> SessionConfig {
    SessionConfig::new().with_target_partitions(partitions)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exchanges_do_not_spill_however_little_memory_is_left() {
    let statement = "SELECT u, count(*) FROM t GROUP BY u";
    for _ in 0..5 {
        let context = crowded(Arc::new(SharedMemory::new(8 * MB)));
        assert_eq!(run(&context, statement).await.unwrap(), (100_000, 0));
    }
    // With the engine's own pool they do, or find no memory: else nothing is shown above.
    let fair = run(&crowded(Arc::new(FairSpillPool::new(8 * MB))), statement).await;
    assert!(fair.as_ref().map_or(true, |(_, spills)| *spills > 0), "{fair:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_sorts_and_groups_needs_little_memory_with_many_workers_too() {
    let statements = [
        "SELECT n FROM t WHERE k < 300 ORDER BY n",
        "SELECT u FROM t ORDER BY u",
        "SELECT * FROM t ORDER BY k, u",
        "SELECT u, count(*) FROM t GROUP BY u",
        "SELECT u, k, count(*) FROM t GROUP BY u, k ORDER BY u",
        "SELECT k, u, row_number() OVER (PARTITION BY k ORDER BY u) FROM t",
    ];
    for memory in [4 * MB, 8 * MB, 64 * MB] {
        let context = session(config(16), Some(memory)).unwrap();
        add_rows(&context, 100_000);
        for statement in statements {
            let expected = if statement.contains("WHERE") { 30_000 } else { 100_000 };
            let ended = run(&context, statement).await.map(|(rows, _)| rows);
            assert_eq!(ended.map_err(|e| e.to_string()), Ok(expected), "{statement} in {memory} bytes");
        }
    }
}

#[test]
fn partitions_and_the_memory_kept_for_merges_follow_the_limit() {
    let bounds = |workers, memory| {
        let config = session(config(workers), memory).unwrap().copied_config();
        (config.target_partitions(), config.options().execution.sort_spill_reservation_bytes)
    };
    assert_eq!(bounds(8, Some(4 * MB)), (1, MB / 2));
    assert_eq!(bounds(2, Some(64 * MB)), (2, 4 * MB));
    assert_eq!(bounds(2, Some(256 * MB)), (2, 10 * MB));
    assert_eq!(bounds(16, Some(256 * MB)), (8, 4 * MB));
    assert_eq!(bounds(16, None), (16, 10 * MB));
}
