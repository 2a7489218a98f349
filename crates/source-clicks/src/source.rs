//! Click logs as a source: a split an object.

use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use futures::StreamExt as _;
use lakegate_contract::{Contract, Error, Result};
use lakegate_pipeline::patterns::bucket_of;
use lakegate_pipeline::{
    Bookmark, InputObject, ItemStream, PinnedFile, Plan, Scope, Source, SourceEnvironment, Split, StoredFiles,
};
use serde::Deserialize;

use crate::decode::{ObjectDecoder, Shape};
use crate::reader::Window;

/// How records look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// JSON objects, with or without line breaks between them.
    Json,
    /// The common log format.
    Common,
    /// The combined log format: the common one, referrer and user agent.
    Combined,
}

/// `[source]` of a job with `kind = "clicks"`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClicksConfig {
    /// Always `clicks`.
    pub kind: String,
    /// Which files, relative to the project, `data/clicks/**/*.json.gz`, or of a bucket, `s3://bucket/clicks/**/*.gz`. Gzip is
    /// told by the content.
    pub files: String,
    /// How records look.
    pub format: LogFormat,
    /// Longest record in bytes; a longer one is rejected. 1 MiB by default.
    #[serde(default = "default_max_record")]
    pub max_record_bytes: usize,
}

fn default_max_record() -> usize {
    1 << 20
}

/// Click logs below the project's folder, or in a bucket.
///
/// An appending job keeps the name and version of every object that it has published. A new object is read once; one that
/// has changed after it was published is refused, since its events would be there twice.
pub struct ClicksSource {
    config: ClicksConfig,
    shape: Arc<Shape>,
    environment: SourceEnvironment,
}

impl ClicksSource {
    /// A source of `contract`'s rows.
    ///
    /// # Errors
    /// When the contract asks for a type or a field that such a log cannot give.
    pub fn new(config: ClicksConfig, contract: Arc<Contract>, environment: SourceEnvironment) -> Result<Self> {
        lakegate_pipeline::rows::RowsBuilder::new(&contract)?;
        let shape = Shape::new(
            contract,
            config.format,
            environment.time_zone,
            environment.batch_rows,
            config.max_record_bytes,
        )?;
        Ok(Self { config, shape: Arc::new(shape), environment })
    }
}

#[async_trait]
impl Source for ClicksSource {
    fn describe(&self) -> String {
        format!("{:?} logs {}", self.config.format, self.config.files).to_lowercase()
    }

    fn service(&self) -> Option<String> {
        bucket_of(&self.config.files).map(|(bucket, _)| format!("bucket {bucket}"))
    }

    async fn plan(&self, scope: &Scope<'_>) -> Result<Plan> {
        let inputs = &self.environment.inputs;
        let new =
            inputs.new_files(scope.since, inputs.matching(&self.config.files, scope.only).await?, |_| None).await?;
        let mut plan = Plan::default();
        let mut objects: Vec<InputObject> = Vec::new();
        for file in new.files {
            let payload = PinnedFile::from(&file);
            plan.splits.push(Split {
                name: file.object.name.clone(),
                bytes: file.object.bytes,
                payload: serde_json::to_value(payload)
                    .map_err(|e| Error::bug("a split cannot be stored").caused_by(e))?,
            });
            objects.push(file.object);
        }
        plan.identity = new.identity;
        plan.notices = new.notices;
        plan.bookmark = Some(new.bookmark);
        plan.objects = objects;
        Ok(plan)
    }

    fn files(&self, plan: &Plan) -> Option<StoredFiles> {
        Some(self.environment.inputs.stored_files(&plan.objects))
    }

    fn met_unread(&self) -> Vec<String> {
        self.shape.unread.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn settle(&self, bookmark: Bookmark) -> Result<Bookmark> {
        self.environment.inputs.settle(bookmark)
    }

    async fn open(&self, split: &Split) -> Result<ItemStream> {
        let file: PinnedFile = serde_json::from_value(split.payload.clone())
            .map_err(|_| Error::bug("the split is not one of click logs").at(&split.name))?;
        let window = Window::new(self.environment.inputs.open(&file)?, &split.name)?;
        let decoder = ObjectDecoder::new(Arc::clone(&self.shape), window, &split.name)?;
        Ok(futures::stream::iter(decoder).boxed())
    }
}
