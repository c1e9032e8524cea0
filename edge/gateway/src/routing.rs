//! Which route takes a request: the seam to the table of routes.
//!
//! This is the plain form of the order that the document describes: hosts, paths and methods, looked through one by one.

use bole_gateway_document::Document;
use bole_gateway_document::route::{Protocol, Route};
use std::cmp::Reverse;

/// What a route is chosen by.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Host, with its port if one was said.
    pub host: &'a str,
    /// Path, without the query.
    pub path: &'a str,
    /// Method.
    pub method: &'a str,
    /// It came through TLS.
    pub secured: bool,
    /// It is gRPC.
    pub grpc: bool,
}

/// All routes, in the order in which they are asked.
#[derive(Debug, Default)]
pub struct Routing {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    route: usize,
    host: Host,
    path: Path,
    methods: Vec<String>,
    protocol: Option<Protocol>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Host {
    Exact(String),
    /// What follows the star, with its dot.
    Wildcard(String),
    Any,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Path {
    Exact(String),
    /// With its slash at the end.
    Prefix(String),
    Any,
}

impl Host {
    fn new(host: &str) -> Self {
        let host = host.to_ascii_lowercase();
        match host.strip_prefix('*') {
            Some(rest) => Self::Wildcard(rest.to_owned()),
            None => Self::Exact(host),
        }
    }

    fn takes(&self, host: &str) -> bool {
        let name = without_port(host);
        let ends = |whole: &str, end: &str| {
            whole.len() > end.len()
                && whole.is_char_boundary(whole.len() - end.len())
                && whole[whole.len() - end.len()..].eq_ignore_ascii_case(end)
        };
        match self {
            Self::Any => true,
            Self::Exact(own) => own.eq_ignore_ascii_case(host) || own.eq_ignore_ascii_case(name),
            Self::Wildcard(end) => ends(host, end) || ends(name, end),
        }
    }

    /// Exact, then the longer wildcard, then any.
    fn rank(&self) -> (u8, Reverse<usize>) {
        match self {
            Self::Exact(_) => (0, Reverse(0)),
            Self::Wildcard(end) => (1, Reverse(end.len())),
            Self::Any => (2, Reverse(0)),
        }
    }
}

impl Path {
    fn new(path: &str) -> Self {
        match path.strip_suffix("/*") {
            Some(before) => Self::Prefix(format!("{before}/")),
            None => Self::Exact(path.to_owned()),
        }
    }

    fn takes(&self, path: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(own) => own == path,
            Self::Prefix(prefix) => path.starts_with(prefix) || *path == prefix[..prefix.len() - 1],
        }
    }

    fn rank(&self) -> (u8, Reverse<usize>) {
        match self {
            Self::Exact(_) => (0, Reverse(0)),
            Self::Prefix(prefix) => (1, Reverse(prefix.len())),
            Self::Any => (2, Reverse(0)),
        }
    }
}

/// A host without its port.
pub fn without_port(host: &str) -> &str {
    match host.rfind(']') {
        Some(bracket) => &host[..=bracket],
        None => host.split_once(':').map_or(host, |(name, _)| name),
    }
}

impl Routing {
    /// The table of a document. Routes are numbered as the document has them.
    pub fn new(document: &Document) -> Self {
        let mut rows: Vec<(Row, i32, &str)> = Vec::new();
        for (number, (name, route)) in document.routes.iter().enumerate() {
            if route.enabled == Some(false) {
                continue;
            }
            for (host, path) in places(route) {
                let methods = route.methods.iter().map(|method| method.to_ascii_uppercase()).collect();
                rows.push((
                    Row { route: number, host, path, methods, protocol: route.protocol },
                    route.priority,
                    name,
                ));
            }
        }
        rows.sort_by_key(|(row, priority, name)| {
            let more_methods = Reverse(usize::from(!row.methods.is_empty()));
            (Reverse(*priority), row.host.rank(), row.path.rank(), more_methods, (*name).to_owned())
        });
        Self { rows: rows.into_iter().map(|(row, ..)| row).collect() }
    }

    /// The route that takes the request.
    pub fn find(&self, ask: &Ask<'_>) -> Option<usize> {
        let method = if ask.method == "HEAD" { "GET" } else { ask.method };
        let takes = |row: &&Row| {
            let protocol = match row.protocol {
                None => true,
                Some(Protocol::Http) => !ask.secured,
                Some(Protocol::Https) => ask.secured,
                Some(Protocol::Grpc) => ask.grpc,
            };
            let named = |own: &String| own == method || own == ask.method;
            protocol
                && (row.methods.is_empty() || row.methods.iter().any(named))
                && row.path.takes(ask.path)
                && row.host.takes(ask.host)
        };
        self.rows.iter().find(takes).map(|row| row.route)
    }
}

fn places(route: &Route) -> Vec<(Host, Path)> {
    let mut hosts: Vec<Host> = route.hosts.iter().map(|host| Host::new(host)).collect();
    let mut paths: Vec<Path> = route.path.iter().chain(&route.paths).map(|path| Path::new(path)).collect();
    if hosts.is_empty() {
        hosts.push(Host::Any);
    }
    if paths.is_empty() {
        paths.push(Path::Any);
    }
    hosts.iter().flat_map(|host| paths.iter().map(|path| (host.clone(), path.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_found_in_their_order() {
        let text = r#"
            services.s.instances = ["127.0.0.1:1"]
            [routes.any]
            service = "s"
            [routes.exact]
            hosts = ["a.example"]
            path = "/a"
            service = "s"
            [routes.get]
            hosts = ["a.example"]
            path = "/a/*"
            methods = ["get"]
            service = "s"
            [routes.long]
            hosts = ["*.example"]
            path = "/a/b/*"
            service = "s"
            [routes.tls]
            path = "/t"
            protocol = "https"
            priority = 5
            service = "s"
        "#;
        let document = Document::from_toml(text).expect("it has the shape");
        let names: Vec<&String> = document.routes.keys().collect();
        let routing = Routing::new(&document);
        for (host, path, method, secured, expected) in [
            ("a.example", "/a", "POST", false, "exact"),
            ("A.example:80", "/a/", "HEAD", false, "get"),
            ("a.example", "/a/b/c", "GET", false, "get"),
            ("b.example", "/a/b", "GET", false, "long"),
            ("example", "/a/b", "GET", false, "any"),
            ("a.example", "/ab", "GET", false, "any"),
            ("a.example", "/a/x", "PUT", false, "any"),
            ("x", "/t", "GET", true, "tls"),
            ("x", "/t", "GET", false, "any"),
        ] {
            let found = routing.find(&Ask { host, path, method, secured, grpc: false });
            assert_eq!(found.map(|route| names[route].as_str()), Some(expected), "{host}{path} {method}");
        }
    }
}
