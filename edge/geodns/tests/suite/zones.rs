//! Texts of zones: those that are right say the same to hickory and to us, those that are wrong are told whole, with places.

use crate::answers::ZONE;
use bole_geodns::geo::Atlas;
use bole_geodns::health::Vitals;
use bole_geodns::wire::{Name, RecordType};
use bole_geodns::zone::compile::{With, compile};
use bole_geodns::zone::source::What;
use bole_geodns::zone::{Problems, Source, Zone, document, master, rdata};
use hickory_proto::serialize::binary::BinEncodable;
use hickory_proto::serialize::txt::Parser;
use proptest::prelude::*;
use std::fmt::Write;
use std::path::Path;

const MASTER: &str = r#"
$ORIGIN example.com.
$TTL 1h
@   IN SOA ns1 hostmaster (
        2026112701 ; serial
        2h 30m 2w 60 )
    NS ns1
    NS ns2.example.net.
ns1 300 A 192.0.2.53
www IN 60 A 192.0.2.1
    60 A 192.0.2.2
    AAAA 2001:db8::1
mail MX 10 mx.example.net.
txt TXT "one two" three "semi;colon"
_sip._tcp SRV 1 2 5060 www
web HTTPS 1 . alpn=h2,h3 port=8443 ipv4hint=192.0.2.1
caa CAA 0 issue "ca.example.net"
key TLSA 3 1 1 0011223344556677889900112233445566778899001122334455667788990011
host SSHFP 4 2 0011223344556677889900112233445566778899001122334455667788990011
alias CNAME www
*.wild TXT any
sub NS ns.sub
ns.sub A 192.0.2.54
$ORIGIN deep.example.com.
a A 192.0.2.9
"#;

fn records(source: &Source) -> Vec<(String, u32, u16, Vec<u8>)> {
    let mut rows: Vec<_> = source
        .entries
        .iter()
        .filter_map(|entry| match &entry.what {
            What::Record(kind, data) => Some((entry.owner.to_string(), entry.ttl, kind.0, data.to_vec())),
            _ => None,
        })
        .collect();
    rows.sort();
    rows
}

#[test]
fn a_master_file_says_the_same_to_hickory() {
    let ours = master::parse("test", MASTER, None).unwrap();
    let (_, sets) = Parser::new(MASTER, None, Some("example.com.".parse().unwrap())).parse().unwrap();
    let mut theirs: Vec<(String, u32, u16, Vec<u8>)> = sets
        .values()
        .flat_map(|set| set.records_without_rrsigs())
        .map(|record| {
            let data = record.data.to_bytes().unwrap();
            (record.name.to_string().to_lowercase(), record.ttl, record.record_type().into(), data)
        })
        .collect();
    theirs.sort();
    let mut ours = records(&ours);
    // hickory compresses the second name of an SOA record within the first.
    ours.retain(|row| row.2 != RecordType::SOA.0);
    theirs.retain(|row| row.2 != RecordType::SOA.0);
    // hickory does not complete names in SVCB and HTTPS, and there are none to complete here.
    assert_eq!(ours.len(), theirs.len());
    // TTLs of $TTL are given to every record without one by us; hickory takes those of the set's first.
    ours.iter_mut().chain(theirs.iter_mut()).for_each(|row| row.1 = 0);
    assert_eq!(ours, theirs);
}

#[test]
fn a_source_that_is_written_is_read_the_same() {
    let source = master::parse("test", MASTER, None).unwrap();
    let again = master::parse("test", &master::show(&source), None).unwrap();
    assert_eq!((again.origin.clone(), records(&again)), (source.origin.clone(), records(&source)));
    let document = document::parse("test", ZONE, Path::new(""), 1).unwrap();
    let again = master::parse("test", &master::show(&document), None).unwrap();
    assert_eq!(records(&again), records(&document));
}

fn compiled(text: &str) -> Result<Zone, Problems> {
    let source = document::parse("zone.toml", text, Path::new(""), 1)?;
    compile(&source, &With { health: &Vitals::default(), atlas: &Atlas::default(), signer: None })
}

#[test]
fn all_that_is_wrong_is_told_with_its_line() {
    let text = r#"origin = "example.com"
colour = "red"
[records]
"@" = { NS = "ns1" }
ns1 = { A = "192.0.2.300" }
www = { AAAA = "1.2.3.4", MX = "ten mail", POOL = "web" }
"a..b" = { A = "192.0.2.1" }
low = { a = "192.0.2.1" }
[pools.web]
chain = ["up", "gotarget", { filter = "first_n", n = 0 }, { filter = "up", when = "x" }]
[[pools.web.answers]]
name = "x"
A = "x"
country = "Germany"
continent = "XX"
prefix = "10.0.0.1/8"
at = [100, 0]
weight = 70000
load = { low = 2, high = 1 }
size = 3
"#;
    let problems = compiled(text).unwrap_err();
    let lines: Vec<usize> = problems.list.iter().map(|problem| problem.line).collect();
    for expected in [2, 5, 6, 7, 8, 10, 13, 14, 15, 16, 17, 18, 19, 20] {
        assert!(lines.contains(&expected), "nothing is told of line {expected}: {problems}");
    }
    assert_eq!(lines.iter().filter(|line| **line == 10).count(), 3, "{problems}");
    assert_eq!(lines.iter().filter(|line| **line == 6).count(), 2, "{problems}");
    assert!(
        problems.to_string().contains("zone.toml:5: A: \"192.0.2.300\" is not an IPv4 address"),
        "{problems}"
    );
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let zone = |rows: &str| {
        format!("origin = \"example.com\"\n[records]\n\"@\" = {{ NS = \"ns.example.net.\" }}\n{rows}\n")
    };
    let rows = [
        ("www = { CNAME = \"a.example.net.\", TXT = \"x\" }", "CNAME record and other records"),
        ("www = { CNAME = [\"a.example.net.\", \"b.example.net.\"] }", "2 CNAME records"),
        ("www = { ALIAS = \"a.example.net.\", A = \"192.0.2.1\" }", "beside those of its ALIAS or POOL"),
        ("www = { MX = \"10 gone\" }", "which is not in the zone"),
        ("www = { MX = \"10 alias\" }\nalias = { CNAME = \"x.example.net.\" }", "which is a CNAME"),
        ("sub = { NS = \"ns.sub\" }", "has no address"),
        ("sub = { NS = \"x.example.net.\" }\n\"a.sub\" = { TXT = \"x\" }", "would never be served"),
        ("www = { DS = \"1 13 2 00\" }", "is not delegated"),
        ("www = { RRSIG = \"\\\\# 1 00\" }", "signed here"),
        ("www = { POOL = \"gone\" }", "there is no pool"),
        ("\"www.example.org.\" = { A = \"192.0.2.1\" }", "is not in the zone"),
        (
            "\"x\" = { A = { ttl = 60, data = \"192.0.2.1\" } }\n\"x.example.com.\" = { A = \"192.0.2.2\" }",
            "have one",
        ),
    ];
    let pool = |more: &str, answer: &str| {
        format!(
            "www = {{ POOL = \"p\" }}\n[pools.p]\n{more}\nanswers = [{{ name = \"a\", A = \"192.0.2.1\", {answer} }}]"
        )
    };
    let up = "chain = [\"up\"]";
    for (rows, expected) in [
        (pool("chain = [\"first_n\"]", "check = \"tcp://a:1\""), "`check` has no effect"),
        (pool(up, "check = \"udp://a:1\""), "is neither tcp nor http"),
        (pool(up, "check = \"tcp://a:1\", target = \"t\""), "exclude each other"),
        (pool(&format!("{up}\nchecks = {{ interval = 0 }}"), "check = \"tcp://a:1\""), "it is 1 s to 1 h"),
        (pool(&format!("{up}\nchecks = {{ rise = 0 }}"), "check = \"tcp://a:1\""), "from 1 to 100"),
        (pool(&format!("{up}\nchecks = {{ every = 1 }}"), "check = \"tcp://a:1\""), "has no `every`"),
    ] {
        let problems = compiled(&zone(&rows)).map(|_| ()).unwrap_err().to_string();
        assert!(problems.contains(expected), "{rows}: {problems}");
    }
    assert!(compiled(&zone(&pool(up, "check = \"http://a:1/x\""))).is_ok());
    for (rows, expected) in rows {
        let problems = compiled(&zone(rows)).map(|_| ()).unwrap_err().to_string();
        assert!(problems.contains(expected), "{rows}: {problems}");
    }
    assert!(compiled(&zone("www = { A = \"192.0.2.1\" }")).is_ok());
    let problems = compiled("origin = \"example.com\"\n[records]\n\"@\" = { CNAME = \"a.example.net.\" }")
        .unwrap_err()
        .to_string();
    assert!(problems.contains("has no NS records") && problems.contains("use ALIAS"), "{problems}");
}

#[test]
fn serial_numbers_are_raised_and_never_lowered() {
    for (serial, least, expected) in
        [(7, 7, 7), (7, 8, 8), (7, 3, 7), (u32::MAX, 2, 2), (2, u32::MAX, 2), (0, 1 << 30, 1 << 30)]
    {
        let text = format!("@ 60 SOA a b {serial} 2 3 4 5\n");
        let mut source = master::parse("test", &text, Name::absolute("example.com").ok().as_ref()).unwrap();
        source.raise_serial(least);
        assert_eq!(source.serial(), Some(expected), "{serial} {least}");
    }
}

#[test]
fn a_document_that_was_given_names_no_files() {
    let text = "origin = \"example.com\"\nmaster = \"/etc/passwd\"\n";
    let problems = document::given("x", text, 1).unwrap_err().to_string();
    assert!(problems.contains("x:2: `master` names a file") && !problems.contains("root"), "{problems}");
}

proptest! {
    #[test]
    fn any_text_is_a_zone_or_its_problems(text in "[ -~\n\t]{0,300}") {
        let _ = master::parse("test", &text, None);
        let _ = compiled(&text);
        let _ = compiled(&format!("origin = \"x\"\n{text}"));
    }

    #[test]
    fn records_of_any_data_round_trip_through_master_files(
        rows in proptest::collection::vec((0_usize..17, proptest::collection::vec(any::<u8>(), 0..40)), 0..20),
    ) {
        let kinds: Vec<RecordType> = rdata::known().collect();
        let origin = Name::absolute("example.com").unwrap();
        let mut text = String::from("$ORIGIN example.com.\n@ 60 SOA a b 1 2 3 4 5\n");
        for (kind, data) in &rows {
            if let Some(shown) = rdata::show(kinds[*kind], data).filter(|_| kinds[*kind] != RecordType::SOA) {
                let _ = writeln!(text, "x 60 {} {shown}", kinds[*kind]);
            }
        }
        let source = master::parse("test", &text, Some(&origin)).unwrap();
        let again = master::parse("test", &master::show(&source), Some(&origin)).unwrap();
        prop_assert_eq!(records(&source), records(&again));
    }
}
