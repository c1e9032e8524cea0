//! Raw bytes and their verdicts.

use super::*;
use proptest::prelude::*;

const LINE: &str = "GET / HTTP/1.1\r\n";

/// Headers after `GET / HTTP/1.1` and `Host: a`, and what is made of them; `POST` bodies follow in some.
const HEADERS: &[(&str, Result<u64, Refused>)] = &[
    ("\r\n", Ok(1)),
    ("A: b\r\n\r\n", Ok(1)),
    ("A:b\r\nC:\r\n\r\n", Ok(1)),
    ("A: \tb c\t \r\n\r\n", Ok(1)),
    ("A: b\u{e4}\r\n\r\n", Ok(1)),
    ("A: b\n\r\n", Err(Refused::LineEnd)),
    ("A: b\r\n\n", Err(Refused::LineEnd)),
    ("A: b\rC: d\r\n\r\n", Err(Refused::LineEnd)),
    ("A: b\r\r\n\r\n", Err(Refused::LineEnd)),
    ("A: b\r\n c\r\n\r\n", Err(Refused::Fold)),
    ("A: b\r\n\tc\r\n\r\n", Err(Refused::Fold)),
    (" A: b\r\n\r\n", Err(Refused::Fold)),
    ("A : b\r\n\r\n", Err(Refused::BlankBeforeColon)),
    ("A\t: b\r\n\r\n", Err(Refused::BlankBeforeColon)),
    ("A\r\n\r\n", Err(Refused::Name)),
    (": b\r\n\r\n", Err(Refused::Name)),
    ("A(: b\r\n\r\n", Err(Refused::Name)),
    ("A\0: b\r\n\r\n", Err(Refused::Name)),
    ("A\u{e4}: b\r\n\r\n", Err(Refused::Name)),
    ("A: b\0c\r\n\r\n", Err(Refused::Control)),
    ("A: b\u{7f}\r\n\r\n", Err(Refused::Control)),
    ("A: b\u{b}c\r\n\r\n", Err(Refused::Control)),
    ("Host: b\r\n\r\n", Err(Refused::Host)),
    ("host: a\r\n\r\n", Err(Refused::Host)),
    ("Content-Length: 2\r\n\r\nab", Ok(1)),
    ("Content-Length: 0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Ok(2)),
    ("Content-Length: 2\r\n\r\nabGET / HTTP/1.1\r\nHost: a\r\n\r\n", Ok(2)),
    ("Content-Length: 2\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\r\n\r\n", Ok(2)),
    ("Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", Err(Refused::ContentLength)),
    ("Content-Length: 2\r\nContent-Length: 3\r\n\r\nab", Err(Refused::ContentLength)),
    ("Content-Length: 2, 2\r\n\r\nab", Err(Refused::ContentLength)),
    ("Content-Length: +2\r\n\r\nab", Err(Refused::ContentLength)),
    ("Content-Length: -2\r\n\r\nab", Err(Refused::ContentLength)),
    ("Content-Length: 0x2\r\n\r\nab", Err(Refused::ContentLength)),
    ("Content-Length: 2 2\r\n\r\nab", Err(Refused::ContentLength)),
    ("Content-Length:\r\n\r\n", Err(Refused::ContentLength)),
    ("Content-Length: 99999999999999999999\r\n\r\n", Err(Refused::ContentLength)),
    ("Content-Length: 9223372036854775808\r\n\r\n", Err(Refused::ContentLength)),
    ("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Err(Refused::TwoLengths)),
    ("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n", Err(Refused::TwoLengths)),
    ("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Ok(1)),
    ("Transfer-Encoding: Chunked \r\n\r\n0\r\n\r\n", Ok(1)),
    ("Transfer-Encoding: gzip, chunked\r\n\r\n", Err(Refused::TransferEncoding)),
    ("Transfer-Encoding: chunked, chunked\r\n\r\n", Err(Refused::TransferEncoding)),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", Err(Refused::TransferEncoding)),
    ("Transfer-Encoding: xchunked\r\n\r\n", Err(Refused::TransferEncoding)),
    ("Transfer-Encoding: \"chunked\"\r\n\r\n", Err(Refused::TransferEncoding)),
    ("Transfer-Encoding: chunked;q=1\r\n\r\n", Err(Refused::TransferEncoding)),
    ("Transfer-Encoding:\r\n\r\n", Err(Refused::TransferEncoding)),
    ("Transfer-Encoding:\u{b}chunked\r\n\r\n", Err(Refused::Control)),
    ("Transfer_Encoding: chunked\r\n\r\n", Ok(1)),
    ("Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n", Ok(1)),
    ("Upgrade: websocket\r\n\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n", Err(Refused::Premature)),
    ("Upgrade: x\r\nContent-Length: 1\r\n\r\na", Ok(1)),
    ("Upgrade: x\r\nContent-Length: 1\r\n\r\nab", Err(Refused::Premature)),
];

/// Whole request lines, and more.
const LINES: &[(&str, Result<u64, Refused>)] = &[
    ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Ok(1)),
    ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Ok(1)),
    ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Err(Refused::Method)),
    ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Err(Refused::LineEnd)),
    (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", Err(Refused::RequestLine)),
    ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Err(Refused::RequestLine)),
    ("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", Err(Refused::RequestLine)),
    ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", Err(Refused::RequestLine)),
    ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", Err(Refused::RequestLine)),
    ("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", Err(Refused::Method)),
    ("GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", Err(Refused::RequestLine)),
    ("GET /\r\n", Err(Refused::RequestLine)),
    ("GET /\n", Err(Refused::RequestLine)),
    ("GET\r\n", Err(Refused::Method)),
    ("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n", Err(Refused::Control)),
    ("GET / HTTP/1.1\nHost: a\r\n\r\n", Err(Refused::LineEnd)),
    ("GET / HTTP/1.1\rHost: a\r\n\r\n", Err(Refused::LineEnd)),
    ("GET / HTTP/1.0\r\n\r\n", Ok(1)),
    ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Err(Refused::TransferEncodingVersion)),
    ("GET / HTTP/1.0\r\nUpgrade: x\r\n\r\nGET / HTTP/1.0\r\n\r\n", Ok(2)),
    ("GET / HTTP/1.1\r\n\r\n", Err(Refused::Host)),
    ("GET / HTTP/0.9\r\n\r\n", Err(Refused::Version)),
    ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", Err(Refused::Version)),
    ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", Err(Refused::Version)),
    ("GET / HTTP/01.1\r\nHost: a\r\n\r\n", Err(Refused::Version)),
    ("GET / HTTP/1.10\r\nHost: a\r\n\r\n", Err(Refused::Version)),
    ("GET / http/1.1\r\nHost: a\r\n\r\n", Err(Refused::Version)),
    ("GET / HTTP/1\r\nHost: a\r\n\r\n", Err(Refused::Version)),
    ("GET / \r\nHost: a\r\n\r\n", Err(Refused::Version)),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Err(Refused::Version)),
    ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", Err(Refused::MethodRefused)),
    ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", Err(Refused::MethodRefused)),
    ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", Err(Refused::Method)),
    ("\x16\x03\x01\x02", Err(Refused::Method)),
    ("AVERYLONGMETHODAVERYLONGMETHODAVERY / HTTP/1.1\r\n", Err(Refused::Method)),
];

/// Bodies of chunks, with the request that follows.
const CHUNKS: &[(&str, Result<u64, Refused>)] = &[
    ("0\r\n\r\n", Ok(2)),
    ("3\r\nabc\r\n0\r\n\r\n", Ok(2)),
    ("A\r\n0123456789\r\n00\r\n\r\n", Ok(2)),
    ("3;a=b;c=\"d\"\r\nabc\r\n0;x\r\n\r\n", Ok(2)),
    ("0\r\nA: b\r\nC: d\r\n\r\n", Ok(2)),
    ("3\nabc\r\n0\r\n\r\n", Err(Refused::LineEnd)),
    ("3\r\nabc\n0\r\n\r\n", Err(Refused::ChunkEnd)),
    ("3\r\nabcd\r\n0\r\n\r\n", Err(Refused::ChunkEnd)),
    ("3\r\nab\r\n0\r\n\r\n", Err(Refused::ChunkEnd)),
    ("0\r\n\n", Err(Refused::LineEnd)),
    ("3;a\nabc\r\n0\r\n\r\n", Err(Refused::LineEnd)),
    ("3;a\rb\r\nabc\r\n0\r\n\r\n", Err(Refused::LineEnd)),
    ("3;\0\r\nabc\r\n0\r\n\r\n", Err(Refused::Control)),
    ("3 \r\nabc\r\n0\r\n\r\n", Err(Refused::ChunkSize)),
    (" 3\r\nabc\r\n0\r\n\r\n", Err(Refused::ChunkSize)),
    ("0x3\r\nabc\r\n0\r\n\r\n", Err(Refused::ChunkSize)),
    ("+3\r\nabc\r\n0\r\n\r\n", Err(Refused::ChunkSize)),
    ("-1\r\n\r\n", Err(Refused::ChunkSize)),
    (";a\r\n\r\n", Err(Refused::ChunkSize)),
    ("\r\n\r\n", Err(Refused::ChunkSize)),
    ("ffffffffffffffff\r\n", Err(Refused::ChunkSize)),
    ("10000000000000003\r\nabc", Err(Refused::ChunkSize)),
    ("00000000000000003\r\nabc", Err(Refused::ChunkSize)),
    ("0\r\nA: b\r\n c\r\n\r\n", Err(Refused::Fold)),
    ("0\r\nContent-Length: 3\r\n\r\n", Err(Refused::Trailer)),
    ("0\r\nhost: b\r\n\r\n", Err(Refused::Trailer)),
    ("0\r\nTransfer-Encoding: chunked\r\n\r\n", Err(Refused::Trailer)),
];

/// The verdict on bytes that come in the pieces that `cuts` make of them.
fn verdict(bytes: &[u8], cuts: &[usize]) -> (Result<(), Refused>, u64) {
    let mut connection = Connection::default();
    let mut rest = bytes;
    let mut result = Ok(());
    for cut in cuts.iter().copied().chain([usize::MAX]) {
        let (piece, after) = rest.split_at(cut.min(rest.len()));
        result = result.and_then(|()| connection.feed(piece));
        rest = after;
    }
    (result, connection.heads())
}

fn check(bytes: &[u8], expected: Result<u64, Refused>) {
    let text = String::from_utf8_lossy(bytes);
    let (result, heads) = verdict(bytes, &[]);
    assert_eq!(result.map(|()| heads), expected, "{text:?}");
    let single = vec![1; bytes.len()];
    assert_eq!(verdict(bytes, &single), (result, heads), "{text:?} byte by byte");
}

#[test]
fn each_row_has_its_verdict() {
    for (headers, expected) in HEADERS {
        check(format!("{LINE}Host: a\r\n{headers}").as_bytes(), *expected);
    }
    for (bytes, expected) in LINES {
        check(bytes.as_bytes(), *expected);
    }
    for (body, expected) in CHUNKS {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        check(format!("{head}{body}{LINE}Host: a\r\n\r\n").as_bytes(), *expected);
    }
}

#[test]
fn what_is_large_is_refused_before_it_is_there() {
    let target = "a".repeat(crate::limits::TARGET_BYTES_MAX);
    check(format!("GET /{target}").as_bytes(), Err(Refused::TargetLong));
    let many = "A: b\r\n".repeat(crate::limits::FIELDS_MAX);
    check(format!("{LINE}{many}\r\n").as_bytes(), Err(Refused::Host));
    check(format!("{LINE}{many}A").as_bytes(), Err(Refused::FieldsLarge));
    let long = "b".repeat(crate::limits::FIELDS_BYTES_MAX);
    check(format!("{LINE}A: {long}").as_bytes(), Err(Refused::FieldsLarge));
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let extension = "x".repeat(crate::limits::EXTENSION_BYTES_MAX + 1);
    check(format!("{head}3;{extension}").as_bytes(), Err(Refused::ChunkExtension));
    let chunks = format!("1;{}\r\na\r\n", "x".repeat(200)).repeat(100);
    check(format!("{head}{chunks}").as_bytes(), Err(Refused::ChunkExtension));
}

#[test]
fn an_upgrade_is_opaque_once_it_is_answered() {
    let head = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    let mut connection = Connection::default();
    assert_eq!(connection.feed(head), Ok(()));
    assert!(connection.is_between_requests());
    connection.answered(true);
    assert_eq!(connection.feed(b"\x81\x00\n\n"), Ok(()));
    let mut other = Connection::default();
    assert_eq!(other.feed(head), Ok(()));
    other.answered(false);
    assert_eq!(other.feed(head), Ok(()));
    assert_eq!(other.feed(b"x"), Err(Refused::Premature));
    assert_eq!(other.feed(b"GET"), Err(Refused::Premature));
    assert_eq!(other.heads(), 2);
    // Nobody leaves HTTP/1 who did not ask for it.
    let mut plain = Connection::default();
    assert_eq!(plain.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Ok(()));
    plain.answered(true);
    assert_eq!(plain.feed(b"\n"), Err(Refused::LineEnd));
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = proptest::sample::select(vec![
        "GET / HTTP/1.1\r\n",
        "POST /a HTTP/1.0\r\n",
        "Host: a\r\n",
        "Content-Length: 3\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Upgrade: x\r\n",
        "\r\n",
        "\n",
        "\r",
        " ",
        ":",
        "abc",
        "3\r\n",
        "abc\r\n",
        "0\r\n\r\n",
        "A: b\r\n",
        "\0",
        ";x\r\n",
    ]);
    proptest::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_verdict_does_not_depend_on_cuts(
        bytes in prop_oneof![4 => pieces(), 1 => proptest::collection::vec(any::<u8>(), 0..200)],
        cuts in proptest::collection::vec(0_usize..12, 0..40),
    ) {
        prop_assert_eq!(verdict(&bytes, &cuts), verdict(&bytes, &[]));
    }
}
