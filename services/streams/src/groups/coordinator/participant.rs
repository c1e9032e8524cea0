//! What other parts of the node may ask of groups inside their batches.
//!
//! A request's dataset is the id of a group in which the node keeps a position of its own ([`crate::groups::Topics::keeps_offsets`]). There is one operation, `commit`, with the arguments topic, topic id, and then for each partition its number, the
//! offset that is committed now (`-1`: none) and the one to commit. Numbers are decimal.
//!
//! # Invariants
//! - The request is refused unless each offset that is committed is the one that it names: who moved a position meanwhile wins.
//! - The topic must have the id that the request names, so that a position of a topic never becomes one of its successor of the same name.
//! - A group with members takes no requests, as with offsets that clients commit from outside.

use std::collections::BTreeMap;
use std::sync::Arc;

use bole_base::{LogId, Position};
use bole_log::entry::ENTRY_HEADER_BYTES;
use bole_shard::participant::{LockedParticipant, Participant, Request, Target};
use bole_shard::{Error, Locked, Transaction};
use bytes::Bytes;

use super::Coordinator;
use crate::groups::decide::Outcome;
use crate::groups::offsets::commit::{commit, space};
use crate::groups::offsets::transactional::appended;
use crate::groups::offsets::{CommitRequest, Committer, ToCommit};
use crate::groups::state::State;
use crate::groups::topics::TopicId;
use crate::protocol::Uuid;

/// The name of the service in batches.
pub const SERVICE: &str = "streams.groups";
/// The operation that commits offsets.
pub const COMMIT: &str = "commit";

/// A move of one partition's position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// The partition.
    pub partition: i32,
    /// What is committed now; `None`: nothing.
    pub from: Option<i64>,
    /// What to commit.
    pub to: i64,
}

/// The request that commits `moves` in `group`.
pub fn commit_request(group: &str, topic: &str, id: TopicId, moves: &[Move]) -> Request {
    let text = |text: String| Bytes::from(text.into_bytes());
    let mut arguments = vec![text(topic.to_owned()), text(Uuid(id.0).to_string())];
    for Move { partition, from, to } in moves {
        arguments
            .extend([i64::from(*partition), from.unwrap_or(-1), *to].map(|number| text(number.to_string())));
    }
    Request { operation: COMMIT.to_owned(), dataset: group.to_owned(), arguments }
}

/// A request that was understood.
struct Parsed {
    topic: Arc<str>,
    id: Uuid,
    moves: Vec<Move>,
}

fn parse(request: &Request) -> Result<Parsed, Error> {
    if request.operation != COMMIT {
        return Err(Error::Refused(format!(
            "{SERVICE} has no operation {:?}; it has {COMMIT}",
            request.operation
        )));
    }
    let arguments = &request.arguments[..];
    let [topic, id, numbers @ ..] = arguments else { return Err(wrong_count(arguments.len())) };
    if numbers.is_empty() || !numbers.len().is_multiple_of(3) {
        return Err(wrong_count(arguments.len()));
    }
    let moves = numbers.chunks_exact(3).map(|row| {
        let from: i64 = number(&row[1])?;
        Ok(Move { partition: number(&row[0])?, from: (from >= 0).then_some(from), to: number(&row[2])? })
    });
    let (topic, id) = (word(topic)?, word(id)?);
    let id = id.parse().map_err(|_| Error::Refused(format!("{SERVICE}: {id:?} is no topic id")))?;
    Ok(Parsed { topic: Arc::from(topic), id, moves: moves.collect::<Result<_, Error>>()? })
}

fn wrong_count(count: usize) -> Error {
    Error::Refused(format!("{SERVICE}: {count} arguments are not what operation {COMMIT:?} takes"))
}

fn word(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes)
        .map_err(|_| Error::Refused(format!("{SERVICE}: {:?} is no text", String::from_utf8_lossy(bytes))))
}

fn number<T: std::str::FromStr>(bytes: &[u8]) -> Result<T, Error> {
    let text = word(bytes)?;
    text.parse().map_err(|_| Error::Refused(format!("{SERVICE}: {text:?} is no number")))
}

impl Participant for Coordinator {
    fn service(&self) -> &'static str {
        SERVICE
    }

    fn target(&self, request: &Request) -> Result<Target, Error> {
        parse(request)?;
        if !self.topics.keeps_offsets(&request.dataset) {
            return Err(Error::Refused(format!(
                "{SERVICE}: the node keeps no position of its own in group {:?}",
                request.dataset
            )));
        }
        let log = self.shards[self.shard_of(&request.dataset)].id();
        Ok(Target { journal: Arc::clone(self.runtime.journal()), log })
    }

    fn lock(&self, log: LogId) -> Result<Box<dyn LockedParticipant + '_>, Error> {
        let found = self.shards.iter().find(|shard| shard.id() == log);
        let shard = found.ok_or_else(|| Error::Refused(format!("{SERVICE} has no log {log} of groups")))?;
        Ok(Box::new(LockedShard { coordinator: self, locked: shard.lock()?, changed: Vec::new() }))
    }
}

struct LockedShard<'a> {
    coordinator: &'a Coordinator,
    locked: Locked<'a, State>,
    /// The groups that were pushed.
    changed: Vec<Arc<str>>,
}

impl LockedShard<'_> {
    /// One commit for each group, of all requests. Errors: `Refused` where a position is not where a request says.
    fn merge(&self, requests: &[Request]) -> Result<Vec<CommitRequest>, Error> {
        let mut groups: BTreeMap<&str, CommitRequest> = BTreeMap::new();
        for request in requests {
            let Parsed { topic, id, moves } = parse(request)?;
            let known = self.coordinator.topics.by_name(&topic).map(|topic| topic.id);
            if known != Some(TopicId(id.0)) {
                return Err(Error::Refused(format!("{SERVICE} has no topic {topic:?} with the id {id}")));
            }
            let merged = groups.entry(&request.dataset).or_insert_with(|| CommitRequest {
                group: Arc::from(request.dataset.as_str()),
                by: Committer::nobody(),
                retention_ms: None,
                offsets: Vec::new(),
            });
            for Move { partition, from, to } in moves {
                let moved =
                    merged.offsets.iter().rev().find(|at| at.topic == topic && at.partition == partition);
                let group = self.locked.state().group(&merged.group);
                let committed = || group.and_then(|group| group.offsets.get(&topic, partition));
                let now = moved.map(|at| at.offset).or_else(|| committed().map(|committed| committed.offset));
                if now != from {
                    let text =
                        |offset: Option<i64>| offset.map_or_else(|| "none".to_owned(), |at| at.to_string());
                    return Err(Error::Refused(format!(
                        "{SERVICE}: the offset of group {:?} in partition {partition} of topic {topic:?} is {}, not {}; it was moved",
                        request.dataset,
                        text(now),
                        text(from)
                    )));
                }
                let (topic, metadata) = (Arc::clone(&topic), Arc::from(""));
                merged.offsets.push(ToCommit { topic, partition, offset: to, leader_epoch: -1, metadata });
            }
        }
        Ok(groups.into_values().collect())
    }

    fn decide(&mut self, request: &CommitRequest) -> Result<Outcome, Error> {
        let mut out = Outcome::default();
        let refused = |error: crate::groups::Error| Error::Refused(format!("{SERVICE}: {error}"));
        let outcomes = commit(self.locked.state_mut(), self.coordinator.context(), &mut out, request);
        outcomes.map_err(refused)?.into_iter().collect::<Result<(), _>>().map_err(refused)?;
        Ok(out)
    }
}

impl LockedParticipant for LockedShard<'_> {
    fn validate(&mut self, requests: &[Request]) -> Result<usize, Error> {
        let mut bytes = 0;
        for request in self.merge(requests)? {
            self.decide(&request)?;
            bytes += ENTRY_HEADER_BYTES + space(&request.group, &request.offsets);
        }
        Ok(bytes)
    }

    fn push(&mut self, requests: &[Request], transaction: &mut Transaction) -> Result<(), Error> {
        for request in self.merge(requests)? {
            for effect in &self.decide(&request)?.effects {
                self.locked.push(transaction, self.coordinator.class, effect)?;
            }
            self.changed.push(request.group);
        }
        Ok(())
    }

    fn appended(&mut self, position: Position) {
        appended(&mut self.locked, &self.changed, position);
    }
}
