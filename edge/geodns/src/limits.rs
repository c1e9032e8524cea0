//! Bounds with a name (P7).

use std::time::Duration;

/// Bytes of a geographic file.
pub const GEO_FILE_BYTES_MAX: u64 = 1 << 30;
/// Bytes of a zone's document or master file.
pub const ZONE_FILE_BYTES_MAX: u64 = 256 << 20;
/// Records of a zone.
pub const ZONE_RECORDS_MAX: usize = 4_000_000;
/// Problems that are listed of one zone; the others are counted.
pub const PROBLEMS_MAX: usize = 100;
/// Answers of a pool.
pub const POOL_ANSWERS_MAX: usize = 256;
/// Filters of a pool.
pub const POOL_FILTERS_MAX: usize = 16;
/// Aliases that are followed for one answer: CNAME and ALIAS together.
pub const ALIASES_MAX: usize = 8;
/// Names whose addresses are added to an answer.
pub const ADDITIONAL_NAMES_MAX: usize = 8;
/// Bytes of a datagram that is sent, unless configured: what passes nearly every network unfragmented.
pub const UDP_BYTES: u16 = 1_232;
/// Bytes of a datagram without EDNS (RFC 1035 section 4.2.1).
pub const PLAIN_UDP_BYTES: usize = 512;
/// Bytes of a datagram that is read.
pub const UDP_QUERY_BYTES_MAX: usize = 4_096;
/// Bytes of a query by TCP, TLS or HTTPS. Nothing that is asked of an authoritative server is longer.
pub const STREAM_QUERY_BYTES_MAX: usize = 4_096;
/// Connections by TCP, TLS and HTTPS, each.
pub const CONNECTIONS_MAX: usize = 1_024;
/// A connection that is silent for this long is closed (RFC 7766 section 6.2.3).
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes of an answer's message in a transfer, at most about.
pub const TRANSFER_MESSAGE_BYTES: usize = 16 << 10;
/// Secondaries that are told of a zone at a time, each of one zone.
pub const NOTIFIES_AT_ONCE_MAX: usize = 64;
/// How often files are looked at.
pub const RELOAD_INTERVAL: Duration = Duration::from_secs(2);
/// Signatures that are kept.
pub const SIGNATURES: usize = 1 << 14;
/// Places in the table of response rate limiting. Each holds a client's network with a kind of answer.
pub const RATE_PLACES: usize = 1 << 16;
