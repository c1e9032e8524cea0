//! What other services may ask of the keyspace inside their batches.
//!
//! A request's dataset is the number of a database, `0` to `15`. Operations and arguments (numbers are decimal, deadlines milliseconds since the
//! Unix epoch):
//!
//! | operation | arguments | what it does |
//! |-|-|-|
//! | `set` | key, value, [deadline] | replaces whatever the key holds |
//! | `del` | key | removes the key, if it is there |
//! | `expire` | key, deadline | gives the key a deadline, if it is there |
//! | `hset` | key, field, value, … | sets fields of a hash; another type refuses the batch |
//!
//! # Invariants
//! - A request goes to the dataset that is behind the database when it is sent; if SWAPDB exchanged it before the commit, the batch is refused.
//! - Requests of one batch see those before them.
//! - Watchers of a changed key are told, and replies that show it wait for the batch, as with commands.

use std::collections::BTreeMap;
use std::sync::Arc;

use bole_base::{Durability, LogId, Position};
use bole_shard::participant::{LockedParticipant, Participant, Request, Target};
use bole_shard::{Error, Locked, Transaction};
use bytes::Bytes;

use crate::dataset::DATABASES;
use crate::eviction::OUT_OF_MEMORY;
use crate::memory::Policy;
use crate::partition::Partition;
use crate::service::Service;
use crate::state::database::Found;
use crate::state::{Effect, Items, Kind};

/// Journal space of a request besides its arguments: the heads of its own entry and of one that removes an expired key.
const SPACE_PER_REQUEST: usize = 192;
/// Journal space of one argument besides its bytes.
const SPACE_PER_ARGUMENT: usize = 5;

/// A request that was understood.
enum Operation<'a> {
    Set { key: &'a [u8], value: &'a [u8], deadline: Option<u64> },
    Delete { key: &'a [u8] },
    Expire { key: &'a [u8], deadline: u64 },
    HashSet { key: &'a [u8], pairs: &'a [Bytes] },
}

impl<'a> Operation<'a> {
    /// Errors: `Refused` for unknown operations and wrong arguments.
    fn parse(request: &'a Request) -> Result<Self, Error> {
        let arguments = &request.arguments[..];
        match (request.operation.as_str(), arguments) {
            ("set", [key, value]) => Ok(Self::Set { key, value, deadline: None }),
            ("set", [key, value, deadline]) => {
                Ok(Self::Set { key, value, deadline: Some(parse_number("deadline", deadline)?) })
            }
            ("del", [key]) => Ok(Self::Delete { key }),
            ("expire", [key, deadline]) => {
                Ok(Self::Expire { key, deadline: parse_number("deadline", deadline)? })
            }
            ("hset", [key, pairs @ ..]) if !pairs.is_empty() && pairs.len() % 2 == 0 => {
                Ok(Self::HashSet { key, pairs })
            }
            ("set" | "del" | "expire" | "hset", _) => Err(Error::Refused(format!(
                "keyspace: {} arguments are not what operation {:?} takes",
                arguments.len(),
                request.operation
            ))),
            (unknown, _) => Err(Error::Refused(format!(
                "keyspace has no operation {unknown:?}; it has set, del, expire and hset"
            ))),
        }
    }

    const fn key(&self) -> &'a [u8] {
        match *self {
            Self::Set { key, .. }
            | Self::Delete { key }
            | Self::Expire { key, .. }
            | Self::HashSet { key, .. } => key,
        }
    }
}

fn parse_number(what: &str, bytes: &[u8]) -> Result<u64, Error> {
    let number = std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| {
        Error::Refused(format!(
            "keyspace: {:?} is no {what}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(64)])
        ))
    })
}

fn parse_database(dataset: &str) -> Result<usize, Error> {
    dataset.parse().ok().filter(|database| *database < DATABASES).ok_or_else(|| {
        Error::Refused(format!("keyspace has no database {dataset:?}; it has 0 to {}", DATABASES - 1))
    })
}

impl Participant for Service {
    fn service(&self) -> &'static str {
        "keyspace"
    }

    fn target(&self, request: &Request) -> Result<Target, Error> {
        let operation = Operation::parse(request)?;
        let dataset = self.databases.dataset(parse_database(&request.dataset)?);
        let log = dataset.shards[dataset.shard_of(operation.key())].id();
        Ok(Target { journal: Arc::clone(self.runtime.journal()), log })
    }

    fn lock(&self, log: LogId) -> Result<Box<dyn LockedParticipant + '_>, Error> {
        for (number, dataset) in self.databases.datasets().iter().enumerate() {
            if let Some(shard) = dataset.shards.iter().find(|shard| shard.id() == log) {
                return Ok(Box::new(LockedShard {
                    service: self,
                    dataset: number,
                    class: dataset.class(),
                    locked: shard.lock()?,
                    now: self.now(),
                    touched: Vec::new(),
                }));
            }
        }
        Err(Error::Refused(format!("keyspace has no log {log}")))
    }
}

struct LockedShard<'a> {
    service: &'a Service,
    dataset: usize,
    class: Durability,
    locked: Locked<'a, Partition>,
    now: u64,
    /// The hashes of what was pushed.
    touched: Vec<u64>,
}

impl LockedShard<'_> {
    fn find(&self, key: &[u8]) -> Found {
        let data = &self.locked.state().data;
        data.find(data.hash(key), key, self.now)
    }

    fn kind(&self, key: &[u8]) -> Option<Kind> {
        match self.find(key) {
            Found::Live(place) => self.locked.state().data.entry(place).map(|entry| entry.kind()),
            Found::Expired | Found::Absent => None,
        }
    }

    /// Pushes what a request comes to; nothing if it changes nothing.
    fn run(&mut self, operation: &Operation<'_>, transaction: &mut Transaction) -> Result<(), Error> {
        let key = operation.key();
        let found = self.find(key);
        if matches!(found, Found::Expired) {
            self.effect(&Effect::Expired { key }, transaction)?;
        }
        let live = matches!(found, Found::Live(_));
        match *operation {
            Operation::Set { value, deadline, .. } => {
                self.effect(&Effect::SetString { key, value, deadline }, transaction)
            }
            Operation::Delete { .. } if live => self.effect(&Effect::Delete { key }, transaction),
            Operation::Expire { deadline, .. } if live => {
                self.effect(&Effect::SetDeadline { key, deadline: Some(deadline) }, transaction)
            }
            Operation::Delete { .. } | Operation::Expire { .. } => Ok(()),
            Operation::HashSet { pairs, .. } => {
                let words: Vec<&[u8]> = pairs.iter().map(|word| &word[..]).collect();
                self.effect(&Effect::HashSet { key, pairs: Items::Args(&words) }, transaction)
            }
        }
    }

    fn effect(&mut self, effect: &Effect<'_>, transaction: &mut Transaction) -> Result<(), Error> {
        let key = effect.key().expect("each request is about one key");
        let state = self.locked.state_mut();
        let hash = state.data.hash(key);
        state.data.expect(self.now, hash);
        let pushed = self.locked.push(transaction, self.class, effect);
        let state = self.locked.state_mut();
        state.data.forget_hash();
        pushed?;
        state.touch(key);
        self.touched.push(hash);
        Ok(())
    }
}

impl LockedParticipant for LockedShard<'_> {
    fn validate(&mut self, requests: &[Request]) -> Result<usize, Error> {
        // What keys hold after the requests so far, if these changed it.
        let mut kinds: BTreeMap<&[u8], Option<Kind>> = BTreeMap::new();
        let mut bytes = 0;
        // Where keys may be evicted, the next command makes room for what this adds.
        let full = self.service.memory.is_over() && self.service.memory.policy() == Policy::NoEviction;
        for request in requests {
            let operation = Operation::parse(request)?;
            let database = parse_database(&request.dataset)?;
            if self.service.databases.index(database) != self.dataset {
                return Err(Error::Refused(format!(
                    "keyspace: database {database} was swapped since the request was sent; send it again"
                )));
            }
            let key = operation.key();
            if full && matches!(operation, Operation::Set { .. } | Operation::HashSet { .. }) {
                return Err(Error::Refused(format!("keyspace: {OUT_OF_MEMORY}")));
            }
            match operation {
                Operation::Set { deadline, .. } => {
                    let live = deadline.is_none_or(|deadline| deadline > self.now);
                    kinds.insert(key, live.then_some(Kind::String));
                }
                Operation::Delete { .. } => drop(kinds.insert(key, None)),
                Operation::Expire { deadline, .. } if deadline <= self.now => drop(kinds.insert(key, None)),
                Operation::Expire { .. } => {}
                Operation::HashSet { .. } => {
                    let kind = kinds.get(key).copied().unwrap_or_else(|| self.kind(key));
                    if kind.is_some_and(|kind| kind != Kind::Hash) {
                        let key = String::from_utf8_lossy(&key[..key.len().min(64)]).into_owned();
                        return Err(Error::Refused(format!("keyspace: the key {key:?} holds no hash")));
                    }
                    kinds.insert(key, Some(Kind::Hash));
                }
            }
            let arguments: usize = request.arguments.iter().map(|word| word.len() + SPACE_PER_ARGUMENT).sum();
            bytes += arguments + key.len() + SPACE_PER_REQUEST;
        }
        Ok(if self.class == Durability::Memory { 0 } else { bytes })
    }

    fn push(&mut self, requests: &[Request], transaction: &mut Transaction) -> Result<(), Error> {
        for request in requests {
            self.run(&Operation::parse(request)?, transaction)?;
        }
        Ok(())
    }

    fn appended(&mut self, position: Position) {
        self.locked.appended(position);
        for hash in self.touched.drain(..) {
            self.locked.state_mut().data.set_position(hash, position.0);
        }
    }
}
