//! What the instance sees of the request.

use super::Proxy;
use super::context::Context;
use super::request::{field, host};
use super::target::decided;
use crate::error::Problem;
use bole_gateway_document::service::HostHeader;
use bytes::Bytes;
use http::header;
use pingora_core::Result;
use pingora_http::RequestHeader;
use pingora_proxy::Session;

/// What other proxies said of the client. Believed only of those that are trusted.
const FORWARDED: [&str; 7] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-prefix",
    "x-real-ip",
];

/// What only the gateway says.
const OWN: [&str; 2] = ["x-bole-explain", "x-bole-identity"];

impl Proxy {
    pub(super) fn forward(
        &self,
        session: &Session,
        request: &mut RequestHeader,
        context: &Context,
    ) -> Result<()> {
        let (Some(exchange), Some(upstream)) = (&context.exchange, &context.upstream) else {
            return Err(decided(Problem::Internal));
        };
        let client = &exchange.client;
        let asked = host(session.req_header()).to_owned();
        let instance = context.attempt.as_ref().map(|attempt| &attempt.live.member);
        let target = match (&upstream.document.host, instance) {
            (HostHeader::Client, _) | (_, None) => None,
            (HostHeader::Instance, Some(member)) => Some(instance_host(&member.host, member.address.port())),
            (HostHeader::Name(name), _) => Some(name.clone()),
        };
        if let Some(target) = target {
            request.insert_header(header::HOST, target)?;
            // The authority of a target of HTTP/2, or of an absolute one, would say something else.
            let path = session.req_header().raw_path().to_vec();
            let path = path_of(&path);
            request.set_uri(http::Uri::try_from(path).map_err(|_| decided(Problem::BadRequest))?);
        }
        for name in OWN {
            request.remove_header(name);
        }
        let ip = client.address.ip().to_string();
        let before = field(&request.headers, "x-forwarded-for").filter(|_| client.trusted).map(str::to_owned);
        if !client.trusted {
            for name in FORWARDED {
                request.remove_header(name);
            }
        }
        let chain = before.map_or_else(|| ip.clone(), |before| format!("{before}, {ip}"));
        request.insert_header("x-forwarded-for", chain)?;
        let secured = client.tls.is_some();
        let said: [(&'static str, &str); 2] =
            [("x-forwarded-proto", if secured { "https" } else { "http" }), ("x-forwarded-host", &asked)];
        for (name, value) in said {
            if !request.headers.contains_key(name) && !value.is_empty() {
                request.insert_header(name, value)?;
            }
        }
        request.insert_header("x-request-id", context.request_id.as_str())?;
        if let Some(trace) = &context.trace {
            request.insert_header("traceparent", trace.to_string())?;
        }
        if context.trace.is_none() {
            request.remove_header("tracestate");
        }
        Ok(())
    }

    /// Follows the body of the request.
    pub(super) fn request_body(&self, body: Option<&Bytes>, end: bool, context: &mut Context) -> Result<()> {
        let came = body.map_or(0, Bytes::len) as u64;
        context.request_bytes += came;
        let most = context.route.as_ref().and_then(|route| route.document.request_body_max);
        let most = most.map_or(self.config.limits.request_body_bytes_max, |size| size.0);
        if context.request_bytes > most && !context.request_done {
            let detail = format!("at most {most} bytes are taken");
            context.problem = Some((Problem::BodyTooLarge, Some(detail)));
            return Err(decided(Problem::BodyTooLarge).into_down());
        }
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
}

/// A host as it stands in `Host`.
fn instance_host(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// The path and query of a target.
fn path_of(target: &[u8]) -> &[u8] {
    if target.first() == Some(&b'/') || target == b"*" {
        return target;
    }
    let rest = target.windows(3).position(|window| window == b"://").map_or(target, |at| &target[at + 3..]);
    rest.iter().position(|byte| *byte == b'/').map_or(b"/", |at| &rest[at..])
}
