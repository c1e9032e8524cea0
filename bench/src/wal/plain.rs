//! A plain loop of write and fdatasync: what the disk gives.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::Written;

/// As much as the journal has in segments that are ready.
const FILE_BYTES: u64 = 256 << 20;
const FILL_BYTES: usize = 1 << 20;

/// A zero-filled file that is written over again and again, front to back.
pub(super) struct File(std::fs::File);

impl File {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let file = std::fs::File::create(path)?;
        let zeros = vec![0; FILL_BYTES];
        for at in (0..FILE_BYTES).step_by(FILL_BYTES) {
            file.write_all_at(&zeros, at)?;
        }
        file.sync_all()?;
        Ok(Self(file))
    }

    /// Writes and fdatasyncs pieces of these sizes, over and over, for `time`.
    pub(super) fn measure(&self, sizes: &[u32], time: Duration) -> Result<Written> {
        let piece = vec![0xB0; sizes.iter().copied().max().unwrap_or(0) as usize];
        let (mut at, mut bytes, mut fsyncs) = (0, 0, 0);
        let start = Instant::now();
        for &size in sizes.iter().cycle() {
            let size = u64::from(size);
            if at + size > FILE_BYTES {
                at = 0;
            }
            self.0.write_all_at(&piece[..size as usize], at)?;
            self.0.sync_data()?;
            at += size;
            bytes += size;
            fsyncs += 1;
            if start.elapsed() >= time {
                break;
            }
        }
        Ok(Written { seconds: start.elapsed().as_secs_f64(), bytes, fsyncs })
    }
}
