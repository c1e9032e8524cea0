//! A client's connection, from its first byte to its last: the PROXY line, TLS, then requests of HTTP/1.1 one after the other, or
//! HTTP/2. Here it is decided what the proxy library gets to read ([`wire`]), and for how long it waits.
//!
//! Reading order: [`head`] → [`body`] → [`client`] → [`wire`] → [`origin`] → this file.

pub mod body;
pub mod client;
pub mod head;
mod held;
pub mod leave;
pub mod origin;
pub mod wire;

use crate::config::Config;
use crate::direct::ask::Habit;
use crate::direct::look::{Looked, Lookout};
use crate::direct::{After, Direct};
use crate::error::Problem;
use crate::proxy::Proxy;
use crate::straight::Straight;
use crate::tls::Certificates;
use bole_net::Connection;
use bole_net::metrics::Counter;
use client::{Client, Exchange, TlsFacts};
use head::{Bounds, Framing, Head};
use http::header::EXPECT;
use leave::Leaves;
use pingora_core::apps::HttpServerApp;
use pingora_core::protocols::Digest;
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::v2::server::{H2Accept, H2Options, HttpSession as H2Session, handshake};
use pingora_proxy::HttpProxy;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tracing::debug;
use wire::{Next, Transport, Wire};

/// What all connections of a gateway share.
pub struct Door {
    /// The library's engine around our phases.
    pub engine: Arc<HttpProxy<Proxy>>,
    /// Looks at what may need no engine.
    pub lookout: Lookout,
    /// Answers what needs no engine.
    pub straight: Straight,
    /// Forwards what needs no engine.
    pub direct: Direct,
    /// Settings.
    pub config: Arc<Config>,
    /// Turns true when the gateway closes.
    pub closing: watch::Receiver<bool>,
    /// Certificates of the listeners with TLS.
    pub certificates: Arc<Certificates>,
    /// Requests that were refused before there was a route for them.
    pub refused: RefusedCounters,
}

/// Requests that were no requests, by kind.
#[derive(Clone)]
pub struct RefusedCounters(Arc<[Counter]>);

impl RefusedCounters {
    /// Registers a counter for each kind.
    pub fn new(metrics: &bole_net::Metrics) -> Self {
        let counters = crate::error::PROBLEMS.iter().map(|row| {
            let help = "Requests that the gateway answered itself because something was wrong, by kind.";
            metrics.counter("bole_gateway_problems", help, &[("kind", row.name)])
        });
        Self(counters.collect())
    }

    /// Counts one.
    pub fn add(&self, problem: Problem) {
        self.0[problem as usize].add(1);
    }
}

impl Door {
    /// Answers or forwards a request that needs no engine. `None`: nothing was done.
    async fn at_once(
        &self,
        wire: &mut Wire,
        head: &Head,
        client: &Client,
        (looked, habit): (Box<Looked>, &mut Habit),
        last: bool,
    ) -> Option<After> {
        match self.straight.answer(wire, head, client, last, &looked).await {
            Some(Ok(true)) => Some(After::Next),
            Some(Ok(false)) => Some(After::Close),
            Some(Err(error)) => {
                self.refused.add(Problem::ClientGone);
                debug!("{}: {error}", client.address);
                Some(After::Cut)
            }
            None => self.direct.forward(wire, head, client, (looked, habit), last).await,
        }
    }
}

/// Serves a connection to its end.
pub async fn serve(connection: Connection, door: Arc<Door>, secured: bool) {
    let Connection { mut stream, peer, local, id, .. } = connection;
    let limit = door.config.limits.handshake_timeout;
    let (mut address, mut local) = (peer, local);
    let trusts = |address: SocketAddr| {
        door.config.trusted_proxies.iter().any(|network| network.contains(address.ip()))
    };
    if door.config.proxy_protocol && trusts(peer) {
        match tokio::time::timeout(limit, origin::read(&mut stream)).await {
            Ok(Ok(Some(origin))) => (address, local) = (origin.client, origin.local),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => return debug!("{peer}: {error}"),
            Err(_) => return debug!("{peer}: no line of the PROXY protocol within {limit:?}"),
        }
    }
    let mut client = Client { address, local, trusted: trusts(address), tls: None, id, is_prefetch: false };
    let mut h2 = false;
    let transport = if secured {
        let accepted = tokio::time::timeout(limit, door.certificates.accept(stream)).await;
        let stream = match accepted {
            Ok(Ok(Some(stream))) => stream,
            Ok(Ok(None)) => return,
            Ok(Err(error)) => return debug!("{peer}: {error}"),
            Err(_) => return debug!("{peer}: no TLS handshake within {limit:?}"),
        };
        let (_, session) = stream.get_ref();
        h2 = session.alpn_protocol() == Some(b"h2");
        client.tls = Some(TlsFacts {
            server_name: session.server_name().map(str::to_ascii_lowercase),
            version: session.protocol_version().and_then(|version| version.as_str()).unwrap_or("TLS"),
            certificate: session.peer_certificates().and_then(|chain| chain.first()).map(|der| der.to_vec()),
        });
        Transport::Tls(Box::new(stream))
    } else {
        Transport::Plain(stream)
    };
    let wire = Wire::new(transport);
    if h2 {
        Box::pin(http2(wire, Arc::new(client), door)).await;
    } else {
        requests(wire, Arc::new(client), door).await;
    }
}

/// Requests of HTTP/1, one after the other.
async fn requests(mut wire: Wire, client: Arc<Client>, door: Arc<Door>) {
    let limits = &door.config.limits;
    let bounds = Bounds {
        bytes_max: limits.head_bytes_max,
        fields_max: limits.head_fields_max,
        target_bytes_max: limits.target_bytes_max,
    };
    let mut closing = door.closing.clone();
    // It waits from one request to the next, so that none has to register.
    let mut closed = pin!(closing.wait_for(|closing| *closing));
    let mut habit = Habit::default();
    for number in 0..limits.connection_requests_max {
        let first = number == 0 && client.tls.is_none();
        let next = tokio::select! {
            biased;
            next = wire.next(&bounds, limits.idle_timeout, limits.head_timeout, first) => next,
            _ = &mut closed => return,
        };
        let head = match next {
            Next::Request(head) => head,
            Next::Http2 => return Box::pin(http2(wire, client, door)).await,
            Next::End => return,
            Next::Refused(refused) => {
                door.refused.add(refused.problem);
                debug!("{}: refused: {}", client.address, refused.detail);
                return wire.refuse(refused).await;
            }
        };
        let last = number + 1 == limits.connection_requests_max || *door.closing.borrow();
        if let Some(looked) = door.lookout.look(wire.found(&head), &head, &client) {
            // What a request needs in memory, a connection that waits for the next one does not.
            let way = Box::pin(door.at_once(&mut wire, &head, &client, (looked, &mut habit), last));
            match way.await {
                Some(After::Next) => continue,
                Some(After::Close) => return wire.linger().await,
                Some(After::Cut) => return,
                None => {}
            }
        }
        // Here as well.
        let Some(returned) = Box::pin(by_library(wire, &head, &client, &door, last)).await else { return };
        wire = returned;
        // Where a body was not read to its end, what follows cannot be told from it.
        if !wire.is_over() || (head.framing == Framing::Chunked && head.expects) {
            return wire.linger().await;
        }
    }
}

/// Serves a request of HTTP/1 by the library's engine; the connection, if it may go on.
async fn by_library(
    mut wire: Wire,
    head: &Head,
    client: &Arc<Client>,
    door: &Door,
    last: bool,
) -> Option<Wire> {
    let limits = &door.config.limits;
    let exchange = Exchange::new(client.clone(), true);
    wire.show(head, exchange);
    let mut session = ServerSession::new_http1(Box::new(wire));
    session.set_keepalive((!last).then_some(limits.idle_timeout.as_secs()));
    session.set_read_timeout(Some(limits.body_timeout));
    session.set_write_timeout(Some(limits.write_timeout));
    session.set_total_drain_timeout(Some(limits.body_timeout));
    let reused = door.engine.process_new_http(session, &door.closing).await?;
    let (stream, _) = reused.consume();
    stream.into_any().downcast::<Wire>().ok().map(|wire| *wire)
}

fn h2_options(limits: &crate::limits::Limits) -> H2Options {
    let mut options = H2Options::new();
    options
        .max_concurrent_streams(limits.h2_streams_max)
        .max_header_list_size(limits.head_bytes_max as u32)
        .max_concurrent_reset_streams(limits.h2_reset_streams_max)
        .max_pending_accept_reset_streams(limits.h2_reset_streams_max)
        .max_local_error_reset_streams(Some(limits.h2_faulty_streams_max))
        .initial_window_size(limits.h2_window_bytes)
        .initial_connection_window_size(limits.h2_window_bytes.saturating_mul(4))
        .max_send_buffer_size(256 << 10);
    options
}

/// Streams of HTTP/2, each a task.
async fn http2(mut wire: Wire, client: Arc<Client>, door: Arc<Door>) {
    let leaves = Arc::<Leaves>::default();
    wire.open(leaves.clone());
    let limits = &door.config.limits;
    let handshake = handshake(Box::new(wire), Some(h2_options(limits)));
    let mut connection = match tokio::time::timeout(limits.handshake_timeout, handshake).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return debug!("{}: {error}", client.address),
        Err(_) => return debug!("{}: no HTTP/2 handshake in time", client.address),
    };
    let mut closing = door.closing.clone();
    let mut told = false;
    let (running, nobody) = watch::channel(());
    drop(nobody);
    loop {
        let exchange = Exchange::new(client.clone(), false);
        let digest = Arc::new(Digest { proxy_digest: Some(exchange.digest()), ..Digest::default() });
        let idle = async {
            // Each stream under way holds a receiver.
            running.closed().await;
            tokio::time::sleep(limits.idle_timeout).await;
        };
        let accepted = tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing), if !told => {
                connection.graceful_shutdown();
                told = true;
                continue;
            }
            accepted = leaves.next(H2Session::from_h2_conn(&mut connection, digest)) => accepted,
            () = idle, if !told => return,
        };
        let leave = leaves.of_last();
        match accepted {
            Ok(Some(H2Accept::Session(session))) => {
                let expects = session.req_header().headers.contains_key(EXPECT);
                if let Some(leave) = leave.filter(|_| expects) {
                    exchange.set_leave(leave);
                }
                let (door, guard) = (door.clone(), running.subscribe());
                tokio::spawn(async move {
                    let _guard = guard;
                    stream(session, exchange, door).await;
                });
            }
            Ok(Some(H2Accept::Rejected)) => door.refused.add(Problem::BadRequest),
            Ok(None) => return,
            Err(error) => return debug!("{}: {error}", client.address),
        }
    }
}

/// One request of HTTP/2. Its deadline is looked at from here, because no stream of its own could.
async fn stream(session: H2Session, exchange: Arc<Exchange>, door: Arc<Door>) {
    let limits = &door.config.limits;
    let expects = session.req_header().headers.contains_key(EXPECT);
    let mut session = ServerSession::new_http2(session);
    session.set_read_timeout(Some(limits.body_timeout));
    session.set_write_timeout(Some(limits.write_timeout));
    session.set_total_drain_timeout(Some(limits.body_timeout));
    let process = door.engine.process_new_http(session, &door.closing);
    tokio::select! {
        _ = process => {}
        () = overdue(&exchange) => debug!("{}: a stream is reset: its time is over", exchange.client.address),
        () = waits_in_vain(&exchange, limits.expect_timeout), if expects => {
            door.refused.add(Problem::Expectation);
            debug!("{}: a stream is reset: its client waits for leave that it does not get", exchange.client.address);
        }
    }
}

/// Whether a client that waits for leave to send its body (RFC 9110, section 10.1.1) still does so after this time, because it could not be given
/// ([`leave`]). Most go on by themselves after a second; the others would wait until a deadline ends the request.
async fn waits_in_vain(exchange: &Exchange, wait: Duration) {
    tokio::time::sleep(wait).await;
    if exchange.goes_on() {
        std::future::pending::<()>().await;
    }
}

/// How long after its deadline a request of HTTP/2 may still answer by itself.
const GRACE: Duration = Duration::from_secs(1);

async fn overdue(exchange: &Exchange) {
    loop {
        match exchange.deadline().map(|deadline| deadline + GRACE) {
            Some(at) if at <= crate::clock::now() => return,
            Some(at) => tokio::time::sleep_until(crate::clock::instant(at)).await,
            None => tokio::time::sleep(GRACE).await,
        }
    }
}

#[cfg(test)]
mod tests;
