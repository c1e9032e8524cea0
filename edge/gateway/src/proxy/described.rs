//! Requests and answers of services that are described: what does not fit is refused, or only counted and logged.
//!
//! A body that is checked is held until it is whole, so that the instance gets either all of one that fits or none of it.

use super::Proxy;
use super::context::Context;
use super::forward::target_of;
use super::request::field;
use super::target::decided;
use crate::described::{BODY_BYTES_MAX, Described};
use crate::error::Problem;
use crate::state::Route;
use bole_gateway_openapi::content::{Content, Wrong};
use bole_gateway_openapi::parameter::Given;
use bole_gateway_openapi::{Found, Misfit, Operation};
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Method};
use pingora_core::Result;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use std::sync::Arc;

/// What is looked at of one exchange.
pub struct Watch {
    described: Arc<Described>,
    operation: Arc<Operation>,
    request: Option<Body>,
    answer: Option<Body>,
}

/// A body on its way.
struct Body {
    media: String,
    status: u16,
    bytes: BytesMut,
}

impl Body {
    fn new(media: String, status: u16) -> Self {
        Self { media, status, bytes: BytesMut::new() }
    }

    /// Takes the next piece, if there is room for it.
    fn take(&mut self, piece: &[u8]) -> bool {
        let fits = self.bytes.len() + piece.len() <= BODY_BYTES_MAX;
        if fits {
            self.bytes.extend_from_slice(piece);
        }
        fits
    }
}

fn media(headers: &HeaderMap) -> String {
    field(headers, CONTENT_TYPE.as_str()).unwrap_or_default().to_owned()
}

fn is_coded(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_ENCODING).is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

impl Proxy {
    /// Checks the head of a request against the description of the service that it goes to, if there is one.
    pub(super) fn described(
        &self,
        session: &mut Session,
        context: &mut Context,
        route: &Route,
        service: &str,
    ) -> Result<(), (Problem, Option<String>)> {
        let described = context.state.as_ref().and_then(|state| state.described.get(service)).cloned();
        let Some(described) = described else { return Ok(()) };
        let target = target_of(context, route).map_err(|_| (Problem::BadRequest, None))?;
        let has_body = !session.is_body_empty();
        let request = session.req_header();
        let (path, query) =
            target.split_once('?').map_or((&*target, None), |(path, query)| (path, Some(query)));
        let (operation, misfits) = match described.api.operation(&request.method, path) {
            Found::Operation(operation, values) => {
                let given = Given { path: values, query, headers: &request.headers };
                let mut misfits = operation.request(&given, has_body);
                let media = media(&request.headers);
                let reads = has_body && operation.body.reads(&media);
                if reads && is_coded(&request.headers) {
                    let wrong = "bodies that are coded cannot be looked at; send it as it is";
                    misfits.push(Misfit {
                        place: "header.content-encoding".to_owned(),
                        wrong: wrong.to_owned(),
                    });
                }
                let body = (reads && misfits.is_empty()).then(|| Body::new(media, 0));
                (Some((operation, body)), misfits)
            }
            Found::OtherMethods(methods) => {
                let methods: Vec<String> = methods.iter().map(|method| method.to_ascii_uppercase()).collect();
                let wrong = format!(
                    "{} is not described for this path; there are {}",
                    request.method,
                    methods.join(", ")
                );
                (None, vec![Misfit { place: "method".to_owned(), wrong }])
            }
            Found::Nothing => {
                let wrong = "the service's description has no such path".to_owned();
                (None, vec![Misfit { place: "path".to_owned(), wrong }])
            }
        };
        if !misfits.is_empty() {
            self.unfit(context, &described, misfits, Problem::RequestUnfit)?;
        } else if operation.as_ref().is_some_and(|(_, body)| body.is_none()) {
            described.requests_seen.fits.add(1);
        }
        context.watch = operation
            .map(|(operation, request)| Box::new(Watch { described, operation, request, answer: None }));
        Ok(())
    }

    /// Counts what does not fit; refuses it, if it is not only looked at.
    fn unfit(
        &self,
        context: &mut Context,
        described: &Described,
        misfits: Vec<Misfit>,
        problem: Problem,
    ) -> Result<(), (Problem, Option<String>)> {
        described.requests_seen.differs.add(1);
        described.tell("request", &context.request_id, &misfits);
        if described.shadow {
            return Ok(());
        }
        context.misfits = misfits;
        Err((problem, None))
    }

    /// Holds the body of a request that is checked until it is whole.
    pub(super) fn hold_described(
        &self,
        context: &mut Context,
        body: &mut Option<Bytes>,
        end: bool,
    ) -> Result<()> {
        let Some(watch) = context.watch.as_deref_mut() else { return Ok(()) };
        let (described, operation) = (watch.described.clone(), watch.operation.clone());
        let Some(held) = &mut watch.request else { return Ok(()) };
        let fits = body.as_ref().is_none_or(|piece| held.take(piece));
        if !fits {
            watch.request = None;
            described.requests_seen.passed_over.add(1);
            if described.shadow {
                return Ok(());
            }
            let detail = format!(
                "at most {BODY_BYTES_MAX} bytes are taken where the service's description is checked"
            );
            context.problem = Some((Problem::BodyTooLarge, Some(detail)));
            return Err(decided(Problem::BodyTooLarge).into_down());
        }
        if !end {
            if !described.shadow {
                *body = Some(Bytes::new());
            }
            return Ok(());
        }
        let Some(held) = watch.request.take() else { return Ok(()) };
        let (misfits, problem) = match operation.check_body(&held.media, &held.bytes) {
            Ok(()) => {
                described.requests_seen.fits.add(1);
                if !described.shadow {
                    *body = (!held.bytes.is_empty()).then(|| held.bytes.freeze());
                }
                return Ok(());
            }
            Err(Wrong::Malformed(misfit)) => (vec![misfit], Problem::RequestUnfit),
            Err(Wrong::Unfit(misfits)) => (misfits, Problem::BodyUnfit),
        };
        self.unfit(context, &described, misfits, problem).map_err(|refused| {
            context.problem = Some(refused);
            decided(problem).into_down()
        })
    }
}

impl Proxy {
    /// The descriptions of all services, as one.
    pub(super) fn api(&self, context: &Context, title: &str) -> Result<(ResponseHeader, Bytes)> {
        let mut head = ResponseHeader::build(200, Some(4))?;
        head.insert_header(CONTENT_TYPE, "application/json")?;
        let merged = context.state.as_ref().map(|state| state.merged(title)).unwrap_or_default();
        Ok((head, merged.to_string().into()))
    }
}

impl Context {
    /// The body comes once more, for another try.
    pub(super) fn begin_again(&mut self) {
        self.held = None;
        if let Some(copy) = &mut self.copy {
            copy.begin_again();
        }
        if let Some(held) = self.watch.as_deref_mut().and_then(|watch| watch.request.as_mut()) {
            held.bytes.clear();
        }
    }

    /// The head of an answer came: what of it is looked at.
    pub(crate) fn look_at_answer(&mut self, method: &Method, response: &ResponseHeader) {
        let Some(watch) = self.watch.as_deref_mut().filter(|watch| watch.described.answers) else { return };
        let status = response.status.as_u16();
        let bare = *method == Method::HEAD || matches!(status, 101 | 204 | 304);
        let seen = &watch.described.answers_seen;
        let misfit = match watch.operation.answer(status) {
            None => Some(Misfit { place: "status".to_owned(), wrong: format!("{status} is not described") }),
            Some(content) if bare || content.is_empty() => None,
            Some(content) => {
                let media = media(&response.headers);
                let misfit = content.check_type(
                    "header.content-type",
                    Some(&media).filter(|media| !media.is_empty()).map(|media| &**media),
                );
                if misfit.is_none() && content.reads(&media) {
                    if is_coded(&response.headers) {
                        seen.passed_over.add(1);
                    } else {
                        watch.answer = Some(Body::new(media, status));
                    }
                    return;
                }
                misfit
            }
        };
        match misfit {
            None => seen.fits.add(1),
            Some(misfit) => {
                seen.differs.add(1);
                watch.described.tell("answer", &self.request_id, &[misfit]);
            }
        }
    }

    /// The next piece of an answer that is looked at. It is never held.
    pub(crate) fn look_at_piece(&mut self, piece: Option<&Bytes>, end: bool) {
        let Some(watch) = self.watch.as_deref_mut() else { return };
        let Some(seen) = &mut watch.answer else { return };
        let counters = &watch.described.answers_seen;
        if piece.is_some_and(|piece| !seen.take(piece)) {
            counters.passed_over.add(1);
            watch.answer = None;
            return;
        }
        if !end {
            return;
        }
        let Some(seen) = watch.answer.take() else { return };
        let content = watch.operation.answer(seen.status);
        let judged =
            content.map_or(Ok(()), |content: &Content| content.check("body", &seen.media, &seen.bytes));
        match judged {
            Ok(()) => counters.fits.add(1),
            Err(wrong) => {
                counters.differs.add(1);
                let misfits = match wrong {
                    Wrong::Malformed(misfit) => vec![misfit],
                    Wrong::Unfit(misfits) => misfits,
                };
                watch.described.tell("answer", &self.request_id, &misfits);
            }
        }
    }
}
