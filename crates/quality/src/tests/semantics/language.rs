//! What the specification says of words, documents, parts of rules, labels, tags and constants: each of its sentences once.

use crate::rule_type::RULE_TYPES;
use crate::{Ruleset, parse};

fn reads(text: &str) -> bool {
    parse(text, "t").is_ok()
}

/// Whether a list of this one rule is read.
fn is_rule(rule: &str) -> bool {
    reads(&format!("Rules = [ {rule} ]"))
}

fn ruleset(text: &str) -> Ruleset {
    parse(text, "t").unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn printed(rule: &str) -> String {
    ruleset(&format!("Rules = [ {rule} ]")).rules()[0].text().to_owned()
}

/// Rules that are read, and others that differ in a letter and are not.
fn told_apart(good: &[&str], bad: &[&str]) {
    let refused: Vec<_> = good.iter().filter(|rule| !is_rule(rule)).collect();
    let taken: Vec<_> = bad.iter().filter(|rule| is_rule(rule)).collect();
    assert!(refused.is_empty() && taken.is_empty(), "refused: {refused:?}; taken: {taken:?}");
}

#[test]
fn some_words_are_read_in_two_cases_and_in_no_mixture() {
    told_apart(
        &[
            "(RowCount > 1) and (RowCount > 2)",
            "(RowCount > 1) AND (RowCount > 2)",
            "(RowCount > 1) or (RowCount > 2)",
            "(RowCount > 1) OR (RowCount > 2)",
            "ColumnCorrelation of a of b > 0",
            "ColumnCorrelation OF a AND b > 0",
            "ColumnValues a = null",
            "ColumnValues a = NULL",
            "ColumnValues a = empty",
            "ColumnValues a = EMPTY",
            "ColumnValues a = whitespaces_only",
            "ColumnValues a = WHITESPACES_ONLY",
            "RowCount between 1 AND 3",
        ],
        &[
            "(RowCount > 1) And (RowCount > 2)",
            "(RowCount > 1) Or (RowCount > 2)",
            "ColumnCorrelation Of a Of b > 0",
            "ColumnValues a = Null",
            "ColumnValues a = Empty",
            "ColumnValues a = Whitespaces_Only",
            "RowCount between 1 And 3",
            "RowCount BETWEEN 1 and 3",
            "RowCount Between 1 and 3",
            "ColumnValues a IN [1]",
            "ColumnValues a NOT in [1]",
            "ColumnValues a MATCHES \"b\"",
            "RowCount > 1 WHERE \"b\"",
            "RowCount > 1 WITH x = 1",
            "RowCount > 1 LABELS=[\"a\"=\"b\"]",
            "DataFreshness a < 3 DAYS",
            "DataFreshness a < 3 Hours",
            "DataFreshness a < 3 day", // the plural alone
            "FileSize > 3 kb",
            "FileSize > 3 Kb",
            "rowCount > 1",
            "ROWCOUNT > 1",
            "CustomSQL \"select 1\" > 0",
        ],
    );
    for bad in [
        "RULES = [ RowCount > 1 ]",
        "rules = [ RowCount > 1 ]",
        "defaultLabels = [\"a\"=\"b\"] Rules = [ RowCount > 1 ]",
        "metadata = {\"Version\": \"1\"} Rules = [ RowCount > 1 ]",
        "ANALYZERS = [ RowCount ]",
    ] {
        assert!(!reads(bad), "{bad}");
    }
}

#[test]
fn white_space_comments_and_strings() {
    assert!(reads("\tRules\n=\r\n[\tRowCount>0]"));
    assert!(!reads("Rules = [ RowCount\u{a0}> 0 ]") && !reads("Rules = [ RowCount\u{c}> 0 ]"));
    // The line break at its end is not asked for.
    assert!(reads("# one\nRules = [ # two\n RowCount > 0 # three\n] # four"));
    assert!(reads("Rules = [ CustomSql \"select '#' from primary\" > 0 ]"));
    assert!(!reads("// one\nRules = [ RowCount > 0 ]") && !reads("/* one */ Rules = [ RowCount > 0 ]"));
    assert!(!is_rule("IsComplete 'a'") && !is_rule("IsComplete \"a") && !is_rule("IsComplete `a`"));
    // A string may go over lines, which end in LF whatever the file has.
    assert_eq!(printed("CustomSql \"select\r\n 1\" > 0"), "CustomSql \"select\n 1\" > 0");
    // Parameters keep their backslashes, lists lose one level, operands and patterns keep what is written.
    assert_eq!(printed(r#"IsComplete "a\\b\"c""#), r#"IsComplete "a\\b\"c""#);
    assert_eq!(printed(r#"ColumnValues a = "b\\c""#), r#"ColumnValues "a" = "b\\c""#);
    assert_eq!(printed(r#"ColumnValues a matches "\\d\.""#), r#"ColumnValues "a" matches "\\d\.""#);
    let list = ruleset(r#"Rules = [ ColumnValues a in ["b\\c", "\d", "\"", "'"] ]"#);
    let crate::condition::Condition::Text(texts) = list.rules()[0].node.leaves()[0].condition.clone().unwrap() else {
        panic!()
    };
    let expected = [r"b\c", "d", "\"", "'"].map(|text| crate::condition::TextOperand::Text(text.to_owned()));
    assert_eq!(texts, crate::condition::Comparison::In(expected.to_vec(), false));
}

#[test]
fn numbers_and_names() {
    told_apart(
        &[
            "RowCount > 007",
            "RowCount > 1.50",
            "RowCount > -1.5",
            "RowCount > - 1",
            "RowCount > --1",
            "IsComplete a.b_C9",
            "IsComplete 1a",
            "IsComplete _a",
            "IsComplete \"days\"",
            "IsComplete Rows",
            "ColumnValues a > now()",
            "FileSize > 5 KB",
            "DataFreshness a < 3 days",
        ],
        &[
            "RowCount > 1e5",
            "RowCount > .5",
            "RowCount > 5.",
            "RowCount > +5",
            "RowCount > 1,000",
            "RowCount > 1_000",
            "RowCount > 0x1F",
            "FileSize > 5KB",
            "DataFreshness a < 3days",
            "DataFreshness a < 1.5 days",
            "DataFreshness a < -1 days",
            "IsComplete days",
            "IsComplete where",
            "IsComplete Rules",
            "IsComplete KB",
            "IsComplete a-b",
            "IsComplete größe",
            "ColumnValues a > now( )",
            "ColumnValues a > now ()",
            "ColumnValues a > Now()",
        ],
    );
}

#[test]
fn strings_of_the_form_of_dates_are_dates() {
    told_apart(
        &[
            "ColumnValues a > \"2022-01-01\"",
            "ColumnValues a > \"9:05 AM\"",
            "ColumnValues a > \"09:05 PM\"",
            "ColumnValues a > \"23:59\"",
            "ColumnValues a in [\"2022-01-01\", \"23:59\", NULL]",
            "ColumnValues a in [\"2022-1-1\", \"x\"]",
        ],
        &[
            "ColumnValues a in [\"2022-01-01\", \"x\"]",
            "ColumnValues a in [\"2022-01-01\", EMPTY]",
            "ColumnValues a in [\"2022-01-01\", 5]",
            "ColumnValues a > \"2022-1-1\"", // a text, which has no order
            "ColumnValues a > \"9:05 am\"",
            "ColumnValues a > \"9:05\"",
            "ColumnValues a > \"2022-13-01\"",
            "ColumnValues a > \"24:00\"",
        ],
    );
}

#[test]
fn a_document_has_its_parts_in_one_order() {
    let parts = [
        "Metadata = {\"Version\": \"1\"}",
        "DataSources = {\"Primary\": \"p\", \"AdditionalDataSources\": [\"q\"]}",
        "c = \"v\"",
        "DefaultLabels = [\"a\"=\"b\"]",
        "Rules = [ RowCount > 0 ]",
        "Analyzers = [ RowCount ]",
    ];
    assert!(reads(&parts.join("\n")));
    for missing in 0..parts.len() {
        let rest: Vec<&str> =
            parts.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, part)| *part).collect();
        assert!(reads(&rest.join("\n")), "{rest:?}");
    }
    for first in 0..parts.len() - 1 {
        let mut swapped = parts;
        swapped.swap(first, first + 1);
        assert!(!reads(&swapped.join("\n")), "{swapped:?}");
        assert!(
            !reads(&format!("{}\n{}", parts[first], parts.join("\n"))) || parts[first].starts_with("c ="),
            "{first} twice"
        );
    }
    for bad in [
        "",
        "Rules = []",
        "Rules = [] Analyzers = []",
        "c = \"v\"",
        "Rules = [ RowCount > 0, ]",
        "Rules = [ , RowCount > 0 ]",
        "Rules = [ RowCount > 0 RowCount > 1 ]",
        "Analyzers = [ RowCount, ]",
        "Rules = [ RowCount > 0 ]]",
        "Rules = [ RowCount > 0 ] more",
        "Metadata = {} Rules = [ RowCount > 0 ]",
        "Metadata = {\"Author\": \"me\"} Rules = [ RowCount > 0 ]",
        "DataSources = {} Rules = [ RowCount > 0 ]",
        "DataSources = {\"Other\": \"o\"} Rules = [ RowCount > 0 ]",
        "DataSources = {\"AdditionalDataSources\": \"o\"} Rules = [ RowCount > 0 ]",
        "DataSources = {\"AdditionalDataSources\": []} Rules = [ RowCount > 0 ]",
        "DataSources = {\"Primary\": \"p\",} Rules = [ RowCount > 0 ]",
    ] {
        assert!(!reads(bad), "{bad}");
    }
    assert!(reads("Rules = [] Analyzers = [ RowCount ]"));
}

const NUMBER: &str = "> 0.5";
const TEXT: &str = "= \"x\"";
const DATE: &str = "> \"2026-01-01\"";
const AGE: &str = "< 3 hours";
const SIZE: &str = "> 3 KB";

/// Its name, how many parameters it may have (of none to three), the conditions it takes, whether it takes `where` and a threshold.
type Taken = (&'static str, &'static [usize], &'static [&'static str], bool, bool);

/// The table of the specification, and what the open engine adds.
const TAKEN: [Taken; 38] = [
    ("RowCount", &[0], &[NUMBER], true, false),
    ("ColumnCount", &[0], &[NUMBER], false, false),
    ("ColumnExists", &[1], &[""], false, false),
    ("ColumnNamesMatchPattern", &[1], &[""], false, false),
    ("Completeness", &[1], &[NUMBER], true, false),
    ("IsComplete", &[1], &[""], true, false),
    ("Uniqueness", &[1, 2, 3], &[NUMBER], true, false),
    ("IsUnique", &[1, 2, 3], &[""], true, false),
    ("IsPrimaryKey", &[1, 2, 3], &[""], true, false),
    ("UniqueValueRatio", &[1], &[NUMBER], true, false),
    ("DistinctValuesCount", &[1], &[NUMBER], true, false),
    ("Entropy", &[1], &[NUMBER], true, false),
    ("Mean", &[1], &[NUMBER], true, false),
    ("Sum", &[1], &[NUMBER], true, false),
    ("StandardDeviation", &[1], &[NUMBER], true, false),
    ("Variance", &[1], &[NUMBER], true, false),
    ("ColumnCorrelation", &[2], &[NUMBER], true, false),
    ("ColumnLength", &[1], &[NUMBER], true, false),
    ("ColumnValues", &[1], &[NUMBER, TEXT, DATE], true, true),
    ("ColumnDataType", &[1], &[TEXT], true, true),
    ("DataFreshness", &[1], &[AGE], true, false),
    ("CustomSql", &[1], &["", NUMBER], false, true),
    ("ReferentialIntegrity", &[2], &[NUMBER], false, false),
    ("DatasetMatch", &[2, 3], &[NUMBER], false, false),
    ("SchemaMatch", &[1], &[NUMBER], false, false),
    ("RowCountMatch", &[1], &[NUMBER], false, false),
    ("AggregateMatch", &[2], &[NUMBER], false, false),
    ("DetectAnomalies", &[1, 2, 3], &[""], false, false),
    ("FileFreshness", &[0, 1], &[DATE], false, true),
    ("FileSize", &[0, 1], &[SIZE], false, true),
    ("FileUniqueness", &[0, 1], &[NUMBER], false, false),
    ("FileMatch", &[2], &[""], false, false),
    ("Range", &[1], &[NUMBER], true, false),
    ("InterquartileRange", &[1], &[NUMBER], true, false),
    ("Skewness", &[1], &[NUMBER], true, false),
    ("Kurtosis", &[1], &[NUMBER], true, false),
    ("ZerosCount", &[1], &[NUMBER], true, false),
    ("DuplicateRowCount", &[0, 1, 2, 3], &[NUMBER], true, false),
];

#[test]
fn every_rule_type_takes_what_the_specification_says() {
    const KINDS: [&str; 6] = ["", NUMBER, TEXT, DATE, AGE, SIZE];
    assert_eq!(TAKEN.len(), RULE_TYPES.len());
    for (name, counts, kinds, filter, threshold) in TAKEN {
        let rule = |count: usize, rest: &str| format!("{name} {} {rest}", "\"p\" ".repeat(count));
        let condition = kinds.last().copied().unwrap_or_default();
        for count in 0..4 {
            let expected = counts.contains(&count);
            assert_eq!(is_rule(&rule(count, condition)), expected, "{name} with {count} parameters");
        }
        let count = counts[0];
        for kind in KINDS {
            let expected = kinds.contains(&kind);
            assert_eq!(is_rule(&rule(count, kind)), expected, "{name} {kind}");
        }
        assert_eq!(is_rule(&rule(count, &format!("{condition} where \"p > 1\""))), filter, "{name} where");
        assert_eq!(is_rule(&rule(count, &format!("{condition} with threshold > 0.5"))), threshold, "{name} threshold");
        assert!(is_rule(&rule(count, &format!("{condition} with anyTag = \"x\""))), "{name} with a tag");
    }
    // Files are compared with each other or with a list of digests.
    told_apart(
        &["FileMatch in [\"00\"]", "FileMatch \"p\" in [\"00\"]", "FileMatch \"p\" = \"00\"", "FileSize > 5"],
        &[
            "FileMatch",
            "FileMatch \"p\"",
            "FileMatch \"p\" \"q\" in [\"00\"]",
            "FileMatch \"p\" \"q\" \"r\"",
            "Completeness a = \"1.0\"",
        ],
    );
}

/// Which forms of conditions there are for which kind of value.
#[test]
fn conditions_have_the_forms_of_their_kind() {
    for (rule, value, other, ordered, lists, matches) in [
        ("RowCount", "5", "6.5", true, true, false),
        ("ColumnValues a", "5", "6.5", true, true, true),
        ("ColumnValues a", "\"x\"", "\"y\"", false, true, true),
        ("ColumnValues a", "\"2026-01-01\"", "now()", true, true, true),
        ("DataFreshness a", "5 hours", "2 days", true, true, false),
        ("FileSize", "5 B", "6 TB", true, true, false),
        ("FileFreshness", "\"10:30\"", "(now() - 3 hours)", true, true, false),
    ] {
        for (condition, expected) in [
            (format!("= {value}"), true),
            (format!("!= {value}"), true),
            (format!("> {value}"), ordered),
            (format!(">= {value}"), ordered),
            (format!("< {value}"), ordered),
            (format!("<= {value}"), ordered),
            (format!("between {value} and {other}"), ordered),
            (format!("not between {value} and {other}"), ordered),
            (format!("between {value} {other}"), false),
            (format!("between {value}, {other}"), false),
            (format!("in [{value}, {other}]"), lists),
            (format!("not in [{value}, {other}]"), lists),
            (format!("in {value}"), false),
            ("in []".to_owned(), false),
            (format!("in [{value},]"), false),
            (format!("not = {value}"), false),
            (format!("== {value}"), false),
            (format!("<> {value}"), false),
            ("matches \"x\"".to_owned(), matches),
            ("not matches \"x\"".to_owned(), matches),
            ("matches x".to_owned(), false),
        ] {
            assert_eq!(is_rule(&format!("{rule} {condition}")), expected, "{rule} {condition}");
        }
    }
}

/// `+ - * /` have one precedence; offsets of `now()` have parentheses; functions stand only among numbers.
#[test]
fn operands() {
    for (expression, value) in [
        ("1 + 2 * 3", "9"),
        ("10 - 4 / 2", "3"),
        ("2 * 3 + 1", "7"),
        ("1 + (2 * 3)", "7"),
        ("8 / 2 / 2", "2"),
        ("1 - 2 - 3", "-4"),
        ("-2 * -3", "6"),
    ] {
        assert_eq!(printed(&format!("RowCount = {expression}")), format!("RowCount = {value}"));
    }
    told_apart(
        &[
            "ColumnValues a > (now() - 3 days)",
            "ColumnValues a > (now() + 15 minutes)",
            "RowCount > avg(last(10)) * 0.8",
            "RowCount between min(last(5)) and max(last(5))",
            "RowCount > index(last(5), 0)",
            "RowCount > abs(last() - 3)",
        ],
        &[
            "ColumnValues a > now() - 3 days",
            "ColumnValues a > (now() - 3)",
            "ColumnValues a > (now() - 1.5 days)",
            "ColumnValues a > (now() * 3 days)",
            "ColumnValues a > (now() - 3 months)",
            "ColumnValues a > (\"2026-01-01\" - 3 days)",
            "ColumnValues a > (now())",
            "DataFreshness a < last()",
            "ColumnValues a matches last()",
            "RowCount > NULL + 1",
            "FileSize > 5 KB + 1 KB",
        ],
    );
}

#[test]
fn filters_and_tags() {
    told_apart(
        &[
            "RowCount > 1 where \"a > 1\"",
            "ColumnValues a > 1 where \"b\" labels=[\"k\"=\"v\"] with threshold > 0.5 with timeZone = \"UTC\" with n = 5",
            "ColumnValues a > 1 with threshold > 0.5 labels=[\"k\"=\"v\"]", // the order of the documentation
            "ColumnValues a > 1 with unknown = \"x\"",
            "ColumnValues a > 1 with Threshold between 0.5 and 0.9",
            "FileSize > 1 with filterOrder = [\"uriRegex\",\"recentFiles\"]",
        ],
        &[
            "RowCount > 1 where \"\"",
            "RowCount > 1 where a > 1",
            "RowCount where \"a\" > 1", // the condition comes first
            "RowCount > 1 where \"a\" where \"b\"",
            "ColumnValues a > 1 with threshold > 0.5 with threshold > 0.6",
            "ColumnValues a > 1 with threshold",
            "ColumnValues a > 1 with threshold > \"0.5\"",
            "ColumnValues a > 1 with x",
            "ColumnValues a > 1 with x > 5",
            "ColumnValues a > 1 with x = y",
            "ColumnValues a > 1 with x != 5",
        ],
    );
    // Quotes are taken away, and nothing else: the predicate's own backslashes are Spark's.
    let filter = ruleset(r#"Rules = [ RowCount > 1 where "a rlike '\\d' and b = \"c\"" ]"#).rules()[0].node.leaves()[0]
        .filter
        .clone();
    assert_eq!(filter.as_deref(), Some(r#"a rlike '\\d' and b = \"c\""#));
}

#[test]
fn labels() {
    let own = |list: &str| is_rule(&format!("RowCount > 1 labels=[{list}]"));
    let (long, longer) = ("k".repeat(128), "k".repeat(129));
    assert!(own(&format!("\"{long}\"=\"v\"")) && !own(&format!("\"{longer}\"=\"v\"")));
    let (long, longer) = ("v".repeat(256), "v".repeat(257));
    assert!(own(&format!("\"k\"=\"{long}\"")) && !own(&format!("\"k\"=\"{longer}\"")));
    assert!(own("\"a\"=\"1\", \"A\"=\"2\"") && !own("\"a\"=\"1\", \"a\"=\"2\"")); // case counts
    assert!(
        own("\"a\"=\"\"")
            && !own("\"\"=\"v\"")
            && !own("")
            && !own("\"a\"=\"b\",")
            && !own("a=\"b\"")
            && !own("\"a\"=5")
    );
    let many = |count: usize| (0..count).map(|n| format!("\"k{n}\"=\"v\"")).collect::<Vec<_>>().join(",");
    assert!(own(&many(10)) && !own(&many(11)));
    // A rule's own label wins; both are counted.
    let labelled = ruleset(
        "DefaultLabels = [\"a\"=\"1\", \"b\"=\"2\"] Rules = [ RowCount > 0 labels=[\"b\"=\"3\"], RowCount > 1 ]",
    );
    let of = |rule: usize| labelled.rules()[rule].labels().iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>();
    assert_eq!((of(0), of(1)), (vec!["a=1".to_owned(), "b=3".to_owned()], vec!["a=1".to_owned(), "b=2".to_owned()]));
    let both = |own: usize| format!("DefaultLabels = [{}] Rules = [ RowCount > 0 labels=[{}] ]", many(9), many(own));
    assert!(reads(&both(1)) && !reads(&both(2)));
    assert!(is_rule("((RowCount > 1) and (RowCount > 2)) labels=[\"a\"=\"b\"]"));
    assert!(!is_rule("RowCount > 1 labels=[\"a\"=\"b\"] labels=[\"c\"=\"d\"]"));
}

#[test]
fn constants() {
    let with = |definition: &str, rule: &str| {
        parse(&format!("{definition} Rules = [ {rule} ]"), "t").map(|r| r.rules()[0].text().to_owned()).ok()
    };
    for (definition, rule, expected) in [
        ("c = \"a\"", "IsComplete $c", Some("IsComplete \"a\"")),
        ("c = \"select 1\"", "CustomSql $c > 0", Some("CustomSql \"select 1\" > 0")),
        ("c = [\"a\", \"b\"]", "ColumnValues x in $c", Some("ColumnValues \"x\" in [\"a\",\"b\"]")),
        ("c = [\"a\", \"b\"]", "ColumnValues x not in $c", Some("ColumnValues \"x\" not in [\"a\",\"b\"]")),
        ("c = \"a\"", "ColumnValues x in $c", Some("ColumnValues \"x\" in [\"a\"]")), // a list of one
        ("c = \"a\"", "ColumnValues x = $c", Some("ColumnValues \"x\" = \"a\"")),
        ("c = \"b\"", "ColumnValues x in [\"a\", $c]", Some("ColumnValues \"x\" in [\"a\",\"b\"]")),
        ("c = \"a\" d = \"b\"", "IsUnique $c $d", Some("IsUnique \"a\" \"b\"")),
        ("c = \"a\"", "IsComplete \"$c\"", Some("IsComplete \"$c\"")), // nothing is replaced inside of quotes
        ("c = \"a\"", "IsComplete b", Some("IsComplete \"b\"")),       // not used
        ("c = [\"a\", \"b\"]", "IsComplete $c", None),
        ("c = [\"a\", \"b\"]", "ColumnValues x = $c", None),
        ("c = \"5\"", "RowCount > $c", None),
        ("c = \"5\"", "RowCount = $c", None),
        ("c = \"a+\"", "ColumnValues x matches $c", None),
        ("c = \"a\"", "IsComplete $C", None),
        ("c = 5", "RowCount > 0", None),
        ("c = [5]", "RowCount > 0", None),
        ("c = []", "RowCount > 0", None),
        ("c = [\"a\",]", "RowCount > 0", None),
        (".c = \"a\"", "RowCount > 0", None),
        ("_c = \"a\"", "RowCount > 0", None),
        ("c = \"a\" c = \"b\"", "RowCount > 0", None),
        ("c = \"a\" d = \"$c\"", "RowCount > 0", None),
        ("c = \"a\" d = [\"b $c\"]", "RowCount > 0", None),
        ("c = \"5 $\"", "IsComplete $c", Some("IsComplete \"5 $\"")),
    ] {
        assert_eq!(with(definition, rule).as_deref(), expected, "{definition} {rule}");
    }
}

#[test]
fn analyzers() {
    for analyzer in [
        "RowCount",
        "Completeness \"a\"",
        "Uniqueness \"a\"",
        "Mean \"a\"",
        "Sum \"a\"",
        "StandardDeviation \"a\"",
        "Entropy \"a\"",
        "DistinctValuesCount \"a\"",
        "Distribution \"a\"",
        "UniqueValueRatio \"a\"",
        "ColumnCount",
        "ColumnLength \"a\"",
        "ColumnValues \"a\"",
        "ColumnCorrelation \"a\" \"b\"",
        "CustomSql \"select 1\"",
        "AllStatistics \"a\"",
    ] {
        assert!(reads(&format!("Analyzers = [ {analyzer} ]")), "{analyzer}");
        for more in ["> 5", "where \"a > 1\"", "labels=[\"a\"=\"b\"]", "with x = 5"] {
            assert!(!reads(&format!("Analyzers = [ {analyzer} {more} ]")), "{analyzer} {more}");
        }
    }
    for not in
        ["IsComplete \"a\"", "IsUnique \"a\"", "ColumnExists \"a\"", "DetectAnomalies \"RowCount\"", "Nope \"a\""]
    {
        assert!(!reads(&format!("Analyzers = [ {not} ]")), "{not}");
    }
    assert!(!is_rule("AllStatistics \"a\"") && !is_rule("AllStatistics \"a\" > 5") && !is_rule("Distribution \"a\""));
}
