//! Routes: which requests, what is done to them on the way, and where they go.
//!
//! Among routes that fit, the first by this order takes the request:
//!
//! 1. higher `priority`;
//! 2. host: exact, then the longer wildcard, then any; of two alike the one that names the port;
//! 3. path: exact, then the longer prefix, then a pattern (all alike), then any;
//! 4. one that names methods, then one that names a protocol, then more headers, then more parameters of the query;
//! 5. name, in the order of its bytes.
//!
//! A route with several hosts or paths stands at several places of this order. `routes` explains it for each request.

use crate::service::KeySource;
use crate::units::{Size, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A route. Exactly one of `service`, `split`, `redirect`, `reply`, `files`, `openapi` and `bucket` says where its requests go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the document")]
pub struct Route {
    /// `example.com`, `*.example.com` (one label or more), with or without a port; any host without.
    pub hosts: Vec<String>,
    /// `/orders` (this path), `/orders/*` (it and all below), `~/orders/([0-9]+)` (a pattern over the whole path); any without.
    pub path: Option<String>,
    /// Further paths.
    pub paths: Vec<String>,
    /// Any without. `HEAD` goes where `GET` goes.
    pub methods: Vec<String>,
    /// Headers that the request must have.
    pub headers: BTreeMap<String, Pattern>,
    /// Parameters that its query must have.
    pub query: BTreeMap<String, Pattern>,
    /// Only requests of this protocol.
    pub protocol: Option<Protocol>,
    /// Before all routes with less; -1,000 to 1,000.
    pub priority: i32,
    /// Takes paths with an encoded slash (`%2F`, `%5C`) as well. What is behind must not decode them before it decides on the path.
    pub encoded_slashes: bool,
    /// Takes no requests while it is false.
    pub enabled: Option<bool>,

    /// To this service.
    pub service: Option<String>,
    /// Or to these, by weight.
    pub split: Vec<Share>,
    /// What a split goes by, so that a client stays with its share; chance without.
    pub split_key: Option<KeySource>,
    /// Or elsewhere.
    pub redirect: Option<Redirect>,
    /// Or an answer of the gateway's own.
    pub reply: Option<Reply>,
    /// Or files of a folder.
    pub files: Option<Files>,
    /// Or what all services that are described say of themselves, as one `OpenAPI` document.
    pub openapi: Option<OpenApi>,
    /// Or objects of a bucket.
    pub bucket: Option<Bucket>,
    /// A copy of each request goes here too; its answer is thrown away.
    pub mirror: Option<Share>,

    /// How the path changes on the way.
    pub rewrite: Option<Rewrite>,
    /// What happens to the request's headers.
    pub request_headers: Headers,
    /// What happens to the response's headers.
    pub response_headers: Headers,
    /// What happens to the query.
    pub query_changes: Headers,
    /// What browsers of other origins may do.
    pub cors: Option<Cors>,
    /// Compresses answers that are not, as the client accepts.
    pub compression: Option<Compression>,
    /// Larger bodies of requests are refused (413).
    pub request_body_max: Option<Size>,
    /// Answers with larger bodies are refused (502) or, once under way, cut off.
    pub response_body_max: Option<Size>,
    /// How long all of it may take; the service's without.
    pub timeout: Option<Span>,

    /// Ways to log in, in the order in which they are tried; everybody comes in without.
    pub login: Vec<String>,
    /// Lets in as well who shows no credentials at all.
    pub login_optional: bool,
    /// Consumers and groups (`@group`) that are let in; all that can log in without.
    pub allow: Vec<String>,
    /// Networks (`10.0.0.0/8`) that are let in; all without.
    pub allow_networks: Vec<String>,
    /// Networks that are not.
    pub deny_networks: Vec<String>,
    /// Limits, all of which must admit.
    pub limits: Vec<String>,
    /// 0 to 63: who goes first under overload; a consumer's without.
    pub shed_priority: Option<u8>,
    /// Answers of the service are stored and used again, as they allow it (RFC 9111); never without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<Cache>,
    /// Identical `GET`s at the same time become one request to the service.
    pub collapse: bool,
    /// Lets gRPC-web clients talk to a gRPC service.
    pub grpc_web: bool,
    /// Lets connections be upgraded (WebSocket).
    pub upgrade: Option<bool>,
}

/// How answers of a route's service are stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// Whether they are.
    pub enabled: bool,
    /// The service is a shield: gateways of the same network of caches, whose answers say which purges they have.
    pub shield: bool,
    /// Images are answered in the size and format that the request's query wishes (`width`, `height`, `dpr`, `fit`, `quality`); never without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<Images>,
    /// What answers name in `Link` as needed next (`rel=preload` and `rel=prefetch`, on the same host) is fetched when they are stored.
    pub prefetch: bool,
}

impl Default for Cache {
    fn default() -> Self {
        Self { enabled: true, shield: false, images: None, prefetch: false }
    }
}

/// Which variants of images there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Images {
    /// Widths and heights in pixels, rising: what is wished for becomes the next larger one.
    pub sizes: Vec<u32>,
    /// Qualities of what is written with losses, as of JPEG, rising: likewise.
    pub qualities: Vec<u8>,
    /// The quality where none is wished for.
    pub quality: u8,
    /// Formats besides JPEG and PNG that clients get who name them in `Accept`: `avif`, `webp`.
    pub formats: Vec<String>,
}

impl Default for Images {
    fn default() -> Self {
        let sizes = vec![64, 128, 256, 384, 512, 640, 768, 1_024, 1_280, 1_600, 1_920, 2_560];
        let formats = vec!["avif".to_owned(), "webp".to_owned()];
        Self { sizes, qualities: vec![50, 65, 80, 90], quality: 80, formats }
    }
}

/// What a value must be: a text, or `~pattern` (over the whole value), or `*` (any).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern(pub String);

/// Protocols that a route may be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Without TLS.
    Http,
    /// With it.
    Https,
    /// gRPC, with or without.
    Grpc,
}

/// A part of the traffic for a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// The service.
    pub service: String,
    /// Of a split: by weight. Of a mirror: percent, 0 to 100.
    pub weight: f64,
}

/// An answer that sends the client elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// Where to: a URL or path; `{host}`, `{path}`, `{query}`, `{1}`… stand for parts of the request.
    pub to: String,
    /// 301, 302, 303, 307 or 308.
    #[serde(default = "found")]
    pub status: u16,
}

fn found() -> u16 {
    302
}

/// One `OpenAPI` document of all services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenApi {
    /// Its title.
    pub title: String,
}

/// An answer of the gateway's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// Its status, 200 to 599.
    pub status: u16,
    /// Its body, at most 64 KiB.
    #[serde(default)]
    pub body: String,
    /// Its headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// Files of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// The folder.
    pub root: PathBuf,
    /// What a folder's path gives.
    #[serde(default = "index")]
    pub index: String,
    /// What a path gives for which there is no file: for applications that have their routes in the browser.
    #[serde(default)]
    pub fallback: Option<String>,
}

fn index() -> String {
    "index.html".to_owned()
}

/// Objects of a bucket of this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Put before the path.
    #[serde(default)]
    pub prefix: String,
    /// What a folder's path gives.
    #[serde(default = "index")]
    pub index: String,
    /// What is answered with 404 where there is nothing that everybody may read; a key below the prefix.
    #[serde(default)]
    pub error: Option<String>,
}

/// How the path changes on the way. One of `strip_prefix` and `path`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rewrite {
    /// Takes this from the front.
    pub strip_prefix: Option<String>,
    /// Puts this there, after that.
    pub add_prefix: Option<String>,
    /// The whole new path; `{path}`, `{rest}` (what `*` stood for), `{1}`… stand for parts of the old one.
    pub path: Option<String>,
    /// The new host.
    pub host: Option<String>,
}

/// Changes of headers, or of the query's parameters: first `remove`, then `set`, then `add`. Values may have `{client_ip}`, `{consumer}`,
/// `{route}`, `{request_id}`, `{host}`, `{path}`, `{header.NAME}`, `{1}`….
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Headers {
    /// Taken out.
    pub remove: Vec<String>,
    /// Put in place of what was there.
    pub set: BTreeMap<String, String>,
    /// Put beside it.
    pub add: BTreeMap<String, String>,
}

/// What browsers of other origins may do (the Fetch standard, CORS protocol).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cors {
    /// `https://example.com`, `https://*.example.com`, `*`.
    pub origins: Vec<String>,
    /// Methods besides the simple ones.
    pub methods: Vec<String>,
    /// Headers besides the simple ones; `*` for those that are asked for.
    pub headers: Vec<String>,
    /// Headers of the response that scripts may read.
    pub expose: Vec<String>,
    /// Cookies may come along. Not with the origin `*`.
    pub credentials: bool,
    /// How long a preflight holds.
    pub max_age: Option<Span>,
}

/// How answers are compressed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Compression {
    /// Of `zstd`, `br`, `gzip`, the preferred first.
    pub algorithms: Vec<String>,
    /// Smaller answers are left.
    pub least: Size,
    /// Media types, `text/*` included.
    pub types: Vec<String>,
}

impl Default for Compression {
    fn default() -> Self {
        let types =
            ["text/*", "application/json", "application/javascript", "application/xml", "image/svg+xml"];
        Self {
            algorithms: ["zstd", "br", "gzip"].map(str::to_owned).to_vec(),
            least: Size(1 << 10),
            types: types.map(str::to_owned).to_vec(),
        }
    }
}
