//! Accepts connections for a service and gives each a task of its own.
//!
//! A connection is admitted if the service and the node have a place for it; otherwise the service may say a last word
//! in its protocol. Its task completes the TLS handshake, runs the service's handler, and keeps a panic inside. A stop
//! is: accept no more, let handlers finish what is in flight, cut off those that take too long.

mod backoff;
mod refusal;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tracing::{Instrument, debug, debug_span, error, info, warn};

use crate::error::{Error, Result};
use crate::limits::{ConnectionLimit, Place};
use crate::metrics::ServiceMetrics;
use crate::shutdown::Shutdown;
use crate::stream::Stream;
use crate::tasks::contained;
use crate::tls::Tls;
use backoff::{Backoff, Change};
use refusal::Farewells;
pub use refusal::{LastWord, Refusal};

/// Ids of connections are unique within the process.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// A connection that was admitted, as its handler gets it. Dropping it closes.
#[derive(Debug)]
pub struct Connection {
    /// Its bytes, after the TLS handshake if there is one.
    pub stream: Stream,
    /// The client's address.
    pub peer: SocketAddr,
    /// The address that the client came to.
    pub local: SocketAddr,
    /// Unique within the process; rises.
    pub id: u64,
    /// Asks the handler to finish what is in flight and return.
    pub shutdown: Shutdown,
    /// What the service counts.
    pub metrics: ServiceMetrics,
}

/// A connection's places within the limits, held until its task has ended.
#[derive(Debug)]
struct Places {
    _service: Place,
    _node: Place,
    metrics: ServiceMetrics,
}

impl Places {
    fn new(service: Place, node: Place, metrics: ServiceMetrics) -> Self {
        metrics.connections_open.add(1);
        Self { _service: service, _node: node, metrics }
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        self.metrics.connections_open.add(-1);
    }
}

/// How a listener treats its connections.
#[derive(Clone, Debug)]
pub struct Config {
    /// How many connections the service may have, over all of its listeners that share this.
    pub service_limit: ConnectionLimit,
    /// How many connections the node may have; shared by all listeners.
    pub node_limit: ConnectionLimit,
    /// TLS, if connections begin with it.
    pub tls: Option<Tls>,
    /// What a client hears when there is no place for it.
    pub last_word: LastWord,
    /// A client that was silent for this long is asked by TCP whether it is still there, and closed if it does not
    /// answer. Without it, the connections of machines that vanished stay for ever.
    pub keepalive: Option<Duration>,
    /// After a stop was asked for, connections that take longer are cut off.
    pub drain_timeout: Duration,
}

impl Config {
    /// Without TLS and last word; keepalive after 300 s; 10 s to finish what is in flight.
    pub fn new(service_limit: ConnectionLimit, node_limit: ConnectionLimit) -> Self {
        Self {
            service_limit,
            node_limit,
            tls: None,
            last_word: LastWord::none(),
            keepalive: Some(Duration::from_mins(5)),
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// How the connections ended that were open at a stop, or had ended just before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Their handlers returned in time.
    pub finished: usize,
    /// They were cut off.
    pub aborted: usize,
}

/// A bound address.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    service: &'static str,
    local: SocketAddr,
}

impl Listener {
    /// Binds `address` for `service`. `option` is the configuration option that holds the address; errors name it.
    /// Port 0 takes a free port; see [`Listener::local`].
    pub async fn bind(service: &'static str, option: &'static str, address: SocketAddr) -> Result<Self> {
        let refuse = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => Error::AddressTaken { service, option, address },
            _ => Error::Bind { service, option, address, source },
        };
        let socket = TcpListener::bind(address).await.map_err(refuse)?;
        let local = socket.local_addr().map_err(refuse)?;
        Ok(Self { socket, service, local })
    }

    /// The address that is listened on, with the port that was found if 0 was asked for.
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// The service that this listens for.
    pub const fn service(&self) -> &'static str {
        self.service
    }

    /// Accepts connections and runs `handler` for each until `shutdown`; then stops listening, waits for the handlers,
    /// and cuts off those that take longer than `config.drain_timeout`. Cancelling cuts off all at once.
    pub async fn serve<H, F>(
        self,
        config: Config,
        metrics: ServiceMetrics,
        shutdown: Shutdown,
        handler: H,
    ) -> Drained
    where
        H: Fn(Connection) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let drain_timeout = config.drain_timeout;
        let mut server = Server {
            service: self.service,
            config,
            metrics,
            shutdown,
            handler: Arc::new(handler),
            connections: JoinSet::new(),
            farewells: Farewells::default(),
        };
        server.accept_all(&self.socket).await;
        drop(self.socket);
        drain(&mut server.connections, drain_timeout).await
    }
}

struct Server<H> {
    service: &'static str,
    config: Config,
    metrics: ServiceMetrics,
    shutdown: Shutdown,
    handler: Arc<H>,
    connections: JoinSet<()>,
    farewells: Farewells,
}

impl<H, F> Server<H>
where
    H: Fn(Connection) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    async fn accept_all(&mut self, socket: &TcpListener) {
        let mut requested = std::pin::pin!(self.shutdown.requested());
        let mut backoff = Backoff::default();
        loop {
            tokio::select! {
                biased;
                () = &mut requested => return,
                Some(_) = self.connections.join_next() => {}
                accepted = socket.accept() => {
                    let pause = self.accepted(accepted, &mut backoff);
                    if pause > Duration::ZERO {
                        tokio::select! {
                            () = &mut requested => return,
                            () = tokio::time::sleep(pause) => {}
                        }
                    }
                }
            }
        }
    }

    /// Starts a connection, or says how long to wait after a failure to accept.
    fn accepted(&mut self, accepted: io::Result<(TcpStream, SocketAddr)>, backoff: &mut Backoff) -> Duration {
        match accepted {
            Ok((socket, peer)) => {
                if backoff.succeeded() == Change::Recovered {
                    info!("{} accepts connections again", self.service);
                }
                self.admit(socket, peer);
                Duration::ZERO
            }
            Err(error) if backoff::is_of_one_connection(&error) => Duration::ZERO,
            Err(error) => {
                self.metrics.accept_errors.add(1);
                let (pause, change) = backoff.failed();
                if change == Change::Failing {
                    error!("{} cannot accept connections: {error}; it keeps trying", self.service);
                }
                pause
            }
        }
    }

    fn admit(&mut self, socket: TcpStream, peer: SocketAddr) {
        let places = self.config.service_limit.try_enter().ok_or(Refusal::ServiceFull);
        let places = places.and_then(|service| {
            let node = self.config.node_limit.try_enter().ok_or(Refusal::NodeFull)?;
            Ok(Places::new(service, node, self.metrics.clone()))
        });
        match places {
            Ok(places) => self.start(socket, peer, places),
            Err(refusal) => {
                self.metrics.connections_refused.add(1);
                debug!("{} refuses {peer}: {refusal}", self.service);
                // Bytes in clear would only confuse a client that expects a TLS handshake.
                if self.config.tls.is_none() {
                    self.farewells.say(socket, self.config.last_word.text(refusal));
                }
            }
        }
    }

    fn start(&mut self, socket: TcpStream, peer: SocketAddr, places: Places) {
        // If it fails, the socket is gone, which its handler learns at its first read.
        if let Err(error) = prepare(&socket, self.config.keepalive) {
            debug!("{peer}: {error}");
        }
        self.metrics.connections_accepted.add(1);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let (service, metrics, opened) = (self.service, self.metrics.clone(), self.metrics.clone());
        let (handler, tls, shutdown) =
            (Arc::clone(&self.handler), self.config.tls.clone(), self.shutdown.clone());
        let run = async move {
            let Some(connection) = open(socket, peer, id, tls, shutdown, opened).await else { return };
            handler(connection).await;
        };
        let task = async move {
            let _places = places;
            if let Err(panic) = contained(run).await {
                metrics.connections_panicked.add(1);
                error!("{service}: the connection {id} of {peer} {panic}; it is closed, others go on");
            }
        };
        self.connections.spawn(task.instrument(debug_span!("connection", service, id, %peer)));
    }
}

/// Sends small answers at once, and notices peers that vanished.
fn prepare(socket: &TcpStream, keepalive: Option<Duration>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let Some(idle) = keepalive else { return Ok(()) };
    // A third of the idle time between probes, three of them, as other servers do.
    let interval = (idle / 3).max(Duration::from_secs(1));
    let keepalive = TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(3);
    SockRef::from(socket).set_tcp_keepalive(&keepalive)
}

/// Secures an accepted socket for its handler; `None` if it is gone already or does not complete its handshake.
async fn open(
    socket: TcpStream,
    peer: SocketAddr,
    id: u64,
    tls: Option<Tls>,
    shutdown: Shutdown,
    metrics: ServiceMetrics,
) -> Option<Connection> {
    let local = socket.local_addr().ok()?;
    let mut stream = Stream::plain(socket, &metrics);
    if let Some(tls) = tls {
        let secured = tokio::select! {
            secured = stream.secure(&tls) => secured,
            () = shutdown.requested() => return None,
        };
        match secured {
            Ok(secured) => stream = secured,
            Err(error) => {
                metrics.handshakes_failed.add(1);
                debug!("{peer}: {error}");
                return None;
            }
        }
    }
    Some(Connection { stream, peer, local, id, shutdown, metrics })
}

async fn drain(connections: &mut JoinSet<()>, limit: Duration) -> Drained {
    let mut drained = Drained { finished: 0, aborted: 0 };
    let all = async {
        while connections.join_next().await.is_some() {
            drained.finished += 1;
        }
    };
    if tokio::time::timeout(limit, all).await.is_err() {
        drained.aborted = connections.len();
        warn!("{} connections are cut off: they did not finish within {limit:?}", drained.aborted);
        connections.shutdown().await;
    }
    drained
}
