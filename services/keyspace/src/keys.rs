//! The keys that a command may touch: the shards that are locked for it, the batch that its effects go into, and what its reply
//! has to wait for.
//!
//! # Invariants
//! - Shards are locked in ascending order of their log ids, before the handler runs, and stay locked until the batch is appended.
//! - A handler reserves journal space for all its effects before the first one; the dispatcher does so for what the arguments bound.
//! - Whatever was read or written raises `need`, so that no reply leaves before what it shows is durable.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bole_base::{Durability, Position};
use bole_shard::{Error, Locked, Transaction};
use smallvec::SmallVec;

use crate::blocking::{Waiter, Wish};
use crate::commands::serve_blocked;
use crate::dataset::{DATABASES, Databases};
use crate::durable::Need;
use crate::failure::{Failure, WRONG_TYPE, kernel_text};
use crate::partition::Partition;
use crate::protocol::Reply;
use crate::state::database::{Found, Old};
use crate::state::table::Place;
use crate::state::value::{Hash, List, Set, SortedSet};
use crate::state::{Effect, Entry, Kind, Limits, Text, View};

/// Journal space that a command takes besides its arguments: headers and small numbers of an effect or two.
const SPACE_PER_COMMAND: usize = 256;
/// Journal space per argument besides its bytes: if each makes an effect of its own.
const SPACE_PER_ARGUMENT: usize = 64;

/// Longer keys are hashed as often as they are asked for.
const HASHED_KEY_BYTES: usize = 48;

/// A locked shard of a database.
struct Part<'a> {
    database: usize,
    shard: usize,
    class: Durability,
    locked: Locked<'a, Partition>,
}

/// The last key that was hashed.
struct Hashed {
    part: usize,
    hash: u64,
    len: usize,
    key: [u8; HASHED_KEY_BYTES],
}

impl Hashed {
    const NONE: Self = Self { part: usize::MAX, hash: 0, len: 0, key: [0; HASHED_KEY_BYTES] };
}

/// Which shards a command needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// These shards: (database, shard), sorted, each once.
    Shards(SmallVec<[(usize, usize); 1]>),
    /// All shards of one database.
    Database(usize),
    /// All shards of all databases.
    Everything,
}

/// See the module.
pub struct Keys<'a> {
    databases: &'a Databases,
    parts: SmallVec<[Part<'a>; 1]>,
    transaction: &'a mut Transaction,
    /// The database that the client has selected.
    pub database: usize,
    /// Milliseconds since the Unix epoch: the one time of this command.
    pub now: u64,
    /// What the reply waits for.
    pub need: Need,
    /// Keys found and not found, for INFO.
    pub hits: (u64, u64),
    hashed: Hashed,
    /// What the batch has changed: part and hash.
    touched: SmallVec<[(usize, u64); 4]>,
    /// Keys that were found past their deadline: they go before the first effect on them.
    stale: SmallVec<[(usize, Vec<u8>); 1]>,
    /// Lists and sorted sets that grew while somebody may be waiting.
    ready: SmallVec<[(usize, Vec<u8>); 1]>,
    /// Clients that were served from what the batch changes, and their replies.
    served: Vec<(Arc<Waiter>, Vec<u8>)>,
    flushed: bool,
    random: u64,
}

impl<'a> Keys<'a> {
    /// Locks the shards of `scope`. Errors: `Quarantined`.
    pub fn lock(
        databases: &'a Databases,
        scope: &Scope,
        database: usize,
        now: u64,
        transaction: &'a mut Transaction,
    ) -> Result<Self, Error> {
        loop {
            let map = databases.map();
            let parts = lock_parts(databases, &map, scope)?;
            // Databases were swapped between the look-up and the lock: look again.
            if map == databases.map() {
                return Ok(Self {
                    databases,
                    parts,
                    transaction,
                    database,
                    now,
                    need: Need::default(),
                    hits: (0, 0),
                    hashed: Hashed::NONE,
                    touched: SmallVec::new(),
                    stale: SmallVec::new(),
                    ready: SmallVec::new(),
                    served: Vec::new(),
                    flushed: false,
                    random: now,
                });
            }
        }
    }

    /// Seeds the choices of this command: which member SPOP takes, and the like.
    pub fn set_random(&mut self, seed: u64) {
        self.random = seed;
    }

    /// A random number (`SplitMix64`).
    pub fn random(&mut self) -> u64 {
        next_random(&mut self.random)
    }

    /// The state of the choices, for functions that take a source of numbers while keys are borrowed.
    pub fn random_source(&mut self) -> impl FnMut() -> u64 + use<> {
        let mut state = self.random();
        move || next_random(&mut state)
    }

    /// Takes journal space for what the arguments of a command bound.
    pub fn reserve_for(&mut self, args: &[&[u8]]) -> Result<(), Error> {
        self.transaction.reserve(space_for(args))
    }

    /// Takes journal space for effects of `bytes` besides those that are in the batch already: all that a command is going to log.
    /// Before its first effect.
    pub fn reserve(&mut self, bytes: usize) -> Result<(), Error> {
        self.transaction.reserve(bytes + SPACE_PER_COMMAND)
    }

    fn part(&self, database: usize, key: &[u8]) -> usize {
        if let [only] = &self.parts[..] {
            debug_assert_eq!(
                only.shard,
                self.databases.dataset(database).shard_of(key),
                "the key's shard is locked"
            );
            return 0;
        }
        let shard = self.databases.dataset(database).shard_of(key);
        let found = self.parts.iter().position(|part| part.database == database && part.shard == shard);
        found.expect("the dispatcher locks the shard of every key of the command")
    }

    /// Whether the shard of `key` is locked.
    pub fn holds(&self, database: usize, key: &[u8]) -> bool {
        let shard = self.databases.dataset(database).shard_of(key);
        self.parts.iter().any(|part| part.database == database && part.shard == shard)
    }

    /// The key in the selected database, without counting it as used.
    pub fn peek(&mut self, key: &[u8]) -> Option<Entry<'_>> {
        self.peek_in(self.database, key)
    }

    /// The key in some database, without counting it as used.
    pub fn peek_in(&mut self, database: usize, key: &[u8]) -> Option<Entry<'_>> {
        let index = self.part(database, key);
        let place = self.find(index, key)?;
        self.parts[index].locked.state().data.entry(place)
    }

    /// The key in the selected database, counted as used.
    pub fn get(&mut self, key: &[u8]) -> Option<Entry<'_>> {
        let index = self.part(self.database, key);
        let Some(place) = self.find(index, key) else {
            self.hits.1 += 1;
            return None;
        };
        self.hits.0 += 1;
        let now = self.now;
        self.parts[index].locked.state_mut().data.used(place, now)
    }

    /// Looks a key up, and makes the reply wait for what it is going to show of it.
    #[inline]
    fn find(&mut self, index: usize, key: &[u8]) -> Option<Place> {
        let hash = self.hash_of(index, key);
        let part = &self.parts[index];
        let data = &part.locked.state().data;
        self.need.raise(part.class, Position(data.position(hash)));
        match data.find(hash, key, self.now) {
            Found::Live(place) => Some(place),
            Found::Absent => None,
            Found::Expired => {
                self.note_stale(index, key);
                None
            }
        }
    }

    /// The hash of `key`. Most commands read a key, change it and mark it: comparing it with the last one costs less than hashing it
    /// again.
    #[inline]
    fn hash_of(&mut self, index: usize, key: &[u8]) -> u64 {
        if self.hashed.part == index && self.hashed.key[..self.hashed.len] == *key {
            return self.hashed.hash;
        }
        let hash = self.parts[index].locked.state().data.hash(key);
        if key.len() <= HASHED_KEY_BYTES {
            self.hashed.part = index;
            self.hashed.hash = hash;
            self.hashed.len = key.len();
            self.hashed.key[..key.len()].copy_from_slice(key);
        }
        hash
    }

    fn note_stale(&mut self, index: usize, key: &[u8]) {
        if !self.stale.iter().any(|(at, stale)| *at == index && stale == key) {
            self.stale.push((index, key.to_vec()));
        }
    }

    /// Whether `key` exists.
    pub fn exists(&mut self, key: &[u8]) -> bool {
        self.peek(key).is_some()
    }

    /// The string at `key`. Errors: another type.
    pub fn string(&mut self, key: &[u8]) -> Result<Option<Text<'_>>, Failure> {
        match self.get(key).map(|entry| entry.view()) {
            None => Ok(None),
            Some(View::Bytes(bytes)) => Ok(Some(Text::Bytes(bytes))),
            Some(View::Integer(integer)) => Ok(Some(Text::Integer(integer))),
            Some(_) => Err(WRONG_TYPE.into()),
        }
    }

    /// The list at `key`. Errors: another type.
    pub fn list(&mut self, key: &[u8]) -> Result<Option<&List>, Failure> {
        match self.get(key).map(|entry| entry.view()) {
            None => Ok(None),
            Some(View::List(list)) => Ok(Some(list)),
            Some(_) => Err(WRONG_TYPE.into()),
        }
    }

    /// The hash at `key`. Errors: another type.
    pub fn hash(&mut self, key: &[u8]) -> Result<Option<&Hash>, Failure> {
        match self.get(key).map(|entry| entry.view()) {
            None => Ok(None),
            Some(View::Hash(hash)) => Ok(Some(hash)),
            Some(_) => Err(WRONG_TYPE.into()),
        }
    }

    /// The set at `key`. Errors: another type.
    pub fn set(&mut self, key: &[u8]) -> Result<Option<&Set>, Failure> {
        match self.get(key).map(|entry| entry.view()) {
            None => Ok(None),
            Some(View::Set(set)) => Ok(Some(set)),
            Some(_) => Err(WRONG_TYPE.into()),
        }
    }

    /// The sorted set at `key`. Errors: another type.
    pub fn sorted_set(&mut self, key: &[u8]) -> Result<Option<&SortedSet>, Failure> {
        match self.get(key).map(|entry| entry.view()) {
            None => Ok(None),
            Some(View::SortedSet(set)) => Ok(Some(set)),
            Some(_) => Err(WRONG_TYPE.into()),
        }
    }

    /// The sets at several keys, all at once. Errors: another type at any of them.
    pub fn sets(&mut self, keys: &[&[u8]]) -> Result<Vec<Option<&Set>>, Failure> {
        for key in keys {
            self.set(key)?;
        }
        let this = &*self;
        let at = |key: &&[u8]| match this.seen(key).map(|entry| entry.view()) {
            Some(View::Set(set)) => Some(set),
            _ => None,
        };
        Ok(keys.iter().map(at).collect())
    }

    /// The key in the selected database once more, after another method has read it: the reply waits for it already.
    fn seen(&self, key: &[u8]) -> Option<Entry<'_>> {
        let data = &self.parts[self.part(self.database, key)].locked.state().data;
        data.lookup(data.hash(key), key, self.now)
    }

    /// Logs and applies an effect on a key of the selected database.
    pub fn apply(&mut self, effect: &Effect<'_>) -> Result<(), Error> {
        self.apply_in(self.database, effect)
    }

    /// Logs and applies an effect on a key of some database.
    pub fn apply_in(&mut self, database: usize, effect: &Effect<'_>) -> Result<(), Error> {
        let key = effect.key().expect("only `flush` empties a database");
        let index = self.part(database, key);
        if !self.stale.is_empty() {
            self.expire_stale(index, key)?;
        }
        let hash = self.hash_of(index, key);
        self.push(index, hash, effect)?;
        self.mark(
            index,
            key,
            hash,
            matches!(
                effect,
                Effect::ListPush { .. }
                    | Effect::SortedAdd { .. }
                    | Effect::Put { .. }
                    | Effect::ListInsert { .. }
            ),
        );
        Ok(())
    }

    /// Removes a key that was found past its deadline, before anything else happens to it.
    fn expire_stale(&mut self, index: usize, key: &[u8]) -> Result<(), Error> {
        let Some(at) = self.stale.iter().position(|(part, stale)| *part == index && stale == key) else {
            return Ok(());
        };
        self.stale.swap_remove(at);
        let hash = self.hash_of(index, key);
        self.push(index, hash, &Effect::Expired { key })?;
        self.mark(index, key, hash, false);
        Ok(())
    }

    fn push(&mut self, index: usize, hash: u64, effect: &Effect<'_>) -> Result<(), Error> {
        let part = &mut self.parts[index];
        part.locked.state_mut().data.expect(self.now, hash);
        let pushed = part.locked.push(self.transaction, part.class, effect);
        if pushed.is_err() {
            part.locked.state_mut().data.forget_hash();
        }
        pushed
    }

    /// Remembers that `key` has changed, and tells those who watch or wait.
    fn mark(&mut self, index: usize, key: &[u8], hash: u64, grew: bool) {
        let partition = self.parts[index].locked.state();
        self.touched.push((index, hash));
        if !partition.watched.is_empty() {
            partition.touch(key);
        }
        if grew && !partition.blocked.is_empty() && partition.blocked.contains_key(key) {
            self.ready.push((index, key.to_vec()));
        }
    }

    /// Empties a database, all of whose shards are locked. Returns the old tables, to be dropped where that delays nobody.
    pub fn flush(&mut self, database: usize) -> Result<Vec<Old>, Error> {
        let mut old = Vec::new();
        for part in self.parts.iter_mut().filter(|part| part.database == database) {
            let partition = part.locked.state_mut();
            partition.touch_all();
            if partition.data.is_empty() {
                continue;
            }
            part.locked.push(self.transaction, part.class, &Effect::Flush)?;
            old.extend(part.locked.state_mut().data.take_old());
            self.flushed = true;
        }
        Ok(old)
    }

    /// The partitions of a database that are locked, in order.
    pub fn partitions(&self, database: usize) -> impl Iterator<Item = &Partition> {
        self.parts.iter().filter(move |part| part.database == database).map(|part| part.locked.state())
    }

    /// As `partitions`, to watch or block on a key.
    pub fn partition_mut(&mut self, database: usize, key: &[u8]) -> &mut Partition {
        let index = self.part(database, key);
        self.parts[index].locked.state_mut()
    }

    /// Changes up to where collections stay packed, in all shards that are locked.
    pub fn set_limits(&mut self, limits: Limits) {
        for part in &mut self.parts {
            part.locked.state_mut().data.set_limits(limits);
        }
    }

    /// Changes whether uses of keys are counted or their times noted, in all shards that are locked.
    pub fn count_uses(&mut self, counts: bool) {
        for part in &mut self.parts {
            part.locked.state_mut().data.count_uses(counts);
        }
    }

    /// Changes how durable a database's writes are, all of whose shards are locked, from the next effect on.
    pub fn set_class(&mut self, database: usize, class: Durability) {
        self.databases.dataset(database).set_class(class);
        for part in self.parts.iter_mut().filter(|part| part.database == database) {
            part.class = class;
            part.locked.state_mut().logged = class != Durability::Memory;
        }
    }

    /// Makes the reply wait for everything in the shards of `database` that are locked.
    pub fn need_all(&mut self, database: usize) {
        for part in self.parts.iter().filter(|part| part.database == database) {
            self.need.raise(part.class, part.locked.position());
        }
    }

    /// The databases, for commands on all of them.
    pub fn databases(&self) -> &'a Databases {
        self.databases
    }

    /// About how many bytes the value at `key` takes when it is logged.
    pub fn value_bytes(&mut self, key: &[u8]) -> usize {
        if !self.holds(self.database, key) {
            return 0;
        }
        self.peek(key).map_or(0, |entry| entry.memory_bytes())
    }

    /// The type of the value at `key`.
    pub fn kind(&mut self, key: &[u8]) -> Option<Kind> {
        self.peek(key).map(|entry| entry.kind())
    }

    /// Serves clients that wait for what has grown, appends the batch, and says what the reply waits for.
    /// The locks go when `self` is dropped.
    pub fn commit(&mut self) -> Result<Need, Error> {
        self.serve_all();
        let mut position = Position::ZERO;
        if !self.transaction.is_empty() {
            let class = self.transaction.class();
            position = match self.transaction.append() {
                Ok(position) => position,
                Err(error) => {
                    self.refuse_served(&error);
                    return Err(error);
                }
            };
            self.need.raise(class, position);
        }
        for (index, hash) in self.touched.drain(..) {
            let part = &mut self.parts[index];
            part.locked.appended(position);
            part.locked.state_mut().data.set_position(hash, position.0);
        }
        if std::mem::take(&mut self.flushed) {
            for part in &mut self.parts {
                part.locked.appended(position);
                part.locked.state_mut().data.set_position_all(position.0);
            }
        }
        for (waiter, reply) in self.served.drain(..) {
            waiter.finish(reply, self.need);
        }
        Ok(self.need)
    }

    /// Serves the keys that have grown in the order in which they did; serving may make others grow.
    fn serve_all(&mut self) {
        let mut next = 0;
        while let Some((index, key)) =
            self.ready.get_mut(next).map(|(index, key)| (*index, std::mem::take(key)))
        {
            next += 1;
            self.serve(index, &key);
        }
        self.ready.clear();
    }

    /// Tells the clients that were served from a batch which was not appended.
    fn refuse_served(&mut self, error: &Error) {
        for (waiter, _) in self.served.drain(..) {
            let mut reply = Reply::new();
            reply.error(&kernel_text(error));
            waiter.finish(reply.bytes().to_vec(), Need::default());
        }
    }

    /// Lets the clients that wait for `key` have what it holds, the first first. Those that wait for another type of value are passed over.
    fn serve(&mut self, index: usize, key: &[u8]) {
        let database = self.parts[index].database;
        let mut place = 0;
        loop {
            let Some(kind) = self.peek_in(database, key).map(|entry| entry.kind()) else { return };
            let blocked = &mut self.parts[index].locked.state_mut().blocked;
            let Some(waiter) = blocked.get(key).and_then(|queue| queue.get(place)).cloned() else { return };
            place += 1;
            if kind == waiter.wish.kind() && waiter.claim() {
                self.serve_one(database, key, &waiter);
            }
        }
    }

    /// Serves a client that was claimed, or has it run its command again if that cannot be done in this batch.
    fn serve_one(&mut self, database: usize, key: &[u8], waiter: &Arc<Waiter>) {
        if let Wish::Move { destination, .. } = &waiter.wish
            && !self.holds(database, destination)
        {
            return waiter.retry();
        }
        let resp3 = waiter.client.protocol.load(Ordering::Relaxed) == 3;
        let mut reply = Reply::in_version(resp3);
        let selected = std::mem::replace(&mut self.database, database);
        let outcome = serve_blocked(self, key, &waiter.wish, &mut reply);
        self.database = selected;
        match outcome {
            Ok(true) => {}
            Err(Failure::Reply(text)) => reply.error(&text),
            Ok(false) | Err(Failure::Block { .. }) => return waiter.release(),
            // There is no journal space for it in this batch, and nothing was done.
            Err(Failure::Shard(_)) => return waiter.retry(),
        }
        self.served.push((Arc::clone(waiter), reply.bytes().to_vec()));
    }
}

/// The journal space that the arguments of a command bound.
pub fn space_for(args: &[&[u8]]) -> usize {
    let bytes: usize = args.iter().map(|arg| arg.len()).sum();
    bytes + args.len() * SPACE_PER_ARGUMENT + SPACE_PER_COMMAND
}

/// Locks the shards of `scope` in the datasets that `map` names: one map for all of them, since a swap meanwhile would change the order, or
/// lock a shard twice.
fn lock_parts<'a>(
    databases: &'a Databases,
    map: &[u8; DATABASES],
    scope: &Scope,
) -> Result<SmallVec<[Part<'a>; 1]>, Error> {
    let behind = |database: usize| usize::from(map[database]);
    let lock = |database: usize, shard: usize| {
        let dataset = &databases.datasets()[behind(database)];
        let locked = dataset.shards[shard].lock()?;
        Ok(Part { database, shard, class: dataset.class(), locked })
    };
    let all = |database: usize| {
        (0..databases.datasets()[behind(database)].shards.len()).map(move |shard| (database, shard))
    };
    match scope {
        Scope::Shards(shards) if shards.len() == 1 => {
            Ok(SmallVec::from_iter([lock(shards[0].0, shards[0].1)?]))
        }
        Scope::Shards(shards) => {
            let mut shards = shards.clone();
            // Databases may have been swapped: the order of log ids is the order of the datasets behind them.
            shards.sort_by_key(|(database, shard)| (behind(*database), *shard));
            shards.iter().map(|(database, shard)| lock(*database, *shard)).collect()
        }
        Scope::Database(database) => all(*database).map(|(database, shard)| lock(database, shard)).collect(),
        Scope::Everything => {
            let mut order: Vec<usize> = (0..DATABASES).collect();
            order.sort_by_key(|database| behind(*database));
            order.into_iter().flat_map(all).map(|(database, shard)| lock(database, shard)).collect()
        }
    }
}

/// The next number of a `SplitMix64` sequence.
pub fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
