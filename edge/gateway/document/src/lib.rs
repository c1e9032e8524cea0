//! What a gateway is told: one document of services, routes, consumers, ways to log in, limits and certificates.
//!
//! The document is read from TOML (a file that people write) or JSON (the admin API), and is taken whole or not at all: whoever
//! gets a [`Document`] from [`Document::from_toml`] or [`Document::from_json`] may rely on each name that one part uses for
//! another being there. Here are shapes and what must hold between them; what they mean is done by the crates that compile them: `routes`
//! (which route takes a request, what is changed on the way), `access` (who asks), the gateway itself (the rest).
//!
//! ```toml
//! [services.orders]
//! instances = ["127.0.0.1:9001", { address = "127.0.0.1:9002", weight = 2 }]
//!
//! [routes.orders]
//! hosts = ["api.example.com"]
//! path = "/orders/*"
//! service = "orders"
//! ```
//!
//! Invariants: no I/O; unknown fields are errors; equal documents are equal values, so that a reload can tell what changed.
//!
//! Reading order: [`route`] → [`service`] → [`access`] → [`limit`] → [`tls`] → [`units`]; then what values mean, once for whoever
//! compiles them: [`path`], [`host`], [`pattern`], [`template`], [`network`]; then [`check`].

pub mod access;
pub mod check;
pub mod hedge;
pub mod host;
pub mod limit;
pub mod limits;
pub mod network;
pub mod path;
pub mod pattern;
pub mod route;
pub mod secrets;
pub mod service;
mod shape;
pub mod template;
pub mod tls;
pub mod units;

pub use check::Problem;

use serde::de::DeserializeSeed;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All that a gateway is told. Keys are names: 1 to 100 of `a-z A-Z 0-9 . _ -`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Document {
    /// What requests are sent to.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub services: BTreeMap<String, service::Service>,
    /// Which request goes where.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub routes: BTreeMap<String, route::Route>,
    /// Ways to log in, which routes name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub logins: BTreeMap<String, access::Login>,
    /// Who may come in by a key, a password or a shared secret.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub consumers: BTreeMap<String, access::Consumer>,
    /// Rates, which routes and consumers name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, limit::Limit>,
    /// Certificates of this gateway, by the names that clients ask for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub certificates: BTreeMap<String, tls::Certificate>,
}

/// Why a text is not a document. Nothing of it is taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no TOML or JSON, or too long.
    #[error("{0}")]
    Shape(String),
    /// All that is wrong with what it says, one a line.
    #[error("{}", lines(.0))]
    Invalid(Vec<Problem>),
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

impl Document {
    /// Reads TOML and checks it.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        shape::check_size(text.len())?;
        let read = toml::Deserializer::parse(text).and_then(|whole| shape::Plain.deserialize(whole));
        shape::document(read.map_err(|error| Error::Shape(error.to_string()))?)
    }

    /// Reads JSON and checks it.
    pub fn from_json(text: &[u8]) -> Result<Self, Error> {
        shape::check_size(text.len())?;
        let mut whole = serde_json::Deserializer::from_slice(text);
        let read = shape::Plain.deserialize(&mut whole).and_then(|value| whole.end().map(|()| value));
        shape::document(read.map_err(|error| Error::Shape(error.to_string()))?)
    }
}

#[cfg(test)]
mod tests;
