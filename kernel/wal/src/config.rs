//! What an operator and a test can choose about a journal.

use std::time::Duration;

use crate::Error;
use crate::entry::BATCH_BYTES_MAX;
use crate::extent::ExtentSets;
use crate::frame::{FRAME_HEADER_BYTES, frame_bytes};
use crate::segment::HEADER_BLOCK_BYTES;

/// The settings of a journal. All but the batch bound may change between two starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// Bytes of a segment file.
    pub segment_bytes: u64,
    /// The most bytes that the entries of one batch take; at most [`BATCH_BYTES_MAX`].
    pub batch_bytes_max: usize,
    /// The most bytes that segments and spares take together. Appenders wait for trim when it is reached.
    pub bytes_max: u64,
    /// The most bytes that are admitted or queued and not yet written.
    pub queue_bytes_max: u64,
    /// Free bytes of the file system that spares leave alone, so that checkpoint and trim can still write.
    pub reserve_bytes: u64,
    /// Spare segments that are kept ready.
    pub spares: usize,
    /// The longest time that written bytes wait for their fsync.
    pub sync_interval: Duration,
    /// The id of a journal that is created; random if `None`. An existing journal keeps its own.
    pub journal_id: Option<[u8; 16]>,
    /// Whether the size of each write is kept for a benchmark (see [`crate::metrics::Metrics::take_write_sizes`]).
    pub record_writes: bool,
    /// Files of services in which entries name bytes.
    pub extents: ExtentSets,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            batch_bytes_max: BATCH_BYTES_MAX,
            bytes_max: 4 << 30,
            queue_bytes_max: 32 << 20,
            reserve_bytes: 256 << 20,
            spares: 2,
            sync_interval: Duration::from_millis(900),
            journal_id: None,
            record_writes: false,
            extents: ExtentSets::default(),
        }
    }
}

impl Config {
    /// Small segments and bounds for tests: 64 KiB segments, batches of 4 KiB, 1 MiB in all, no disk reserve.
    pub fn small() -> Self {
        Self {
            segment_bytes: 64 << 10,
            batch_bytes_max: 4 << 10,
            bytes_max: 1 << 20,
            queue_bytes_max: 128 << 10,
            reserve_bytes: 0,
            journal_id: Some(*b"a-test's-journal"),
            ..Self::default()
        }
    }

    /// The largest frame.
    pub(crate) fn frame_bytes_max(&self) -> u64 {
        frame_bytes(self.batch_bytes_max)
    }

    /// Bytes of frames that a segment is counted for. A frame that starts within them fits, and a seal after it.
    pub(crate) fn capacity(&self) -> u64 {
        self.segment_bytes - HEADER_BLOCK_BYTES - self.frame_bytes_max() - FRAME_HEADER_BYTES as u64
    }

    /// Space that ordinary appends leave for copies, which free more than they take.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.frame_bytes_max().min(self.capacity() / 4)
    }

    /// Refuses settings with which no journal can work.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        let refuse = |text: String| Err(Error::Config(text));
        if self.batch_bytes_max == 0 || self.batch_bytes_max > BATCH_BYTES_MAX {
            return refuse(format!(
                "batch_bytes_max is {}; use 1 to {BATCH_BYTES_MAX}",
                self.batch_bytes_max
            ));
        }
        let segment_min = HEADER_BLOCK_BYTES + 4 * self.frame_bytes_max();
        if self.segment_bytes < segment_min || !self.segment_bytes.is_multiple_of(HEADER_BLOCK_BYTES) {
            let text =
                format!("segment_bytes is {}; use a multiple of 4096 from {segment_min}", self.segment_bytes);
            return refuse(text);
        }
        if self.bytes_max < 3 * self.segment_bytes {
            let min = 3 * self.segment_bytes;
            return refuse(format!(
                "the journal's bytes_max is {}; use three segments ({min}) or more",
                self.bytes_max
            ));
        }
        if self.queue_bytes_max < self.frame_bytes_max() {
            let min = self.frame_bytes_max();
            return refuse(format!("queue_bytes_max is {}; use {min} or more", self.queue_bytes_max));
        }
        if self.spares == 0 || self.sync_interval.is_zero() {
            return refuse("spares and sync_interval must not be zero".to_owned());
        }
        Ok(())
    }
}
