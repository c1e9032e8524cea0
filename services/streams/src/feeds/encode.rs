//! Changes as records.
//!
//! A record's key is the changed key, or null; its value a JSON object; its header `operation` says what happened. The effects of a
//! transaction that share one entry are one record: `operation` is `transaction`, and `changes` of its value lists them.
//!
//! Records whose offsets follow each other without a hole share a batch. Where the last entries that were read are no changes (a start announces itself by
//! one), a control batch stands for the last of them, as the end of a transaction would: every client skips its record and goes on behind it. A batch
//! without records would do for some clients and not for all.

use bole_shard::changes::{Change, Feed};
use bytes::Bytes;

use crate::partition::batch::{Batch, HEAD_BYTES};
use crate::partition::read::Batches;
use crate::protocol::batch::{Builder, Marker};

/// A batch is closed when it has so many bytes of records,
const BATCH_BYTES: usize = 256 << 10;
/// or so many records: members of share groups get whole batches.
const BATCH_RECORDS: i32 = 500;
/// What a record of several changes says has happened.
const TRANSACTION: &str = "transaction";

/// Milliseconds since the Unix epoch of a hybrid-logical-clock time.
pub const fn timestamp(hlc: u64) -> i64 {
    (hlc >> 16) as i64
}

/// What was read from `from` on, as batches. `headers` are those of all records of the feed.
pub fn batches(feed: &Feed, from: i64, headers: &[(String, String)]) -> Batches {
    let mut out = Batches::default();
    let mut open = Open::at(from);
    for changes in feed.changes.chunk_by(|one, other| one.offset == other.offset) {
        let offset = changes[0].offset.0 as i64;
        if offset != open.next || open.is_full() {
            open.close(&mut out);
            open = Open::at(offset);
        }
        open.push(changes, headers);
    }
    let (next, time) = (open.next, open.time);
    open.close(&mut out);
    let end = feed.next.offset.0 as i64;
    if next < end {
        let marker = Marker::Commit.batch(-1, -1, 0, time);
        add(&mut out, end - 1, &marker);
    }
    out
}

/// A batch that is being made.
struct Open {
    base: i64,
    next: i64,
    time: i64,
    builder: Builder,
}

impl Open {
    fn at(base: i64) -> Self {
        Self { base, next: base, time: 0, builder: Builder::new() }
    }

    fn is_full(&self) -> bool {
        self.builder.count() >= BATCH_RECORDS || self.builder.records_bytes() >= BATCH_BYTES
    }

    /// Adds the record of one entry.
    fn push(&mut self, changes: &[Change], headers: &[(String, String)]) {
        let mut value = Vec::new();
        let (operation, key) = match changes {
            [one] => {
                one.put_json(&mut value);
                (one.operation, one.key.as_deref())
            }
            several => {
                put_transaction(several, &mut value);
                (TRANSACTION, None)
            }
        };
        let mut all: Vec<(&[u8], Option<&[u8]>)> = vec![(b"operation", Some(operation.as_bytes()))];
        all.extend(headers.iter().map(|(name, value)| (name.as_bytes(), Some(value.as_bytes()))));
        self.time = timestamp(changes[0].hlc);
        self.builder.push(self.time, key, Some(&value), &all);
        self.next += 1;
    }

    fn close(self, out: &mut Batches) {
        if self.builder.count() > 0 {
            add(out, self.base, &self.builder.build());
        }
    }
}

fn put_transaction(changes: &[Change], out: &mut Vec<u8>) {
    let word = if changes.iter().any(|change| change.details.is_whole()) { "op" } else { "operation" };
    out.extend_from_slice(format!("{{\"{word}\":\"{TRANSACTION}\",\"changes\":[").as_bytes());
    for (at, change) in changes.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        change.put_json(out);
    }
    out.extend_from_slice(b"]}");
}

fn add(out: &mut Batches, base_offset: i64, batch: &Bytes) {
    let batch = Batch { base_offset, leader_epoch: 0, body: batch.slice(HEAD_BYTES..) };
    out.bytes += batch.bytes();
    out.batches.push(batch);
}

#[cfg(test)]
mod tests {
    use bole_base::Offset;
    use bole_shard::changes::{Cursor, Details};

    use super::*;

    fn change(offset: u64, key: Option<&'static str>) -> Change {
        let (operation, details) = match key {
            Some(_) => ("set", Details::none().number("value", offset)),
            None => ("flush", Details::none()),
        };
        let key = key.map(|key| Bytes::from_static(key.as_bytes()));
        Change { offset: Offset(offset), hlc: (1_000 + offset) << 16 | 7, operation, key, details }
    }

    fn feed(changes: Vec<Change>, next: u64) -> Feed {
        Feed { gap: None, changes, next: Cursor::at(Offset(next)) }
    }

    /// Each record as text: offset, time, key, value, headers; of a control batch its offsets.
    fn shown(batches: &Batches) -> Vec<String> {
        let mut out = Vec::new();
        for batch in &batches.batches {
            if batch.fields().is_control() {
                out.push(format!("control {}..={}", batch.base_offset, batch.last_offset()));
                continue;
            }
            let (_, records) = crate::records::of(batch).expect("it is a batch");
            for record in records {
                let record = record.expect("it is a record");
                let text = |bytes: Option<Bytes>| {
                    bytes.map_or("-".to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
                };
                let headers: Vec<_> = record
                    .headers()
                    .map(|header| {
                        format!("{}={}", String::from_utf8_lossy(&header.key), text(header.value.clone()))
                    })
                    .collect();
                out.push(format!(
                    "{} {} {} {} {}",
                    record.offset,
                    record.timestamp,
                    text(record.key.clone()),
                    text(record.value.clone()),
                    headers.join(",")
                ));
            }
        }
        out
    }

    #[test]
    fn changes_become_records_and_holes_are_passed() {
        let headers = [("database".to_owned(), "3".to_owned())];
        let set = |offset: u64, key: &str| {
            format!(
                "{offset} {} {key} {{\"operation\":\"set\",\"key\":\"{key}\",\"value\":{offset}}} operation=set,database=3",
                1_000 + offset
            )
        };
        let flush = r#"4 1004 - {"operation":"flush"} operation=flush,database=3"#;
        let both = r#"5 1005 - {"operation":"transaction","changes":[{"operation":"set","key":"a","value":5},{"operation":"flush"}]} operation=transaction,database=3"#;
        let rows: Vec<(Feed, i64, Vec<String>, usize)> = vec![
            (feed(vec![], 3), 3, vec![], 0),
            (feed(vec![], 4), 3, vec!["control 3..=3".into()], 1),
            (feed(vec![], 9), 3, vec!["control 8..=8".into()], 1),
            (feed(vec![change(3, Some("a"))], 4), 3, vec![set(3, "a")], 1),
            (
                feed(vec![change(3, Some("a")), change(4, None), change(7, Some("b"))], 8),
                2,
                vec![set(3, "a"), flush.into(), set(7, "b")],
                2,
            ),
            (
                feed(vec![change(5, Some("a")), change(5, None), change(6, Some("b"))], 8),
                5,
                vec![both.into(), set(6, "b"), "control 7..=7".into()],
                2,
            ),
        ];
        for (feed, from, expected, count) in rows {
            let batches = batches(&feed, from, &headers);
            assert_eq!(shown(&batches), expected);
            assert_eq!(batches.batches.len(), count);
            assert_eq!(batches.bytes, batches.batches.iter().map(Batch::bytes).sum::<usize>());
        }
    }

    #[test]
    fn batches_are_bounded() {
        let many = (0..1_200).map(|offset| change(offset, Some("k"))).collect();
        let batches = batches(&feed(many, 1_200), 0, &[]);
        let sizes: Vec<_> =
            batches.batches.iter().map(|batch| (batch.base_offset, batch.fields().count())).collect();
        assert_eq!(sizes, [(0, 500), (500, 500), (1_000, 200)]);
    }
}
