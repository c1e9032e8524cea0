//! SQLite on a [`bole_base::Disk`]: its files are where the journal's are, so that one power cut meets both, and every fault of the disk reaches SQLite.
//!
//! Shared memory is memory, files without a name too. Locks are kept as SQLite's own file systems do, for connections of one process.
//!
//! # Invariants
//! - SQLite uses a file's methods between its `xOpen` and its `xClose` only, and one at a time (`sqlite.org/c3ref/io_methods.html`).
//! - A registered file system is never freed, because SQLite may know it for ever; what it keeps alive goes with [`Vfs`].

#![expect(unsafe_code, reason = "SQLite's C interface: each use says why it is sound")]

mod locks;

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bole_base::{Disk, File};
use rusqlite::ffi;

use locks::{FileLock, Shared};

/// A disk that SQLite knows under a name.
pub struct Vfs {
    name: String,
    data: &'static Data,
}

/// What the file system's methods find.
struct Data {
    disk: Mutex<Option<Arc<dyn Disk>>>,
    /// Of the files that are open: shared memory goes with its last connection.
    shared: Mutex<BTreeMap<PathBuf, Weak<Mutex<Shared>>>>,
}

/// What SQLite allocates for a file; it begins with SQLite's part.
#[repr(C)]
struct Handle {
    base: ffi::sqlite3_file,
    inner: *mut Inner,
}

struct Inner {
    content: Content,
    /// Removed when it is closed.
    remove: Option<(Arc<dyn Disk>, PathBuf)>,
    shared: Arc<Mutex<Shared>>,
    lock: FileLock,
}

enum Content {
    Disk(Arc<dyn File>),
    Memory(Vec<u8>),
}

impl Data {
    fn shared(&self, path: PathBuf) -> Arc<Mutex<Shared>> {
        let mut known = lock(&self.shared);
        let found = known.get(&path).and_then(Weak::upgrade);
        found.unwrap_or_else(|| {
            let shared = Arc::default();
            known.insert(path, Arc::downgrade(&shared));
            shared
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Vfs {
    /// Makes `disk` known to SQLite.
    pub fn register(disk: Arc<dyn Disk>) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("bole-disk-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let data: &'static Data =
            Box::leak(Box::new(Data { disk: Mutex::new(Some(disk)), shared: Mutex::default() }));
        let c_name = CString::new(name.clone()).expect("a number has no zero byte");
        let vfs = ffi::sqlite3_vfs {
            iVersion: 1,
            szOsFile: size_of::<Handle>() as c_int,
            mxPathname: 512,
            pNext: std::ptr::null_mut(),
            zName: c_name.into_raw(),
            pAppData: std::ptr::from_ref(data).cast_mut().cast(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_pathname),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(current_time),
            xGetLastError: None,
            xCurrentTimeInt64: None,
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        };
        // SAFETY: the structure and the name are never freed, and the methods fit it.
        let code = unsafe { ffi::sqlite3_vfs_register(Box::leak(Box::new(vfs)), 0) };
        assert_eq!(code, ffi::SQLITE_OK, "SQLite takes a file system in");
        Self { name, data }
    }

    /// The name to open databases with.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Vfs {
    fn drop(&mut self) {
        *lock(&self.data.disk) = None;
        lock(&self.data.shared).clear();
    }
}

fn code_of(error: &io::Error, other: c_int) -> c_int {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ffi::SQLITE_FULL,
        _ => other,
    }
}

fn done(outcome: io::Result<()>, other: c_int) -> c_int {
    outcome.map_or_else(|error| code_of(&error, other), |()| ffi::SQLITE_OK)
}

/// # Safety
/// `vfs` is one that [`Vfs::register`] made.
unsafe fn data(vfs: *mut ffi::sqlite3_vfs) -> &'static Data {
    // SAFETY: its data is a `Data` that is never freed.
    unsafe { &*(*vfs).pAppData.cast::<Data>() }
}

/// # Safety
/// `name` is null or a string of SQLite's.
unsafe fn path(name: *const c_char) -> Option<PathBuf> {
    // SAFETY: SQLite's strings end with a zero.
    (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned().into())
}

/// # Safety
/// `file` is one that `open` has filled, between `xOpen` and `xClose`.
unsafe fn inner<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Inner {
    // SAFETY: `open` put a boxed `Inner` there, and SQLite calls one method of a file at a time.
    unsafe { &mut *(*file.cast::<Handle>()).inner }
}

fn open_content(
    data: &Data,
    path: Option<&Path>,
    flags: c_int,
) -> io::Result<(Content, Option<Arc<dyn Disk>>)> {
    let Some(path) = path else { return Ok((Content::Memory(Vec::new()), None)) };
    let disk = lock(&data.disk).clone().ok_or(io::ErrorKind::NotConnected)?;
    let file = match disk.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && flags & ffi::SQLITE_OPEN_CREATE != 0 => {
            disk.create(path)?
        }
        opened => opened?,
    };
    Ok((Content::Disk(file), Some(disk)))
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives what it got from us, and `szOsFile` bytes for the file.
    unsafe {
        (*file).pMethods = std::ptr::null();
        let (data, path) = (data(vfs), path(name));
        let (content, disk) = match open_content(data, path.as_deref(), flags) {
            Ok(opened) => opened,
            Err(error) => return code_of(&error, ffi::SQLITE_CANTOPEN),
        };
        let shared = path.clone().map_or_else(Arc::default, |path| data.shared(path));
        let remove = disk.zip(path).filter(|_| flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0);
        let inner = Inner { content, remove, shared, lock: FileLock::default() };
        (*file.cast::<Handle>()).inner = Box::into_raw(Box::new(inner));
        (*file).pMethods = &raw const METHODS;
        if !out_flags.is_null() {
            *out_flags = flags;
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    // SAFETY: SQLite gives what it got from us, and a name.
    let (data, path) = unsafe { (data(vfs), path(name)) };
    let (Some(disk), Some(path)) = (lock(&data.disk).clone(), path) else { return ffi::SQLITE_IOERR_DELETE };
    let removed = disk.remove(&path).and_then(|()| match path.parent() {
        Some(dir) if sync != 0 => disk.sync_dir(dir),
        _ => Ok(()),
    });
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => ffi::SQLITE_IOERR_DELETE_NOENT,
        removed => done(removed, ffi::SQLITE_IOERR_DELETE),
    }
}

unsafe extern "C" fn access(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    _flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives what it got from us, a name and a place for the answer.
    let (data, path) = unsafe { (data(vfs), path(name)) };
    let disk = lock(&data.disk).clone();
    let there = disk
        .zip(path)
        .is_some_and(|(disk, path)| disk.open(&path).and_then(|file| file.len()).is_ok_and(|len| len > 0));
    // SAFETY: as above.
    unsafe { *out = c_int::from(there) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_pathname(
    _vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    bytes: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: SQLite gives a name and `bytes` bytes for the answer.
    unsafe {
        let name = CStr::from_ptr(name).to_bytes_with_nul();
        if name.len() > bytes as usize {
            return ffi::SQLITE_CANTOPEN;
        }
        std::ptr::copy_nonoverlapping(name.as_ptr().cast(), out, name.len());
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn randomness(_vfs: *mut ffi::sqlite3_vfs, bytes: c_int, out: *mut c_char) -> c_int {
    for at in 0..bytes.max(0) as usize {
        // SAFETY: SQLite gives `bytes` bytes. What its random numbers are does not matter here, so they are the same in each run.
        unsafe { *out.add(at) = (at * 7 + 13) as c_char };
    }
    bytes
}

unsafe extern "C" fn sleep(_vfs: *mut ffi::sqlite3_vfs, micros: c_int) -> c_int {
    micros
}

unsafe extern "C" fn current_time(_vfs: *mut ffi::sqlite3_vfs, out: *mut f64) -> c_int {
    // SAFETY: SQLite gives a place for the answer.
    unsafe { *out = 2_461_041.5 };
    ffi::SQLITE_OK
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(locks::lock),
    xUnlock: Some(locks::unlock),
    xCheckReservedLock: Some(locks::check_reserved),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(locks::shm_map),
    xShmLock: Some(locks::shm_lock),
    xShmBarrier: Some(locks::shm_barrier),
    xShmUnmap: Some(locks::shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: the file is open, and SQLite does not use it any more.
    let inner = unsafe { Box::from_raw((*file.cast::<Handle>()).inner) };
    inner.lock.forget(&inner.shared);
    if let Some((disk, path)) = inner.remove {
        return done(disk.remove(&path), ffi::SQLITE_IOERR_DELETE);
    }
    ffi::SQLITE_OK
}

fn read_into(content: &Content, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    match content {
        Content::Memory(bytes) => {
            let from = bytes.len().min(offset as usize);
            let count = buffer.len().min(bytes.len() - from);
            buffer[..count].copy_from_slice(&bytes[from..from + count]);
            Ok(count)
        }
        Content::Disk(file) => {
            let mut filled = 0;
            while filled < buffer.len() {
                match file.read_at(offset + filled as u64, &mut buffer[filled..])? {
                    0 => break,
                    count => filled += count,
                }
            }
            Ok(filled)
        }
    }
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    out: *mut c_void,
    bytes: c_int,
    offset: i64,
) -> c_int {
    // SAFETY: the file is open; SQLite gives `bytes` bytes for the answer, which are written before they are looked at.
    let (inner, buffer) = unsafe {
        out.cast::<u8>().write_bytes(0, bytes as usize);
        (inner(file), std::slice::from_raw_parts_mut(out.cast::<u8>(), bytes as usize))
    };
    match read_into(&inner.content, offset as u64, buffer) {
        Ok(count) if count == buffer.len() => ffi::SQLITE_OK,
        Ok(_) => ffi::SQLITE_IOERR_SHORT_READ,
        Err(_) => ffi::SQLITE_IOERR_READ,
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    count: c_int,
    offset: i64,
) -> c_int {
    // SAFETY: the file is open; SQLite gives `count` bytes.
    let (inner, bytes) =
        unsafe { (inner(file), std::slice::from_raw_parts(bytes.cast::<u8>(), count as usize)) };
    match &mut inner.content {
        Content::Disk(file) => done(file.write_all_at(offset as u64, bytes), ffi::SQLITE_IOERR_WRITE),
        Content::Memory(held) => {
            let (from, to) = (offset as usize, offset as usize + bytes.len());
            if held.len() < to {
                held.resize(to, 0);
            }
            held[from..to].copy_from_slice(bytes);
            ffi::SQLITE_OK
        }
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, len: i64) -> c_int {
    // SAFETY: the file is open.
    match &mut unsafe { inner(file) }.content {
        Content::Disk(file) => done(file.set_len(len as u64), ffi::SQLITE_IOERR_TRUNCATE),
        Content::Memory(held) => {
            held.resize(len as usize, 0);
            ffi::SQLITE_OK
        }
    }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: the file is open.
    match &unsafe { inner(file) }.content {
        Content::Disk(file) => done(file.sync_data(), ffi::SQLITE_IOERR_FSYNC),
        Content::Memory(_) => ffi::SQLITE_OK,
    }
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, out: *mut i64) -> c_int {
    // SAFETY: the file is open.
    let len = match &unsafe { inner(file) }.content {
        Content::Disk(file) => file.len(),
        Content::Memory(held) => Ok(held.len() as u64),
    };
    let Ok(len) = len else { return ffi::SQLITE_IOERR_FSTAT };
    // SAFETY: SQLite gives a place for the answer.
    unsafe { *out = len as i64 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_control(
    _file: *mut ffi::sqlite3_file,
    _operation: c_int,
    _argument: *mut c_void,
) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_file: *mut ffi::sqlite3_file) -> c_int {
    4_096
}

unsafe extern "C" fn device_characteristics(_file: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}
