//! Makes room when the keys take more memory than they may: takes keys out, by the policy, until they do not. Each eviction is logged as an
//! effect, so that recovery, followers and feeds need no memory budget of the same size.
//!
//! Which key goes is approximate, as in Redis: the best of a sample, and of what earlier samples left.

use bole_base::Durability;
use bole_shard::{Error, Transaction};

use crate::keys::next_random;
use crate::memory::{Candidate, Policy};
use crate::service::Service;
use crate::state::database::Found;
use crate::state::{Effect, Entry};

/// Redis's error.
pub const OUT_OF_MEMORY: &str = "OOM command not allowed when used memory > 'maxmemory'.";

/// One command makes room for so many others at most; the next one goes on.
const EVICTIONS_MAX: usize = 64;
/// A look that finds nothing is repeated so often: keys go, and move, meanwhile.
const LOOKS_MAX: usize = 16;
/// Journal space of one eviction besides the key.
const SPACE_PER_KEY: usize = 64;

/// Evicts until the keys take no more than they may. `false`: they do, and nothing can go. Holds no lock when it is called.
/// Errors: `Wait` and the journal's, if an eviction cannot be logged.
pub fn make_room(service: &Service, transaction: &mut Transaction, random: &mut u64) -> Result<bool, Error> {
    let policy = service.memory.policy();
    for _ in 0..EVICTIONS_MAX {
        if !service.memory.is_over() {
            break;
        }
        if policy == Policy::NoEviction || !evict_one(service, policy, transaction, random)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn evict_one(
    service: &Service,
    policy: Policy,
    transaction: &mut Transaction,
    random: &mut u64,
) -> Result<bool, Error> {
    for _ in 0..LOOKS_MAX {
        let fresh = sample(service, policy, random);
        let best =
            if policy.is_random() { fresh.into_iter().next() } else { service.memory.take_best(fresh) };
        let Some(best) = best else { continue };
        if evict(service, policy, &best, transaction)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Some keys of one partition.
fn sample(service: &Service, policy: Policy, random: &mut u64) -> Vec<Candidate> {
    let mut found = Vec::new();
    let Some(partition) = service.memory.choose(policy.is_volatile(), next_random(random)) else {
        return found;
    };
    let count = if policy.is_random() { 1 } else { service.settings.read().eviction_samples };
    let now = service.now();
    let (_, shard) = service.databases.partition(partition);
    // A quarantined shard loses nothing.
    let Ok(locked) = shard.lock() else { return found };
    let data = &locked.state().data;
    data.sample(&mut || next_random(random), count, policy.is_volatile(), |entry| {
        let score = score(policy, entry, now);
        found.push(Candidate { partition, key: entry.key().to_vec(), score });
    });
    found
}

/// How much sooner than others a key goes.
fn score(policy: Policy, entry: Entry<'_>, now: u64) -> u64 {
    match policy {
        Policy::NoEviction | Policy::AllKeysRandom | Policy::VolatileRandom => 0,
        Policy::AllKeysLru | Policy::VolatileLru => (now / 1_000).saturating_sub(u64::from(entry.accessed())),
        Policy::AllKeysLfu | Policy::VolatileLfu => u64::from(u8::MAX - entry.frequency(now)),
        Policy::VolatileTtl => u64::MAX - entry.deadline().unwrap_or(u64::MAX),
    }
}

/// Takes a key out, if it is still there and may go.
fn evict(
    service: &Service,
    policy: Policy,
    candidate: &Candidate,
    transaction: &mut Transaction,
) -> Result<bool, Error> {
    let key = &candidate.key[..];
    let (dataset, shard) = service.databases.partition(candidate.partition);
    let Ok(mut locked) = shard.lock() else { return Ok(false) };
    let data = &locked.state().data;
    let hash = data.hash(key);
    let effect = match data.find(hash, key, service.now()) {
        Found::Absent => return Ok(false),
        Found::Expired => Effect::Expired { key },
        Found::Live(place) => {
            let volatile = data.entry(place).is_some_and(|entry| entry.deadline().is_some());
            if policy.is_volatile() && !volatile {
                return Ok(false);
            }
            Effect::Evicted { key }
        }
    };
    let class = dataset.class();
    transaction.set_time(service.runtime.tick());
    if class != Durability::Memory {
        transaction.reserve(key.len() + SPACE_PER_KEY)?;
    }
    locked.push(transaction, class, &effect)?;
    locked.state().touch(key);
    if !transaction.is_empty() {
        let position = transaction.append()?;
        locked.appended(position);
        locked.state_mut().data.set_position(hash, position.0);
    }
    locked.state_mut().tell(true);
    service.metrics.evicted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    Ok(true)
}
