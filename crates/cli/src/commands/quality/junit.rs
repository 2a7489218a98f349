//! The result as JUnit XML, which CI systems read as a report of tests: a suite for the ruleset, a case for each rule.

use std::borrow::Cow;
use std::io;

use lakegate_contract::{Error, Result};
use lakegate_quality::RuleOutcome;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::judgement::{Judgement, Standing, metrics, standing};

type Out = Writer<Vec<u8>>;

/// The result as a document.
///
/// # Errors
/// Never, but for a defect.
pub fn render(judgement: &Judgement) -> Result<String> {
    let mut out = Writer::new_with_indent(Vec::new(), b' ', 2);
    document(&mut out, judgement).map_err(|e| Error::bug("XML cannot be written").caused_by(e))?;
    String::from_utf8(out.into_inner()).map_err(|e| Error::bug("XML is not UTF-8").caused_by(e))
}

fn document(out: &mut Out, judgement: &Judgement) -> io::Result<()> {
    out.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let counts = [
        ("tests", judgement.outcomes.len()),
        ("failures", judgement.count(Standing::Fails)),
        ("errors", judgement.count(Standing::Errs)),
        ("skipped", judgement.count(Standing::Warns)),
    ]
    .map(|(name, count)| (name, count.to_string()));
    let took = (judgement.completed - judgement.started).as_seconds_f64();
    let time = format!("{took:.3}");
    let suites = out.create_element("testsuites").with_attribute(("name", "lakegate quality"));
    let suites = suites.with_attributes(counts.iter().map(|(name, count)| (*name, count.as_str())));
    suites.with_attribute(("time", time.as_str())).write_inner_content(|out| {
        let name = line(judgement.ruleset());
        let started = judgement.started.format("%Y-%m-%dT%H:%M:%S").to_string();
        let suite = out.create_element("testsuite").with_attribute(("name", &*name));
        let suite = suite.with_attributes(counts.iter().map(|(name, count)| (*name, count.as_str())));
        let suite = suite.with_attributes([("time", time.as_str()), ("timestamp", started.as_str())]);
        suite.with_attribute(("file", &*line(&judgement.rules))).write_inner_content(|out| {
            let score = judgement.score().to_string();
            properties(out, &[("data", &judgement.data), ("rules", &judgement.rules), ("score", &score)])?;
            judgement.outcomes.iter().try_for_each(|outcome| case(out, judgement, outcome))
        })?;
        Ok(())
    })?;
    out.get_mut().push(b'\n');
    Ok(())
}

/// One pass judges many rules, so no case has a time of its own.
fn case(out: &mut Out, judgement: &Judgement, outcome: &RuleOutcome) -> io::Result<()> {
    let number = outcome.line.to_string();
    let case = out.create_element("testcase").with_attribute(("name", &*line(&outcome.rule)));
    let case = case.with_attribute(("classname", &*line(judgement.ruleset())));
    let case = case.with_attributes([("file", &*line(&judgement.rules)), ("line", number.as_str())]);
    let message = outcome.message.as_deref().unwrap_or("the rule does not hold");
    let told = match standing(outcome) {
        Standing::Passes => None,
        Standing::Warns => Some(("skipped", format!("does not hold, and only warns (gate: warn): {message}"))),
        Standing::Fails => Some(("failure", message.to_owned())),
        Standing::Errs => Some(("error", message.to_owned())),
    };
    if told.is_none() && outcome.metrics.is_empty() {
        return case.write_empty().map(drop);
    }
    case.write_inner_content(|out| {
        let measured: Vec<_> = outcome.metrics.iter().map(|(name, value)| (name, value.to_string())).collect();
        let measured: Vec<_> = measured.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        properties(out, &measured)?;
        let Some((element, message)) = told else { return Ok(()) };
        let lines: Vec<String> =
            [outcome.rule.clone(), message.clone()].into_iter().chain(metrics(&outcome.metrics)).collect();
        let element = out.create_element(element).with_attribute(("message", &*line(&message)));
        let element = element.with_attribute(("type", outcome.result.to_string().as_str()));
        element.write_text_content(BytesText::new(&legal(&lines.join("\n")))).map(drop)
    })
    .map(drop)
}

fn properties(out: &mut Out, all: &[(&str, &str)]) -> io::Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    out.create_element("properties")
        .write_inner_content(|out| {
            for (name, value) in all {
                let property = out.create_element("property").with_attribute(("name", &*line(name)));
                property.with_attribute(("value", &*line(value))).write_empty()?;
            }
            Ok(())
        })
        .map(drop)
}

/// A text for an attribute: a parser makes blanks of line breaks there, so they are blanks from the start.
fn line(text: &str) -> Cow<'_, str> {
    match legal(text) {
        text if text.contains(['\n', '\r', '\t']) => Cow::Owned(text.replace(['\n', '\r', '\t'], " ")),
        text => text,
    }
}

/// A text without the characters that XML 1.0 cannot hold, not even escaped: most control characters, and two that are none.
fn legal(text: &str) -> Cow<'_, str> {
    let illegal = |c: char| (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}');
    match text.contains(illegal) {
        true => Cow::Owned(text.replace(illegal, "\u{fffd}")),
        false => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use lakegate_quality::RuleResult;
    use proptest::prelude::*;
    use quick_xml::Reader;

    use super::super::judgement::tests::example;
    use super::*;

    #[test]
    fn a_ruleset_is_a_suite_and_a_rule_is_a_case() {
        insta::assert_snapshot!(render(&example()).unwrap(), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="lakegate quality" tests="4" failures="1" errors="1" skipped="1" time="2.000">
          <testsuite name="orders" tests="4" failures="1" errors="1" skipped="1" time="2.000" timestamp="2026-03-01T00:00:00" file="rules/orders.dqdl">
            <properties>
              <property name="data" value="orders, 50%.csv"/>
              <property name="rules" value="rules/orders.dqdl"/>
              <property name="score" value="0.25"/>
            </properties>
            <testcase name="RowCount &gt; 1" classname="orders" file="rules/orders.dqdl" line="2">
              <properties>
                <property name="Dataset.*.RowCount" value="3"/>
              </properties>
            </testcase>
            <testcase name="ColumnValues &quot;status&quot; in [&quot;&lt;paid&gt;&quot;,&quot;a|b&quot;] where &quot;note &lt;&gt; &apos;x y&apos; and amount &gt; 0 and amount &lt; 1000000&quot;" classname="orders" file="rules/orders.dqdl" line="3">
              <properties>
                <property name="Column.status.ColumnValues.Compliance" value="0.6666666666666666"/>
              </properties>
              <failure message="1 rows do not satisfy it" type="FAIL">ColumnValues &quot;status&quot; in [&quot;&lt;paid&gt;&quot;,&quot;a|b&quot;] where &quot;note &lt;&gt; &apos;x
        y&apos; and amount &gt; 0 and amount &lt; 1000000&quot;
        1 rows do not satisfy it
        Column.status.ColumnValues.Compliance = 0.667</failure>
            </testcase>
            <testcase name="Mean &quot;amount&quot; &gt; 100" classname="orders" file="rules/orders.dqdl" line="5">
              <properties>
                <property name="Column.amount.Mean" value="10.5"/>
              </properties>
              <skipped message="does not hold, and only warns (gate: warn): it is 10.5" type="FAIL">Mean &quot;amount&quot; &gt; 100
        does not hold, and only warns (gate: warn): it is 10.5
        Column.amount.Mean = 10.5</skipped>
            </testcase>
            <testcase name="CustomSql &quot;SELECT 1 / 0&quot; = 1" classname="orders" file="rules/orders.dqdl" line="6">
              <error message="it fails &amp; �stops" type="ERROR">CustomSql &quot;SELECT 1 / 0&quot; = 1
        it fails &amp; �stops</error>
            </testcase>
          </testsuite>
        </testsuites>
        "#);
    }

    /// The attributes of each element of a name, and the texts, as a parser gives them.
    fn read_back(xml: &str, element: &str) -> (Vec<BTreeMap<String, String>>, String) {
        let mut reader = Reader::from_str(xml);
        reader.config_mut().check_end_names = true;
        let (mut found, mut text) = (Vec::new(), String::new());
        loop {
            match reader.read_event().unwrap() {
                Event::Eof => return (found, text),
                Event::Start(e) | Event::Empty(e) if e.name().as_ref() == element => {
                    let attributes = e.attributes().map(|a| {
                        let a = a.unwrap();
                        (a.key.as_ref().to_owned(), quick_xml::escape::unescape(&a.value).unwrap().into_owned())
                    });
                    found.push(attributes.collect());
                }
                Event::Text(part) => text.push_str(&part),
                Event::GeneralRef(part) => {
                    text.push_str(&quick_xml::escape::unescape(&format!("&{};", &*part)).unwrap());
                }
                _ => {}
            }
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let xml = render(&example()).unwrap();
        let (suites, _) = read_back(&xml, "testsuite");
        assert_eq!((suites.len(), suites[0]["tests"].as_str(), suites[0]["time"].as_str()), (1, "4", "2.000"));
        let (cases, text) = read_back(&xml, "testcase");
        assert_eq!(cases.len(), 4);
        assert!(cases[1]["name"].contains("in [\"<paid>\",\"a|b\"] where \"note <> 'x y'"), "{:?}", cases[1]);
        assert!(text.contains("note <> 'x\ny'"), "{text}");
        assert_eq!(read_back(&xml, "error").0[0]["message"], "it fails & \u{fffd}stops");
    }

    proptest! {
        #[test]
        fn any_text_makes_a_document_that_reads_back(rule in any::<String>(), message in any::<String>()) {
            let mut judgement = example();
            judgement.outcomes.truncate(1);
            judgement.outcomes[0].result = RuleResult::Fail;
            judgement.outcomes[0].rule.clone_from(&rule);
            judgement.outcomes[0].message = Some(message.clone());
            let xml = render(&judgement).unwrap();
            let legal_in_xml = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
            prop_assert!(xml.chars().all(legal_in_xml));
            prop_assert_eq!(&read_back(&xml, "testcase").0[0]["name"], &*line(&rule));
            prop_assert_eq!(&read_back(&xml, "failure").0[0]["message"], &*line(&message));
        }
    }
}
