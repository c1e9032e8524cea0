//! What other services may ask of topics inside their batches: `publish` appends a record.
//!
//! A request's dataset is the topic. Arguments: what the record has (`k` for a key, `v` for a value; `kv`, `v`, `k`), then the key if it has one, then the
//! value if it has one. A record with a key goes to the partition that Kafka's clients choose for it; one without, by the hash of its value, since the same
//! request must have the same target.
//!
//! # Invariants
//! - Records that one batch publishes to a partition are one record batch there, in the order of their requests, without a producer's number: the batch is there once
//!   or not at all, so nothing has to be recognized as sent twice.
//! - Nothing but missing journal space can fail once a batch was validated: its records stand in the journal whatever their size, and nobody waits for a file.
//! - A topic's settings hold as for producers. A topic that does not exist is refused, not made.
//! - Readers see a record when it is durable in its topic's class.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};

use bole_base::{LogId, Position};
use bole_shard::participant::{LockedParticipant, Participant, Request, Target};
use bole_shard::{Error, Locked, Transaction};
use bytes::Bytes;
use parking_lot::Mutex;
use self_cell::self_cell;

use crate::metrics::count;
use crate::operations::produce::check;
use crate::partition::Partition;
use crate::partition::append::{Appended, PushError, Terms, space_inline};
use crate::partition::batch::HEAD_BYTES;
use crate::partition::state::State;
use crate::partitioner;
use crate::protocol::batch::{Builder, Compression};
use crate::service::Service;
use crate::topics::Topic;

/// The name of the service, and of its one operation.
pub const SERVICE: &str = "streams";
/// Appends a record.
pub const PUBLISH: &str = "publish";
/// The version of Produce whose rules hold: the latest, which allows every compression.
const PRODUCE_VERSION: i16 = i16::MAX;

/// Topics as a participant of batches.
pub struct Publisher {
    service: Arc<Service>,
    /// The partitions that requests were addressed to, by log; at most all that there are.
    addressed: Mutex<HashMap<LogId, (Arc<Topic>, Arc<Partition>)>>,
}

/// A record, as a request says it.
struct Wanted<'a> {
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
}

/// The request that publishes a record.
pub fn request(topic: &str, key: Option<Bytes>, value: Option<Bytes>) -> Request {
    let has: &'static [u8] = match (&key, &value) {
        (Some(_), Some(_)) => b"kv",
        (Some(_), None) => b"k",
        (None, Some(_)) => b"v",
        (None, None) => b"",
    };
    let arguments = std::iter::once(Bytes::from_static(has)).chain(key).chain(value).collect();
    Request { operation: PUBLISH.to_owned(), dataset: topic.to_owned(), arguments }
}

/// Errors: `Refused` for unknown operations and wrong arguments.
fn parse(request: &Request) -> Result<Wanted<'_>, Error> {
    if request.operation != PUBLISH {
        let text = format!("{SERVICE} has no operation {:?}; it has {PUBLISH}", request.operation);
        return Err(Error::Refused(text));
    }
    let wanted = match &request.arguments[..] {
        [has, key, value] if &**has == b"kv" => Wanted { key: Some(key), value: Some(value) },
        [has, key] if &**has == b"k" => Wanted { key: Some(key), value: None },
        [has, value] if &**has == b"v" => Wanted { key: None, value: Some(value) },
        [has] if has.is_empty() => Wanted { key: None, value: None },
        arguments => {
            let count = arguments.len();
            let text = format!("{SERVICE}: {count} arguments are not what operation {PUBLISH:?} takes");
            return Err(Error::Refused(text));
        }
    };
    Ok(wanted)
}

fn refused(error: &crate::Error) -> Error {
    Error::Refused(format!("{SERVICE}: {error}"))
}

impl Publisher {
    /// Topics of `service`.
    pub fn new(service: Arc<Service>) -> Self {
        Self { service, addressed: Mutex::default() }
    }

    fn missing(topic: &str) -> Error {
        Error::Refused(format!("{SERVICE} has no topic \"{topic}\" that can be written to; make it first"))
    }
}

impl Participant for Publisher {
    fn service(&self) -> &str {
        SERVICE
    }

    fn target(&self, request: &Request) -> Result<Target, Error> {
        let wanted = parse(request)?;
        let topic =
            self.service.topics.get(&request.dataset).ok_or_else(|| Self::missing(&request.dataset))?;
        let partitions = topic.partitions();
        let hashed = wanted.key.or(wanted.value).unwrap_or_default();
        let index = partitioner::of_key(hashed, partitions.len() as i32);
        let partition = Arc::clone(&partitions[index as usize]);
        let log = partition.log();
        let mut addressed = self.addressed.lock();
        if !addressed.contains_key(&log) {
            addressed.retain(|_, (topic, _)| self.service.topics.by_id(topic.id).is_some());
        }
        addressed.insert(log, (topic, partition));
        drop(addressed);
        Ok(Target { journal: Arc::clone(self.service.runtime.journal()), log })
    }

    fn lock(&self, log: LogId) -> Result<Box<dyn LockedParticipant + '_>, Error> {
        let found = self.addressed.lock().get(&log).cloned();
        let (topic, partition) =
            found.ok_or_else(|| Error::Refused(format!("{SERVICE} has no log {log} of a topic")))?;
        if self.service.topics.by_id(topic.id).is_none() {
            self.addressed.lock().remove(&log);
            return Err(Self::missing(&topic.name));
        }
        Ok(Box::new(LockedPartition::new(&self.service, topic, partition)?))
    }

    fn poll_room(&self, _log: LogId, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.cache.poll_room(context).map(Ok)
    }
}

/// What a locked partition is borrowed from.
type LockedState<'a> = Locked<'a, State>;

self_cell! {
    /// A lock together with what it locks.
    struct Held {
        owner: Arc<Partition>,
        #[not_covariant]
        dependent: LockedState,
    }
}

/// A partition that stays locked while a batch is made.
struct LockedPartition<'a> {
    service: &'a Service,
    topic: Arc<Topic>,
    /// Gone once the batch is appended and the lock released.
    held: Option<Held>,
    /// The record batch of the requests, once they were validated.
    body: Option<Bytes>,
    records: i64,
    base_offset: i64,
}

impl<'a> LockedPartition<'a> {
    fn new(service: &'a Service, topic: Arc<Topic>, partition: Arc<Partition>) -> Result<Self, Error> {
        let held = Held::try_new(partition, |partition| partition.lock()).map_err(|error| refused(&error))?;
        Ok(Self { service, topic, held: Some(held), body: None, records: 0, base_offset: 0 })
    }

    /// The batch that holds the records of all requests. Errors: `Refused` where the topic's settings refuse it.
    fn build(&self, requests: &[Request]) -> Result<Bytes, Error> {
        let now = self.service.now();
        let mut builder =
            Builder::new().compression(self.topic.settings().compression.unwrap_or(Compression::None));
        for request in requests {
            let Wanted { key, value } = parse(request)?;
            builder.push(now, key, value, &[]);
        }
        let batch = builder.build();
        let checked = check::batch(&self.topic, &batch, PRODUCE_VERSION, now);
        checked.map(|(body, _, _)| body).map_err(|error| refused(&error))
    }
}

impl LockedParticipant for LockedPartition<'_> {
    fn validate(&mut self, requests: &[Request]) -> Result<usize, Error> {
        if !self.service.cache.has_room() {
            return Err(Error::Wait { bytes: 0 });
        }
        let body = self.build(requests)?;
        let bytes = space_inline(body.len());
        self.records = requests.len() as i64;
        self.body = Some(body);
        Ok(bytes)
    }

    fn push(&mut self, _requests: &[Request], transaction: &mut Transaction) -> Result<(), Error> {
        let settings = self.topic.settings();
        let terms = Terms {
            segment_bytes: settings.segment_bytes,
            segment_ms: settings.roll_ms(),
            expected_offset: None,
        };
        let (Some(held), Some(body)) = (&mut self.held, &self.body) else { return Ok(()) };
        let pushed = held
            .with_dependent_mut(|partition, locked| partition.push_inline(locked, transaction, body, &terms));
        self.base_offset = pushed.map_err(|error| match error {
            PushError::Wait => Error::Wait { bytes: body.len() as u64 },
            PushError::Failed(error) => refused(&error),
        })?;
        Ok(())
    }

    fn appended(&mut self, position: Position) {
        let (Some(mut held), Some(body)) = (self.held.take(), self.body.take()) else { return };
        let log_start = held.with_dependent_mut(|_, locked| {
            locked.appended(position);
            locked.state_mut().appended(position);
            locked.state().log_start
        });
        let partition = Arc::clone(held.borrow_owner());
        drop(held);
        let appended = Appended { base_offset: self.base_offset, position, log_start, duplicate: false };
        let bytes = HEAD_BYTES + body.len();
        self.service.appended(&partition, &appended, self.records, bytes);
        count(&self.service.metrics.records_in, self.records as u64);
        count(&self.service.metrics.bytes_in, bytes as u64);
    }
}
