//! Arbitrary bytes as a message: answered or not, never a panic, and an answer is a response with the id of its query.
//! `tests/suite/malformed.rs` has the same as a property.
#![no_main]

use bole_edge_core::Random;
use bole_geodns::answer::{Client, Outcome, Rules, Server, Transport};
use bole_geodns::chain::Notes;
use bole_geodns::geo::Atlas;
use bole_geodns::health::Vitals;
use bole_geodns::security::cookies::Secrets;
use bole_geodns::security::rate::{Limiter, Settings};
use bole_geodns::zone::compile::{With, compile};
use bole_geodns::zone::{Zones, document};
use std::path::Path;
use std::sync::{Arc, LazyLock};

const ZONE: &str = r#"
origin = "a"
[records]
"@" = { NS = "ns.b.", ALIAS = "p" }
p = { POOL = "p" }
c = { CNAME = "p" }
"*.w" = { TXT = "any" }
s = { NS = "ns.s" }
"ns.s" = { A = "192.0.2.1" }
[pools.p]
chain = ["up", "geotarget", "sticky", "first_n"]
answers = [{ name = "x", A = "192.0.2.1", prefix = "10.0.0.0/8" }, { name = "y", A = "192.0.2.2" }]
"#;

static SERVER: LazyLock<(Zones, Rules)> = LazyLock::new(|| {
    let source = document::parse("fuzz", ZONE, Path::new(""), 1).expect("the zone is right");
    let with = With { health: &Vitals::default(), atlas: &Atlas::default(), signer: None };
    let zones = Zones::new([Arc::new(compile(&source, &with).expect("the zone is right"))]);
    let settings = Settings { answers: 0, nxdomains: 0, errors: 0, ..Settings::default() };
    let rules = Rules {
        ecs: true,
        udp_bytes: 1_232,
        nsid: None,
        cookies: Secrets::new([7; 16], []),
        cookies_required: false,
        limiter: Limiter::new(settings, 1, 16),
        keys: Vec::new(),
        transfers: Vec::new(),
        resolver: None,
    };
    (zones, rules)
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (zones, rules) = &*SERVER;
    for transport in [Transport::Udp, Transport::Tcp] {
        let client = Client { address: [192, 0, 2, 1].into(), transport, now: 1_800_000_000, now_ms: 1_000 };
        let mut out = Vec::new();
        let server = Server { zones, rules };
        let outcome = server.answer(bytes, &client, &mut Random::new(1), &mut Notes::off(), &mut out);
        if let Outcome::Sent(_) = outcome {
            assert!(out[..2] == bytes[..2] && out[2] & 0x80 != 0);
            assert!(transport != Transport::Udp || out.len() <= 1_232);
        }
    }
});
