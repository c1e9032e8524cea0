//! A request on the direct way: its tries at instances, and what each says of them. What is asked, counted and learned is what the phases of
//! [`crate::proxy`] ask, count and learn, in the same order.

use super::relay::{INFORMATIONAL_MAX, Relay, Times};
use super::reply::Reply;
use super::upload::{Trouble, Upload};
use super::{After, Direct, body_max, lines};
use crate::clock;
use crate::connection::client::Client;
use crate::connection::head::Framing;
use crate::connection::wire::Wire;
use crate::error::Problem;
use crate::proxy::context::Attempt;
use crate::proxy::failure::is_idempotent;
use crate::proxy::response::judged;
use crate::routing::Asked;
use crate::state::Route;
use crate::trace;
use crate::upstream::set::Live;
use crate::upstream::{Place, Upstream};
use bole_edge_core::balance::{Ending, Lease, Request, Token};
use bole_edge_core::health::outlier::Answer;
use bole_edge_core::limits::breaker::Pass;
use bole_net::metrics::Gauge;
use bytes::Bytes;
use http::Method;
use pingora_http::RequestHeader;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// Bytes of a request's body that are kept at most, whatever a service says: as many as the proxy library keeps.
const KEPT_BYTES_MAX: u64 = 64 << 10;

/// A request, and what was decided on it.
pub struct Call {
    /// When its head had come.
    pub began: Duration,
    /// Its head.
    pub request: RequestHeader,
    /// Its fields as the client wrote them.
    pub text: Bytes,
    /// How its body ends.
    pub framing: Framing,
    /// The client wants the connection to end.
    pub close: bool,
    /// What it asks for.
    pub asked: Asked,
    /// What `*` stood for in the route's path.
    pub rest: String,
    /// What its groups did.
    pub groups: Vec<String>,
    /// Whose request it is.
    pub ip: IpAddr,
    /// The hash of what it is kept together by.
    pub key: Option<u64>,
    /// Its name in logs.
    pub request_id: String,
    /// Its place in a trace.
    pub trace: trace::Parent,
    /// What services are told of the client.
    pub told: Arc<[u8]>,
    /// The route that took it.
    pub route: Arc<Route>,
    /// The service that it goes to.
    pub upstream: Arc<Upstream>,
    /// Members of `RateLimit-Policy` and `RateLimit`.
    pub rates: Vec<(String, String)>,
}

/// How a request goes.
pub struct Course {
    /// Its place among those of the service.
    pub place: Place,
    /// Its way through the breaker.
    pub pass: Option<Pass>,
    /// When all of it must be over.
    pub last: Option<Duration>,
    /// Where it has been tried.
    pub tried: Vec<Token>,
    /// The try that is under way, or was the last and did not fail.
    pub attempt: Option<Attempt>,
    /// Why it is answered by the gateway, or not at all.
    pub problem: Option<Trouble>,
    /// The status that the client got; 0 for none.
    pub status: u16,
    /// Bytes of the answer's body that the client got.
    pub response_bytes: u64,
    /// Something of the answer is with the client.
    pub begun: bool,
}

impl Course {
    /// Of a request that was let in.
    pub fn new(place: Place, pass: Option<Pass>, last: Option<Duration>) -> Self {
        let tried = Vec::new();
        Self {
            place,
            pass,
            last,
            tried,
            attempt: None,
            problem: None,
            status: 0,
            response_bytes: 0,
            begun: false,
        }
    }
}

/// An instance that was picked.
type Picked = (Lease, Arc<Live>);

/// A request that is under way.
pub struct Under {
    /// What was decided on it.
    pub call: Box<Call>,
    /// How it goes.
    pub course: Course,
    /// The target that instances see, if it is not the client's.
    pub target: Option<String>,
    /// Where it goes first.
    pub picked: Picked,
}

/// Counts a request as under way.
struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.add(-1);
    }
}

/// Why a try did not end with an answer to the client.
enum Stopped {
    /// The answer's status is one that is tried again, and it may be.
    Status,
    /// There was no connection.
    Unreachable(Trouble),
    /// It failed after that.
    Failed(Trouble),
}

impl From<Trouble> for Stopped {
    fn from(trouble: Trouble) -> Self {
        Self::Failed(trouble)
    }
}

impl Under {
    /// Carries it out. `last`: the connection must not go on.
    pub async fn run(
        self: Box<Self>,
        direct: &Direct,
        wire: &mut Wire,
        client: &Client,
        last: bool,
    ) -> After {
        let Self { call, mut course, target, picked } = *self;
        call.route.counters.in_flight.add(1);
        let open = Open(call.route.counters.in_flight.clone());
        let retries = &call.upstream.document.retries;
        let keeps = retries.attempts > 0 && is_idempotent(&call.request.method);
        let kept_max = keeps.then(|| retries.body_max.0.min(KEPT_BYTES_MAX) as usize);
        let mut upload = Upload::new(call.framing, body_max(&call.route, &direct.config), kept_max);
        let mut next = picked;
        let after = loop {
            let head = call.head(target.as_deref(), &next.1.member, direct.trusts(client));
            let tried =
                call.attempt(&mut course, direct, (&mut *wire, &mut upload), (next, head), last).await;
            let stopped = match tried {
                Ok(after) => break after,
                Err(stopped) => stopped,
            };
            match call.stopped(&mut course, direct, &mut upload, stopped) {
                Some(picked) => next = picked,
                None => break call.give_up(&mut course, direct, wire).await,
            }
        };
        call.finish(course, direct, client, (upload.bytes, true));
        drop(open);
        after
    }
}

impl Call {
    fn times(&self, last: Option<Duration>, direct: &Direct) -> Times {
        let timeouts = &self.upstream.document.timeouts;
        let limits = &direct.config.limits;
        Times {
            last,
            first_byte: self.upstream.document.retries.per_try.unwrap_or(timeouts.first_byte).0,
            read: timeouts.read.0,
            write: timeouts.write.0,
            body: limits.body_timeout,
            take: limits.write_timeout,
        }
    }

    /// One try at an instance.
    async fn attempt(
        &self,
        course: &mut Course,
        direct: &Direct,
        (wire, upload): (&mut Wire, &mut Upload),
        ((lease, live), head): (Picked, Vec<u8>),
        last: bool,
    ) -> Result<After, Stopped> {
        let now = clock::now();
        let service = &self.upstream.document;
        self.upstream.counters.tries.add(1);
        course.tried.push(lease.endpoint().token());
        course.problem = None;
        let stream = match live.pool.take(now) {
            Some(stream) => Ok(stream),
            None => self.connect(live.member.address, course.last).await,
        };
        course.attempt =
            Some(Attempt { lease, live: live.clone(), began: now, answered: None, counted: false });
        let stream = stream.map_err(Stopped::Unreachable)?;
        upload.begin(head, now);
        let bodyless = self.request.method == Method::HEAD;
        let mut relay = Relay::new(wire, stream, upload, (self.times(course.last, direct), bodyless));
        let mut reply = relay.head().await?;
        let mut informed = 0;
        while reply.status < 200 {
            informed += 1;
            if informed > INFORMATIONAL_MAX {
                return Err(Trouble::from(Problem::UpstreamGarbage).into());
            }
            relay.inform(reply.head("", false)).await?;
            relay.begun = false;
            reply = relay.head().await?;
        }
        self.answered(course, reply.status);
        if service.retries.statuses.contains(&reply.status)
            && self.may_try_again(course, direct, relay.is_whole(), false)
        {
            return Err(Stopped::Status);
        }
        let good = judged(reply.status) == Answer::Good;
        if let Some(pass) = course.pass.take() {
            clock::with_random(|random| pass.ended(good, clock::now(), random));
        }
        let most = self.route.document.response_body_max.map(|most| most.0);
        if most.is_some_and(|most| reply.length.is_some_and(|length| length > most)) {
            return Err(Trouble::from(Problem::ResponseTooLarge).into());
        }
        let last = last || self.close || *direct.closing.borrow();
        let head = self.seen(&mut reply, last);
        let passed = relay.answer(head, reply.ends, most).await;
        (course.begun, course.response_bytes) = (relay.begun, relay.told);
        course.status = if relay.begun { reply.status } else { 0 };
        passed?;
        let whole = relay.rest().await.is_ok();
        let quiet = relay.into_quiet();
        if let Some(stream) = quiet.filter(|_| reply.keeps) {
            let idle = service.connections.idle.0;
            live.pool.put(stream, reply.kept_for.map_or(idle, |kept| kept.min(idle)), &direct.keeper);
        }
        let goes_on = !last && whole && wire.is_over();
        Ok(if goes_on { After::Next } else { After::Close })
    }

    async fn connect(&self, address: SocketAddr, last: Option<Duration>) -> Result<TcpStream, Trouble> {
        let left = last.map(|last| last.saturating_sub(clock::now()).max(Duration::from_millis(1)));
        let limit = self.upstream.document.timeouts.connect.0;
        let limit = left.map_or(limit, |left| limit.min(left));
        let problem = match tokio::time::timeout(limit, TcpStream::connect(address)).await {
            Ok(Ok(stream)) if stream.set_nodelay(true).is_ok() => {
                self.upstream.counters.connects.add(1);
                return Ok(stream);
            }
            Err(_) => Problem::ConnectTimeout,
            Ok(Err(error)) if error.kind() == ErrorKind::TimedOut => Problem::ConnectTimeout,
            Ok(_) => Problem::ConnectFailed,
        };
        Err(problem.into())
    }

    /// The head of an answer came: what that says of the instance.
    fn answered(&self, course: &mut Course, status: u16) {
        let now = clock::now();
        let Some(attempt) = &mut course.attempt else { return };
        attempt.answered = Some(now);
        attempt.counted = true;
        self.upstream.counters.seconds.record(now.saturating_sub(attempt.began));
        self.upstream.set.count(&attempt.live, judged(status));
    }

    /// The head of the answer as the client sees it.
    fn seen(&self, reply: &mut Reply, last: bool) -> Vec<u8> {
        let changes = &self.route.change.response_headers;
        let mut id = self.request_id.as_str();
        if !self.rates.is_empty() {
            let names = ["ratelimit-policy", "ratelimit"];
            lines::change(&mut reply.fields, |map| names.iter().for_each(|name| drop(map.remove(*name))));
            self.limited(&mut reply.fields);
        }
        if !changes.is_empty() {
            lines::put(&mut reply.fields, b"x-request-id", id.as_bytes());
            self.with_values(|values| lines::change(&mut reply.fields, |map| changes.apply(map, values)));
            id = "";
        }
        reply.head(id, last)
    }

    /// Whether the request may be tried once more; takes it from the budget if so. `untouched`: no byte of it has reached an instance; `whole`: all
    /// that came of its body can be sent again.
    fn may_try_again(&self, course: &Course, direct: &Direct, whole: bool, untouched: bool) -> bool {
        let tries = course.tried.len() as u32;
        let left = tries <= self.upstream.document.retries.attempts && tries < direct.config.limits.tries_max;
        let safe = untouched || is_idempotent(&self.request.method);
        let in_time = course.last.is_none_or(|last| last > clock::now());
        if !(left && safe && whole && !course.begun && in_time) {
            return false;
        }
        if !self.upstream.protection.budget.lock().retry(clock::now()) {
            self.upstream.counters.retries_refused.add(1);
            return false;
        }
        self.upstream.counters.retries.add(1);
        true
    }

    /// A try ended without an answer. Where it is made again, if it is.
    fn stopped(
        &self,
        course: &mut Course,
        direct: &Direct,
        upload: &mut Upload,
        stopped: Stopped,
    ) -> Option<Picked> {
        let again = match stopped {
            Stopped::Status => {
                course.attempt = None;
                true
            }
            Stopped::Unreachable(trouble) => {
                self.blame(course, trouble.problem);
                course.problem = Some(trouble);
                self.may_try_again(course, direct, upload.is_whole(), true)
            }
            Stopped::Failed(trouble) => {
                let problem = trouble.problem;
                tracing::debug!("{}: {}", self.upstream.name, problem.row().name);
                course.problem = Some(trouble);
                if !problem.is_upstream() {
                    return None;
                }
                self.blame(course, problem);
                let worth = !matches!(problem, Problem::ResponseTooLarge | Problem::TotalTimeout);
                worth && self.may_try_again(course, direct, upload.is_whole(), false)
            }
        };
        if !again {
            return None;
        }
        if course.last.is_some_and(|last| last <= clock::now()) {
            course.problem = Some(Problem::TotalTimeout.into());
            return None;
        }
        let picked = self.upstream.set.pick(Request { key: self.key, sticky: None, avoid: &course.tried });
        if picked.is_none() {
            // What was tried said more than that nobody is left.
            course.problem.get_or_insert_with(|| Problem::NoInstance.into());
        }
        picked
    }

    /// Counts a failure against the instance.
    fn blame(&self, course: &mut Course, problem: Problem) {
        let Some(attempt) = course.attempt.take() else { return };
        self.upstream.counters.failures.add(1);
        if problem != Problem::ResponseTooLarge {
            self.upstream.set.count(&attempt.live, Answer::GatewayError);
            attempt.lease.finish(Ending::Failure, clock::now());
        }
    }
}
