//! The whole door on a real socket.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

use bole_base::Kind;
use futures_util::future::ready;

use super::*;
use crate::http::Client;

/// Knows the user `bole` with the password `bolebole`, who may do everything.
struct OneUser;

impl Authenticator for OneUser {
    fn authorize<'a>(
        &'a self,
        _peer: SocketAddr,
        credentials: Option<&'a Credentials>,
        _action: Action,
    ) -> BoxFuture<'a, Result<String, Error>> {
        let right = credentials.is_some_and(|given| given.user == "bole" && given.password == "bolebole");
        Box::pin(ready(if right { Ok("bole".to_owned()) } else { Err(Error::Unauthenticated) }))
    }
}

/// Users in memory.
#[derive(Default)]
struct FakeUsers(Mutex<Vec<User>>);

impl Users for FakeUsers {
    fn list(&self) -> BoxFuture<'_, Result<Vec<User>, Error>> {
        Box::pin(ready(Ok(self.0.lock().unwrap().clone())))
    }

    fn add(&self, user: NewUser) -> BoxFuture<'_, Result<(), Error>> {
        let mut users = self.0.lock().unwrap();
        let taken = users.iter().any(|known| known.name == user.name);
        if !taken {
            users.push(User { name: user.name.clone(), roles: user.roles });
        }
        let message = format!("user \"{}\" exists", user.name);
        Box::pin(ready(if taken { Err(Error::new(Kind::Conflict, message)) } else { Ok(()) }))
    }

    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        let mut users = self.0.lock().unwrap();
        let before = users.len();
        users.retain(|user| user.name != name);
        let found = users.len() < before;
        let message = format!("user \"{name}\" does not exist");
        Box::pin(ready(if found { Ok(()) } else { Err(Error::new(Kind::NotFound, message)) }))
    }
}

struct Fixture {
    door: Door,
    readiness: Readiness,
}

/// Opens a door on a free port.
async fn open_door(private: bool) -> Fixture {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let readiness = Readiness::new("replaying the journal");
    let status = || Status { version: "0.1.0".to_owned(), uptime_seconds: 7, ..Status::default() };
    let admin = Admin {
        readiness: readiness.clone(),
        status: Arc::new(status),
        collectors: vec![Arc::new(|out| out.push_str("probe_total 1\n"))],
        authenticator: Arc::new(OneUser),
        users: Arc::new(FakeUsers::default()),
        blobs: None,
        mover: None,
        extra: Vec::new(),
        guard: guard::addresses_only(),
        private,
    };
    Fixture { door: open(listener, admin).unwrap(), readiness }
}

/// Sends raw bytes and reads until the other side closes.
async fn exchange(address: SocketAddr, request: String) -> String {
    let send = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    };
    tokio::task::spawn_blocking(send).await.unwrap()
}

const BASIC: &str = "authorization: Basic Ym9sZTpib2xlYm9sZQ==\r\n";
const JSON: &str = "content-type: application/json\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn requests() {
    let Fixture { door, readiness } = open_door(false).await;
    let address = door.address();
    let add = r#"{"name":"ann b","password":"secret"}"#;
    let big = format!(r#"{{"name":"{}","password":"x"}}"#, "n".repeat(BODY_BYTES_MAX));
    let auth_json = format!("{BASIC}{JSON}");
    let (post, bearer) = (&*auth_json, "authorization: Bearer x\r\n");
    let wrong = "authorization: Basic Ym9sZTp3cm9uZw==\r\n";
    for (line, headers, body, code, part) in [
        ("GET /healthz", "", "", 200, "ok"),
        ("GET /readyz", "", "", 503, "replaying the journal"),
        ("GET /metrics", "", "", 200, "probe_total 1"),
        ("GET /metrics", "", "", 200, "text/plain; version=0.0.4"),
        ("GET /api/status", "", "", 200, r#""uptime_seconds":7"#),
        ("GET /nothing", "", "", 404, "no such page"),
        ("GET /api/users", "", "", 401, "www-authenticate: Basic"),
        ("GET /api/users", wrong, "", 401, "missing or wrong"),
        ("GET /api/users", bearer, "", 400, "\\\"Bearer\\\" is unknown"),
        ("GET /api/users", BASIC, "", 200, "[]"),
        ("POST /api/users", post, add, 201, ""),
        ("POST /api/users", post, add, 409, "user \\\"ann b\\\" exists"),
        ("POST /api/users", post, "{}", 400, "missing field"),
        ("POST /api/users", post, r#"{"name":"a","password":"b","admin":1}"#, 400, "unknown field"),
        ("POST /api/users", post, &big, 400, "length limit"),
        ("POST /api/users", BASIC, add, 400, "application/json"),
        ("GET /api/users", BASIC, "", 200, r#"[{"name":"ann b","roles":[]}]"#),
        ("DELETE /api/users/ann%20b", BASIC, "", 204, ""),
        ("DELETE /api/users/ann%20b", BASIC, "", 404, "does not exist"),
        ("DELETE /api/users/x", "", "", 401, ""),
        ("GET /api/blobs/move", "", "", 401, ""),
        ("GET /api/blobs/move", BASIC, "", 404, "no blobs"),
        ("POST /api/blobs/move", post, "{}", 400, "missing field"),
        ("GET /healthz", "origin: http://evil.example\r\n", "", 403, "origin"),
    ] {
        let length = body.len();
        let head = format!("{line} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}");
        let answer = exchange(address, format!("{head}content-length: {length}\r\n\r\n{body}")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")), "{line} {headers}: {answer}");
        assert!(answer.contains(part), "{line}: {part:?} in {answer}");
    }
    readiness.ready();
    let host = format!("host: {address}\r\n");
    for (host, code) in [(&*host, 200), ("host: evil.example\r\n", 403), ("", 403)] {
        let answer = exchange(address, format!("GET /readyz HTTP/1.0\r\n{host}\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.0 {code} ")), "{host}: {answer}");
    }
    stop(door).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_door_asks_for_credentials_and_the_client_brings_them() {
    let Fixture { door, readiness } = open_door(true).await;
    readiness.ready();
    let addr = door.address().to_string();
    let ask = |credentials: Option<Credentials>, path: &'static str| {
        let client = Client { addr: addr.clone(), credentials };
        tokio::task::spawn_blocking(move || client.request("GET", path, b""))
    };
    let bole = Credentials { user: "bole".to_owned(), password: "bolebole".to_owned() };
    let message = ask(None, "/api/status").await.unwrap().unwrap_err().to_string();
    assert!(message.contains("401") && message.contains("BOLE_PASSWORD"), "{message}");
    assert!(ask(None, "/metrics").await.unwrap().is_err());
    assert_eq!(ask(None, "/readyz").await.unwrap().unwrap(), b"ready\n");
    let body = ask(Some(bole), "/api/status").await.unwrap().unwrap();
    let status: Status = serde_json::from_slice(&body).unwrap();
    assert_eq!((status.version.as_str(), status.uptime_seconds), ("0.1.0", 7));
    stop(door).await;
}

async fn stop(door: Door) {
    let address = door.address();
    let deadline = Instant::now() + Duration::from_secs(20);
    Box::new(door).stop(deadline).await.unwrap();
    assert!(TcpStream::connect(address).is_err(), "the port is closed");
}
