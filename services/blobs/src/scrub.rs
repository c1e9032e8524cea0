//! The walk over all chunks that bodies name: it verifies each block, marks what is damaged and takes the mark off what is sound again. How fast it goes is said
//! by who drives it; where it is, is logged every minute, so that a restart goes on there.
//!
//! A chunk is held while it is read, as a reader holds it. What an upload makes meanwhile has a higher id, and is met later.

use std::ops::Bound;
use std::sync::Arc;

use bole_base::{Epoch, Timestamp};

use crate::chunks::ChunkId;
use crate::chunks::frame::BLOCK_BYTES;
use crate::chunks::reader::Reader;
use crate::damage::{self, read_chunk, read_kept};
use crate::limits::{LIST_ROWS_MAX, SCRUB_SAVE_INTERVAL};
use crate::rows::Scrub;
use crate::rows::keys::{self, CHUNKS, OWN, SCRUB};
use crate::rows::values;
use crate::state::holds::Hold;
use crate::state::{Blobs, Result};

/// What a chunk costs besides its bytes: it is looked up and its file opened.
const CHUNK_COST_BYTES: u64 = 16 << 10;

/// The walk. One at a time.
pub struct Scrubber {
    blobs: Blobs,
    scrub: Scrub,
    saved: Timestamp,
    /// Chunks of this opening that could not be read and may be sound.
    unreadable: u64,
    current: Option<Current>,
}

/// The chunk that is verified.
struct Current {
    id: ChunkId,
    reader: Reader,
    /// It was marked before its first block was read, so the mark is of damage that would be met again.
    was_marked: bool,
    _hold: Hold,
}

/// A part of the walk.
#[derive(Debug)]
pub struct Step {
    /// Bytes that it may still take.
    left: u64,
    /// Bytes that it verified.
    pub verified: u64,
    met: Option<Met>,
}

/// What is to be logged.
#[derive(Debug)]
enum Met {
    /// The end of all chunks.
    End,
    /// A chunk that was marked before it was read, and is as it was written.
    Sound(ChunkId),
    /// A chunk that could not be read.
    Failed(ChunkId, crate::chunks::Error),
}

impl Step {
    /// Of about `bytes` bytes.
    pub const fn of(bytes: u64) -> Self {
        Self { left: bytes, verified: 0, met: None }
    }

    /// Whether there is nothing left to do.
    pub const fn is_over(&self) -> bool {
        self.left == 0 && self.met.is_none()
    }
}

impl Scrubber {
    /// Goes on where it was when the node stopped.
    pub fn open(blobs: Blobs) -> Result<Self> {
        let scrub = blobs.look(|plan| plan.row::<Scrub>(OWN, SCRUB))?.value.unwrap_or_default();
        let saved = blobs.runtime().clock().now();
        Ok(Self { blobs, scrub, saved, unreadable: 0, current: None })
    }

    /// Where it is.
    pub const fn scrub(&self) -> &Scrub {
        &self.scrub
    }

    /// Chunks of this opening that could not be read and may be sound.
    pub const fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Whether it is under way.
    pub const fn is_running(&self) -> bool {
        self.scrub.begun_ms > 0 && self.scrub.ended_ms.is_none()
    }

    /// Whether the last walk began that long ago, or there was none.
    pub fn is_due(&self, interval: std::time::Duration) -> bool {
        let interval = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        self.blobs.runtime().clock().now().0 >= self.scrub.begun_ms.saturating_add(interval)
    }

    /// Begins a walk; where one is under way, that goes on. Without a chunk nothing is logged, and it has ended already. Blocks.
    pub async fn begin(&mut self) -> Result<()> {
        if self.is_running() {
            return Ok(());
        }
        let (mut start, mut bytes, mut chunks) = (Bound::Unbounded, 0_u64, 0_u64);
        loop {
            let page = self.blobs.look(|plan| plan.page(CHUNKS, &[], start, LIST_ROWS_MAX))?.value;
            for (_, value) in &page.entries {
                bytes += read_kept(value)?.bytes;
                chunks += 1;
            }
            match page.entries.last().filter(|_| page.more) {
                Some((key, _)) => start = Bound::Excluded(key.clone()),
                None => break,
            }
        }
        let now = self.blobs.runtime().clock().now().0.max(1);
        let ended_ms = (chunks == 0).then_some(now);
        self.scrub = Scrub { begun_ms: now, ended_ms, bytes_total: bytes, ..Scrub::default() };
        if chunks == 0 { Ok(()) } else { self.save().await }
    }

    /// Verifies about `bytes` bytes; how many it was. It may end with that. Blocks. Errors: the state's; the next step goes on. Not where a home waits for the network, which must not be done
    /// within a task of the runtime: there the caller makes the two halves, until the step is over.
    pub async fn step(&mut self, bytes: u64) -> Result<u64> {
        let mut step = Step::of(bytes);
        while !step.is_over() {
            self.verify(&mut step)?;
            self.log(&mut step).await?;
        }
        Ok(step.verified)
    }

    /// The half of a step that reads chunks: until it meets what is to be logged, or is over. Blocks.
    pub fn verify(&mut self, step: &mut Step) -> Result<()> {
        while step.left > 0 && step.met.is_none() && self.is_running() {
            if self.current.is_none() {
                step.left = step.left.saturating_sub(CHUNK_COST_BYTES);
                self.current = self.next()?;
            }
            let Some(current) = &mut self.current else {
                step.met = Some(Met::End);
                break;
            };
            let id = current.id;
            match current.reader.next() {
                Some(Ok(block)) => {
                    let read = block.len() as u64;
                    self.scrub.chunk_bytes += read;
                    self.scrub.bytes += read;
                    step.left = step.left.saturating_sub(read);
                    step.verified += read;
                }
                None if current.was_marked => step.met = Some(Met::Sound(id)),
                None => self.pass(),
                Some(Err(error)) => step.met = Some(Met::Failed(id, error)),
            }
        }
        if step.met.is_none() {
            step.left = 0;
        } else {
            // A reader that has met its end or an error says nothing of its chunk any more, should it not be logged now.
            self.current = None;
        }
        Ok(())
    }

    /// The other half: logs what was met, and from time to time where the walk is.
    pub async fn log(&mut self, step: &mut Step) -> Result<()> {
        match step.met.take() {
            None => {}
            Some(Met::End) => {
                step.left = 0;
                return self.end().await;
            }
            Some(Met::Sound(id)) => {
                if self.blobs.clear_damage(id).await? {
                    tracing::warn!(chunk = %id, "a chunk that was marked as damaged is sound");
                }
                self.pass();
            }
            Some(Met::Failed(id, error)) => {
                self.failed(id, &error).await?;
                self.pass();
            }
        }
        let age = self.blobs.runtime().clock().now().0.saturating_sub(self.saved.0);
        if step.is_over() && self.is_running() && u128::from(age) >= SCRUB_SAVE_INTERVAL.as_millis() {
            self.save().await?;
        }
        Ok(())
    }

    /// Logs where it is.
    pub async fn save(&mut self) -> Result<()> {
        let scrub = self.scrub;
        self.blobs
            .change(None, 200, |plan| {
                plan.put(OWN, SCRUB, values::encode(&scrub));
                plan.housekeeping();
                Ok(())
            })
            .await?;
        self.saved = self.blobs.runtime().clock().now();
        Ok(())
    }

    /// The chunk that it is in the middle of, or the next one, held.
    fn next(&mut self) -> Result<Option<Current>> {
        let at = self.scrub.chunk.map(|(epoch, counter)| ChunkId { epoch: Epoch(epoch), counter });
        let start = match at.map(keys::chunk) {
            None => Bound::Unbounded,
            Some(key) if self.scrub.chunk_bytes > 0 => Bound::Included(key),
            Some(key) => Bound::Excluded(key),
        };
        let found = self.blobs.look(|plan| {
            let page = plan.page(CHUNKS, &[], start, 1)?;
            let Some((row, value)) = page.entries.first() else { return Ok(None) };
            let id = read_chunk(row)?;
            Ok(Some((id, read_kept(value)?.bytes, plan.hold(vec![id]))))
        });
        let Some((id, bytes, hold)) = found?.value else { return Ok(None) };
        if at != Some(id) {
            self.scrub.chunk_bytes = 0;
        }
        self.scrub.chunk = Some((id.epoch.0, id.counter));
        let from = self.scrub.chunk_bytes / BLOCK_BYTES as u64 * BLOCK_BYTES as u64;
        let reader = Reader::new(Arc::clone(self.blobs.home()), id, bytes, from..bytes);
        let was_marked = from == 0 && self.blobs.is_damaged(id)?;
        Ok(Some(Current { id, reader, was_marked, _hold: hold }))
    }

    /// The chunk is done.
    fn pass(&mut self) {
        self.current = None;
        self.scrub.chunk_bytes = 0;
        self.scrub.chunks += 1;
    }

    async fn failed(&mut self, id: ChunkId, error: &crate::chunks::Error) -> Result<()> {
        let Some((_, what)) = damage::of(error) else {
            self.unreadable += 1;
            tracing::warn!(chunk = %id, %error, "a chunk could not be read, and is not verified in this walk");
            return Ok(());
        };
        self.scrub.damaged += 1;
        if self.blobs.mark_damaged(id, &what).await? {
            tracing::error!(chunk = %id, what, "a chunk is damaged; `bole blobs damage` lists what is on it");
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<()> {
        let now = self.blobs.runtime().clock().now().0;
        self.scrub.ended_ms = Some(now);
        let Scrub { chunks, bytes, damaged, .. } = self.scrub;
        tracing::info!(chunks, bytes, damaged, "all chunks were verified");
        self.save().await
    }
}
