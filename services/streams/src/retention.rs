//! Old records go: by age, by size. What goes is decided by the leader and logged as the partition's new start.

use std::sync::Arc;

use crate::Error;
use crate::partition::Partition;
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
    for (at, segment) in state.segments.iter().enumerate() {
        // Records without a time are as old as the next ones that have one; where none has, their age is unknown.
        let time =
            state.segments.iter().skip(at).map(|segment| segment.max_timestamp).find(|time| *time >= 0);
        let old = settings.retention_ms >= 0
            && time.is_some_and(|time| now.saturating_sub(time) > settings.retention_ms);
        let much = settings.retention_bytes >= 0
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
pub async fn start_at(service: &Service, partition: &Partition, offset: i64) -> Result<(), Error> {
    let mut transaction = service.runtime.transaction();
    transaction.set_time(service.runtime.tick());
    match partition.start_at(&mut transaction, offset).await? {
        Some(position) => partition.reached(&**service.runtime.journal(), position).await,
        None => Ok(()),
    }
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
            (-1, 0, 0, Some(30)),
        ];
        for (ms, bytes, now, expected) in rows {
            let given = [("retention.ms", ms), ("retention.bytes", bytes)];
            let given = given.map(|(name, value)| (name.to_owned(), i64::to_string(&value)));
            let settings = Settings::with(Durability::Sync, BTreeMap::from(given)).unwrap();
            assert_eq!(due(&state, &settings, now), expected, "{ms} ms, {bytes} bytes at {now}");
        }
        let settings = |ms: i64| {
            let given = BTreeMap::from([("retention.ms".to_owned(), ms.to_string())]);
            Settings::with(Durability::Sync, given).unwrap()
        };
        let mut untimed = State::default();
        (untimed.next_offset, untimed.high_watermark) = (20, 20);
        for base in [0, 10] {
            untimed.segments.start(base, -1);
            untimed.segments.extend(100, base + 10, -1);
        }
        assert_eq!(due(&untimed, &settings(0), i64::MAX), None, "nobody knows how old they are");
        untimed.segments.start(20, 500);
        untimed.segments.extend(100, 30, 500);
        (untimed.next_offset, untimed.high_watermark) = (30, 30);
        assert_eq!(due(&untimed, &settings(100), 600), None);
        assert_eq!(due(&untimed, &settings(100), 601), Some(30));
        assert_eq!(due(&untimed, &settings(100), -5), None, "the clock went back");
        state.high_watermark = 15;
        assert_eq!(due(&state, &settings(0), 9_999), Some(10), "what is not durable stays");
    }
}
