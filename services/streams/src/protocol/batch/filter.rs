//! Batches with some of their records left out: what compaction makes of them. Offsets stay as they are, the checksum is made anew.

use bytes::{BufMut, Bytes, BytesMut};

use super::cursor::{Cursor, put_varlong};
use super::{
    Attributes, BatchError, BatchHeader, CRC_AT, CRC_FROM, Compression, HEADER_BYTES, LENGTH_END, Record,
    RecordIter, verify,
};

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It stays.
    Keep,
    /// It stays until the batch's delete horizon, which is set if it is not yet.
    KeepUntilHorizon,
    /// It goes.
    Drop,
}

/// What becomes of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filtered {
    /// It stays as it is.
    Same,
    /// Nothing of it is left.
    Empty,
    /// It has fewer records, or a delete horizon.
    Changed(Bytes),
}

/// Asks `fate` about each record of a whole batch, whose checksum is checked first. `horizon`, in milliseconds, is what a batch gets that needs one (KIP-534).
/// Restored from their compression records may take `records_bytes_max`; they are compressed again as they were.
pub fn filter(
    batch: &Bytes,
    header: &BatchHeader,
    records_bytes_max: usize,
    horizon: i64,
    mut fate: impl FnMut(&Record) -> Fate,
) -> Result<Filtered, BatchError> {
    verify(batch, header)?;
    let stored = batch.slice(HEADER_BYTES..header.size());
    let data: Bytes = match header.attributes.compression()? {
        Compression::None => stored,
        compression => compression.decompress(&stored, records_bytes_max)?.into(),
    };
    let fates = RecordIter::new(data.clone(), header)
        .map(|record| record.map(|record| fate(&record)))
        .collect::<Result<Vec<Fate>, BatchError>>()?;
    let kept = fates.iter().filter(|fate| **fate != Fate::Drop).count();
    let horizon = (!header.attributes.has_delete_horizon() && fates.contains(&Fate::KeepUntilHorizon))
        .then_some(horizon);
    Ok(match kept {
        0 => Filtered::Empty,
        _ if kept == fates.len() && horizon.is_none() => Filtered::Same,
        _ => Filtered::Changed(rebuild(batch, header, &data, &fates, horizon)?),
    })
}

/// The batch with a delete horizon, and all its records.
pub fn with_horizon(
    batch: &Bytes,
    header: &BatchHeader,
    records_bytes_max: usize,
    horizon: i64,
) -> Result<Filtered, BatchError> {
    filter(batch, header, records_bytes_max, horizon, |_| Fate::KeepUntilHorizon)
}

/// The batch without any record: its offsets, its time and its producer's numbers stay.
pub fn emptied(batch: &Bytes, header: &BatchHeader) -> Bytes {
    let attributes = header.attributes.0 & !Attributes::COMPRESSION;
    seal(batch, attributes, header.base_timestamp, header.max_timestamp, 0, &[])
}

fn rebuild(
    batch: &Bytes,
    header: &BatchHeader,
    data: &Bytes,
    fates: &[Fate],
    horizon: Option<i64>,
) -> Result<Bytes, BatchError> {
    let base_timestamp = horizon.unwrap_or(header.base_timestamp);
    let mut records = BytesMut::with_capacity(data.len());
    let (mut position, mut max_timestamp, mut count) = (0, -1, 0);
    for (index, fate) in (0..).zip(fates) {
        let wrong = |problem| BatchError::Record { index, problem };
        let range = Cursor::new(data, position).range().map_err(wrong)?.unwrap_or(position..position);
        position = range.end;
        if *fate == Fate::Drop {
            continue;
        }
        let mut cursor = Cursor::new(&data[..range.end], range.start);
        let attributes = cursor.byte().map_err(wrong)?;
        let time = header.base_timestamp.wrapping_add(cursor.varlong().map_err(wrong)?);
        let rest = &data[cursor.position..range.end];
        // The horizon stands where the base of the records' times stood, so each counts from it now.
        let mut start = BytesMut::with_capacity(12);
        start.put_u8(attributes);
        put_varlong(&mut start, time.wrapping_sub(base_timestamp));
        put_varlong(&mut records, (start.len() + rest.len()) as i64);
        records.put_slice(&start);
        records.put_slice(rest);
        max_timestamp = max_timestamp.max(time);
        count += 1;
    }
    if header.attributes.is_log_append_time() {
        max_timestamp = header.max_timestamp;
    }
    let compressed = header.attributes.compression()?.compress(&records);
    let flag = if horizon.is_some() { Attributes::DELETE_HORIZON } else { 0 };
    Ok(seal(batch, header.attributes.0 | flag, base_timestamp, max_timestamp, count, &compressed))
}

/// A batch with the head and the producer of another.
fn seal(
    batch: &Bytes,
    attributes: i16,
    base_timestamp: i64,
    max_timestamp: i64,
    count: i32,
    records: &[u8],
) -> Bytes {
    let mut sealed = BytesMut::with_capacity(HEADER_BYTES + records.len());
    sealed.put_slice(&batch[..HEADER_BYTES]);
    sealed.put_slice(records);
    sealed[8..12].copy_from_slice(&((HEADER_BYTES - LENGTH_END + records.len()) as i32).to_be_bytes());
    sealed[21..23].copy_from_slice(&attributes.to_be_bytes());
    sealed[27..35].copy_from_slice(&base_timestamp.to_be_bytes());
    sealed[35..43].copy_from_slice(&max_timestamp.to_be_bytes());
    sealed[57..61].copy_from_slice(&count.to_be_bytes());
    let crc = crc32c::crc32c(&sealed[CRC_FROM..]);
    sealed[CRC_AT..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
    sealed.freeze()
}

#[cfg(test)]
mod tests {
    use super::super::{Builder, records};
    use super::*;

    const LIMIT: usize = 1 << 20;

    fn rows(batch: &Bytes) -> Vec<(i64, i64, Bytes, usize)> {
        let header = BatchHeader::parse(batch).unwrap();
        verify(batch, &header).unwrap();
        let read = records(batch, &header, LIMIT).unwrap().map(|record| record.unwrap());
        read.map(|record| {
            let headers = record.headers().count();
            (record.offset, record.timestamp, record.key.unwrap(), headers)
        })
        .collect()
    }

    fn batch(compression: Compression) -> Bytes {
        let mut builder = Builder::new().compression(compression).producer(7, 1, 40);
        for at in 0..5_u8 {
            let value = [at; 200];
            let value = (at != 3).then_some(&value[..]);
            builder.push(1_000 + i64::from(at) * 100, Some(&[at]), value, &[(b"h", Some(b"v"))]);
        }
        builder.build()
    }

    #[test]
    fn offsets_times_and_headers_stay_whatever_is_left_out() {
        for compression in Compression::ALL {
            let whole = batch(compression);
            let header = BatchHeader::parse(&whole).unwrap();
            let all = rows(&whole);
            for kept in 0..32_u32 {
                let mut at = 0;
                let filtered = filter(&whole, &header, LIMIT, 5_000, |record| {
                    let keep = kept & 1 << at != 0;
                    at += 1;
                    match (keep, record.value.is_some()) {
                        (false, _) => Fate::Drop,
                        (true, true) => Fate::Keep,
                        (true, false) => Fate::KeepUntilHorizon,
                    }
                });
                let tombstone = kept & 8 != 0;
                match filtered.unwrap() {
                    Filtered::Empty => assert_eq!(kept, 0),
                    Filtered::Same => assert!(kept == 31 && !tombstone),
                    Filtered::Changed(left) => {
                        let expected: Vec<_> =
                            all.iter().filter(|row| kept & 1 << row.0 != 0).cloned().collect();
                        assert_eq!(rows(&left), expected, "{compression} {kept:05b}");
                        let changed = BatchHeader::parse(&left).unwrap();
                        assert_eq!(changed.last_offset_delta, 4);
                        assert_eq!(changed.max_timestamp, expected.last().unwrap().1);
                        assert_eq!((changed.producer_id, changed.base_sequence), (7, 40));
                        assert_eq!(changed.attributes.compression().unwrap(), compression);
                        assert_eq!(changed.attributes.has_delete_horizon(), tombstone);
                        assert_eq!(changed.base_timestamp, if tombstone { 5_000 } else { 1_000 });
                    }
                }
            }
        }
    }

    #[test]
    fn a_horizon_is_set_once_and_an_emptied_batch_keeps_its_place() {
        let whole = batch(Compression::Lz4);
        let header = BatchHeader::parse(&whole).unwrap();
        let Filtered::Changed(first) = with_horizon(&whole, &header, LIMIT, 9_000).unwrap() else { panic!() };
        assert_eq!(rows(&first), rows(&whole));
        let header = BatchHeader::parse(&first).unwrap();
        assert_eq!(with_horizon(&first, &header, LIMIT, 10_000).unwrap(), Filtered::Same);
        let empty = emptied(&first, &header);
        assert_eq!(rows(&empty), []);
        let left = BatchHeader::parse(&empty).unwrap();
        assert_eq!((left.last_offset_delta, left.last_sequence(), left.records_count), (4, 44, 0));
        let mut damaged = first.to_vec();
        *damaged.last_mut().unwrap() ^= 1;
        let damaged = Bytes::from(damaged);
        assert!(matches!(with_horizon(&damaged, &header, LIMIT, 1), Err(BatchError::Checksum { .. })));
    }
}
