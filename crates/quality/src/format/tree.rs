//! The marked parts of a text as a tree.

use crate::parser::{Mark, Part};

/// A part and the parts inside of it, in the order of the text.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) part: Part,
    /// First token.
    pub(crate) from: usize,
    /// The token behind the last.
    pub(crate) to: usize,
    pub(crate) children: Vec<Tree>,
}

/// The outermost parts. Marks are set when a part ends, so those inside of it come before it.
pub(crate) fn trees(marks: &[Mark]) -> Vec<Tree> {
    let mut open: Vec<Tree> = Vec::new();
    for mark in marks {
        let first = open.iter().rposition(|tree| tree.from < mark.from).map_or(0, |at| at + 1);
        let children = open.split_off(first);
        open.push(Tree { part: mark.part, from: mark.from, to: mark.to, children });
    }
    open
}

impl Tree {
    /// Itself and everything inside, outer parts first.
    pub(crate) fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Tree)) {
        visit(self);
        for child in &self.children {
            child.walk(visit);
        }
    }
}
