//! Running the binary, making small projects, asking independent readers.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The `lakegate` binary that was built with these tests.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let binary = test.parent().unwrap().parent().unwrap().join("lakegate");
    assert!(binary.exists(), "{} is missing: run `cargo build --workspace --bins` first", binary.display());
    binary
}

/// The root of the repository that the tests run in: with a shared build folder that may be another than they were built in.
pub fn repository() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    PathBuf::from(package).parent().unwrap().to_path_buf()
}

/// What a run of the binary gave.
pub struct Outcome {
    /// The exit code; 128 + n for signal n.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        let code = output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or_default());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Outcome {
    /// Fails the test unless the exit code is `code`.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("not JSON ({e}):\n{}", self.stdout))
    }
}

/// A command line of the binary, in a folder, with nothing of the caller's configuration.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.current_dir(folder).args(arguments).env_remove("LAKEGATE_PROJECT").env_remove("LAKEGATE_ENV");
    command
}

/// Runs the binary in a folder.
pub fn lakegate(folder: &Path, arguments: &[&str]) -> Outcome {
    command(folder, arguments).output().unwrap().into()
}

/// A small shop, generated and not yet loaded: its temporary folder is the project.
pub fn shop(options: &lakegate_sample_shop::Options) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["lakegate.toml", "jobs", "schemas", "quality-rules", "sql"] {
        copy(&repository().join(name), &folder.path().join(name));
    }
    lakegate_sample_shop::generate(folder.path(), options, &|_| {}).unwrap();
    folder
}

/// Copies a file or a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        std::fs::copy(from, to).unwrap();
        return;
    }
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

/// Replaces `old` by `new` in a file of the project; fails the test when `old` is not there.
#[track_caller]
pub fn edit(file: &Path, old: &str, new: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(old), "{} has no {old:?}", file.display());
    std::fs::write(file, text.replacen(old, new, 1)).unwrap();
}

/// The Python with DuckDB, deltalake and the others of `tests/requirements.txt`.
pub fn python() -> Option<String> {
    needs("LAKEGATE_TEST_PYTHON")
}

/// The value of an environment variable that `./test.sh` sets; says so when it is not set.
pub fn needs(variable: &str) -> Option<String> {
    let value = std::env::var(variable).ok();
    if value.is_none() {
        eprintln!("skipped: {variable} is not set (./test.sh sets it)");
    }
    value
}

/// The folder of real data, which is not part of the repository.
pub fn real_data(part: &str) -> Option<PathBuf> {
    let folder = std::env::var("LAKEGATE_DATA").map_or_else(|_| repository().join("../shared/data"), PathBuf::from);
    let path = folder.join(part);
    if !path.exists() {
        eprintln!("skipped: there is no {} (LAKEGATE_DATA names the folder of real data)", path.display());
        return None;
    }
    Some(path)
}

/// Runs a Python script of this package.
pub fn run_python(python: &str, script: &Path, arguments: &[&str]) -> Outcome {
    Command::new(python).arg(script).args(arguments).output().unwrap().into()
}

/// A report as the rows of its JSON output.
pub fn report(project: &Path, name: &str) -> Vec<serde_json::Value> {
    let outcome = lakegate(project, &["report", name, "--format", "json"]).expect_code(0);
    outcome.json().as_array().unwrap().clone()
}

/// How many rows a published table has, by the binary's own query.
#[track_caller]
pub fn count(project: &Path, table: &str) -> u64 {
    let sql = format!("SELECT count(*) AS n FROM {table}");
    let outcome = lakegate(project, &["query", &sql, "--format", "csv"]).expect_code(0);
    outcome.stdout.lines().nth(1).unwrap().parse().unwrap()
}
