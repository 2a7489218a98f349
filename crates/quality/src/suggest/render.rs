//! Suggestions as a ruleset that people read.

use std::fmt::Write as _;

use super::Section;
use super::figures::grouped;
use crate::profile::Profile;

/// Most characters of a ruleset that the API of Glue takes:
/// <https://docs.aws.amazon.com/glue/latest/webapi/API_CreateDataQualityRuleset.html>.
const GLUE_LIMIT: usize = 65_536;

/// The ruleset; the last line ends, as Glue's grammar wants it of a comment.
pub(super) fn text(table: &str, profile: &Profile, sections: &[Section], dropped: &[String]) -> String {
    let mut body = String::new();
    let mut left: usize = sections.iter().map(|section| section.suggestions.len()).sum();
    for section in sections.iter().filter(|s| !s.suggestions.is_empty() || !s.remarks.is_empty()) {
        let _ = writeln!(body, "\n    # {}", line(&section.heading));
        for remark in &section.remarks {
            let _ = writeln!(body, "    #   {}", line(remark));
        }
        for suggestion in &section.suggestions {
            left -= 1;
            let comma = if left > 0 { "," } else { "" };
            let _ = writeln!(body, "    # {}", line(&suggestion.why));
            let _ = writeln!(body, "    {}{comma}", suggestion.rule);
        }
    }
    let after = match dropped.is_empty() {
        true => String::new(),
        false => {
            let listed: Vec<String> = dropped.iter().map(|rule| format!("#   {}\n", line(rule))).collect();
            format!("\n# Likely, and not so; is it the data that is wrong?\n{}", listed.concat())
        }
    };
    let text = format!("{}Rules = [{body}]\n{after}", header(table, profile));
    let length = text.chars().count();
    if length <= GLUE_LIMIT {
        return text;
    }
    format!("# {} characters: the API of Glue takes {}.\n{text}", grouped(length as u64), grouped(GLUE_LIMIT as u64))
}

fn header(table: &str, profile: &Profile) -> String {
    format!(
        "# A first ruleset for {}, from {} rows. Every rule holds on them.\n\
         # It says what was there, not what should be: read each rule, delete what is accident, tighten what you know.\n",
        line(table),
        grouped(profile.rows)
    )
}

/// A comment ends with its line, wherever its words come from.
fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
