//! Where in an event each column stands: a tree of names made from the contract.

use lakegate_contract::{Contract, DataType, Error, Result};

/// A node of the tree: what to do with the members of an object.
#[derive(Debug, Default)]
pub(crate) struct Members {
    pub(crate) fields: Vec<Field>,
    /// The names of the objects that they stand in, `utm` or `utm.first`; empty for those of the event itself.
    pub(crate) path: String,
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
    /// The value of one or more columns.
    Columns(Vec<(usize, DataType)>),
    /// An object with members that columns name.
    Members(Members),
    /// Declared and dropped: skipped.
    Dropped,
}

impl Members {
    /// The tree of a contract: `source = "utm.source"` names member `source` of object `utm`.
    ///
    /// # Errors
    /// When a column is both a value and an object with members of its own.
    pub(crate) fn of(contract: &Contract) -> Result<Self> {
        Self::of_columns(contract, |_| true)
    }

    /// The same for some columns of it, by their published names.
    pub(crate) fn of_columns(contract: &Contract, wanted: impl Fn(&str) -> bool) -> Result<Self> {
        let mut root = Members::default();
        let mut index = 0;
        for column in contract.columns() {
            let sources = column.source.iter().filter(|_| wanted(column.name.as_str()));
            for path in sources {
                let target = if column.is_published() {
                    Target::Columns(vec![(index, column.data_type.clone())])
                } else {
                    Target::Dropped
                };
                if !root.insert(path, target) {
                    return Err(Error::usage(format!(
                        "column `{}` takes `{path}`, which is an object for others",
                        column.name
                    ))
                    .at(format!("schemas/{}.toml", contract.table()))
                    .expected("a source that is either a value or the beginning of others"));
                }
            }
            index += usize::from(column.is_published());
        }
        Ok(root)
    }

    /// Adds a target; `false` when its place is taken by something of another form.
    fn insert(&mut self, path: &str, target: Target) -> bool {
        let (name, rest) = match path.split_once('.') {
            Some((name, rest)) => (name, Some(rest)),
            None => (path, None),
        };
        let position = self.fields.iter().position(|f| f.name == name);
        match (rest, position) {
            (None, None) => self.fields.push(Field { name: name.to_owned(), target }),
            (None, Some(position)) => {
                let known = self.fields.get_mut(position).map(|field| &mut field.target);
                return match (known, target) {
                    (Some(Target::Columns(columns)), Target::Columns(more)) => {
                        columns.extend(more);
                        true
                    }
                    // The same value may be dropped under one name and published, treated, under another.
                    (Some(known @ Target::Dropped), target @ Target::Columns(_)) => {
                        *known = target;
                        true
                    }
                    (Some(Target::Columns(_) | Target::Dropped), Target::Dropped) => true,
                    _ => false,
                };
            }
            (Some(rest), None) => {
                let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
                let mut members = Members { fields: Vec::new(), path };
                members.insert(rest, target);
                self.fields.push(Field { name: name.to_owned(), target: Target::Members(members) });
            }
            (Some(rest), Some(position)) => {
                return match self.fields.get_mut(position) {
                    Some(Field { target: Target::Members(members), .. }) => members.insert(rest, target),
                    _ => false,
                };
            }
        }
        true
    }

    /// The number of the member called `key`, looked for from `expected` on: events mostly keep their members' order.
    pub(crate) fn find(&self, key: &[u8], expected: usize) -> Option<usize> {
        if self.fields.get(expected).is_some_and(|f| f.name.as_bytes() == key) {
            return Some(expected);
        }
        self.fields.iter().position(|f| f.name.as_bytes() == key)
    }
}
