//! How the registry behaves; what a node's settings decide.

use std::time::Duration;

use crate::limits;

/// The registry's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Connections at a time; more are refused.
    pub connections_max: usize,
    /// Schemas that are parsed or compared at a time, each on a thread of its own; 0 does it where the request runs, for tests
    /// that must be the same every time.
    pub workers: usize,
    /// After a stop was asked for, requests that take longer are cut off.
    pub drain_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { connections_max: 1_024, workers: limits::WORKERS, drain_timeout: Duration::from_secs(5) }
    }
}
