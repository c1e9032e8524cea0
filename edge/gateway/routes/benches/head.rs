//! How long a request's head takes before a route is looked for: its bytes, its path, its parsed form. `cargo bench -p
//! bole-gateway-routes --bench head`. Each figure is that of the fastest of seven rounds.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use bole_gateway_document::path::Path;
use bole_gateway_routes::raw::Connection;
use bole_gateway_routes::strict::Head;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: usize = 7;
const TIMES: u32 = 100_000;

const HEADERS: &[(&str, &str)] = &[
    ("host", "api.example.com"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-US,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("cookie", "session=0123456789abcdef0123456789abcdef; theme=dark; consent=all"),
    ("connection", "keep-alive"),
    ("sec-fetch-mode", "navigate"),
];

const TARGET: &str = "/v1/orders/17/lines?sort=date&page=2";

fn nanos(mut work: impl FnMut()) -> f64 {
    let mut round = || {
        let begun = Instant::now();
        (0..TIMES).for_each(|_| work());
        begun.elapsed().as_nanos() as f64 / f64::from(TIMES)
    };
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}

fn main() {
    let lines: Vec<_> = HEADERS.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let bytes = format!("GET {TARGET} HTTP/1.1\r\n{}\r\n", lines.concat());
    let header = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    let headers: HeaderMap = HEADERS.iter().map(header).collect();
    let uri = Uri::from_static(TARGET);
    let head =
        Head { method: &Method::GET, uri: &uri, version: Version::HTTP_11, headers: &headers, tls: true };
    let mut connection = Connection::default();
    let raw = nanos(|| connection.feed(black_box(bytes.as_bytes())).expect("it is right"));
    let body = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 65536\r\n\r\n{}", "x".repeat(65_536));
    let large = nanos(|| connection.feed(black_box(body.as_bytes())).expect("it is right"));
    let strict = nanos(|| drop(black_box(head.check()).expect("it is right")));
    let plain = nanos(|| drop(black_box(Path::of(black_box("/v1/orders/17/lines")))));
    let settled = nanos(|| drop(black_box(Path::of(black_box("/v1/%6frders/./17//lines")))));
    println!("| what | takes |\n|---|---|");
    println!("| bytes of a head of {} B | {raw:.0} ns |", bytes.len());
    println!("| bytes of a head with a body of 64 KiB | {large:.0} ns |");
    println!("| the parsed head | {strict:.0} ns |");
    println!("| a path in its spelling | {plain:.0} ns |");
    println!("| a path that is brought into it | {settled:.0} ns |");
}
