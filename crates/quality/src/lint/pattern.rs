//! Where a regular expression has alternatives.

/// What follows `\E`.
fn behind_quote(text: &str) -> &str {
    text.split_once("\\E").map_or("", |(_, behind)| behind)
}

/// Whether `|` stands outside of any group.
pub(super) fn has_bare_alternatives(pattern: &str) -> bool {
    let (mut groups, mut classes) = (0_i64, 0_i64);
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => {
                let quotes = rest.next() == Some('Q');
                rest = if quotes { behind_quote(rest.as_str()).chars() } else { rest };
            }
            '[' => classes += 1,
            ']' => classes = (classes - 1).max(0),
            '(' if classes == 0 => groups += 1,
            ')' if classes == 0 => groups -= 1,
            '|' if classes == 0 && groups == 0 => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::has_bare_alternatives;

    #[test]
    fn alternatives_are_bare_outside_of_groups_and_classes() {
        for pattern in ["a|b", "(a)|(b)", "[a]|b", "\\(a|b\\)", "\\Q(\\Ea|b"] {
            assert!(has_bare_alternatives(pattern), "{pattern}");
        }
        for pattern in ["(a|b)", "a\\|b", "[a|b]", "x(?:a|(b|c))", "\\Qa|b\\E", "\\Qa|b", "", "\\"] {
            assert!(!has_bare_alternatives(pattern), "{pattern}");
        }
    }
}
