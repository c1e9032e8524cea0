//! Names of instances, looked up: addresses and SRV records, and how long they hold.

use async_trait::async_trait;
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;
use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// What a name has, and how long that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// What was found; never empty.
    pub records: Vec<T>,
    /// How long it holds.
    pub holds_for: Duration,
}

/// A record of SRV (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    /// Where it is.
    pub target: String,
    /// Its port.
    pub port: u16,
    /// 0 first.
    pub priority: u16,
    /// Its share.
    pub weight: u16,
}

/// Looks names up. An error, and no record at all, leave what was known before.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// A and AAAA.
    async fn addresses(&self, name: &str) -> Result<Found<IpAddr>, String>;
    /// SRV.
    async fn services(&self, name: &str) -> Result<Found<Srv>, String>;
}

/// The machine's resolver: its servers and its hosts file. Read when it is first asked.
#[derive(Default)]
pub struct Machine(OnceLock<Result<TokioResolver, String>>);

impl Machine {
    fn resolver(&self) -> Result<&TokioResolver, String> {
        let build = || {
            let builder = TokioResolver::builder_tokio().map_err(|error| error.to_string())?;
            builder.build().map_err(|error| error.to_string())
        };
        self.0.get_or_init(build).as_ref().map_err(Clone::clone)
    }
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

#[async_trait]
impl Resolve for Machine {
    async fn addresses(&self, name: &str) -> Result<Found<IpAddr>, String> {
        let found = self.resolver()?.lookup_ip(name).await.map_err(|error| error.to_string())?;
        let (records, holds_for) = (found.iter().collect(), left(found.valid_until()));
        Ok(Found { records, holds_for })
    }

    async fn services(&self, name: &str) -> Result<Found<Srv>, String> {
        let found = self.resolver()?.srv_lookup(name).await.map_err(|error| error.to_string())?;
        let record = |data: &RData| match data {
            RData::SRV(srv) => Some(Srv {
                target: srv.target.to_utf8().trim_end_matches('.').to_owned(),
                port: srv.port,
                priority: srv.priority,
                weight: srv.weight,
            }),
            _ => None,
        };
        let records = found.answers().iter().filter_map(|answer| record(&answer.data)).collect();
        Ok(Found { records, holds_for: left(found.valid_until()) })
    }
}

/// The host and port of an address as it was written: `name:80`, `[::1]:80`.
pub fn host_and_port(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port = port.parse().ok().filter(|port| *port > 0)?;
    (!host.is_empty()).then_some((host, port))
}

/// An address of a name with a port.
pub fn at(ip: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(ip, port)
}
