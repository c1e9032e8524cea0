//! Spans at a played collector: what they tell, how they hang together, which requests have some; and collectors that are gone, slow, or refuse.

use crate::support::*;
use crate::tls::Authority;
use bole_gateway::Service;
use bole_gateway::config::Parts;
use bole_gateway::otel::message::{Request, Span, Value};
use bole_gateway::otel::{Config, Parents, Sampler, Share};
use prost::Message as _;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// What a collector got, and what it is to answer: the first answer first; then 200 to all.
#[derive(Clone, Default)]
struct Collector {
    got: Arc<parking_lot::Mutex<Vec<(String, Request)>>>,
    answers: Arc<parking_lot::Mutex<Vec<Vec<u8>>>>,
}

fn answer(status: u16, fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{fields}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

impl Collector {
    /// One that answers so, and where it is.
    async fn start(answers: &[Vec<u8>]) -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (Self::on(listener, answers, None), address)
    }

    fn on(listener: TcpListener, answers: &[Vec<u8>], tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let collector = Self::default();
        *collector.answers.lock() = answers.to_vec();
        let own = collector.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (own, tls) = (own.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => own.serve(stream).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => own.serve(stream).await,
                            Err(_) => Some(()),
                        },
                    }
                });
            }
        });
        collector
    }

    async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<()> {
        let mut came = Vec::new();
        loop {
            let end = loop {
                if let Some(at) = came.windows(4).position(|four| four == b"\r\n\r\n") {
                    break at + 4;
                }
                if stream.read_buf(&mut came).await.ok()? == 0 {
                    return None;
                }
            };
            let head = String::from_utf8(came[..end].to_vec()).unwrap().to_lowercase();
            let length: usize =
                head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap().parse().unwrap();
            while came.len() < end + length {
                assert!(stream.read_buf(&mut came).await.ok()? > 0);
            }
            let mut body = Vec::new();
            flate2::read::GzDecoder::new(&came[end..end + length]).read_to_end(&mut body).unwrap();
            came.drain(..end + length);
            self.got.lock().push((head, Request::decode(&body[..]).unwrap()));
            let answer = {
                let mut answers = self.answers.lock();
                if answers.is_empty() { self::answer(200, "", b"") } else { answers.remove(0) }
            };
            if answer.is_empty() {
                return std::future::pending().await;
            }
            stream.write_all(&answer).await.ok()?;
        }
    }

    fn requests(&self) -> usize {
        self.got.lock().len()
    }

    fn spans(&self) -> Vec<Span> {
        let got = self.got.lock();
        let scopes =
            got.iter().flat_map(|(_, request)| &request.resource_spans).flat_map(|one| &one.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

/// Attributes as text.
fn told(span: &Span) -> BTreeMap<&str, String> {
    let text = |value: &Value| match value {
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.to_string(),
    };
    let told = span.attributes.iter().map(|attribute| {
        (attribute.key.as_str(), text(attribute.value.as_ref().unwrap().value.as_ref().unwrap()))
    });
    told.collect()
}

fn otel(address: &str) -> Config {
    Config {
        endpoint: address.parse().unwrap(),
        headers_file: None,
        authorities: None,
        sampler: Sampler { share: Share::ALL, parents: Parents::All },
        service_name: "edge".to_owned(),
    }
}

async fn traced(document: &str, otel: Config, metrics: &bole_net::Metrics) -> Service {
    let parts = Parts { metrics: metrics.clone(), ..Parts::default() };
    gateway_with(document, parts, |config| config.otel = Some(otel)).await
}

fn count(metrics: &bole_net::Metrics, result: &str) -> u64 {
    let text = metrics.render();
    let name = format!("bole_gateway_spans_total{{result=\"{result}\"}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    line.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
}

const PARENT: &str =
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: a=b\r\n";

/// What the span of a request of the test below tells.
fn check_request(server: &Span) {
    assert_eq!(hex(&server.trace_id), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(
        (hex(&server.parent_span_id).as_str(), server.trace_state.as_str()),
        ("b7ad6b7169203331", "a=b")
    );
    assert_eq!((server.flags, server.status.is_none()), (0x301, true));
    assert!(server.start_time_unix_nano < server.end_time_unix_nano);
    let said = told(server);
    for (key, expected) in [
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("http.route", "/orders/*"),
        ("url.scheme", "http"),
        ("server.address", "shop.example"),
        ("server.port", "81"),
        ("client.address", "127.0.0.1"),
        ("network.peer.address", "127.0.0.1"),
        ("network.protocol.version", "1.1"),
        ("user_agent.original", "test"),
        ("bole.route", "all"),
        ("bole.service", "s"),
    ] {
        assert_eq!(said.get(key).map(String::as_str), Some(expected), "{key} in {said:?}");
    }
    assert!(said["url.path"].starts_with("/orders/") && !format!("{said:?}").contains("secret"), "{said:?}");
}

/// What the spans of its tries tell; how many of them failed.
fn check_tries(server: &Span, spans: &[Span], good: &Backend) -> usize {
    let (seen, mut failed) = (good.seen().join(""), 0);
    let tries: Vec<&Span> = spans.iter().filter(|span| span.parent_span_id == server.span_id).collect();
    for (before, span) in tries.iter().enumerate() {
        let said = told(span);
        assert_eq!((span.kind, span.name.as_str(), span.flags), (3, "GET", 0x101));
        assert!(span.start_time_unix_nano >= server.start_time_unix_nano);
        let resent = said.get("http.request.resend_count").cloned();
        assert_eq!(resent, (before > 0).then(|| before.to_string()));
        let port = said["server.port"].as_str();
        let is_good = port == good.address.port().to_string();
        let why = if port == "1" { "connect-failed" } else { "upstream-closed" };
        let asked = format!("http://127.0.0.1:{port}{}", told(server)["url.path"]);
        assert_eq!(said["url.full"], asked);
        assert_eq!(said.get("error.type").map(String::as_str), (!is_good).then_some(why));
        assert_eq!(span.status.as_ref().map(|status| status.code), (!is_good).then_some(2));
        if is_good {
            let continued = format!("traceparent: 00-{}-{}-01", hex(&span.trace_id), hex(&span.span_id));
            assert!(seen.contains(&continued), "{continued} in {seen}");
        } else {
            failed += 1;
        }
    }
    assert!(!tries.is_empty());
    failed
}

#[tokio::test]
async fn a_request_is_a_span_and_its_tries_hang_on_it() {
    let (collector, at) = Collector::start(&[]).await;
    let (bad, good) = (Backend::start(Behaviour::Close).await, Backend::start(Behaviour::Echo).await);
    let more = "balance = { algorithm = \"round-robin\" }\nretries = { budget_per_second = 1000.0 }\n";
    let document = document(&[&bad, &good], more)
        .replace("[routes.all]", "[routes.all]\npath = \"/orders/*\"")
        .replace("instances = [", "instances = [\"127.0.0.1:1\", ");
    let metrics = bole_net::Metrics::default();
    let gateway = traced(&document, otel(&format!("http://{at}")), &metrics).await;
    let mut client = Client::connect(gateway.http()[0]).await;
    for number in 0..2 {
        client.send(format!("GET /orders/{number}?token=secret HTTP/1.1\r\nHost: shop.example:81\r\nUser-Agent: test\r\n{PARENT}\r\n")).await;
        assert_eq!(status(&client.answer().await.unwrap()), 200);
    }
    client.send("WEIRD /other HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(status(&client.answer().await.unwrap()), 404);
    drop(client);
    gateway.close().await;
    let spans = collector.spans();
    let servers: Vec<&Span> =
        spans.iter().filter(|span| span.kind == 2 && span.name == "GET /orders/*").collect();
    assert_eq!(servers.len(), 2, "{spans:#?}");
    let mut failed = 0;
    for server in servers {
        check_request(server);
        failed += check_tries(server, &spans, &good);
    }
    assert!(failed >= 2, "the others were tried");
    let other = spans.iter().find(|span| span.name == "HTTP").expect("the odd request");
    let said = told(other);
    assert_eq!(
        (said["http.request.method"].as_str(), said["http.request.method_original"].as_str()),
        ("_OTHER", "WEIRD")
    );
    assert_eq!(
        (said["http.response.status_code"].as_str(), said["bole.problem"].as_str()),
        ("404", "no-route")
    );
    assert!(other.parent_span_id.is_empty() && other.flags == 1 && other.status.is_none());
    let (head, request) = collector.got.lock()[0].clone();
    assert!(
        head.starts_with("post /v1/traces http/1.1") && head.contains("content-type: application/x-protobuf"),
        "{head}"
    );
    let resource = request.resource_spans[0].resource.clone().unwrap();
    assert!(
        resource
            .attributes
            .iter()
            .any(|one| one.key == "service.name" && format!("{one:?}").contains("edge"))
    );
    assert_eq!((count(&metrics, "sent"), count(&metrics, "dropped")), (spans.len() as u64, 0));
}

#[tokio::test]
async fn what_is_not_sampled_has_no_span_and_goes_on_so() {
    let (collector, at) = Collector::start(&[]).await;
    let good = Backend::start(Behaviour::Echo).await;
    let metrics = bole_net::Metrics::default();
    let none = Sampler { share: "0".parse().unwrap(), parents: Parents::Trusted };
    let gateway =
        traced(&document(&[&good], ""), Config { sampler: none, ..otel(&format!("http://{at}")) }, &metrics)
            .await;
    let off = self::gateway(&document(&[&good], "")).await;
    let sampled = "0af7651916cd43dd8448eb211c80319c";
    let seen = async |gateway: &Service, fields: &str| {
        let mut client = Client::connect(gateway.http()[0]).await;
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")).await;
        let answer = client.answer().await.unwrap();
        answer.split("traceparent: ").nth(1).unwrap()[..55].to_owned()
    };
    // Nobody whose parent decides: its trace goes on, not sampled.
    let own = seen(&gateway, PARENT).await;
    assert!(own.starts_with(&format!("00-{sampled}-")) && own.ends_with("-00"), "{own}");
    assert!(seen(&gateway, "").await.ends_with("-00"));
    // A gateway that makes no spans is not in the trace.
    assert_eq!(seen(&off, PARENT).await, format!("00-{sampled}-b7ad6b7169203331-01"));
    assert!(seen(&off, "").await.ends_with("-00"));
    gateway.close().await;
    assert_eq!((collector.requests(), count(&metrics, "sent")), (0, 0));
}

#[tokio::test]
async fn stored_answers_are_spans_without_a_try() {
    const FRESH: &[u8] = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\nContent-Length: 2\r\n\r\nok";
    let (collector, at) = Collector::start(&[]).await;
    let backend = Backend::start(Behaviour::Raw(FRESH)).await;
    let clock = Arc::new(bole_base::clock::SystemClock::new());
    let cache = bole_cdn::Cache::open(bole_cdn::Config::default(), clock).unwrap();
    let store = bole_gateway::cached::Store { cache, network: None, shield: false };
    let parts = Parts { store: Some(store), ..Parts::default() };
    let document = format!("{}cache = {{}}\n", document(&[&backend], ""));
    let gateway = gateway_with(&document, parts, |config| {
        config.otel = Some(otel(&format!("http://{at}")));
    })
    .await;
    let mut client = Client::connect(gateway.http()[0]).await;
    // From the service, on the shortest way, and on the usual one.
    for fields in ["", PARENT, "Authorization: Basic eDp5\r\n"] {
        client.send(format!("GET /x HTTP/1.1\r\nHost: a\r\n{fields}\r\n")).await;
        assert_eq!(status(&client.answer().await.unwrap()), 200);
    }
    drop(client);
    gateway.close().await;
    let spans = collector.spans();
    let (servers, tries): (Vec<&Span>, Vec<&Span>) = spans.iter().partition(|span| span.kind == 2);
    assert_eq!(servers.len(), 3, "{spans:#?}");
    let cached: Vec<String> = servers.iter().map(|span| told(span)["bole.cache_status"].clone()).collect();
    let hits = cached.iter().filter(|said| said.contains("; hit")).count();
    assert_eq!((hits, tries.len() + hits), (cached.len() - tries.len(), 3), "{cached:?}");
    assert!(hits >= 1 && tries.len() == backend.requests());
    assert!(servers.iter().any(|span| span.flags == 0x301 && told(span)["bole.service"] == "s"));
}

#[tokio::test]
async fn shared_and_doubled_requests_have_their_tries_below_them() {
    let (collector, at) = Collector::start(&[]).await;
    let (slow, good) = (Backend::start(Behaviour::Hang).await, Backend::start(Behaviour::Echo).await);
    let more = "balance = { algorithm = \"round-robin\" }\nhedge_after = \"20ms\"\nretries = { budget_per_second = 1000.0 }\nejection = { enabled = false }\n";
    let metrics = bole_net::Metrics::default();
    let gateway = traced(&document(&[&slow, &good], more), otel(&format!("http://{at}")), &metrics).await;
    let mut client = Client::connect(gateway.http()[0]).await;
    for _ in 0..4 {
        assert_eq!(status(&client.get("/").await.unwrap()), 200);
    }
    drop(client);
    // A loser ends when it finds that nobody waits.
    until("losers end", || gateway.state().services["s"].set.status().iter().all(|one| one.in_flight == 0))
        .await;
    gateway.close().await;
    let spans = collector.spans();
    let (servers, tries): (Vec<&Span>, Vec<&Span>) = spans.iter().partition(|span| span.kind == 2);
    assert_eq!(servers.len(), 4);
    assert_eq!(tries.len(), slow.requests() + good.requests(), "{tries:#?}");
    assert!(tries.iter().all(|span| servers.iter().any(|server| server.span_id == span.parent_span_id)));
    assert!(slow.requests() > 0);
}

#[tokio::test]
async fn collectors_that_fail_for_a_while_get_spans_later_and_others_are_not_asked_again() {
    for (answers, requests, expected) in [
        (vec![answer(503, "", b"")], 2, [1, 0]),
        (vec![answer(429, "retry-after: 0\r\n", b""), answer(504, "retry-after: 0\r\n", b"")], 3, [1, 0]),
        (vec![b"garbage\r\n\r\n".to_vec()], 2, [1, 0]),
        (vec![answer(400, "", b"")], 1, [0, 1]),
        (vec![answer(200, "", b"\x0a\x07\x08\x01\x12\x03why")], 1, [0, 1]),
        (vec![answer(200, "", b"\x0a\x05\x12\x03why")], 1, [1, 0]),
    ] {
        let (collector, at) = Collector::start(&answers).await;
        let metrics = bole_net::Metrics::default();
        let text = "[routes.a]\nreply = { status = 204 }\n";
        let gateway = traced(text, otel(&format!("http://{at}")), &metrics).await;
        assert_eq!(status(&get(&gateway, "/").await), 204);
        until("the batch is settled", || count(&metrics, "sent") + count(&metrics, "rejected") == 1).await;
        assert_eq!(collector.requests(), requests, "{answers:?}");
        assert_eq!([count(&metrics, "sent"), count(&metrics, "rejected")], expected, "{answers:?}");
        assert_eq!((count(&metrics, "dropped"), count(&metrics, "lost")), (0, 0));
    }
}

#[tokio::test]
async fn a_collector_that_comes_late_gets_them_and_one_that_hangs_holds_nobody_up() {
    let reserved = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = reserved.local_addr().unwrap();
    drop(reserved);
    let metrics = bole_net::Metrics::default();
    let text = "[routes.a]\nreply = { status = 204 }\n";
    let gateway = traced(text, otel(&format!("http://{at}")), &metrics).await;
    assert_eq!(status(&get(&gateway, "/").await), 204);
    until("it has been looked for in vain", || {
        metrics.render().contains("bole_gateway_span_retries_total 1")
    })
    .await;
    let collector =
        Collector::on(TcpListener::bind(at).await.unwrap(), &[answer(200, "", b""), Vec::new()], None);
    until("it has them", || collector.requests() == 1 && count(&metrics, "sent") == 1).await;
    // The next batch is never answered; requests are.
    assert_eq!(status(&get(&gateway, "/").await), 204);
    until("it has the next", || collector.requests() == 2).await;
    for _ in 0..50 {
        assert_eq!(status(&get(&gateway, "/").await), 204);
    }
    let begun = Instant::now();
    gateway.close().await;
    assert!(begun.elapsed() < PATIENCE, "a gateway that closes does not wait for a collector that hangs");
}

#[tokio::test]
async fn more_than_the_queue_holds_is_dropped_and_counted() {
    let metrics = bole_net::Metrics::default();
    let (tracer, _exporter) =
        bole_gateway::otel::Tracer::open(&otel("http://127.0.0.1:1"), &metrics).unwrap();
    for _ in 0..4_096 + 10 {
        tracer.take(Vec::new());
    }
    assert_eq!(count(&metrics, "dropped"), 0, "there was nothing in them");
    tracer.take(vec![span()]);
    assert_eq!(count(&metrics, "dropped"), 1);
}

fn span() -> bole_gateway::otel::span::Span {
    bole_gateway::otel::span::Span {
        own: bole_gateway::trace::Parent { trace: 1, span: 2, flags: 1 },
        parent: None,
        is_parent_remote: false,
        state: String::new(),
        name: "GET".to_owned(),
        kind: bole_gateway::otel::span::Kind::Server,
        time: (Duration::ZERO, Duration::ZERO),
        attributes: Vec::new(),
        is_error: false,
    }
}

#[tokio::test]
async fn secrets_go_to_collectors_only_where_nobody_reads_them() {
    let authority = Authority::new();
    let (chain, key) = authority.make("collector", &["127.0.0.1"]);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let collector = Collector::on(listener, &[], Some(tokio_rustls::TlsAcceptor::from(Arc::new(tls))));
    let headers: PathBuf = authority.path("headers");
    std::fs::write(&headers, "Authorization: Bearer first\n").unwrap();
    let config = Config {
        headers_file: Some(headers.clone()),
        authorities: Some(authority.path("ca.pem")),
        ..otel(&format!("https://{at}/otlp"))
    };
    let metrics = bole_net::Metrics::default();
    let text = "[routes.a]\nreply = { status = 204 }\n";
    let gateway = traced(text, config.clone(), &metrics).await;
    for token in ["first", "second"] {
        std::fs::write(&headers, format!("Authorization: Bearer {token}\n")).unwrap();
        let before = collector.requests();
        assert_eq!(status(&get(&gateway, "/").await), 204);
        until("a batch comes", || collector.requests() > before).await;
        let (head, _) = collector.got.lock().last().cloned().unwrap();
        assert!(
            head.starts_with("post /otlp/v1/traces") && head.contains(&format!("bearer {token}")),
            "{head}"
        );
    }
    for (change, expected) in [
        (
            Config { endpoint: "http://collector.example".parse().unwrap(), ..config.clone() },
            "choose an https URL",
        ),
        (Config { headers_file: Some(authority.path("none")), ..config.clone() }, "cannot be read"),
        (Config { authorities: Some(authority.path("none")), ..config.clone() }, "none"),
    ] {
        let opened = bole_gateway::otel::Tracer::open(&change, &bole_net::Metrics::default());
        let error = opened.err().unwrap();
        assert!(error.contains(expected) && !error.contains("second"), "{error}");
    }
}
