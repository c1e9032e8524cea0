//! A browser's login against a real provider: npm's `oidc-provider`, as `conformance/gateway/oidc/README.md` says. Says that it is skipped where that is
//! not installed.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

use async_trait::async_trait;
use bole_base::clock::{Clock, SystemClock, Timestamp};
use bole_gateway_access::parts::{Nobody, SystemEntropy};
use bole_gateway_access::{
    Access, Answer, Fetch, FetchError, Memory, Parts, RequestFacts, SessionKeys, SystemSecrets, Verdict,
};
use bole_gateway_document::Document;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Ends the provider that this test started.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn provider(gateway: &str) -> Option<(Started, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../conformance/gateway/oidc");
    if !folder.join("node_modules").exists() {
        eprintln!("skipped: no provider; run npm ci in conformance/gateway/oidc");
        return None;
    }
    let mut node = Command::new("node");
    node.arg("provider.js").arg(gateway).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut child) = node.stderr(Stdio::null()).spawn() else {
        eprintln!("skipped: node is not installed");
        return None;
    };
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = lines.map(|line| line.unwrap());
    let started = Started(child);
    let issuer = lines.find_map(|line| line.strip_prefix("issuer ").map(str::to_owned));
    Some((started, issuer.expect("the provider says where it is")))
}

/// The machine's clock, some time ahead.
struct Ahead(SystemClock, AtomicU64);

impl Ahead {
    fn go(&self, by: Duration) {
        self.1.fetch_add(by.as_millis() as u64, Ordering::Relaxed);
    }
}

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.now().0 + self.1.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic() + Duration::from_millis(self.1.load(Ordering::Relaxed))
    }
}

async fn send(request: Request<Full<Bytes>>, authority: &str) -> Result<Response<Bytes>, String> {
    let stream = TcpStream::connect(authority).await.map_err(|error| error.to_string())?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let (head, body) = answer.into_parts();
    let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    Ok(Response::from_parts(head, body))
}

/// Fetches, and remembers what token endpoints said.
#[derive(Default)]
struct Web {
    tokens: Mutex<Vec<serde_json::Value>>,
}

#[async_trait]
impl Fetch for Web {
    async fn fetch(&self, request: Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
        let (mut head, body) = request.into_parts();
        let authority = head.uri.authority().unwrap().to_string();
        head.headers.insert("host", authority.parse().unwrap());
        head.uri = head.uri.path_and_query().unwrap().as_str().parse().unwrap();
        let token = head.uri.path() == "/token";
        let answer =
            send(Request::from_parts(head, Full::new(body)), &authority).await.map_err(FetchError)?;
        if token {
            self.tokens.lock().push(serde_json::from_slice(answer.body()).unwrap());
        }
        Ok(answer)
    }
}

fn document(issuer: &str) -> Document {
    let text = r#"
[services.s]
instances = ["127.0.0.1:1"]
[logins.web.oidc]
issuer = "ISSUER"
client_id = "gateway"
client_secret = "gateway-secret/with+signs"
scopes = ["email", "groups"]
headers = { x-email = "email" }
[logins.public.oidc]
issuer = "ISSUER"
client_id = "public"
callback = "/public/callback"
logout = "/public/logout"
cookie = "public"
[logins.bearer.jwt]
issuer = "ISSUER"
audiences = ["gateway"]
[routes.web]
service = "s"
login = ["web"]
allow = ["@staff"]
[routes.public]
service = "s"
login = ["public"]
[routes.bearer]
service = "s"
login = ["bearer"]
"#;
    Document::from_toml(&text.replace("ISSUER", issuer)).unwrap()
}

/// A gateway that is nothing but access: it answers with who came in.
async fn answered(
    access: &Access,
    authority: &str,
    request: Request<hyper::body::Incoming>,
) -> Response<Full<Bytes>> {
    let (head, _) = request.into_parts();
    let facts = RequestFacts {
        head: &head,
        tls: false,
        authority,
        client: "127.0.0.1".parse().unwrap(),
        certificate: None,
    };
    let route = match head.uri.path() {
        path if path.starts_with("/public/") => "public",
        path if path.starts_with("/bearer/") => "bearer",
        _ => "web",
    };
    let verdict = match access.own(&facts).await {
        Some(verdict) => verdict,
        None => access.decide(route, &facts).await,
    };
    match verdict {
        Verdict::Admit(identity) => {
            let headers: BTreeMap<&str, &str> = identity
                .set_headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
                .collect();
            let body = serde_json::json!({
                "consumer": identity.consumer, "groups": identity.groups, "headers": headers, "target": head.uri.to_string()
            });
            let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
            answer.headers_mut().extend(identity.response_headers);
            answer
        }
        Verdict::Challenge(answer)
        | Verdict::Refuse(answer)
        | Verdict::Redirect(answer)
        | Verdict::Reply(answer) => {
            let Answer { status, headers, body, .. } = answer;
            let mut answer = Response::new(Full::new(body));
            (*answer.status_mut(), *answer.headers_mut()) = (status, headers);
            answer
        }
    }
}

async fn serve(listener: TcpListener, access: Arc<Access>, authority: String) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (access, authority) = (Arc::clone(&access), authority.clone());
        tokio::spawn(async move {
            let service = hyper::service::service_fn(|request| {
                let (access, authority) = (Arc::clone(&access), authority.clone());
                async move { Ok::<_, std::convert::Infallible>(answered(&access, &authority, request).await) }
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// A browser: a jar of cookies for each host and port, redirects, forms.
#[derive(Default, Clone)]
struct Browser {
    jar: BTreeMap<(String, String), String>,
}

impl Browser {
    async fn once(&mut self, method: Method, url: &str, body: &str, accept: &str) -> Response<Bytes> {
        let uri: Uri = url.parse().unwrap();
        let authority = uri.authority().unwrap().to_string();
        let mut headers = HeaderMap::new();
        headers.insert("host", authority.parse().unwrap());
        headers.insert("accept", accept.parse().unwrap());
        let ours = self.jar.iter().filter(|((host, _), _)| *host == authority);
        let cookies: Vec<String> = ours.map(|((_, name), value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            headers.insert("cookie", cookies.join("; ").parse().unwrap());
        }
        if method == Method::POST {
            headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        }
        let mut request = Request::new(Full::new(Bytes::from(body.to_owned())));
        *request.uri_mut() = uri.path_and_query().unwrap().as_str().parse().unwrap();
        (*request.method_mut(), *request.headers_mut()) = (method, headers);
        let answer = send(request, &authority).await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let text = cookie.to_str().unwrap();
            let (name, rest) = text.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            let key = (authority.clone(), name.to_owned());
            if value.is_empty() || text.to_ascii_lowercase().contains("max-age=0") {
                self.jar.remove(&key);
            } else {
                self.jar.insert(key, value.to_owned());
            }
        }
        answer
    }

    /// Follows redirects, and fills in the provider's forms, until something else is shown. Gives the URLs on the way.
    async fn visit(&mut self, url: &str, login: &str) -> (Response<Bytes>, Vec<String>) {
        let (mut url, mut way) = (url.to_owned(), Vec::new());
        let (mut method, mut body) = (Method::GET, String::new());
        for _ in 0..30 {
            way.push(url.clone());
            let answer = self.once(method, &url, &body, "text/html,*/*;q=0.8").await;
            (method, body) = (Method::GET, String::new());
            if answer.status().is_redirection() {
                url = absolute(&url, answer.headers()["location"].to_str().unwrap());
                continue;
            }
            let page = String::from_utf8_lossy(answer.body()).into_owned();
            let Some(action) = between(&page, "action=\"", "\"") else { return (answer, way) };
            url = absolute(&url, action);
            method = Method::POST;
            body = if page.contains("name=\"login\"") {
                format!("prompt=login&login={login}&password=any")
            } else if page.contains("name=\"xsrf\"") {
                format!("xsrf={}&logout=yes", between(&page, "name=\"xsrf\" value=\"", "\"").unwrap())
            } else {
                "prompt=consent".to_owned()
            };
        }
        panic!("too many steps: {way:#?}");
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split(after).next()
}

fn absolute(from: &str, to: &str) -> String {
    let uri: Uri = from.parse().unwrap();
    if to.starts_with('/') { format!("http://{}{to}", uri.authority().unwrap()) } else { to.to_owned() }
}

fn shown(answer: &Response<Bytes>) -> serde_json::Value {
    assert_eq!(answer.status(), StatusCode::OK, "{answer:?}");
    serde_json::from_slice(answer.body()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_logs_in_at_a_real_provider() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let gateway = format!("http://{authority}");
    let Some((_started, issuer)) = provider(&gateway) else { return };
    let (web, clock) = (Arc::new(Web::default()), Arc::new(Ahead(SystemClock::new(), AtomicU64::new(0))));
    let parts = Parts {
        fetch: web.clone(),
        users: Arc::new(Nobody),
        policies: Arc::new(Nobody),
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy),
        secrets: Arc::new(SystemSecrets),
        session_keys: SessionKeys { current: [1; 32], previous: None },
        memory: Arc::new(Memory::new(&SystemEntropy)),
    };
    let access = Arc::new(Access::new(&document(&issuer), parts).unwrap());
    let server = tokio::spawn(serve(listener, access, authority));

    // In, by the provider's own forms, and back to where it wanted to be.
    let mut browser = Browser::default();
    let (page, way) = browser.visit(&format!("{gateway}/hello?x=1"), "ann").await;
    let page = shown(&page);
    assert_eq!(page["consumer"], "ann");
    assert_eq!(page["groups"], serde_json::json!(["staff"]));
    assert_eq!(page["headers"]["x-email"], "ann@example.com");
    assert_eq!(page["target"], "/hello?x=1");
    eprintln!("logged in over {} steps", way.len());
    let callback = way.iter().find(|url| url.contains("/.gateway/callback")).unwrap();
    let again = browser.once(Method::GET, callback, "", "text/html").await;
    assert_eq!(again.status(), StatusCode::BAD_REQUEST);

    // A program is told, and a browser of somebody else is sent to log in.
    let api = Browser::default().once(Method::GET, &format!("{gateway}/hello"), "", "application/json").await;
    assert_eq!(api.status(), StatusCode::UNAUTHORIZED);

    // Two refreshes, each by the refresh token of the one before.
    let old = browser.clone();
    for count in 2..=3 {
        clock.go(Duration::from_hours(1));
        let page = browser.once(Method::GET, &format!("{gateway}/"), "", "text/html").await;
        assert_eq!(shown(&page)["headers"]["x-email"], "ann@example.com");
        assert_eq!(web.tokens.lock().len(), count);
        assert!(web.tokens.lock()[count - 1].get("access_token").is_some());
    }
    // The id token, shown as a bearer token.
    let id_token = web.tokens.lock()[2]["id_token"].as_str().unwrap().to_owned();
    let mut bearer = Request::new(Full::new(Bytes::new()));
    *bearer.uri_mut() = "/bearer/".parse().unwrap();
    let host = gateway.strip_prefix("http://").unwrap();
    bearer.headers_mut().insert("host", host.parse().unwrap());
    bearer.headers_mut().insert("authorization", format!("Bearer {id_token}").parse().unwrap());
    assert_eq!(shown(&send(bearer, host).await.unwrap())["consumer"], "ann");
    // The first refresh token once more: the provider refuses it, and the session is over.
    clock.go(Duration::from_mins(2));
    let mut thief = old;
    let page = thief.once(Method::GET, &format!("{gateway}/"), "", "application/json").await;
    assert_eq!(page.status(), StatusCode::UNAUTHORIZED);

    // Out, here and there: the next visit needs the provider's form again.
    let mut browser = Browser::default();
    browser.visit(&format!("{gateway}/"), "bob").await;
    let (page, way) = browser.visit(&format!("{gateway}/.gateway/logout"), "eve").await;
    assert!(way.iter().any(|url| url.contains("/session/end/confirm")), "{way:#?}");
    assert_eq!(shown(&page)["consumer"], "eve", "{way:#?}");

    // A client without a secret.
    let (page, _) = Browser::default().visit(&format!("{gateway}/public/x"), "pat").await;
    assert_eq!(shown(&page)["consumer"], "pat");
    server.abort();
}
