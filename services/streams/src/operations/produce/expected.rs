//! The offset that a batch asks for: records of a topic with `conditional.append` may name their own in a header.
//!
//! Whichever record of a batch has the header counts: who shares a producer with others does not choose which records share a batch, and an expectation
//! must not be lost because another record came first. Records of one batch that cannot all be right are refused together.

use bytes::Bytes;

use super::Refusal;
use crate::Error;
use crate::limits::UNPACKED_BYTES_MAX;
use crate::protocol::ErrorCode;
use crate::protocol::batch::{self, BatchError, BatchHeader};
use crate::settings::EXPECTED_OFFSET;

/// Bytes of a wrong value that a refusal shows.
const SHOWN_BYTES_MAX: usize = 64;

/// What a batch asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    /// The offset of the batch's first record.
    pub(super) base_offset: i64,
    /// The first record that said so.
    pub(super) record: i32,
}

/// What a batch asks for; `None` where no record has the header. A compressed batch is unpacked, within [`UNPACKED_BYTES_MAX`].
///
/// Errors: `InvalidRecord` where a value is no offset, or two records ask for different places; those of unpacking.
pub(super) fn of(records: &Bytes, header: &BatchHeader) -> Result<Option<Expected>, Refusal> {
    let unread = |error: BatchError| Error::refused(error.error_code(), error.to_string());
    let mut expected: Option<Expected> = None;
    for (record, found) in
        (0..header.records_count).zip(batch::records(records, header, UNPACKED_BYTES_MAX).map_err(unread)?)
    {
        let found = found.map_err(unread)?;
        for asked in found.headers().filter(|header| header.key == EXPECTED_OFFSET.as_bytes()) {
            let wrong = |text| Refusal::of_record(record, Error::refused(ErrorCode::InvalidRecord, text));
            let value = asked.value.unwrap_or_default();
            let offset = offset(&value).ok_or_else(|| {
                let shown = String::from_utf8_lossy(&value[..value.len().min(SHOWN_BYTES_MAX)]);
                wrong(format!("header {EXPECTED_OFFSET} is \"{shown}\"; use an offset in decimal digits"))
            })?;
            let base_offset = offset.saturating_sub(found.offset.wrapping_sub(header.base_offset));
            let first = *expected.get_or_insert(Expected { base_offset, record });
            if base_offset < 0 || base_offset != first.base_offset {
                return Err(wrong(format!(
                    "offset {offset} is expected by record {record} of its batch, which cannot get it; records that compete must be sent apart"
                )));
            }
        }
    }
    Ok(expected)
}

/// Decimal digits and nothing else.
fn offset(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    text.and_then(|text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::batch::{Builder, Compression};

    /// What a batch asks for whose records have these headers.
    fn asked(
        rows: &[&[(&str, &str)]],
        compression: Compression,
    ) -> Result<Option<(i64, i32)>, (i32, String)> {
        let mut builder = Builder::new().compression(compression);
        for row in rows {
            let headers: Vec<(&[u8], Option<&[u8]>)> =
                row.iter().map(|(key, value)| (key.as_bytes(), Some(value.as_bytes()))).collect();
            builder.push(1, None, Some(b"v"), &headers);
        }
        let batch = builder.build();
        match of(&batch, &BatchHeader::parse(&batch).unwrap()) {
            Ok(expected) => Ok(expected.map(|expected| (expected.base_offset, expected.record))),
            Err(refusal) => {
                assert_eq!(refusal.error.code(), ErrorCode::InvalidRecord);
                Err((refusal.record.unwrap(), refusal.error.to_string()))
            }
        }
    }

    #[test]
    fn every_record_may_say_where_it_belongs() {
        const NAME: &str = EXPECTED_OFFSET;
        let (none, other): (&[_], &[_]) = (&[], &[("x", "1")]);
        for compression in Compression::ALL {
            let asked = |rows: &[&[_]]| asked(rows, compression);
            assert_eq!(asked(&[none, other]), Ok(None));
            assert_eq!(asked(&[&[("x", "1"), (NAME, "7")], none]), Ok(Some((7, 0))));
            assert_eq!(asked(&[none, none, &[(NAME, "7")]]), Ok(Some((5, 2))));
            assert_eq!(asked(&[&[(NAME, "7")], &[(NAME, "8")], &[(NAME, "9")]]), Ok(Some((7, 0))));
            assert_eq!(asked(&[&[(NAME, "007"), (NAME, "7")]]), Ok(Some((7, 0))));
        }
    }

    #[test]
    fn what_cannot_be_right_is_refused_with_the_record_that_says_it() {
        const NAME: &str = EXPECTED_OFFSET;
        let none: &[_] = &[];
        let asked = |rows: &[&[_]]| asked(rows, Compression::None).unwrap_err();
        for value in ["", "soon", "-1", "+1", " 1", "1.0", "9223372036854775808"] {
            let told = format!("header {NAME} is \"{value}\"; use an offset in decimal digits");
            assert_eq!(asked(&[none, &[(NAME, value)]]), (1, told));
        }
        let long = "9".repeat(1_000);
        assert!(asked(&[&[(NAME, &long)]]).1.len() < 200);
        for (rows, record) in [
            (&[&[(NAME, "7")][..], &[(NAME, "7")]][..], 1),
            (&[&[(NAME, "7"), (NAME, "8")]], 0),
            (&[none, none, &[(NAME, "1")]], 2),
        ] {
            let (refused, told) = asked(rows);
            assert!(refused == record && told.contains("which cannot get it"), "{rows:?}: {told}");
        }
    }
}
