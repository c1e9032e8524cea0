//! Every bound of the cache (P7), with its default.

use crate::admission::Admission;
use std::path::PathBuf;
use std::time::Duration;

/// Bytes of one slice: the unit in which large answers are stored, evicted and fetched again. *Persisted* in the names of files on disk.
pub const SLICE_BYTES: u64 = 1 << 20;

/// Bytes of a fill that are kept for readers who are behind. An answer without a strong validator that is longer is not stored:
/// a missing slice of it could never be fetched again.
pub const WINDOW_BYTES: u64 = 16 << 20;

/// With no reader left, a fill goes on only for this many bytes more.
pub const UNREAD_BYTES_MAX: u64 = 16 << 20;

/// Variants of one key; a further one displaces the oldest.
pub const VARIANTS_MAX: usize = 64;

/// Hosts that are counted apart; further ones are counted together.
pub const HOSTS_MAX: usize = 1_024;

/// Purges that are remembered one by one; beyond, all answers older than the older half of them are dropped.
pub const PURGES_MAX: usize = 100_000;

/// Prefixes among them: each costs a comparison per object after a purge.
pub const PREFIXES_MAX: usize = 1_024;

/// Fills at once; what comes beyond passes unstored.
pub const FILLS_MAX: usize = 1_024;

/// Keys whose answers lately could not be shared.
pub const UNSHARED_MAX: usize = 16_384;

/// Tags of one answer; further ones are passed over with a warning.
pub const TAGS_MAX: usize = 256;

/// Pieces that wait to be written to disk; more are not written.
pub const DISK_QUEUE_MAX: usize = 256;

/// What a deployment sets.
#[derive(Clone, Debug)]
pub struct Config {
    /// The name in Cache-Status. Default `Bole`.
    pub name: String,
    /// Bytes of the memory tier, heads and bookkeeping included. Default 256 MiB.
    pub memory_bytes: u64,
    /// The disk tier: none by default.
    pub disk: Option<DiskConfig>,
    /// Freshness where a response says nothing, and grace without a connection.
    pub terms: bole_cdn_policy::terms::Settings,
    /// For how long a key whose answer could not be shared is not waited for. Default 10 s.
    pub unshared: Duration,
    /// How long the origin may take for a head, and between two chunks. Default 60 s.
    pub origin_timeout: Duration,
    /// Whether `stale-while-revalidate` is followed. A shield in front of edges turns it off, or an edge would store as new what the
    /// shield sent stale. Default true.
    pub stale_while_revalidate: bool,
    /// Whether clients see `CDN-Cache-Control`, `Cache-Tag` and `Surrogate-Key`: for a cache in front of which another CDN's cache stands. Default false.
    pub show_targeted: bool,
}

/// Where the disk tier is.
#[derive(Clone, Debug)]
pub struct DiskConfig {
    /// A folder of its own.
    pub folder: PathBuf,
    /// Bytes of files. Default 10 GiB.
    pub bytes: u64,
    /// What is let in.
    pub admission: Admission,
}

impl DiskConfig {
    /// A tier of the default size.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), bytes: 10 << 30, admission: Admission::default() }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "Bole".to_owned(),
            memory_bytes: 256 << 20,
            disk: None,
            terms: bole_cdn_policy::terms::Settings::default(),
            unshared: Duration::from_secs(10),
            origin_timeout: Duration::from_mins(1),
            stale_while_revalidate: true,
            show_targeted: false,
        }
    }
}
