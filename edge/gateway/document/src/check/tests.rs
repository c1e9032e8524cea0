//! A row for each mistake: a document that is right but for it, where it is told, and words of the message.

use crate::{Document, Error, limits};

mod rows;

/// Objects that the rows build on; each row adds to them.
const AROUND: &str = r#"
services.s.instances = ["127.0.0.1:9001"]
services.h2 = { instances = ["127.0.0.1:9002"], protocol = "http/2" }
logins.keys.key.header = "x-api-key"
logins.tokens.jwt.issuer = "https://login.example.com"
consumers.shop = { keys = ["one"], groups = ["staff"] }
limits.ip.bucket = { limit = 100, period = "1m" }
"#;

/// Problems of a text, one a line.
fn problems(text: &str) -> String {
    match Document::from_toml(text) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

fn check_rows(rows: &[rows::Row<'_>]) {
    for (text, path, words) in rows {
        let told = problems(&format!("{AROUND}\n{text}"));
        let line = told.lines().find(|line| line.starts_with(&format!("{path}: ")));
        let line = line.unwrap_or_else(|| panic!("nothing at {path} for {text}:\n{told}"));
        assert!(line.contains(words), "{text}: {line}");
        assert_eq!(told.lines().count(), 1, "{text}:\n{told}");
        assert!(line.contains("; "), "{line} does not say what to do");
    }
}

#[test]
fn what_rows_build_on_is_right() {
    assert_eq!(problems(AROUND), "");
}

#[test]
fn shapes() {
    check_rows(rows::SHAPES);
    for (text, words) in [
        ("routes = 7", "a number instead of named objects"),
        ("services.s.instances = [", "TOML"),
        ("a = nan", "NaN is no number"),
    ] {
        assert!(problems(text).contains(words), "{text}: {}", problems(text));
    }
    let twice = Document::from_json(br#"{"routes":{"r":{"path":"/a"},"r":{"path":"/b"}}}"#);
    assert!(matches!(&twice, Err(Error::Shape(text)) if text.contains("\"r\" is there twice")), "{twice:?}");
    assert!(matches!(Document::from_json(b"{} x"), Err(Error::Shape(_))));
    assert!(matches!(Document::from_json(b"[]"), Err(Error::Shape(_))));
    let large = " ".repeat(limits::DOCUMENT_BYTES_MAX + 1);
    assert!(matches!(Document::from_toml(&large), Err(Error::Shape(text)) if text.contains("at most")));
    let deep = "[".repeat(100_000);
    assert!(Document::from_json(deep.as_bytes()).is_err());
    assert!(Document::from_toml(&format!("a = {deep}")).is_err());
}

#[test]
fn routes() {
    check_rows(rows::ROUTES);
}

#[test]
fn targets() {
    check_rows(rows::TARGETS);
}

#[test]
fn transforms() {
    check_rows(rows::TRANSFORMS);
}

#[test]
fn services() {
    check_rows(rows::SERVICES);
}

#[test]
fn access() {
    check_rows(rows::ACCESS);
    let secret =
        "consumers.a.keys = ['hidden-word']\nconsumers.b.keys = ['hidden-word']\nconsumers.c.keys = 7";
    assert!(problems(secret).lines().count() == 2 && !problems(secret).contains("hidden-word"));
}

#[test]
fn limits_and_certificates() {
    check_rows(rows::LIMITS_AND_CERTIFICATES);
}

#[test]
fn all_problems_are_told_at_once_and_bounded() {
    let told =
        problems("routes.a.service = 'x'\nroutes.b.colour = 1\nroutes.c.path = 'y'\nservices.d.registry = 3");
    assert_eq!(told.lines().count(), 5, "{told}");
    // An object that could not be read is there all the same for who names it.
    let told = problems("services.s.instanced = 3\nroutes.a.service = 's'");
    assert_eq!(told.lines().count(), 1, "{told}");
    let many: Vec<_> = (0..2_000).map(|n| format!("routes.r{n}.service = 'x{n}'")).collect();
    let told = problems(&many.join("\n"));
    assert_eq!(told.lines().count(), limits::PROBLEMS_MAX + 1);
    assert!(told.ends_with("1500 more problems; mend those above first"), "{}", &told[told.len() - 80..]);
}

#[test]
fn bounds() {
    let list = |count: usize, item: &dyn Fn(usize) -> String| (0..count).map(item).collect::<Vec<_>>();
    let hosts = list(limits::HOSTS_MAX + 1, &|n| format!("'h{n}.a'")).join(",");
    let routes = list(limits::ROUTES_MAX + 1, &|n| format!("routes.r{n}.service = 's'")).join("\n");
    let services = list(limits::SERVICES_MAX, &|n| format!("services.x{n}.registry = true")).join("\n");
    let consumers = list(limits::CONSUMERS_MAX + 1, &|n| format!("consumers.x{n}.groups = ['a']")).join("\n");
    let places = list(25, &|n| {
        let hosts = list(64, &|h| format!("'h{h}.a'")).join(",");
        let paths = list(64, &|p| format!("'/p{p}'")).join(",");
        format!("routes.r{n} = {{ service = 's', hosts = [{hosts}], paths = [{paths}] }}")
    });
    let patterns = list(100, &|n| {
        let paths = list(41, &|p| format!("'~/p{p}'")).join(",");
        format!("routes.r{n} = {{ service = 's', paths = [{paths}] }}")
    });
    let host_row = format!("routes.r = {{ service = 's', hosts = [{hosts}] }}");
    check_rows(&[
        (&host_row, "routes.r.hosts", "at most 64"),
        (&routes, "routes", "at most 10000"),
        (&services, "services", "at most 1000"),
        (&consumers, "consumers", "at most 10000"),
        (&places.join("\n"), "routes", "pairs of host and path"),
        (&patterns.join("\n"), "routes", "patterns"),
    ]);
}
