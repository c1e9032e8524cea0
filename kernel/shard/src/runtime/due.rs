//! When checkpoints are due, and what may be trimmed: the journal shrinks from its oldest bytes on, as far as checkpoints and pins allow.
//!
//! # Invariants
//! - Nothing is trimmed that recovery needs.
//! - What pins hold back is bounded; beyond it the oldest goes first, and no more than has to.

use std::sync::atomic::Ordering;

use bole_base::{LogId, Offset};
use bole_log::AttachmentId;

use super::Runtime;
use crate::Error;
use crate::hosted::Hosted;
use crate::pins::GaveWay;

impl Runtime {
    /// Checkpoints shards, the one that holds back the journal's oldest bytes first, until the journal retains few enough bytes. Returns
    /// whether it did anything. Blocks on disk: run it where blocking is allowed.
    ///
    /// Where a pin holds the oldest bytes, all shards are checkpointed each time the journal has grown by the target, so
    /// that replay stays bounded, and the pin is broken when it holds back more than its limit.
    pub async fn checkpoint_due(&self) -> Result<bool, Error> {
        let target = self.retained_bytes_target();
        let mut worked = false;
        loop {
            let retained = self.retained_bytes();
            let Some(oldest) = self.oldest_log() else { return Ok(worked) };
            if retained <= target {
                self.pinned_mark.store(0, Ordering::Relaxed);
                return Ok(worked);
            }
            let slot = self.shards.read().get(&oldest).cloned();
            let Some(slot) = slot else {
                if !self.all_hosted.load(Ordering::Acquire) {
                    return Ok(worked);
                }
                self.journal.forget(oldest);
                worked = true;
                continue;
            };
            if self.trim_late(&*slot.shard) {
                worked = true;
                continue;
            }
            let checkpoint = slot.shard.checkpointed();
            if self.pins.lowest(oldest).is_some_and(|pin| pin < checkpoint) {
                if retained <= target + self.config.pinned_bytes_max {
                    return Ok(self.checkpoint_behind_pin(retained, target).await? || worked);
                }
                self.give_way(&*slot.shard, checkpoint);
            } else if !self.checkpoint_slot(&slot).await? {
                return Ok(worked);
            }
            worked = true;
            // Nothing was freed: a pin appeared, or the journal frees in larger pieces. The next call looks again.
            if self.oldest_log() == Some(oldest) && self.retained_bytes() >= retained {
                return Ok(worked);
            }
        }
    }

    /// Bytes that the journal and the attachments of its entries take.
    pub fn retained_bytes(&self) -> u64 {
        self.journal.retained_bytes() + self.attached.bytes()
    }

    /// The log whose checkpoint frees the most: the one that holds the journal's oldest bytes, or the oldest attachment where attachments take more
    /// than the journal itself.
    fn oldest_log(&self) -> Option<LogId> {
        if self.attachments_prevail()
            && let Some((log, _)) = self.attached.oldest()
            && let Some(slot) = self.shards.read().get(&log)
            && slot.shard.status().quarantined.is_none()
        {
            return Some(log);
        }
        self.journal.oldest_log()
    }

    fn attachments_prevail(&self) -> bool {
        self.attached.bytes() > self.journal.retained_bytes()
    }

    /// Trims what a pin held at the last checkpoint and holds no longer. Whether anything went.
    fn trim_late(&self, shard: &dyn Hosted) -> bool {
        let first = self.journal.first(shard.id());
        if first >= self.needed(shard) || shard.status().quarantined.is_some() {
            return false;
        }
        self.trim(shard);
        self.journal.first(shard.id()) > first
    }

    async fn checkpoint_behind_pin(&self, retained: u64, target: u64) -> Result<bool, Error> {
        if retained < self.pinned_mark.load(Ordering::Relaxed) + target {
            return Ok(false);
        }
        self.pinned_mark.store(retained, Ordering::Relaxed);
        self.checkpoint_all().await?;
        Ok(true)
    }

    /// Breaks the pins that hold the oldest bytes of a log. One that is kept loses no more than has to go for space to return.
    fn give_way(&self, shard: &dyn Hosted, checkpoint: Offset) {
        let log = shard.id();
        let attachment = self.attached.oldest().filter(|(named_by, _)| *named_by == log);
        let below = match attachment.filter(|_| self.attachments_prevail()) {
            Some((_, offset)) => offset.next(),
            None => self.journal.stretch_end(log),
        };
        let below = below.min(checkpoint);
        let GaveWay { pins, kept } = self.pins.break_below(log, below);
        if pins > 0 {
            tracing::warn!(log = log.0, count = pins, %below, "readers of a feed fell too far behind; they will see a gap");
        }
        if kept {
            tracing::debug!(log = log.0, %below, "a feed holds as much as it may; its oldest changes go");
        }
        let mut totals = self.totals.lock();
        totals.pins_broken += pins as u64;
        totals.kept_trims += u64::from(kept);
        drop(totals);
        self.trim(shard);
    }

    /// The offset below which neither recovery nor pins need the log.
    fn needed(&self, shard: &dyn Hosted) -> Offset {
        let checkpoint = shard.checkpointed();
        self.pins.lowest(shard.id()).map_or(checkpoint, |pin| pin.min(checkpoint))
    }

    /// Trims the log below what recovery and pins need.
    pub(super) fn trim(&self, shard: &dyn Hosted) {
        let below = self.needed(shard);
        self.journal.trim(shard.id(), below);
        self.remove_attachments(self.attached.trim(shard.id(), below));
    }

    pub(super) fn remove_attachments(&self, free: Vec<AttachmentId>) {
        for id in free {
            if let Err(error) = self.journal.remove_attachment(&id) {
                tracing::warn!(%error, "an attachment that nothing names any more stays until the next start");
            }
        }
    }

    pub(super) fn retained_bytes_target(&self) -> u64 {
        let rate = self.replay_rate.load(Ordering::Relaxed);
        let by_time = (self.config.replay_max.as_secs_f64() / 2.0 * rate as f64) as u64;
        by_time.min(self.config.retained_bytes_max)
    }
}
