//! The settings of the service, as the node gives them.

use std::time::Duration;

/// See the node's options of the same names.
#[derive(Clone, Debug)]
pub struct Config {
    /// What clients are told the server is: `15.0 (Bole 0.1.0)`.
    pub server_version: String,
    /// Connections at a time.
    pub connections_max: usize,
    /// Threads that execute statements.
    pub threads_max: usize,
    /// The largest message.
    pub message_bytes_max: usize,
    /// How long a client may take to log in.
    pub login_timeout: Duration,
    /// How long a transaction may idle with the write ticket, unless its session sets a limit.
    pub idle_writer_timeout: Duration,
    /// The time zone of sessions that set none.
    pub time_zone: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server_version: format!("15.0 (Bole {})", env!("CARGO_PKG_VERSION")),
            connections_max: 10_000,
            threads_max: 64,
            message_bytes_max: crate::limits::MESSAGE_BYTES_MAX,
            login_timeout: Duration::from_mins(1),
            idle_writer_timeout: Duration::from_mins(5),
            time_zone: "UTC".to_owned(),
        }
    }
}
