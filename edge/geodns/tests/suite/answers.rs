//! What a zone answers, row by row.

use crate::support::{Fixture, addresses, question, serve, shown, subnet};
use bole_edge_core::health::Condition;
use bole_geodns::geo::Atlas;
use bole_geodns::health::Health;
use bole_geodns::wire::RecordType;
use hickory_proto::op::ResponseCode;
use std::sync::Arc;

pub(crate) const ZONE: &str = r#"
origin = "example.com"
ttl = 300

[soa]
serial = 7

[records]
"@" = { NS = ["ns1", "ns2.example.net."], MX = "10 mail", ALIAS = "www", TXT = "v=spf1 -all" }
ns1 = { A = "192.0.2.53" }
mail = { A = "192.0.2.25" }
www = { POOL = "web", TXT = "hello" }
two = { A = ["192.0.2.1", "192.0.2.2"] }
blog = { CNAME = "two" }
deep = { CNAME = "blog" }
away = { CNAME = "www.example.net." }
outside = { ALIAS = "elsewhere.example.org." }
"*.wild" = { TXT = "any" }
"here.wild" = { A = "192.0.2.77" }
"a.b.c" = { A = "192.0.2.99" }
sub = { NS = ["ns.sub", "ns.example.net."], DS = "1 13 2 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF" }
"ns.sub" = { A = "192.0.2.54" }
loop1 = { CNAME = "loop2" }
loop2 = { CNAME = "loop1" }
hop = { POOL = "hop" }

[pools.web]
ttl = 30
chain = ["up", "priority", { filter = "first_n", n = 1 }]
answers = [
  { name = "one", A = "192.0.2.10", AAAA = "2001:db8::10", priority = 1, target = "one" },
  { name = "two", A = "192.0.2.20", priority = 2, target = "two" },
]

[pools.hop]
answers = [{ name = "x", CNAME = "two" }]
"#;

pub(crate) fn fixture() -> Fixture {
    serve(&[ZONE], &Atlas::default(), &[])
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn a_zone_answers_as_it_says() {
    let mut server = fixture();
    let soa = "example.com. 60 IN SOA ns1.example.com. hostmaster.example.com. 7 7200 1800 1209600 60";
    let rows: &[(&str, &str, ResponseCode, &[&str], &[&str])] = &[
        (
            "two.example.com.",
            "A",
            ResponseCode::NoError,
            &["two.example.com. 300 IN A 192.0.2.1", "two.example.com. 300 IN A 192.0.2.2"],
            &[],
        ),
        ("www.example.com.", "A", ResponseCode::NoError, &["www.example.com. 30 IN A 192.0.2.10"], &[]),
        ("www.example.com.", "TXT", ResponseCode::NoError, &["www.example.com. 300 IN TXT hello"], &[]),
        ("example.com.", "A", ResponseCode::NoError, &["example.com. 30 IN A 192.0.2.10"], &[]),
        ("example.com.", "MX", ResponseCode::NoError, &["example.com. 300 IN MX 10 mail.example.com."], &[]),
        (
            "deep.example.com.",
            "A",
            ResponseCode::NoError,
            &[
                "deep.example.com. 300 IN CNAME blog.example.com.",
                "blog.example.com. 300 IN CNAME two.example.com.",
                "two.example.com. 300 IN A 192.0.2.1",
                "two.example.com. 300 IN A 192.0.2.2",
            ],
            &[],
        ),
        (
            "deep.example.com.",
            "CNAME",
            ResponseCode::NoError,
            &["deep.example.com. 300 IN CNAME blog.example.com."],
            &[],
        ),
        (
            "blog.example.com.",
            "AAAA",
            ResponseCode::NoError,
            &["blog.example.com. 300 IN CNAME two.example.com."],
            &[soa],
        ),
        (
            "away.example.com.",
            "A",
            ResponseCode::NoError,
            &["away.example.com. 300 IN CNAME www.example.net."],
            &[],
        ),
        (
            "hop.example.com.",
            "A",
            ResponseCode::NoError,
            &[
                "hop.example.com. 300 IN CNAME two.example.com.",
                "two.example.com. 300 IN A 192.0.2.1",
                "two.example.com. 300 IN A 192.0.2.2",
            ],
            &[],
        ),
        (
            "x.y.wild.example.com.",
            "TXT",
            ResponseCode::NoError,
            &["x.y.wild.example.com. 300 IN TXT any"],
            &[],
        ),
        ("x.wild.example.com.", "A", ResponseCode::NoError, &[], &[soa]),
        // The name is there, so that the wildcard does not stand in; below it nothing is.
        ("here.wild.example.com.", "TXT", ResponseCode::NoError, &[], &[soa]),
        ("x.here.wild.example.com.", "TXT", ResponseCode::NXDomain, &[], &[soa]),
        ("b.c.example.com.", "A", ResponseCode::NoError, &[], &[soa]),
        ("nope.example.com.", "A", ResponseCode::NXDomain, &[], &[soa]),
        ("www.example.com.", "MX", ResponseCode::NoError, &[], &[soa]),
        ("loop1.example.com.", "A", ResponseCode::ServFail, &[], &[]),
        ("outside.example.com.", "A", ResponseCode::ServFail, &[], &[]),
        ("example.org.", "A", ResponseCode::Refused, &[], &[]),
        ("com.", "A", ResponseCode::Refused, &[], &[]),
        (".", "NS", ResponseCode::Refused, &[], &[]),
    ];
    for (name, kind, rcode, answers, authorities) in rows {
        let answer = server.ask(name, kind);
        assert_eq!(answer.metadata.response_code, *rcode, "{name} {kind}");
        assert_eq!(shown(&answer), *answers, "{name} {kind}");
        let authority: Vec<String> = answer.authorities.iter().map(ToString::to_string).collect();
        assert_eq!(authority, *authorities, "{name} {kind}");
        assert_eq!(answer.metadata.authoritative, *rcode != ResponseCode::Refused, "{name} {kind}");
        assert!(!answer.metadata.recursion_available);
    }
}

#[test]
fn a_delegation_refers_with_glue() {
    let mut server = fixture();
    for name in ["sub.example.com.", "a.b.sub.example.com.", "ns.sub.example.com."] {
        let answer = server.ask(name, "A");
        assert_eq!((answer.answers.len(), answer.metadata.authoritative), (0, false), "{name}");
        let authority: Vec<String> = answer.authorities.iter().map(ToString::to_string).collect();
        assert_eq!(
            authority,
            ["sub.example.com. 300 IN NS ns.sub.example.com.", "sub.example.com. 300 IN NS ns.example.net."]
        );
        let glue: Vec<String> = answer.additionals.iter().map(ToString::to_string).collect();
        assert_eq!(glue, ["ns.sub.example.com. 300 IN A 192.0.2.54"]);
    }
    let delegation = server.ask("sub.example.com.", "DS");
    assert_eq!(
        (delegation.answers.len(), delegation.metadata.authoritative),
        (1, true),
        "it is the parent's"
    );
}

#[test]
fn any_gets_one_record() {
    let answer = fixture().ask("two.example.com.", "ANY");
    assert_eq!(answer.answers.len(), 1);
    assert_eq!(answer.answers[0].record_type().to_string(), "HINFO");
}

#[test]
fn health_moves_answers_and_nobody_is_out_at_the_start() {
    let mut server = fixture();
    let rows = [
        (Condition::Well, Condition::Well, "192.0.2.10"),
        (Condition::Unwell, Condition::Well, "192.0.2.20"),
        (Condition::Draining, Condition::Well, "192.0.2.20"),
        // All are kept if none is well.
        (Condition::Unwell, Condition::Unwell, "192.0.2.10"),
        (Condition::Well, Condition::Unwell, "192.0.2.10"),
    ];
    for (one, two, expected) in rows {
        server.vitals.target("one").set_condition(one);
        server.vitals.target("two").set_condition(two);
        let answer = server.ask("www.example.com.", "A");
        assert_eq!(addresses(&answer), [expected.parse::<std::net::IpAddr>().unwrap()], "{one:?} {two:?}");
    }
}

struct Known;

impl bole_geodns::answer::Resolver for Known {
    fn addresses(&self, name: &bole_geodns::wire::Name, kind: RecordType) -> Option<(u32, Vec<Box<[u8]>>)> {
        let known = name.to_string() == "elsewhere.example.org." && kind == RecordType::A;
        known.then(|| (20, vec![vec![198, 51, 100, 1].into()]))
    }
}

#[test]
fn an_alias_to_elsewhere_is_asked_of_the_resolver() {
    let mut server = fixture();
    server.rules.resolver = Some(Arc::new(Known));
    let answer = server.ask("outside.example.com.", "A");
    assert_eq!(shown(&answer), ["outside.example.com. 20 IN A 198.51.100.1"]);
    assert_eq!(server.ask("outside.example.com.", "AAAA").metadata.response_code, ResponseCode::ServFail);
}

#[test]
fn edns_is_answered_in_kind() {
    let mut server = fixture();
    assert!(server.ask("two.example.com.", "A").edns.is_none(), "none without a question for it");
    let answer =
        server.ask_from("192.0.2.1", &question("two.example.com.", "A", Some(subnet("198.51.100.0", 24))));
    assert_eq!(crate::support::scope(&answer), Some(0), "it does not depend on the client");
    let mut edns = subnet("198.51.100.0", 24);
    edns.set_version(1);
    let answer = server.ask_from("192.0.2.1", &question("two.example.com.", "A", Some(edns)));
    assert_eq!((u16::from(answer.metadata.response_code), answer.answers.len()), (16, 0));
    server.rules.ecs = false;
    let answer =
        server.ask_from("192.0.2.1", &question("two.example.com.", "A", Some(subnet("198.51.100.0", 24))));
    assert_eq!(crate::support::scope(&answer), None, "switched off, it is not spoken of");
}

#[test]
fn a_question_comes_back_as_it_was_written() {
    let mut bytes = question("two.example.com.", "A", None).to_vec().unwrap();
    bytes[12..].iter_mut().step_by(2).for_each(|byte| *byte = byte.to_ascii_uppercase());
    let (_, out) = fixture().raw(&bytes, &Fixture::client("192.0.2.1", bole_geodns::answer::Transport::Udp));
    assert_eq!((&out[12..bytes.len()], out[7]), (&bytes[12..], 2), "resolvers check its case");
}

const HELPFUL: &str = r#"
origin = "example.com"
[records]
"@" = { NS = "ns.example.net.", MX = ["10 mail", "20 mail2", "30 mail.example.net."], HTTPS = "1 . alpn=h2", A = "192.0.2.80" }
mail = { A = "192.0.2.25", AAAA = "2001:db8::25" }
mail2 = { A = "192.0.2.26" }
"_sip._tcp" = { SRV = ["0 5 5060 mail", "0 5 5061 mail"] }
svc = { SVCB = "0 mail" }
pooled = { POOL = "p" }
other = { MX = "10 pooled" }
many = { MX = "10 big" }
big = { A = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6", "192.0.2.7", "192.0.2.8", "192.0.2.9", "192.0.2.10", "192.0.2.11", "192.0.2.12", "192.0.2.13", "192.0.2.14", "192.0.2.15", "192.0.2.16", "192.0.2.17", "192.0.2.18", "192.0.2.19", "192.0.2.20", "192.0.2.21", "192.0.2.22", "192.0.2.23", "192.0.2.24", "192.0.2.25", "192.0.2.26", "192.0.2.27", "192.0.2.28", "192.0.2.29", "192.0.2.30", "192.0.2.31", "192.0.2.32", "192.0.2.33", "192.0.2.34", "192.0.2.35", "192.0.2.36"] }
[pools.p]
answers = [{ name = "a", A = "192.0.2.90" }]
"#;

#[test]
fn addresses_that_are_asked_for_next_come_along_where_there_is_room() {
    let mut server = serve(&[HELPFUL], &Atlas::default(), &[]);
    let rows: &[(&str, &str, &[&str])] = &[
        ("example.com.", "MX", &["192.0.2.25", "2001:db8::25", "192.0.2.26"]),
        ("_sip._tcp.example.com.", "SRV", &["192.0.2.25", "2001:db8::25"]),
        ("example.com.", "HTTPS", &["192.0.2.80"]),
        ("svc.example.com.", "SVCB", &["192.0.2.25", "2001:db8::25"]),
        ("other.example.com.", "MX", &[]),
        ("example.com.", "NS", &[]),
    ];
    for (name, kind, expected) in rows {
        let answer = server.ask(name, kind);
        let found: Vec<String> = answer
            .additionals
            .iter()
            .filter_map(|record| record.data.ip_addr())
            .map(|ip| ip.to_string())
            .collect();
        assert_eq!(found, *expected, "{name} {kind}");
    }
    // 512 bytes do not hold 36 addresses: they go, and the answer is not marked as cut short.
    let client = Fixture::client("192.0.2.1", bole_geodns::answer::Transport::Udp);
    let (_, bytes) = server.raw(&question("many.example.com.", "MX", None).to_vec().unwrap(), &client);
    let answer = hickory_proto::op::Message::from_vec(&bytes).unwrap();
    assert!(!answer.metadata.truncation && bytes.len() <= 512);
    assert_eq!((answer.answers.len(), answer.additionals.len()), (1, 0));
    assert_eq!(server.ask("many.example.com.", "MX").additionals.len(), 36);
}
