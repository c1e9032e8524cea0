//! Requests that are forwarded without the proxy library: each request at each instance is answered, passed on, counted, logged and learned from as it
//! is with the library. What the two ways do differently on purpose is a table of its own.

use crate::support::*;
use bole_gateway::config::{AccessLog, LogFormat, Parts};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What an instance does after what it said.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    Keep,
    Close,
    Reset,
    Hang,
}

/// An instance that says these bytes to each request but `/after`; `early`: before the body of the request has come.
#[derive(Clone, Copy, Debug)]
struct Played {
    bytes: &'static str,
    then: Then,
    early: bool,
}

const fn played(bytes: &'static str, then: Then) -> Played {
    Played { bytes, then, early: false }
}

type Seen = Arc<parking_lot::Mutex<Vec<String>>>;

impl Played {
    async fn start(self) -> (SocketAddr, Seen) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Seen::default();
        let noted = seen.clone();
        tokio::spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(self.serve(stream, noted.clone()));
            }
        });
        (address, seen)
    }

    async fn serve(self, mut stream: TcpStream, seen: Seen) {
        let mut came = Vec::new();
        let say = self.bytes.replace('|', "\r\n");
        loop {
            if self.early {
                while !came.windows(4).any(|four| four == b"\r\n\r\n") {
                    if !matches!(stream.read_buf(&mut came).await, Ok(read) if read > 0) {
                        return;
                    }
                }
                let first = !came.windows(6).any(|part| part == b"/after");
                if first && stream.write_all(say.as_bytes()).await.is_err() {
                    return;
                }
            }
            let Some(request) = message(&mut stream, &mut came).await else { return };
            seen.lock().push(request.clone());
            if request.contains("/after") {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nafter").await;
                continue;
            }
            if !self.early && stream.write_all(say.as_bytes()).await.is_err() {
                return;
            }
            match self.then {
                Then::Keep => {}
                Then::Close => return,
                Then::Reset => {
                    return socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
                }
                Then::Hang => std::future::pending().await,
            }
        }
    }
}

/// All that shows of a request, but what is new each time.
#[derive(Debug, PartialEq)]
struct Shown {
    answers: Vec<(String, BTreeSet<String>, String)>,
    seen: Vec<(String, BTreeSet<String>, String)>,
    metrics: Vec<String>,
    log: Vec<String>,
    learned: Vec<String>,
}

/// First line without its version, fields, body without what frames it.
fn parts(message: &str, bodyless: bool) -> ((String, BTreeSet<String>, String), usize) {
    let Some((head, rest)) = message.split_once("\r\n\r\n") else {
        return ((message.to_owned(), BTreeSet::new(), String::new()), message.len());
    };
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default().replace("HTTP/1.0", "HTTP/1.1");
    let field = |line: &str| {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let name = name.to_ascii_lowercase();
        // The time that a breaker stays open has some chance in it; what instances of this table say is 9.
        let own = matches!(&*name, "date" | "x-request-id" | "traceparent")
            || name == "ratelimit"
            || (name == "retry-after" && value.trim() != "9");
        let value = if own { String::new() } else { value.trim().to_owned() };
        (name, value)
    };
    let fields: Vec<(String, String)> = lines.map(field).collect();
    let of = |name: &str| fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
    let none = bodyless || first.contains(" 204") || first.contains(" 304") || first.contains(" 103");
    let start = head.len() + 4;
    let (body, used) = if none || first.contains(" 100") {
        (String::new(), 0)
    } else if let Some(length) = of("content-length") {
        let used = length.parse::<usize>().unwrap().min(rest.len());
        (rest[..used].to_owned(), used)
    } else if of("transfer-encoding").is_some() {
        dechunked(rest)
    } else {
        (String::new(), 0)
    };
    let fields = fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    ((first, fields, body), start + used)
}

/// The data of chunks as far as they came, and all their bytes.
fn dechunked(text: &str) -> (String, usize) {
    let (mut data, mut at) = (String::new(), 0);
    while let Some((size, _)) = text[at..].split_once("\r\n") {
        let length = usize::from_str_radix(size.split(';').next().unwrap_or_default(), 16).unwrap();
        at += size.len() + 2;
        if length == 0 {
            let end = text[at..]
                .find("\r\n\r\n")
                .map_or(2, |end| if text[at..].starts_with("\r\n") { 2 } else { end + 4 });
            return (data + " whole", at + end);
        }
        let here = length.min(text.len() - at);
        data.push_str(&text[at..at + here]);
        at = (at + here + 2).min(text.len());
    }
    (data, at)
}

fn messages(mut text: &str, bodyless: bool) -> Vec<(String, BTreeSet<String>, String)> {
    let mut all = Vec::new();
    while !text.is_empty() {
        // The last one is of `/after`.
        let (one, used) = parts(text, bodyless && all.is_empty());
        all.push(one);
        text = &text[used.min(text.len())..];
    }
    all
}

/// One request on one of the ways, and one after it on the same connection.
async fn shown(direct: bool, request: &str, instances: &[Played], more: (&str, &str)) -> Shown {
    let mut all = Vec::new();
    for instance in instances {
        all.push(instance.start().await);
    }
    let addresses: Vec<String> = all.iter().map(|(address, _)| format!("\"{address}\"")).collect();
    let (service, route) = more;
    let text = format!(
        "[services.s]\ninstances = [{}]\n{service}\n[routes.all]\nservice = \"s\"\n{route}\n",
        addresses.join(", ")
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.log");
    let fields = "{client} {method} {host} {path} {version} {status} {request_bytes} {response_bytes} {route} {service} {instance} {tries} \
                  {login} {consumer} {problem} {user_agent} {tls} {cache}";
    let log = AccessLog { file: Some(file.clone()), format: LogFormat::Text(fields.to_owned()) };
    let parts = Parts::default();
    let metrics = parts.metrics.clone();
    let gateway = gateway_with(&text, parts, |config| {
        (config.direct, config.access_log) = (direct, log);
    })
    .await;
    let mut client = Client::connect(gateway.http()[0]).await;
    let request = request.replace('|', "\r\n");
    let after = "GET /after HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    client.send(format!("{request}{after}")).await;
    let answers = messages(&client.rest().await, request.starts_with("HEAD "));
    let told = answers.iter().filter(|(first, ..)| !first.contains(" 10")).count();
    let lines = || std::fs::read_to_string(&file).unwrap_or_default();
    until("all are in the log", || lines().lines().count() >= told.max(1)).await;
    let set = gateway.state().services["s"].set.clone();
    until("nothing is under way", || set.status().iter().all(|status| status.in_flight == 0)).await;
    let known = |text: String| {
        // Which of several it is goes by their ports.
        all.iter().fold(text, |text, (address, _)| text.replace(&address.to_string(), "an instance"))
    };
    let counts = |line: &&str| {
        line.starts_with("bole_gateway_")
            && !["_sum", "_bucket", "upstream_idle", "quantile"].iter().any(|part| line.contains(part))
            && !line.ends_with(" 0")
    };
    let learned = |status: &bole_edge_core::balance::Status| {
        let (fails, known) = (status.error_rate > 0.0, !status.latency.is_zero());
        format!("{} {:?} fails {fails} latency {known}", status.spec.name, status.condition)
    };
    let mut learned: Vec<String> = set.status().iter().map(|status| known(learned(status))).collect();
    learned.sort();
    // Which instance is the first goes by their ports too.
    let mut seen: Vec<_> = all.iter().map(|(_, seen)| seen.lock().clone()).collect();
    seen.sort_by_key(|seen| std::cmp::Reverse(seen.len()));
    Shown {
        answers,
        seen: seen.concat().iter().map(|seen| self::parts(seen, false).0).collect(),
        metrics: metrics.render().lines().filter(counts).map(str::to_owned).collect(),
        log: lines().lines().map(|line| known(line.to_owned())).collect(),
        learned,
    }
}

/// No retries, no ejection: each fault is seen as it is.
const CALM: &str = "retries = { attempts = 0 }\nejection = { enabled = false }";
/// The same, for instances that hang.
const BARE: &str = "retries = { attempts = 0 }\nejection = { enabled = false }\ntimeouts = { first_byte = \"2s\", read = \"2s\" }";

/// Requests, each with all that could be changed on the way.
const REQUESTS: &[&str] = &[
    "GET /x?q=1&r=%20 HTTP/1.1|Host: A:8080|Cookie: a=b|X-Forwarded-For: 9.9.9.9|X_Forwarded_Host: b|TE: trailers|Keep-Alive: 9|Proxy-Connection: x|Accept:  a, b |Accept: c|X-Bole-Identity: me||",
    "HEAD /x HTTP/1.1|Host: a|User-Agent: \"z\"|Forwarded: for=1.1.1.1|X-Real-IP: 1.1.1.1|X-Request-Id: mine||",
    "POST /x HTTP/1.1|Host: a|Content-Length: 5|Content-Type: text/plain|Connection: keep-alive||hello",
    "PUT /./a/../x//y?z HTTP/1.1|Host: a|Transfer-Encoding: chunked||2;x=y|he|3|llo|0|T: x||",
    "DELETE /x HTTP/1.1|Host: a|Content-Length: 0|traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01|tracestate: a=b||",
    "PATCH /x HTTP/1.1|Host: a|tracestate: a=b|Authorization: Basic eDp5|Content-Length: 2||ab",
    "BREW /x HTTP/1.1|Host: a|Content-Length: 1||a",
];

/// Instances that answer.
const ANSWERS: &[Played] = &[
    played("HTTP/1.1 200 OK|Content-Length: 5|Set-Cookie: a|Set-Cookie: b|ETag: \"x\"||hello", Then::Keep),
    played("HTTP/1.1 200 Fine Indeed|content-length: 5|X-Request-Id: theirs||hello", Then::Close),
    played("HTTP/1.1 201|Content-Length: 0|Location: /y||", Then::Keep),
    played("HTTP/1.1 200 OK|Transfer-Encoding: chunked||3|abc|4;x=y|defg|0|T: x||", Then::Keep),
    played("HTTP/1.1 200 OK|X: y||until the end", Then::Close),
    played("HTTP/1.1 200 OK|Connection: close|Content-Length: 5||hello", Then::Keep),
    played("HTTP/1.0 200 OK||until the end", Then::Close),
    played("HTTP/1.0 200 OK|Content-Length: 5||hello", Then::Keep),
    played("HTTP/1.1 103 Early Hints|Link: </a>||HTTP/1.1 200 OK|Content-Length: 5||hello", Then::Keep),
    played("HTTP/1.1 100 Continue||HTTP/1.1 200 OK|Content-Length: 5||hello", Then::Keep),
    played("HTTP/1.1 204 No Content|X: y||", Then::Keep),
    played("HTTP/1.1 304 Not Modified|ETag: \"x\"|Content-Length: 9||", Then::Keep),
    played("HTTP/1.1 404 Not Found|Content-Length: 2||no", Then::Keep),
    played("HTTP/1.1 500 Sorry|Content-Length: 2||no", Then::Keep),
    played("HTTP/1.1 503 Later|Content-Length: 2|Retry-After: 9||no", Then::Close),
    Played { bytes: "HTTP/1.1 413 Enough|Content-Length: 2||no", then: Then::Keep, early: true },
];

/// Instances that do not, or not whole.
const FAULTS: &[Played] = &[
    played("", Then::Close),
    played("", Then::Reset),
    played("", Then::Hang),
    played("HTTP/1.1 200 OK|X: ", Then::Hang),
    played("HTTP/1.1 200 OK|X: ", Then::Close),
    played("HTTP/1.1 200 OK|Content-Length: 100||half", Then::Hang),
    played("HTTP/1.1 200 OK|Content-Length: 100||half", Then::Close),
    played("HTTP/1.1 200 OK|Transfer-Encoding: chunked||4|half|", Then::Close),
    played("\u{16}\u{3}\u{1}garbage||", Then::Close),
    played("HTTP/1.1 200 OK|Bad Header||", Then::Close),
    played("HTTP/1.1 200 OK|Content-Length: 1|Content-Length: 2||ab", Then::Close),
    played("HTTP/1.1 200 OK|Content-Length: x||ab", Then::Close),
    played("HTTP/2 200 OK||", Then::Close),
];

/// Compares both ways; each row is a world of its own, some of them at a time.
async fn compare(rows: Vec<(String, Vec<Played>, (&'static str, &'static str))>) {
    let places = Arc::new(tokio::sync::Semaphore::new(8));
    let mut all = JoinSet::new();
    for (request, instances, more) in rows {
        let places = places.clone();
        all.spawn(async move {
            let _place = places.acquire().await.unwrap();
            let (direct, usual) = tokio::join!(
                shown(true, &request, &instances, more),
                shown(false, &request, &instances, more)
            );
            assert_eq!(direct, usual, "{request} at {instances:?} with {more:?}");
        });
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_the_same_on_both_ways() {
    let rows = REQUESTS
        .iter()
        .flat_map(|request| ANSWERS.iter().map(|answer| ((*request).to_owned(), vec![*answer], (CALM, ""))));
    compare(rows.collect()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_are_the_same_on_both_ways() {
    let rows = [REQUESTS[0], REQUESTS[2], REQUESTS[3]]
        .into_iter()
        .flat_map(|request| FAULTS.iter().map(|fault| (request.to_owned(), vec![*fault], (BARE, ""))));
    compare(rows.collect()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retries_are_the_same_on_both_ways() {
    let more = "balance = { algorithm = \"maglev\", key = \"all\" }\nejection = { enabled = false }\nretries = { budget_per_second = 1000.0, statuses = [503] }\ntimeouts = { first_byte = \"2s\" }";
    let broken = "breaker = { volume = 1, failure_share = 0.1 }\nejection = { consecutive_failures = 1, consecutive_gateway_errors = 1 }\ntimeouts = { first_byte = \"2s\" }";
    let bad = [FAULTS[0], FAULTS[1], FAULTS[2], FAULTS[8], ANSWERS[14]];
    let rows = [REQUESTS[0], REQUESTS[2], REQUESTS[3], REQUESTS[4]].into_iter().flat_map(|request| {
        bad.iter().flat_map(move |fault| {
            [(vec![*fault, *fault], more), (vec![*fault], broken), (vec![ANSWERS[13]], broken)]
                .map(|(instances, more)| (request.to_owned(), instances, (more, "")))
        })
    });
    compare(rows.collect()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routes_change_the_same_on_both_ways() {
    const CHANGES: &str = "rewrite = { add_prefix = \"/v2\", host = \"inner.example\" }\n\
        request_headers = { remove = [\"cookie\", \"x-bole\"], set = { x-ip = \"{client_ip} {path} {header.accept}\", accept = \"{query}\" }, add = { cookie = \"{host}\" } }\n\
        response_headers = { remove = [\"etag\"], set = { x-route = \"{route}\", server = \"us\" }, add = { set-cookie = \"c\" } }\n\
        query_changes = { remove = [\"q\"], set = { by = \"{host}\" } }";
    const INSTANCE: &str = "host = \"instance\"\nretries = { attempts = 0 }";
    const NAMED: &str = "host = { name = \"named.example\" }\nbalance = { algorithm = \"maglev\", key = { header = \"accept\" } }\nretries = { attempts = 0 }";
    const SMALL: &str = "request_body_max = \"4\"\nresponse_body_max = \"4\"";
    const LIMITED: &str =
        "limits = [\"few\"]\n[limits.few]\nbucket = { limit = 1, period = \"1h\" }\nkey = \"ip\"";
    const SHORT: &str = "timeout = \"2s\"";
    let rows = REQUESTS.iter().flat_map(|request| {
        [
            (ANSWERS[0], (CALM, CHANGES)),
            (FAULTS[0], (CALM, CHANGES)),
            (ANSWERS[3], (NAMED, "")),
            (ANSWERS[0], (CALM, SMALL)),
            (FAULTS[2], (CALM, SHORT)),
            (ANSWERS[0], (CALM, "deny_networks = [\"127.0.0.0/8\"]")),
            (ANSWERS[0], (CALM, "allow_networks = [\"127.0.0.0/8\"]")),
            (ANSWERS[0], (CALM, LIMITED)),
            (FAULTS[0], (CALM, LIMITED)),
            (ANSWERS[0], (INSTANCE, "")),
        ]
        .map(|(answer, more)| ((*request).to_owned(), vec![answer], more))
    });
    // The address of an instance is another one on each way.
    let (instance, rows): (Vec<_>, Vec<_>) = rows.partition(|(_, _, more)| more.0 == INSTANCE);
    compare(rows).await;
    for (request, instances, more) in instance {
        for direct in [true, false] {
            let shown = shown(direct, &request, &instances, more).await;
            let hosts = shown.seen[0].1.iter().filter(|field| field.starts_with("host: 127.0.0.1:"));
            assert_eq!(hosts.count(), 1, "{direct} {shown:?}");
        }
    }
}

/// What this way reads more strictly than the library, or passes on less of; and how both show it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_differs_is_known() {
    let request = "GET /x HTTP/1.1|Host: a||";
    let first = |shown: &Shown| {
        shown
            .answers
            .first()
            .map(|(line, fields, body)| format!("{line} {fields:?} {body}"))
            .unwrap_or_default()
    };
    for (bytes, direct_has, usual_has) in [
        // The date is the instance's.
        ("HTTP/1.1 200 OK|Date: x|Content-Length: 0||", "200", "200"),
        // Fields of the instance's connection end here.
        ("HTTP/1.1 200 OK|Connection: x-hop|X-Hop: 1|Content-Length: 0||", "200", "x-hop: 1"),
        ("HTTP/1.1 200 OK|Keep-Alive: timeout=9|Content-Length: 0||", "200", "keep-alive: timeout=9"),
        // One line of what is folded, or ends with a line feed, is read in several ways.
        ("HTTP/1.1 200 OK|X: a| b|Content-Length: 0||", "upstream-garbage", "200"),
        ("HTTP/1.1 200 OK\nContent-Length: 0||", "upstream-garbage", "200"),
        ("HTTP/1.1 200 OK|Transfer-Encoding: gzip, chunked||0||", "upstream-garbage", "200"),
        // Nobody asked for another protocol.
        ("HTTP/1.1 101 Switching Protocols|Upgrade: x||", "upstream-garbage", "101"),
    ] {
        let bytes: &'static str = bytes.to_owned().leak();
        let instances = [played(bytes, Then::Close)];
        let direct = shown(true, request, &instances, (CALM, "")).await;
        let usual = shown(false, request, &instances, (CALM, "")).await;
        assert!(first(&direct).contains(direct_has), "{bytes}: {direct:?}");
        assert!(first(&usual).contains(usual_has), "{bytes}: {usual:?}");
        assert!(!first(&direct).contains("x-hop") && !first(&direct).contains("timeout=9"), "{direct:?}");
    }
    // A connection on which a length and chunks were both said is not used again (RFC 9112, section 6.1).
    let both = "HTTP/1.1 200 OK|Transfer-Encoding: chunked|Content-Length: 99||3|abc|0||";
    // What ends a request when all its time is over is called so, also in the middle of an answer.
    let late = "timeout = \"2s\"";
    for (direct, connects, problem) in [(true, 2, "total-timeout"), (false, 1, "read-timeout")] {
        let twice = shown(direct, request, &[played(both, Then::Keep)], (CALM, "")).await;
        let connected = format!("bole_gateway_upstream_connects_total{{service=\"s\"}} {connects}");
        assert!(twice.metrics.contains(&connected) && twice.answers.len() == 2, "{direct}: {twice:?}");
        let late = shown(direct, request, &[FAULTS[5]], (CALM, late)).await;
        assert!(late.log[0].contains(problem), "{direct}: {late:?}");
    }
}

/// The gateway on one of the ways, with one instance that a test plays itself.
async fn before(direct: bool) -> (bole_gateway::Service, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let text = format!("[services.s]\ninstances = [\"{address}\"]\n{CALM}\n[routes.all]\nservice = \"s\"\n");
    (gateway_with(&text, Parts::default(), |config| config.direct = direct).await, listener)
}

/// Reads until what came contains a text.
async fn hear(stream: &mut TcpStream, text: &str) -> String {
    let mut came = Vec::new();
    let read = async {
        while !String::from_utf8_lossy(&came).contains(text) {
            assert!(stream.read_buf(&mut came).await.unwrap() > 0, "the end, and no {text:?}: {came:?}");
        }
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap_or_else(|_| panic!("{text:?} in time"));
    String::from_utf8_lossy(&came).into_owned()
}

#[tokio::test]
async fn an_answer_may_begin_before_the_body_has_ended() {
    for direct in [true, false] {
        let (gateway, listener) = before(direct).await;
        let mut client = Client::connect(gateway.http()[0]).await;
        client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n").await;
        let (mut instance, _) = listener.accept().await.unwrap();
        hear(&mut instance, "one").await;
        instance
            .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nONE\r\n")
            .await
            .unwrap();
        hear(&mut client.stream, "ONE").await;
        client.send("3\r\ntwo\r\n").await;
        hear(&mut instance, "two").await;
        instance.write_all(b"3\r\nTWO\r\n0\r\n\r\n").await.unwrap();
        hear(&mut client.stream, "0\r\n\r\n").await;
        // The answer is over, the body is not: its end still goes there.
        client.send("5\r\nthree\r\n0\r\n\r\n").await;
        hear(&mut instance, "0\r\n\r\n").await;
        if direct {
            // Both connections go on; the proxy library ends them.
            client.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n").await;
            hear(&mut instance, "GET /next").await;
        }
    }
}

#[tokio::test]
async fn an_instance_hears_that_its_client_left() {
    for direct in [true, false] {
        for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"] {
            let (gateway, listener) = before(direct).await;
            let mut client = Client::connect(gateway.http()[0]).await;
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            let (mut instance, _) = listener.accept().await.unwrap();
            hear(&mut instance, "\r\n\r\n").await;
            instance.write_all(answer.as_bytes()).await.unwrap();
            if !answer.is_empty() {
                hear(&mut client.stream, "half").await;
            }
            drop(client);
            let mut rest = Vec::new();
            let ended = tokio::time::timeout(PATIENCE, instance.read_to_end(&mut rest)).await;
            // A reset says it as well.
            let _ = ended.unwrap_or_else(|_| panic!("{direct} {answer:?}: it is told"));
            let set = gateway.state().services["s"].set.clone();
            until("nothing is under way", || set.status()[0].in_flight == 0).await;
            assert!(set.status()[0].error_rate == 0.0, "it is not to blame: {:?}", set.status());
        }
    }
}

#[tokio::test]
async fn who_does_not_read_stops_who_sends() {
    const SIZE: usize = 64 << 20;
    for direct in [true, false] {
        let (gateway, listener) = before(direct).await;
        let mut client = Client::connect(gateway.http()[0]).await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        let (mut instance, _) = listener.accept().await.unwrap();
        hear(&mut instance, "\r\n\r\n").await;
        let sent = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = sent.clone();
        let send = tokio::spawn(async move {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n");
            instance.write_all(head.as_bytes()).await.unwrap();
            let piece = vec![b'x'; 64 << 10];
            while counted.load(std::sync::atomic::Ordering::SeqCst) < SIZE {
                instance.write_all(&piece).await.unwrap();
                counted.fetch_add(piece.len(), std::sync::atomic::Ordering::SeqCst);
            }
        });
        // It stands still once the buffers of the system are full.
        let mut last = (usize::MAX, std::time::Instant::now());
        until("it is stopped", || {
            let now = sent.load(std::sync::atomic::Ordering::SeqCst);
            if now != last.0 {
                last = (now, std::time::Instant::now());
            }
            now > 0 && last.1.elapsed() > Duration::from_millis(300)
        })
        .await;
        assert!(last.0 < SIZE / 2, "{direct}: {} bytes are somewhere", last.0);
        let answer = client.rest().await;
        assert!(answer.ends_with("xxx") && answer.len() > SIZE, "{direct}: {}", answer.len());
        send.await.unwrap();
    }
}
