//! The doors: all addresses are bound before any is served, and all end at one stop.

use crate::answer::Transport;
use crate::error::{Error, Result};
use crate::service::{Service, https, notify, stream, udp};
use bole_net::listener::Config as ListenerConfig;
use bole_net::safety::HostOriginGuard;
use bole_net::tasks::{OnFailure, spawn};
use bole_net::tls::{RELOAD_INTERVAL, Tls};
use bole_net::{ConnectionLimit, Drained, Listener, Shutdown};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

/// Bound addresses of a server.
pub struct Doors {
    service: Arc<Service>,
    udp: Vec<UdpSocket>,
    tcp: Vec<Listener>,
    tls: Option<(Listener, Tls)>,
    https: Option<(Listener, Tls)>,
}

impl std::fmt::Debug for Doors {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Doors")
            .field("udp", &self.udp)
            .field("tcp", &self.tcp)
            .finish_non_exhaustive()
    }
}

impl Service {
    /// Binds all addresses of the configuration. UDP and TCP of an address have one port, also where it is 0.
    pub async fn bind(self: &Arc<Self>) -> Result<Doors> {
        let config = &self.config;
        let (mut sockets, mut tcp) = (Vec::new(), Vec::new());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let count = if config.udp_sockets == 0 { cores } else { config.udp_sockets };
        for address in &config.listen {
            let (mut bound, listener) = both(*address, count).await?;
            tcp.push(listener);
            sockets.append(&mut bound);
        }
        let tls = match config.tls_listen {
            Some(address) => {
                let tls = self.tls("tls_listen", &["dot"])?;
                Some((Listener::bind("dns", "dns.tls_listen", address).await?, tls))
            }
            None => None,
        };
        let https = match config.https_listen {
            Some(address) => {
                let tls = self.tls("https_listen", &["h2", "http/1.1"])?;
                Some((Listener::bind("dns", "dns.https_listen", address).await?, tls))
            }
            None => None,
        };
        Ok(Doors { service: self.clone(), udp: sockets, tcp, tls, https })
    }

    fn tls(&self, option: &'static str, protocols: &[&str]) -> Result<Tls> {
        let Some((certificate, key)) = &self.config.certificate else {
            let reason = "a certificate and its key are needed for it".to_owned();
            return Err(Error::Setting { option, reason });
        };
        let mut config = bole_net::tls::Config::new(certificate, key);
        config.protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Ok(Tls::load(config)?)
    }
}

/// Ports that are tried where any will do.
const PORTS_TRIED: usize = 16;

/// UDP and TCP at one port. A free port of UDP may be somebody's of TCP: where any port will do, another one is tried.
async fn both(address: SocketAddr, count: usize) -> Result<(Vec<UdpSocket>, Listener)> {
    let mut tried = 1;
    loop {
        let bound = udp::bind(address, count)?;
        let local = bound[0].local_addr().unwrap_or(address);
        match Listener::bind("dns", "dns.listen", local).await {
            Ok(listener) => return Ok((bound, listener)),
            Err(bole_net::Error::AddressTaken { .. }) if address.port() == 0 && tried < PORTS_TRIED => {
                tried += 1
            }
            Err(error) => return Err(error.into()),
        }
    }
}

impl Doors {
    /// Where UDP and TCP are served.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.tcp.iter().map(Listener::local).collect()
    }

    /// Where TLS is.
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.tls.as_ref().map(|(listener, _)| listener.local())
    }

    /// Where HTTPS is.
    pub fn https_address(&self) -> Option<SocketAddr> {
        self.https.as_ref().map(|(listener, _)| listener.local())
    }

    /// Serves until `shutdown`, then lets connections finish what is in flight. Cancelling cuts all off.
    pub async fn serve(self, shutdown: Shutdown) -> Drained {
        let Self { service, udp, tcp, tls, https } = self;
        let mut datagrams = JoinSet::new();
        for socket in udp {
            datagrams.spawn(udp::serve(socket, service.clone(), shutdown.clone()));
        }
        watch(&service, tls.as_ref(), https.as_ref(), &shutdown);
        let mut streams = JoinSet::new();
        for listener in tcp {
            let service = service.clone();
            let config = listener_config(&service, None);
            let metrics = service.net_metrics.clone();
            streams.spawn(listener.serve(config, metrics, shutdown.clone(), move |connection| {
                stream::serve(connection, service.clone(), Transport::Tcp)
            }));
        }
        if let Some((listener, tls)) = tls {
            let service = service.clone();
            let (config, metrics) = (listener_config(&service, Some(tls)), service.net_metrics.clone());
            streams.spawn(listener.serve(config, metrics, shutdown.clone(), move |connection| {
                stream::serve(connection, service.clone(), Transport::Tls)
            }));
        }
        if let Some((listener, tls)) = https {
            let service = service.clone();
            let guard = Arc::new(HostOriginGuard::new(service.config.https_names.iter().cloned()));
            let (config, metrics) = (listener_config(&service, Some(tls)), service.net_metrics.clone());
            streams.spawn(listener.serve(config, metrics, shutdown.clone(), move |connection| {
                https::serve(connection, service.clone(), guard.clone())
            }));
        }
        let mut drained = Drained { finished: 0, aborted: 0 };
        while let Some(ended) = streams.join_next().await {
            if let Ok(ended) = ended {
                drained.finished += ended.finished;
                drained.aborted += ended.aborted;
            }
        }
        while datagrams.join_next().await.is_some() {}
        drained
    }
}

fn listener_config(service: &Service, tls: Option<Tls>) -> ListenerConfig {
    let limit = ConnectionLimit::new(service.config.connections_max);
    let mut config = ListenerConfig::new(limit, service.node_limit.clone());
    config.tls = tls;
    config.drain_timeout = service.config.drain_timeout;
    config
}

/// Looks at files from time to time: certificates, zones, geographic files; and tells secondaries of changes.
fn watch(
    service: &Arc<Service>,
    tls: Option<&(Listener, Tls)>,
    https: Option<&(Listener, Tls)>,
    shutdown: &Shutdown,
) {
    for (_, tls) in [tls, https].into_iter().flatten() {
        drop(spawn("dns certificates", OnFailure::Log, tls.clone().watch(RELOAD_INTERVAL, shutdown.clone())));
    }
    if !service.config.notify.is_empty() {
        let telling = notify::follow(service.clone(), shutdown.clone());
        drop(spawn("dns notify", OnFailure::Log, telling));
    }
    let interval = service.config.reload_interval;
    if interval.is_zero() {
        return;
    }
    let (service, shutdown) = (service.clone(), shutdown.clone());
    let watching = async move {
        let mut requested = std::pin::pin!(shutdown.requested());
        loop {
            tokio::select! {
                () = &mut requested => return,
                () = tokio::time::sleep(interval) => {}
            }
            let service = service.clone();
            let errors = tokio::task::spawn_blocking(move || service.reload()).await.unwrap_or_default();
            for error in errors {
                tracing::error!("a change of DNS files is not taken over, what was there stays: {error}");
            }
        }
    };
    drop(spawn("dns files", OnFailure::Log, watching));
}
