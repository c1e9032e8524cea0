//! Routes of the gateway that show a bucket of the same node: only what everybody may read, and as S3 keeps it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::blobs::client::ask;
use crate::node::Node;

const DOCUMENT: &str = r#"
[routes.site]
path = "/site/*"
bucket = { name = "pages", prefix = "web/", error = "404.html" }
rewrite = { strip_prefix = "/site" }
cors = { origins = ["https://a.example"] }

[routes.bare]
path = "/bare/*"
bucket = { name = "closed" }
rewrite = { strip_prefix = "/bare" }
"#;

const PUBLIC: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::pages/web/*"}]}"#;

/// Head, in lower case, and body.
fn send(node: &Node, request: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(&node.gateway).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
    let request =
        request.replacen(" HTTP/1.1\r\n", " HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n", 1);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    (String::from_utf8_lossy(&answer[..end]).to_lowercase(), answer[end..].to_vec())
}

fn get(node: &Node, path: &str, lines: &str) -> (String, Vec<u8>) {
    send(node, &format!("GET {path} HTTP/1.1\r\n{lines}\r\n"))
}

fn value<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The default rules block public access: the bucket says that it is meant.
fn open_to_all(address: std::net::SocketAddr) {
    let block = "<PublicAccessBlockConfiguration><BlockPublicPolicy>false</BlockPublicPolicy><RestrictPublicBuckets>false</RestrictPublicBuckets></PublicAccessBlockConfiguration>";
    for (target, body) in [("/pages?publicAccessBlock", block), ("/pages?policy", PUBLIC)] {
        let answer = ask("PUT", target).body(body).send(address);
        assert!(answer.status < 300, "{target}: {} {}", answer.status, answer.text());
    }
}

#[test]
fn a_route_shows_what_everybody_may_read_of_a_bucket() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let address = node.blobs.parse().unwrap();
    let long: Vec<u8> = (0..300_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for bucket in ["/pages", "/closed"] {
        assert_eq!(ask("PUT", bucket).send(address).status, 200);
    }
    for (key, body) in [
        ("/pages/web/index.html", &b"home"[..]),
        ("/pages/web/docs/index.html", b"docs"),
        ("/pages/web/404.html", b"nothing here"),
        ("/pages/web/long", &long),
        ("/pages/secret", b"secret"),
        ("/closed/x", b"closed"),
    ] {
        let put = ask("PUT", key).header("content-type", "text/html").body(body).send(address);
        assert_eq!(put.status, 200, "{key}: {}", put.text());
    }
    let applied = node.bole(&["gateway", "apply", "-"], DOCUMENT);
    assert_eq!(applied.code, 0, "{applied:?}");
    // Nothing is public before the bucket says so.
    assert!(get(&node, "/site/", "").0.starts_with("http/1.1 404"));
    open_to_all(address);

    let (head, body) = get(&node, "/site/", "Origin: https://a.example\r\n");
    assert!(head.starts_with("http/1.1 200") && body == b"home", "{head}");
    assert_eq!(value(&head, "content-type"), Some("text/html"));
    assert_eq!(value(&head, "access-control-allow-origin"), Some("https://a.example"));
    assert!(!head.contains("x-amz"), "{head}");
    let tag = value(&head, "etag").expect("a tag").to_owned();
    let (head, body) = get(&node, "/site/", &format!("If-None-Match: {tag}\r\n"));
    assert!(head.starts_with("http/1.1 304") && body.is_empty(), "{head}");
    let (head, body) = get(&node, "/site/index.html", "If-Match: \"other\"\r\n");
    assert!(head.starts_with("http/1.1 412") && body.is_empty(), "{head}");
    let (head, _) = get(&node, "/site/docs?a=b", "");
    assert!(head.starts_with("http/1.1 308"), "{head}");
    assert_eq!(value(&head, "location"), Some("/site/docs/?a=b"));
    assert_eq!(get(&node, "/site/docs/", "").1, b"docs");

    // Larger ones are chunks, in one piece and in part.
    assert!(get(&node, "/site/long", "").1 == long);
    let (head, body) = get(&node, "/site/long", "Range: bytes=70000-199999\r\n");
    assert!(head.starts_with("http/1.1 206") && body == long[70_000..200_000], "{head}");
    assert_eq!(value(&head, "content-range"), Some("bytes 70000-199999/300000"));
    let (head, _) = get(&node, "/site/long", "Range: bytes=300000-\r\n");
    assert!(head.starts_with("http/1.1 416"), "{head}");
    let (head, body) = send(&node, "HEAD /site/long HTTP/1.1\r\n\r\n");
    assert!(head.starts_with("http/1.1 200") && body.is_empty(), "{head}");
    assert_eq!(value(&head, "content-length"), Some("300000"));

    let (head, body) = get(&node, "/site/none", "");
    assert!(head.starts_with("http/1.1 404") && body == b"nothing here", "{head}");
    // Neither another prefix nor another bucket is reached, whoever asks.
    for path in
        ["/site/../secret", "/site/%2e%2e/secret", "/site/..%2fsecret", "/bare/x", "/bare/", "/bare/none"]
    {
        let (head, body) = get(&node, path, "Authorization: Basic Ym9sZTpib2xlYm9sZQ==\r\n");
        let status = &head["http/1.1 ".len()..][..3];
        let text = String::from_utf8_lossy(&body);
        assert!(
            matches!(status, "400" | "404") && !text.contains("secret") && text != "closed",
            "{path}: {head}{text}"
        );
    }
    let (head, _) = send(&node, "DELETE /site/long HTTP/1.1\r\n\r\n");
    assert!(head.starts_with("http/1.1 405") && value(&head, "allow") == Some("get, head"), "{head}");
    assert_eq!(ask("HEAD", "/pages/web/long").send(address).status, 200);
}
