//! The clients that are there: who they are, and how they are reached by those who cancel them.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::session::cancel::{Canceller, Reason};

/// All sessions, by the process id that their clients were told.
#[derive(Default)]
pub struct Sessions {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last: i32,
    sessions: BTreeMap<i32, Entry>,
}

struct Entry {
    key: i32,
    database: String,
    canceller: Arc<Canceller>,
}

impl Sessions {
    /// A session begins: its process id and the key that cancels it.
    pub(crate) fn enter(&self, database: &str, canceller: &Arc<Canceller>) -> (i32, i32) {
        let key = rand::random();
        let mut inner = self.inner.lock();
        loop {
            inner.last = inner.last.checked_add(1).unwrap_or(1);
            let process_id = inner.last;
            if let std::collections::btree_map::Entry::Vacant(e) = inner.sessions.entry(process_id) {
                let entry = Entry { key, database: database.to_owned(), canceller: Arc::clone(canceller) };
                e.insert(entry);
                return (process_id, key);
            }
        }
    }

    /// A session ended.
    pub(crate) fn leave(&self, process_id: i32) {
        self.inner.lock().sessions.remove(&process_id);
    }

    /// A cancel request: stops what the session runs, if the key is its own.
    pub(crate) fn cancel(&self, process_id: i32, key: i32) {
        let inner = self.inner.lock();
        if let Some(entry) = inner.sessions.get(&process_id).filter(|entry| entry.key == key) {
            entry.canceller.cancel(Reason::Client);
        }
    }

    /// Sessions on a database.
    pub(crate) fn of_database(&self, name: &str) -> usize {
        self.inner.lock().sessions.values().filter(|entry| entry.database == name).count()
    }

    /// Ends the sessions on a database.
    pub(crate) fn end_database(&self, name: &str) {
        for entry in self.inner.lock().sessions.values().filter(|entry| entry.database == name) {
            entry.canceller.end_session();
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.inner.lock().sessions.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
