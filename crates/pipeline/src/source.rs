//! What a source must be able to do: say what it would read, and read one part of it.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;

use async_trait::async_trait;
use chrono_tz::Tz;
use futures::{Stream, StreamExt as _};
use lakegate_contract::Result;
use lakegate_redaction::{OriginUnit, RawBatch, Secret};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Receiver;

use crate::inputs::Inputs;
use crate::stored_files::StoredFiles;

/// What a source needs to know of the project besides its own configuration and the contract.
#[derive(Debug, Clone)]
pub struct SourceEnvironment {
    /// Folder against which relative paths are read.
    pub project_root: PathBuf,
    /// The project's time zone: that of timestamps without one.
    pub time_zone: Tz,
    /// Connection URLs by name; they hold passwords.
    pub connections: BTreeMap<String, Secret>,
    /// Rows that a batch should have.
    pub batch_rows: usize,
    /// Where files are.
    pub inputs: Inputs,
}

/// One independent part of an input, as data: it can be stored, sent to another machine and opened there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Split {
    /// What people see: an object's name, a table's range.
    pub name: String,
    /// Bytes it holds, if known: progress is counted in them.
    pub bytes: Option<u64>,
    /// What the source needs to open it.
    pub payload: serde_json::Value,
}

/// An object that the plan has pinned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputObject {
    /// Its name: a path relative to the project, a key, a table.
    pub name: String,
    /// What pins it: an ETag, a version id, a snapshot's position.
    pub version: String,
    /// Its size in bytes, if known.
    pub bytes: Option<u64>,
}

/// How far a job has read: the source's own data, stored in the commit and handed back at the next plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bookmark(pub serde_json::Value);

/// What a run would read.
#[derive(Default)]
pub struct Plan {
    /// The parts; none when there is nothing (new) to read.
    pub splits: Vec<Split>,
    /// Identity of the whole input: equal exactly when the same bytes or the same snapshot would be read.
    pub identity: String,
    /// The pinned objects behind the identity.
    pub objects: Vec<InputObject>,
    /// Where the next plan begins, once this one is published.
    pub bookmark: Option<Bookmark>,
    /// Rows expected, if the source has an estimate.
    pub estimated_rows: Option<u64>,
    /// Columns that the source has and the contract does not name: they are not read.
    pub unread_columns: Vec<String>,
    /// Other things worth telling.
    pub notices: Vec<String>,
    /// Kept until the run ends, such as the connection that holds a database snapshot open.
    pub guard: Option<Box<dyn Any + Send + Sync>>,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("splits", &self.splits)
            .field("identity", &self.identity)
            .field("objects", &self.objects.len())
            .field("unread_columns", &self.unread_columns)
            .finish_non_exhaustive()
    }
}

/// A record that could not become a row: held by reference, never copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The object it stands in.
    pub object: String,
    /// The part of the object, such as a sheet.
    pub part: Option<String>,
    /// What `start` and `end` count.
    pub unit: OriginUnit,
    /// Where it begins.
    pub start: u64,
    /// Where it ends (not included).
    pub end: u64,
    /// What is wrong with it, without its values: `column ts: not a timestamp`.
    pub reason: String,
}

/// What an open split yields.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every item is a batch")]
pub enum SourceItem {
    /// Rows, with the columns of the contract's source schema.
    Batch(RawBatch),
    /// Records that could not be decoded.
    Rejected(Vec<Rejected>),
    /// Records that the job's own configuration leaves out, counted.
    Excluded(u64),
    /// The end, always last: how many records the split held by the source's own count, rows and rejected and
    /// excluded ones together, and how many bytes were read. A stream that ends without it was cut short.
    Done {
        /// Records read.
        records: u64,
        /// Bytes read from the source (compressed, where they are compressed).
        bytes: u64,
    },
}

/// How much of a source a run wants.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scope<'a> {
    /// The bookmark of the last published run of an appending job; a job that replaces has none and gets everything.
    pub since: Option<&'a Bookmark>,
    /// Of files, only those with these names: a run that events woke leaves alone what no event has named. Other sources have
    /// no such parts.
    pub only: Option<&'a BTreeSet<String>>,
}

impl Scope<'_> {
    /// Everything that there is.
    pub const ALL: Scope<'static> = Scope { since: None, only: None };
}

/// What [`Source::open`] returns.
pub type ItemStream = Pin<Box<dyn Stream<Item = Result<SourceItem>> + Send>>;

/// The items that a thread sends, as a stream: for sources whose drivers block.
pub fn items_of(receiver: Receiver<Result<SourceItem>>) -> ItemStream {
    futures::stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|item| (item, receiver)) })
        .boxed()
}

/// Something that rows come from.
///
/// Opening a split depends on nothing but the split, the contract and the source's configuration, so a plan can be
/// carried out by threads here or by machines elsewhere. The conformance suite
/// ([`testing::check_source`](crate::testing::check_source)) says what else is expected.
#[async_trait]
pub trait Source: Send + Sync {
    /// One line for people: what is read and from where, without secrets.
    fn describe(&self) -> String;

    /// The service that is asked, for the breaker that all jobs share: `connection shop`. `None` for files of this machine.
    fn service(&self) -> Option<String> {
        None
    }

    /// What would be read now.
    ///
    /// # Errors
    /// When the source cannot be reached, refuses access, or lacks a column or an object that is needed.
    async fn plan(&self, scope: &Scope<'_>) -> Result<Plan>;

    /// Reads one split.
    ///
    /// # Errors
    /// When it cannot be opened, or is no longer what the plan pinned; the stream gives later errors.
    async fn open(&self, split: &Split) -> Result<ItemStream>;

    /// The bookmark to publish, once the plan's splits have been read to their end: with what only reading could tell.
    ///
    /// # Errors
    /// When the plan's bookmark is not one of this source.
    fn settle(&self, bookmark: Bookmark) -> Result<Bookmark> {
        Ok(bookmark)
    }

    /// The files behind a plan, for rules about files; `None` for a source that reads none.
    fn files(&self, _plan: &Plan) -> Option<StoredFiles> {
        None
    }

    /// Columns that were met while reading and that the contract does not name, for sources that cannot know them when they
    /// plan.
    fn met_unread(&self) -> Vec<String> {
        Vec::new()
    }
}
