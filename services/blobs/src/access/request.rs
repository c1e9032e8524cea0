//! What a request's head says for those that judge it: which actions it needs, and values for the keys of conditions. Nothing here reads a
//! body: operations whose bodies name keys or forms judge those themselves.

use std::net::SocketAddr;

use bole_base::Timestamp;
use hyper::{HeaderMap, Uri};
use s3s::dto::CopySource;

use super::User;
use crate::error::{Code, Error, Result, shown};
use crate::limits::QUERY_PARAMETERS_MAX;
use crate::rules::acl::{Permission, grant_header};
use crate::rules::calendar;
use crate::rules::policy::operation::Facts;
use crate::rules::policy::{Context, principal};
use crate::rules::tags::Tags;

/// How a request came: put among its extensions by the door.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// From where.
    pub peer: SocketAddr,
    /// Whether the connection is encrypted.
    pub is_secure: bool,
    /// When.
    pub at: Timestamp,
    /// The id that its answer has.
    pub request_id: String,
}

/// The head of a request.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Its target.
    pub uri: &'a Uri,
    /// Its headers.
    pub headers: &'a HeaderMap,
}

/// An object that is to be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its version, as the client names it.
    pub version: Option<String>,
}

impl<'a> Head<'a> {
    /// The text of a header; nothing where it is missing or not text.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The values of the query's parameters of that name.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = self.uri.query().unwrap_or_default().split('&').take(QUERY_PARAMETERS_MAX);
        pairs.find_map(|pair| {
            let (found, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(found)? == name).then(|| decoded(value)).flatten()
        })
    }

    /// The parameters of the query whose names, in lower case, are wanted.
    pub fn parameters(&self, wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
        let pairs = self.uri.query().unwrap_or_default().split('&').take(QUERY_PARAMETERS_MAX);
        let read = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name)?.to_ascii_lowercase();
            wanted(&name).then(|| decoded(value)).flatten().map(|value| (name, value))
        };
        pairs.filter_map(read).collect()
    }

    /// The token of temporary credentials, as signatures of either version have it.
    pub fn token(&self) -> Option<String> {
        let header = self.header("x-amz-security-token").map(str::to_owned);
        let names = ["X-Amz-Security-Token", "x-amz-security-token"];
        header.or_else(|| names.into_iter().find_map(|name| self.parameter(name)))
    }

    fn is_true(&self, name: &str) -> bool {
        self.header(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The source of a copy. Errors: the header does not name one.
    pub fn source(&self) -> Result<Option<Source>> {
        let Some(text) = self.headers.get("x-amz-copy-source") else { return Ok(None) };
        let wrong = || {
            let shown = shown(&String::from_utf8_lossy(text.as_bytes()));
            let text = format!(
                "Copy Source must mention the source bucket and key: sourcebucket/sourcekey, not \"{shown}\""
            );
            Error::new(Code::InvalidArgument, text)
        };
        let text = text.to_str().map_err(|_| wrong())?;
        match CopySource::parse(text) {
            Ok(CopySource::Bucket { bucket, key, version_id }) => Ok(Some(Source {
                bucket: bucket.into(),
                key: key.into(),
                version: version_id.map(Into::into),
            })),
            Ok(_) | Err(_) => Err(wrong()),
        }
    }

    /// What decides which actions the request needs. `source_has_tags`: whether there is a source and it has tags, which are copied unless the
    /// request says otherwise.
    pub fn facts(&self, source: Option<&Source>, source_has_tags: bool) -> Facts {
        let has = |name: &str| self.headers.contains_key(name);
        let replaces_tags = self
            .header("x-amz-tagging-directive")
            .is_some_and(|directive| directive.eq_ignore_ascii_case("REPLACE"));
        let source_tags = source_has_tags && !replaces_tags;
        Facts {
            version: self.parameter("versionId").is_some(),
            acl: has("x-amz-acl") || PERMISSIONS.iter().any(|permission| has(grant_header(*permission))),
            tags: has("x-amz-tagging") || source_tags,
            retention: has("x-amz-object-lock-mode") || has("x-amz-object-lock-retain-until-date"),
            legal_hold: has("x-amz-object-lock-legal-hold"),
            bypass: self.is_true("x-amz-bypass-governance-retention"),
            object_lock: self.is_true("x-amz-bucket-object-lock-enabled"),
            ownership: has("x-amz-object-ownership"),
            source_version: source.is_some_and(|source| source.version.is_some()),
            source_tags,
        }
    }

    /// Values for the keys of conditions.
    pub fn context(&self, user: Option<&User>, arrived: &Arrived) -> Context {
        let mut context = Context::default();
        self.say_who(&mut context, user, arrived);
        for (key, header) in HEADERS {
            if let Some(value) = self.header(header) {
                context.set(key, value);
            }
        }
        for (key, parameter) in PARAMETERS {
            if let Some(value) = self.parameter(parameter) {
                context.set(key, value);
            }
        }
        if let Some(Ok(tags)) = self.header("x-amz-tagging").map(Tags::parse_header) {
            context.set_all("s3:RequestObjectTagKeys", tags.0.iter().map(|tag| tag.key.clone()));
            for tag in tags.0 {
                context.set(&format!("s3:RequestObjectTag/{}", tag.key), tag.value);
            }
        }
        if let Some(until) = self.header("x-amz-object-lock-retain-until-date").and_then(calendar::parse_iso)
        {
            let days = until.0.saturating_sub(arrived.at.0) / 86_400_000;
            context.set("s3:object-lock-remaining-retention-days", days.to_string());
        }
        context
    }

    fn say_who(&self, context: &mut Context, user: Option<&User>, arrived: &Arrived) {
        context.set("aws:SourceIp", arrived.peer.ip().to_canonical().to_string());
        context.set("aws:SecureTransport", arrived.is_secure.to_string());
        context.set("aws:CurrentTime", calendar::format_iso(arrived.at));
        context.set("aws:EpochTime", (arrived.at.0 / 1_000).to_string());
        let Some(user) = user else {
            context.set("aws:PrincipalType", "Anonymous");
            return;
        };
        context.set("aws:PrincipalType", "User");
        context.set("aws:PrincipalAccount", user.account.clone());
        context.set("aws:PrincipalArn", principal::arn(&user.account, &user.name));
        context.set("aws:userid", user.canonical.clone());
        context.set("aws:username", user.name.clone());
        let is_old = self.parameter("AWSAccessKeyId").is_some();
        context.set("s3:signatureversion", if is_old { "AWS" } else { "AWS4-HMAC-SHA256" });
        let signed = self.parameter("X-Amz-Date");
        let kind = match (signed.is_some() || is_old, self.headers.contains_key("authorization")) {
            (true, _) => "REST-QUERY-STRING",
            (false, true) => "REST-HEADER",
            (false, false) => "POST",
        };
        context.set("s3:authType", kind);
        if let Some(signed) = signed.as_deref().and_then(compact_time) {
            context.set("s3:signatureAge", arrived.at.0.saturating_sub(signed.0).to_string());
        }
    }
}

const PERMISSIONS: [Permission; 5] =
    [Permission::FullControl, Permission::Read, Permission::Write, Permission::ReadAcp, Permission::WriteAcp];

/// Keys whose values are headers.
const HEADERS: &[(&str, &str)] = &[
    ("aws:Referer", "referer"),
    ("aws:UserAgent", "user-agent"),
    ("s3:if-match", "if-match"),
    ("s3:if-none-match", "if-none-match"),
    ("s3:object-lock-legal-hold", "x-amz-object-lock-legal-hold"),
    ("s3:object-lock-mode", "x-amz-object-lock-mode"),
    ("s3:object-lock-retain-until-date", "x-amz-object-lock-retain-until-date"),
    ("s3:x-amz-acl", "x-amz-acl"),
    ("s3:x-amz-content-sha256", "x-amz-content-sha256"),
    ("s3:x-amz-copy-source", "x-amz-copy-source"),
    ("s3:x-amz-grant-full-control", "x-amz-grant-full-control"),
    ("s3:x-amz-grant-read", "x-amz-grant-read"),
    ("s3:x-amz-grant-read-acp", "x-amz-grant-read-acp"),
    ("s3:x-amz-grant-write", "x-amz-grant-write"),
    ("s3:x-amz-grant-write-acp", "x-amz-grant-write-acp"),
    ("s3:x-amz-metadata-directive", "x-amz-metadata-directive"),
    ("s3:x-amz-object-ownership", "x-amz-object-ownership"),
    ("s3:x-amz-server-side-encryption", "x-amz-server-side-encryption"),
    ("s3:x-amz-server-side-encryption-customer-algorithm", "x-amz-server-side-encryption-customer-algorithm"),
    ("s3:x-amz-storage-class", "x-amz-storage-class"),
    ("s3:x-amz-website-redirect-location", "x-amz-website-redirect-location"),
];

/// Keys whose values are parameters of the query.
const PARAMETERS: &[(&str, &str)] = &[
    ("s3:delimiter", "delimiter"),
    ("s3:max-keys", "max-keys"),
    ("s3:prefix", "prefix"),
    ("s3:versionid", "versionId"),
];

/// `20260102T030405Z`, as signatures have it.
pub(crate) fn compact_time(text: &str) -> Option<Timestamp> {
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (day, time) = text.strip_suffix('Z')?.split_once('T')?;
    if day.len() != 8 || time.len() != 6 || !all_digits(day) || !all_digits(time) {
        return None;
    }
    let (year, month, day) = (&day[..4], &day[4..6], &day[6..]);
    calendar::parse_iso(&format!("{year}-{month}-{day}T{}:{}:{}Z", &time[..2], &time[2..4], &time[4..]))
}

/// A part of a query as it is meant: percent-encoding and `+` undone. Nothing where it is not UTF-8.
pub(crate) fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let mut ahead = bytes.clone();
        match (byte, digit(ahead.next()), digit(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                out.push((high << 4 | low) as u8);
                bytes = ahead;
            }
            (b'+', ..) => out.push(b' '),
            _ => out.push(byte),
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::policy::key::Key;

    fn head<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Head<'a> {
        Head { uri, headers }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn facts_come_from_headers_and_query() {
        let none = Facts::default();
        let rows: &[(&str, &[(&str, &str)], Facts)] = &[
            ("/b/k", &[], none),
            ("/b/k?versionId=x", &[], Facts { version: true, ..none }),
            ("/b/k?version%49d=x", &[], Facts { version: true, ..none }),
            ("/b/k", &[("x-amz-acl", "private")], Facts { acl: true, ..none }),
            ("/b/k", &[("x-amz-grant-read", "id=a")], Facts { acl: true, ..none }),
            ("/b/k", &[("x-amz-tagging", "a=b")], Facts { tags: true, ..none }),
            ("/b/k", &[("x-amz-object-lock-mode", "GOVERNANCE")], Facts { retention: true, ..none }),
            ("/b/k", &[("x-amz-object-lock-legal-hold", "ON")], Facts { legal_hold: true, ..none }),
            ("/b/k", &[("x-amz-bypass-governance-retention", "true")], Facts { bypass: true, ..none }),
            ("/b/k", &[("x-amz-bypass-governance-retention", "false")], none),
            ("/b", &[("x-amz-bucket-object-lock-enabled", "TRUE")], Facts { object_lock: true, ..none }),
            ("/b", &[("x-amz-object-ownership", "ObjectWriter")], Facts { ownership: true, ..none }),
        ];
        for (uri, pairs, expected) in rows {
            let (uri, headers) = (uri.parse().unwrap(), headers(pairs));
            assert_eq!(head(&uri, &headers).facts(None, false), *expected, "{uri} {pairs:?}");
        }
    }

    #[test]
    fn sources_are_named() {
        let uri = Uri::from_static("/b/k");
        let source = |text: &str| {
            let headers = headers(&[("x-amz-copy-source", text)]);
            head(&uri, &headers).source().map_err(|error| error.code)
        };
        let named = |version: Option<&str>| {
            let (bucket, key) = ("from".to_owned(), "a b/c".to_owned());
            Ok(Some(Source { bucket, key, version: version.map(str::to_owned) }))
        };
        assert_eq!(source("from/a%20b/c"), named(None));
        assert_eq!(source("/from/a%20b/c?versionId=v"), named(Some("v")));
        for wrong in ["from", "", "/", "arn:aws:s3:us-east-1:1:accesspoint/x/object/k"] {
            assert_eq!(source(wrong), Err(Code::InvalidArgument), "{wrong}");
        }
        assert_eq!(head(&uri, &HeaderMap::new()).source(), Ok(None));
        let headers = headers(&[("x-amz-tagging-directive", "REPLACE")]);
        let (from, none) = (source("from/k").unwrap(), HeaderMap::new());
        let copied = head(&uri, &none).facts(from.as_ref(), true);
        assert!(copied.tags && copied.source_tags && !copied.source_version, "{copied:?}");
        let replaced = head(&uri, &headers).facts(from.as_ref(), true);
        assert!(!replaced.tags && !replaced.source_tags, "{replaced:?}");
    }

    #[test]
    fn conditions_have_values() {
        let uri = Uri::from_static("/b?prefix=in%2F&X-Amz-Date=20260102T030400Z&max-keys=5");
        let headers =
            headers(&[("x-amz-tagging", "team=a"), ("user-agent", "test"), ("x-amz-acl", "private")]);
        let arrived = Arrived {
            peer: "[::ffff:192.0.2.7]:1".parse().unwrap(),
            is_secure: true,
            at: calendar::parse_iso("2026-01-02T03:04:05Z").unwrap(),
            request_id: String::new(),
        };
        let user = User::new("000000000000", "ann");
        let context = head(&uri, &headers).context(Some(&user), &arrived);
        for (key, value) in [
            ("aws:SourceIp", "192.0.2.7"),
            ("aws:SecureTransport", "true"),
            ("aws:CurrentTime", "2026-01-02T03:04:05.000Z"),
            ("aws:username", "ann"),
            ("aws:PrincipalArn", "arn:aws:iam::000000000000:user/ann"),
            ("s3:prefix", "in/"),
            ("s3:max-keys", "5"),
            ("s3:authType", "REST-QUERY-STRING"),
            ("s3:signatureAge", "5000"),
            ("s3:RequestObjectTag/team", "a"),
            ("s3:RequestObjectTagKeys", "team"),
            ("s3:x-amz-acl", "private"),
            ("aws:UserAgent", "test"),
        ] {
            let found = context.get(&Key::parse(key).unwrap());
            assert_eq!(found, Some(&[value.to_owned()][..]), "{key}");
        }
        let anonymous = head(&uri, &headers).context(None, &arrived);
        assert_eq!(anonymous.get(&Key::parse("aws:username").unwrap()), None);
    }
}
