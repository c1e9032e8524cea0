//! The paths of a route: one, all below one, or those that fit a pattern.

use super::{Path, Refused};
use crate::pattern::{self, whole};
use regex::bytes::Regex;
use std::fmt;

/// Which paths a route takes.
#[derive(Clone, Debug)]
pub enum PathPattern {
    /// This one.
    Exact(String),
    /// This one and all below it, without the slash at the end: the empty text for all.
    Prefix(String),
    /// Those that fit as a whole.
    Pattern(Regex),
}

/// Why a text does not name paths.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not a path.
    #[error("{0}")]
    Path(#[from] Refused),
    /// It is one that no request has.
    #[error("no request has this path: it is compared as {0:?}")]
    Spelling(String),
    /// `*` elsewhere than at the end.
    #[error("* stands only for all below a path, as in /orders/*")]
    Star,
    /// The pattern is none.
    #[error("{0}")]
    Pattern(#[from] pattern::Error),
}

impl fmt::Display for PathPattern {
    /// As a document has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(path) => f.write_str(path),
            Self::Prefix(path) => write!(f, "{path}/*"),
            Self::Pattern(pattern) => {
                let whole = pattern.as_str();
                let inner = whole.strip_prefix("^(?:").and_then(|rest| rest.strip_suffix(")$"));
                write!(f, "~{}", inner.unwrap_or(whole))
            }
        }
    }
}

impl PathPattern {
    /// Reads `/orders`, `/orders/*` or `~^/orders/([0-9]+)$`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if let Some(pattern) = text.strip_prefix('~') {
            return Ok(Self::Pattern(whole(pattern)?));
        }
        let (path, below) = match text.strip_suffix("/*") {
            Some(path) => (path, true),
            None => (text, false),
        };
        if path.contains('*') {
            return Err(Error::Star);
        }
        // What is below `/a` is written `/a/*`: the part before the star is spelled as a path that ends with a slash.
        let written = if below { format!("{path}/") } else { path.to_owned() };
        let spelled = Path::of(&written)?;
        if spelled.as_str() != written {
            return Err(Error::Spelling(spelled.as_str().to_owned()));
        }
        Ok(if below { Self::Prefix(path.to_owned()) } else { Self::Exact(path.to_owned()) })
    }

    /// How many groups `{1}`, `{2}`… stand for.
    pub fn groups(&self) -> usize {
        match self {
            Self::Pattern(pattern) => pattern.captures_len() - 1,
            _ => 0,
        }
    }

    /// Whether a path is among them.
    pub fn fits(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => path == exact,
            Self::Prefix(prefix) => path
                .strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            Self::Pattern(pattern) => pattern.is_match(path.as_bytes()),
        }
    }
}
