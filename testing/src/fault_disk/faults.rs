//! Which faults a [`FaultDisk`](super::FaultDisk) injects, and what it has to say about those that nobody can see coming.

use std::ops::Range;
use std::path::{Path, PathBuf};

/// The faults of one disk. The default is an honest disk with a power cut as bad as the contract of `bole_base::disk`
/// allows: unsynced data is lost, torn and reordered.
///
/// "One in n" fields are chances, 0 means never. "…_at" fields count from 1 since the disk was made or last crashed, and
/// happen once; a crash clears them, so that the rebooted machine is healthy unless told otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// A power cut may lose unsynced changes. Off: everything written survives.
    pub lose_unsynced: bool,
    /// A power cut may keep any subset of the unsynced writes, in any order. Off: they survive up to some moment.
    pub reorder_unsynced: bool,
    /// A write that a power cut catches may survive in part, at sectors of 512 bytes. Off: whole or not at all.
    pub torn_writes: bool,
    /// Bytes that fit on the disk, in blocks of 4096. Files with holes take only what was written.
    pub capacity: u64,
    /// This write (or zero fill, or change of length) fails with EIO; a part of it may have been written.
    pub write_error_at: Option<u64>,
    /// This sync (of a file or a folder) fails with EIO. As on Linux, the unsynced bytes count as clean from then on:
    /// reads see them, a later sync succeeds without writing them, a power cut loses them.
    pub sync_error_at: Option<u64>,
    /// Chance of EIO for every write.
    pub write_error_one_in: u32,
    /// Chance of EIO for every sync.
    pub sync_error_one_in: u32,
    /// Power fails at this change (write, sync, create, rename, remove): it and everything after it fails, until
    /// [`FaultDisk::crash`](super::FaultDisk::crash). Cuts inside what a scheduler sees as one step.
    pub power_off_at: Option<u64>,
    /// Chance of a short read, of one byte or more.
    pub short_read_one_in: u32,
    /// Chance, for each sector that a sync of a file writes, that the drive drops it: after the next crash the sector
    /// reads as before. Silent damage, see [`Damage`].
    pub stale_sector_one_in: u32,
    /// Bits that flip under reads.
    pub bit_flips: Vec<BitFlips>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            lose_unsynced: true,
            reorder_unsynced: true,
            torn_writes: true,
            capacity: u64::MAX,
            write_error_at: None,
            sync_error_at: None,
            write_error_one_in: 0,
            sync_error_one_in: 0,
            power_off_at: None,
            short_read_one_in: 0,
            stale_sector_one_in: 0,
            bit_flips: Vec::new(),
        }
    }
}

impl Faults {
    /// No faults at all: not even a power cut loses anything.
    pub fn none() -> Self {
        Self { lose_unsynced: false, reorder_unsynced: false, torn_writes: false, ..Self::default() }
    }

    /// Whether anything here damages bytes that were synced: then a system may refuse to start, but not answer wrongly.
    pub fn damages_durable_bytes(&self) -> bool {
        self.stale_sector_one_in != 0 || self.bit_flips.iter().any(|flips| flips.one_in != 0)
    }

    /// Clears what happens once; what a crash does.
    pub(super) fn forget_appointments(&mut self) {
        self.write_error_at = None;
        self.sync_error_at = None;
        self.power_off_at = None;
    }
}

/// Bits that flip when a range of some files is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BitFlips {
    /// The files whose path contains this text; all if it is empty.
    pub path_contains: String,
    /// The bytes of the file that are in danger.
    pub range: Range<u64>,
    /// Chance for every read that meets the range.
    pub one_in: u32,
    /// Whether the flipped bit is on the medium (later reads see it too) or only in what this read returned.
    pub durable: bool,
}

/// Damage to synced bytes that no error announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file, under the name by which it was last opened.
    pub path: PathBuf,
    /// The first damaged byte.
    pub offset: u64,
    /// What was done.
    pub kind: DamageKind,
}

/// Kinds of silent damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// A bit of the medium flipped.
    BitFlip,
    /// A bit of one read's answer flipped.
    ReadFlip,
    /// A synced sector was dropped by the drive.
    StaleSector,
}

impl Damage {
    pub(super) fn new(path: &Path, offset: u64, kind: DamageKind) -> Self {
        Self { path: path.to_owned(), offset, kind }
    }
}
