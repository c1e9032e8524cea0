//! Batches of Kafka's own Java classes (`fixtures`), of our builder, and damaged ones.

use bytes::{Bytes, BytesMut};

use super::*;
use crate::protocol::sample::Random;

const LIMITS: Limits = Limits { batch_bytes_max: 1 << 20 };
const RECORDS_BYTES_MAX: usize = 1 << 20;

/// What `fixtures` hold: each compression with the same three records, and control batches.
fn fixture(name: &str) -> Bytes {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/protocol/batch/fixtures/");
    std::fs::read(format!("{path}{name}.bin")).expect("a fixture").into()
}

fn opened(batch: &Bytes) -> Result<Vec<Record>, BatchError> {
    let header = BatchHeader::parse(batch)?;
    records(batch, &header, RECORDS_BYTES_MAX)?.collect()
}

/// The records of the fixtures, built here.
fn built(compression: Compression) -> Bytes {
    let mut builder = Builder::new().compression(compression).producer(7, 3, 40).transactional();
    builder.push(
        1_700_000_000_000,
        Some(b"key-0"),
        Some(b"value-0"),
        &[(b"a", Some(b"1")), (b"a", None), (b"b", Some(b""))],
    );
    builder.push(1_700_000_000_005, None, Some(&[b'x'; 5000]), &[]);
    builder.push(1_699_999_999_990, Some(b"tomb"), None, &[]);
    builder.build()
}

#[test]
fn batches_of_the_java_client_are_read() {
    for compression in Compression::ALL {
        let batch = fixture(compression.name());
        let header = validate(&batch, LIMITS).expect("valid");
        assert_eq!(header.attributes.compression(), Ok(compression));
        assert!(header.attributes.is_transactional() && !header.attributes.is_control());
        assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (7, 3, 40));
        assert_eq!((header.base_offset, header.next_offset(), header.last_sequence()), (1000, 1003, 42));
        assert_eq!(header.partition_leader_epoch, 5);
        let records = opened(&batch).expect("records");
        let shown: Vec<_> = records
            .iter()
            .map(|record| {
                (
                    record.offset,
                    record.timestamp,
                    record.key.as_deref(),
                    record.value.as_ref().map(Bytes::len),
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                (1000, 1_700_000_000_000, Some(&b"key-0"[..]), Some(7)),
                (1001, 1_700_000_000_005, None, Some(5000)),
                (1002, 1_699_999_999_990, Some(&b"tomb"[..]), None),
            ]
        );
        let headers: Vec<_> = records[0].headers().map(|header| (header.key, header.value)).collect();
        let text = Bytes::from_static;
        assert_eq!(
            headers,
            [(text(b"a"), Some(text(b"1"))), (text(b"a"), None), (text(b"b"), Some(text(b"")))]
        );
        let summary = summary(&batch, &header, RECORDS_BYTES_MAX).expect("whole");
        assert_eq!((summary.max_timestamp, summary.max_timestamp_delta), (1_700_000_000_005, 1));
        assert!(!summary.all_have_keys);
    }
}

#[test]
fn our_batches_are_those_of_the_java_client() {
    for compression in Compression::ALL {
        let (ours, theirs) = (built(compression), fixture(compression.name()));
        let placed = [&head(&ours, 1000, 5)[..], &ours[HEAD_BYTES..]].concat();
        validate(&placed, LIMITS).expect("placing keeps the checksum right");
        if compression == Compression::None {
            assert_eq!(placed, theirs);
        }
        assert_eq!(opened(&placed.into()), opened(&theirs), "{compression}");
    }
    for (name, marker) in [("commit", Marker::Commit), ("abort", Marker::Abort)] {
        let ours = marker.batch(7, 3, 6, 1_700_000_000_000);
        let theirs = fixture(name);
        assert_eq!([&head(&ours, 9, 2)[..], &ours[HEAD_BYTES..]].concat(), theirs, "{name}");
        let header = BatchHeader::parse(&theirs).expect("a header");
        assert!(header.attributes.is_control() && header.attributes.is_transactional());
        assert_eq!(validate(&theirs, LIMITS), Err(BatchError::Control));
        assert_eq!(Marker::of(&opened(&theirs).expect("records")[0]), Some(marker));
    }
}

#[test]
fn the_time_of_the_broker_replaces_that_of_the_records() {
    let theirs = fixture("log-append-time");
    assert!(BatchHeader::parse(&theirs).expect("a header").attributes.is_log_append_time());
    let mut builder = Builder::new();
    builder.push(11, Some(b"k"), Some(b"v"), &[]);
    let batch = builder.build();
    let (header, rest) = stamped(&batch, 99);
    assert_eq!(rest.as_ptr(), batch[HEADER_BYTES..].as_ptr(), "no copy");
    let batch: Bytes = [header, rest].concat().into();
    let header = validate(&batch, LIMITS).expect("valid");
    assert_eq!((header.max_timestamp, header.base_timestamp), (99, 11));
    assert_eq!(opened(&batch).expect("records")[0].timestamp, 99);
}

/// A good batch with some bytes replaced, and its checksum made right again.
fn changed(at: usize, bytes: &[u8]) -> Bytes {
    let mut batch = BytesMut::from(&built(Compression::None)[..]);
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    let crc = crc32c::crc32c(&batch[CRC_FROM..]);
    batch[CRC_AT..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
    batch.freeze()
}

#[test]
fn what_is_wrong_with_a_batch_is_named() {
    let good = built(Compression::None);
    let size = good.len();
    let counts = |records_count, last_offset_delta| BatchError::Counts { records_count, last_offset_delta };
    let producer = |id, epoch, sequence| BatchError::Producer { id, epoch, sequence };
    let rows = [
        (changed(16, &[0]), BatchError::Magic(0)),
        (changed(16, &[1]), BatchError::Magic(1)),
        (changed(8, &[0; 4]), BatchError::Length { length: 0, min: 49 }),
        (changed(8, &[0xFF; 4]), BatchError::Length { length: -1, min: 49 }),
        (good.slice(..60), BatchError::Truncated { needed: 61, left: 60 }),
        (good.slice(..100), BatchError::Truncated { needed: size, left: 100 }),
        (
            changed(8, &0x7FFF_FFFF_i32.to_be_bytes()),
            BatchError::TooLarge { size: 0x8000_000B, limit: 1 << 20 },
        ),
        (changed(21, &0x0080_i16.to_be_bytes()), BatchError::Attributes(0x80)),
        (changed(21, &0x0015_i16.to_be_bytes()), BatchError::Attributes(0x15)),
        (changed(21, &0x0030_i16.to_be_bytes()), BatchError::Control),
        (changed(57, &2_i32.to_be_bytes()), counts(2, 2)),
        (changed(57, &(-1_i32).to_be_bytes()), counts(-1, 2)),
        (changed(23, &(-1_i32).to_be_bytes()), counts(3, -1)),
        (changed(53, &(-1_i32).to_be_bytes()), producer(7, 3, -1)),
        (changed(43, &(-1_i64).to_be_bytes()), producer(-1, 3, 40)),
    ];
    for (batch, expected) in rows {
        assert_eq!(validate(&batch, LIMITS), Err(expected), "{expected}");
    }
    let mut flipped = good.to_vec();
    flipped[size - 1] ^= 1;
    let error = validate(&flipped, LIMITS).expect_err("damaged");
    assert!(matches!(error, BatchError::Checksum { .. }), "{error}");
    assert_eq!(error.error_code(), ErrorCode::CorruptMessage);
}

#[test]
fn records_that_do_not_fit_their_header_are_named() {
    let look = |batch: &Bytes| {
        let header = validate(batch, LIMITS).expect("a good header");
        summary(batch, &header, RECORDS_BYTES_MAX).expect_err("bad records").to_string()
    };
    let mut fewer = changed(57, &2_i32.to_be_bytes()).to_vec();
    fewer[23..27].copy_from_slice(&1_i32.to_be_bytes());
    let crc = crc32c::crc32c(&fewer[CRC_FROM..]);
    fewer[CRC_AT..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
    assert_eq!(look(&fewer.into()), "record 2: data follows the last record");
    // The first record: its length, attributes, timestamp delta, offset delta, the length of the key; the count of headers is 18
    // bytes from its start.
    let first = HEADER_BYTES;
    assert_eq!(look(&changed(first, &[0x01])), "record 0: its length is negative");
    assert_eq!(look(&changed(first + 3, &[0x04])), "record 0: its offset does not follow the one before");
    assert_eq!(look(&changed(first + 4, &[0x7E])), "record 0: a length goes beyond its end");
    assert_eq!(
        look(&changed(first + 18, &[0x04])),
        "record 0: its length and its fields do not fit together"
    );
}

#[test]
fn a_field_is_cut_into_its_batches() {
    let batch = built(Compression::None);
    let two: Bytes = [&batch[..], &batch[..]].concat().into();
    let sizes = |field: Bytes| split(field).map(|cut| cut.map(|(_, batch)| batch.len())).collect::<Vec<_>>();
    let size = batch.len();
    assert_eq!(sizes(two.clone()), [Ok(size), Ok(size)]);
    assert_eq!(
        sizes(two.slice(..size + 70)),
        [Ok(size), Err(BatchError::Truncated { needed: size, left: 70 })]
    );
    assert_eq!(sizes(Bytes::new()), []);
}

#[test]
fn little_data_does_not_become_much() {
    let zeros = vec![0; 8 << 20];
    for compression in &Compression::ALL[1..] {
        let bomb = compression.compress(&zeros);
        assert!(bomb.len() < 1 << 20, "{compression} makes {}", bomb.len());
        let limit = RECORDS_BYTES_MAX;
        assert_eq!(compression.decompress(&bomb, limit), Err(BatchError::Inflated { limit }));
        assert_eq!(compression.decompress(&bomb, zeros.len()).expect("allowed").len(), zeros.len());
        assert_eq!(compression.decompress(b"nonsense", limit), Err(BatchError::Compressed(*compression)));
    }
    // Snappy without a frame: 1 MiB is claimed in seven bytes.
    let claim = [0x80, 0x80, 0x40, 0, 0, 0, 0];
    let damaged = Err(BatchError::Compressed(Compression::Snappy));
    assert_eq!(Compression::Snappy.decompress(&claim, 1 << 30), damaged);
    let block = snap::raw::Encoder::new().compress_vec(b"without a frame").expect("a block");
    assert_eq!(Compression::Snappy.decompress(&block, 100).as_deref(), Ok(&b"without a frame"[..]));
}

#[test]
fn damage_never_panics() {
    let mut random = Random(3);
    for compression in Compression::ALL {
        let batch = fixture(compression.name());
        for length in 0..batch.len() {
            check_bytes(&batch[..length]).map_or_else(drop, |count| assert_eq!(count, 0, "cut to {length}"));
        }
        for _ in 0..2_000 {
            let mut damaged = batch.to_vec();
            for _ in 0..=random.below(2) {
                let at = random.below(damaged.len());
                damaged[at] = random.below(256) as u8;
            }
            let _any = check_bytes(&damaged);
        }
    }
}

/// The second implementation reads what is built here.
#[test]
fn a_second_implementation_agrees() {
    use kafka_protocol::records::RecordBatchDecoder;
    let decoded = RecordBatchDecoder::decode(&mut built(Compression::None)).expect("a batch");
    let shown: Vec<_> =
        decoded.records.iter().map(|record| (record.offset, record.sequence, &record.key)).collect();
    let key = |text| Some(Bytes::from_static(text));
    assert_eq!(shown, [(0, 40, &key(b"key-0")), (1, 41, &None), (2, 42, &key(b"tomb"))]);
}
