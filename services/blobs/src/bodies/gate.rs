//! How many bytes may be in memory for the bodies of one direction. Who finds no room waits in line, for a while: its socket is not read
//! meanwhile, which is what slows its client down.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Code, Error, Result};

/// Bytes of one permit: the semaphore counts up to 2^32 of them at a time.
const UNIT_BYTES: u64 = 1_024;

/// The memory of many bodies. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct Gate {
    permits: Arc<Semaphore>,
    units: u32,
    patience: Duration,
    refused: Arc<AtomicU64>,
}

/// Bytes of a [`Gate`]; given back when it is dropped.
#[derive(Debug)]
#[must_use = "the bytes are given back when this is dropped"]
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Gate {
    /// Of `bytes_max` bytes, rounded to 1,024; who waits longer than `patience` is refused.
    pub fn new(bytes_max: u64, patience: Duration) -> Self {
        let units = u32::try_from(bytes_max / UNIT_BYTES).unwrap_or(u32::MAX).max(1);
        let permits = Arc::new(Semaphore::new(units as usize));
        Self { permits, units, patience, refused: Arc::default() }
    }

    /// A place for `bytes`, which are cut to what the gate has at most. Waits in the order of arrival. Cancel safe. Errors: `SlowDown`.
    pub async fn enter(&self, bytes: u64) -> Result<Place> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).min(self.units);
        let permit = Arc::clone(&self.permits).acquire_many_owned(units);
        // The semaphore is never closed, so that what fails is the time.
        if let Ok(Ok(permit)) = tokio::time::timeout(self.patience, permit).await {
            return Ok(Place { _permit: permit });
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        Err(Error::new(Code::SlowDown, "Please reduce your request rate."))
    }

    /// Bytes that are taken.
    pub fn used(&self) -> u64 {
        (u64::from(self.units) - self.permits.available_permits() as u64) * UNIT_BYTES
    }

    /// Bytes that may be taken.
    pub const fn max(&self) -> u64 {
        self.units as u64 * UNIT_BYTES
    }

    /// How often bodies were refused.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_room_waits_and_is_refused_in_the_end() {
        let gate = Gate::new(4_096, Duration::from_secs(1));
        let first = gate.enter(3_000).await.unwrap();
        assert_eq!(gate.used(), 3_072);
        let refused = gate.enter(2_000).await.unwrap_err();
        assert_eq!((refused.code, gate.refused()), (Code::SlowDown, 1));
        let waiting = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter(1 << 40).await.map(drop) }
        });
        tokio::task::yield_now().await;
        drop(first);
        waiting.await.unwrap().unwrap();
        assert_eq!((gate.used(), gate.max()), (0, 4_096));
    }
}
