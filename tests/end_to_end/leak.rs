//! No sensitive value of the shop reaches a byte that lakegate writes or prints.

use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use lakegate_sample_shop::Options;

use crate::support::{Outcome, command, edit, python, repository, run_python, shop};

const CANARY: &str = "zqxcanary7f3a";

/// Runs the shop with everything logged, and returns the search's outcome over all that was written.
fn run_and_search(project: &Path, python: &str) -> Outcome {
    let temporary = project.join("temporary");
    std::fs::create_dir_all(&temporary).unwrap();
    let outcome: Outcome =
        command(project, &["-vvv", "run", "--json"]).env("TMPDIR", &temporary).output().unwrap().into();
    let printed = project.join("printed");
    std::fs::write(&printed, format!("{}\n{}", outcome.stdout, outcome.stderr)).unwrap();
    assert!(outcome.stderr.len() > 1000, "nothing was logged");
    let names = ["lake", "temporary", "printed", "printed before"];
    let places = names
        .into_iter()
        .filter(|name| project.join(name).exists())
        .map(|p| project.join(p).to_str().unwrap().to_owned());
    let places: Vec<String> = places.collect();
    let mut arguments = vec![CANARY];
    arguments.extend(places.iter().map(String::as_str));
    run_python(python, &repository().join("tests/oracle/leak.py"), &arguments)
}

fn canary_shop() -> tempfile::TempDir {
    shop(&Options { scale: 0.001, canary: Some(CANARY.to_owned()), ..Options::default() })
}

#[test]
fn canaries_planted_in_sensitive_columns_are_found_nowhere() {
    let Some(python) = python() else { return };
    let folder = canary_shop();
    run_and_search(folder.path(), &python).expect_code(0);
}

#[test]
fn a_run_that_is_killed_or_refused_leaves_no_canary_in_what_it_had_staged() {
    let Some(python) = python() else { return };
    let folder = canary_shop();
    // With little memory what does not fit goes to temporary files.
    edit(&folder.path().join("lakegate.toml"), "\"256MB\"", "\"32MB\"");
    edit(&folder.path().join("quality-rules/users.dqdl"), "Rules = [", "Rules = [\n    RowCount > 1000000000,");
    let temporary = folder.path().join("temporary");
    std::fs::create_dir_all(&temporary).unwrap();
    let mut printed = String::new();
    for round in 0..8 {
        let mut child = command(folder.path(), &["-vvv", "run"])
            .env("TMPDIR", &temporary)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).map(|_| text).unwrap()
        });
        std::thread::sleep(Duration::from_millis(30 + 40 * round));
        let _ = child.kill();
        child.wait().unwrap();
        printed += &reader.join().unwrap();
    }
    std::fs::write(folder.path().join("printed before"), printed).unwrap();
    let found = run_and_search(folder.path(), &python).expect_code(0);
    assert!(!found.stdout.starts_with("0 files"), "{}", found.stdout);
}

#[test]
fn the_search_finds_a_canary_once_a_treatment_is_switched_off() {
    let Some(python) = python() else { return };
    for (file, column) in
        [("schemas/users.toml", "email"), ("schemas/clicks.toml", "ip"), ("schemas/reviews.toml", "body")]
    {
        let folder = canary_shop();
        switch_off(&folder.path().join(file), column);
        // The guard would close the gate over what is now in plain sight; here it must not help.
        let job = folder.path().join(file.replace("schemas", "jobs"));
        let text = std::fs::read_to_string(&job).unwrap();
        if text.contains("[gate]") {
            edit(&job, "[gate]", "[gate]\nguard = \"off\"");
        } else {
            std::fs::write(&job, text + "\n[gate]\nguard = \"off\"\n").unwrap();
        }
        let found = run_and_search(folder.path(), &python).expect_code(1);
        assert!(found.stdout.contains(&format!("column {column}")), "{column}: {}", found.stdout);
    }
}

/// Makes a dropped column a kept one.
fn switch_off(schema: &Path, column: &str) {
    let text = std::fs::read_to_string(schema).unwrap();
    let line = text.lines().find(|l| l.contains(&format!("name = \"{column}\""))).unwrap();
    assert!(line.contains("treatment = \"drop\""), "{line}");
    edit(schema, line, &line.replace("treatment = \"drop\"", "treatment = \"keep\""));
}
