//! Every construct of the language, and every mistake.

use super::parse;
use crate::ast::{Leaf, Node, Ruleset};

fn parsed(text: &str) -> Ruleset {
    parse(text, "t").unwrap_or_else(|error| panic!("{text}\n{error}"))
}

/// The first rule of a list, in canonical form.
fn printed(rule: &str) -> String {
    parsed(&format!("Rules = [ {rule} ]")).rules()[0].text().to_owned()
}

fn leaf(rule: &str) -> Leaf {
    match &parsed(&format!("Rules = [ {rule} ]")).rules()[0].node {
        Node::Leaf(leaf) => leaf.as_ref().clone(),
        other => panic!("{other:?}"),
    }
}

fn mistake(text: &str) -> String {
    let error = parse(text, "r").unwrap_err();
    let advice = error.advice().map(|advice| format!(" | {advice}")).unwrap_or_default();
    // Lists of all rule types would hide the rest.
    let text = error.to_string();
    let text = text.split("RowCount, ColumnCount").next().unwrap_or_default().to_owned();
    format!("{text}{advice}")
}

fn wrong(rule: &str) -> String {
    mistake(&format!("Rules = [ {rule} ]"))
}

#[test]
fn every_part_of_a_document_is_kept() {
    let ruleset = parsed(
        "# of orders\r\nMetadata = { \"Version\": \"1.0\" }\r\n\
         DataSources = { \"Primary\": \"orders\", \"AdditionalDataSources\": [\"users\", \"items\"] }\r\n\
         states = [\"paid\", \"lo\\\\st\"] one = \"a\\\\b\"\r\n\
         DefaultLabels = [\"team\"=\"shop\", \"gate\"=\"warn\"]\r\n\
         Rules = [ ColumnValues \"s\" in $states labels=[\"team\"=\"web\"], IsComplete $one ]\r\n\
         Analyzers = [ RowCount, AllStatistics \"a\", Distribution \"b\" with bins = 20, rebin = false, Completeness c ] # end",
    );
    assert_eq!((ruleset.version(), ruleset.primary_source()), (Some("1.0"), Some("orders")));
    assert_eq!(ruleset.additional_sources(), ["users", "items"]);
    let labels = ruleset.rules()[0].labels();
    assert_eq!((labels["team"].as_str(), labels["gate"].as_str()), ("web", "warn"));
    // A list loses a level of backslashes, a string alone does not.
    let texts: Vec<&str> = ruleset.rules().iter().map(crate::Rule::text).collect();
    assert_eq!(texts, [r#"ColumnValues "s" in ["paid","lo\\st"]"#, r#"IsComplete "a\\b""#]);
    let analyzers: Vec<(usize, &str)> = ruleset.analyzers().iter().map(|a| (a.line(), a.text())).collect();
    let expected = [
        (7, "RowCount"),
        (7, "AllStatistics \"a\""),
        (7, "Distribution \"b\" with bins = \"20\" with rebin = \"false\""),
        (7, "Completeness \"c\""),
    ];
    assert_eq!(analyzers, expected);
    assert_eq!(
        (ruleset.analyzers()[2].name(), ruleset.analyzers()[2].parameters()),
        ("Distribution", &["b".to_owned()][..])
    );
    let printed = ruleset.analyzers().iter().map(|a| a.text()).collect::<Vec<_>>().join(",");
    let again = parsed(&format!("Analyzers = [ {printed} ]"));
    assert!(again.analyzers().iter().map(|a| a.text()).eq(ruleset.analyzers().iter().map(|a| a.text())));
}

#[test]
fn rules_may_be_empty_beside_analyzers() {
    assert!(parsed("Rules = [] Analyzers = [ Mean c ]").rules().is_empty());
    assert_eq!(
        mistake("Rules = []"),
        "r:1:1: the ruleset has no rule; expected at least one rule or analyzer, such as `Rules = [ RowCount > 0 ]`"
    );
    assert!(parse("Rules = [] Analyzers = []", "r").is_err());
}

#[test]
fn conditions_of_every_kind_are_printed_canonically() {
    for (rule, canonical) in [
        ("RowCount>5", "RowCount > 5"),
        ("RowCount ! = 5", "RowCount != 5"),
        ("RowCount > - 5", "RowCount > -5"),
        ("RowCount not between -1 AND 1.50", "RowCount not between -1 and 1.50"),
        ("RowCount in [1,2 , 3]", "RowCount in [1,2,3]"),
        ("RowCount = 1 + 2 * 3", "RowCount = 9"),
        ("RowCount = 1 + (2 * 3)", "RowCount = 7"),
        ("RowCount = -(2 - 3)", "RowCount = 1"),
        ("RowCount > avg(last(10))*0.8", "RowCount > avg(last(10)) * 0.8"),
        ("ColumnValues a = NULL", "ColumnValues \"a\" = NULL"),
        ("ColumnValues a in [null, 1]", "ColumnValues \"a\" in [NULL,1]"),
        (
            "ColumnValues a not in [empty, \"x\", whitespaces_only]",
            "ColumnValues \"a\" not in [EMPTY,\"x\",WHITESPACES_ONLY]",
        ),
        ("ColumnValues a != EMPTY", "ColumnValues \"a\" != EMPTY"),
        ("ColumnValues a = \"1.0\"", "ColumnValues \"a\" = \"1.0\""),
        (r#"ColumnValues a matches "a\\.\"b""#, r#"ColumnValues "a" matches "a\\.\"b""#),
        ("ColumnValues a not matches \"x\"", "ColumnValues \"a\" not matches \"x\""),
        ("ColumnValues a > \"2024-02-29\"", "ColumnValues \"a\" > \"2024-02-29\""),
        ("ColumnValues a in [\"2024-02-29\", NULL]", "ColumnValues \"a\" in [\"2024-02-29\",NULL]"),
        (r#"ColumnValues a in ["\2024-02-29"]"#, r#"ColumnValues "a" in ["\2024-02-29"]"#),
        ("ColumnValues a <= \"9:05 PM\"", "ColumnValues \"a\" <= \"21:05\""),
        ("ColumnValues a between (now() - 3 days) and now()", "ColumnValues \"a\" between (now() - 3 days) and now()"),
        ("ColumnValues a < (now()+90 minutes)", "ColumnValues \"a\" < (now() + 90 minutes)"),
        ("DataFreshness a <= 24 hours", "DataFreshness \"a\" <= 24 hours"),
        ("DataFreshness a not between 90 minutes and 2 days", "DataFreshness \"a\" not between 90 minutes and 2 days"),
        ("FileSize between 1024 B and 3 MB", "FileSize between 1024 B and 3 MB"),
        ("FileSize > 1024 with threshold > 0.5", "FileSize > 1024 with threshold > 0.5"),
        ("FileSize \"s3://b/p/\" in [5, 1024]", "FileSize \"s3://b/p/\" in [5,1024]"),
        ("FileFreshness > (now() - 24 hours)", "FileFreshness > (now() - 24 hours)"),
        ("FileMatch \"a\" \"b\"", "FileMatch \"a\" \"b\""),
        ("FileMatch in [\"abc\"]", "FileMatch in [\"abc\"]"),
        ("CustomSql \"select 1\"", "CustomSql \"select 1\""),
        ("ColumnCorrelation of a and \"b c\" > 0.5", "ColumnCorrelation \"a\" \"b c\" > 0.5"),
        ("IsComplete Mean", "IsComplete \"Mean\""),
        ("IsUnique a and b", "IsUnique \"a\" \"b\""),
        ("DetectAnomalies \"ColumnLength\" \"id\"", "DetectAnomalies \"ColumnLength\" \"id\""),
    ] {
        assert_eq!(printed(rule), canonical, "{rule}");
        assert_eq!(printed(canonical), canonical);
        let same = Leaf { start: 0, ..leaf(rule) } == Leaf { start: 0, ..leaf(canonical) };
        assert!(same, "{rule}: {canonical}");
    }
}

#[test]
fn what_follows_a_condition_may_stand_in_either_order() {
    let grammar =
        "ColumnValues a > 1 where \"b\" labels=[\"k\"=\"v\"] with threshold > 0.5 with timeZone = \"Asia/Seoul\"";
    let documentation =
        "ColumnValues a > 1 where \"b\" with Threshold > 0.5 with timeZone = \"Asia/Seoul\" labels=[\"k\"=\"v\"]";
    assert_eq!(printed(grammar), printed(documentation));
    let ruleset = parsed(&format!("Rules = [ {documentation} ]"));
    assert_eq!(ruleset.rules()[0].labels()["k"], "v");
}

#[test]
fn tags_are_strings() {
    let tags = leaf(
        "FileFreshness > now() with filterOrder = [\"uriRegex\",\"recentFiles\"] with recentFiles = 3 with failFast = true \
         with offset = -1",
    )
    .tags;
    let expected =
        [("failFast", "true"), ("filterOrder", "uriRegex,recentFiles"), ("offset", "-1"), ("recentFiles", "3")];
    assert!(tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).eq(expected));
    // As Glue: a quoted threshold is a tag of that name and no threshold.
    let quoted = leaf("ColumnValues a > 1 with threshold = \"0.5\"");
    assert_eq!((quoted.threshold, quoted.tags["threshold"].as_str()), (None, "0.5"));
}

#[test]
fn and_binds_tighter_than_or() {
    for (rule, canonical) in [
        (
            "RowCount > 1 or RowCount > 2 and RowCount > 3 OR RowCount > 4",
            "(RowCount > 1) OR ((RowCount > 2) AND (RowCount > 3)) OR (RowCount > 4)",
        ),
        ("((RowCount > 1)) AND (IsComplete a)", "(RowCount > 1) AND (IsComplete \"a\")"),
        ("IsComplete a and IsComplete b", "(IsComplete \"a\") AND (IsComplete \"b\")"),
    ] {
        assert_eq!(printed(rule), canonical);
        assert_eq!(printed(canonical), canonical);
    }
    let labels = |rule: &str| parsed(&format!("Rules = [ {rule} ]")).rules()[0].labels().clone();
    assert_eq!(labels("((RowCount > 1) and (RowCount > 2)) labels=[\"a\"=\"b\"]")["a"], "b");
    assert_eq!(labels("(RowCount > 1 labels=[\"a\"=\"b\"]) and (RowCount > 2)")["a"], "b");
}

#[test]
fn mistakes_in_documents_are_placed_and_answered() {
    insta::assert_snapshot!(mistake("Metadata = {}\nRules = [ RowCount > 0 ]"), @"r:1:13: found `}`; expected a key in double quotes");
    insta::assert_snapshot!(mistake("Metadata = { \"version\": \"1\" } Rules = [ RowCount > 0 ]"), @r#"r:1:14: unknown key "version" of Metadata; expected one of Version"#);
    insta::assert_snapshot!(mistake("DataSources = { \"AdditionalDataSources\": \"a\" } Rules = [ RowCount > 0 ]"), @r#"r:1:42: "AdditionalDataSources" is no list; expected names in brackets, such as ["users"]"#);
    insta::assert_snapshot!(mistake("Analyzers = [ RowCount ]\nRules = [ RowCount > 0 ]"), @"r:2:1: found `Rules`; expected the end of the ruleset | the order is Metadata, DataSources, constants, DefaultLabels, Rules, Analyzers, each once");
    insta::assert_snapshot!(mistake("DefaultLabels = [\"a\"=\"b\"] x = \"y\" Rules = [ RowCount > 0 ]"), @"r:1:27: found `x`; expected `Rules = [ … ]`");
    insta::assert_snapshot!(mistake("n = 5\nRules = [ RowCount > $n ]"), @"r:1:5: found `5`; expected a string in double quotes");
    insta::assert_snapshot!(mistake("_n = \"5\" Rules = [ RowCount > 0 ]"), @"r:1:1: `_n` cannot name a constant; expected a name that begins with a letter or a digit and is no word of the language");
    insta::assert_snapshot!(mistake("n = \"a\" n = \"b\" Rules = [ RowCount > 0 ]"), @"r:1:9: constant `n` is defined twice");
    insta::assert_snapshot!(mistake("n = \"a $b\" Rules = [ RowCount > 0 ]"), @"r:1:5: a constant's value names another constant; expected no `$name` inside of the quotes: it would not be replaced");
    insta::assert_snapshot!(mistake("n = [\"2024-01-01\"] Rules = [ RowCount > 0 ]"), @r#"r:1:6: "2024-01-01" is a date or a time, which a constant cannot hold | write the date where it is compared"#);
    insta::assert_snapshot!(mistake("states = \"a\" Rules = [ IsComplete $state ]"), @"r:1:35: `$state` is not defined; expected one of $states | did you mean `$states`?");
    insta::assert_snapshot!(mistake("l = [\"a\"] Rules = [ IsComplete $l ]"), @"r:1:32: `$l` is a list; expected a constant that is one string");
    insta::assert_snapshot!(mistake("l = [\"a\"] Rules = [ ColumnValues c = $l ]"), @"r:1:38: `$l` is a list; expected `in $l` or `not in $l`");
    insta::assert_snapshot!(mistake("Rules = [ RowCount > 0, ]"), @"r:1:25: found `]`; expected another rule after the comma | delete the comma behind the last rule");
    insta::assert_snapshot!(mistake("Analyzers = [ IsComplete a ]").split("; expected").next().unwrap(), @"r:1:15: `IsComplete` measures nothing that an analyzer could keep");
    insta::assert_snapshot!(mistake("Analyzers = [ RowCount > 5 ]"), @"r:1:24: found `>`; expected `,` and another analyzer, or `]`: an analyzer has no condition");
    insta::assert_snapshot!(mistake("Analyzers = [ Mean ]"), @"r:1:15: `Mean` has 0 parameters; expected 1");
    insta::assert_snapshot!(mistake("Analyzers = [ Distribution a with bins = 0 ]"), @"r:1:35: `bins = 0` is no setting of a distribution; expected bins = 1 to 10000, or rebin = true or false");
}

#[test]
fn mistakes_in_rules_are_placed_and_answered() {
    insta::assert_snapshot!(wrong("AllStatistics \"a\""), @"r:1:11: `AllStatistics` is an analyzer: it measures and judges nothing | move it to `Analyzers = [ … ]`, which follows the rules");
    insta::assert_snapshot!(wrong("RowCount 5"), @"r:1:20: found the number 5; expected a condition, such as `> 5`, or a name in quotes");
    insta::assert_snapshot!(wrong("IsComplete days"), @r#"r:1:22: `days` is a word of the language | to name a column, write "days" in quotes"#);
    insta::assert_snapshot!(wrong("RowCount BETWEEN 1 and 2"), @"r:1:28: found the number 1; expected a condition, such as `> 5`, or a name in quotes | write `between` in lower case");
    insta::assert_snapshot!(wrong("ColumnValues a IN [1]"), @"r:1:11: `ColumnValues` has 2 parameters; expected 1 | write `in` in lower case");
    insta::assert_snapshot!(wrong("ColumnLength a > 5 WHERE \"x\""), @"r:1:30: found `WHERE`; expected `,` and another rule, `]`, `and`, `or`, a condition, `where`, `labels` or `with` | did you mean `where`?");
    insta::assert_snapshot!(wrong("DataFreshness a <= 3days"), @"r:1:30: found `3days`; expected a value: a number, a string, a date, `NULL`, `EMPTY`, `WHITESPACES_ONLY` or `now()` | write `3 days`, with a space");
    insta::assert_snapshot!(wrong("FileSize > 1.5 MB"), @"r:1:22: found `1.5`; expected a whole number");
    insta::assert_snapshot!(wrong("FileSize > 1.5"), @"r:1:20: a size is a whole number; expected bytes, or a number and a unit, such as `5 MB`");
    insta::assert_snapshot!(wrong("FileSize between 5 and 1 MB"), @"r:1:20: the condition mixes values of several kinds; expected values of one kind | give each size a unit, such as `1024 B`");
    insta::assert_snapshot!(wrong("FileSize > 9000000 TB"), @"r:1:22: the amount is too large");
    insta::assert_snapshot!(wrong("FileMatch \"a\" in [\"b\", 5]"), @"r:1:25: the condition mixes values of several kinds; expected values of one kind");
    insta::assert_snapshot!(wrong("FileMatch \"a\" \"b\" in [\"b\"]"), @"r:1:29: the condition of `FileMatch` does not fit it; expected no condition");
    insta::assert_snapshot!(wrong("ColumnValues a in [\"x\", \"2024-01-31\"]"), @r#"r:1:26: the condition mixes values of several kinds; expected values of one kind | a string such as "2024-01-31" or "12:30" is a date or a time"#);
    insta::assert_snapshot!(wrong("ColumnValues a > \"2024-02-30\""), @r#"r:1:28: "2024-02-30" is no day of the calendar | Glue takes a string of this form for a date or a time, never for a string"#);
    insta::assert_snapshot!(wrong("RowCount > 1 / 0"), @"r:1:22: the expression gives no finite number");
    insta::assert_snapshot!(wrong("RowCount > averge(last(3))"), @"r:1:22: `averge` is not a function; expected one of last, avg, median, max, min, sum, std, abs, index | did you mean `avg`?");
    insta::assert_snapshot!(wrong("RowCount > AVG(last(3))"), @"r:1:22: `AVG` is not a function; expected one of last, avg, median, max, min, sum, std, abs, index | did you mean `avg`?");
    insta::assert_snapshot!(wrong("RowCount > avg(last(0))"), @"r:1:31: found `0`; expected how many earlier runs, from 1 to 1000");
    insta::assert_snapshot!(wrong("RowCount > avg(last(3), 2)"), @"r:1:33: found `,`; expected `)`: `avg` takes no further argument");
    insta::assert_snapshot!(wrong("RowCount > index(last(3))"), @"r:1:35: found `)`; expected `,` and which value: `index(last(5), 0)` is the newest");
    insta::assert_snapshot!(wrong("RowCount > 1 with threshold > 0.5"), @"r:1:24: `RowCount` takes no threshold; expected a threshold only behind ColumnValues, ColumnDataType, CustomSql, FileFreshness, FileSize");
    insta::assert_snapshot!(wrong("ColumnValues a > 1 with threshold > \"0.5\""), @"r:1:45: strings cannot be ordered; expected `=`, `!=`, `in`, `not in` or `matches` | a number stands without quotes");
    insta::assert_snapshot!(wrong("ColumnValues a > 1 with x > 5"), @"r:1:37: found `>`; expected `=`");
    insta::assert_snapshot!(wrong("ColumnValues a > 1 with x = 5 with x = 6"), @"r:1:41: the rule has two tags `x`");
    insta::assert_snapshot!(wrong("ColumnValues a > 1 labels=[]"), @"r:1:38: found `]`; expected a label's key in double quotes");
    insta::assert_snapshot!(wrong("ColumnValues a matches $x"), @"r:1:34: found `$x`; expected a regular expression in double quotes");
    insta::assert_snapshot!(wrong("ColumnValues a between now() - 3 days and now()"), @"r:1:40: found `-`; expected `and`: between A and B, both ends excluded | put it in parentheses, such as `(now() - 3 days)`");
    insta::assert_snapshot!(wrong("(RowCount > 1"), @"r:1:25: found `]`; expected `)`, `and`, `or`, a condition, `where`, `labels` or `with`");
}

#[test]
fn eleven_labels_are_too_many() {
    let labels = |from: u32, to: u32| (from..to).map(|n| format!("\"k{n}\"=\"v\"")).collect::<Vec<_>>().join(",");
    let text =
        |own: u32| format!("DefaultLabels=[{}] Rules = [ RowCount > 0 labels=[{}] ]", labels(0, 8), labels(7, 7 + own));
    assert!(parse(&text(2), "r").is_ok());
    assert!(parse(&text(3), "r").is_err());
}
