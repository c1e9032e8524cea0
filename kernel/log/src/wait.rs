//! The waiting methods of [`Journal`] for async code. Each future may be dropped at any time without effect on what was appended;
//! space that [`admitted`] took before it was dropped is not lost, because taking it completes the future.

use std::future::poll_fn;

use bole_base::{Durability, LogId, Offset, Position};

use crate::{Error, Journal};

/// Takes `bytes` of space when there is room.
pub async fn admitted(journal: &(impl Journal + ?Sized), bytes: u64) -> Result<(), Error> {
    poll_fn(|context| journal.poll_admit(bytes, context)).await
}

/// Waits until everything before `position` is durable in the sense of `class`. For `Async` the caller has called
/// `write_queued`, or another thread does.
pub async fn reached(
    journal: &(impl Journal + ?Sized),
    class: Durability,
    position: Position,
) -> Result<(), Error> {
    poll_fn(|context| journal.poll_reached(class, position, context)).await
}

/// Waits until everything before `position` is fsynced, and asks for that at once, whatever its class.
pub async fn synced(journal: &(impl Journal + ?Sized), position: Position) -> Result<(), Error> {
    journal.want_sync(position);
    reached(journal, Durability::Sync, position).await
}

/// Waits until the durable tail of `log` is above `offset` and returns it.
pub async fn tail_above(
    journal: &(impl Journal + ?Sized),
    log: LogId,
    offset: Offset,
) -> Result<Offset, Error> {
    poll_fn(|context| journal.poll_tail(log, offset, context)).await
}
