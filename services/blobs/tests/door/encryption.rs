//! Encryption at rest, as clients see it, and what is in chunks and rows then.

use std::net::SocketAddr;

use base64ct::{Base64, Encoding as _};
use bole_blobs::chunks::Home as _;
use bole_blobs::rules::checksums::{Algorithm, EtagHasher, checksum};

use crate::client::{Answer, Ask, ask};
use crate::node::Node;
use crate::requests::{done, outcome, with_node};

const OWN: [&str; 3] = [
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-server-side-encryption-customer-key",
    "x-amz-server-side-encryption-customer-key-md5",
];
const SOURCE: [&str; 3] = [
    "x-amz-copy-source-server-side-encryption-customer-algorithm",
    "x-amz-copy-source-server-side-encryption-customer-key",
    "x-amz-copy-source-server-side-encryption-customer-key-md5",
];
const SERVER: &str = "x-amz-server-side-encryption";

fn md5(bytes: &[u8]) -> [u8; 16] {
    let mut hasher = EtagHasher::default();
    hasher.update(bytes);
    hasher.finish()
}

/// With the headers of a client's key of these bytes.
fn with_key<'a>(ask: Ask<'a>, names: [&'static str; 3], byte: u8) -> Ask<'a> {
    let key = [byte; 32];
    ask.header(names[0], "AES256")
        .header(names[1], Base64::encode_string(&key))
        .header(names[2], Base64::encode_string(&md5(&key)))
}

fn body(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at * 7 + at / 251) as u8).collect()
}

fn etag_of(bytes: &[u8]) -> String {
    format!("\"{:032x}\"", u128::from_be_bytes(md5(bytes)))
}

/// Whether a run of the body is anywhere in the chunks as it was sent.
fn is_in_chunks(node: &Node, body: &[u8]) -> bool {
    let needle = &body[..64];
    (0..=u8::MAX).flat_map(|place| node.chunks.list(place).unwrap()).any(|id| {
        let mut bytes = Vec::new();
        node.chunks.read(id, 0, 1 << 22, &mut bytes).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

const SIZES: [usize; 7] = [0, 1, 65_519, 65_536, 65_537, 131_040, 700_000];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_encrypts_comes_back_to_everybody_who_may_read() {
    with_node(|address, node| {
        done(ask("PUT", "/plain").send(address));
        done(ask("PUT", "/bucket").send(address));
        let rule = "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>";
        done(ask("PUT", "/bucket?encryption").body(rule).send(address));
        let shown = done(ask("GET", "/bucket?encryption").send(address));
        assert_eq!(shown.element("SSEAlgorithm").as_deref(), Some("AES256"));
        for (path, header) in [("/bucket", None), ("/plain", Some("AES256"))] {
            for bytes in SIZES {
                let path = format!("{path}/{bytes}");
                let content = body(bytes);
                let sum = checksum(Algorithm::Sha256, &content).base64();
                let mut put = ask("PUT", &path).header("x-amz-checksum-sha256", sum.clone()).body(content.clone());
                if let Some(value) = header {
                    put = put.header(SERVER, value);
                }
                let put = done(put.send(address));
                assert_eq!(put.header(SERVER), Some("AES256"), "{path}");
                assert_eq!(put.header("etag"), Some(etag_of(&content).as_str()), "{path}");
                let got = done(ask("GET", &path).header("x-amz-checksum-mode", "ENABLED").send(address));
                assert!(got.body == content, "{path}");
                assert_eq!(got.header(SERVER), Some("AES256"));
                assert_eq!(got.header("x-amz-checksum-sha256"), Some(sum.as_str()));
                let head = ask("HEAD", &path).send(address);
                let length = bytes.to_string();
                assert_eq!((head.header(SERVER), head.header("content-length")), (Some("AES256"), Some(&*length)));
            }
        }
        assert!(!is_in_chunks(node, &body(700_000)));
        ranges(address, "/bucket/700000", &body(700_000), |ask| ask);
        let keyed = with_key(ask("GET", "/bucket/1"), OWN, 1);
        assert_eq!(outcome(address, &keyed), (400, "InvalidRequest".to_owned()));
        let asked = ask("GET", "/bucket/1").header(SERVER, "AES256");
        assert_eq!(outcome(address, &asked), (400, "InvalidArgument".to_owned()));
        done(ask("DELETE", "/bucket?encryption").send(address));
        let put = done(ask("PUT", "/bucket/later").body("later").send(address));
        assert_eq!(put.header(SERVER), None);
        assert!(done(ask("GET", "/bucket/700000").send(address)).body == body(700_000), "what was, stays");
    })
    .await;
}

/// Ranges around the borders of blocks, sealed and not.
fn ranges<'a>(address: SocketAddr, path: &'a str, content: &[u8], with: impl Fn(Ask<'a>) -> Ask<'a>) {
    for (first, last) in
        [(0, 0), (65_519, 65_520), (65_535, 65_536), (131_039, 131_040), (5, 400_000), (699_990, 699_999)]
    {
        let got = done(with(ask("GET", path)).header("range", format!("bytes={first}-{last}")).send(address));
        assert!(got.status == 206 && got.body == content[first..=last], "{first} to {last}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clients_key_is_needed_again() {
    with_node(|address, node| {
        done(ask("PUT", "/bucket").send(address));
        let told = |answer: &Answer| {
            let names = [OWN[0], OWN[2]].map(|name| answer.header(name).map(str::to_owned));
            assert_eq!(answer.header(OWN[1]), None, "no answer has a key");
            names
        };
        let expected = [Some("AES256".to_owned()), Some(Base64::encode_string(&md5(&[1; 32])))];
        for bytes in SIZES {
            let path = format!("/bucket/{bytes}");
            let content = body(bytes);
            let put = done(with_key(ask("PUT", &path), OWN, 1).body(content.clone()).send(address));
            assert_eq!(told(&put), expected);
            assert_ne!(put.header("etag"), Some(etag_of(&content).as_str()), "it says nothing of the bytes");
            let got = done(with_key(ask("GET", &path), OWN, 1).send(address));
            assert!(got.body == content && told(&got) == expected, "{path}");
            assert_eq!(got.header("etag"), put.header("etag"));
            let head = with_key(ask("HEAD", &path), OWN, 1).send(address);
            assert_eq!((head.status, told(&head)), (200, expected.clone()));
            for method in ["GET", "HEAD"] {
                assert_eq!(ask(method, &path).send(address).status, 400, "{method}");
                assert_eq!(with_key(ask(method, &path), OWN, 2).send(address).status, 403, "{method}");
            }
        }
        assert!(!is_in_chunks(node, &body(700_000)));
        ranges(address, "/bucket/700000", &body(700_000), |ask| with_key(ask, OWN, 1));
        let sizes = |ask: Ask<'static>| ask.header("x-amz-object-attributes", "ObjectSize");
        let attributes = || sizes(ask("GET", "/bucket/700000?attributes"));
        assert_eq!(outcome(address, &attributes()), (400, "InvalidRequest".to_owned()));
        let told = done(with_key(attributes(), OWN, 1).send(address));
        assert_eq!(told.element("ObjectSize").as_deref(), Some("700000"));
        let both = with_key(ask("PUT", "/bucket/k").header(SERVER, "AES256"), OWN, 1);
        assert_eq!(outcome(address, &both), (400, "InvalidArgument".to_owned()));
        let sum = with_key(ask("PUT", "/bucket/k"), OWN, 1).header("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==");
        assert_eq!(
            outcome(address, &sum.body("x")),
            (400, "BadDigest".to_owned()),
            "digests are of what came"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_change_keys() {
    with_node(|address, node| {
        done(ask("PUT", "/bucket").send(address));
        let content = body(300_000);
        for content in [&content[..], &content[..1_000], b""] {
            // 0: not encrypted, 1 and 2: by a client's key, 3: by the server.
            let put = |ask: Ask<'static>, how: u8| match how {
                0 => ask,
                3 => ask.header(SERVER, "AES256"),
                byte => with_key(ask, OWN, byte),
            };
            let read =
                |ask: Ask<'static>, how: u8| if how == 1 || how == 2 { with_key(ask, OWN, how) } else { ask };
            for from in 0..=3 {
                done(put(ask("PUT", "/bucket/from"), from).body(content.to_vec()).send(address));
                for to in 0..=3 {
                    let copy =
                        || put(ask("PUT", "/bucket/to").header("x-amz-copy-source", "/bucket/from"), to);
                    if from == 1 || from == 2 {
                        assert_eq!(outcome(address, &copy()), (400, "InvalidRequest".to_owned()));
                        let wrong = with_key(copy(), SOURCE, from + 5);
                        assert_eq!(outcome(address, &wrong), (403, "AccessDenied".to_owned()));
                        done(with_key(copy(), SOURCE, from).send(address));
                    } else {
                        let needless = with_key(copy(), SOURCE, 1);
                        assert_eq!(outcome(address, &needless), (400, "InvalidRequest".to_owned()));
                        done(copy().send(address));
                    }
                    let got = done(read(ask("GET", "/bucket/to"), to).send(address));
                    assert!(got.body == content, "{from} to {to}");
                    assert_eq!(got.header(SERVER), (to == 3).then_some("AES256"), "{from} to {to}");
                    let is_md5 = got.header("etag") == Some(etag_of(content).as_str());
                    assert_eq!(is_md5, to == 0 || to == 3, "{from} to {to}");
                }
            }
        }
        // A change of the key in place, by a copy onto itself.
        done(with_key(ask("PUT", "/bucket/k"), OWN, 1).body(content.clone()).send(address));
        let itself = || with_key(ask("PUT", "/bucket/k").header("x-amz-copy-source", "/bucket/k"), SOURCE, 1);
        assert_eq!(outcome(address, &with_key(itself(), OWN, 1)), (400, "InvalidRequest".to_owned()));
        done(with_key(itself(), OWN, 2).send(address));
        assert!(done(with_key(ask("GET", "/bucket/k"), OWN, 2).send(address)).body == content);
        // Damage is found below the cipher.
        let id = (0..=u8::MAX).flat_map(|place| node.chunks.list(place).unwrap()).max().unwrap();
        node.chunks.damage(id, |bytes| bytes[100] ^= 1);
        let read = || with_key(ask("GET", "/bucket/k"), OWN, 2);
        assert_eq!(outcome(address, &read()), (500, "InternalError".to_owned()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_are_encrypted_as_their_upload_was_begun() {
    with_node(|address, node| {
        done(ask("PUT", "/bucket").send(address));
        let last = body(70_000);
        done(with_key(ask("PUT", "/bucket/source"), OWN, 2).body(last.clone()).send(address));
        // As above.
        for how in [0, 1, 3] {
            // What was deleted is in the chunks still.
            let first: Vec<u8> = body(5 << 20).into_iter().map(|byte| byte ^ how).collect();
            let keyed = |ask: Ask<'static>| if how == 1 { with_key(ask, OWN, 1) } else { ask };
            let mut begin = keyed(ask("POST", "/bucket/k?uploads"));
            if how == 3 {
                begin = begin.header(SERVER, "AES256");
            }
            let begun = done(begin.send(address));
            assert_eq!(begun.header(SERVER), (how == 3).then_some("AES256"));
            assert_eq!(begun.header(OWN[0]), (how == 1).then_some("AES256"));
            let upload = begun.element("UploadId").unwrap();
            let part = |number: u8| -> Ask<'static> {
                ask("PUT", format!("/bucket/k?partNumber={number}&uploadId={upload}").leak())
            };
            let wrong = with_key(part(1), OWN, 9).body("x");
            assert_eq!(outcome(address, &wrong), (400, "InvalidRequest".to_owned()));
            if how == 1 {
                assert_eq!(outcome(address, &part(1).body("x")), (400, "InvalidRequest".to_owned()));
            }
            let one = done(keyed(part(1)).body(first.clone()).send(address));
            let copied = keyed(part(2)).header("x-amz-copy-source", "/bucket/source");
            assert_eq!(outcome(address, &copied.clone()), (400, "InvalidRequest".to_owned()));
            let range = copied.header("x-amz-copy-source-range", "bytes=10-69999");
            let two = done(with_key(range, SOURCE, 2).send(address));
            let three = done(keyed(part(3)).body("end").send(address));
            // Only the last may be short.
            let etags =
                [(1, one.header("etag").unwrap().to_owned()), (3, three.header("etag").unwrap().to_owned())];
            assert!(two.element("ETag").is_some());
            let listed = etags.map(|(number, etag)| {
                format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
            });
            let list = format!("<CompleteMultipartUpload>{}</CompleteMultipartUpload>", listed.concat());
            let complete = ask("POST", format!("/bucket/k?uploadId={upload}").leak()).body(list);
            assert_eq!(done(complete.send(address)).header(SERVER), (how == 3).then_some("AES256"));
            let expected = [&first[..], b"end"].concat();
            let got = done(keyed(ask("GET", "/bucket/k")).send(address));
            assert!(got.body == expected, "{how}");
            let range = keyed(ask("GET", "/bucket/k")).header("range", "bytes=5242870-5242882");
            assert_eq!(done(range.send(address)).body, expected[5_242_870..], "{how}");
            let numbered = done(keyed(ask("GET", "/bucket/k?partNumber=2")).send(address));
            assert_eq!(numbered.body, b"end");
            assert_eq!(is_in_chunks(node, &first), how == 0);
            done(ask("DELETE", "/bucket/k").send(address));
        }
    })
    .await;
}

/// A copy of a range into a part, encrypted or not: it is whole, and completes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copied_parts_are_whole() {
    with_node(|address, _| {
        done(ask("PUT", "/bucket").send(address));
        let content = body(200_000);
        done(with_key(ask("PUT", "/bucket/secret"), OWN, 2).body(content.clone()).send(address));
        done(ask("PUT", "/bucket/plain").body(content.clone()).send(address));
        for (source, how) in [("/bucket/secret", 0), ("/bucket/secret", 1), ("/bucket/plain", 1)] {
            let keyed = |ask: Ask<'static>| if how == 1 { with_key(ask, OWN, 1) } else { ask };
            let begun = done(keyed(ask("POST", "/bucket/k?uploads")).send(address));
            let upload = begun.element("UploadId").unwrap();
            let target: &'static str = format!("/bucket/k?partNumber=1&uploadId={upload}").leak();
            let mut copy = keyed(ask("PUT", target))
                .header("x-amz-copy-source", source)
                .header("x-amz-copy-source-range", "bytes=65000-199990");
            if source == "/bucket/secret" {
                copy = with_key(copy, SOURCE, 2);
            }
            let etag = done(copy.send(address)).element("ETag").unwrap();
            let list = format!("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>");
            done(ask("POST", format!("/bucket/k?uploadId={upload}").leak()).body(list).send(address));
            let got = done(keyed(ask("GET", "/bucket/k")).send(address));
            assert!(got.body == content[65_000..=199_990], "{source} {how}");
        }
    })
    .await;
}
