//! Jobs: `jobs/<job>.toml`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lakegate_contract::{Error, JobName, Result, TableName, load_document, parse_document};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::Gate;

const MOST_RETRIES: u32 = 10;
/// Ten years, in seconds: what is longer is a slip, and too long to be subtracted from a date.
const LONGEST_TIME: u64 = 3_650 * 86_400;

/// How what is loaded relates to what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LoadMode {
    /// It becomes the whole table.
    #[default]
    Replace,
    /// It joins what is there; what was read before is not read again.
    Append,
}

/// When a job may run, by how the jobs that it waits for ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// All of them succeeded.
    #[default]
    All,
    /// All of them have ended, and at least one succeeded.
    Any,
}

/// How one table is loaded, source apart.
#[derive(Debug, Clone)]
pub struct JobDefinition {
    /// The job's name: that of its file.
    pub name: JobName,
    /// What it does, for people.
    pub description: Option<String>,
    /// The table.
    pub table: TableName,
    /// How it is loaded.
    pub mode: LoadMode,
    /// Jobs that it waits for.
    pub after: Vec<JobName>,
    /// How those must have ended.
    pub condition: Condition,
    /// When it runs on a scheduler: `cron(…)` or `rate(…)`.
    pub schedule: Option<String>,
    /// How often it is tried again after a failure that may pass.
    pub retries: u32,
    /// How long one attempt may take before it is abandoned.
    pub timeout: Option<Duration>,
    /// How long it may take before an alarm says so.
    pub max_duration: Option<Duration>,
    /// How old its last success may be before an alarm says so.
    pub fresh_within: Option<Duration>,
    /// Its gate.
    pub gate: Gate,
    /// The kind of its source.
    pub source_kind: String,
}

/// A job's file, parsed but for its source, whose configuration belongs to the crate of that kind.
#[derive(Debug, Clone)]
pub struct JobFile {
    /// The definition.
    pub definition: JobDefinition,
    /// The file's path, for errors.
    pub path: PathBuf,
    text: String,
    kind_place: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JobDocument<S> {
    description: Option<String>,
    table: Option<TableName>,
    #[serde(default)]
    mode: LoadMode,
    #[serde(default)]
    after: Vec<JobName>,
    #[serde(default)]
    condition: Condition,
    schedule: Option<String>,
    #[serde(default)]
    retries: u32,
    timeout: Option<String>,
    max_duration: Option<String>,
    fresh_within: Option<String>,
    source: S,
    #[serde(default)]
    gate: Gate,
}

impl JobFile {
    /// Reads `jobs/<job>.toml`.
    ///
    /// # Errors
    /// With file, line and column.
    pub fn load(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let (_, text): (toml::Table, String) = load_document(path)?;
        let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        let name = JobName::new(stem).map_err(|e| e.at(&file))?;
        let document: JobDocument<toml::Table> = parse_document(&text, &file)?;
        let kind = document.source.get("kind").and_then(toml::Value::as_str).map(str::to_owned).ok_or_else(|| {
            Error::usage("[source] has no `kind`").at(&file).expected("kind = \"rds\", \"survey\" or \"clicks\"")
        })?;
        if let Some(schedule) = &document.schedule {
            check_schedule(schedule).map_err(|e| e.at(&file))?;
        }
        if document.retries > MOST_RETRIES {
            return Err(Error::usage(format!("retries = {}", document.retries))
                .at(&file)
                .expected(format!("at most {MOST_RETRIES}")));
        }
        let time = |text: &Option<String>| text.as_deref().map(parse_duration).transpose().map_err(|e| e.within(&file));
        let (timeout, max_duration, fresh_within) =
            (time(&document.timeout)?, time(&document.max_duration)?, time(&document.fresh_within)?);
        let definition = JobDefinition {
            table: match document.table {
                Some(table) => table,
                None => TableName::new(name.as_str())?,
            },
            name,
            description: document.description,
            mode: document.mode,
            after: document.after,
            condition: document.condition,
            schedule: document.schedule,
            retries: document.retries,
            timeout,
            max_duration,
            fresh_within,
            gate: document.gate,
            source_kind: kind,
        };
        let place = text.lines().position(|line| line.trim_start().starts_with("kind")).map_or(1, |l| l + 1);
        Ok(Self { definition, path: path.to_path_buf(), kind_place: format!("{file}:{place}:1"), text })
    }

    /// What the file says of the rows that a run publishes, for the configuration's hash: when a job runs, and who is told of it,
    /// makes no other rows.
    ///
    /// # Errors
    /// When it is no TOML any more.
    pub fn defining_text(&self) -> Result<String> {
        const OF_OPERATION: [&str; 8] =
            ["description", "after", "condition", "schedule", "retries", "timeout", "max_duration", "fresh_within"];
        let mut document: toml::Table = parse_document(&self.text, &self.path.display().to_string())?;
        document.retain(|key, _| !OF_OPERATION.contains(&key));
        Ok(document.to_string())
    }

    /// Where the source's kind stands.
    pub fn kind_place(&self) -> &str {
        &self.kind_place
    }

    /// The source's configuration as the type of its kind.
    ///
    /// # Errors
    /// With file, line and column.
    pub fn source<S: DeserializeOwned>(&self) -> Result<S> {
        let document: JobDocument<S> = parse_document(&self.text, &self.path.display().to_string())?;
        Ok(document.source)
    }
}

/// A time as people say it: `14 m`, `90 s`, `2 h 5 m`, `3 d`.
pub fn shown_duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.subsec_millis()),
        1..120 => format!("{seconds} s"),
        120..3600 => format!("{} m", (seconds + 30) / 60),
        3600..172_800 => match (seconds / 3600, seconds % 3600 / 60) {
            (hours, 0) => format!("{hours} h"),
            (hours, minutes) => format!("{hours} h {minutes} m"),
        },
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A time such as `90s`, `10m`, `2h` or `7d`.
///
/// # Errors
/// When it is none, or nothing.
pub fn parse_duration(text: &str) -> Result<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds: u64 = match text.get(digits.len()..) {
        Some("s") => 1,
        Some("m") => 60,
        Some("h") => 3600,
        Some("d") => 86_400,
        _ => 0,
    };
    match digits.parse::<u32>() {
        Ok(count) if count > 0 && seconds > 0 && u64::from(count) * seconds <= LONGEST_TIME => {
            Ok(Duration::from_secs(u64::from(count) * seconds))
        }
        _ => {
            Err(Error::usage(format!("`{text}` is not a time"))
                .expected("for example \"90s\", \"10m\", \"2h\" or \"7d\""))
        }
    }
}

fn check_schedule(schedule: &str) -> Result<()> {
    let inner =
        |name: &str| schedule.strip_prefix(name).and_then(|s| s.strip_prefix('(')).and_then(|s| s.strip_suffix(')'));
    let valid = inner("cron")
        .map(|fields| fields.split_whitespace().count() == 6)
        .or_else(|| inner("rate").map(|parts| parts.split_whitespace().count() == 2));
    if valid == Some(true) {
        return Ok(());
    }
    Err(Error::usage(format!("`{schedule}` is not a schedule")).expected(
        "cron(minutes hours day-of-month month day-of-week year) or rate(value unit), as EventBridge has them",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<JobFile> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.toml");
        std::fs::write(&path, text).unwrap();
        JobFile::load(&path)
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        #[serde(rename = "kind")]
        _kind: String,
        #[serde(rename = "table")]
        _table: String,
    }

    #[test]
    fn a_job_is_named_by_its_file_and_loads_the_table_of_that_name() {
        let job = load("[source]\nkind = \"x\"\ntable = \"t\"\n[gate]\nmax_bad_rows = 5\n").unwrap();
        assert_eq!(job.definition.table.as_str(), "orders");
        assert_eq!(job.definition.gate.max_bad_rows, crate::BadRowLimit::Count(5));
        job.source::<Example>().unwrap();
    }

    #[test]
    fn an_unknown_key_of_the_source_is_placed() {
        let job = load("[source]\nkind = \"x\"\ntabel = \"t\"\n").unwrap();
        let error = job.source::<Example>().unwrap_err();
        assert!(error.place().unwrap().ends_with("orders.toml:3:1"), "{error}");
        assert_eq!(error.advice(), Some("did you mean `table`?"));
    }

    #[test]
    fn times_are_shown_as_people_say_them() {
        let shown = |seconds| shown_duration(Duration::from_secs(seconds));
        assert_eq!(
            [shown(90), shown(840), shown(3600), shown(7500), shown(260_000)],
            ["90 s", "14 m", "1 h", "2 h 5 m", "3 d"]
        );
        assert_eq!(shown_duration(Duration::from_millis(40)), "40 ms");
    }

    #[test]
    fn what_a_workflow_needs_is_read_and_checked() {
        let text = "after = [\"users\"]\ncondition = \"any\"\nretries = 2\ntimeout = \"30m\"\nfresh_within = \"26h\"\n[source]\nkind = \"x\"\n";
        let job = load(text).unwrap().definition;
        assert_eq!((job.condition, job.retries, job.timeout), (Condition::Any, 2, Some(Duration::from_secs(1800))));
        for (good, bad) in [("retries = 2", "retries = 11"), ("\"any\"", "\"some\""), ("30m", "30")] {
            assert!(load(&text.replace(good, bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn how_a_job_is_operated_makes_no_other_rows() {
        let with = |text: &str| load(&format!("{text}[source]\nkind = \"x\"\n")).unwrap().defining_text().unwrap();
        assert_eq!(with("retries = 2\n# why\nmax_duration = \"5m\"\nafter = [\"users\"]\n"), with(""));
        assert_ne!(with("mode = \"append\"\n"), with(""));
    }

    #[test]
    fn schedules_are_those_of_eventbridge() {
        assert!(check_schedule("cron(0 2 * * ? *)").is_ok());
        assert!(check_schedule("rate(1 hour)").is_ok());
        assert!(check_schedule("0 2 * * *").is_err());
        assert!(load("schedule = \"daily\"\n[source]\nkind = \"x\"\n").is_err());
    }
}
