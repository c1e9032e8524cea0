//! What the registry does, one file a family. Operations know no HTTP; [`crate::door`] turns requests into them.

pub mod check;
pub mod configure;
pub mod delete;
pub mod prepare;
pub mod read;
pub mod register;

use crate::Error;
use crate::compatibility::Level;
use crate::limits::SUBJECT_BYTES_MAX;
use crate::mode::Mode;
use crate::state::{State, Subject};

/// A version as a request names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionName {
    /// The last one.
    Latest,
    /// By its number.
    Number(i32),
}

impl VersionName {
    /// Reads `latest`, `-1` or a number.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "latest" | "-1" => Ok(Self::Latest),
            number => match number.parse() {
                Ok(number) if number > 0 => Ok(Self::Number(number)),
                _ => Err(Error::InvalidVersion(text.chars().take(100).collect())),
            },
        }
    }
}

/// The name of a subject without the prefix of the default context; other contexts are refused.
pub fn subject_name(given: &str) -> Result<String, Error> {
    let invalid = |reason| Error::InvalidSubject { subject: given.chars().take(100).collect(), reason };
    let name = match given.strip_prefix(":.:") {
        Some(name) => name,
        None if given.starts_with(":.") || given.starts_with(":*:") => {
            return Err(invalid("only the default context \".\" exists here"));
        }
        None => given,
    };
    if name.is_empty() || matches!(name, "__GLOBAL" | "__EMPTY") {
        return Err(invalid("it is empty or reserved"));
    }
    if name.len() > SUBJECT_BYTES_MAX {
        return Err(invalid("it has more than 1024 bytes"));
    }
    if name.chars().any(char::is_control) {
        return Err(invalid("it has control characters"));
    }
    Ok(name.to_owned())
}

/// The mode that counts for a subject.
pub(crate) fn mode_of(state: &State, subject: Option<&Subject>) -> Mode {
    let global = state.globals().mode;
    if global == Some(Mode::ReadOnlyOverride) {
        return Mode::ReadOnlyOverride;
    }
    subject.and_then(|subject| subject.mode).or(global).unwrap_or_default()
}

/// The level that counts for a subject.
pub(crate) fn level_of(state: &State, subject: Option<&Subject>) -> Level {
    let own = subject.and_then(|subject| subject.settings?.level);
    own.or_else(|| state.globals().settings?.level).unwrap_or_default()
}

/// Whether schemas of a subject are normalized when the request does not say.
pub(crate) fn normalizes(state: &State, subject: Option<&Subject>) -> bool {
    let own = subject.and_then(|subject| subject.settings?.normalize);
    own.or_else(|| state.globals().settings?.normalize).unwrap_or_default()
}

/// Refuses writes to what is read-only.
pub(crate) fn refuse_read_only(state: &State, name: &str) -> Result<(), Error> {
    if mode_of(state, state.subject(name)).is_read_only() {
        return Err(Error::NotPermitted(format!("Subject {name} is in read-only mode")));
    }
    Ok(())
}
