//! The contract of [`Participant`] as cases that each implementation runs, and a fake for those who use participants.

mod topics;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bole_base::{Durability, LogId, Position};
use bole_log::{Journal, MemoryJournal, PayloadKind};
use bytes::Bytes;

use super::{LockedParticipant, Participant, Participants, Request, Target};
use crate::whole::Held;
use crate::{Error, Locked, Runtime, Shard, Single, Transaction, Whole};

pub use topics::FakeTopics;

/// A participant under test, on a journal of which everything is durable at once.
pub trait Subject {
    /// The runtime whose journal the participant uses.
    fn runtime(&self) -> Arc<Runtime>;
    /// The participant.
    fn participant(&self) -> Arc<dyn Participant>;
    /// A request that succeeds; different numbers make different effects, on at least two logs if the service can have several.
    fn good(&self, number: u64) -> Request;
    /// A request that is accepted when it is sent and fails validation; `None` if the service has none.
    fn invalid(&self) -> Option<Request>;
    /// Which numbers of `good` requests have taken effect, in rising order.
    fn seen(&self) -> Vec<u64>;
}

/// Runs all cases, each on a fresh subject.
pub fn run(fresh: &dyn Fn() -> Box<dyn Subject>) {
    let cases: [(&str, fn(&dyn Subject)); 6] = [
        ("buffered requests have no effect", buffered),
        ("a commit makes all effects in one batch", all),
        ("one invalid request refuses the batch", invalid),
        ("unknown names are refused when they are sent", unknown),
        ("another journal is refused", other_journal),
        ("too much for one batch is refused", too_large),
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

fn participants(subject: &dyn Subject) -> Participants {
    let mut participants = Participants::new(Arc::clone(subject.runtime().journal()));
    participants.register(subject.participant());
    participants
}

fn appended_end(subject: &dyn Subject) -> Position {
    subject.runtime().journal().reached(Durability::Sync)
}

fn buffered(subject: &dyn Subject) {
    let (participants, before) = (participants(subject), appended_end(subject));
    let mut outbox = participants.outbox();
    assert!(outbox.is_empty());
    outbox.send(subject.participant().service(), subject.good(1)).expect("a good request");
    assert!(!outbox.is_empty());
    drop(outbox);
    assert_eq!((subject.seen(), appended_end(subject)), (vec![], before));
}

fn all(subject: &dyn Subject) {
    let participants = participants(subject);
    let mut outbox = participants.outbox();
    for number in [3, 1, 2] {
        outbox.send(subject.participant().service(), subject.good(number)).expect("a good request");
    }
    let runtime = subject.runtime();
    let mut transaction = runtime.transaction();
    let committed = now(outbox.commit(&runtime, &mut transaction)).expect("a commit");
    assert_eq!(subject.seen(), [1, 2, 3]);
    assert_eq!(committed.position, appended_end(subject), "one record holds all of them");
    let empty = now(participants.outbox().commit(&runtime, &mut transaction)).expect("an empty commit");
    assert_eq!((empty.position, empty.class), (Position::ZERO, Durability::Memory));
}

fn invalid(subject: &dyn Subject) {
    let Some(invalid) = subject.invalid() else { return };
    let (participants, before) = (participants(subject), appended_end(subject));
    for order in [[0, 1], [1, 0]] {
        let mut outbox = participants.outbox();
        let requests = [subject.good(1), invalid.clone()];
        for at in order {
            outbox.send(subject.participant().service(), requests[at].clone()).expect("it is sent");
        }
        let runtime = subject.runtime();
        let outcome = now(outbox.commit(&runtime, &mut runtime.transaction()));
        assert!(outcome.is_err());
        assert_eq!((subject.seen(), appended_end(subject)), (vec![], before));
    }
}

fn unknown(subject: &dyn Subject) {
    let participants = participants(subject);
    let mut outbox = participants.outbox();
    let service = subject.participant().service().to_owned();
    let check = |outcome: Result<(), Error>, named: &str| match outcome {
        Err(Error::Refused(text)) => assert!(text.contains(named), "{text:?} names {named:?}"),
        other => panic!("{named} is refused, not {other:?}"),
    };
    let good = subject.good(1);
    check(outbox.send("no-such-service", good.clone()), "no-such-service");
    let request = Request { operation: "no-such-operation".to_owned(), ..good.clone() };
    check(outbox.send(&service, request), "no-such-operation");
    let request = Request { dataset: "no-such-dataset".to_owned(), ..good };
    check(outbox.send(&service, request), "no-such-dataset");
    assert!(outbox.is_empty());
}

fn other_journal(subject: &dyn Subject) {
    let mut participants = Participants::new(Arc::new(MemoryJournal::new()));
    participants.register(subject.participant());
    let refused = participants.outbox().send(subject.participant().service(), subject.good(1));
    assert!(matches!(refused, Err(Error::Refused(text)) if text.contains("another journal")));
}

fn too_large(subject: &dyn Subject) {
    let participants = participants(subject);
    let mut outbox = participants.outbox();
    let service = subject.participant().service().to_owned();
    // Each request has at least a name; the bound is met after a finite number of them.
    let refused = (1..=1_u64 << 20).find_map(|number| outbox.send(&service, subject.good(number)).err());
    assert!(matches!(refused, Some(Error::Journal(bole_log::Error::BatchTooLarge { .. }))));
    let runtime = subject.runtime();
    let outcome = now(outbox.commit(&runtime, &mut runtime.transaction()));
    if outcome.is_err() {
        assert_eq!(subject.seen(), Vec::<u64>::new());
    }
}

/// A participant for tests: ledgers, each a shard that keeps the texts that were noted in it. Its operation is `note`
/// with one text; the text `refuse` fails validation.
pub struct FakeParticipant {
    journal: Arc<dyn Journal>,
    ledgers: Vec<Arc<Shard<Single<Ledger>>>>,
    class: Durability,
}

/// The texts that were noted.
#[derive(Debug, Default)]
pub struct Ledger(pub Vec<Bytes>);

impl Whole for Ledger {
    type Change = Bytes;
    const KIND: PayloadKind = PayloadKind(1);
    const VERSION: u8 = 1;

    fn encode(change: &Bytes) -> Vec<u8> {
        change.to_vec()
    }
    fn decode(payload: &[u8]) -> Result<Bytes, String> {
        Ok(Bytes::copy_from_slice(payload))
    }
    fn apply(&mut self, change: &Bytes) {
        self.0.push(change.clone());
    }
    fn snapshot(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for text in &self.0 {
            out.extend_from_slice(&(text.len() as u32).to_le_bytes());
            out.extend_from_slice(text);
        }
        out
    }
    fn restore(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        while let Some((len, rest)) = bytes.split_first_chunk::<4>() {
            let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize).ok_or("too short")?;
            self.0.push(Bytes::copy_from_slice(text));
            bytes = rest;
        }
        Ok(())
    }
}

impl FakeParticipant {
    /// `count` ledgers named `0`, `1`, … with logs from `first` on, hosted by `runtime`.
    pub fn host(runtime: &Runtime, first: LogId, count: u64, class: Durability) -> Result<Self, Error> {
        let mut ledgers = Vec::new();
        for number in 0..count {
            let (log, name) = (LogId(first.0 + number), format!("default/fake/{number}#0"));
            let ledger = Arc::new(Shard::new(log, name, Single::new(Ledger::default())));
            runtime.host(Arc::clone(&ledger) as Arc<dyn crate::Hosted>)?;
            ledgers.push(ledger);
        }
        Ok(Self { journal: Arc::clone(runtime.journal()), ledgers, class })
    }

    /// The ledgers.
    pub fn ledgers(&self) -> &[Arc<Shard<Single<Ledger>>>] {
        &self.ledgers
    }
}

/// A request for the fake.
pub fn note(ledger: u64, text: &str) -> Request {
    let arguments = vec![Bytes::copy_from_slice(text.as_bytes())];
    Request { operation: "note".to_owned(), dataset: ledger.to_string(), arguments }
}

struct LockedLedger<'a> {
    locked: Locked<'a, Single<Ledger>>,
    class: Durability,
}

impl Participant for FakeParticipant {
    fn service(&self) -> &'static str {
        "fake"
    }

    fn target(&self, request: &Request) -> Result<Target, Error> {
        if request.operation != "note" || request.arguments.len() != 1 {
            return Err(Error::Refused(format!("fake knows no operation {:?}", request.operation)));
        }
        let number = request.dataset.parse::<usize>().ok();
        let ledger = number.and_then(|number| self.ledgers.get(number));
        let ledger =
            ledger.ok_or_else(|| Error::Refused(format!("fake has no dataset {:?}", request.dataset)))?;
        Ok(Target { journal: Arc::clone(&self.journal), log: ledger.id() })
    }

    fn lock(&self, log: LogId) -> Result<Box<dyn LockedParticipant + '_>, Error> {
        let ledger = self.ledgers.iter().find(|ledger| ledger.id() == log);
        let ledger = ledger.ok_or_else(|| Error::Refused(format!("fake has no log {log}")))?;
        Ok(Box::new(LockedLedger { locked: ledger.lock()?, class: self.class }))
    }
}

impl LockedParticipant for LockedLedger<'_> {
    fn validate(&mut self, requests: &[Request]) -> Result<usize, Error> {
        /// Bytes of an entry besides its text.
        const SPACE_PER_ENTRY: usize = 64;
        if requests.iter().any(|request| request.arguments[0] == "refuse") {
            return Err(Error::Refused("the text \"refuse\" is refused".to_owned()));
        }
        Ok(requests.iter().map(|request| request.arguments[0].len() + SPACE_PER_ENTRY).sum())
    }

    fn push(&mut self, requests: &[Request], transaction: &mut Transaction) -> Result<(), Error> {
        for request in requests {
            self.locked.push(transaction, self.class, &Held::Borrowed(&request.arguments[0]))?;
        }
        Ok(())
    }

    fn appended(&mut self, position: Position) {
        self.locked.appended(position);
    }
}
