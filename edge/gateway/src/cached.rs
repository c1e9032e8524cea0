//! Routes whose answers are stored. A `GET` or `HEAD` without a body is answered by the cache (`bole-cdn`), which asks the route's service through the
//! [`source`] when it must; all else goes its usual way, and what it changes makes stored answers invalid.
//!
//! What a client sees of its own (request id, limits, permission of its origin, changes of headers, compression) is put on each answer and never
//! stored. Answers are shared by routes that ask the same service in the same way: see [`space`].

pub mod images;
pub mod network;
pub mod packed;
pub mod prefetch;
pub mod source;
pub mod warm;

use crate::connection::client::Client;
use crate::error::{PROBLEMS, Problem};
use crate::inner::{self, Facts};
use crate::proxy::Proxy;
use crate::proxy::context::Context;
use crate::routing::Asked;
use crate::state::Route;
use crate::upstream::Upstream;
use bole_cdn::{Body, Cache, Manner, Origin, Request, Response, Unanswered};
use bole_gateway_document::Document;
use bole_gateway_document::route as document;
use futures_util::StreamExt as _;
use http::header::{self, HeaderMap};
use http::{Method, StatusCode, Uri};
use network::Network;
use packed::Packed;
use pingora_core::{Error, ErrorType, Result};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use source::Source;
use std::sync::Arc;

/// What a gateway stores answers with.
#[derive(Clone)]
pub struct Store {
    /// The cache.
    pub cache: Cache,
    /// The network of caches that this one belongs to.
    pub network: Option<Arc<Network>>,
    /// Whether edges stand before this gateway.
    pub shield: bool,
}

/// The name of what a route's answers are shared in: the service, and all by which the route changes what it is asked. So routes that are told
/// apart by something that no URL says never get each other's answers, and a route that changes begins anew.
pub fn space(route: &document::Route, service: &str) -> Arc<str> {
    let mut changes = serde_json::json!([route.rewrite, route.request_headers, route.query_changes]);
    if let (Some(changes), Some(compression)) = (changes.as_array_mut(), &route.compression) {
        changes.push(serde_json::json!(compression));
    }
    let changes = bole_edge_core::hash::of(0, changes.to_string().as_bytes());
    format!("{service} {changes:016x}").into()
}

/// All spaces of a document.
pub fn spaces(document: &Document) -> Vec<Arc<str>> {
    let cached = document.routes.values().filter(|route| is_on(route));
    let mut spaces: Vec<Arc<str>> = cached
        .flat_map(|route| {
            let services = route.service.iter().chain(route.split.iter().map(|share| &share.service));
            let own = services.map(|service| space(route, service));
            own.flat_map(|space| [images::space(&space), space]).collect::<Vec<_>>()
        })
        .collect();
    spaces.sort_unstable();
    spaces.dedup();
    spaces
}

/// Whether a route's answers are stored.
pub fn is_on(route: &document::Route) -> bool {
    route.cache.as_ref().is_some_and(|cache| cache.enabled)
}

/// Whether the cache answers a request: it is only asked for what has no body and stays HTTP.
pub fn takes(session: &mut Session) -> bool {
    let read = matches!(session.req_header().method, Method::GET | Method::HEAD);
    read && !session.is_upgrade_req() && session.is_body_empty()
}

/// The absolute URI of a request. Its scheme is the one that the service is told: of a trusted proxy, what that says. `None`: it has no usable host.
fn uri(asked: &Asked, query: Option<&str>, client: &Client, headers: &HeaderMap) -> Option<Uri> {
    let own = if asked.tls { 443 } else { 80 };
    let told = headers.get("x-forwarded-proto").filter(|_| client.trusted);
    let secured = told.map_or(asked.tls, |told| told.as_bytes().eq_ignore_ascii_case(b"https"));
    let scheme = if secured { "https" } else { "http" };
    let authority = match (asked.host.contains(':') && !asked.host.starts_with('['), asked.port) {
        (true, port) => format!("[{}]:{port}", asked.host),
        (false, port) if port == own => asked.host.clone(),
        (false, port) => format!("{}:{port}", asked.host),
    };
    let target = query.map_or_else(|| asked.path.clone(), |query| format!("{}?{query}", asked.path));
    Uri::builder().scheme(scheme).authority(authority).path_and_query(target).build().ok()
}

impl Proxy {
    /// Answers from the cache.
    pub(crate) async fn stored(
        &self,
        session: &mut Session,
        context: &mut Context,
        route: &Arc<Route>,
        upstream: &Arc<Upstream>,
    ) -> Result<()> {
        // What it takes out of the query no service sees.
        let image = images::wish(route, context, &session.req_header().headers);
        let head = session.req_header();
        let (Some(store), Some(exchange), Some(facts)) =
            (&self.store, context.exchange.clone(), Facts::of(context, upstream, head))
        else {
            return Error::e_explain(ErrorType::InternalError, "a route is cached and there is no cache");
        };
        let Some(uri) = uri(&context.asked, context.query.as_deref(), &exchange.client, &head.headers) else {
            context.problem =
                Some((Problem::BadRequest, Some("a stored answer needs a host to be found by".to_owned())));
            return self.tell(session, context).await;
        };
        // Answers that are stored are not looked at for the service's description.
        context.watch = None;
        let mut headers = inner::fields(head);
        if !store.shield {
            headers.remove(network::QUESTION);
        }
        // Before anything is looked for: what an answer varies by is what the service sees.
        context.introduce_to(&mut headers);
        // Read before anything is looked for: what is answered is as new as this says.
        let told = headers.remove(network::QUESTION).and_then(|question| {
            store.network.as_ref().filter(|_| store.shield).and_then(|network| network.answer(&question))
        });
        let compression = route.document.compression.as_ref();
        if let Some(settings) = compression {
            packed::settle(settings, &mut headers);
        }
        images::mark(image, &mut headers);
        let mut request = Request::new(Body::empty());
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) =
            (head.method.clone(), uri, headers);
        let shield = route.document.cache.as_ref().is_some_and(|cache| cache.shield);
        let source: Arc<dyn Origin> = Arc::new(Source {
            engine: self.engine.get().cloned().unwrap_or_default(),
            facts: Arc::new(facts),
            network: store.network.clone().filter(|_| shield),
        });
        let source = match compression {
            Some(settings) => Arc::new(Packed { inner: source, settings: settings.clone() }),
            None => source,
        };
        let mut space = route.spaces.get(&*upstream.name).cloned().unwrap_or_default();
        let mut source = source;
        if image.is_some() {
            let (inner, cache) = (source, store.cache.clone());
            let originals = std::mem::take(&mut space);
            space = images::space(&originals);
            let authenticated = route.is_personal;
            source = Arc::new(images::Imaged { inner, cache, space: originals, authenticated });
        }
        let prefetch = route.document.cache.as_ref().is_some_and(|cache| cache.prefetch);
        let asked = (prefetch && !exchange.client.is_prefetch && head.method == Method::GET)
            .then(|| (request.uri().clone(), request.headers().clone()));
        let manner = Manner { space: &space, authenticated: route.is_personal };
        let mut response = store.cache.handle_as(manner, request, source).await;
        if let Some(told) = told {
            response.headers_mut().insert(network::ANSWER, told);
        }
        context.cache_status = response.headers().get("cache-status").cloned();
        if let Some((uri, fields)) = asked {
            self.prefetcher.look(&self.engine, &uri, &fields, &response);
        }
        if let Some(Unanswered(reason)) = response.extensions().get() {
            let row = PROBLEMS.iter().find(|row| row.name == &**reason);
            context.problem = Some((row.map_or(Problem::UpstreamClosed, |row| row.problem), None));
            return self.tell(session, context).await;
        }
        self.hand_out(session, context, response).await
    }

    /// Sends an answer of the cache, or of a request of the gateway's own. One that breaks off ends the connection.
    pub(crate) async fn hand_out(
        &self,
        session: &mut Session,
        context: &mut Context,
        response: Response,
    ) -> Result<()> {
        let (parts, mut body) = response.into_parts();
        let mut head = ResponseHeader::build(parts.status, Some(parts.headers.len() + 8))?;
        for (name, value) in &parts.headers {
            head.append_header(name.clone(), value.clone())?;
        }
        if *self.closing.borrow() {
            session.set_keepalive(None);
        }
        context.look_at_answer(&session.req_header().method, &head);
        self.decorate(&mut head, context)?;
        let bodyless = session.req_header().method == Method::HEAD
            || matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if bodyless || body.is_empty() {
            if !bodyless {
                head.insert_header(header::CONTENT_LENGTH, 0)?;
            }
            return session.write_response_header(Box::new(head), true).await;
        }
        if !head.headers.contains_key(header::CONTENT_LENGTH) {
            match session.req_header().version {
                http::Version::HTTP_10 => session.set_keepalive(None),
                http::Version::HTTP_11 => head.insert_header(header::TRANSFER_ENCODING, "chunked")?,
                _ => {}
            }
        }
        session.write_response_header(Box::new(head), false).await?;
        while let Some(piece) = body.next().await {
            match piece {
                Ok(piece) => {
                    context.response_bytes += piece.len() as u64;
                    context.look_at_piece(Some(&piece), false);
                    session.write_response_body(Some(piece), false).await?;
                }
                Err(error) => {
                    context.problem = Some((Problem::UpstreamClosed, None));
                    return Error::e_explain(ErrorType::ReadError, error.to_string());
                }
            }
        }
        context.look_at_piece(None, true);
        session.write_response_body(None, true).await
    }

    /// What went its usual way was answered: what it changed is no longer answered from the cache.
    pub(crate) fn changed(&self, session: &Session, context: &Context, response: &ResponseHeader) {
        let Some(store) = self.store.as_ref().filter(|_| context.inner.is_none()) else { return };
        let Some(exchange) = &context.exchange else { return };
        let head = session.req_header();
        let method = &head.method;
        if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return;
        }
        if let Some(uri) = uri(&context.asked, context.query.as_deref(), &exchange.client, &head.headers) {
            store.cache.answered_elsewhere(method, &uri, response.status, &response.headers);
        }
    }
}
