//! What keeps the server from being used against others: sizes, rates, cookies, signed requests, transfers.

use crate::answers::{ZONE, fixture};
use crate::support::{Fixture, NOW, question, serve};
use bole_geodns::answer::{Outcome, Server, Transport, transfer};
use bole_geodns::geo::{Atlas, Prefix};
use bole_geodns::security::rate::{Limiter, Settings};
use bole_geodns::security::transfer::Permission;
use bole_geodns::security::tsig::Key;
use bole_geodns::wire::Name;
use hickory_proto::op::{Edns, Message, ResponseCode};
use hickory_proto::rr::TSigner;
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::rdata::tsig::TsigAlgorithm;

const STATIC: &str = r#"
origin = "static.example"
[records]
"@" = { NS = "ns1" }
ns1 = { A = "192.0.2.53" }
www = { A = ["192.0.2.1", "192.0.2.2"] }
big = { TXT = ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"] }
"#;

const SECRET: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

fn udp(server: &mut Fixture, question: &Message) -> Option<Message> {
    let (outcome, out) =
        server.raw(&question.to_vec().unwrap(), &Fixture::client("192.0.2.1", Transport::Udp));
    matches!(outcome, Outcome::Sent(_)).then(|| Message::from_vec(&out).unwrap())
}

#[test]
fn what_does_not_fit_a_datagram_is_marked() {
    let mut server = serve(&[STATIC], &Atlas::default(), &[]);
    let mut small = Edns::new();
    small.set_max_payload(600);
    let mut large = Edns::new();
    large.set_max_payload(4_096);
    for (edns, cut) in [(None, true), (Some(small), true), (Some(large), false)] {
        let answer = udp(&mut server, &question("big.static.example.", "TXT", edns)).unwrap();
        assert_eq!((answer.metadata.truncation, answer.answers.is_empty()), (cut, cut));
    }
    let answer = server.ask("big.static.example.", "TXT");
    assert_eq!((answer.metadata.truncation, answer.answers.len()), (false, 3), "by TCP all of it comes");
}

#[test]
fn floods_are_limited_by_kind_unless_a_cookie_shows_who_it_is() {
    let mut server = fixture();
    let settings = Settings { answers: 5, nxdomains: 3, errors: 2, slip: 2, ..Settings::default() };
    server.rules.limiter = Limiter::new(settings, 1, 1 << 10);
    let counts = |server: &mut Fixture, name: &dyn Fn(usize) -> String, edns: Option<Edns>| {
        let mut counts = [0; 3];
        for index in 0..20 {
            let answer = udp(server, &question(&name(index), "A", edns.clone()));
            counts[answer.map_or(2, |answer| usize::from(answer.metadata.truncation))] += 1;
        }
        counts
    };
    assert_eq!(counts(&mut server, &|_| "two.example.com.".to_owned(), None), [5, 8, 7]);
    // Random names below a zone are one kind: the flood of resolvers that others are made to ask.
    assert_eq!(counts(&mut server, &|index| format!("x{index}.example.com."), None), [3, 8, 9]);
    assert_eq!(counts(&mut server, &|index| format!("x{index}.example.org."), None)[0], 2);

    let cookie = |answer: &Message| {
        let options = answer.edns.as_ref().unwrap().options();
        options.as_ref().iter().find_map(|(_, option)| match option {
            EdnsOption::Unknown(10, bytes) => Some(bytes.clone()),
            _ => None,
        })
    };
    let with = |bytes: Vec<u8>| {
        let mut edns = Edns::new();
        edns.options_mut().insert(EdnsOption::Unknown(10, bytes));
        edns
    };
    let first = server.ask_from("192.0.2.1", &question("blog.example.com.", "A", Some(with(vec![1; 8]))));
    let given = cookie(&first).unwrap();
    assert_eq!((given.len(), &given[..8]), (24, &[1; 8][..]));
    assert_eq!(
        counts(&mut server, &|_| "two.example.com.".to_owned(), Some(with(given.clone()))),
        [20, 0, 0]
    );
    let mut wrong = given.clone();
    wrong[20] ^= 1;
    assert_eq!(counts(&mut server, &|_| "two.example.com.".to_owned(), Some(with(wrong.clone())))[0], 0);

    server.rules.cookies_required = true;
    server.rules.limiter = crate::support::rules().limiter;
    let answer = udp(&mut server, &question("two.example.com.", "A", Some(with(wrong)))).unwrap();
    assert_eq!((answer.metadata.response_code, answer.answers.len()), (ResponseCode::BADCOOKIE, 0));
    let good = cookie(&answer).unwrap();
    let answer = udp(&mut server, &question("two.example.com.", "A", Some(with(good)))).unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
    assert!(
        udp(&mut server, &question("two.example.com.", "A", Some(with(vec![1; 7]))))
            .is_some_and(|answer| { answer.metadata.response_code == ResponseCode::FormErr })
    );
}

fn transferred(server: &mut Fixture, bytes: &[u8], client: &str) -> Result<Vec<Vec<u8>>, ResponseCode> {
    let client = Fixture::client(client, Transport::Tcp);
    match server.raw(bytes, &client) {
        (Outcome::Transfer, _) => {
            let mind = Server { zones: &server.zones, rules: &server.rules };
            Ok(transfer::messages(&mind, bytes, &client))
        }
        (_, out) => Err(Message::from_vec(&out).unwrap().metadata.response_code),
    }
}

#[test]
fn zones_go_whole_only_to_whom_they_may() {
    let mut server = serve(&[STATIC, ZONE], &Atlas::default(), &[]);
    server.rules.keys = vec![Key::new("xfr", "hmac-sha256", SECRET).unwrap()];
    server.rules.transfers = vec![
        Permission { from: vec![Prefix::parse("192.0.2.0/24").unwrap()], ..Permission::default() },
        Permission { key: Some(Name::absolute("xfr").unwrap()), ..Permission::default() },
    ];
    let plain = |name: &str, kind: &str| question(name, kind, None).to_vec().unwrap();
    let refused = |server: &mut Fixture, bytes: &[u8], client: &str| {
        transferred(server, bytes, client).map(|_| ()).unwrap_err()
    };
    assert_eq!(
        refused(&mut server, &plain("static.example.", "AXFR"), "198.51.100.1"),
        ResponseCode::Refused
    );
    assert_eq!(
        refused(&mut server, &plain("www.static.example.", "AXFR"), "192.0.2.1"),
        ResponseCode::NotAuth
    );
    assert_eq!(
        refused(&mut server, &plain("example.com.", "AXFR"), "192.0.2.1"),
        ResponseCode::Refused,
        "it has pools"
    );
    for kind in ["AXFR", "IXFR"] {
        let messages = transferred(&mut server, &plain("static.example.", kind), "192.0.2.1").unwrap();
        let records: Vec<String> = messages
            .iter()
            .flat_map(|message| Message::from_vec(message).unwrap().answers)
            .map(|record| record.to_string())
            .collect();
        assert_eq!((messages.len(), records.len()), (1, 9), "{records:?}");
        assert!(records[0].contains(" SOA ") && records[0] == records[8]);
    }
    let answer = udp(&mut server, &question("static.example.", "AXFR", None)).unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::Refused, "not by UDP");
    let answer = udp(&mut server, &question("static.example.", "IXFR", None)).unwrap();
    assert_eq!(answer.answers.len(), 1, "the SOA record by UDP");

    let signer = |secret: &[u8]| {
        let name = "xfr.".parse().unwrap();
        TSigner::new(secret.to_vec(), TsigAlgorithm::HmacSha256, name, 300).unwrap()
    };
    let secret = b"0123456789abcdef0123456789abcdef";
    let signed = |signer: &TSigner, now: u64| {
        let mut message = question("static.example.", "AXFR", None);
        let verifier = message.finalize(signer, now).unwrap();
        (message.to_vec().unwrap(), verifier)
    };
    let (bytes, verifier) = signed(&signer(secret), NOW);
    let messages = transferred(&mut server, &bytes, "198.51.100.1").unwrap();
    let mut verifier = verifier.unwrap();
    for message in &messages {
        verifier.verify(message).unwrap_or_else(|error| panic!("{error}"));
    }
    for (secret, now) in [(&b"another secret of 32 bytes......"[..], NOW), (&secret[..], NOW - 301)] {
        let (bytes, _) = signed(&signer(secret), now);
        assert_eq!(refused(&mut server, &bytes, "198.51.100.1"), ResponseCode::NotAuth);
    }
}

#[test]
fn a_long_zone_is_transferred_in_signed_parts() {
    let rows: String = (0..3_000)
        .fold(String::new(), |rows, index| rows + &format!("host{index} = {{ A = \"192.0.2.1\" }}\n"));
    let text =
        format!("origin = \"long.example\"\n[records]\n\"@\" = {{ NS = \"ns.example.net.\" }}\n{rows}");
    let mut server = serve(&[&text], &Atlas::default(), &[]);
    server.rules.keys = vec![Key::new("xfr", "hmac-sha512", SECRET).unwrap()];
    server.rules.transfers =
        vec![Permission { key: Some(Name::absolute("xfr").unwrap()), ..Permission::default() }];
    let signer = TSigner::new(
        b"0123456789abcdef0123456789abcdef".to_vec(),
        TsigAlgorithm::HmacSha512,
        "xfr.".parse().unwrap(),
        300,
    )
    .unwrap();
    let mut message = question("long.example.", "AXFR", None);
    let mut verifier = message.finalize(&signer, NOW).unwrap().unwrap();
    let messages = transferred(&mut server, &message.to_vec().unwrap(), "198.51.100.1").unwrap();
    assert!(messages.len() > 3 && messages.iter().all(|message| message.len() < 32 << 10));
    let mut records = 0;
    for message in &messages {
        verifier.verify(message).unwrap_or_else(|error| panic!("{error}"));
        records += Message::from_vec(message).unwrap().answers.len();
    }
    assert_eq!(records, 3_003);
}
