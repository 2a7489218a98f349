//! Members of events that no column takes.

use std::collections::BTreeSet;

/// Names that are told.
const MAX_NAMES: usize = 64;
/// Characters of a member's own name: longer ones may be tokens.
const MAX_LENGTH: usize = 64;

/// Their names, of events that were decoded: a torn line has members of the next one in the wrong place.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    kept: BTreeSet<String>,
    /// Those of the event that is being read.
    met: Vec<String>,
    /// The name that is looked for.
    name: String,
}

impl Unread {
    /// Notes a member of the object at `path`. Names may be anything, even what is sensitive: only those that look like names are told.
    pub(crate) fn note(&mut self, path: &str, member: &str) {
        let plain = member.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
        if !plain || member.len() > MAX_LENGTH || self.kept.len() + self.met.len() >= MAX_NAMES {
            return;
        }
        self.name.clear();
        if !path.is_empty() {
            self.name.push_str(path);
            self.name.push('.');
        }
        self.name.push_str(member);
        if !self.kept.contains(&self.name) && !self.met.contains(&self.name) {
            self.met.push(self.name.clone());
        }
    }

    /// The event was decoded.
    pub(crate) fn keep(&mut self) {
        self.kept.extend(self.met.drain(..));
    }

    /// The event was refused.
    pub(crate) fn forget(&mut self) {
        self.met.clear();
    }

    /// The names.
    pub(crate) fn into_names(self) -> BTreeSet<String> {
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_no_name_is_not_told() {
        let mut unread = Unread::default();
        for name in ["plain_1", "a b", "me@example.org", "e-mail", "\u{e9}", &"x".repeat(65)] {
            unread.note("", name);
            unread.note("utm", name);
        }
        unread.keep();
        unread.note("", "torn");
        unread.forget();
        unread.keep();
        let names: Vec<String> = unread.into_names().into_iter().collect();
        assert_eq!(names, ["e-mail", "plain_1", "utm.e-mail", "utm.plain_1"]);
    }

    #[test]
    fn few_names_are_told() {
        let mut unread = Unread::default();
        for event in 0..10 {
            (0..50).for_each(|n| unread.note("", &format!("n{event}_{n}")));
            unread.keep();
        }
        assert_eq!(unread.into_names().len(), MAX_NAMES);
    }
}
