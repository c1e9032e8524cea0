//! Checksums against published values, and combined ones against those of the whole.

use proptest::prelude::*;

use super::*;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn published_values() {
    // The catalogue of CRCs and the hashes' standards give these for "123456789" and "abc".
    for (algorithm, input, expected) in [
        (Algorithm::Crc32, "123456789", "cbf43926"),
        (Algorithm::Crc32c, "123456789", "e3069283"),
        (Algorithm::Crc64Nvme, "123456789", "ae8b14860a799888"),
        (Algorithm::Sha1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (Algorithm::Sha256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (Algorithm::Crc32, "", "00000000"),
        (Algorithm::Crc64Nvme, "", "0000000000000000"),
    ] {
        let value = checksum(algorithm, input.as_bytes());
        assert_eq!(value.bytes(), hex(expected), "{algorithm:?} {input}");
        assert_eq!(Value::parse(algorithm, &value.base64()), Ok(value));
    }
    let mut md5 = EtagHasher::default();
    md5.update(b"abc");
    let md5 = md5.finish();
    assert_eq!(etag(&md5), "900150983cd24fb0d6963f7d28e17f72");
    assert_eq!(parse_content_md5("kAFQmDzST7DWlj99KOF/cg=="), Ok(md5));
    assert_eq!(check_content_md5(&md5, &[0; 16]).unwrap_err().code, Code::BadDigest);
    for text in ["", "kAFQmDzST7DWlj99KOF/cg", "kAFQmDzST7DWlj99KOF_cg==", "AAAA"] {
        assert_eq!(parse_content_md5(text).unwrap_err().code, Code::InvalidDigest, "{text}");
    }
    // Two parts "a" and "b": md5(md5("a") + md5("b")).
    let parts = [b"a", b"b"].map(|part| {
        let mut hasher = EtagHasher::default();
        hasher.update(part);
        hasher.finish()
    });
    let joined: Vec<u8> = parts.concat();
    let mut hasher = EtagHasher::default();
    hasher.update(&joined);
    assert_eq!(multipart_etag(&parts), format!("{}-2", etag(&hasher.finish())));
}

#[test]
fn types_go_with_algorithms() {
    use Type::{Composite, FullObject};
    for (algorithm, asked, expected) in [
        (Algorithm::Crc32, None, Some(Composite)),
        (Algorithm::Crc32, Some(FullObject), Some(FullObject)),
        (Algorithm::Crc32c, Some(Composite), Some(Composite)),
        (Algorithm::Crc64Nvme, None, Some(FullObject)),
        (Algorithm::Crc64Nvme, Some(Composite), None),
        (Algorithm::Sha1, None, Some(Composite)),
        (Algorithm::Sha1, Some(FullObject), None),
        (Algorithm::Sha256, Some(Composite), Some(Composite)),
        (Algorithm::Sha256, Some(FullObject), None),
    ] {
        let found = algorithm.multipart_type(asked);
        assert_eq!(found.as_ref().ok(), expected.as_ref(), "{algorithm:?} {asked:?}");
        assert!(found.is_ok() || found.is_err_and(|error| error.code == Code::InvalidRequest));
    }
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::parse(&algorithm.name().to_lowercase()), Ok(algorithm));
        assert_eq!(Algorithm::of_header(&algorithm.header().to_uppercase()), Some(algorithm));
        assert_eq!(checksum(algorithm, b"x").bytes().len(), algorithm.width());
    }
    assert_eq!(Algorithm::of_header("x-amz-checksum-type"), None);
    assert_eq!(Algorithm::parse("MD4").unwrap_err().code, Code::InvalidRequest);
    assert_eq!(Type::parse("COMPOSITE"), Ok(Composite));
    assert_eq!(Type::parse("composite").unwrap_err().code, Code::InvalidRequest);
}

#[test]
fn values_are_read_and_compared() {
    for (algorithm, text) in [
        (Algorithm::Crc32, ""),
        (Algorithm::Crc32, "AAAA"),
        (Algorithm::Crc32, "AAAAAA"),
        (Algorithm::Crc32, "AAAAAAA=="),
        (Algorithm::Crc32, "é"),
        (Algorithm::Sha256, "AAAAAA=="),
        (Algorithm::Sha256, &"A".repeat(1_000)),
    ] {
        let error = Value::parse(algorithm, text).unwrap_err();
        assert!(error.code == Code::InvalidRequest && error.message.contains(algorithm.header()), "{text}");
    }
    let (a, b) = (checksum(Algorithm::Crc32, b"a"), checksum(Algorithm::Crc32, b"b"));
    assert_eq!(a.check(&a), Ok(()));
    assert_eq!(a.check(&b).unwrap_err().code, Code::BadDigest);
    let parts = [a.clone(), b];
    let whole = composite(Algorithm::Crc32, &parts).unwrap();
    let (value, count) = parse_composite(Algorithm::Crc32, &whole).unwrap();
    assert_eq!(
        (value, count),
        (checksum(Algorithm::Crc32, &[parts[0].bytes(), parts[1].bytes()].concat()), Some(2))
    );
    assert_eq!(parse_composite(Algorithm::Crc32, &a.base64()), Ok((a.clone(), None)));
    for text in ["AAAAAA==-", "AAAAAA==-0", "AAAAAA==-10001", "AAAA-1", "-1", "-"] {
        assert_eq!(parse_composite(Algorithm::Crc32, text).unwrap_err().code, Code::InvalidRequest, "{text}");
    }
    assert_eq!(composite(Algorithm::Sha1, &parts), None);
    assert_eq!(combine(Algorithm::Sha1, &[(checksum(Algorithm::Sha1, b"a"), 1)]), None);
    assert_eq!(combine(Algorithm::Crc32, &[]), None);
    assert_eq!(combine(Algorithm::Crc32c, &[(a, 1)]), None);
}

proptest! {
    #[test]
    fn parts_combine_to_the_whole(parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..6)) {
        let whole = parts.concat();
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
            let values: Vec<_> =
                parts.iter().map(|part| (checksum(algorithm, part), part.len() as u64)).collect();
            prop_assert_eq!(combine(algorithm, &values), Some(checksum(algorithm, &whole)));
        }
        for algorithm in Algorithm::ALL {
            let mut hasher = Hasher::new(algorithm);
            parts.iter().for_each(|part| hasher.update(part));
            prop_assert_eq!(hasher.finish(), checksum(algorithm, &whole));
        }
    }

    #[test]
    fn any_text_is_judged(text in "[A-Za-z0-9+/=-]{0,60}|\\PC{0,30}") {
        for algorithm in Algorithm::ALL {
            if let Ok(value) = Value::parse(algorithm, &text) {
                prop_assert_eq!(value.base64(), text.clone());
            }
            let _ = (parse_composite(algorithm, &text), parse_content_md5(&text));
        }
    }
}
