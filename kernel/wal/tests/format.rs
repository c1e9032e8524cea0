//! The format on disk: a segment of version 1 that must be readable forever, and a reader that survives any bytes.
//!
//! The fixture is what [`write_fixture`] made once; `BOLE_WRITE_FIXTURES=1 cargo test -p bole-wal --test format` writes a missing
//! one, and the seeds of the fuzz corpus. A fixture of a released version is never replaced.

#![expect(clippy::unwrap_used, reason = "a harness of tests: a failed step fails the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bole_base::clock::ManualClock;
use bole_base::{Durability, Epoch, LogId, Offset, RealDisk};
use bole_wal::entry::FLAG_COPIED;
use bole_wal::{Batch, Config, EntryHeader, EntryRef, Error, PayloadKind, Wal, check};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// The entries of the fixture.
fn entries() -> Vec<(EntryHeader, Vec<u8>, Vec<u8>)> {
    let header = |log, offset| EntryHeader {
        log: LogId(log),
        offset: Offset(offset),
        epoch: Epoch(7),
        hlc: 0x0001_9A2B_3C4D_0005,
        origin: 3,
        kind: PayloadKind(0x0102),
        version: 4,
        flags: 0,
    };
    let extension = vec![9, 2, 0, 0xAA, 0xBB];
    vec![
        (header(0, 0), vec![], b"the node's own log".to_vec()),
        (header(16, 0), extension, b"with an extension".to_vec()),
        (header(16, 1), vec![], vec![]),
        (header(1 << 40, 5), vec![], vec![0x5A; 300]),
        (header(16, 2), vec![], b"last".to_vec()),
    ]
}

fn open(dir: &Path) -> Wal {
    let config = Config { segment_bytes: 24 << 10, ..Config::small() };
    Wal::open(Arc::new(RealDisk), Arc::new(ManualClock::new()), dir, config).unwrap()
}

/// Writes the fixture: a batch of three entries, one of one, a mark, one of one. Zeros at the end are cut.
fn write_fixture(path: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let wal = open(dir.path());
    let all = entries();
    for batch_entries in [&all[..3], &all[3..4], &all[4..]] {
        let mut batch = Batch::new();
        for (header, extensions, payload) in batch_entries {
            batch.push_entry(&EntryRef { header: *header, extensions, payload }, Durability::Sync);
        }
        assert!(wal.try_admit(wal.batch_cost(batch.bytes().len())).unwrap());
        wal.append(&batch).unwrap();
        wal.close().unwrap();
    }
    let mut bytes = fs::read(dir.path().join("0000000000000001.wal")).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    bytes.truncate(used.next_multiple_of(8));
    fs::write(path, bytes).unwrap();
}

fn fixture() -> Vec<u8> {
    let path = root().join("tests/fixtures/segment-v1.wal");
    let seeds = root().join("fuzz/corpus/reader");
    if std::env::var_os("BOLE_WRITE_FIXTURES").is_some() && !path.exists() {
        write_fixture(&path);
        let bytes = fs::read(&path).unwrap();
        fs::write(seeds.join("whole"), &bytes).unwrap();
        fs::write(seeds.join("cut-in-a-frame"), &bytes[..4096 + 100]).unwrap();
        fs::write(seeds.join("header-only"), &bytes[..64]).unwrap();
        fs::write(seeds.join("empty"), []).unwrap();
    }
    fs::read(path).unwrap()
}

#[test]
fn version_1_is_read() {
    let bytes = fixture();
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("0000000000000001.wal"), &bytes).unwrap();
    let report = check::check(&RealDisk, dir.path()).unwrap();
    assert_eq!((report.segments[0].entries, report.damage), (5, None));
    let wal = open(dir.path());
    assert_eq!(wal.journal_id(), *b"a-test's-journal");
    let mut seen = Vec::new();
    wal.replay(&mut |entry| {
        assert_eq!(entry.header.flags & FLAG_COPIED, 0);
        seen.push((entry.header, entry.extensions.to_vec(), entry.payload.to_vec()));
        Ok::<(), Error>(())
    })
    .unwrap();
    assert_eq!(seen, entries());
}

#[test]
fn the_writer_still_writes_version_1() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("segment");
    write_fixture(&path);
    assert!(fs::read(path).unwrap() == fixture(), "the format changed without a new version");
}

#[test]
fn an_unknown_version_is_refused() {
    let mut bytes = fixture();
    bytes[8] = 2;
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("0000000000000001.wal"), &bytes).unwrap();
    let error = check::check(&RealDisk, dir.path()).unwrap_err().to_string();
    assert!(error.contains("format version 2") && error.contains("reads version 1"), "{error}");
}

#[test]
fn any_bytes_are_survived() {
    let mut seeds: Vec<Vec<u8>> = fs::read_dir(root().join("fuzz/corpus/reader"))
        .unwrap()
        .map(|entry| fs::read(entry.unwrap().path()).unwrap())
        .collect();
    seeds.push(fixture());
    assert!(seeds.len() > 3, "the corpus is there");
    let mut state = 0x0123_4567_89AB_CDEF_u64;
    let mut random = move |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound.max(1)
    };
    for seed in &seeds {
        let whole = check::check_segment(seed);
        for _ in 0..1_000 {
            let mut bytes = seed.clone();
            for _ in 0..=random(4) {
                match random(4) {
                    0 => bytes.truncate(random(bytes.len() + 1)),
                    1 => bytes.extend_from_slice(&seed[random(seed.len())..]),
                    _ if bytes.is_empty() => {}
                    // Most hits go where frames are, some where they claim lengths.
                    2 => {
                        let at = random(bytes.len());
                        bytes[at] = random(256) as u8;
                    }
                    _ => {
                        let at = (4096 + 8 * random(64)).min(bytes.len() - 1);
                        bytes[at] ^= 1 << random(8);
                    }
                }
            }
            let found = check::check_segment(&bytes);
            let entries =
                |report: &Option<check::SegmentReport>| report.as_ref().map_or(0, |found| found.entries);
            assert!(entries(&found) <= entries(&whole), "a mutation made up entries");
        }
    }
}
