//! Where in an event each column stands: a tree of names made from the contract.

use lakegate_contract::{Contract, DataType};

/// A node of the tree: what to do with the members of an object.
#[derive(Debug, Default)]
pub(crate) struct Members {
    pub(crate) fields: Vec<Field>,
}

/// A named member.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) target: Target,
}

/// What a member is for.
#[derive(Debug)]
pub(crate) enum Target {
    /// The value of a column.
    Column(usize, DataType),
    /// An object with members that columns name.
    Members(Members),
    /// Declared and dropped: skipped.
    Dropped,
}

impl Members {
    /// The tree of a contract: `source = "utm.source"` names member `source` of object `utm`.
    pub(crate) fn of(contract: &Contract) -> Self {
        let mut root = Members::default();
        let mut index = 0;
        for column in contract.columns() {
            for path in &column.source {
                let target = if column.is_published() {
                    Target::Column(index, column.data_type.clone())
                } else {
                    Target::Dropped
                };
                root.insert(path, target);
            }
            index += usize::from(column.is_published());
        }
        root
    }

    fn insert(&mut self, path: &str, target: Target) {
        let (name, rest) = match path.split_once('.') {
            Some((name, rest)) => (name, Some(rest)),
            None => (path, None),
        };
        let position = self.fields.iter().position(|f| f.name == name);
        match (rest, position) {
            (None, None) => self.fields.push(Field { name: name.to_owned(), target }),
            (None, Some(_)) => {}
            (Some(rest), None) => {
                let mut members = Members::default();
                members.insert(rest, target);
                self.fields.push(Field { name: name.to_owned(), target: Target::Members(members) });
            }
            (Some(rest), Some(position)) => {
                if let Some(Field { target: Target::Members(members), .. }) = self.fields.get_mut(position) {
                    members.insert(rest, target);
                }
            }
        }
    }

    /// The number of the member called `key`, looked for from `expected` on: events mostly keep their members' order.
    pub(crate) fn find(&self, key: &[u8], expected: usize) -> Option<usize> {
        if self.fields.get(expected).is_some_and(|f| f.name.as_bytes() == key) {
            return Some(expected);
        }
        self.fields.iter().position(|f| f.name.as_bytes() == key)
    }
}
