//! Active expiry: removes keys whose deadline has passed though nobody asks for them. The removal is logged as an effect, so that
//! followers and recovery need no clock.

use std::sync::atomic::Ordering;

use bole_base::Durability;
use bole_shard::{Shard, Transaction};

use crate::dataset::Dataset;
use crate::limits::EXPIRED_PER_ROUND;
use crate::partition::Partition;
use crate::service::Service;
use crate::state::Effect;

/// Journal space for one removal besides the key.
const SPACE_PER_KEY: usize = 64;

/// Looks at every shard once. A shard with many such keys is let go of between handfuls of them.
pub async fn round(service: &Service, transaction: &mut Transaction) {
    for dataset in service.databases.datasets() {
        for shard in &dataset.shards {
            while expire_some(service, dataset, shard, transaction) {
                tokio::task::yield_now().await;
            }
        }
    }
    transaction.finish();
}

/// Removes a handful of keys; whether there may be more.
fn expire_some(
    service: &Service,
    dataset: &Dataset,
    shard: &Shard<Partition>,
    transaction: &mut Transaction,
) -> bool {
    let now = service.now();
    let Ok(mut locked) = shard.lock() else { return false };
    let mut keys: Vec<Vec<u8>> = Vec::new();
    let more = locked.state_mut().data.expired(now, EXPIRED_PER_ROUND, |key| keys.push(key.to_vec()));
    if keys.is_empty() {
        return false;
    }
    let class = dataset.class();
    transaction.set_time(service.runtime.tick());
    let space = keys.iter().map(|key| key.len() + SPACE_PER_KEY).sum();
    // No space now: reads treat these keys as gone anyway, and the next round tries again.
    if class != Durability::Memory && transaction.reserve(space).is_err() {
        return false;
    }
    for key in &keys {
        if locked.push(transaction, class, &Effect::Expired { key }).is_err() {
            break;
        }
        locked.state().touch(key);
    }
    service.metrics.expired.fetch_add(keys.len() as u64, Ordering::Relaxed);
    if transaction.is_empty() {
        return more;
    }
    match transaction.append() {
        Ok(position) => {
            locked.appended(position);
            for key in &keys {
                let hash = locked.state().data.hash(key);
                locked.state_mut().data.set_position(hash, position.0);
            }
            more
        }
        Err(_) => false,
    }
}
