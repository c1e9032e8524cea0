//! Producers that were silent for long are forgotten: by age as Kafka's `producer.id.expiration.ms`, and the oldest where there are too many.

use std::sync::Arc;

use crate::Error;
use crate::limits::{FORGOTTEN_PER_ENTRY_MAX, PRODUCER_EXPIRATION_MS, PRODUCERS_PER_PARTITION_MAX};
use crate::partition::Partition;
use crate::partition::entry::Effect;
use crate::partition::producers::Producers;
use crate::service::Service;

/// Looks at every partition once; at those with too many producers only, unless `all`.
pub async fn round(service: &Arc<Service>, all: bool) {
    let before = service.now() - PRODUCER_EXPIRATION_MS;
    for topic in service.topics.all() {
        for partition in topic.partitions().iter() {
            let Ok(count) = partition.lock().map(|locked| locked.state().producers.len()) else { continue };
            if count == 0 || !all && count <= PRODUCERS_PER_PARTITION_MAX {
                continue;
            }
            if let Err(error) = forget(service, partition, before).await {
                tracing::warn!(partition = partition.name(), %error, "idle producers could not be forgotten");
                return;
            }
        }
    }
}

/// The next producers to forget: those whose newest batch is from before `before` (milliseconds), and the oldest beyond `keep`. Those with an open transaction stay.
pub fn due(producers: &Producers, before: i64, keep: usize) -> Option<Effect> {
    let mut ids = producers.idle(before, keep);
    ids.truncate(FORGOTTEN_PER_ENTRY_MAX);
    (!ids.is_empty()).then_some(Effect::Forgotten(ids))
}

async fn forget(service: &Service, partition: &Partition, before: i64) -> Result<(), Error> {
    let bytes = Effect::Forgotten(vec![0; FORGOTTEN_PER_ENTRY_MAX]).payload_bytes();
    let mut transaction = service.runtime.transaction();
    let mut more = true;
    while more {
        transaction.set_time(service.runtime.tick());
        let due = |state: &crate::partition::state::State| {
            due(&state.producers, before, PRODUCERS_PER_PARTITION_MAX)
        };
        more = partition.change(&mut transaction, bytes, due).await?.is_some();
    }
    Ok(service.runtime.journal().write_queued()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::producers::Producer;

    #[test]
    fn the_oldest_go_and_open_transactions_stay() {
        let mut producers = Producers::default();
        for id in 0..10 {
            let transaction_start = (id == 2).then_some(5);
            producers
                .restore(id, Producer { last_timestamp: id * 100, transaction_start, ..Producer::default() });
        }
        // Before, how many are kept; who goes.
        let rows: [(i64, usize, Option<Vec<i64>>); 4] = [
            (0, 10, None),
            (201, 10, Some(vec![0, 1])),
            (0, 7, Some(vec![0, 1, 3])),
            (401, 9, Some(vec![0, 1, 3, 4])),
        ];
        for (before, keep, expected) in rows {
            assert_eq!(due(&producers, before, keep), expected.map(Effect::Forgotten), "{before} {keep}");
        }
    }
}
