//! The gateway: one address outside, many services inside.
//!
//! It takes requests of HTTP/1.1 and HTTP/2, with and without TLS, finds the route that takes each, and sends it to an instance of the
//! route's service; balancing, health, limits and retries are decided by `bole-edge-core`, connections to instances are pingora's.
//! What it is told is a [`Document`](bole_gateway_document::Document), which [`Service::apply`] takes as a whole or not at all.
//!
//! Left to others: where documents are kept and who may change them, what a login is worth, caching.
//!
//! Invariants: what is not understood is refused, never passed on (a request by [`connection`], a document by [`unbuilt`]); nothing that
//! a client sends costs unbounded memory or time ([`limits`]); no reload and no drain fails a request; a request whose
//! bytes may have reached an instance is only sent again if its method allows it.
//!
//! Reading order: [`config`] → [`limits`] → [`error`] → [`service`] → [`state`] → [`connection`] → [`proxy`] → [`direct`] →
//! [`upstream`].

#![expect(clippy::unnecessary_box_returns, reason = "the proxy library's errors are boxed")]

pub mod access_log;
pub mod acme;
pub mod answer;
pub mod bucket;
pub mod cached;
pub mod clock;
pub mod collapse;
pub mod compression;
pub mod config;
pub mod connection;
pub mod described;
pub mod direct;
pub mod dress;
pub mod error;
pub mod fetch;
mod grpc_web;
pub mod inner;
pub mod limits;
pub mod logins;
pub mod metrics;
pub mod mirror;
pub mod otel;
pub mod places;
pub mod proxy;
pub mod rates;
pub mod routing;
pub mod service;
pub mod state;
pub mod straight;
pub mod tls;
pub mod trace;
pub mod unbuilt;
pub mod upstream;

pub use config::{Config, Parts};
pub use error::{Error, Result};
pub use limits::Limits;
pub use service::Service;
