//! Ways to log in, and consumers.

use super::{At, Names, value};
use crate::Document;
use crate::access::{Consumer, Jwt, Link, Login, Oidc, Secret};
use crate::limits::ITEMS_MAX;
use crate::path::Path;
use std::collections::BTreeMap;

/// Algorithms of tokens (RFC 7518, RFC 8037), and whether their key is a shared secret.
const ALGORITHMS: &[(&str, bool)] = &[
    ("RS256", false),
    ("RS384", false),
    ("RS512", false),
    ("PS256", false),
    ("PS384", false),
    ("PS512", false),
    ("ES256", false),
    ("ES384", false),
    ("EdDSA", false),
    ("HS256", true),
    ("HS384", true),
    ("HS512", true),
];

pub(super) fn login(at: &At<'_>, login: &Login) {
    match login {
        Login::Key { header, query, forward: _ } => {
            let at = at.field("key");
            value::exactly_one(&at, &[("header", header.is_some()), ("query", query.is_some())]);
            if let Some(header) = header {
                value::changed_header(&at.field("header"), header);
            }
            let empty = query.as_ref().is_some_and(String::is_empty);
            at.field("query").expect(!empty, || "no name".to_owned(), "name a parameter");
        }
        Login::Basic { realm, users: _ } => {
            let plain = |realm: &String| {
                value::is_header_value(realm) && realm.is_ascii() && !realm.contains(['"', '\\'])
            };
            at.field("basic").field("realm").expect(
                realm.as_ref().is_none_or(plain),
                || format!("{:?} cannot be told to browsers", realm.as_deref().unwrap_or_default()),
                "use ASCII without quotes and backslashes",
            );
        }
        Login::Jwt(token) => jwt(&at.field("jwt"), token),
        Login::Signature { clock_skew, components } => {
            let at = at.field("signature");
            value::clock_skew(&at.field("clock_skew"), *clock_skew);
            let at = at.field("components");
            at.at_most(components.len(), ITEMS_MAX, "components");
            for (index, name) in components.iter().enumerate() {
                let header = name.strip_prefix('@').unwrap_or(name);
                let holds = value::is_token(header) && !header.bytes().any(|byte| byte.is_ascii_uppercase());
                let todo = "write a header's name in lower case, or @method, @path, …";
                at.item(index).expect(holds, || format!("{name:?} is no component"), todo);
            }
        }
        Login::Certificate { names } => {
            let at = at.field("certificate").field("names");
            at.at_most(names.len(), ITEMS_MAX, "names");
            for (index, name) in names.iter().enumerate() {
                let holds = !name.is_empty() && !name.contains(char::is_control);
                at.item(index).expect(
                    holds,
                    || format!("{name:?} is no name"),
                    "write a common name or a DNS name",
                );
            }
        }
        Login::Link(link) => self::link(&at.field("link"), link),
        Login::Oidc(oidc) => self::oidc(&at.field("oidc"), oidc),
        Login::Forward { url, headers, timeout } => {
            let at = at.field("forward");
            value::url(&at.field("url"), url, true);
            at.field("headers").at_most(headers.len(), ITEMS_MAX, "headers");
            for (index, name) in headers.iter().enumerate() {
                value::changed_header(&at.field("headers").item(index), name);
            }
            value::span(&at.field("timeout"), *timeout);
        }
    }
}

fn jwt(at: &At<'_>, jwt: &Jwt) {
    let sources = [
        ("keys_url", jwt.keys_url.is_some()),
        ("keys_file", jwt.keys_file.is_some()),
        ("secret", jwt.secret.is_some()),
    ];
    if jwt.issuer.is_none() || sources.iter().any(|(_, there)| *there) {
        value::exactly_one(at, &sources);
    }
    if let Some(issuer) = jwt.issuer.as_ref().filter(|_| sources.iter().all(|(_, there)| !there)) {
        value::url(&at.field("issuer"), issuer, true);
    }
    if let Some(url) = &jwt.keys_url {
        value::url(&at.field("keys_url"), url, true);
    }
    if let Some(file) = &jwt.keys_file {
        value::file(&at.field("keys_file"), file);
    }
    if let Some(secret) = &jwt.secret {
        reference(&at.field("secret"), secret);
    }
    algorithms(&at.field("algorithms"), jwt);
    if let Some(skew) = jwt.clock_skew {
        value::clock_skew(&at.field("clock_skew"), skew);
    }
    let lists =
        [("audiences", jwt.audiences.len()), ("claims", jwt.claims.len()), ("scopes", jwt.scopes.len())];
    lists.iter().for_each(|(field, count)| at.field(field).at_most(*count, ITEMS_MAX, field));
    claim_headers(&at.field("headers"), &jwt.headers);
}

fn algorithms(at: &At<'_>, jwt: &Jwt) {
    for (index, name) in jwt.algorithms.iter().enumerate() {
        let at = at.item(index);
        match ALGORITHMS.iter().find(|(known, _)| known == name) {
            None if name.eq_ignore_ascii_case("none") => {
                at.say("a token without a signature shows nothing", "take it out");
            }
            None => {
                let near = at.nearest(name, ALGORITHMS.iter().map(|(known, _)| *known));
                let todo = if near.is_empty() {
                    "use RS256, PS256, ES256, EdDSA, HS256, …".to_owned()
                } else {
                    near
                };
                at.say(format!("there is no algorithm {name:?}"), todo);
            }
            Some((_, shared)) if *shared != jwt.secret.is_some() => {
                let (has, wants) =
                    if *shared { ("public keys", "secret") } else { ("a shared secret", "keys") };
                at.say(format!("{name} does not go with {has}"), format!("take it out, or give {wants}"));
            }
            Some(_) => {}
        }
    }
}

fn link(at: &At<'_>, link: &Link) {
    let keys = at.field("keys");
    keys.expect(!link.keys.is_empty(), || "no key".to_owned(), "give one that signs links");
    keys.at_most(link.keys.len(), ITEMS_MAX, "keys");
    for (id, secret) in &link.keys {
        let at = keys.field(id);
        let holds =
            !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        at.expect(holds, || format!("{id:?} is no key id"), "use letters, digits, - _ and .");
        reference(&at, secret);
    }
    value::cookie(&at.field("cookie"), &link.cookie);
    if let Some(longest) = link.longest {
        value::span(&at.field("longest"), longest);
    }
}

fn claim_headers(at: &At<'_>, headers: &BTreeMap<String, String>) {
    at.at_most(headers.len(), ITEMS_MAX, "headers");
    for (header, claim) in headers {
        let at = at.field(header);
        value::changed_header(&at, header);
        at.expect(!claim.is_empty(), || "no claim".to_owned(), "name one");
    }
}

fn oidc(at: &At<'_>, oidc: &Oidc) {
    value::url(&at.field("issuer"), &oidc.issuer, true);
    at.field("client_id").expect(!oidc.client_id.is_empty(), || "empty".to_owned(), "name the client");
    if let Some(secret) = &oidc.client_secret {
        reference(&at.field("client_secret"), secret);
    }
    for (field, path) in [("callback", &oidc.callback), ("logout", &oidc.logout)] {
        let settled = Path::of(path).is_ok_and(|read| read.as_str() == path);
        at.field(field).expect(settled, || format!("{path:?} is no path"), "write one that begins with /");
    }
    let same = oidc.callback == oidc.logout;
    at.field("logout").expect(!same, || format!("{:?} is callback as well", oidc.logout), "use another path");
    for (index, scope) in oidc.scopes.iter().enumerate() {
        let fine = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        let holds = !scope.is_empty() && scope.bytes().all(fine);
        at.field("scopes").item(index).expect(holds, || format!("{scope:?} is no scope"), "write one word");
    }
    value::cookie(&at.field("cookie"), &oidc.cookie);
    value::span(&at.field("session"), oidc.session);
    claim_headers(&at.field("headers"), &oidc.headers);
}

/// A secret in clear text or as a reference: where the text itself is needed, a hash does not serve.
fn reference(at: &At<'_>, secret: &Secret) {
    secret_text(at, secret);
    let hashed = secret.0.starts_with("sha256:") || secret.0.starts_with("$argon2");
    at.expect(
        !hashed,
        || "a hash, where the secret itself is needed".to_owned(),
        "use env:NAME or file:PATH",
    );
}

fn secret_text(at: &At<'_>, secret: &Secret) {
    let text = match secret.0.split_once(':') {
        Some(("env" | "file", rest)) => rest,
        _ => secret.0.as_str(),
    };
    at.expect(!text.is_empty(), || "an empty secret, or a reference to nothing".to_owned(), "give one");
    at.expect(secret.0.len() <= 4_096, || "a secret of more than 4 KiB".to_owned(), "use a shorter one");
}

pub(super) fn consumer(at: &At<'_>, names: &Names<'_>, consumer: &Consumer) {
    at.field("keys").at_most(consumer.keys.len(), ITEMS_MAX, "keys");
    for (index, key) in consumer.keys.iter().enumerate() {
        let at = at.field("keys").item(index);
        secret_text(&at, key);
        if let Some(hash) = key.0.strip_prefix("sha256:") {
            let holds = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
            at.expect(holds, || "no SHA-256 after sha256:".to_owned(), "write its 64 hexadecimal digits");
        }
        let argon = key.0.starts_with("$argon2");
        at.expect(!argon, || "a password's verifier, where a key belongs".to_owned(), "use sha256:HEX");
    }
    if let Some(password) = &consumer.password {
        let at = at.field("password");
        secret_text(&at, password);
        let other = password.0.starts_with("$argon2") && !password.0.starts_with("$argon2id$");
        at.expect(!other, || "not argon2id".to_owned(), "make the verifier by argon2id");
        let hash = password.0.starts_with("sha256:");
        at.expect(!hash, || "a plain hash of a password is soon guessed".to_owned(), "use $argon2id$…");
    }
    for (id, secret) in &consumer.signing {
        let at = at.field("signing").field(id);
        let holds =
            !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
        at.expect(holds, || format!("{id:?} is no key id"), "use letters and digits");
        reference(&at, secret);
    }
    at.field("groups").at_most(consumer.groups.len(), ITEMS_MAX, "groups");
    for (index, group) in consumer.groups.iter().enumerate() {
        value::name(&at.field("groups").item(index), group);
    }
    for (index, limit) in consumer.limits.iter().enumerate() {
        names.check(&at.field("limits").item(index), "limits", limit);
    }
    if let Some(priority) = consumer.priority {
        value::number(&at.field("priority"), priority.into(), 0, 63);
    }
}

/// A key that two consumers have: nobody could tell who shows it.
pub(super) fn check_together(at: &At<'_>, document: &Document) {
    let mut owners: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for (name, consumer) in &document.consumers {
        let keys =
            consumer.keys.iter().enumerate().map(|(index, key)| ("keys", key.0.as_str(), index.to_string()));
        let signing = consumer.signing.keys().map(|id| ("signing", id.as_str(), id.clone()));
        for (field, value, place) in keys.chain(signing) {
            let Some(owner) = owners.insert((field, value), name) else { continue };
            let at = at.field(name).field(field).field(&place);
            at.say(format!("consumer {owner:?} has the same"), "give each its own");
        }
    }
}

/// Whether the names that a login gives are those of consumers in the document.
pub(super) fn knows_consumers(login: &Login) -> bool {
    match login {
        Login::Key { .. } | Login::Signature { .. } => true,
        Login::Basic { users, .. } => !users,
        Login::Jwt(_)
        | Login::Certificate { .. }
        | Login::Oidc(_)
        | Login::Link(_)
        | Login::Forward { .. } => false,
    }
}
