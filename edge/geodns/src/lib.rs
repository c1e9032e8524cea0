//! An authoritative DNS server with geographic answers, by UDP, TCP, TLS and HTTPS.
//!
//! It answers from zones of its own: documents of records and pools, and master files. What it leaves to others: resolving
//! (it never asks anybody), checking targets (it is told, [`health`]), and taking zones from other servers.
//!
//! Invariants: an answer is a function of the message, the client, the zones, what is known of targets, a clock and a seeded
//! [`bole_edge_core::Random`]; no lock on the way of a query; a zone or a geographic file that is not right changes nothing; the
//! ECS scope of an answer is the widest prefix whose addresses get that answer in every state of their targets.
//!
//! Reading order: [`wire`] → [`geo`] → [`health`] → [`chain`] → [`zone`] → [`security`] → [`answer`] → [`explain`] → [`service`].

pub mod answer;
pub mod chain;
pub mod config;
pub mod error;
pub mod explain;
pub mod geo;
pub mod health;
pub mod limits;
pub mod metrics;
pub mod security;
pub mod service;
pub mod wire;
pub mod zone;

pub use config::Config;
pub use error::{Error, Result};
pub use service::{Doors, Parts, Service};
