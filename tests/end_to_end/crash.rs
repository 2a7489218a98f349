//! Interrupted runs: the next one succeeds, nothing is doubled, nothing half is seen.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use lakegate_sample_shop::Options;

use crate::support::{command, count, lakegate, shop};

fn files_below(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.map(|e| e.unwrap().path()).map(|p| if p.is_dir() { files_below(&p) } else { 1 }).sum()
}

/// Kills a run with `signal` after `delay`; whether it was still running then.
fn interrupted(project: &Path, signal: &str, delay: Duration) -> (bool, i32) {
    let mut child =
        command(project, &["run", "clicks", "orders"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(delay);
    let running = child.try_wait().unwrap().is_none();
    if running {
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    }
    let status = child.wait().unwrap();
    (running, status.code().unwrap_or(-1))
}

#[test]
fn killed_at_any_moment_the_next_run_ends_as_if_nothing_had_been() {
    let folder = shop(&Options { scale: 0.01, ..Options::default() });
    let whole = shop(&Options { scale: 0.01, ..Options::default() });
    lakegate(whole.path(), &["run"]).expect_code(0);
    lakegate(folder.path(), &["run", "users", "products", "categories"]).expect_code(0);
    let mut caught = 0;
    for round in 0..12 {
        let (running, _) = interrupted(folder.path(), "-KILL", Duration::from_millis(60 * (round + 1)));
        caught += usize::from(running);
    }
    assert!(caught > 0, "no run was caught in the middle");
    lakegate(folder.path(), &["run"]).expect_code(0);
    for table in ["clicks", "orders"] {
        assert_eq!(count(folder.path(), table), count(whole.path(), table), "{table}");
    }
}

#[test]
fn an_interrupt_leaves_nothing_behind() {
    let folder = shop(&Options { scale: 0.01, ..Options::default() });
    lakegate(folder.path(), &["run", "users", "products", "categories"]).expect_code(0);
    let mut interrupted_code = None;
    for round in 1..40 {
        let (running, code) = interrupted(folder.path(), "-INT", Duration::from_millis(40 * round));
        if running && code != 0 {
            interrupted_code = Some(code);
            break;
        }
    }
    assert_eq!(interrupted_code, Some(130));
    assert_eq!(files_below(&folder.path().join("lake/staging")), 0);
    lakegate(folder.path(), &["run"]).expect_code(0);
}

#[test]
fn a_full_disk_is_an_error_and_the_earlier_version_stays() {
    let folder = shop(&Options { scale: 0.002, ..Options::default() });
    lakegate(folder.path(), &["run"]).expect_code(0);
    let orders = count(folder.path(), "orders");
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    // A private mount namespace: nothing of it is seen outside this one command.
    let script = format!(
        "mount -t tmpfs -o size=16m tmpfs '{0}' && cp -r '{1}/lake' '{0}/' && \
         {{ dd if=/dev/zero of='{0}/filler' bs=4096 2>/dev/null; truncate -s -24K '{0}/filler'; }} && \
         '{2}' --project '{1}' run --force orders",
        disk.display(),
        folder.path().display(),
        crate::support::binary().display(),
    );
    crate::support::edit(&folder.path().join("lakegate.toml"), "location = \"lake\"", "location = \"disk/lake\"");
    let output = Command::new("unshare").args(["-Urm", "sh", "-c", &script]).output();
    crate::support::edit(&folder.path().join("lakegate.toml"), "location = \"disk/lake\"", "location = \"lake\"");
    let outcome: crate::support::Outcome = match output {
        Ok(output) => output.into(),
        Err(_) => {
            eprintln!("skipped: there is no unshare here");
            return;
        }
    };
    if outcome.stderr.contains("unshare") || outcome.stderr.contains("mount:") {
        eprintln!("skipped: no private mounts here: {}", outcome.stderr);
        return;
    }
    let outcome = outcome.expect_code(5);
    assert!(outcome.stderr.contains("space") || outcome.stderr.contains("full"), "{}", outcome.stderr);
    assert_eq!(count(folder.path(), "orders"), orders);
}
