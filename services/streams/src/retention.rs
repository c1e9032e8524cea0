//! Old records go: by age, by size. What goes is decided by the leader and logged as the partition's new start.

use std::sync::Arc;

use bole_log::entry::ENTRY_HEADER_BYTES;

use crate::Error;
use crate::partition::Partition;
use crate::partition::entry::Effect;
use crate::partition::state::State;
use crate::service::Service;
use crate::settings::Settings;

/// Looks at every partition once.
pub async fn round(service: &Arc<Service>) {
    let now = service.now();
    for topic in service.topics.all() {
        let settings = topic.settings();
        if !settings.cleanup.delete || (settings.retention_ms < 0 && settings.retention_bytes < 0) {
            continue;
        }
        for partition in topic.partitions().iter() {
            let due = partition.lock().ok().and_then(|locked| due(locked.state(), &settings, now));
            let Some(offset) = due else { continue };
            if let Err(error) = start_at(service, partition, offset).await {
                tracing::warn!(partition = partition.name(), %error, "old records could not be dropped");
                return;
            }
        }
    }
}

/// Where a partition shall start, if anything in it is too old or too much. Whole segments go; nothing that is not visible does.
fn due(state: &State, settings: &Settings, now: i64) -> Option<i64> {
    let mut start = state.log_start;
    let mut bytes = state.segments.bytes();
    let count = state.segments.len();
    for (at, segment) in state.segments.iter().enumerate() {
        let old =
            settings.retention_ms >= 0 && now.saturating_sub(segment.max_timestamp) > settings.retention_ms;
        let last = at + 1 == count;
        let much = settings.retention_bytes >= 0
            && !last
            && bytes.saturating_sub(segment.bytes) >= settings.retention_bytes as u64;
        if !(old || much) || segment.end > state.high_watermark {
            break;
        }
        bytes -= segment.bytes;
        start = segment.end;
    }
    (start > state.log_start).then_some(start)
}

/// Makes `offset` the start of a partition, durably. Offsets at or below the start change nothing. Errors: `Full`, `Storage`.
pub async fn start_at(service: &Service, partition: &Arc<Partition>, offset: i64) -> Result<(), Error> {
    let mut transaction = service.runtime.transaction();
    transaction.set_time(service.runtime.tick());
    let effect = Effect::LogStart(offset);
    let position = loop {
        transaction.admit(ENTRY_HEADER_BYTES + effect.payload_bytes()).await?;
        let mut locked = partition.lock()?;
        if offset <= locked.state().log_start {
            return Ok(());
        }
        match locked.push(&mut transaction, partition.class(), &effect) {
            Err(bole_shard::Error::Wait { .. }) => {}
            pushed => {
                pushed?;
                let position = transaction.append()?;
                locked.appended(position);
                locked.state_mut().appended(position);
                break position;
            }
        }
    };
    let journal = service.runtime.journal();
    journal.write_queued()?;
    std::future::poll_fn(|context| journal.poll_reached(partition.class(), position, context)).await?;
    if let Ok(mut locked) = partition.lock() {
        locked.state_mut().advance(journal.reached(partition.class()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bole_base::Durability;

    use super::*;

    #[test]
    fn whole_segments_go_when_they_are_too_old_or_too_much() {
        let mut state = State::default();
        for base in [0, 10, 20] {
            state.segments.start(base, 0);
            state.segments.extend(100, base + 10, base * 100);
        }
        (state.next_offset, state.high_watermark) = (30, 30);
        // Milliseconds and bytes that are kept, the time; where the partition shall start.
        let rows = [
            (-1, -1, 9_999, None),
            (500, -1, 400, None),
            (500, -1, 501, Some(10)),
            (500, -1, 1_501, Some(20)),
            (500, -1, 9_999, Some(30)),
            (-1, 250, 0, None),
            (-1, 200, 0, Some(10)),
            (-1, 0, 0, Some(20)),
        ];
        for (ms, bytes, now, expected) in rows {
            let given = [("retention.ms", ms), ("retention.bytes", bytes)];
            let given = given.map(|(name, value)| (name.to_owned(), i64::to_string(&value)));
            let settings = Settings::with(Durability::Sync, BTreeMap::from(given)).unwrap();
            assert_eq!(due(&state, &settings, now), expected, "{ms} ms, {bytes} bytes at {now}");
        }
        state.high_watermark = 15;
        let settings =
            Settings::with(Durability::Sync, BTreeMap::from([("retention.ms".to_owned(), "0".to_owned())]));
        assert_eq!(due(&state, &settings.unwrap(), 9_999), Some(10), "what is not durable stays");
    }
}
