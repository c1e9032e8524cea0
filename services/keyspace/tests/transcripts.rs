//! Transcripts: what is typed and what is answered, a file a family in `tests/transcripts/`.
//!
//! A line `> COMMAND …` is sent (typed as in redis-cli, quotes and escapes included); `2> COMMAND …` goes over a second connection, and so on. The lines that
//! follow are the reply as redis-cli prints it raw: `+OK`, `:3`, `-ERR …`, `"bulk"`, `(nil)`, `*2` and then its elements. `..` takes any one line. A `*2` line may be
//! followed by elements in any order if it is written `*2 unordered`. `2<` lines await a reply on another connection without sending: to a command without a reply, which blocks. `# …` is a comment.

mod support;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bole_keyspace::service::Service;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

type Client = BufReader<TcpStream>;

/// Reads one reply as lines.
async fn read_reply(client: &mut Client, lines: &mut Vec<String>) {
    let mut head = String::new();
    client.read_line(&mut head).await.expect("a reply");
    let head = head.trim_end().to_owned();
    let (kind, rest) = head.split_at(1);
    match kind {
        "_" | "$" | "=" | "*" if kind == "_" || rest == "-1" => lines.push("(nil)".to_owned()),
        "$" | "=" => {
            let mut body = vec![0; rest.parse::<usize>().expect("a length") + 2];
            client.read_exact(&mut body).await.expect("a body");
            body.truncate(body.len() - 2);
            lines.push(format!("\"{}\"", body.escape_ascii()));
        }
        "*" | "~" | ">" | "%" => {
            let count = rest.parse::<usize>().expect("a count") * if kind == "%" { 2 } else { 1 };
            lines.push(head.clone());
            for _ in 0..count {
                Box::pin(read_reply(client, lines)).await;
            }
        }
        _ => lines.push(head),
    }
}

struct Step {
    line: usize,
    connection: String,
    command: Option<String>,
    expected: Vec<String>,
}

fn parse(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let digits = line.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
        let connection = if digits == 0 { "1".to_owned() } else { line[..digits].to_owned() };
        if let Some(command) = line[digits..].strip_prefix("> ") {
            steps.push(Step {
                line: index + 1,
                connection,
                command: Some(command.to_owned()),
                expected: Vec::new(),
            });
        } else if digits > 0 && line[digits..].starts_with('<') {
            steps.push(Step { line: index + 1, connection, command: None, expected: Vec::new() });
        } else {
            steps.last_mut().expect("a reply follows a command").expected.push(line.to_owned());
        }
    }
    steps
}

fn matches(expected: &[String], actual: &[String]) -> bool {
    let Some(first) = expected.first() else { return actual.is_empty() };
    if let Some(head) = first.strip_suffix(" unordered") {
        let mut left: Vec<_> = expected[1..].to_vec();
        let mut right: Vec<_> = actual.get(1..).unwrap_or_default().to_vec();
        left.sort();
        right.sort();
        return actual.first().is_some_and(|line| line == head) && left == right;
    }
    expected.len() == actual.len()
        && expected.iter().zip(actual).all(|(left, right)| left == ".." || left == right)
}

/// Waits until the server has this client wait, or has answered it after all.
async fn until_blocked(service: &Service, client: &Client) {
    let stream = client.get_ref();
    let own = stream.local_addr().expect("it is connected");
    let blocked = || {
        service.clients.all().iter().any(|other| other.peer == own && other.blocked.load(Ordering::Acquire))
    };
    let mut byte = [0];
    let answered = async {
        stream.peek(&mut byte).await.expect("the server is there");
    };
    let waiting = async {
        while !blocked() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = answered => {}
        () = waiting => {}
    }
}

async fn run((address, service): (SocketAddr, Arc<Service>), path: &Path) {
    let text = std::fs::read_to_string(path).expect("the transcript is readable");
    let mut clients: BTreeMap<String, Client> = BTreeMap::new();
    for step in parse(&text) {
        if !clients.contains_key(&step.connection) {
            let stream = TcpStream::connect(address).await.expect("the server accepts");
            clients.insert(step.connection.clone(), BufReader::new(stream));
        }
        let client = clients.get_mut(&step.connection).expect("it was just added");
        if let Some(command) = &step.command {
            client.write_all(format!("{command}\r\n").as_bytes()).await.expect("the server reads");
        }
        // A command without expected lines blocks, or is followed by `N<`.
        if step.expected.is_empty() {
            until_blocked(&service, client).await;
            continue;
        }
        let mut actual = Vec::new();
        let reply = read_reply(client, &mut actual);
        tokio::time::timeout(std::time::Duration::from_secs(20), reply)
            .await
            .unwrap_or_else(|_| panic!("{}:{}: no reply to {:?}", path.display(), step.line, step.command));
        assert!(
            matches(&step.expected, &actual),
            "{}:{}: {:?}\nexpected {:#?}\nanswered {actual:#?}",
            path.display(),
            step.line,
            step.command,
            step.expected
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_transcript_holds() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut paths: Vec<_> = std::fs::read_dir(dir)
        .expect("the folder exists")
        .map(|entry| entry.expect("readable").path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        run(support::start().await, &path).await;
    }
}
