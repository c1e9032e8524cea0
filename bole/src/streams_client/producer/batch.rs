//! A batch of a producer on its way: filled, sealed with a number, perhaps sealed again, perhaps halved.

use bole_streams::protocol::batch::{BatchHeader, Builder, Compression, records};
use bytes::Bytes;

use super::{Outgoing, outgoing};
use crate::streams_client::{Error, RECORDS_BYTES_MAX};

/// What a record takes besides key, value and headers, at most: lengths, offset and time as varints.
const RECORD_OVERHEAD_BYTES: usize = 40;

/// An idempotent producer's id and epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

/// Records of one partition.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) partition: i32,
    builder: Builder,
    compression: Compression,
    sealed: Bytes,
}

impl Batch {
    pub(super) fn new(partition: i32, compression: Compression) -> Self {
        let builder = Builder::new().compression(compression);
        Self { partition, builder, compression, sealed: Bytes::new() }
    }

    pub(super) fn push(&mut self, record: &Outgoing, headers: &[(Bytes, Bytes)]) {
        let headers: Vec<(&[u8], Option<&[u8]>)> =
            headers.iter().map(|(key, value)| (&key[..], Some(&value[..]))).collect();
        self.builder.push(record.timestamp, record.key.as_deref(), record.value.as_deref(), &headers);
    }

    pub(super) fn count(&self) -> i32 {
        self.builder.count()
    }

    pub(super) fn bytes(&self) -> usize {
        self.builder.records_bytes()
    }

    /// Makes the bytes, with this number for the first record.
    pub(super) fn seal(&mut self, identity: Option<Identity>, sequence: i32) {
        if let Some(Identity { id, epoch }) = identity {
            self.builder = std::mem::take(&mut self.builder).producer(id, epoch, sequence);
        }
        self.sealed = self.builder.build();
    }

    /// The bytes; empty before the batch is sealed.
    pub(super) fn sealed(&self) -> &Bytes {
        &self.sealed
    }

    /// Its records in two batches, neither of them sealed. `place` is for the error.
    pub(super) fn halves(&self, place: &str) -> Result<[Self; 2], Error> {
        let failed = |source| Error::Records { place: place.to_owned(), source };
        let mut halves =
            [Self::new(self.partition, self.compression), Self::new(self.partition, self.compression)];
        let header = BatchHeader::parse(&self.sealed).map_err(failed)?;
        let all = records(&self.sealed, &header, RECORDS_BYTES_MAX).map_err(failed)?;
        for (index, record) in all.enumerate() {
            let record = record.map_err(failed)?;
            let headers: Vec<(Bytes, Bytes)> =
                record.headers().map(|header| (header.key, header.value.unwrap_or_default())).collect();
            let half = usize::from(index as i32 >= self.count() / 2);
            halves[half].push(&outgoing(&record), &headers);
        }
        Ok(halves)
    }
}

/// Bytes of key and value.
pub(super) fn payload_bytes(record: &Outgoing) -> u64 {
    let length = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len) as u64;
    length(&record.key) + length(&record.value)
}

/// Bytes that a record takes in a batch, at most.
pub(super) fn record_bytes(record: &Outgoing, headers: &[(Bytes, Bytes)]) -> usize {
    let headers: usize = headers.iter().map(|(key, value)| key.len() + value.len() + 10).sum();
    RECORD_OVERHEAD_BYTES + payload_bytes(record) as usize + headers
}

/// The number of the record after `count` records from `first`. After the greatest number they go on at 0.
pub(super) const fn sequence_after(first: i32, count: i32) -> i32 {
    ((first as i64 + count as i64) & i32::MAX as i64) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_have_the_records_of_the_whole() {
        let record = |text: &'static str| Outgoing {
            timestamp: 5,
            key: Some(Bytes::from_static(b"k")),
            value: Some(Bytes::from_static(text.as_bytes())),
        };
        let headers = [(Bytes::from_static(b"h"), Bytes::from_static(b"v"))];
        let mut whole = Batch::new(3, Compression::Gzip);
        for text in ["a", "b", "c"] {
            whole.push(&record(text), &headers);
        }
        whole.seal(Some(Identity { id: 9, epoch: 1 }), 40);
        let mut halves = whole.halves("").unwrap();
        assert_eq!(halves.each_ref().map(Batch::count), [1, 2]);
        halves[1].seal(None, 0);
        let header = BatchHeader::parse(halves[1].sealed()).unwrap();
        assert_eq!((header.producer_id, header.base_timestamp), (-1, 5));
        let values: Vec<_> = records(halves[1].sealed(), &header, 1000)
            .unwrap()
            .map(|record| record.unwrap())
            .map(|record| (record.value.clone().unwrap(), record.headers().count()))
            .collect();
        assert_eq!(values, [(Bytes::from_static(b"b"), 1), (Bytes::from_static(b"c"), 1)]);
    }

    #[test]
    fn numbers_begin_again_after_the_greatest() {
        assert_eq!(sequence_after(7, 3), 10);
        assert_eq!(sequence_after(i32::MAX, 1), 0);
        assert_eq!(sequence_after(i32::MAX - 1, 3), 1);
    }
}
