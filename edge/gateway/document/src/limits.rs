//! How large a document may be. Each bound keeps what is compiled from it bounded as well, and a reload short.

use std::time::Duration;

/// Bytes of the text.
pub const DOCUMENT_BYTES_MAX: usize = 16 << 20;

/// Problems that are told at once; how many more there are is told as a number.
pub const PROBLEMS_MAX: usize = 500;

/// Problems for which the nearest known name is looked for: with thousands of names each search takes a millisecond.
pub const SUGGESTIONS_MAX: usize = 100;

/// Routes.
pub const ROUTES_MAX: usize = 10_000;

/// Services.
pub const SERVICES_MAX: usize = 1_000;

/// Consumers.
pub const CONSUMERS_MAX: usize = 10_000;

/// Ways to log in.
pub const LOGINS_MAX: usize = 1_000;

/// Limits.
pub const LIMITS_MAX: usize = 1_000;

/// Certificates.
pub const CERTIFICATES_MAX: usize = 1_000;

/// Characters of a name.
pub const NAME_CHARS_MAX: usize = 100;

/// Hosts of a route, names of a certificate.
pub const HOSTS_MAX: usize = 64;

/// Paths of a route.
pub const PATHS_MAX: usize = 64;

/// Pairs of host and path of all routes together: what a table of routes grows with.
pub const PLACES_MAX: usize = 100_000;

/// Conditions of one kind on a route: methods, headers, parameters.
pub const CONDITIONS_MAX: usize = 32;

/// Items of any other list or table within an object: changes of headers, networks, origins, groups.
pub const ITEMS_MAX: usize = 256;

/// Services that a route splits its traffic between.
pub const SHARES_MAX: usize = 32;

/// Instances of a service that are written down.
pub const INSTANCES_MAX: usize = 1_000;

/// Bytes of a path, of a document as of a request.
pub const PATH_BYTES_MAX: usize = 8 << 10;

/// Bytes of a pattern's text.
pub const PATTERN_TEXT_BYTES_MAX: usize = 1 << 10;

/// Bytes of a compiled pattern.
pub const PATTERN_BYTES_MAX: usize = 128 << 10;

/// How deep groups of a pattern may be nested.
pub const PATTERN_NESTING_MAX: u32 = 32;

/// Patterns of all routes together.
pub const PATTERNS_MAX: usize = 4_000;

/// Bytes of a header's value, or of a template of one.
pub const VALUE_BYTES_MAX: usize = 8 << 10;

/// Bytes of the body of an answer of the gateway's own.
pub const REPLY_BYTES_MAX: usize = 64 << 10;

/// Bodies of requests that are kept to be sent again.
pub const RETRY_BODY_BYTES_MAX: u64 = 64 << 20;

/// Tries after the first.
pub const RETRIES_MAX: u32 = 10;

/// The longest time that may be written.
pub const SPAN_MAX: Duration = Duration::from_hours(24 * 366);

/// How far clocks may be apart.
pub const CLOCK_SKEW_MAX: Duration = Duration::from_hours(1);

/// How long browsers may keep what a preflight said; they have lower bounds of their own.
pub const PREFLIGHT_AGE_MAX: Duration = Duration::from_hours(24);

/// Bytes of the key of an object, and of what keys begin with.
pub const KEY_BYTES_MAX: usize = 1_024;
