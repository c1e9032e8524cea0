//! What a request asks for, once it asks for one thing: its host, and its path in the one spelling that is matched and sent on.

use crate::error::Problem;
use bole_gateway_document::host;
use bole_gateway_document::path::{self, Path};
use bole_gateway_routes::{Found, Request, Table};
use http::header;
use pingora_http::RequestHeader;

/// What a request asks for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The host in lower case, without a port; empty if an HTTP/1.0 client named none.
    pub host: String,
    /// The port that was named, or the scheme's own.
    pub port: u16,
    /// The path in its one spelling.
    pub path: String,
    /// It came in another.
    pub respelled: bool,
    /// Whether it came through TLS.
    pub tls: bool,
}

/// The host that a request names, with its port if it has one.
pub fn host_of(request: &RequestHeader) -> &str {
    let authority = request.uri.authority().map(http::uri::Authority::as_str);
    authority.or_else(|| request.headers.get(header::HOST)?.to_str().ok()).unwrap_or("")
}

impl Asked {
    /// Reads a head.
    ///
    /// # Errors
    /// A host that is none, a path that could be read in several ways.
    pub fn of(request: &RequestHeader, tls: bool) -> Result<Self, (Problem, Option<String>)> {
        let own = if tls { 443 } else { 80 };
        let wrong_host =
            || (Problem::BadRequest, Some("the host is neither a name nor an address".to_owned()));
        let named = host_of(request);
        let (host, port) = match named {
            "" => (String::new(), own),
            named => {
                let (name, port) = host::split(named).ok_or_else(wrong_host)?;
                (host::spelled(name).ok_or_else(wrong_host)?.into_owned(), port.unwrap_or(own))
            }
        };
        let raw = request.uri.path();
        let raw = if raw.is_empty() || raw == "*" { "/" } else { raw };
        let path = Path::of(raw).map_err(|refused| match refused {
            path::Refused::TooLong => (Problem::TargetTooLong, None),
            refused => (Problem::BadRequest, Some(refused.to_string())),
        })?;
        let respelled = !path.is_as_it_came();
        Ok(Self { host, port, path: path.into_text().into_owned(), respelled, tls })
    }

    /// The route that takes the request.
    pub fn find<'t>(&self, head: &RequestHeader, table: &'t Table) -> Option<Found<'t>> {
        // It is in that spelling already, so this only looks.
        let path = Path::of(&self.path).ok()?;
        table.find(&Request {
            method: &head.method,
            host: &self.host,
            port: Some(self.port),
            path: &path,
            query: head.uri.query(),
            headers: &head.headers,
            tls: self.tls,
        })
    }
}
