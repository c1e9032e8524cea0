//! Services: the instances behind the gateway, how one of them is chosen, how it is seen whether they are well, and what
//! is done when they are not.

pub use crate::hedge::HedgeAfter;
use crate::units::{Size, Span};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::path::PathBuf;

/// A set of instances that can each answer the same requests. Exactly one of `instances`, `dns` and `registry` says which.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Service {
    /// The instances, if they are written down.
    pub instances: Vec<Instance>,
    /// Or the name under which they are found.
    pub dns: Option<Dns>,
    /// Or that they register themselves over HTTP, with a lease.
    pub registry: bool,
    /// What is spoken to them.
    pub protocol: Protocol,
    /// TLS to them; none without.
    pub tls: Option<Tls>,
    /// The line before the first byte that tells an instance the client's address.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// The `Host` that they see.
    pub host: HostHeader,
    /// Who of them gets a request.
    pub balance: Balance,
    /// Checks that the gateway makes; none without.
    pub health: Option<Health>,
    /// When live requests take an instance out.
    pub ejection: Ejection,
    /// How long each step may take.
    pub timeouts: Timeouts,
    /// What is tried again.
    pub retries: Retries,
    /// After which time without an answer a second instance is asked as well, for requests that are safe and idempotent; none without.
    pub hedge_after: Option<HedgeAfter>,
    /// When nobody is asked any more for a while; none without.
    pub breaker: Option<Breaker>,
    /// How many requests at a time all instances together get.
    pub concurrency: Option<Concurrency>,
    /// Connections that are kept.
    pub connections: Connections,
    /// An `OpenAPI` document: requests that do not fit it are refused.
    pub openapi: Option<OpenApi>,
}

/// One instance. In a list of them `"host:port"` is short for one with only an address.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(into = "InstanceText")]
pub struct Instance {
    /// `host:port`; a host that is a name is looked up when the document is taken and again as its TTL says.
    pub address: String,
    /// Its share of the traffic, 1 to 65,535.
    pub weight: u32,
    /// Its level: 0 first; higher ones get what lower ones cannot carry.
    pub priority: u8,
    /// Where it stands.
    pub zone: Option<String>,
    /// It gets no new clients.
    pub drain: bool,
}

/// How an instance is written.
#[derive(Serialize)]
#[serde(untagged)]
enum InstanceText {
    Short(String),
    Long(InstanceTable),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InstanceTable {
    address: String,
    #[serde(default = "one")]
    weight: u32,
    #[serde(default)]
    priority: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    #[serde(default)]
    drain: bool,
}

fn one() -> u32 {
    1
}

impl Instance {
    /// An instance with only an address.
    pub fn new(address: &str) -> Self {
        Self { address: address.to_owned(), weight: 1, priority: 0, zone: None, drain: false }
    }
}

impl<'de> Deserialize<'de> for Instance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl<'de> Visitor<'de> for Written {
            type Value = Instance;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("\"host:port\" or a table with address, weight, priority, zone, drain")
            }

            fn visit_str<E>(self, address: &str) -> Result<Instance, E> {
                Ok(Instance::new(address))
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Instance, A::Error> {
                let table = InstanceTable::deserialize(MapAccessDeserializer::new(table))?;
                let InstanceTable { address, weight, priority, zone, drain } = table;
                Ok(Instance { address, weight, priority, zone, drain })
            }
        }

        deserializer.deserialize_any(Written)
    }
}

impl From<Instance> for InstanceText {
    fn from(instance: Instance) -> Self {
        if instance == Instance::new(&instance.address) {
            return Self::Short(instance.address);
        }
        let Instance { address, weight, priority, zone, drain } = instance;
        Self::Long(InstanceTable { address, weight, priority, zone, drain })
    }
}

/// Instances that are found by a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// What is asked for.
    pub name: String,
    /// The port; from the records if they are SRV.
    #[serde(default)]
    pub port: Option<u16>,
    /// Asks for SRV instead of A and AAAA.
    #[serde(default)]
    pub srv: bool,
    /// It is asked again when the records' TTL is over, but within these bounds.
    #[serde(default = "refresh_least")]
    pub refresh_least: Span,
    /// At most so long after the last time.
    #[serde(default = "refresh_most")]
    pub refresh_most: Span,
}

fn refresh_least() -> Span {
    Span::secs(1)
}

fn refresh_most() -> Span {
    Span::secs(30)
}

/// What is spoken to instances. gRPC needs HTTP/2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    #[serde(rename = "http/1.1")]
    Http1,
    /// HTTP/2: negotiated with TLS, at once without.
    #[serde(rename = "http/2")]
    Http2,
    /// HTTP/2 where TLS negotiates it, otherwise HTTP/1.1. Needs TLS.
    #[serde(rename = "auto")]
    Auto,
}

/// TLS to instances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// The name that their certificate must have; the instance's host without.
    pub name: Option<String>,
    /// PEM file of the authorities; the machine's without.
    pub authorities: Option<PathBuf>,
    /// PEM file of the gateway's own certificate, for instances that ask for one.
    pub certificate: Option<PathBuf>,
    /// PEM file of its key.
    pub key: Option<PathBuf>,
    /// Takes any certificate. For tests: whoever is between can read everything.
    pub insecure: bool,
}

/// Versions of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProxyProtocol {
    /// As text.
    V1,
    /// In binary.
    V2,
}

/// The `Host` that instances see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostHeader {
    /// The client's.
    #[default]
    Client,
    /// The instance's address.
    Instance,
    /// This one: `{ name = "orders.internal" }`.
    Name(String),
}

/// How one of the instances is chosen: the settings of `edge/core`'s balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Balance {
    /// A name from the table of algorithms: `peak-ewma`, `round-robin`, `maglev`, …
    pub algorithm: String,
    /// What algorithms by key go by.
    pub key: Option<KeySource>,
    /// The cookie of the algorithm `sticky`.
    pub cookie: Option<Cookie>,
    /// Weights from what instances show, not only from those that are written down.
    pub adaptive_weights: bool,
    /// The gateway's own zone, which is preferred.
    pub zone: Option<String>,
    /// How long an instance that is new or well again warms up.
    pub slow_start: Option<Span>,
    /// Below this share of well instances health is ignored (0 to 1).
    pub panic_threshold: f64,
    /// Refuses rather than ignore health.
    pub panic_refuses: bool,
    /// Of `bounded-load`: how many times its share an instance may have.
    pub load_bound: f64,
}

impl Default for Balance {
    fn default() -> Self {
        Self {
            algorithm: "peak-ewma".to_owned(),
            key: None,
            cookie: None,
            adaptive_weights: false,
            zone: None,
            slow_start: None,
            panic_threshold: 0.5,
            panic_refuses: false,
            load_bound: 1.25,
        }
    }
}

/// Where a key (of a hash, of a limit) comes from. A request that has none is keyed by its client's address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeySource {
    /// The client's address.
    Ip,
    /// Who the client is, once a login said so.
    Consumer,
    /// The path.
    Path,
    /// One key for all.
    All,
    /// A header: `{ header = "x-tenant" }`.
    Header(String),
    /// A cookie.
    Cookie(String),
    /// A parameter of the query.
    Query(String),
}

/// A cookie that the gateway sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// How long it is valid; with the browser's session without.
    #[serde(default)]
    pub max_age: Option<Span>,
}

/// Checks that the gateway makes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    /// What is asked.
    pub probe: Probe,
    /// Between two checks of an instance that is up.
    pub interval: Span,
    /// How long an answer may take.
    pub timeout: Span,
    /// Good ones in a row that take an instance up.
    pub rise: u32,
    /// Bad ones in a row that take it down.
    pub fall: u32,
    /// Another port than the instance's own.
    pub port: Option<u16>,
    /// Whether an instance counts as up before it was checked.
    pub start_up: bool,
}

impl Default for Health {
    fn default() -> Self {
        let (interval, timeout) = (Span::secs(5), Span::secs(2));
        Self { probe: Probe::Tcp, interval, timeout, rise: 2, fall: 3, port: None, start_up: true }
    }
}

/// What a check asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Probe {
    /// Whether a connection can be made.
    Tcp,
    /// `GET` of a path: `{ http = { path = "/healthz" } }`.
    Http {
        /// The path.
        path: String,
        /// The `Host`; the instance's address without.
        #[serde(default)]
        host: Option<String>,
        /// Statuses that are good, each `"200"` or `"200-299"`; 200 to 299 without.
        #[serde(default)]
        statuses: Vec<String>,
    },
    /// `grpc.health.v1.Health/Check` of a service.
    Grpc {
        /// Its name; the whole server without.
        #[serde(default)]
        service: String,
    },
}

/// When live requests take an instance out for a while: the settings of `edge/core`'s outlier detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ejection {
    /// Whether they do at all.
    pub enabled: bool,
    /// Failures (5xx and what follows) in a row.
    pub consecutive_failures: u32,
    /// Gateway errors (no connection, no answer in time, 502 to 504) in a row.
    pub consecutive_gateway_errors: u32,
    /// How long the first one lasts; the n-th n times as long.
    pub base: Span,
    /// At most.
    pub max: Span,
    /// The share of all instances that may be out at a time.
    pub share_max: f64,
}

impl Default for Ejection {
    fn default() -> Self {
        Self {
            enabled: true,
            consecutive_failures: 5,
            consecutive_gateway_errors: 5,
            base: Span::secs(30),
            max: Span::secs(300),
            share_max: 0.3,
        }
    }
}

/// How long each step may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// Until there is a connection, TLS included.
    pub connect: Span,
    /// From the request's end to the answer's first byte.
    pub first_byte: Span,
    /// Between two pieces of the answer's body.
    pub read: Span,
    /// Between two pieces of the request's body that the instance takes.
    pub write: Span,
    /// All of it, all tries included; no bound without.
    pub total: Option<Span>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Span::secs(2),
            first_byte: Span::secs(60),
            read: Span::secs(60),
            write: Span::secs(60),
            total: None,
        }
    }
}

/// What is tried again, on another instance if there is one. Only where it is safe: a request whose method is not
/// idempotent is tried again only if no byte of it has reached an instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retries {
    /// Tries after the first; 0 for none.
    pub attempts: u32,
    /// Statuses that are tried again as well: of 502, 503, 504 and 429.
    pub statuses: Vec<u16>,
    /// How long one try may take until its first byte; as the service says without.
    pub per_try: Option<Span>,
    /// Retries for each first request, over ten seconds.
    pub budget_ratio: f64,
    /// Retries a second that are allowed in any case.
    pub budget_per_second: f64,
    /// Bodies of requests up to this size are kept, so that they can be sent again.
    pub body_max: Size,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            attempts: 2,
            statuses: Vec::new(),
            per_try: None,
            budget_ratio: 0.2,
            budget_per_second: 1.0,
            body_max: Size(64 << 10),
        }
    }
}

/// When nobody is asked any more: the settings of `edge/core`'s circuit breaker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Breaker {
    /// Over which time requests are counted.
    pub window: Span,
    /// With fewer requests it stays closed.
    pub volume: u64,
    /// The share of failures that opens it.
    pub failure_share: f64,
    /// How long it is open at first.
    pub open_for: Span,
    /// At most.
    pub open_max: Span,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            window: Span::secs(10),
            volume: 20,
            failure_share: 0.5,
            open_for: Span::secs(5),
            open_max: Span::secs(120),
        }
    }
}

/// How many requests at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Concurrency {
    /// So many: `{ max = 100 }`.
    Max(u32),
    /// As many as the service can work on, found by measuring latency, within bounds.
    Adaptive {
        /// At least.
        least: u32,
        /// At most.
        most: u32,
    },
}

/// Connections to instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Connections {
    /// How long one that is not used is kept.
    pub idle: Span,
    /// How many requests at a time on one of HTTP/2.
    pub streams_max: u32,
}

impl Default for Connections {
    fn default() -> Self {
        Self { idle: Span::secs(60), streams_max: 100 }
    }
}

/// A document that requests are checked against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenApi {
    /// Its file, JSON or YAML.
    pub file: PathBuf,
    /// Only counts and logs requests that do not fit.
    #[serde(default)]
    pub shadow: bool,
    /// Counts and logs answers that do not fit.
    #[serde(default)]
    pub responses: bool,
}
