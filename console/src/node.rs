//! What the console asks of the node: a client's requests, each for a user of whom the console knows that it has logged in. Who may do what is for the other
//! side to say, as for any client of that user.

pub mod blobs;
pub mod keyspace;
pub mod sql;
pub mod streams;

use std::net::SocketAddr;

use axum::http::{Extensions, Method, StatusCode};
use futures_util::future::BoxFuture;

/// Whom a request is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct By<'a> {
    /// A user who has logged in.
    pub user: &'a str,
    /// Where the browser is.
    pub peer: SocketAddr,
}

/// What comes of a request.
pub type Asked<'a, T> = BoxFuture<'a, Result<T, Fault>>;

/// A request that did not succeed, in the words of whoever refused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The status of the page that tells of it.
    pub status: StatusCode,
    /// What was wrong.
    pub message: String,
    /// All that was wrong, where there are several things.
    pub problems: Vec<String>,
}

impl Fault {
    /// A fault with one sentence.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), problems: Vec::new() }
    }

    /// What somebody asked for is not right.
    pub fn wrong(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// There is no such thing.
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }
}

/// A request to the admin door's API.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// Who asks; nobody for a visitor who is not logged in.
    pub user: Option<&'a str>,
    /// Where the browser is.
    pub peer: SocketAddr,
    /// GET, POST, PUT, PATCH or DELETE.
    pub method: Method,
    /// The path with its query, encoded.
    pub path: String,
    /// The media type of the body.
    pub media: &'a str,
    /// The body; empty for none.
    pub body: Vec<u8>,
}

/// What the admin door answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The media type.
    pub media: String,
    /// The revision of what was read, where it has one.
    pub etag: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// An address that the node listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The service, and what it speaks.
    pub service: String,
    /// Where.
    pub address: SocketAddr,
}

/// The admin door and its users.
pub trait Door: Send + Sync + 'static {
    /// Where a request came from.
    fn peer(&self, extensions: &Extensions) -> Option<SocketAddr>;
    /// Whether this is the password of an enabled user.
    fn verify<'a>(&'a self, user: &'a str, password: &'a str) -> Asked<'a, bool>;
    /// A number that is another one after the user's password was changed; `None` where there is no enabled user of this name.
    fn stamp(&self, user: &str) -> Option<u64>;
    /// Asks the admin door's API. Errors: whatever it answers that does not say success.
    fn call<'a>(&'a self, call: Call<'a>) -> Asked<'a, Reply>;
    /// Where the services of the node listen.
    fn endpoints(&self) -> Vec<Endpoint>;
}

/// All of it.
pub trait Node: Door + keyspace::Keyspace + streams::Streams + sql::Sql + blobs::Blobs {}

impl<N: Door + keyspace::Keyspace + streams::Streams + sql::Sql + blobs::Blobs> Node for N {}
