//! Buckets as websites, under names of `blobs.website_domains`: anonymous GET and HEAD of what everybody may read, with index documents, redirects
//! and error pages as the bucket's website says ([`crate::rules::website`] judges).
//!
//! What is read goes the way of any other GET, as an anonymous one: whatever a request signs is not looked at here.

use std::fmt::Write as _;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use s3s::{Body, HttpError};

use super::trace::{self, Seen};
use super::{Door, anybody};
use crate::access::request::{Arrived, Head, decoded};
use crate::error::{Code, Error};
use crate::objects::settings;
use crate::protocol::xml::escape;
use crate::rules::website::{self, Redirect, Website};
use crate::service::Service;

const REDIRECT_LOCATION: &str = "x-amz-website-redirect-location";

/// The bucket whose website a request is for. Where both a domain of buckets and one of websites fit, the longer one decides.
pub(super) fn bucket(service: &Service, head: &Head<'_>) -> Option<String> {
    let host = head.header("host")?;
    let site = service.website_domains.bucket(host)?;
    let other = service.domains.bucket(host);
    other.is_none_or(|other| site.len() < other.len()).then(|| site.to_owned())
}

/// Answers a request for a website.
pub(super) async fn answer(
    door: &Door,
    bucket: &str,
    request: &Request<Incoming>,
    arrived: &Arrived,
    seen: &Seen,
) -> Result<Response<Body>, HttpError> {
    let head = Head { uri: request.uri(), headers: request.headers() };
    let visit = Visit { door, bucket, arrived, headers: request.headers(), method: request.method() };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let text = "The specified method is not allowed against this resource.";
        return Ok(visit.page(&Failure::from(Error::new(Code::MethodNotAllowed, text)), ""));
    }
    let path = request.uri().path();
    // Plus signs are themselves in a path.
    let Some(key) = decoded(&path.strip_prefix('/').unwrap_or(path).replace('+', "%2B")) else {
        return Ok(
            visit.page(&Failure::from(Error::new(Code::InvalidURI, "Couldn't parse the specified URI.")), "")
        );
    };
    seen.is(trace::WEBSITE, None, &key);
    let website = door.service.blobs.read(|plan| settings::get::<Website>(plan, bucket)).await;
    let website = match website {
        Ok(website) => website,
        Err(error) => return Ok(visit.page(&Failure::from(error.refusal()), &key)),
    };
    let protocol = if arrived.is_secure { "https" } else { "http" };
    let asked = website::Request { protocol, host: head.header("host").unwrap_or_default(), key: &key };
    match website.redirect(&asked) {
        Some(redirect) => Ok(moved(&redirect)),
        None => visit.show(&website, &asked).await,
    }
}

/// Why a page is not shown.
struct Failure {
    status: StatusCode,
    code: String,
    message: String,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, code: error.code.name().to_owned(), message: error.message }
    }
}

impl Failure {
    /// Of an answer with an error of S3's.
    fn of(response: &Response<Body>) -> Self {
        let text = response.body().bytes().unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let element = |name: &str| {
            let (_, rest) = text.split_once(&format!("<{name}>"))?;
            Some(rest.split_once(&format!("</{name}>"))?.0.to_owned())
        };
        Self {
            status: response.status(),
            code: element("Code").unwrap_or_default(),
            // What the library wrote is escaped, and is escaped again with the page.
            message: element("Message").unwrap_or_default().replace("&quot;", "\"").replace("&amp;", "&"),
        }
    }
}

/// One request.
struct Visit<'a> {
    door: &'a Door,
    bucket: &'a str,
    arrived: &'a Arrived,
    headers: &'a HeaderMap,
    method: &'a Method,
}

impl Visit<'_> {
    /// Shows a page, or what there is in its place.
    async fn show(
        &self,
        website: &Website,
        asked: &website::Request<'_>,
    ) -> Result<Response<Body>, HttpError> {
        let response = self.fetch(self.method, &website.key(asked.key), self.headers).await?;
        let status = response.status();
        if !status.is_client_error() && !status.is_server_error() {
            let target = response.headers().get(REDIRECT_LOCATION).and_then(|value| value.to_str().ok());
            let target = target.map(|target| Redirect { status: 301, location: target.to_owned() });
            return Ok(target.map_or(response, |redirect| moved(&redirect)));
        }
        let is_missing = matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
        if let Some((index, redirect)) = website.folder(asked.key).filter(|_| is_missing) {
            let found = self.fetch(&Method::HEAD, &index, &HeaderMap::new()).await?;
            if found.status().is_success() {
                return Ok(moved(&redirect));
            }
        }
        if let Some(redirect) = website.redirect_error(asked, status.as_u16()) {
            return Ok(moved(&redirect));
        }
        // What is not an error of the page itself has no page.
        let is_condition =
            matches!(status, StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE);
        let failure = Failure::of(&response);
        match website.error_key.as_ref().filter(|_| status.is_client_error() && !is_condition) {
            None => Ok(self.page(&failure, asked.key)),
            Some(error_key) => self.error_document(&failure, error_key, asked.key).await,
        }
    }

    /// Reads an object as everybody may.
    async fn fetch(
        &self,
        method: &Method,
        key: &str,
        headers: &HeaderMap,
    ) -> Result<Response<Body>, HttpError> {
        let mut request = anybody::request((method, self.bucket, key), headers)?;
        request.extensions_mut().insert(self.arrived.clone());
        self.door.library.call(request).await
    }

    async fn error_document(
        &self,
        failure: &Failure,
        error_key: &str,
        key: &str,
    ) -> Result<Response<Body>, HttpError> {
        let mut response = self.fetch(self.method, error_key, &HeaderMap::new()).await?;
        if response.status() != StatusCode::OK {
            return Ok(self.page(failure, key));
        }
        *response.status_mut() = failure.status;
        Ok(response)
    }

    /// The page of an error.
    fn page(&self, failure: &Failure, key: &str) -> Response<Body> {
        let title = escape(&failure.status.to_string());
        let mut items = String::new();
        let about = [
            ("Code", failure.code.as_str()),
            ("Message", &failure.message),
            ("BucketName", self.bucket),
            ("Key", key),
            ("RequestId", &self.arrived.request_id),
        ];
        for (name, value) in about.iter().filter(|(_, value)| !value.is_empty()) {
            // Writing to a string cannot fail.
            let _ = writeln!(items, "<li>{name}: {}</li>", escape(value));
        }
        let text = format!(
            "<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n<ul>\n{items}</ul>\n<hr/>\n</body>\n</html>\n"
        );
        let body = if *self.method == Method::HEAD { Body::empty() } else { Body::from(text) };
        let mut response = Response::new(body);
        *response.status_mut() = failure.status;
        let kind = HeaderValue::from_static("text/html; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }
}

fn moved(redirect: &Redirect) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(redirect.status).unwrap_or(StatusCode::FOUND);
    if let Ok(location) = HeaderValue::from_str(&redirect.location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}
