//! What browsers of other origins may do (Fetch standard, "CORS protocol"): the gateway answers preflights, and puts the permission on answers.
//! What the service says of it is taken out, so that one voice speaks.

use bole_gateway_document::host::HostPattern;
use bole_gateway_document::route;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName, HeaderValue,
    ORIGIN, VARY,
};
use http::{Method, Response, StatusCode};

/// A route's permissions, compiled.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a permission of its own")]
pub struct Cors {
    any: bool,
    null: bool,
    origins: Vec<Origin>,
    methods: Vec<String>,
    headers: Vec<String>,
    any_header: bool,
    credentials: bool,
    allow_methods: HeaderValue,
    expose: Option<HeaderValue>,
    max_age: Option<HeaderValue>,
}

/// `https://example.com`, `https://*.example.com`.
#[derive(Clone, Debug)]
struct Origin {
    scheme: String,
    host: HostPattern,
}

/// Methods that need no permission.
const SIMPLE: [&str; 3] = ["GET", "HEAD", "POST"];

/// What a service may say of it.
const SAID: [HeaderName; 6] = [
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
];

impl Cors {
    /// Permissions of a document that was checked.
    pub fn new(cors: &route::Cors) -> Self {
        let named = |name: &str| cors.origins.iter().any(|origin| origin == name);
        let origin = |text: &String| {
            let (scheme, host) = text.split_once("://")?;
            Some(Origin { scheme: scheme.to_owned(), host: HostPattern::parse(host)? })
        };
        let mut methods: Vec<_> = SIMPLE.iter().map(|method| (*method).to_owned()).collect();
        methods.extend(cors.methods.iter().filter(|method| !SIMPLE.contains(&method.as_str())).cloned());
        let list = |items: &[String]| HeaderValue::from_str(&items.join(", ")).ok();
        Self {
            any: named("*"),
            null: named("null"),
            origins: cors.origins.iter().filter_map(origin).collect(),
            allow_methods: list(&methods).unwrap_or(HeaderValue::from_static("GET, HEAD, POST")),
            methods,
            headers: cors.headers.iter().map(|name| name.to_ascii_lowercase()).collect(),
            any_header: cors.headers.iter().any(|name| name == "*"),
            credentials: cors.credentials,
            expose: list(&cors.expose).filter(|_| !cors.expose.is_empty()),
            max_age: cors.max_age.map(|age| HeaderValue::from(age.0.as_secs())),
        }
    }

    /// Whether a request is a preflight, which only the gateway answers.
    pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
        *method == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// The answer to a preflight: 204 with what is allowed, or 403, without any permission, if what is asked for is not.
    pub fn preflight(&self, headers: &HeaderMap) -> Response<()> {
        let mut answer = Response::new(());
        *answer.status_mut() = StatusCode::FORBIDDEN;
        let out = answer.headers_mut();
        for name in [ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_REQUEST_HEADERS] {
            vary(out, &name);
        }
        let method = headers.get(ACCESS_CONTROL_REQUEST_METHOD).map_or(&b""[..], HeaderValue::as_bytes);
        let allowed = self.methods.iter().any(|known| known.as_bytes() == method);
        let asked: Vec<_> = headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter().collect();
        let (Some(origin), true, Some(granted)) = (self.origin(headers), allowed, self.granted(&asked))
        else {
            return answer;
        };
        out.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        out.insert(ACCESS_CONTROL_ALLOW_METHODS, self.allow_methods.clone());
        // Named one by one also for `*`, which beside credentials is a header's name to browsers, and never stands for `Authorization`.
        let names: Vec<_> = granted.iter().map(HeaderName::as_str).collect();
        if let Some(names) = HeaderValue::from_str(&names.join(", ")).ok().filter(|names| !names.is_empty()) {
            out.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
        }
        if self.credentials {
            out.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        if let Some(age) = &self.max_age {
            out.insert(ACCESS_CONTROL_MAX_AGE, age.clone());
        }
        *answer.status_mut() = StatusCode::NO_CONTENT;
        answer
    }

    /// Puts the permission on an answer to a request with these headers, and takes out what the service said.
    pub fn apply(&self, request: &HeaderMap, response: &mut HeaderMap) {
        SAID.iter().for_each(|name| drop(response.remove(name)));
        // An answer that is the same for all origins may be kept for all; any other depends on who asks, also where nobody did.
        if !self.any || self.credentials {
            vary(response, &ORIGIN);
        }
        let Some(origin) = self.origin(request) else { return };
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.credentials {
            response.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        if let Some(expose) = &self.expose {
            response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
        }
    }

    /// The value of `Access-Control-Allow-Origin`, if the request's origin is allowed.
    fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut origins = headers.get_all(ORIGIN).iter();
        let origin = origins.next().filter(|_| origins.next().is_none())?;
        if self.any && !self.credentials {
            return Some(HeaderValue::from_static("*"));
        }
        let text = origin.to_str().ok()?;
        let allowed = if text == "null" {
            self.null && !self.credentials
        } else {
            let (scheme, host) = text.split_once("://")?;
            let (host, port) = bole_gateway_document::host::split(host)?;
            self.origins
                .iter()
                .any(|known| known.scheme == scheme && known.host.port == port && known.host.fits(host, port))
        };
        allowed.then(|| origin.clone())
    }

    /// The headers that are asked for and granted; nothing if one of them is not.
    fn granted(&self, asked: &[&HeaderValue]) -> Option<Vec<HeaderName>> {
        let mut names = Vec::new();
        for value in asked {
            for name in value.to_str().ok()?.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
                if !self.any_header && !self.headers.iter().any(|known| known == name.as_str()) {
                    return None;
                }
                names.push(name);
            }
        }
        Some(names)
    }
}

/// Adds a name to `Vary`, unless it is there.
fn vary(headers: &mut HeaderMap, name: &HeaderName) {
    let listed = |value: &HeaderValue| {
        let mut names = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        names.any(|known| known == b"*" || known.eq_ignore_ascii_case(name.as_str().as_bytes()))
    };
    if !headers.get_all(VARY).iter().any(listed) {
        headers.append(VARY, HeaderValue::from(name.clone()));
    }
}

#[cfg(test)]
mod tests;
