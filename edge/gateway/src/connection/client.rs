//! Who is at the other end of a connection, and what the connection and the request on it tell each other.

use parking_lot::Mutex;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

use super::head::Refused;
use super::leave::Leave;

/// What is known of a client.
#[derive(Debug)]
pub struct Client {
    /// Its address: that of the PROXY line if there is one.
    pub address: SocketAddr,
    /// The address that it came to.
    pub local: SocketAddr,
    /// Whose `X-Forwarded-*` are believed.
    pub trusted: bool,
    /// Its TLS, if there is any.
    pub tls: Option<TlsFacts>,
    /// The connection's number.
    pub id: u64,
    /// It is this gateway, which fetches what an answer named as needed next.
    pub is_prefetch: bool,
}

/// What was agreed on in a handshake.
#[derive(Clone, Debug)]
pub struct TlsFacts {
    /// The name that the client asked for.
    pub server_name: Option<String>,
    /// `TLSv1.3`, for logs.
    pub version: &'static str,
    /// The client's certificate (DER), verified.
    pub certificate: Option<Vec<u8>>,
}

/// What one request and the stream that it came on tell each other.
#[derive(Debug)]
pub struct Exchange {
    /// Who asks.
    pub client: Arc<Client>,
    /// Nanoseconds of [`crate::clock::now`] at which the stream gives up; 0 for never.
    deadline: AtomicU64,
    /// Each piece that goes on puts the deadline off to this long from then; 0 if none does.
    stretch: AtomicU64,
    /// But never to later than this; 0 for no bound.
    last: AtomicU64,
    expired: AtomicBool,
    /// The connection is the other protocol's from now on.
    upgraded: AtomicBool,
    /// Bytes came before the upgrade was answered.
    premature: AtomicBool,
    /// The body has begun to come, or an answer has.
    goes_on: AtomicBool,
    /// Of a client that waits for leave to send its body, where it can be given by us.
    leave: Mutex<Option<Leave>>,
    /// It was.
    leave_given: AtomicBool,
    refused: Mutex<Option<Refused>>,
    /// Whether the stream looks at the deadline, so that nobody else must.
    pub watched: bool,
    /// Of a stream that does not: the deadline is another one.
    moved: Notify,
}

impl Exchange {
    /// Of a request that begins.
    pub fn new(client: Arc<Client>, watched: bool) -> Arc<Self> {
        Arc::new(Self {
            client,
            deadline: AtomicU64::new(0),
            stretch: AtomicU64::new(0),
            last: AtomicU64::new(0),
            expired: AtomicBool::new(false),
            upgraded: AtomicBool::new(false),
            premature: AtomicBool::new(false),
            goes_on: AtomicBool::new(false),
            leave: Mutex::new(None),
            leave_given: AtomicBool::new(false),
            refused: Mutex::new(None),
            watched,
            moved: Notify::new(),
        })
    }

    /// The exchange that a session belongs to.
    pub fn of(session: &Session) -> Option<&Arc<Self>> {
        session.digest()?.proxy_digest.as_ref()?.user_data.as_ref()?.downcast_ref::<Arc<Self>>()
    }

    /// What carries it through the library, as data of the user's own.
    pub fn digest(self: &Arc<Self>) -> Arc<ProxyDigest> {
        let response = ResponseHeader::build(200, Some(0)).expect("invariant: 200 is a status");
        Arc::new(ProxyDigest::new(Box::new(response), Some(Box::new(self.clone()))))
    }

    /// Sets the time at which the stream gives up; `None` for never.
    pub fn set_deadline(&self, at: Option<Duration>) {
        self.stretch.store(0, Ordering::Release);
        self.deadline.store(at.map_or(0, |at| at.as_nanos() as u64), Ordering::Release);
        self.expired.store(false, Ordering::Release);
        if !self.watched {
            self.moved.notify_one();
        }
    }

    /// Waits until the deadline of a stream that does not look at it has passed, and counts it. One waits at a time; safe to cancel.
    pub async fn overdue(&self) {
        loop {
            let moved = self.moved.notified();
            let Some(deadline) = self.deadline() else {
                moved.await;
                continue;
            };
            if deadline <= crate::clock::now() {
                return self.expire();
            }
            tokio::select! {
                () = tokio::time::sleep_until(crate::clock::instant(deadline)) => {}
                () = moved => {}
            }
        }
    }

    /// From now on the stream gives up when nothing went on for `stretch`, and at `last` in any case.
    pub fn set_stretch(&self, stretch: Duration, last: Option<Duration>) {
        self.last.store(last.map_or(0, |last| last.as_nanos() as u64), Ordering::Release);
        self.stretch.store(stretch.as_nanos() as u64, Ordering::Release);
        self.expired.store(false, Ordering::Release);
        self.touch();
    }

    /// Something went on.
    pub fn touch(&self) {
        let stretch = self.stretch.load(Ordering::Acquire);
        if stretch > 0 {
            let (at, last) =
                (crate::clock::now().as_nanos() as u64 + stretch, self.last.load(Ordering::Acquire));
            self.deadline.store(if last > 0 { at.min(last) } else { at }, Ordering::Release);
        }
    }

    /// The time at which the stream gives up.
    pub fn deadline(&self) -> Option<Duration> {
        let nanos = self.deadline.load(Ordering::Acquire);
        (nanos > 0).then(|| Duration::from_nanos(nanos))
    }

    /// The deadline has passed. It counts once.
    pub(super) fn expire(&self) {
        self.stretch.store(0, Ordering::Release);
        self.deadline.store(0, Ordering::Release);
        self.expired.store(true, Ordering::Release);
    }

    /// Whether the stream gave up at the deadline that was set last.
    pub fn has_expired(&self) -> bool {
        self.expired.load(Ordering::Acquire)
    }

    /// The upgrade was answered: from now on bytes pass unseen.
    ///
    /// # Errors
    /// The client did not wait for the answer.
    pub fn upgrade(&self) -> Result<(), Refused> {
        if self.premature.load(Ordering::Acquire) {
            let detail = "bytes of another protocol came before it was agreed on";
            return Err(Refused { problem: crate::error::Problem::BadRequest, detail });
        }
        self.upgraded.store(true, Ordering::Release);
        Ok(())
    }

    /// The client does not wait any more for leave to send its body: it sends it, or was answered.
    pub fn go_on(&self) {
        self.goes_on.store(true, Ordering::Release);
    }

    /// The client waits for this leave.
    pub(super) fn set_leave(&self, leave: Leave) {
        *self.leave.lock() = Some(leave);
    }

    /// Gives the client leave to send its body, if it waits for that and it is ours to give. Whether it was given, now or before.
    pub fn give_leave(&self) -> bool {
        if let Some(leave) = self.leave.lock().take() {
            self.leave_given.store(true, Ordering::Release);
            self.go_on();
            leave.give();
        }
        self.leave_given.load(Ordering::Acquire)
    }

    pub(super) fn goes_on(&self) -> bool {
        self.goes_on.load(Ordering::Acquire)
    }

    pub(super) fn is_upgraded(&self) -> bool {
        self.upgraded.load(Ordering::Acquire)
    }

    pub(super) fn mark_premature(&self) {
        self.premature.store(true, Ordering::Release);
    }

    pub(super) fn refuse(&self, refused: Refused) {
        *self.refused.lock() = Some(refused);
    }

    /// What was wrong with the body, if anything was.
    pub fn refused(&self) -> Option<Refused> {
        *self.refused.lock()
    }
}
