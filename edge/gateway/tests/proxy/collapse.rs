//! Requests that share an answer: which do, which must not, and what a leader that fails means for the others.

use crate::support::*;
use bole_gateway::config::Parts;
use bole_gateway::service::Service;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// A service that answers when it is let.
struct Held {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl Held {
    /// `answer` gets the request and its number.
    async fn start(answer: impl Fn(&str, usize) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, gate) = (Arc::<AtomicUsize>::default(), Arc::new(Semaphore::new(0)));
        let (count, held, answer) = (asked.clone(), gate.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (count, held, answer) = (count.clone(), held.clone(), answer.clone());
                tokio::spawn(async move {
                    let mut came = Vec::new();
                    while let Some(request) = message(&mut stream, &mut came).await {
                        let number = count.fetch_add(1, Ordering::SeqCst);
                        held.acquire().await.unwrap().forget();
                        let answer = answer(&request, number);
                        if answer.is_empty() || stream.write_all(&answer).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, asked, gate }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn plain(head: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn collapsing(held: &Held, more: &str) -> Service {
    let text = format!(
        "[services.s]\ninstances = [\"{}\"]\nretries = {{ attempts = 0 }}\nejection = {{ enabled = false }}\n[routes.all]\nservice = \"s\"\ncollapse = true\n{more}",
        held.address
    );
    gateway_with(&text, Parts::default(), |_| {}).await
}

/// How many led, shared, and went alone.
fn counted(gateway: &Service) -> [u64; 3] {
    let state = gateway.state();
    let counters = &state.routes[0].collapsed;
    [&counters.led, &counters.shared, &counters.alone].map(bole_net::metrics::Counter::get)
}

/// Requests under way at the gateway.
fn open(gateway: &Service) -> i64 {
    gateway.state().routes[0].counters.in_flight.get()
}

/// Sends each request on a connection of its own: the first, and once it is at the service the others. Lets all be answered when all are there.
async fn all_at_once(gateway: &Service, held: &Held, requests: &[String]) -> Vec<String> {
    let before = held.asked();
    let address = gateway.http()[0];
    let mut answers = JoinSet::new();
    for (number, request) in requests.iter().cloned().enumerate() {
        answers.spawn(async move {
            let mut client = Client::connect(address).await;
            client.send(request).await;
            (number, client.answer().await.unwrap_or_default())
        });
        if number == 0 {
            until("the first is at the service", || held.asked() == before + 1).await;
        }
    }
    let waiting = || gateway.state().routes[0].collapsed.waiting.get() as usize;
    until("all wait, or are at the service", || held.asked() - before + waiting() == requests.len()).await;
    held.gate.add_permits(requests.len());
    let mut all = vec![String::new(); requests.len()];
    while let Some(answer) = answers.join_next().await {
        let (number, answer) = answer.unwrap();
        all[number] = answer;
    }
    held.gate.forget_permits(usize::MAX >> 4);
    until("all have ended", || open(gateway) == 0).await;
    all
}

fn requests(count: usize, line: impl Fn(usize) -> String) -> Vec<String> {
    (0..count).map(|number| format!("GET /x HTTP/1.1\r\nHost: a.example\r\n{}\r\n", line(number))).collect()
}

#[tokio::test]
async fn the_same_requests_at_the_same_time_are_one() {
    let held =
        Held::start(|_, number| plain("200 OK\r\nX-Of: service\r\n", &format!("answer {number}"))).await;
    let gateway = collapsing(&held, "response_headers = { set = { x-id = \"{request_id}\" } }\n").await;
    let agents = requests(20, |number| format!("User-Agent: {number}\r\n"));
    let answers = all_at_once(&gateway, &held, &agents).await;
    let mut ids = std::collections::BTreeSet::new();
    for answer in &answers {
        assert!(status(answer) == 200 && answer.ends_with("answer 0"), "{answer}");
        assert!(answer.to_lowercase().contains("x-of: service"), "{answer}");
        ids.insert(answer.to_lowercase().lines().find(|line| line.starts_with("x-id: ")).unwrap().to_owned());
    }
    assert_eq!(ids.len(), 20, "what is a client's own is not shared");
    assert_eq!((held.asked(), counted(&gateway)), (1, [1, 19, 0]));
    // Nothing is stored.
    let answers = all_at_once(&gateway, &held, &requests(1, |_| String::new())).await;
    assert!(answers[0].ends_with("answer 1"), "{}", answers[0]);
}

#[tokio::test]
async fn what_is_somebodys_or_differs_is_not_shared() {
    let held = Held::start(|request, _| plain("200 OK\r\nVary: Accept-Language\r\n", request)).await;
    let gateway = collapsing(&held, "path = \"/*\"\n").await;
    let rows = [
        ("Cookie: a=b\r\n", 1),
        ("Authorization: Basic eDp5\r\n", 1),
        ("X-Tenant: t\r\n", 1),
        ("Range: bytes=0-1\r\n", 1),
        ("Accept-Language: de\r\n", 1),
        ("Accept: a/b\r\n", 0),
    ];
    for (line, more) in rows {
        let before = held.asked();
        let pair = requests(2, |number| if number == 0 { String::new() } else { line.to_owned() });
        let answers = all_at_once(&gateway, &held, &pair).await;
        assert_eq!(held.asked() - before, 1 + more, "{line}");
        assert_eq!(
            answers[1].contains(line.trim().split_once(' ').unwrap().1),
            more == 1,
            "{line}: {}",
            answers[1]
        );
    }
    // Credentials on both are not shared either, though they are the same.
    let before = held.asked();
    all_at_once(&gateway, &held, &requests(2, |_| "Cookie: same=1\r\n".to_owned())).await;
    assert_eq!(held.asked() - before, 2);
    let before = held.asked();
    let methods = ["GET /x", "GET /y", "GET /x?q", "POST /x", "GET /x"];
    let mixed: Vec<String> = methods
        .iter()
        .map(|line| {
            let length = if line.starts_with("POST") { "Content-Length: 0\r\n" } else { "" };
            format!("{line} HTTP/1.1\r\nHost: a.example\r\n{length}\r\n")
        })
        .collect();
    all_at_once(&gateway, &held, &mixed).await;
    assert_eq!(held.asked() - before, 4, "the last is the first");
}

#[tokio::test]
async fn answers_for_one_client_and_failures_are_not_shared() {
    for head in [
        "200 OK\r\nSet-Cookie: id=1\r\n",
        "200 OK\r\nCache-Control: private\r\n",
        "200 OK\r\nCache-Control: no-store\r\n",
        "500 Oh\r\n",
    ] {
        let held = Held::start(move |_, number| plain(head, &format!("answer {number}"))).await;
        let gateway = collapsing(&held, "").await;
        let answers = all_at_once(&gateway, &held, &requests(4, |_| String::new())).await;
        let bodies: std::collections::BTreeSet<&str> =
            answers.iter().map(|answer| answer.split("\r\n\r\n").nth(1).unwrap()).collect();
        assert_eq!((bodies.len(), held.asked()), (4, 4), "{head}: {answers:?}");
        assert_eq!(counted(&gateway), [1, 0, 3], "{head}");
    }
}

#[tokio::test]
async fn a_leader_that_fails_fails_alone() {
    // The first connection is closed without an answer, or in the middle of one; the others are answered.
    for broken in [&b""[..], b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"] {
        let held = Held::start(move |_, number| match number {
            0 => [broken, &b""[..]].concat(),
            number => plain("200 OK\r\n", &format!("answer {number}")),
        })
        .await;
        let gateway = collapsing(&held, "").await;
        gateway.apply(read(&format!(
            "[services.s]\ninstances = [\"{}\"]\nretries = {{ attempts = 0 }}\nejection = {{ enabled = false }}\ntimeouts = {{ read = \"300ms\", first_byte = \"5s\" }}\n[routes.all]\nservice = \"s\"\ncollapse = true\n",
            held.address
        ))).await.unwrap();
        let answers = all_at_once(&gateway, &held, &requests(3, |_| String::new())).await;
        for answer in &answers[1..] {
            assert!(status(answer) == 200 && answer.contains("answer "), "{broken:?}: {answer}");
        }
        if broken.is_empty() {
            assert_eq!(status(&answers[0]), 502, "{}", answers[0]);
        } else {
            assert!(answers[0].is_empty(), "it was cut off: {}", answers[0]);
        }
    }
}

#[tokio::test]
async fn a_long_answer_is_the_leaders_alone_and_one_whose_client_left_goes_on() {
    let long = "y".repeat(3 << 20);
    let body = long.clone();
    let held = Held::start(move |_, _| {
        // Its length is not told before.
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).into_bytes()
    })
    .await;
    let gateway = collapsing(&held, "").await;
    let answers = all_at_once(&gateway, &held, &requests(2, |_| String::new())).await;
    for answer in &answers {
        assert!(answer.matches('y').count() >= long.len(), "{}", answer.len());
    }
    assert_eq!((held.asked(), counted(&gateway)), (2, [1, 0, 1]));

    let held = Held::start(|_, number| plain("200 OK\r\n", &format!("answer {number}"))).await;
    let gateway = collapsing(&held, "").await;
    let address = gateway.http()[0];
    let mut leader = Client::connect(address).await;
    leader.send(&requests(1, |_| String::new())[0]).await;
    until("it is at the service", || held.asked() == 1).await;
    let waiter = tokio::spawn(async move { Client::connect(address).await.get("/x").await.unwrap() });
    until("both are there", || open(&gateway) == 2).await;
    drop(leader);
    held.gate.add_permits(2);
    let answer = waiter.await.unwrap();
    assert!(answer.ends_with("answer 0") || answer.ends_with("answer 1"), "{answer}");
}

#[tokio::test]
async fn who_logged_in_shares_nothing() {
    let held = Held::start(|request, _| plain("200 OK\r\n", request)).await;
    let text = format!(
        "[services.s]\ninstances = [\"{}\"]\n[logins.keys.key]\nheader = \"x-api-key\"\n[consumers.acme]\nkeys = [\"acme-secret\"]\n[routes.all]\nservice = \"s\"\ncollapse = true\nlogin = [\"keys\"]\nlogin_optional = true\n",
        held.address
    );
    let gateway = gateway(&text).await;
    let pair = requests(
        2,
        |number| if number == 0 { String::new() } else { "X-Api-Key: acme-secret\r\n".to_owned() },
    );
    let answers = all_at_once(&gateway, &held, &pair).await;
    assert_eq!(held.asked(), 2, "{answers:?}");
    let before = held.asked();
    all_at_once(&gateway, &held, &requests(2, |_| "X-Api-Key: acme-secret\r\n".to_owned())).await;
    assert_eq!(held.asked() - before, 2, "not even with itself");
    let before = held.asked();
    all_at_once(&gateway, &held, &requests(3, |_| String::new())).await;
    assert_eq!(held.asked() - before, 1, "nobody is everybody");
}
