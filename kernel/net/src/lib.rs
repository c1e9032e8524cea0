//! What every protocol server of Bole stands on: listeners with limits and graceful shutdown, TLS with reload, memory
//! budgets, safe defaults, metrics, and the one place that spawns tasks.
//!
//! This crate knows no protocol and no service. It promises that a connection costs bounded resources, that a panic in
//! one connection closes only that connection, that a listener refuses what is unsafe (P6 to P8), and that a node that
//! stops lets what is in flight finish within a deadline.
//!
//! Reading order: [`shutdown`] → [`tasks`] → [`metrics`] → [`limits`] → [`stream`] → [`line`] → [`listener`] → [`tls`] → [`safety`].

pub mod client;
pub mod error;
pub mod limits;
pub mod line;
pub mod listener;
pub mod metrics;
pub mod safety;
pub mod shutdown;
pub mod stream;
pub mod tasks;
pub mod tls;

pub use error::{Error, Result};
pub use limits::{Budget, ConnectionLimit, Idle, Reservation};
pub use listener::{Connection, Drained, Listener, Refusal};
pub use metrics::{Metrics, ServiceMetrics};
pub use shutdown::{Shutdown, Stopper};
pub use stream::Stream;
pub use tls::Tls;
