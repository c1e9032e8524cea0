//! In which versions a message and its fields exist.

use std::fmt;

/// A range of versions, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// The first version.
    pub min: i16,
    /// The last version.
    pub max: i16,
}

impl Versions {
    /// The versions from `min` to `max`, both included.
    pub const fn new(min: i16, max: i16) -> Versions {
        Versions { min, max }
    }

    /// Whether `version` is one of them.
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.min, self.max)
    }
}

/// When a field is on the wire, and how. Written beside each field: `since(12).tagged(0).ignorable()`.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    versions: Versions,
    null_since: i16,
    tag: Option<u32>,
    ignorable: bool,
}

/// A field of every version of its message.
pub const fn always() -> Rule {
    since(0)
}

/// A field that came with this version.
pub const fn since(version: i16) -> Rule {
    during(version, i16::MAX)
}

/// A field that went after this version.
pub const fn until(version: i16) -> Rule {
    during(0, version)
}

/// A field that came with the first of these versions and went after the second.
pub const fn during(first: i16, last: i16) -> Rule {
    Rule { versions: Versions::new(first, last), null_since: 0, tag: None, ignorable: false }
}

impl Rule {
    /// The field may be null only from this version on. Without it, an `Option` may be null wherever it exists.
    #[must_use]
    pub const fn null_since(self, version: i16) -> Rule {
        Rule { null_since: version, ..self }
    }

    /// The field is in the tagged section (KIP-482), and only when it differs from its default.
    #[must_use]
    pub const fn tagged(self, tag: u32) -> Rule {
        Rule { tag: Some(tag), ..self }
    }

    /// A value for a version that lacks the field is dropped silently. Without it, encoding such a value is an error.
    #[must_use]
    pub const fn ignorable(self) -> Rule {
        Rule { ignorable: true, ..self }
    }

    /// Whether the field exists in `version`, tagged or not.
    pub const fn exists(&self, version: i16) -> bool {
        self.versions.contains(version)
    }

    /// Whether the field stands in its place among the plain fields of `version`.
    pub const fn plain(&self, version: i16) -> bool {
        self.tag.is_none() && self.exists(version)
    }

    /// The tag under which the field is in `version`.
    pub const fn tag(&self, version: i16) -> Option<u32> {
        if self.exists(version) { self.tag } else { None }
    }

    /// Whether a value that differs from the default is refused in `version`, which lacks the field.
    pub const fn required(&self, version: i16) -> bool {
        !self.exists(version) && !self.ignorable
    }

    /// Whether null is a value of the field in `version`.
    pub const fn nullable(&self, version: i16) -> bool {
        version >= self.null_since
    }
}
