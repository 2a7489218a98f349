//! Canonical text: comments, order, parentheses.

use super::format;
use crate::parse;

fn formatted(text: &str) -> String {
    let formatted = format(text, "t").unwrap_or_else(|error| panic!("{text}\n{error}"));
    assert_eq!(format(&formatted, "t").unwrap(), formatted, "formatting again changes nothing");
    let rules = |text: &str| parse(text, "t").unwrap().rules().iter().map(|r| r.text().to_owned()).collect::<Vec<_>>();
    assert_eq!(rules(text), rules(&formatted));
    formatted
}

fn rule(text: &str) -> String {
    let formatted = formatted(&format!("Rules=[{text}]"));
    formatted.trim_start_matches("Rules = [\n    ").trim_end_matches("\n]\n").to_owned()
}

#[test]
fn comments_stay_where_they_stood() {
    let text = "\
# About orders.\r\n\r\n\r
Metadata={\"Version\" : \"1.0\"} # version\r
  # names\r
states=[\"a\" , # first\r
 \"b\"]\r
other = \"x\"\r
DefaultLabels = [ \"team\" = \"shop\" , \"x\"=\"y\" ]\r
# the rules
Rules = [ # open
\t# before the first
   RowCount>0 # before the comma
   , IsComplete \"a\", # behind the comma
   # before the third


   ColumnValues \"s\" in # inside
     $states, IsUnique \"a\" # last
   # at the end
] Analyzers=[RowCount] # done
# the end";
    insta::assert_snapshot!(formatted(text), @r#"# About orders.

Metadata = { "Version": "1.0" } # version
# names
# first
states = ["a", "b"]
other = "x"
DefaultLabels=["team"="shop", "x"="y"]

# the rules
Rules = [ # open
    # before the first
    RowCount > 0, # before the comma
    IsComplete "a", # behind the comma
    # before the third

    # inside
    ColumnValues "s" in $states,
    IsUnique "a" # last
    # at the end
]

Analyzers = [
    RowCount
] # done
# the end"#);
}

#[test]
fn a_rule_has_the_order_and_the_parentheses_of_the_grammar() {
    let parts =
        "ColumnValues of a>1+2*3 with threshold>=.5 labels = [ \"k\" = \"v\",\"l\"=\"w\" ] with x=- 1 where \"b\"";
    insta::assert_snapshot!(rule(&parts.replace(".5", "0.5")), @r#"ColumnValues of a > (1 + 2) * 3 where "b" labels=["k"="v", "l"="w"] with threshold >= 0.5 with x = -1"#);
    insta::assert_snapshot!(rule("RowCount>1 or RowCount>2 and RowCount>3 labels=[\"a\"=\"b\"]"), @r#"(RowCount > 1) OR ((RowCount > 2) AND (RowCount > 3 labels=["a"="b"]))"#);
    insta::assert_snapshot!(rule("((RowCount>1)and(RowCount>2))labels=[\"a\"=\"b\"]"), @r#"((RowCount > 1) AND (RowCount > 2)) labels=["a"="b"]"#);
    insta::assert_snapshot!(rule("RowCount between 1+2*3-4*5 AND - 6"), @"RowCount between (((1 + 2) * 3) - 4) * 5 and -6");
    insta::assert_snapshot!(rule("RowCount in [1*2/3, -(4+5), -avg( last( 3 ) ), (7), 8- -9]"), @"RowCount in [1 * 2 / 3, (0 - (4 + 5)), (0 - avg(last(3))), (7), 8 - -9]");
    insta::assert_snapshot!(rule("RowCount>index( last( 5 ) ,0 )*( 2+3*4 )"), @"RowCount > index(last(5), 0) * ((2 + 3) * 4)");
    insta::assert_snapshot!(rule("ColumnValues a not in [null,empty , \"x\", whitespaces_only]"), @r#"ColumnValues a not in [NULL, EMPTY, "x", WHITESPACES_ONLY]"#);
    insta::assert_snapshot!(rule("ColumnValues a between (now()-3 days) and now()"), @"ColumnValues a between (now() - 3 days) and now()");
    insta::assert_snapshot!(rule("ColumnCorrelation OF a AND \"b c\" ! = 0.5"), @r#"ColumnCorrelation of a and "b c" != 0.5"#);
    insta::assert_snapshot!(rule("FileFreshness > now() with filterOrder=[\"uriRegex\",\"recentFiles\"]with failFast = true"), @r#"FileFreshness > now() with filterOrder = ["uriRegex", "recentFiles"] with failFast = true"#);
    insta::assert_snapshot!(rule("CustomSql \"select 1\r\n  from primary\" > 0"), @r#"CustomSql "select 1
  from primary" > 0"#);
}

#[test]
fn carriage_returns_before_a_line_end_are_no_text() {
    let text = "Rules = [ CustomSql \"select 1\r\r\n from primary\" > 0 ]\r\r\n";
    assert_eq!(formatted(text), "Rules = [\n    CustomSql \"select 1\n from primary\" > 0\n]\n");
    crate::exercise::ruleset(text.as_bytes());
}

#[test]
fn empty_lists_and_analyzers_have_a_form() {
    insta::assert_snapshot!(formatted("Rules=[]Analyzers=[Distribution \"a\" with bins=20,rebin=false,Mean b]"), @r#"Rules = []

Analyzers = [
    Distribution "a" with bins = 20, rebin = false,
    Mean b
]"#);
    insta::assert_snapshot!(formatted("Rules=[ # none\n]\n\n\n\nAnalyzers=[ Mean b ]"), @"Rules = [ # none
]

Analyzers = [
    Mean b
]");
    insta::assert_snapshot!(formatted("#!x\nRules # a\n = # b\n [ RowCount > 0 ] # c"), @"#!x
# a
# b
Rules = [
    RowCount > 0
] # c");
}
