//! What the instance sees of the request.

use super::Proxy;
use super::context::Context;
use super::target::decided;
use crate::dress;
use crate::error::Problem;
use crate::grpc_web::NotBase64;
use crate::routing::host_of;
use crate::state::Route;
use crate::trace;
use bole_gateway_document::service::HostHeader;
use bole_gateway_routes::forwarded::{Hop, Trusted};
use bytes::Bytes;
use http::header;
use pingora_core::Result;
use pingora_http::RequestHeader;
use pingora_proxy::Session;

/// What only the gateway says.
const OWN: [&str; 2] = ["x-bole-explain", "x-bole-identity"];

impl Proxy {
    pub(super) fn forward(
        &self,
        session: &Session,
        request: &mut RequestHeader,
        context: &mut Context,
    ) -> Result<()> {
        let (Some(exchange), Some(upstream)) = (&context.exchange, &context.upstream) else {
            return Err(decided(Problem::Internal));
        };
        let client = &exchange.client;
        let asked = host_of(session.req_header()).to_owned();
        let instance = context.attempt.as_ref().map(|attempt| &attempt.live.member);
        let Some(route) = &context.route else { return Err(decided(Problem::Internal)) };
        let target = match (&upstream.document.host, instance) {
            (HostHeader::Client, _) | (_, None) => None,
            (HostHeader::Instance, Some(member)) => Some(instance_host(&member.host, member.address.port())),
            (HostHeader::Name(name), _) => Some(name.clone()),
        };
        let rewrite = route.change.rewrite.as_ref();
        let target = target.or_else(|| rewrite.and_then(|rewrite| rewrite.host.clone()));
        // What was matched is what is sent; and the authority of a target of HTTP/2, or of an absolute one, would say another host.
        let changed = rewrite.is_some() || !route.change.query.is_empty() || context.query_stripped;
        if target.is_some() || context.asked.respelled || changed {
            let path = target_of(context, route)?;
            request.set_uri(http::Uri::try_from(path).map_err(|_| decided(Problem::BadRequest))?);
            let host = target.unwrap_or_else(|| asked.clone());
            if !host.is_empty() {
                request.insert_header(header::HOST, host)?;
            }
        }
        for name in OWN {
            request.remove_header(name);
        }
        if exchange.give_leave() {
            request.remove_header(&header::EXPECT);
        }
        let hop = Hop {
            peer: client.address.ip(),
            tls: client.tls.is_some(),
            host: &context.asked.host,
            port: context.asked.port,
        };
        let told = Trusted(&self.config.trusted_proxies).tell(&session.req_header().headers, hop);
        for name in &told.remove {
            request.remove_header(name);
        }
        for (name, value) in told.set {
            request.insert_header(name, value)?;
        }
        request.insert_header("x-request-id", context.request_id.as_str())?;
        if let Some(trace) = context.continued() {
            request.insert_header("traceparent", trace.to_string())?;
        }
        if let Some(record) = &mut context.record {
            record.asked(&request.method, request.uri.path());
        }
        if !trace::keeps_state(&session.req_header().headers) {
            request.remove_header("tracestate");
        }
        context.introduce(request)?;
        let changes = &route.change.request_headers;
        if !changes.is_empty() {
            context.with_values(route, |values| {
                dress::change(request, |headers| changes.apply(headers, values))
            })?;
        }
        Ok(())
    }

    /// Follows the body of the request.
    pub(super) fn request_body(
        &self,
        body: &mut Option<Bytes>,
        end: bool,
        context: &mut Context,
    ) -> Result<()> {
        let came = body.as_ref().map_or(0, Bytes::len) as u64;
        context.request_bytes += came;
        let most = context.route.as_ref().and_then(|route| route.document.request_body_max);
        let most = most.map_or(self.config.limits.request_body_bytes_max, |size| size.0);
        if context.request_bytes > most && !context.request_done {
            let detail = format!("at most {most} bytes are taken");
            context.problem = Some((Problem::BodyTooLarge, Some(detail)));
            return Err(decided(Problem::BodyTooLarge).into_down());
        }
        context.hold(body, end)?;
        self.hold_described(context, body, end)?;
        self.copy_piece(body.as_ref(), end, context);
        let waits = context.attempt.as_ref().is_some_and(|attempt| attempt.answered.is_none());
        if end {
            context.request_done = true;
            if let (true, Some(upstream)) = (waits, context.upstream.clone()) {
                let per_try = upstream.document.retries.per_try;
                let first_byte = per_try.unwrap_or(upstream.document.timeouts.first_byte).0;
                context.wait_at_most(first_byte, Problem::FirstByteTimeout);
            }
        }
        Ok(())
    }

    /// What the service gets of a piece of a call of gRPC-Web.
    pub(super) fn request_of_grpc_web(
        &self,
        body: &mut Option<Bytes>,
        end: bool,
        context: &mut Context,
    ) -> Result<()> {
        let Some(call) = &mut context.grpc_web else { return Ok(()) };
        call.request_body(body, end).map_err(|NotBase64| {
            let detail = "the body is not base64, which application/grpc-web-text is".to_owned();
            context.problem = Some((Problem::BadRequest, Some(detail)));
            decided(Problem::BadRequest).into_down()
        })
    }
}

/// Path and query as the route changes them.
pub(super) fn target_of(context: &Context, route: &Route) -> Result<String> {
    let path = path_of(context, route)?;
    let changes = &route.change.query;
    let query = if changes.is_empty() {
        context.query.clone()
    } else {
        context.with_values(route, |values| changes.apply(values))
    };
    Ok(query.map_or_else(|| path.clone(), |query| format!("{path}?{query}")))
}

/// The path as the route changes it.
pub(super) fn path_of(context: &Context, route: &Route) -> Result<String> {
    let Some(rewrite) = &route.change.rewrite else { return Ok(context.asked.path.clone()) };
    context.with_values(route, |values| {
        rewrite.path(values).map(std::borrow::Cow::into_owned).map_err(|_| decided(Problem::BadRequest))
    })
}

/// A host as it stands in `Host`.
fn instance_host(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
