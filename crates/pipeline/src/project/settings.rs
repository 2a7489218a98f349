//! `lakegate.toml`, parsed and checked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use lakegate_contract::{Error, Result};
use lakegate_lake::{BucketOptions, check_account, check_endpoint};
use serde::Deserialize;

use super::operations::{self, Alarms, Inputs, Lambda, Operations};
use super::references;
use crate::parse_duration;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProjectDocument {
    pub(super) name: String,
    pub(super) time_zone: String,
    lake: Lake,
    #[serde(default)]
    aws: Aws,
    catalog: Option<Catalog>,
    #[serde(default)]
    athena: Athena,
    #[serde(default)]
    connections: BTreeMap<String, Connection>,
    #[serde(default)]
    keys: BTreeMap<String, Key>,
    #[serde(default)]
    run: Run,
    #[serde(default)]
    inputs: Inputs,
    #[serde(default)]
    alarms: Alarms,
    #[serde(default)]
    lambda: Lambda,
    #[serde(default)]
    env: BTreeMap<String, Overrides>,
}

/// `[env.<name>]`: what differs there.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Overrides {
    lake: Option<Lake>,
    aws: Option<Aws>,
    catalog: Option<Catalog>,
    athena: Option<Athena>,
    #[serde(default)]
    connections: BTreeMap<String, Connection>,
    #[serde(default)]
    keys: BTreeMap<String, Key>,
    run: Option<Run>,
    inputs: Option<Inputs>,
    alarms: Option<Alarms>,
    lambda: Option<Lambda>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lake {
    location: String,
    region: Option<String>,
    endpoint: Option<String>,
    kms_key: Option<String>,
    owner: Option<String>,
    retain: Option<String>,
}

/// `[aws]`: how AWS is reached.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Aws {
    pub(super) region: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) endpoint: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalog {
    database: String,
    #[serde(default)]
    mode: CatalogMode,
    #[serde(default)]
    athena_table: AthenaTables,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CatalogMode {
    #[default]
    Write,
    ReadOnly,
}

/// What stands in the catalog for a table of the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AthenaTables {
    /// A Hive table, whose partitions are at the newest generations: any engine reads it.
    #[default]
    Hive,
    /// A native Delta table, which Athena reads through the lake's own log.
    Delta,
    /// Both; the Delta table's name ends in `_delta`.
    Both,
}

/// `[catalog]`: the Glue catalog that is kept equal to the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogSettings {
    /// The database.
    pub database: String,
    /// Nothing is written to it: somebody else does.
    pub read_only: bool,
    /// What stands in it for each table.
    pub tables: AthenaTables,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Athena {
    work_group: Option<String>,
    output: Option<String>,
    reuse: Option<String>,
}

/// `[athena]`: how reports run there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AthenaSettings {
    /// The work group; it decides on limits and usually on where results go.
    pub work_group: String,
    /// Where results go, `s3://bucket/prefix/`, when the work group does not say.
    pub output: Option<String>,
    /// How old a result may be that is given again instead of running the query.
    pub reuse: Option<Duration>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Connection {
    pub(super) url: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    pub(super) value: Option<String>,
    pub(super) file: Option<PathBuf>,
}

/// `[run]`: how much a run may use.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    parallel_jobs: Option<usize>,
    workers: Option<usize>,
    memory_limit: Option<String>,
}

/// What `lakegate.toml` says, for one environment.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) lake: String,
    pub(super) bucket: BucketOptions,
    pub(super) retain: Duration,
    pub(super) aws: Aws,
    pub(super) catalog: Option<CatalogSettings>,
    pub(super) athena: AthenaSettings,
    pub(super) connections: BTreeMap<String, Connection>,
    pub(super) keys: BTreeMap<String, Key>,
    pub(super) parallel_jobs: usize,
    pub(super) workers: usize,
    pub(super) memory_limit: usize,
    pub(super) operations: Operations,
}

/// The settings of the environment that was named, or of none.
pub(super) fn check(mut document: ProjectDocument, env: Option<&str>) -> Result<Settings> {
    const DEFAULT_MEMORY: usize = 256 << 20;
    const LEAST_MEMORY: usize = 16 << 20;
    let overrides = overrides(&mut document, env)?;
    let run = overrides.run.unwrap_or(document.run);
    if run.workers == Some(0) || run.parallel_jobs == Some(0) {
        return Err(Error::usage("[run] workers or parallel_jobs is 0").expected("at least 1"));
    }
    let memory_limit = run.memory_limit.as_deref().map(parse_size).transpose()?.unwrap_or(DEFAULT_MEMORY);
    if memory_limit < LEAST_MEMORY {
        return Err(Error::usage("[run] memory_limit is too small to work with").expected("at least \"16MB\""));
    }
    let (lake, bucket, retain) = check_lake(overrides.lake.unwrap_or(document.lake))?;
    let aws = overrides.aws.unwrap_or(document.aws);
    check_server(aws.endpoint.as_deref()).map_err(|e| e.within("[aws]"))?;
    refuse_empty("[aws]", [("region", &aws.region), ("profile", &aws.profile)])?;
    let catalog = overrides.catalog.or(document.catalog).map(check_catalog).transpose()?;
    if let Some(catalog) = catalog.as_ref().filter(|_| !lake.contains("${")) {
        refuse_folder(&lake, catalog)?;
    }
    let connections: BTreeMap<_, _> = document.connections.into_iter().chain(overrides.connections).collect();
    for (name, connection) in &connections {
        references::check(&connection.url).map_err(|e| e.within(format!("[connections.{name}]")))?;
    }
    for (name, key) in document.keys.iter().chain(&overrides.keys) {
        let value = key.value.as_deref().unwrap_or_default();
        references::check(value).map_err(|e| e.within(format!("[keys.{name}]")))?;
    }
    let cores = std::thread::available_parallelism().map_or(1, Into::into);
    Ok(Settings {
        lake,
        bucket,
        retain,
        aws,
        catalog,
        athena: check_athena(overrides.athena.unwrap_or(document.athena))?,
        connections,
        keys: document.keys.into_iter().chain(overrides.keys).collect(),
        parallel_jobs: run.parallel_jobs.unwrap_or(cores).max(1),
        workers: run.workers.unwrap_or(cores).max(1),
        memory_limit,
        operations: operations::check(
            overrides.inputs.unwrap_or(document.inputs),
            overrides.alarms.unwrap_or(document.alarms),
            overrides.lambda.unwrap_or(document.lambda),
        )?,
    })
}

fn overrides(document: &mut ProjectDocument, env: Option<&str>) -> Result<Overrides> {
    let Some(name) = env else { return Ok(Overrides::default()) };
    document.env.remove(name).ok_or_else(|| {
        let names = || document.env.keys().map(String::as_str);
        let error = Error::usage(format!("there is no [env.{name}]")).expected(match names().next() {
            None => "no --env".to_owned(),
            Some(_) => format!("one of {}", names().collect::<Vec<_>>().join(", ")),
        });
        error.suggesting(name, names())
    })
}

fn check_lake(lake: Lake) -> Result<(String, BucketOptions, Duration)> {
    const DEFAULT_RETAIN: Duration = Duration::from_secs(7 * 86_400);
    check_server(lake.endpoint.as_deref()).map_err(|e| e.within("[lake]"))?;
    refuse_empty("[lake]", [("region", &lake.region), ("kms_key", &lake.kms_key)])?;
    check_bucket(&lake.location)?;
    let retain = lake.retain.as_deref().map(parse_duration).transpose()?.unwrap_or(DEFAULT_RETAIN);
    let foreign = lake.location.split_once("://").is_some_and(|(scheme, _)| scheme != "s3");
    if lake.location.trim().is_empty() || foreign {
        return Err(Error::usage(format!("[lake] location = \"{}\" is no place for a lake", lake.location))
            .expected("a folder, or s3://bucket/prefix"));
    }
    if let Some(owner) = lake.owner.as_deref().filter(|owner| !owner.contains("${")) {
        check_account(owner)?;
    }
    let bucket = BucketOptions {
        region: lake.region,
        endpoint: lake.endpoint,
        kms_key: lake.kms_key,
        owner: lake.owner,
        credentials: None,
    };
    Ok((lake.location, bucket, retain))
}

fn refuse_empty<'a>(section: &str, values: impl IntoIterator<Item = (&'a str, &'a Option<String>)>) -> Result<()> {
    match values.into_iter().find(|(_, value)| value.as_deref().is_some_and(|v| v.trim().is_empty())) {
        None => Ok(()),
        Some((name, _)) => Err(Error::usage(format!("{section} {name} is empty")).expected("a value, or no such line")),
    }
}

/// Names of buckets: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
fn check_bucket(location: &str) -> Result<()> {
    let Some(rest) = location.strip_prefix("s3://").filter(|rest| !rest.contains("${")) else { return Ok(()) };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    let odd = |part: &str| part.is_empty() || part == "." || part == "..";
    let bad = |found: &str, expected: &str| {
        Err(Error::usage(format!("[lake] location = \"{location}\": {found}")).expected(expected.to_owned()))
    };
    if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(plain) {
        return bad("this is no name of a bucket", "3 to 63 lower-case letters, digits, `-` and `.`");
    }
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    if !prefix.is_empty() && prefix.split('/').any(odd) {
        return bad("the prefix has an empty part, or `.` or `..` as one", "s3://bucket/prefix");
    }
    Ok(())
}

fn check_server(endpoint: Option<&str>) -> Result<()> {
    match endpoint {
        Some(endpoint) if !endpoint.contains("${") => check_endpoint(endpoint),
        _ => Ok(()),
    }
}

fn check_catalog(catalog: Catalog) -> Result<CatalogSettings> {
    if !catalog.database.contains("${") {
        check_database(&catalog.database)?;
    }
    Ok(CatalogSettings {
        database: catalog.database,
        read_only: catalog.mode == CatalogMode::ReadOnly,
        tables: catalog.athena_table,
    })
}

/// Query engines of a catalog cannot read a folder of this machine.
pub(super) fn refuse_folder(lake: &str, catalog: &CatalogSettings) -> Result<()> {
    if catalog.read_only || lake.contains("://") {
        return Ok(());
    }
    Err(Error::usage("[catalog] needs a lake in a bucket, and the lake is a folder")
        .expected("location = \"s3://bucket/prefix\" under [lake]")
        .help("put [catalog] into the environment that has the bucket: [env.prod.catalog]"))
}

/// Names in Glue's catalog, as Athena can use them: <https://docs.aws.amazon.com/athena/latest/ug/tables-databases-columns-names.html>
pub(super) fn check_database(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.is_empty() && name.len() <= 255 && name.chars().all(plain) {
        return Ok(());
    }
    Err(Error::usage(format!("[catalog] database = \"{name}\" is no name of a database"))
        .expected("lower-case letters, digits and `_`, at most 255"))
}

fn check_athena(athena: Athena) -> Result<AthenaSettings> {
    /// The longest that Athena takes for `MaxAgeInMinutes`.
    const LONGEST_REUSE: Duration = Duration::from_secs(10_080 * 60);
    let reuse = athena.reuse.as_deref().map(parse_duration).transpose().map_err(|e| e.within("[athena] reuse"))?;
    if reuse.is_some_and(|age| age > LONGEST_REUSE || age.as_secs() < 60) {
        return Err(Error::usage("[athena] reuse is too short or too long").expected("from 1m to 7d"));
    }
    if let Some(output) = athena.output.as_ref().filter(|o| !o.starts_with("s3://") || !o.ends_with('/')) {
        return Err(Error::usage(format!("[athena] output = \"{output}\" is no place for results"))
            .expected("s3://bucket/prefix/"));
    }
    let work_group = athena.work_group.unwrap_or_else(|| "primary".to_owned());
    Ok(AthenaSettings { work_group, output: athena.output, reuse })
}

/// A size such as `64MB` or `1GB`, in bytes.
///
/// # Errors
/// When it is none, or nothing.
pub fn parse_size(text: &str) -> Result<usize> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..) {
        Some("KB") => 1 << 10,
        Some("MB") => 1 << 20,
        Some("GB") => 1 << 30,
        _ => 0,
    };
    match digits.trim().parse::<usize>() {
        Ok(count) if unit > 0 && count > 0 => Ok(count.saturating_mul(unit)),
        _ => Err(Error::usage(format!("`{text}` is not a size")).expected("for example \"256MB\" or \"1GB\"")),
    }
}
