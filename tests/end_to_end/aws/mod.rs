//! A project on AWS. A stand-in plays AWS, so what is shown here is not verified on AWS.

mod bucket;
mod catalog;
mod crash;
mod faults;
mod files;
mod glue;
mod inputs;
mod lambda;
mod ledger;
mod quality;
mod quarantine;
mod reports;
mod runs;
mod secrets;
mod signatures;
mod standin;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use lakegate_sample_shop::Options;
use tempfile::TempDir;

use crate::support::{Outcome, command, edit, needs, python, repository, run_python, shop};
use standin::Standin;

/// The lake's place in its bucket: not everybody's prefixes are plain ASCII.
const PREFIX: &str = "shop 가게";

/// A project whose environment `test` is a bucket and a database of the stand-in, both its own.
pub struct Cloud {
    project: TempDir,
    standin: Standin,
    python: String,
    /// The bucket.
    bucket: String,
    /// The database.
    database: String,
}

impl Cloud {
    /// A shop; `None` when the stand-in or Python are absent.
    fn shop(scale: f64) -> Option<Self> {
        Self::of(|| shop(&Options { scale, ..Options::default() }))
    }

    /// A project of one's own.
    fn of(project: impl FnOnce() -> TempDir) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let (endpoint, python) = (needs("LAKEGATE_TEST_AWS")?, python()?);
        // Process numbers come again, and a stand-in may outlive many of them.
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
        let number = format!("{}-{now}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let (bucket, database) = (format!("lake-{number}"), format!("shop_{}", number.replace('-', "_")));
        let cloud = Self { project: project(), standin: Standin::new(endpoint), python, bucket, database };
        let file = cloud.path().join("lakegate.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text + &cloud.settings()).unwrap();
        cloud.tool(&["create", &cloud.bucket]);
        Some(cloud)
    }

    fn settings(&self) -> String {
        let (endpoint, bucket, database) = (&self.standin.endpoint, &self.bucket, &self.database);
        format!(
            "\n[env.test.aws]\nregion = \"ap-northeast-2\"\nendpoint = \"{endpoint}\"\n\
             \n[env.test.lake]\nlocation = \"s3://{bucket}/{PREFIX}\"\n\
             \n[env.test.catalog]\ndatabase = \"{database}\"\n"
        )
    }

    fn path(&self) -> &Path {
        self.project.path()
    }

    /// Replaces a text of `lakegate.toml`.
    #[track_caller]
    fn configure(&self, old: &str, new: &str) {
        edit(&self.path().join("lakegate.toml"), old, new);
    }

    fn tool(&self, arguments: &[&str]) -> Outcome {
        let script = repository().join("tests/oracle/aws.py");
        let arguments = [&[self.standin.endpoint.as_str()], arguments].concat();
        run_python(&self.python, &script, &arguments).expect_code(0)
    }

    /// Keys of the lake below a folder of it, without the lake's own prefix.
    fn keys(&self, below: &str) -> Vec<String> {
        let prefix = format!("{PREFIX}/{below}");
        let keys: Vec<String> = serde_json::from_value(self.tool(&["keys", &self.bucket, &prefix]).json()).unwrap();
        keys.into_iter().map(|key| key.strip_prefix(&format!("{PREFIX}/")).unwrap().to_owned()).collect()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(self.path(), &[&["--env", "test"], arguments].concat());
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command.env("AWS_EC2_METADATA_DISABLED", "true").env_remove("AWS_PROFILE");
        command
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        self.command(arguments).output().unwrap().into()
    }

    fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// How many rows a table has, through its log.
    #[track_caller]
    fn count(&self, table: &str) -> u64 {
        let sql = format!("SELECT count(*) AS n FROM {table}");
        let outcome = self.run(&["query", &sql, "--format", "csv"]).expect_code(0);
        outcome.stdout.lines().nth(1).unwrap().parse().unwrap()
    }

    /// The rows of each partition as engines read them through the catalog, and the different values of a column in each.
    fn through_catalog(&self, table: &str, column: &str) -> serde_json::Map<String, serde_json::Value> {
        self.tool(&["rows", &self.database, table, column]).json().as_object().unwrap().clone()
    }

    /// How many rows a table has, through the catalog.
    fn count_through_catalog(&self, table: &str, column: &str) -> u64 {
        self.through_catalog(table, column).values().map(|p| p[0].as_u64().unwrap()).sum()
    }

    /// Fails the test unless the catalog shows the newest versions.
    #[track_caller]
    fn expect_equal_catalog(&self) {
        self.run(&["catalog", "diff"]).expect_code(0);
    }
}
