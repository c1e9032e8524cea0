//! The `-wal` on the operating system's file system, with its writes gathered: all but the writes is handed on.
//!
//! # Invariants
//! - What is asked of the file finds all that was written to it.

#![expect(unsafe_code, reason = "SQLite's C interface: each use says why it is sound")]

use std::ffi::{c_int, c_void};

use rusqlite::ffi;

use super::gather::Gathered;

/// What SQLite allocates for a `-wal`: its part, ours, and behind it the system's file.
#[repr(C)]
pub(super) struct Overlay {
    base: ffi::sqlite3_file,
    gathered: *mut Gathered,
}

/// Bytes before the system's file; SQLite's memory begins at multiples of 8.
pub(super) const HEAD_BYTES: usize = size_of::<Overlay>().next_multiple_of(8);

/// The system's file behind ours.
///
/// # Safety
/// `file` has room for [`HEAD_BYTES`] and a file of the system's.
pub(super) unsafe fn system_of(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: as the caller promises; the offset is a multiple of the alignment of a file.
    unsafe { file.cast::<u8>().add(HEAD_BYTES).cast() }
}

/// Makes a file ours whose system's part was opened.
///
/// # Safety
/// As [`system_of`], and the system has opened its file.
pub(super) unsafe fn adopt(file: *mut ffi::sqlite3_file) {
    // SAFETY: as the caller promises; nobody else has the file yet.
    unsafe {
        (*file.cast::<Overlay>()).gathered = Box::into_raw(Box::default());
        (*file).pMethods = &raw const METHODS;
    }
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

/// Calls a method of the system's file.
macro_rules! system {
    ($file:expr, $method:ident $(, $argument:expr)*) => {{
        let system = system_of($file);
        match (*(*system).pMethods).$method {
            Some(method) => method(system $(, $argument)*),
            None => ffi::SQLITE_IOERR,
        }
    }};
}

/// # Safety
/// `file` is one that [`adopt`] was called for, between `xOpen` and `xClose`.
unsafe fn flush(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: the box lives until `close`, and SQLite calls one method of a file at a time; the bytes are those of the slice.
    unsafe {
        let gathered = &mut *(*file.cast::<Overlay>()).gathered;
        gathered.flush(&mut |data, offset| {
            system!(file, xWrite, data.as_ptr().cast(), data.len() as c_int, offset)
        })
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: as in `flush`; SQLite gives `amount` bytes that are there.
    unsafe {
        let gathered = &mut *(*file.cast::<Overlay>()).gathered;
        let data = std::slice::from_raw_parts(bytes.cast::<u8>(), amount as usize);
        gathered.write(data, offset, &mut |data, offset| {
            system!(file, xWrite, data.as_ptr().cast(), data.len() as c_int, offset)
        })
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: as in `flush`; SQLite uses the file no more. What is gathered still is of no commit.
    unsafe {
        drop(Box::from_raw((*file.cast::<Overlay>()).gathered));
        (*file).pMethods = std::ptr::null();
        system!(file, xClose)
    }
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    out: *mut c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: as in `flush`; SQLite's arguments are handed on.
    unsafe {
        match flush(file) {
            ffi::SQLITE_OK => system!(file, xRead, out, amount, offset),
            code => code,
        }
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, bytes: ffi::sqlite3_int64) -> c_int {
    // SAFETY: as in `flush`.
    unsafe {
        let code = flush(file);
        (*(*file.cast::<Overlay>()).gathered).forget_end();
        if code == ffi::SQLITE_OK { system!(file, xTruncate, bytes) } else { code }
    }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: as in `flush`.
    unsafe {
        match flush(file) {
            ffi::SQLITE_OK => system!(file, xSync, flags),
            code => code,
        }
    }
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, out: *mut ffi::sqlite3_int64) -> c_int {
    // SAFETY: as in `read`.
    unsafe {
        match flush(file) {
            ffi::SQLITE_OK => system!(file, xFileSize, out),
            code => code,
        }
    }
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: as in `flush`.
    unsafe { system!(file, xLock, level) }
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: as in `flush`.
    unsafe { system!(file, xUnlock, level) }
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: as in `read`.
    unsafe { system!(file, xCheckReservedLock, out) }
}

unsafe extern "C" fn file_control(
    file: *mut ffi::sqlite3_file,
    operation: c_int,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: as in `read`.
    unsafe { system!(file, xFileControl, operation, argument) }
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: as in `flush`.
    unsafe { system!(file, xSectorSize) }
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: as in `flush`.
    unsafe { system!(file, xDeviceCharacteristics) }
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, OpenFlags};

    use super::super::register;
    use crate::spill::tests::room;

    /// Commits and rollbacks, large ones whose pages leave the cache early, savepoints and a `-wal` that starts over, while another connection looks: both file
    /// systems give the same rows.
    #[test]
    fn transactions_are_what_they_are_without() {
        let (dir, spill) = room(1 << 30, 0, 0);
        let ours = register(&spill).unwrap();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let run = |name: &str, vfs: &str| {
            let open = || Connection::open_with_flags_and_vfs(dir.path().join(name), flags, vfs).unwrap();
            let writer = open();
            writer
                .execute_batch(
                    "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 0;
                     PRAGMA cache_size = 20; CREATE TABLE t (a INTEGER PRIMARY KEY, b)",
                )
                .unwrap();
            let reader = open();
            let digest = |connection: &Connection| {
                let sql = "SELECT count(*), total(a * length(b)), total(unicode(b)) FROM t";
                let digest = connection.query_row(sql, [], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?, row.get::<_, f64>(2)?))
                });
                digest.unwrap()
            };
            let mut digests = Vec::new();
            for round in 0..40_i64 {
                let rows = if round % 5 == 0 { 2_000 } else { 3 };
                writer
                    .execute_batch(&format!(
                        "BEGIN IMMEDIATE;
                         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
                         INSERT OR REPLACE INTO t SELECT i * 7 % 5000, printf('%0*d', 40 + i % 300, {round}) FROM n;
                         SAVEPOINT s; UPDATE t SET b = 'x' WHERE a % 3 = 0; ROLLBACK TO s; RELEASE s;"
                    ))
                    .unwrap();
                let before = digests.last().copied();
                let seen = digest(&reader);
                assert!(before.is_none_or(|before| before == seen), "round {round}: what is not committed");
                writer.execute_batch(if round % 7 == 3 { "ROLLBACK" } else { "COMMIT" }).unwrap();
                assert_eq!(digest(&writer), digest(&reader), "round {round}");
                digests.push(digest(&reader));
                if round % 9 == 8 {
                    let moved =
                        writer.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get::<_, i64>(0));
                    assert_eq!(moved.unwrap(), 0);
                }
            }
            let check: String = reader.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            assert_eq!(check, "ok");
            digests
        };
        assert_eq!(run("ours.db", &ours), run("theirs.db", "unix"));
    }
}
