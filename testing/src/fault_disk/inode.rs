//! One file of a [`FaultDisk`](super::FaultDisk): what the medium holds, what the page cache shows, and the changes between them.
//!
//! Invariant: on a disk without silent damage and failed syncs, applying `unsynced` in order to `durable` gives `cache`.

use std::collections::BTreeSet;

use super::loss::Loss;
use crate::Rng;

/// The unit in which writes tear.
pub(super) const SECTOR: u64 = 512;
/// The unit in which space is taken.
pub(super) const BLOCK: u64 = 4096;

/// Bytes to write, without storage for zeros.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Bytes(Vec<u8>),
    Zeros(u64),
}

impl Content {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Zeros(len) => *len,
        }
    }

    pub(super) fn truncate(&mut self, len: u64) {
        match self {
            Self::Bytes(bytes) => bytes.truncate(len as usize),
            Self::Zeros(zeros) => *zeros = len.min(*zeros),
        }
    }
}

/// A change that is not durable yet. `seq` orders the changes of all files of the disk.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) seq: u64,
    pub(super) kind: ChangeKind,
}

#[derive(Clone, Debug)]
pub(super) enum ChangeKind {
    Write { offset: u64, content: Content },
    SetLen(u64),
}

/// A part of a change that survives or not as a whole.
struct Piece<'a> {
    change: &'a Change,
    start: u64,
    end: u64,
}

impl Piece<'_> {
    fn apply(&self, image: &mut Vec<u8>) {
        match &self.change.kind {
            ChangeKind::SetLen(len) => image.resize(*len as usize, 0),
            ChangeKind::Write { offset, content } => {
                extend(image, self.end);
                let target = &mut image[self.start as usize..self.end as usize];
                match content {
                    Content::Zeros(_) => target.fill(0),
                    Content::Bytes(bytes) => target.copy_from_slice(
                        &bytes[(self.start - offset) as usize..(self.end - offset) as usize],
                    ),
                }
            }
        }
    }
}

impl Change {
    fn whole(&self) -> Piece<'_> {
        match &self.kind {
            ChangeKind::SetLen(_) => Piece { change: self, start: 0, end: 0 },
            ChangeKind::Write { offset, content } => {
                Piece { change: self, start: *offset, end: offset + content.len() }
            }
        }
    }

    /// The change cut at the boundaries of sectors.
    fn sectors(&self) -> Vec<Piece<'_>> {
        let whole = self.whole();
        let mut pieces = Vec::new();
        let mut start = whole.start;
        while start < whole.end {
            let end = whole.end.min((start / SECTOR + 1) * SECTOR);
            pieces.push(Piece { change: self, start, end });
            start = end;
        }
        if pieces.is_empty() {
            pieces.push(whole);
        }
        pieces
    }

    fn pieces(&self, torn: bool) -> Vec<Piece<'_>> {
        if torn { self.sectors() } else { vec![self.whole()] }
    }
}

fn extend(image: &mut Vec<u8>, len: u64) {
    if (image.len() as u64) < len {
        image.resize(len as usize, 0);
    }
}

/// A file's content.
#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    pub(super) durable: Vec<u8>,
    pub(super) cache: Vec<u8>,
    pub(super) unsynced: Vec<Change>,
    /// Blocks that take space.
    blocks: BTreeSet<u64>,
    /// Handles that are open.
    pub(super) handles: u32,
}

impl Inode {
    /// A file that is on the medium already.
    pub(super) fn durable(bytes: Vec<u8>) -> Self {
        let blocks = (0..(bytes.len() as u64).div_ceil(BLOCK)).collect();
        Self { cache: bytes.clone(), durable: bytes, blocks, ..Self::default() }
    }

    /// Bytes of space that the file takes.
    pub(super) fn space(&self) -> u64 {
        self.blocks.len() as u64 * BLOCK
    }

    /// How many of `len` bytes at `offset` can be written when `free` bytes of space are left.
    pub(super) fn fitting(&self, offset: u64, len: u64, free: u64) -> u64 {
        let mut blocks_left = free / BLOCK;
        let end = offset + len;
        for block in offset / BLOCK..end.div_ceil(BLOCK) {
            if self.blocks.contains(&block) {
                continue;
            }
            if blocks_left == 0 {
                return (block * BLOCK).max(offset) - offset;
            }
            blocks_left -= 1;
        }
        len
    }

    /// Changes the file in the page cache.
    pub(super) fn change(&mut self, change: Change) {
        match &change.kind {
            ChangeKind::SetLen(len) => {
                self.blocks.split_off(&len.div_ceil(BLOCK));
            }
            ChangeKind::Write { offset, content } => {
                self.blocks.extend(offset / BLOCK..(offset + content.len()).div_ceil(BLOCK));
            }
        }
        change.whole().apply(&mut self.cache);
        self.unsynced.push(change);
    }

    /// Makes the changes before `seq` durable, but for the sectors that `drops` takes; returns their offsets.
    pub(super) fn sync(&mut self, seq: u64, stale_one_in: u32, rng: &mut Rng) -> Vec<u64> {
        let mut stale = Vec::new();
        let later = self.unsynced.iter().position(|change| change.seq >= seq).unwrap_or(self.unsynced.len());
        for change in self.unsynced.drain(..later) {
            if stale_one_in == 0 {
                change.whole().apply(&mut self.durable);
                continue;
            }
            for piece in change.sectors() {
                if piece.end > piece.start && rng.one_in(stale_one_in) {
                    extend(&mut self.durable, piece.end);
                    stale.push(piece.start);
                } else {
                    piece.apply(&mut self.durable);
                }
            }
        }
        stale
    }

    /// A sync that failed: some sectors reached the medium, the others are clean in the cache and will never be written.
    pub(super) fn fail_sync(&mut self, torn: bool, rng: &mut Rng) {
        for change in self.unsynced.drain(..) {
            for piece in change.pieces(torn) {
                if rng.one_in(2) {
                    piece.apply(&mut self.durable);
                }
            }
        }
    }

    /// What the medium holds after a power cut.
    pub(super) fn after_power_cut(&self, loss: &Loss, rng: &mut Rng) -> Vec<u8> {
        let mut image = self.durable.clone();
        let mut kept = Vec::new();
        for change in &self.unsynced {
            if matches!(change.kind, ChangeKind::SetLen(_)) {
                // A change of length is metadata: writes do not move across it.
                apply_in_any_order(&mut image, &mut kept, loss, rng);
            }
            for piece in change.pieces(loss.tears(change.seq)) {
                if loss.keeps(change.seq, rng) {
                    kept.push(piece);
                } else if loss.keeps_length(rng) {
                    // The file grew, but the bytes did not arrive.
                    extend(&mut image, piece.end);
                }
            }
        }
        apply_in_any_order(&mut image, &mut kept, loss, rng);
        image
    }
}

fn apply_in_any_order(image: &mut Vec<u8>, pieces: &mut Vec<Piece<'_>>, loss: &Loss, rng: &mut Rng) {
    if loss.reorders() {
        rng.shuffle(pieces);
    }
    for piece in pieces.drain(..) {
        piece.apply(image);
    }
}
