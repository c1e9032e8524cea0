//! The parsed head of a request: one method, one host, one path, one length, or refused.
//!
//! [`raw`](crate::raw) has looked at the bytes of HTTP/1 before; this looks at what the parser made of them, and at HTTP/2, whose frames have
//! no such bytes. Each asks for itself, so that a parser which changes its mind is noticed. Follows RFC 9112 (sections 3.2, 6), RFC
//! 9113 (sections 8.2, 8.3) and RFC 9110 (sections 7.2, 10.1.1), and is stricter where they let a server choose.

use crate::Request;
use crate::limits::{FIELDS_BYTES_MAX, FIELDS_MAX, METHOD_BYTES_MAX, TARGET_BYTES_MAX};
use crate::raw::Body;
use crate::refused::Refused;
use bole_gateway_document::host;
use bole_gateway_document::path::Path;
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRANSFER_ENCODING,
    UPGRADE,
};
use http::uri::Authority;
use http::{Method, Uri, Version};
use std::borrow::Cow;

/// A head as the proxy's parser gives it.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The method.
    pub method: &'a Method,
    /// The target; of HTTP/2 made of `:scheme`, `:authority` and `:path`.
    pub uri: &'a Uri,
    /// The version.
    pub version: Version,
    /// The header.
    pub headers: &'a HeaderMap,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

/// What a head says, once it says one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked<'a> {
    /// The host in lower case; empty if an HTTP/1.0 client sent none.
    pub host: Cow<'a, str>,
    /// The port that was named, or the scheme's own.
    pub port: u16,
    /// The path in the spelling that is matched and sent on.
    pub path: Path<'a>,
    /// The query, without `?`.
    pub query: Option<&'a str>,
    /// What follows the head; of HTTP/2 [`Body::None`] only if a length of 0 says so.
    pub body: Body,
}

impl<'a> Head<'a> {
    /// Checks a head.
    pub fn check(&self) -> Result<Checked<'a>, Refused> {
        if self.method == Method::CONNECT || self.method == Method::TRACE {
            return Err(Refused::MethodRefused);
        }
        if self.method.as_str().len() > METHOD_BYTES_MAX {
            return Err(Refused::Method);
        }
        let old = match self.version {
            Version::HTTP_10 => true,
            Version::HTTP_11 | Version::HTTP_2 => false,
            _ => return Err(Refused::Version),
        };
        self.check_fields()?;
        let body = if self.version == Version::HTTP_2 {
            self.body_of_streams()?
        } else {
            self.body_of_messages(old)?
        };
        let (host, port) = self.host(old)?;
        let (path, query) = self.target()?;
        let mut expected = self.headers.get_all(EXPECT).iter();
        if expected.any(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
            return Err(Refused::Expect);
        }
        let port = port.unwrap_or(if self.tls { 443 } else { 80 });
        Ok(Checked { host, port, path, query, body })
    }

    fn check_fields(&self) -> Result<(), Refused> {
        let bytes: usize = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if self.headers.len() > FIELDS_MAX || bytes > FIELDS_BYTES_MAX {
            return Err(Refused::FieldsLarge);
        }
        let control =
            |value: &HeaderValue| value.as_bytes().iter().any(|byte| matches!(byte, 0..=8 | 10..=31 | 127));
        if self.headers.values().any(control) {
            return Err(Refused::Control);
        }
        Ok(())
    }

    fn length(&self) -> Result<Option<u64>, Refused> {
        let mut lengths = self.headers.get_all(CONTENT_LENGTH).iter();
        let Some(length) = lengths.next() else { return Ok(None) };
        match (crate::raw::length(length.as_bytes()), lengths.next()) {
            (Some(length), None) => Ok(Some(length)),
            _ => Err(Refused::ContentLength),
        }
    }

    fn body_of_messages(&self, old: bool) -> Result<Body, Refused> {
        let length = self.length()?;
        let mut codings = self.headers.get_all(TRANSFER_ENCODING).iter();
        match (codings.next(), length) {
            (None, None | Some(0)) => Ok(Body::None),
            (None, Some(length)) => Ok(Body::Length(length)),
            (Some(_), Some(_)) => Err(Refused::TwoLengths),
            (Some(_), None) if old => Err(Refused::TransferEncodingVersion),
            (Some(coding), None) => {
                let chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked") && codings.next().is_none();
                if chunked { Ok(Body::Chunked) } else { Err(Refused::TransferEncoding) }
            }
        }
    }

    /// HTTP/2 has neither codings of messages nor headers of connections.
    fn body_of_streams(&self) -> Result<Body, Refused> {
        if self.headers.contains_key(TRANSFER_ENCODING) {
            return Err(Refused::TransferEncodingVersion);
        }
        let keep_alive = HeaderName::from_static("keep-alive");
        let proxy_connection = HeaderName::from_static("proxy-connection");
        let mut te = self.headers.get_all(TE).iter();
        if [CONNECTION, UPGRADE, keep_alive, proxy_connection]
            .iter()
            .any(|name| self.headers.contains_key(name))
            || te.any(|value| value.as_bytes() != b"trailers")
        {
            return Err(Refused::ConnectionHeader);
        }
        Ok(match self.length()? {
            Some(0) => Body::None,
            Some(length) => Body::Length(length),
            None => Body::Chunked,
        })
    }

    /// The one host that `Host` and the target name.
    fn host(&self, old: bool) -> Result<(Cow<'a, str>, Option<u16>), Refused> {
        let mut named = self.headers.get_all(HOST).iter();
        let header = named.next();
        if named.next().is_some() {
            return Err(Refused::Host);
        }
        let header = header.map(|value| value.to_str().map_err(|_| Refused::HostSyntax)).transpose()?;
        let header = header.map(spelled).transpose()?;
        let target = self.uri.authority().map(Authority::as_str).map(spelled).transpose()?;
        match (header, target) {
            (Some(header), Some(target)) => {
                let own = if self.tls { 443 } else { 80 };
                let same = header.0 == target.0 && header.1.unwrap_or(own) == target.1.unwrap_or(own);
                if same { Ok(target) } else { Err(Refused::HostsDisagree) }
            }
            // HTTP/1.1 asks for a Host also beside a URL; HTTP/2 for `:authority` or a Host.
            (None, Some(target)) if old || self.version == Version::HTTP_2 => Ok(target),
            (Some(header), None) => Ok(header),
            (None, None) if old => Ok((Cow::Borrowed(""), None)),
            (None, _) => Err(Refused::Host),
        }
    }

    fn target(&self) -> Result<(Path<'a>, Option<&'a str>), Refused> {
        let schemes = [None, Some("http"), Some("https")];
        let whole = self.uri.scheme_str().is_none() || self.uri.authority().is_some();
        if !schemes.contains(&self.uri.scheme_str()) || !whole {
            return Err(Refused::Target);
        }
        // `a:80` alone, as CONNECT has it, has no path.
        let Some(target) = self.uri.path_and_query() else { return Err(Refused::Target) };
        if target.as_str().len() > TARGET_BYTES_MAX {
            return Err(Refused::TargetLong);
        }
        // `http://a?b` and `http://a` have the path `/` (RFC 9110, section 4.2.3).
        let path = if target.path().is_empty() { "/" } else { target.path() };
        let fine = |byte: u8| byte > 0x20 && byte != 0x7F && byte != b'#';
        if !target.query().unwrap_or_default().bytes().all(fine) {
            return Err(Refused::Target);
        }
        Ok((Path::of(path)?, target.query()))
    }
}

fn spelled(text: &str) -> Result<(Cow<'_, str>, Option<u16>), Refused> {
    let (name, port) = host::split(text).ok_or(Refused::HostSyntax)?;
    Ok((host::spelled(name).ok_or(Refused::HostSyntax)?, port))
}

impl Checked<'_> {
    /// The request as routes see it.
    pub fn request<'r>(&'r self, head: &Head<'r>) -> Request<'r> {
        Request {
            method: head.method,
            host: &self.host,
            port: Some(self.port),
            path: &self.path,
            query: self.query,
            headers: head.headers,
            tls: head.tls,
        }
    }
}

#[cfg(test)]
mod tests;
