//! The command line of `lakegate quarantine`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use lakegate_contract::{Error, Result};
use lakegate_lake::RunId;

use crate::arguments::GlobalArguments;

/// `lakegate quarantine`
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  lakegate quarantine list                        which runs refused rows, by which rules, and whether they still wait
  lakegate quarantine show clicks                 the newest run's: where each row stood, which rule, the values in question
  lakegate quarantine show clicks --rule session_id --format csv -o bad.csv
  lakegate quarantine replay clicks --dry-run     once the rules are corrected: what would be published now
  lakegate quarantine replay clicks --all"
)]
pub struct QuarantineArguments {
    /// What to do.
    #[command(subcommand)]
    pub action: QuarantineAction,
}

/// What `lakegate quarantine` does.
#[derive(Debug, Subcommand)]
pub enum QuarantineAction {
    /// List the runs that refused rows, newest first
    List(ListArguments),
    /// Show refused rows with their places and rules; values are redacted as in the table
    Show(ShowArguments),
    /// Judge refused rows again by today's rules: publish those that pass, keep the others
    Replay(ReplayArguments),
}

/// `lakegate quarantine list`
#[derive(Debug, Args)]
pub struct ListArguments {
    /// Only runs of this table
    #[arg(value_name = "TABLE")]
    pub table: Option<String>,
    /// How many, newest first
    #[arg(short = 'n', long, default_value_t = 20, value_parser = at_least_one)]
    pub limit: usize,
    /// Only runs that began within this time: 90m, 12h, 7d
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
}

/// How refused rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ShowFormat {
    /// For people: places, rules, and the columns in question.
    Table,
    /// Comma-separated, with a header and all columns.
    Csv,
    /// An array of objects with all columns.
    Json,
    /// A Parquet file with all columns; needs -o.
    Parquet,
}

/// `lakegate quarantine show`
#[derive(Debug, Args)]
pub struct ShowArguments {
    /// The table that the rows were refused for
    #[arg(value_name = "TABLE")]
    pub table: String,
    /// The run that refused them [default: the newest with a quarantine]
    #[arg(long, value_name = "ULID", value_parser = run_id)]
    pub run: Option<RunId>,
    /// Only rows refused by a rule whose text contains this, in any case
    #[arg(long, value_name = "TEXT")]
    pub rule: Option<String>,
    /// At most so many rows [default: 20 as a table, else all]
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// In a table, all columns rather than the key and those that the rules name
    #[arg(long)]
    pub all_columns: bool,
    /// How to print the rows [default: by the file's name, else table, or json with --json]
    #[arg(long, value_enum)]
    pub format: Option<ShowFormat>,
    /// Write to a file rather than to standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Rows of a table that nobody has limited.
const TABLE_ROWS: usize = 20;

impl ShowArguments {
    /// The format: the one that was asked for, else that of the file's name, else what suits the reader.
    ///
    /// # Errors
    /// When standard output cannot take it.
    pub fn chosen(&self, global: &GlobalArguments) -> Result<ShowFormat> {
        let ending = self.output.as_ref().and_then(|path| path.extension()).and_then(|e| e.to_str());
        let chosen = match (self.format, ending) {
            (Some(format), _) => format,
            (None, Some("csv")) => ShowFormat::Csv,
            (None, Some("json")) => ShowFormat::Json,
            (None, Some("parquet")) => ShowFormat::Parquet,
            (None, Some(ending)) if ending != "txt" => {
                return Err(Error::usage(format!("the ending `.{ending}` of --output is that of no format"))
                    .expected(".csv, .json, .parquet or .txt (the table), or --format"));
            }
            (None, None) if global.json => ShowFormat::Json,
            (None, _) => ShowFormat::Table,
        };
        if self.output.is_some() {
            return Ok(chosen);
        }
        match chosen {
            ShowFormat::Parquet => Err(Error::usage("Parquet is not for standard output").expected("-o FILE")),
            ShowFormat::Table | ShowFormat::Csv if global.json => {
                Err(Error::usage("--json and --format want different things on standard output")
                    .expected("one of them, or -o FILE for the formatted result"))
            }
            chosen => Ok(chosen),
        }
    }

    /// How many rows, for a format.
    pub fn rows(&self, format: ShowFormat) -> usize {
        self.limit.unwrap_or(if format == ShowFormat::Table { TABLE_ROWS } else { usize::MAX })
    }
}

/// `lakegate quarantine replay`
#[derive(Debug, Args)]
pub struct ReplayArguments {
    /// The table that the rows were refused for
    #[arg(value_name = "TABLE")]
    pub table: String,
    /// The run that refused them [default: the newest whose rows wait]
    #[arg(long, value_name = "ULID", value_parser = run_id, conflicts_with = "all")]
    pub run: Option<RunId>,
    /// Those of all runs whose rows wait
    #[arg(long)]
    pub all: bool,
    /// Judge, stage and audit as the replay would, say what would be published, and leave nothing of it
    #[arg(long)]
    pub dry_run: bool,
    /// What a rule over the dataset does that does not hold for the replayed rows: rules over keys close the gate in any case
    #[arg(long, value_enum, default_value_t = DatasetRules::Close)]
    pub dataset_rules: DatasetRules,
}

/// What rules over the dataset do in a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DatasetRules {
    /// They close the gate, as in a load.
    Close,
    /// They are told.
    Warn,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "expected a whole number from 1 on".to_owned())
}

fn run_id(text: &str) -> Result<RunId, String> {
    ulid::Ulid::from_string(&text.to_ascii_uppercase())
        .map(RunId::from)
        .map_err(|_| "expected a run's ULID of 26 characters, as `lakegate quarantine list` shows it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_named_by_their_ulid() {
        let run = RunId::new();
        assert_eq!(run_id(&run.to_string().to_ascii_lowercase()), Ok(run));
        assert!(run_id("01").is_err());
    }

    #[test]
    fn the_name_of_a_file_says_its_format() {
        let chosen = |words: &[&str]| {
            let all = [&["lakegate", "quarantine", "show", "clicks"], words].concat();
            let parsed = <crate::arguments::Arguments as clap::Parser>::try_parse_from(all).unwrap();
            let crate::arguments::Command::Quarantine(QuarantineArguments { action: QuarantineAction::Show(show) }) =
                parsed.command
            else {
                panic!("another command");
            };
            show.chosen(&parsed.global)
        };
        assert_eq!(chosen(&["-o", "x.csv"]).unwrap(), ShowFormat::Csv);
        assert_eq!(chosen(&["-o", "x.txt", "--json"]).unwrap(), ShowFormat::Table);
        assert_eq!(chosen(&["-o", "x.xlsx", "--format", "csv"]).unwrap(), ShowFormat::Csv);
        assert!(chosen(&["-o", "x.xlsx"]).unwrap_err().found().contains("`.xlsx`"));
    }
}
