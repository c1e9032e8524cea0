//! SQLite's preupdate hook, which rusqlite wraps only where the bindings are generated anew.
//!
//! # Invariants
//! - The recorder outlives its hook: the hook goes first, whatever happens to the connection.
//! - The hook runs on the thread that uses the connection, while it does. A panic in it does not reach SQLite.

#![expect(unsafe_code, reason = "SQLite's C interface: each use says why it is sound")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::AssertUnwindSafe;
use std::slice;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use rusqlite::ffi;
use rusqlite::types::ValueRef;

/// What happens to a row of a table of the database's main file.
pub(crate) enum Row<'a> {
    Insert { rowid: i64, new: &'a [ValueRef<'a>] },
    Delete { rowid: i64, old: &'a [ValueRef<'a>] },
    Update { from: i64, rowid: i64, old: &'a [ValueRef<'a>], new: &'a [ValueRef<'a>] },
}

/// Who is told of each row before it changes.
pub(crate) trait Recorder: Send + 'static {
    /// A row of `table` is about to change. `false`: stop the statement.
    fn record(&mut self, table: &[u8], row: &Row<'_>) -> bool;
    /// A row of a temporary table is about to change.
    fn temporary(&mut self);
    /// A row changed that could not be read.
    fn fail(&mut self, reason: &str);
}

/// A connection whose changes are recorded.
pub(crate) struct Recorded<R: Recorder> {
    connection: Connection,
    recorder: Arc<Mutex<R>>,
}

impl<R: Recorder> Recorded<R> {
    pub(crate) fn new(connection: Connection, recorder: R) -> Self {
        let recorder = Arc::new(Mutex::new(recorder));
        let context = Arc::as_ptr(&recorder).cast_mut().cast::<c_void>();
        // SAFETY: the handle is that of an open connection, and `recorder` lives at the same place until `drop` below has taken the hook away.
        // The hook uses it as the `Mutex<R>` that it is.
        unsafe { ffi::sqlite3_preupdate_hook(connection.handle(), Some(hook::<R>), context) };
        Self { connection, recorder }
    }

    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) const fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    pub(crate) const fn recorder(&self) -> &Arc<Mutex<R>> {
        &self.recorder
    }
}

impl<R: Recorder> Drop for Recorded<R> {
    fn drop(&mut self) {
        // SAFETY: the connection is still open; without a hook nothing refers to the recorder any more.
        unsafe { ffi::sqlite3_preupdate_hook(self.connection.handle(), None, std::ptr::null_mut()) };
    }
}

/// Whether constraints that are checked at COMMIT are violated now.
pub(crate) fn has_deferred_violations(connection: &Connection) -> bool {
    let (mut current, mut highest) = (0, 0);
    // SAFETY: the handle is that of an open connection which this thread uses; both results are written to integers that live here.
    let code = unsafe {
        let db = connection.handle();
        ffi::sqlite3_db_status(db, ffi::SQLITE_DBSTATUS_DEFERRED_FKS, &raw mut current, &raw mut highest, 0)
    };
    code != ffi::SQLITE_OK || current != 0
}

type Getter = unsafe extern "C" fn(*mut ffi::sqlite3, c_int, *mut *mut ffi::sqlite3_value) -> c_int;

/// # Safety
/// To be called by SQLite only, as the preupdate hook that `Recorded::new` set.
unsafe extern "C" fn hook<R: Recorder>(
    context: *mut c_void,
    db: *mut ffi::sqlite3,
    operation: c_int,
    database: *const c_char,
    table: *const c_char,
    old_rowid: i64,
    new_rowid: i64,
) {
    // SAFETY: `context` is the `Mutex<R>` that `Recorded` keeps while the hook is set. SQLite's names end with a zero and live while it calls.
    let (recorder, database, table) =
        unsafe { (&*context.cast::<Mutex<R>>(), CStr::from_ptr(database), CStr::from_ptr(table)) };
    // Tables of a session, and SQLite's own, are not part of what the log keeps.
    if database == c"temp" {
        let _told = std::panic::catch_unwind(AssertUnwindSafe(|| recorder.lock().temporary()));
        return;
    }
    if database != c"main" || table.to_bytes().starts_with(b"sqlite_") {
        return;
    }
    let told = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let mut recorder = recorder.lock();
        // SAFETY: inside the hook, `db` is the connection that called it.
        let (old, new) = unsafe {
            match operation {
                ffi::SQLITE_INSERT => (Ok(Vec::new()), values(db, ffi::sqlite3_preupdate_new)),
                ffi::SQLITE_DELETE => (values(db, ffi::sqlite3_preupdate_old), Ok(Vec::new())),
                _ => (values(db, ffi::sqlite3_preupdate_old), values(db, ffi::sqlite3_preupdate_new)),
            }
        };
        let (Ok(old), Ok(new)) = (old, new) else {
            recorder.fail("SQLite does not say what a row holds that changes");
            return false;
        };
        let row = match operation {
            ffi::SQLITE_INSERT => Row::Insert { rowid: new_rowid, new: &new },
            ffi::SQLITE_DELETE => Row::Delete { rowid: old_rowid, old: &old },
            _ => Row::Update { from: old_rowid, rowid: new_rowid, old: &old, new: &new },
        };
        recorder.record(table.to_bytes(), &row)
    }));
    if !told.unwrap_or(false) {
        // SAFETY: the connection is open: it is calling.
        unsafe { ffi::sqlite3_interrupt(db) };
    }
}

/// The row's values, which live until the hook returns.
///
/// # Safety
/// To be called inside the preupdate hook of `db`, with the getter of an image that the operation has.
unsafe fn values<'a>(db: *mut ffi::sqlite3, get: Getter) -> Result<Vec<ValueRef<'a>>, c_int> {
    // SAFETY: as the caller promises.
    let count = unsafe { ffi::sqlite3_preupdate_count(db) };
    let mut values = Vec::with_capacity(count.max(0) as usize);
    for column in 0..count {
        let mut value = std::ptr::null_mut();
        // SAFETY: as the caller promises; `column` is below the count.
        let code = unsafe { get(db, column, &raw mut value) };
        if code != ffi::SQLITE_OK || value.is_null() {
            return Err(code);
        }
        // SAFETY: SQLite gave the value, which stays as it is until the hook returns.
        values.push(unsafe { borrow(value) });
    }
    Ok(values)
}

/// # Safety
/// `value` is a protected value of SQLite's that lives unchanged for `'a`.
unsafe fn borrow<'a>(value: *mut ffi::sqlite3_value) -> ValueRef<'a> {
    // SAFETY: the functions are called for the type that the value has, bytes after the pointer, and an empty one may have a null pointer.
    unsafe {
        match ffi::sqlite3_value_type(value) {
            ffi::SQLITE_INTEGER => ValueRef::Integer(ffi::sqlite3_value_int64(value)),
            ffi::SQLITE_FLOAT => ValueRef::Real(ffi::sqlite3_value_double(value)),
            ffi::SQLITE_TEXT => {
                let start = ffi::sqlite3_value_text(value);
                ValueRef::Text(bytes(start, ffi::sqlite3_value_bytes(value)))
            }
            ffi::SQLITE_BLOB => {
                let start = ffi::sqlite3_value_blob(value).cast::<u8>();
                ValueRef::Blob(bytes(start, ffi::sqlite3_value_bytes(value)))
            }
            _ => ValueRef::Null,
        }
    }
}

/// # Safety
/// `start` is null or points to `count` bytes that live unchanged for `'a`.
unsafe fn bytes<'a>(start: *const u8, count: c_int) -> &'a [u8] {
    if start.is_null() || count <= 0 {
        return &[];
    }
    // SAFETY: as the caller promises.
    unsafe { slice::from_raw_parts(start, count as usize) }
}
