//! Routes: which requests, and who may come in.

use super::{At, Names, access, target, transform, value};
use crate::Document;
use crate::host::HostPattern;
use crate::limits;
use crate::path::PathPattern;
use crate::pattern::{Error, Matcher};
use crate::route::{Pattern, Protocol, Route};
use crate::service;
use std::collections::BTreeMap;

pub(super) fn check(at: &At<'_>, names: &Names<'_>, route: &Route) {
    let paths = conditions(at, route);
    target::check(at, names, route, &paths);
    transform::check(at, route, &paths);
    logins(at, names, route);
    networks(at, route);
    for (index, limit) in route.limits.iter().enumerate() {
        names.check(&at.field("limits").item(index), "limits", limit);
    }
    if let Some(priority) = route.shed_priority {
        value::number(&at.field("shed_priority"), priority.into(), 0, 63);
    }
    if let Some(timeout) = route.timeout {
        value::span(&at.field("timeout"), timeout);
    }
    speaks(at, names, route);
}

/// The paths that could be read.
fn conditions(at: &At<'_>, route: &Route) -> Vec<PathPattern> {
    hosts(&at.field("hosts"), &route.hosts);
    let mut paths = Vec::new();
    let first = route.path.iter().map(|path| (at.field("path"), path));
    let further = route.paths.iter().enumerate().map(|(index, path)| (at.field("paths").item(index), path));
    for (at, path) in first.chain(further) {
        match PathPattern::parse(path) {
            Ok(pattern) => paths.push(pattern),
            Err(error) => at.say(format!("{path:?}: {error}"), "write /orders, /orders/* or ~pattern"),
        }
    }
    at.field("paths").at_most(route.paths.len(), limits::PATHS_MAX, "paths");
    value::distinct_exactly(&at.field("paths"), route.path.iter().chain(&route.paths));
    for (index, method) in route.methods.iter().enumerate() {
        value::method(&at.field("methods").item(index), method);
    }
    at.field("methods").at_most(route.methods.len(), limits::CONDITIONS_MAX, "methods");
    value::distinct(&at.field("methods"), route.methods.iter().map(String::as_str));
    patterns(&at.field("headers"), &route.headers, |at, name| {
        value::header_name(at, name);
        let host = name.eq_ignore_ascii_case("host");
        at.expect(!host, || "the host is no header here".to_owned(), "use hosts");
    });
    patterns(&at.field("query"), &route.query, |at, name| {
        at.expect(!name.is_empty(), || "no name".to_owned(), "name a parameter");
    });
    let holds = (-1_000..=1_000).contains(&route.priority);
    at.field("priority").expect(holds, || format!("{} is out of range", route.priority), "use -1000 to 1000");
    paths
}

fn hosts(at: &At<'_>, hosts: &[String]) {
    at.at_most(hosts.len(), limits::HOSTS_MAX, "hosts");
    value::distinct(at, hosts.iter().map(String::as_str));
    for (index, host) in hosts.iter().enumerate() {
        let todo = if host == "*" {
            "leave hosts out for any"
        } else {
            "write example.com or *.example.com in ASCII (xn--… for others), with :port if only that one is meant"
        };
        at.item(index).expect(HostPattern::parse(host).is_some(), || format!("{host:?} is no host"), todo);
    }
}

fn patterns(at: &At<'_>, patterns: &BTreeMap<String, Pattern>, name: impl Fn(&At<'_>, &str)) {
    at.at_most(patterns.len(), limits::CONDITIONS_MAX, "conditions");
    value::distinct(at, patterns.keys().map(String::as_str));
    for (key, pattern) in patterns {
        let at = at.field(key);
        name(&at, key);
        value::long_value(&at, &pattern.0);
        if let Err(error) = Matcher::of(pattern) {
            let todo = match error {
                Error::Syntax(_) => "write it in the syntax of RE2: no look-around, no back references",
                _ => "make it smaller",
            };
            at.say(format!("{:?}: {error}", pattern.0), todo);
        }
    }
}

fn logins(at: &At<'_>, names: &Names<'_>, route: &Route) {
    value::distinct_exactly(&at.field("login"), route.login.iter());
    for (index, login) in route.login.iter().enumerate() {
        names.check(&at.field("login").item(index), "logins", login);
    }
    if route.login.is_empty() {
        let todo = "name a login, or take it out";
        let open = route.login_optional;
        at.field("login_optional").expect(!open, || "there is no login".to_owned(), todo);
        let wrong = || "without a login nobody is known".to_owned();
        at.field("allow").expect(route.allow.is_empty(), wrong, todo);
    } else if route.login_optional && !route.allow.is_empty() {
        let wrong = "who shows nothing is let in, and only some are allowed";
        at.field("allow").say(wrong, "take login_optional or allow out");
    }
    // Tokens and certificates name consumers that are written down nowhere.
    let known = |login: &String| names.document.logins.get(login).is_none_or(access::knows_consumers);
    let closed = !route.login.is_empty() && route.login.iter().all(known);
    at.field("allow").at_most(route.allow.len(), limits::ITEMS_MAX, "names");
    for (index, name) in route.allow.iter().enumerate() {
        let at = at.field("allow").item(index);
        let (part, name) =
            name.strip_prefix('@').map_or(("consumers", name.as_str()), |group| ("groups", group));
        at.expect(!name.is_empty(), || "no name".to_owned(), "name a consumer or a @group");
        if closed && !name.is_empty() {
            names.check(&at, part, name);
        }
    }
}

fn networks(at: &At<'_>, route: &Route) {
    for (field, list) in [("allow_networks", &route.allow_networks), ("deny_networks", &route.deny_networks)]
    {
        let at = at.field(field);
        at.at_most(list.len(), limits::ITEMS_MAX, "networks");
        for (index, network) in list.iter().enumerate() {
            value::network(&at.item(index), network);
        }
    }
}

/// gRPC needs HTTP/2 to the service.
fn speaks(at: &At<'_>, names: &Names<'_>, route: &Route) {
    let field = match (route.protocol, route.grpc_web) {
        (_, true) => "grpc_web",
        (Some(Protocol::Grpc), _) => "protocol",
        _ => return,
    };
    let shares = route.split.iter().chain(&route.mirror).map(|share| &share.service);
    for name in route.service.iter().chain(shares) {
        let plain = |service: &service::Service| service.protocol == service::Protocol::Http1;
        if names.service(name).is_some_and(plain) {
            let wrong = format!("gRPC needs HTTP/2, and service {name:?} speaks HTTP/1.1");
            at.field(field).say(wrong, format!("say services.{name}.protocol = \"http/2\""));
        }
    }
}

/// Bounds on what all routes together bring.
pub(super) fn check_together(at: &At<'_>, document: &Document) {
    let mut places = 0;
    let mut patterns = 0;
    for route in document.routes.values() {
        let paths = usize::from(route.path.is_some()) + route.paths.len();
        places += paths.max(1) * route.hosts.len().max(1);
        let values = route.headers.values().chain(route.query.values()).map(|pattern| &pattern.0);
        let texts = route.path.iter().chain(&route.paths).chain(values);
        patterns += texts.filter(|text| text.starts_with('~')).count();
    }
    at.at_most(places, limits::PLACES_MAX, "pairs of host and path");
    at.at_most(patterns, limits::PATTERNS_MAX, "patterns");
}
