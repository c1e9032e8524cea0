//! The pages that SQLite leaves out when it moves frames up to a snapshot.
//!
//! A checkpoint of SQLite's that must stop at a frame passes over each page of which there is a later one: whoever may read finds that in the `-wal`. `main.db`
//! is then no state that ever was, which is right for SQLite, whose recovery keeps the whole `-wal`, and wrong for us, who throw it away.
//!
//! Those pages are written here, as the last frame at or below the bound has them. That is in nobody's way once SQLite has moved as far as the bound: every
//! snapshot shows at least the state there, and finds these pages in the `-wal`.

use std::collections::{HashMap, HashSet};
use std::io;

use bole_base::File;
use bole_base::disk::read_exact_at;

use super::marker::{FRAME_HEAD_BYTES, Marker, WAL_HEAD_BYTES};

/// Writes the pages of the marker's frames into `main` that later frames of `wal` have, too.
pub(super) fn write_skipped(marker: &Marker, wal: &dyn File, main: &dyn File) -> io::Result<()> {
    let frames = Frames { wal, page_bytes: u64::from(marker.page_bytes) };
    // The file may be longer than what is in use; what stood there before costs a look, no more.
    let mut later = HashSet::new();
    for frame in u64::from(marker.frames)..frames.count()? {
        later.insert(frames.page(frame)?);
    }
    let mut last = HashMap::new();
    if !later.is_empty() {
        for frame in 0..u64::from(marker.frames) {
            let page = frames.page(frame)?;
            if later.contains(&page) {
                last.insert(page, frame);
            }
        }
    }
    let mut last: Vec<_> = last.into_iter().collect();
    last.sort_unstable();
    let mut bytes = vec![0; marker.page_bytes as usize];
    for (page, frame) in last {
        read_exact_at(wal, frames.at(frame) + FRAME_HEAD_BYTES, &mut bytes)?;
        main.write_all_at((u64::from(page) - 1) * frames.page_bytes, &bytes)?;
    }
    Ok(())
}

/// Frames, counted from 0.
struct Frames<'a> {
    wal: &'a dyn File,
    page_bytes: u64,
}

impl Frames<'_> {
    const fn at(&self, frame: u64) -> u64 {
        WAL_HEAD_BYTES + frame * (FRAME_HEAD_BYTES + self.page_bytes)
    }

    fn count(&self) -> io::Result<u64> {
        Ok(self.wal.len()?.saturating_sub(WAL_HEAD_BYTES) / (FRAME_HEAD_BYTES + self.page_bytes))
    }

    /// The number of the page that a frame has, from 1 on.
    fn page(&self, frame: u64) -> io::Result<u32> {
        let mut number = [0; 4];
        read_exact_at(self.wal, self.at(frame), &mut number)?;
        Ok(u32::from_be_bytes(number))
    }
}
