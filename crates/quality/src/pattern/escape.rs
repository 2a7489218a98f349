//! What begins with a backslash.

use regex_syntax::hir::ClassUnicode;

use super::node::Node;
use super::parse::{Escaped, Parser, Refused, Unit};
use super::set;

impl Parser {
    /// What begins with a backslash.
    pub(super) fn escape(&mut self, inside: bool) -> Refused<Escaped> {
        self.advance();
        let Some(unit) = self.raw(0) else { return Err("`\\` is followed by nothing".to_owned()) };
        let c = unit.char();
        self.advance();
        if let Some(set) = set::letter(c, self.flags.unicode_class) {
            return Ok(Escaped::Set(set));
        }
        Ok(match c {
            'p' | 'P' => Escaped::Set(self.property(c == 'P')?),
            '0' => Escaped::Char(self.octal()?),
            '1'..='9' if !inside => Escaped::Node(self.back_reference(c)?),
            'a' => Escaped::Char('\x07'),
            'e' => Escaped::Char('\x1b'),
            'f' => Escaped::Char('\x0c'),
            'n' => Escaped::Char('\n'),
            'r' => Escaped::Char('\r'),
            't' => Escaped::Char('\t'),
            'c' => Escaped::Char(self.control()?),
            'u' => Escaped::Char(self.unicode()?),
            'x' => Escaped::Char(self.hexadecimal()?),
            'N' => return Err("`\\N{…}` is not supported (write the character, or `\\x{…}`)".to_owned()),
            'A' | 'B' | 'G' | 'R' | 'Z' | 'b' | 'k' | 'z' | 'X' if !inside => Escaped::Node(self.assertion(c)?),
            c if c.is_ascii_alphanumeric() => return Err(format!("`\\{c}` has no meaning here")),
            c => Escaped::Char(c),
        })
    }

    /// `\A`, `\b` and the others that are no single character.
    fn assertion(&mut self, c: char) -> Refused<Node> {
        Ok(match c {
            // Of one search, the previous match ended where the text begins.
            'A' | 'G' => Node::Start,
            'z' => Node::End,
            'Z' => Node::FinalEnd(self.lines()),
            'b' if self.take_text("{g}") => {
                return Err("`\\b{g}` is not supported: boundaries are those of words, `\\b`".to_owned());
            }
            'b' | 'B' => Node::Boundary { negated: c == 'B', unicode: self.flags.unicode_class },
            'R' => self.line_break(),
            'X' => return Err("`\\X` is not supported (write `.` or a class of characters)".to_owned()),
            _ => {
                if !self.take_text("<") {
                    return Err("`\\k` is not followed by a group's name: `\\k<name>`".to_owned());
                }
                let name = self.name('>')?;
                let group = *self.names.get(&name).ok_or_else(|| format!("no group is named `{name}`"))?;
                Node::BackReference { group, ignore_case: self.flags.ignore_case }
            }
        })
    }

    /// `\R`. Under a quantifier Java never takes `\r\n` apart.
    fn line_break(&mut self) -> Node {
        let breaks = Node::Alternate(vec![
            Node::Concat(vec![Node::Char('\r'), Node::Char('\n')]),
            set::letter('v', false).map_or(Node::Empty, Node::Class),
        ]);
        let repeated = matches!(self.peek(), Some(Unit::Plain('*' | '+' | '?' | '{')));
        if repeated { Node::Atomic(Box::new(breaks)) } else { breaks }
    }

    /// As many digits as there are groups so far.
    fn back_reference(&mut self, first: char) -> Refused<Node> {
        let mut group = usize::try_from(first.to_digit(10).unwrap_or(0)).unwrap_or(0);
        while let Some(Unit::Plain(c)) = self.raw(0)
            && let Some(digit) = c.to_digit(10).and_then(|digit| usize::try_from(digit).ok())
            && group * 10 + digit <= self.groups
        {
            group = group * 10 + digit;
            self.advance();
        }
        if group > self.groups {
            return Err(format!("`\\{group}` refers to a group that is not there yet"));
        }
        Ok(Node::BackReference { group, ignore_case: self.flags.ignore_case })
    }

    /// `\0n`, `\0nn`, `\0mnn` with m up to 3.
    fn octal(&mut self) -> Refused<char> {
        let mut value = None;
        for _ in 0..3 {
            let digit = self.raw(0).and_then(|unit| unit.char().to_digit(8));
            match (value, digit) {
                (Some(so_far), Some(digit)) if so_far * 8 + digit <= 0o377 => value = Some(so_far * 8 + digit),
                (None, Some(digit)) => value = Some(digit),
                _ => break,
            }
            self.advance();
        }
        value.and_then(char::from_u32).ok_or_else(|| "`\\0` is not followed by octal digits".to_owned())
    }

    fn control(&mut self) -> Refused<char> {
        let unit = self.raw(0).ok_or("`\\c` is followed by nothing")?;
        self.advance();
        char::from_u32(u32::from(unit.char()) ^ 64).ok_or_else(|| "`\\c` makes no character".to_owned())
    }

    fn hex_digits(&mut self, digits: usize) -> Refused<u32> {
        let mut value = 0;
        for _ in 0..digits {
            let digit = self.raw(0).and_then(|unit| unit.char().to_digit(16));
            value = value * 16 + digit.ok_or_else(|| format!("{digits} hexadecimal digits are missing"))?;
            self.advance();
        }
        Ok(value)
    }

    /// `\uXXXX`, also the two halves of a pair.
    fn unicode(&mut self) -> Refused<char> {
        let first = self.hex_digits(4)?;
        if (0xd800..0xdc00).contains(&first) && self.take_text("\\u") {
            let second = self.hex_digits(4)?;
            if (0xdc00..0xe000).contains(&second) {
                let scalar = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return char::from_u32(scalar).ok_or_else(half_pair);
            }
        }
        char::from_u32(first).ok_or_else(half_pair)
    }

    /// `\xhh` and `\x{h…h}`.
    fn hexadecimal(&mut self) -> Refused<char> {
        if !self.take_text("{") {
            return self.hex_digits(2).and_then(|value| char::from_u32(value).ok_or_else(half_pair));
        }
        let mut value = 0u32;
        let mut digits = 0;
        while let Some(digit) = self.raw(0).and_then(|unit| unit.char().to_digit(16)) {
            value = value.saturating_mul(16).saturating_add(digit);
            digits += 1;
            self.advance();
        }
        if digits == 0 || !self.take_text("}") {
            return Err("`\\x{` is not followed by hexadecimal digits and `}`".to_owned());
        }
        char::from_u32(value).ok_or_else(half_pair)
    }

    fn property(&mut self, negated: bool) -> Refused<ClassUnicode> {
        let mut name = String::new();
        if self.take_text("{") {
            loop {
                let unit = self.raw(0).ok_or("`\\p{` is not closed")?;
                self.advance();
                match unit.char() {
                    '}' => break,
                    c => name.push(c),
                }
            }
        } else {
            name.extend(self.raw(0).map(Unit::char));
            self.advance();
        }
        let set = set::property(&name, self.flags.ignore_case, self.flags.unicode_class)
            .ok_or_else(|| format!("`\\p{{{name}}}` is not a set of characters that is known here"))?;
        Ok(if negated { set::negated(set) } else { set })
    }
}

fn half_pair() -> String {
    "half of a surrogate pair is no character".to_owned()
}
