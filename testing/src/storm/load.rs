//! Requests at a fixed rate, whatever becomes of the answers.
//!
//! Request *i* is due at *start + i / rate*. A few workers, each with a connection of its own, take turns: whoever is free
//! takes the next request and waits until it is due. Its time counts from when it was due, so whatever keeps requests
//! waiting is charged for it. Every other request is a `POST`, which a gateway must not send twice; the others are `GET`s.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What is asked, and how fast.
#[derive(Clone, Debug)]
pub struct Load {
    /// Who is asked.
    pub server: SocketAddr,
    /// Asked for in turn.
    pub paths: Vec<String>,
    /// Requests a second.
    pub rate: f64,
    /// Connections, so also how many requests may be under way.
    pub connections: usize,
    /// How many in all.
    pub requests: u64,
    /// An answer that takes longer is none.
    pub patience: Duration,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This status, and for 200 whose answer it was.
    Answered(u16, String),
    /// No connection could be made.
    Refused,
    /// A connection that had been used before ended before a byte of the answer came.
    Raced,
    /// The connection ended otherwise, or the answer was not whole in time.
    Broken(String),
}

/// A request that has ended.
#[derive(Clone, Debug)]
pub struct Sample {
    /// When it was due, from the load's start.
    pub due: Duration,
    /// From then to its end.
    pub took: Duration,
    /// It was a `POST`.
    pub is_post: bool,
    /// What became of it.
    pub outcome: Outcome,
}

impl Sample {
    /// Whether it was answered as wished.
    pub const fn is_good(&self) -> bool {
        matches!(self.outcome, Outcome::Answered(200, _))
    }
}

/// A load under way.
pub struct Running {
    load: Load,
    start: Instant,
    next: Arc<AtomicU64>,
    workers: Vec<JoinHandle<Vec<Sample>>>,
}

impl Load {
    /// Begins.
    pub fn start(self) -> Running {
        let (start, next) = (Instant::now(), Arc::<AtomicU64>::default());
        let workers = (0..self.connections).map(|_| {
            let (load, next) = (self.clone(), Arc::clone(&next));
            thread::spawn(move || Worker { load, connection: None }.run(start, &next))
        });
        let workers = workers.collect();
        Running { load: self, start, next, workers }
    }
}

impl Running {
    /// Returns when so many requests were begun.
    pub fn wait_for(&self, requests: u64) {
        while self.next.load(Ordering::SeqCst) < requests.min(self.load.requests) {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Requests that were begun.
    pub fn begun(&self) -> u64 {
        self.next.load(Ordering::SeqCst)
    }

    /// The time since the start.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Begins no more requests, and returns all that were, in the order in which they were due.
    pub fn stop(self) -> Vec<Sample> {
        self.next.store(self.load.requests, Ordering::SeqCst);
        self.finish()
    }

    /// Returns when all have ended.
    pub fn finish(self) -> Vec<Sample> {
        let ended = self.workers.into_iter().filter_map(|worker| worker.join().ok());
        let mut samples: Vec<Sample> = ended.flatten().collect();
        samples.sort_by_key(|sample| sample.due);
        samples
    }
}

struct Worker {
    load: Load,
    connection: Option<BufReader<TcpStream>>,
}

impl Worker {
    fn run(mut self, start: Instant, next: &AtomicU64) -> Vec<Sample> {
        let mut samples = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            if number >= self.load.requests {
                return samples;
            }
            let due = Duration::from_secs_f64(number as f64 / self.load.rate);
            thread::sleep((start + due).saturating_duration_since(Instant::now()));
            let is_post = number % 2 == 1;
            let outcome = self.ask(number, is_post);
            let took = start.elapsed().saturating_sub(due);
            samples.push(Sample { due, took, is_post, outcome });
        }
    }

    fn ask(&mut self, number: u64, is_post: bool) -> Outcome {
        let is_used = self.connection.is_some();
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => match open(self.load.server, self.load.patience) {
                Ok(stream) => BufReader::new(stream),
                Err(_) => return Outcome::Refused,
            },
        };
        // Each path gets as many of the one kind as of the other.
        let path = &self.load.paths[(number / 2) as usize % self.load.paths.len()];
        let (method, length) =
            if is_post { ("POST", "content-length: 2\r\n\r\nab") } else { ("GET", "\r\n") };
        // Keys that are spread evenly, a thousand of them.
        let key = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let request = format!(
            "{method} {path}?n={number} HTTP/1.1\r\nhost: storm.example\r\nx-key: {}\r\n{length}",
            key % 1_000
        );
        let sent = connection.get_mut().write_all(request.as_bytes());
        let begun = sent.and_then(|()| Ok(connection.fill_buf()?.is_empty()));
        match begun {
            Ok(false) => {}
            Ok(true) if is_used => return Outcome::Raced,
            Err(error) if is_used && !is_late(&error) => return Outcome::Raced,
            Ok(true) => return Outcome::Broken("closed without an answer".to_owned()),
            Err(error) => return Outcome::Broken(error.to_string()),
        }
        match read_answer(&mut connection) {
            Ok((status, body, stays)) => {
                self.connection = stays.then_some(connection);
                Outcome::Answered(status, if status == 200 { body } else { problem(&body) })
            }
            Err(error) => Outcome::Broken(error.to_string()),
        }
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// The name of a problem of the gateway's.
fn problem(body: &str) -> String {
    let name = body.split("urn:bole:gateway:").nth(1).and_then(|rest| rest.split('"').next());
    name.unwrap_or("").to_owned()
}

fn open(server: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&server, patience)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    Ok(stream)
}

/// Reads an answer with a length, or of chunks: status, body, and whether the connection stays.
fn read_answer(reader: &mut impl BufRead) -> io::Result<(u16, String, bool)> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let wrong = |line: &str| io::Error::other(format!("that is no answer: {line:?}"));
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status: u16 = status.ok_or_else(|| wrong(&line))?;
    let (mut length, mut chunked, mut stays) = (0, false, true);
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().map_err(|_| wrong(&line))?,
            "transfer-encoding" => chunked = value == "chunked",
            "connection" => stays = value != "close",
            _ => {}
        }
    }
    let mut body = Vec::new();
    if chunked {
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim(), 16).map_err(|_| wrong(&line))?;
            read_some(reader, size, &mut body)?;
            line.clear();
            reader.read_line(&mut line)?;
            if size == 0 {
                break;
            }
        }
    } else {
        read_some(reader, length, &mut body)?;
    }
    Ok((status, String::from_utf8_lossy(&body).trim_end().to_owned(), stays))
}

fn read_some(reader: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
    let read = reader.by_ref().take(length).read_to_end(body)?;
    if (read as u64) < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}

/// One request on a connection of its own, for doors that are not under load: status and body.
///
/// # Errors
/// There was no whole answer.
pub fn exchange(
    server: SocketAddr,
    method: &str,
    path: &str,
    fields: &[(&str, &str)],
    body: &str,
) -> io::Result<(u16, String)> {
    let mut stream = open(server, Duration::from_secs(30))?;
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {server}\r\nconnection: close\r\n");
    for (name, value) in fields {
        let _ = write!(request, "{name}: {value}\r\n");
    }
    let _ = write!(request, "content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes())?;
    let (status, body, _) = read_answer(&mut BufReader::new(stream))?;
    Ok((status, body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn answers_are_read() {
        for (text, expected) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na\n", Some((200, "a", true))),
            ("HTTP/1.1 503 X\r\nconnection: close\r\n\r\n", Some((503, "", false))),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
                Some((200, "abc", true)),
            ),
            ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\na", None),
            ("HTTP/1.1 200 OK\r\n", None),
            ("", None),
        ] {
            let read = read_answer(&mut text.as_bytes()).ok();
            let read = read.as_ref().map(|(status, body, stays)| (*status, body.as_str(), *stays));
            assert_eq!(read, expected, "{text:?}");
        }
    }

    #[test]
    fn what_does_not_answer_is_told_and_does_not_stop_the_others() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let server = listener.local_addr().expect("an address");
        // The first connection answers one request and then goes, the second one goes at once, and there is no third.
        let serve = thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a connection");
            let mut reader = BufReader::new(stream);
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                reader.read_line(&mut line).expect("a head");
            }
            reader
                .get_mut()
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na")
                .expect("somebody reads");
            drop(reader);
            drop(listener.accept().expect("another one"));
        });
        let load = Load {
            server,
            paths: vec!["/".to_owned()],
            rate: 1000.0,
            connections: 1,
            requests: 4,
            patience: Duration::from_secs(20),
        };
        let samples = load.start().finish();
        serve.join().expect("it serves");
        assert_eq!(samples.len(), 4);
        assert_eq!(samples[0].outcome, Outcome::Answered(200, "a".to_owned()));
        assert_eq!(samples[1].outcome, Outcome::Raced);
        assert!(samples[2..].iter().all(|sample| !sample.is_good()), "{samples:?}");
    }
}
