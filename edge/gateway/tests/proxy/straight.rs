//! Stored answers that are sent without the proxy library: as any other way would have answered, and only where nothing stands between.

use crate::support::*;
use bole_base::clock::SystemClock;
use bole_cdn::purge::Target;
use bole_cdn::{Cache, Config, DiskConfig};
use bole_gateway::cached::Store;
use bole_gateway::config::Parts;
use bole_gateway::service::Service;
use std::sync::Arc;

/// An answer whose date tells the ways apart: the proxy library puts its own in place of it.
const FRESH: &[u8] = b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nCache-Control: max-age=999999999\r\n\
    Cache-Tag: news\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nVary: Accept-Language\r\nETag: \"a\"\r\nContent-Length: 5\r\n\r\nhello";
const DATE: &str = "Thu, 01 Jan 2026 00:00:00 GMT";

async fn cached(backend: &Backend, more: &str) -> (Service, Cache) {
    let cache = Cache::open(Config::default(), Arc::new(SystemClock::new())).unwrap();
    let store = Store { cache: cache.clone(), network: None, shield: false };
    let document = format!("{}cache = {{}}\n{more}", document(&[backend], ""));
    (gateway_with(&document, Parts { store: Some(store), ..Parts::default() }, |_| {}).await, cache)
}

async fn ask(client: &mut Client, request: &str) -> String {
    client.send(request.replace('|', "\r\n")).await;
    client.answer().await.expect("an answer")
}

fn field<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = answer.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// Status, fields but those that are each request's own, and body.
fn told(answer: &str) -> (u16, Vec<(String, String)>, String) {
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let mut fields: Vec<_> =
        fields.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    fields.retain(|(name, _)| {
        !matches!(name.as_str(), "connection" | "date" | "x-request-id" | "age" | "cache-status")
    });
    fields.sort();
    (status(answer), fields, body.to_owned())
}

#[tokio::test]
async fn both_ways_tell_the_same() {
    let backend = Backend::start(Behaviour::Raw(FRESH)).await;
    let (gateway, cache) = cached(&backend, "").await;
    let mut client = Client::connect(gateway.http()[0]).await;
    ask(&mut client, "GET /x HTTP/1.1|Host: a||").await;
    for (request, straight) in [
        ("GET /x HTTP/1.1|Host: a||", true),
        ("GET /x HTTP/1.1|Host: A:80|Cookie: x=y|User-Agent: z||", true),
        ("GET /./y/../x HTTP/1.1|Host: a||", true),
        ("GET /x HTTP/1.1|Host: a|X-Other: 1||", false),
        ("GET /x HTTP/1.1|Host: a|Authorization: Basic eDp5||", false),
        ("GET /x HTTP/1.1|Host: a|Accept-Encoding: gzip|Cache-Control: max-stale=9||", false),
    ] {
        let answer = ask(&mut client, request).await;
        assert_eq!(field(&answer, "date") == Some(DATE), straight, "{request}: {answer}");
        let usual = ask(&mut client, "GET /x HTTP/1.1|Host: a|X-Other: 1||").await;
        assert_eq!(told(&answer), told(&usual), "{request}");
        let of =
            |answer: &str| field(answer, "cache-status").map(|status| status.replace(char::is_numeric, ""));
        assert_eq!((of(&answer), field(&answer, "x-request-id").map(str::len)), (of(&usual), Some(32)));
        assert_eq!(field(&answer, "cache-tag"), None, "{answer}");
    }
    assert_eq!(backend.requests(), 1);
    let counts = cache.counts().remove(0).1;
    assert_eq!((counts.requests, counts.hits, counts.bytes_served), (13, 12, 65), "{counts:?}");
}

#[tokio::test]
async fn a_connection_may_change_its_way_with_each_request() {
    let backend = Backend::start(Behaviour::Raw(FRESH)).await;
    let (gateway, cache) = cached(&backend, "").await;
    let mut client = Client::connect(gateway.http()[0]).await;
    ask(&mut client, "GET /x HTTP/1.1|Host: a||").await;
    // All at once: answered in order, the head alone where only that was asked for.
    let plain = "GET /x HTTP/1.1|Host: a||";
    let other = "GET /x HTTP/1.1|Host: a|X-Other: 1||";
    client.send(format!("{plain}{other}{plain}{plain}{other}").replace('|', "\r\n")).await;
    for straight in [true, false, true, true, false] {
        let answer = client.answer().await.expect("an answer");
        assert!(answer.ends_with("hello"), "{answer}");
        assert_eq!(field(&answer, "date") == Some(DATE), straight, "{answer}");
    }
    // What selects another variant, or was purged, is asked for.
    let german = ask(&mut client, "GET /x HTTP/1.1|Host: a|Accept-Language: de||").await;
    assert!(field(&german, "cache-status").unwrap().contains("fwd=vary-miss"), "{german}");
    cache.purge(Target::Tag("news".to_owned()), true).unwrap();
    let confirmed = ask(&mut client, plain).await;
    assert!(field(&confirmed, "cache-status").unwrap().contains("fwd=stale"), "{confirmed}");
    assert_eq!(backend.requests(), 3);
    client
        .send("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\nHEAD /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    let heads = client.rest().await;
    assert!(!heads.contains("hello") && heads.matches("content-length: 5").count() == 1, "{heads}");
    assert_eq!(heads.to_ascii_lowercase().matches("content-length: 5").count(), 2, "{heads}");
}

#[tokio::test]
async fn whatever_stands_before_a_route_is_asked() {
    for more in [
        "limits = [\"few\"]\n[limits.few]\nbucket = { limit = 2, period = \"1h\" }\n",
        "deny_networks = [\"127.0.0.0/8\"]\n",
        "response_headers = { set = { x-own = \"1\" } }\n",
    ] {
        let backend = Backend::start(Behaviour::Raw(FRESH)).await;
        let (gateway, _) = cached(&backend, more).await;
        let mut last = String::new();
        for _ in 0..4 {
            last = get(&gateway, "/x").await;
            assert_ne!(field(&last, "date"), Some(DATE), "{more}: {last}");
        }
        let expected = [("limits", 429), ("deny", 403), ("response", 200)];
        let row = expected.iter().find(|(begin, _)| more.starts_with(begin)).expect("a row");
        assert_eq!(status(&last), row.1, "{more}: {last}");
    }
}

/// An answer that may be stored.
fn fresh(body: &[u8]) -> Behaviour {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nDate: {DATE}\r\nCache-Control: max-age=999999999\r\nContent-Length: {length}\r\n\r\n"
    );
    Behaviour::Raw([head.as_bytes(), body].concat().leak())
}

/// Letters of which no two places far from each other look alike.
fn letters(count: usize) -> String {
    let letter = |at: usize| char::from(b'a' + ((at + at / 26 + at / 4_099) % 26) as u8);
    (0..count).map(letter).collect()
}

#[tokio::test]
async fn long_bodies_come_from_files_as_from_memory() {
    let backend = Backend::start(Behaviour::Hang).await;
    let (gateway, cache) = cached(&backend, "").await;
    let mut client = Client::connect(gateway.http()[0]).await;
    let lengths = [1, (32 << 10) - 1, 32 << 10, 100_000, 1 << 20, (1 << 20) + 1, 3_500_000];
    for length in lengths {
        backend.behave(fresh(letters(length).as_bytes()));
        let request = format!("GET /{length} HTTP/1.1|Host: a||");
        let first = ask(&mut client, &request).await;
        // One slice goes into a file with each answer.
        for round in 0..6 {
            let again = ask(&mut client, &request).await;
            assert_eq!(field(&again, "date"), Some(DATE), "{length}, round {round}");
            assert!(told(&again) == told(&first), "{length}, round {round}");
        }
        assert!(first.ends_with(&letters(length)), "{length}");
    }
    // Slices of 1 MiB: 1, 1, 1, 1 (the other one has a single byte) and 4.
    assert_eq!(cache.usage().shared_pieces, 8);
    // Ranges, and whatever else goes the usual way, read the same bytes.
    let part = ask(&mut client, "GET /3500000 HTTP/1.1|Host: a|Range: bytes=1048570-1048585||").await;
    assert!(part.ends_with(&letters(3_500_000)[1_048_570..=1_048_585]), "{part}");
    let whole = ask(&mut client, "GET /3500000 HTTP/1.1|Host: a|X-Other: 1||").await;
    assert!(whole.ends_with(&letters(3_500_000)));
    assert_eq!(backend.requests(), lengths.len());
    let target = Target::Everything;
    cache.purge(target, false).unwrap();
    backend.behave(fresh(b"new"));
    for length in lengths {
        let new = ask(&mut client, &format!("GET /{length} HTTP/1.1|Host: a||")).await;
        assert!(new.ends_with("\r\nnew"), "{length}");
    }
    until("the files are gone", || cache.usage().shared_pieces == 0).await;
}

#[tokio::test]
async fn files_of_the_disk_that_need_no_waiting_are_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Some(DiskConfig::new(folder.path()));
    let backend = Backend::start(Behaviour::Hang).await;
    // Heads of ten objects fit memory, their bodies do not.
    let config = Config { memory_bytes: 512 << 10, disk, ..Config::default() };
    let cache = Cache::open(config.clone(), Arc::new(SystemClock::new())).unwrap();
    let store = Store { cache: cache.clone(), network: None, shield: false };
    let document = format!("{}cache = {{}}\n", document(&[&backend], ""));
    let gateway = gateway_with(&document, Parts { store: Some(store), ..Parts::default() }, |_| {}).await;
    let mut client = Client::connect(gateway.http()[0]).await;
    let requests: Vec<_> = (0..10).map(|number| format!("GET /{number} HTTP/1.1|Host: a||")).collect();
    let body = |number: usize| letters(200_000 + number);
    for (number, request) in requests.iter().enumerate() {
        backend.behave(fresh(body(number).as_bytes()));
        // The disk takes what is asked for again.
        for _ in 0..2 {
            ask(&mut client, request).await;
        }
        cache.flush();
    }
    let fetched = backend.requests();
    for (number, request) in requests.iter().enumerate() {
        let again = ask(&mut client, request).await;
        assert!(again.ends_with(&body(number)), "{number}");
        assert_eq!(field(&again, "date"), Some(DATE), "{number}");
    }
    // So are their heads, after a start.
    let started = Cache::open(config, Arc::new(SystemClock::new())).unwrap();
    let store = Store { cache: started, network: None, shield: false };
    let other = gateway_with(&document, Parts { store: Some(store), ..Parts::default() }, |_| {}).await;
    let mut others = Client::connect(other.http()[0]).await;
    let again = ask(&mut others, &requests[7]).await;
    assert!(again.ends_with(&body(7)) && field(&again, "date") == Some(DATE));
    assert_eq!(backend.requests(), fetched);
    // One that is damaged is not sent: it is fetched anew.
    for entry in walk(folder.path().join("pieces")) {
        let mut bytes = std::fs::read(&entry).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&entry, bytes).unwrap();
    }
    backend.behave(fresh(body(0).as_bytes()));
    let again = ask(&mut client, &requests[0]).await;
    assert!(again.ends_with(&body(0)));
    assert_eq!((backend.requests(), cache.usage().disk_corrupt), (fetched + 1, 1));
}

/// The files in a folder of folders.
fn walk(folder: std::path::PathBuf) -> Vec<std::path::PathBuf> {
    let entries =
        |folder: std::path::PathBuf| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries(folder).flat_map(entries).collect()
}

#[tokio::test]
async fn a_client_that_does_not_read_is_given_up() {
    let body = vec![b'x'; 8 << 20];
    let backend = Backend::start(fresh(&body)).await;
    let cache = Cache::open(Config::default(), Arc::new(SystemClock::new())).unwrap();
    let store = Store { cache: cache.clone(), network: None, shield: false };
    let document = format!("{}cache = {{}}\n", document(&[&backend], ""));
    let parts = Parts { store: Some(store), ..Parts::default() };
    let metrics = parts.metrics.clone();
    let patience = std::time::Duration::from_millis(300);
    let gateway = gateway_with(&document, parts, |config| config.limits.write_timeout = patience).await;
    let whole = get(&gateway, "/x").await;
    assert!(whole.len() > body.len());
    let again = get(&gateway, "/x").await;
    assert_eq!((field(&again, "date"), again.len() > body.len()), (Some(DATE), true));
    let mut slow = Client::connect(gateway.http()[0]).await;
    slow.send("GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    until("the request is there", || metrics.render().contains("requests_open{route=\"all\"} 1")).await;
    // It is served to nobody else worse meanwhile, and ends without being whole.
    assert!(get(&gateway, "/x").await.len() > body.len());
    let open = "bole_gateway_requests_open{route=\"all\"} 0";
    until("the request is given up", || metrics.render().contains(open)).await;
    assert!(slow.rest().await.len() < body.len());
}
