//! The end of a transaction, in one batch: a marker in each of its partitions, its offsets in each of its groups, and the coordinator's own change.
//!
//! All shards concerned are locked in ascending order of log id; so nobody sees a part of it, and nobody writes in between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bole_base::{LogId, Position};
use bole_shard::{Locked, Transaction};
use bytes::Bytes;

use super::decide::{self, End, Init, Mark, Verdict};
use super::run::{Attempt, CLASS, Refusal, attempt, now_ms, reached, space_of};
use super::state::{Entry, Identity, Place, State};
use super::stopped;
use crate::Error;
use crate::groups;
use crate::groups::offsets::transactional::{appended, end_space, push_end};
use crate::partition::append::{Appended, PushError, Terms};
use crate::partition::batch::HEAD_BYTES;
use crate::partition::entry::Marker;
use crate::partition::{Partition, state as partition};
use crate::protocol::{Uuid, batch};
use crate::service::Service;
use crate::topics::Topic;

/// `InitProducerId` with a transactional id: an epoch that nobody else has, with what was open aborted. Returns when it is durable.
///
/// Errors: as [`decide::init`]; `CoordinatorNotAvailable`.
pub async fn init(service: &Service, request: &Init) -> Result<Identity, Error> {
    let id = Arc::clone(&request.id);
    settle(service, &id, |state, fresh, now| decide::init(state, request, fresh, now)).await.map_err(stopped)
}

/// `EndTxn`: commits or aborts; the identity that the producer has now. Returns when it is durable. Errors: as [`decide::end`], and those of [`init`].
pub async fn end(service: &Service, request: &End) -> Result<Identity, Error> {
    let id = Arc::clone(&request.id);
    settle(service, &id, |state, fresh, now| decide::end(state, request, fresh, now)).await.map_err(stopped)
}

/// Aborts the id's transaction if it is open for too long.
pub(super) async fn expire(service: &Service, id: &Arc<str>) -> Result<(), Error> {
    let nobody = Identity { producer_id: -1, epoch: -1 };
    let choose = |state: &State, _: Option<i64>, now| {
        Ok(state.entry(id).map_or(Verdict::Keep(nobody), |entry| decide::expire(entry, id, now)))
    };
    settle(service, id, choose).await.map(drop)
}

/// Aborts the transaction that `by` has open under the id, if it `hangs`. Returns when it is durable. Errors: as [`decide::abort`];
/// `CoordinatorNotAvailable`.
pub async fn abort(
    service: &Service,
    id: &Arc<str>,
    by: Identity,
    hangs: impl Fn(&Entry) -> bool,
) -> Result<(), Error> {
    let choose = |state: &State, _: Option<i64>, now| match state.entry(id) {
        Some(entry) => decide::abort(entry, id, by, &hangs, now),
        None => Ok(Verdict::Keep(by)),
    };
    settle(service, id, choose).await.map(drop).map_err(stopped)
}

/// What came of one attempt.
enum Settled {
    Answer(Identity),
    NeedsProducerId,
    /// The transaction took something in between the look and the locks.
    Again,
}

async fn settle(
    service: &Service,
    id: &Arc<str>,
    choose: impl Fn(&State, Option<i64>, u64) -> Result<Verdict, Error>,
) -> Result<Identity, Error> {
    let mut transaction = service.runtime.transaction();
    let mut fresh = None;
    loop {
        let chosen = |state: &State| choose(state, fresh, now_ms(service));
        match attempt(try_settle(service, id, &mut transaction, chosen))? {
            Attempt::Wait(bytes) => transaction.admit(bytes as usize).await?,
            Attempt::Done(Settled::Again, _) => {}
            Attempt::Done(Settled::NeedsProducerId, _) => fresh = Some(service.next_producer_id().await?),
            Attempt::Done(Settled::Answer(identity), position) => {
                drop(transaction);
                reached(service, position).await?;
                return Ok(identity);
            }
        }
    }
}

/// The partitions and groups of one transaction, as far as they still exist.
#[derive(Default)]
struct Members {
    partitions: BTreeSet<Place>,
    groups: BTreeSet<Arc<str>>,
    open: BTreeMap<LogId, (Arc<Topic>, Arc<Partition>)>,
    group_shards: BTreeMap<LogId, usize>,
}

impl Members {
    fn of(service: &Service, entry: &Entry) -> Self {
        let mut members =
            Self { partitions: entry.partitions.clone(), groups: entry.groups.clone(), ..Self::default() };
        for (topic, index) in &entry.partitions {
            // A topic that was deleted took its part of the transaction along.
            let Some(topic) = service.topics.by_id(Uuid(topic.0)) else { continue };
            if let Ok(partition) = topic.partition(*index) {
                members.open.insert(partition.log(), (topic, partition));
            }
        }
        for group in &entry.groups {
            let index = service.groups.shard_of(group);
            members.group_shards.insert(service.groups.shards()[index].id(), index);
        }
        members
    }

    fn are_of(&self, entry: Option<&Entry>) -> bool {
        entry.map_or(self.partitions.is_empty() && self.groups.is_empty(), |entry| {
            self.partitions == entry.partitions && self.groups == entry.groups
        })
    }
}

/// Everything that one end locks.
struct Locks<'a> {
    coordinator: Locked<'a, State>,
    partitions: Vec<(&'a (Arc<Topic>, Arc<Partition>), Locked<'a, partition::State>)>,
    groups: Vec<Locked<'a, groups::State>>,
}

impl<'a> Locks<'a> {
    /// Locks in ascending order of log id.
    fn take(service: &'a Service, id: &str, members: &'a Members) -> Result<Self, Refusal> {
        let own = service.transactions.shard_of(id);
        let mut coordinator = None;
        let (mut partitions, mut groups) = (Vec::new(), Vec::new());
        let mut logs: BTreeSet<LogId> =
            members.open.keys().chain(members.group_shards.keys()).copied().collect();
        logs.insert(own.id());
        for log in logs {
            if let Some(member) = members.open.get(&log) {
                partitions.push((member, member.1.lock()?));
            } else if let Some(index) = members.group_shards.get(&log) {
                groups.push(service.groups.shards()[*index].lock()?);
            } else {
                coordinator = Some(own.lock()?);
            }
        }
        let coordinator = coordinator.expect("the coordinator's own log is among the logs");
        Ok(Self { coordinator, partitions, groups })
    }
}

fn try_settle(
    service: &Service,
    id: &Arc<str>,
    transaction: &mut Transaction,
    choose: impl Fn(&State) -> Result<Verdict, Error>,
) -> Result<Attempt<Settled>, Refusal> {
    let members = {
        let locked = service.transactions.shard_of(id).lock()?;
        locked.state().entry(id).map(|entry| Members::of(service, entry)).unwrap_or_default()
    };
    let mut locks = Locks::take(service, id, &members)?;
    let position = locks.coordinator.position();
    if !members.are_of(locks.coordinator.state().entry(id)) {
        return Ok(Attempt::Done(Settled::Again, position));
    }
    let (effect, answer, mark) = match choose(locks.coordinator.state())? {
        Verdict::Keep(identity) => return Ok(Attempt::Done(Settled::Answer(identity), position)),
        Verdict::NeedsProducerId => return Ok(Attempt::Done(Settled::NeedsProducerId, position)),
        Verdict::Settle { effect, answer, mark } => (effect, answer, mark),
    };
    let now = service.now();
    transaction.set_time(service.runtime.tick());
    let batch = mark.map(|mark| Markers::new(&locks, mark, now));
    transaction.reserve(space_of(&effect) + batch.as_ref().map_or(0, |batch| batch.space(&locks)))?;
    locks.coordinator.push(transaction, CLASS, &effect)?;
    let Some(batch) = batch else {
        let position = transaction.append()?;
        locks.coordinator.appended(position);
        return Ok(Attempt::Done(Settled::Answer(answer), position));
    };
    let (marked, changed) = batch.push(&mut locks, transaction)?;
    let position = transaction.append()?;
    locks.coordinator.appended(position);
    for (locked, groups) in locks.groups.iter_mut().zip(changed) {
        appended(locked, &groups, position);
    }
    let shown = show(&mut locks, &marked, position);
    drop(locks);
    for (partition, appended) in shown {
        service.appended(&partition, &appended, 1, HEAD_BYTES + batch.body.len());
    }
    Ok(Attempt::Done(Settled::Answer(answer), position))
}

/// The markers of one transaction.
struct Markers {
    mark: Mark,
    body: Bytes,
}

/// A marker that was pushed: which of the locked partitions, and where it stands.
type Marked = (usize, i64);

impl Markers {
    fn new(locks: &Locks<'_>, mark: Mark, now: i64) -> Self {
        let kind = if mark.commit { batch::Marker::Commit } else { batch::Marker::Abort };
        let Identity { producer_id, epoch } = mark.identity;
        let whole = kind.batch(producer_id, epoch, locks.coordinator.epoch().0 as i32, now);
        Self { mark, body: whole.slice(HEAD_BYTES..) }
    }

    /// Journal space for all that [`Markers::push`] pushes.
    fn space(&self, locks: &Locks<'_>) -> usize {
        let markers: usize =
            locks.partitions.iter().map(|((_, partition), _)| partition.space_for(self.body.len())).sum();
        let producer = self.mark.identity.producer_id;
        markers + locks.groups.iter().map(|locked| end_space(locked.state(), producer)).sum::<usize>()
    }

    /// Pushes the markers and the ends in groups; which partitions got one, and which groups of each shard changed.
    fn push(
        &self,
        locks: &mut Locks<'_>,
        transaction: &mut Transaction,
    ) -> Result<(Vec<Marked>, Vec<Vec<Arc<str>>>), Refusal> {
        let marker = if self.mark.commit { Marker::Commit } else { Marker::Abort };
        let producer_id = self.mark.identity.producer_id;
        let mut marked = Vec::new();
        for (at, ((topic, partition), locked)) in locks.partitions.iter_mut().enumerate() {
            let open = locked.state().producers.get(producer_id);
            if open.is_none_or(|producer| producer.transaction_start.is_none()) {
                // It was added, and nothing was written to it: there is nothing to decide.
                continue;
            }
            let settings = topic.settings();
            let terms = Terms {
                segment_bytes: settings.segment_bytes,
                segment_ms: settings.roll_ms(),
                expected_offset: None,
            };
            let pushed = partition.push(locked, transaction, &self.body, marker, &terms);
            let base_offset = pushed.map_err(|error| match error {
                PushError::Failed(error) => error,
                PushError::Wait => Error::Storage("the space of a marker was not reserved".to_owned()),
            })?;
            marked.push((at, base_offset));
        }
        let mut changed = Vec::new();
        for locked in &mut locks.groups {
            changed.push(push_end(locked, transaction, CLASS, producer_id, self.mark.commit)?);
        }
        Ok((marked, changed))
    }
}

/// Tells the partitions with markers where the batch ends.
fn show(locks: &mut Locks<'_>, marked: &[Marked], position: Position) -> Vec<(Arc<Partition>, Appended)> {
    let mut shown = Vec::with_capacity(marked.len());
    for (at, base_offset) in marked {
        let ((_, partition), locked) = &mut locks.partitions[*at];
        locked.appended(position);
        locked.state_mut().appended(position);
        let log_start = locked.state().log_start;
        let appended = Appended { base_offset: *base_offset, position, log_start, duplicate: false };
        shown.push((Arc::clone(partition), appended));
    }
    shown
}
