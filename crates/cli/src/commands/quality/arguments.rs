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
  lakegate quality --rules orders.dqdl --lint
  lakegate quality fmt orders.dqdl

Every rule is judged on all rows, as AWS Glue does. A rule that fails makes the exit code 3.
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

/// What is judged, and by which rules.
#[derive(Debug, Args)]
pub struct JudgeArguments {
    /// A Parquet, CSV or JSON-lines file, or a folder of such files
    #[arg(long, value_name = "PATH", required_unless_present = "lint", default_value = "-", hide_default_value = true)]
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
