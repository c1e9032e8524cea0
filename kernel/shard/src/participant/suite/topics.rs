//! A fake of streams for those who publish: topics of one partition each, whose logs the test chooses.

use std::collections::BTreeSet;

use bole_base::{Durability, LogId};
use bytes::Bytes;
use parking_lot::Mutex;

use super::{FakeParticipant, note};
use crate::participant::{LockedParticipant, Participant, Request, Target};
use crate::{Error, Runtime, Transaction};

/// Topics; the operation is `publish`, with `kv`, a key and a value. Values are kept.
pub struct FakeTopics {
    topics: Vec<(&'static str, FakeParticipant)>,
    gone: Mutex<BTreeSet<String>>,
}

impl FakeTopics {
    /// Topics with their logs, hosted by `runtime`.
    pub fn host(
        runtime: &Runtime,
        topics: &[(&'static str, LogId)],
        class: Durability,
    ) -> Result<Self, Error> {
        let host = |(name, log): &(&'static str, LogId)| {
            Ok((*name, FakeParticipant::host(runtime, *log, 1, class)?))
        };
        let topics = topics.iter().map(host).collect::<Result<_, Error>>()?;
        Ok(Self { topics, gone: Mutex::default() })
    }

    /// Lets a topic be gone, or come back.
    pub fn set_gone(&self, topic: &str, is_gone: bool) {
        let mut gone = self.gone.lock();
        if is_gone {
            gone.insert(topic.to_owned())
        } else {
            gone.remove(topic)
        };
    }

    /// What was published to a topic, in order.
    pub fn values(&self, topic: &str) -> Vec<Bytes> {
        let of_topic = self.topics.iter().filter(|(name, _)| *name == topic);
        let ledgers = of_topic.flat_map(|(_, topic)| topic.ledgers());
        ledgers.flat_map(|ledger| ledger.read(|ledger| ledger.0.clone()).unwrap_or_default()).collect()
    }
}

fn noted(request: &Request) -> Result<Request, Error> {
    match (request.operation.as_str(), &request.arguments[..]) {
        ("publish", [has, _key, value]) if &**has == b"kv" => {
            Ok(Request { arguments: vec![value.clone()], ..note(0, "") })
        }
        (operation, _) => Err(Error::Refused(format!("topics know no operation {operation:?}"))),
    }
}

impl Participant for FakeTopics {
    fn service(&self) -> &'static str {
        "streams"
    }

    fn target(&self, request: &Request) -> Result<Target, Error> {
        let noted = noted(request)?;
        let is_gone = self.gone.lock().contains(&request.dataset);
        let found = self.topics.iter().find(|(name, _)| *name == request.dataset && !is_gone);
        let found =
            found.ok_or_else(|| Error::Refused(format!("there is no topic {:?}", request.dataset)))?;
        found.1.target(&noted)
    }

    fn lock(&self, log: LogId) -> Result<Box<dyn LockedParticipant + '_>, Error> {
        let locked = self.topics.iter().find_map(|(_, topic)| topic.lock(log).ok());
        let locked = locked.ok_or_else(|| Error::Refused(format!("no topic has log {log}")))?;
        Ok(Box::new(LockedTopic(locked)))
    }
}

struct LockedTopic<'a>(Box<dyn LockedParticipant + 'a>);

impl LockedParticipant for LockedTopic<'_> {
    fn validate(&mut self, requests: &[Request]) -> Result<usize, Error> {
        self.0.validate(&requests.iter().map(noted).collect::<Result<Vec<_>, _>>()?)
    }

    fn push(&mut self, requests: &[Request], transaction: &mut Transaction) -> Result<(), Error> {
        self.0.push(&requests.iter().map(noted).collect::<Result<Vec<_>, _>>()?, transaction)
    }

    fn appended(&mut self, position: bole_base::Position) {
        self.0.appended(position);
    }
}
