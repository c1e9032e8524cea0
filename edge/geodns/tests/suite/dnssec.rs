//! Signatures, checked by hickory.

use crate::answers::ZONE;
use crate::support::{Fixture, NOW, dnssec_ok, question, serve};
use bole_geodns::geo::Atlas;
use hickory_proto::dnssec::Verifier;
use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, RRSIG};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{DNSClass, RData, Record, RecordType};

fn key(server: &mut Fixture) -> DNSKEY {
    let answer = server.ask("example.com.", "DNSKEY");
    let key = answer.answers.iter().find_map(|record| match &record.data {
        RData::DNSSEC(DNSSECRData::DNSKEY(key)) => Some(key.clone()),
        _ => None,
    });
    key.unwrap()
}

fn signature(record: &Record) -> Option<&RRSIG> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature)) => Some(signature),
        _ => None,
    }
}

/// Checks that every set of records in a section is signed; how many sets there were.
fn check(section: &[Record], key: &DNSKEY, unsigned: &[RecordType]) -> usize {
    let mut sets: Vec<(_, RecordType)> = section
        .iter()
        .filter(|record| signature(record).is_none() && !unsigned.contains(&record.record_type()))
        .map(|record| (record.name.clone(), record.record_type()))
        .collect();
    sets.sort();
    sets.dedup();
    for (name, kind) in &sets {
        let of_set = |record: &&Record| record.name == *name && record.record_type() == *kind;
        let covers = |record: &&Record| {
            record.name == *name && signature(record).is_some_and(|found| found.input().type_covered == *kind)
        };
        let found = section.iter().find(covers).unwrap_or_else(|| panic!("{name} {kind} is not signed"));
        let found = signature(found).unwrap();
        let input = found.input();
        assert!(u64::from(input.sig_inception.get()) < NOW && u64::from(input.sig_expiration.get()) > NOW);
        key.verify_rrsig(name, DNSClass::IN, found, section.iter().filter(of_set))
            .unwrap_or_else(|error| panic!("{name} {kind}: {error}"));
    }
    sets.len()
}

fn ask(server: &mut Fixture, name: &str, kind: &str) -> Message {
    server.ask_from("192.0.2.1", &question(name, kind, Some(dnssec_ok())))
}

#[test]
fn every_answer_of_a_signed_zone_is_signed() {
    let mut server = serve(&[ZONE], &Atlas::default(), &["example.com"]);
    let key = key(&mut server);
    let rows = [
        ("two.example.com.", "A", 1, 0),
        ("www.example.com.", "A", 1, 0),
        ("example.com.", "A", 1, 0),
        ("deep.example.com.", "A", 3, 0),
        ("x.y.wild.example.com.", "TXT", 1, 0),
        ("two.example.com.", "ANY", 1, 0),
        ("example.com.", "DNSKEY", 1, 0),
        ("nope.example.com.", "A", 0, 2),
        ("www.example.com.", "MX", 0, 2),
        ("b.c.example.com.", "A", 0, 2),
        ("blog.example.com.", "AAAA", 2 - 1, 2),
        ("sub.example.com.", "DS", 1, 0),
    ];
    // The second time signatures come from where they are kept.
    for _ in 0..2 {
        for (name, kind, answers, authorities) in rows {
            let answer = ask(&mut server, name, kind);
            assert_eq!(answer.metadata.response_code, ResponseCode::NoError, "{name} {kind}");
            assert_eq!(check(&answer.answers, &key, &[]), answers, "{name} {kind}");
            assert_eq!(check(&answer.authorities, &key, &[]), authorities, "{name} {kind}");
        }
    }
    let referral = ask(&mut server, "x.sub.example.com.", "A");
    assert_eq!(check(&referral.authorities, &key, &[RecordType::NS]), 1, "DS is signed, NS is not");
    let plain = server.ask("two.example.com.", "A");
    assert!(plain.answers.iter().all(|record| signature(record).is_none()), "nobody asked for signatures");
    assert_eq!(server.ask("nope.example.com.", "A").metadata.response_code, ResponseCode::NXDomain);
}

#[test]
fn a_denial_says_what_there_is() {
    let mut server = serve(&[ZONE], &Atlas::default(), &["example.com"]);
    let mut types = |name: &str, kind: &str| -> (String, String) {
        let answer = ask(&mut server, name, kind);
        let nsec = answer.authorities.iter().find(|record| record.record_type() == RecordType::NSEC).unwrap();
        let text = nsec.data.to_string();
        let (next, types) = text.split_once(' ').unwrap();
        (next.to_owned(), types.to_owned())
    };
    let rows = [
        ("nope.example.com.", "A", "\\000.nope.example.com.", "RRSIG NSEC TYPE128"),
        ("www.example.com.", "MX", "\\000.www.example.com.", "A TXT AAAA RRSIG NSEC"),
        ("b.c.example.com.", "A", "\\000.b.c.example.com.", "RRSIG NSEC"),
    ];
    for (name, kind, next, expected) in rows {
        let (found_next, found) = types(name, kind);
        let mut found: Vec<&str> = found.split(' ').collect();
        let mut expected: Vec<&str> = expected.split(' ').collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!((found_next.as_str(), found.len()), (next, expected.len()), "{name} {found:?}");
        assert!(expected.iter().all(|one| found.contains(one) || *one == "TYPE128"), "{name} {found:?}");
    }
}
