//! From a document to a table.

use super::{Conditions, Lists, NONE, Place, Places, Route, Table, Tree};
use crate::split::Split;
use crate::trie::{Node, Trie};
use bole_gateway_document::Document;
use bole_gateway_document::host::HostPattern;
use bole_gateway_document::path::PathPattern;
use bole_gateway_document::route;
use regex_syntax::hir::{Hir, HirKind};
use smallvec::SmallVec;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

pub(super) fn table(document: &Document) -> Table {
    let enabled = document.routes.iter().filter(|(_, route)| route.enabled != Some(false));
    let routes: Vec<_> = enabled.filter_map(|(name, route)| compiled(name, route)).collect();
    let routes: Vec<_> =
        routes.into_iter().enumerate().map(|(index, route)| Route { index, ..route }).collect();
    let mut places: Vec<_> = routes.iter().flat_map(places_of).collect();
    places.sort_by_cached_key(|place| rank(&routes[place.route as usize], *place));
    let mut table = Table {
        routes,
        places,
        hosts: HashMap::new(),
        labels: Trie::default(),
        wildcards: HashMap::new(),
        any: None,
        segments: Trie::default(),
        nodes: Vec::new(),
    };
    // Node 0 of the labels is where each wildcard begins.
    table.labels.root();
    for number in 0..table.places.len() {
        enter(&mut table, number as u32);
    }
    table
}

fn compiled(name: &str, document: &route::Route) -> Option<Route> {
    let paths = document.path.iter().chain(&document.paths).map(|path| PathPattern::parse(path).ok());
    let hosts = document.hosts.iter().map(|host| HostPattern::parse(host));
    let split = (!document.split.is_empty()).then(|| Split::new(&document.split));
    Some(Route {
        name: name.into(),
        index: 0,
        document: Arc::new(document.clone()),
        split,
        hosts: hosts.collect::<Option<_>>()?,
        paths: paths.collect::<Option<_>>()?,
        conditions: Conditions::new(document)?,
    })
}

/// A place for each pair of host and path.
fn places_of(route: &Route) -> Vec<Place> {
    let of = |count: usize| if count == 0 { vec![NONE] } else { (0..count as u8).collect() };
    let (hosts, paths) = (of(route.hosts.len()), of(route.paths.len()));
    let pairs = hosts.iter().flat_map(|host| paths.iter().map(|path| (*host, *path)));
    pairs.map(|(host, path)| Place { route: route.index as u32, host, path }).collect()
}

/// The order of the document's `route`.
fn rank(route: &Route, place: Place) -> impl Ord + use<> {
    let host = match route.hosts.get(usize::from(place.host)) {
        Some(HostPattern { wildcard: false, port, .. }) => (0_u8, Reverse(0), port.is_none()),
        Some(HostPattern { wildcard: true, name, port }) => (1, Reverse(name.len()), port.is_none()),
        None => (2, Reverse(0), true),
    };
    let path = match route.paths.get(usize::from(place.path)) {
        Some(PathPattern::Exact(_)) => (0_u8, Reverse(0)),
        Some(PathPattern::Prefix(prefix)) => (1, Reverse(prefix.len())),
        Some(PathPattern::Pattern(_)) => (2, Reverse(0)),
        None => (3, Reverse(0)),
    };
    let conditions = &route.conditions;
    let more = (
        conditions.methods.is_empty(),
        conditions.protocol.is_none(),
        Reverse(conditions.headers.len()),
        Reverse(conditions.query.len()),
    );
    (Reverse(route.document.priority), host, path, more, Arc::clone(&route.name), place.host, place.path)
}

/// Lists a place where requests will pass. Places come in order, so lists are sorted by being appended to.
fn enter(table: &mut Table, number: u32) {
    let place = table.places[number as usize];
    let route = &table.routes[place.route as usize];
    let host = route.hosts.get(usize::from(place.host)).cloned();
    let path = route.paths.get(usize::from(place.path)).cloned();
    let mut node = tree(table, host.as_ref());
    let (walk, list): (String, fn(&mut Lists) -> &mut Places) = match path {
        Some(PathPattern::Exact(path)) => (path, |lists| &mut lists.exact),
        Some(PathPattern::Prefix(prefix)) => (prefix, |lists| &mut lists.below),
        Some(PathPattern::Pattern(pattern)) => {
            (first_segments(pattern.as_str()), |lists| &mut lists.patterns)
        }
        None => (String::new(), |lists| &mut lists.below),
    };
    grow(table, node, number);
    // An empty text is the root itself; `/` has one segment, the empty one.
    for segment in walk.split('/').skip(1) {
        node = table.segments.insert(node, segment);
        grow(table, node, number);
    }
    list(&mut table.nodes[node as usize]).push(number);
}

/// Makes room for a node and keeps the lowest number below it.
fn grow(table: &mut Table, node: Node, number: u32) {
    let wanted = table.segments.nodes().max(node as usize + 1);
    table.nodes.resize_with(wanted, || Lists { first: u32::MAX, ..Lists::default() });
    let first = &mut table.nodes[node as usize].first;
    *first = number.min(*first);
}

/// The root of a host's tree, made if there was none.
fn tree(table: &mut Table, host: Option<&HostPattern>) -> Node {
    let Some(host) = host else {
        let root = table.any.map_or_else(|| table.segments.root(), |tree| tree.root);
        table.any = Some(Tree { port: None, root });
        return root;
    };
    let trees: &mut SmallVec<[Tree; 1]> = if host.wildcard {
        let labels = host.name.rsplit('.').fold(0, |node, label| table.labels.insert(node, label));
        table.wildcards.entry(labels).or_default()
    } else {
        table.hosts.entry(host.name.as_str().into()).or_default()
    };
    if let Some(tree) = trees.iter().find(|tree| tree.port == host.port) {
        return tree.root;
    }
    let root = table.segments.root();
    trees.push(Tree { port: host.port, root });
    root
}

/// The whole segments with which each path begins that fits a pattern: `/orders` for `/orders/([0-9]+)`.
fn first_segments(pattern: &str) -> String {
    let mut parser = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build();
    let Ok(tree) = parser.parse(pattern) else { return String::new() };
    let mut literal = Vec::new();
    begin(&tree, &mut literal);
    let text = String::from_utf8(literal).unwrap_or_default();
    let end = text.rfind('/').unwrap_or(0);
    text[..end].to_owned()
}

/// Appends the text with which all that fits begins. `true` if nothing else can be before what follows.
fn begin(tree: &Hir, literal: &mut Vec<u8>) -> bool {
    match tree.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(text) => {
            literal.extend_from_slice(&text.0);
            true
        }
        HirKind::Capture(group) => begin(&group.sub, literal),
        HirKind::Concat(parts) => parts.iter().all(|part| begin(part, literal)),
        HirKind::Class(_) | HirKind::Repetition(_) | HirKind::Alternation(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_where_all_their_paths_pass() {
        for (pattern, expected) in [
            ("^(?:^/orders/([0-9]+)$)$", "/orders"),
            ("/orders/x", "/orders"),
            ("/orders", ""),
            ("/a/b/(c|d)/e", "/a/b"),
            ("/a/b?/c", "/a"),
            ("/a|/b", ""),
            ("(?i)/a/b", ""),
            ("(/a)/b/", "/a/b"),
            (".*", ""),
            ("/a/(?:)b/.*", "/a/b"),
            ("//a", "/"),
        ] {
            assert_eq!(first_segments(pattern), expected, "{pattern}");
        }
    }
}
