//! One connection: logs its client in, gathers its messages, has them run on a thread of the pool, and sends what comes out once it is
//! durable.
//!
//! # Invariants
//! - An idle connection holds no thread and no connection of SQLite's; in a transaction it holds what that needs.
//! - Nothing is sent before what it shows is durable.
//! - Input is read only while the messages before it are done, so a client that does not read its replies fills no memory here.

mod login;
mod scram;
mod sending;
mod startup;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bole_net::listener;
use bole_net::stream::Stream;
use bole_sql_types::{Error, SqlState};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::protocol::backend::{self, Severity, Status};
use crate::protocol::{Broken, Message, frontend};
use crate::service::Service;
use crate::session::cancel::{Canceller, Reason};
use crate::session::notify::{Inbox, Notification};
use crate::session::{Granted, Outcome, Session, Shared, State, Wait};
use login::Login;

/// The least that is read ahead.
const INPUT_BYTES_MIN: usize = 4 << 10;
/// A message's buffer grows as its bytes arrive, in steps of at most this.
const INPUT_BYTES_STEP: usize = 1 << 20;
/// Bytes of messages that are gathered before they are run, whatever they are.
const BATCH_BYTES: usize = 1 << 20;
/// How often an interrupt is repeated.
const INTERRUPT_INTERVAL: Duration = Duration::from_millis(20);

/// How long a client that reads nothing keeps its connection once the service drains.
const DRAIN_GRACE: Duration = Duration::from_secs(1);
/// How long a connection that ends waits for its client to take the last bytes.
const FAREWELL_MAX: Duration = Duration::from_secs(5);

/// Why a connection ends.
#[derive(Debug)]
enum End {
    /// Its socket failed or closed.
    Io(io::Error),
    /// The client is told this.
    Fatal(Error),
    /// The client left.
    Left,
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Broken> for End {
    fn from(broken: Broken) -> Self {
        Self::Fatal(broken.0)
    }
}

/// Serves one client until it leaves, is refused, or the service drains.
pub async fn serve(service: Arc<Service>, connection: listener::Connection) {
    let peer = connection.peer;
    let mut wire = Wire { stream: Some(connection.stream), input: BytesMut::new() };
    let login = tokio::select! {
        login = timeout(service.config.login_timeout, login::run(&service, &mut wire)) => login,
        () = service.drained() => Ok(Err(End::Fatal(shutting_down()))),
    };
    let end = match login {
        Err(_) => End::Left,
        Ok(Err(end)) => end,
        Ok(Ok(None)) => return,
        Ok(Ok(Some(login))) => {
            let mut client = Client::new(&service, wire, login);
            let end = client.serve().await;
            wire = client.leave().await;
            end
        }
    };
    match end {
        End::Left => {}
        End::Io(error) => tracing::debug!(%peer, %error, "a connection ended"),
        End::Fatal(error) => {
            tracing::debug!(%peer, %error, "a client was disconnected");
            let mut out = Vec::new();
            backend::report(&mut out, Severity::Fatal, &error);
            let _gone = timeout(FAREWELL_MAX, wire.send(&out)).await;
        }
    }
    let _gone = timeout(FAREWELL_MAX, wire.shutdown()).await;
}

fn shutting_down() -> Error {
    Error::new(SqlState::ADMIN_SHUTDOWN, "terminating connection due to administrator command")
}

/// A client's bytes.
struct Wire {
    /// Away only while it is secured.
    stream: Option<Stream>,
    input: BytesMut,
}

impl Wire {
    fn stream(&mut self) -> io::Result<&mut Stream> {
        self.stream.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stream = self.stream()?;
        stream.write_all(bytes).await?;
        stream.flush().await
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        self.stream()?.shutdown().await
    }

    /// Reads what has come; may be dropped. Errors: the client has closed.
    async fn read(&mut self, missing: usize) -> Result<(), End> {
        self.input.reserve(missing.clamp(INPUT_BYTES_MIN, INPUT_BYTES_STEP));
        let stream = self.stream.as_mut().ok_or(io::Error::from(io::ErrorKind::NotConnected))?;
        match stream.read_buf(&mut self.input).await? {
            0 => Err(End::Left),
            _ => Ok(()),
        }
    }
}

/// What happens to an idle connection.
enum Event {
    /// Messages are there to be run.
    Messages,
    /// Somebody notified.
    Notified(Notification),
}

struct Client {
    service: Arc<Service>,
    wire: Wire,
    /// Away while it runs.
    session: Option<Box<Session>>,
    shared: Arc<Shared>,
    canceller: Arc<Canceller>,
    chunks: mpsc::Receiver<Vec<u8>>,
    notifications: Inbox,
    process_id: i32,
    copying: bool,
    /// Bytes of the messages that are gathered and not run.
    gathered: usize,
}

impl Client {
    fn new(service: &Arc<Service>, wire: Wire, login: Login) -> Self {
        let Login { session, chunks, notifications, canceller } = login;
        Self {
            service: Arc::clone(service),
            wire,
            shared: Arc::clone(&session.shared),
            process_id: session.process_id,
            session: Some(session),
            canceller,
            chunks,
            notifications,
            copying: false,
            gathered: 0,
        }
    }

    async fn serve(&mut self) -> End {
        if let Err(end) = self.greet().await {
            return end;
        }
        loop {
            match self.turn().await {
                Ok(true) => {}
                Ok(false) => return End::Left,
                Err(end) => return end,
            }
        }
    }

    /// Sends what the login left to be sent.
    async fn greet(&mut self) -> Result<(), End> {
        let Some(session) = &mut self.session else { return Err(End::Left) };
        let out = std::mem::take(&mut session.out.buffer);
        let until = Instant::now() + self.service.config.login_timeout;
        Ok(self.send(&out, Some(until)).await?)
    }

    /// Sends. Errors: the socket failed, or the client did not take the bytes before `until`, before its session was ended, or soon after
    /// the service began to drain. Then the connection is of no use any more.
    async fn send(&mut self, bytes: &[u8], until: Option<Instant>) -> io::Result<()> {
        let (service, canceller) = (&self.service, &self.canceller);
        let ended = async {
            while !canceller.is_ended() {
                canceller.asked.notified().await;
            }
        };
        let drained = async {
            service.drained().await;
            sleep(DRAIN_GRACE).await;
        };
        tokio::select! {
            biased;
            sent = self.wire.send(bytes) => sent,
            () = ended => slow("the session was ended while its client took nothing"),
            () = drained => slow("the service stops, and the client takes nothing"),
            () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {
                slow("the client takes nothing while its transaction keeps others waiting")
            }
        }
    }

    /// Until when a client that keeps others waiting may take nothing.
    fn send_limit(&self) -> Instant {
        Instant::now() + self.service.config.idle_writer_timeout
    }

    /// When `statement_timeout` is over.
    fn statement_limit(&self) -> Option<Instant> {
        statement_limit(&self.shared, &self.canceller)
    }

    /// Waits for something to do and does it. `false`: the client left.
    async fn turn(&mut self) -> Result<bool, End> {
        match self.wait().await? {
            Event::Messages => self.run().await,
            Event::Notified(first) => {
                let mut out = Vec::new();
                self.write_notifications(Some(first), &mut out);
                self.send(&out, None).await?;
                self.check_lost().map(|()| true)
            }
        }
    }

    /// Errors: the session left so many notifications lying that some were not kept.
    fn check_lost(&self) -> Result<(), End> {
        if self.service.hub.is_lost(self.process_id) {
            let message = "too many notifications wait for this session";
            return Err(End::Fatal(Error::new(SqlState::OUT_OF_MEMORY, message)));
        }
        Ok(())
    }

    fn write_notifications(&mut self, first: Option<Notification>, out: &mut Vec<u8>) {
        let mut next = first.or_else(|| self.notifications.try_recv());
        while let Some(Notification { process_id, channel, payload }) = next {
            backend::notification(out, process_id, &channel, &payload);
            next = self.notifications.try_recv();
        }
    }

    /// Waits while nothing is to be done.
    async fn wait(&mut self) -> Result<Event, End> {
        let (limit, listens) = {
            let Some(session) = &self.session else { return Err(End::Left) };
            (self.idle_limit(session), self.is_idle(session))
        };
        let until = limit.as_ref().map(|(limit, _)| Instant::now() + *limit);
        loop {
            let Some(missing) = self.gather()? else { return Ok(Event::Messages) };
            if self.canceller.is_ended() {
                return Err(End::Fatal(shutting_down()));
            }
            tokio::select! {
                biased;
                () = self.service.drained() => return Err(End::Fatal(shutting_down())),
                read = self.wire.read(missing) => read?,
                Some(notification) = self.notifications.recv(), if listens => return Ok(Event::Notified(notification)),
                () = self.canceller.asked.notified() => {}
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {
                    return Err(match limit {
                        Some((_, error)) => End::Fatal(error),
                        None => End::Left,
                    });
                }
            }
        }
    }

    /// Whether no transaction is open, not even one of messages without a `Sync`.
    fn is_idle(&self, session: &Session) -> bool {
        session.transaction.state == State::Idle && !self.copying
    }

    /// How long the session may idle as it is, and what it is told then.
    fn idle_limit(&self, session: &Session) -> Option<(Duration, Error)> {
        let settings = self.shared.settings.lock();
        let derived = settings.derived();
        if self.is_idle(session) {
            let message = "terminating connection due to idle-session timeout";
            let error = || Error::new(SqlState::IDLE_SESSION_TIMEOUT, message);
            return derived.idle_session_timeout.map(|limit| (limit, error()));
        }
        let own = holds(session).then_some(self.service.config.idle_writer_timeout);
        let limit = derived.idle_in_transaction_timeout.or(own)?;
        let message = "terminating connection due to idle-in-transaction timeout";
        Some((limit, Error::new(SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT, message)))
    }

    /// Moves whole messages from the input to the session. `None`: they are to be run now; else the bytes that are missing.
    fn gather(&mut self) -> Result<Option<usize>, End> {
        let Some(session) = &mut self.session else { return Err(End::Left) };
        let max = self.service.config.message_bytes_max;
        let mut due = false;
        loop {
            let before = self.wire.input.len();
            let Some(message) = frontend::next(&mut self.wire.input, max)? else { break };
            if matches!(message, Message::CopyData(_)) && !self.copying && session.messages.is_empty() {
                // What a COPY left behind that failed.
                continue;
            }
            self.gathered += before - self.wire.input.len();
            due |= match message {
                Message::CopyData(_) => self.copying,
                Message::Parse { .. }
                | Message::Bind(_)
                | Message::Describe(_)
                | Message::Execute { .. }
                | Message::Close(_) => false,
                _ => true,
            };
            session.messages.push_back(message);
            if self.gathered > BATCH_BYTES {
                due = true;
                break;
            }
        }
        if due {
            return Ok(None);
        }
        let whole = frontend::length(&self.wire.input, max)?.unwrap_or(INPUT_BYTES_MIN);
        Ok(Some(whole.saturating_sub(self.wire.input.len())))
    }

    /// Runs the messages and sends the replies. `false`: the client left.
    async fn run(&mut self) -> Result<bool, End> {
        self.canceller.begin();
        self.gathered = 0;
        let outcome = self.run_all().await;
        self.canceller.end();
        let left = outcome? == Outcome::End;
        let Some(mut session) = self.session.take() else { return Err(End::Left) };
        let sent = self.finish(&mut session).await;
        self.copying = session.is_copying();
        self.session = Some(session);
        sent?;
        self.check_lost()?;
        Ok(!left)
    }

    async fn run_all(&mut self) -> Result<Outcome, End> {
        loop {
            match self.hop().await? {
                Outcome::Wait(wait) => {
                    let granted = self.wait_for(wait).await;
                    let Some(session) = &mut self.session else { return Err(End::Left) };
                    session.grant(granted);
                }
                outcome => return Ok(outcome),
            }
        }
    }

    /// Waits for what the session needs, unless it is cancelled.
    async fn wait_for(&mut self, wait: Wait) -> Granted {
        let Some(session) = &self.session else { return Granted::Reader(Err(lost())) };
        let database = Arc::clone(&session.database);
        let until = self.statement_limit();
        let cancelled = async {
            while !self.canceller.is_cancelled() {
                tokio::select! {
                    () = self.canceller.asked.notified() => {}
                    () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {
                        self.canceller.cancel(Reason::Timeout);
                    }
                }
            }
        };
        let error = || Error::new(SqlState::QUERY_CANCELED, "canceling statement due to user request");
        match wait {
            Wait::Reader => tokio::select! {
                reader = database.reader() => Granted::Reader(reader),
                () = cancelled => Granted::Reader(Err(error())),
            },
            Wait::Writer(wait) => tokio::select! {
                writer = database.writer(wait) => Granted::Writer(writer),
                () = cancelled => Granted::Writer(Err(error())),
            },
        }
    }

    /// Has the session run on a thread of the pool. What comes out early is sent meanwhile.
    async fn hop(&mut self) -> Result<Outcome, End> {
        let Some(mut session) = self.session.take() else { return Err(End::Left) };
        let pool = self.service.pool.clone();
        let service = Arc::clone(&self.service);
        let job = pool.run(move || {
            // What is waited for with a time needs the runtime's clock.
            let _inside = service.handle.enter();
            let outcome = session.run();
            (session, outcome)
        });
        tokio::pin!(job);
        let mut failed = None;
        loop {
            let look = self.next_look();
            tokio::select! {
                biased;
                done = &mut job => {
                    let (session, outcome) = done.map_err(|_lost| End::Fatal(lost()))?;
                    self.session = Some(session);
                    if let Some(error) = failed {
                        return Err(End::Io(error));
                    }
                    while let Ok(chunk) = self.chunks.try_recv() {
                        self.send(&chunk, Some(self.send_limit())).await?;
                    }
                    return Ok(outcome);
                }
                Some(chunk) = self.chunks.recv(), if failed.is_none() => {
                    if let Err(error) = self.send_rows(chunk).await {
                        // What still comes is for nobody.
                        self.chunks.close();
                        self.canceller.cancel(Reason::End);
                        failed = Some(error);
                    }
                }
                () = self.canceller.asked.notified() => {}
                () = sleep_until(look.unwrap_or_else(Instant::now)), if look.is_some() => self.look(),
            }
        }
    }

    /// When to look whether what runs is to be stopped.
    fn next_look(&self) -> Option<Instant> {
        if self.canceller.is_cancelled() {
            return Some(Instant::now() + INTERRUPT_INTERVAL);
        }
        self.statement_limit()
    }

    fn look(&self) {
        if self.canceller.is_cancelled() {
            self.canceller.repeat();
            return;
        }
        if self.statement_limit().is_some_and(|limit| Instant::now() >= limit) {
            self.canceller.cancel(Reason::Timeout);
        }
    }

    /// Waits until the replies may leave, hands notifications out, and sends.
    async fn finish(&mut self, session: &mut Session) -> Result<(), End> {
        self.settle(session).await.map_err(End::Fatal)?;
        if session.is_ready() && session.status() == Status::Idle {
            let mut out = std::mem::take(&mut session.out.buffer);
            self.write_notifications(None, &mut out);
            session.out.buffer = out;
        }
        session.write_ready();
        let out = std::mem::take(&mut session.out.buffer);
        if !out.is_empty() {
            let until = holds(session).then(|| self.send_limit());
            self.send(&out, until).await?;
        }
        Ok(())
    }

    /// Waits until what the session did and saw is durable, and hands out what its transactions notify.
    async fn settle(&mut self, session: &mut Session) -> bole_sql_types::Result<()> {
        for seen in session.take_seen() {
            session.database.durable(seen).await?;
        }
        let notifications = std::mem::take(&mut session.deliver);
        if !notifications.is_empty() {
            let handed = self.service.hub.publish(session.database.name(), &notifications);
            crate::metrics::count(&self.service.metrics.notifications, handed);
        }
        Ok(())
    }

    /// Ends the session.
    async fn leave(mut self) -> Wire {
        self.chunks.close();
        if let Some(mut session) = self.session.take() {
            // A client that is gone has committed all the same.
            if !session.deliver.is_empty()
                && let Err(error) = self.settle(&mut session).await
            {
                tracing::debug!(%error, "notifications of a session that ended are not handed out");
            }
            let pool = self.service.pool.clone();
            let _ended = pool.run(move || session.end()).await;
        }
        self.service.sessions.leave(self.process_id);
        self.service.hub.leave(self.process_id);
        self.service.advisory.release_session(self.process_id);
        self.wire
    }
}

/// A client does not take what it is sent.
fn slow<T>(why: &str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::TimedOut, why))
}

/// When `statement_timeout` is over.
fn statement_limit(shared: &Shared, canceller: &Canceller) -> Option<Instant> {
    let limit = shared.settings.lock().derived().statement_timeout?;
    Some(Instant::from_std(canceller.since()?) + limit)
}

/// Whether others wait for the session, or files grow while it does nothing: it has the write ticket or a snapshot.
fn holds(session: &Session) -> bool {
    session.transaction.writer.is_some() || session.transaction.reader.is_some()
}

fn lost() -> Error {
    Error::new(
        SqlState::INTERNAL_ERROR,
        "the statement failed by a defect of the server; the connection is closed",
    )
}
