//! What a command is: one row of the registry.

use crate::context::{Context, Session};
use crate::failure::Outcome;

/// Flags as `COMMAND INFO` prints them. A set of bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Flags(pub u32);

impl Flags {
    /// Every flag and its name in `COMMAND INFO`.
    pub const ALL: [(Self, &'static str); 16] = [
        (Self::WRITE, "write"),
        (Self::READONLY, "readonly"),
        (Self::DENYOOM, "denyoom"),
        (Self::ADMIN, "admin"),
        (Self::PUBSUB, "pubsub"),
        (Self::NOSCRIPT, "noscript"),
        (Self::BLOCKING, "blocking"),
        (Self::LOADING, "loading"),
        (Self::STALE, "stale"),
        (Self::FAST, "fast"),
        (Self::NO_AUTH, "no_auth"),
        (Self::MOVABLE_KEYS, "movablekeys"),
        (Self::ALLOW_BUSY, "allow_busy"),
        (Self::NO_MULTI, "no_multi"),
        (Self::SKIP_MONITOR, "skip_monitor"),
        (Self::NO_MANDATORY_KEYS, "no_mandatory_keys"),
    ];
    /// Changes keys.
    pub const WRITE: Self = Self(1);
    /// Reads keys.
    pub const READONLY: Self = Self(1 << 1);
    /// May take more memory.
    pub const DENYOOM: Self = Self(1 << 2);
    /// For operators.
    pub const ADMIN: Self = Self(1 << 3);
    /// About channels.
    pub const PUBSUB: Self = Self(1 << 4);
    /// Not from scripts.
    pub const NOSCRIPT: Self = Self(1 << 5);
    /// May wait.
    pub const BLOCKING: Self = Self(1 << 6);
    /// While starting.
    pub const LOADING: Self = Self(1 << 7);
    /// On a stale replica.
    pub const STALE: Self = Self(1 << 8);
    /// Constant or logarithmic time.
    pub const FAST: Self = Self(1 << 9);
    /// Before authentication.
    pub const NO_AUTH: Self = Self(1 << 10);
    /// The key positions depend on other arguments.
    pub const MOVABLE_KEYS: Self = Self(1 << 11);
    /// While a script runs.
    pub const ALLOW_BUSY: Self = Self(1 << 12);
    /// Not inside MULTI.
    pub const NO_MULTI: Self = Self(1 << 13);
    /// Not shown by MONITOR.
    pub const SKIP_MONITOR: Self = Self(1 << 14);
    /// The keys are optional.
    pub const NO_MANDATORY_KEYS: Self = Self(1 << 15);

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Where the keys are among the arguments.
#[derive(Clone, Copy)]
pub enum KeyPlaces {
    /// There are none.
    None,
    /// From `first` to `last` (negative: from the end) in steps of `step`. The name is argument 0.
    Range {
        /// The first key.
        first: i16,
        /// The last key.
        last: i16,
        /// From one key to the next.
        step: i16,
    },
    /// It depends: the function lists their indices. Wrong arguments give none.
    Find(fn(&[&[u8]]) -> Vec<usize>),
}

impl KeyPlaces {
    /// Only argument 1.
    pub const ONE: Self = Self::Range { first: 1, last: 1, step: 1 };
    /// Arguments 1 and 2.
    pub const TWO: Self = Self::Range { first: 1, last: 2, step: 1 };
    /// All arguments.
    pub const ALL: Self = Self::Range { first: 1, last: -1, step: 1 };

    /// Calls `visit` with the index of each key.
    pub fn each(&self, args: &[&[u8]], mut visit: impl FnMut(usize)) {
        match *self {
            Self::None => {}
            Self::Range { first, last, step } => {
                let last = if last < 0 { args.len() as i64 + i64::from(last) } else { i64::from(last) };
                let last = last.min(args.len() as i64 - 1);
                let mut at = i64::from(first);
                while at <= last {
                    visit(at as usize);
                    at += i64::from(step);
                }
            }
            Self::Find(find) => find(args).into_iter().for_each(visit),
        }
    }
}

/// What runs when a command comes.
#[derive(Clone, Copy)]
pub enum Handler {
    /// Works on the keys that `KeyPlaces` names, which are locked.
    Keys(fn(&mut Context<'_, '_>, &[&[u8]]) -> Outcome),
    /// Works on the selected database as a whole, which is locked.
    Database(fn(&mut Context<'_, '_>, &[&[u8]]) -> Outcome),
    /// Works on all databases, which are locked.
    Everything(fn(&mut Context<'_, '_>, &[&[u8]]) -> Outcome),
    /// Works on the connection or the service; locks what it needs by itself. Inside MULTI it is one of those that touch no keys.
    Session(fn(&mut Session<'_>, &[&[u8]]) -> Outcome),
}

/// One command, or one subcommand of a container (`name` is then `config|get`).
pub struct Command {
    /// In lower case.
    pub name: &'static str,
    /// The number of arguments with the name; negative: at least so many.
    pub arity: i16,
    /// What it may do.
    pub flags: Flags,
    /// Which arguments are keys.
    pub keys: KeyPlaces,
    /// The ACL category of its family: `string`, `hash`, …
    pub category: &'static str,
    /// The version of Redis that brought it.
    pub since: &'static str,
    /// Its cost.
    pub complexity: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// What runs.
    pub handler: Handler,
}

impl Command {
    /// Whether `count` arguments, the name included, are right.
    pub fn accepts(&self, count: usize) -> bool {
        let count = count as i64;
        let arity = i64::from(self.arity);
        if arity < 0 { count >= -arity } else { count == arity }
    }
}
