//! Locks of files, and the memory that connections of one file share, as sqlite.org/lockingv3.html and sqlite.org/walformat.html have them.

use std::ffi::{c_int, c_void};
use std::sync::{Arc, Mutex};

use rusqlite::ffi;

use super::inner;

const SLOTS: usize = ffi::SQLITE_SHM_NLOCK as usize;

/// What all connections of one file share.
#[derive(Default)]
pub(super) struct Shared {
    /// How many hold the file at least shared, and whether one holds it more strongly.
    readers: u32,
    reserved: bool,
    exclusive: bool,
    /// Regions of shared memory. Each stays where it is.
    regions: Vec<Box<[u64]>>,
    /// Locks of the shared memory: how many have a slot shared, or -1.
    slots: [i32; SLOTS],
}

/// What one connection holds.
#[derive(Default)]
pub(super) struct FileLock {
    level: c_int,
    shared: [bool; SLOTS],
    exclusive: [bool; SLOTS],
}

impl FileLock {
    /// The connection goes.
    pub(super) fn forget(&self, shared: &Mutex<Shared>) {
        let mut shared = super::lock(shared);
        lower(&mut shared, self.level, ffi::SQLITE_LOCK_NONE);
        for slot in 0..SLOTS {
            if self.exclusive[slot] {
                shared.slots[slot] = 0;
            } else if self.shared[slot] {
                shared.slots[slot] -= 1;
            }
        }
    }
}

/// Takes back what is held above `to`.
fn lower(shared: &mut Shared, from: c_int, to: c_int) {
    if to < ffi::SQLITE_LOCK_EXCLUSIVE && from >= ffi::SQLITE_LOCK_EXCLUSIVE {
        shared.exclusive = false;
    }
    if to < ffi::SQLITE_LOCK_RESERVED && from >= ffi::SQLITE_LOCK_RESERVED {
        shared.reserved = false;
    }
    if to < ffi::SQLITE_LOCK_SHARED && from >= ffi::SQLITE_LOCK_SHARED {
        shared.readers -= 1;
    }
}

pub(super) unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite calls it for an open file.
    let inner = unsafe { inner(file) };
    let shared = Arc::clone(&inner.shared);
    let (mut shared, held) = (super::lock(&shared), &mut inner.lock.level);
    if *held < ffi::SQLITE_LOCK_SHARED && level >= ffi::SQLITE_LOCK_SHARED {
        if shared.exclusive {
            return ffi::SQLITE_BUSY;
        }
        shared.readers += 1;
        *held = ffi::SQLITE_LOCK_SHARED;
    }
    if *held < ffi::SQLITE_LOCK_RESERVED && level >= ffi::SQLITE_LOCK_RESERVED {
        if shared.reserved {
            return ffi::SQLITE_BUSY;
        }
        shared.reserved = true;
        *held = ffi::SQLITE_LOCK_RESERVED;
    }
    if *held < ffi::SQLITE_LOCK_EXCLUSIVE && level >= ffi::SQLITE_LOCK_EXCLUSIVE {
        if shared.readers > 1 {
            return ffi::SQLITE_BUSY;
        }
        shared.exclusive = true;
        *held = ffi::SQLITE_LOCK_EXCLUSIVE;
    }
    ffi::SQLITE_OK
}

pub(super) unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite calls it for an open file.
    let inner = unsafe { inner(file) };
    lower(&mut super::lock(&inner.shared), inner.lock.level, level);
    inner.lock.level = inner.lock.level.min(level);
    ffi::SQLITE_OK
}

pub(super) unsafe extern "C" fn check_reserved(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: SQLite calls it for an open file, with a place for the answer.
    unsafe { *out = c_int::from(super::lock(&inner(file).shared).reserved) };
    ffi::SQLITE_OK
}

pub(super) unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    bytes: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: SQLite calls it for an open file.
    let mut shared = super::lock(unsafe { &inner(file).shared });
    if extend != 0 {
        while shared.regions.len() <= region as usize {
            shared.regions.push(vec![0; bytes as usize / 8].into_boxed_slice());
        }
    }
    let found = shared.regions.get_mut(region as usize);
    let place = found.map_or(std::ptr::null_mut(), |region| region.as_mut_ptr().cast());
    // SAFETY: SQLite gives a place for the answer. A region stays where it is while a connection of the file is open, which keeps `Shared` alive.
    unsafe { *out = place };
    ffi::SQLITE_OK
}

pub(super) unsafe extern "C" fn shm_lock(
    file: *mut ffi::sqlite3_file,
    offset: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: SQLite calls it for an open file.
    let inner = unsafe { inner(file) };
    let range = offset as usize..(offset + count) as usize;
    let (mut shared, held) = (super::lock(&inner.shared), &mut inner.lock);
    if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
        for slot in range {
            if std::mem::take(&mut held.exclusive[slot]) {
                shared.slots[slot] = 0;
            } else if std::mem::take(&mut held.shared[slot]) {
                shared.slots[slot] -= 1;
            }
        }
    } else if flags & ffi::SQLITE_SHM_SHARED != 0 {
        for slot in range {
            if held.shared[slot] {
                continue;
            }
            if shared.slots[slot] < 0 {
                return ffi::SQLITE_BUSY;
            }
            shared.slots[slot] += 1;
            held.shared[slot] = true;
        }
    } else {
        if range.clone().any(|slot| shared.slots[slot] != 0 && !held.exclusive[slot]) {
            return ffi::SQLITE_BUSY;
        }
        for slot in range {
            shared.slots[slot] = -1;
            held.exclusive[slot] = true;
        }
    }
    ffi::SQLITE_OK
}

pub(super) unsafe extern "C" fn shm_barrier(_file: *mut ffi::sqlite3_file) {
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}

pub(super) unsafe extern "C" fn shm_unmap(_file: *mut ffi::sqlite3_file, _remove: c_int) -> c_int {
    ffi::SQLITE_OK
}
