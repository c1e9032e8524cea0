//! Objects of buckets, as the answers to requests.

use super::Proxy;
use super::context::Context;
use super::forward::path_of;
use crate::bucket::{Bucket, Shown, Visit};
use crate::error::Problem;
use crate::state::Route;
use bole_cdn::{Body, Response};
use http::{HeaderValue, StatusCode, header};
use pingora_core::Result;
use pingora_proxy::Session;
use std::net::SocketAddr;

impl Proxy {
    /// Answers with an object.
    pub(super) async fn show(
        &self,
        session: &mut Session,
        context: &mut Context,
        route: &Route,
        bucket: &Bucket,
    ) -> Result<()> {
        let shown = match path_of(context, route) {
            Ok(path) => {
                let request = session.req_header();
                let port = context.exchange.as_ref().map_or(0, |exchange| exchange.client.address.port());
                let visit = Visit {
                    method: &request.method,
                    headers: &request.headers,
                    client: SocketAddr::new(context.ip, port),
                    secured: context.secured,
                };
                bucket.show(&path, visit).await
            }
            Err(_) => Shown::Problem(Problem::BadRequest),
        };
        let answer = match shown {
            Shown::Answer(answer) => Ok(answer),
            Shown::Folder => folder(context),
            Shown::Problem(problem) => Err(problem),
        };
        match answer {
            Ok(answer) => {
                if !session.is_body_empty() {
                    session.set_keepalive(None);
                }
                self.hand_out(session, context, answer).await
            }
            Err(problem) => {
                let public = "there is no such object that everybody may read";
                let detail = (problem == Problem::NotFound).then(|| public.to_owned());
                context.problem = Some((problem, detail));
                self.tell(session, context).await
            }
        }
    }
}

/// The path that the client asked for, with a slash.
fn folder(context: &Context) -> Result<Response, Problem> {
    let query = context.query.as_ref().map_or_else(String::new, |query| format!("?{query}"));
    let to = format!("/{}/{query}", context.asked.path.trim_start_matches('/'));
    let to = HeaderValue::try_from(to).map_err(|_| Problem::BadRequest)?;
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
    answer.headers_mut().insert(header::LOCATION, to);
    Ok(answer)
}
