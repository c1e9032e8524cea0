//! A running node, and command lines that find it through their environment.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Nothing here takes longer, if it works.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);
/// Beside the data: programs that stand in for installed ones.
const PROGRAMS: &str = "programs";

/// What a command line has printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) errors: String,
}

/// A node on free ports. Killed when a test drops it.
pub(crate) struct Node {
    child: Child,
    folder: PathBuf,
    /// Where streams are served.
    pub(crate) streams: String,
    /// Where the keyspace is served.
    pub(crate) keyspace: String,
    /// Where buckets are served to S3's clients.
    pub(crate) blobs: String,
    /// Where databases are served to PostgreSQL's clients.
    pub(crate) sql: String,
    /// Where the gateway listens.
    pub(crate) gateway: String,
    /// Where DNS is served.
    pub(crate) dns: String,
    admin: String,
}

impl Node {
    /// Starts a node with its data in `folder`, where its command lines run, too.
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_at(folder, "127.0.0.1:0")
    }

    /// The same with streams at this address.
    pub(crate) fn start_at(folder: &Path, streams: &str) -> Self {
        Self::start_with(folder, streams, &[] as &[&str])
    }

    /// The same with these settings on top. Meanwhile somebody else may have the port of a node that was killed, so it is tried again.
    pub(crate) fn start_with(folder: &Path, streams: &str, settings: &[impl AsRef<str>]) -> Self {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match Self::try_start(folder, streams, settings) {
                Ok(node) => return node,
                Err(banner) => assert!(Instant::now() < deadline, "the node ended after: {banner}"),
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What it printed before it ended, if it did.
    fn try_start(folder: &Path, streams: &str, settings: &[impl AsRef<str>]) -> Result<Self, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bole"));
        clear(&mut command);
        command.current_dir(folder).arg("serve").stdin(Stdio::null());
        let streams = format!("streams.listen={streams}");
        for setting in [
            "admin.listen=127.0.0.1:0",
            "keyspace.listen=127.0.0.1:0",
            "blobs.listen=127.0.0.1:0",
            "schemas.listen=127.0.0.1:0",
            "sql.listen=127.0.0.1:0",
            "gateway.listen=127.0.0.1:0",
            "dns.listen=127.0.0.1:0",
            streams.as_str(),
        ] {
            command.args(["--set", setting]);
        }
        for setting in settings {
            command.args(["--set", setting.as_ref()]);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut banner = String::new();
        // The banner ends with the line on how to stop; a node that dies closes its output before.
        while !banner.contains("Ctrl-C") {
            if stdout.read_line(&mut banner).unwrap() == 0 {
                child.wait().unwrap();
                return Err(banner);
            }
        }
        let word_after = |text: &str| {
            let rest = banner.split_once(text).unwrap_or_else(|| panic!("no \"{text}\" in: {banner}")).1;
            rest.split_whitespace().next().unwrap().to_owned()
        };
        let (streams, admin) = (word_after("streams (Kafka) "), word_after("bole status --addr "));
        let (keyspace, sql) = (word_after("keyspace (Redis) "), word_after("sql (PostgreSQL) "));
        let (blobs, gateway) = (word_after("blobs (S3) "), word_after("gateway (HTTP) "));
        let dns = word_after("dns (UDP, TCP) ");
        Ok(Self { child, folder: folder.to_path_buf(), streams, keyspace, sql, blobs, gateway, dns, admin })
    }

    /// What a node says that these settings do not let start.
    pub(crate) fn refused(folder: &Path, settings: &[impl AsRef<str>]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bole"));
        clear(&mut command);
        command.current_dir(folder).arg("serve").stdin(Stdio::null());
        for door in ["admin", "keyspace", "blobs", "schemas", "sql", "streams", "gateway", "dns"] {
            command.args(["--set", &format!("{door}.listen=127.0.0.1:0")]);
        }
        for setting in settings {
            command.args(["--set", setting.as_ref()]);
        }
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let outcome = finish(child);
        assert_ne!(outcome.code, 0, "it started: {outcome:?}");
        outcome.errors
    }

    /// A command that finds this node, and `bole` in its path.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        clear(&mut command);
        let bole = Path::new(env!("CARGO_BIN_EXE_bole")).parent().unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let first = [self.folder.join(PROGRAMS), bole.to_path_buf()];
        let path = std::env::join_paths(first.into_iter().chain(std::env::split_paths(&path)));
        command.current_dir(&self.folder).env("PATH", path.unwrap());
        command.env("BOLE_STREAMS_LISTEN", &self.streams).env("BOLE_ADDR", &self.admin);
        command.env("BOLE_GATEWAY_LISTEN", &self.gateway);
        command.env("BOLE_SQL_LISTEN", &self.sql).env("BOLE_BLOBS_LISTEN", &self.blobs);
        command
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.blobs))
            .env("AWS_DEFAULT_REGION", "us-east-1");
        command.env("AWS_ACCESS_KEY_ID", "bole").env("AWS_SECRET_ACCESS_KEY", "bolebole");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Whether `redis-cli` is installed; if so, commands that call it reach this node, wherever it listens.
    pub(crate) fn has_redis_cli(&self) -> bool {
        let (host, port) = self.keyspace.rsplit_once(':').unwrap();
        self.stands_in("redis-cli", &format!("-h {host} -p {port} \"$@\""))
    }

    /// Whether `curl` is installed; if so, commands that call it find this node's gateway and admin door at their usual ports.
    pub(crate) fn has_curl(&self) -> bool {
        self.stands_in(
            "curl",
            &format!(
                "--connect-to 127.0.0.1:8080:{} --connect-to 127.0.0.1:4280:{} \"$@\"",
                self.gateway, self.admin
            ),
        )
    }

    /// Whether `dig` is installed; if so, commands that call it ask this node, whatever port they say.
    pub(crate) fn has_dig(&self) -> bool {
        let port = self.dns.rsplit_once(':').unwrap().1;
        self.stands_in("dig", &format!("\"$@\" -p {port}"))
    }

    /// Puts a program in front of an installed one that calls it with these arguments, its own being `"$@"`; whether it is installed.
    fn stands_in(&self, program: &str, arguments: &str) -> bool {
        let programs = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&programs).map(|folder| folder.join(program));
        let Some(real) = found.into_iter().find(|program| program.is_file()) else { return false };
        let script = format!("#!/bin/sh\nexec {} {arguments}\n", real.display());
        let stand_in = self.folder.join(PROGRAMS).join(program);
        std::fs::create_dir_all(stand_in.parent().unwrap()).unwrap();
        std::fs::write(&stand_in, script).unwrap();
        std::fs::set_permissions(&stand_in, std::fs::Permissions::from_mode(0o755)).unwrap();
        true
    }

    /// Where its admin door listens.
    pub(crate) fn admin(&self) -> &str {
        &self.admin
    }

    /// Runs `bole` with these arguments, and `input` on its standard input.
    pub(crate) fn bole(&self, args: &[&str], input: &str) -> Outcome {
        let mut child = self.spawn(args);
        let mut stdin = child.stdin.take().unwrap();
        // A command that has seen enough closes its input.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        finish(child)
    }

    /// Starts `bole` with its standard input open.
    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        let mut command = self.command(env!("CARGO_BIN_EXE_bole"));
        command.args(args).stdin(Stdio::piped()).spawn().unwrap()
    }

    /// Runs `bole` until what it prints is as wished.
    pub(crate) fn wait_for(&self, args: &[&str], is_as_wished: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let Outcome { out, errors, .. } = self.bole(args, "");
            if is_as_wished(&out) {
                return out;
            }
            assert!(Instant::now() < deadline, "{args:?} still prints: {out}{errors}");
        }
    }
}

impl Node {
    /// Stops the node in good order.
    pub(crate) fn stop(mut self) {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }

    /// A connection to the databases.
    pub(crate) fn redis(&self) -> Redis {
        let stream = std::net::TcpStream::connect(&self.keyspace).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Redis(BufReader::new(stream))
    }
}

/// A client of the databases.
pub(crate) struct Redis(BufReader<std::net::TcpStream>);

impl Redis {
    /// Sends a command, words separated by spaces, and returns the first line of its reply.
    pub(crate) fn call(&mut self, command: &str) -> String {
        self.0.get_mut().write_all(format!("{command}\r\n").as_bytes()).unwrap();
        let mut line = String::new();
        assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "the connection ended: {command}");
        assert!(!line.starts_with('-'), "{command}: {line}");
        line.trim_end().to_owned()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// No setting of the caller's environment reaches the command.
fn clear(command: &mut Command) {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BOLE_")) {
        command.env_remove(name);
    }
}

/// Waits for the end of a command.
pub(crate) fn finish(child: Child) -> Outcome {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Outcome {
        code: output.status.code().unwrap_or(-1),
        out: text(&output.stdout),
        errors: text(&output.stderr),
    }
}
