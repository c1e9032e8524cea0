//! Requests that try to have one client's answer given to another.

use crate::support::{FakeOrigin, ask, cache, request, response, send};
use bole_cdn::Body;
use bole_cdn::key::Key;

#[test]
fn keys() {
    // Two targets, whether they are one key.
    let rows = [
        ("http://h/a", "http://H/a", true),
        ("http://h/a", "http://h:80/a", true),
        ("https://h/a", "https://h:443/a", true),
        ("http://h/a", "http://h./a", true),
        ("http://h/a", "http://h:443/a", false),
        ("http://h/a", "https://h/a", false),
        ("http://h/a/b", "http://h/a%2Fb", false),
        ("http://h/a%2fb", "http://h/a%2Fb", false),
        ("http://h/a", "http://h//a", false),
        ("http://h/a", "http://h/a/", false),
        ("http://h/a", "http://h/./a", false),
        ("http://h/a", "http://h/b/../a", false),
        ("http://h/a", "http://h/b/%2e%2e/a", false),
        ("http://h/a", "http://h/A", false),
        ("http://h/a", "http://h/a?", false),
        ("http://h/a?b&c", "http://h/a?c&b", false),
        ("http://h/a;x=.css", "http://h/a", false),
        ("http://h/a%00.css", "http://h/a", false),
        ("http://h/", "http://h", true),
    ];
    for (left, right, expected) in rows {
        let key = |text: &str| Key::of(&text.parse().unwrap()).unwrap();
        assert_eq!(key(left) == key(right), expected, "{left} {right}");
    }
    assert!(Key::of(&"/a".parse().unwrap()).is_err());
    assert!(Key::of(&"ftp://h/a".parse().unwrap()).is_err());
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of an origin's answers")]
/// An origin that is led by fields that no key holds.
fn gullible(head: &http::request::Parts) -> Result<bole_cdn::Response, bole_cdn::OriginError> {
    let names = [
        "x-forwarded-host",
        "x-original-url",
        "x-rewrite-url",
        "x-http-method-override",
        "x-forwarded-scheme",
    ];
    let poison = names.iter().find_map(|name| head.headers.get(*name));
    let text = poison.map_or_else(|| "clean".to_owned(), |value| value.to_str().unwrap().to_owned());
    Ok(response(200, "cache-control: max-age=60", text))
}

#[tokio::test]
async fn unkeyed_fields_pass_by() {
    let rows = [
        ("x-forwarded-host: evil", "unkeyed-field"),
        ("x-original-url: /admin", "unkeyed-field"),
        ("x-rewrite-url: /admin", "unkeyed-field"),
        ("x-http-method-override: POST", "unkeyed-field"),
        ("x-forwarded-scheme: nothttps", "unkeyed-field"),
        ("content-length: 5", "body"),
        ("transfer-encoding: chunked", "body"),
        ("if-match: \"a\"", "condition"),
    ];
    for (fields, detail) in rows {
        let (cache, _) = cache();
        let origin = FakeOrigin::new(gullible);
        let poisoned = ask(&cache, &origin, "GET /a", fields).await;
        assert_eq!(poisoned.cache_status(), format!("Bole; fwd=bypass; detail={detail}"), "{fields}");
        assert_eq!(ask(&cache, &origin, "GET /a", "").await.text(), "clean", "{fields}");
        // Neither does it get what is stored.
        assert!(!ask(&cache, &origin, "GET /a", fields).await.is_hit(), "{fields}");
    }
    let (cache, _) = cache();
    let origin = FakeOrigin::new(gullible);
    ask(&cache, &origin, "GET /a", "").await;
    assert!(
        ask(&cache, &origin, "GET /a", "x-forwarded-host: H").await.is_hit(),
        "what the key says already"
    );
}

#[tokio::test]
async fn a_get_with_a_body_passes_by() {
    let (cache, _) = cache();
    let origin = FakeOrigin::new(gullible);
    let mut fat = request("GET /a", "");
    *fat.body_mut() = Body::whole("id=evil");
    assert_eq!(send(&cache, &origin, fat).await.cache_status(), "Bole; fwd=bypass; detail=body");
    assert!(!ask(&cache, &origin, "GET /a", "").await.is_hit());
}

#[tokio::test]
async fn what_is_private_is_never_stored_whatever_its_name() {
    for target in ["/account.php/x.css", "/account;x.js", "/account%3fx.png", "/account"] {
        let (cache, _) = cache();
        let origin = FakeOrigin::new(|_| Ok(response(200, "set-cookie: id=1", "mine")));
        let line = format!("GET {target}");
        ask(&cache, &origin, &line, "cookie: id=1").await;
        assert!(!ask(&cache, &origin, &line, "").await.is_hit(), "{target}");
        assert_eq!(origin.times(), 2);
    }
}

#[tokio::test]
async fn ten_thousand_variants_are_bounded() {
    let (cache, _) = cache();
    let origin = FakeOrigin::new(|head| {
        let text = head.headers["foo"].to_str().unwrap().to_owned();
        Ok(response(200, "cache-control: max-age=60\nvary: foo", text))
    });
    for variant in 0..10_000 {
        assert_eq!(
            ask(&cache, &origin, "GET /a", &format!("foo: {variant}")).await.text(),
            variant.to_string()
        );
    }
    assert!(ask(&cache, &origin, "GET /a", "foo: 9999").await.is_hit());
    assert!(!ask(&cache, &origin, "GET /a", "foo: 1").await.is_hit());
    assert!(cache.usage().memory_bytes < 20 << 20, "{}", cache.usage().memory_bytes);
}
