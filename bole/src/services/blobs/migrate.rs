//! Moving chunks to the home of new ones: the job behind `bole blobs migrate`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bole_base::Kind;
use bole_blobs::chunks;
use bole_blobs::migrate::{Cursor, Stray};
use bole_blobs::state::{self, Blobs};
use futures_util::StreamExt as _;
use parking_lot::Mutex;

use crate::admin::{Error, MoveLimits, Mover, Moving};

/// Reasons that are told.
const FAILURES_MAX: usize = 10;
/// Chunks at a time, at most.
const CONCURRENCY_MAX: usize = 64;
/// How often is looked for what was passed over.
const AGAIN: Duration = Duration::from_millis(200);

/// The job. Cheap to clone.
#[derive(Clone)]
pub(super) struct Migration(Arc<Shared>);

struct Shared {
    blobs: Blobs,
    state: Mutex<Moving>,
    stop: AtomicBool,
    /// Whether the sweep after the start is through; before, nothing is moved.
    swept: AtomicBool,
}

impl Migration {
    pub(super) fn new(blobs: Blobs) -> Self {
        let home = blobs.homes().current().to_string();
        let state = Mutex::new(Moving { home, ..Moving::default() });
        Self(Arc::new(Shared { blobs, state, stop: AtomicBool::new(false), swept: AtomicBool::new(false) }))
    }

    /// The sweep is through.
    pub(super) fn swept(&self) {
        self.0.swept.store(true, Ordering::Release);
    }
}

impl Mover for Migration {
    fn progress(&self) -> Moving {
        self.0.state.lock().clone()
    }

    fn begin(&self, limits: MoveLimits) -> Result<(), Error> {
        if !(1..=CONCURRENCY_MAX).contains(&limits.concurrency) {
            let text = format!("concurrency {} is not from 1 to {CONCURRENCY_MAX}", limits.concurrency);
            return Err(Error::new(Kind::InvalidInput, text));
        }
        if limits.bytes_per_second == Some(0) {
            return Err(Error::new(Kind::InvalidInput, "with 0 bytes a second nothing is moved"));
        }
        let mut state = self.0.state.lock();
        if state.running {
            return Err(Error::new(Kind::Conflict, "bytes are being moved already"));
        }
        *state = Moving { home: state.home.clone(), running: true, ..Moving::default() };
        drop(state);
        self.0.stop.store(false, Ordering::Release);
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move {
            let ended = shared.run(limits).await.err().map(|error| format!("{error:#}"));
            if let Some(why) = &ended {
                tracing::warn!("chunks are not moved any more: {why}");
            }
            let mut state = shared.state.lock();
            (state.running, state.ended) = (false, ended);
        });
        Ok(())
    }

    fn stop(&self) {
        self.0.stop.store(true, Ordering::Release);
    }
}

impl Shared {
    fn check_stop(&self) -> Result<()> {
        ensure!(!self.stop.load(Ordering::Acquire), "it was stopped");
        Ok(())
    }

    async fn run(self: &Arc<Self>, limits: MoveLimits) -> Result<()> {
        while !self.swept.load(Ordering::Acquire) {
            self.check_stop()?;
            tokio::time::sleep(AGAIN).await;
        }
        let all = self.blocking(|blobs| blobs.count_strays()).await?;
        {
            let mut state = self.state.lock();
            (state.chunks, state.bytes) = (all.chunks, all.bytes);
        }
        let began = Instant::now();
        let (mut cursor, mut moved_in_turn) = (Cursor::default(), 0);
        loop {
            self.check_stop()?;
            let mut at = cursor;
            let (strays, at) = self.blocking(move |blobs| Ok((blobs.strays(&mut at)?, at))).await?;
            cursor = at;
            let is_over = cursor.is_at_start();
            moved_in_turn += self.move_all(strays, limits, began).await?;
            if !is_over {
                continue;
            }
            // A turn through all rows is over. What was passed over, or came meanwhile, is found by another, as long as that helps.
            let left = self.blocking(|blobs| blobs.count_strays()).await?;
            let failed = self.state.lock().failed;
            if left.chunks == 0 || (moved_in_turn == 0 && failed > 0) {
                return Ok(());
            }
            moved_in_turn = 0;
            self.begin_turn();
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// What failed is tried again.
    fn begin_turn(&self) {
        let mut state = self.state.lock();
        state.failed = 0;
        state.failures.clear();
    }

    /// Moves a page of chunks; how many were.
    async fn move_all(
        self: &Arc<Self>,
        strays: Vec<Stray>,
        limits: MoveLimits,
        began: Instant,
    ) -> Result<u64> {
        let copies = strays.into_iter().map(|stray| Arc::clone(self).copy(stray, limits, began));
        let copies = futures_util::stream::iter(copies).buffer_unordered(limits.concurrency);
        let mut copies = copies.ready_chunks(limits.concurrency);
        let mut count = 0;
        while let Some(copied) = copies.next().await {
            let copied: Vec<Stray> = copied.into_iter().flatten().collect();
            let moved = self.blobs.moved(&copied).await?;
            count += moved.chunks;
            let mut state = self.state.lock();
            state.chunks_moved += moved.chunks;
            state.bytes_moved += moved.bytes;
        }
        Ok(count)
    }

    async fn copy(self: Arc<Self>, stray: Stray, limits: MoveLimits, began: Instant) -> Option<Stray> {
        self.pace(limits, began, stray.bytes).await;
        self.check_stop().ok()?;
        let blobs = self.blobs.clone();
        match tokio::task::spawn_blocking(move || (blobs.copy(&stray), stray)).await {
            Ok((Ok(()), stray)) => return Some(stray),
            Ok((Err(error), stray)) => self.failed(&describe(&stray, &error)),
            Err(lost) => self.failed(&lost.to_string()),
        }
        None
    }

    /// Waits until as many more bytes are within the bound.
    async fn pace(&self, limits: MoveLimits, began: Instant, bytes: u64) {
        let Some(rate) = limits.bytes_per_second else { return };
        let so_far = self.state.lock().bytes_moved + bytes;
        let due = began + Duration::from_secs_f64(so_far as f64 / rate as f64);
        while Instant::now() < due && self.check_stop().is_ok() {
            tokio::time::sleep(AGAIN.min(due.saturating_duration_since(Instant::now()))).await;
        }
    }

    fn failed(&self, why: &str) {
        tracing::warn!("a chunk stays where it is: {why}");
        let mut state = self.state.lock();
        state.failed += 1;
        if state.failures.len() < FAILURES_MAX {
            state.failures.push(why.to_owned());
        }
    }

    /// Runs what waits for the lock or the disk.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(Blobs) -> Result<T, state::Error> + Send + 'static,
    ) -> Result<T> {
        let blobs = self.blobs.clone();
        Ok(tokio::task::spawn_blocking(move || work(blobs)).await??)
    }
}

fn describe(stray: &Stray, error: &chunks::Error) -> String {
    format!("chunk {} of {} bytes in \"{}\": {error}", stray.stored.id, stray.bytes, stray.stored.home)
}
