//! A request of somebody who is logged in: who, what for, and for changes the proof that a page of that session asked.

mod upload;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::Response;
use serde_json::Value;

pub(crate) use upload::Upload;

use crate::limits::FORM_BYTES_MAX;
use crate::node::{By, Call, Fault, Reply};
use crate::page;
use crate::sessions::Found;
use crate::show::{encode, link};
use crate::{Console, PATH};

/// The field of a form that has the session's proof.
pub(crate) const PROOF: &str = "proof";

/// Fields of a query or a form. Of several of one name the last one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// Reads `application/x-www-form-urlencoded`. What is not UTF-8 in it is replaced.
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        };
        Self(pairs.map(pair).collect())
    }

    /// A field; empty where there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// A field that must not be empty.
    pub(crate) fn needed(&self, name: &str) -> Result<&str, Fault> {
        match self.get(name) {
            "" => Err(Fault::wrong(format!("the field \"{name}\" is empty; fill it in"))),
            value => Ok(value),
        }
    }

    /// A number; `or` where there is none.
    pub(crate) fn number<N: std::str::FromStr>(&self, name: &str, or: N) -> Result<N, Fault> {
        match self.get(name).trim() {
            "" => Ok(or),
            text => text.parse().map_err(|_| {
                Fault::wrong(format!("\"{text}\" in the field \"{name}\" is not a number that fits there"))
            }),
        }
    }

    /// Whether a box was ticked.
    pub(crate) fn ticked(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }

    /// Refuses what takes something away for good without the tick that says so.
    pub(crate) fn sure(&self) -> Result<(), Fault> {
        if self.ticked("sure") {
            return Ok(());
        }
        Err(Fault::wrong("nothing was removed: tick the box that says that you are sure"))
    }
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |at: usize| char::from(*bytes.get(at)?).to_digit(16);
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let decoded = (*byte == b'%').then(|| Some((digit(at + 1)? * 16 + digit(at + 2)?) as u8)).flatten();
        out.push(decoded.unwrap_or(if *byte == b'+' { b' ' } else { *byte }));
        at += if decoded.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The name of the cookie. Browsers do not tell ports of a host apart, so the name does.
pub(crate) fn cookie_name(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let port = host.rsplit_once(':').map_or("80", |(_, port)| port);
    let port: String = port.chars().filter(char::is_ascii_digit).collect();
    format!("bole_session_{port}")
}

/// The session's token, if the browser sent one.
pub(crate) fn token(headers: &HeaderMap) -> Option<String> {
    let name = cookie_name(headers);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let mut pairs =
        cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, token)| token.to_owned())
}

/// Where a request came from.
#[expect(clippy::result_large_err, reason = "the page that says why is made at once and moved once")]
pub(crate) fn peer(console: &Console, parts: &Parts) -> Result<SocketAddr, Response> {
    console.node.peer(&parts.extensions).ok_or_else(|| {
        let fault = Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "the connection's other end is not known");
        page::bare("Error", Err(fault))
    })
}

/// Somebody who is logged in, and what the query of the request says.
pub(crate) struct Visitor {
    pub(crate) console: Arc<Console>,
    pub(crate) user: Arc<str>,
    pub(crate) proof: Arc<str>,
    pub(crate) token: String,
    pub(crate) peer: SocketAddr,
    pub(crate) query: Fields,
}

impl Visitor {
    /// The visitor of a request; `None` if nobody is logged in.
    #[expect(clippy::result_large_err, reason = "the page that says why is made at once and moved once")]
    pub(crate) fn of(console: &Arc<Console>, parts: &Parts) -> Result<Option<Self>, Response> {
        let peer = peer(console, parts)?;
        let Some(token) = token(&parts.headers) else { return Ok(None) };
        let stamp = |user: &str| console.node.stamp(user);
        let Some(Found { user, proof }) = console.sessions.find(&token, stamp) else { return Ok(None) };
        let query = Fields::parse(parts.uri.query().unwrap_or_default());
        Ok(Some(Self { console: Arc::clone(console), user, proof, token, peer, query }))
    }

    /// Whom its requests are from.
    pub(crate) fn by(&self) -> By<'_> {
        By { user: &self.user, peer: self.peer }
    }

    /// Asks the admin door's API.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        media: &str,
        body: Vec<u8>,
    ) -> Result<Reply, Fault> {
        let (user, path) = (Some(&*self.user), path.to_owned());
        self.console.node.call(Call { user, peer: self.peer, method, path, media, body }).await
    }

    /// The same with JSON in both directions.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Fault> {
        let body = body.map_or_else(Vec::new, |body| body.to_string().into_bytes());
        let reply = self.call(method, path, "application/json", body).await?;
        json(&reply)
    }

    /// Reads JSON from the API.
    pub(crate) async fn read(&self, path: &str) -> Result<Value, Fault> {
        self.ask(Method::GET, path, None).await
    }

    /// The next page of who has changed something: it tells what was done.
    pub(crate) fn done(&self, note: impl Into<String>, to: &str) -> Response {
        let note = note.into();
        tracing::info!(user = &*self.user, "console: {note}");
        self.console.sessions.leave_note(&self.token, note);
        page::see_other(to)
    }
}

/// JSON of an answer; null for an empty one.
pub(crate) fn json(reply: &Reply) -> Result<Value, Fault> {
    if reply.body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&reply.body).map_err(|error| {
        Fault::new(StatusCode::BAD_GATEWAY, format!("the node's answer is not in a known form: {error}"))
    })
}

/// To the login, and back here afterwards.
pub(crate) fn to_login(method: &Method, uri: &Uri) -> Response {
    let here = uri.path_and_query().map_or("", |here| here.as_str());
    // Where a router is within another one, it sees the rest of the path alone.
    let here = if here.starts_with(PATH) { here.to_owned() } else { format!("{PATH}{here}") };
    let next = if *method == Method::GET { here.as_str() } else { "" };
    page::see_other(&link("/login", &[("next", next)]))
}

impl FromRequestParts<Arc<Console>> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Response> {
        Self::of(console, parts)?.ok_or_else(|| to_login(&parts.method, &parts.uri))
    }
}

/// A form that a page of the visitor's own session sent.
pub(crate) struct Sent {
    pub(crate) visitor: Visitor,
    pub(crate) form: Fields,
}

impl FromRequest<Arc<Console>> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Arc<Console>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, console).await?;
        let body = body_of(body, FORM_BYTES_MAX).await?;
        let form = Fields::parse(&String::from_utf8_lossy(&body));
        check_proof(&visitor, form.get(PROOF))?;
        Ok(Self { visitor, form })
    }
}

pub(crate) async fn body_of(body: axum::body::Body, bytes_max: usize) -> Result<Bytes, Response> {
    to_bytes(body, bytes_max).await.map_err(|_| {
        let text = format!("what was sent has more than {bytes_max} bytes, or did not arrive whole");
        page::bare("Too large", Err(Fault::new(StatusCode::PAYLOAD_TOO_LARGE, text)))
    })
}

/// Refuses what no page of this session asked for.
#[expect(clippy::result_large_err, reason = "the page that says why is made at once and moved once")]
fn check_proof(visitor: &Visitor, said: &str) -> Result<(), Response> {
    let found = Found { user: Arc::clone(&visitor.user), proof: Arc::clone(&visitor.proof) };
    if found.is_proof(said) {
        return Ok(());
    }
    let text = "this form is not from a page of your session; load the page again and send it once more";
    Err(page::bare("Refused", Err(Fault::new(StatusCode::FORBIDDEN, text))))
}

/// A path of the API whose last part is a name.
pub(crate) fn named(path: &str, name: &str) -> String {
    format!("{path}/{}", encode(name))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn forms_are_read() {
        let form = Fields::parse("a=1&b=x+y%26%3D%C3%A4&c&a=2&d=%zz%&=x");
        for (name, expected) in [("a", "2"), ("b", "x y&=ä"), ("c", ""), ("d", "%zz%"), ("e", "")] {
            assert_eq!(form.get(name), expected, "{name}");
        }
        assert_eq!(form.number("a", 7), Ok(2));
        assert_eq!(form.number("e", 7), Ok(7));
        assert!(form.number::<u8>("b", 7).unwrap_err().message.contains("\"x y&=ä\""));
        assert!(form.sure().is_err() && Fields::parse("sure=on").sure().is_ok());
        assert!(form.needed("e").is_err());
    }

    #[test]
    fn the_cookie_of_this_port() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("localhost:4280"));
        assert_eq!(token(&headers), None);
        let cookies = "bole_session_1=other; bole_session_4280=mine; x";
        headers.insert(header::COOKIE, HeaderValue::from_static(cookies));
        assert_eq!(token(&headers).as_deref(), Some("mine"));
    }
}
