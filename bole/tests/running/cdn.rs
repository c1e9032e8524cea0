//! The gateway's cache on real nodes: a network of a shield and two edges, its purges, restarts and kills.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::node::{Node, PATIENCE};

/// An origin of whole answers and single ranges.
struct Origin {
    address: String,
    requests: Arc<AtomicUsize>,
    /// While it is set, connections are closed without an answer.
    down: Arc<AtomicBool>,
}

impl Origin {
    /// Its answers have `FRESH` in their heads, and their number before the body if they are numbered.
    fn start(numbered: bool, body: Arc<[u8]>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (requests, down) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let (counted, closed) = (Arc::clone(&requests), Arc::clone(&down));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (counted, closed, body) = (Arc::clone(&counted), Arc::clone(&closed), Arc::clone(&body));
                std::thread::spawn(move || answer(stream, numbered, &body, &counted, &closed));
            }
        });
        Self { address, requests, down }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: TcpStream, numbered: bool, body: &[u8], requests: &AtomicUsize, down: &AtomicBool) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut range = None;
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if lines.read_line(&mut line).unwrap_or(0) == 0 || down.load(Ordering::SeqCst) {
                return;
            }
            if let Some(bounds) = line.to_lowercase().trim_end().strip_prefix("range: bytes=") {
                let (first, last) = bounds.split_once('-').unwrap();
                range = Some((first.parse::<usize>().unwrap(), last.parse::<usize>().unwrap_or(usize::MAX)));
            }
        }
        let number = requests.fetch_add(1, Ordering::SeqCst) + 1;
        let whole =
            if numbered { [format!("answer {number}\n").as_bytes(), body].concat() } else { body.to_vec() };
        let (first, last) =
            range.map_or((0, whole.len() - 1), |(first, last)| (first, last.min(whole.len() - 1)));
        let told = match range {
            Some(_) => format!("206 X\r\nContent-Range: bytes {first}-{last}/{}", whole.len()),
            None => "200 OK".to_owned(),
        };
        let head = format!("HTTP/1.1 {told}\r\n{FRESH}Content-Length: {}\r\n\r\n", last + 1 - first);
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&whole[first..=last])).is_err() {
            return;
        }
    }
}

/// Sends `GET path`: the status, the head and the body.
fn get(address: &str, path: &str) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    (head[9..12].parse().unwrap(), head, answer.split_off(end))
}

fn text(address: &str, path: &str) -> String {
    let (status, head, body) = get(address, path);
    assert_eq!(status, 200, "{head}");
    String::from_utf8(body).unwrap()
}

fn done(node: &Node, args: &[&str], input: &str) -> String {
    let outcome = node.bole(args, input);
    assert_eq!(outcome.code, 0, "{args:?}: {outcome:?}");
    outcome.out
}

fn route(node: &Node, service: &str, cache: &str) {
    let document = format!(
        "[services.s]\ninstances = [\"{service}\"]\n[routes.all]\nservice = \"s\"\ncache = {cache}\n"
    );
    done(node, &["gateway", "apply", "-"], &document);
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

const FRESH: &str = "Cache-Control: max-age=600\r\nETag: \"a\"\r\nCache-Tag: news\r\n";

struct Network {
    shield: Node,
    edges: Vec<Node>,
    folders: Vec<tempfile::TempDir>,
}

fn settings(secret: &Path, name: &str, role: &str, control: Option<&str>) -> Vec<String> {
    let mut settings = vec![
        format!("cdn.secret_file={}", secret.display()),
        format!("cdn.name={name}"),
        format!("cdn.role={role}"),
    ];
    settings.extend(control.map(|control| format!("cdn.control={control}")));
    settings
}

/// A shield, which takes the purges, and two edges before it.
fn network(origin: &Origin) -> Network {
    let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let secret = folders[0].path().join("secret");
    std::fs::write(&secret, "a secret of a network\n").unwrap();
    let start =
        |at: usize, settings: &[String]| Node::start_with(folders[at].path(), "127.0.0.1:0", settings);
    let shield = start(0, &settings(&secret, "shield", "shield", None));
    route(&shield, &origin.address, "{}");
    let edges: Vec<Node> = (1..3)
        .map(|at| {
            let edge = start(at, &settings(&secret, &format!("edge-{at}"), "edge", Some(shield.admin())));
            route(&edge, &shield.gateway, "{ shield = true }");
            edge
        })
        .collect();
    until("all nodes are in sync", || {
        let nodes = edges.iter().chain([&shield]);
        nodes
            .into_iter()
            .all(|node| done(node, &["cdn", "status", "--json"], "").contains("\"in_sync\":true"))
    });
    Network { shield, edges, folders }
}

/// Milliseconds until the last node had a purge.
fn slowest(receipt: &str) -> f64 {
    let nodes = receipt.lines().filter_map(|line| line.trim_start().split_once(" after "));
    let millis = nodes.filter_map(|(_, took)| took.strip_suffix(" ms")?.parse().ok());
    millis.fold(f64::NAN, f64::max)
}

#[test]
fn a_purge_reaches_shields_and_edges_and_misses_on_all_edges_are_one_fetch() {
    let origin = Origin::start(true, Arc::from(&b"body"[..]));
    let network = network(&origin);
    std::thread::scope(|scope| {
        for thread in 0..50 {
            let edge = &network.edges[thread % 2];
            scope.spawn(move || {
                for _ in 0..20 {
                    assert_eq!(text(&edge.gateway, "/x"), "answer 1\nbody");
                }
            });
        }
    });
    assert_eq!(origin.requests(), 1);
    let mut took = Vec::new();
    for (round, args) in [
        &["cdn", "purge", "--tag", "news"][..],
        &["cdn", "purge", "--host", "a.example"],
        &["cdn", "purge", "--prefix", "http://a.example/"],
        &["cdn", "purge", "--url", "http://a.example/x"],
        &["cdn", "purge", "--all"],
    ]
    .iter()
    .enumerate()
    {
        let receipt = done(&network.shield, args, "");
        for node in ["shield (shield)", "edge-1 (edge)", "edge-2 (edge)"] {
            assert!(receipt.contains(node), "{receipt}");
        }
        took.push(slowest(&receipt));
        for edge in &network.edges {
            assert_eq!(text(&edge.gateway, "/x"), format!("answer {}\nbody", round + 2), "{args:?}");
        }
        assert_eq!(origin.requests(), round + 2, "{args:?}");
    }
    // On all nodes within 150 ms: the best of the five, since the machine may be busy with something else.
    assert!(took.iter().any(|millis| *millis < 150.0), "the slowest nodes of each purge: {took:?} ms");
    // What is soft purged is answered while the origin is down; what is not stored is a 502.
    done(&network.shield, &["cdn", "purge", "--all", "--soft"], "");
    origin.down.store(true, Ordering::SeqCst);
    assert_eq!(text(&network.edges[0].gateway, "/x"), "answer 6\nbody");
    assert_eq!(get(&network.edges[0].gateway, "/y").0, 502);
    let refused = network.edges[0].bole(&["cdn", "purge", "--all"], "");
    assert!(refused.code != 0 && refused.errors.contains(network.shield.admin()), "{refused:?}");
}

#[test]
fn an_edge_that_was_away_has_the_purges_before_it_answers() {
    let origin = Origin::start(true, Arc::from(&b"body"[..]));
    let mut network = network(&origin);
    let edge = network.edges.pop().unwrap();
    assert_eq!(text(&edge.gateway, "/x"), "answer 1\nbody");
    // What is stored must be on disk before the edge is away, where only what was asked for twice goes.
    assert_eq!(text(&edge.gateway, "/x"), "answer 1\nbody");
    until("it is on disk", || !done(&edge, &["cdn", "status", "--json"], "").contains("\"disk_bytes\":0,"));
    drop(edge);
    let receipt = network.shield.bole(&["cdn", "purge", "--all"], "");
    assert!(receipt.code == 1 && receipt.errors.contains("edge-2"), "{receipt:?}");
    let secret = network.folders[0].path().join("secret");
    let again = settings(&secret, "edge-2", "edge", Some(network.shield.admin()));
    let edge = Node::start_with(network.folders[2].path(), "127.0.0.1:0", &again);
    until("the route is there again", || get(&edge.gateway, "/z").0 == 200);
    let answer = text(&edge.gateway, "/x");
    assert!(answer != "answer 1\nbody", "{answer}");
    assert_eq!(text(&edge.gateway, "/x"), answer);
    // An edge that cannot ask the control confirms what it has stored before it answers it.
    drop(network.shield);
    drop(edge);
    let edge = Node::start_with(network.folders[2].path(), "127.0.0.1:0", &again);
    until("stale is allowed without a shield", || get(&edge.gateway, "/x").0 == 200);
    let (_, head, _) = get(&edge.gateway, "/x");
    assert!(head.contains("fwd=stale"), "{head}");
}

#[test]
fn what_is_stored_is_there_after_a_kill_and_never_torn() {
    let body: Arc<[u8]> = (0..9_000_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    let origin = Origin::start(false, Arc::clone(&body));
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path());
    route(&node, &origin.address, "{}");
    for _ in 0..2 {
        assert_eq!(get(&node.gateway, "/warm").2.len(), body.len());
    }
    until("it is on disk", || {
        let status: serde_json::Value =
            serde_json::from_str(&done(&node, &["cdn", "status", "--json"], "")).unwrap();
        status["disk_bytes"].as_u64().unwrap() > body.len() as u64
    });
    for round in 0..5_usize {
        // Killed in the middle of a fill.
        let mut stream = TcpStream::connect(&node.gateway).unwrap();
        stream.write_all(format!("GET /{round} HTTP/1.1\r\nHost: a.example\r\n\r\n").as_bytes()).unwrap();
        let mut some = vec![0; 100_000 << round];
        stream.read_exact(&mut some).unwrap();
        drop(node);
        node = Node::start(folder.path());
        until("the route is there again", || get(&node.gateway, "/warm").0 == 200);
        for path in ["/warm".to_owned(), format!("/{round}")] {
            let (status, head, whole) = get(&node.gateway, &path);
            assert_eq!(status, 200, "{head}");
            assert!(whole == *body, "{path}: other bytes\n{head}");
        }
    }
    let before = origin.requests();
    let (_, head, _) = get(&node.gateway, "/warm");
    assert!(head.contains("; hit") && origin.requests() == before, "{head}");
}

#[test]
fn a_warm_up_stores_what_is_asked_for_later() {
    let body: Arc<[u8]> = Arc::from(
        &b"<urlset><url><loc>http://a.example/c</loc></url><url><loc>http://a.example/a</loc></url></urlset>"
            [..],
    );
    let origin = Origin::start(false, body);
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    route(&node, &origin.address, "{}");
    let list = folder.path().join("urls");
    std::fs::write(&list, "# two\nhttp://a.example/a\n\nhttp://a.example/b\n").unwrap();
    let list = list.to_str().unwrap();
    let told = done(&node, &["cdn", "warm", "--file", list], "");
    assert!(told.contains("job 1: done, 2 of 2 requests, 2 stored, 0 were there, 0 failed"), "{told}");
    // The sitemap itself is stored as well, and `/a` was there.
    let told =
        done(&node, &["cdn", "warm", "--sitemap", "http://a.example/sitemap.xml", "--per-second", "100"], "");
    assert!(told.contains("job 2: done, 2 of 2 requests, 1 stored, 1 were there, 0 failed"), "{told}");
    assert_eq!(origin.requests(), 4);
    for path in ["/a", "/b", "/c"] {
        let (status, head, _) = get(&node.gateway, path);
        assert!(status == 200 && head.contains("; hit"), "{path}: {head}");
    }
    assert_eq!(origin.requests(), 4);
    // What cannot be stored is named, and fails the command.
    origin.down.store(true, Ordering::SeqCst);
    let refused =
        node.bole(&["cdn", "warm", "--url", "http://a.example/d", "--url", "http://a.example/a"], "");
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.out.contains("1 were there, 1 failed"), "{refused:?}");
    assert!(refused.out.contains("http://a.example/d: answered with 502"), "{refused:?}");
    let refused = node.bole(&["cdn", "warm", "--url", "/a"], "");
    assert!(refused.code == 1 && refused.errors.contains("is no URL"), "{refused:?}");
    let all = done(&node, &["cdn", "warm", "--job", "0"], "");
    assert!(["job 1: done", "job 2: done", "job 3: done"].iter().all(|job| all.contains(job)), "{all}");
    let unknown = node.bole(&["cdn", "warm", "--job", "9"], "");
    assert!(unknown.code == 1 && unknown.errors.contains("there is no job 9"), "{unknown:?}");
}

/// The disk takes in what is asked for twice; a warm-up asks often enough.
#[test]
fn what_a_warm_up_fetched_is_there_after_a_restart() {
    let origin = Origin::start(false, Arc::from(&b"body"[..]));
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    route(&node, &origin.address, "{}");
    let told = done(
        &node,
        &[
            "cdn",
            "warm",
            "--url",
            "http://a.example/a",
            "--url",
            "http://a.example/b",
            "--encoding",
            "identity",
        ],
        "",
    );
    assert!(told.contains("2 stored"), "{told}");
    // What one client asked for once is not worth the disk.
    assert_eq!(get(&node.gateway, "/c").0, 200);
    let files = || {
        let mut folders = vec![folder.path().join("bole-data/cdn")];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() { folders.push(entry.path()) } else { files.push(entry.path()) }
            }
        }
        let holds = |path: &std::path::PathBuf, text: &str| {
            std::fs::read(path)
                .is_ok_and(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
        };
        ["a.example/a", "a.example/b", "a.example/c"].map(|name| files.iter().any(|file| holds(file, name)))
    };
    until("both are on disk", || files()[..2] == [true, true]);
    assert!(!files()[2]);
    node.stop();
    let node = Node::start(folder.path());
    until("the route is there again", || get(&node.gateway, "/a").0 == 200);
    let before = origin.requests();
    for path in ["/a", "/b"] {
        let (status, head, _) = get(&node.gateway, path);
        assert!(status == 200 && head.contains("; hit"), "{path}: {head}");
    }
    assert_eq!(origin.requests(), before);
}

#[test]
fn a_warm_up_can_be_cancelled() {
    let origin = Origin::start(false, Arc::from(&b"body"[..]));
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    route(&node, &origin.address, "{}");
    let list = folder.path().join("urls");
    std::fs::write(
        &list,
        (0..5_000).map(|at| format!("http://a.example/{at}\n")).collect::<Vec<_>>().concat(),
    )
    .unwrap();
    // At one a second it would take longer than any test may.
    let args = ["cdn", "warm", "--file", list.to_str().unwrap(), "--per-second", "1", "--detach"];
    assert_eq!(done(&node, &args, ""), "job 1\n");
    done(&node, &["cdn", "warm", "--cancel", "1"], "");
    until("it has ended", || done(&node, &["cdn", "warm", "--job", "1"], "").contains("job 1: cancelled"));
    assert!(origin.requests() < 5_000);
}
