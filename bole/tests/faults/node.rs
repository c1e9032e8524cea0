//! A running node, a client of its keyspace, and writes whose acknowledgements are remembered.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Nothing here takes longer, if it works.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A command line of `bole` that no setting of the caller's environment reaches.
pub(crate) fn bole(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bole"));
    command.args(args).stdin(Stdio::null());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BOLE_")) {
        command.env_remove(name);
    }
    command
}

/// A running node on free ports. Killed when a test drops it.
pub(crate) struct Node {
    child: Child,
    port: u16,
}

impl Node {
    /// Starts a node; the error is its log, if it does not come up.
    pub(crate) fn try_start(data: &Path, settings: &[&str]) -> Result<Self, String> {
        let ports = [
            "admin.listen=127.0.0.1:0",
            "keyspace.listen=127.0.0.1:0",
            "streams.listen=127.0.0.1:0",
            "blobs.listen=127.0.0.1:0",
            "schemas.listen=127.0.0.1:0",
            "gateway.listen=127.0.0.1:0",
            "dns.listen=127.0.0.1:0",
            "sql.listen=127.0.0.1:0",
        ];
        let mut command = bole(&["serve", "--data", data.to_str().unwrap()]);
        for setting in ports.iter().chain(settings) {
            command.args(["--set", setting]);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut banner = String::new();
        // The banner ends with the line on how to stop; a node that dies closes its output before.
        while !banner.contains("Ctrl-C") {
            if stdout.read_line(&mut banner).unwrap() == 0 {
                let mut log = String::new();
                child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
                child.wait().unwrap();
                return Err(log);
            }
        }
        let port = banner.split_once("redis-cli -p ").unwrap().1.split_whitespace().next().unwrap();
        Ok(Self { child, port: port.parse().unwrap() })
    }

    pub(crate) fn start(data: &Path, settings: &[&str]) -> Self {
        Self::try_start(data, settings).unwrap_or_else(|log| panic!("the node did not start:\n{log}"))
    }

    pub(crate) fn client(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream: BufReader::new(stream) }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends the node with SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops the node with SIGTERM; its exit code and its log.
    pub(crate) fn stop(self) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.wait()
    }

    /// Waits until the node ends; its exit code and its log.
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended before.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// A connection to the keyspace.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

/// A reply: the text after its first byte, or a bulk string's bytes. `Err` for an error reply.
pub(crate) type Reply = Result<Option<Vec<u8>>, String>;

impl Client {
    /// Sends a command and reads its reply. An I/O error says that the connection ended instead.
    pub(crate) fn command(&mut self, words: &[&[u8]]) -> io::Result<Reply> {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            request.extend_from_slice(word);
            request.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&request)?;
        let mut head = String::new();
        if self.stream.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = head.trim_end();
        Ok(match text.split_at(1) {
            ("-", error) => Err(error.to_owned()),
            ("$", "-1") => Ok(None),
            ("$", length) => {
                let mut bytes = vec![0; length.parse::<usize>().unwrap() + 2];
                self.stream.read_exact(&mut bytes)?;
                bytes.truncate(bytes.len() - 2);
                Ok(Some(bytes))
            }
            (_, text) => Ok(Some(text.as_bytes().to_vec())),
        })
    }

    pub(crate) fn get(&mut self, key: &str) -> Option<Vec<u8>> {
        self.command(&[b"GET", key.as_bytes()]).unwrap().unwrap()
    }
}

/// Writes numbered values and remembers which were acknowledged.
#[derive(Default)]
pub(crate) struct Writes {
    next: u64,
    /// By key, the value that was acknowledged last, and the one that was sent after it with neither an acknowledgement nor a refusal.
    keys: BTreeMap<String, (Option<u64>, Option<u64>)>,
}

impl Writes {
    /// Sets one of `keys` keys to a new value of `bytes` bytes.
    pub(crate) fn set(&mut self, client: &mut Client, keys: u64, bytes: usize) -> io::Result<Reply> {
        let number = self.next;
        self.next += 1;
        let key = format!("key:{}", number % keys);
        let entry = self.keys.entry(key.clone()).or_default();
        entry.1 = Some(number);
        let reply = client.command(&[b"SET", key.as_bytes(), &value(number, bytes)])?;
        match &reply {
            Ok(_) => *entry = (Some(number), None),
            // Whether a write is in the journal that failed is seen at the next start.
            Err(error) if error.contains("the node is stopping") => {}
            Err(_) => entry.1 = None,
        }
        Ok(reply)
    }

    /// Every key holds what was acknowledged last, or what was sent after that and never answered.
    pub(crate) fn check(&self, client: &mut Client) {
        for (key, (acknowledged, unanswered)) in &self.keys {
            let found = client.get(key).map(|value| number_of(&value));
            assert!(
                found == *acknowledged || unanswered.is_some() && found == *unanswered,
                "{key} is {found:?}; acknowledged was {acknowledged:?}, unanswered {unanswered:?}"
            );
        }
    }
}

fn value(number: u64, bytes: usize) -> Vec<u8> {
    let mut value = number.to_string().into_bytes();
    value.resize(bytes.max(value.len()), b'.');
    value
}

fn number_of(value: &[u8]) -> u64 {
    let digits = value.split(|byte| *byte == b'.').next().unwrap();
    std::str::from_utf8(digits).unwrap().parse().unwrap()
}
