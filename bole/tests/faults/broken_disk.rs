//! A failed fsync is final (promise P4): nothing is acknowledged after it, and the node ends and says why.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::node::{Node, Writes};

/// strace at a process, failing its calls of `call` from now on; `None` where strace is missing or may not do that.
struct Injector(Child);

impl Injector {
    fn attach(process: u32, call: &str) -> Option<Self> {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-e", &format!("trace={call}"), "-e", &format!("inject={call}:error=EIO"), "-p"]);
        strace.arg(process.to_string()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = strace.spawn().ok()?;
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        // It says so when it has every thread; or that it is not allowed to, and ends.
        let attached = lines.by_ref().any(|line| line.contains("attached"));
        // What it writes has to go somewhere, or it stops the node.
        std::thread::spawn(move || lines.for_each(drop));
        let injector = Self(child);
        attached.then_some(injector)
    }
}

impl Drop for Injector {
    fn drop(&mut self) {
        // It ends by itself with the process that it follows.
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

#[test]
fn after_a_failed_fsync_or_write_nothing_is_acknowledged_and_the_node_ends() {
    for (call, class, what) in [
        ("fdatasync", "sync", "cannot fsync "),
        ("pwrite64", "sync", "cannot write "),
        ("pwrite64", "async", "cannot write "),
    ] {
        let temp = tempfile::tempdir().unwrap();
        let durability = format!("keyspace.durability={class}");
        let node = Node::start(temp.path(), &[&durability]);
        let (mut client, mut writes) = (node.client(), Writes::default());
        for _ in 0..100 {
            assert!(writes.set(&mut client, 10, 100).unwrap().is_ok());
        }
        let Some(injector) = Injector::attach(node.id(), call) else {
            eprintln!("skipped: strace is missing, or may not attach");
            return;
        };
        match writes.set(&mut client, 10, 100) {
            // The connection may be gone before the error could be sent.
            Err(_) => {}
            Ok(Err(error)) => assert!(error.starts_with("MISCONF "), "{call} {class}: {error}"),
            Ok(Ok(_)) => panic!("{call} {class}: a write was acknowledged"),
        }
        assert!(
            !matches!(writes.set(&mut client, 10, 100), Ok(Ok(_))),
            "{call} {class}: acknowledged after the failure"
        );
        let (code, log) = node.wait();
        assert_eq!(code, Some(1), "{call} {class}: {log}");
        assert!(log.contains("the journal failed") && log.contains(what), "{call} {class}: {log}");
        drop(injector);
        let node = Node::start(temp.path(), &[&durability]);
        writes.check(&mut node.client());
    }
}
