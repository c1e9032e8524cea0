//! What rows look like on disk, and that nothing else is read.

use super::*;
use crate::rules::acl::{Grant, Grantee, Group, Permission};
use crate::rules::lock::{Mode, Retention};
use crate::rules::tags::Tag;

fn chunk(counter: u64) -> Chunk {
    Chunk { epoch: 3, counter, bytes: 70_000 }
}

fn checksum() -> Checksum {
    Checksum::composite(&Value::new(Algorithm::Crc32c, &[1, 2, 3, 4]).unwrap(), 2)
}

fn meta() -> Meta {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Meta { headers: vec![pair("content-type", "a/b")], user: vec![pair("x", "y")] }
}

fn tags() -> Tags {
    Tags(vec![Tag { key: "k".to_owned(), value: "v".to_owned() }])
}

fn lock() -> Lock {
    Lock { retention: Some(Retention { mode: Mode::Compliance, until_ms: 300 }), legal_hold: Some(true) }
}

fn acl() -> Acl {
    let grants = vec![
        Grant { grantee: Grantee::User("u".to_owned()), permission: Permission::FullControl },
        Grant { grantee: Grantee::Group(Group::AllUsers), permission: Permission::ReadAcp },
    ];
    Acl { owner: "o".to_owned(), grants }
}

fn bucket() -> Bucket {
    Bucket {
        id: BucketId(300),
        created_ms: 5,
        owner: "o".to_owned(),
        account: "a".to_owned(),
        region: "r".to_owned(),
        versioning: Versioning::Suspended,
        object_lock: true,
        shard: 1,
    }
}

fn version() -> Version {
    let object = Object {
        bytes: 70_000,
        etag: Etag { md5: [9; 16], parts: 2 },
        checksum: Some(checksum()),
        body: Body::Chunk(chunk(7), 1),
        meta: meta(),
        tags: tags(),
        lock: lock(),
        acl: Some(acl()),
        encryption: Some(Encryption::Customer { key_md5: "m".to_owned() }),
    };
    Version {
        seq: Seq(1),
        is_null: true,
        created_ms: 2,
        owner: "o".to_owned(),
        what: What::Object(Box::new(object)),
    }
}

fn pieces() -> Pieces {
    Pieces {
        pieces: vec![
            Piece { source: Source::Chunk(chunk(8)), from: 1, bytes: 2 },
            Piece { source: Source::Inline(Seq(4)), from: 0, bytes: 3 },
        ],
        parts: vec![PartInfo { number: 10_000, bytes: 5, checksum: Some(checksum()) }],
    }
}

fn upload() -> Upload {
    Upload {
        seq: Seq(6),
        created_ms: 7,
        owner: "o".to_owned(),
        initiator: "i".to_owned(),
        checksum: Some((1, true)),
        meta: meta(),
        tags: tags(),
        lock: Lock::default(),
        acl: None,
        encryption: Some(Encryption::Server),
    }
}

fn part() -> Part {
    Part { seq: Seq(1), created_ms: 2, bytes: 3, md5: [7; 16], checksum: None, body: Body::Inline(Seq(1)) }
}

/// A value is as its version wrote it.
fn check<T: Row + PartialEq + std::fmt::Debug>(value: &T, stored: &[u8]) {
    let written = encode(value);
    assert_eq!(written.escape_ascii().to_string(), stored.escape_ascii().to_string());
    assert_eq!(decode::<T>(stored).as_ref(), Ok(value));
    for cut in 0..stored.len() {
        assert!(decode::<T>(&stored[..cut]).is_err(), "{value:?} is read from {cut} bytes");
    }
    let more = [stored, b"\0"].concat();
    assert!(decode::<T>(&more).unwrap_err().contains("1 bytes too many"));
    let mut later = stored.to_vec();
    later[0] = T::VERSION + 1;
    let expected = format!("has version {}; this version of Bole reads {}", later[0], T::VERSION);
    assert!(decode::<T>(&later).unwrap_err().contains(&expected));
}

/// Each stays as it is, whatever is added.
#[test]
fn versions_are_read_and_written() {
    check(&bucket(), b"\x01\xac\x02\x05\x01o\x01a\x01r\x02\x01\x01");
    check(
        &version(),
        b"\x01\x01\x01\x02\x01o\x01\xf0\xa2\x04\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\x02\x01\x01\x04\x01\x02\x03\x04\x02\x02\x03\x07\xf0\xa2\x04\x01\x01\x0ccontent-type\x03a/b\x01\x01x\x01y\x01\x01k\x01v\x01\x01\xac\x02\x01\x01\x01o\x02\x00\x01u\x00\x01\x00\x03\x01\x01\x01m",
    );
    let marker = Version { what: What::Marker, is_null: false, ..version() };
    check(&marker, b"\x01\x01\x00\x02\x01o\x00");
    check(&Seq(300), b"\x01\xac\x02");
    check(
        &pieces(),
        b"\x01\x02\x00\x03\x08\xf0\xa2\x04\x01\x02\x01\x04\x00\x03\x01\x90N\x05\x01\x01\x04\x01\x02\x03\x04\x02",
    );
    check(
        &upload(),
        b"\x01\x06\x07\x01o\x01i\x01\x01\x01\x01\x0ccontent-type\x03a/b\x01\x01x\x01y\x01\x01k\x01v\x00\x00\x00\x01\x00",
    );
    check(
        &part(),
        b"\x01\x01\x02\x03\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x00\x01\x01",
    );
    check(&Garbage { bytes: 300 }, b"\x01\xac\x02");
    check(&Counter(1), b"\x01\x01");
    check(&Damage { found_ms: 300, what: "w".to_owned() }, b"\x01\xac\x02\x01w");
    let scrub = Scrub {
        begun_ms: 1,
        ended_ms: Some(2),
        chunk: Some((3, 4)),
        chunk_bytes: 5,
        chunks: 6,
        bytes: 7,
        bytes_total: 8,
        damaged: 9,
    };
    check(&scrub, b"\x01\x01\x01\x02\x01\x03\x04\x05\x06\x07\x08\x09");
    let place = Place { walk: 2, after: Some(b"row".to_vec()), left: true };
    check(
        &Round { midnight_ms: 300, rules: 1 << 31, place: Some(place) },
        b"\x01\xac\x02\x80\x80\x80\x80\x08\x01\x02\x01\x03row\x01",
    );
    // Bodies of which no row above has one.
    check(&Part { body: Body::Empty, ..part() }, &[&encode(&part())[..21], &b"\0"[..]].concat());
    check(
        &Part { body: Body::Pieces(Seq(1)), ..part() },
        &[&encode(&part())[..21], &b"\x03\x01"[..]].concat(),
    );
}

#[test]
fn rows_of_chunks_are_read_and_written() {
    check(&Kept { count: 2, bytes: 300, cipher: None, home: HomeNumber::LOCAL }, b"\x03\x02\xac\x02\x00\x00");
    let cipher = Cipher::Server { key: [1; 8], nonce: [2; 12], sealed: [3; 32], tag: [4; 16] };
    let stored = [&[0][..], &[1; 8], &[2; 12], &[3; 32], &[4; 16]].concat();
    check(
        &Kept { count: 2, bytes: 300, cipher: Some(cipher), home: HomeNumber::CLUSTER },
        &[&b"\x03\x02\xac\x02\x01"[..], &stored, b"\x01"].concat(),
    );
    for (stored, version) in [(&b"\x01\x02\xac\x02"[..], "version 1"), (b"\x02\x02\xac\x02\x00", "version 2")]
    {
        assert!(decode::<Kept>(stored).is_err_and(|error| error.contains(version)));
    }
    let stored = [&[1, 1][..], &[5; 32], &[3], b"abc"].concat();
    check(&SealedInline { cipher: Cipher::Customer { salt: [5; 32] }, sealed: b"abc".to_vec() }, &stored);
}

#[test]
fn metadata_has_bounds() {
    let pairs = |bytes: usize| vec![("n".to_owned(), "v".repeat(bytes - 1))];
    for (headers, user, fits) in [
        (META_BYTES_MAX, USER_META_BYTES_MAX, true),
        (META_BYTES_MAX + 1, 1, false),
        (1, USER_META_BYTES_MAX + 1, false),
    ] {
        let meta = Meta { headers: pairs(headers), user: pairs(user) };
        assert_eq!(meta.check().is_ok(), fits, "{headers} {user}");
    }
}

#[test]
fn checksums_are_said_as_headers_say_them() {
    assert_eq!(checksum().text().as_deref(), Some("AQIDBA==-2"));
    assert_eq!(Etag { md5: [0; 16], parts: 3 }.text(), "00000000000000000000000000000000-3");
    for algorithm in Algorithm::ALL {
        let value = checksums::checksum(algorithm, b"body");
        assert_eq!(Checksum::whole(&value).value(), Some(value));
    }
    assert_eq!(Checksum { algorithm: 5, bytes: vec![0; 4], parts: 0 }.value(), None);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        let bytes = [&[1][..], &bytes].concat();
        let _ = (decode::<Bucket>(&bytes), decode::<Version>(&bytes), decode::<Pieces>(&bytes));
        let _ = (decode::<Upload>(&bytes), decode::<Part>(&bytes));
    }
}
