//! CORS: the answer to a preflight, which the library does not know, and the headers of all others, from a bucket's rules.

use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Response};
use s3s::Body;

use crate::access::request::Head;
use crate::error::{Code, Error, Result, shown};
use crate::objects::{buckets, settings};
use crate::rules::cors::{Answer, Cors, VARY};
use crate::service::Service;

/// The bucket that a request names, in its host or its path.
pub(super) fn bucket(service: &Service, head: &Head<'_>) -> Option<String> {
    let host = head.header("host").unwrap_or_default();
    if let Some(bucket) = service.domains.bucket(host) {
        return Some(bucket.to_owned());
    }
    // Names of buckets have no characters that are encoded.
    let first = head.uri.path().trim_start_matches('/').split('/').next()?;
    (!first.is_empty()).then(|| first.to_owned())
}

fn rules(service: &Service, name: &str) -> Option<Cors> {
    let look = |plan: &crate::state::Plan<'_>| {
        let bucket = buckets::get(plan, name)?;
        settings::of::<Cors>(plan, &bucket)
    };
    service.blobs.look(look).ok()?.value
}

/// Answers `OPTIONS`. Errors: no rule allows it.
pub(super) fn preflight(service: &Service, head: &Head<'_>, bucket: Option<&str>) -> Result<Response<Body>> {
    let missing = |name: &str| {
        Error::new(Code::BadRequest, format!("Insufficient information. {name} request header needed."))
    };
    let origin = head.header("origin").ok_or_else(|| missing("Origin"))?;
    let name = "access-control-request-method";
    let method = head.header(name).ok_or_else(|| missing("Access-Control-Request-Method"))?;
    let rules = bucket.and_then(|name| rules(service, name)).ok_or_else(|| {
        let bucket = shown(bucket.unwrap_or_default());
        let text = format!("CORSResponse: CORS is not enabled for this bucket: \"{bucket}\"");
        Error::new(Code::AccessForbidden, text)
    })?;
    let answer = rules.preflight(origin, method, head.header("access-control-request-headers"))?;
    let mut response = Response::new(Body::empty());
    write(&answer, response.headers_mut());
    Ok(response)
}

/// Adds what an answer to a page of `origin` has, if a rule allows it.
pub(super) fn mark(
    service: &Service,
    bucket: &str,
    origin: &HeaderValue,
    method: &Method,
    headers: &mut HeaderMap,
) {
    let Ok(origin) = origin.to_str() else { return };
    let Some(rules) = rules(service, bucket) else { return };
    if let Some(answer) = rules.actual(origin, method.as_str()) {
        write(&answer, headers);
    }
}

fn write(answer: &Answer, headers: &mut HeaderMap) {
    let max_age = answer.max_age_seconds.map(|seconds| seconds.to_string());
    for (name, value) in [
        ("access-control-allow-origin", Some(answer.allow_origin.as_str())),
        ("access-control-allow-credentials", answer.allow_credentials.then_some("true")),
        ("access-control-allow-methods", Some(answer.allow_methods.as_str())),
        ("access-control-allow-headers", answer.allow_headers.as_deref()),
        ("access-control-expose-headers", answer.expose_headers.as_deref()),
        ("access-control-max-age", max_age.as_deref()),
        ("vary", Some(VARY)),
    ] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}
