//! The command line of `lakegate quality`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use lakegate_quality::{Composite, FilteredRows, Options};

/// `lakegate quality`
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  lakegate quality --data orders.parquet --rules quality-rules/orders.dqdl
  lakegate quality --data orders.csv --rules orders.dqdl --ref users=users.csv --bad-rows bad.csv
  lakegate quality --data s3://lake/tables/orders --rules orders.dqdl --format junit -o quality.xml
  lakegate quality --rules orders.dqdl --lint
  lakegate quality fmt orders.dqdl
  lakegate quality suggest --data orders.parquet --ref users=users.csv -o quality-rules/orders.dqdl

Every rule is judged on all rows, as AWS Glue does. A rule that fails makes the exit code 3, unless its label
`gate` says `warn`.
A blank cell of a CSV file is NULL in a number, date or boolean column and the empty string in a text column."
)]
pub struct QualityArguments {
    /// What else to do than to judge.
    #[command(subcommand)]
    pub action: Option<QualityAction>,
    /// Warn about what in the rules is not what it seems, or is something else to Glue; needs no data
    #[arg(long, requires = "rules", conflicts_with = "data")]
    pub lint: bool,
    /// What to judge.
    #[command(flatten)]
    pub judge: Option<JudgeArguments>,
}

/// What `lakegate quality` does besides judging.
#[derive(Debug, Subcommand)]
pub enum QualityAction {
    /// Write rulesets in canonical form: one rule a line, in the order and with the parentheses of AWS's grammar
    Fmt(FmtArguments),
    /// Write a first ruleset for a dataset: rules that it keeps, each with the reason why
    Suggest(SuggestArguments),
}

/// `lakegate quality fmt`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lakegate quality fmt quality-rules              every .dqdl file of the folder, in place
  lakegate quality fmt --check quality-rules      in CI: the exit code is 2 when a file would change
  lakegate quality fmt - < orders.dqdl            from standard input to standard output")]
pub struct FmtArguments {
    /// Rulesets, or folders of .dqdl files; `-` reads standard input and writes standard output
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Write nothing, name the files that would change; the exit code is 2 when there is one
    #[arg(long)]
    pub check: bool,
}

/// What is profiled, and where the ruleset goes.
#[derive(Debug, Args)]
pub struct SuggestArguments {
    /// What `--data` of judging takes: files, folders, patterns, Delta tables, here or on S3
    #[arg(long, value_name = "PATH")]
    pub data: String,
    /// Another dataset that columns may refer to, under the alias that rules are to use
    #[arg(long = "ref", value_name = "NAME=PATH", value_parser = named_path)]
    pub references: Vec<(String, String)>,
    /// The dataset's name for the heading [default: that of the file]
    #[arg(long, value_name = "NAME")]
    pub table_name: Option<String>,
    /// Keep to so much working memory, such as 512MB, and spill to disk beyond it
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub memory_limit: Option<usize>,
    /// Write to this new file instead of the terminal
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// What is judged, and by which rules.
#[derive(Debug, Clone, Args)]
pub struct JudgeArguments {
    /// A Parquet, CSV or JSON-lines file, a folder or a quoted pattern of such files, or a Delta table (also TABLE@VERSION); a
    /// path, or s3://bucket/...
    #[arg(long, value_name = "PATH", required_unless_present = "lint", default_value = "-", hide_default_value = true)]
    pub data: String,
    /// The ruleset
    #[arg(long, value_name = "FILE")]
    pub rules: PathBuf,
    /// Another dataset, under the alias that the rules use; may be given several times
    #[arg(long = "ref", value_name = "NAME=PATH", value_parser = named_path)]
    pub references: Vec<(String, String)>,
    /// How the result looks [default: by the ending of -o, else table, or json with --json]
    #[arg(long, value_enum)]
    pub format: Option<ResultFormat>,
    /// Write the result to a file; the terminal still gets the table
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write all rows with Glue's four columns of row-level results: .parquet, .csv or .jsonl
    #[arg(long, value_name = "FILE")]
    pub row_outcomes: Option<PathBuf>,
    /// Write every row that a row rule refuses, with the same columns: .parquet, .csv or .jsonl
    #[arg(long, value_name = "FILE")]
    pub bad_rows: Option<PathBuf>,
    /// A file of what earlier judgements measured, for `last()` and DetectAnomalies; each adds to it
    #[arg(long, value_name = "FILE")]
    pub history: Option<PathBuf>,
    /// What a row is to a rule whose `where` leaves it out; Glue's filteredRowLabel [default: passed]
    #[arg(long, value_enum, value_name = "LABEL")]
    pub filtered_rows: Option<FilteredRowsArgument>,
    /// Judge `(A) and (B)` over the dataset or row by row; Glue's compositeRuleEvaluation.method [default: dataset]
    #[arg(long, value_enum, value_name = "METHOD")]
    pub composite: Option<CompositeArgument>,
    /// Keep to so much working memory, such as 512MB, and spill to disk beyond it
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub memory_limit: Option<usize>,
    /// Give up after this time, such as 30m, with exit code 5
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub timeout: Option<Duration>,
}

impl JudgeArguments {
    /// The options of judging.
    pub fn options(&self) -> Options {
        Options {
            composite: match self.composite {
                Some(CompositeArgument::Row) => Composite::Row,
                Some(CompositeArgument::Dataset) | None => Composite::Dataset,
            },
            filtered_rows: match self.filtered_rows {
                Some(FilteredRowsArgument::Skipped) => FilteredRows::Skipped,
                Some(FilteredRowsArgument::Passed) | None => FilteredRows::Passed,
            },
        }
    }
}

/// How a result is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ResultFormat {
    /// For people.
    Table,
    /// As AWS Glue's GetDataQualityResult gives it.
    Json,
    /// JUnit XML, for the test reports of CI systems.
    Junit,
    /// Workflow commands of GitHub Actions: annotations, and a summary.
    Github,
}

/// What a row is to a rule whose `where` leaves it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FilteredRowsArgument {
    /// It has passed.
    Passed,
    /// It was skipped.
    Skipped,
}

/// How a combination of rules is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CompositeArgument {
    /// Each rule over the dataset.
    Dataset,
    /// Row by row.
    Row,
}

/// Less is not enough to work with; the same as for a project.
const LEAST_MEMORY: usize = 16 << 20;

fn memory(text: &str) -> Result<usize, String> {
    let bytes = lakegate_pipeline::parse_size(text).map_err(|e| e.to_string())?;
    if bytes < LEAST_MEMORY { Err("expected at least 16MB".to_owned()) } else { Ok(bytes) }
}

fn time(text: &str) -> Result<Duration, String> {
    lakegate_pipeline::parse_duration(text).map_err(|e| e.to_string())
}

fn named_path(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok((name.to_owned(), path.to_owned())),
        _ => Err("expected an alias and where its data is, such as users=users.csv".to_owned()),
    }
}
