//! Single values: names, headers, URLs, times, numbers.

use super::At;
use crate::host::{HostPort, split};
use crate::limits::{CLOCK_SKEW_MAX, NAME_CHARS_MAX, SPAN_MAX, VALUE_BYTES_MAX};
use crate::network::Network;
use crate::service::KeySource;
use crate::units::Span;
use std::collections::BTreeSet;
use std::time::Duration;

/// Bytes of a key that TOML writes without quotes.
pub(crate) fn is_bare_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// Whether a text is a token (RFC 9110, section 5.6.2): names of headers, methods, cookies.
pub fn is_token(text: &str) -> bool {
    let special = b"!#$%&'*+-.^_`|~";
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || special.contains(&byte))
}

/// Whether a text may be a header's value: no control characters but the tab, no blanks around it.
pub fn is_header_value(text: &str) -> bool {
    let fine = |byte: u8| byte == b'\t' || (byte >= 0x20 && byte != 0x7F);
    text.bytes().all(fine) && text.trim_matches([' ', '\t']) == text
}

/// The known name that is so near that it was probably meant.
pub(crate) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let most = (name.len() / 3).clamp(1, 3);
    let similar = known.filter(|known| known.len().abs_diff(name.len()) <= most);
    let measured = similar.map(|known| (strsim::damerau_levenshtein(name, known), known));
    measured.filter(|(distance, _)| *distance <= most).min().map(|(_, known)| known)
}

pub(super) fn name(at: &At<'_>, name: &str) {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let holds = (1..=NAME_CHARS_MAX).contains(&name.len()) && name.bytes().all(fine);
    at.expect(holds, || format!("{name:?} is no name"), "use 1 to 100 of a-z A-Z 0-9 . _ -");
}

/// A header's name, in a condition or where one is read.
pub(super) fn header_name(at: &At<'_>, name: &str) {
    at.expect(
        is_token(name) && name.len() <= 256,
        || format!("{name:?} is no name of a header"),
        "use letters, digits and hyphens",
    );
}

/// Headers that frame a message or belong to one connection: changed by nobody but the gateway.
const FRAMING: &[&str] = &[
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A header that is set or taken out.
pub(super) fn changed_header(at: &At<'_>, name: &str) {
    header_name(at, name);
    let lower = name.to_ascii_lowercase();
    let todo = if lower == "host" { "use rewrite.host, or host of the service" } else { "take it out" };
    let framing = FRAMING.contains(&lower.as_str());
    at.expect(!framing, || format!("{name:?} is the gateway's own business"), todo);
}

pub(super) fn header_value(at: &At<'_>, value: &str) {
    at.expect(
        is_header_value(value),
        || format!("{value:?} is no value of a header"),
        "take out control characters, and blanks at both ends",
    );
    long_value(at, value);
}

pub(super) fn long_value(at: &At<'_>, value: &str) {
    let most = VALUE_BYTES_MAX;
    at.expect(value.len() <= most, || format!("a value of {} bytes", value.len()), "use at most 8 KiB");
}

pub(super) fn method(at: &At<'_>, method: &str) {
    if !is_token(method) || method.len() > 32 {
        at.say(format!("{method:?} is no method"), "use GET, POST, PUT, DELETE, …");
    } else if method.bytes().any(|byte| byte.is_ascii_lowercase()) {
        let upper = method.to_ascii_uppercase();
        at.say(
            format!("methods know upper from lower case, and nobody sends {method:?}"),
            format!("write {upper:?}"),
        );
    } else if method == "CONNECT" || method == "TRACE" {
        at.say(format!("{method} is refused before any route is looked for"), "take it out");
    }
}

pub(super) fn host(at: &At<'_>, text: &str) {
    at.expect(
        HostPort::parse(text).is_some(),
        || format!("{text:?} is no host"),
        "write a name in ASCII (xn--… for others) or an address, with :port if it has one",
    );
}

/// `host:port`.
pub(super) fn address(at: &At<'_>, text: &str) {
    let holds = HostPort::parse(text).is_some_and(|read| read.port.is_some());
    at.expect(
        holds,
        || format!("{text:?} is no address"),
        "write host:port, such as 127.0.0.1:9001 or [::1]:9001",
    );
}

pub(super) fn network(at: &At<'_>, text: &str) {
    at.expect(
        Network::parse(text).is_some(),
        || format!("{text:?} is no network"),
        "write an address with the bits that count, such as 10.0.0.0/8, and 0 for the others",
    );
}

/// `https://host[:port]…`, or `http://` if `plain`.
pub(super) fn url(at: &At<'_>, text: &str, plain: bool) {
    let todo = if plain { "write http://… or https://…" } else { "write https://…" };
    at.expect(is_url(text, plain), || format!("{text:?} is no URL that can be asked"), todo);
}

pub(super) fn is_url(text: &str, plain: bool) -> bool {
    let rest = match text.strip_prefix("https://") {
        Some(rest) => Some(rest),
        None if plain => text.strip_prefix("http://"),
        None => None,
    };
    let Some(rest) = rest else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let printable = rest.bytes().all(|byte| byte.is_ascii_graphic());
    printable && !rest.contains('#') && split(authority).is_some() && HostPort::parse(authority).is_some()
}

/// A time that must not be zero.
pub(super) fn span(at: &At<'_>, span: Span) {
    let holds = !span.0.is_zero() && span.0 <= SPAN_MAX;
    at.expect(holds, || format!("a time of {:?}", span.0), "use 1ms to 366d");
}

pub(super) fn clock_skew(at: &At<'_>, span: Span) {
    at.expect(span.0 <= CLOCK_SKEW_MAX, || format!("clocks {:?} apart", span.0), "use at most 1h");
}

/// Two times of which the second must not be shorter.
pub(super) fn ordered(at: &At<'_>, (low, least): (&str, Span), (high, most): (&str, Span)) {
    span(&at.field(low), least);
    span(&at.field(high), most);
    let holds = least.0 <= most.0;
    at.field(high).expect(holds, || format!("{:?} is below {low}, {:?}", most.0, least.0), "make it longer");
}

pub(super) fn within(at: &At<'_>, value: f64, least: f64, most: f64) {
    let holds = (least..=most).contains(&value);
    at.expect(holds, || format!("{value} is out of range"), &format!("use {least} to {most}"));
}

pub(super) fn number(at: &At<'_>, value: u64, least: u64, most: u64) {
    let holds = (least..=most).contains(&value);
    at.expect(holds, || format!("{value} is out of range"), &format!("use {least} to {most}"));
}

/// `200` or `200-299`.
pub(super) fn is_statuses(text: &str) -> bool {
    let status =
        |text: &str| text.parse::<u16>().ok().filter(|code| text.len() == 3 && (100..600).contains(code));
    match text.split_once('-') {
        Some((first, last)) => {
            matches!((status(first), status(last)), (Some(first), Some(last)) if first <= last)
        }
        None => status(text).is_some(),
    }
}

/// A file that must be named.
pub(super) fn file(at: &At<'_>, path: &std::path::Path) {
    let empty = path.as_os_str().is_empty();
    let nul = path.to_str().is_none_or(|path| path.contains('\0'));
    at.expect(!empty && !nul, || format!("{} is no path of a file", path.display()), "name one");
}

/// Names two files of which one is nothing without the other.
pub(super) fn both(at: &At<'_>, (one, has_one): (&str, bool), (other, has_other): (&str, bool)) {
    for (missing, has, named) in [(one, has_one, has_other), (other, has_other, has_one)] {
        at.field(missing).expect(
            has || !named,
            || "missing".to_owned(),
            &format!("{one} and {other} go together"),
        );
    }
}

/// Tells unless exactly one of these is there.
pub(super) fn exactly_one(at: &At<'_>, choices: &[(&str, bool)]) {
    let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
    let there: Vec<_> = choices.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
    let (last, first) = names.split_last().expect("there are choices");
    let names = format!("{} and {last}", first.join(", "));
    match there.as_slice() {
        [_] => {}
        [] => at.say(format!("none of {names}"), "say one of them"),
        _ => at.say(format!("{} at the same time", there.join(" and ")), format!("say one of {names}")),
    }
}

/// Tells of values that are there twice.
pub(super) fn distinct<'a>(at: &At<'_>, values: impl Iterator<Item = &'a str>) {
    let mut seen = BTreeSet::new();
    for (index, value) in values.enumerate() {
        let first = seen.insert(value.to_ascii_lowercase());
        at.item(index).expect(first, || format!("{value:?} is there twice"), "take one out");
    }
}

/// A key's source.
pub(super) fn key_source(at: &At<'_>, key: &KeySource) {
    match key {
        KeySource::Header(name) => header_name(&at.field("header"), name),
        KeySource::Cookie(name) => cookie(&at.field("cookie"), name),
        KeySource::Query(name) => {
            at.field("query").expect(!name.is_empty(), || "no name".to_owned(), "name a parameter");
        }
        KeySource::Ip | KeySource::Consumer | KeySource::Path | KeySource::All => {}
    }
}

pub(super) fn cookie(at: &At<'_>, name: &str) {
    let holds = is_token(name) && name.len() <= 128;
    at.expect(holds, || format!("{name:?} is no name of a cookie"), "use letters, digits, - and _");
}

/// A time that may be zero.
pub(super) fn age(at: &At<'_>, age: Span, most: Duration) {
    at.expect(age.0 <= most, || format!("a time of {:?}", age.0), &format!("use at most {most:?}"));
}

/// Tells of values that are there twice, where upper and lower case differ.
pub(super) fn distinct_exactly<'a>(at: &At<'_>, values: impl Iterator<Item = &'a String>) {
    let mut seen = BTreeSet::new();
    for value in values {
        at.expect(seen.insert(value), || format!("{value:?} is there twice"), "take one out");
    }
}
