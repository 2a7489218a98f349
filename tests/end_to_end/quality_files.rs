//! Rules about files, and first rulesets.

use lakegate_sample_shop::Options;

use crate::support::{lakegate, shop};

/// A folder of two days' orders, the second delivered twice, and its archive.
fn deliveries() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("orders/2026-03-01.csv", "order_id,status\n1,paid\n2,lost\n"),
        ("orders/2026-03-02.csv", "order_id,status\n3,paid\n"),
        ("orders/2026-03-02 (1).csv", "order_id,status\n3,paid\n"),
        ("archive/a.csv", "order_id,status\n1,paid\n2,lost\n"),
    ] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    folder
}

fn judge(folder: &std::path::Path, rules: &str, code: i32) -> serde_json::Value {
    std::fs::write(folder.join("rules.dqdl"), format!("Rules = [ {rules} ]")).unwrap();
    let arguments = ["quality", "--data", "orders", "--rules", "rules.dqdl", "--json"];
    lakegate(folder, &arguments).expect_code(code).json()
}

#[test]
fn a_delivery_is_judged_by_its_files() {
    let folder = deliveries();
    let held = "FileFreshness > (now() - 1 hours), FileSize between 10 B and 1 KB, FileSize \"archive/\" > 0,
        FileMatch \"orders/2026-03-01.csv\" \"archive/a.csv\", FileUniqueness >= 0.3 with recentFiles = 3";
    assert_eq!(judge(folder.path(), held, 0)["AggregatedMetrics"]["TotalRulesPassed"], 5);
    let told = judge(folder.path(), "FileUniqueness = 1, FileSize \"nowhere/\" >= 0, RowCount > 0", 3);
    let outcome = |at: usize| &told["RuleResults"][at];
    assert_eq!(outcome(0)["EvaluatedMetrics"]["Dataset.*.FileCount"], 3.0);
    let message = "2 of 3 files have the content of another: 2026-03-02 (1).csv, 2026-03-02.csv";
    assert_eq!(outcome(0)["EvaluationMessage"], message);
    assert_eq!(outcome(1)["EvaluationMessage"], "there is no file at `nowhere/`");
    assert_eq!(outcome(2)["Result"], "PASS");
}

#[test]
fn the_files_of_a_delta_table_are_those_of_its_version() {
    let folder = shop(&Options { scale: 0.0001, ..Options::default() });
    let project = folder.path();
    lakegate(project, &["run", "categories"]).expect_code(0);
    lakegate(project, &["run", "categories", "--force"]).expect_code(0);
    std::fs::write(project.join("files.dqdl"), "Rules = [ FileUniqueness = 1.0, FileSize > 1 B ]").unwrap();
    let table = project.join("lake/tables/categories");
    let judged = |version: &str| {
        let data = format!("{}{version}", table.display());
        lakegate(project, &["quality", "--data", &data, "--rules", "files.dqdl", "--json"])
    };
    let counts = |told: &serde_json::Value| -> Vec<f64> {
        let rules = told["RuleResults"].as_array().unwrap();
        rules.iter().map(|rule| rule["EvaluatedMetrics"]["Dataset.*.FileCount"].as_f64().unwrap()).collect()
    };
    let of_newest = counts(&judged("").expect_code(0).json());
    assert_eq!(counts(&judged("@1").expect_code(0).json()), of_newest, "the same rows were published twice");
    let folders = std::fs::read_dir(&table).unwrap().map(|entry| entry.unwrap().path());
    let mut generations: Vec<_> = folders.filter(|path| !path.ends_with("_delta_log")).collect();
    generations.sort();
    assert_eq!((generations.len(), of_newest), (2, vec![1.0; 2]), "{generations:?}");
    std::fs::remove_dir_all(&generations[1]).unwrap();
    judged("@1").expect_code(0);
    let gone = judged("");
    assert_ne!(gone.code, 0);
    let told = format!("{}{}", gone.stdout, gone.stderr);
    assert!(told.contains("a file that the table's log names is not there"), "{told}");
}

#[test]
fn a_digest_of_another_length_is_refused_before_anything_is_read() {
    let folder = deliveries();
    let rules = "Rules = [ FileMatch \"archive/a.csv\" in [\"900150983cd24fb0d6963f7d28e17f72\"] ]";
    std::fs::write(folder.path().join("rules.dqdl"), rules).unwrap();
    let outcome = lakegate(folder.path(), &["quality", "--data", "orders", "--rules", "rules.dqdl"]).expect_code(2);
    assert!(outcome.stderr.contains("add `with hashAlgorithm = \"MD5\"`"), "{}", outcome.stderr);
}

#[test]
fn a_first_ruleset_holds_on_the_data_it_was_made_from() {
    let folder = tempfile::tempdir().unwrap();
    let mut orders = "order_id,user_id,status,amount\n".to_owned();
    for n in 1..=200 {
        orders.push_str(&format!("{n},{},{},{}.50\n", n % 40 + 1, ["paid", "lost"][n % 2], n * 3));
    }
    std::fs::write(folder.path().join("orders.csv"), orders).unwrap();
    let users: String = (1..=40).map(|n| format!("{n}\n")).collect();
    std::fs::write(folder.path().join("users.csv"), format!("user_id\n{users}")).unwrap();
    let suggest = ["quality", "suggest", "--data", "orders.csv", "--ref", "users=users.csv", "-o", "orders.dqdl"];
    let written = lakegate(folder.path(), &suggest).expect_code(0);
    assert!(written.stdout.contains("rules written to orders.dqdl"), "{}", written.stdout);
    let text = std::fs::read_to_string(folder.path().join("orders.dqdl")).unwrap();
    for rule in [
        "IsPrimaryKey \"order_id\"",
        "ReferentialIntegrity \"user_id\" \"users.user_id\" = 1.0",
        "ColumnValues \"status\" in [\"lost\", \"paid\"]",
        "# 200 rows, no two alike and none NULL: the key",
    ] {
        assert!(text.contains(rule), "{rule}: {text}");
    }
    let judge = ["quality", "--data", "orders.csv", "--rules", "orders.dqdl", "--ref", "users=users.csv"];
    lakegate(folder.path(), &judge).expect_code(0);
    let again = lakegate(folder.path(), &suggest).expect_code(2);
    assert!(again.stderr.contains("exists already"), "{}", again.stderr);
    let printed = lakegate(folder.path(), &suggest[..6]).expect_code(0);
    assert_eq!(printed.stdout, text, "the same data give the same ruleset");
}
