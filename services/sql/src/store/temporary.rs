//! Temporary tables: what a session has for itself, in SQLite's own `temp` of a connection that only this session uses.
//!
//! The connection is the writing one of the transaction that made the first of them: it stays with the session, and the database gets a new one. From
//! then on the session reads on it, and writes on it while it holds the write ticket, so that its tables can be joined with the database's. It goes
//! with the last of them, or with the session. SQLite keeps them in a file without a name, which no crash leaves behind; nothing of them is in the log.
//!
//! # Invariants
//! - A [`Space`] is in its [`Temporary`], or in the one reader or writer of the session that has taken it out, which puts it back.
//! - The objects are those of the last transaction that was committed.
//! - Bytes are reserved in the node's [`Quota`] before SQLite may use them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bole_sql_dialect::Catalog;
use bole_sql_dialect::catalog::Object;
use bole_sql_dialect::catalog::temporary::{Objects, is_temporary};
use bole_sql_types::{Error, Result, SqlState};
use parking_lot::Mutex;

use super::database::Database;
use super::error::from_sqlite;
use super::sequences::Sequences;
use super::writer::Writing;
use crate::limits::TEMPORARY_SESSIONS_MAX;

/// Bytes of a page of a temporary file, as SQLite has them by default.
const PAGE_BYTES: u64 = 4_096;

/// How much room there is for temporary tables on a node.
pub(crate) struct Quota {
    session_max: u64,
    node_max: u64,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    bytes: u64,
    sessions: usize,
}

impl Quota {
    pub(crate) fn new(session_max: u64, node_max: u64) -> Self {
        Self { session_max, node_max, used: Mutex::default() }
    }

    /// Sessions that have temporary tables, and bytes that are reserved for these.
    pub(crate) fn used(&self) -> (usize, u64) {
        let used = self.used.lock();
        (used.sessions, used.bytes)
    }
}

/// A connection with temporary tables.
pub(crate) struct Space {
    pub(crate) writing: Writing,
    quota: Arc<Quota>,
    reserved: u64,
}

impl Space {
    /// Errors: too many sessions have one (53400).
    pub(crate) fn new(writing: Writing, quota: &Arc<Quota>) -> Result<Self> {
        let mut used = quota.used.lock();
        if used.sessions >= TEMPORARY_SESSIONS_MAX {
            let text = format!("{TEMPORARY_SESSIONS_MAX} sessions have temporary tables");
            return Err(Error::new(SqlState::CONFIGURATION_LIMIT_EXCEEDED, text));
        }
        used.sessions += 1;
        drop(used);
        Ok(Self { writing, quota: Arc::clone(quota), reserved: 0 })
    }

    /// Lets the session write, as much as there is room for now.
    pub(crate) fn begin_writing(&mut self) -> Result<()> {
        let limit = {
            let mut used = self.quota.used.lock();
            let others = used.bytes - self.reserved;
            let limit =
                self.quota.node_max.saturating_sub(others).min(self.quota.session_max).max(self.reserved);
            used.bytes = others + limit;
            limit
        };
        self.reserved = limit;
        let connection = self.writing.connection();
        // SQLite takes 0 for a question.
        let pages = (limit / PAGE_BYTES).max(1);
        let set = connection.pragma_update(None, "query_only", false).and_then(|()| {
            connection.query_row(&format!("PRAGMA temp.max_page_count = {pages}"), [], |_| Ok(()))
        });
        set.map_err(|error| from_sqlite(&error))
    }

    /// The session does not write any more: gives back what it did not need, and sees to it that it cannot write.
    pub(crate) fn end_writing(&mut self) {
        let connection = self.writing.connection();
        if let Err(error) = connection.pragma_update(None, "query_only", true) {
            tracing::warn!(%error, "a session's connection may write still");
        }
        let pages = connection.query_row("PRAGMA temp.page_count", [], |row| row.get::<_, i64>(0));
        let bytes = pages.map_or(self.reserved, |pages| pages.max(0) as u64 * PAGE_BYTES);
        let mut used = self.quota.used.lock();
        used.bytes = used.bytes - self.reserved + bytes;
        drop(used);
        self.reserved = bytes;
    }

    /// What a client is told where SQLite has found no room.
    pub(crate) fn full(&self) -> Error {
        let text = format!(
            "temporary tables have no more than {} bytes here, or the disk is full",
            self.reserved.max(PAGE_BYTES)
        );
        Error::new(SqlState::CONFIGURATION_LIMIT_EXCEEDED, text)
            .with_hint("The bounds are sql.temporary_bytes_session and sql.temporary_bytes_node.")
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let mut used = self.quota.used.lock();
        used.bytes -= self.reserved;
        used.sessions -= 1;
    }
}

/// What a session has of temporary objects. It lives as long as the session.
pub struct Temporary {
    /// Where its sequences stand.
    sequences: Sequences,
    inner: Mutex<Inner>,
    database: Arc<Database>,
}

#[derive(Default)]
struct Inner {
    objects: Objects,
    space: Option<Space>,
    /// The last catalog of the database, and the session's that was made of it.
    overlaid: Option<(Arc<Catalog>, Arc<Catalog>)>,
    borrowed: BTreeSet<u32>,
}

impl Temporary {
    /// Nothing yet, for a session of this database.
    pub fn new(database: &Arc<Database>) -> Arc<Self> {
        let (sequences, inner) = (Sequences::default(), Mutex::default());
        Arc::new(Self { sequences, inner, database: Arc::clone(database) })
    }

    /// The values of the session's temporary sequences.
    pub const fn sequences(&self) -> &Sequences {
        &self.sequences
    }

    /// A catalog of the database with the session's objects.
    pub fn overlaid(&self, base: &Arc<Catalog>) -> Arc<Catalog> {
        let mut inner = self.inner.lock();
        if inner.objects.version == 0 {
            return Arc::clone(base);
        }
        if let Some((of, made)) = &inner.overlaid
            && Arc::ptr_eq(of, base)
        {
            return Arc::clone(made);
        }
        let made = Arc::new(base.overlaid(&inner.objects));
        inner.overlaid = Some((Arc::clone(base), Arc::clone(&made)));
        made
    }

    /// Takes the connection out; who does so puts it back.
    pub(crate) fn take(&self) -> Option<Space> {
        self.inner.lock().space.take()
    }

    /// Puts the connection back, which is closed if nothing is in it.
    pub(crate) fn put(&self, space: Space) {
        let mut inner = self.inner.lock();
        if !inner.objects.is_empty() {
            inner.space = Some(space);
            return;
        }
        drop(inner);
        drop(space);
    }

    /// A transaction was committed, after which these are the objects.
    pub(crate) fn keep(&self, objects: Objects) {
        let mut inner = self.inner.lock();
        let borrowed = objects.borrowed();
        self.database.borrowed.change(&inner.borrowed, &borrowed);
        inner.borrowed = borrowed;
        inner.objects = objects;
        inner.overlaid = None;
    }

    /// Whether other sessions have temporary objects that use this one.
    pub(crate) fn is_lent(&self, oid: u32) -> bool {
        self.database.borrowed.count(oid) > usize::from(self.inner.lock().borrowed.contains(&oid))
    }

    /// The session ends.
    pub fn clear(&self) {
        let space = self.take();
        drop(space);
        self.keep(Objects::default());
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Objects of a database that temporary ones use, and in how many sessions.
#[derive(Default)]
pub(crate) struct Borrowed(Mutex<BTreeMap<u32, usize>>);

impl Borrowed {
    fn change(&self, before: &BTreeSet<u32>, after: &BTreeSet<u32>) {
        if before == after {
            return;
        }
        let mut all = self.0.lock();
        for oid in after.difference(before) {
            *all.entry(*oid).or_default() += 1;
        }
        for oid in before.difference(after) {
            if let Some(count) = all.get_mut(oid) {
                *count -= 1;
            }
        }
        all.retain(|_, count| *count > 0);
    }

    fn count(&self, oid: u32) -> usize {
        self.0.lock().get(&oid).copied().unwrap_or_default()
    }

    /// As [`Temporary::is_lent`], for who is no session.
    pub(crate) fn contains(&self, oid: u32) -> bool {
        self.count(oid) > 0
    }
}

/// That an object cannot be dropped or changed because another session's temporary ones use it.
pub(crate) fn is_in_use(object: &Object, gone: bool) -> Error {
    let (kind, name) = (object.noun(), object.name());
    if gone {
        let text =
            format!("cannot drop {kind} {name} because temporary objects of other sessions depend on it");
        return Error::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, text);
    }
    let text = format!("cannot change {kind} \"{name}\" because temporary objects of other sessions use it");
    Error::new(SqlState::OBJECT_IN_USE, text)
}

/// Whether an object is the database's own and one that others can use.
pub(crate) const fn can_be_lent(object: &Object) -> bool {
    !is_temporary(object.oid())
        && matches!(object, Object::Table(_) | Object::View(_) | Object::Enum(_) | Object::Sequence(_))
}
