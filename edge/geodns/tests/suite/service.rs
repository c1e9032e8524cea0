//! The open service: reload, what is put, what is broken, why.

use crate::answers::ZONE;
use crate::mmdb::world;
use bole_geodns::config::Config;
use bole_geodns::health::Vitals;
use bole_geodns::service::origin::Given;
use bole_geodns::{Error, Parts, Service};
use bole_net::{ConnectionLimit, Metrics};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

pub(crate) fn parts() -> Parts {
    Parts {
        health: Arc::new(Vitals::default()),
        resolver: None,
        node_limit: ConnectionLimit::new(100),
        metrics: Metrics::new(),
    }
}

const GEO: &str = r#"
origin = "example.com"
[records]
"@" = { NS = "ns.example.net." }
www = { POOL = "p" }
[pools.p]
chain = ["up", "geotarget", "first_n"]
answers = [
  { name = "eu", A = "192.0.2.1", continent = "EU" },
  { name = "rest", A = "192.0.2.9" },
]
"#;

/// Writes so that the file is seen as changed, however coarse its times are.
fn write(path: &Path, bytes: impl AsRef<[u8]>, step: u64) {
    std::fs::write(path, bytes).unwrap();
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000 + step);
    std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

fn answer(service: &Service, from: &str) -> Vec<String> {
    let from: IpAddr = from.parse().unwrap();
    service.explain("www.example.com", "A", from).unwrap().answer
}

#[test]
fn changes_are_taken_over_and_what_is_broken_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (zone, geo) = (folder.path().join("example.com.toml"), folder.path().join("world.mmdb"));
    write(&zone, GEO, 1);
    write(&geo, world(), 1);
    let config =
        Config { zones: vec![folder.path().to_path_buf()], geo: vec![geo.clone()], ..Config::default() };
    let service = Service::open(config, parts()).unwrap();
    let eu = "www.example.com. 3600 IN A 192.0.2.1";
    let rest = "www.example.com. 3600 IN A 192.0.2.9";
    assert_eq!(
        (answer(&service, "10.0.0.1"), answer(&service, "20.0.0.1")),
        (vec![eu.to_owned()], vec![rest.to_owned()])
    );
    assert!(service.reload().is_empty(), "nothing has changed");

    write(&geo, &world()[..500], 2);
    let errors = service.reload();
    assert!(matches!(errors.as_slice(), [Error::File { .. }]), "{errors:?}");
    assert_eq!(answer(&service, "10.0.0.1"), [eu], "the file before stays");
    write(&zone, GEO.replace("192.0.2.1", "192.0.2.1000"), 3);
    let errors = service.reload();
    assert!(matches!(errors.as_slice(), [Error::Zone(problems)] if problems.list[0].line == 9), "{errors:?}");
    assert_eq!(answer(&service, "10.0.0.1"), [eu], "the zone before stays");
    assert_eq!(service.metrics.broken_files.get(), 2);

    write(&zone, GEO.replace("192.0.2.1", "192.0.2.2"), 4);
    let only = [("20.0.0.0/8", crate::mmdb::city("FR", "EU", "X", (0.0, 0.0)))];
    write(&geo, crate::mmdb::write(&only), 5);
    assert!(service.reload().is_empty());
    assert_eq!(service.metrics.broken_files.get(), 0);
    assert_eq!(answer(&service, "10.0.0.1"), [rest], "the new file knows nothing of it");
    assert_eq!(answer(&service, "20.0.0.1"), ["www.example.com. 3600 IN A 192.0.2.2"]);

    let second = folder.path().join("example.org.zone");
    write(&second, "$TTL 60\n@ SOA a b 9 2 3 4 5\n@ NS ns.example.net.\nwww A 192.0.2.7\n", 6);
    assert!(service.reload().is_empty());
    let zones: Vec<(String, u32)> =
        service.zones().into_iter().map(|zone| (zone.origin, zone.serial)).collect();
    assert_eq!(zones, [("example.com.".to_owned(), 1_700_000_004), ("example.org.".to_owned(), 9)]);
    std::fs::remove_file(&second).unwrap();
    assert!(service.reload().is_empty());
    assert_eq!(service.zones().len(), 1);
}

#[test]
fn zones_are_put_and_removed() {
    let service = Service::open(Config::default(), parts()).unwrap();
    assert!(service.zones().is_empty());
    service.put(&Given::document("one", GEO)).unwrap();
    assert_eq!(answer(&service, "10.0.0.1"), ["www.example.com. 3600 IN A 192.0.2.9"]);
    assert!(matches!(service.put(&Given::document("one", "origin = 3")), Err(Error::Zone(_))));
    assert!(matches!(service.put(&Given::document("two", GEO)), Err(Error::Twice { .. })));
    let wrong = GEO.replace("\"p\" }", "\"q\" }");
    assert!(
        matches!(service.put(&Given::document("one", &wrong)), Err(Error::Zone(_))),
        "it does not fit together"
    );
    assert_eq!(answer(&service, "10.0.0.1"), ["www.example.com. 3600 IN A 192.0.2.9"]);
    service.put(&Given::document("one", &GEO.replace("192.0.2.9", "192.0.2.8"))).unwrap();
    assert_eq!(answer(&service, "10.0.0.1"), ["www.example.com. 3600 IN A 192.0.2.8"]);
    service.remove("one").unwrap();
    assert!(service.zones().is_empty() && matches!(service.remove("one"), Err(Error::NoZone(_))));
}

#[test]
fn what_is_prepared_is_served_when_it_is_taken_and_wins_over_files_if_it_came_first() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { zones: vec![folder.path().to_path_buf()], ..Config::default() };
    let service = Service::open(config, parts()).unwrap();
    let given = Given { serial_least: Some(3_000_000_000), ..Given::document("example.com.", GEO) };
    let prepared = service.prepare(&given).unwrap();
    assert_eq!((prepared.serial(), service.zones().len()), (3_000_000_000, 0));
    let generation = service.generation();
    service.take(prepared);
    assert!(service.generation() > generation);
    assert_eq!((service.zones()[0].serial, service.zones()[0].file.clone()), (3_000_000_000, None));

    let file = folder.path().join("example.com.toml");
    write(&file, GEO.replace("192.0.2.9", "192.0.2.7"), 1);
    assert!(matches!(service.reload().as_slice(), [Error::Twice { .. }]));
    assert!(service.reload().is_empty(), "it is told once");
    assert_eq!(service.problems().len(), 1);
    assert_eq!(answer(&service, "10.0.0.1"), ["www.example.com. 3600 IN A 192.0.2.9"]);
    assert!(service.put(&given).is_ok(), "what is given is changed all the same");
    service.remove("example.com.").unwrap();
    assert_eq!(answer(&service, "10.0.0.1"), ["www.example.com. 3600 IN A 192.0.2.7"]);
    assert!(service.problems().is_empty(), "{:?}", service.problems());
    assert!(service.zones()[0].file.as_ref().unwrap().ends_with("example.com.toml"));
    assert!(matches!(service.prepare(&given), Err(Error::Twice { .. })));
    assert!(service.prepare(&Given { before_files: true, ..given }).is_ok());
}

#[test]
fn a_document_takes_records_of_a_master_file_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("a.toml"), GEO.replace("[records]", "master = \"records.zone\"\n[records]"), 1);
    write(&folder.path().join("records.zone"), "$TTL 60\nplain A 192.0.2.3\n", 1);
    let config = Config { zones: vec![folder.path().to_path_buf()], ..Config::default() };
    let service = Service::open(config, parts()).unwrap();
    let plain = |service: &Service| {
        service.explain("plain.example.com", "A", "10.0.0.1".parse().unwrap()).unwrap().answer
    };
    assert_eq!(plain(&service), ["plain.example.com. 60 IN A 192.0.2.3"]);
    write(&folder.path().join("records.zone"), "$TTL 60\nplain A 192.0.2.4\n", 2);
    assert!(service.reload().is_empty());
    assert_eq!(plain(&service), ["plain.example.com. 60 IN A 192.0.2.4"]);
}

#[test]
fn what_is_wrong_at_the_start_keeps_it_from_starting() {
    let open = |config: Config| Service::open(config, parts()).map(|_| ()).unwrap_err().to_string();
    let rows = [
        (Config { zones: vec!["/nowhere/x.toml".into()], ..Config::default() }, "no such file"),
        (Config { geo: vec!["/nowhere/x.mmdb".into()], ..Config::default() }, "/nowhere/x.mmdb"),
        (
            Config { keys: vec![("example.com".to_owned(), "/nowhere/k.pem".into())], ..Config::default() },
            "/nowhere/k.pem",
        ),
        (Config { cookie_secrets: vec!["short".to_owned()], ..Config::default() }, "32 hexadecimal digits"),
        (Config { udp_bytes: 100, ..Config::default() }, "at least 512"),
        (
            Config { transfers: vec![bole_geodns::config::Transfer::default()], ..Config::default() },
            "must be given",
        ),
    ];
    for (config, expected) in rows {
        let error = open(config);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn why_is_told_filter_by_filter() {
    let vitals = Arc::new(Vitals::default());
    let service = Service::open(Config::default(), Parts { health: vitals.clone(), ..parts() }).unwrap();
    service.put(&Given::document("one", ZONE)).unwrap();
    bole_geodns::health::Health::target(vitals.as_ref(), "one")
        .set_condition(bole_edge_core::health::Condition::Unwell);
    let why = service.explain("example.com", "A", "10.0.0.1".parse().unwrap()).unwrap();
    let shown = why.to_string();
    let expected = "example.com. A from 10.0.0.1 (nothing known)\n  zone example.com., serial SERIAL, from one\n  example.com. has the addresses of www.example.com.\n  \
                    pool web: one:12\n  web / up: keeps two\n    drops one: one is down\n  web / priority: keeps two\n  \
                    web / first_n: keeps two\n  NOERROR, scope /0\n  example.com. 30 IN A 192.0.2.20\n";
    let serial = service.zones()[0].serial.to_string();
    assert_eq!(shown, expected.replace("SERIAL", &serial));
    let why = service.explain("x.sub.example.com", "A", "10.0.0.1".parse().unwrap()).unwrap();
    assert_eq!(why.steps[1..], ["sub.example.com. is delegated"]);
    assert!(service.explain("a..b", "A", "10.0.0.1".parse().unwrap()).is_err());
    assert!(service.explain("a", "NONSENSE", "10.0.0.1".parse().unwrap()).is_err());
}
