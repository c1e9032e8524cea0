//! Real processes are started, killed, restarted and never left behind.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bole_testing::process::{Cycles, Ready, Spec, free_port, kill_cycles, temp_dir};

fn shell(script: &str) -> Spec {
    let spec = Spec::new("/bin/sh", Ready::Line("ready".into())).arg("-c").arg(script);
    Spec { timeout: Duration::from_secs(10), ..spec }
}

fn runs(id: u32) -> bool {
    Path::new(&format!("/proc/{id}")).exists()
}

#[test]
fn a_process_is_ready_and_then_gone() {
    let process = shell("echo starting; echo ready 7; exec tail -f /dev/null").start().unwrap();
    let id = process.id();
    assert!(runs(id) && process.output().contains(&"ready 7".to_owned()));
    drop(process);
    assert!(!runs(id), "dropping kills");

    let process = shell("echo ready; exec tail -f /dev/null").start().unwrap();
    assert!(!process.terminate().unwrap().success());
    let failed = shell("echo oh no >&2; exit 3").start().err().unwrap().to_string();
    assert!(failed.contains("exit status: 3") && failed.contains("oh no"), "{failed}");
    let slow = Spec { timeout: Duration::from_millis(50), ..shell("exec tail -f /dev/null") };
    let begun = Instant::now();
    assert!(slow.start().err().unwrap().to_string().contains("waited"));
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(free_port().unwrap() > 0);
}

/// The server is a counter in a file; the check sees that what was counted before each kill is still there.
#[test]
fn kill_cycles_check_what_each_kill_left() {
    let dir = temp_dir("cycles").unwrap();
    let path = dir.path().join("counted");
    let cycles = Cycles { count: 4, seed: 1, after: Duration::from_millis(1)..Duration::from_millis(20) };
    let worked = AtomicU32::new(0);
    let mut checks = 0;
    let work = |_cycle: u32, stop: &bole_testing::process::Stop| {
        let mut count = 0_u32;
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
        while !stop.is_set() {
            file.write_all(b"x").unwrap();
            count += 1;
        }
        worked.fetch_add(count, Ordering::SeqCst);
        count
    };
    let check = |_cycle: u32, _last: Option<u32>| {
        checks += 1;
        let found = fs::read(&path).map_or(0, |bytes| bytes.len() as u32);
        let expected = worked.load(Ordering::SeqCst);
        if found == expected { Ok(()) } else { Err(format!("{found} of {expected}")) }
    };
    kill_cycles(&shell("echo ready; exec tail -f /dev/null"), &cycles, work, check).unwrap();
    assert_eq!(checks, 5);

    let failing = |_: u32, last: Option<()>| last.map_or(Ok(()), |()| Err("lost a write".to_owned()));
    let error = kill_cycles(&shell("echo ready; exec tail -f /dev/null"), &cycles, |_, _| (), failing);
    assert!(error.unwrap_err().to_string().contains("cycle 1 of seed 1: lost a write"));
    let dying = shell("echo ready; echo dies; exit 4");
    let wait = |_: u32, stop: &bole_testing::process::Stop| {
        while !stop.is_set() {
            std::thread::yield_now();
        }
    };
    let later = Cycles { after: Duration::from_secs(1)..Duration::from_secs(1), ..cycles };
    let error = kill_cycles(&dying, &later, wait, |_, _| Ok(())).unwrap_err();
    assert!(error.to_string().contains("ended by itself"), "{error}");
}
