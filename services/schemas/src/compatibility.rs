//! Levels of compatibility: which older versions a new one is compared with, and in which direction.

use serde::{Deserialize, Serialize};

use crate::schema::{Differences, Schema};

/// What a new version must be to the older ones. *Persisted* by its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Level {
    /// Anything.
    None,
    /// Reads what the version before it wrote.
    #[default]
    Backward,
    /// Reads what every version before it wrote.
    BackwardTransitive,
    /// Is read by the version before it.
    Forward,
    /// Is read by every version before it.
    ForwardTransitive,
    /// Both, with the version before it.
    Full,
    /// Both, with every version before it.
    FullTransitive,
}

impl Level {
    /// All levels.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Backward,
        Self::BackwardTransitive,
        Self::Forward,
        Self::ForwardTransitive,
        Self::Full,
        Self::FullTransitive,
    ];

    /// The name in the protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Backward => "BACKWARD",
            Self::BackwardTransitive => "BACKWARD_TRANSITIVE",
            Self::Forward => "FORWARD",
            Self::ForwardTransitive => "FORWARD_TRANSITIVE",
            Self::Full => "FULL",
            Self::FullTransitive => "FULL_TRANSITIVE",
        }
    }

    /// The level of a name; case does not matter.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(name))
    }

    /// Whether every version before is compared, not only the last.
    pub const fn is_transitive(self) -> bool {
        matches!(self, Self::BackwardTransitive | Self::ForwardTransitive | Self::FullTransitive)
    }

    /// Whether the new version must read what the old one wrote.
    pub const fn is_backward(self) -> bool {
        matches!(self, Self::Backward | Self::BackwardTransitive | Self::Full | Self::FullTransitive)
    }

    /// Whether the old version must read what the new one writes.
    pub const fn is_forward(self) -> bool {
        matches!(self, Self::Forward | Self::ForwardTransitive | Self::Full | Self::FullTransitive)
    }

    /// Why `new` is not to `old` what the level asks for; empty if it is.
    pub fn check(self, new: &Schema, old: &Schema) -> Differences {
        let mut found = Differences::default();
        if self.is_backward() {
            found.extend(new.differences_to(old));
        }
        if self.is_forward() {
            found.extend(old.differences_to(new));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_is_persisted() {
        for level in Level::ALL {
            assert_eq!(serde_json::to_string(&level).unwrap(), format!("\"{}\"", level.name()));
            assert_eq!(Level::from_name(&level.name().to_lowercase()), Some(level));
        }
        for mode in crate::mode::Mode::ALL {
            assert_eq!(serde_json::to_string(&mode).unwrap(), format!("\"{}\"", mode.name()));
        }
    }
}
