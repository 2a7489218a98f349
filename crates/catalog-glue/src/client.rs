//! Calls of Glue's API: pages, batches, and errors of single items in answers that succeed.

use std::time::Duration;

use aws_sdk_glue::Client;
use aws_sdk_glue::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_glue::types;
use futures::{StreamExt as _, TryStreamExt as _};
use lakegate_aws::{AwsFailure, FailureKind};
use lakegate_contract::{Error, Result};

use crate::model::{Partition, Table};
use crate::wire;

/// Items of a batch. Source: the service model of Glue (`BatchCreatePartition`, `BatchUpdatePartition`,
/// `BatchDeletePartition`): <https://docs.aws.amazon.com/glue/latest/webapi/API_BatchCreatePartition.html>
const CREATE: usize = 100;
const UPDATE: usize = 100;
const DELETE: usize = 25;
/// Partitions of a page: the most that can be asked for.
const PAGE: i32 = 1000;
/// Batches under way at once.
const AT_ONCE: usize = 4;
/// How often items are tried again that the service could not take.
const ITEM_ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const SERVICE: &str = "Glue";

/// What a call gives: a failure keeps its kind, so that callers can tell a conflict from a refusal.
pub(crate) type Answer<T> = std::result::Result<T, Failed>;

/// Why a call gave nothing.
#[derive(Debug)]
pub(crate) enum Failed {
    /// Glue said so.
    Glue(AwsFailure),
    /// It could not even be asked.
    Here(Error),
    /// What is read back is not what was written: somebody else is at work.
    Differs(Error),
}

impl Failed {
    pub(crate) fn kind(&self) -> Option<FailureKind> {
        match self {
            Failed::Glue(failure) => Some(failure.kind),
            Failed::Here(_) => None,
            Failed::Differs(_) => Some(FailureKind::Conflict),
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Failed::Here(error)
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Glue(failure) => failure.into_error(),
            Failed::Here(error) | Failed::Differs(error) => error,
        }
    }
}

fn failed<E, R>(operation: &'static str) -> impl Fn(SdkError<E, R>) -> Failed
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    move |error| Failed::Glue(AwsFailure::of(SERVICE, operation, &error))
}

/// One database of Glue's catalog.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    client: Client,
    pub(crate) name: String,
}

/// A change of many partitions at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Batch {
    Create,
    Update,
    Delete,
}

impl Batch {
    fn operation(self) -> &'static str {
        match self {
            Batch::Create => "BatchCreatePartition",
            Batch::Update => "BatchUpdatePartition",
            Batch::Delete => "BatchDeletePartition",
        }
    }

    fn size(self) -> usize {
        match self {
            Batch::Create => CREATE,
            Batch::Update => UPDATE,
            Batch::Delete => DELETE,
        }
    }

    /// Whether an item's error says that it is already as it should be.
    fn is_done(self, kind: FailureKind) -> bool {
        matches!((self, kind), (Batch::Create, FailureKind::Exists) | (Batch::Delete, FailureKind::Missing))
    }
}

impl Database {
    pub(crate) fn new(config: &lakegate_aws::SdkConfig, name: String) -> Self {
        Self { client: Client::new(config), name }
    }

    /// Makes the database; one that is there already is fine.
    pub(crate) async fn create(&self, description: &str) -> Answer<()> {
        let input = types::DatabaseInput::builder().name(&self.name).description(description).build();
        let input = input.map_err(wire::unwritable("a database"))?;
        match self.client.create_database().database_input(input).send().await.map_err(failed("CreateDatabase")) {
            Err(failed) if failed.kind() == Some(FailureKind::Exists) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Whether it is there.
    pub(crate) async fn exists(&self) -> Answer<bool> {
        match self.client.get_database().name(&self.name).send().await.map_err(failed("GetDatabase")) {
            Ok(_) => Ok(true),
            Err(failed) if failed.kind() == Some(FailureKind::Missing) => Ok(false),
            Err(failed) => Err(failed),
        }
    }

    /// A table as Glue has it; `None` when it, or the database, is not there.
    pub(crate) async fn table(&self, name: &str) -> Answer<Option<types::Table>> {
        let call = self.client.get_table().database_name(&self.name).name(name);
        match call.send().await.map_err(failed("GetTable")) {
            Ok(answer) => Ok(answer.table().cloned()),
            Err(failed) if failed.kind() == Some(FailureKind::Missing) => Ok(None),
            Err(failed) => Err(failed),
        }
    }

    /// All partitions of a table.
    pub(crate) async fn partitions(&self, table: &str) -> Answer<Vec<Partition>> {
        let call = self.client.get_partitions().database_name(&self.name).table_name(table);
        let mut pages = call.max_results(PAGE).exclude_column_schema(true).into_paginator().send();
        let mut partitions = Vec::new();
        while let Some(page) = pages.next().await {
            partitions.extend(page.map_err(failed("GetPartitions"))?.partitions().iter().map(wire::partition));
        }
        Ok(partitions)
    }

    /// Makes a table.
    pub(crate) async fn create_table(&self, target: &Table) -> Answer<()> {
        let input = wire::table_input(target, None)?;
        let call = self.client.create_table().database_name(&self.name).table_input(input);
        call.send().await.map(drop).map_err(failed("CreateTable"))
    }

    /// Writes a table over the version that was read: Glue refuses when somebody else has written it since.
    pub(crate) async fn update_table(&self, target: &Table, known: &types::Table) -> Answer<()> {
        let input = wire::table_input(target, Some(known))?;
        let call = self.client.update_table().database_name(&self.name).table_input(input).skip_archive(true);
        call.set_version_id(known.version_id().map(str::to_owned)).send().await.map(drop).map_err(failed("UpdateTable"))
    }

    /// Makes partitions.
    pub(crate) async fn create_partitions(&self, table: &Table, partitions: &[Partition]) -> Answer<()> {
        self.in_batches(Batch::Create, table, partitions).await
    }

    /// Changes partitions.
    pub(crate) async fn update_partitions(&self, table: &Table, partitions: &[Partition]) -> Answer<()> {
        self.in_batches(Batch::Update, table, partitions).await
    }

    /// Removes partitions; their data stays.
    pub(crate) async fn delete_partitions(&self, table: &Table, values: &[Vec<String>]) -> Answer<()> {
        let partition = |values: &Vec<String>| Partition {
            values: values.clone(),
            location: String::new(),
            parameters: std::collections::BTreeMap::new(),
        };
        let partitions: Vec<Partition> = values.iter().map(partition).collect();
        self.in_batches(Batch::Delete, table, &partitions).await
    }

    async fn in_batches(&self, batch: Batch, table: &Table, partitions: &[Partition]) -> Answer<()> {
        let batches: Vec<_> =
            partitions.chunks(batch.size()).map(|chunk| self.one_batch(batch, table, chunk)).collect();
        futures::stream::iter(batches).buffer_unordered(AT_ONCE).try_collect().await
    }

    /// One batch, and again those of its items that could not be taken just then.
    async fn one_batch(&self, batch: Batch, table: &Table, chunk: &[Partition]) -> Answer<()> {
        let mut left: Vec<&Partition> = chunk.iter().collect();
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let failures = self.send(batch, table, &left).await?;
            let failures: Vec<_> = failures.into_iter().filter(|(_, failure)| !batch.is_done(failure.kind)).collect();
            let hopeless = failures.iter().find(|(_, failure)| !failure.kind.retryable() || attempt >= ITEM_ATTEMPTS);
            let gone = failures.iter().find(|(_, f)| batch == Batch::Update && f.kind == FailureKind::Missing);
            if let Some((_, failure)) = gone {
                // Another writer has removed it in the meantime: what is to be done is found out anew.
                return Err(Failed::Differs(failure.clone().into_error()));
            }
            if let Some((values, failure)) = hopeless {
                tracing::warn!(table = table.name, partition = ?values, %failure, left = failures.len(), "partition");
                return Err(Failed::Glue(failure.clone()));
            }
            left.retain(|partition| failures.iter().any(|(values, _)| *values == partition.values));
            if left.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
            attempt += 1;
        }
    }

    /// Sends a batch; an answer of 200 may hold errors of single items.
    async fn send(
        &self,
        batch: Batch,
        table: &Table,
        partitions: &[&Partition],
    ) -> Answer<Vec<(Vec<String>, AwsFailure)>> {
        let failure = |values: Option<&[String]>, detail: Option<&types::ErrorDetail>| {
            let (code, message) = (detail.and_then(|d| d.error_code()), detail.and_then(|d| d.error_message()));
            let failure = AwsFailure::of_item(SERVICE, batch.operation(), code, message);
            (values.unwrap_or_default().to_vec(), failure)
        };
        let inputs = || partitions.iter().map(|p| wire::partition_input(table, p));
        let failures = match batch {
            Batch::Create => {
                let call = self.client.batch_create_partition().database_name(&self.name).table_name(&table.name);
                let call = call.set_partition_input_list(Some(inputs().collect::<Result<_>>()?));
                let answer = call.send().await.map_err(failed(batch.operation()))?;
                answer.errors().iter().map(|e| failure(Some(e.partition_values()), e.error_detail())).collect()
            }
            Batch::Update => {
                let entries = inputs().zip(partitions).map(|(input, partition)| {
                    types::BatchUpdatePartitionRequestEntry::builder()
                        .set_partition_value_list(Some(partition.values.clone()))
                        .partition_input(input?)
                        .build()
                        .map_err(wire::unwritable("a partition"))
                });
                let call = self.client.batch_update_partition().database_name(&self.name).table_name(&table.name);
                let call = call.set_entries(Some(entries.collect::<Result<_>>()?));
                let answer = call.send().await.map_err(failed(batch.operation()))?;
                answer.errors().iter().map(|e| failure(Some(e.partition_value_list()), e.error_detail())).collect()
            }
            Batch::Delete => {
                let lists = partitions.iter().map(|p| {
                    types::PartitionValueList::builder()
                        .set_values(Some(p.values.clone()))
                        .build()
                        .map_err(wire::unwritable("a partition"))
                });
                let call = self.client.batch_delete_partition().database_name(&self.name).table_name(&table.name);
                let call = call.set_partitions_to_delete(Some(lists.collect::<Result<_>>()?));
                let answer = call.send().await.map_err(failed(batch.operation()))?;
                answer.errors().iter().map(|e| failure(Some(e.partition_values()), e.error_detail())).collect()
            }
        };
        Ok(failures)
    }
}
