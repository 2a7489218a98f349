//! The quarter of a survey, from its file's name.

use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization as _;

static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r"(?i)(?P<y>20\d{2})[ _.\-]?Q(?P<q>[1-4])",
        r"(?i)(?P<y>20\d{2})[ _.\-]?(?P<q>[1-4])Q",
        r"(?i)Q(?P<q>[1-4])[ _.\-]?(?P<y>20\d{2})",
        r"(?P<y>20\d{2})년[ _]?(?P<q>[1-4])분기",
    ]
    .iter()
    .filter_map(|pattern| Regex::new(pattern).ok())
    .collect()
});

/// What the patterns accept, for messages.
pub(crate) const EXAMPLES: &str =
    "a name such as 설문_2026Q1.xlsx, survey-2026-1Q.xlsx, Q1_2026.xlsx or 2026년 1분기.xlsx";

/// `2026-Q1`: from the file's own name, else from the folders above it; `None` when neither has a quarter.
pub(crate) fn of_name(path: &str) -> Option<String> {
    let (folders, file) = path.rsplit_once('/').unwrap_or(("", path));
    of_text(file).or_else(|| of_text(folders))
}

fn of_text(name: &str) -> Option<String> {
    // Some systems write 분 as its letters.
    let name: &str = &name.nfc().collect::<String>();
    let found = PATTERNS.iter().find_map(|pattern| pattern.captures(name))?;
    Some(format!("{}-Q{}", found.name("y")?.as_str(), found.name("q")?.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_are_found_in_names() {
        for name in
            ["설문_2026Q1.xlsx", "survey-2026-1Q.xlsx", "Q1_2026.xlsx", "2026년 1분기 고객 설문.xlsx", "2026_q1.xlsx"]
        {
            assert_eq!(of_name(name).as_deref(), Some("2026-Q1"), "{name}");
        }
        assert_eq!(of_name("설문_2026.xlsx"), None);
        assert_eq!(of_name("data/2025Q4/설문_2026Q1.xlsx").as_deref(), Some("2026-Q1"));
        assert_eq!(of_name("data/2025Q4/설문.xlsx").as_deref(), Some("2025-Q4"));
        assert_eq!(of_name("2026Q5.xlsx"), None);
    }

    #[test]
    fn a_name_whose_letters_are_decomposed_tells_the_same() {
        let decomposed: String = "설문_2026년 1분기.xlsx".nfd().collect();
        assert_ne!(decomposed, "설문_2026년 1분기.xlsx");
        assert_eq!(of_name(&decomposed).as_deref(), Some("2026-Q1"));
    }
}
