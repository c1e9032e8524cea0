//! Objects put by forms of browsers (`POST` of `multipart/form-data` to a bucket): the policy that was signed with the form says what it may be, and
//! the signer must be allowed to put it. A form without a policy is anonymous.
//!
//! Both versions of signatures are taken, since a policy expires.

use std::collections::HashMap;
use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use bole_base::Timestamp;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use ring::hmac;
use s3s::xml::{Deserialize as _, Deserializer};
use s3s::{Body, HttpError, S3Error, S3Result, dto};

use super::auth::{Named, check_owners};
use super::trace::Seen;
use crate::access::request::{Arrived, Head, compact_time};
use crate::error::{Code, Error, Result, shown};
use crate::limits::BATCH_TIMEOUT;
use crate::operations::forms::{Post, put};
use crate::protocol::form::{self, Form};
use crate::protocol::settings::tags;
use crate::protocol::xml::element;
use crate::rules::names;
use crate::rules::policy::form::FormPolicy;
use crate::rules::tags::On;
use crate::service::Service;

/// For how long a key of Signature Version 4 is good.
const SIGNING_KEY: Duration = Duration::from_hours(7 * 24);

/// Whether a request is a form.
pub(super) fn is_form(method: &Method, head: &Head<'_>) -> bool {
    method == Method::POST && head.header("content-type").is_some_and(|kind| form::boundary(kind).is_some())
}

/// An error as the library writes it.
pub(super) fn refusal(error: S3Error) -> std::result::Result<Response<Body>, HttpError> {
    error.to_http_response().map_err(|error| HttpError::new(Box::new(error)))
}

/// The fields of a form, names in lower case.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn needed(&self, name: &str) -> Result<&str> {
        self.get(name).ok_or_else(|| {
            let text = format!(
                "Bucket POST must contain a field named '{name}'. If it is specified, please check the order of the fields."
            );
            Error::new(Code::InvalidArgument, text)
        })
    }
}

/// Puts what a form has. `bucket`: as the request names it.
pub(super) async fn post(
    service: &Service,
    bucket: Option<&str>,
    request: Request<Incoming>,
    arrived: Arrived,
    seen: &Seen,
) -> S3Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let head = Head { uri: &parts.uri, headers: &parts.headers };
    let bucket = named_bucket(service, bucket, &head)?;
    let kind = head.header("content-type").and_then(form::boundary);
    let boundary = kind.ok_or_else(|| Error::new(Code::MalformedPOSTRequest, "There is no form"))??;
    let missing =
        || Error::new(Code::MissingContentLength, "You must provide the Content-Length HTTP header.");
    let length = body.size_hint().exact().ok_or_else(missing)?;
    let read = tokio::time::timeout(BATCH_TIMEOUT, form::read(body, &boundary)).await;
    let Form { fields, filename, file } = read.unwrap_or_else(|_| {
        Err(Error::new(
            Code::RequestTimeout,
            "The fields of the form did not arrive within the timeout period.",
        ))
    })?;
    let mut fields = Fields(fields);
    let key = fields.needed("key")?.replace("${filename}", base_name(&filename));
    names::key(key.as_bytes())?;
    for (name, value) in &mut fields.0 {
        if name == "key" {
            value.clone_from(&key);
        }
    }
    let access_key = signer(service, &fields, arrived.at)?;
    let policy = policy(&fields)?;
    let (headers, metadata) = headers(&fields, &parts.headers)?;
    let head = Head { uri: &parts.uri, headers: &headers };
    let caller = service.caller(access_key, fields.get("x-amz-security-token"), &head, &arrived)?;
    let mut bounds = (0, length);
    if let Some(policy) = policy {
        check_policy(&policy, &fields, &bucket, arrived.at)?;
        bounds = (policy.length().0, policy.length().1.min(length));
    }
    check_owners(&head, &service.config.account)?;
    seen.is("PostObject", caller.user.as_ref(), &key);
    let named = Named { bucket: &bucket, key: &key, version: None, source: None };
    service.check("PostObject", &head, &caller, &named).await?;
    let body = Body::http_body_unsync(file);
    let made =
        Post { bucket: bucket.clone(), key: key.clone(), headers, metadata, body, length: bounds, caller };
    let made = put(service, made).await?;
    let is_below = head_host(&parts.headers).is_some_and(|host| service.domains.bucket(host).is_some());
    let place = Place { bucket: &bucket, key: &key, is_below, arrived: &arrived };
    Ok(place.answer(&fields, &parts.headers, made))
}

fn head_host(headers: &HeaderMap) -> Option<&str> {
    headers.get("host")?.to_str().ok()
}

/// The bucket that a form is sent to. Errors: the request names an object, or no bucket.
fn named_bucket(service: &Service, bucket: Option<&str>, head: &Head<'_>) -> Result<String> {
    let path = head.uri.path().trim_matches('/');
    let is_below = head.header("host").is_some_and(|host| service.domains.bucket(host).is_some());
    let names_more = if is_below { !path.is_empty() } else { path.contains('/') };
    let Some(bucket) = bucket.filter(|_| !names_more) else {
        let text = "The specified method is not allowed against this resource: forms are sent to a bucket";
        return Err(Error::new(Code::MethodNotAllowed, text));
    };
    names::check_bucket(bucket)?;
    Ok(bucket.to_owned())
}

/// The name of a file without its folders, of whichever system.
fn base_name(filename: &str) -> &str {
    filename.rsplit(['/', '\\']).next().unwrap_or_default()
}

fn policy(fields: &Fields) -> Result<Option<FormPolicy>> {
    let Some(encoded) = fields.get("policy") else { return Ok(None) };
    let decoded = Base64::decode_vec(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let wrong = || Error::new(Code::InvalidPolicyDocument, "Invalid Policy: it is not base64 of a text");
    FormPolicy::parse(&decoded.ok_or_else(wrong)?).map(Some)
}

fn check_policy(policy: &FormPolicy, fields: &Fields, bucket: &str, now: Timestamp) -> Result<()> {
    let mut judged = fields.0.clone();
    match fields.get("bucket") {
        None => judged.push(("bucket".to_owned(), bucket.to_owned())),
        Some(named) if named == bucket => {}
        Some(_) => {
            return Err(Error::new(Code::InvalidArgument, "The form names another bucket than its target"));
        }
    }
    policy.check(&judged, now)
}

/// Who signed the form, nobody for an anonymous one. Errors: it is signed without a policy, or has one and is not; the signature is wrong.
fn signer<'a>(service: &Service, fields: &'a Fields, now: Timestamp) -> Result<Option<&'a str>> {
    let is_signed = ["x-amz-signature", "signature", "awsaccesskeyid", "x-amz-credential"]
        .iter()
        .any(|name| fields.get(name).is_some());
    if !is_signed && fields.get("policy").is_none() {
        return Ok(None);
    }
    let policy = fields.needed("policy")?;
    if fields.get("awsaccesskeyid").is_some() && fields.get("x-amz-signature").is_none() {
        let (access_key, signature) = (fields.needed("awsaccesskeyid")?, fields.needed("signature")?);
        let secret = service.secret(access_key)?;
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.expose().as_bytes());
        let signature = Base64::decode_vec(signature).map_err(|_| mismatch())?;
        hmac::verify(&key, policy.as_bytes(), &signature).map_err(|_| mismatch())?;
        return Ok(Some(access_key));
    }
    let algorithm = fields.needed("x-amz-algorithm")?;
    if algorithm != "AWS4-HMAC-SHA256" {
        let text = format!("x-amz-algorithm is AWS4-HMAC-SHA256, not \"{}\"", shown(algorithm));
        return Err(Error::new(Code::InvalidArgument, text));
    }
    let scope: Vec<&str> = fields.needed("x-amz-credential")?.split('/').collect();
    let [access_key, day, region, "s3", "aws4_request"] = scope[..] else {
        let text = "X-Amz-Credential is KEY/DAY/REGION/s3/aws4_request";
        return Err(Error::new(Code::InvalidArgument, text));
    };
    check_day(service, day, fields.needed("x-amz-date")?, now)?;
    let secret = service.secret(access_key)?;
    let first = format!("AWS4{}", secret.expose()).into_bytes();
    let key = [day, region, "s3", "aws4_request"].iter().fold(first, |key, part| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec()
    });
    let signature = unhex(fields.needed("x-amz-signature")?).ok_or_else(mismatch)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    hmac::verify(&key, policy.as_bytes(), &signature).map_err(|_| mismatch())?;
    Ok(Some(access_key))
}

/// The day of the key and the time of the form belong together, and are not long ago.
fn check_day(service: &Service, day: &str, date: &str, now: Timestamp) -> Result<()> {
    let wrong = |text: &str| Err(Error::new(Code::AccessDenied, text));
    let Some(time) = compact_time(date).filter(|_| date.starts_with(day)) else {
        return wrong("X-Amz-Date is not a time of the day of X-Amz-Credential");
    };
    let skew = service.config.clock_skew.as_millis() as u64;
    if time.0 > now.0.saturating_add(skew) {
        return wrong("The difference between the request time and the server's time is too large.");
    }
    if now.0 > time.0.saturating_add(SIGNING_KEY.as_millis() as u64) {
        return wrong("Invalid according to Policy: its signature is older than seven days");
    }
    Ok(())
}

fn mismatch() -> Error {
    let text = "The request signature we calculated does not match the signature you provided. Check your key and signing method.";
    Error::new(Code::SignatureDoesNotMatch, text)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|value| value as u8);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    if rest.is_empty() { bytes.collect() } else { None }
}

/// Fields that are headers under the same name.
const SAME: [&str; 7] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "expires",
];
/// Fields of the signature, which no put has.
const SIGNATURE: [&str; 5] =
    ["x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-security-token", "x-amz-signature"];
/// What the names of metadata begin with.
const META: &str = "x-amz-meta-";

/// The fields as the headers and the metadata of a put. Of the request's own headers only those that conditions ask for and that put nothing.
fn headers(fields: &Fields, own: &HeaderMap) -> Result<(HeaderMap, HashMap<String, String>)> {
    let (mut headers, mut metadata) = (HeaderMap::new(), HashMap::new());
    for name in ["host", "referer", "user-agent"] {
        if let Some(value) = own.get(name) {
            headers.insert(HeaderName::from_static(name), value.clone());
        }
    }
    for (name, value) in &fields.0 {
        let as_tags;
        let (header, value) = match name.as_str() {
            "acl" => ("x-amz-acl", value),
            "tagging" => {
                as_tags = tagging(value)?;
                ("x-amz-tagging", &as_tags)
            }
            name if SAME.contains(&name) => (name, value),
            name if SIGNATURE.contains(&name) => continue,
            name if name.starts_with(META) => {
                metadata.insert(name[META.len()..].to_owned(), value.clone());
                continue;
            }
            name if name.starts_with("x-amz-") => (name, value),
            // Everything else is the page's own.
            _ => continue,
        };
        let pair = (HeaderName::from_bytes(header.as_bytes()), HeaderValue::from_str(value));
        let (Ok(header), Ok(value)) = pair else {
            let text = format!("The field {} is not printable ASCII: \"{}\"", shown(header), shown(value));
            return Err(Error::new(Code::InvalidArgument, text));
        };
        headers.insert(header, value);
    }
    Ok((headers, metadata))
}

/// Tags as a header has them, from a document.
fn tagging(document: &str) -> Result<String> {
    let malformed = || Error::new(Code::MalformedXML, "The field tagging is no Tagging document");
    let mut reader = Deserializer::new(document.as_bytes());
    let sent = dto::Tagging::deserialize(&mut reader).map_err(|_| malformed())?;
    reader.expect_eof().map_err(|_| malformed())?;
    let tags = tags::read(sent, On::Object)?;
    let encoded = |text: &str| names::url_encode(text).replace('/', "%2F");
    let pairs = tags.0.iter().map(|tag| format!("{}={}", encoded(&tag.key), encoded(&tag.value)));
    Ok(pairs.collect::<Vec<_>>().join("&"))
}

/// Where an object was put.
struct Place<'a> {
    bucket: &'a str,
    key: &'a str,
    /// Whether the bucket is in the host's name.
    is_below: bool,
    arrived: &'a Arrived,
}

impl Place<'_> {
    fn location(&self, headers: &HeaderMap) -> String {
        let scheme = if self.arrived.is_secure { "https" } else { "http" };
        let (host, key) = (head_host(headers).unwrap_or_default(), names::url_encode(self.key));
        let bucket = if self.is_below { String::new() } else { format!("{}/", self.bucket) };
        format!("{scheme}://{host}/{bucket}{key}")
    }

    /// The answer that the form asks for.
    fn answer(&self, fields: &Fields, headers: &HeaderMap, made: dto::PutObjectOutput) -> Response<Body> {
        let location = self.location(headers);
        let etag = made.e_tag.as_ref().map(|etag| format!("\"{}\"", etag.value())).unwrap_or_default();
        let redirect = fields.get("success_action_redirect").or_else(|| fields.get("redirect"));
        let redirect = redirect.and_then(|target| self.redirect(target, &etag));
        let mut response = Response::new(Body::empty());
        let (status, target) = match (redirect, fields.get("success_action_status")) {
            (Some(target), _) => (StatusCode::SEE_OTHER, target),
            (None, Some("200")) => (StatusCode::OK, location),
            (None, Some("201")) => {
                let told = [
                    element("Location", &location),
                    element("Bucket", self.bucket),
                    element("Key", self.key),
                    element("ETag", &etag),
                ];
                let told = told.concat();
                *response.body_mut() = Body::from(format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><PostResponse>{told}</PostResponse>"
                ));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
                (StatusCode::CREATED, location)
            }
            (None, _) => (StatusCode::NO_CONTENT, location),
        };
        *response.status_mut() = status;
        let pairs = [
            (LOCATION, Some(target)),
            (ETAG, Some(etag)),
            (HeaderName::from_static("x-amz-version-id"), made.version_id),
            (HeaderName::from_static("x-amz-checksum-crc32"), made.checksum_crc32),
            (HeaderName::from_static("x-amz-checksum-crc32c"), made.checksum_crc32c),
            (HeaderName::from_static("x-amz-checksum-crc64nvme"), made.checksum_crc64nvme),
            (HeaderName::from_static("x-amz-checksum-sha1"), made.checksum_sha1),
            (HeaderName::from_static("x-amz-checksum-sha256"), made.checksum_sha256),
        ];
        for (name, value) in pairs {
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    /// The page that a form goes on to; nothing where that is no URL of one, as if nothing was said.
    fn redirect(&self, target: &str, etag: &str) -> Option<String> {
        let uri: Uri = target.parse().ok()?;
        let is_page = matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some();
        let encoded = |text: &str| names::url_encode(text).replace('/', "%2F");
        let mark = if uri.query().is_some() { '&' } else { '?' };
        is_page.then(|| {
            format!("{target}{mark}bucket={}&key={}&etag={}", self.bucket, encoded(self.key), encoded(etag))
        })
    }
}
