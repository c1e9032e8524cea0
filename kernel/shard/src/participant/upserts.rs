//! Writes of keys into a service whose own change is the occasion of a batch, such as a database that must commit: no request can say what it
//! does, so it takes keys and values, and what goes to others in the same batch (promise P9).
//!
//! # Invariants
//! - Writes and requests are one batch: all of it happens, or nothing.
//! - Writes take effect in their order, each on top of those before it.

#[cfg(feature = "suite")]
pub mod suite;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use super::{Committed, Participants, Request};
use crate::Error;

/// What becomes of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upsert {
    /// The key.
    pub key: Bytes,
    /// Its value from now on; `None` removes the key.
    pub value: Option<Bytes>,
}

/// What is to become one batch.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The dataset within the service.
    pub dataset: String,
    /// The writes, in order.
    pub writes: Vec<Upsert>,
    /// What goes to others with them: the service's name, and what is asked of it.
    pub requests: Vec<(String, Request)>,
}

/// The answer of [`Upserts::write`].
pub type Writing<'a> = Pin<Box<dyn Future<Output = Result<Committed, Error>> + Send + 'a>>;

/// A service that takes writes of keys for its datasets.
pub trait Upserts: Send + Sync {
    /// The service's name: `sql`.
    fn service(&self) -> &str;

    /// What identity's policies call that which writes to `dataset` change: `default/sql/shop`. Who asks for writes needs the right to `write` it.
    fn resource(&self, dataset: &str) -> String;

    /// Whether `dataset` could be written to now. Errors: `Refused`, with the reason; `Store`.
    fn check(&self, dataset: &str) -> Result<(), Error>;

    /// Makes the batch, with the participants `among` whom its requests go, and makes it visible; the caller waits for the durability that is returned. May be dropped at any
    /// await; then it may have happened.
    ///
    /// Errors, after which nothing happened: `Refused` for what can never be written as it is, what a participant's `validate` says, `BatchTooLarge`, `Store` for what the service's
    /// own store does not take now. After an error of kind `Io` it may have happened.
    fn write(&self, among: Arc<Participants>, batch: Batch) -> Writing<'_>;
}
