//! Regular expressions of any kind on any text: what must hold of the answers, whatever they are.

#![expect(clippy::panic, reason = "a fuzzer's way to say that it has found something")]

use super::{Engine, Pattern, Replacement};

/// Most characters of a text that is matched: what is searched for is in the pattern.
const MAX_TEXT: usize = 64;

/// Reads any bytes as a regular expression of Java, a text and a replacement with NUL between them, and matches. Without a text the
/// expression is matched with itself.
///
/// # Panics
/// When the engines disagree, when a match does not stand in the text, or when the group of a number is not there.
pub fn regular_expression(bytes: &[u8]) {
    let Ok(input) = std::str::from_utf8(bytes) else { return };
    let mut parts = input.split('\0');
    let pattern = parts.next().unwrap_or_default();
    let text: String = parts.next().unwrap_or(pattern).chars().take(MAX_TEXT).collect();
    let (Ok(full), Ok(search)) = (Pattern::full(pattern), Pattern::search(pattern)) else { return };
    if let (Ok(true), Ok(false)) = (full.is_match(&text), search.is_match(&text)) {
        panic!("the whole text matches, and nothing within it");
    }
    engines_agree(&search, &text);
    engines_agree(&full, &text);
    groups_are_counted(&search);
    matches_stand_in_the_text(&search, &text);
    if let Ok(all) = Replacement::new("$0", &search)
        && let Ok(replaced) = search.replace(&text, &all, text.len())
        && replaced.as_deref() != Some(text.as_str())
    {
        panic!("matches that are replaced by themselves change the text");
    }
    if let Some(replacement) = parts.next().and_then(|text| Replacement::new(text, &search).ok()) {
        let _ = search.replace(&text, &replacement, 1 << 20);
    }
}

/// On texts beyond doubt the linear form of a pattern means what the exact one does.
fn engines_agree(pattern: &Pattern, text: &str) {
    let Engine::Split(linear, exact, doubts) = &pattern.engine else { return };
    if doubts.cover(text) {
        return;
    }
    if let Ok(exact) = exact.find(text)
        && exact.map(|found| found.range()) != linear.find(text).map(|found| found.range())
    {
        panic!("two forms of a pattern match differently");
    }
}

fn groups_are_counted(pattern: &Pattern) {
    let engines = match &pattern.engine {
        Engine::Linear(linear) => vec![linear.captures_len()],
        Engine::Backtracking(exact) => vec![exact.captures_len()],
        Engine::Split(linear, exact, _) => vec![linear.captures_len(), exact.captures_len()],
    };
    // An engine forgets a group that is repeated no times, if no other is behind it.
    if engines.iter().any(|count| *count > pattern.groups() + 1) {
        panic!("a pattern has fewer groups than its engine");
    }
    if pattern.names.values().any(|group| *group == 0 || *group > pattern.groups()) {
        panic!("a name stands for a group that is not there");
    }
}

fn matches_stand_in_the_text(pattern: &Pattern, text: &str) {
    let Ok(places) = pattern.places(text) else { return };
    let mut before = 0;
    for (start, end) in places {
        if start < before || text.get(start..end).is_none() {
            panic!("a match is not in the text, or overlaps the one before");
        }
        before = end;
    }
    for group in 0..=pattern.groups() {
        let _ = pattern.extract(text, group);
    }
}
