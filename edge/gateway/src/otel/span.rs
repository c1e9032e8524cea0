//! Spans as the gateway makes them, and what they tell of a request and of a try.

use crate::access_log::Told;
use crate::connection::client::Client;
use crate::routing::host_of;
use crate::trace::{self, Parent};
use bole_gateway_document::host;
use http::{Method, Version, header};
use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

/// Bytes of a text in an attribute; what is longer is cut.
pub const TEXT_BYTES_MAX: usize = 1_024;

/// Whose view it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The gateway's, as a server of its client.
    Server,
    /// The gateway's, as a client of an instance.
    Client,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(Cow<'static, str>),
    /// A number.
    Number(i64),
}

/// A span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its trace, its own id, its flags.
    pub own: Parent,
    /// The span that it belongs to.
    pub parent: Option<u64>,
    /// Whether that one was made by somebody else.
    pub is_parent_remote: bool,
    /// `tracestate`.
    pub state: String,
    /// What it is called.
    pub name: String,
    /// Whose view it is.
    pub kind: Kind,
    /// When it began and ended, since 1970.
    pub time: (Duration, Duration),
    /// What is told of it.
    pub attributes: Vec<(&'static str, Value)>,
    /// It is an error.
    pub is_error: bool,
}

/// A text, cut where it is too long.
fn text(text: &str) -> Value {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Value::Text(Cow::Owned(text[..end].to_owned()))
}

const fn word(text: &'static str) -> Value {
    Value::Text(Cow::Borrowed(text))
}

/// The method as it is told: one that is known, or `_OTHER` beside the original.
fn method(method: &Method) -> Option<&'static str> {
    const KNOWN: [&str; 9] = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method.as_str())
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

/// Adds the method; what the span's name begins with.
fn tell_method(attributes: &mut Vec<(&'static str, Value)>, asked: &Method) -> &'static str {
    if let Some(known) = method(asked) {
        attributes.push(("http.request.method", word(known)));
        return known;
    }
    attributes.push(("http.request.method", word("_OTHER")));
    attributes.push(("http.request.method_original", text(asked.as_str())));
    "HTTP"
}

/// What is told of a request besides what the access log tells.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Its own span.
    pub own: Parent,
    /// The client's.
    pub parent: Option<u64>,
    /// The connection that it came on.
    pub client: &'a Client,
    /// Whether it came encrypted, perhaps to somebody before the gateway.
    pub secured: bool,
    /// The path of the route that took it, as the document has it.
    pub path: Option<&'a str>,
    /// When it began, since 1970.
    pub began: Duration,
}

/// The span of a request that has ended.
pub fn of_request(told: &Told<'_>, asked: &Asked<'_>) -> Span {
    let mut attributes = Vec::with_capacity(20);
    let verb = tell_method(&mut attributes, &told.request.method);
    let name = asked.path.map_or_else(|| verb.to_owned(), |path| format!("{verb} {path}"));
    attributes.push(("url.scheme", word(if asked.secured { "https" } else { "http" })));
    attributes.push(("url.path", text(told.request.uri.path())));
    if let Some((name, port)) = host::split(host_of(told.request)).filter(|(name, _)| !name.is_empty()) {
        let own = if asked.secured { 443 } else { 80 };
        attributes.push(("server.address", text(name)));
        attributes.push(("server.port", Value::Number(port.unwrap_or(own).into())));
    }
    let peer = asked.client.address;
    attributes.push(("client.address", text(&told.client.to_string())));
    attributes.push(("network.peer.address", text(&peer.ip().to_string())));
    attributes.push(("network.peer.port", Value::Number(peer.port().into())));
    attributes.push(("network.protocol.version", word(version(told.request.version))));
    if let Some(path) = asked.path {
        attributes.push(("http.route", text(path)));
    }
    let agent = told.request.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let own = [
        ("user_agent.original", agent),
        ("bole.request_id", Some(told.request_id).filter(|id| !id.is_empty())),
        ("bole.route", told.route),
        ("bole.service", told.service),
        ("bole.instance", told.instance),
        ("bole.login", told.login),
        ("bole.consumer", told.consumer),
        ("bole.cache_status", told.cache),
        ("bole.problem", told.problem),
    ];
    attributes.extend(own.into_iter().filter_map(|(key, said)| Some((key, text(said?)))));
    // A request without an answer is one whose client went away, or whose connection broke.
    let is_error = told.status >= 500 || told.status == 0;
    if told.status > 0 {
        attributes.push(("http.response.status_code", Value::Number(told.status.into())));
    }
    if is_error {
        let code = told.status.to_string();
        attributes.push(("error.type", text(told.problem.unwrap_or(&code))));
    }
    Span {
        own: asked.own,
        parent: asked.parent,
        is_parent_remote: true,
        state: trace::state(&told.request.headers),
        name,
        kind: Kind::Server,
        time: (asked.began, asked.began + told.took),
        attributes,
        is_error,
    }
}

/// A try at an instance that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Tried<'a> {
    /// Its span, in the request's trace.
    pub own: Parent,
    /// The request's span.
    pub request: u64,
    /// Begin and end, since 1970.
    pub time: (Duration, Duration),
    /// What the instance was asked.
    pub method: &'a Method,
    /// Its path.
    pub path: &'a str,
    /// Whether that went encrypted.
    pub secured: bool,
    /// The host of the instance as it is written.
    pub host: &'a str,
    /// Where it is.
    pub address: SocketAddr,
    /// The names of the instance and of its service.
    pub names: (&'a str, &'a str),
    /// Tries before this one.
    pub before: usize,
    /// What it answered.
    pub status: Option<u16>,
    /// What went wrong.
    pub problem: Option<&'static str>,
}

/// The span of a try.
pub fn of_try(tried: &Tried<'_>) -> Span {
    let mut attributes = Vec::with_capacity(12);
    let name = tell_method(&mut attributes, tried.method).to_owned();
    let scheme = if tried.secured { "https" } else { "http" };
    let host = if tried.host.contains(':') { format!("[{}]", tried.host) } else { tried.host.to_owned() };
    let port = tried.address.port();
    attributes.push(("url.full", text(&format!("{scheme}://{host}:{port}{}", tried.path))));
    attributes.push(("server.address", text(tried.host)));
    attributes.push(("server.port", Value::Number(port.into())));
    attributes.push(("network.peer.address", text(&tried.address.ip().to_string())));
    attributes.push(("network.peer.port", Value::Number(port.into())));
    attributes.push(("bole.instance", text(tried.names.0)));
    attributes.push(("bole.service", text(tried.names.1)));
    if tried.before > 0 {
        attributes.push(("http.request.resend_count", Value::Number(tried.before as i64)));
    }
    if let Some(status) = tried.status {
        attributes.push(("http.response.status_code", Value::Number(status.into())));
    }
    let bad = tried.status.filter(|status| *status >= 400);
    let is_error = bad.is_some() || tried.problem.is_some();
    if is_error {
        let code = bad.map(|status| status.to_string()).unwrap_or_default();
        attributes.push(("error.type", tried.problem.map_or_else(|| text(&code), word)));
    }
    Span {
        own: tried.own,
        parent: Some(tried.request),
        is_parent_remote: false,
        state: String::new(),
        name,
        kind: Kind::Client,
        time: tried.time,
        attributes,
        is_error,
    }
}
