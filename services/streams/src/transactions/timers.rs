//! When nobody asks: transactions that are open for too long are aborted, and ids that were idle for long are forgotten. What is due follows from the state;
//! so a restart changes nothing about it.

use std::sync::Arc;
use std::time::Duration;

use super::run::{change, now_ms};
use super::{Effect, Status, end};
use crate::Error;
use crate::service::Service;

/// How often is looked for what is due.
const INTERVAL: Duration = Duration::from_secs(1);
/// Ids of one shard that one round looks at; the others wait for the next.
const IDS_PER_ROUND: usize = 1_000;

/// Works for ever: run it as a task.
pub async fn run(service: Arc<Service>) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        round(&service).await;
    }
}

/// Looks once at all that is due.
pub async fn round(service: &Service) {
    for shard in service.transactions.shards() {
        let due = shard.lock().map(|locked| locked.state().due(now_ms(service), IDS_PER_ROUND));
        for id in due.unwrap_or_default() {
            if let Err(error) = look(service, &id).await {
                tracing::warn!(transactional_id = &*id, %error, "a transaction that is open for too long could not be aborted yet");
            }
        }
    }
}

async fn look(service: &Service, id: &Arc<str>) -> Result<(), Error> {
    end::expire(service, id).await?;
    change(service, id, |state, now| {
        let idle = |entry: &&super::Entry| entry.status != Status::Ongoing && entry.due_ms() <= now;
        Ok(state.entry(id).filter(idle).map(|_| Effect::Forgotten { id: Arc::clone(id) }))
    })
    .await
}
