//! The disk tier: what survives a restart and a kill, and what happens to files that are not what was written.

use crate::support::{FakeOrigin, ask, response, until};
use bole_base::clock::ManualClock;
use bole_cdn::disk::codec::{self, Record};
use bole_cdn::object::{Meta, Piece};
use bole_cdn::purge::{Purge, Purges, Target, log};
use bole_cdn::{Admission, Cache, Config, DiskConfig};
use bole_cdn_policy::vary::Selection;
use bole_cdn_policy::{Terms, Time};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use proptest::prelude::*;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

const FIELDS: &str = "cache-control: max-age=600\netag: \"a\"\ncache-tag: red";

fn open(folder: &Path, memory_bytes: u64) -> Cache {
    let disk = DiskConfig { folder: folder.to_path_buf(), bytes: 64 << 20, admission: Admission::All };
    let config = Config { memory_bytes, disk: Some(disk), ..Config::default() };
    Cache::open(config, Arc::new(ManualClock::new())).unwrap()
}

/// Content that tells the target that it belongs to.
fn content(path: &str, length: usize) -> Bytes {
    path.bytes().cycle().take(length).collect()
}

fn origin() -> Arc<FakeOrigin> {
    FakeOrigin::new(|head| Ok(response(200, FIELDS, content(head.uri.path(), 150_000))))
}

/// A client has all bytes a moment before the last piece is stored.
async fn settled(cache: &Cache) {
    until("no fetch is under way", || cache.usage().fills == 0).await;
    cache.flush();
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(folder.join("pieces")).unwrap();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_finds_what_was_stored_and_not_what_was_purged() {
    let folder = tempfile::tempdir().unwrap();
    {
        let (cache, origin) = (open(folder.path(), 1 << 20), origin());
        for path in ["/a", "/b", "/c"] {
            ask(&cache, &origin, &format!("GET {path}"), "").await;
        }
        let receipt = cache.purge(Target::Url("http://h/b".to_owned()), false).unwrap();
        assert!(receipt.durable);
        ask(&cache, &origin, "PUT /c", "").await;
        settled(&cache).await;
    }
    let (cache, origin) = (open(folder.path(), 1 << 20), origin());
    assert_eq!(cache.purge_epoch(), 2);
    for (path, expected) in [("/a", true), ("/b", false), ("/c", false)] {
        let seen = ask(&cache, &origin, &format!("GET {path}"), "").await;
        assert_eq!(seen.is_hit(), expected, "{path}: {}", seen.cache_status());
        assert_eq!(seen.body.unwrap(), content(path, 150_000), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_file_is_dropped_and_fetched_again() {
    for place in [3, 30, 60, -1, -70_000] {
        let folder = tempfile::tempdir().unwrap();
        {
            let (cache, origin) = (open(folder.path(), 1 << 20), origin());
            ask(&cache, &origin, "GET /a", "").await;
            settled(&cache).await;
        }
        let files = files(folder.path());
        assert_eq!(files.len(), 1, "one piece is one file");
        let file = &files[0];
        let mut bytes = std::fs::read(file).unwrap();
        let at = usize::try_from(if place < 0 { bytes.len() as i64 + place } else { place }).unwrap();
        bytes[at] ^= 1;
        std::fs::write(file, bytes).unwrap();
        let (cache, origin) = (open(folder.path(), 1 << 20), origin());
        let seen = ask(&cache, &origin, "GET /a", "").await;
        assert_eq!(seen.body.unwrap(), content("/a", 150_000), "byte {place}");
        // Where the head is sound, the missing bytes are asked for first.
        assert!((1..=2).contains(&origin.times()), "byte {place}");
        assert_eq!(cache.usage().disk_corrupt, 1, "byte {place}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_cannot_be_written_to_does_not_stop_answers() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, origin) = (open(folder.path(), 8 << 20), origin());
    // As a full disk does, this fails each write; it works for a superuser too.
    std::fs::remove_dir_all(folder.path().join("temporary")).unwrap();
    ask(&cache, &origin, "GET /a", "").await;
    ask(&cache, &origin, "GET /b", "").await;
    settled(&cache).await;
    let usage = cache.usage();
    assert_eq!(
        (usage.disk_failed, usage.disk_skipped),
        (1, 1),
        "after the first failure nothing is tried for a while"
    );
    assert!(ask(&cache, &origin, "GET /a", "").await.is_hit());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_disk_takes_in_what_was_asked_for_twice() {
    let folder = tempfile::tempdir().unwrap();
    let open = |memory_bytes| {
        let config = Config { memory_bytes, disk: Some(DiskConfig::new(folder.path())), ..Config::default() };
        Cache::open(config, Arc::new(ManualClock::new())).unwrap()
    };
    let origin = origin();
    // With much memory the second request is a hit there; with little it is another fetch.
    for (memory, paths) in [(64 << 20, ["/once", "/twice"]), (1 << 20, ["/one", "/two"])] {
        let cache = open(memory);
        for path in paths {
            ask(&cache, &origin, &format!("GET {path}"), "").await;
            settled(&cache).await;
        }
        let before = files(folder.path()).len();
        if memory == 1 << 20 {
            for number in 0..20 {
                ask(&cache, &origin, &format!("GET /other/{number}"), "").await;
            }
            settled(&cache).await;
            assert_eq!(files(folder.path()).len(), before);
        }
        ask(&cache, &origin, &format!("GET {}", paths[1]), "").await;
        settled(&cache).await;
        assert!(files(folder.path()).len() > before);
        drop(cache);
        let (cache, times) = (open(memory), origin.times());
        assert!(ask(&cache, &origin, &format!("GET {}", paths[1]), "").await.is_hit());
        assert!(!ask(&cache, &origin, &format!("GET {}", paths[0]), "").await.is_hit());
        assert_eq!(origin.times(), times + 1);
        // What came from the disk is not written there again, however often it is asked for.
        settled(&cache).await;
        let writes = cache.usage().disk_writes;
        for _ in 0..3 {
            assert!(ask(&cache, &origin, &format!("GET {}", paths[1]), "").await.is_hit());
        }
        settled(&cache).await;
        assert_eq!(cache.usage().disk_writes, writes);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_stay_within_their_bound() {
    let folder = tempfile::tempdir().unwrap();
    let disk = DiskConfig { folder: folder.path().to_path_buf(), bytes: 2 << 20, admission: Admission::All };
    let config = Config { memory_bytes: 1 << 20, disk: Some(disk), ..Config::default() };
    let (cache, origin) = (Cache::open(config, Arc::new(ManualClock::new())).unwrap(), origin());
    for number in 0..60 {
        ask(&cache, &origin, &format!("GET /{number}"), "").await;
    }
    settled(&cache).await;
    let bytes: u64 = files(folder.path()).iter().map(|file| file.metadata().unwrap().len()).sum();
    assert!(bytes <= 2 << 20, "{bytes}");
    assert!(cache.usage().disk_evictions > 0);
    assert!(cache.usage().memory_bytes <= 1 << 20);
}

/// What the killed process does: fetches until it is killed. A no-op unless the variable names its folder.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filler() {
    let Some(folder) = std::env::var_os("BOLE_CDN_FILLER") else { return };
    let (cache, origin) = (open(Path::new(&folder), 1 << 20), origin());
    println!("open");
    for number in 0u64.. {
        ask(&cache, &origin, &format!("GET /{number}"), "").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_time_leaves_no_torn_answer() {
    let folder = tempfile::tempdir().unwrap();
    let mut found = 0;
    for round in 0..8u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "restarts::filler", "--nocapture"])
            .env("BOLE_CDN_FILLER", folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while !lines.next().unwrap().unwrap().contains("open") {}
        // The moment of the kill moves through the work of the process.
        std::thread::sleep(std::time::Duration::from_millis(20 + round * 17));
        child.kill().unwrap();
        child.wait().unwrap();
        let (cache, origin) = (open(folder.path(), 1 << 20), origin());
        assert_eq!(cache.usage().disk_corrupt, 0, "a name stands for a whole file");
        for number in 0..60 {
            let seen = ask(&cache, &origin, &format!("GET /{number}"), "").await;
            found += usize::from(seen.is_hit());
            assert_eq!(seen.body.unwrap(), content(&format!("/{number}"), 150_000));
        }
    }
    assert!(found > 0, "something must have survived");
}

fn records() -> impl Strategy<Value = (Record, Piece)> {
    let numbers = prop::array::uniform7(any::<u64>());
    let fields = prop::collection::vec(("[a-z]{1,8}", "[ -~]{0,20}"), 0..6);
    (numbers, fields, prop::collection::vec(any::<u8>(), 0..200_000), prop::option::of("[a-z]{0,9}"))
        .prop_map(|(numbers, fields, body, selected)| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                headers.append(name, HeaderValue::from_bytes(value.trim().as_bytes()).unwrap());
            }
            let [object, epoch, version, lifetime, received, whole, start] = numbers;
            let terms = Terms {
                lifetime,
                received: Time(received as i64),
                no_stale: epoch % 2 == 0,
                ..Terms::default()
            };
            let selection = Selection { fields: vec![(HeaderName::from_static("foo"), selected)] };
            let record = Record {
                object,
                slice: version as u32,
                key: "http://h/a".to_owned(),
                selection,
                meta: Meta::new(StatusCode::NOT_FOUND, &headers, terms),
                whole: (whole % 2 == 0).then_some(whole),
                epoch,
                version,
            };
            (record, Piece::new(start, body))
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn files_round_trip((record, piece) in records(), damage in any::<prop::sample::Index>()) {
        let mut file = record.write(&piece);
        let (fixed, read) = codec::read(file.clone()).expect("a whole file");
        prop_assert_eq!((Record::read(&fixed, &file), read), (Some(record), piece));
        prop_assert_eq!(codec::read(file[..damage.index(file.len())].to_vec()), None);
        let at = damage.index(file.len());
        file[at] ^= 0x10;
        prop_assert_eq!(codec::read(file), None);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        codec::read([&b"BOLECDN1"[..], &bytes[..]].concat());
        log::read(&bytes);
    }

    #[test]
    fn purges_round_trip(epoch in any::<u64>(), at in any::<i64>(), soft in any::<bool>(), kind in 0..5, text in "[ -~]{1,40}") {
        let target = match kind {
            0 => Target::Url(text),
            1 => Target::Prefix(text),
            2 => Target::Host(text),
            3 => Target::Tag(text),
            _ => Target::Everything,
        };
        let purge = Purge { epoch, at: Time(at), soft, target };
        let record = log::write(&purge);
        prop_assert_eq!(log::read(&record), Some((purge, record.len())));
        prop_assert_eq!(log::read(&record[..record.len() - 1]), None);
    }
}

#[test]
fn a_torn_log_ends_where_it_is_torn() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("purges");
    let purges = Purges::default();
    let mut log = log::Log::open(&path, &purges).unwrap();
    for number in 0..3 {
        let purge = purges.next(Target::Tag(number.to_string()), false, Time(0));
        log.append(&purge, true).unwrap();
        purges.apply(&purge);
    }
    let length = std::fs::metadata(&path).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length - 1).unwrap();
    let again = Purges::default();
    log::Log::open(&path, &again).unwrap();
    assert_eq!((again.epoch(), again.len()), (2, 2));
}
