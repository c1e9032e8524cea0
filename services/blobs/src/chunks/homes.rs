//! The homes that a node has: its own files, and perhaps a cluster. New chunks go to one of them; where each is, rows say.
//!
//! # Invariants
//! - A number means the same home for as long as rows name it.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ChunkId, Error, Home};

/// Which home, in rows. *Persisted.*
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HomeNumber(pub u8);

impl HomeNumber {
    /// The node's own files.
    pub const LOCAL: Self = Self(0);
    /// The cluster.
    pub const CLUSTER: Self = Self(1);
}

impl fmt::Display for HomeNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::LOCAL => f.write_str("local"),
            Self::CLUSTER => f.write_str("s3"),
            Self(number) => write!(f, "home {number}"),
        }
    }
}

/// A chunk where it is stored: while it moves, it is in two homes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stored {
    /// The chunk.
    pub id: ChunkId,
    /// The home.
    pub home: HomeNumber,
}

/// All homes of a node.
#[derive(Clone)]
pub struct Homes {
    all: Vec<(HomeNumber, Arc<dyn Home>)>,
    current: HomeNumber,
}

impl Homes {
    /// One, which is the node's own.
    pub fn local(home: Arc<dyn Home>) -> Self {
        Self { all: vec![(HomeNumber::LOCAL, home)], current: HomeNumber::LOCAL }
    }

    /// The node's own and a cluster; new chunks go to `current`.
    pub fn with_cluster(local: Arc<dyn Home>, cluster: Arc<dyn Home>, current: HomeNumber) -> Self {
        Self { all: vec![(HomeNumber::LOCAL, local), (HomeNumber::CLUSTER, cluster)], current }
    }

    /// Where new chunks go.
    pub const fn current(&self) -> HomeNumber {
        self.current
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = (HomeNumber, &Arc<dyn Home>)> {
        self.all.iter().map(|(number, home)| (*number, home))
    }

    /// A home. Errors: `Failed`; this node has no such home.
    pub fn get(&self, number: HomeNumber) -> Result<&Arc<dyn Home>, Error> {
        let found = self.all.iter().find(|(found, _)| *found == number);
        let missing =
            || Error::Failed(format!("a chunk is in the home \"{number}\", which is not configured"));
        found.map(|(_, home)| home).ok_or_else(missing)
    }

    /// The only home, if there is one alone.
    pub fn only(&self) -> Option<&Arc<dyn Home>> {
        match &self.all[..] {
            [(_, home)] => Some(home),
            _ => None,
        }
    }
}
