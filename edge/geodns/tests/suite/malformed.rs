//! Messages that are none: whatever comes, nothing panics, nothing grows, and what is answered can be read.

use crate::answers::fixture;
use crate::support::{Fixture, question, subnet};
use bole_geodns::answer::{Outcome, Transport};
use hickory_proto::op::{Message, ResponseCode};
use proptest::prelude::*;

#[test]
fn what_is_no_query_is_refused_in_the_protocols_own_words() {
    let good = question("two.example.com.", "A", Some(subnet("192.0.2.0", 24))).to_vec().unwrap();
    let plain = question("two.example.com.", "A", None).to_vec().unwrap();
    let changed = |base: &[u8], at: usize, value: u8| {
        let mut bytes = base.to_vec();
        bytes[at] = value;
        bytes
    };
    let ecs = good.len() - 7;
    let rows: Vec<(&str, Vec<u8>, Option<ResponseCode>)> = vec![
        ("nothing", vec![], None),
        ("half a header", plain[..11].to_vec(), None),
        ("a response", changed(&plain, 2, 0x80), None),
        ("another operation", changed(&plain, 2, 0x28), Some(ResponseCode::NotImp)),
        ("no question", changed(&plain, 5, 0), Some(ResponseCode::FormErr)),
        ("two questions", changed(&plain, 5, 2), Some(ResponseCode::FormErr)),
        ("a label that is too long", changed(&plain, 12, 64), Some(ResponseCode::FormErr)),
        ("a pointer in the question", changed(&plain, 12, 0xC0), Some(ResponseCode::FormErr)),
        ("a cut question", plain[..plain.len() - 2].to_vec(), Some(ResponseCode::FormErr)),
        ("a record that is not there", changed(&plain, 11, 1), Some(ResponseCode::FormErr)),
        ("many records", changed(&plain, 10, 255), Some(ResponseCode::FormErr)),
        ("a subnet of an unknown family", changed(&good, ecs + 1, 3), Some(ResponseCode::FormErr)),
        ("a subnet with a scope", changed(&good, ecs + 3, 24), Some(ResponseCode::FormErr)),
        ("a subnet that is too long", changed(&good, ecs + 2, 16), Some(ResponseCode::FormErr)),
        ("another class", changed(&plain, plain.len() - 1, 3), Some(ResponseCode::Refused)),
        ("a type that is no question", changed(&plain, plain.len() - 3, 41), Some(ResponseCode::FormErr)),
    ];
    let mut server = fixture();
    let client = Fixture::client("192.0.2.1", Transport::Udp);
    for (what, bytes, expected) in rows {
        let (outcome, out) = server.raw(&bytes, &client);
        let found = match outcome {
            Outcome::Silent => None,
            _ => Some(
                Message::from_vec(&out)
                    .unwrap_or_else(|error| panic!("{what}: {error}"))
                    .metadata
                    .response_code,
            ),
        };
        assert_eq!(found, expected, "{what}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn any_bytes_are_answered_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes)?;
    }

    #[test]
    fn any_change_of_a_query_is_answered_or_not(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
        kind in prop::sample::select(vec!["A", "DNSKEY", "AXFR", "ANY", "TXT", "DS"]),
        name in prop::sample::select(vec!["www.example.com.", "a.sub.example.com.", "example.com.", "x.wild.example.com."]),
    ) {
        let mut bytes = question(name, kind, Some(subnet("10.1.0.0", 16))).to_vec().unwrap();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        check(&bytes)?;
        check(&bytes[..cut.index(bytes.len() + 1)])?;
    }
}

fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    thread_local! {
        static SERVER: std::cell::RefCell<Fixture> = fixture().into();
    }
    SERVER.with_borrow_mut(|server| {
        for transport in [Transport::Udp, Transport::Tcp] {
            let (outcome, out) = server.raw(bytes, &Fixture::client("192.0.2.1", transport));
            if let Outcome::Sent(_) = outcome {
                prop_assert!(out.len() >= 12 && out[..2] == bytes[..2] && out[2] & 0x80 != 0);
                prop_assert!(transport != Transport::Udp || out.len() <= 1_232);
                // hickory refuses some names and data that are well formed on the wire; ours must not be among what it cannot parse
                // for our own records, so that only questions of plain letters are compared.
                if bytes.get(12..).is_some_and(|rest| rest.iter().all(|byte| *byte < 0x7F)) {
                    prop_assert!(Message::from_vec(&out).is_ok());
                }
            }
        }
        Ok(())
    })
}
