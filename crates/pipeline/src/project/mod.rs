//! A project: the folder with `lakegate.toml`.

mod operations;
mod references;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use lakegate_contract::{Contract, Error, Result, TableName, load_document, suggest};
use lakegate_lake::BucketOptions;
use lakegate_redaction::{KeyRing, Secret};

use crate::{JobDefinition, JobFile};
use references::{resolve, resolve_plain, resolve_url};
use settings::{ProjectDocument, Settings};

pub use operations::LambdaSettings;
pub use references::{NoSecrets, SecretStore};
pub use settings::{AthenaSettings, AthenaTables, CatalogSettings, parse_size};

/// The file that makes a folder a project.
const PROJECT_FILE: &str = "lakegate.toml";

/// A project's files, parsed and checked against each other as far as that needs no secret and no service.
#[derive(Debug)]
pub struct Project {
    /// The project's folder.
    pub root: PathBuf,
    /// Its name.
    pub name: String,
    /// The environment, if one was named.
    pub environment: Option<String>,
    /// Timestamps without a zone are read in it; months, days and hours are cut in it.
    pub time_zone: Tz,
    /// Its jobs, by name.
    pub jobs: Vec<JobFile>,
    contracts: BTreeMap<TableName, Arc<Contract>>,
    settings: Settings,
    text: String,
}

impl Project {
    /// The project's folder: `start`, or the nearest of its parents that has a `lakegate.toml`.
    ///
    /// # Errors
    /// When none has.
    pub fn find(start: &Path) -> Result<PathBuf> {
        let start = start.canonicalize().map_err(|e| {
            Error::usage(format!("the folder cannot be opened: {}", e.kind())).at(start.display().to_string())
        })?;
        start.ancestors().find(|folder| folder.join(PROJECT_FILE).is_file()).map(Path::to_path_buf).ok_or_else(|| {
            Error::usage("neither this folder nor any above it has a lakegate.toml")
                .at(start.display().to_string())
                .help("make a project with `lakegate init DIR`, try `lakegate demo`, or name one with --project DIR")
        })
    }

    /// Reads every file of a project. Needs no secret and no service.
    ///
    /// # Errors
    /// The first problem, with file, line and column.
    pub fn load(root: &Path, env: Option<&str>) -> Result<Self> {
        let file = root.join(PROJECT_FILE);
        let place = file.display().to_string();
        let (document, text): (ProjectDocument, String) = load_document(&file)?;
        let time_zone = document.time_zone.parse().map_err(|_| {
            let error = Error::usage(format!("`{}` is not a time zone", document.time_zone)).at(&place);
            match suggest(&document.time_zone, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name())) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error.expected("a name such as \"Asia/Seoul\" or \"UTC\""),
            }
        })?;
        let name = document.name.clone();
        let settings = settings::check(document, env).map_err(|e| e.at(&place))?;
        let contracts = load_contracts(root)?;
        let jobs = files(root, "jobs", "toml")?.iter().map(|path| JobFile::load(path)).collect::<Result<Vec<_>>>()?;
        let environment = env.map(str::to_owned);
        let project = Self { root: root.to_path_buf(), name, environment, time_zone, jobs, contracts, settings, text };
        project.check_tables()?;
        project.check_twins().map_err(|e| e.at(&place))?;
        crate::in_order(&project.definitions(), &[])?;
        Ok(project)
    }

    fn check_tables(&self) -> Result<()> {
        for job in &self.jobs {
            self.contract(&job.definition.table).map_err(|e| e.at(job.path.display().to_string()))?;
            let other = self.jobs.iter().find(|o| o.definition.table == job.definition.table && o.path != job.path);
            if let Some(other) = other {
                return Err(Error::usage(format!("table `{}` is loaded by two jobs", job.definition.table))
                    .at(job.path.display().to_string())
                    .help(format!(
                        "the other is {}: bookmarks are kept by table, so one of them must go",
                        other.path.display()
                    )));
            }
        }
        Ok(())
    }

    /// The Delta twin of one table must not have the name of another.
    fn check_twins(&self) -> Result<()> {
        let both = self.settings.catalog.as_ref().is_some_and(|c| c.tables == AthenaTables::Both);
        let taken = self.contracts.keys().find(|t| {
            t.as_str().strip_suffix("_delta").is_some_and(|of| self.contracts.keys().any(|t| t.as_str() == of))
        });
        match taken.filter(|_| both) {
            None => Ok(()),
            Some(table) => {
                Err(Error::usage(format!("with athena_table = \"both\", `{table}` is the name of two tables"))
                    .help("rename the table"))
            }
        }
    }

    /// The definitions of all jobs.
    pub fn definitions(&self) -> Vec<JobDefinition> {
        self.jobs.iter().map(|job| job.definition.clone()).collect()
    }

    /// The contract of a table.
    ///
    /// # Errors
    /// When there is none; names those that there are.
    pub fn contract(&self, table: &TableName) -> Result<Arc<Contract>> {
        self.contracts.get(table).cloned().ok_or_else(|| {
            let names = || self.contracts.keys().map(TableName::as_str);
            let error = Error::usage(format!("table `{table}` has no contract"))
                .expected(format!("schemas/{table}.toml, or one of {}", names().collect::<Vec<_>>().join(", ")));
            error.suggesting(table.as_str(), names())
        })
    }

    /// All contracts, by table.
    pub fn contracts(&self) -> impl Iterator<Item = &Arc<Contract>> {
        self.contracts.values()
    }

    /// The text of a table's ruleset and its path, if it has one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn ruleset(&self, table: &TableName) -> Result<Option<(String, PathBuf)>> {
        let path = self.root.join("quality-rules").join(format!("{table}.dqdl"));
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some((lakegate_quality::text_of(bytes, &path.display().to_string())?, path))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                Err(Error::usage(format!("the ruleset cannot be read: {}", error.kind()))
                    .at(path.display().to_string()))
            }
        }
    }

    /// The paths of the project's reports.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn reports(&self) -> Result<Vec<PathBuf>> {
        files(&self.root, "sql", "sql")
    }

    /// The lake's location: a folder relative to the project becomes a full path.
    ///
    /// # Errors
    /// When it names a variable that is not set.
    pub fn lake_location(&self) -> Result<String> {
        let location = resolve_plain(&self.settings.lake)?;
        if location.contains("://") {
            return Ok(location);
        }
        Ok(self.root.join(location).display().to_string())
    }

    /// What the lake's bucket needs besides its name.
    ///
    /// # Errors
    /// When it names a variable that is not set.
    pub fn bucket_options(&self) -> Result<BucketOptions> {
        let resolved = |text: &Option<String>| text.as_deref().map(resolve_plain).transpose();
        let (bucket, aws) = (&self.settings.bucket, &self.settings.aws);
        Ok(BucketOptions {
            region: resolved(&bucket.region)?.or(resolved(&aws.region)?),
            endpoint: resolved(&bucket.endpoint)?.or(resolved(&aws.endpoint)?),
            kms_key: resolved(&bucket.kms_key)?,
            owner: resolved(&bucket.owner)?,
            credentials: None,
        })
    }

    /// `[aws]`: region, profile, endpoint, in this order.
    ///
    /// # Errors
    /// When it names a variable that is not set.
    pub fn aws(&self) -> Result<[Option<String>; 3]> {
        let resolved = |text: &Option<String>| text.as_deref().map(resolve_plain).transpose();
        let aws = &self.settings.aws;
        Ok([resolved(&aws.region)?, resolved(&aws.profile)?, resolved(&aws.endpoint)?])
    }

    /// `[catalog]`, if the project has one.
    ///
    /// # Errors
    /// When it names a variable that is not set, or one whose value is no name of a database.
    pub fn catalog(&self) -> Result<Option<CatalogSettings>> {
        let Some(catalog) = &self.settings.catalog else { return Ok(None) };
        let database = resolve_plain(&catalog.database)?;
        settings::check_database(&database)?;
        settings::refuse_folder(&resolve_plain(&self.settings.lake)?, catalog)?;
        Ok(Some(CatalogSettings { database, ..catalog.clone() }))
    }

    /// `[athena]`.
    ///
    /// # Errors
    /// When it names a variable that is not set.
    pub fn athena(&self) -> Result<AthenaSettings> {
        let athena = &self.settings.athena;
        let output = athena.output.as_deref().map(resolve_plain).transpose()?;
        Ok(AthenaSettings { work_group: resolve_plain(&athena.work_group)?, output, reuse: athena.reuse })
    }

    /// `[inputs] location`: what relative patterns of files are below, if not the project's folder.
    ///
    /// # Errors
    /// When it names a variable that is not set.
    pub fn inputs_location(&self) -> Result<Option<String>> {
        self.settings.operations.inputs.as_deref().map(resolve_plain).transpose()
    }

    /// The name of the project and of its environment, for people: `shop (prod)`.
    pub fn title(&self) -> String {
        match &self.environment {
            Some(environment) => format!("{} ({environment})", self.name),
            None => self.name.clone(),
        }
    }

    /// The address of Slack's incoming webhook, which is a secret; `None` when there is none, or it is empty.
    ///
    /// # Errors
    /// When a reference in it cannot be resolved.
    pub async fn slack_webhook(&self, store: &dyn SecretStore) -> Result<Option<Secret>> {
        let Some(text) = &self.settings.operations.alarms.slack else { return Ok(None) };
        let secret = resolve(text, store).await.map_err(|e| e.within("[alarms] slack in lakegate.toml"))?;
        Ok(Some(secret).filter(|secret| !secret.expose().trim().is_empty()))
    }

    /// The topic of SNS that alarms go to; `None` when there is none, or it is empty.
    ///
    /// # Errors
    /// When it names a variable that is not set, or is no topic.
    pub fn alarm_topic(&self) -> Result<Option<String>> {
        let topic = self.settings.operations.alarms.sns.as_deref().map(resolve_plain).transpose()?;
        let topic = topic.filter(|topic| !topic.is_empty());
        topic.as_deref().map(operations::check_topic).transpose()?;
        Ok(topic)
    }

    /// How long a job of Glue's own may take, if the project says so.
    pub fn glue_job_limit(&self, job: &str) -> Option<Duration> {
        self.settings.operations.glue_limits.get(job).copied()
    }

    /// `[lambda]`.
    ///
    /// # Errors
    /// When it names a variable that is not set.
    pub fn lambda(&self) -> Result<LambdaSettings> {
        let lambda = &self.settings.operations.lambda;
        let dead_letters = lambda.dead_letters.as_deref().map(resolve_plain).transpose()?;
        Ok(LambdaSettings { dead_letters: dead_letters.filter(|url| !url.is_empty()), ..lambda.clone() })
    }

    /// The URL of a connection, which holds a password; `None` when `lakegate.toml` does not declare the connection.
    ///
    /// # Errors
    /// When a reference in it cannot be resolved.
    pub async fn connection(&self, name: &str, store: &dyn SecretStore) -> Result<Option<Secret>> {
        let Some(connection) = self.settings.connections.get(name) else { return Ok(None) };
        let place = || format!("[connections.{name}] in lakegate.toml");
        resolve_url(&connection.url, store).await.map(Some).map_err(|e| e.within(place()))
    }

    /// The names of connections and keys that `lakegate.toml` declares: their values may need variables that are not set.
    pub fn declared(&self) -> Declared<'_> {
        Declared {
            connections: self.settings.connections.keys().map(String::as_str).collect(),
            keys: self.settings.keys.keys().map(String::as_str).collect(),
        }
    }

    /// The keys of the project that `wanted` names: a job needs no others. A name that is not declared is told by who asks the
    /// ring for it.
    ///
    /// # Errors
    /// When a key's variable is not set, its file cannot be read, or it is too short.
    pub async fn keys(&self, wanted: &BTreeSet<&str>, store: &dyn SecretStore) -> Result<KeyRing> {
        let mut ring = KeyRing::new();
        for (name, key) in self.settings.keys.iter().filter(|(name, _)| wanted.contains(name.as_str())) {
            let place = || format!("[keys.{name}] in lakegate.toml");
            let secret = match (&key.value, &key.file) {
                (Some(value), None) => resolve(value, store).await.map_err(|e| e.within(place()))?,
                (None, Some(file)) => std::fs::read_to_string(self.root.join(file)).map(Secret::new).map_err(|e| {
                    let error = Error::usage(format!("the key's file {} cannot be read: {}", file.display(), e.kind()));
                    let help = match e.kind() {
                        std::io::ErrorKind::NotFound => {
                            format!("make one with `openssl rand -hex 32 > {}`", file.display())
                        }
                        _ => "check who owns the file and who may read it".to_owned(),
                    };
                    error.at(place()).help(help)
                })?,
                _ => return Err(Error::usage("a key has either a value or a file").at(place())),
            };
            ring.insert(name, &secret)?;
        }
        Ok(ring)
    }

    /// How long generations are kept that a newer one has replaced.
    pub fn retain(&self) -> Duration {
        self.settings.retain
    }

    /// How many jobs may run at once.
    pub fn parallel_jobs(&self) -> usize {
        self.settings.parallel_jobs
    }

    /// How many splits of a job are read at once.
    pub fn workers(&self) -> usize {
        self.settings.workers
    }

    /// Bytes that a job's buffers and queries may use.
    pub fn memory_limit(&self) -> usize {
        self.settings.memory_limit
    }

    /// The text of `lakegate.toml`.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Names that `lakegate.toml` declares.
#[derive(Debug, Clone)]
pub struct Declared<'a> {
    /// `[connections.NAME]`
    pub connections: Vec<&'a str>,
    /// `[keys.NAME]`
    pub keys: Vec<&'a str>,
}

fn load_contracts(root: &Path) -> Result<BTreeMap<TableName, Arc<Contract>>> {
    let mut contracts = BTreeMap::new();
    for path in files(root, "schemas", "toml")? {
        let contract = Contract::load(&path)?;
        contracts.insert(contract.table().clone(), Arc::new(contract));
    }
    Ok(contracts)
}

/// Files of a folder with that ending, sorted; none when there is no such folder.
fn files(root: &Path, folder: &str, ending: &str) -> Result<Vec<PathBuf>> {
    let folder = root.join(folder);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(
                Error::usage(format!("the folder cannot be read: {}", error.kind())).at(folder.display().to_string())
            );
        }
    };
    let mut paths: Vec<PathBuf> =
        entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == ending)).collect();
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(text: &str) -> Result<Project> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(PROJECT_FILE), text).unwrap();
        Project::load(folder.path(), None)
    }

    #[test]
    fn zones_and_sizes_are_checked() {
        let good = "name = \"x\"\ntime_zone = \"Asia/Seoul\"\n[lake]\nlocation = \"lake\"\n";
        assert_eq!(project(good).unwrap().memory_limit(), 256 << 20);
        let error = project(&good.replace("Asia/Seoul", "Asia/Soul")).unwrap_err();
        assert_eq!(error.advice(), Some("did you mean `Asia/Seoul`?"));
        assert!(project(&format!("{good}[run]\nmemory_limit = \"lots\"\n")).is_err());
        assert_eq!(project(&format!("{good}[run]\nmemory_limit = \"64MB\"\n")).unwrap().memory_limit(), 64 << 20);
    }

    #[test]
    fn what_aws_needs_is_checked() {
        let lake = "name = \"x\"\ntime_zone = \"UTC\"\n[lake]\nlocation = \"s3://bucket/lake\"\n";
        let catalog = project(&format!("{lake}[catalog]\ndatabase = \"shop\"\nathena_table = \"both\"\n")).unwrap();
        assert_eq!(catalog.catalog().unwrap().unwrap().tables, AthenaTables::Both);
        assert_eq!((catalog.athena().unwrap().work_group.as_str(), catalog.athena().unwrap().reuse), ("primary", None));
        for bad in [
            "[catalog]\ndatabase = \"Shop\"\n",
            "[catalog]\ndatabase = \"shop\"\nmode = \"readonly\"\n",
            "[athena]\nreuse = \"8d\"\n",
            "[athena]\noutput = \"bucket\"\n",
            "[aws]\nendpoint = \"localhost:5000\"\n",
            "owner = \"1234\"\n",
            "kms_key = \"\"\n",
            "[aws]\nregion = \"\"\n",
            "[connections.a]\nurl = \"${vault:x}\"\n",
        ] {
            assert!(project(&format!("{lake}{bad}")).is_err(), "{bad}");
        }
        for bad in ["s3://Bucket/lake", "s3://b", "s3://bucket//lake", "s3://bucket/a/../b"] {
            assert!(project(&lake.replace("s3://bucket/lake", bad)).is_err(), "{bad}");
        }
        let local = lake.replace("s3://bucket/lake", "lake");
        assert!(project(&format!("{local}[catalog]\ndatabase = \"shop\"\n")).is_err());
    }

    #[tokio::test]
    async fn variables_are_resolved_when_they_are_used() {
        let text = "name = \"x\"\ntime_zone = \"UTC\"\n[lake]\nlocation = \"lake\"\n[connections.a]\nurl = \"${env:LAKEGATE_NOT_SET}\"\n";
        let project = project(text).unwrap();
        let error = project.connection("a", &NoSecrets).await.unwrap_err();
        assert!(error.found().contains("LAKEGATE_NOT_SET"));
        assert_eq!(resolve_plain("a${env:PATH").unwrap_err().class(), lakegate_contract::Class::Usage);
    }
}
