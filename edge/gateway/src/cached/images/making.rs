//! Making variants on threads for what blocks, in turn. What takes long (AVIF) is waited for only shortly: then whoever asks gets another format, the work
//! goes on, and what it came to is there for whoever asks next.

use super::wish::written;
use crate::places::{AVIF, IMAGES};
use bole_cdn_images::{Kept, Limits, Variant, Wish, is_slow, variant};
use bole_net::tasks::{self, OnFailure};
use bytes::Bytes;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::watch;

/// How long an image waits for its turn and its making; then the original is answered.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// How long one that takes long is waited for, until another format is answered.
const SLOW_PATIENCE: Duration = Duration::from_millis(1_500);
/// Images that take long, under way and waiting: more are answered in another format at once. Each holds its original.
const SLOW_MAX: usize = 16;
/// What they came to and nobody asked for yet, in bytes.
const DONE_BYTES_MAX: usize = 32 << 20;
/// And in number.
const DONE_MAX: usize = 256;

/// Images that were answered in another format because the better one took too long.
static STOOD_IN: AtomicU64 = AtomicU64::new(0);
/// Images that were made.
static MADE: AtomicU64 = AtomicU64::new(0);

/// How many images were made, and how many were answered in another format meanwhile.
pub fn counts() -> (u64, u64) {
    (MADE.load(Ordering::Relaxed), STOOD_IN.load(Ordering::Relaxed))
}

type Result = std::result::Result<Variant, Kept>;

/// What came of an image.
pub(super) struct Outcome {
    pub(super) result: Result,
    /// It stands in for a better one that is being made.
    pub(super) stands_in: bool,
}

/// Makes a variant.
pub(super) async fn made(original: Bytes, wish: Wish, limits: Limits) -> Outcome {
    if !is_slow(&original, &wish) {
        return Outcome { result: in_turn(original, wish, limits).await, stands_in: false };
    }
    if let Some(mut answer) = SLOW.ask(&original, &wish, limits) {
        let answered = tokio::time::timeout(SLOW_PATIENCE, answer.wait_for(Option::is_some)).await;
        let result = match answered {
            Ok(Ok(answered)) => answered.as_ref().map(|result| Result::clone(result)),
            // Too slow, or it failed beyond its own telling.
            Ok(Err(_)) | Err(_) => None,
        };
        if let Some(result) = result {
            return Outcome { result, stands_in: false };
        }
    }
    STOOD_IN.fetch_add(1, Ordering::Relaxed);
    Outcome { result: in_turn(original, Wish { avif: false, ..wish }, limits).await, stands_in: true }
}

/// Makes a variant in its turn. One that takes too long goes on, and keeps its turn.
async fn in_turn(original: Bytes, wish: Wish, limits: Limits) -> Result {
    let busy = || Kept::Large(format!("it could not be made in {} s", PATIENCE.as_secs()));
    let work = async {
        let turn = IMAGES.take().await;
        blocking(original, wish, limits, turn).await
    };
    tokio::time::timeout(PATIENCE, work).await.map_err(|_| busy())?
}

async fn blocking(original: Bytes, wish: Wish, limits: Limits, turn: impl Send + 'static) -> Result {
    let made = tokio::task::spawn_blocking(move || {
        let made = variant(&original, &wish, &limits);
        drop(turn);
        made
    });
    let made = made.await.map_err(|error| Kept::Damaged(error.to_string()))?;
    MADE.fetch_add(u64::from(made.is_ok()), Ordering::Relaxed);
    made
}

static SLOW: LazyLock<Slow> = LazyLock::new(Slow::default);

type Name = [u8; 32];
type Told = watch::Receiver<Option<Arc<Result>>>;

/// Images that take long.
#[derive(Default)]
struct Slow(Mutex<Jobs>);

#[derive(Default)]
struct Jobs {
    /// Under way and waiting.
    open: Vec<(Name, Told)>,
    /// The oldest first.
    done: VecDeque<(Name, Arc<Result>)>,
}

impl Jobs {
    fn bytes(&self) -> usize {
        let bytes = |result: &Result| result.as_ref().map_or(0, |variant| variant.bytes.len());
        self.done.iter().map(|(_, result)| bytes(result)).sum()
    }

    fn finish(&mut self, name: Name, result: Arc<Result>) {
        self.open.retain(|(open, _)| *open != name);
        self.done.push_back((name, result));
        while self.done.len() > DONE_MAX || self.bytes() > DONE_BYTES_MAX {
            self.done.pop_front();
        }
    }
}

impl Slow {
    /// Where the answer comes: at once where it is known; else the image is made, or is being made for another one. `None`: too many are.
    fn ask(&'static self, original: &Bytes, wish: &Wish, limits: Limits) -> Option<Told> {
        let name: Name = Sha256::new()
            .chain_update(written(wish))
            .chain_update([0])
            .chain_update(original)
            .finalize()
            .into();
        let mut jobs = self.0.lock();
        if let Some((_, done)) = jobs.done.iter().find(|(done, _)| *done == name) {
            return Some(watch::channel(Some(done.clone())).1);
        }
        if let Some((_, told)) = jobs.open.iter().find(|(open, _)| *open == name) {
            return Some(told.clone());
        }
        if jobs.open.len() >= SLOW_MAX {
            return None;
        }
        let (tell, told) = watch::channel(None);
        jobs.open.push((name, told.clone()));
        let (original, wish) = (original.clone(), *wish);
        tasks::spawn("gateway image", OnFailure::Log, async move {
            let turn = AVIF.take().await;
            let result = Arc::new(blocking(original, wish, limits, turn).await);
            self.0.lock().finish(name, result.clone());
            tell.send_replace(Some(result));
        });
        Some(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bole_cdn_images::Format;

    #[test]
    fn what_nobody_asks_for_is_dropped_the_oldest_first() {
        let made = |bytes: usize| {
            Arc::new(Ok(Variant { bytes: vec![0; bytes], format: Format::Avif, width: 1, height: 1 }))
        };
        let mut jobs = Jobs::default();
        for number in 0..5 {
            jobs.finish([number; 32], made(DONE_BYTES_MAX / 4));
        }
        let names: Vec<u8> = jobs.done.iter().map(|(name, _)| name[0]).collect();
        assert_eq!((names, jobs.bytes()), (vec![1, 2, 3, 4], DONE_BYTES_MAX));
        for number in 0..DONE_MAX {
            jobs.finish([number as u8; 32], Arc::new(Err(Kept::Animated)));
        }
        assert_eq!((jobs.done.len(), jobs.bytes()), (DONE_MAX, 0));
    }
}
