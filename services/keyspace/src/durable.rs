//! What a reply waits for (promise P2): the journal positions of everything that it shows.

use std::future::poll_fn;

use bole_base::{Durability, Position};
use bole_log::{Error, Journal};

/// How far the journal must be durable, in each class, before a reply may leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    written: Position,
    synced: Position,
}

impl Need {
    /// Adds what was written or seen at `position` in a dataset of this class.
    pub fn raise(&mut self, class: Durability, position: Position) {
        match class {
            Durability::Memory => {}
            Durability::Async => self.written = self.written.max(position),
            Durability::Sync => self.synced = self.synced.max(position),
        }
    }

    /// Adds all that `other` needs.
    pub fn merge(&mut self, other: Self) {
        self.written = self.written.max(other.written);
        self.synced = self.synced.max(other.synced);
    }

    /// The same positions, all fsynced.
    #[must_use]
    pub fn as_synced(&self) -> Self {
        Self { written: Position::ZERO, synced: self.written.max(self.synced) }
    }

    /// Whether the journal is there already.
    pub fn is_met(&self, journal: &dyn Journal) -> bool {
        (self.written == Position::ZERO || self.written <= journal.reached(Durability::Async))
            && (self.synced == Position::ZERO || self.synced <= journal.reached(Durability::Sync))
    }

    /// Waits until the journal is there.
    ///
    /// Other connections that are ready run first: what they append goes out with the same write.
    pub async fn met(&self, journal: &dyn Journal) -> Result<(), Error> {
        if self.written > journal.reached(Durability::Async) {
            tokio::task::yield_now().await;
            if self.written > journal.reached(Durability::Async) {
                journal.write_queued()?;
                poll_fn(|context| journal.poll_reached(Durability::Async, self.written, context)).await?;
            }
        }
        if self.synced > journal.reached(Durability::Sync) {
            poll_fn(|context| journal.poll_reached(Durability::Sync, self.synced, context)).await?;
        }
        Ok(())
    }
}
