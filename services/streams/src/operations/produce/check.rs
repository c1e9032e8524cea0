//! Whether a producer's batch is as the format and the topic's settings ask; it is encoded anew where a setting says so.

use bytes::{Bytes, BytesMut};

use crate::Error;
use crate::limits::UNPACKED_BYTES_MAX;
use crate::partition::batch::HEAD_BYTES;
use crate::protocol::ErrorCode;
use crate::protocol::batch::{self, BatchHeader, Compression};
use crate::settings::Settings;
use crate::topics::Topic;

/// The version of Produce from which batches may be compressed with zstd (KIP-110).
const ZSTD_VERSION_MIN: i16 = 7;

/// Checks a producer's batch against the format and the topic's settings. The body to store, its header, and the broker's time if it was set.
pub(crate) fn batch(
    topic: &Topic,
    records: &Bytes,
    version: i16,
    now: i64,
) -> Result<(Bytes, BatchHeader, i64), Error> {
    let settings = topic.settings();
    let limits = batch::Limits { batch_bytes_max: settings.message_bytes_max };
    let header = batch::validate(records, limits)
        .map_err(|error| Error::refused(error.error_code(), format!("topic \"{}\": {error}", topic.name)))?;
    let compression = header
        .attributes
        .compression()
        .map_err(|error| Error::refused(error.error_code(), error.to_string()))?;
    if compression == Compression::Zstd && version < ZSTD_VERSION_MIN {
        let text = format!("{} needs a later version of Produce than {version}", compression.name());
        return Err(Error::refused(ErrorCode::UnsupportedCompressionType, text));
    }
    if settings.cleanup.compact {
        let summary = batch::summary(records, &header, UNPACKED_BYTES_MAX);
        let summary = summary.map_err(|error| Error::refused(error.error_code(), error.to_string()))?;
        if !summary.all_have_keys {
            let text = format!("topic \"{}\" is compacted: every record needs a key", topic.name);
            return Err(Error::refused(ErrorCode::InvalidRecord, text));
        }
    }
    let converted;
    let mut records = records;
    if let Some(wanted) = settings.compression.filter(|wanted| *wanted != compression) {
        converted = crate::records::recompress(records, compression, wanted)?;
        records = &converted;
    }
    if settings.log_append_time {
        let (head, records) = batch::stamped(records, now);
        let mut body = BytesMut::with_capacity(head.len() + records.len() - HEAD_BYTES);
        body.extend_from_slice(&head[HEAD_BYTES..]);
        body.extend_from_slice(&records);
        return Ok((body.freeze(), header, now));
    }
    check_times(&settings, &header, now)?;
    Ok((records.slice(HEAD_BYTES..), header, -1))
}

/// Whether the times that a producer gave are near enough to now.
fn check_times(settings: &Settings, header: &BatchHeader, now: i64) -> Result<(), Error> {
    let (oldest, newest) = (header.base_timestamp, header.max_timestamp);
    let early = oldest >= 0 && now.saturating_sub(oldest) > settings.timestamp_before_ms_max;
    let late = newest.saturating_sub(now) > settings.timestamp_after_ms_max;
    if early || late {
        let text = format!("a record has the time {}; now is {now}", if early { oldest } else { newest });
        return Err(Error::refused(ErrorCode::InvalidTimestamp, text));
    }
    Ok(())
}
