//! What is wrong with a document, as far as access goes.

use std::fmt;

/// One thing that is wrong. It never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `logins.tokens`.
    pub at: String,
    /// What, and what to do.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.at, self.text)
    }
}

impl std::error::Error for Problem {}

/// Collects problems.
#[derive(Debug, Default)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl Problems {
    pub(crate) fn add(&mut self, at: &str, text: impl Into<String>) {
        self.0.push(Problem { at: at.to_owned(), text: text.into() });
    }

    /// The value, or its problem noted.
    pub(crate) fn take<T>(&mut self, at: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|text| self.add(at, text)).ok()
    }
}
