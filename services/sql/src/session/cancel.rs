//! How a statement is stopped from outside: by a cancel request, a timeout, or the end of its connection.
//!
//! The connection repeats the interrupt while the statement runs, since SQLite forgets one that comes between two of its steps.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Instant;

use bole_sql_types::{Error, SqlState};
use parking_lot::Mutex;
use rusqlite::InterruptHandle;
use tokio::sync::Notify;

use crate::store::{Stop, too_old};

/// Why a statement is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The client asked.
    Client = 1,
    /// `statement_timeout`.
    Timeout = 2,
    /// The connection or the node ends.
    End = 3,
    /// Its snapshot is too old.
    Snapshot = 4,
}

/// The switch of one session. Shared by the session, its connection and those who cancel.
#[derive(Default)]
pub(crate) struct Canceller {
    reason: AtomicU8,
    ended: AtomicBool,
    running: Mutex<Running>,
    /// Tells the connection's task that something is to stop.
    pub(crate) asked: Notify,
    /// Tells a thread that waits for the session.
    pub(crate) stopped: Notify,
}

#[derive(Default)]
struct Running {
    busy: bool,
    handle: Option<InterruptHandle>,
    since: Option<Instant>,
}

impl Canceller {
    /// Messages are handled from now on; what came before is forgotten.
    pub(crate) fn begin(&self) {
        let mut running = self.running.lock();
        self.reason.store(0, Ordering::Release);
        *running = Running { busy: true, handle: None, since: Some(Instant::now()) };
    }

    /// Messages are done.
    pub(crate) fn end(&self) {
        *self.running.lock() = Running::default();
    }

    /// A statement begins; its time counts from now.
    pub(crate) fn statement_began(&self) {
        self.running.lock().since = Some(Instant::now());
    }

    /// A statement ended, well or not: what was to stop it is done.
    pub(crate) fn statement_ended(&self) {
        let mut running = self.running.lock();
        running.handle = None;
        running.since = Some(Instant::now());
        if self.reason.load(Ordering::Acquire) != Reason::End as u8 {
            self.reason.store(0, Ordering::Release);
        }
    }

    /// A statement runs on this connection.
    pub(crate) fn on(&self, connection: &rusqlite::Connection) {
        self.running.lock().handle = Some(connection.get_interrupt_handle());
    }

    /// Nothing runs on a connection any more.
    pub(crate) fn off(&self) {
        self.running.lock().handle = None;
    }

    /// When the statement began that runs.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.running.lock().since
    }

    /// Stops what runs; nothing if nothing does.
    pub(crate) fn cancel(&self, reason: Reason) {
        let running = self.running.lock();
        if !running.busy {
            return;
        }
        let _first = self.reason.compare_exchange(0, reason as u8, Ordering::AcqRel, Ordering::Acquire);
        if let Some(handle) = &running.handle {
            handle.interrupt();
        }
        self.asked.notify_one();
        self.stopped.notify_one();
    }

    /// Ends the session, whether it runs something or not.
    pub(crate) fn end_session(&self) {
        self.ended.store(true, Ordering::Release);
        self.cancel(Reason::End);
        self.asked.notify_one();
    }

    /// Whether the session is to end.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Interrupts again.
    pub(crate) fn repeat(&self) {
        if self.reason.load(Ordering::Acquire) == 0 {
            return;
        }
        if let Some(handle) = &self.running.lock().handle {
            handle.interrupt();
        }
    }

    /// Whether something is to stop.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.reason.load(Ordering::Acquire) != 0
    }

    /// Errors: what runs is to stop.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.reason.load(Ordering::Acquire) {
            0 => Ok(()),
            reason => Err(error(reason)),
        }
    }

    /// An interrupt, by its reason; other errors as they are.
    pub(crate) fn explain(&self, given: &Error) -> Error {
        match self.reason.load(Ordering::Acquire) {
            reason if reason != 0 && given.state == SqlState::QUERY_CANCELED => error(reason),
            _ => given.clone(),
        }
    }
}

impl Stop for Canceller {
    fn snapshot_is_too_old(&self) {
        self.cancel(Reason::Snapshot);
    }
}

fn error(reason: u8) -> Error {
    if reason == Reason::Snapshot as u8 {
        return too_old();
    }
    let (state, message) = match reason {
        2 => (SqlState::QUERY_CANCELED, "canceling statement due to statement timeout"),
        3 => (SqlState::ADMIN_SHUTDOWN, "terminating connection due to administrator command"),
        _ => (SqlState::QUERY_CANCELED, "canceling statement due to user request"),
    };
    Error::new(state, message)
}
