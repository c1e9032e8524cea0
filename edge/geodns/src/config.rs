//! How the server behaves; what a node's settings decide.

use crate::geo::Prefix;
use crate::limits;
use crate::security::rate;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The server's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens by UDP and TCP.
    pub listen: Vec<SocketAddr>,
    /// Where it listens by TLS (`DoT`), if anywhere.
    pub tls_listen: Option<SocketAddr>,
    /// Where it listens by HTTPS (`DoH`), if anywhere.
    pub https_listen: Option<SocketAddr>,
    /// Certificate and key (PEM) of both.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Names under which HTTPS is reached, beside those of this machine.
    pub https_names: Vec<String>,
    /// Documents (`.toml`) and master files (any other ending), and folders of them.
    pub zones: Vec<PathBuf>,
    /// MMDB files; where the first says nothing the next counts.
    pub geo: Vec<PathBuf>,
    /// Zones that are signed, each with its key's file.
    pub keys: Vec<(String, PathBuf)>,
    /// Whether client subnets (ECS) are honoured.
    pub ecs: bool,
    /// Bytes of a datagram that is sent at most.
    pub udp_bytes: u16,
    /// Sockets for each address of UDP; 0: one for each core.
    pub udp_sockets: usize,
    /// The name that is told to who asks which server this is (NSID).
    pub nsid: Option<String>,
    /// Response rate limiting.
    pub rate: rate::Settings,
    /// Secrets of cookies, 32 hexadecimal digits each; the first makes new ones. None: one is drawn at each start.
    pub cookie_secrets: Vec<String>,
    /// Whether a client that knows of cookies must show a good one by UDP.
    pub cookies_required: bool,
    /// TSIG keys.
    pub tsig: Vec<TsigKey>,
    /// Who may have zones whole.
    pub transfers: Vec<Transfer>,
    /// Who is told when a zone has another serial number (NOTIFY).
    pub notify: Vec<SocketAddr>,
    /// Connections by each of TCP, TLS and HTTPS.
    pub connections_max: usize,
    /// A connection that is silent for this long is closed.
    pub idle_timeout: Duration,
    /// After a stop was asked for, connections that take longer are cut off.
    pub drain_timeout: Duration,
    /// How often files are looked at; zero: never.
    pub reload_interval: Duration,
}

/// A TSIG key.
#[derive(Clone, Debug)]
pub struct TsigKey {
    /// Its name.
    pub name: String,
    /// `hmac-sha256`, `hmac-sha384` or `hmac-sha512`.
    pub algorithm: String,
    /// The secret in base64.
    pub secret: String,
}

/// Who may have zones whole. Each part that is given must hold; one of `from` and `key` must be given.
#[derive(Clone, Debug, Default)]
pub struct Transfer {
    /// The zones; empty: all.
    pub zones: Vec<String>,
    /// From where.
    pub from: Vec<Prefix>,
    /// The name of the TSIG key.
    pub key: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 5300))],
            tls_listen: None,
            https_listen: None,
            certificate: None,
            https_names: Vec::new(),
            zones: Vec::new(),
            geo: Vec::new(),
            keys: Vec::new(),
            ecs: true,
            udp_bytes: limits::UDP_BYTES,
            udp_sockets: 0,
            nsid: None,
            rate: rate::Settings::default(),
            cookie_secrets: Vec::new(),
            cookies_required: false,
            tsig: Vec::new(),
            transfers: Vec::new(),
            notify: Vec::new(),
            connections_max: limits::CONNECTIONS_MAX,
            idle_timeout: limits::IDLE_TIMEOUT,
            drain_timeout: Duration::from_secs(5),
            reload_interval: limits::RELOAD_INTERVAL,
        }
    }
}
