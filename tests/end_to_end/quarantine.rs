//! Refused rows: listed, shown, judged again.

use std::path::Path;

use insta::{assert_snapshot, with_settings};
use tempfile::TempDir;

use crate::support::{Outcome, count, edit, lakegate, python, repository, run_python};

const EVENTS: &str = r#"{"event_id":"e1","ts":"2026-03-09T10:00:00Z","event":"view","ip":"zqxcanary7f3a-1","note":"first"}
{"event_id":"e2","ts":"2026-03-09T10:01:00Z","event":"hover","ip":"zqxcanary7f3a-2","note":"=second"}
{"event_id":"e3","ts":"2026-03-09T11:00:00Z","event":"hover","ip":"zqxcanary7f3a-3"}
{"event_id":"e4","ts":"2026-03-09T11:01:00Z","event":"zoom","ip":"zqxcanary7f3a-4"}
{"event_id":"e5","ts":"not a time","event":"view","ip":"zqxcanary7f3a-5"}
"#;

/// A project with one file of events, in which one passes.
pub fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("lakegate.toml", "name = \"shop\"\ntime_zone = \"UTC\"\n[lake]\nlocation = \"lake\"\n");
    write(
        "jobs/events.toml",
        "mode = \"append\"\n[source]\nkind = \"clicks\"\nfiles = \"data/*.json\"\nformat = \"json\"\n[gate]\nmax_bad_rows = \"90%\"\n",
    );
    write(
        "schemas/events.toml",
        r#"key = ["event_id"]
partition_by = ["hour(ts) as hour"]
columns = [
  { name = "event_id", type = "string", nullable = false },
  { name = "ts", type = "timestamp", nullable = false },
  { name = "event", type = "string" },
  { name = "note", type = "string" },
  { name = "ip", type = "string", treatment = "drop" },
]
"#,
    );
    write("quality-rules/events.dqdl", "Rules = [ ColumnValues \"event\" in [\"view\"] ]\n");
    write("data/1.json", EVENTS);
    folder
}

/// Lets `hover` pass.
pub fn correct(project: &Path) {
    edit(&project.join("quality-rules/events.dqdl"), "[\"view\"]", "[\"view\", \"hover\"]");
}

fn loaded() -> TempDir {
    let folder = project();
    lakegate(folder.path(), &["run"]).expect_code(0);
    folder
}

/// The run of the only line that `quarantine list` has with rows in that state.
fn run_that_is(project: &Path, state: &str) -> String {
    let listed = lakegate(project, &["quarantine", "list", "--json"]).expect_code(0).json();
    let runs: Vec<_> = listed["quarantine"].as_array().unwrap().iter().filter(|run| run["state"] == state).collect();
    assert_eq!(runs.len(), 1, "{listed}");
    runs[0]["run"].as_str().unwrap().to_owned()
}

macro_rules! assert_shown {
    ($text:expr, @$snapshot:literal) => {
        with_settings!({ filters => vec![
            (r"01[0-9A-HJKMNP-TV-Z]{24}", "[RUN]"),
            (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "[TIME]"),
        ] }, { assert_snapshot!($text, @$snapshot) })
    };
}

/// What was printed, to both.
fn both(outcome: &Outcome) -> String {
    format!("{}---\n{}", outcome.stdout, outcome.stderr)
}

#[test]
fn refused_rows_are_listed_and_shown() {
    let folder = loaded();
    let list = lakegate(folder.path(), &["quarantine", "list"]).expect_code(0);
    assert_shown!(list.stdout, @r##"
    ┌───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────┐
    │ table    run                          job      began (UTC)           rows   undecodable   outcome     rows are   refused by                                                                                                               │
    ╞═══════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════╡
    │ events   [RUN]   events   [TIME]      4             1   published   waiting    3 × ColumnValues "event" in ["view"]; 1 × undecodable: column ts: text that is no timestamp where timestamp was expected │
    └───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────┘
    4 rows of 1 run wait: `lakegate quarantine show events` shows them
    "##);
    let show = lakegate(folder.path(), &["quarantine", "show", "events"]).expect_code(0);
    assert_shown!(both(&show), @r##"
    ┌───────────────────────────────┬────────────────────────────────────────────────────────────────────────────────┬──────────┬──────────────────────┬───────┐
    │ place                         ┆ refused by                                                                     ┆ event_id ┆ ts                   ┆ event │
    ╞═══════════════════════════════╪════════════════════════════════════════════════════════════════════════════════╪══════════╪══════════════════════╪═══════╡
    │ data/1.json, bytes 99 to 200  ┆ ColumnValues "event" in ["view"]                                               ┆ e2       ┆ 2026-03-09T10:01:00Z ┆ hover │
    │ data/1.json, bytes 201 to 285 ┆ ColumnValues "event" in ["view"]                                               ┆ e3       ┆ 2026-03-09T11:00:00Z ┆ hover │
    │ data/1.json, bytes 286 to 369 ┆ ColumnValues "event" in ["view"]                                               ┆ e4       ┆ 2026-03-09T11:01:00Z ┆ zoom  │
    │ data/1.json, bytes 370 to 443 ┆ undecodable: column ts: text that is no timestamp where timestamp was expected ┆          ┆                      ┆       │
    └───────────────────────────────┴────────────────────────────────────────────────────────────────────────────────┴──────────┴──────────────────────┴───────┘
    4 rows refused by run [RUN], 1 of them undecodable
     3  ColumnValues "event" in ["view"]
     1  undecodable: column ts: text that is no timestamp where timestamp was expected
    ---
    "##);
    let csv = lakegate(folder.path(), &["quarantine", "show", "events", "--rule", "EVENT", "--format", "csv"]);
    assert_shown!(both(&csv.expect_code(0)), @r##"
    event_id,ts,event,note,_rules,_object,_part,_unit,_start,_end,_undecodable
    e2,2026-03-09T10:01:00Z,hover,'=second,"ColumnValues ""event"" in [""view""]",data/1.json,,byte,99,200,false
    e3,2026-03-09T11:00:00Z,hover,,"ColumnValues ""event"" in [""view""]",data/1.json,,byte,201,285,false
    e4,2026-03-09T11:01:00Z,zoom,,"ColumnValues ""event"" in [""view""]",data/1.json,,byte,286,369,false
    ---
    3 rows refused by run [RUN]
     3  ColumnValues "event" in ["view"]
    "##);
    let json = lakegate(
        folder.path(),
        &["quarantine", "show", "events", "--limit", "1", "--rule", "event", "--format", "json"],
    );
    assert_shown!(json.expect_code(0).stdout, @r##"
    [
     {"event_id": "e2", "ts": "2026-03-09T10:01:00Z", "event": "hover", "note": "=second", "_rules": ["ColumnValues \"event\" in [\"view\"]"], "_object": "data/1.json", "_part": null, "_unit": "byte", "_start": 99, "_end": 200, "_undecodable": false}
    ]
    "##);
    let envelope = lakegate(folder.path(), &["quarantine", "show", "events", "--json"]).expect_code(0).json();
    assert_eq!((&envelope["row_count"], envelope["rows"].as_array().unwrap().len()), (&4.into(), 4));
    assert_eq!(envelope["rules"][0]["rows"], 3);
}

#[test]
fn a_replay_publishes_what_passes_once() {
    let folder = loaded();
    let first = run_that_is(folder.path(), "waiting");
    let none = lakegate(folder.path(), &["quarantine", "replay", "events"]).expect_code(0);
    assert_shown!(both(&none), @r##"
    events: 3 rows of run [RUN] judged again: 0 published, 3 still refused
    refused by
     3  ColumnValues "event" in ["view"]
    ---
    events: 1 record could not be decoded when read: the quarantine keeps where
    events: no row passes today's rules: nothing was changed
    "##);
    correct(folder.path());
    let rehearsal = lakegate(folder.path(), &["quarantine", "replay", "events", "--dry-run"]).expect_code(0);
    assert!(rehearsal.stdout.contains("2 would be published, 1 still refused"), "{}", rehearsal.stdout);
    assert_eq!(count(folder.path(), "events"), 1);
    let replay = lakegate(folder.path(), &["quarantine", "replay", "events"]).expect_code(0);
    assert_shown!(both(&replay), @r##"
    events: 3 rows of run [RUN] judged again: 2 published as version 2, 1 still refused
    refused by
     1  ColumnValues "event" in ["view","hover"]
    ---
    events: 1 record could not be decoded when read: the quarantine keeps where
    "##);
    assert_eq!(count(folder.path(), "events"), 3);
    let again = lakegate(folder.path(), &["quarantine", "replay", "events", "--run", &first]).expect_code(0);
    assert!(again.stderr.contains("was replayed before"), "{}", again.stderr);
    lakegate(folder.path(), &["quarantine", "replay", "events", "--all"]).expect_code(0);
    lakegate(folder.path(), &["run", "--force"]).expect_code(0);
    assert_eq!(count(folder.path(), "events"), 3);
    let list = lakegate(folder.path(), &["quarantine", "list", "events"]).expect_code(0);
    assert_shown!(list.stdout, @r##"
    ┌───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────┐
    │ table    run                          job      began (UTC)           rows   undecodable   outcome     rows are   refused by                                                                                                                       │
    ╞═══════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════╡
    │ events   [RUN]   events   [TIME]      2             1   published   waiting    1 × ColumnValues "event" in ["view","hover"]; 1 × undecodable: column ts: text that is no timestamp where timestamp was expected │
    │ events   [RUN]   events   [TIME]      4             1   published   replayed   3 × ColumnValues "event" in ["view"]; 1 × undecodable: column ts: text that is no timestamp where timestamp was expected         │
    └───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────┘
    2 rows of 1 run wait: `lakegate quarantine show events` shows them
    "##);
    let record = lakegate(folder.path(), &["runs", "events", "--json"]).expect_code(0).json();
    let replays: Vec<_> =
        record["runs"].as_array().unwrap().iter().filter(|r| r["replays"] == serde_json::json!([first])).collect();
    let published: Vec<_> = replays.iter().filter(|r| r["outcome"] == "published").collect();
    assert_eq!(published.len(), 1, "{record}");
    assert_eq!((&published[0]["rows_in"], &published[0]["rows_out"]), (&4.into(), &2.into()));
}

#[test]
fn what_cannot_be_replayed_says_what_to_do() {
    let folder = loaded();
    let refused = |arguments: &[&str], words: &[&str]| {
        let outcome = lakegate(folder.path(), arguments).expect_code(2);
        for word in words {
            assert!(outcome.stderr.contains(word), "{word:?} is missing in:\n{}", outcome.stderr);
        }
    };
    refused(&["quarantine", "replay", "evnts"], &["did you mean `events`?"]);
    refused(&["quarantine", "show", "evnts"], &["did you mean `events`?"]);
    refused(&["quarantine", "list", "evnts"], &["did you mean `events`?"]);
    refused(&["quarantine", "show", "events", "--run", "01"], &["26 characters"]);
    refused(&["quarantine", "show", "events", "--run", "01M7ZK5DDBMEXBE7XCW19S5X2N"], &["has no quarantine"]);
    refused(&["quarantine", "show", "events", "--format", "parquet"], &["-o FILE"]);
    edit(&folder.path().join("jobs/events.toml"), "\"append\"", "\"replace\"");
    refused(&["quarantine", "replay", "events"], &["lakegate run events --force"]);
}

#[test]
fn a_column_that_is_dropped_by_now_is_neither_shown_nor_published() {
    let folder = project();
    let schema = folder.path().join("schemas/events.toml");
    edit(&schema, "treatment = \"drop\"", "nullable = true");
    lakegate(folder.path(), &["run"]).expect_code(0);
    let shown = |arguments: &[&str]| {
        let outcome = lakegate(folder.path(), &[&["quarantine", "show", "events"], arguments].concat()).expect_code(0);
        (outcome.stdout.contains("zqxcanary7f3a"), outcome.stderr)
    };
    assert!(shown(&["--all-columns"]).0, "a column that is kept is shown");
    correct(folder.path());
    for treatment in ["treatment = \"drop\"", "treatment = { mask = { last = 4 } }"] {
        edit(&schema, "nullable = true", treatment);
        for arguments in [&["--all-columns"][..], &["--format", "csv"], &["--format", "json"], &["--json"]] {
            let (canary, told) = shown(arguments);
            assert!(!canary, "{treatment}: {arguments:?}");
            assert!(told.contains("not shown") && told.contains("ip") || arguments == ["--json"], "{told}");
        }
        edit(&schema, treatment, "nullable = true");
    }
    edit(&schema, "nullable = true", "treatment = { mask = { last = 4 } }");
    let refused = lakegate(folder.path(), &["-vvv", "quarantine", "replay", "events"]).expect_code(2);
    assert!(refused.stderr.contains("`ip` was treated otherwise"), "{}", refused.stderr);
    edit(&schema, "treatment = { mask = { last = 4 } }", "treatment = \"drop\"");
    let replay = lakegate(folder.path(), &["-vvv", "quarantine", "replay", "events"]).expect_code(0);
    assert!(!format!("{}{}{}", refused.stderr, replay.stdout, replay.stderr).contains("zqxcanary7f3a"));
    assert_eq!(count(folder.path(), "events"), 3);
    let published =
        lakegate(folder.path(), &["query", "SELECT event_id FROM events WHERE ip IS NOT NULL", "--format", "csv"]);
    assert_eq!(published.expect_code(0).stdout, "event_id\ne1\n");
}

#[test]
fn nothing_of_a_dropped_column_is_in_what_show_and_replay_write() {
    let Some(python) = python() else { return };
    let folder = loaded();
    correct(folder.path());
    let out = folder.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let mut printed = String::new();
    for format in ["table", "csv", "json", "parquet"] {
        let file = out.join(format!("rows.{format}"));
        let arguments = ["-vvv", "quarantine", "show", "events", "--format", format, "-o", file.to_str().unwrap()];
        printed += &both(&lakegate(folder.path(), &arguments).expect_code(0));
        assert!(file.metadata().unwrap().len() > 100, "{format}");
    }
    printed += &both(&lakegate(folder.path(), &["-vvv", "quarantine", "replay", "events"]).expect_code(0));
    std::fs::write(out.join("printed"), printed).unwrap();
    let leak = repository().join("tests/oracle/leak.py");
    let lake = folder.path().join("lake");
    run_python(&python, &leak, &["zqxcanary7f3a", out.to_str().unwrap(), lake.to_str().unwrap()]).expect_code(0);
    // The search proves something only if it finds what is there.
    run_python(&python, &leak, &["event_id", out.to_str().unwrap()]).expect_code(1);
}
