//! SQLite's memory from the program's allocator, counted without a lock. By itself SQLite counts under one lock of the process: where many threads read, one that
//! is not running while it has that lock keeps all others waiting.
//!
//! # Invariants
//! - Each piece is preceded by its length, so that it goes back with the layout that it was taken with.

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rusqlite::ffi;

/// Bytes of the length before a piece; SQLite wants its memory at multiples of 8.
const HEAD_BYTES: usize = 8;

static USED: AtomicU64 = AtomicU64::new(0);
static IS_USED: AtomicBool = AtomicBool::new(false);

/// Has SQLite use the program's allocator from now on; whether it does. To be called once, at the start of a program, before any other thread and before anything of
/// SQLite's: afterwards SQLite refuses.
pub fn use_allocator() -> bool {
    let methods = ffi::sqlite3_mem_methods {
        xMalloc: Some(take),
        xFree: Some(give_back),
        xRealloc: Some(resize),
        xSize: Some(size),
        xRoundup: Some(round_up),
        xInit: Some(init),
        xShutdown: Some(shutdown),
        pAppData: std::ptr::null_mut(),
    };
    // SAFETY: the caller says that nobody else uses SQLite now; SQLite copies the table, and refuses it once it has begun to allocate.
    let taken = unsafe {
        ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, &raw const methods) == ffi::SQLITE_OK
            && ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, c_int::from(false)) == ffi::SQLITE_OK
    };
    IS_USED.store(taken, Ordering::Release);
    taken
}

/// Bytes in use, if they are counted here.
pub(super) fn used() -> Option<u64> {
    IS_USED.load(Ordering::Acquire).then(|| USED.load(Ordering::Relaxed))
}

/// The layout of a piece of so many bytes; `None` if there is none.
fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes.checked_add(HEAD_BYTES)?, HEAD_BYTES).ok()
}

/// Writes the length, and gives the piece behind it.
///
/// # Safety
/// `start` is null, or memory for the length and `bytes` bytes.
unsafe fn begin(start: *mut u8, bytes: usize) -> *mut c_void {
    if start.is_null() {
        return std::ptr::null_mut();
    }
    USED.fetch_add(bytes as u64, Ordering::Relaxed);
    // SAFETY: as the caller promises.
    unsafe {
        start.cast::<[u8; HEAD_BYTES]>().write((bytes as u64).to_ne_bytes());
        start.add(HEAD_BYTES).cast()
    }
}

/// Where a piece's memory begins, and its length.
///
/// # Safety
/// `piece` comes from [`begin`], and is not given back.
unsafe fn head(piece: *mut c_void) -> (*mut u8, usize) {
    // SAFETY: as the caller promises, its length is before it.
    unsafe {
        let start = piece.cast::<u8>().sub(HEAD_BYTES);
        (start, u64::from_ne_bytes(start.cast::<[u8; HEAD_BYTES]>().read()) as usize)
    }
}

unsafe extern "C" fn take(bytes: c_int) -> *mut c_void {
    let bytes = bytes.max(0) as usize;
    let Some(layout) = layout(bytes) else { return std::ptr::null_mut() };
    // SAFETY: the layout is larger than zero, and has room for the length.
    unsafe { begin(alloc(layout), bytes) }
}

unsafe extern "C" fn give_back(piece: *mut c_void) {
    if piece.is_null() {
        return;
    }
    // SAFETY: SQLite gives back what it got here, once; so the layout is the one that it was taken with.
    unsafe {
        let (start, bytes) = head(piece);
        USED.fetch_sub(bytes as u64, Ordering::Relaxed);
        if let Some(layout) = layout(bytes) {
            dealloc(start, layout);
        }
    }
}

unsafe extern "C" fn resize(piece: *mut c_void, bytes: c_int) -> *mut c_void {
    let bytes = bytes.max(0) as usize;
    // SAFETY: SQLite gives a piece that it got here; where the larger one is not to be had, the old one stays as it is.
    unsafe {
        let (start, before) = head(piece);
        let (Some(old), Some(new)) = (layout(before), layout(bytes)) else { return std::ptr::null_mut() };
        let moved = realloc(start, old, new.size());
        if !moved.is_null() {
            USED.fetch_sub(before as u64, Ordering::Relaxed);
        }
        begin(moved, bytes)
    }
}

unsafe extern "C" fn size(piece: *mut c_void) -> c_int {
    if piece.is_null() {
        return 0;
    }
    // SAFETY: SQLite asks for a piece that it got here; its length came as a `c_int`.
    unsafe { head(piece).1 as c_int }
}

const unsafe extern "C" fn round_up(bytes: c_int) -> c_int {
    bytes.saturating_add(7) & !7
}

const unsafe extern "C" fn init(_: *mut c_void) -> c_int {
    ffi::SQLITE_OK
}

const unsafe extern "C" fn shutdown(_: *mut c_void) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_keep_their_bytes_and_are_counted() {
        // SAFETY: pieces are used as SQLite uses them; SQLite itself does not have these functions here.
        unsafe {
            let piece = take(100).cast::<u8>();
            assert_eq!((size(piece.cast()), piece as usize % 8), (100, 0));
            (0..100).for_each(|index| piece.add(index).write(index as u8));
            assert_eq!(USED.load(Ordering::Relaxed), 100);
            let piece = resize(piece.cast(), 100_000).cast::<u8>();
            assert_eq!(USED.load(Ordering::Relaxed), 100_000);
            assert!((0..100).all(|index| piece.add(index).read() == index as u8));
            let piece = resize(piece.cast(), 8);
            assert_eq!((size(piece), USED.load(Ordering::Relaxed)), (8, 8));
            give_back(piece);
            give_back(std::ptr::null_mut());
            assert_eq!((USED.load(Ordering::Relaxed), size(std::ptr::null_mut())), (0, 0));
            assert_eq!((round_up(1), round_up(16)), (8, 16));
        }
    }
}
