//! The numbers that name things in the journal. Each is a newtype, so that an offset is never taken for a position.

use std::fmt;

/// Defines a newtype over an unsigned integer with ordering, display and a `next`.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $inner);

        impl $name {
            /// The smallest value.
            pub const ZERO: Self = Self(0);

            /// The value after this one. Panics on overflow, which no real system reaches.
            #[must_use]
            pub const fn next(self) -> Self {
                match self.0.checked_add(1) {
                    Some(next) => Self(next),
                    None => panic!("identifier space is exhausted"),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

id! {
    /// Names one log within its journal. Never reused. 0 is the node's own log, 1 the catalog's, 2 identity's.
    LogId(u64)
}

impl LogId {
    /// The node's own log: marks and housekeeping of the journal.
    pub const NODE: Self = Self(0);
    /// The log of the catalog.
    pub const CATALOG: Self = Self(1);
    /// The log of identity.
    pub const IDENTITY: Self = Self(2);
    /// The first id that the catalog hands out to datasets.
    pub const FIRST_DATASET: Self = Self(16);
}

id! {
    /// The place of an entry in its log: 0, 1, 2, … without gaps.
    Offset(u64)
}

id! {
    /// Rises with every leader of a log and with every open; entries of older epochs are ignored by apply.
    Epoch(u32)
}

id! {
    /// A place in a journal. Opaque above the journal: only its order means something.
    Position(u64)
}
