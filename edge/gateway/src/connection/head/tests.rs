//! Heads as raw bytes, with their verdicts.

use super::*;
use proptest::prelude::*;

const BOUNDS: Bounds = Bounds { bytes_max: 1_000, fields_max: 10, target_bytes_max: 100 };

fn verdict(bytes: &[u8]) -> Result<Option<Head>, Refused> {
    scan(bytes, &mut 0, &BOUNDS)
}

#[test]
fn heads_with_one_meaning_pass() {
    let rows: &[(&str, Framing)] = &[
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Framing::None),
        ("GET / HTTP/1.0\r\n\r\n", Framing::None),
        ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Framing::None),
        ("GET /a?b=c%20d HTTP/1.1\r\nHost: a.example:8080\r\nX-A: b  c\r\nX-Empty:\r\n\r\n", Framing::None),
        ("GET /a?b={c}|[d]^`\\ HTTP/1.1\r\nHost: a\r\n\r\n", Framing::None),
        ("OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", Framing::None),
        ("GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n", Framing::None),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", Framing::Length(5)),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", Framing::None),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", Framing::Chunked),
        ("M-SEARCH / HTTP/1.1\r\nhOST: a\r\n\r\n", Framing::None),
    ];
    for (head, framing) in rows {
        let found = verdict(head.as_bytes()).expect(head).expect(head);
        assert_eq!((found.framing, found.end), (*framing, head.len()), "{head}");
    }
}

/// Fields that say twice, or not clearly, how long a body is.
const FRAMINGS: [&str; 20] = [
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "Content-Length: 5\r\nContent-Length: 5",
    "Content-Length: 5\r\nContent-Length: 6",
    "Content-Length: 5, 5",
    "Content-Length: +5",
    "Content-Length: -5",
    "Content-Length: 0x5",
    "Content-Length: 5 5",
    "Content-Length:",
    "Content-Length: 99999999999999999999",
    "Content_Length: 5",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: \u{b}chunked",
    "Transfer-Encoding:",
    "Transfer_Encoding: chunked",
];

#[test]
fn heads_with_two_meanings_are_refused() {
    let host = "Host: a\r\n";
    let rows: Vec<(String, u16)> = [
        ("GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
        ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /\t HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /\r\n\r\n", 400),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
        (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
        ("GET / http/1.1\r\nHost: a\r\n\r\n", 400),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: b\r\n\r\n", 417),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close, Host\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: b\r\nContent-Length: 3\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ]
    .map(|(head, status)| (head.to_owned(), status))
    .into_iter()
    .chain(FRAMINGS.map(|fields| (format!("POST / HTTP/1.1\r\n{host}{fields}\r\n\r\n"), 400)))
    .collect();
    for (head, status) in rows {
        let refused = verdict(head.as_bytes()).expect_err(&head.escape_debug().to_string());
        assert_eq!(refused.problem.row().status, status, "{}", head.escape_debug());
    }
}

#[test]
fn heads_are_bounded_before_they_end() {
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(10));
    let long = format!("GET / HTTP/1.1\r\nX: {}", "y".repeat(1_000));
    let target = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "y".repeat(100));
    for (head, status) in [(many, 431), (long, 431), (target, 414)] {
        assert_eq!(verdict(head.as_bytes()).expect_err("too much").problem.row().status, status);
    }
}

proptest! {
    #[test]
    fn a_verdict_does_not_depend_on_how_bytes_come(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("GET / HTTP/1.1"), Just("\r\n"), Just("\n"), Just("Host: a"), Just(" "), Just("X: y"),
                Just("Content-Length: 3"), Just("Transfer-Encoding: chunked"), Just("\r"), Just("POST /a HTTP/1.0"),
            ],
            0..12,
        ),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = pieces.concat().into_bytes();
        let whole = verdict(&bytes);
        let cut = cut.index(bytes.len() + 1);
        let mut searched = 0;
        let first = scan(&bytes[..cut], &mut searched, &BOUNDS);
        let in_two = match first {
            Ok(None) => scan(&bytes, &mut searched, &BOUNDS),
            decided => decided,
        };
        prop_assert_eq!(in_two, whole);
    }

    #[test]
    fn any_bytes_are_survived(bytes in any::<Vec<u8>>()) {
        let _ = verdict(&bytes);
        let _ = verdict(&[b"GET / HTTP/1.1\r\n".as_slice(), &bytes, b"\r\n\r\n"].concat());
    }
}
