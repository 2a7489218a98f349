//! Properties of the parser, the printer, the formatter and the warnings over any text.

use proptest::prelude::*;

use super::parse;
use crate::ast::{Node, Ruleset};
use crate::exercise::ruleset as exercise;
use crate::{format, lint};

/// Rules as text and as trees, analyzers as text.
type Meaning = (Vec<String>, Vec<Node>, Vec<String>);

/// The rules without the places at which they stand.
fn meaning(text: &str) -> Result<Meaning, TestCaseError> {
    let ruleset: Ruleset = parse(text, "t").map_err(|error| TestCaseError::fail(format!("{text}\n{error}")))?;
    let texts = ruleset.rules().iter().map(|rule| format!("{} {:?}", rule.text(), rule.labels())).collect();
    let nodes = ruleset.rules().iter().map(|rule| placeless(&rule.node)).collect();
    Ok((texts, nodes, ruleset.analyzers().iter().map(|a| a.text().to_owned()).collect()))
}

fn placeless(node: &Node) -> Node {
    match node {
        Node::Leaf(leaf) => Node::Leaf(Box::new(crate::ast::Leaf { start: 0, ..leaf.as_ref().clone() })),
        Node::And(nodes) => Node::And(nodes.iter().map(placeless).collect()),
        Node::Or(nodes) => Node::Or(nodes.iter().map(placeless).collect()),
    }
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "c_[a-z0-9.]{0,6}",
        "\"[a-zA-Z0-9_ .é'\\-]{0,8}\"",
        Just("\"a\\\\b \\\" c\"".to_owned()),
        Just("$one".to_owned()),
    ]
}

fn number() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        "[0-9]{1,4}",
        "- ?[0-9]{1,3}\\.[0-9]{1,3}",
        Just("last()".to_owned()),
        "(avg|median|max|min|sum|std)\\(last\\([1-9][0-9]?\\)\\)",
        "index\\( last\\(9\\),[0-8]\\)",
        "abs\\(-[0-9]\\)",
    ];
    atom.prop_recursive(4, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), "[-+*]", inner.clone()).prop_map(|(a, o, b)| format!("{a} {o} {b}")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner.prop_map(|a| format!("-({a})")),
        ]
    })
}

fn compared(operand: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = String> {
    let operand = operand.boxed();
    prop_oneof![
        ("(>|>=|<|<=|=|!=|! =)", operand.clone()).prop_map(|(o, a)| format!("{o}{a}")),
        ("(not )?", operand.clone(), "(and|AND)", operand.clone())
            .prop_map(|(n, a, and, b)| format!("{n}between {a} {and} {b}")),
        ("(not )?", prop::collection::vec(operand, 1..4)).prop_map(|(n, list)| format!("{n}in [{}]", list.join(","))),
    ]
}

fn date() -> impl Strategy<Value = String> {
    prop_oneof![
        "\"20[0-9]{2}-0[1-9]-[12][0-8]\"",
        "\"[01][0-9]:[0-5][0-9]\"",
        "\"(0?[1-9]|1[0-2]):[0-5][0-9] [AP]M\"",
        Just("now()".to_owned()),
        "\\(now\\(\\) ?[-+] ?[0-9]{1,5} (days|hours|minutes)\\)",
    ]
}

fn texts() -> impl Strategy<Value = String> {
    let text =
        prop_oneof!["\"[a-z ,=#\\[\\]]{0,5}\"", Just("\"a\\\\\\\"b\"".to_owned()), "(NULL|empty|WHITESPACES_ONLY)"];
    prop_oneof![
        ("(not )?", prop::collection::vec(text, 1..4))
            .prop_map(|(n, list)| format!("{n}in [\"x\", {}]", list.join(" , "))),
        "(not )?in \\$(one|many)",
        "(!?= ?|not matches |matches )\"[a-z|()]{0,6}\"",
        Just("= EMPTY".to_owned()),
    ]
}

fn leaf() -> impl Strategy<Value = String> {
    let value = prop_oneof![compared(number()).boxed(), compared(date()).boxed(), texts().boxed()];
    prop_oneof![
        compared(number()).prop_map(|c| format!("RowCount {c}")),
        (name(), value, "(| with threshold ?>=? ?0\\.[0-9]| with threshold = \"1\")", "(| with format = [5-9])")
            .prop_map(|(n, c, threshold, tag)| format!("ColumnValues {n} {c}{threshold}{tag}")),
        (name(), name(), "(| where \"a > 1\")").prop_map(|(a, b, w)| format!("IsUnique of {a} and {b}{w}")),
        (name(), compared("[1-9]{1,3} (days|hours|minutes)")).prop_map(|(n, c)| format!("DataFreshness {n} {c}")),
        prop_oneof![compared("[0-9]{1,5}").boxed(), compared("[0-9]{1,5} [KMGT]?B").boxed()]
            .prop_map(|c| format!("FileSize {c} with recentFiles = 3 with order = [\"a\" ,\"b\"]")),
        Just("FileMatch \"a\" \"b\" with failFast = true".to_owned()),
    ]
}

fn labelled() -> impl Strategy<Value = String> {
    (leaf(), "(| labels ?= ?\\[\"[a-d]\" ?= ?\"[e-h]\"\\])").prop_map(|(leaf, labels)| format!("{leaf}{labels}"))
}

fn rule() -> impl Strategy<Value = String> {
    labelled().prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            (inner.clone(), "(and|AND|or|OR)", inner.clone()).prop_map(|(a, w, b)| format!("{a} {w} {b}")),
            inner.prop_map(|a| format!("({a}) ")),
        ]
    })
}

fn gap() -> impl Strategy<Value = String> {
    "( |\n|\r\n|\t|\n\n\n| # c, \"\\[x\n|#\n)"
}

fn document() -> impl Strategy<Value = String> {
    let analyzers = "(| Analyzers = \\[Mean a,Distribution b with bins=5, rebin = true, RowCount \\])";
    (prop::collection::vec((gap(), rule(), gap()), 1..5), gap(), analyzers, gap()).prop_map(
        |(rules, open, analyzers, end)| {
            let rules: Vec<String> =
                rules.into_iter().map(|(before, rule, after)| format!("{before}{rule}{after}")).collect();
            format!("one = \"v\\\\w\" many=[\"a\\\\b\",{open}\"c\"] Rules ={open}[{}]{analyzers}{end}", rules.join(","))
        },
    )
}

/// Words, symbols and values of the language, in any order.
fn soup() -> impl Strategy<Value = String> {
    let words = "Rules|Analyzers|Metadata|DataSources|DefaultLabels|RowCount|ColumnValues|IsComplete|FileSize|CustomSql|\
        Distribution|AllStatistics|and|or|of|not|in|between|matches|where|with|threshold|labels|NULL|EMPTY|last|avg|index|now\\(\\)|\
        days|MB|true|a|b\\.c|\\$x|\"s\"|\"2024-01-01\"|\"12:30\"|\"9:05 PM\"|\"\"|[0-9]{1,3}|1\\.5|\\[|\\]|\\(|\\)|\\{|\\}|,|:|=|>|<=|!|\\+|-|\\*|/|\
        # c\n";
    prop::collection::vec(proptest::string::string_regex(words).unwrap(), 0..40).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_ruleset_printed_rule_by_rule_is_the_same(text in document()) {
        let (texts, nodes, analyzers) = meaning(&text)?;
        let ruleset = parse(&text, "t").unwrap();
        let rules: Vec<&str> = ruleset.rules().iter().map(crate::Rule::text).collect();
        let printed = format!("Rules = [{}] Analyzers = [{}]", rules.join(","), analyzers.join(","));
        let again = meaning(&printed)?;
        prop_assert_eq!(&again.1, &nodes, "{}", printed);
        prop_assert_eq!(again.2, analyzers);
        prop_assert_eq!(again.0.len(), texts.len());
    }

    #[test]
    fn a_formatted_ruleset_is_the_same_and_stays(text in document()) {
        let formatted = format(&text, "t").unwrap();
        prop_assert_eq!(meaning(&text)?, meaning(&formatted)?, "{}", formatted);
        prop_assert_eq!(&format(&formatted, "t").unwrap(), &formatted);
        prop_assert_eq!(text.matches("# c").count(), formatted.matches("# c").count(), "{}", formatted);
        prop_assert!(formatted.ends_with('\n') && !formatted.contains('\r'));
        let form = ["part-order", "bare-composite", "carriage-return", "final-comment", "flat-arithmetic"];
        let warnings = lint(&parse(&formatted, "t").unwrap(), None);
        prop_assert!(!warnings.iter().any(|w| form.contains(&w.code)), "{}", formatted);
    }

    #[test]
    fn any_words_are_read_or_refused(text in soup()) {
        exercise(text.as_bytes());
        exercise(format!("Rules = [ {text} ]").as_bytes());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        exercise(&bytes);
    }

    #[test]
    fn mutated_rulesets_are_read_or_refused(
        text in document(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..6),
    ) {
        let mut bytes = text.into_bytes();
        for (at, byte, kind) in edits {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => bytes.truncate(at.max(1)),
            }
        }
        exercise(&bytes);
    }

    #[test]
    fn errors_point_into_the_text(text in soup()) {
        let text = format!("Rules = [ RowCount > 1,\n {text} ]");
        if let Err(error) = parse(&text, "t") {
            let place = error.place().unwrap().to_owned();
            let mut parts = place.split(':').skip(1).map(|part| part.parse::<usize>().unwrap());
            let (line, column) = (parts.next().unwrap(), parts.next().unwrap());
            let length = text.split('\n').nth(line - 1).unwrap().chars().count();
            prop_assert!(column >= 1 && column <= length + 1, "{}: {}", text, error);
        }
    }
}

/// What the fuzzer begins with: each is read, and together they have every rule type.
#[test]
fn seeds_of_the_fuzzer_cover_the_rule_types() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/ruleset");
    let seeds = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found = std::collections::BTreeSet::new();
    for seed in seeds.filter(|path| path.extension().is_some_and(|extension| extension == "dqdl")) {
        let text = std::fs::read_to_string(&seed).unwrap();
        let ruleset = parse(&text, "t").unwrap_or_else(|error| panic!("{}: {error}", seed.display()));
        found.extend(ruleset.rules().iter().flat_map(|rule| rule.node.leaves()).map(|leaf| leaf.name().to_owned()));
        exercise(text.as_bytes());
    }
    let missing: Vec<_> =
        crate::rule_type::RULE_TYPES.iter().filter(|t| !found.contains(t.name)).map(|t| t.name).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn nothing_that_is_deep_overflows_the_stack() {
    let times = 200_000;
    let nested = |open: &str, inner: &str, close: &str| {
        format!("Rules = [ {}{inner}{} ]", open.repeat(times), close.repeat(times))
    };
    for text in [
        nested("(", "RowCount > 1", ")"),
        nested("(RowCount > 1) and (", "RowCount > 1", ")"),
        nested("RowCount > (", "1", ")"),
        nested("RowCount > ", "1", ""),
        format!("Rules = [ RowCount > {} ]", "-(".repeat(times)),
        format!("Rules = [ RowCount > {}1 ]", "- ".repeat(times)),
        format!("Rules = [ RowCount > {}1 ]", "1+".repeat(times)),
        format!("Rules = [ RowCount > {}last() ]", "last()+".repeat(times)),
        format!("Rules = [ RowCount > {} ]", "abs(".repeat(times)),
        format!("Rules = [ RowCount > {} ]", "index(".repeat(times)),
        format!("Rules = [ {}RowCount > 1 ]", "RowCount > 1 and ".repeat(times)),
        format!("Metadata = {}", "{".repeat(times)),
        format!("x = {}", "[".repeat(times)),
        "\"".repeat(times),
        "#".repeat(times),
        format!("Rules = [ RowCount {} ]", "with a = 1 ".repeat(times)),
        format!("Rules = [ IsUnique {} ]", "a ".repeat(times)),
    ] {
        exercise(text.as_bytes());
    }
    // As deep as may be, it is also printed, formatted and looked at.
    for depth in [60, 63] {
        let text = format!(
            "Rules = [ {}RowCount > {}last(){}{} ]",
            "(".repeat(depth - 30),
            "(1 + ".repeat(30),
            ")".repeat(30),
            ")".repeat(depth - 30)
        );
        parse(&text, "t").unwrap();
        exercise(text.as_bytes());
    }
    for (long, is_read) in [
        ("last() + ".repeat(250), true),
        ("last() * 2 - ".repeat(30), true),
        // Its canonical form would have more parentheses than are read.
        ("last() * 2 - ".repeat(40), false),
    ] {
        let text = format!("Rules = [ RowCount > {long}last() ]");
        assert_eq!(parse(&text, "t").is_ok(), is_read);
        exercise(text.as_bytes());
    }
}

#[test]
fn thousands_of_rules_are_read_printed_and_linted() {
    let text = |count: usize| {
        let rules: Vec<String> = (0..count)
            .map(|n| {
                format!("    ColumnValues \"column_{n}\" in [\"a\", \"b\"] where \"x > {n}\" with threshold > 0.5")
            })
            .collect();
        format!("Rules = [\n{}\n]\n", rules.join(",\n"))
    };
    let text = text(8_000);
    assert_eq!(format(&text, "t").unwrap(), text);
    assert!(!lint(&parse(&text, "t").unwrap(), None).iter().any(|w| w.code == "duplicate-rule"));
}
