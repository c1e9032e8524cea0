//! Whole connections as raw bytes: how many requests are found in them, or that they are refused.

use super::body::Body;
use super::head::{Bounds, scan};

const BOUNDS: Bounds = Bounds { bytes_max: 1_000, fields_max: 10, target_bytes_max: 100 };
const LINE: &str = "GET / HTTP/1.1\r\n";

/// What is made of the bytes of a connection that come one after the other, as the wire does it.
fn heads(bytes: &[u8], cut: usize) -> Result<usize, &'static str> {
    let (mut came, mut searched, mut count) = (Vec::new(), 0, 0);
    let mut body: Option<Body> = None;
    for piece in bytes.chunks(cut) {
        came.extend_from_slice(piece);
        loop {
            if let Some(left) = &mut body {
                let taken = left.take(&came).map_err(|refused| refused.detail)?;
                came.drain(..taken);
                if !left.is_done() {
                    break;
                }
                (body, searched) = (None, 0);
            }
            let Some(head) = scan(&came, &mut searched, &BOUNDS).map_err(|refused| refused.detail)? else {
                break;
            };
            came.drain(..head.end);
            count += 1;
            body = Some(Body::new(head.framing));
        }
    }
    Ok(count)
}

#[track_caller]
fn check(bytes: &str, expected: Option<usize>) {
    let whole = heads(bytes.as_bytes(), bytes.len().max(1));
    assert_eq!(whole.ok(), expected, "{bytes:?}");
    assert_eq!(heads(bytes.as_bytes(), 1), whole, "{bytes:?} byte by byte");
}

/// Headers after `GET / HTTP/1.1` and `Host: a`, with bodies and requests behind them; how many heads they are.
const HEADERS: &[(&str, Option<usize>)] = &[
    ("\r\n", Some(1)),
    ("A: b\r\n\r\n", Some(1)),
    ("A:b\r\nC:\r\n\r\n", Some(1)),
    ("A: \tb c\t \r\n\r\n", Some(1)),
    ("A: b\u{e4}\r\n\r\n", Some(1)),
    ("A: b\n\r\n", None),
    ("A: b\r\n\n", None),
    ("A: b\rC: d\r\n\r\n", None),
    ("A: b\r\r\n\r\n", None),
    ("A: b\r\n c\r\n\r\n", None),
    ("A: b\r\n\tc\r\n\r\n", None),
    (" A: b\r\n\r\n", None),
    ("A : b\r\n\r\n", None),
    ("A\t: b\r\n\r\n", None),
    ("A\r\n\r\n", None),
    (": b\r\n\r\n", None),
    ("A(: b\r\n\r\n", None),
    ("A\0: b\r\n\r\n", None),
    ("A\u{e4}: b\r\n\r\n", None),
    ("A: b\0c\r\n\r\n", None),
    ("A: b\u{7f}\r\n\r\n", None),
    ("A: b\u{b}c\r\n\r\n", None),
    ("Host: b\r\n\r\n", None),
    ("host: a\r\n\r\n", None),
    ("Content-Length: 2\r\n\r\nab", Some(1)),
    ("Content-Length: 0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Some(2)),
    ("Content-Length: 2\r\n\r\nabGET / HTTP/1.1\r\nHost: a\r\n\r\n", Some(2)),
    ("Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", None),
    ("Content-Length: 2\r\nContent-Length: 3\r\n\r\nab", None),
    ("Content-Length: 2, 2\r\n\r\nab", None),
    ("Content-Length: +2\r\n\r\nab", None),
    ("Content-Length: 0x2\r\n\r\nab", None),
    ("Content-Length: 2 2\r\n\r\nab", None),
    ("Content-Length:\r\n\r\n", None),
    ("Content-Length: 99999999999999999999\r\n\r\n", None),
    ("Content-Length: 9223372036854775808\r\n\r\n", None),
    ("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", None),
    ("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n", None),
    ("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Some(1)),
    ("Transfer-Encoding: Chunked \r\n\r\n0\r\n\r\n", Some(1)),
    ("Transfer-Encoding: gzip, chunked\r\n\r\n", None),
    ("Transfer-Encoding: chunked, chunked\r\n\r\n", None),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", None),
    ("Transfer-Encoding: \"chunked\"\r\n\r\n", None),
    ("Transfer-Encoding: chunked;q=1\r\n\r\n", None),
    ("Transfer-Encoding:\r\n\r\n", None),
    ("Transfer-Encoding:\u{b}chunked\r\n\r\n", None),
    ("Transfer-Encoding:\u{c}chunked\r\n\r\n0\r\n\r\n", None),
    ("Content-Length: 2\r\r\n\r\nab", None),
    ("Transfer_Encoding: chunked\r\n\r\n", None),
    ("Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n", Some(1)),
    ("Upgrade: x\r\nContent-Length: 1\r\n\r\na", None),
    // Nobody depends on HTTP/2: the request goes on without the offer.
    ("Upgrade: h2c\r\nContent-Length: 1\r\n\r\na", Some(1)),
    ("Upgrade: h2c, websocket\r\nContent-Length: 1\r\n\r\na", None),
    ("Upgrade: websocket\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\na", None),
    // What follows a request for an upgrade is kept back by the wire until it is answered.
];

/// Whole request lines, and more.
const LINES: &[(&str, Option<usize>)] = &[
    ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Some(1)),
    ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Some(1)),
    ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Some(1)),
    ("\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", None),
    (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", None),
    ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("GET /\r\n\r\n", None),
    ("GET /\n", None),
    ("GET\r\n\r\n", None),
    ("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("GET / HTTP/1.1\nHost: a\r\n\r\n", None),
    ("GET / HTTP/1.1\rHost: a\r\n\r\n", None),
    ("GET / HTTP/1.0\r\n\r\n", Some(1)),
    ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", None),
    ("GET / HTTP/1.1\r\n\r\n", None),
    ("GET / HTTP/0.9\r\n\r\n", None),
    ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", None),
    ("GET / HTTP/01.1\r\nHost: a\r\n\r\n", None),
    ("GET / HTTP/1.10\r\nHost: a\r\n\r\n", None),
    ("GET / http/1.1\r\nHost: a\r\n\r\n", None),
    ("GET / HTTP/1\r\nHost: a\r\n\r\n", None),
    ("GET / \r\nHost: a\r\n\r\n", None),
    ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", None),
    ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", None),
];

/// Bodies of chunks, with the request that follows.
const CHUNKS: &[(&str, Option<usize>)] = &[
    ("0\r\n\r\n", Some(2)),
    ("3\r\nabc\r\n0\r\n\r\n", Some(2)),
    ("A\r\n0123456789\r\n00\r\n\r\n", Some(2)),
    ("3;a=b;c=\"d\"\r\nabc\r\n0;x\r\n\r\n", Some(2)),
    ("0\r\nA: b\r\nC: d\r\n\r\n", Some(2)),
    ("3\nabc\r\n0\r\n\r\n", None),
    ("3\r\nabc\n0\r\n\r\n", None),
    ("3\r\nabcd\r\n0\r\n\r\n", None),
    ("3\r\nab\r\n0\r\n\r\n", None),
    ("0\r\n\n", None),
    ("3;a\nabc\r\n0\r\n\r\n", None),
    ("3;a\rb\r\nabc\r\n0\r\n\r\n", None),
    ("3;\0\r\nabc\r\n0\r\n\r\n", None),
    ("3 \r\nabc\r\n0\r\n\r\n", None),
    (" 3\r\nabc\r\n0\r\n\r\n", None),
    ("0x3\r\nabc\r\n0\r\n\r\n", None),
    ("+3\r\nabc\r\n0\r\n\r\n", None),
    ("-1\r\n\r\n", None),
    (";a\r\n\r\n", None),
    ("\r\n\r\n", None),
    ("ffffffffffffffff\r\n", None),
    ("10000000000000003\r\nabc", None),
    ("00000000000000003\r\nabc", None),
    ("0\r\nA: b\r\n c\r\n\r\n", None),
];

#[test]
fn each_row_has_its_verdict() {
    for (headers, expected) in HEADERS {
        check(&format!("{LINE}Host: a\r\n{headers}"), *expected);
    }
    for (bytes, expected) in LINES {
        check(bytes, *expected);
    }
    for (body, expected) in CHUNKS {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        check(&format!("{head}{body}{LINE}Host: a\r\n\r\n"), *expected);
    }
}
