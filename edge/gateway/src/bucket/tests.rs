use super::*;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Objects by key: public ones, and others.
#[derive(Default)]
struct Fake {
    objects: BTreeMap<&'static str, (&'static str, bool)>,
    asked: Mutex<Vec<String>>,
    broken: bool,
}

#[async_trait]
impl Objects for Fake {
    async fn read(&self, ask: Ask<'_>) -> Result<Response, String> {
        self.asked.lock().push(format!("{} {}", ask.method, ask.key));
        if self.broken {
            return Err("the disk is gone".to_owned());
        }
        assert_eq!((ask.bucket, ask.headers.contains_key("if-range")), ("pages", false));
        let Some((text, public)) = self.objects.get(ask.key) else { return Ok(empty(StatusCode::NOT_FOUND)) };
        if !public {
            return Ok(empty(StatusCode::FORBIDDEN));
        }
        let tag = format!("\"{}\"", ask.key.len());
        let is = |name: &str| ask.headers.get(name).map(|value| *value == *tag);
        if is("if-match") == Some(false) {
            return Ok(empty(StatusCode::PRECONDITION_FAILED));
        }
        if is("if-none-match") == Some(true) {
            return Ok(empty(StatusCode::NOT_MODIFIED));
        }
        let ranged = ask.headers.get("range").map(HeaderValue::as_bytes);
        if ranged == Some(b"bytes=900-") {
            return Ok(empty(StatusCode::RANGE_NOT_SATISFIABLE));
        }
        let body = if ranged.is_some() { &text[..1] } else { text };
        let mut response = Response::new(Body::whole(if *ask.method == Method::HEAD { "" } else { body }));
        *response.status_mut() = if ranged.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        let fields = [("etag", &*tag), ("content-type", "text/html"), ("x-amz-request-id", "7")];
        for (name, value) in fields {
            response.headers_mut().insert(name, value.parse().expect("a value"));
        }
        Ok(response)
    }
}

fn fake() -> Fake {
    let objects = [
        ("web/index.html", ("home", true)),
        ("web/a/index.html", ("a", true)),
        ("web/ä b+c", ("text", true)),
        ("web/secret", ("secret", false)),
        ("web/404.html", ("nothing", true)),
        ("index.html", ("not below the prefix", true)),
    ];
    Fake { objects: objects.into_iter().collect(), ..Fake::default() }
}

fn bucket(fake: Arc<Fake>, error: Option<&str>) -> Bucket {
    let document = document::Bucket {
        name: "pages".to_owned(),
        prefix: "web/".to_owned(),
        index: "index.html".to_owned(),
        error: error.map(str::to_owned),
    };
    Bucket::new(&document, fake, &Metrics::new(), "r")
}

/// The status and what is shown; 308 for a folder, a problem by its status and name.
async fn show(bucket: &Bucket, method: &Method, path: &str, lines: &[(&'static str, &str)]) -> (u16, String) {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.insert(*name, value.parse().expect("a value"));
    }
    let client = "127.0.0.1:9".parse().expect("an address");
    match bucket.show(path, Visit { method, headers: &headers, client, secured: false }).await {
        Shown::Folder => (308, String::new()),
        Shown::Problem(problem) => (problem.row().status, problem.row().name.to_owned()),
        Shown::Answer(answer) => {
            assert!(!answer.headers().contains_key("x-amz-request-id"));
            let status = answer.status().as_u16();
            assert_eq!(answer.headers().contains_key("etag"), matches!(status, 200 | 206), "{status}");
            let body = answer.into_body().collect(100).await.expect("a short body");
            (status, String::from_utf8(body.to_vec()).expect("text"))
        }
    }
}

#[tokio::test]
async fn paths_are_keys_below_the_prefix() {
    let bucket = bucket(Arc::new(fake()), None);
    for (path, lines, expected) in [
        ("/", &[][..], (200, "home")),
        ("/index.html", &[], (200, "home")),
        ("/a/", &[], (200, "a")),
        ("/a", &[], (308, "")),
        ("/%C3%A4%20b+c", &[], (200, "text")),
        ("/secret", &[], (404, "not-found")),
        ("/none", &[], (404, "not-found")),
        ("/none/", &[], (404, "not-found")),
        ("/%FF", &[], (404, "not-found")),
        ("/", &[("if-none-match", "\"14\"")], (304, "")),
        ("/", &[("if-match", "\"1\"")], (412, "")),
        ("/", &[("range", "bytes=0-0")], (206, "h")),
        ("/", &[("range", "bytes=900-")], (416, "range-not-satisfiable")),
        ("/", &[("range", "bytes=0-0"), ("if-range", "\"14\"")], (206, "h")),
        ("/", &[("range", "bytes=0-0"), ("if-range", "\"1\"")], (200, "home")),
        ("/", &[("range", "bytes=0-0"), ("if-range", "W/\"14\"")], (200, "home")),
        ("/", &[("range", "bytes=0-0"), ("if-range", "Sat, 01 Jan 2022 00:00:00 GMT")], (200, "home")),
        ("/", &[("if-range", "\"1\"")], (200, "home")),
    ] {
        let shown = show(&bucket, &Method::GET, path, lines).await;
        assert_eq!((shown.0, &*shown.1), expected, "{path} {lines:?}");
    }
    let counters = &bucket.counters;
    assert_eq!([&counters.missing, &counters.denied, &counters.failed].map(Counter::get), [3, 1, 0]);
    assert_eq!(counters.found.get(), 14);
    assert_eq!(show(&bucket, &Method::HEAD, "/", &[]).await, (200, String::new()));
    let shown = show(&bucket, &Method::POST, "/", &[]).await;
    assert_eq!((shown.0, &*shown.1), (405, "method-not-allowed"));
}

#[tokio::test]
async fn an_error_document_stands_for_what_is_not_there() {
    let keeper = Arc::new(fake());
    let shows = bucket(keeper.clone(), Some("404.html"));
    for path in ["/none", "/secret", "/none/"] {
        assert_eq!(show(&shows, &Method::GET, path, &[]).await, (404, "nothing".to_owned()), "{path}");
    }
    let condition = [("if-none-match", "\"12\""), ("range", "bytes=0-0")];
    assert_eq!(show(&shows, &Method::GET, "/none", &condition).await, (404, "nothing".to_owned()));
    for wrong in ["secret", "nowhere"] {
        let without = bucket(keeper.clone(), Some(wrong));
        assert_eq!(show(&without, &Method::GET, "/none", &[]).await.1, "not-found", "{wrong}");
    }
    assert!(keeper.asked.lock().iter().all(|asked| asked.contains(" web/")), "nothing else is read");
}

#[tokio::test]
async fn a_bucket_that_cannot_be_read_is_told() {
    let bucket = bucket(Arc::new(Fake { broken: true, ..fake() }), Some("404.html"));
    let shown = show(&bucket, &Method::GET, "/", &[]).await;
    assert_eq!((shown.0, &*shown.1), (503, "bucket-failed"));
    assert_eq!(bucket.counters.failed.get(), 1);
}
