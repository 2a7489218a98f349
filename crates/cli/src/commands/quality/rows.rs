//! Every row judged, and written with what the rules say of it.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use futures::StreamExt as _;
use lakegate_contract::{Error, Result};
use lakegate_quality::{JudgedRows, Options, RowOutcomes, Ruleset};

use super::judgement::RowCounts;
use super::phases::Phases;
use super::row_files::RowFile;

/// The files that rows go to.
struct Files {
    all: Option<RowFile>,
    bad: Option<RowFile>,
}

/// Judges the rows of `primary` and writes them; a batch at a time is held.
pub async fn write(
    context: &SessionContext,
    ruleset: &Ruleset,
    schema: SchemaRef,
    options: &Options,
    [row_outcomes, bad_rows]: [Option<&PathBuf>; 2],
    phases: &Phases,
) -> Result<RowCounts> {
    let outcomes = RowOutcomes::compile(ruleset, Arc::clone(&schema), options)?;
    let schema = RowOutcomes::schema(&schema);
    let create = |path: Option<&PathBuf>| path.map(|path| RowFile::create(path, &schema)).transpose();
    let mut files = Files { all: create(row_outcomes)?, bad: create(bad_rows)? };
    let mut batches = context.table("primary").await.map_err(unreadable)?.execute_stream().await.map_err(unreadable)?;
    let mut counts =
        RowCounts { row_outcomes: row_outcomes.cloned(), bad_rows: bad_rows.cloned(), ..RowCounts::default() };
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(unreadable)?;
        for part in slices(&batch, outcomes.most_rows()) {
            let judged = outcomes.judge(&part)?;
            counts.processed += judged.batch.num_rows() as u64;
            counts.failed += judged.failed.true_count() as u64;
            files.take(&judged)?;
        }
        phases.written(counts.processed);
    }
    files.finish()?;
    Ok(counts)
}

impl Files {
    fn take(&mut self, judged: &JudgedRows) -> Result<()> {
        if let Some(all) = &mut self.all {
            all.write(&judged.batch)?;
        }
        if let Some(bad) = &mut self.bad
            && judged.failed.true_count() > 0
        {
            let failed = filter_record_batch(&judged.batch, &judged.failed);
            bad.write(&failed.map_err(|e| Error::bug("rows cannot be filtered").caused_by(e))?)?;
        }
        Ok(())
    }

    fn finish(self) -> Result<()> {
        self.all.into_iter().chain(self.bad).try_for_each(RowFile::finish)
    }
}

fn slices(batch: &RecordBatch, most: usize) -> impl Iterator<Item = RecordBatch> + '_ {
    let rows = batch.num_rows();
    (0..rows).step_by(most.max(1)).map(move |start| batch.slice(start, most.min(rows - start)))
}

/// A reader's own message may quote what it could not read.
fn unreadable(_: DataFusionError) -> Error {
    Error::bad_input("the data cannot be read").help("its files may differ in their columns or types")
}
