//! Preflights and answers.

use super::*;
use bole_gateway_document::units::Span;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"))
    };
    pairs.iter().map(pair).collect()
}

fn cors(origins: &[&str], credentials: bool) -> Cors {
    Cors::new(&route::Cors {
        origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
        methods: vec!["PUT".into()],
        headers: vec!["Content-Type".into(), "X-A".into()],
        expose: vec!["x-total".into()],
        credentials,
        max_age: Some(Span::secs(600)),
    })
}

#[test]
fn origins_are_allowed_by_the_letter() {
    let listed = ["https://a.com", "https://*.b.com", "http://c.com:8080", "https://[::1]:1"];
    for (origins, origin, expected) in [
        (&listed[..], "https://a.com", true),
        (&listed, "http://a.com", false),
        (&listed, "https://a.com:8443", false),
        (&listed, "https://x.a.com", false),
        (&listed, "https://a.com.evil.com", false),
        (&listed, "https://x.b.com", true),
        (&listed, "https://y.x.b.com", true),
        (&listed, "https://b.com", false),
        (&listed, "https://evilb.com", false),
        (&listed, "http://c.com:8080", true),
        (&listed, "http://c.com", false),
        (&listed, "https://[::1]:1", true),
        (&listed, "null", false),
        (&listed, "", false),
        (&["null"], "null", true),
        (&["*"], "null", true),
        (&["*"], "https://any.com", true),
    ] {
        let mut answer = HeaderMap::new();
        cors(origins, false).apply(&headers(&[("origin", origin)]), &mut answer);
        let allowed = answer.get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|value| value.to_str().unwrap().to_owned());
        let star = origins == ["*"];
        let value = expected.then(|| if star { "*".to_owned() } else { origin.to_owned() });
        assert_eq!(allowed, value, "{origins:?} {origin}");
        assert_eq!(answer.contains_key(VARY), !star, "{origins:?} {origin}");
    }
    let mut answer = HeaderMap::new();
    let twice = headers(&[("origin", "https://a.com"), ("origin", "https://a.com")]);
    cors(&listed, false).apply(&twice, &mut answer);
    assert!(!answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
}

#[test]
fn preflights_grant_what_is_allowed() {
    let all = cors(&["https://a.com"], true);
    for (origin, method, asked, expected) in [
        ("https://a.com", "PUT", "", 204),
        ("https://a.com", "GET", "content-type, X-A", 204),
        ("https://a.com", "GET", "content-type,,x-a", 204),
        ("https://a.com", "DELETE", "", 403),
        ("https://a.com", "put", "", 403),
        ("https://a.com", "PUT", "x-b", 403),
        ("https://a.com", "PUT", "x b", 403),
        ("https://b.com", "PUT", "", 403),
        ("null", "PUT", "", 403),
    ] {
        let mut request = headers(&[("origin", origin), ("access-control-request-method", method)]);
        if !asked.is_empty() {
            request.insert(ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_str(asked).expect("a value"));
        }
        assert!(Cors::is_preflight(&Method::OPTIONS, &request));
        let answer = all.preflight(&request);
        assert_eq!(answer.status().as_u16(), expected, "{origin} {method} {asked}");
        assert_eq!(answer.headers().get_all(VARY).iter().count(), 3);
        assert_eq!(answer.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), expected == 204);
        assert_eq!(
            answer.headers().contains_key(ACCESS_CONTROL_ALLOW_HEADERS),
            expected == 204 && !asked.is_empty()
        );
    }
    let answer =
        all.preflight(&headers(&[("origin", "https://a.com"), ("access-control-request-method", "PUT")]));
    let text = |name: HeaderName| answer.headers()[name].to_str().expect("it is text").to_owned();
    assert_eq!(text(ACCESS_CONTROL_ALLOW_METHODS), "GET, HEAD, POST, PUT");
    assert_eq!(
        (text(ACCESS_CONTROL_MAX_AGE), text(ACCESS_CONTROL_ALLOW_CREDENTIALS)),
        ("600".into(), "true".into())
    );
    for (method, request) in [
        (Method::GET, headers(&[("origin", "a"), ("access-control-request-method", "GET")])),
        (Method::OPTIONS, headers(&[("origin", "a")])),
        (Method::OPTIONS, headers(&[("access-control-request-method", "GET")])),
    ] {
        assert!(!Cors::is_preflight(&method, &request));
    }
}

#[test]
fn one_voice_speaks() {
    let request = headers(&[("origin", "https://a.com")]);
    let said = [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-credentials", "true"),
        ("vary", "Accept"),
    ];
    let mut answer = headers(&said);
    cors(&["https://b.com"], false).apply(&request, &mut answer);
    let vary: Vec<_> = answer.get_all(VARY).iter().collect();
    assert_eq!((answer.len(), vary.len()), (2, 2), "{answer:?}");
    let mut answer = headers(&[("vary", "accept, Origin")]);
    cors(&["https://a.com"], true).apply(&request, &mut answer);
    assert_eq!(answer[ACCESS_CONTROL_ALLOW_ORIGIN], "https://a.com");
    assert_eq!(
        (&answer[ACCESS_CONTROL_EXPOSE_HEADERS], answer.get_all(VARY).iter().count()),
        (&HeaderValue::from_static("x-total"), 1)
    );
    let open = Cors { any_header: true, ..cors(&["*"], false) };
    let asked = headers(&[
        ("origin", "https://a.com"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "authorization,x-z"),
    ]);
    let answer = open.preflight(&asked);
    assert_eq!(answer.headers()[ACCESS_CONTROL_ALLOW_HEADERS], "authorization, x-z");
}
