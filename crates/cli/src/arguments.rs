//! The command line, as clap parses it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::quality::QualityArguments;
use crate::commands::quarantine::QuarantineArguments;

/// Takes a shop's tables, surveys and click logs into a data lake: nothing sensitive, nothing wrong, never half.
#[derive(Debug, Parser)]
#[command(name = "lakegate", version, max_term_width = 110, after_help = AFTER_HELP)]
pub struct Arguments {
    /// What every command takes.
    #[command(flatten)]
    pub global: GlobalArguments,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Begin here:
  lakegate demo                                   a sample shop with its lake and five reports, no service needed
  lakegate init my-shop && cd my-shop             a project of your own
  lakegate check && lakegate plan && lakegate run

Exit codes:
  0 done   1 bug   2 usage or configuration   3 the gate stayed closed   4 bad input
  5 a service is unavailable, try again   6 commit unknown   7 catalog lagging   130 interrupted";

/// Options that stand before or after any command.
#[derive(Debug, Clone, Args)]
pub struct GlobalArguments {
    /// The project's folder [default: this folder, else the nearest parent with a lakegate.toml]
    #[arg(long, global = true, value_name = "DIR", env = "LAKEGATE_PROJECT")]
    pub project: Option<PathBuf>,
    /// Use the overrides under [env.NAME] of lakegate.toml
    #[arg(long, global = true, value_name = "NAME", env = "LAKEGATE_ENV")]
    pub env: Option<String>,
    /// Print one JSON object on standard output; logs stay on standard error
    #[arg(long, global = true)]
    pub json: bool,
    /// Log more to standard error: -v what happens, -vv in detail, -vvv everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a sample shop, load it all, print its five reports; needs no service
    Demo(DemoArguments),
    /// Write a new project, ready to edit
    Init(InitArguments),
    /// Validate every file of the project, offline and without credentials
    Check,
    /// Say what a run would read and write; touches nothing
    Plan(PlanArguments),
    /// Run jobs in the order of their dependencies
    Run(RunArguments),
    /// Run a named report, or list them all
    Report(ReportArguments),
    /// Run one SELECT over the lake's tables
    Query(QueryArguments),
    /// Judge any Parquet, CSV or JSON data by a DQDL ruleset
    Quality(QualityArguments),
    /// List, show or judge again the rows that were refused
    Quarantine(QuarantineArguments),
    /// List the newest runs and how they ended
    Runs(RunsArguments),
    /// Compare the Glue catalog with the lake, make it equal, or show it
    Catalog(CatalogArguments),
    /// Ask every service that the project needs whether it is there and answers
    Doctor,
    /// Delete old generations that no recent version of a table needs
    Vacuum(VacuumArguments),
    /// Show how the last run of several jobs stands, or define it for Step Functions
    Workflow(WorkflowArguments),
    /// Look for data that grow old and tell people, or try whether alarms arrive
    Alarms(AlarmsArguments),
    /// Serve again what a Lambda function could not: messages of the dead-letter queue
    Redrive(RedriveArguments),
    /// Run jobs with the arguments that AWS Glue gives: --JOB_NAME, --lakegate_jobs
    Glue(GlueArguments),
    /// Serve events as a Lambda function; a `bootstrap` without arguments does the same
    Lambda,
}

/// `lakegate demo`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lakegate demo
  lakegate demo --dir /tmp/shop --scale 1         200,000 users, 1 M orders, 5 M clicks
  lakegate --project demo-shop report category_sales --format csv")]
pub struct DemoArguments {
    /// Where to put the project, its data and its lake
    #[arg(long, value_name = "DIR", default_value = "demo-shop")]
    pub dir: PathBuf,
    /// Size: 1 is 200,000 users, 1 M orders and 5 M clicks
    #[arg(long, value_name = "N", default_value_t = 0.02)]
    pub scale: f64,
    /// The same seed makes the same shop
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub seed: u64,
}

/// `lakegate init`
#[derive(Debug, Args)]
pub struct InitArguments {
    /// The new project's folder; it must be empty or not exist
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// `lakegate plan`
#[derive(Debug, Args)]
pub struct PlanArguments {
    /// Jobs to plan [default: all]
    #[arg(value_name = "JOB")]
    pub jobs: Vec<String>,
}

/// `lakegate run`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lakegate run                                    every job, upstream first
  lakegate run orders clicks                      these two
  lakegate run orders --force                     also when its input has not changed
  lakegate run --resume                           the last run of several jobs, from where it stopped
  lakegate run --json | jq '.jobs[] | {job, outcome}'")]
pub struct RunArguments {
    /// Jobs to run [default: all]
    #[arg(value_name = "JOB")]
    pub jobs: Vec<String>,
    /// Run even when input and configuration are as they were at the last publish
    #[arg(long)]
    pub force: bool,
    /// Go on with the last run of several jobs where it stopped: what succeeded is not run again
    #[arg(long, conflicts_with = "jobs")]
    pub resume: bool,
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// Comma-separated, with a header.
    Csv,
    /// An array of objects.
    Json,
}

/// Where a result goes and how.
#[derive(Debug, Args)]
pub struct OutputArguments {
    /// How to print the result [default: table, or json with --json]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Write to a file rather than to standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

impl OutputArguments {
    /// The format: the one that was asked for, else that of the file's name, else what suits the reader.
    pub fn chosen(&self, global: &GlobalArguments) -> Format {
        let ending = self.output.as_ref().and_then(|path| path.extension()).and_then(|e| e.to_str());
        self.format.unwrap_or(match ending {
            Some("csv") => Format::Csv,
            Some("json") => Format::Json,
            _ if global.json => Format::Json,
            _ => Format::Table,
        })
    }

    /// # Errors
    /// When standard output is asked to be JSON and something else.
    pub fn check(&self, global: &GlobalArguments) -> lakegate_contract::Result<()> {
        if global.json && self.output.is_none() && self.chosen(global) != Format::Json {
            return Err(lakegate_contract::Error::usage(
                "--json and --format want different things on standard output",
            )
            .expected("one of them, or -o FILE for the formatted result"));
        }
        Ok(())
    }
}

/// What runs a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// This machine.
    Local,
    /// Amazon Athena, through the Glue catalog.
    Athena,
}

/// `lakegate report`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lakegate report                                 which reports there are
  lakegate report category_sales
  lakegate report hourly_clicks --param since=2026-03-05 --format csv -o clicks.csv
  lakegate --env prod report category_sales --engine athena
  lakegate --env prod report category_sales --compare      on both engines, cell by cell
  lakegate --env prod report publish                       views and named queries on Athena, of all reports")]
pub struct ReportArguments {
    /// The report's name, sql/NAME.sql; or `publish`, for a view and a named query of each report on Athena
    #[arg(value_name = "NAME|publish")]
    pub name: Option<String>,
    /// With `publish`: only these reports
    #[arg(value_name = "REPORT")]
    pub reports: Vec<String>,
    /// Where to run it
    #[arg(long, value_enum, default_value_t = Engine::Local)]
    pub engine: Engine,
    /// Run it on both engines and compare the results cell by cell; the exit code is 4 when they differ
    #[arg(long, conflicts_with_all = ["engine", "output", "format"])]
    pub compare: bool,
    /// A parameter of the report
    #[arg(long = "param", value_name = "KEY=VALUE", value_parser = key_value)]
    pub parameters: Vec<(String, String)>,
    /// Output.
    #[command(flatten)]
    pub output: OutputArguments,
}

/// `lakegate query`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  lakegate query 'SELECT status, count(*) AS orders FROM orders GROUP BY status ORDER BY orders DESC'")]
pub struct QueryArguments {
    /// One SELECT statement
    pub sql: String,
    /// Output.
    #[command(flatten)]
    pub output: OutputArguments,
}

/// `lakegate runs`
#[derive(Debug, Args)]
pub struct RunsArguments {
    /// Only runs of this job
    #[arg(value_name = "JOB")]
    pub job: Option<String>,
    /// How many, newest first
    #[arg(short = 'n', long, default_value_t = 20)]
    pub limit: usize,
}

/// `lakegate catalog`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lakegate --env prod catalog diff                what the catalog lacks; the exit code is 7 when it lacks anything
  lakegate --env prod catalog apply orders clicks

Runs keep the catalog equal by themselves. [catalog] in lakegate.toml names the database.")]
pub struct CatalogArguments {
    /// What to do.
    #[command(subcommand)]
    pub action: CatalogAction,
}

/// What `lakegate catalog` does.
#[derive(Debug, Subcommand)]
pub enum CatalogAction {
    /// Say what would have to change for the catalog to show the newest versions; touches nothing
    Diff {
        /// Only these tables
        #[arg(value_name = "TABLE")]
        tables: Vec<String>,
    },
    /// Make the catalog show the newest versions, and read back that it does
    Apply {
        /// Only these tables
        #[arg(value_name = "TABLE")]
        tables: Vec<String>,
        /// Take the tables over where they are of another lake or another program
        #[arg(long)]
        adopt: bool,
    },
    /// List the tables of the lake that the catalog shows
    Show {
        /// Only these tables
        #[arg(value_name = "TABLE")]
        tables: Vec<String>,
    },
}

/// `lakegate vacuum`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lakegate vacuum --dry-run                       what would go
  lakegate vacuum orders clicks --retain 2d

A version that is older than the retention time can no longer be read afterwards. The newest one always can.")]
pub struct VacuumArguments {
    /// Only these tables
    #[arg(value_name = "TABLE")]
    pub tables: Vec<String>,
    /// Keep what was published within this time: 90m, 12h, 7d (default: `retain` of the lake in lakegate.toml, else 7d)
    #[arg(long, value_name = "TIME")]
    pub retain: Option<String>,
    /// Say what would be deleted, and delete nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `lakegate workflow`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lakegate --env prod workflow status
  lakegate workflow step-functions --function arn:aws:lambda:ap-northeast-2:123456789012:function:shop-tables
  lakegate workflow step-functions --glue-job shop-nightly orders order_items")]
pub struct WorkflowArguments {
    /// What to do.
    #[command(subcommand)]
    pub action: WorkflowAction,
}

/// What `lakegate workflow` does.
#[derive(Debug, Subcommand)]
pub enum WorkflowAction {
    /// How the last run of several jobs stands
    Status,
    /// Print the jobs and their order as a state machine, in Amazon States Language
    StepFunctions {
        /// Only these jobs
        #[arg(value_name = "JOB")]
        jobs: Vec<String>,
        /// The Lambda function that runs them
        #[arg(long, value_name = "ARN", default_value = "${Function}", conflicts_with = "glue_job")]
        function: String,
        /// The Glue job that runs them, instead of a function
        #[arg(long, value_name = "NAME")]
        glue_job: Option<String>,
    },
}

/// `lakegate alarms`
#[derive(Debug, Args)]
pub struct AlarmsArguments {
    /// What to do.
    #[command(subcommand)]
    pub action: AlarmsAction,
}

/// What `lakegate alarms` does.
#[derive(Debug, Subcommand)]
pub enum AlarmsAction {
    /// Tell people of data older than `fresh_within`, and of a catalog that lags
    Check {
        /// Print them, and tell nobody
        #[arg(long)]
        dry_run: bool,
    },
    /// Send an alarm that says it is a test; the exit code is that of the first channel that fails
    Test,
}

/// `lakegate redrive`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lakegate --env prod redrive --list              what is there, and why; takes nothing
  lakegate --env prod redrive                     serves it all again: what succeeds is taken from the queue
  lakegate --env prod redrive --discard ID")]
pub struct RedriveArguments {
    /// Show the messages with their reasons, and leave them there
    #[arg(long)]
    pub list: bool,
    /// Take this message from the queue without serving it
    #[arg(long, value_name = "ID", conflicts_with = "list")]
    pub discard: Option<String>,
    /// At most so many messages
    #[arg(short = 'n', long, default_value_t = 1000)]
    pub limit: usize,
}

/// `lakegate glue`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  lakegate glue --JOB_NAME nightly --JOB_RUN_ID jr_1 --lakegate_jobs orders,clicks --lakegate_env prod

  --lakegate_jobs A,B        jobs to run [default: all]
  --lakegate_env NAME        as --env
  --lakegate_project DIR     as --project
  --lakegate_force true      as --force of `lakegate run`
  --lakegate_resume true     as --resume of `lakegate run`

What Glue itself passes is taken as it is. Any other argument that begins with --lakegate_ is refused.")]
pub struct GlueArguments {
    /// --key value pairs, as Glue passes them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0.., value_name = "--KEY VALUE")]
    pub arguments: Vec<String>,
}

pub(crate) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn parameters_are_split_at_the_first_equals_sign() {
        assert_eq!(key_value("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(key_value("a").is_err());
        assert!(key_value("=a").is_err());
    }
}
