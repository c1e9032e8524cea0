//! What a child process does to its files is recorded, and every image of a replay is one that a power cut could leave.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bole_testing::process::temp_dir;
use bole_testing::recorder::{Error, Event, Recording, record, strace};

/// A shell program that replaces a file properly, appends to another without a sync, and says what is safe.
const SCRIPT: &str = "
    echo appended >> log
    mkdir sub
    dd if=/dev/zero of=sub/new bs=700 count=2 conv=fsync 2>/dev/null
    mv sub/new data
    sync .
    echo committed
    echo again >> log
    rm old
";

fn recorded(script: &str) -> Option<Recording> {
    let dir = temp_dir("recorded").unwrap();
    for name in ["old", "data"] {
        fs::write(dir.path().join(name), name).unwrap();
    }
    match record(dir.path(), Path::new("/bin/sh"), &["-c", script]) {
        Ok(recording) => Some(recording),
        Err(Error::Unavailable(text)) => {
            eprintln!("skipped: {text}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_child_is_recorded_and_replayed() {
    let Some(recording) = recorded(SCRIPT) else { return };
    let events = recording.events();
    let path = |text: &str| PathBuf::from(text);
    assert!(events.contains(&Event::Create { file: 0, path: path("log") }), "{events:?}");
    assert!(events.contains(&Event::Rename { from: path("sub/new"), to: path("data") }), "{events:?}");
    assert!(events.contains(&Event::Remove { path: path("old") }), "{events:?}");
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::SyncDir { path, .. } if path.as_os_str().is_empty()))
    );
    assert!(recording.unseen.is_empty(), "{:?}", recording.unseen);

    let mut seen = BTreeSet::new();
    let visit = |events: usize, folder: &Path| {
        let data = fs::read(folder.join("data")).map_err(|error| error.to_string())?;
        let committed = recording.printed(events).contains("committed");
        let (is_old, is_new) = (data == b"data", data == [0; 1400]);
        seen.insert((committed, is_new, folder.join("old").exists(), fs::read(folder.join("log")).ok()));
        if is_new || (is_old && !committed) {
            Ok(())
        } else {
            Err(format!("{data:?} is neither old nor new"))
        }
    };
    recording.sample(1, 300, visit).unwrap();
    assert!(seen.iter().any(|(committed, is_new, ..)| !committed && *is_new), "renamed early");
    assert!(seen.iter().any(|(committed, is_new, ..)| !committed && !*is_new), "not renamed yet");
    assert!(seen.iter().any(|(.., old, _)| !*old) && seen.iter().any(|(.., old, _)| *old));
    let logs: BTreeSet<_> = seen.into_iter().map(|(.., log)| log).collect();
    for log in [None, Some(&b"appended\n"[..]), Some(b"appended\nagain\n")] {
        assert!(logs.contains(&log.map(<[u8]>::to_vec)), "{log:?} is possible: {logs:?}");
    }
}

#[test]
fn a_missing_sync_is_found() {
    let script = "printf new > tmp; mv tmp data; sync .; echo committed";
    let Some(recording) = recorded(script) else { return };
    let visit = |events: usize, folder: &Path| {
        let data = fs::read(folder.join("data")).unwrap();
        let committed = recording.printed(events).contains("committed");
        if data == b"new" || (data == b"data" && !committed) { Ok(()) } else { Err(format!("{data:?}")) }
    };
    let error = recording.sample(1, 100, visit).unwrap_err().to_string();
    assert!(error.contains("of seed 1, cut after event"), "{error}");
}

/// Two threads: the sync began before the second write was complete, so it does not cover it.
#[test]
fn a_sync_covers_what_was_complete_when_it_began() {
    let trace = r#"7 openat(AT_FDCWD, "\x61", O_RDWR|O_CREAT, 0644) = 3
7 clone3({flags=CLONE_VM|CLONE_FILES|CLONE_THREAD, exit_signal=0}, 88 <unfinished ...>
8 pwrite64(3, "\x31", 1, 0) = 1
7 <... clone3 resumed> => {parent_tid=[8]}) = 8
7 fdatasync(3 <unfinished ...>
8 pwrite64(3, "\x32", 1, 1) = 1
7 <... fdatasync resumed>) = 0
7 fsync(9) = -1 EBADF (Bad file descriptor)
8 +++ exited with 0 +++
"#;
    let before = temp_dir("empty").unwrap();
    let parsed = strace::parse(trace, Path::new("/nowhere"), before.path()).unwrap();
    let write = |offset, byte| Event::Write { file: 0, offset, bytes: vec![byte] };
    let create = Event::Create { file: 0, path: PathBuf::from("a") };
    assert_eq!(parsed.events, [create, write(0, b'1'), write(1, b'2'), Event::Sync { file: 0, covers: 2 }]);

    let mut events = parsed.events;
    events.push(Event::SyncDir { path: PathBuf::new(), covers: 4 });
    let mut images = BTreeSet::new();
    let visit = |count: usize, folder: &Path| {
        if count == 5 {
            images.insert(fs::read(folder.join("a")).unwrap());
        }
        Ok(())
    };
    Recording::from_events(events).unwrap().sample(3, 400, visit).unwrap();
    assert_eq!(images, BTreeSet::from([b"1".to_vec(), b"12".to_vec(), b"1\0".to_vec()]));
    let error = strace::parse("7 nonsense\n", Path::new("/nowhere"), before.path()).unwrap_err();
    assert!(error.contains("line 1"), "{error}");
}
