//! The one error type of the workspace: where, what was found, what was expected, what to do.

use std::error::Error as StdError;
use std::fmt;

use crate::suggest;

/// Shorthand for results that carry an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of trouble an [`Error`] is: decides the exit code and whether a retry can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A defect of lakegate itself (exit 1).
    Bug,
    /// Wrong usage or configuration (exit 2).
    Usage,
    /// The gate stayed closed (exit 3).
    GateClosed,
    /// The input is broken, missing or not what the contract says (exit 4).
    BadInput,
    /// A service or the machine cannot do it now (exit 5).
    Unavailable,
    /// Whether the commit took effect is not known (exit 6).
    CommitUnknown,
    /// The data is published, the catalog does not show it yet (exit 7).
    CatalogLagging,
    /// The user or the system asked the run to stop (exit 130, as shells report an interrupt).
    Interrupted,
}

impl Class {
    /// The exit code of a process that ends with this class.
    pub fn exit_code(self) -> u8 {
        match self {
            Class::Bug => 1,
            Class::Usage => 2,
            Class::GateClosed => 3,
            Class::BadInput => 4,
            Class::Unavailable => 5,
            Class::CommitUnknown => 6,
            Class::CatalogLagging => 7,
            Class::Interrupted => 130,
        }
    }

    /// Whether running the same thing again, unchanged, can succeed.
    pub fn retryable(self) -> bool {
        matches!(self, Class::Unavailable | Class::CommitUnknown | Class::CatalogLagging | Class::Interrupted)
    }
}

/// An error that says where, what was found, what was expected, and what to do next.
///
/// Its text is shown to users and written to run records: it never holds a value from a source's row.
///
/// ```
/// use lakegate_contract::{Class, Error};
///
/// let error = Error::new(Class::Usage, "unknown key `sorce`")
///     .at("jobs/orders.toml:4:1")
///     .expected("one of `after`, `source`, `table`")
///     .help("did you mean `source`?");
/// assert_eq!(error.class().exit_code(), 2);
/// assert_eq!(
///     error.to_string(),
///     "jobs/orders.toml:4:1: unknown key `sorce`; expected one of `after`, `source`, `table`"
/// );
/// ```
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    class: Class,
    place: Option<String>,
    found: String,
    expected: Option<String>,
    help: Option<String>,
    lasting: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
    others: Vec<Error>,
}

impl Error {
    /// An error of `class`; `found` says what was found, without a final stop.
    pub fn new(class: Class, found: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            class,
            place: None,
            found: found.into(),
            expected: None,
            help: None,
            lasting: false,
            source: None,
            others: Vec::new(),
        }))
    }

    /// A wrong usage or configuration.
    pub fn usage(found: impl Into<String>) -> Self {
        Self::new(Class::Usage, found)
    }

    /// A broken input.
    pub fn bad_input(found: impl Into<String>) -> Self {
        Self::new(Class::BadInput, found)
    }

    /// A service or resource that is unavailable now.
    pub fn unavailable(found: impl Into<String>) -> Self {
        Self::new(Class::Unavailable, found)
    }

    /// A defect of lakegate.
    pub fn bug(found: impl Into<String>) -> Self {
        Self::new(Class::Bug, found)
    }

    /// Says where: `file:line:column`, `object@bytes 10..20`, `book.xlsx!Sheet1!B7`.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.0.place = Some(place.into());
        self
    }

    /// Puts `outer` in front of the place that is already known.
    #[must_use]
    pub fn within(mut self, outer: impl fmt::Display) -> Self {
        self.0.place = Some(match self.0.place.take() {
            Some(inner) => format!("{outer}: {inner}"),
            None => outer.to_string(),
        });
        self
    }

    /// Says what was expected instead.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.0.expected = Some(expected.into());
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Says which of the valid names was meant, if one is near enough to what was found; otherwise the advice stays as it is.
    #[must_use]
    pub fn suggesting<'a>(self, found: &str, valid: impl IntoIterator<Item = &'a str>) -> Self {
        match suggest(found, valid) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None => self,
        }
    }

    /// Keeps the cause. Its text is shown with the chain, so it must not quote row values.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Says that the same thing, run again unchanged, fails again, though others of its class may not.
    #[must_use]
    pub fn lasting(mut self) -> Self {
        self.0.lasting = true;
        self
    }

    /// One error of several that were found together: the first one is told and carries the others. `None` when there is none.
    #[must_use]
    pub fn first_of(errors: impl IntoIterator<Item = Error>) -> Option<Self> {
        let mut errors = errors.into_iter();
        let mut first = errors.next()?;
        first.0.others.extend(errors);
        Some(first)
    }

    /// What else was found beside it, in order.
    pub fn others(&self) -> &[Error] {
        &self.0.others
    }

    /// Whether running the same thing again, unchanged, can succeed.
    pub fn retryable(&self) -> bool {
        self.0.class.retryable() && !self.0.lasting
    }

    /// The kind of trouble.
    pub fn class(&self) -> Class {
        self.0.class
    }

    /// Where it is, if known.
    pub fn place(&self) -> Option<&str> {
        self.0.place.as_deref()
    }

    /// What was found.
    pub fn found(&self) -> &str {
        &self.0.found
    }

    /// What was expected, if there is something to say.
    pub fn expectation(&self) -> Option<&str> {
        self.0.expected.as_deref()
    }

    /// What to do next, if there is something to say.
    pub fn advice(&self) -> Option<&str> {
        self.0.help.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.0.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.0.found)?;
        if let Some(expected) = &self.0.expected {
            write!(f, "; expected {expected}")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|e| e as &(dyn StdError + 'static))
    }
}
