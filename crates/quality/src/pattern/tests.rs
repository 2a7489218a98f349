//! The verdicts of Java 17, recorded by `tests/oracle/JavaRegex.java`, replayed.

use lakegate_contract::Error;
use proptest::prelude::*;

use super::Pattern;

#[derive(serde::Deserialize)]
struct Case {
    p: String,
    t: Vec<String>,
    v: String,
}

fn recorded() -> (Vec<String>, Vec<Case>) {
    let mut lines = include_str!("java17.jsonl").lines();
    let pool = serde_json::from_str(lines.next().unwrap()).unwrap();
    (pool, lines.map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// What Java runs, for reasons of its own, and this translation refuses by name.
const REFUSED_HERE: [&str; 2] = ["{2}", r"\1(a)"];
/// A mark upon nothing is no word to Java; here every mark is a part of one.
const DIFFERENT_HERE: [(&str, &str); 1] = [(r"\b", "\u{301}")];

#[test]
fn verdicts_are_those_of_java() {
    let (pool, cases) = recorded();
    let (mut compared, mut wrong) = (0, Vec::new());
    for case in &cases {
        let compiled = Pattern::full(&case.p).and_then(|full| Ok((full, Pattern::search(&case.p)?)));
        let (full, search) = match (compiled, case.v.as_str()) {
            (Err(_), "e") => continue,
            (Err(_), _) if REFUSED_HERE.contains(&case.p.as_str()) => continue,
            (Ok(_), "e") => {
                wrong.push(format!("{}: accepted, and Java refuses it", case.p));
                continue;
            }
            (Err(error), _) => {
                wrong.push(format!("{}: {error}", case.p));
                continue;
            }
            (Ok(both), _) => both,
        };
        for (text, java) in case.t.iter().chain(&pool).zip(case.v.chars()) {
            let own = match (full.is_match(text).unwrap(), search.is_match(text).unwrap()) {
                (true, _) => '2',
                (false, found) => {
                    if found {
                        '1'
                    } else {
                        '0'
                    }
                }
            };
            compared += 1;
            if own != java && !DIFFERENT_HERE.contains(&(case.p.as_str(), text.as_str())) {
                wrong.push(format!("{} on {text:?}: {own}, and Java says {java}", case.p));
            }
        }
    }
    assert!(compared > 20_000, "{compared}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn refusal(pattern: &str) -> String {
    match Pattern::full(pattern) {
        Ok(_) => format!("{pattern} is not refused"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_cannot_be_used_is_named() {
    insta::assert_snapshot!(refusal("a(b"), @r#"the regular expression "a(b" cannot be used: a group is not closed, at character 3; expected a regular expression of Java (java.util.regex)"#);
    insta::assert_snapshot!(refusal("a**"), @r#"the regular expression "a**" cannot be used: `*` repeats a repetition (put the inner one into a group), at character 3; expected a regular expression of Java (java.util.regex)"#);
    insta::assert_snapshot!(refusal(r"\p{Hangul}"), @r#"the regular expression "\p{Hangul}" cannot be used: `\p{Hangul}` is not a set of characters that is known here, at character 10; expected a regular expression of Java (java.util.regex)"#);
    insta::assert_snapshot!(refusal(r"\X"), @r#"the regular expression "\X" cannot be used: `\X` is not supported (write `.` or a class of characters), at character 2; expected a regular expression of Java (java.util.regex)"#);
    insta::assert_snapshot!(refusal(r"\1(a)"), @r#"the regular expression "\1(a)" cannot be used: `\1` refers to a group that is not there yet, at character 3; expected a regular expression of Java (java.util.regex)"#);
    insta::assert_snapshot!(refusal("(?P<year>a)"), @r#"the regular expression "(?P<year>a)" cannot be used: `(?` is followed by something that is neither a kind of group nor a flag (one of `idmsuxU`), at character 4; expected a regular expression of Java (java.util.regex)"#);
    insta::assert_snapshot!(refusal(r"\pL{500}"), @r#"the regular expression "\pL{500}" cannot be used: compiled it is larger than 8388608 bytes; expected a regular expression of Java (java.util.regex)"#);
    insta::assert_snapshot!(refusal("((a{1000}){1000}){1000}"), @r#"the regular expression "((a{1000}){1000}){1000}" cannot be used: its classes of characters come to more than 80000 ranges, counted anew for every eight repetitions; expected a regular expression of Java (java.util.regex)"#);
}

#[test]
fn what_takes_long_to_compile_is_refused() {
    for pattern in [
        r"\b".repeat(2_000),
        r"[^\pL\pN]".repeat(200),
        r"[\p{L}&&[^\p{Lu}]]".repeat(200),
        r"(?=\pL{400})".repeat(500),
        r"(?:\pL{300})++".repeat(500),
        r"(?>\pL{40})".repeat(900),
        r"(?<=\pL{40})a".repeat(700),
    ] {
        assert!(refusal(&pattern).contains("come to more than 80000 ranges"), "{}", refusal(&pattern));
    }
    // Folding a range goes through its characters.
    Pattern::full(&format!("(?iu){}", r"[\x{0}-\x{10ffff}]".repeat(300))).unwrap();
    // What people write is far from that.
    for pattern in
        [r"\b\pL+\b".repeat(12), r"[\p{L}\p{N}_-]{1,64}".to_owned(), r"(?=.*\d)(?=.*\p{Lu}).{8,64}".to_owned()]
    {
        Pattern::full(&pattern).unwrap();
    }
}

/// Every range gives the same set as folding it whole.
#[test]
fn ranges_fold_as_the_whole_of_unicode_does() {
    for (first, last) in [
        ('\0', char::MAX),
        ('a', 'z'),
        ('Ā', 'ɏ'),
        ('ß', 'ß'),
        ('K', 'Å'),
        ('ﬀ', 'ﬆ'),
        ('ΐ', 'ΰ'),
        ('Ა', 'ჿ'),
        ('ꭰ', 'ꮿ'),
    ] {
        let mut folded = super::set::range(first, last);
        folded.try_case_fold_simple().unwrap();
        let mut own = super::set::range_ignoring_case(first, last, true);
        own.difference(&super::set::range('İ', 'ı'));
        folded.difference(&super::set::range('İ', 'ı'));
        assert_eq!(own, folded, "{first:?} {last:?}");
    }
}

#[test]
fn what_takes_too_many_steps_ends_without_naming_the_value() {
    let slow = Pattern::full(r"(a*)*\1b").unwrap();
    let error: Error = slow.is_match(&"a".repeat(40)).unwrap_err();
    insta::assert_snapshot!(error.to_string(), @"the regular expression took more than 1000000 steps on a value");
    // The same without a back-reference is linear.
    assert!(!Pattern::full("(a*)*b").unwrap().is_match(&"a".repeat(100_000)).unwrap());
}

#[test]
fn a_group_that_is_repeated_no_times_is_counted() {
    assert!(Pattern::full(r"(a){0}(b)\2").unwrap().is_match("bb").unwrap());
    assert!(Pattern::full(r"(?:(a)(?=b)){0}(b)\2").unwrap().is_match("bb").unwrap());
    for pattern in ["(a){0}(b)", "(a(?=x)){0}(b)", "(a){0}(b)(?=$)"] {
        assert_eq!(Pattern::search(pattern).unwrap().extract("ab", 2).unwrap(), Some("b"), "{pattern}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_translation_panic(pattern in r"[\\\[\](){}|*+?^$.&\-a-dpPQEuxk0-9<>=!:# ]{0,24}", text in "\\PC{0,8}") {
        if let Ok(compiled) = Pattern::search(&pattern) {
            let _ = compiled.is_match(&text);
        }
    }

    #[test]
    fn any_pieces_are_matched_or_refused(pattern in soup(), text in "[ab1\\n\\r\u{e9}\u{2028}\u{ac00} -]{0,8}", replacement in "[$\\\\a{}n0-2]{0,5}") {
        crate::exercise::regular_expression(format!("{pattern}\0{text}\0{replacement}").as_bytes());
    }
}

/// Pieces of the language, in any order.
fn soup() -> impl Strategy<Value = String> {
    const PIECES: [&str; 45] = [
        "a",
        "b",
        "1",
        "(",
        "(?:",
        "(?=",
        "(?!",
        "(?<=",
        "(?<!",
        "(?>",
        "(?<n>",
        "(?i)",
        "(?m)",
        "(?x:",
        "(?U)",
        ")",
        "|",
        "*",
        "+",
        "?",
        "{2}",
        "{0,3}",
        "*+",
        "^",
        "$",
        ".",
        r"\b",
        r"\B",
        r"\A",
        r"\z",
        r"\Z",
        r"\G",
        r"\R",
        r"\d",
        r"\W",
        r"\s",
        r"\1",
        r"\k<n>",
        r"\p{L}",
        r"\P{IsHangul}",
        "[a-c]",
        "[^a&&b]",
        r"\Q.\E",
        r"\x{e9}",
        r"\n",
    ];
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..12).prop_map(|pieces| pieces.concat())
}
