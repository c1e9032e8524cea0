//! Requests that a change decides only under its own shard's lock, and that ride in its batch: all that can be taken, without failing the change.
//!
//! An [`Outbox`](super::Outbox) knows its requests before it locks anything, and refuses all where one is refused. Here what is asked of others comes out of the decision, and nothing that others
//! say undoes it: a request that is refused is left out, and the caller is told. Locks are taken in ascending order all the same. Shards above the change's own are locked once the
//! requests are known; those below must be locked before it, so the first try only finds out which they are ([`Route`]), gives up, and the change is decided again.
//!
//! # Invariants
//! - A change that asks nothing of others takes no lock of theirs.
//! - Nothing is pushed before all shards have validated; until then every lock may be dropped, and nothing happened.
//! - A route only grows, by shards that there are, so tries end.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::Arc;

use bole_base::{LogId, Position};
use bole_log::Journal;

use super::{LockedParticipant, Participant, Request};
use crate::{Error, Transaction};

/// What tries of one change have found out.
#[derive(Debug, Default)]
pub struct Route {
    /// Shards that are to be locked before the change's own.
    below: BTreeSet<LogId>,
    /// The shard that had no room.
    full: Option<LogId>,
}

impl Route {
    /// Waits until the shard that had no room has some, if one had none. Call it without holding a lock.
    pub async fn wait(&mut self, participant: &dyn Participant) -> Result<(), Error> {
        match self.full.take() {
            Some(log) => poll_fn(|context| participant.poll_room(log, context)).await,
            None => Ok(()),
        }
    }
}

struct Riding<'a> {
    shard: Box<dyn LockedParticipant + 'a>,
    requests: Vec<Request>,
}

/// The locked shards of others, around one try of a change.
pub struct Riders<'a> {
    participant: &'a dyn Participant,
    own: LogId,
    locked: BTreeMap<LogId, Riding<'a>>,
    /// Why shards of the route could not be locked.
    missing: BTreeMap<LogId, Error>,
}

/// What of the requests rides along.
#[derive(Debug, Default)]
pub struct Taken {
    /// The bytes that their entries take at most.
    pub bytes: usize,
    /// How many ride along.
    pub requests: usize,
    /// Those that do not, and why not.
    pub left_out: Vec<(Request, Error)>,
}

impl<'a> Riders<'a> {
    /// Locks the shards of the route, for a change of the shard `own`, which is locked next.
    pub fn before(participant: &'a dyn Participant, own: LogId, route: &Route) -> Self {
        let mut riders = Self { participant, own, locked: BTreeMap::new(), missing: BTreeMap::new() };
        for log in &route.below {
            riders.lock(*log);
        }
        riders
    }

    fn lock(&mut self, log: LogId) {
        match self.participant.lock(log) {
            Ok(shard) => {
                self.locked.insert(log, Riding { shard, requests: Vec::new() });
            }
            Err(error) => {
                self.missing.insert(log, error);
            }
        }
    }

    /// Takes what the change decided to ask, under its own lock, for a batch of `journal`.
    /// Errors: `Wait`, when a shard has no room or the route was not known: release all locks, await [`Route::wait`], and decide again.
    pub fn take(
        &mut self,
        requests: Vec<Request>,
        journal: &Arc<dyn Journal>,
        route: &mut Route,
    ) -> Result<Taken, Error> {
        let mut taken = Taken::default();
        let mut by_log: BTreeMap<LogId, Vec<Request>> = BTreeMap::new();
        for request in requests {
            match self.log_of(&request, journal) {
                Ok(log) => by_log.entry(log).or_default().push(request),
                Err(error) => taken.left_out.push((request, error)),
            }
        }
        let unknown = |log: &&LogId| {
            **log < self.own && !self.locked.contains_key(log) && !self.missing.contains_key(log)
        };
        let unknown: Vec<LogId> = by_log.keys().filter(unknown).copied().collect();
        if !unknown.is_empty() {
            route.below.extend(unknown);
            return Err(Error::Wait { bytes: 0 });
        }
        for (log, requests) in by_log {
            if log > self.own {
                self.lock(log);
            }
            self.validate(log, requests, route, &mut taken)?;
        }
        self.locked.retain(|_, riding| !riding.requests.is_empty());
        Ok(taken)
    }

    fn log_of(&self, request: &Request, journal: &Arc<dyn Journal>) -> Result<LogId, Error> {
        let target = self.participant.target(request)?;
        if !std::ptr::addr_eq(Arc::as_ptr(&target.journal), Arc::as_ptr(journal)) {
            let text = format!("{:?} is in another journal; a batch is within one", request.dataset);
            return Err(Error::Refused(text));
        }
        if target.log == self.own {
            return Err(Error::Refused(format!("log {} is asked for effects in its own batch", self.own)));
        }
        Ok(target.log)
    }

    fn validate(
        &mut self,
        log: LogId,
        requests: Vec<Request>,
        route: &mut Route,
        taken: &mut Taken,
    ) -> Result<(), Error> {
        let validated = match self.locked.get_mut(&log) {
            Some(riding) => riding.shard.validate(&requests),
            None => Err(self.missing.remove(&log).unwrap_or_else(|| gone(log))),
        };
        match validated {
            Ok(bytes) => {
                taken.bytes += bytes;
                taken.requests += requests.len();
                if let Some(riding) = self.locked.get_mut(&log) {
                    riding.requests = requests;
                }
            }
            Err(Error::Wait { bytes }) => {
                route.full = Some(log);
                return Err(Error::Wait { bytes });
            }
            Err(error) => {
                self.locked.remove(&log);
                let reason = error.to_string();
                let reasons =
                    std::iter::once(error).chain(std::iter::repeat_with(|| Error::Refused(reason.clone())));
                taken.left_out.extend(requests.into_iter().zip(reasons));
            }
        }
        Ok(())
    }

    /// Pushes the effects of what was taken. The space for them is reserved. Must not fail then.
    pub fn push(&mut self, transaction: &mut Transaction) -> Result<(), Error> {
        self.locked.values_mut().try_for_each(|riding| riding.shard.push(&riding.requests, transaction))
    }

    /// Tells the shards where the batch ends.
    pub fn appended(&mut self, position: Position) {
        self.locked.values_mut().for_each(|riding| riding.shard.appended(position));
    }
}

fn gone(log: LogId) -> Error {
    Error::Refused(format!("log {log} cannot be locked"))
}
