//! Advisory locks: numbers that sessions lock for purposes of their own. They live in memory and end with their session or transaction.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bole_sql_functions::context::{Advisory, How, LockKey};
use bole_sql_types::{Error, Result, SqlState};
use parking_lot::{Condvar, Mutex};

use super::cancel::Canceller;

/// Locks that all sessions together may hold.
const LOCKS_MAX: usize = 100_000;
/// How long who waits may not notice that its statement was cancelled.
const CANCEL_INTERVAL: Duration = Duration::from_millis(50);

/// How long who has the write ticket waits, as PostgreSQL's `deadlock_timeout`.
const DEADLOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// What is asked for a session.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) database: &'a str,
    pub(crate) process_id: i32,
    pub(crate) operation: Advisory,
    pub(crate) key: LockKey,
}

/// The locks of all databases.
#[derive(Default)]
pub(crate) struct Locks {
    held: Mutex<Held>,
    freed: Condvar,
}

/// Who holds each lock of each database.
type Held = HashMap<(String, LockKey), Vec<Holding>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Holding {
    process_id: i32,
    shared: bool,
    transaction: bool,
    count: u32,
}

impl Locks {
    /// Does what is asked. The answer: whether the lock was got or held; `None`: it has to be waited for.
    pub(crate) fn operate(&self, asked: &Asked<'_>) -> Result<Option<bool>> {
        let Asked { database, process_id, operation, key } = *asked;
        match operation.how {
            How::Try => try_lock(&mut self.held.lock(), asked).map(Some),
            How::Unlock => Ok(Some(self.unlock(database, process_id, operation.shared, key))),
            How::UnlockAll => {
                self.release(|holding| holding.process_id == process_id && !holding.transaction);
                Ok(Some(true))
            }
            How::Lock => Ok(try_lock(&mut self.held.lock(), asked)?.then_some(true)),
        }
    }

    /// Waits for a lock. Blocks. Errors: the statement is cancelled, `limit` is over (55P03), or the waiter keeps all writers waiting
    /// itself, of whom one may be who is to free the lock (40P01).
    pub(crate) fn wait(
        &self,
        asked: &Asked<'_>,
        canceller: &Canceller,
        limit: Option<Duration>,
        has_ticket: bool,
    ) -> Result<bool> {
        let began = Instant::now();
        let mut held = self.held.lock();
        loop {
            if try_lock(&mut held, asked)? {
                return Ok(true);
            }
            canceller.check()?;
            if limit.is_some_and(|limit| began.elapsed() >= limit) {
                let message = "canceling statement due to lock timeout";
                return Err(Error::new(SqlState::LOCK_NOT_AVAILABLE, message));
            }
            if has_ticket && began.elapsed() >= DEADLOCK_TIMEOUT {
                let error = Error::new(SqlState::DEADLOCK_DETECTED, "deadlock detected");
                return Err(error.with_hint(
                    "A transaction that has written waits for an advisory lock, and all that write wait for it.",
                ));
            }
            self.freed.wait_for(&mut held, CANCEL_INTERVAL);
        }
    }

    fn unlock(&self, database: &str, process_id: i32, shared: bool, key: LockKey) -> bool {
        let mut held = self.held.lock();
        let key = (database.to_owned(), key);
        let Some(holdings) = held.get_mut(&key) else { return false };
        let mine = |holding: &Holding| {
            holding.process_id == process_id && holding.shared == shared && !holding.transaction
        };
        let Some(at) = holdings.iter().position(mine) else { return false };
        holdings[at].count -= 1;
        if holdings[at].count == 0 {
            holdings.remove(at);
        }
        if holdings.is_empty() {
            held.remove(&key);
        }
        self.freed.notify_all();
        true
    }

    fn release(&self, goes: impl Fn(&Holding) -> bool) {
        self.held.lock().retain(|_, holdings| {
            holdings.retain(|holding| !goes(holding));
            !holdings.is_empty()
        });
        self.freed.notify_all();
    }

    /// The session's transaction ended.
    pub(crate) fn release_transaction(&self, process_id: i32) {
        if !self.held.lock().is_empty() {
            self.release(|holding| holding.process_id == process_id && holding.transaction);
        }
    }

    /// The session ended.
    pub(crate) fn release_session(&self, process_id: i32) {
        self.release(|holding| holding.process_id == process_id);
    }
}

/// Takes a lock if nobody else is in the way. Whether it did.
fn try_lock(held: &mut Held, asked: &Asked<'_>) -> Result<bool> {
    let Asked { database, process_id, operation, key } = *asked;
    if held.len() >= LOCKS_MAX {
        return Err(Error::new(SqlState::OUT_OF_MEMORY, "out of shared memory"));
    }
    let holdings = held.entry((database.to_owned(), key)).or_default();
    let others = |holding: &Holding| holding.process_id != process_id;
    let free =
        holdings.iter().filter(|holding| others(holding)).all(|holding| operation.shared && holding.shared);
    if free {
        let same = |holding: &&mut Holding| {
            holding.process_id == process_id
                && holding.shared == operation.shared
                && holding.transaction == operation.transaction
        };
        match holdings.iter_mut().find(same) {
            Some(holding) => holding.count += 1,
            None => holdings.push(Holding {
                process_id,
                shared: operation.shared,
                transaction: operation.transaction,
                count: 1,
            }),
        }
    }
    Ok(free)
}
