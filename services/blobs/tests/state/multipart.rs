//! Multipart uploads: S3's checks, what completion makes, what is given up.

use bole_blobs::Code;
use bole_blobs::limits::PART_BYTES_MIN;
use bole_blobs::objects::buckets;
use bole_blobs::objects::copies::{self, CopyPart, From};
use bole_blobs::objects::multipart::{self, Begin, Complete, Listed, PutPart};
use bole_blobs::objects::put::Attributes;
use bole_blobs::rows::{Checksum, Etag, UploadId};
use bole_blobs::rules::checksums::{self, Algorithm, Type};
use bole_blobs::rules::conditions::Conditions;
use bole_blobs::state::{Plan, Result};

use crate::world::{Node, OWNER, body, code, md5};

const MIB5: usize = 5 << 20;

fn begin(node: &Node, checksum: Option<(Algorithm, Type)>) -> UploadId {
    let attributes = Attributes { owner: OWNER.to_owned(), ..Attributes::default() };
    let asked = Begin { bucket: "bucket", key: "k", initiator: OWNER, attributes, checksum };
    node.change(|plan| multipart::begin(plan, &asked)).unwrap().id()
}

fn put_as(
    node: &Node,
    upload: UploadId,
    number: u16,
    bytes: &[u8],
    algorithm: Option<Algorithm>,
) -> Result<Listed> {
    let value = algorithm.map(|algorithm| checksums::checksum(algorithm, bytes));
    let asked = PutPart {
        bucket: "bucket",
        key: "k",
        upload,
        number,
        body: node.body(bytes),
        md5: md5(bytes),
        checksum: value.as_ref().map(Checksum::whole),
    };
    let part = node.change(|plan| multipart::put_part(plan, &asked))?;
    Ok(Listed { number, etag: format!("\"{}\"", Etag::of(part.md5).text()), checksum: value })
}

fn put(node: &Node, upload: UploadId, number: u16, bytes: &[u8]) -> Listed {
    put_as(node, upload, number, bytes, None).unwrap()
}

fn complete_with(upload: UploadId, parts: &[Listed]) -> Complete<'_> {
    Complete {
        bucket: "bucket",
        key: "k",
        upload,
        parts,
        checksum: None,
        bytes: None,
        conditions: Conditions::default(),
        part_bytes_min: PART_BYTES_MIN,
    }
}

fn complete(node: &Node, upload: UploadId, parts: &[Listed]) -> Result<String> {
    let asked = complete_with(upload, parts);
    let made = node.change(|plan| multipart::complete(plan, &asked))?;
    Ok(made.version.object().unwrap().etag.text())
}

#[test]
fn an_upload_becomes_an_object_on_its_parts() {
    let node = Node::new();
    node.bucket("bucket");
    let upload = begin(&node, None);
    let last = put(&node, upload, 10_000, b"the end");
    let _replaced = put(&node, upload, 2, &body(1, 1_000));
    let first = put(&node, upload, 2, &body(2, MIB5));
    let _left_out = put(&node, upload, 3, &body(3, 1_000));
    assert_eq!(code(node.change(|plan| buckets::delete(plan, "bucket"))), Code::BucketNotEmpty);
    assert_eq!(code(node.get("bucket", "k", None)), Code::NoSuchKey, "nothing is there before completion");
    let (parts, more) = node
        .read(|plan| {
            let upload = multipart::upload(plan, "bucket", "k", upload)?;
            multipart::list_parts(plan, &upload, 2, 1)
        })
        .unwrap();
    assert_eq!((parts[0].0, parts[0].1.bytes, more), (3, 1_000, true));
    let etag = complete(&node, upload, &[first, last]).unwrap();
    let whole = [&body(2, MIB5)[..], b"the end"].concat();
    assert_eq!(etag, checksums::multipart_etag(&[md5(&body(2, MIB5)), md5(b"the end")]));
    let node = node.restart();
    assert_eq!(node.get("bucket", "k", None).unwrap(), whole);
    let open = node.run(node.blobs.open("bucket", "k", None)).unwrap();
    let sizes: Vec<_> = open.parts.iter().map(|part| (part.number, part.bytes)).collect();
    assert_eq!(sizes, [(2, MIB5 as u64), (10_000, 7)]);
    assert_eq!(node.bytes(&open, MIB5 as u64 - 2..MIB5 as u64 + 3), whole[MIB5 - 2..MIB5 + 3]);
    drop(open);
    assert_eq!((node.reclaim(), node.chunk_ids().len()), (2, 1), "the replaced part and the one left out");
    assert_eq!(code(complete(&node, upload, &[])), Code::NoSuchUpload);
    node.put("bucket", "k", b"other");
    assert_eq!((node.reclaim(), node.chunk_ids().len()), (1, 0));
}

#[test]
fn what_does_not_fit_is_refused_and_the_upload_stays() {
    let node = Node::new();
    node.bucket("bucket");
    let upload = begin(&node, None);
    let [one, two] = [1, 2].map(|number| put(&node, upload, number, &body(number as u8, 1_000)));
    let other = |etag: &str| Listed { etag: etag.to_owned(), ..one.clone() };
    let of = |number| Listed { number, ..one.clone() };
    let rows: [(&[Listed], Code); 7] = [
        (&[], Code::MalformedXML),
        (&[two.clone(), one.clone()], Code::InvalidPartOrder),
        (&[one.clone(), one.clone()], Code::InvalidPartOrder),
        (&[one.clone(), of(3)], Code::InvalidPart),
        (&[of(2)], Code::InvalidPart),
        (&[other("\"00\"")], Code::InvalidPart),
        (&[one.clone(), two.clone()], Code::EntityTooSmall),
    ];
    for (parts, expected) in rows {
        assert_eq!(code(complete(&node, upload, parts)), expected, "{parts:?}");
    }
    let sized = Complete { bytes: Some(5), ..complete_with(upload, std::slice::from_ref(&two)) };
    assert_eq!(code(node.change(|plan| multipart::complete(plan, &sized))), Code::InvalidRequest);
    let held = Conditions { if_match: Some("x"), ..Conditions::default() };
    let held = Complete { conditions: held, ..complete_with(upload, std::slice::from_ref(&two)) };
    assert_eq!(code(node.change(|plan| multipart::complete(plan, &held))), Code::NoSuchKey);
    for number in [0, 10_001] {
        assert_eq!(code(put_as(&node, upload, number, b"x", None)), Code::InvalidArgument);
    }
    assert_eq!(code(put_as(&node, UploadId(bole_blobs::rows::Seq(5)), 1, b"x", None)), Code::NoSuchUpload);
    complete(&node, upload, &[Listed { etag: two.etag.trim_matches('"').to_owned(), ..two }]).unwrap();
    assert_eq!(node.get("bucket", "k", None).unwrap(), body(2, 1_000));
}

#[test]
fn aborted_uploads_leave_nothing() {
    let node = Node::new();
    node.bucket("bucket");
    let upload = begin(&node, None);
    for number in [1, 5, 9] {
        put(&node, upload, number, &body(1, 1_000));
    }
    let abort = |node: &Node| node.change(|plan| multipart::abort(plan, "bucket", "k", upload));
    abort(&node).unwrap();
    assert_eq!(code(abort(&node)), Code::NoSuchUpload);
    assert_eq!((node.reclaim(), node.chunk_ids().len()), (3, 0));
    node.change(|plan| buckets::delete(plan, "bucket")).unwrap();
}

#[test]
fn checksums_are_of_the_whole_or_of_the_parts() {
    let node = Node::new();
    node.bucket("bucket");
    let (a, b) = (body(1, MIB5), body(2, 500));
    let whole = [&a[..], &b].concat();
    for (algorithm, kind) in [
        (Algorithm::Crc32, Type::Composite),
        (Algorithm::Crc32c, Type::FullObject),
        (Algorithm::Crc64Nvme, Type::FullObject),
        (Algorithm::Sha256, Type::Composite),
    ] {
        let upload = begin(&node, Some((algorithm, kind)));
        let parts = [(1, &a), (2, &b)]
            .map(|(number, bytes)| put_as(&node, upload, number, bytes, Some(algorithm)).unwrap());
        let expected = match kind {
            Type::FullObject => checksums::checksum(algorithm, &whole).base64(),
            Type::Composite => {
                let values: Vec<_> = parts.iter().filter_map(|part| part.checksum.clone()).collect();
                checksums::composite(algorithm, &values).unwrap()
            }
        };
        let (said, count) = checksums::parse_composite(algorithm, &expected).unwrap();
        let wrong = checksums::checksum(algorithm, b"other");
        let mut asked = Complete { checksum: Some((wrong, None)), ..complete_with(upload, &parts) };
        assert_eq!(code(node.change(|plan| multipart::complete(plan, &asked))), Code::BadDigest);
        asked.checksum = Some((said, count));
        let made = node.change(|plan| multipart::complete(plan, &asked)).unwrap();
        assert_eq!(made.version.object().unwrap().checksum.as_ref().unwrap().text().unwrap(), expected);
    }
    let upload = begin(&node, Some((Algorithm::Sha1, Type::Composite)));
    assert_eq!(code(put_as(&node, upload, 1, b"x", Some(Algorithm::Crc32))), Code::InvalidRequest);
    let without = put(&node, upload, 1, b"x");
    assert_eq!(code(complete(&node, upload, &[without])), Code::InvalidRequest);
}

#[test]
fn parts_are_copied_by_reference() {
    let node = Node::new();
    node.bucket("bucket");
    let source = body(9, MIB5 + 1_000);
    let made = node.put("bucket", "source", &source);
    let upload = begin(&node, None);
    let copy = |range: std::ops::Range<usize>, number, read| {
        let bytes = source.get(range.clone()).unwrap_or_default();
        let asked = CopyPart {
            body: None,
            from: From {
                bucket: "bucket",
                key: "source",
                version: None,
                conditions: Conditions::default(),
                read,
            },
            range: Some(range.start as u64..range.end as u64),
            bucket: "bucket",
            key: "k",
            upload,
            number,
            md5: md5(bytes),
            checksum: None,
        };
        let part = node.change(|plan| copies::copy_part(plan, &asked))?;
        Ok(Listed { number, etag: Etag::of(part.md5).text(), checksum: None })
    };
    let first = copy(1_000..MIB5 + 1_000, 1, Some(made.version.seq)).unwrap();
    let second = copy(0..10, 2, None).unwrap();
    assert_eq!(code(copy(0..source.len() + 1, 3, None)), Code::InvalidRange);
    assert_eq!(node.chunk_ids().len(), 1, "no byte is moved");
    complete(&node, upload, &[first, second]).unwrap();
    node.put("bucket", "source", b"other");
    assert_eq!(node.reclaim(), 0, "the new object is on the old chunk");
    assert_eq!(node.get("bucket", "k", None).unwrap(), [&source[1_000..], &source[..10]].concat());
    node.put("bucket", "k", b"other");
    assert_eq!((node.reclaim(), node.chunk_ids().len()), (1, 0));
}

/// Copies of ranges of small objects would otherwise make bodies that are opened into memory.
#[test]
fn small_pieces_are_few() {
    let node = Node::new();
    node.bucket("bucket");
    node.put("bucket", "small", b"0123456789");
    let part_of = |upload, number| CopyPart {
        body: None,
        from: From {
            bucket: "bucket",
            key: "small",
            version: None,
            conditions: Conditions::default(),
            read: None,
        },
        range: Some(2..5),
        bucket: "bucket",
        key: "k",
        upload,
        number,
        md5: md5(b"234"),
        checksum: None,
    };
    let run = |count: u16| {
        let upload = begin(&node, None);
        let copied = (1..=count).map(|number| {
            let part = node.change(|plan| copies::copy_part(plan, &part_of(upload, number))).unwrap();
            Listed { number, etag: Etag::of(part.md5).text(), checksum: None }
        });
        let listed: Vec<_> = copied.collect();
        let asked = Complete { part_bytes_min: 0, ..complete_with(upload, &listed) };
        node.change(|plan| multipart::complete(plan, &asked)).map(drop)
    };
    run(16).unwrap();
    assert_eq!(node.get("bucket", "k", None).unwrap(), b"234".repeat(16));
    assert_eq!(code(run(17)), Code::EntityTooLarge);
}

/// The largest upload, with the longest checksums: its completion, a copy of it and its abort are each one entry.
#[test]
fn ten_thousand_parts_fit_into_one_entry() {
    let node = Node::new();
    node.bucket("bucket");
    let bytes = body(1, 200);
    let sum = checksums::checksum(Algorithm::Sha256, &bytes);
    let [completed, aborted] = [1, 2].map(|_| {
        let upload = begin(&node, Some((Algorithm::Sha256, Type::Composite)));
        for first in (1..=10_000).step_by(500) {
            let parts: Vec<_> = (first..first + 500)
                .map(|number| PutPart {
                    bucket: "bucket",
                    key: "k",
                    upload,
                    number,
                    body: node.body(&bytes),
                    md5: md5(&bytes),
                    checksum: Some(Checksum::whole(&sum)),
                })
                .collect();
            let put = |plan: &mut Plan<'_>| {
                parts.iter().try_for_each(|part| multipart::put_part(plan, part).map(drop))
            };
            node.change(put).unwrap();
        }
        upload
    });
    let etag = Etag::of(md5(&bytes)).text();
    let listed: Vec<_> = (1..=10_000)
        .map(|number| Listed { number, etag: etag.clone(), checksum: Some(sum.clone()) })
        .collect();
    let asked = Complete { part_bytes_min: 0, ..complete_with(completed, &listed) };
    node.change(|plan| multipart::complete(plan, &asked)).unwrap();
    node.change(|plan| multipart::abort(plan, "bucket", "k", aborted)).unwrap();
    let copy = copies::Copy {
        from: From {
            bucket: "bucket",
            key: "k",
            version: None,
            conditions: Conditions::default(),
            read: None,
        },
        bucket: "bucket",
        key: "copy",
        conditions: Conditions::default(),
        attributes: Attributes::default(),
        replace_meta: true,
        replace_tags: true,
        digests: None,
        body: None,
    };
    node.change(|plan| copies::copy(plan, &copy)).unwrap();
    node.put("bucket", "k", b"other");
    let node = node.restart();
    assert_eq!((node.reclaim(), node.chunk_ids().len()), (10_000, 10_000), "what was aborted goes");
    let open = node.run(node.blobs.open("bucket", "copy", None)).unwrap();
    assert_eq!((open.parts.len(), node.blobs.holds().count()), (10_000, 10_000));
    assert!(node.bytes(&open, 0..u64::MAX) == bytes.repeat(10_000));
}
