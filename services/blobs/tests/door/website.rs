//! Websites: pages, folders, errors and redirects, for everybody and for reading only.

use std::net::SocketAddr;

use bole_blobs::Config;

use crate::client::{Ask, ask};
use crate::node::Node;

async fn run(rows: impl FnOnce(SocketAddr) + Send + 'static) {
    let domains = vec!["web.example".to_owned()];
    let node = Node::with(Config { website_domains: domains, ..Config::default() }).await;
    let address = node.address;
    tokio::task::spawn_blocking(move || rows(address)).await.unwrap();
}

/// A request to a website.
fn visit<'a>(site: &str, method: &'a str, path: &'a str) -> Ask<'a> {
    ask(method, path).anonymous().header("host", format!("{site}.web.example:9000"))
}

const OPEN: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::site","arn:aws:s3:::site/*"]}]}"#;

fn set_up(address: SocketAddr, configuration: &str) {
    assert_eq!(ask("PUT", "/site").send(address).status, 200);
    let body = format!("<WebsiteConfiguration>{configuration}</WebsiteConfiguration>");
    let put = ask("PUT", "/site?website").body(body).send(address);
    assert_eq!(put.status, 200, "{}", put.text());
    assert_eq!(ask("PUT", "/site?policy").body(OPEN).send(address).status, 204);
    for (path, content) in [
        ("/site/index.html", "home"),
        ("/site/a%20b/index.html", "folder"),
        ("/site/plain", "plain"),
        ("/site/error.html", "sorry"),
    ] {
        let put = ask("PUT", path).header("content-type", "text/html").body(content).send(address);
        assert_eq!(put.status, 200, "{path}");
    }
    let moved = ask("PUT", "/site/moved").header("x-amz-website-redirect-location", "/plain").send(address);
    assert_eq!(moved.status, 200);
}

const INDEX: &str = "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_shown() {
    run(|address| {
        let routes = "<RoutingRules><RoutingRule><Condition><KeyPrefixEquals>docs/</KeyPrefixEquals></Condition>\
             <Redirect><ReplaceKeyPrefixWith>documents/</ReplaceKeyPrefixWith></Redirect></RoutingRule></RoutingRules>";
        set_up(address, &format!("{INDEX}<ErrorDocument><Key>error.html</Key></ErrorDocument>{routes}"));
        for (method, path, status, body, location) in [
            ("GET", "/", 200, "home", ""),
            ("GET", "/index.html", 200, "home", ""),
            ("GET", "/a%20b/", 200, "folder", ""),
            ("GET", "/a%20b", 302, "", "/a%20b/"),
            ("GET", "/plain?versionId=none&policy", 200, "plain", ""),
            ("HEAD", "/plain", 200, "", ""),
            ("GET", "/none", 404, "sorry", ""),
            ("HEAD", "/none", 404, "", ""),
            ("GET", "/moved", 301, "", "/plain"),
            ("GET", "/docs/x", 301, "", "http://site.web.example:9000/documents/x"),
            ("PUT", "/plain", 405, "MethodNotAllowed", ""),
            ("POST", "/", 405, "MethodNotAllowed", ""),
        ] {
            let answer = visit("site", method, path).send(address);
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
            let is_page = status == 405;
            let text = answer.text();
            assert!(if is_page { text.contains(body) } else { text == body }, "{method} {path}: {text}");
            assert_eq!(answer.header("location").unwrap_or_default(), location, "{method} {path}");
            if !location.is_empty() || method == "HEAD" {
                continue;
            }
            assert!(answer.header("content-type").unwrap().starts_with("text/html"), "{path}");
        }
        let part = visit("site", "GET", "/plain").header("range", "bytes=1-2").send(address);
        assert_eq!((part.status, part.text().as_str()), (206, "la"));
        let etag = part.header("etag").unwrap().to_owned();
        assert_eq!(visit("site", "GET", "/plain").header("if-none-match", etag).send(address).status, 304);
        let none = visit("none", "GET", "/").send(address);
        assert!(none.status == 404 && none.text().contains("Code: NoSuchBucket"), "{}", none.text());
        ask("PUT", "/other").send(address);
        let other = visit("other", "GET", "/").send(address);
        assert!(other.status == 404 && other.text().contains("Code: NoSuchWebsiteConfiguration"), "{}", other.text());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_shown_that_not_everybody_may_read() {
    run(|address| {
        set_up(address, INDEX);
        assert_eq!(ask("DELETE", "/site?policy").send(address).status, 204);
        // A signature is not looked at, so that no cookie or key of a visitor's opens anything.
        for asks in [
            visit("site", "GET", "/plain"),
            Ask { keys: crate::client::BOLE, ..visit("site", "GET", "/plain") },
        ] {
            let answer = asks.send(address);
            assert_eq!(answer.status, 403, "{}", answer.text());
            assert!(answer.text().contains("<li>Code: AccessDenied</li>"), "{}", answer.text());
        }
        let hostile = visit("site", "GET", "/%3Cscript%3E").send(address);
        assert!(hostile.text().contains("&lt;script&gt;") && !hostile.text().contains("<script>"));
        assert_eq!(visit("site", "GET", "/%FF").send(address).status, 400);
        assert_eq!(visit("a.b", "GET", "/").send(address).status, 404);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_may_be_sent_elsewhere() {
    run(|address| {
        set_up(address, "<RedirectAllRequestsTo><HostName>other.example</HostName><Protocol>https</Protocol></RedirectAllRequestsTo>");
        let moved = visit("site", "GET", "/a%20b").send(address);
        assert_eq!((moved.status, moved.header("location")), (301, Some("https://other.example/a%20b")));
        let elsewhere = ask("GET", "/").anonymous().header("host", "site.elsewhere.example").send(address);
        assert_eq!(elsewhere.outcome(), (403, "AccessDenied".to_owned()));
    })
    .await;
}
