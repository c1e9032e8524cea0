//! Side-by-side runs: Bole against the best peer of a service, in one run on one machine.
//!
//! The method is the same everywhere. The server runs on one core and the load generator on another; durability is
//! set equal; rounds are interleaved (ours, peer, ours, peer, …) so that a slow minute of the machine hits both; what
//! is reported is the median over the rounds with the range, and ratios where higher is better for Bole, computed
//! round by round. What two cores cannot show is not claimed.
//!
//! [`stats`] and [`histogram`] hold the arithmetic, [`usage`] reads what a server costs, [`open_loop`] is the load at a
//! fixed rate; each service then has a file with its options and a folder with its parts: [`keyspace`], [`streams`], [`sql`], [`blobs`], [`gateway`], [`cdn`], [`dns`]. [`wal`] compares the journal with the disk itself, and
//! [`ordered`] a state's store with libraries that could be it, in one process.
#![expect(clippy::print_stdout, reason = "a benchmark reports on stdout")]

pub mod blobs;
pub mod cdn;
pub mod dns;
pub mod gateway;
pub mod histogram;
mod http;
pub mod keyspace;
pub mod open_loop;
pub mod ordered;
pub mod sql;
pub mod stats;
pub mod streams;
pub mod usage;
pub mod wal;

/// The core that servers run on.
pub const SERVER_CORE: u32 = 0;
/// The core that load generators run on.
pub const LOAD_CORE: u32 = 1;

/// The build of Bole that is measured: of the profile that this program was built with.
pub fn profile() -> xtask::server::Profile {
    use xtask::server::Profile::{Profiling, Release};
    let program = std::env::current_exe().unwrap_or_default();
    let folder = program.parent().and_then(|folder| folder.file_name());
    if folder.is_some_and(|name| name == Profiling.folder()) { Profiling } else { Release }
}
