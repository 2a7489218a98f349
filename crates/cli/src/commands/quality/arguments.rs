//! The command line of `lakegate quality`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::arguments::key_value;

/// `lakegate quality`
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  lakegate quality --data orders.parquet --rules quality-rules/orders.dqdl
  lakegate quality --data orders.csv --rules orders.dqdl --ref users=users.csv --bad-rows bad.csv
  lakegate quality suggest --data orders.parquet --ref users=users.csv -o quality-rules/orders.dqdl

Every rule is judged on all rows, as AWS Glue does. A rule that fails makes the exit code 3.
A blank cell of a CSV file is NULL in a number, date or boolean column and the empty string in a text column."
)]
pub struct QualityArguments {
    /// What else to do than to judge.
    #[command(subcommand)]
    pub action: Option<QualityAction>,
    /// What to judge.
    #[command(flatten)]
    pub judge: Option<JudgeArguments>,
}

/// What `lakegate quality` does besides judging.
#[derive(Debug, Subcommand)]
pub enum QualityAction {
    /// Write a first ruleset for a dataset: rules that it keeps, each with the reason why
    Suggest(SuggestArguments),
}

/// What is profiled, and where the ruleset goes.
#[derive(Debug, Args)]
pub struct SuggestArguments {
    /// A Parquet, CSV or JSON-lines file, or a folder of such files
    #[arg(long, value_name = "PATH")]
    pub data: PathBuf,
    /// Another dataset that columns may refer to, under the alias that rules are to use
    #[arg(long = "ref", value_name = "NAME=PATH", value_parser = key_value)]
    pub references: Vec<(String, String)>,
    /// The dataset's name for the heading [default: that of the file]
    #[arg(long, value_name = "NAME")]
    pub table_name: Option<String>,
    /// Write to this new file instead of the terminal
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// What is judged, and by which rules.
#[derive(Debug, Args)]
pub struct JudgeArguments {
    /// A Parquet, CSV or JSON-lines file, or a folder of such files
    #[arg(long, value_name = "PATH")]
    pub data: PathBuf,
    /// The ruleset
    #[arg(long, value_name = "FILE")]
    pub rules: PathBuf,
    /// Another dataset, under the alias that the rules use
    #[arg(long = "ref", value_name = "NAME=PATH", value_parser = key_value)]
    pub references: Vec<(String, String)>,
    /// Write every row that a row rule refuses to this CSV file, with the rules that it breaks
    #[arg(long, value_name = "FILE")]
    pub bad_rows: Option<PathBuf>,
}
