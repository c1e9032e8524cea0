//! What is changed on the way: paths, headers, the query; CORS and compression.

use super::{At, value};
use crate::host::HostPattern;
use crate::limits::{ITEMS_MAX, PREFLIGHT_AGE_MAX};
use crate::path::{Path, PathPattern};
use crate::route::{Compression, Cors, Headers, Images, Rewrite, Route};
use crate::template::{Template, Use};
use std::collections::BTreeMap;

pub(super) fn check(at: &At<'_>, route: &Route, paths: &[PathPattern]) {
    if let Some(change) = &route.rewrite {
        rewrite(&at.field("rewrite"), change, paths);
    }
    headers(&at.field("request_headers"), &route.request_headers, paths);
    headers(&at.field("response_headers"), &route.response_headers, paths);
    query(&at.field("query_changes"), &route.query_changes, paths);
    if let Some(origins) = &route.cors {
        cors(&at.field("cors"), origins);
    }
    if let Some(settings) = &route.compression {
        compression(&at.field("compression"), settings);
    }
    if let Some(settings) = route.cache.as_ref().and_then(|cache| cache.images.as_ref()) {
        images(&at.field("cache").field("images"), settings);
    }
}

/// Reads a template, and asks whether each of the route's paths has what it names.
pub(super) fn template(at: &At<'_>, text: &str, used: Use, paths: &[PathPattern]) -> Option<Template> {
    value::long_value(at, text);
    let template = match Template::parse(text, used) {
        Ok(template) => template,
        Err(error) => {
            let text = error.to_string();
            let (wrong, todo) = text.split_once("; ").unwrap_or((&text, "use one of these"));
            at.say(wrong, todo);
            return None;
        }
    };
    let groups = template.groups();
    if groups > 0 && (paths.is_empty() || paths.iter().any(|path| path.groups() < groups)) {
        let todo = "use a pattern with as many groups for each path of the route";
        at.say(format!("{{{groups}}} names a group that not every path has"), todo);
    }
    if template.has_rest()
        && (paths.is_empty() || !paths.iter().all(|path| matches!(path, PathPattern::Prefix(_))))
    {
        at.say("{rest} is what * stood for, and not every path has one", "end each path with /*");
    }
    Some(template)
}

fn rewrite(at: &At<'_>, rewrite: &Rewrite, paths: &[PathPattern]) {
    let prefixes = [("strip_prefix", &rewrite.strip_prefix), ("add_prefix", &rewrite.add_prefix)];
    for (field, prefix) in prefixes {
        let Some(prefix) = prefix else { continue };
        let settled = Path::of(prefix).is_ok_and(|read| read.as_str() == prefix && !prefix.ends_with('/'));
        at.field(field).expect(settled, || format!("{prefix:?} is no prefix"), "write it as in /api");
        let both = rewrite.path.is_some();
        at.field(field).expect(!both, || "path is the whole new path".to_owned(), "take one of both out");
    }
    if let Some(path) = &rewrite.path {
        let at = at.field("path");
        let begins = path.starts_with('/') || path.starts_with("{path}");
        at.expect(begins, || format!("{path:?} is no path"), "begin with /");
        let template = template(&at, path, Use::Path, paths);
        let plain = |text: &str| Path::of(text).is_ok_and(|read| read.as_str() == text);
        if let Some(text) = template.as_ref().and_then(Template::fixed).filter(|_| begins) {
            at.expect(
                plain(text),
                || format!("{text:?} is not how a path is sent"),
                "encode what is not plain",
            );
        }
    }
    if let Some(host) = &rewrite.host {
        value::host(&at.field("host"), host);
    }
    let nothing = *rewrite == Rewrite::default();
    at.expect(!nothing, || "nothing is changed".to_owned(), "say what, or take it out");
}

fn headers(at: &At<'_>, headers: &Headers, paths: &[PathPattern]) {
    at.field("remove").at_most(headers.remove.len(), ITEMS_MAX, "headers");
    for (index, name) in headers.remove.iter().enumerate() {
        value::changed_header(&at.field("remove").item(index), name);
    }
    for (field, changes) in [("set", &headers.set), ("add", &headers.add)] {
        let at = at.field(field);
        at.at_most(changes.len(), ITEMS_MAX, "headers");
        value::distinct(&at, changes.keys().map(String::as_str));
        for (name, text) in changes {
            let at = at.field(name);
            value::changed_header(&at, name);
            value::header_value(&at, text);
            template(&at, text, Use::Value, paths);
        }
    }
}

/// Headers of an answer of the gateway's own.
pub(super) fn fixed_headers(at: &At<'_>, headers: &BTreeMap<String, String>) {
    at.at_most(headers.len(), ITEMS_MAX, "headers");
    value::distinct(at, headers.keys().map(String::as_str));
    for (name, text) in headers {
        let at = at.field(name);
        value::changed_header(&at, name);
        value::header_value(&at, text);
    }
}

fn query(at: &At<'_>, changes: &Headers, paths: &[PathPattern]) {
    let names = changes.remove.iter().chain(changes.set.keys()).chain(changes.add.keys());
    let empty = names.clone().any(String::is_empty);
    at.expect(!empty, || "a parameter without a name".to_owned(), "name it");
    at.at_most(names.count(), ITEMS_MAX, "parameters");
    for (field, values) in [("set", &changes.set), ("add", &changes.add)] {
        for (name, text) in values {
            template(&at.field(field).field(name), text, Use::Value, paths);
        }
    }
}

fn cors(at: &At<'_>, cors: &Cors) {
    at.field("origins").expect(
        !cors.origins.is_empty(),
        || "no origin may do anything".to_owned(),
        "list them, or \"*\" for all; without cors no other origin may",
    );
    at.field("origins").at_most(cors.origins.len(), ITEMS_MAX, "origins");
    for (index, origin) in cors.origins.iter().enumerate() {
        let at = at.field("origins").item(index);
        at.expect(
            is_origin(origin),
            || format!("{origin:?} is no origin"),
            "write https://example.com, without a path",
        );
        let open = cors.credentials && origin == "*";
        at.expect(
            !open,
            || "any page could act as its visitor".to_owned(),
            "list the origins that may send cookies",
        );
        let null = cors.credentials && origin == "null";
        at.expect(!null, || "any page can be of the origin null".to_owned(), "take it out");
    }
    for (index, method) in cors.methods.iter().enumerate() {
        value::method(&at.field("methods").item(index), method);
    }
    for (field, names) in [("headers", &cors.headers), ("expose", &cors.expose)] {
        at.field(field).at_most(names.len(), ITEMS_MAX, "headers");
        for (index, name) in names.iter().enumerate() {
            let at = at.field(field).item(index);
            value::header_name(&at, name);
            let star = field == "expose" && name == "*" && cors.credentials;
            at.expect(!star, || "with credentials * is a header's name".to_owned(), "list them");
        }
    }
    if let Some(age) = cors.max_age {
        value::age(&at.field("max_age"), age, PREFLIGHT_AGE_MAX);
    }
}

/// An origin as browsers write it: scheme and host in lower case, the port only if it is not the scheme's own.
fn is_origin(text: &str) -> bool {
    if text == "*" || text == "null" {
        return true;
    }
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let own = match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    let lower = !host.bytes().any(|byte| byte.is_ascii_uppercase()) && !host.ends_with('.');
    own.is_some() && lower && HostPattern::parse(host).is_some_and(|host| host.port != own)
}

/// The largest image that is made.
const SIDE_MAX: u32 = 8_192;

fn images(at: &At<'_>, images: &Images) {
    at.field("sizes").at_most(images.sizes.len(), ITEMS_MAX, "sizes");
    at.field("qualities").at_most(images.qualities.len(), ITEMS_MAX, "qualities");
    let sizes = images.sizes.iter().all(|size| (1..=SIDE_MAX).contains(size))
        && images.sizes.is_sorted_by(|a, b| a < b);
    at.field("sizes").expect(
        sizes && !images.sizes.is_empty(),
        || format!("{:?}", images.sizes),
        "name sizes from 1 to 8192, rising, or take it out",
    );
    let good = |quality: &u8| (1..=100).contains(quality);
    at.field("qualities").expect(
        images.qualities.iter().all(good)
            && images.qualities.is_sorted_by(|a, b| a < b)
            && !images.qualities.is_empty(),
        || format!("{:?}", images.qualities),
        "name qualities from 1 to 100, rising, or take it out",
    );
    at.field("quality").expect(good(&images.quality), || images.quality.to_string(), "use 1 to 100");
    for (index, name) in images.formats.iter().enumerate() {
        let at = at.field("formats").item(index);
        let known = ["avif", "webp"].contains(&name.as_str());
        at.expect(
            known,
            || format!("there is no {name:?}"),
            "use avif and webp; JPEG and PNG are always made",
        );
    }
    value::distinct(&at.field("formats"), images.formats.iter().map(String::as_str));
}

fn compression(at: &At<'_>, compression: &Compression) {
    let known = ["zstd", "br", "gzip"];
    let list = &compression.algorithms;
    at.field("algorithms").expect(
        !list.is_empty(),
        || "none".to_owned(),
        "name zstd, br or gzip, or take it out",
    );
    for (index, name) in list.iter().enumerate() {
        let at = at.field("algorithms").item(index);
        at.expect(
            known.contains(&name.as_str()),
            || format!("there is no {name:?}"),
            "use zstd, br and gzip",
        );
    }
    value::distinct(&at.field("algorithms"), list.iter().map(String::as_str));
    at.field("types").at_most(compression.types.len(), ITEMS_MAX, "types");
    for (index, text) in compression.types.iter().enumerate() {
        let holds = text.split_once('/').is_some_and(|(kind, name)| {
            kind != "*"
                && super::is_token(kind)
                && (name == "*" || super::is_token(name))
                && !kind.contains('*')
        });
        let todo = "write application/json or text/*";
        at.field("types").item(index).expect(holds, || format!("{text:?} is no media type"), todo);
    }
}
