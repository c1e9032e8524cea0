//! A request, phase by phase, as the proxy library calls them. Here is only what it is called with; each phase has a file.
//!
//! ```text
//! request   which route, who, how often; answers of the gateway's own      ─► answer
//! target    which instance                                                 ◄─ again, if it may be tried again
//! forward   what the instance sees
//! response  what the client sees
//! failure   what went wrong, whether it is tried again, what is answered
//! finish    what is learned, counted and logged
//! ```

#![expect(clippy::unused_self, reason = "phases are methods of the proxy, whether or not they look at it")]

pub mod context;
pub mod described;
pub mod detour;
pub mod failure;
mod finish;
pub mod forward;
pub mod meaning;
pub mod request;
pub mod response;
mod shown;
mod target;
pub mod who;

use crate::access_log::Log;
use crate::cached::Store;
use crate::cached::prefetch::Prefetcher;
use crate::collapse::Flights;
use crate::compression::Compressors;
use crate::config::Config;
use crate::connection::RefusedCounters;
use crate::inner::Engine;
use crate::otel::Tracer;
use crate::state::State;
use crate::tls::Certificates;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use bole_edge_core::limits::shed::Shedder;
use bole_gateway_acme::Acme;
use bytes::Bytes;
use context::Context;
use http::HeaderMap;
use parking_lot::Mutex;
use pingora_core::modules::http::HttpModules;
use pingora_core::protocols::Digest;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// What all requests share.
pub struct Proxy {
    /// What requests are answered by, now.
    pub state: Arc<ArcSwap<State>>,
    /// Settings.
    pub config: Arc<Config>,
    /// To see that a connection may carry a request for a host.
    pub certificates: Arc<Certificates>,
    /// Where authorities look for proofs, if any are asked for certificates.
    pub acme: Option<Arc<Acme>>,
    /// Turns true when the gateway closes.
    pub closing: watch::Receiver<bool>,
    /// Finished requests.
    pub log: Arc<Log>,
    /// Takes spans, if anybody wants them.
    pub tracer: Option<Arc<Tracer>>,
    /// Problems by kind.
    pub problems: RefusedCounters,
    /// What came of logins.
    pub logins: crate::metrics::LoginCounters,
    /// Who goes first under overload.
    pub shedder: Mutex<Shedder>,
    /// How long whatever is ready waits for its turn on this machine.
    pub lag: Arc<crate::clock::Lag>,
    /// What is stored of answers, if anything is.
    pub store: Option<Store>,
    /// Itself, for requests of its own.
    pub engine: Arc<Engine>,
    /// Places for copies of requests.
    pub mirrors: Arc<Semaphore>,
    /// Requests that others wait for.
    pub flights: Arc<Flights>,
    /// Fetches what stored answers name as needed next.
    pub prefetcher: Arc<Prefetcher>,
}

#[async_trait]
impl ProxyHttp for Proxy {
    type CTX = Context;

    fn new_ctx(&self) -> Context {
        Context::new()
    }

    fn init_downstream_modules(&self, modules: &mut HttpModules) {
        // Off until a route says otherwise.
        modules.add_module(Box::new(Compressors));
    }

    async fn request_filter(&self, session: &mut Session, context: &mut Context) -> Result<bool> {
        self.begin(session, context).await
    }

    async fn upstream_peer(&self, session: &mut Session, context: &mut Context) -> Result<Box<HttpPeer>> {
        self.target(session, context)
    }

    async fn connected_to_upstream(
        &self,
        session: &mut Session,
        reused: bool,
        _peer: &HttpPeer,
        _fd: RawFd,
        _digest: Option<&Digest>,
        context: &mut Context,
    ) -> Result<()> {
        self.connected(session, reused, context);
        Ok(())
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        context: &mut Context,
    ) -> Result<()> {
        self.forward(session, request, context)?;
        match &mut context.grpc_web {
            Some(call) => call.request(request),
            None => Ok(()),
        }
    }

    async fn request_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        context: &mut Context,
    ) -> Result<()> {
        if let Some(exchange) = context.exchange.as_ref().filter(|_| body.is_some() || end) {
            exchange.go_on();
        }
        self.request_body(body, end, context)?;
        self.request_of_grpc_web(body, end, context)?;
        // The library writes an empty last piece as the chunk that ends a body, and then ends the body: the second end would stand before the
        // next request on that connection. HTTP/2 clients that do not know a length end with such a piece.
        if end && body.as_ref().is_some_and(Bytes::is_empty) {
            *body = None;
        }
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        context: &mut Context,
    ) -> Result<()> {
        self.answered(session, response, context)
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        context: &mut Context,
    ) -> Result<()> {
        self.respond(session, response, context)
    }

    fn upstream_response_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        context: &mut Context,
    ) -> Result<Option<Duration>> {
        self.response_body(body.as_ref(), end, context).map(|()| None)
    }

    fn response_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        _end: bool,
        context: &mut Context,
    ) -> Result<Option<Duration>> {
        if let Some(call) = &context.grpc_web {
            call.response_body(body);
        }
        Ok(None)
    }

    async fn response_trailer_filter(
        &self,
        _session: &mut Session,
        trailers: &mut HeaderMap,
        context: &mut Context,
    ) -> Result<Option<Bytes>> {
        Ok(context.grpc_web.as_ref().and_then(|call| call.trailers(trailers)))
    }

    fn fail_to_connect(
        &self,
        session: &mut Session,
        _peer: &HttpPeer,
        context: &mut Context,
        error: Box<Error>,
    ) -> Box<Error> {
        self.unreachable(session, context, error)
    }

    fn error_while_proxy(
        &self,
        peer: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        context: &mut Context,
        reused: bool,
    ) -> Box<Error> {
        self.failed(peer, session, context, error, reused)
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        context: &mut Context,
    ) -> FailToProxy {
        self.give_up(session, error, context).await
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, context: &mut Context) {
        self.finish(session, error, context);
    }

    fn suppress_error_log(&self, _session: &Session, _context: &Context, _error: &Error) -> bool {
        // `finish` tells it, once.
        true
    }

    fn suppress_proxy_warn_log(
        &self,
        _session: &Session,
        _context: &Context,
        _error: &Error,
        _of: ProxyWarnLogContext,
    ) -> bool {
        true
    }
}
