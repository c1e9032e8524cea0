//! The whole door on a real socket.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use bole_base::{RealDisk, SystemClock};
use bole_identity::Identity;
use bole_log::MemoryJournal;
use bole_shard::Runtime;
use futures_util::future::ready;

use super::identity::IdentityUsers;
use super::*;
use crate::console::Services;
use crate::http::Client;

/// Knows the user `bole` with the password `bolebole`, who may do everything.
struct OneUser;

impl Authenticator for OneUser {
    fn verify<'a>(&'a self, given: &'a Credentials) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(ready(Ok(given.user == "bole" && given.password == "bolebole")))
    }

    fn stamp(&self, user: &str) -> Option<u64> {
        (user == "bole").then_some(1)
    }

    fn permit(&self, user: &str, _action: &Action) -> Result<(), Error> {
        if user == "bole" { Ok(()) } else { Err(Error::Unauthenticated) }
    }

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

struct Fixture {
    door: Door,
    readiness: Readiness,
    _folder: tempfile::TempDir,
}

/// The users of a fresh node, on a journal in memory.
async fn users(folder: &Path) -> Arc<IdentityUsers> {
    let (journal, disk, clock) = (MemoryJournal::new(), Arc::new(RealDisk), Arc::new(SystemClock::new()));
    let config = bole_shard::runtime::Config::default();
    let runtime = Arc::new(Runtime::new(Arc::new(journal), disk, clock, folder.join("checkpoints"), config));
    let data = folder.join("data");
    std::fs::create_dir(&data).unwrap();
    let identity = Identity::host(Arc::clone(&runtime), &folder.join("key"), &data).unwrap();
    runtime.recover(&[]).await.unwrap();
    identity.settle().await.unwrap();
    Arc::new(IdentityUsers::new(Arc::new(identity)))
}

/// Opens a door on a free port.
async fn open_door(private: bool) -> Fixture {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let readiness = Readiness::new("replaying the journal");
    let folder = tempfile::tempdir().unwrap();
    let status = || Status { version: "0.1.0".to_owned(), uptime_seconds: 7, ..Status::default() };
    let admin = Admin {
        readiness: readiness.clone(),
        status: Arc::new(status),
        collectors: vec![Arc::new(|out| out.push_str("probe_total 1\n"))],
        authenticator: Arc::new(OneUser),
        users: users(folder.path()).await,
        blobs: None,
        mover: None,
        extra: Vec::new(),
        console: Some(crate::console::pages(Services::default(), Arc::new(OneUser), Vec::new())),
        guard: guard::addresses_only(),
        private,
    };
    Fixture { door: open(listener, admin).unwrap(), readiness, _folder: folder }
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

/// Sends `METHOD PATH` with further header lines.
async fn ask(address: SocketAddr, line: &str, headers: &str, body: &str) -> String {
    let head = format!("{line} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}");
    exchange(address, format!("{head}content-length: {}\r\n\r\n{body}", body.len())).await
}

const ROLE: &str =
    r#"[{"name":"p","statements":[{"effect":"allow","service":"blobs","actions":["*"],"resources":["*"]}]}]"#;

#[tokio::test(flavor = "multi_thread")]
async fn users_their_keys_and_roles() {
    let Fixture { door, readiness: _, _folder } = open_door(false).await;
    let address = door.address();
    let auth_json = format!("{BASIC}{JSON}");
    let post = &*auth_json;
    for (line, headers, body, code, part) in [
        ("POST /api/users", post, r#"{"name":"ann@b","password":"secret"}"#, 201, ""),
        (
            "PATCH /api/users/ann%40b",
            post,
            r#"{"roles":["reader"]}"#,
            404,
            "role \\\"reader\\\" does not exist",
        ),
        ("PUT /api/roles/reader", post, ROLE, 204, ""),
        ("PUT /api/roles/reader", post, r#"[{"name":"p"}]"#, 400, "missing field"),
        ("PUT /api/roles/reader", "", ROLE, 401, ""),
        ("GET /api/roles", BASIC, "", 200, r#""name":"reader""#),
        (
            "PATCH /api/users/ann%40b",
            post,
            r#"{"roles":["reader"],"enabled":false,"password":"other"}"#,
            204,
            "",
        ),
        ("PATCH /api/users/ann%40b", post, r#"{"name":"x"}"#, 400, "unknown field"),
        ("PATCH /api/users/nobody", post, "{}", 404, "does not exist"),
        ("DELETE /api/roles/reader", BASIC, "", 409, "has the role"),
        (
            "POST /api/users/ann%40b/keys",
            post,
            r#"{"id":"AK1","secret":"a secret of ann"}"#,
            201,
            r#"{"id":"AK1","secret":"a secret of ann"}"#,
        ),
        ("POST /api/users/ann%40b/keys", post, r#"{"id":"AK1"}"#, 409, "AK1"),
        ("POST /api/users/ann%40b/keys", post, r#"{"id":"bole"}"#, 409, "belongs to user"),
        ("POST /api/users/ann%40b/keys", post, "{}", 201, r#""id":"BK"#),
        ("GET /api/users", BASIC, "", 200, r#""roles":["reader"],"enabled":false,"access_keys":["AK1","BK"#),
        ("DELETE /api/users/ann%40b/keys/AK1", BASIC, "", 204, ""),
        ("DELETE /api/users/ann%40b/keys/AK1", BASIC, "", 404, "AK1"),
        ("DELETE /api/users/ann%40b", BASIC, "", 204, ""),
        ("DELETE /api/roles/reader", BASIC, "", 204, ""),
        ("DELETE /api/roles/reader", BASIC, "", 404, "does not exist"),
    ] {
        let answer = ask(address, line, headers, body).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")), "{line} {headers}: {answer}");
        assert!(answer.contains(part), "{line}: {part:?} in {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests() {
    let Fixture { door, readiness, _folder } = open_door(false).await;
    let address = door.address();
    let add = r#"{"name":"ann@b","password":"secret"}"#;
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
        (
            "GET /api/users",
            BASIC,
            "",
            200,
            r#"[{"name":"bole","roles":["administrator"],"enabled":true,"access_keys":["bole"]}]"#,
        ),
        ("POST /api/users", post, add, 201, ""),
        ("POST /api/users", post, add, 409, "user \\\"ann@b\\\" exists"),
        ("POST /api/users", post, "{}", 400, "missing field"),
        ("POST /api/users", post, r#"{"name":"a","password":"b","admin":1}"#, 400, "unknown field"),
        ("POST /api/users", post, &big, 400, "length limit"),
        ("POST /api/users", BASIC, add, 400, "application/json"),
        (
            "GET /api/users",
            BASIC,
            "",
            200,
            r#"{"name":"ann@b","roles":["administrator"],"enabled":true,"access_keys":[]}"#,
        ),
        ("DELETE /api/users/ann%40b", BASIC, "", 204, ""),
        ("DELETE /api/users/ann%40b", BASIC, "", 404, "does not exist"),
        ("DELETE /api/users/x", "", "", 401, ""),
        ("GET /api/blobs/move", "", "", 401, ""),
        ("GET /api/blobs/move", BASIC, "", 404, "no blobs"),
        ("POST /api/blobs/move", post, "{}", 400, "missing field"),
        ("GET /healthz", "origin: http://evil.example\r\n", "", 403, "origin"),
    ] {
        let answer = ask(address, line, headers, body).await;
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
    let Fixture { door, readiness, _folder } = open_door(true).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn the_console_is_as_open_as_the_status() {
    for private in [false, true] {
        let Fixture { door, _folder, .. } = open_door(private).await;
        let address = door.address();
        let overview = ask(address, "GET /console", "", "").await;
        if private {
            assert!(
                overview.starts_with("HTTP/1.1 303 ")
                    && overview.contains("location: /console/login?next=%2Fconsole\r\n"),
                "{overview}"
            );
        } else {
            assert!(overview.starts_with("HTTP/1.1 200 ") && overview.contains("7 s"), "{overview}");
        }
        let users = ask(address, "GET /console/users", "", "").await;
        assert!(users.contains("location: /console/login?next=%2Fconsole%2Fusers\r\n"), "{users}");
        let foreign = ask(address, "GET /console/login", "origin: http://evil.example\r\n", "").await;
        assert!(foreign.starts_with("HTTP/1.1 403 "), "{foreign}");
        let form = "content-type: application/x-www-form-urlencoded\r\n";
        let body = "user=bole&password=bolebole&next=//evil.example";
        let entered = ask(address, "POST /console/login", form, body).await;
        assert!(
            entered.starts_with("HTTP/1.1 303 ") && entered.contains("location: /console\r\n"),
            "{entered}"
        );
        let cookie = entered.split("set-cookie: ").nth(1).and_then(|rest| rest.split("\r\n").next()).unwrap();
        assert!(cookie.ends_with("; Path=/console; Max-Age=43200; HttpOnly; SameSite=Strict"), "{cookie}");
        let cookie = format!("cookie: {}\r\n", cookie.split(';').next().unwrap());
        let users = ask(address, "GET /console/users", &cookie, "").await;
        assert!(users.starts_with("HTTP/1.1 200 ") && users.contains("administrator"), "{users}");
        let metrics = ask(address, "GET /metrics", BASIC, "").await;
        assert!(metrics.contains("bole_console_sessions 1"), "{metrics}");
        // What the node has not is said, and not made up.
        let buckets = ask(address, "GET /console/blobs", &cookie, "").await;
        assert!(
            buckets.starts_with("HTTP/1.1 404 ") && buckets.contains("this node has no buckets"),
            "{buckets}"
        );
        let unproven = ask(address, "POST /console/logout", &format!("{cookie}{form}"), "proof=no").await;
        assert!(unproven.starts_with("HTTP/1.1 403 "), "{unproven}");
        stop(door).await;
    }
}

async fn stop(door: Door) {
    let address = door.address();
    let deadline = Instant::now() + Duration::from_secs(20);
    Box::new(door).stop(deadline).await.unwrap();
    assert!(TcpStream::connect(address).is_err(), "the port is closed");
}
