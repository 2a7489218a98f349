//! Listings and digests of folders and of a bucket in memory.

use std::sync::Arc;

use lakegate_quality::{DatasetRules, RuleOutcome, RuleResult, Scope, parse};
use object_store::memory::InMemory;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt as _};

use super::*;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    folder
}

/// Bucket `b` with objects.
async fn bucket(objects: &[(&str, &str)]) -> Objects {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    for (key, content) in objects {
        store.put(&Key::parse(key).unwrap(), content.as_bytes().to_vec().into()).await.unwrap();
    }
    Objects::played_by(store, "b")
}

fn at(root: &Path, own: &[&str]) -> StoredFiles {
    let own = own.iter().map(|name| (*name).to_owned()).collect();
    StoredFiles::new(root.to_path_buf(), BucketOptions::default(), own)
}

async fn names(files: &StoredFiles, path: Option<&str>) -> Vec<String> {
    let mut names: Vec<String> = files.list(path).await.unwrap().into_iter().map(|file| file.name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_path_is_a_file_or_a_folder_with_all_below() {
    let folder = folder(&[("in/a.csv", "1"), ("in/sub/b.csv", "22"), ("c.csv", "")]);
    let files = at(folder.path(), &["in"]);
    assert_eq!(names(&files, None).await, ["a.csv", "sub/b.csv"]);
    assert_eq!(names(&files, Some("in/")).await, ["a.csv", "sub/b.csv"]);
    assert_eq!(names(&files, Some("in/../c.csv")).await, ["c.csv"]);
    assert_eq!(names(&files, Some(folder.path().join("in/sub").to_str().unwrap())).await, ["b.csv"]);
    assert_eq!(names(&files, Some(&format!("file://{}/in/a.csv", folder.path().display()))).await, ["a.csv"]);
    assert!(names(&files, Some("gone/")).await.is_empty());
    let listed = files.list(Some("in/sub/b.csv")).await.unwrap();
    let file = &listed[0];
    assert_eq!((file.bytes, file.uri.clone()), (2, folder.path().join("in/sub/b.csv").display().to_string()));
    assert!((Utc::now() - file.modified).num_seconds() < 60);
}

#[tokio::test]
async fn of_the_datasets_folder_only_what_is_named_counts() {
    let folder = folder(&[("in/p=1/a.parquet", "1"), ("in/p=1/b.parquet", "2"), ("in/_delta_log/0.json", "{}")]);
    let uri = |name: &str| folder.path().join(name).display().to_string();
    let files = at(folder.path(), &["in"]).with_named([uri("in/p=1/b.parquet")].into());
    assert_eq!(names(&files, None).await, ["p=1/b.parquet"]);
    assert_eq!(names(&files, Some("in/p=1")).await, ["a.parquet", "b.parquet"], "another path is not the dataset");
    let gone = at(folder.path(), &["in"]).with_named([uri("in/p=1/b.parquet"), uri("in/c.parquet")].into());
    let error = gone.list(None).await.unwrap_err();
    assert_eq!(error.class(), lakegate_contract::Class::Unavailable);
    assert!(error.place().unwrap().ends_with("in/c.parquet"), "{error}");
    let stored = [("t/a.parquet", "1"), ("t/b.parquet", "2")];
    let objects = at(Path::new("/"), &["s3://b/t"]).with_bucket("b", bucket(&stored).await);
    assert_eq!(names(&objects.with_named(["s3://b/t/b.parquet".to_owned()].into()), None).await, ["b.parquet"]);
}

#[tokio::test]
async fn objects_and_prefixes_of_a_bucket() {
    let objects = [("in", ""), ("in/sub", ""), ("in/sub/b.csv", "22"), ("in/a.csv", "1"), ("inner/z.csv", "z")];
    let files = at(Path::new("/"), &["s3://b/in/"]).with_bucket("b", bucket(&objects).await);
    assert_eq!(names(&files, None).await, ["a.csv", "sub/b.csv"], "folders' markers are no files");
    assert_eq!(names(&files, Some("s3a://b/in/a.csv")).await, ["a.csv"]);
    assert_eq!(names(&files, Some("s3://b")).await, ["in/a.csv", "in/sub/b.csv", "inner/z.csv"]);
    assert!(names(&files, Some("s3://b/none/")).await.is_empty());
    assert_eq!(files.list(Some("gs://b/x")).await.unwrap_err().class(), lakegate_contract::Class::Usage);
    let many: Vec<String> = (0..20).map(|n| format!("deep/{}/f{n}.csv", n % 2)).collect();
    let stored: Vec<(&str, &str)> = many.iter().map(|key| (key.as_str(), "x")).chain([("deep/other", "y")]).collect();
    let own: Vec<String> = many.iter().map(|key| format!("s3://b/{key}")).collect();
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let files = at(Path::new("/"), &own).with_bucket("b", bucket(&stored).await);
    assert_eq!(files.list(None).await.unwrap().len(), 20);
}

#[tokio::test]
async fn digests_are_those_of_everybody() {
    // RFC 1321, RFC 3174 and FIPS 180-2: "abc".
    let expected = [
        (DigestAlgorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
        (DigestAlgorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (DigestAlgorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ];
    let folder = folder(&[("a", "abc")]);
    let files = at(folder.path(), &[]).with_bucket("b", bucket(&[("a", "abc")]).await);
    for path in ["a", "s3://b/a"] {
        let file = &files.list(Some(path)).await.unwrap()[0];
        for (algorithm, digest) in expected {
            assert_eq!(files.digest(file, algorithm).await.unwrap(), digest, "{path} {algorithm}");
        }
    }
    let file = &files.list(Some("a")).await.unwrap()[0];
    std::fs::write(folder.path().join("a"), "abcd").unwrap();
    assert!(files.digest(file, DigestAlgorithm::Md5).await.unwrap_err().found().contains("changed"));
}

async fn judge(files: StoredFiles, rule: &str) -> RuleOutcome {
    let ruleset = parse(&format!("Rules = [ {rule} ]"), "t.dqdl").unwrap();
    let schema = Arc::new(arrow::datatypes::Schema::empty());
    let rules =
        DatasetRules::compile(&ruleset, schema, Scope::Whole, &Default::default()).unwrap().with_files(Arc::new(files));
    rules
        .evaluate(&datafusion::prelude::SessionContext::new(), &Default::default())
        .await
        .unwrap()
        .outcomes
        .swap_remove(0)
}

#[tokio::test]
async fn rules_over_a_folder_and_its_copy_in_a_bucket() {
    let large = "x".repeat(5 << 20);
    let content = [("a.csv", "abc"), ("sub/b.csv", large.as_str())];
    let folder = folder(&content);
    let copy = [("copy/a.csv", "abc"), ("copy/sub/b.csv", large.as_str())];
    let files = async || at(folder.path(), &["."]).with_bucket("b", bucket(&copy).await);
    for rule in [
        "FileMatch \".\" \"s3://b/copy/\" with matchFileName = \"true\"",
        "FileUniqueness = 1",
        "FileSize between 2 B and 6 MB",
        "FileFreshness \"s3://b/copy/\" > (now() - 10 minutes)",
        "FileMatch \"s3://b/copy/a.csv\" in [\"900150983cd24fb0d6963f7d28e17f72\"] with hashAlgorithm = \"MD5\"",
    ] {
        let outcome = judge(files().await, rule).await;
        assert_eq!(outcome.result, RuleResult::Pass, "{rule}: {:?}", outcome.message);
    }
    let empty = judge(at(folder.path(), &["nothing"]), "FileSize >= 0").await;
    assert_eq!((empty.result, empty.message.unwrap().as_str()), (RuleResult::Fail, "there is no file of the dataset"));
}
