//! Zones: documents and master files on one side, compiled for answering on the other.
//!
//! ```text
//! TOML document ─┐
//!                ├─► Source (lines with their places) ─► validated whole ─► Zone
//! master file ───┘
//! ```
//!
//! A zone is taken whole or not at all; all problems are told at once, each with its place.
//!
//! Reading order: [`set`] → [`rdata`] → [`lexer`] → [`source`] → [`master`] → [`document`] → [`compile`] → [`zones`].

pub mod compile;
pub mod document;
pub mod lexer;
pub mod master;
pub mod rdata;
pub mod set;
pub mod source;
pub mod zones;

mod validate;

pub use set::Set;
pub use source::{Problem, Problems, Source};
pub use zones::{Found, Zones};

use crate::chain::Pool;
use crate::security::dnssec::Signer;
use crate::wire::name::suffixes;
use crate::wire::{Name, RecordType};
use std::collections::HashMap;
use std::sync::Arc;

/// A zone, compiled.
#[derive(Debug)]
pub struct Zone {
    /// Its apex.
    pub origin: Name,
    /// The file that it comes from, or another name of its text.
    pub file: Box<str>,
    /// Its start.
    pub soa: Set,
    /// The same with the TTL of negative answers (RFC 2308 section 3).
    pub negative: Set,
    nodes: HashMap<Name, Node>,
    has_cuts: bool,
    has_wildcards: bool,
    /// Its pools.
    pub pools: Vec<Arc<Pool>>,
    /// What signs it.
    pub signer: Option<Arc<Signer>>,
}

/// All that a name has.
#[derive(Debug, Default)]
pub struct Node {
    /// Records.
    pub sets: Vec<Set>,
    /// Answers that depend on who asks.
    pub dynamic: Option<Dynamic>,
    /// Where these stand in the zone's text; 0 if nowhere.
    pub dynamic_line: u32,
    /// Whether another's zone begins here.
    pub is_cut: bool,
}

/// Where addresses of a name come from.
#[derive(Clone, Debug)]
pub enum Dynamic {
    /// A pool's.
    Pool(Arc<Pool>),
    /// Those of another name, flattened.
    Alias {
        /// That name.
        target: Name,
        /// Seconds for which they hold at most.
        ttl: u32,
    },
}

impl Node {
    /// Its records of a type.
    pub fn set(&self, kind: RecordType) -> Option<&Set> {
        self.sets.iter().find(|set| set.kind == kind)
    }

    /// Types that it has, in rising order; an alias counts as both kinds of address.
    pub fn kinds(&self) -> Vec<RecordType> {
        let mut kinds: Vec<RecordType> = self.sets.iter().map(|set| set.kind).collect();
        match &self.dynamic {
            Some(Dynamic::Pool(pool)) => kinds.extend(pool.kinds()),
            Some(Dynamic::Alias { .. }) => kinds.extend([RecordType::A, RecordType::AAAA]),
            None => {}
        }
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }
}

/// What a zone has for a name.
#[derive(Clone, Copy, Debug)]
pub enum Lookup<'z> {
    /// The name is there, perhaps with nothing but names below it.
    Node(&'z Node),
    /// It is not there; a wildcard stands in for it.
    Wildcard(&'z Node),
    /// It is in a zone that is delegated, at the name that is given.
    Cut(&'z Node, &'z Name),
    /// It is not there.
    Nothing,
}

impl Zone {
    /// Looks up a folded name in wire form, within the zone (RFC 1034 section 4.3.2, RFC 4592).
    pub fn look_up(&self, name: &[u8]) -> Lookup<'_> {
        if self.has_cuts
            && let Some((cut, node)) = self.cut_above(name)
        {
            return Lookup::Cut(node, cut);
        }
        if let Some(node) = self.nodes.get(name) {
            return Lookup::Node(node);
        }
        if !self.has_wildcards {
            return Lookup::Nothing;
        }
        // The closest name that exists decides: a wildcard above it does not reach here.
        let closest = suffixes(name).skip(1).find(|suffix| self.nodes.contains_key(*suffix));
        let mut buffer = [0_u8; 257];
        let wildcard = closest.and_then(|closest| {
            buffer[..2].copy_from_slice(b"\x01*");
            buffer[2..closest.len() + 2].copy_from_slice(closest);
            self.nodes.get(&buffer[..closest.len() + 2])
        });
        wildcard.map_or(Lookup::Nothing, Lookup::Wildcard)
    }

    /// The delegation nearest to the apex that is `name` or above it.
    fn cut_above(&self, name: &[u8]) -> Option<(&Name, &Node)> {
        let within = suffixes(name).take_while(|suffix| suffix.len() > self.origin.wire().len());
        let cuts =
            within.filter_map(|suffix| self.nodes.get_key_value(suffix).filter(|(_, node)| node.is_cut));
        cuts.last()
    }

    /// The node of a name.
    pub fn node(&self, name: &[u8]) -> Option<&Node> {
        self.nodes.get(name)
    }

    /// All names and what they have, sorted.
    pub fn nodes(&self) -> Vec<(&Name, &Node)> {
        let mut nodes: Vec<_> = self.nodes.iter().collect();
        nodes.sort_by(|left, right| left.0.cmp(right.0));
        nodes
    }

    /// Nodes whose answers come from a pool or another name.
    pub fn dynamic_nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values().filter(|node| node.dynamic.is_some())
    }

    /// How many records it has, those of pools not counted.
    pub fn record_count(&self) -> usize {
        self.nodes.values().flat_map(|node| &node.sets).map(|set| set.data.len()).sum()
    }

    /// Whether an answer may depend on who asks.
    pub fn is_dynamic(&self) -> bool {
        self.nodes.values().any(|node| node.dynamic.is_some())
    }

    /// The serial number.
    pub fn serial(&self) -> u32 {
        set::soa_number(&self.soa, set::SoaNumber::Serial)
    }
}
