//! What a dataset looks like, measured in one pass and in memory that does not grow with it.

mod column;
mod distinct;
mod shape;
mod text;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::{SessionContext, ident};
use futures::StreamExt as _;
use lakegate_contract::{Error, Result};

use crate::queries::unreadable;

pub(crate) use column::ColumnProfile;
pub(crate) use text::TextFacts;

/// Tells what sensitive kind of value a text looks like, if one.
pub type Sensitive = fn(&str) -> Option<&'static str>;

/// A dataset's rows and columns.
#[derive(Debug)]
pub(crate) struct Profile {
    pub rows: u64,
    pub columns: Vec<ColumnProfile>,
}

/// Profiles table `primary` of the context: every partition in its own task.
///
/// # Errors
/// When the data cannot be read.
pub(crate) async fn profile(context: &SessionContext, schema: &SchemaRef, sensitive: Sensitive) -> Result<Profile> {
    let names = schema.fields().iter().map(|field| ident(field.name()));
    let frame = context.table("primary").await.map_err(unreadable)?.select(names.collect::<Vec<_>>());
    let streams = frame.map_err(unreadable)?.execute_stream_partitioned().await.map_err(unreadable)?;
    let mut tasks = Vec::new();
    for stream in streams {
        let empty = schema.fields().iter().map(|field| ColumnProfile::new(Arc::clone(field), sensitive)).collect();
        tasks.push(tokio::spawn(read(Profile { rows: 0, columns: empty }, stream)));
    }
    let mut whole: Option<Profile> = None;
    for task in tasks {
        let part = task.await.map_err(|_| Error::bug("profiling has stopped"))??;
        whole = Some(match whole {
            None => part,
            Some(before) => before.merge(part),
        });
    }
    whole.ok_or_else(|| Error::bug("a dataset without partitions"))
}

async fn read(mut profile: Profile, mut stream: SendableRecordBatchStream) -> Result<Profile> {
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(unreadable)?;
        profile.rows += batch.num_rows() as u64;
        for (column, values) in profile.columns.iter_mut().zip(batch.columns()) {
            column.read(values)?;
        }
    }
    Ok(profile)
}

impl Profile {
    fn merge(self, other: Self) -> Self {
        let columns = self.columns.into_iter().zip(other.columns).map(|(a, b)| a.merge(b)).collect();
        Self { rows: self.rows + other.rows, columns }
    }
}

#[cfg(test)]
mod tests;
