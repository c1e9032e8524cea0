//! What an unsafe method makes invalid (RFC 9111 §4.4): its target, and what `Location` and `Content-Location` of the same origin name.

use http::header::{self, HeaderMap, HeaderValue};
use http::uri::{Authority, Uri};
use http::{Method, StatusCode};

/// Whether the method is safe (RFC 9110 §9.2.1). One that is not known is not.
pub fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
        || matches!(method.as_str(), "PROPFIND" | "REPORT" | "SEARCH" | "QUERY")
}

/// The targets that a response makes invalid. Empty when the method is safe or the response is an error.
pub fn targets(method: &Method, uri: &Uri, status: StatusCode, headers: &HeaderMap) -> Vec<Uri> {
    let good = status.is_success() || status.is_redirection();
    if is_safe(method) || !good {
        return Vec::new();
    }
    let named = [header::LOCATION, header::CONTENT_LOCATION];
    let named = named.iter().flat_map(|name| headers.get_all(name)).filter_map(|value| resolve(uri, value));
    // Another origin could otherwise have this one's answers dropped (§4.4, denial of service).
    let mut targets = vec![uri.clone()];
    for location in named.filter(|location| is_same_origin(location, uri)) {
        if !targets.contains(&location) {
            targets.push(location);
        }
    }
    targets
}

/// Default port of a scheme.
pub fn default_port(scheme: Option<&str>) -> Option<u16> {
    match scheme {
        Some("http") => Some(80),
        Some("https") => Some(443),
        _ => None,
    }
}

/// Same scheme, host and port (RFC 9110 §4.3.1).
pub fn is_same_origin(left: &Uri, right: &Uri) -> bool {
    let port = |uri: &Uri| uri.port_u16().or_else(|| default_port(uri.scheme_str()));
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    left.scheme_str() == right.scheme_str() && host(left) == host(right) && port(left) == port(right)
}

/// Same origin, path and query.
pub fn is_same_resource(left: &Uri, right: &Uri) -> bool {
    is_same_origin(left, right) && left.path() == right.path() && left.query() == right.query()
}

/// A reference in a field, resolved against the target (RFC 3986 §5.2, RFC 9110 §10.2.2). `None` when it is no reference.
pub fn resolve(base: &Uri, value: &HeaderValue) -> Option<Uri> {
    let text = value.to_str().ok()?.trim();
    let text = text.split('#').next().unwrap_or("");
    let (scheme, authority) = (base.scheme_str()?, base.authority().map(Authority::as_str)?);
    let has_scheme = text.split_once(':').is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    });
    let whole = if text.is_empty() {
        return Some(base.clone());
    } else if has_scheme {
        text.to_owned()
    } else if text.starts_with("//") {
        format!("{scheme}:{text}")
    } else if text.starts_with('/') {
        format!("{scheme}://{authority}{text}")
    } else if text.starts_with('?') {
        format!("{scheme}://{authority}{}{text}", base.path())
    } else {
        let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
        let path = without_dots(&format!("{folder}/{path}"));
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        format!("{scheme}://{authority}{path}{query}")
    };
    let uri: Uri = whole.parse().ok()?;
    (uri.scheme().is_some() && uri.authority().is_some()).then_some(uri)
}

/// Removes dot segments (RFC 3986 §5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    for (index, segment) in segments.iter().enumerate() {
        let last = index + 1 == segments.len();
        match *segment {
            "." => {}
            ".." => drop(kept.pop()),
            _ => {
                kept.push(segment);
                continue;
            }
        }
        if last {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}
