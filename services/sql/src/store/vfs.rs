//! SQLite's own temporary files (sorts, intermediate results, statement journals, temporary tables) in the node's folder, counted: a file system of SQLite's
//! that hands named files to the operating system's (the writes of a `-wal` together, where they belong together) and opens those without a name itself.
//!
//! # Invariants
//! - SQLite uses a file's methods between its `xOpen` and its `xClose` only, and one at a time (`sqlite.org/c3ref/io_methods.html`).
//! - A registered file system is never freed, because SQLite may know it for ever.
//! - A file grows only by bytes that its [`Share`] has; else SQLite is told that the disk is full, and [`take_refusal`] says why.

#![expect(unsafe_code, reason = "SQLite's C interface: each use says why it is sound")]

mod gather;
mod overlay;

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_int, c_void};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::ffi;

use crate::spill::{Refusal, Share, ShareKind, Spill};

/// SQLite's own for files that one process has: it locks them once for all its connections, and keeps the index of the `-wal` in memory (sqlite.org/vfs.html). A
/// node is the only one that has its data directory.
const EXCLUSIVE: &CStr = c"unix-excl";

thread_local! {
    /// Why a file of this thread's last statement could not grow.
    static REFUSED: RefCell<Option<Refusal>> = const { RefCell::new(None) };
}

/// Why SQLite found no room in this thread, if it was this file system that said so. Asked once.
pub(crate) fn take_refusal() -> Option<Refusal> {
    REFUSED.take()
}

/// SQLite's structure, and what it does not know of. It is a copy of the operating system's but for its name and how files are opened.
#[repr(C)]
struct Vfs {
    base: ffi::sqlite3_vfs,
    system: *mut ffi::sqlite3_vfs,
    spill: Arc<Spill>,
}

/// What SQLite allocates for a file of ours; it begins with SQLite's part.
#[repr(C)]
struct Handle {
    base: ffi::sqlite3_file,
    inner: *mut Inner,
}

struct Inner {
    file: File,
    bytes: u64,
    share: Share,
}

/// Makes the file system known to SQLite. The name to open databases with. Errors: SQLite has none of the operating system's.
pub(crate) fn register(spill: &Arc<Spill>) -> io::Result<String> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let name = format!("bole-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let c_name = CString::new(name.clone())?;
    // SAFETY: SQLite gives its default file system, which it never frees; the copy and its name are never freed either, and `open` fits it.
    let code = unsafe {
        let exclusive = ffi::sqlite3_vfs_find(EXCLUSIVE.as_ptr());
        let system = if exclusive.is_null() { ffi::sqlite3_vfs_find(std::ptr::null()) } else { exclusive };
        if system.is_null() {
            return Err(io::Error::other("SQLite knows no file system"));
        }
        let mut base = *system;
        base.pNext = std::ptr::null_mut();
        base.zName = c_name.into_raw();
        base.xOpen = Some(open);
        let own = size_of::<Handle>() as c_int;
        base.szOsFile = own.max(overlay::HEAD_BYTES as c_int + base.szOsFile);
        let vfs = Box::leak(Box::new(Vfs { base, system, spill: Arc::clone(spill) }));
        ffi::sqlite3_vfs_register(&raw mut vfs.base, 0)
    };
    if code == ffi::SQLITE_OK { Ok(name) } else { Err(io::Error::other(format!("SQLite's code {code}"))) }
}

/// # Safety
/// `file` is one that [`open_nameless`] has filled, between `xOpen` and `xClose`.
unsafe fn inner<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Inner {
    // SAFETY: a boxed `Inner` was put there, and SQLite calls one method of a file at a time.
    unsafe { &mut *(*file.cast::<Handle>()).inner }
}

fn refused(refusal: Refusal) -> c_int {
    REFUSED.set(Some(refusal));
    ffi::SQLITE_FULL
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives the structure that `register` made, and `szOsFile` bytes for the file, which are enough for the system's and for ours.
    unsafe {
        let vfs = &*vfs.cast::<Vfs>();
        if !name.is_null() {
            let Some(system_open) = (*vfs.system).xOpen else { return ffi::SQLITE_CANTOPEN };
            if flags & ffi::SQLITE_OPEN_WAL == 0 {
                return system_open(vfs.system, name, file, flags, out_flags);
            }
            (*file).pMethods = std::ptr::null();
            let code = system_open(vfs.system, name, overlay::system_of(file), flags, out_flags);
            if code == ffi::SQLITE_OK {
                overlay::adopt(file);
            }
            return code;
        }
        (*file).pMethods = std::ptr::null();
        let kind = if flags & ffi::SQLITE_OPEN_TEMP_DB == 0 { ShareKind::Work } else { ShareKind::Table };
        let share = match Share::new(&vfs.spill, kind) {
            Ok(share) => share,
            Err(refusal) => return refused(refusal),
        };
        let opened = match vfs.spill.file() {
            Ok(opened) => opened,
            Err(error) => return code_of(&error, ffi::SQLITE_CANTOPEN),
        };
        let inner = Inner { file: opened, bytes: 0, share };
        (*file.cast::<Handle>()).inner = Box::into_raw(Box::new(inner));
        (*file).pMethods = &raw const METHODS;
        if !out_flags.is_null() {
            *out_flags = flags;
        }
    }
    ffi::SQLITE_OK
}

fn code_of(error: &io::Error, other: c_int) -> c_int {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ffi::SQLITE_FULL,
        _ => other,
    }
}

/// Version 1: no shared memory and no mapping, which no file without a name needs.
static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(lock),
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

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: the box is the one that `open` made; SQLite uses the file no more.
    unsafe {
        drop(Box::from_raw((*file.cast::<Handle>()).inner));
        (*file).pMethods = std::ptr::null();
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    out: *mut c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite gives a file of ours, and `amount` bytes that it owns, which are zeroed first.
    let (inner, out) = unsafe {
        std::ptr::write_bytes(out.cast::<u8>(), 0, amount as usize);
        (inner(file), std::slice::from_raw_parts_mut(out.cast::<u8>(), amount as usize))
    };
    let mut done = 0;
    while done < out.len() {
        match inner.file.read_at(&mut out[done..], offset as u64 + done as u64) {
            Ok(0) => return ffi::SQLITE_IOERR_SHORT_READ,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return ffi::SQLITE_IOERR_READ,
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite gives a file of ours, and `amount` bytes that are there.
    let (inner, bytes) =
        unsafe { (inner(file), std::slice::from_raw_parts(bytes.cast::<u8>(), amount as usize)) };
    let end = offset as u64 + bytes.len() as u64;
    if end > inner.bytes {
        if let Err(refusal) = inner.share.grow_to(end) {
            return refused(refusal);
        }
        inner.bytes = end;
    }
    match inner.file.write_all_at(bytes, offset as u64) {
        Ok(()) => ffi::SQLITE_OK,
        Err(error) => code_of(&error, ffi::SQLITE_IOERR_WRITE),
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, bytes: ffi::sqlite3_int64) -> c_int {
    // SAFETY: SQLite gives a file of ours.
    let inner = unsafe { inner(file) };
    if inner.file.set_len(bytes as u64).is_err() {
        return ffi::SQLITE_IOERR_TRUNCATE;
    }
    inner.bytes = bytes as u64;
    inner.share.shrink_to(bytes as u64);
    ffi::SQLITE_OK
}

/// What is here outlives no process, so nothing of it has to be on the disk.
const unsafe extern "C" fn sync(_: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, out: *mut ffi::sqlite3_int64) -> c_int {
    // SAFETY: SQLite gives a file of ours, and a number to fill.
    unsafe { *out = inner(file).bytes as ffi::sqlite3_int64 };
    ffi::SQLITE_OK
}

/// Nobody else has the file.
const unsafe extern "C" fn lock(_: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved_lock(_: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: SQLite gives a number to fill.
    unsafe { *out = 0 };
    ffi::SQLITE_OK
}

const unsafe extern "C" fn file_control(_: *mut ffi::sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

const unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    4_096
}

const unsafe extern "C" fn device_characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    0
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, ErrorCode, OpenFlags};

    use super::*;
    use crate::spill::Used;
    use crate::spill::tests::room;

    fn open_database(dir: &tempfile::TempDir, vfs: &str) -> Connection {
        let connection = Connection::open_with_flags_and_vfs(
            dir.path().join("main.db"),
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
            vfs,
        );
        let connection = connection.unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA cache_size = 10").unwrap();
        connection
    }

    /// Sorts some 40 MB.
    const SORT: &str = "WITH RECURSIVE n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
         SELECT count(*), sum(length(v)) FROM (SELECT i, printf('%0200d', i * 7919 % 200001) AS v FROM n ORDER BY v LIMIT -1 OFFSET 1)";

    #[test]
    fn a_sort_is_counted_while_it_lasts_and_refused_beyond_its_bound() {
        for (bytes_max, keep_free, refusal) in
            [(1 << 30, 0, None), (1 << 20, 0, Some("53400")), (1 << 30, u64::MAX, Some("53100"))]
        {
            let (dir, spill) = room(bytes_max, 0, keep_free);
            let connection = open_database(&dir, &register(&spill).unwrap());
            let sorted = {
                let mut statement = connection.prepare(SORT).unwrap();
                statement.query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
            };
            match refusal {
                None => assert_eq!(sorted.unwrap(), (200_000, 40_000_000)),
                Some(state) => {
                    assert_eq!(sorted.unwrap_err().sqlite_error_code(), Some(ErrorCode::DiskFull));
                    let error = take_refusal().unwrap().error();
                    assert_eq!(std::str::from_utf8(&error.state.0).unwrap(), state);
                }
            }
            assert_eq!(take_refusal(), None);
            assert_eq!(spill.used(), Used::default());
            assert!(
                std::fs::read_dir(dir.path().join("tmp")).unwrap().next().is_none(),
                "files have no name"
            );
        }
    }

    #[test]
    fn temporary_tables_are_kept_and_have_no_share_of_the_bytes() {
        let (dir, spill) = room(1 << 30, 0, 0);
        let connection = open_database(&dir, &register(&spill).unwrap());
        connection
            .execute_batch(
                "CREATE TEMP TABLE t (a INTEGER PRIMARY KEY, b);
                 PRAGMA temp.cache_size = 10;
                 WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
                 INSERT INTO t SELECT i, zeroblob(500) FROM n;
                 DELETE FROM t WHERE a % 2 = 0;",
            )
            .unwrap();
        let found = connection.query_row("SELECT count(*), sum(length(b)) FROM t", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        });
        assert_eq!(found.unwrap(), (10_000, 5_000_000));
        assert_eq!(spill.used(), Used::default());
    }
}
