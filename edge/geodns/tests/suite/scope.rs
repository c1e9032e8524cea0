//! The scope of answers: every address within it gets the answer that was given, and the next wider prefix would break that.

use crate::mmdb::{asn, city, world, write};
use crate::support::{addresses, question, scope, serve, subnet};
use bole_edge_core::Random;
use bole_edge_core::health::Condition;
use bole_geodns::chain::{self, Area, Candidate, Notes, Options, Pool, Value};
use bole_geodns::geo::{Atlas, Prefix, masked, mmdb};
use bole_geodns::health::Vital;
use bole_geodns::wire::RecordType;
use bole_geodns::zone::Set;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

fn zone(chain: &str, answers: &str) -> String {
    format!(
        "origin = \"example.com\"\n[records]\n\"@\" = {{ NS = \"ns.example.net.\" }}\nwww = {{ POOL = \"p\" }}\n\
         [pools.p]\nchain = {chain}\nanswers = [{answers}]\n"
    )
}

#[test]
fn answers_go_by_place_and_say_for_whom_they_hold() {
    let atlas =
        mmdb::read(world()).unwrap().or(&mmdb::read(write(&[("10.64.0.0/10", asn(64_500))])).unwrap());
    let by_area = zone(
        r#"["up", "geotarget", { filter = "first_n", n = 1 }]"#,
        r#"{ name = "eu", A = "192.0.2.1", continent = "EU" }, { name = "fr", A = "192.0.2.2", country = "FR" },
           { name = "ca", A = "192.0.2.3", region = "US-CA" }, { name = "as", A = "192.0.2.4", asn = 64500 },
           { name = "net", A = "192.0.2.5", prefix = "10.1.2.0/24" }, { name = "all", A = "192.0.2.9" }"#,
    );
    let by_distance = zone(
        r#"["up", { filter = "geotarget", by = "distance" }, { filter = "first_n", n = 1 }]"#,
        r#"{ name = "fra", A = "192.0.2.1", at = [50.1, 8.7] }, { name = "nyc", A = "192.0.2.2", at = [40.7, -74.0] },
           { name = "tyo", A = "192.0.2.3", at = [35.7, 139.7] }"#,
    );
    let fenced = zone(
        r#"["geofence"]"#,
        r#"{ name = "de", A = "192.0.2.1", country = "DE" }, { name = "us", A = "192.0.2.2", country = "US" }"#,
    );
    let rows: &[(&str, &str, u8, Option<u8>, u8)] = &[
        // zone, client, source, last octet of the answer, scope
        ("area", "10.1.1.0", 24, Some(1), 23),
        ("area", "10.1.2.0", 24, Some(5), 24),
        ("area", "10.100.0.0", 16, Some(4), 10),
        ("area", "10.200.0.0", 16, Some(2), 9),
        ("area", "20.1.0.0", 16, Some(3), 10),
        ("area", "20.64.0.0", 16, Some(9), 10),
        ("area", "200.0.0.0", 8, Some(9), 1),
        ("area", "2001:db8::", 32, Some(1), 32),
        // Who is nowhere gets the list as it stands, which is that of Frankfurt.
        ("distance", "10.5.0.0", 16, Some(1), 4),
        ("distance", "20.5.0.0", 16, Some(2), 10),
        ("distance", "30.5.0.0", 16, Some(3), 8),
        ("fence", "10.5.0.0", 16, Some(1), 9),
        ("fence", "20.64.0.0", 16, Some(2), 8),
        ("fence", "30.5.0.0", 16, None, 5),
    ];
    let mut servers = [("area", by_area), ("distance", by_distance), ("fence", fenced)]
        .map(|(name, text)| (name, serve(&[&text], &atlas, &[])));
    for (name, client, source, expected, bits) in rows {
        let server = &mut servers.iter_mut().find(|row| row.0 == *name).unwrap().1;
        let answer =
            server.ask_from("192.0.2.1", &question("www.example.com.", "A", Some(subnet(client, *source))));
        let found: Vec<IpAddr> = addresses(&answer);
        let expected: Vec<IpAddr> =
            expected.iter().map(|last| Ipv4Addr::new(192, 0, 2, *last).into()).collect();
        assert_eq!((found, scope(&answer)), (expected, Some(*bits)), "{name} {client}/{source}");
    }
}

#[test]
fn who_gives_no_subnet_is_placed_by_its_address_and_privacy_by_none() {
    let atlas = mmdb::read(world()).unwrap();
    let text = zone(
        r#"["geotarget"]"#,
        r#"{ name = "eu", A = "192.0.2.1", continent = "EU" }, { name = "all", A = "192.0.2.9" }"#,
    );
    let mut server = serve(&[&text], &atlas, &[]);
    let last = |addresses: Vec<IpAddr>| addresses.iter().map(ToString::to_string).collect::<Vec<_>>();
    let plain = question("www.example.com.", "A", None);
    assert_eq!(last(addresses(&server.ask_from("10.1.1.1", &plain))), ["192.0.2.1"]);
    assert_eq!(last(addresses(&server.ask_from("20.1.1.1", &plain))), ["192.0.2.9"]);
    let private = question("www.example.com.", "A", Some(subnet("0.0.0.0", 0)));
    let answer = server.ask_from("10.1.1.1", &private);
    assert_eq!((last(addresses(&answer)), scope(&answer)), (vec!["192.0.2.1".to_owned()], Some(0)));
}

#[test]
fn sticky_clients_stay_and_only_those_of_a_lost_answer_move() {
    let text = zone(
        r#"["up", { filter = "sticky", v4_bits = 16 }, "first_n"]"#,
        r#"{ name = "a", A = "192.0.2.1", target = "a" }, { name = "b", A = "192.0.2.2", target = "b" }, { name = "c", A = "192.0.2.3", weight = 2, target = "c" }"#,
    );
    let mut server = serve(&[&text], &Atlas::default(), &[]);
    let ask = |server: &mut crate::support::Fixture| -> Vec<IpAddr> {
        let client = |network: u32| Ipv4Addr::from_bits(network << 16).to_string();
        let each = (0..2_000).map(|network| {
            let answer = server.ask_from(
                "192.0.2.1",
                &question("www.example.com.", "A", Some(subnet(&client(network), 24))),
            );
            assert_eq!(scope(&answer), Some(16));
            addresses(&answer)[0]
        });
        each.collect()
    };
    let before = ask(&mut server);
    assert_eq!(ask(&mut server), before);
    let share =
        |last: u8| before.iter().filter(|address| **address == IpAddr::from([192, 0, 2, last])).count();
    assert!((900..1_100).contains(&share(3)) && (400..600).contains(&share(1)), "{} {}", share(3), share(1));
    bole_geodns::health::Health::target(&server.vitals, "a").set_condition(Condition::Unwell);
    let after = ask(&mut server);
    let lost = IpAddr::from([192, 0, 2, 1]);
    assert!(before.iter().zip(&after).all(|(before, after)| (before == after) == (*before != lost)));
}

fn candidate(index: usize, area: Area, priority: u32) -> Candidate {
    let data = vec![[192, 0, 2, index as u8].as_slice().into()];
    Candidate {
        name: format!("a{index}").into(),
        target: format!("t{index}").into(),
        check: None,
        vital: Arc::new(Vital::default()),
        area,
        at: None,
        weight: 1,
        priority,
        load: None,
        sets: vec![Set::new(RecordType::A, 60, data)],
    }
}

/// Answers in every state of health, whatever geography says, without compiled classes: the list of chosen candidates.
fn answers(pool: &Pool, client: IpAddr) -> Vec<Vec<u16>> {
    let count = pool.candidates.len();
    let states = 0..1_u32 << count;
    let each = states.map(|state| {
        for (index, candidate) in pool.candidates.iter().enumerate() {
            let up = state >> index & 1 == 1;
            candidate.vital.set_condition(if up { Condition::Well } else { Condition::Unwell });
        }
        let choice = pool.choose(RecordType::A, client, &mut Random::new(1), &mut Notes::off()).unwrap();
        choice.list.to_vec()
    });
    each.collect()
}

fn scope_of(pool: &Pool, client: IpAddr) -> u8 {
    pool.choose(RecordType::A, client, &mut Random::new(1), &mut Notes::off()).unwrap().scope
}

/// A pool that is compiled for one client alone: what a class must come to, from the area rules without ranges.
fn slow(pool: &Pool, chain: &[&str], client: IpAddr) -> Vec<Vec<u16>> {
    let candidates: Vec<Candidate> = pool
        .candidates
        .iter()
        .map(|candidate| {
            let mut copy = candidate.clone();
            let holds = |prefix: &&Prefix| prefix.contains(client);
            // Its prefixes become the whole world, or some place where nobody is.
            let was_anywhere = copy.area.is_anywhere();
            let inside = copy.area.prefixes.iter().any(|prefix| holds(&prefix));
            copy.area.prefixes = match (was_anywhere, inside) {
                (true, _) => Vec::new(),
                (_, true) => vec![Prefix::parse("0.0.0.0/0").unwrap()],
                (_, false) => vec![Prefix::parse("::1").unwrap()],
            };
            copy
        })
        .collect();
    answers(&Pool::new("p".into(), 60, candidates, filters(chain), &Atlas::default()), client)
}

fn filters(chain: &[&str]) -> Vec<Box<dyn chain::Filter>> {
    let one = |name: &&str| match *name {
        "strict" => chain::build("geofence", &Options::from([("strict".to_owned(), Value::Flag(true))])),
        name => chain::build(name, &Options::new()),
    };
    chain.iter().map(|name| one(name).unwrap()).collect()
}

const CHAINS: [&[&str]; 6] = [
    &["up", "geotarget", "first_n"],
    &["up", "geofence", "priority"],
    &["geotarget", "up"],
    &["up", "strict", "geotarget", "first_n"],
    &["geofence", "up", "geotarget"],
    &["geotarget"],
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn every_address_in_the_scope_gets_the_answer_and_a_wider_one_would_not_do(
        raw in proptest::collection::vec(proptest::collection::vec((any::<u32>(), 0_u8..=12), 0..4), 1..5),
        chain in 0..CHAINS.len(),
        probes in proptest::collection::vec(any::<u32>(), 12),
    ) {
        let area = |rows: &Vec<(u32, u8)>| Area {
            prefixes: rows.iter().map(|(address, length)| Prefix::new(Ipv4Addr::from_bits(*address).into(), *length).unwrap()).collect(),
            ..Area::default()
        };
        let candidates: Vec<Candidate> = raw.iter().enumerate().map(|(index, rows)| candidate(index, area(rows), index as u32 % 2)).collect();
        let pool = Pool::new("p".into(), 60, candidates, filters(CHAINS[chain]), &Atlas::default());
        // Answers change only at the edges of prefixes.
        let edges: Vec<u32> = raw.iter().flatten().flat_map(|(address, length)| {
            let mask = u32::MAX.checked_shl(32 - u32::from(*length)).unwrap_or(0);
            let (first, last) = (address & mask, address | !mask);
            [first, last, first.wrapping_sub(1), last.wrapping_add(1)]
        }).collect();
        for bits in probes.iter().chain(&edges).take(24) {
            let client: IpAddr = Ipv4Addr::from_bits(*bits).into();
            let given = answers(&pool, client);
            prop_assert_eq!(&given, &slow(&pool, CHAINS[chain], client));
            let scope = scope_of(&pool, client);
            let within = |other: u32, length: u8| masked(Ipv4Addr::from_bits(other).into(), length) == masked(client, length);
            for other in probes.iter().chain(&edges).filter(|other| within(**other, scope)) {
                prop_assert_eq!(&given, &answers(&pool, Ipv4Addr::from_bits(*other).into()), "within /{} of {}", scope, client);
            }
            if scope > 0 {
                let IpAddr::V4(first) = masked(client, scope - 1) else { unreachable!() };
                let last = first.to_bits() | u32::MAX.checked_shr(u32::from(scope - 1)).unwrap_or(0);
                let mut wider = edges.iter().copied().chain([first.to_bits(), last]).filter(|other| within(*other, scope - 1));
                prop_assert!(wider.any(|other| answers(&pool, Ipv4Addr::from_bits(other).into()) != given), "a wider scope than /{} of {} would do", scope, client);
            }
        }
    }

    #[test]
    fn countries_of_any_file_give_scopes_that_hold(rows in proptest::collection::vec((any::<u32>(), 2_u8..=10, 0_usize..4), 1..8)) {
        const COUNTRIES: [&str; 4] = ["DE", "FR", "US", "JP"];
        let mut rows = rows;
        rows.sort_by_key(|row| row.1);
        let prefixes: Vec<String> = rows.iter().map(|row| Prefix::new(Ipv4Addr::from_bits(row.0).into(), row.1).unwrap().to_string()).collect();
        let values = rows.iter().map(|row| city(COUNTRIES[row.2], "EU", "X", (0.0, 0.0)));
        let file = write(&prefixes.iter().map(String::as_str).zip(values).collect::<Vec<_>>());
        let atlas = mmdb::read(file).unwrap();
        let area = |code: &str| Area { countries: vec![bole_geodns::geo::Code::parse(code).unwrap()], ..Area::default() };
        let candidates = vec![candidate(0, area("DE"), 0), candidate(1, area("FR"), 0), candidate(2, Area::default(), 0)];
        let pool = Pool::new("p".into(), 60, candidates, filters(&["up", "geotarget"]), &atlas);
        for (address, length, _) in &rows {
            let client: IpAddr = Ipv4Addr::from_bits(*address).into();
            let (given, scope) = (answers(&pool, client), scope_of(&pool, client));
            let country = prefixes.iter().zip(&rows).rev().find(|(prefix, _)| Prefix::parse(prefix).unwrap().contains(client)).unwrap().1.2;
            let expected = match COUNTRIES[country] { "DE" => 0, "FR" => 1, _ => 2 };
            prop_assert_eq!(given.last().unwrap(), &vec![expected], "all are up");
            prop_assert!(scope <= *length || rows.iter().any(|row| row.1 > *length));
            for other in rows.iter().map(|row| Ipv4Addr::from_bits(row.0).into()).filter(|other: &IpAddr| masked(*other, scope) == masked(client, scope)) {
                prop_assert_eq!(&answers(&pool, other), &given);
            }
        }
    }
}
