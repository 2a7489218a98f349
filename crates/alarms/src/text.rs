//! An alarm as text, and what keeps texts within limits.

use std::fmt::Write as _;

use lakegate_pipeline::alarm::Alarm;

/// Rules that are told; the others are counted.
const MOST_RULES: usize = 10;

/// `shop (prod): orders: gate closed`
pub(crate) fn heading(alarm: &Alarm) -> String {
    format!("{}: {}: {}", alarm.project, alarm.job, alarm.kind.title())
}

/// The rules, a line each.
pub(crate) fn rules(alarm: &Alarm) -> Vec<String> {
    let mut lines: Vec<String> = alarm.rules.iter().take(MOST_RULES).map(|rule| format!("• {rule}")).collect();
    let more = alarm.rules.len().saturating_sub(MOST_RULES);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

/// The whole alarm, for readers of plain text.
pub(crate) fn plain(alarm: &Alarm) -> String {
    let mut out = format!("{}\n", alarm.summary);
    for line in rules(alarm) {
        let _ = writeln!(out, "{line}");
    }
    for (name, value) in &alarm.facts {
        let _ = writeln!(out, "{name}: {value}");
    }
    if let Some(help) = &alarm.help {
        let _ = writeln!(out, "What to do: {help}");
    }
    out
}

/// At most so many characters; a text that is longer ends in `…`.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}
