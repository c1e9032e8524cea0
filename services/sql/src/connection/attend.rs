//! A thread that stays with a client. It runs the client's messages, waits for whatever they need, answers when that is durable, and reads what comes next, without
//! waking another thread for any of it.
//!
//! # Invariants
//! - It stays for as long as the client is busy: whoever sends nothing for [`PATIENCE`] is looked after by the runtime again.
//! - What it does not do itself, it leaves to the connection's task, with the session as it is: rows that have left early, COPY, notifications, a client that
//!   takes nothing, the end.

use std::sync::Arc;
use std::time::Duration;

use bole_net::line::Line;
use bole_sql_types::{Error, SqlState};

use super::End;
use super::wire::Intake;
use crate::metrics::count;
use crate::service::Service;
use crate::session::cancel::Canceller;
use crate::session::{Granted, Outcome, Session, Wait};
use crate::store::Database;

/// How long a thread waits for a client.
pub(super) const PATIENCE: Duration = Duration::from_millis(20);
/// What is read at once; longer messages come in parts.
const READ_BYTES: usize = 8 << 10;

/// What a connection's task gives to a thread, and gets back.
pub(super) struct Work {
    pub(super) service: Arc<Service>,
    pub(super) session: Box<Session>,
    pub(super) intake: Intake,
    pub(super) canceller: Arc<Canceller>,
}

/// Why a thread gives a session back.
pub(super) enum Back {
    /// It ran: what comes out is to be sent, or something has to be waited for.
    Ran(Outcome),
    /// The client is answered, and sends nothing.
    Idle,
    /// The connection has to end.
    End(End),
}

impl Work {
    /// Runs the messages that are there. With a line, stays with the client.
    pub(super) fn run(mut self, line: Option<&Line>) -> (Self, Back) {
        let service = Arc::clone(&self.service);
        // What is waited for with a time needs the runtime's clock.
        let _inside = service.handle.enter();
        let outcome = match line {
            None => Ok(Back::Ran(self.session.run())),
            Some(line) => self.attend(line),
        };
        (self, outcome.unwrap_or_else(Back::End))
    }

    fn attend(&mut self, line: &Line) -> Result<Back, End> {
        let (timeout, chunks) = (self.session.statement_timeout(), self.session.out.chunks());
        let mut scratch = vec![0; READ_BYTES];
        loop {
            match self.session.run() {
                Outcome::End => return Ok(Back::Ran(Outcome::End)),
                Outcome::Wait(wait) => {
                    let granted = self.wait_for(wait);
                    self.session.grant(granted);
                    continue;
                }
                Outcome::Done => {}
            }
            self.canceller.end();
            let session = &self.session;
            let is_plain = session.out.chunks() == chunks && !session.is_copying() && !session.listens();
            // Another timeout is told to the task, whose clock it is.
            let is_known = session.statement_timeout() == timeout;
            if !is_plain || !is_known || self.service.is_draining() || self.canceller.is_ended() {
                return Ok(Back::Ran(Outcome::Done));
            }
            if !self.answer(line)? {
                return Ok(Back::Ran(Outcome::Done));
            }
            if !self.next(line, &mut scratch)? {
                return Ok(Back::Idle);
            }
            self.canceller.begin();
        }
    }

    fn wait_for(&self, wait: Wait) -> Granted {
        let canceller = &self.canceller;
        let cancelled = async {
            while !canceller.is_cancelled() {
                canceller.stopped.notified().await;
            }
        };
        self.service.handle.block_on(wait_for(&self.session.database, wait, cancelled))
    }

    /// Sends the answer once it is durable. `false`: not all of it, as the client does not take it.
    fn answer(&mut self, line: &Line) -> Result<bool, End> {
        let session = &mut *self.session;
        for seen in session.take_seen() {
            session.database.durable_here(seen, &self.service.handle).map_err(End::Fatal)?;
        }
        hand_out(&self.service, session);
        session.write_ready();
        let out = &mut session.out.buffer;
        let written = line.write(out)?;
        out.drain(..written);
        Ok(out.is_empty())
    }

    /// Waits until there are messages to run. `false`: the client sends nothing.
    fn next(&mut self, line: &Line, scratch: &mut [u8]) -> Result<bool, End> {
        let bytes_max = self.service.config.message_bytes_max;
        while self.intake.gather(&mut self.session, bytes_max)?.is_some() {
            match line.read(scratch)? {
                None => return Ok(false),
                Some(0) => return Err(End::Left),
                Some(count) => self.intake.input.extend_from_slice(&scratch[..count]),
            }
        }
        Ok(true)
    }
}

/// Waits for what a session needs, unless it is cancelled.
pub(super) async fn wait_for(
    database: &Arc<Database>,
    wait: Wait,
    cancelled: impl Future<Output = ()>,
) -> Granted {
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

/// Waits until what the session did and saw is durable, and hands out what its transactions notify.
pub(super) async fn settle(service: &Service, session: &mut Session) -> bole_sql_types::Result<()> {
    for seen in session.take_seen() {
        session.database.durable(seen).await?;
    }
    hand_out(service, session);
    Ok(())
}

fn hand_out(service: &Service, session: &mut Session) {
    let notifications = std::mem::take(&mut session.deliver);
    if !notifications.is_empty() {
        let handed = service.hub.publish(session.database.name(), &notifications);
        count(&service.metrics.notifications, handed);
    }
}
