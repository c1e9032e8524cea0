//! The bounds of a gateway, with their defaults.

use crate::collapse;
use std::time::Duration;

/// Bounds of connections and requests of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections of clients at a time.
    pub connections_max: usize,
    /// Bytes of a request's head.
    pub head_bytes_max: usize,
    /// Fields of a request's head.
    pub head_fields_max: usize,
    /// Bytes of a request's target.
    pub target_bytes_max: usize,
    /// From the first byte of a head to its last.
    pub head_timeout: Duration,
    /// Between two requests on a connection, and before the first.
    pub idle_timeout: Duration,
    /// Between two pieces of a request's body.
    pub body_timeout: Duration,
    /// A client of HTTP/2 that waits for leave to send its body waits so long; then its stream is reset, since it cannot be given.
    pub expect_timeout: Duration,
    /// Until a client takes the next piece of an answer.
    pub write_timeout: Duration,
    /// Between two pieces in either direction of a connection that was upgraded.
    pub upgraded_idle_timeout: Duration,
    /// TLS handshakes, and the PROXY line before them.
    pub handshake_timeout: Duration,
    /// Bytes of a request's body, where the route says nothing.
    pub request_body_bytes_max: u64,
    /// Requests on one connection of HTTP/1.
    pub connection_requests_max: u32,
    /// Requests at a time on one connection of HTTP/2.
    pub h2_streams_max: u32,
    /// Streams that a client of HTTP/2 reset and that are still remembered: more end the connection (rapid reset).
    pub h2_reset_streams_max: usize,
    /// Streams of HTTP/2 that the gateway had to reset because of what the client sent, before the connection ends.
    pub h2_faulty_streams_max: usize,
    /// Bytes of a body that a stream of HTTP/2 may be ahead.
    pub h2_window_bytes: u32,
    /// Connections to instances that are kept when they are not in use, of all services.
    pub upstream_idle_connections_max: usize,
    /// Keys of rates that are counted at a time.
    pub rate_keys_max: usize,
    /// Tries of one request at most, whatever the document says.
    pub tries_max: u32,
    /// Requests of routes that say how important they are wait longer than this for their turn: the least important are refused.
    pub shed_wait: Duration,
    /// Copies of requests for mirrors at a time, from the begin of the request's body on; more are not made.
    pub mirrors_max: usize,
    /// Bytes of a request's body that is copied; longer ones are not.
    pub mirror_body_bytes_max: u64,
    /// How long a copy may take.
    pub mirror_timeout: Duration,
    /// What is spent on requests that share an answer.
    pub collapse: collapse::Bounds,
    /// Probes of one service at a time.
    pub probes_at_once_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 20_000,
            head_bytes_max: 32 << 10,
            head_fields_max: 100,
            target_bytes_max: 8 << 10,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_mins(1),
            body_timeout: Duration::from_secs(30),
            expect_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_mins(1),
            upgraded_idle_timeout: Duration::from_hours(1),
            handshake_timeout: Duration::from_secs(10),
            request_body_bytes_max: 64 << 20,
            connection_requests_max: 100_000,
            h2_streams_max: 100,
            h2_reset_streams_max: 50,
            h2_faulty_streams_max: 100,
            h2_window_bytes: 1 << 20,
            upstream_idle_connections_max: 1_024,
            rate_keys_max: 1 << 20,
            tries_max: 10,
            shed_wait: Duration::from_millis(100),
            mirrors_max: 256,
            mirror_body_bytes_max: 64 << 10,
            mirror_timeout: Duration::from_secs(30),
            collapse: collapse::Bounds {
                body_bytes_max: 1 << 20,
                kept_bytes_max: 64 << 20,
                waiters_max: 10_000,
                wait: Duration::from_secs(10),
            },
            probes_at_once_max: 64,
        }
    }
}
