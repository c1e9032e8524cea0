//! The contract of [`Upserts`] as cases that each implementation runs, and a fake for those who use it.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bole_base::{Durability, LogId, Position};
use bole_log::PayloadKind;
use bytes::Bytes;

use super::{Batch, Upsert, Upserts, Writing};
use crate::participant::suite::{FakeParticipant, note};
use crate::participant::{Initiator, LockedParticipant, Participants, Request};
use crate::whole::Held;
use crate::{Error, Hosted, Locked, Runtime, Shard, Single, Transaction, Whole};

/// An implementation under test, on a journal of which everything is durable at once.
pub trait Subject {
    /// The runtime whose journal it uses.
    fn runtime(&self) -> Arc<Runtime>;
    /// The implementation.
    fn upserts(&self) -> Arc<dyn Upserts>;
    /// The fake that takes part beside it, with one ledger on the same runtime.
    fn beside(&self) -> Arc<FakeParticipant>;
    /// A dataset that there is.
    fn dataset(&self) -> String;
    /// One that there is not.
    fn no_dataset(&self) -> String;
    /// A write of `value` to a key; `None` removes it.
    fn write(&self, key: u64, value: Option<u64>) -> Upsert;
    /// A write that is refused.
    fn invalid(&self) -> Upsert;
    /// The keys that are there, with their values.
    fn seen(&self) -> BTreeMap<u64, u64>;
}

/// Runs all cases, each on a fresh subject.
pub fn run(fresh: &dyn Fn() -> Box<dyn Subject>) {
    let cases: [(&str, fn(&dyn Subject)); 6] = [
        ("writes and requests are one batch", one_batch),
        ("writes take effect in their order", in_order),
        ("an invalid write refuses all", invalid_write),
        ("an invalid request refuses all", invalid_request),
        ("requests without writes are a batch", requests_alone),
        ("unknown datasets are refused", unknown),
    ];
    for (name, case) in cases {
        let subject = fresh();
        let passed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case(&*subject)));
        assert!(passed.is_ok(), "case failed: {name}");
    }
}

/// Runs a future that never has to wait.
#[track_caller]
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing is to be waited for"),
    }
}

fn commit(subject: &dyn Subject, writes: Vec<Upsert>, notes: &[&str]) -> Result<Position, Error> {
    let mut participants = Participants::new(Arc::clone(subject.runtime().journal()));
    participants.register(subject.beside());
    let requests = notes.iter().map(|text| ("fake".to_owned(), note(0, text))).collect();
    let batch = Batch { dataset: subject.dataset(), writes, requests };
    now(subject.upserts().write(Arc::new(participants), batch)).map(|committed| committed.position)
}

fn noted(subject: &dyn Subject) -> Vec<String> {
    let beside = subject.beside();
    let ledger = beside.ledgers()[0].lock().expect("the ledger works");
    ledger.state().get().0.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect()
}

fn end(subject: &dyn Subject) -> Position {
    subject.runtime().journal().reached(Durability::Sync)
}

fn one_batch(subject: &dyn Subject) {
    subject.upserts().check(&subject.dataset()).expect("the dataset is there");
    let writes = vec![subject.write(1, Some(10)), subject.write(2, Some(20))];
    let position = commit(subject, writes, &["a", "b"]).expect("a commit");
    assert_eq!(position, end(subject), "one record holds all of it");
    assert_eq!(subject.seen(), [(1, 10), (2, 20)].into());
    assert_eq!(noted(subject), ["a", "b"]);
}

fn in_order(subject: &dyn Subject) {
    let writes = [(1, Some(1)), (2, Some(2)), (1, None), (2, None), (2, Some(4)), (1, Some(3)), (3, None)];
    let writes = writes.map(|(key, value)| subject.write(key, value)).to_vec();
    commit(subject, writes, &[]).expect("a commit");
    assert_eq!(subject.seen(), [(1, 3), (2, 4)].into());
    commit(subject, vec![subject.write(1, None)], &[]).expect("a commit");
    assert_eq!(subject.seen(), [(2, 4)].into());
}

#[track_caller]
fn refused(subject: &dyn Subject, writes: Vec<Upsert>, notes: &[&str]) {
    let before = (subject.seen(), noted(subject), end(subject));
    let outcome = commit(subject, writes, notes);
    assert!(matches!(outcome, Err(Error::Refused(_))), "{outcome:?}");
    assert_eq!((subject.seen(), noted(subject), end(subject)), before);
}

fn invalid_write(subject: &dyn Subject) {
    commit(subject, vec![subject.write(1, Some(1))], &["a"]).expect("a commit");
    refused(subject, vec![subject.write(1, Some(2)), subject.invalid()], &["b"]);
    refused(subject, vec![subject.invalid(), subject.write(1, Some(2))], &[]);
    commit(subject, vec![subject.write(1, Some(3))], &["c"]).expect("a commit");
    assert_eq!((subject.seen(), noted(subject)), ([(1, 3)].into(), vec!["a".to_owned(), "c".to_owned()]));
}

fn invalid_request(subject: &dyn Subject) {
    commit(subject, vec![subject.write(1, Some(1))], &[]).expect("a commit");
    refused(subject, vec![subject.write(1, None), subject.write(2, Some(2))], &["a", "refuse"]);
    commit(subject, vec![subject.write(2, Some(3))], &[]).expect("a commit");
    assert_eq!(subject.seen(), [(1, 1), (2, 3)].into());
}

fn requests_alone(subject: &dyn Subject) {
    commit(subject, Vec::new(), &["a"]).expect("a commit");
    // What was not there is not there afterwards.
    commit(subject, vec![subject.write(1, None)], &["b"]).expect("a commit");
    assert_eq!((subject.seen(), noted(subject)), ([].into(), vec!["a".to_owned(), "b".to_owned()]));
}

fn unknown(subject: &dyn Subject) {
    let dataset = subject.no_dataset();
    let outcome = subject.upserts().check(&dataset);
    assert!(matches!(outcome, Err(Error::Refused(_))), "{outcome:?}");
    let before = end(subject);
    let batch = Batch { dataset, writes: vec![subject.write(1, Some(1))], requests: Vec::new() };
    let among = Arc::new(Participants::new(Arc::clone(subject.runtime().journal())));
    let outcome = now(subject.upserts().write(among, batch));
    assert!(matches!(outcome, Err(Error::Refused(_))), "{outcome:?}");
    assert_eq!(end(subject), before);
}

/// An implementation for tests: the service `shelf` with one dataset `0`, a shard that keeps values by key. The value `refuse` is refused.
pub struct FakeUpserts {
    runtime: Arc<Runtime>,
    shelf: Arc<Shard<Single<Shelf>>>,
}

/// Values by key.
#[derive(Debug, Default)]
pub struct Shelf(pub BTreeMap<Bytes, Bytes>);

fn push_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn take_bytes<'a>(from: &mut &'a [u8]) -> Result<&'a [u8], String> {
    let (len, rest) = from.split_first_chunk::<4>().ok_or("too short")?;
    let (bytes, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize).ok_or("too short")?;
    *from = rest;
    Ok(bytes)
}

impl Whole for Shelf {
    type Change = Vec<Upsert>;
    const KIND: PayloadKind = PayloadKind(1);
    const VERSION: u8 = 1;

    fn encode(change: &Vec<Upsert>) -> Vec<u8> {
        let mut out = Vec::new();
        for Upsert { key, value } in change {
            push_bytes(key, &mut out);
            out.push(u8::from(value.is_some()));
            push_bytes(value.as_deref().unwrap_or_default(), &mut out);
        }
        out
    }

    fn decode(mut payload: &[u8]) -> Result<Vec<Upsert>, String> {
        let mut change = Vec::new();
        while !payload.is_empty() {
            let key = Bytes::copy_from_slice(take_bytes(&mut payload)?);
            let (has, rest) = payload.split_first().ok_or("too short")?;
            payload = rest;
            let value = Bytes::copy_from_slice(take_bytes(&mut payload)?);
            change.push(Upsert { key, value: (*has == 1).then_some(value) });
        }
        Ok(change)
    }

    fn apply(&mut self, change: &Vec<Upsert>) {
        for Upsert { key, value } in change {
            match value {
                Some(value) => self.0.insert(key.clone(), value.clone()),
                None => self.0.remove(key),
            };
        }
    }

    fn snapshot(&self) -> Vec<u8> {
        let all = self.0.iter().map(|(key, value)| Upsert { key: key.clone(), value: Some(value.clone()) });
        Self::encode(&all.collect())
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.apply(&Self::decode(bytes)?);
        Ok(())
    }
}

impl FakeUpserts {
    /// An empty shelf with this log, hosted by `runtime`.
    pub fn host(runtime: &Arc<Runtime>, log: LogId) -> Result<Self, Error> {
        let shelf = Arc::new(Shard::new(log, "default/shelf/0#0".to_owned(), Single::new(Shelf::default())));
        runtime.host(Arc::clone(&shelf) as Arc<dyn Hosted>)?;
        Ok(Self { runtime: Arc::clone(runtime), shelf })
    }

    /// The shelf.
    pub fn shelf(&self) -> &Shard<Single<Shelf>> {
        &self.shelf
    }
}

impl Upserts for FakeUpserts {
    fn service(&self) -> &'static str {
        "shelf"
    }

    fn resource(&self, dataset: &str) -> String {
        format!("default/shelf/{dataset}")
    }

    fn check(&self, dataset: &str) -> Result<(), Error> {
        if dataset == "0" {
            return Ok(());
        }
        Err(Error::Refused(format!("shelf has no dataset {dataset:?}")))
    }

    fn write(&self, among: Arc<Participants>, batch: Batch) -> Writing<'_> {
        Box::pin(async move {
            self.check(&batch.dataset)?;
            if batch.writes.iter().any(|write| write.value.as_deref() == Some(b"refuse")) {
                return Err(Error::Refused("the value \"refuse\" is refused".to_owned()));
            }
            let mut outbox = among.outbox();
            for (service, request) in batch.requests {
                outbox.send(&service, request)?;
            }
            let mut change = Change { shelf: &self.shelf, writes: batch.writes };
            let mut transaction = self.runtime.transaction();
            outbox.commit_for(Some(&mut change), &self.runtime, &mut transaction).await
        })
    }
}

struct Change<'a> {
    shelf: &'a Shard<Single<Shelf>>,
    writes: Vec<Upsert>,
}

impl Initiator for Change<'_> {
    fn log(&self) -> LogId {
        self.shelf.id()
    }

    fn lock(&mut self) -> Result<Box<dyn LockedParticipant + '_>, Error> {
        Ok(Box::new(LockedShelf { locked: self.shelf.lock()?, writes: &self.writes }))
    }
}

struct LockedShelf<'a> {
    locked: Locked<'a, Single<Shelf>>,
    writes: &'a Vec<Upsert>,
}

impl LockedParticipant for LockedShelf<'_> {
    fn validate(&mut self, _requests: &[Request]) -> Result<usize, Error> {
        /// Bytes of an entry besides its writes.
        const SPACE_PER_ENTRY: usize = 64;
        Ok(Shelf::encode(self.writes).len() + SPACE_PER_ENTRY)
    }

    fn push(&mut self, _requests: &[Request], transaction: &mut Transaction) -> Result<(), Error> {
        if self.writes.is_empty() {
            return Ok(());
        }
        self.locked.push(transaction, Durability::Sync, &Held::Borrowed(self.writes)).map(drop)
    }

    fn appended(&mut self, position: Position) {
        self.locked.appended(position);
    }
}
