//! Workbooks as a source: a split a workbook.

use std::sync::Arc;

use async_trait::async_trait;
use lakegate_contract::{Contract, Error, Result};
use lakegate_pipeline::files::InputFile;
use lakegate_pipeline::patterns::bucket_of;
use lakegate_pipeline::rows::RowsBuilder;
use lakegate_pipeline::source::items_of;
use lakegate_pipeline::{
    Bookmark, InputObject, ItemStream, PinnedFile, Plan, Scope, Source, SourceEnvironment, SourceItem, Split,
    StoredFiles,
};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::channel;

use crate::quarter;
use crate::workbook::{Reader, headers, open as open_workbook};

/// `[source]` of a job with `kind = "survey"`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurveyConfig {
    /// Always `survey`.
    pub kind: String,
    /// Which workbooks, relative to the project, `data/surveys/*.xlsx`, or of a bucket, `s3://bucket/surveys/*.xlsx`.
    pub files: String,
    /// The sheet; by default the first one.
    pub sheet: Option<String>,
    /// Rows of the header as Excel counts them: `1`, or `[4, 5]`.
    #[serde(default)]
    pub header_rows: HeaderRows,
    /// Whether the file's name must tell a quarter; it is the source column `$quarter`, `2026-Q1`.
    #[serde(default)]
    pub quarter_from_name: bool,
    /// A column with several answers in one cell: one row for each answer.
    pub explode: Option<Explode>,
    /// A grid of questions: one row for each, with source columns `$question` and `$score`.
    pub unpivot: Option<Unpivot>,
    /// What a cell that does not fit its column does.
    #[serde(default)]
    pub on_bad_cell: BadCell,
}

/// Rows of a header.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum HeaderRows {
    /// One row.
    One(u32),
    /// Several, joined by `/`.
    Several(Vec<u32>),
}

impl Default for HeaderRows {
    fn default() -> Self {
        HeaderRows::One(1)
    }
}

impl HeaderRows {
    /// Row numbers from 0.
    pub(crate) fn numbers(&self) -> Result<Vec<u32>> {
        let rows = match self {
            HeaderRows::One(row) => vec![*row],
            HeaderRows::Several(rows) => rows.clone(),
        };
        let numbers: Vec<u32> = rows.iter().filter_map(|row| row.checked_sub(1)).collect();
        if numbers.is_empty() || numbers.len() != rows.len() || numbers.windows(2).any(|w| w.first() >= w.last()) {
            return Err(
                Error::usage("`header_rows` are not row numbers").expected("rising numbers from 1 on, such as [4, 5]")
            );
        }
        Ok(numbers)
    }
}

/// `[source.explode]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explode {
    /// The column's header.
    pub column: String,
    /// What stands between answers.
    #[serde(default = "comma")]
    pub separator: String,
}

fn comma() -> String {
    ",".to_owned()
}

/// `[source.unpivot]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unpivot {
    /// Headers of the grid's questions.
    pub columns: Vec<String>,
}

/// What a cell that does not fit its column does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BadCell {
    /// The respondent goes to quarantine.
    #[default]
    Reject,
    /// The cell becomes NULL, and is counted in the log.
    Null,
}

/// Survey workbooks below the project's folder.
pub struct SurveySource {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) config: SurveyConfig,
    pub(crate) header_rows: Vec<u32>,
    pub(crate) contract: Arc<Contract>,
    pub(crate) environment: SourceEnvironment,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    file: PinnedFile,
    quarter: Option<String>,
}

impl SurveySource {
    /// A source of `contract`'s rows.
    ///
    /// # Errors
    /// When the configuration contradicts itself, or a column has a type that a cell cannot give.
    pub fn new(config: SurveyConfig, contract: Arc<Contract>, environment: SourceEnvironment) -> Result<Self> {
        RowsBuilder::new(&contract)?;
        let header_rows = config.header_rows.numbers()?;
        if config.explode.is_some() && config.unpivot.is_some() {
            return Err(Error::usage("a job either explodes a column or unpivots a grid")
                .help("make two jobs, each with a table of its own"));
        }
        Ok(Self { shared: Arc::new(Shared { config, header_rows, contract, environment }) })
    }

    fn split(&self, file: &InputFile) -> Result<Split> {
        let quarter = quarter::of_name(&file.object.name);
        if self.shared.config.quarter_from_name && quarter.is_none() {
            return Err(Error::bad_input("the file's name tells no quarter")
                .at(&file.object.name)
                .expected(quarter::EXAMPLES));
        }
        let payload = Payload { file: PinnedFile::from(file), quarter };
        Ok(Split {
            name: file.object.name.clone(),
            bytes: file.object.bytes,
            payload: serde_json::to_value(payload).map_err(|e| Error::bug("a split cannot be stored").caused_by(e))?,
        })
    }
}

#[async_trait]
impl Source for SurveySource {
    fn describe(&self) -> String {
        format!("workbooks {}", self.shared.config.files)
    }

    fn service(&self) -> Option<String> {
        bucket_of(&self.shared.config.files).map(|(bucket, _)| format!("bucket {bucket}"))
    }

    async fn plan(&self, scope: &Scope<'_>) -> Result<Plan> {
        let inputs = &self.shared.environment.inputs;
        let mut files = inputs.matching(&self.shared.config.files, scope.only).await?;
        // Excel leaves such files beside open workbooks.
        files.retain(|f| !f.object.name.rsplit('/').next().unwrap_or_default().starts_with("~$"));
        let new = inputs.new_files(scope.since, files, quarter::of_name).await?;
        let mut plan = Plan::default();
        let mut objects: Vec<InputObject> = Vec::new();
        for file in new.files {
            let (shared, pinned) = (Arc::clone(&self.shared), PinnedFile::from(&file));
            let found = tokio::task::spawn_blocking(move || headers(&shared, &pinned)).await;
            for column in found.map_err(|_| Error::bug("a workbook's header was not read to its end"))??.unread {
                if !plan.unread_columns.contains(&column) {
                    plan.unread_columns.push(column);
                }
            }
            plan.splits.push(self.split(&file)?);
            objects.push(file.object);
        }
        plan.identity = new.identity;
        plan.notices = new.notices;
        plan.bookmark = Some(new.bookmark);
        plan.objects = objects;
        Ok(plan)
    }

    fn files(&self, plan: &Plan) -> Option<StoredFiles> {
        Some(self.shared.environment.inputs.stored_files(&plan.objects))
    }

    fn settle(&self, bookmark: Bookmark) -> Result<Bookmark> {
        self.shared.environment.inputs.settle(bookmark)
    }

    async fn open(&self, split: &Split) -> Result<ItemStream> {
        let payload: Payload = serde_json::from_value(split.payload.clone())
            .map_err(|_| Error::bug("the split is not one of a workbook").at(&split.name))?;
        let (sender, receiver) = channel::<Result<SourceItem>>(2);
        let (shared, name) = (Arc::clone(&self.shared), split.name.clone());
        std::thread::spawn(move || {
            let read = || {
                let mut book = open_workbook(&shared, &payload.file)?;
                let bytes = payload.file.object.bytes.unwrap_or(0);
                Reader::new(&shared, &mut book, &name, payload.quarter.as_deref())?.read(book, bytes, &sender)
            };
            if let Err(error) = read() {
                let _ = sender.blocking_send(Err(error));
            }
        });
        Ok(items_of(receiver))
    }
}
