//! Which records a share group does not get yet: those whose topic delays them, or that ask for it themselves.

use crate::groups::Sharing;
use crate::partition::batch::Batch;
use crate::protocol::batch::Record;
use crate::records;

/// The header with which a record asks for a delay, in milliseconds, where the topic's setting `share.delivery.delay.max.ms` allows it.
const DELAY: &[u8] = b"bole.delivery.delay.ms";

/// First and last offset of ranges that are not due, rising, with when they are, in milliseconds since the Unix epoch. Batches that cannot
/// be unpacked are due: whoever reads them finds out.
pub(super) fn of(batches: &[Batch], sharing: &Sharing, now_ms: u64) -> Vec<(i64, i64, u64)> {
    let mut delayed = Vec::new();
    if !sharing.delays() {
        return delayed;
    }
    for batch in batches {
        let fields = batch.fields();
        let newest = due(fields.max_timestamp(), sharing.delay_ms.max(sharing.header_delay_ms_max));
        if fields.is_control() || newest <= now_ms {
            continue;
        }
        let Ok((_, records)) = records::of(batch) else { continue };
        for record in records.map_while(Result::ok) {
            let due_ms = due(record.timestamp, delay(&record, sharing));
            if due_ms > now_ms {
                add(&mut delayed, record.offset, due_ms);
            }
        }
    }
    delayed
}

fn due(timestamp: i64, delay_ms: u64) -> u64 {
    // Without a time or a delay there is nothing to wait for.
    match u64::try_from(timestamp) {
        Ok(timestamp) if delay_ms > 0 => timestamp.saturating_add(delay_ms),
        _ => 0,
    }
}

/// What the record's header says, if it may and is a number; else what the topic says.
fn delay(record: &Record, sharing: &Sharing) -> u64 {
    if sharing.header_delay_ms_max == 0 {
        return sharing.delay_ms;
    }
    let asked = record.headers().find(|header| header.key == DELAY).and_then(|header| header.value);
    let asked = asked.and_then(|value| std::str::from_utf8(&value).ok()?.parse::<u64>().ok());
    asked.map_or(sharing.delay_ms, |asked| asked.min(sharing.header_delay_ms_max))
}

fn add(delayed: &mut Vec<(i64, i64, u64)>, offset: i64, due_ms: u64) {
    match delayed.last_mut() {
        Some((_, last, same)) if *last + 1 == offset && *same == due_ms => *last = offset,
        _ => delayed.push((offset, offset, due_ms)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::batch::HEAD_BYTES;
    use crate::protocol::batch::{Builder, Compression};

    fn batch(base_offset: i64, records: &[(i64, Option<&str>)]) -> Batch {
        let mut builder = Builder::new().compression(Compression::Lz4);
        for (timestamp, asked) in records {
            let headers: Vec<_> = asked.iter().map(|asked| (DELAY, Some(asked.as_bytes()))).collect();
            builder.push(*timestamp, None, Some(b"v"), &headers);
        }
        Batch { base_offset, leader_epoch: 0, body: builder.build().slice(HEAD_BYTES..) }
    }

    #[test]
    fn records_are_due_by_topic_or_header() {
        let records = [
            (1_000, None),
            (1_000, Some("500")),
            (1_000, Some("90000")),
            (1_000, Some("0")),
            (1_000, Some("soon")),
            (2_000, None),
            (2_000, None),
            (-1, None),
        ];
        let batches = [batch(10, &records)];
        // Delay and limit of headers, now; what is delayed.
        for (delay_ms, header_delay_ms_max, now_ms, expected) in [
            (0, 0, 0, vec![]),
            (100, 0, 1_099, vec![(10, 14, 1_100), (15, 16, 2_100)]),
            (100, 0, 1_100, vec![(15, 16, 2_100)]),
            (100, 0, 2_100, vec![]),
            (0, 1_000, 1_200, vec![(11, 11, 1_500), (12, 12, 2_000)]),
            (
                100,
                1_000,
                1_050,
                vec![(10, 10, 1_100), (11, 11, 1_500), (12, 12, 2_000), (14, 14, 1_100), (15, 16, 2_100)],
            ),
        ] {
            let sharing = Sharing { delay_ms, header_delay_ms_max, ..Sharing::default() };
            assert_eq!(of(&batches, &sharing, now_ms), expected, "{sharing:?} at {now_ms}");
        }
    }
}
