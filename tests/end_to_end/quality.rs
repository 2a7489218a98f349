//! `lakegate quality`: verdicts, and the forms in which they come.

use crate::support::{Outcome, command, lakegate, python, repository, run_python};

/// A folder with a file of orders, one of users, and rules.
pub fn folder_with(rules: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let orders = "order_id,user_id,status,amount,ordered_at\n1,1,paid,10.50,2026-03-01\n2,2,lost,0.10,2026-03-02\n3,9,paid,-5,\n";
    std::fs::write(folder.path().join("orders.csv"), orders).unwrap();
    std::fs::write(folder.path().join("users.csv"), "user_id\n1\n2\n3\n").unwrap();
    std::fs::write(folder.path().join("rules.dqdl"), rules).unwrap();
    folder
}

const ARGUMENTS: [&str; 5] = ["quality", "--data", "orders.csv", "--rules", "rules.dqdl"];

/// One rule that holds, one that fails, one that only warns, one that cannot be judged.
const MIXED: &str = "Rules = [\n    RowCount = 3,\n    ColumnValues \"status\" in [\"paid\"],\n    \
    Mean \"amount\" > 100 labels=[\"gate\"=\"warn\"],\n    CustomSql \"SELECT order_id FROM primary\" = 1\n]";

fn judged(folder: &tempfile::TempDir, more: &[&str]) -> Outcome {
    lakegate(folder.path(), &[&ARGUMENTS, more].concat())
}

#[test]
fn rules_that_hold_give_exit_code_0() {
    let folder = folder_with("Rules = [ RowCount = 3, IsPrimaryKey \"order_id\", Completeness \"ordered_at\" > 0.6 ]");
    let outcome = judged(&folder, &[]).expect_code(0);
    assert!(outcome.stdout.contains("3 of 3 rules passed, score 1"), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains('\u{1b}') && outcome.stderr.is_empty(), "{}{}", outcome.stdout, outcome.stderr);
}

#[test]
fn a_rule_that_fails_gives_exit_code_3_and_its_metric() {
    let folder = folder_with(
        "Rules = [ ColumnValues \"status\" in [\"paid\"], ReferentialIntegrity \"user_id\" \"users.user_id\" = 1.0, RowCount > 1 ]",
    );
    let json = judged(&folder, &["--ref", "users=users.csv", "--bad-rows", "bad.csv", "--json"]).expect_code(3).json();
    assert_eq!(json["AggregatedMetrics"]["TotalRulesPassed"], 1);
    // The order that is lost, and that of a user who is not known.
    assert_eq!(json["AggregatedMetrics"]["TotalRowsFailed"], 2);
    assert_eq!(json["lakegate"]["gate"], "closed");
    let bad = std::fs::read_to_string(folder.path().join("bad.csv")).unwrap();
    let lines: Vec<&str> = bad.lines().collect();
    assert_eq!(lines.len(), 3, "{bad}");
    assert!(lines[0].ends_with(
        ",DataQualityRulesPass,DataQualityRulesFail,DataQualityRulesSkip,DataQualityEvaluationResult,_object,_row"
    ));
    assert!(lines[1].starts_with("2,2,lost,") && lines[1].ends_with("/orders.csv,2"), "{bad}");
    assert!(lines[2].starts_with("3,9,paid,") && lines[2].ends_with("/orders.csv,3"), "{bad}");
}

#[test]
fn who_reads_no_further_changes_no_verdict() {
    let folder = folder_with("Rules = [ RowCount = 4 ]");
    for more in [&["--json"][..], &[], &["--format", "github"], &["-o", "result.xml"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let status = command(folder.path(), &[&ARGUMENTS, more].concat()).stdout(writer).status().unwrap();
        assert_eq!(status.code(), Some(3), "{more:?}");
    }
}

#[test]
fn a_rule_that_only_warns_keeps_no_gate_closed() {
    let folder = folder_with("Rules = [ RowCount = 3, Mean \"amount\" > 100 labels=[\"gate\"=\"warn\"] ]");
    let outcome = judged(&folder, &[]).expect_code(0);
    assert!(outcome.stdout.contains("WARN"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("1 of 2 rules passed, score 0.5; 1 that fails only warns"), "{}", outcome.stdout);
    let json = judged(&folder, &["--json"]).expect_code(0).json();
    assert_eq!((&json["lakegate"]["gate"], &json["Score"]), (&"open".into(), &0.5.into()));
}

#[test]
fn a_table_on_a_pipe_has_whole_lines() {
    let folder = folder_with(MIXED);
    let outcome = judged(&folder, &[]).expect_code(3);
    insta::assert_snapshot!(outcome.stdout, @r#"
    ┌───────────────────────────────────────────────────────────────────────────────────────────────────────────────┐
    │ result   rule                                           found                                                 │
    ╞═══════════════════════════════════════════════════════════════════════════════════════════════════════════════╡
    │ PASS     RowCount = 3                                   Dataset.*.RowCount = 3                                │
    │ FAIL     ColumnValues "status" in ["paid"]              1 rows do not satisfy it                              │
    │                                                         Column.status.ColumnValues.Compliance = 0.667         │
    │ WARN     Mean "amount" > 100                            it is 1.8666666666666665                              │
    │                                                         Column.amount.Mean = 1.867                            │
    │ ERROR    CustomSql "SELECT order_id FROM primary" = 1   the SQL gave 3 rows; expected one row with one number │
    └───────────────────────────────────────────────────────────────────────────────────────────────────────────────┘
    1 of 4 rules passed, score 0.25; 1 that fails only warns
    "#);
}

#[test]
fn json_is_what_glue_gives() {
    let folder = folder_with(MIXED);
    let mut json = judged(&folder, &["--json"]).expect_code(3).json();
    let rules = json.as_object_mut().unwrap().remove("RuleResults").unwrap();
    let results = rules.as_array().unwrap().iter().map(|rule| format!("{}: {}", rule["Name"], rule["Result"]));
    assert_eq!(
        results.collect::<Vec<_>>(),
        [r#""Rule_1": "PASS""#, r#""Rule_2": "FAIL""#, r#""Rule_3": "FAIL""#, r#""Rule_4": "ERROR""#]
    );
    insta::with_settings!({ filters => vec![
        (r#""dqresult-[0-9a-z]{26}""#, r#""dqresult-…""#),
        (r#""\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00""#, r#""…""#),
    ] }, {
        insta::assert_snapshot!(format!("{json:#}"), @r#"
        {
          "AggregatedMetrics": {
            "TotalRulesFailed": 3,
            "TotalRulesPassed": 1,
            "TotalRulesProcessed": 4
          },
          "AnalyzerResults": [],
          "CompletedOn": "…",
          "Observations": [],
          "ResultId": "dqresult-…",
          "RulesetName": "rules",
          "Score": 0.25,
          "StartedOn": "…",
          "lakegate": {
            "bad_rows": null,
            "data": "orders.csv",
            "files": 1,
            "gate": "closed",
            "references": {},
            "row_outcomes": null,
            "rules": "rules.dqdl",
            "version": null
          }
        }
        "#);
    });
}

#[test]
fn junit_goes_to_a_file_and_the_table_to_the_terminal() {
    let folder = folder_with(MIXED);
    let outcome = judged(&folder, &["-o", "result.xml"]).expect_code(3);
    assert!(outcome.stdout.contains("1 of 4 rules passed"), "{}", outcome.stdout);
    let with_json = judged(&folder, &["-o", "again.xml", "--json"]).expect_code(3);
    assert_eq!(with_json.json()["RulesetName"], "rules");
    let Some(python) = python() else { return };
    let script = repository().join("tests/oracle/quality_files.py");
    let file = folder.path().join("result.xml");
    let read = run_python(&python, &script, &["junit", file.to_str().unwrap()]).expect_code(0).json();
    let suite = &read["suites"][0];
    let counts = ["tests", "failures", "errors", "skipped"].map(|name| suite[name].as_str().unwrap());
    assert_eq!((counts, &suite["name"]), (["4", "1", "1", "1"], &"rules".into()));
    let outcomes = read["cases"].as_array().unwrap().iter().map(|case| case["outcome"].to_string());
    assert_eq!(outcomes.collect::<Vec<_>>(), ["[]", "[\"failure\"]", "[\"skipped\"]", "[\"error\"]"]);
    assert_eq!(read["cases"][1]["name"], "ColumnValues \"status\" in [\"paid\"]");
    assert_eq!((&read["cases"][1]["file"], &read["cases"][1]["line"]), (&"rules.dqdl".into(), &"3".into()));
    assert_eq!(read["cases"][0]["properties"]["Dataset.*.RowCount"], "3");
}

#[test]
fn github_shows_rules_at_their_lines_and_a_summary() {
    let folder = folder_with(MIXED);
    let mut github = command(folder.path(), &[&ARGUMENTS[..], &["--format", "github"]].concat());
    github.env("GITHUB_STEP_SUMMARY", "summary.md").env("GITHUB_WORKSPACE", folder.path());
    std::fs::write(folder.path().join("summary.md"), "# Before\n").unwrap();
    let outcome = Outcome::from(github.output().unwrap()).expect_code(3);
    insta::assert_snapshot!(outcome.stdout, @r#"
    ::error file=rules.dqdl,line=3,title=rules%3A a rule does not hold::ColumnValues "status" in ["paid"]%0A1 rows do not satisfy it%0AColumn.status.ColumnValues.Compliance = 0.667
    ::warning file=rules.dqdl,line=4,title=rules%3A a rule does not hold::Mean "amount" > 100%0Ait is 1.8666666666666665%0AColumn.amount.Mean = 1.867
    ::error file=rules.dqdl,line=5,title=rules%3A a rule cannot be judged::CustomSql "SELECT order_id FROM primary" = 1%0Athe SQL gave 3 rows; expected one row with one number
    ::notice title=lakegate quality::1 of 4 rules passed, score 0.25; 1 that fails only warns
    "#);
    let summary = std::fs::read_to_string(folder.path().join("summary.md")).unwrap();
    assert!(summary.starts_with("# Before\n### Data quality: rules\n"), "{summary}");
    assert_eq!(summary.lines().filter(|line| line.starts_with("| ")).count(), 5, "{summary}");
}

#[test]
fn two_formats_do_not_share_standard_output() {
    let folder = folder_with(MIXED);
    let outcome = judged(&folder, &["--json", "--format", "junit"]).expect_code(2);
    assert!(outcome.stderr.contains("-o FILE"), "{}", outcome.stderr);
}

#[test]
fn what_is_wrong_with_a_ruleset_is_said_before_the_data_is_judged() {
    let folder = folder_with("Rules = [\n    IsComplete \"stauts\",\n    Kurtosis \"status\" > 0\n]");
    let outcome = judged(&folder, &[]).expect_code(2);
    assert!(outcome.stderr.contains("rules.dqdl:2:"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("did you mean `status`"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("compares numbers"), "{}", outcome.stderr);
}

#[test]
fn judging_ends_in_time_and_leaves_no_file() {
    let folder = folder_with(
        "Rules = [ CustomSql \"SELECT count(*) FROM primary a, many b, many c, many d WHERE b.n + c.n + d.n = a.order_id\" > 0 ]",
    );
    let many: String = (0..20_000).map(|n| format!("{n}\n")).collect();
    std::fs::write(folder.path().join("many.csv"), format!("n\n{many}")).unwrap();
    let began = std::time::Instant::now();
    let more = ["--ref", "many=many.csv", "--timeout", "1s", "--bad-rows", "bad.parquet", "-o", "result.json"];
    let outcome = judged(&folder, &more).expect_code(5);
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    assert!(outcome.stderr.contains("within 1 s"), "{}", outcome.stderr);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
    let wrong = judged(&folder, &["--timeout", "soon"]).expect_code(2);
    assert!(wrong.stderr.contains("30m") || wrong.stderr.contains("10m"), "{}", wrong.stderr);
}

#[test]
fn rulesets_are_written_in_canonical_form() {
    let rules = "Rules=[RowCount>0,# any\nIsComplete \"order_id\" and IsComplete \"status\"]";
    let folder = folder_with(rules);
    let file = folder.path().join("rules.dqdl");
    let checked = lakegate(folder.path(), &["quality", "fmt", "--check", "rules.dqdl"]).expect_code(2);
    assert_eq!(checked.stdout, "rules.dqdl\n");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), rules);
    // A mistake in one file leaves all as they are, and every mistaken file is told.
    for name in ["y.dqdl", "z.dqdl"] {
        std::fs::write(folder.path().join(name), "Rules = [ RowCount >").unwrap();
    }
    let mistaken = lakegate(folder.path(), &["quality", "fmt", "."]).expect_code(2);
    assert!(mistaken.stderr.contains("y.dqdl:1:21") && mistaken.stderr.contains("z.dqdl:1:21"), "{}", mistaken.stderr);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), rules);
    for name in ["y.dqdl", "z.dqdl"] {
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }

    lakegate(folder.path(), &["quality", "fmt", "."]).expect_code(0);
    let formatted =
        "Rules = [\n    RowCount > 0, # any\n    (IsComplete \"order_id\") AND (IsComplete \"status\")\n]\n";
    assert_eq!(std::fs::read_to_string(&file).unwrap(), formatted);
    let checked = lakegate(folder.path(), &["quality", "fmt", "--check", ".", "--json"]).expect_code(0);
    assert_eq!(checked.json()["changed"], serde_json::json!([]));
    lakegate(folder.path(), &ARGUMENTS).expect_code(0);
}

#[test]
fn standard_input_is_formatted_to_standard_output() {
    use std::io::Write as _;
    use std::process::Stdio;
    let folder = tempfile::tempdir().unwrap();
    let mut child = crate::support::command(folder.path(), &["quality", "fmt", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"Rules=[RowCount>0]").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "Rules = [\n    RowCount > 0\n]\n");
}

#[test]
fn warnings_need_no_data() {
    let folder = folder_with("Rules = [\n    RowCount between 1 and 2\n]");
    let arguments = ["quality", "--rules", "rules.dqdl", "--lint"];
    let shown = lakegate(folder.path(), &arguments).expect_code(0);
    assert!(shown.stdout.starts_with("rules.dqdl:2:5: warning[never-holds]: "), "{}", shown.stdout);
    let json = lakegate(folder.path(), &[&arguments[..], &["--json"]].concat()).expect_code(0).json();
    assert_eq!(
        (&json[0]["code"], &json[0]["line"], &json[0]["concern"]),
        (&"never-holds".into(), &2.into(), &"rule".into())
    );
    // Without --lint data is needed, with it it is not looked at.
    lakegate(folder.path(), &["quality", "--rules", "rules.dqdl"]).expect_code(2);
    lakegate(folder.path(), &[&arguments[..], &["--data", "orders.csv"]].concat()).expect_code(2);
}

#[test]
fn the_rulesets_of_this_repository_are_canonical_and_without_warnings() {
    let folders = [
        "quality-rules",
        "examples/weblog/quality-rules",
        "examples/olist/quality-rules",
        "crates/cli/template/quality-rules",
    ];
    let mut arguments = vec!["quality", "fmt", "--check"];
    arguments.extend(folders);
    lakegate(&repository(), &arguments).expect_code(0);
    for project in [repository(), repository().join("examples/weblog"), repository().join("examples/olist")] {
        let json = lakegate(&project, &["check", "--json"]).expect_code(0).json();
        assert_eq!(json["warnings"], serde_json::json!([]), "{}", project.display());
    }
}
