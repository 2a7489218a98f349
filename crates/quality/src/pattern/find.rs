//! What a pattern has found: groups, every match, replacements.

use lakegate_contract::{Error, Result};

use super::{Engine, Pattern, too_many_steps};

/// Where each group of a match stands, the whole match first; `None` for a group that took no part.
type Groups = Vec<Option<(usize, usize)>>;

/// A replacement as Java writes it: `$1`, `${name}`, and a backslash before a character that stands for itself.
pub(crate) struct Replacement(Vec<Piece>);

enum Piece {
    Text(String),
    Group(usize),
}

impl Pattern {
    /// How many groups capture.
    pub(crate) fn groups(&self) -> usize {
        self.groups
    }

    /// What a group of the first match has taken: `None` without a match, the empty text for a group that took no part.
    ///
    /// # Errors
    /// When the backtracking engine reaches its limit.
    pub(crate) fn extract<'t>(&self, text: &'t str, group: usize) -> Result<Option<&'t str>> {
        let found = self.next(text, 0)?;
        Ok(found.map(|groups| taken(text, groups.get(group).copied().flatten())))
    }

    /// The text with every match replaced; `None` if that has more than `longest` bytes.
    ///
    /// # Errors
    /// As [`Pattern::extract`].
    pub(crate) fn replace(&self, text: &str, replacement: &Replacement, longest: usize) -> Result<Option<String>> {
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        self.each(text, |groups, (start, end)| {
            out.push_str(text.get(copied..start).unwrap_or_default());
            for piece in &replacement.0 {
                out.push_str(match piece {
                    Piece::Text(literal) => literal,
                    Piece::Group(group) => taken(text, groups.get(*group).copied().flatten()),
                });
            }
            copied = end;
            out.len() <= longest
        })?;
        out.push_str(text.get(copied..).unwrap_or_default());
        Ok(Some(out).filter(|out| out.len() <= longest))
    }

    /// Where the matches stand.
    ///
    /// # Errors
    /// As [`Pattern::extract`].
    pub(crate) fn places(&self, text: &str) -> Result<Vec<(usize, usize)>> {
        let mut places = Vec::new();
        self.each(text, |_, place| {
            places.push(place);
            true
        })?;
        Ok(places)
    }

    /// Java's order of matches: the next search begins where the last match ended, one character on if that was empty. Ends when
    /// `found` wants no more.
    fn each(&self, text: &str, mut found: impl FnMut(&Groups, (usize, usize)) -> bool) -> Result<()> {
        let mut from = 0;
        while from <= text.len() {
            let Some(groups) = self.next(text, from)? else { return Ok(()) };
            let Some(Some((start, end))) = groups.first().copied() else { return Ok(()) };
            if !found(&groups, (start, end)) {
                return Ok(());
            }
            let step = text.get(end..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
            from = if end == start { end + step } else { end };
        }
        Ok(())
    }

    fn next(&self, text: &str, from: usize) -> Result<Option<Groups>> {
        let linear = |regex: &regex::Regex| {
            let found = regex.captures_at(text, from);
            found.map(|groups| groups.iter().map(|group| group.map(|g| (g.start(), g.end()))).collect())
        };
        match &self.engine {
            Engine::Linear(regex) => Ok(linear(regex)),
            Engine::Split(regex, _, doubts) if !doubts.cover(text) => Ok(linear(regex)),
            Engine::Backtracking(regex) | Engine::Split(_, regex, _) => {
                let found = regex.captures_from_pos(text, from).map_err(|_| too_many_steps())?;
                Ok(found.map(|groups| groups.iter().map(|group| group.map(|g| (g.start(), g.end()))).collect()))
            }
        }
    }
}

fn taken(text: &str, place: Option<(usize, usize)>) -> &str {
    place.and_then(|(start, end)| text.get(start..end)).unwrap_or_default()
}

impl Replacement {
    /// Reads a replacement for a pattern.
    ///
    /// # Errors
    /// When it names a group that the pattern lacks, or ends with a sign that wants more.
    pub(crate) fn new(text: &str, pattern: &Pattern) -> Result<Self> {
        let refused = |why: &str| Error::usage(format!("the replacement \"{text}\" {why}"));
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' => literal.push(chars.next().ok_or_else(|| refused("ends with a backslash"))?),
                '$' => {
                    pieces.push(Piece::Text(std::mem::take(&mut literal)));
                    let group = if chars.next_if_eq(&'{').is_some() {
                        let name: String = chars.by_ref().take_while(|c| *c != '}').collect();
                        pattern.names.get(&name).copied()
                    } else {
                        number(&mut chars, pattern.groups)
                    };
                    pieces.push(Piece::Group(group.ok_or_else(|| {
                        refused("names a group that the regular expression lacks").help("write `\\$` for the character")
                    })?));
                }
                other => literal.push(other),
            }
        }
        pieces.push(Piece::Text(literal));
        Ok(Self(pieces))
    }
}

/// The number of a group: as many digits as there are groups.
fn number(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, groups: usize) -> Option<usize> {
    let digit = |c: &char| c.to_digit(10).and_then(|digit| usize::try_from(digit).ok());
    let mut group = chars.next().as_ref().and_then(digit).filter(|group| *group <= groups)?;
    while let Some(more) = chars.peek().and_then(digit).map(|digit| group * 10 + digit).filter(|more| *more <= groups) {
        group = more;
        chars.next();
    }
    Some(group)
}
