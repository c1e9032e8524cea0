//! The program as a user runs it: start, banner, status, refusals, stop, check.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A command line of `bole` that no setting of the caller's environment reaches.
fn bole(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bole"));
    command.args(args).stdin(Stdio::null());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BOLE_")) {
        command.env_remove(name);
    }
    command
}

fn run(args: &[&str]) -> (i32, String, String) {
    finish(&bole(args).output().unwrap())
}

fn finish(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// A running node on free ports. Killed when a test drops it without stopping it.
struct Node {
    child: Child,
    banner: String,
    addr: String,
}

impl Node {
    fn start(data: &Path) -> Self {
        let data = data.to_str().unwrap();
        let doors = [
            "admin.listen=127.0.0.1:0",
            "keyspace.listen=127.0.0.1:0",
            "streams.listen=127.0.0.1:0",
            "blobs.listen=127.0.0.1:0",
            "schemas.listen=127.0.0.1:0",
            "gateway.listen=127.0.0.1:0",
            "dns.listen=127.0.0.1:0",
            "sql.listen=127.0.0.1:0",
        ];
        let ports = doors.into_iter().flat_map(|door| ["--set", door]);
        let mut command = bole(&["serve", "--data", data]);
        let mut child = command.args(ports).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut banner = String::new();
        // The banner ends with the line on how to stop; a node that dies closes its output before.
        while !banner.contains("Ctrl-C") {
            assert_ne!(stdout.read_line(&mut banner).unwrap(), 0, "the node ended after: {banner}");
        }
        let addr =
            banner.split_once("bole status --addr ").unwrap().1.split_whitespace().next().unwrap().to_owned();
        Self { child, banner, addr }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Stops the node with SIGTERM; returns its exit code and its log.
    fn stop(self) -> (i32, String) {
        kill_process(self.pid(), Signal::TERM).unwrap();
        self.wait()
    }

    /// Waits for the end; returns the exit code and the log.
    fn wait(mut self) -> (i32, String) {
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code().unwrap(), log)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_node_starts_answers_and_stops() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let node = Node::start(&data);
    assert!(node.banner.starts_with(&format!("Bole {}\n", env!("CARGO_PKG_VERSION"))), "{}", node.banner);
    assert!(node.banner.contains("password \"bolebole\"") && node.banner.contains(data.to_str().unwrap()));

    let (code, page, _) = run(&["status", "--addr", &node.addr]);
    assert!(code == 0 && page.contains(", ready, up "), "{page}");
    let (_, json, _) = run(&["status", "--json", "--addr", &node.addr]);
    let status: bole::status::Status = serde_json::from_str(&json).unwrap();
    assert_eq!((status.state.as_str(), status.data.as_str()), ("ready", data.to_str().unwrap()));
    let (code, users, _) = run(&["user", "list", "--addr", &node.addr]);
    assert!(code == 0 && users.starts_with("bole "), "{users}");

    let (code, _, error) = run(&["serve", "--data", data.to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(error.contains(&format!("in use by process {}", node.child.id())), "{error}");
    let free = temp.path().join("free");
    let taken = format!("admin.listen={}", node.addr);
    let (keyspace, schemas) = ("keyspace.listen=127.0.0.1:0", "schemas.listen=127.0.0.1:0");
    let free = free.to_str().unwrap();
    let (sql, blobs) = ("sql.listen=127.0.0.1:0", "blobs.listen=127.0.0.1:0");
    let (streams, gateway) = ("streams.listen=127.0.0.1:0", "gateway.listen=127.0.0.1:0");
    let doors = [taken.as_str(), keyspace, schemas, sql, blobs, streams, gateway, "dns.listen=127.0.0.1:0"];
    let args =
        ["serve", "--data", free].into_iter().chain(doors.into_iter().flat_map(|door| ["--set", door]));
    let args: Vec<_> = args.collect();
    let (code, _, error) = run(&args);
    assert!(code == 1 && error.contains("--set admin.listen="), "{error}");

    let (code, log) = node.stop();
    assert_eq!(code, 0, "{log}");
    for line in log.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event["level"] == "INFO", "an unexpected line: {line}");
    }
    let (code, report, _) = run(&["check", data.to_str().unwrap()]);
    assert!(code == 0 && report.contains(&format!("node {}", status.node)), "{report}");
    let again = Node::start(&data);
    let (_, json, _) = run(&["status", "--json", "--addr", &again.addr]);
    assert!(json.contains(&status.node), "the identity stays: {json}");
}

/// A request that the node has begun to read and whose last byte, `}`, is still to come.
fn begin_request(addr: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = "POST /api/users HTTP/1.1\r\nauthorization: Basic Ym9sZTpib2xlYm9sZQ==\r\nconnection: close\r\n\
                content-type: application/json\r\nexpect: 100-continue\r\ncontent-length: 2";
    write!(stream, "{head}\r\nhost: {addr}\r\n\r\n{{").unwrap();
    // The node asks for the body when the request's handler wants it.
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

/// Waits until nobody listens at `addr`.
fn wait_until_closed(addr: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(addr).is_ok() {
        assert!(Instant::now() < deadline, "{addr} is still open");
        std::thread::yield_now();
    }
}

#[test]
fn a_stop_finishes_what_is_in_flight_and_a_second_signal_does_not() {
    let temp = tempfile::tempdir().unwrap();
    let node = Node::start(temp.path());
    let mut request = begin_request(&node.addr);
    kill_process(node.pid(), Signal::TERM).unwrap();
    wait_until_closed(&node.addr);
    request.write_all(b"}").unwrap();
    let mut answer = String::new();
    request.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("missing field"), "{answer}");
    assert_eq!(node.wait().0, 0);

    let node = Node::start(temp.path());
    let _request = begin_request(&node.addr);
    kill_process(node.pid(), Signal::INT).unwrap();
    wait_until_closed(&node.addr);
    kill_process(node.pid(), Signal::INT).unwrap();
    let (code, log) = node.wait();
    assert!(code == 130 && log.contains("stopped at once"), "{code} {log}");
}

#[test]
fn a_damaged_directory_is_refused_and_reported() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().to_str().unwrap();
    std::fs::write(temp.path().join("node.meta"), b"BOLENODE and nothing else").unwrap();
    let (code, _, error) = run(&["serve", "--data", data]);
    assert!(code == 1 && error.contains("node.meta is damaged"), "{error}");
    let (code, report, _) = run(&["check", data]);
    assert!(code == 1 && report.contains("damaged:"), "{report}");
}

#[test]
fn wrong_command_lines_say_what_is_wrong() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().to_str().unwrap();
    for (args, code, part) in [
        (&["serv"][..], 2, "serve"),
        (&["--set", "keyspace.shard=1"], 2, "did you mean \"keyspace.shards\"?"),
        (&["config", "--config", "/nonexistent.toml"], 2, "/nonexistent.toml"),
        (&["check", "/nonexistent"], 1, "/nonexistent cannot be read"),
        (&["status", "--addr", "127.0.0.1:1"], 1, "no node answers at 127.0.0.1:1"),
        (&["status", "--as", "ann"], 1, "set BOLE_PASSWORD"),
        (
            &["--data", data, "--set", "keyspace.listen=0.0.0.0:6379"],
            1,
            "`keyspace.listen` = \"0.0.0.0:6379\"",
        ),
    ] {
        let (exit, _, error) = run(args);
        assert_eq!(exit, code, "{args:?}: {error}");
        assert!(error.contains(part), "{args:?}: {error}");
    }
    let mut command = bole(&["config"]);
    let (code, _, error) = finish(&command.env("BOLE_KEYSPACE_SHARD", "1").output().unwrap());
    assert!(code == 2 && error.contains("BOLE_KEYSPACE_SHARDS"), "{error}");
}

#[test]
fn config_and_version_print() {
    let (code, text, _) = run(&["config"]);
    assert_eq!((code, text), (0, bole::config::render_defaults()));
    let (code, text, _) = run(&["--version"]);
    assert_eq!((code, text), (0, format!("bole {}\n", env!("CARGO_PKG_VERSION"))));
    let (code, text, _) = run(&["config", "--effective", "--set", "log.level=debug"]);
    assert!(code == 0 && text.contains("level = \"debug\"  # from --set log.level=debug"), "{text}");
}
