//! All routes, and the one that takes a request.
//!
//! A route stands at a *place* for each pair of its hosts and paths. Places are sorted once by the order of the document's `route`, and
//! a place's number is its rank. Each host (exact, wildcard, any) has a tree of path segments whose nodes list the places that end
//! there, lowest number first:
//!
//! ```text
//! example.com:  /  ── orders ── open        exact: /orders/open
//!               │       └ prefix: /orders/*, patterns that begin with /orders/
//!               └ prefix: /*, patterns without a first segment, routes for any path
//! ```
//!
//! A request walks down the trees of the few hosts that fit it and tries what it passes; whatever is numbered above the best so far
//! is not even looked at. So priorities, which may put any place before any other, cost nothing where they are not used.

mod build;
mod condition;
mod explain;

pub use condition::Mismatch;
pub use explain::{Candidate, Explanation};

use crate::Request;
use crate::split::Split;
use crate::trie::{Node, Trie};
use bole_gateway_document::Document;
use bole_gateway_document::host::HostPattern;
use bole_gateway_document::path::PathPattern;
use bole_gateway_document::route;
use condition::Conditions;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// All routes of a document, compiled. Cheap to share, never changed.
pub struct Table {
    routes: Vec<Route>,
    places: Vec<Place>,
    /// Trees of exact hosts; those that name a port first.
    hosts: HashMap<Box<str>, SmallVec<[Tree; 1]>>,
    /// Labels of wildcards, the last label of the host first.
    labels: Trie,
    /// The trees of a node of `labels`.
    wildcards: HashMap<Node, SmallVec<[Tree; 1]>>,
    /// Of routes for any host.
    any: Option<Tree>,
    segments: Trie,
    /// By node of `segments`.
    nodes: Vec<Lists>,
}

/// A route, compiled as far as it decides on requests.
pub struct Route {
    /// Its name.
    pub name: Arc<str>,
    /// Its number in the order of names, which other compiled parts may use as an index.
    pub index: usize,
    /// As it was written.
    pub document: Arc<route::Route>,
    /// What it splits its requests between.
    pub split: Option<Split>,
    hosts: Vec<HostPattern>,
    paths: Vec<PathPattern>,
    conditions: Conditions,
}

/// A route at one of its hosts and paths; [`NONE`] for any.
#[derive(Clone, Copy, Debug)]
struct Place {
    route: u32,
    host: u8,
    path: u8,
}

const NONE: u8 = u8::MAX;

/// The paths of one host.
#[derive(Clone, Copy, Debug)]
struct Tree {
    port: Option<u16>,
    root: Node,
}

type Places = SmallVec<[u32; 2]>;

/// The places that a node of a tree stands for, and the lowest number in it or below.
#[derive(Default)]
struct Lists {
    exact: Places,
    /// Prefixes and routes for any path.
    below: Places,
    patterns: Places,
    first: u32,
}

/// A route that takes a request, and how.
#[derive(Clone, Copy)]
pub struct Found<'t> {
    /// The route.
    pub route: &'t Route,
    path: Option<&'t PathPattern>,
}

/// Parts of a path as its route names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts<'p> {
    /// What `*` stood for, without the slash before it.
    pub rest: &'p str,
    /// The groups of the pattern, the first one first; empty those that took no part.
    pub groups: Vec<&'p str>,
}

impl Table {
    /// Compiles the routes of a document that was checked. A part that could not be read is left out; `Document::check` finds those.
    pub fn new(document: &Document) -> Self {
        build::table(document)
    }

    /// The route that takes a request: the first in order of those that fit.
    pub fn find(&self, request: &Request<'_>) -> Option<Found<'_>> {
        let mut best = u32::MAX;
        for tree in self.hosts.get(request.host).into_iter().flatten() {
            best = self.search(*tree, request, best);
        }
        if !self.wildcards.is_empty() {
            let mut node = 0;
            for label in request.host.rsplit('.') {
                // The last label is what `*` stands for, if all others were a wildcard's.
                for tree in self.wildcards.get(&node).into_iter().flatten() {
                    best = self.search(*tree, request, best);
                }
                let Some(next) = self.labels.child(node, label) else { break };
                node = next;
            }
        }
        if let Some(tree) = self.any {
            best = self.search(tree, request, best);
        }
        let place = *self.places.get(best as usize)?;
        Some(self.found(place))
    }

    fn found(&self, place: Place) -> Found<'_> {
        let route = &self.routes[place.route as usize];
        Found { route, path: route.paths.get(usize::from(place.path)) }
    }

    /// The lowest number of a place in the tree that fits, if it is below `best`.
    fn search(&self, tree: Tree, request: &Request<'_>, mut best: u32) -> u32 {
        if tree.port.is_some() && tree.port != request.port {
            return best;
        }
        let path = request.path.as_str();
        let mut rest = Some(&path[1..]);
        let mut node = tree.root;
        loop {
            let lists = &self.nodes[node as usize];
            if lists.first >= best {
                return best;
            }
            best = self.first_of(&lists.below, request, best);
            best = self.first_of(&lists.patterns, request, best);
            let Some(left) = rest else {
                return self.first_of(&lists.exact, request, best);
            };
            let (segment, after) = match left.split_once('/') {
                Some((segment, after)) => (segment, Some(after)),
                None => (left, None),
            };
            match self.segments.child(node, segment) {
                Some(next) => (node, rest) = (next, after),
                None => return best,
            }
        }
    }

    fn first_of(&self, places: &Places, request: &Request<'_>, best: u32) -> u32 {
        let fits = |number: &&u32| {
            let place = self.places[**number as usize];
            let route = &self.routes[place.route as usize];
            let pattern = match route.paths.get(usize::from(place.path)) {
                Some(PathPattern::Pattern(pattern)) => pattern.is_match(request.path.as_str().as_bytes()),
                _ => true,
            };
            pattern && route.conditions.check(request).is_ok()
        };
        places.iter().take_while(|number| **number < best).find(fits).copied().unwrap_or(best)
    }

    /// Which route would take a request, and why no other does.
    pub fn explain(&self, request: &Request<'_>) -> Explanation<'_> {
        explain::explain(self, request)
    }

    /// All routes, in the order of their names; a route's `index` is its place here.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }
}

impl<'t> Found<'t> {
    /// The parts of the path that the route names.
    pub fn parts<'p>(&self, path: &'p str) -> Parts<'p> {
        match self.path {
            Some(PathPattern::Prefix(prefix)) => {
                let rest = path.strip_prefix(prefix.as_str()).unwrap_or_default();
                Parts { rest: rest.strip_prefix('/').unwrap_or(rest), groups: Vec::new() }
            }
            Some(PathPattern::Pattern(pattern)) => {
                let captures = pattern.captures(path.as_bytes());
                let ranges = captures.iter().flat_map(|captures| captures.iter().skip(1));
                // A path is ASCII, so that any range of its bytes is text.
                let text = |range: regex::bytes::Match<'_>| path.get(range.range()).unwrap_or_default();
                Parts { rest: "", groups: ranges.map(|group| group.map_or("", text)).collect() }
            }
            Some(PathPattern::Exact(_)) | None => Parts::default(),
        }
    }

    /// The path of the route that fits, as it was written; nothing for any.
    pub fn pattern(&self) -> Option<&'t PathPattern> {
        self.path
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Table({} routes, {} places)", self.routes.len(), self.places.len())
    }
}

impl fmt::Debug for Found<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Found({})", self.route.name)
    }
}

#[cfg(test)]
mod tests;
