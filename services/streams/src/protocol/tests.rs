//! The bounds of decoding, the pieces of encoding, and what frames look like.

use bytes::Bytes;

use super::decoder::{BUDGET_MIN_BYTES, Decoder, Problem};
use super::encoder::{EncodeError, Encoder};
use super::header::{RequestHeader, ResponseHeader, request_frame, response_frame};
use super::message::Message;
use super::messages::{api_versions, fetch, heartbeat, list_offsets, metadata, offset_fetch, produce};
use super::records::Records;
use super::sample::Random;
use super::{Text, api, batch};

fn hex(text: &str) -> Bytes {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal"))
        .collect()
}

/// Bytes of known messages, spelled out.
#[test]
fn known_frames() {
    let mut decoder =
        Decoder::new(hex("0012 0003 00000007 0001 61 00 09 6c6962726464 6b61 07 322e31302e30 00"));
    let header = RequestHeader::decode(&mut decoder).expect("a header");
    assert_eq!((header.key, header.version, header.correlation_id), (18, 3, 7));
    assert_eq!(header.client_id, Some(Text::from("a")));
    let body = api_versions::Request::decode(&mut decoder, 3).expect("a body");
    assert_eq!(body.client_software_name, "librddka");
    assert_eq!(body.client_software_version, "2.10.0");
    decoder.finish().expect("no more");
}

#[test]
fn an_api_versions_response_has_a_plain_header_and_an_unknown_version_a_version_0_body() {
    let answer = api::versions(|key| key == 3);
    let frame = response_frame(&answer, 3, 9).expect("a frame").into_bytes();
    assert_eq!(frame, hex("00000013 00000009 0000 02 0003 0000 000d 00 00000000 00"));
    let refusal = response_frame(&api::unsupported_versions(), 0, 9).expect("a frame").into_bytes();
    assert_eq!(refusal, hex("00000010 00000009 0023 00000001 0012 0000 0004"));
    let mut decoder = Decoder::new(frame.slice(4..));
    let header = ResponseHeader::decode::<api_versions::Response>(&mut decoder, 3).expect("a header");
    assert_eq!(header.correlation_id, 9);
    assert_eq!(api_versions::Response::decode(&mut decoder, 3), Ok(answer));
}

#[test]
fn other_flexible_responses_have_a_tagged_section_in_the_header() {
    let frame = response_frame(&heartbeat::Response::default(), 4, 1).expect("a frame").into_bytes();
    assert_eq!(frame, hex("0000000c 00000001 00 00000000 0000 00"));
    let frame = response_frame(&heartbeat::Response::default(), 3, 1).expect("a frame").into_bytes();
    assert_eq!(frame, hex("0000000a 00000001 00000000 0000"));
}

/// Claims that cost nothing: the problem, the place, and no allocation beyond what the frame pays for.
#[test]
fn claims_are_held_against_the_bytes_that_are_there() {
    type Read = fn(&mut Decoder) -> Option<super::DecodeError>;
    let metadata: Read = |decoder| metadata::Request::decode(decoder, 1).err();
    let flexible: Read = |decoder| metadata::Request::decode(decoder, 9).err();
    let produce: Read = |decoder| produce::Request::decode(decoder, 3).err();
    let rows: &[(Read, &str, &str)] = &[
        (
            metadata,
            "7fffffff 0000",
            "Metadata Request.topics, byte 4: 2147483647 elements are claimed and 2 bytes are left",
        ),
        (metadata, "80000000", "Metadata Request.topics, byte 4: length -2147483648 is negative"),
        (
            metadata,
            "00000001 7fff 61",
            "Metadata MetadataRequestTopic.name, byte 6: 32767 bytes are needed and 1 are left",
        ),
        (
            metadata,
            "00000001 ffff",
            "Metadata MetadataRequestTopic.name, byte 6: null is not a value of this field in this version",
        ),
        (metadata, "00000001 fffe", "Metadata MetadataRequestTopic.name, byte 6: length -2 is negative"),
        (
            metadata,
            "00000001 0002 c328",
            "Metadata MetadataRequestTopic.name, byte 8: the string is not UTF-8 from its byte 0 on",
        ),
        (
            flexible,
            "ffffffff0f",
            "Metadata Request.topics, byte 5: 4294967294 elements are claimed and 0 bytes are left",
        ),
        (
            flexible,
            "ffffffff1f",
            "Metadata Request.topics, byte 5: the variable-length integer has more than 32 bits",
        ),
        (
            flexible,
            "01 00 00 00 01 05 7f",
            "Metadata Request tags, byte 7: 127 bytes are needed and 0 are left",
        ),
        (
            produce,
            "ffff 0001 00000001 00000001 0001 61 00000001 00000000 7fffffff",
            "Produce PartitionProduceData.records, byte 27: 2147483647 bytes are needed and 0 are left",
        ),
    ];
    for (read, bytes, expected) in rows {
        let error = read(&mut Decoder::new(hex(bytes))).map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some(*expected), "{bytes}");
    }
}

#[test]
fn small_elements_do_not_become_large_memory() {
    let count = 400_000u32;
    let mut frame = count.to_be_bytes().to_vec();
    // Two bytes on the wire for each topic: an empty name, which is many times that in memory.
    frame.extend(std::iter::repeat_n(0, count as usize * 2));
    let error = metadata::Request::decode(&mut Decoder::new(frame.into()), 0).expect_err("too much");
    assert!(
        matches!(error.problem, Problem::OverBudget { needed, left }
        if needed > left && left > BUDGET_MIN_BYTES),
        "{error}"
    );
}

#[test]
fn a_tagged_field_fills_its_size() {
    // Fetch v12, up to its tagged section: the cluster id "a" is tag 0.
    let body = "ffffffff 00000000 00000000 00000000 00 00000000 00000000 01 01 01 | 01 00";
    let read = |tail: &str| fetch::Request::decode(&mut Decoder::new(hex(&format!("{body} {tail}"))), 12);
    assert_eq!(read("02 0261").expect("whole").cluster_id, Some(Text::from("a")));
    let problem = |tail: &str| read(tail).expect_err("not whole").problem;
    assert_eq!(problem("04 0261 0000"), Problem::TagSize { tag: 0, claimed: 4, used: 2 });
    assert_eq!(problem("01 0261"), Problem::Truncated { needed: 1, left: 0 });
}

#[test]
fn unknown_tagged_fields_are_passed_over() {
    let mut decoder = Decoder::new(hex("0261 00000001 0262 00 | 02 05 03 aabbcc 07 00"));
    let body = heartbeat::Request::decode(&mut decoder, 4).expect("a body");
    assert_eq!((&*body.group_id, &*body.member_id, body.generation_id), ("a", "b", 1));
    decoder.finish().expect("the tags are read");
}

#[test]
fn what_a_version_lacks_is_dropped_or_refused_as_its_rule_says() {
    let request = list_offsets::Request { isolation_level: 1, ..Default::default() };
    let place = "ListOffsets Request.isolation_level";
    let encode = |version| request.encode(&mut Encoder::new(), version);
    assert_eq!(encode(1), Err(EncodeError::NoSuchField { place, version: 1 }));
    assert_eq!(encode(2), Ok(()));
    assert_eq!(
        encode(12),
        Err(EncodeError::UnknownVersion { name: "ListOffsets", version: 12, min: 1, max: 11 })
    );
    let response = metadata::Response { cluster_id: Some("c".into()), ..Default::default() };
    assert_eq!(response.encode(&mut Encoder::new(), 0), Ok(()), "ignorable");
    let request = offset_fetch::Request { topics: None, ..Default::default() };
    let place = "OffsetFetch Request.topics";
    assert_eq!(
        request.encode(&mut Encoder::new(), 1),
        Err(EncodeError::UnexpectedNull { place, version: 1 })
    );
    let long = heartbeat::Request { group_id: "x".repeat(40_000).into(), ..Default::default() };
    let place = "Heartbeat Request.group_id";
    let limit = i16::MAX as usize;
    assert_eq!(
        long.encode(&mut Encoder::new(), 0),
        Err(EncodeError::TooLong { place, length: 40_000, limit })
    );
    assert_eq!(long.encode(&mut Encoder::new(), 4), Ok(()), "compact lengths have no such limit");
}

#[test]
fn records_are_passed_on_without_a_copy() {
    let stored = Bytes::from(vec![7; 10_000]);
    let mut records = Records::new();
    records.push(stored.slice(..16));
    records.push(stored.slice(16..));
    let partition = |records| fetch::PartitionData { records, ..Default::default() };
    let response = fetch::Response {
        responses: vec![fetch::FetchableTopicResponse {
            partitions: vec![partition(records.clone()), partition(records)],
            ..Default::default()
        }],
        ..Default::default()
    };
    for version in [11, 12, 18] {
        let frame = response_frame(&response, version, 3).expect("a frame");
        let shared: Vec<_> = frame.chunks().iter().filter(|chunk| chunk.len() > 5_000).collect();
        assert_eq!(shared.len(), 2, "each once");
        assert!(shared.iter().all(|chunk| chunk.as_ptr() == stored[16..].as_ptr()), "no copy");
        assert_eq!(frame.chunks().iter().map(Bytes::len).sum::<usize>(), frame.len());
        let bytes = frame.clone().into_bytes();
        assert_eq!(bytes[..4], (frame.len() as i32 - 4).to_be_bytes());
        let mut decoder = Decoder::new(bytes.slice(4..));
        ResponseHeader::decode::<fetch::Response>(&mut decoder, version).expect("a header");
        assert_eq!(fetch::Response::decode(&mut decoder, version).as_ref(), Ok(&response));
    }
}

#[test]
fn requests_come_back_with_their_header() {
    let body = heartbeat::Request { group_id: "g".into(), ..Default::default() };
    for (version, client_id) in [(0, None), (4, Some(Text::from("c")))] {
        let frame = request_frame(&body, version, 77, client_id.as_ref()).expect("a frame").into_bytes();
        let mut decoder = Decoder::new(frame.slice(4..));
        let header = RequestHeader::decode(&mut decoder).expect("a header");
        assert_eq!(header, RequestHeader { key: 12, version, correlation_id: 77, client_id });
        assert_eq!(heartbeat::Request::decode(&mut decoder, version).as_ref(), Ok(&body));
    }
    let error =
        RequestHeader::decode(&mut Decoder::new(hex("03e7 0000 00000000 ffff"))).expect_err("key 999");
    assert_eq!(error.problem, Problem::UnknownKey(999));
    // ApiVersions in a version of the future: the header is read all the same, so that it can be answered.
    let header =
        RequestHeader::decode(&mut Decoder::new(hex("0012 0063 00000001 ffff 00 ffff"))).expect("a header");
    assert!(!header.api().expect("known").implemented.contains(header.version));
}

#[test]
fn shared_payloads_in_tagged_fields_keep_their_place() {
    let large = Bytes::from(vec![1; 2_000]);
    let mut encoder = Encoder::prefixed();
    encoder.put_shared(&large);
    encoder
        .put_tagged(3, |encoder| {
            encoder.put_i8(9);
            encoder.put_shared(&large);
            Ok(())
        })
        .expect("a tag");
    encoder.put_i8(4);
    let bytes = encoder.finish().expect("a frame").into_bytes();
    let mut expected = 4_005u32.to_be_bytes().to_vec();
    expected.extend(&large);
    expected.extend([3, 0xD1, 0x0F, 9]);
    expected.extend(&large);
    expected.push(4);
    assert_eq!(bytes.len(), expected.len());
    assert_eq!(bytes[2_004..2_008], expected[2_004..2_008]);
    assert_eq!(bytes.slice(4..), expected[4..]);
}

/// The seeds of a fuzz target, and many changes of each: no panic, in the same functions as the target runs.
fn survives(target: &str, check: impl Fn(&[u8])) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("the corpus").map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    let seeds: Vec<_> = paths.iter().map(|path| std::fs::read(path).expect("a seed")).collect();
    assert!(seeds.len() > 8, "the corpus is there");
    let mut random = Random(0x5EED);
    for seed in &seeds {
        check(seed);
        for _ in 0..500 {
            let mut bytes = seed.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len());
                match random.below(5) {
                    0 => bytes.truncate(at),
                    1 => bytes.extend_from_slice(&seeds[random.below(seeds.len())]),
                    _ if bytes.is_empty() => {}
                    2 => bytes[at] ^= 1 << random.below(8),
                    3 => bytes[at] = [0, 1, 0x7F, 0x80, 0xFF][random.below(5)],
                    _ => drop(bytes.remove(at)),
                }
            }
            check(&bytes);
        }
    }
}

#[test]
fn any_bytes_are_survived() {
    survives("request", |bytes| {
        let _any = api::check_bytes(bytes);
    });
    survives("batch", |bytes| {
        let _any = batch::check_bytes(bytes);
    });
}

#[test]
fn every_seed_of_the_corpus_is_a_good_one() {
    let folder = |target| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    for (target, good) in [
        ("request", (|bytes| api::check_bytes(bytes).is_ok()) as fn(&[u8]) -> bool),
        ("batch", |bytes| batch::check_bytes(bytes).is_ok()),
    ] {
        for entry in std::fs::read_dir(folder(target)).expect("the corpus") {
            let path = entry.expect("a file").path();
            assert!(good(&std::fs::read(&path).expect("a seed")), "{}", path.display());
        }
    }
}
