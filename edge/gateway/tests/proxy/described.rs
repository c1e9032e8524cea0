//! Services that an `OpenAPI` document describes: what does not fit reaches nobody, or is only counted.

use crate::support::*;
use bole_gateway::Service;
use bole_gateway::config::Parts;
use std::path::Path;

const API: &str = r##"
openapi: 3.1.0
info: { title: Pets, version: "1" }
paths:
  /pets:
    get:
      parameters:
        - { name: limit, in: query, required: true, schema: { type: integer, maximum: 100 } }
      responses:
        "200": { description: ok, content: { application/json: { schema: { $ref: "#/components/schemas/Pets" } } } }
    post:
      requestBody: { required: true, content: { application/json: { schema: { $ref: "#/components/schemas/Pet" } } } }
      responses: { default: { description: ok } }
components:
  schemas:
    Pet: { type: object, required: [name], properties: { name: { type: string }, age: { type: integer } } }
    Pets: { type: array, items: { $ref: "#/components/schemas/Pet" } }
"##;

fn text(backend: &Backend, file: &Path, more: &str) -> String {
    format!(
        "[services.pets]\ninstances = [\"{}\"]\nretries = {{ attempts = 0 }}\nopenapi = {{ file = \"{}\", {more} }}\n\
         [routes.pets]\npath = \"/shop/*\"\nservice = \"pets\"\nrewrite = {{ strip_prefix = \"/shop\" }}\n\
         [routes.docs]\npath = \"/openapi.json\"\nopenapi = {{ title = \"Shop\" }}\n",
        backend.address,
        file.display()
    )
}

async fn ask(gateway: &Service, line: &str, lines: &str, body: &[u8]) -> String {
    let mut client = Client::connect(gateway.http()[0]).await;
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    client.send(format!("{line} HTTP/1.1\r\nHost: a.example\r\n{lines}{length}\r\n")).await;
    client.send(body).await;
    client.answer().await.expect("an answer")
}

const JSON: &str = "Content-Type: application/json\r\n";

#[tokio::test]
async fn what_does_not_fit_reaches_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("api.yaml");
    std::fs::write(&file, API).unwrap();
    let backend = Backend::start(Behaviour::Echo).await;
    let gateway = gateway(&text(&backend, &file, "")).await;
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(300_000));
    let too_large = format!("{{\"name\":\"{}\"}}", "x".repeat(1 << 20));
    let rows: &[(&str, &str, &[u8], u16, &[&str])] = &[
        ("GET /shop/pets?limit=7", "", b"", 200, &["GET /pets?limit=7"]),
        (
            "GET /shop/pets",
            "",
            b"",
            400,
            &["urn:bole:gateway:request-unfit", "\"place\":\"query.limit\"", "missing"],
        ),
        ("GET /shop/pets?limit=s3cret", "", b"", 400, &["query.limit"]),
        ("DELETE /shop/pets", "", b"", 400, &["\"place\":\"method\"", "GET, POST"]),
        ("GET /shop/other", "", b"", 400, &["\"place\":\"path\""]),
        ("POST /shop/pets", JSON, br#"{"name":"Tom"}"#, 200, &["{\"name\":\"Tom\"}"]),
        ("POST /shop/pets", JSON, large.as_bytes(), 200, &["xxx"]),
        ("POST /shop/pets", JSON, too_large.as_bytes(), 413, &["body-too-large"]),
        (
            "POST /shop/pets",
            JSON,
            br#"{"name":"Tom","age":"s3cret"}"#,
            422,
            &["body-unfit", "\"place\":\"body/age\""],
        ),
        ("POST /shop/pets", JSON, br#"{"nome":"Tom"}"#, 422, &["\"place\":\"body\""]),
        ("POST /shop/pets", JSON, br#"{"name":"#, 400, &["no JSON"]),
        ("POST /shop/pets", "", br#"{"name":"Tom"}"#, 400, &["header.content-type"]),
        ("POST /shop/pets", JSON, b"", 400, &["\"place\":\"body\""]),
        (
            "POST /shop/pets",
            "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
            b"x",
            400,
            &["header.content-encoding"],
        ),
    ];
    for (line, lines, body, expected, parts) in rows {
        let whole = backend.requests();
        let answer = ask(&gateway, line, lines, body).await;
        assert_eq!(status(&answer), *expected, "{line}: {answer:.400}");
        for part in *parts {
            assert!(answer.contains(part), "{part} for {line}: {answer:.400}");
        }
        assert_eq!(backend.requests() - whole, usize::from(*expected == 200), "{line}");
        assert!(*expected == 200 || !answer.contains("s3cret"), "{answer}");
    }
    // In chunks, one by one.
    for (body, expected) in [("{\"name\":\"Tom\"}", 200), ("{\"name\":7}", 422)] {
        let chunks: Vec<String> = body.chars().map(|each| format!("1\r\n{each}\r\n")).collect();
        let chunks = chunks.concat();
        let mut client = Client::connect(gateway.http()[0]).await;
        client.send(format!("POST /shop/pets HTTP/1.1\r\nHost: a\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")).await;
        assert_eq!(status(&client.answer().await.unwrap()), expected, "{body}");
    }
    let docs = ask(&gateway, "GET /openapi.json", "", b"").await;
    assert!(docs.contains("\"title\":\"Shop\"") && docs.contains("pets.Pet"), "{docs}");
}

#[tokio::test]
async fn in_the_shadow_everything_passes_and_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("api.yaml");
    std::fs::write(&file, API).unwrap();
    let backend = Backend::start(Behaviour::Echo).await;
    let parts = Parts::default();
    let metrics = parts.metrics.clone();
    let gateway =
        gateway_with(&text(&backend, &file, "shadow = true, responses = true"), parts, |_| {}).await;
    for (line, lines, body) in [
        ("GET /shop/pets", "", &b""[..]),
        ("GET /shop/none", "", b""),
        ("POST /shop/pets", JSON, br#"{"age":"x"}"#),
        ("POST /shop/pets", JSON, br#"{"name":"x"}"#),
        ("GET /shop/pets?limit=1", "", b""),
    ] {
        let answer = ask(&gateway, line, lines, body).await;
        assert_eq!(status(&answer), 200, "{line}: {answer}");
    }
    let answers: [(&'static [u8], &str); 4] = [
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n[{\"name\":\"x\"}]", "fits"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n[{\"name\":7}]", "differs"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n[]", "passed_over"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "differs"),
    ];
    for (raw, _) in answers {
        backend.behave(Behaviour::Raw(raw));
        let answer = ask(&gateway, "GET /shop/pets?limit=1", "", b"").await;
        assert!(answer.starts_with(std::str::from_utf8(&raw[..12]).unwrap()), "{answer}");
    }
    let count = |side: &str, result: &str| {
        let shown = metrics.render();
        let of = |line: &&str| {
            line.starts_with("bole_gateway_openapi_total{") && line.contains(side) && line.contains(result)
        };
        let line = shown.lines().find(of).unwrap_or_else(|| panic!("{side} {result}: {shown}"));
        line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    until("all are counted", || count("answer", "differs") >= 3).await;
    assert_eq!((count("request", "differs"), count("request", "fits")), (3, 6));
    // The echoes are no JSON and have no type: one GET and both POSTs that are described, of which POST describes no content.
    assert_eq!((count("answer", "fits"), count("answer", "passed_over")), (3, 1));
}

#[tokio::test]
async fn descriptions_that_are_not_right_are_refused_with_the_document() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("api.yaml");
    std::fs::write(&file, API.replace("type: array", "type: arry")).unwrap();
    let backend = Backend::start(Behaviour::Echo).await;
    let gateway = gateway("").await;
    let error = gateway.apply(read(&text(&backend, &file, ""))).await.unwrap_err().to_string();
    assert!(error.contains("services.pets.openapi") && error.contains("api.yaml: #/"), "{error}");
    let missing = text(&backend, Path::new("/nowhere/api.yaml"), "");
    let error = gateway.attempt(read(&missing)).await.unwrap_err().to_string();
    assert!(error.contains("/nowhere/api.yaml"), "{error}");
}
