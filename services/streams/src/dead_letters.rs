//! Dead letters: records that share groups have given up are written to the topic that their topic's setting `share.dead.letter.topic` names.
//!
//! Reading order: this file (when, and what happens if it cannot be done) → [`letter`] (what is written) → [`write`] (the batch that writes it).
//!
//! # Invariants
//! - A record is condemned, durably, before it is written, and the batch that writes it also archives it. So it is written exactly once, whenever the node stops.
//! - What cannot be written stays condemned: the start of the group's partition does not pass it, and the bound on records that wait
//!   (`SHARE_WAITING_MAX`) stops deliveries before the backlog grows without end.
//! - Nothing polls: the task sleeps until records are condemned; only while some cannot be written it tries again, after every change of topics and from time to time.

mod letter;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::Error;
use crate::groups::coordinator::letters::{Letters, Reading};
use crate::metrics::count;
use crate::protocol::{ErrorCode, Uuid};
use crate::service::Service;
use crate::topics::Topic;

/// When letters could not be written, the next attempt.
const RETRY: Duration = Duration::from_secs(1);
/// Letters of one batch.
const LETTERS_PER_BATCH: usize = 500;

/// Writes dead letters, for ever: run it as a task.
pub(crate) async fn run(service: Arc<Service>) {
    // Why each of them could not be served.
    let mut stuck: BTreeMap<Reading, String> = BTreeMap::new();
    loop {
        let mut changed = std::pin::pin!(service.topics.changed.notified());
        changed.as_mut().enable();
        let mut due = service.groups.condemned.take();
        due.extend(stuck.keys().cloned());
        for reading in due {
            match serve(&service, &reading).await {
                Ok(()) => drop(stuck.remove(&reading)),
                Err(error) => {
                    let why = error.to_string();
                    if stuck.get(&reading) != Some(&why) {
                        let (group, (_, partition)) = &reading;
                        tracing::warn!(%group, partition, %error, "dead letters of a share group wait: they cannot be written");
                    }
                    stuck.insert(reading, why);
                }
            }
        }
        service.metrics.dead_letters_stuck.store(stuck.len() as u64, Ordering::Relaxed);
        tokio::select! {
            () = service.groups.condemned.added() => {}
            () = changed, if !stuck.is_empty() => {}
            () = tokio::time::sleep(RETRY), if !stuck.is_empty() => {}
        }
    }
}

/// Writes all letters of one partition of a group.
async fn serve(service: &Arc<Service>, reading: &Reading) -> Result<(), Error> {
    let (group, place) = reading;
    loop {
        // A topic that was deleted took its records along.
        let Some(from) = service.topics.by_id(Uuid(place.0.0)) else { return Ok(()) };
        let (state_epoch, mut letters) = service.groups.letters(reading)?;
        if letters.is_empty() {
            return Ok(());
        }
        letters.truncate(LETTERS_PER_BATCH);
        let Some(to) = target(service, &from).await? else {
            // The setting was taken back: now they are given up as without it.
            let letters = Letters { group, place: *place, state_epoch, list: &letters };
            write::archive(service, &letters).await?;
            continue;
        };
        let source = from.partition(place.1)?;
        let heading =
            letter::Heading { topic: from.name.clone(), partition: place.1, group: Arc::clone(group) };
        let compression = to.settings().compression;
        let pack = move || letter::pack(&source, &heading, &letters, compression);
        let packed = tokio::task::spawn_blocking(pack).await;
        let packed =
            packed.map_err(|error| Error::Storage(format!("dead letters could not be read: {error}")))??;
        let letters = Letters { group, place: *place, state_epoch, list: &packed.letters };
        let written = match &packed.batch {
            None => write::archive(service, &letters).await?,
            Some(batch) => write::write(service, &letters, &to, batch).await?,
        };
        if written {
            count(&service.metrics.dead_letters, packed.records as u64);
        }
    }
}

/// The topic for a topic's dead letters, made if it does not exist and topics are made by themselves; `None`: there is none by its settings.
/// Errors: `UnknownTopicOrPartition`, `InvalidConfig` (it is compacted), those of making it.
async fn target(service: &Service, from: &Topic) -> Result<Option<Arc<Topic>>, Error> {
    let Some(name) = from.settings().sharing.dead_letter_topic.clone() else { return Ok(None) };
    let topic = if service.config.auto_create_topics {
        service.topics.find_or_create(&name, service.config.default_partitions).await?
    } else {
        service.topics.find(&name, Uuid::default())?
    };
    if topic.settings().cleanup.compact {
        let text =
            format!("topic \"{name}\" is compacted, which would remove dead letters with the same key");
        return Err(Error::refused(ErrorCode::InvalidConfig, text));
    }
    Ok(Some(topic))
}
