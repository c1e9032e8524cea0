//! How a gateway is opened: what does not change while it runs. All else is in the document.

use crate::limits::Limits;
pub use bole_gateway_document::network::Network;
use bole_net::limits::ConnectionLimit;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Settings of a gateway.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where HTTP is spoken without TLS (HTTP/1.1, and HTTP/2 by prior knowledge).
    pub http: Vec<SocketAddr>,
    /// Where it is spoken with TLS. The certificates are in the document.
    pub https: Vec<SocketAddr>,
    /// Whose `X-Forwarded-*` and PROXY lines are believed.
    pub trusted_proxies: Vec<Network>,
    /// Connections of trusted proxies begin with a line of the PROXY protocol, v1 or v2.
    pub proxy_protocol: bool,
    /// Bounds.
    pub limits: Limits,
    /// How long requests may take to finish once the gateway closes.
    pub drain_timeout: Duration,
    /// Tells in `x-bole-explain` how an answer came about. For networks of one's own only.
    pub explain: bool,
    /// Where finished requests are written.
    pub access_log: AccessLog,
    /// Where spans are sent; nowhere without.
    pub otel: Option<crate::otel::Config>,
    /// How often files of certificates are looked at.
    pub reload_interval: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            http: vec![SocketAddr::from(([127, 0, 0, 1], 8080))],
            https: Vec::new(),
            trusted_proxies: Vec::new(),
            proxy_protocol: false,
            limits: Limits::default(),
            drain_timeout: Duration::from_secs(10),
            explain: false,
            access_log: AccessLog::default(),
            otel: None,
            reload_interval: Duration::from_secs(5),
        }
    }
}

/// Where finished requests are written, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessLog {
    /// To this file; to the log of the node at level `info` without.
    pub file: Option<PathBuf>,
    /// As what.
    pub format: LogFormat,
}

/// How a finished request is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Not at all.
    #[default]
    Off,
    /// One JSON object a line.
    Json,
    /// A text in which `{status}`, `{method}`, … stand for what the table of fields has.
    Text(String),
}

/// What others give a gateway.
#[derive(Clone, Default)]
pub struct Parts {
    /// Where it counts.
    pub metrics: bole_net::Metrics,
    /// How many connections the node may have; as many as it likes without.
    pub node_limit: Option<ConnectionLimit>,
    /// Instances that registered themselves.
    pub registry: Option<Arc<dyn crate::upstream::Registry>>,
    /// Looks names up; the machine's resolver without.
    pub resolver: Option<Arc<dyn crate::upstream::resolve::Resolve>>,
    /// Who is known besides the consumers of documents.
    pub logins: crate::logins::Logins,
    /// Where limits are counted that several gateways share.
    pub shared_store: Option<Arc<dyn bole_edge_core::limits::Store>>,
    /// Reads buckets of this node; no route can show one without.
    pub objects: Option<Arc<dyn crate::bucket::Objects>>,
    /// Where accounts with authorities and their certificates are kept, durably and secret; no document can ask for any without.
    pub keeper: Option<Arc<dyn bole_gateway_acme::Keeper>>,
    /// What stores answers; none are without.
    pub store: Option<crate::cached::Store>,
}
