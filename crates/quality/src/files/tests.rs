//! Rules about files over a listing that is given, at a time that is given.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use lakegate_contract::{Error, Result};

use super::{DigestAlgorithm, FileFacts, FileListing, judge_files};
use crate::RuleResult;
use crate::finding::Finding;

/// Thursday, 12 March 2026, 09:00:30 in London.
const NOW: &str = "2026-03-12T09:00:30Z";

/// Files by address, with time, ETag and content; what is read is noted.
#[derive(Default)]
struct Given {
    files: Vec<(FileFacts, &'static str)>,
    read: Mutex<Vec<String>>,
}

impl Given {
    fn with(mut self, uri: &str, modified: &str, content: &'static str) -> Self {
        let name = uri.rsplit_once("/folder/").map_or_else(|| uri.rsplit('/').next().unwrap(), |(_, name)| name);
        let facts = FileFacts {
            uri: uri.to_owned(),
            name: name.to_owned(),
            bytes: content.len() as u64,
            modified: modified.parse().unwrap(),
            e_tag: None,
        };
        self.files.push((facts, content));
        self
    }

    fn tagged(mut self, e_tag: &str) -> Self {
        self.files.last_mut().unwrap().0.e_tag = Some(e_tag.to_owned());
        self
    }

    fn read(&self) -> Vec<String> {
        let mut read = self.read.lock().unwrap().clone();
        read.sort();
        read
    }
}

#[async_trait]
impl FileListing for Given {
    async fn list(&self, path: Option<&str>) -> Result<Vec<FileFacts>> {
        let path = path.unwrap_or("s3://own/folder/");
        Ok(self.files.iter().map(|(facts, _)| facts).filter(|facts| facts.uri.starts_with(path)).cloned().collect())
    }

    /// No digest at all, and as good as one: the content itself in hexadecimal digits.
    async fn digest(&self, file: &FileFacts, algorithm: DigestAlgorithm) -> Result<String> {
        let (_, content) = self.files.iter().find(|(facts, _)| facts == file).ok_or_else(|| Error::bug("no file"))?;
        self.read.lock().unwrap().push(file.name.clone());
        let hex: String = content.bytes().map(|b| format!("{b:02x}")).collect();
        Ok(format!("{hex:0>width$}", width = algorithm.digits()))
    }
}

/// Three files, of Wednesday and Thursday, of 3, 2048 and 3 bytes.
fn three() -> Given {
    const LARGE: &str = match std::str::from_utf8(&[b'x'; 2048]) {
        Ok(text) => text,
        Err(_) => "",
    };
    Given::default()
        .with("s3://own/folder/a.csv", "2026-03-11T10:00:00Z", "abc")
        .with("s3://own/folder/b.csv", "2026-03-12T08:30:00Z", LARGE)
        .with("s3://own/folder/old/c.json", "2026-03-12T09:00:10Z", "abd")
}

fn leaf(rule: &str) -> crate::ast::Leaf {
    let ruleset = crate::parse(&format!("Rules = [ {rule} ]"), "t.dqdl").unwrap_or_else(|e| panic!("{rule}: {e}"));
    ruleset.rules()[0].node.leaves()[0].clone()
}

async fn judged(given: &Given, rule: &str) -> Finding {
    let now: DateTime<Utc> = NOW.parse().unwrap();
    judge_files(&leaf(rule), Some(given), now).await.unwrap_or_else(|e| panic!("{rule}: {e}"))
}

async fn holds(given: &Given, rule: &str) -> bool {
    judged(given, rule).await.result == RuleResult::Pass
}

fn metrics(finding: &Finding) -> BTreeMap<&str, f64> {
    finding.metrics.iter().map(|(name, value)| (name.as_str(), *value)).collect()
}

#[tokio::test]
async fn freshness_as_worked_out_by_hand() {
    let given = three();
    for (rule, expected) in [
        ("FileFreshness > (now() - 24 hours)", true), // since 2026-03-11 09:00
        ("FileFreshness > (now() - 22 hours)", false),
        ("FileFreshness > (now() - 22 hours) with threshold > 0.6", true), // 2 of 3
        ("FileFreshness > (now() - 22 hours) with threshold > 0.7", false),
        ("FileFreshness > \"2026-03-11\"", true), // midnight
        ("FileFreshness > \"2026-03-12\"", false),
        ("FileFreshness = \"2026-03-12\" with recentFiles = 2", true), // the whole day
        ("FileFreshness != \"2026-03-11\" with recentFiles = 2", true),
        ("FileFreshness in [\"2026-03-11\", \"2026-03-12\"]", true),
        ("FileFreshness between \"2026-03-11\" and now()", false), // c is of this very minute
        ("FileFreshness between \"2026-03-11\" and (now() + 1 minutes)", true),
        ("FileFreshness not between \"2026-03-01\" and \"2026-03-05\"", true),
        ("FileFreshness > \"08:00\" with recentFiles = 2", true),
        // Eight in the morning of Seoul's Thursday was 23:00 of Wednesday.
        ("FileFreshness < \"08:00\" with timeZone = \"Asia/Seoul\" with uriRegex = \"a\\.csv$\"", true),
        ("FileFreshness < \"08:00\" with timeZone = \"Asia/Seoul\"", false),
        ("FileFreshness = now() with uriRegex = \"c\\.json\"", true),
    ] {
        assert_eq!(holds(&given, rule).await, expected, "{rule}");
    }
    assert!(given.read().is_empty(), "contents were read");
    let found = judged(&given, "FileFreshness > (now() - 22 hours)").await;
    assert_eq!(
        metrics(&found),
        [("Dataset.*.FileCount", 3.0), ("Dataset.*.FileFreshness.Compliance", 2.0 / 3.0)].into()
    );
    assert_eq!(found.message.unwrap(), "1 of 3 files do not satisfy it: a.csv");
}

#[tokio::test]
async fn sizes_as_worked_out_by_hand() {
    let given = three();
    for (rule, expected) in [
        ("FileSize > 2 B", true),
        ("FileSize > 3", false), // bytes
        ("FileSize >= 2 KB with uriRegex = \"b\\.csv\"", true),
        ("FileSize < 2 KB", false),
        ("FileSize <= 2 KB", true), // 1024 bytes each
        ("FileSize between 2 B and 1 MB", true),
        ("FileSize between 3 B and 1 MB", false), // exclusive
        ("FileSize in [3 B, 2 KB]", true),
        ("FileSize = 3 with threshold > 0.5", true),
        ("FileSize != 0", true),
    ] {
        assert_eq!(holds(&given, rule).await, expected, "{rule}");
    }
    let found = judged(&given, "FileSize \"s3://own/folder/\" < 1 KB with threshold > 0.9").await;
    let expected = [
        ("Dataset.*.FileCount", 3.0),
        ("Dataset.*.FileSize.Compliance", 2.0 / 3.0),
        ("Dataset.*.MaximumFileSize", 2048.0),
        ("Dataset.*.MinimumFileSize", 3.0),
    ];
    assert_eq!(metrics(&found), expected.into());
}

#[tokio::test]
async fn the_first_file_that_fails_is_the_end_of_it() {
    let found = judged(&three(), "FileSize < 1 KB with threshold > 0.1 with failFast = \"true\"").await;
    assert_eq!((found.result, metrics(&found)), (RuleResult::Fail, [("Dataset.*.FileCount", 2.0)].into()));
    assert_eq!(found.message.unwrap(), "b.csv does not satisfy it (failFast)");
    assert!(holds(&three(), "FileSize < 1 KB with threshold > 0.1 with failFast = \"false\"").await);
}

#[tokio::test]
async fn tags_choose_among_the_files_in_their_order() {
    let given = three();
    let count = async |rule: &str| judged(&given, rule).await.metrics["Dataset.*.FileCount"];
    assert_eq!(count("FileSize > 0 with recentFiles = 2").await, 2.0);
    assert_eq!(count("FileSize > 0 with recentFiles = 9").await, 3.0);
    assert_eq!(count("FileSize > 0 with uriRegex = \"\\.csv$\"").await, 2.0);
    // The newest file is no CSV file.
    let both = "FileSize > 0 with recentFiles = 1 with uriRegex = \"\\.csv$\"";
    let none = judged(&given, both).await;
    assert_eq!(none.message.unwrap(), "of 3 files of the dataset, recentFiles and uriRegex leave none");
    assert_eq!(count(&format!("{both} with filterOrder = \"uriRegex,recentFiles\"")).await, 1.0);
    assert_eq!(count(&format!("{both} with filterOrder = \"recentFiles\"")).await, 0.0);
}

#[tokio::test]
async fn nothing_there_is_no_pass() {
    for rule in
        ["FileFreshness \"s3://none/\" > now()", "FileSize \"s3://none/\" >= 0", "FileUniqueness \"s3://none/\" >= 0"]
    {
        let found = judged(&three(), rule).await;
        assert_eq!((found.result, found.metrics["Dataset.*.FileCount"]), (RuleResult::Fail, 0.0), "{rule}");
        assert_eq!(found.message.unwrap(), "there is no file at `s3://none/`");
    }
    let found = judged(&three(), "FileMatch \"s3://own/folder/\" \"s3://none/\"").await;
    assert_eq!(found.result, RuleResult::Fail);
    let error = judge_files(&leaf("FileSize > 0"), None, NOW.parse().unwrap()).await.err().unwrap();
    assert!(error.found().contains("not known"), "{error}");
}

#[tokio::test]
async fn a_file_that_was_sent_twice_is_found() {
    let given = three();
    assert!(holds(&given, "FileUniqueness = 1").await);
    assert_eq!(given.read(), ["a.csv", "old/c.json"], "files of another size need not be read");
    let copies = three().with("s3://own/folder/new/a.csv", NOW, "abc").with("s3://own/folder/new/b.csv", NOW, "z");
    let found = judged(&copies, "FileUniqueness > 0.5").await;
    // Of two equal files neither is unique: b, c and new/b remain.
    assert_eq!(metrics(&found), [("Dataset.*.FileCount", 5.0), ("Dataset.*.FileUniquenessRatio", 0.6)].into());
    assert_eq!(found.result, RuleResult::Pass);
    let by_name = judged(&copies, "FileUniqueness = 1 with matchFileName = \"true\"").await;
    assert_eq!(by_name.metrics["Dataset.*.FileUniquenessRatio"], 0.2);
    insta::assert_snapshot!(
        by_name.message.unwrap(),
        @"4 of 5 files have the content or the name of another: a.csv, b.csv, new/a.csv, new/b.csv"
    );
}

#[tokio::test]
async fn what_the_store_says_spares_reading() {
    const TAG: &str = "900150983cd24fb0d6963f7d28e17f72";
    let given = Given::default()
        .with("s3://own/folder/a", NOW, "abc")
        .tagged(TAG)
        .with("s3://own/folder/b", NOW, "abc")
        .tagged(TAG);
    assert!(!holds(&given, "FileUniqueness = 1").await);
    assert!(given.read().is_empty());
    // A copy that came in parts has another ETag, and the same content.
    let parts = given.with("s3://own/folder/c", NOW, "abc").tagged("0123456789abcdef0123456789abcdef-2");
    assert!(holds(&parts, "FileUniqueness = 0").await);
    assert_eq!(parts.read(), ["a", "c"], "files of one ETag are read once");
}

#[tokio::test]
async fn folders_match_when_each_file_has_its_partner() {
    let given = three().with("s3://copy/folder/x.csv", NOW, "abd").with("s3://copy/folder/y.csv", NOW, "abc").with(
        "s3://copy/folder/z.csv",
        NOW,
        "unlike",
    );
    let rule = "FileMatch \"s3://own/folder/\" \"s3://copy/folder/\"";
    let found = judged(&given, rule).await;
    assert_eq!(found.metrics["Dataset.*.FileCount"], 6.0);
    insta::assert_snapshot!(
        found.message.unwrap(),
        @"1 of 3 files at `s3://own/folder/` have no equal at the other path: b.csv; 1 of 3 files at `s3://copy/folder/` have no equal at the other path: z.csv"
    );
    let small = format!("{rule} with uriRegex = \"[acxy]\\.(csv|json)$\"");
    assert!(holds(&given, &small).await);
    assert!(!holds(&given, &format!("{small} with matchFileName = \"true\"")).await);
    assert!(holds(&given, "FileMatch \"s3://own/folder/a.csv\" \"s3://copy/folder/y.csv\"").await);
    // One file is no partner of two.
    let twice = given.with("s3://own/folder/a2.csv", NOW, "abc");
    assert!(!holds(&twice, "FileMatch \"s3://own/folder/a\" \"s3://copy/folder/y.csv\"").await);
}

#[tokio::test]
async fn digests_are_compared_with_those_that_were_given() {
    let given = three();
    let digest = |text: &str, algorithm: DigestAlgorithm| {
        let hex: String = text.bytes().map(|b| format!("{b:02X}")).collect();
        format!("{hex:0>width$}", width = algorithm.digits())
    };
    let sha = digest("abc", DigestAlgorithm::Sha256);
    let md5 = digest("abd", DigestAlgorithm::Md5);
    assert!(holds(&given, &format!("FileMatch \"s3://own/folder/a.csv\" in [\"{sha}\"]")).await);
    let md5 = format!("\"s3://own/folder/old\" in [\"{md5}\"] with hashAlgorithm");
    assert!(holds(&given, &format!("FileMatch {md5} = \"MD5\"")).await);
    let found = judged(&given, &format!("FileMatch in [\"{sha}\"] with uriRegex = \"[ac]\\.\"")).await;
    assert_eq!(found.message.unwrap(), "the SHA-256 of 1 of 2 files does not fit: old/c.json");
    assert!(holds(&given, &format!("FileMatch not in [\"{sha}\"] with uriRegex = \"c\\.json\"")).await);
    let twin = three().with("s3://own/folder/old/a.csv", NOW, "abc");
    let both = format!("FileMatch in [\"{sha}\"] with uriRegex = \"a\\.csv\"");
    assert!(holds(&twin, &both).await);
    assert!(!holds(&twin, &format!("{both} with matchFileName = \"true\"")).await);
}

#[test]
fn rules_that_could_not_be_judged_are_refused_before() {
    let problem = |rule: &str| super::problems(&leaf(rule)).first().map_or_else(String::new, ToString::to_string);
    for (rule, expected) in [
        ("FileSize > 0 with recentFiles = 0", "a whole number from 1"),
        ("FileSize > 0 with recentFile = 3", "`FileSize` has no tag `recentFile`"),
        ("FileSize > 0 with timeZone = \"UTC\"", "no tag `timeZone`"),
        ("FileFreshness > now() with timeZone = \"Mars\"", "not a time zone"),
        ("FileSize > 0 with uriRegex = \"(\"", "cannot be used"),
        ("FileSize > 0 with recentFiles = 1 with filterOrder = \"uriRegex\"", "both tags of this rule"),
        ("FileSize > 0 with failFast = \"yes\"", "\"true\" or \"false\""),
        ("FileSize \"ftp://host/\" > 0", "no place whose files can be listed"),
        ("FileFreshness in [now(), NULL]", "NULL"),
        ("FileMatch \"a\" in [EMPTY]", "no digest"),
        ("FileMatch \"a\" in [\"3ee0d8617ac041793154713e5ef8f319\"]", "the 64 hexadecimal digits of SHA-256"),
        ("FileMatch \"a\" = \"hello\" with hashAlgorithm = \"MD5\"", "is not hexadecimal"),
        ("FileMatch \"a\" \"b\" with hashAlgorithm = \"SHA256\"", "one of MD5, SHA-1, SHA-256"),
    ] {
        assert!(problem(rule).contains(expected), "{rule}: {}", problem(rule));
    }
    // Refused by the parser or by the check.
    for rule in ["FileMatch", "FileMatch \"a\"", "FileMatch \"a\" \"b\" in [\"00\"]"] {
        let parsed = crate::parse(&format!("Rules = [ {rule} ]"), "t.dqdl");
        assert!(parsed.is_err() || !problem(rule).is_empty(), "{rule}");
    }
    for rule in [
        "FileMatch \"a\" in [\"3ee0d8617ac041793154713e5ef8f319\"] with hashAlgorithm = \"MD5\"",
        "FileFreshness \"s3://bucket/\" >= (now() - 1 days) with failFast = \"true\" with timeZone = \"Asia/Seoul\"",
        "FileUniqueness > 0.5 with matchFileName = \"true\"",
    ] {
        assert_eq!(problem(rule), "", "{rule}");
    }
}
