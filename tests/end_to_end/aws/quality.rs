//! `lakegate quality` over data in a bucket.

use super::Cloud;
use crate::quality_inputs::{RULES, rows};
use crate::support::{Outcome, command};

/// The rows in every form, in a bucket; judged as a user would who has no project.
struct Bucket {
    cloud: Cloud,
    local: tempfile::TempDir,
}

impl Bucket {
    fn new(rules: &str) -> Option<Self> {
        let (local, _) = rows(rules)?;
        let cloud = Cloud::of(|| super::ledger::project(1, 1))?;
        cloud.tool(&["upload", &cloud.bucket, "data 데이터/", local.path().to_str().unwrap()]);
        Some(Self { cloud, local })
    }

    fn judged(&self, data: &str, more: &[&str]) -> Outcome {
        let data = format!("s3://{}/{data}", self.cloud.bucket);
        let arguments = [&["quality", "--data", &data, "--rules", "rules.dqdl"], more].concat();
        let mut command = command(self.local.path(), &arguments);
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").env_remove("AWS_PROFILE");
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_REGION", "ap-northeast-2");
        command.env("AWS_ENDPOINT_URL", &self.cloud.standin.endpoint);
        command.output().unwrap().into()
    }
}

#[test]
fn the_same_rows_are_the_same_in_a_bucket() {
    let Some(bucket) = Bucket::new(RULES) else { return };
    for data in [
        "rows.parquet",
        "rows.csv",
        "rows.csv.gz",
        "rows.jsonl.gz",
        "days_parquet",
        "days_csv/",
        "days_csv/*/*.csv",
        "parts",
        "table 표%41",
        "table 표%41@1",
    ] {
        bucket.judged(&format!("data 데이터/{data}"), &[]).expect_code(0);
    }
}

#[test]
fn references_and_data_may_be_in_different_places() {
    let Some(bucket) = Bucket::new("Rules = [ ReferentialIntegrity \"id\" \"a.id\" = 0.5, ColumnValues \"id\" < 5 ]")
    else {
        return;
    };
    let reference = format!("a=s3://{}/data 데이터/table 표%41@0", bucket.cloud.bucket);
    let more = ["--ref", &reference, "--bad-rows", "bad.parquet", "--json"];
    let json = bucket.judged("data 데이터/rows.parquet", &more).expect_code(3).json();
    assert_eq!(json["AggregatedMetrics"]["TotalRowsFailed"], 995);
    assert_eq!(json["RuleResults"][0]["Result"], "PASS");
}

#[test]
fn what_a_bucket_lacks_is_told() {
    let Some(bucket) = Bucket::new("Rules = [ RowCount > 0 ]") else { return };
    let said = |data: &str, code| bucket.judged(data, &[]).expect_code(code).stderr;
    assert!(said("data 데이터/gone.csv", 2).contains("there is no such file or folder"));
    bucket.cloud.tool(&["put", &bucket.cloud.bucket, "open/a.csv", "id,name\n1,\"open\n2,b\n"]);
    assert!(said("open", 4).contains("a quote is opened"));
    bucket.cloud.tool(&["put", &bucket.cloud.bucket, "mixed/a.csv", "id,name\n1,a\n"]);
    bucket.cloud.tool(&["put", &bucket.cloud.bucket, "mixed/b.csv", "name,id\na,1\n"]);
    assert!(said("mixed", 4).contains("another header"));
}
