//! How durable a write is before it is acknowledged (promise P1).

use std::fmt;
use std::str::FromStr;

/// The durability class of a dataset. Ordered from the weakest to the strongest: a batch takes the strongest class
/// of its members, which is their maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Durability {
    /// Never logged: gone with the process, has no feed.
    Memory,
    /// Acknowledged after the write to the operating system, fsynced within one second: survives a killed process,
    /// not a power cut.
    Async,
    /// Acknowledged after fsync: survives a power cut.
    Sync,
}

impl Durability {
    /// The word that configuration and status pages use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Async => "async",
            Self::Sync => "sync",
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Durability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "memory" => Ok(Self::Memory),
            "async" => Ok(Self::Async),
            "sync" => Ok(Self::Sync),
            other => Err(format!("durability \"{other}\" is unknown; use \"sync\", \"async\" or \"memory\"")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_class_is_the_maximum() {
        assert_eq!(Durability::Async.max(Durability::Sync), Durability::Sync);
        assert_eq!(Durability::Memory.max(Durability::Async), Durability::Async);
    }

    #[test]
    fn names_parse_back() {
        for class in [Durability::Memory, Durability::Async, Durability::Sync] {
            assert_eq!(class.name().parse(), Ok(class));
        }
        assert!("always".parse::<Durability>().unwrap_err().contains("\"always\""));
    }
}
