//! Listeners over real sockets of the loopback interface: admission, panics, stop, TLS.

#![expect(clippy::unwrap_used, reason = "a failure of what the tests stand on fails the test")]

#[path = "sockets/bench.rs"]
mod bench;
#[path = "sockets/plain.rs"]
mod plain;
#[path = "sockets/tls.rs"]
mod tls;
