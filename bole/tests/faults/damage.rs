//! `bole check` on directories in which bytes of each kind of file are not what was written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use bole_base::{Durability, Epoch, LogId, Offset, RealDisk, SystemClock};
use bole_log::entry::FLAG_ATTACHMENT;
use bole_log::{AttachmentId, Batch, EntryHeader, EntryRef, Journal as _, LocalJournal, PayloadKind};

use crate::node::{Node, bole};

/// What `bole check` says about `dir`, and whether it is sound.
fn check(dir: &Path, repair: bool) -> (String, bool) {
    let mut out = Vec::new();
    let options = bole::check::Options { repair, skip_chunks: false };
    let code = bole::check::run(dir, options, &mut out).unwrap();
    (String::from_utf8(out).unwrap(), code == ExitCode::SUCCESS)
}

/// A node's data: `keys` keys, then a clean stop (with a checkpoint of everything) or SIGKILL.
fn data(keys: u64, stop: bool) -> tempfile::TempDir {
    let temp = tempfile::tempdir().unwrap();
    let node = Node::start(temp.path(), &["keyspace.durability=sync", "keyspace.shards=1"]);
    let mut client = node.client();
    for number in 0..keys {
        let key = format!("key:{number}");
        client.command(&[b"SET", key.as_bytes(), &[b'v'; 100]]).unwrap().unwrap();
    }
    if stop {
        drop(node.stop());
    } else {
        node.kill();
    }
    temp
}

/// How many of the keys a node finds that is started on `dir`; its log, if it does not start.
fn keys_after_start(dir: &Path) -> Result<u64, String> {
    let node = Node::try_start(dir, &["keyspace.shards=1"])?;
    let size = node.client().command(&[b"DBSIZE"]).unwrap()?.unwrap();
    Ok(String::from_utf8(size).unwrap().parse().unwrap())
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

/// The only file in `dir` with this ending that has other bytes than zeros.
fn used_file(dir: &Path, ending: &str) -> PathBuf {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.to_str().unwrap().ends_with(ending)).collect();
    files.sort();
    files.into_iter().find(|path| fs::read(path).unwrap().iter().any(|byte| *byte != 0)).unwrap()
}

/// Where `needle` is in a file for the `nth` time.
fn find(path: &Path, needle: &[u8], nth: usize) -> usize {
    let bytes = fs::read(path).unwrap();
    let mut places = bytes.windows(needle.len()).enumerate().filter(|(_, window)| *window == needle);
    places.nth(nth).unwrap().0
}

/// The folder of the first keyspace shard's checkpoint.
fn shard(dir: &Path) -> PathBuf {
    dir.join(format!("checkpoints/{:016x}", LogId::FIRST_DATASET.0))
}

#[test]
fn sound_data_is_called_sound() {
    for stop in [true, false] {
        let temp = data(20, stop);
        let (text, sound) = check(temp.path(), false);
        assert!(sound && text.contains("is sound"), "{text}");
        assert!(text.contains("journal: 1 segment, ") && !text.contains("damaged"), "{text}");
        assert_eq!(text.contains("checkpoints: 0 checkpoints"), !stop, "{text}");
        assert!(!text.contains("not checked") && text.contains("\nblobs: "), "{text}");
    }
}

#[test]
fn damage_in_the_journal_is_shown_with_what_a_repair_drops() {
    let temp = data(20, false);
    let segment = used_file(&temp.path().join("journal"), ".wal");
    flip(&segment, find(&segment, b"key:10", 0));
    let refused = keys_after_start(temp.path()).unwrap_err();
    assert!(refused.contains("bole check --repair"), "{refused}");
    let (text, sound) = check(temp.path(), false);
    assert!(!sound && text.contains(segment.to_str().unwrap()), "{text}");
    assert!(
        text.contains("a repair would drop the journal from there on")
            && text.contains("10 entries in 10 frames"),
        "{text}"
    );
    assert_eq!(check(temp.path(), false).0, text, "a check changes nothing");

    // The same through the program.
    let dir = temp.path().to_str().unwrap();
    let output = bole(&["check", dir]).output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stdout).unwrap()), (Some(1), text));
    let output = bole(&["check", "--repair", dir]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && text.contains("repaired: dropped the journal from there on"),
        "{text}"
    );

    let (text, sound) = check(temp.path(), false);
    assert!(sound && !text.contains("damaged"), "{text}");
    assert_eq!(keys_after_start(temp.path()), Ok(10));
}

#[test]
fn a_damaged_segment_header_is_written_again() {
    let temp = data(20, false);
    // Another segment says which journal this is.
    assert_eq!(keys_after_start(temp.path()), Ok(20));
    let segment = used_file(&temp.path().join("journal"), ".wal");
    flip(&segment, 20);
    let (text, sound) = check(temp.path(), false);
    assert!(!sound && text.contains("the segment header is damaged"), "{text}");
    let (text, sound) = check(temp.path(), true);
    if text.contains("nothing was lost") {
        assert!(sound, "{text}");
        assert_eq!(keys_after_start(temp.path()), Ok(20));
    } else {
        assert!(!sound && text.contains("no other segment says which journal this is"), "{text}");
    }
}

#[test]
fn a_torn_tail_is_no_damage() {
    let temp = data(20, false);
    let segment = used_file(&temp.path().join("journal"), ".wal");
    // A frame that never was whole, after everything that was fsynced, with a whole one behind it.
    let bytes = fs::read(&segment).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap().next_multiple_of(8) + 64;
    let mut torn = bytes;
    torn[end..end + 6].copy_from_slice(b"key:99");
    fs::write(&segment, torn).unwrap();
    let (text, sound) = check(temp.path(), true);
    assert!(sound && !text.contains("damaged"), "{text}");
    assert_eq!(keys_after_start(temp.path()), Ok(20));
}

#[test]
fn a_damaged_checkpoint_is_named_and_replaced_only_where_the_journal_can() {
    for (file, at) in [("manifest", 60), (".sections", 20)] {
        // The journal was created with these entries and still has them all.
        let temp = data(20, true);
        flip(&used_file(&shard(temp.path()), file), at);
        let refused = keys_after_start(temp.path()).unwrap_err();
        assert!(refused.contains("checkpoint of shard default/keyspace/0#0"), "{refused}");
        let (text, sound) = check(temp.path(), false);
        let log = LogId::FIRST_DATASET;
        assert!(!sound && text.contains(&format!("damaged: log {log}: ")) && text.contains(file), "{text}");
        assert!(text.contains("a repair would drop this checkpoint and replay the log instead"), "{text}");
        let (text, sound) = check(temp.path(), true);
        assert!(sound && text.contains("repaired: dropped this checkpoint"), "{text}");
        assert_eq!(keys_after_start(temp.path()), Ok(20));

        // With the journal gone too, only a copy helps.
        let temp = data(20, true);
        flip(&used_file(&shard(temp.path()), file), at);
        for entry in fs::read_dir(temp.path().join("journal")).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::remove_file(path).unwrap();
            }
        }
        let (text, sound) = check(temp.path(), true);
        assert!(!sound && text.contains("cannot be repaired; restore it from a copy"), "{text}");
        assert!(text.contains(&format!("the journal has no entries of log {log}")), "{text}");
        assert!(shard(temp.path()).join("manifest").exists(), "nothing was removed");
    }
}

#[test]
fn a_checkpoint_that_has_seen_more_than_the_journal_has_is_damage() {
    let temp = data(20, true);
    let segment = used_file(&temp.path().join("journal"), ".wal");
    let manifest = shard(temp.path()).join("manifest");
    // As if the pass had begun before most of the entries: it replays from offset 2 and has seen offset 21.
    let mut bytes = fs::read(&manifest).unwrap();
    bytes[24..32].copy_from_slice(&2_u64.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[16..]);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    fs::write(&manifest, bytes).unwrap();
    assert!(check(temp.path(), false).1);
    flip(&segment, find(&segment, b"key:10", 0));
    let (text, _) = check(temp.path(), true);
    assert!(text.contains("repaired: dropped the journal from there on"), "{text}");
    let (text, sound) = check(temp.path(), false);
    assert!(
        !sound && text.contains("its checkpoint has seen it reach offset 21, but it ends at offset 11"),
        "{text}"
    );
}

/// Puts attachments beside the journal of `dir`: one that an entry names, and one that none does.
fn attach(dir: &Path) -> (AttachmentId, AttachmentId) {
    let journal = open_journal(dir);
    let named = journal.put_attachment(b"named by an entry", Durability::Sync).unwrap();
    let loose = journal.put_attachment(b"named by none", Durability::Sync).unwrap();
    let header = EntryHeader {
        log: LogId(77),
        offset: Offset::ZERO,
        epoch: Epoch(1),
        hlc: 1,
        origin: 0,
        kind: PayloadKind(1),
        version: 1,
        flags: FLAG_ATTACHMENT,
    };
    let mut batch = Batch::new();
    let entry = EntryRef { header, extensions: &[], payload: &named.to_bytes() };
    batch.push_entry(&entry, Durability::Sync);
    assert!(journal.try_admit(journal.batch_cost(batch.bytes().len())).unwrap());
    journal.append(&batch).unwrap();
    journal.wal().close().unwrap();
    (named, loose)
}

fn open_journal(dir: &Path) -> LocalJournal {
    let config = bole_wal::Config { reserve_bytes: 0, ..bole_wal::Config::default() };
    LocalJournal::open(Arc::new(RealDisk), Arc::new(SystemClock::new()), &dir.join("journal"), config)
        .unwrap()
}

#[test]
fn attachments_are_read_and_what_names_them_is_said() {
    let temp = data(5, true);
    let (named, loose) = attach(temp.path());
    let path = |id: &AttachmentId| temp.path().join(format!("journal/attachments/{:016x}", id.number));
    let (text, sound) = check(temp.path(), false);
    assert!(sound && text.contains("journal/attachments: 2 attachments, 30 B"), "{text}");

    flip(&path(&loose), 60);
    let (text, sound) = check(temp.path(), false);
    assert!(sound && text.contains("no entry names it: its write was never finished"), "{text}");

    flip(&path(&named), 60);
    let (text, sound) = check(temp.path(), true);
    assert!(
        !sound && text.contains("entry 0 of log 77 names it") && text.contains("restore it from a copy"),
        "{text}"
    );
    fs::remove_file(path(&named)).unwrap();
    let (text, sound) = check(temp.path(), false);
    assert!(!sound && text.contains("entry 0 of log 77 names it"), "{text}");
}

#[test]
fn the_next_attachment_number_is_written_again() {
    let temp = data(5, true);
    let (_, newest) = attach(temp.path());
    flip(&temp.path().join("journal/attachments/next"), 3);
    let (text, sound) = check(temp.path(), false);
    assert!(
        !sound && text.contains("attachments/next") && text.contains("a repair would lose nothing"),
        "{text}"
    );
    let (text, sound) = check(temp.path(), true);
    assert!(sound && text.contains("repaired; nothing was lost"), "{text}");
    let next = open_journal(temp.path()).put_attachment(b"next", Durability::Sync).unwrap();
    assert!(next.number > newest.number, "{next} comes after {newest}");
}
