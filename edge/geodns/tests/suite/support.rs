//! A server without doors, and questions to it in hickory's words.

use bole_edge_core::Random;
use bole_geodns::answer::{Client, Outcome, Rules, Server, Transport};
use bole_geodns::chain::Notes;
use bole_geodns::geo::Atlas;
use bole_geodns::health::Vitals;
use bole_geodns::limits;
use bole_geodns::security::cookies::Secrets;
use bole_geodns::security::dnssec::{Key, Signer};
use bole_geodns::security::rate::{Limiter, Settings};
use bole_geodns::wire::Name;
use bole_geodns::zone::compile::{With, compile};
use bole_geodns::zone::{Zones, document};
use hickory_proto::op::{Edns, Message, Query};
use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsOption};
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

/// Seconds since 1970 at which tests happen.
pub(crate) const NOW: u64 = 1_800_000_000;

/// Zones, rules, targets.
pub(crate) struct Fixture {
    pub(crate) zones: Zones,
    pub(crate) rules: Rules,
    pub(crate) vitals: Vitals,
    pub(crate) random: Random,
}

/// Rules that limit nothing.
pub(crate) fn rules() -> Rules {
    let settings = Settings { answers: 0, nxdomains: 0, errors: 0, ..Settings::default() };
    Rules {
        ecs: true,
        udp_bytes: limits::UDP_BYTES,
        nsid: Some("test-1".to_owned()),
        cookies: Secrets::new([7; 16], []),
        cookies_required: false,
        limiter: Limiter::new(settings, 1, 16),
        keys: Vec::new(),
        transfers: Vec::new(),
        resolver: None,
    }
}

/// A server of documents; those whose apex is in `signed` are signed.
pub(crate) fn serve(documents: &[&str], atlas: &Atlas, signed: &[&str]) -> Fixture {
    let vitals = Vitals::default();
    let zone = |text: &&str| {
        let source =
            document::parse("test", text, Path::new(""), 1).unwrap_or_else(|problems| panic!("{problems}"));
        let is_signed = signed.iter().any(|apex| Name::absolute(apex).unwrap() == source.origin);
        let signer = is_signed.then(|| {
            let key = Key::from_pem(&Key::generate().unwrap()).unwrap();
            Arc::new(Signer::new(&source.origin, key, 3_600))
        });
        let with = With { health: &vitals, atlas, signer };
        Arc::new(compile(&source, &with).unwrap_or_else(|problems| panic!("{problems}")))
    };
    let zones = Zones::new(documents.iter().map(zone).collect::<Vec<_>>());
    Fixture { zones, rules: rules(), vitals, random: Random::new(1) }
}

/// A question.
pub(crate) fn question(name: &str, kind: &str, edns: Option<Edns>) -> Message {
    let mut message = Message::query();
    message.metadata.id = 4_711;
    let name = hickory_proto::rr::Name::from_str(name).unwrap();
    message.add_query(Query::query(name, kind_of(kind)));
    if let Some(edns) = edns {
        message.set_edns(edns);
    }
    message
}

/// hickory does not read all names of types that it knows.
fn kind_of(kind: &str) -> RecordType {
    if kind == "IXFR" { RecordType::IXFR } else { RecordType::from_str(kind).unwrap() }
}

/// EDNS with a client's subnet.
pub(crate) fn subnet(address: &str, source: u8) -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(1_232);
    edns.options_mut().insert(EdnsOption::Subnet(ClientSubnet::new(address.parse().unwrap(), source, 0)));
    edns
}

/// EDNS that wants signatures.
pub(crate) fn dnssec_ok() -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(1_232);
    edns.set_dnssec_ok(true);
    edns
}

/// The scope in an answer's client subnet.
pub(crate) fn scope(message: &Message) -> Option<u8> {
    let options = message.edns.as_ref()?.options();
    options.as_ref().iter().find_map(|(_, option)| match option {
        EdnsOption::Subnet(subnet) => Some(subnet.scope_prefix()),
        _ => None,
    })
}

impl Fixture {
    pub(crate) fn client(address: &str, transport: Transport) -> Client {
        Client { address: address.parse().unwrap(), transport, now: NOW, now_ms: 1_000 }
    }

    /// Bytes to bytes.
    pub(crate) fn raw(&mut self, message: &[u8], client: &Client) -> (Outcome, Vec<u8>) {
        let mut out = Vec::new();
        let server = Server { zones: &self.zones, rules: &self.rules };
        let outcome = server.answer(message, client, &mut self.random, &mut Notes::off(), &mut out);
        (outcome, out)
    }

    /// A question by TCP from `address`.
    pub(crate) fn ask_from(&mut self, address: &str, question: &Message) -> Message {
        let client = Self::client(address, Transport::Tcp);
        let (outcome, bytes) = self.raw(&question.to_vec().unwrap(), &client);
        assert!(matches!(outcome, Outcome::Sent(_)), "{question}: {outcome:?}");
        let answer = Message::from_vec(&bytes).unwrap();
        assert_eq!((answer.metadata.id, &answer.queries), (question.metadata.id, &question.queries));
        answer
    }

    /// A question by TCP from 192.0.2.1.
    pub(crate) fn ask(&mut self, name: &str, kind: &str) -> Message {
        self.ask_from("192.0.2.1", &question(name, kind, None))
    }
}

/// Answers as text.
pub(crate) fn shown(message: &Message) -> Vec<String> {
    message.answers.iter().map(ToString::to_string).collect()
}

/// Addresses in the answers.
pub(crate) fn addresses(message: &Message) -> Vec<IpAddr> {
    message.answers.iter().filter_map(|record| record.data.ip_addr()).collect()
}
