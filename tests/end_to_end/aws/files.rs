//! Rules about files over objects of a bucket.

use super::{Cloud, ledger};
use crate::support::edit;

#[test]
fn objects_are_judged_as_files_are() {
    let Some(cloud) = Cloud::of(|| ledger::project(2, 2)) else { return };
    let events = cloud.path().join("events");
    cloud.tool(&["upload", &cloud.bucket, "in/", events.to_str().unwrap()]);
    cloud.tool(&["put", &cloud.bucket, "copies/x.json", "{}"]);
    cloud.tool(&["put", &cloud.bucket, "copies/y.json", "{}"]);
    let bucket = &cloud.bucket;
    let rules = format!(
        "Rules = [ FileSize \"s3://{bucket}/in/\" > 0, FileFreshness \"s3://{bucket}/in/\" > (now() - 1 hours),
            FileMatch \"events\" \"s3://{bucket}/in/\" with matchFileName = \"true\",
            FileUniqueness \"s3://{bucket}/copies/\" = 1.0, FileSize \"s3://{bucket}/none/\" >= 0 ]"
    );
    std::fs::write(cloud.path().join("files.dqdl"), rules).unwrap();
    let data = events.join("0001.json");
    let mut command = cloud.command(&["quality", "--data", data.to_str().unwrap(), "--rules", "files.dqdl", "--json"]);
    command.env("AWS_ENDPOINT_URL", &cloud.standin.endpoint).env("AWS_REGION", "ap-northeast-2");
    let outcome: crate::support::Outcome = command.output().unwrap().into();
    let told = outcome.expect_code(3).json();
    let results: Vec<&str> =
        told["RuleResults"].as_array().unwrap().iter().map(|rule| rule["Result"].as_str().unwrap()).collect();
    assert_eq!(results, ["PASS", "PASS", "PASS", "FAIL", "FAIL"], "{told}");
}

/// The files of a load are the objects that it reads.
#[test]
fn a_load_judges_the_objects_that_it_reads() {
    let Some(cloud) = Cloud::of(|| ledger::project(2, 2)) else { return };
    cloud.tool(&["upload", &cloud.bucket, "in/", cloud.path().join("events").to_str().unwrap()]);
    edit(&cloud.path().join("jobs/events.toml"), "events/*.json", &format!("s3://{}/in/*.json", cloud.bucket));
    let ruleset = cloud.path().join("quality-rules/events.dqdl");
    std::fs::create_dir_all(ruleset.parent().unwrap()).unwrap();
    std::fs::write(&ruleset, "Rules = [ FileSize > 1 TB ]").unwrap();
    let closed = cloud.run(&["run", "events"]).expect_code(3);
    assert!(closed.stderr.contains("1 of 1 files do not satisfy it: 0001.json"), "{}", closed.stderr);
    std::fs::write(&ruleset, "Rules = [ FileSize between 1 B and 1 TB, FileFreshness > (now() - 1 hours) ]").unwrap();
    cloud.run(&["run", "events"]).expect_code(0);
}
