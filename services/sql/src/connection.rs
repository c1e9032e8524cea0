//! One connection: logs its client in, gathers its messages, has them run on a thread of the pool, and sends what comes out once it is
//! durable.
//!
//! # Invariants
//! - A connection that idles for longer than [`PATIENCE`] holds no thread and no connection of SQLite's; in a transaction it holds what that needs.
//! - Nothing is sent before what it shows is durable.
//! - Input is read only while the messages before it are done, so a client that does not read its replies fills no memory here.

mod attend;
mod login;
mod scram;
mod sending;
mod startup;
mod wire;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bole_net::line::Line;
use bole_net::listener;
use bole_sql_types::{Error, SqlState};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::pool::Stay;
use crate::protocol::Broken;
use crate::protocol::backend::{self, Severity, Status};
use crate::service::Service;
use crate::session::cancel::{Canceller, Reason};
use crate::session::notify::{Inbox, Notification};
use crate::session::{Granted, Outcome, Session, Shared, State, Wait};
use attend::{Back, PATIENCE, Work, settle};
use login::Login;
use wire::Wire;

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
    serve_as(service, connection, None).await;
}

/// The same for a client of whom this node knows already which user it is: it shows no password, and a client that says it is another is refused.
pub async fn serve_known(service: Arc<Service>, connection: listener::Connection, user: &str) {
    serve_as(service, connection, Some(user)).await;
}

async fn serve_as(service: Arc<Service>, connection: listener::Connection, known: Option<&str>) {
    let peer = connection.peer;
    let mut wire = Wire::new(connection.stream);
    let login = tokio::select! {
        login = timeout(service.config.login_timeout, login::run(&service, &mut wire, known)) => login,
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
    /// The client sent its last messages without much delay: a thread stays with it.
    is_busy: bool,
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
            is_busy: false,
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
            (self.idle_limit(session), Self::is_idle(session))
        };
        let began = Instant::now();
        let until = limit.as_ref().map(|(limit, _)| began + *limit);
        loop {
            let Some(missing) = self.gather()? else {
                self.is_busy = began.elapsed() < PATIENCE;
                return Ok(Event::Messages);
            };
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
    fn is_idle(session: &Session) -> bool {
        session.transaction.state == State::Idle && !session.is_copying()
    }

    /// How long the session may idle as it is, and what it is told then.
    fn idle_limit(&self, session: &Session) -> Option<(Duration, Error)> {
        let settings = self.shared.settings.lock();
        let derived = settings.derived();
        if Self::is_idle(session) {
            let message = "terminating connection due to idle-session timeout";
            let error = || Error::new(SqlState::IDLE_SESSION_TIMEOUT, message);
            return derived.idle_session_timeout.map(|limit| (limit, error()));
        }
        let own = holds(session).then_some(self.service.config.idle_writer_timeout);
        let limit = derived.idle_in_transaction_timeout.or(own)?;
        let message = "terminating connection due to idle-in-transaction timeout";
        Some((limit, Error::new(SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT, message)))
    }

    /// As [`wire::Intake::gather`].
    fn gather(&mut self) -> Result<Option<usize>, End> {
        let Some(session) = &mut self.session else { return Err(End::Left) };
        Ok(self.wire.intake.gather(session, self.service.config.message_bytes_max)?)
    }

    /// Runs the messages and sends the replies. `false`: the client left.
    async fn run(&mut self) -> Result<bool, End> {
        self.canceller.begin();
        let back = self.run_all().await;
        self.canceller.end();
        let Some(outcome) = back? else {
            self.check_lost()?;
            return Ok(true);
        };
        let Some(mut session) = self.session.take() else { return Err(End::Left) };
        let sent = self.finish(&mut session).await;
        self.session = Some(session);
        sent?;
        self.check_lost()?;
        Ok(outcome != Outcome::End)
    }

    /// `None`: all is sent already.
    async fn run_all(&mut self) -> Result<Option<Outcome>, End> {
        loop {
            match self.hop().await? {
                Back::Ran(Outcome::Wait(wait)) => {
                    let granted = self.wait_for(wait).await;
                    let Some(session) = &mut self.session else { return Err(End::Left) };
                    session.grant(granted);
                }
                Back::Ran(outcome) => return Ok(Some(outcome)),
                Back::Idle => return Ok(None),
                Back::End(end) => return Err(end),
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
        attend::wait_for(&database, wait, cancelled).await
    }

    /// A place for a thread that stays with the client, and the connection for it; where that is wanted and may be.
    fn lend(&mut self) -> io::Result<Option<(Stay, Arc<Line>)>> {
        if !self.is_busy || self.session.as_ref().is_none_or(|session| session.listens()) {
            return Ok(None);
        }
        let Some(stay) = self.service.pool.stay() else { return Ok(None) };
        Ok(self.wire.lend(PATIENCE)?.map(|line| (stay, line)))
    }

    /// Has the session run on a thread of the pool. What comes out early is sent meanwhile.
    async fn hop(&mut self) -> Result<Back, End> {
        let lent = self.lend()?;
        let line = lent.as_ref().map(|(_, line)| Arc::clone(line));
        let Some(session) = self.session.take() else { return Err(End::Left) };
        let intake = std::mem::take(&mut self.wire.intake);
        let (service, canceller) = (Arc::clone(&self.service), Arc::clone(&self.canceller));
        let pool = self.service.pool.clone();
        let work = Work { service, session, intake, canceller };
        let job = pool.run(move || work.run(lent.as_ref().map(|(_, line)| &**line)));
        tokio::pin!(job);
        let mut failed = None;
        loop {
            let look = self.next_look();
            tokio::select! {
                biased;
                done = &mut job => {
                    self.wire.regain(line)?;
                    let (work, back) = done.map_err(|_lost| End::Fatal(lost()))?;
                    (self.session, self.wire.intake) = (Some(work.session), work.intake);
                    if let Some(error) = failed {
                        return Err(End::Io(error));
                    }
                    while let Ok(chunk) = self.chunks.try_recv() {
                        self.send(&chunk, Some(self.send_limit())).await?;
                    }
                    return Ok(back);
                }
                Some(chunk) = self.chunks.recv(), if failed.is_none() => {
                    let sent = match self.wire.share(line.as_ref()) {
                        Ok(()) => self.send_rows(chunk).await,
                        Err(error) => Err(error),
                    };
                    if let Err(error) = sent {
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
        // A thread that waits for its client has no statement, and may have one at any time.
        let limit = self.shared.settings.lock().derived().statement_timeout?;
        Some(self.statement_limit().unwrap_or_else(|| Instant::now() + limit))
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
        settle(&self.service, session).await.map_err(End::Fatal)?;
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

    /// Ends the session.
    async fn leave(mut self) -> Wire {
        self.chunks.close();
        if let Some(mut session) = self.session.take() {
            // A client that is gone has committed all the same.
            if !session.deliver.is_empty()
                && let Err(error) = settle(&self.service, &mut session).await
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
