//! Classes of characters: `[a-z&&[^aeiou]]`.

use regex_syntax::hir::ClassUnicode;

use super::parse::{Escaped, Parser, Refused, Unit};
use super::set;

impl Parser {
    /// What begins with `[`, up to and with its `]`.
    pub(super) fn class(&mut self) -> Refused<ClassUnicode> {
        self.advance();
        let negated = self.raw(0) == Some(Unit::Plain('^'));
        if negated {
            self.advance();
        }
        let set = self.intersection()?;
        self.advance();
        Ok(if negated { set::negated(set) } else { set })
    }

    /// Unions joined by `&&`, up to `]`.
    fn intersection(&mut self) -> Refused<ClassUnicode> {
        let mut whole: Option<ClassUnicode> = None;
        loop {
            let part = self.union()?;
            whole = Some(match (whole, part) {
                (None, Some(part)) => part,
                (Some(mut so_far), Some(part)) => {
                    so_far.intersect(&part);
                    so_far
                }
                (_, None) => return Err("one side of `&&` is empty".to_owned()),
            });
            if self.peek() == Some(Unit::Plain(']')) {
                return whole.ok_or_else(|| "a class is empty".to_owned());
            }
            self.advance();
            self.advance();
        }
    }

    /// Characters, ranges and classes, up to `&&` or `]`; `None` if there are none.
    fn union(&mut self) -> Refused<Option<ClassUnicode>> {
        let mut whole: Option<ClassUnicode> = None;
        loop {
            let unit = self.peek().ok_or("a class is not closed")?;
            let member = match unit {
                Unit::Plain(']') if whole.is_some() => return Ok(whole),
                Unit::Plain('&') if self.raw(1) == Some(Unit::Plain('&')) => return Ok(whole),
                Unit::Plain('[') => self.deeper(Self::class)?,
                _ => self.member(unit)?,
            };
            match &mut whole {
                Some(so_far) => so_far.union(&member),
                None => whole = Some(member),
            }
        }
    }

    /// One character, a set such as `\d`, or a range.
    fn member(&mut self, unit: Unit) -> Refused<ClassUnicode> {
        let first = match self.character(unit)? {
            Escaped::Char(c) => c,
            Escaped::Set(set) => return Ok(set),
            Escaped::Node(_) => return Err("this has no meaning inside of a class".to_owned()),
        };
        let ranges =
            self.peek() == Some(Unit::Plain('-')) && !matches!(self.raw(1), None | Some(Unit::Plain('[' | ']')));
        if !ranges {
            return Ok(match self.flags.ignore_case {
                true => set::single_ignoring_case(first, self.flags.unicode_case),
                false => set::single(first),
            });
        }
        self.advance();
        let last = self.peek().ok_or("a class is not closed")?;
        match self.character(last)? {
            Escaped::Char(last) if last >= first => Ok(match self.flags.ignore_case {
                true => set::range_ignoring_case(first, last, self.flags.unicode_case),
                false => set::range(first, last),
            }),
            _ => Err("a range of characters ends before it begins".to_owned()),
        }
    }

    fn character(&mut self, unit: Unit) -> Refused<Escaped> {
        if unit == Unit::Plain('\\') {
            return self.escape(true);
        }
        self.advance();
        Ok(Escaped::Char(unit.char()))
    }
}
