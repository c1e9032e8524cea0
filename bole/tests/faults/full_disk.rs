//! A full disk stops writes, not reads, and nothing more (promise P5).

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::node::{Client, Node, PATIENCE, Writes};

/// A small file system in memory, or `None` where this user may not mount one.
struct Small {
    dir: tempfile::TempDir,
}

impl Small {
    fn mount(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(dir.path());
        let mounted = mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        mounted.then_some(Self { dir })
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // The folder stays behind if this fails, and so does the message of umount.
        let _status = Command::new("umount").arg(self.dir.path()).status();
    }
}

const SETTINGS: &[&str] = &[
    "journal.segment_bytes=8MiB",
    "journal.bytes_max=1GiB",
    "journal.queue_bytes_max=2MiB",
    "journal.reserve_bytes=2MiB",
    "checkpoint.bytes_max=512MiB",
];
const VALUE_BYTES: usize = 64 << 10;
const KEYS: u64 = 50;

/// Writes until the disk is full; the error that says so.
fn write_until_refused(client: &mut Client, writes: &mut Writes) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "the disk does not get full");
        if let Err(error) = writes.set(client, KEYS, VALUE_BYTES).unwrap() {
            return error;
        }
    }
}

fn write_until_accepted(client: &mut Client, writes: &mut Writes) {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = writes.set(client, KEYS, VALUE_BYTES).unwrap() {
        assert!(error.starts_with("MISCONF ") && Instant::now() < deadline, "{error}");
    }
}

fn check_refusal(error: &str) {
    assert!(
        error.starts_with("MISCONF ") && error.contains("free; a segment and the reserve need"),
        "{error}"
    );
}

#[test]
fn writes_stop_reads_go_on_and_writes_resume() {
    let Some(disk) = Small::mount("96m") else {
        eprintln!("skipped: mounting a small file system needs root");
        return;
    };
    let data = disk.dir.path().join("data");
    let filler = disk.dir.path().join("filler");
    for class in ["sync", "async"] {
        std::fs::write(&filler, vec![b'.'; 24 << 20]).unwrap();
        let mut settings = SETTINGS.to_vec();
        let durability = format!("keyspace.durability={class}");
        settings.push(&durability);
        let node = Node::start(&data, &settings);
        let (mut client, mut writes) = (node.client(), Writes::default());
        let error = write_until_refused(&mut client, &mut writes);
        check_refusal(&error);
        writes.check(&mut client);
        // Others are told the same, and read as well.
        let mut other = node.client();
        assert_eq!(writes.set(&mut other, KEYS, VALUE_BYTES).unwrap().unwrap_err(), error);
        writes.check(&mut other);

        std::fs::remove_file(&filler).unwrap();
        write_until_accepted(&mut client, &mut writes);
        writes.check(&mut other);
        node.kill();
        check_after_restart(&data, &settings, &writes);
        std::fs::remove_dir_all(&data).unwrap();
    }
}

fn check_after_restart(data: &Path, settings: &[&str], writes: &Writes) {
    let node = Node::start(data, settings);
    writes.check(&mut node.client());
    let (code, log) = node.stop();
    assert_eq!(code, Some(0), "{log}");
}
