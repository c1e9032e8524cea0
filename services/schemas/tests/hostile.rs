//! Bytes that no client should send: the fuzz corpora and thousands of mutations of them, through every decoder, and large and
//! deep schemas through a running registry.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bole_schemas::access::Open;
use bole_schemas::{entry, protocol, schema};
use support::Registry;

/// A generator of numbers below a bound; the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let seeds: Vec<_> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert!(seeds.len() >= 4, "the corpus of {target} is there");
    seeds
}

/// One to four changes of a seed: bytes hit, cut, doubled, or replaced by what the languages are made of.
fn mutate(seeds: &[Vec<u8>], seed: &[u8], random: &mut Random) -> Vec<u8> {
    const PIECES: [&str; 12] = [
        "{",
        "}",
        "[",
        "]",
        "\"type\":",
        "null",
        "\"$ref\":\"#\"",
        "-1",
        "message M {",
        "oneof o {",
        "= 1;",
        "\"record\"",
    ];
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.splice(at..at, seeds[random.below(seeds.len())].clone())),
            2 | 3 => drop(bytes.splice(at..at, PIECES[random.below(PIECES.len())].bytes())),
            _ if bytes.is_empty() => {}
            4 => bytes[at] ^= 1 << random.below(8),
            _ => drop(bytes.remove(at)),
        }
    }
    bytes
}

fn survive(target: &str, check: fn(&[u8]), rounds: usize) {
    let seeds = corpus(target);
    let mut random = Random(0x5EED);
    for seed in &seeds {
        check(seed);
        for _ in 0..rounds {
            check(&mutate(&seeds, seed, &mut random));
        }
    }
}

#[test]
fn schemas_survive_any_bytes() {
    survive("schema", schema::check_bytes, 150);
}

#[test]
fn bodies_survive_any_bytes() {
    survive("request", protocol::body::check_bytes, 2_000);
}

#[test]
fn entries_survive_any_bytes() {
    survive("entry", |bytes| drop(entry::Change::decode(bytes)), 2_000);
}

/// Schemas that are as deep, as wide or as tangled as they get.
fn monsters() -> Vec<(&'static str, String)> {
    let nested = |open: &str, close: &str, depth: usize| {
        format!("{}\"int\"{}", open.repeat(depth), close.repeat(depth))
    };
    let chain: Vec<String> = (1..3_000)
        .map(|n| {
            format!(
                "{{\"type\":\"record\",\"name\":\"r{n}\",\"fields\":[{{\"name\":\"a\",\"type\":\"r{}\"}}]}}",
                n - 1
            )
        })
        .collect();
    let chain = format!("[{{\"type\":\"record\",\"name\":\"r0\",\"fields\":[]}},{}]", chain.join(","));
    let tangle: Vec<String> = (0..60)
        .map(|n| format!("\"d{n}\":{{\"anyOf\":[{{\"$ref\":\"#/definitions/d{}\"}},{{\"$ref\":\"#/definitions/d{}\"}},{{\"not\":{{\"$ref\":\"#/definitions/d{}\"}}}}]}}", (n + 1) % 60, (n * 7) % 60, (n * 11) % 60))
        .collect();
    let tangle = format!("{{\"definitions\":{{{}}},\"$ref\":\"#/definitions/d0\"}}", tangle.join(","));
    let wide: Vec<String> = (0..4_000).map(|n| format!("\"p{n}\":{{\"type\":\"string\"}}")).collect();
    let branches: Vec<String> = (0..1_500).map(|n| format!("{{\"const\":{n}}}")).collect();
    vec![
        ("AVRO", nested("{\"type\":\"array\",\"items\":", "}", 120)),
        ("AVRO", nested("{\"type\":\"array\",\"items\":", "}", 30_000)),
        ("AVRO", chain),
        ("JSON", nested("{\"items\":", "}", 100_000)),
        ("JSON", format!("{{\"properties\":{{{}}}}}", wide.join(","))),
        ("JSON", tangle),
        ("JSON", format!("{{\"oneOf\":[{}]}}", branches.join(","))),
        ("PROTOBUF", format!("syntax = \"proto3\"; {}{}", "message A { ".repeat(60), "}".repeat(60))),
        ("PROTOBUF", format!("syntax = \"proto3\"; {}", "message A { ".repeat(80_000))),
        (
            "PROTOBUF",
            format!(
                "syntax = \"proto2\"; message A {{ optional int32 a = 1 [(x) = {}]; }}",
                "{ a: ".repeat(50_000)
            ),
        ),
        ("PROTOBUF", format!("syntax = \"proto3\"; {}", "/*".repeat(100_000))),
    ]
}

#[test]
fn large_schemas_cost_bounded_time() {
    let registry = Registry::start(Arc::new(Open));
    let escaped = |text: &str| serde_json::to_string(text).unwrap();
    for (index, (kind, text)) in monsters().into_iter().enumerate() {
        let begun = Instant::now();
        let body = format!("{{\"schemaType\":\"{kind}\",\"schema\":{}}}", escaped(&text));
        for _ in 0..2 {
            let path = format!("/subjects/m{index}/versions");
            let (status, _, answer) = registry.send("POST", &path, "", body.as_bytes());
            assert!(status == 200 || status == 422, "{kind} {index}: {status} {answer}");
        }
        let (status, _, answer) = registry.send(
            "POST",
            &format!("/compatibility/subjects/m{index}/versions/latest"),
            "",
            body.as_bytes(),
        );
        assert!(status == 200 || status == 422, "{kind} {index}: {status} {answer}");
        assert!(begun.elapsed() < Duration::from_mins(1), "{kind} {index} took {:?}", begun.elapsed());
    }
    let huge = format!("{{\"schema\":\"{}\"}}", " ".repeat(3 << 20));
    assert_eq!(registry.send("POST", "/subjects/h/versions", "", huge.as_bytes()).0, 413);
    let large = format!("{{\"schema\":{}}}", escaped(&format!("\"{}\"", "x".repeat(1 << 20))));
    assert_eq!(registry.send("POST", "/subjects/h/versions", "", large.as_bytes()).0, 422);
    assert_eq!(registry.send("GET", "/subjects/h/versions", "", b"").0, 404, "it still answers");
}
