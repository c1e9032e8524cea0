//! Modes: what a subject, or the registry, takes.

use serde::{Deserialize, Serialize};

/// What is taken. *Persisted* by its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Reads and writes.
    #[default]
    #[serde(rename = "READWRITE")]
    ReadWrite,
    /// Reads only.
    #[serde(rename = "READONLY")]
    ReadOnly,
    /// Reads only, set for all; a subject's own mode does not lift it.
    #[serde(rename = "READONLY_OVERRIDE")]
    ReadOnlyOverride,
    /// Writes that bring ids and versions with them; compatibility is not checked.
    #[serde(rename = "IMPORT")]
    Import,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 4] = [Self::ReadWrite, Self::ReadOnly, Self::ReadOnlyOverride, Self::Import];

    /// The name in the protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadWrite => "READWRITE",
            Self::ReadOnly => "READONLY",
            Self::ReadOnlyOverride => "READONLY_OVERRIDE",
            Self::Import => "IMPORT",
        }
    }

    /// The mode of a name; case does not matter.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name().eq_ignore_ascii_case(name))
    }

    /// Whether nothing is written.
    pub const fn is_read_only(self) -> bool {
        matches!(self, Self::ReadOnly | Self::ReadOnlyOverride)
    }
}
