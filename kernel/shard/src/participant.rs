//! Batches that span services: a participant turns a request into effects on one of its logs; an [`Outbox`] collects requests
//! and commits them as one batch (promise P9).
//!
//! # Invariants
//! - A request that is only buffered has no effect and no offset. Dropping an outbox forgets it.
//! - At commit the logs are locked in ascending order of id, every log validates its requests, space for all is reserved; only then
//!   is the first effect pushed. Nothing waits while a lock is held.
//! - All logs of a commit are in the outbox's journal; a request that is not is refused when it is sent.

pub mod riders;
#[cfg(feature = "suite")]
pub mod suite;
pub mod upserts;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bole_base::{Durability, LogId, Position};
use bole_log::Journal;
use bole_log::entry::BATCH_BYTES_MAX;
use bytes::Bytes;

use self::upserts::Upserts;
use crate::{Error, Runtime, Transaction};

/// What one service asks of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// One of the participant's operations, such as `publish`.
    pub operation: String,
    /// The dataset within the participant's service.
    pub dataset: String,
    /// The operation's arguments, in its own order.
    pub arguments: Vec<Bytes>,
}

impl Request {
    fn bytes(&self) -> usize {
        let arguments: usize = self.arguments.iter().map(Bytes::len).sum();
        self.operation.len() + self.dataset.len() + arguments
    }
}

/// Where a request's effects go.
pub struct Target {
    /// The journal of the log.
    pub journal: Arc<dyn Journal>,
    /// The log.
    pub log: LogId,
}

/// A service that takes part in batches of others.
pub trait Participant: Send + Sync {
    /// The service's name, by which requests are addressed: `streams`.
    fn service(&self) -> &str;

    /// The log that the request's effects go to; the same for the same request while its dataset exists. Checks what can be checked
    /// without a lock. Errors: `Refused` for an unknown operation, dataset or malformed arguments, with the value.
    fn target(&self, request: &Request) -> Result<Target, Error>;

    /// Locks the shard of `log`. Errors: `Quarantined`; `Refused` if the log is not there any more.
    fn lock(&self, log: LogId) -> Result<Box<dyn LockedParticipant + '_>, Error>;

    /// Ready when the shard of `log` can take effects; asked again after [`Error::Wait`], without a lock.
    fn poll_room(&self, _log: LogId, _context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }
}

/// A locked shard of a participant. Unlocks when dropped.
pub trait LockedParticipant {
    /// Checks all requests of one batch for this shard, in their order, each on top of those before it, and returns the bytes of
    /// journal space that their entries take at most, headers included. Changes nothing.
    /// Errors: any; the whole batch is then refused with it.
    fn validate(&mut self, requests: &[Request]) -> Result<usize, Error>;

    /// All logs of the batch have validated, its space is reserved, and nothing is pushed: who still can fail does so now, such as a
    /// store of its own that commits. An error refuses the whole batch, unless another log made something final before.
    fn make_final(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Decides and pushes the effects of requests that were validated under this lock. Must not fail then.
    fn push(&mut self, requests: &[Request], transaction: &mut Transaction) -> Result<(), Error>;

    /// Tells the shard where the batch ends.
    fn appended(&mut self, position: Position);
}

/// A shard whose own change is the occasion for a batch, and goes into it with what was sent to others. As a [`LockedParticipant`] it gets
/// no requests, it knows its change; it alone may have a [`LockedParticipant::make_final`] that fails.
pub trait Initiator: Send {
    /// Its log.
    fn log(&self) -> LogId;

    /// Locks its shard. Errors: `Quarantined`.
    fn lock(&mut self) -> Result<Box<dyn LockedParticipant + '_>, Error>;
}

/// The services that take part in batches on one journal.
pub struct Participants {
    journal: Arc<dyn Journal>,
    by_service: BTreeMap<String, Arc<dyn Participant>>,
    upserts: BTreeMap<String, Arc<dyn Upserts>>,
}

impl Participants {
    /// Nobody yet.
    pub const fn new(journal: Arc<dyn Journal>) -> Self {
        Self { journal, by_service: BTreeMap::new(), upserts: BTreeMap::new() }
    }

    /// Takes a service in. Panics if its name is taken, which is a defect of the composition.
    pub fn register(&mut self, participant: Arc<dyn Participant>) {
        let service = participant.service().to_owned();
        let taken = self.by_service.insert(service, participant);
        assert!(taken.is_none(), "each service takes part once");
    }

    /// Takes in a service that is written to by key. Panics if its name is taken, which is a defect of the composition.
    pub fn register_upserts(&mut self, upserts: Arc<dyn Upserts>) {
        let service = upserts.service().to_owned();
        let taken = self.upserts.insert(service, upserts);
        assert!(taken.is_none(), "each service is written to in one way");
    }

    /// How a service is written to by key, if it is one that makes batches of its own for that.
    pub fn upserts(&self, service: &str) -> Option<&Arc<dyn Upserts>> {
        self.upserts.get(service)
    }

    /// An empty outbox.
    pub const fn outbox(&self) -> Outbox<'_> {
        Outbox { participants: self, logs: BTreeMap::new(), bytes: 0 }
    }

    fn find(&self, service: &str) -> Result<&Arc<dyn Participant>, Error> {
        self.by_service.get(service).ok_or_else(|| {
            let known: Vec<_> = self.by_service.keys().map(String::as_str).collect();
            Error::Refused(format!(
                "service {service:?} takes no part in batches; those that do: {}",
                known.join(", ")
            ))
        })
    }
}

struct Addressed<'a> {
    participant: &'a dyn Participant,
    requests: Vec<Request>,
}

/// Requests that become one batch at commit.
pub struct Outbox<'a> {
    participants: &'a Participants,
    logs: BTreeMap<LogId, Addressed<'a>>,
    bytes: usize,
}

/// A batch that was appended. It is not durable before the journal has reached `position` in the sense of `class`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Where the batch ends.
    pub position: Position,
    /// The strongest durability of what it changed.
    pub class: Durability,
}

impl Outbox<'_> {
    /// Buffers a request to `service`. It gets no offset and is invisible until commit.
    /// Errors: `Refused` (unknown service, operation, dataset; a log of another journal), `BatchTooLarge`.
    pub fn send(&mut self, service: &str, request: Request) -> Result<(), Error> {
        let participant = self.participants.find(service)?;
        let target = participant.target(&request)?;
        if !std::ptr::addr_eq(Arc::as_ptr(&target.journal), Arc::as_ptr(&self.participants.journal)) {
            return Err(Error::Refused(format!(
                "{service} keeps {:?} in another journal; a batch is atomic within one journal only",
                request.dataset
            )));
        }
        let bytes = self.bytes + request.bytes();
        check_size(bytes)?;
        self.bytes = bytes;
        let addressed = self.logs.entry(target.log);
        let addressed =
            addressed.or_insert_with(|| Addressed { participant: &**participant, requests: Vec::new() });
        addressed.requests.push(request);
        Ok(())
    }

    /// Whether nothing was sent.
    pub fn is_empty(&self) -> bool {
        self.logs.is_empty()
    }

    /// Makes all effects in one batch and makes them visible; the caller waits for the durability that is returned before it shows them.
    /// For an empty outbox the position is zero. May be dropped at any await: then nothing happened.
    ///
    /// Errors, after which nothing happened: what a participant's `validate` says, `BatchTooLarge`, the journal's. After a failure
    /// of the journal's append the shards are quarantined, because they are ahead of it.
    pub async fn commit(&self, runtime: &Runtime, transaction: &mut Transaction) -> Result<Committed, Error> {
        self.commit_for(None, runtime, transaction).await
    }

    /// As [`Outbox::commit`], with the change of the shard whose occasion it is in the same batch. Its entry may be larger than a batch.
    ///
    /// After a failure of the journal's append the change is final in that shard all the same; it quarantines itself.
    pub async fn commit_for(
        &self,
        mut initiator: Option<&mut dyn Initiator>,
        runtime: &Runtime,
        transaction: &mut Transaction,
    ) -> Result<Committed, Error> {
        loop {
            let own = initiator.as_mut().map(|initiator| &mut **initiator as &mut dyn Initiator);
            match self.attempt(own, runtime, transaction) {
                Err(Error::Wait { bytes }) => {
                    for (log, addressed) in &self.logs {
                        poll_fn(|context| addressed.participant.poll_room(*log, context)).await?;
                    }
                    transaction.admit(bytes as usize).await?;
                }
                outcome => return outcome,
            }
        }
    }

    /// The shards of the batch, locked in ascending order of log id, with what each is asked for.
    fn lock_all<'a>(
        &'a self,
        initiator: Option<&'a mut (dyn Initiator + '_)>,
    ) -> Result<Vec<(Box<dyn LockedParticipant + 'a>, &'a [Request])>, Error> {
        let mut locked: Vec<(Box<dyn LockedParticipant + 'a>, &'a [Request])> =
            Vec::with_capacity(self.logs.len() + 1);
        let mut own = initiator;
        for (log, addressed) in &self.logs {
            if own.as_ref().is_some_and(|own| own.log() == *log) {
                return Err(Error::Refused(format!("log {log} is asked for effects in its own batch")));
            }
            if let Some(own) = own.take_if(|own| own.log() < *log) {
                locked.push((own.lock()?, &[]));
            }
            locked.push((addressed.participant.lock(*log)?, &addressed.requests));
        }
        if let Some(own) = own {
            locked.push((own.lock()?, &[]));
        }
        Ok(locked)
    }

    fn attempt(
        &self,
        initiator: Option<&mut (dyn Initiator + '_)>,
        runtime: &Runtime,
        transaction: &mut Transaction,
    ) -> Result<Committed, Error> {
        assert!(transaction.is_empty(), "a transaction is empty when an outbox is committed with it");
        let mut locked = self.lock_all(initiator)?;
        let (mut others, mut bytes) = (0, 0);
        for (shard, requests) in &mut locked {
            let needed = shard.validate(requests)?;
            bytes += needed;
            // The initiator's entry may stand in an attachment.
            others += if requests.is_empty() { 0 } else { needed };
        }
        check_size(others)?;
        transaction.check_fits(bytes, locked.len())?;
        transaction.reserve(bytes)?;
        transaction.set_time(runtime.tick());
        for (shard, _) in &mut locked {
            shard.make_final()?;
        }
        for (shard, requests) in &mut locked {
            shard.push(requests, transaction)?;
        }
        let class = transaction.class();
        if transaction.is_empty() {
            return Ok(Committed { position: Position::ZERO, class });
        }
        let position = transaction.append()?;
        for (shard, _) in &mut locked {
            shard.appended(position);
        }
        Ok(Committed { position, class })
    }
}

fn check_size(bytes: usize) -> Result<(), Error> {
    if bytes > BATCH_BYTES_MAX {
        return Err(bole_log::Error::BatchTooLarge { bytes, max: BATCH_BYTES_MAX }.into());
    }
    Ok(())
}
