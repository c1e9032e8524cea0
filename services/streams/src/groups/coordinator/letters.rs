//! Records that share groups have given up, on their way to a dead-letter topic: in which partitions there are some, and the batch that ends
//! their way. Who writes them is outside: [`crate::dead_letters`].

use std::collections::BTreeSet;
use std::sync::Arc;

use bole_base::Position;
use bole_shard::{Locked, Transaction};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Coordinator, encoded_bytes};
use crate::groups::decide::Outcome;
use crate::groups::error::Error;
use crate::groups::share::condemned::{archive, letters, places};
use crate::groups::share::{Letter, Place};
use crate::groups::state::share::{Delivery, Progress};
use crate::groups::state::{Effect, State};

/// A partition that a share group reads.
pub(crate) type Reading = (Arc<str>, Place);

/// Partitions in which records were condemned since somebody took them. At most all that share groups read.
#[derive(Default)]
pub(crate) struct Condemned {
    readings: Mutex<BTreeSet<Reading>>,
    more: Notify,
}

impl Condemned {
    pub(super) fn add(&self, more: Vec<Reading>) {
        if !more.is_empty() {
            self.readings.lock().extend(more);
            self.more.notify_one();
        }
    }

    /// What was added since the last call.
    pub(crate) fn take(&self) -> BTreeSet<Reading> {
        std::mem::take(&mut self.readings.lock())
    }

    /// Ready when something was added since the last call of [`Condemned::take`].
    pub(crate) async fn added(&self) {
        self.more.notified().await;
    }
}

/// Where effects condemn records.
pub(super) fn condemned(effects: &[Effect]) -> Vec<Reading> {
    let reading = |effect: &Effect| match effect {
        Effect::ShareChanged { group, topic, partition, update } => {
            let condemns =
                |(_, _, delivery): &(i64, i64, Delivery)| matches!(delivery.progress, Progress::Condemned(_));
            update.ranges.iter().any(condemns).then(|| (Arc::clone(group), (*topic, *partition)))
        }
        _ => None,
    };
    effects.iter().filter_map(reading).collect()
}

/// Letters of one partition of a group, as they were when they were looked up.
pub(crate) struct Letters<'a> {
    pub(crate) group: &'a Arc<str>,
    pub(crate) place: Place,
    pub(crate) state_epoch: i32,
    pub(crate) list: &'a [Letter],
}

impl Coordinator {
    /// After a start: what was condemned before.
    pub(super) fn find_condemned(&self) {
        for shard in &self.shards {
            if let Ok(locked) = shard.lock() {
                self.condemned.add(places(locked.state()));
            }
        }
    }

    /// The state epoch of a partition, and its condemned records. Errors: `CoordinatorNotAvailable`.
    pub(crate) fn letters(&self, (group, place): &Reading) -> Result<(i32, Vec<Letter>), Error> {
        let locked = self.shards[self.shard_of(group)].lock()?;
        Ok(letters(locked.state(), group, *place))
    }

    /// Archives letters in one batch with what `push` adds to it, for which `space` bytes are needed. `None`: they are not as they were
    /// looked up any more, and nothing happened. `locked` is the group's shard.
    pub(crate) fn archive<T, E: From<bole_shard::Error>>(
        &self,
        locked: &mut Locked<'_, State>,
        transaction: &mut Transaction,
        letters: &Letters<'_>,
        space: usize,
        push: impl FnOnce(&mut Transaction) -> Result<T, E>,
    ) -> Result<Option<(T, Position)>, E> {
        let Letters { group, place, state_epoch, list } = *letters;
        let mut out = Outcome::default();
        if !archive(locked.state(), &mut out, group, place, state_epoch, list) {
            return Ok(None);
        }
        transaction.set_time(self.runtime.tick());
        transaction.reserve(space + encoded_bytes(&out))?;
        let pushed = push(transaction)?;
        let position = self.commit(self.shard_of(group), group, locked, transaction, out)?;
        Ok(Some((pushed, position)))
    }
}
