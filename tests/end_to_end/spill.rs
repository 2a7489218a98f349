//! Rows that queries spill are gone with the process, however it ends.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::{Outcome, command};

/// More than the least memory limit holds.
const GROUPS: &str = "select count(*) from (select u, count(*) as n from primary group by u) where n = 1";
/// Twenty million rows, sorted: nobody waits for the end.
const LONG: &str = "select count(*) from (select row_number() over (order by a.u, b.v) as r \
                    from (select u as v from primary limit 100) b cross join primary a) where r % 2 = 1";

struct Data(TempDir);

impl Data {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut text = String::from("u\n");
        for n in 0..200_000_u64 {
            writeln!(text, "{:016x} is of one row", n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).unwrap();
        }
        std::fs::write(folder.path().join("data.csv"), text).unwrap();
        std::fs::create_dir(folder.path().join("tmp")).unwrap();
        Self(folder)
    }

    fn temporary(&self) -> PathBuf {
        self.0.path().join("tmp")
    }

    /// What stands in the folder for temporary files.
    fn left(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.temporary()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Begins to judge a statement, and waits until it spills.
    fn spilling(&self, statement: &str, options: &[&str]) -> Child {
        let rules = format!("Rules = [ CustomSql \"{statement}\" = 200000 ]");
        std::fs::write(self.0.path().join("rules.dqdl"), rules).unwrap();
        let judge = ["quality", "--data", "data.csv", "--rules", "rules.dqdl", "--memory-limit", "16MB"];
        let mut command = command(self.0.path(), &[&judge, options].concat());
        command.env("TMPDIR", self.temporary()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let prefix = format!("lakegate-spill-{}-", child.id());
        let began = Instant::now();
        while !self.left().iter().any(|name| name.starts_with(&prefix) && has_files(&self.temporary().join(name))) {
            let running = child.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(60);
            assert!(running, "nothing was spilled");
            std::thread::sleep(Duration::from_millis(1));
        }
        child
    }
}

fn has_files(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| entry.path().is_file() || has_files(&entry.path()))
}

fn ended(child: Child) -> Outcome {
    child.wait_with_output().unwrap().into()
}

fn signal(child: &Child, name: &str) {
    Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
}

#[test]
fn a_statement_that_spills_has_its_result_and_leaves_nothing() {
    let data = Data::new();
    ended(data.spilling(GROUPS, &[])).expect_code(0);
    assert_eq!(data.left(), [""; 0]);
}

#[test]
fn what_is_given_up_leaves_nothing() {
    let data = Data::new();
    ended(data.spilling(LONG, &["--timeout", "2s"])).expect_code(5);
    assert_eq!(data.left(), [""; 0]);
    for name in ["-TERM", "-INT"] {
        let child = data.spilling(LONG, &[]);
        signal(&child, name);
        ended(child).expect_code(130);
        assert_eq!(data.left(), [""; 0], "{name}");
    }
}

#[test]
fn what_a_killed_process_left_goes_with_the_next_one() {
    let data = Data::new();
    let killed = data.spilling(LONG, &[]);
    signal(&killed, "-KILL");
    ended(killed).expect_code(128 + 9);
    assert_eq!(data.left().len(), 1);
    let living = data.spilling(LONG, &[]);
    assert_eq!(data.left().len(), 1, "that of the killed process is there still");
    ended(data.spilling(GROUPS, &[])).expect_code(0);
    assert_eq!(data.left().len(), 1, "that of a living process is gone");
    signal(&living, "-TERM");
    ended(living).expect_code(130);
    assert_eq!(data.left(), [""; 0]);
}
