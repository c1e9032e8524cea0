//! What a route asks of a request besides host and path.

use crate::Request;
use bole_gateway_document::pattern::Matcher;
use bole_gateway_document::route::{Protocol, Route};
use http::{HeaderName, Method};
use std::fmt;

/// What a route asks, compiled.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    pub(super) methods: Vec<Method>,
    pub(super) protocol: Option<Protocol>,
    pub(super) headers: Vec<(HeaderName, Matcher)>,
    pub(super) query: Vec<(String, Matcher)>,
    pub(super) encoded_slashes: bool,
}

/// Why a route does not take a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch<'t> {
    /// It is for other hosts.
    Host,
    /// It is for other paths.
    Path,
    /// The path has an encoded slash, and the route takes none.
    EncodedSlash,
    /// It is for other methods.
    Method(&'t [Method]),
    /// It is for another protocol.
    Protocol(Protocol),
    /// A header is missing or has another value.
    Header(&'t str),
    /// A parameter of the query is missing or has another value.
    Query(&'t str),
}

impl Conditions {
    pub(super) fn new(route: &Route) -> Option<Self> {
        let methods = route.methods.iter().map(|method| Method::from_bytes(method.as_bytes()).ok());
        let headers = route.headers.iter().map(|(name, pattern)| {
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, Matcher::of(pattern).ok()?))
        });
        let query =
            route.query.iter().map(|(name, pattern)| Some((name.clone(), Matcher::of(pattern).ok()?)));
        Some(Self {
            methods: methods.collect::<Option<_>>()?,
            protocol: route.protocol,
            headers: headers.collect::<Option<_>>()?,
            query: query.collect::<Option<_>>()?,
            encoded_slashes: route.encoded_slashes,
        })
    }

    /// The first condition that does not hold.
    pub(super) fn check(&self, request: &Request<'_>) -> Result<(), Mismatch<'_>> {
        if request.path.has_encoded_slash() && !self.encoded_slashes {
            return Err(Mismatch::EncodedSlash);
        }
        if !self.methods.is_empty() && !self.takes_method(request.method) {
            return Err(Mismatch::Method(&self.methods));
        }
        if let Some(protocol) = self.protocol {
            let holds = match protocol {
                Protocol::Http => !request.tls,
                Protocol::Https => request.tls,
                Protocol::Grpc => request.is_grpc(),
            };
            if !holds {
                return Err(Mismatch::Protocol(protocol));
            }
        }
        for (name, matcher) in &self.headers {
            let mut values = request.headers.get_all(name).iter();
            if !values.any(|value| matcher.fits(value.as_bytes())) {
                return Err(Mismatch::Header(name.as_str()));
            }
        }
        for (name, matcher) in &self.query {
            let holds = request.parameters(name).any(|value| matcher.fits(&value));
            if !holds {
                return Err(Mismatch::Query(name));
            }
        }
        Ok(())
    }

    /// `HEAD` goes where `GET` goes.
    fn takes_method(&self, method: &Method) -> bool {
        self.methods.contains(method) || (*method == Method::HEAD && self.methods.contains(&Method::GET))
    }
}

impl fmt::Display for Mismatch<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => formatter.write_str("it is for other hosts"),
            Self::Path => formatter.write_str("it is for other paths"),
            Self::EncodedSlash => {
                formatter.write_str("the path has an encoded slash, which it takes only with encoded_slashes")
            }
            Self::Method(methods) => {
                let methods: Vec<_> = methods.iter().map(Method::as_str).collect();
                write!(formatter, "it is for {} only", methods.join(", "))
            }
            Self::Protocol(Protocol::Http) => formatter.write_str("it is for connections without TLS"),
            Self::Protocol(Protocol::Https) => formatter.write_str("it is for connections with TLS"),
            Self::Protocol(Protocol::Grpc) => formatter.write_str("it is for gRPC"),
            Self::Header(name) => write!(formatter, "the header {name} is missing or has another value"),
            Self::Query(name) => write!(formatter, "the parameter {name} is missing or has another value"),
        }
    }
}
