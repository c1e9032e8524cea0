//! Bytes that no client should send: the fuzz corpora and thousands of mutations of them through everything that reads a client's text,
//! and policies that are as costly as they get.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

use std::path::Path;
use std::time::{Duration, Instant};

use bole_blobs::rules::bytes;
use bole_blobs::rules::policy::{Context, Kind, Policy, Request, Verdict};

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

/// What documents and headers are made of.
const PIECES: [&str; 20] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"",
    "null",
    "-1",
    "*",
    "${aws:username}",
    "\"Condition\":{",
    "\"StringNotLike\":{",
    "=",
    "W/",
    "%00",
    "\r\n",
    "<Rule>",
    "</Rule>",
    "&#x0;",
    "\u{0}",
];

/// One to four changes of a seed: bytes hit, cut, doubled, or pieces put in.
fn mutate(seeds: &[Vec<u8>], seed: &[u8], random: &mut Random) -> Vec<u8> {
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

#[test]
fn readers_survive_any_bytes() {
    let targets: [(&str, fn(&[u8])); 7] = [
        ("policy", bytes::check_policy),
        ("header", bytes::check_headers),
        ("setting", bytes::check_settings),
        ("row", bole_blobs::rows::bytes::check),
        ("model", bole_blobs::rules::policy::model::check),
        ("document", bole_blobs::protocol::bytes::check_documents),
        ("chunked", bole_blobs::protocol::bytes::check_chunked),
    ];
    for (target, check) in targets {
        let seeds = corpus(target);
        let mut random = Random(0x5EED);
        for seed in &seeds {
            check(seed);
            for _ in 0..2_000 {
                check(&mutate(&seeds, seed, &mut random));
            }
        }
    }
}

#[test]
fn the_costliest_policies_cost_bounded_time() {
    let policy = |resources: &str, condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":[{resources}]{condition}}}}}"#
        )
    };
    // Stars that all match, up to a last letter that does not.
    let one = format!("\"arn:aws:s3:::photos/{}b\"", "*a".repeat(9_000));
    let half = format!("*{}b", "a".repeat(500));
    let many = vec![format!("\"arn:aws:s3:::photos/{half}\""); 35].join(",");
    let agents = format!(r#","Condition":{{"StringLike":{{"aws:UserAgent":"*{}b"}}}}"#, "a".repeat(9_000));
    let resource = format!("photos/{}", "a".repeat(1_017));
    let mut context = Context::default();
    context.set("aws:UserAgent", "a".repeat(8_192));
    for text in [policy(&one, ""), policy(&many, ""), policy("\"*\"", &agents)] {
        let policy = Policy::parse(&text, Kind::Bucket("photos")).unwrap();
        let begun = Instant::now();
        let request =
            Request { requester: None, action: "GetObject", resource: &resource, context: &context };
        assert_eq!(policy.decide(&request).verdict, Verdict::Silent);
        assert!(begun.elapsed() < Duration::from_secs(10), "{} bytes took {:?}", text.len(), begun.elapsed());
    }
}
