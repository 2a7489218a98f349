//! A source that holds its rows: for tests and examples.

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use futures::StreamExt as _;
use lakegate_contract::{Error, Result};
use lakegate_redaction::{Origin, RawBatch};
use serde_json::json;

use crate::source::{Bookmark, ItemStream, Plan, Rejected, Scope, Source, SourceItem, Split};

/// Batches in memory, a split each.
#[derive(Debug, Clone, Default)]
pub struct MemorySource {
    batches: Vec<Arc<RecordBatch>>,
    rejected: Vec<Rejected>,
    unread_columns: Vec<String>,
    identity: String,
}

impl MemorySource {
    /// A source of these batches; their schema is the contract's source schema.
    pub fn new(identity: impl Into<String>, batches: Vec<RecordBatch>) -> Self {
        Self { batches: batches.into_iter().map(Arc::new).collect(), identity: identity.into(), ..Self::default() }
    }

    /// Adds records that could not be decoded to the first split.
    #[must_use]
    pub fn with_rejected(self, rejected: Vec<Rejected>) -> Self {
        Self { rejected, ..self }
    }

    /// Adds columns that the contract does not name.
    #[must_use]
    pub fn with_unread_columns(self, unread_columns: Vec<String>) -> Self {
        Self { unread_columns, ..self }
    }
}

#[async_trait]
impl Source for MemorySource {
    fn describe(&self) -> String {
        "memory".to_owned()
    }

    async fn plan(&self, scope: &Scope<'_>) -> Result<Plan> {
        let seen = scope.since.and_then(|b| b.0.as_u64()).unwrap_or(0);
        let splits = (0u64..).zip(&self.batches).filter(|(i, _)| *i >= seen).map(|(i, batch)| Split {
            name: format!("batch {i}"),
            bytes: Some(batch.get_array_memory_size() as u64),
            payload: json!(i),
        });
        Ok(Plan {
            splits: splits.collect(),
            identity: format!("{}:{}", self.identity, self.batches.len()),
            bookmark: Some(Bookmark(json!(self.batches.len()))),
            unread_columns: self.unread_columns.clone(),
            ..Plan::default()
        })
    }

    async fn open(&self, split: &Split) -> Result<ItemStream> {
        let index = split.payload.as_u64().and_then(|i| usize::try_from(i).ok());
        let batch = index
            .and_then(|i| self.batches.get(i))
            .ok_or_else(|| Error::bad_input("there is no such split").at(&split.name))?;
        let rows = batch.num_rows();
        let raw = RawBatch::new(batch.as_ref().clone(), Origin::rows("memory", None, 1, rows))?;
        let mut items = vec![Ok(SourceItem::Batch(raw))];
        let rejected = if index == Some(0) { self.rejected.clone() } else { Vec::new() };
        let records = (rows + rejected.len()) as u64;
        if !rejected.is_empty() {
            items.push(Ok(SourceItem::Rejected(rejected)));
        }
        items.push(Ok(SourceItem::Done { records, bytes: batch.get_array_memory_size() as u64 }));
        Ok(futures::stream::iter(items).boxed())
    }
}
