//! Instances that behave as a test wants, clients that send bytes as a test wants, and a gateway between them.

use bole_gateway::config::{Config, Parts};
use bole_gateway::service::Service;
use bole_gateway_document::Document;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A test that waits longer than this has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What an instance does with a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Behaviour {
    /// Answers with the request as it saw it, head and body.
    Echo,
    /// Answers with this status.
    Status(u16),
    /// Answers after this time.
    Slow(Duration),
    /// Never answers.
    Hang,
    /// Closes without an answer.
    Close,
    /// Resets without an answer.
    Reset,
    /// Promises more than it sends, then closes.
    Short,
    /// Sends bytes, then nothing more.
    Stall,
    /// Sends these bytes.
    Raw(&'static [u8]),
}

/// An instance.
#[derive(Clone)]
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    behaviour: Arc<parking_lot::Mutex<Behaviour>>,
    requests: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
    seen: Arc<parking_lot::Mutex<Vec<String>>>,
    accepting: Arc<tokio::task::AbortHandle>,
}

impl Backend {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, behaviour)
    }

    pub(crate) fn on(listener: TcpListener, behaviour: Behaviour) -> Self {
        let address = listener.local_addr().unwrap();
        let behaviour = Arc::new(parking_lot::Mutex::new(behaviour));
        let (requests, connections) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let seen = Arc::<parking_lot::Mutex<Vec<String>>>::default();
        let (told, counted, opened, noted) =
            (behaviour.clone(), requests.clone(), connections.clone(), seen.clone());
        let accept = async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                opened.fetch_add(1, Ordering::SeqCst);
                open.spawn(answer(stream, told.clone(), counted.clone(), noted.clone()));
            }
        };
        let accepting = Arc::new(tokio::spawn(accept).abort_handle());
        Self { address, behaviour, requests, connections, seen, accepting }
    }

    /// Dies: no more connections, and those that are open are cut.
    pub(crate) fn kill(&self) {
        self.accepting.abort();
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock() = behaviour;
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The requests that it saw, as text.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().clone()
    }
}

async fn answer(
    mut stream: TcpStream,
    behaviour: Arc<parking_lot::Mutex<Behaviour>>,
    requests: Arc<AtomicUsize>,
    seen: Arc<parking_lot::Mutex<Vec<String>>>,
) {
    let mut came = Vec::new();
    while let Some(request) = message(&mut stream, &mut came).await {
        requests.fetch_add(1, Ordering::SeqCst);
        seen.lock().push(request.clone());
        let behaviour = behaviour.lock().clone();
        let plain = |status: u16, body: &str| {
            format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        };
        let answer = match behaviour {
            Behaviour::Echo => plain(200, &request),
            Behaviour::Status(status) => plain(status, "status"),
            Behaviour::Slow(wait) => {
                tokio::time::sleep(wait).await;
                plain(200, "slow")
            }
            Behaviour::Hang => std::future::pending().await,
            Behaviour::Close => return,
            Behaviour::Reset => return reset(&stream),
            Behaviour::Short => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").await;
                return;
            }
            Behaviour::Stall => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").await;
                std::future::pending().await
            }
            Behaviour::Raw(bytes) => {
                let _ = stream.write_all(bytes).await;
                return;
            }
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn reset(stream: &TcpStream) {
    let stream = socket2::SockRef::from(stream);
    stream.set_linger(Some(Duration::ZERO)).unwrap();
}

/// Reads a message, head and body, and leaves what follows it in `came`.
pub(crate) async fn message(
    stream: &mut (impl tokio::io::AsyncRead + Unpin),
    came: &mut Vec<u8>,
) -> Option<String> {
    let end = loop {
        if let Some(at) = came.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(came).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&came[..end]).into_owned();
    let value = |name: &str| {
        let mut fields = head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let bodyless = head.starts_with("HTTP/1.1 304")
        || head.starts_with("HTTP/1.1 204")
        || head.starts_with("HTTP/1.1 1");
    let mut whole = end;
    if let Some(length) = value("content-length").filter(|_| !bodyless) {
        whole += length.parse::<usize>().unwrap();
    } else if value("transfer-encoding").is_some() {
        while !came[end..].ends_with(b"0\r\n\r\n") {
            if stream.read_buf(came).await.ok()? == 0 {
                return None;
            }
        }
        whole = came.len();
    }
    while came.len() < whole {
        if stream.read_buf(came).await.ok()? == 0 {
            return None;
        }
    }
    let message = String::from_utf8_lossy(&came[..whole]).into_owned();
    came.drain(..whole);
    Some(message)
}

/// A client's connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    came: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), came: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// The next answer; `None` if the connection ends before it is whole.
    pub(crate) async fn answer(&mut self) -> Option<String> {
        tokio::time::timeout(PATIENCE, message(&mut self.stream, &mut self.came))
            .await
            .expect("an answer in time")
    }

    /// All that comes until the connection ends.
    pub(crate) async fn rest(&mut self) -> String {
        let mut rest = std::mem::take(&mut self.came);
        let read = tokio::time::timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await;
        // A reset after the last byte is an end as well.
        let _ = read.expect("an end in time");
        String::from_utf8_lossy(&rest).into_owned()
    }

    pub(crate) async fn get(&mut self, path: &str) -> Option<String> {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n")).await;
        self.answer().await
    }
}

/// The status of an answer.
pub(crate) fn status(answer: &str) -> u16 {
    answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("no status in {answer:?}"))
}

/// One request on a connection of its own.
pub(crate) async fn get(gateway: &Service, path: &str) -> String {
    Client::connect(gateway.http()[0]).await.get(path).await.expect("an answer")
}

/// A gateway on a port of its own, with changed settings and a document.
pub(crate) async fn gateway_with(document: &str, parts: Parts, change: impl FnOnce(&mut Config)) -> Service {
    let mut config = Config { http: vec!["127.0.0.1:0".parse().unwrap()], ..Config::default() };
    config.limits.idle_timeout = Duration::from_mins(1);
    change(&mut config);
    let gateway = Service::open(config, parts).await.unwrap();
    gateway.apply(read(document)).await.unwrap();
    gateway
}

/// A gateway with this document.
pub(crate) async fn gateway(document: &str) -> Service {
    gateway_with(document, Parts::default(), |_| {}).await
}

/// Reads a document, unchecked: the gateway checks it as well.
pub(crate) fn read(document: &str) -> Document {
    toml::from_str(document).unwrap_or_else(|error| panic!("{error}"))
}

/// A document with one service of these instances, and a route that takes all. `more` is put into the service.
pub(crate) fn document(backends: &[&Backend], more: &str) -> String {
    let instances: Vec<String> = backends.iter().map(|backend| format!("\"{}\"", backend.address)).collect();
    format!("[services.s]\ninstances = [{}]\n{more}\n[routes.all]\nservice = \"s\"\n", instances.join(", "))
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The head and the bytes of an answer.
pub(crate) async fn whole(address: SocketAddr, request: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let body = answer.split_off(end);
    (String::from_utf8(answer).unwrap(), body)
}

/// The value of a field of an answer.
pub(crate) fn field<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap_or("");
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}
