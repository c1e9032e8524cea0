//! How the service behaves; what a node's settings decide.

use std::time::Duration;

/// The service's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Domains below which names are buckets; `localhost` is one always.
    pub domains: Vec<String>,
    /// Where buckets are when nobody says where.
    pub region: String,
    /// The account that all users and buckets are in: 12 digits.
    pub account: String,
    /// How far a signature's time may be from the node's.
    pub clock_skew: Duration,
    /// Threads for what blocks.
    pub threads_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            clock_skew: Duration::from_mins(15),
            threads_max: crate::limits::THREADS_MAX,
        }
    }
}
