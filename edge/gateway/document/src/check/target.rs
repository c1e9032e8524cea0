//! Where a route's requests go, and what has a meaning only for some of the places.

use super::{At, Names, transform, value};
use crate::limits::{KEY_BYTES_MAX, REPLY_BYTES_MAX, SHARES_MAX};
use crate::path::PathPattern;
use crate::route::{Bucket, Headers, Redirect, Reply, Route, Share};
use crate::template::Use;
use std::collections::BTreeSet;

pub(super) fn check(at: &At<'_>, names: &Names<'_>, route: &Route, paths: &[PathPattern]) {
    value::exactly_one(
        at,
        &[
            ("service", route.service.is_some()),
            ("split", !route.split.is_empty()),
            ("redirect", route.redirect.is_some()),
            ("reply", route.reply.is_some()),
            ("files", route.files.is_some()),
            ("openapi", route.openapi.is_some()),
            ("bucket", route.bucket.is_some()),
        ],
    );
    if let Some(service) = &route.service {
        names.check(&at.field("service"), "services", service);
    }
    split(&at.field("split"), names, &route.split);
    if let Some(key) = &route.split_key {
        let at = at.field("split_key");
        at.expect(!route.split.is_empty(), || "there is no split".to_owned(), "take it out, or add one");
        value::key_source(&at, key);
    }
    if let Some(mirror) = &route.mirror {
        let at = at.field("mirror");
        names.check(&at.field("service"), "services", &mirror.service);
        let holds = mirror.weight > 0.0 && mirror.weight <= 100.0;
        let wrong = || format!("{} percent", mirror.weight);
        at.field("weight").expect(holds, wrong, "use more than 0, and at most 100");
    }
    if let Some(to) = &route.redirect {
        redirect(&at.field("redirect"), to, paths);
    }
    if let Some(answer) = &route.reply {
        reply(&at.field("reply"), answer);
    }
    if let Some(files) = &route.files {
        let at = at.field("files");
        value::file(&at.field("root"), &files.root);
        file_name(&at.field("index"), &files.index);
        if let Some(fallback) = &files.fallback {
            let inside = !fallback.split('/').any(|segment| segment == ".." || segment == ".");
            let fine = inside
                && !fallback.is_empty()
                && !fallback.starts_with('/')
                && !fallback.contains(['\\', '\0']);
            let todo = "name a file below root, such as index.html";
            at.field("fallback").expect(fine, || format!("{fallback:?} is no file of the folder"), todo);
        }
    }
    if let Some(shown) = &route.bucket {
        bucket(&at.field("bucket"), shown);
    }
    if route.collapse {
        collapse(&at.field("collapse"), names, route);
    }
    idle(at, route);
}

/// Where answers would never be shared, or should not.
fn collapse(at: &At<'_>, names: &Names<'_>, route: &Route) {
    let cached = route.cache.as_ref().is_some_and(|cache| cache.enabled);
    at.expect(
        !cached,
        || "the cache makes one request of simultaneous ones already".to_owned(),
        "take it out",
    );
    let known = !route.login.is_empty() && !route.login_optional;
    let wrong = || "everybody has to log in, and answers to somebody are never shared".to_owned();
    at.expect(!known, wrong, "take it out, or say login_optional = true");
    for name in route.service.iter().chain(route.split.iter().map(|share| &share.service)) {
        let sticky = names.service(name).is_some_and(|service| service.balance.algorithm == "sticky");
        let wrong = || format!("service {name:?} binds clients to instances, which shared answers cannot");
        at.expect(!sticky, wrong, "take it out, or choose another balance.algorithm");
    }
}

fn bucket(at: &At<'_>, bucket: &Bucket) {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    let holds = (3..=63).contains(&bucket.name.len()) && bucket.name.bytes().all(fine);
    at.field("name").expect(
        holds,
        || format!("{:?} is no bucket", bucket.name),
        "use 3 to 63 of a-z 0-9 . -",
    );
    file_name(&at.field("index"), &bucket.index);
    let prefix = &bucket.prefix;
    let fine = prefix.len() <= KEY_BYTES_MAX && !prefix.starts_with('/') && !prefix.contains('\0');
    let todo = "write one such as site/, without a slash in front";
    at.field("prefix").expect(fine, || format!("{prefix:?} begins no key"), todo);
    if let Some(error) = &bucket.error {
        let fine =
            (1..=KEY_BYTES_MAX).contains(&error.len()) && !error.starts_with('/') && !error.contains('\0');
        let todo = "name an object below the prefix, such as 404.html";
        at.field("error").expect(fine, || format!("{error:?} is no key"), todo);
    }
}

fn split(at: &At<'_>, names: &Names<'_>, split: &[Share]) {
    at.at_most(split.len(), SHARES_MAX, "services");
    let mut seen = BTreeSet::new();
    for (index, share) in split.iter().enumerate() {
        let at = at.item(index);
        names.check(&at.field("service"), "services", &share.service);
        let wrong = || format!("{:?} is there twice", share.service);
        at.field("service").expect(seen.insert(&share.service), wrong, "add their weights");
        let holds = (0.0..=1e6).contains(&share.weight);
        at.field("weight").expect(holds, || format!("{} is no weight", share.weight), "use 0 to 1000000");
    }
    let nothing = !split.is_empty() && split.iter().all(|share| share.weight == 0.0);
    at.expect(!nothing, || "all weights are 0".to_owned(), "give one of them more");
}

fn redirect(at: &At<'_>, redirect: &Redirect, paths: &[PathPattern]) {
    let known = [301, 302, 303, 307, 308].contains(&redirect.status);
    let wrong = || format!("{} does not send anybody elsewhere", redirect.status);
    at.field("status").expect(known, wrong, "use 301, 302, 303, 307 or 308");
    let at = at.field("to");
    if let Some(template) = transform::template(&at, &redirect.to, Use::Redirect, paths) {
        let url = redirect.to.starts_with("http://") || redirect.to.starts_with("https://");
        let path = redirect.to.starts_with('/') && !redirect.to.starts_with("//");
        let whole = redirect.to.starts_with("{path}");
        let wrong = || format!("{:?} is neither a URL nor a path", redirect.to);
        at.expect(url || path || whole, wrong, "begin with https://, http:// or /");
        // What a client sent must not become the host that it is sent to. `{path}` begins with a slash, so it ends the host.
        let host = redirect.to.split_once("://").map(|(_, rest)| rest.replace("{path}", "/"));
        let host = host.as_deref().map(|rest| rest.split('/').next().unwrap_or_default());
        let free = host.map(|host| host.replace("{host}", "host")).filter(|host| host.contains('{'));
        at.expect(
            free.is_none(),
            || "a part of the path would become the host".to_owned(),
            "write the host down",
        );
        if let Some(text) = template.fixed().filter(|_| url) {
            value::url(&at, text, true);
        }
    }
}

fn reply(at: &At<'_>, reply: &Reply) {
    let status = reply.status;
    let holds = (200..600).contains(&status);
    at.field("status").expect(holds, || format!("{status} is no final status"), "use 200 to 599");
    let bytes = reply.body.len();
    let wrong = || format!("a body of {bytes} bytes");
    at.field("body").expect(bytes <= REPLY_BYTES_MAX, wrong, "use at most 64 KiB; files serve larger ones");
    let bare = matches!(status, 204 | 205 | 304) && bytes > 0;
    at.field("body").expect(!bare, || format!("answers with status {status} have no body"), "take it out");
    transform::fixed_headers(&at.field("headers"), &reply.headers);
}

fn file_name(at: &At<'_>, name: &str) {
    let fine = !name.is_empty() && !name.contains(['/', '\\', '\0']) && name != ".." && name != ".";
    at.expect(
        fine,
        || format!("{name:?} is no name of a file"),
        "write one without folders, such as index.html",
    );
}

/// What would be accepted and have no effect.
fn idle(at: &At<'_>, route: &Route) {
    let to_service = route.service.is_some() || !route.split.is_empty();
    let stored = route.files.is_some() || route.bucket.is_some();
    let none = Headers::default();
    let answered = route.openapi.is_some() || route.reply.is_some();
    if to_service || !(stored || answered || route.redirect.is_some()) {
        return;
    }
    let always = [
        ("mirror", route.mirror.is_some()),
        ("cache", route.cache.is_some()),
        ("collapse", route.collapse),
        ("grpc_web", route.grpc_web),
        ("upgrade", route.upgrade == Some(true)),
        ("request_headers", route.request_headers != none),
        ("query_changes", route.query_changes != none),
        ("response_body_max", route.response_body_max.is_some()),
    ];
    let unless_stored = [("rewrite", route.rewrite.is_some())];
    let all = always.iter().chain(unless_stored.iter().filter(|_| !stored));
    for (field, _) in all.filter(|(_, there)| *there) {
        at.field(field).say("nothing goes to a service here, so it would have no effect", "take it out");
    }
}
