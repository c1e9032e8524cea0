//! What happened, by host.

use crate::limits::HOSTS_MAX;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where hosts beyond the bound are counted.
pub const OTHER_HOSTS: &str = "(other)";

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counters of one host, or of all.
        #[derive(Debug, Default)]
        pub struct Counters { $($(#[$doc])* pub $name: AtomicU64,)* }

        /// The counters at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts { $($(#[$doc])* pub $name: u64,)* }

        impl Counters {
            /// The counters now.
            pub fn read(&self) -> Counts {
                Counts { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Requests.
    requests,
    /// Answered without the origin.
    hits,
    /// Answered stale, of the hits.
    stale,
    /// Exchanges with the origin.
    fetches,
    /// Requests that waited for another one's exchange.
    collapsed,
    /// Confirmed by a 304.
    confirmed,
    /// Answers that were stored.
    fills,
    /// Fetches of bytes that broke off.
    broken,
    /// Bytes of bodies from tiers and fills to clients.
    bytes_served,
    /// Bytes of bodies from the origin into the tiers.
    bytes_filled,
    /// Objects that purges and invalidations removed, when next looked at.
    purged,
}

impl Counters {
    /// Adds one.
    pub fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counters by host.
#[derive(Debug, Default)]
pub struct Hosts(RwLock<HashMap<Box<str>, Arc<Counters>>>);

impl Hosts {
    /// The counters of a host.
    pub fn of(&self, host: &str) -> Arc<Counters> {
        if let Some(counters) = self.0.read().get(host) {
            return counters.clone();
        }
        let mut hosts = self.0.write();
        let name = if hosts.len() < HOSTS_MAX { host } else { OTHER_HOSTS };
        hosts.entry(name.into()).or_default().clone()
    }

    /// All hosts with their counters, by name.
    pub fn read(&self) -> Vec<(String, Counts)> {
        let mut all: Vec<_> =
            self.0.read().iter().map(|(host, counters)| (host.to_string(), counters.read())).collect();
        all.sort_by(|left, right| left.0.cmp(&right.0));
        all
    }
}
