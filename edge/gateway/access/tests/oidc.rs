//! A browser's login against a provider that the test plays, and everything that such a provider, or somebody in between, could
//! try. `provider.rs` has the same with a real one.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

mod scene;
mod world;

use base64ct::{Base64UrlUnpadded, Encoding};
use bole_gateway_access::{RequestFacts, SessionKeys};
use http::Response;
use scene::{DOCUMENT, HTML, back, pairs, scene};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use world::{NOW, admitted, answer, facts, request, status};

#[tokio::test]
async fn a_browser_logs_in() {
    let mut scene = scene();
    let query = scene.leave("/a?b=c").await;
    for (name, expected) in [
        ("response_type", "code"),
        ("client_id", "gateway"),
        ("redirect_uri", "https://api.example.com/.gateway/callback"),
        ("scope", "openid email"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(query[name], expected);
    }
    assert!(query["state"].len() >= 43 && query["nonce"].len() >= 43 && query["state"] != query["nonce"]);
    let answer = scene.own(&back(&query["state"])).await;
    assert_eq!((answer.status.as_u16(), answer.headers["location"].to_str().unwrap()), (302, "/a?b=c"));
    assert_eq!(answer.headers["referrer-policy"], "no-referrer");
    assert_eq!(scene.jar.keys().collect::<Vec<_>>(), ["sid"]);
    scene.jar.insert("theirs".to_owned(), "1".to_owned());
    let identity = admitted(scene.get("staff", "/a?b=c", &[]).await);
    assert_eq!((identity.consumer.as_deref(), identity.groups), (Some("ann"), vec!["staff".to_owned()]));
    let set: BTreeMap<&str, &str> =
        identity.set_headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(
        set,
        BTreeMap::from([("cookie", "theirs=1"), ("x-email", "ann@example.com"), ("x-sub", "ann")])
    );
    for name in ["cookie", "x-email", "x-sub"] {
        assert!(identity.strip_headers.contains(&name.parse().unwrap()));
    }
    // Nothing readable is in it.
    let sealed = Base64UrlUnpadded::decode_vec(scene.jar["sid"].split_once('.').unwrap().1).unwrap();
    assert!(!sealed.windows(3).any(|three| three == b"ann"));
}

#[tokio::test]
async fn who_shows_no_pages_is_told_so() {
    let mut scene = scene();
    assert_eq!(status(&scene.get("r", "/", &[("accept", "application/json")]).await), 401);
    assert_eq!(status(&scene.get("r", "/", &[]).await), 401);
    assert_eq!(status(&scene.get("r", "/", &[HTML, ("x-requested-with", "XMLHttpRequest")]).await), 401);
    assert_eq!(status(&scene.get("optional", "/", &[HTML]).await), 0);
    assert!(scene.jar.is_empty());
    // Its provider is away.
    scene.world.web.gone("https://idp.example/jwks");
    assert_eq!(status(&scene.get("r", "/", &[HTML]).await), 503);
}

#[tokio::test]
async fn nobody_comes_back_who_was_not_sent() {
    let mut scene = scene();
    let query = scene.leave("//evil.example/").await;
    let (state, jar) = (query["state"].clone(), scene.jar.clone());
    let other = scene.leave("/other").await["state"].clone();
    scene.jar.clone_from(&jar);
    let target = back(&state);
    for (name, target, expected) in [
        ("no parameters", "/.gateway/callback".to_owned(), 400),
        ("another state", back(&other), 400),
        ("no state", back(""), 400),
        ("a state of the same beginning", back(&format!("{}{}", &state[..8], &other[8..])), 400),
        ("two states", format!("{target}&state={state}"), 400),
        ("two codes", format!("{target}&code=good"), 400),
        ("another issuer", target.replace("idp.example", "evil.example"), 502),
        ("no issuer", target.split("&iss").next().unwrap().to_owned(), 502),
        ("no code", target.replace("code=good&", ""), 400),
        ("an error", target.replace("code=good", "error=access_denied"), 403),
        ("another code", target.replace("code=good", "code=bad"), 502),
    ] {
        scene.jar.clone_from(&jar);
        let answer = scene.own(&target).await;
        assert_eq!(answer.status.as_u16(), expected, "{name}: {answer:?}");
        assert!(!scene.jar.contains_key("sid"), "{name}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("evil"), "{name}");
    }
    // Another browser, another host, another time, another method.
    scene.jar.clear();
    assert_eq!(scene.own(&target).await.status, 400);
    scene.jar.clone_from(&jar);
    let head = scene.head(&target, &[HTML]);
    let elsewhere = RequestFacts { authority: "www.example.com", ..facts(&head) };
    assert_eq!(answer(scene.access.own(&elsewhere).await.unwrap()).status, 400);
    let post = request("POST", &target, &[]);
    let refused = answer(scene.access.own(&facts(&post)).await.unwrap());
    assert_eq!((refused.status.as_u16(), refused.headers["allow"].to_str().unwrap()), (405, "GET"));
    scene.world.clock.advance(Duration::from_mins(10));
    assert_eq!(scene.own(&target).await.status, 400);
    // All right after all, once; and the way back is a path of this host.
    let query = scene.leave("//evil.example/").await;
    let answer = scene.own(&back(&query["state"])).await;
    assert_eq!(answer.headers["location"], "/");
    assert_eq!(scene.own(&back(&query["state"])).await.status, 400);
}

#[tokio::test]
async fn id_tokens_are_checked() {
    for (name, claims, tokens, expected) in [
        ("right", json!({}), json!({}), 302),
        ("no at_hash", json!({"at_hash": null}), json!({}), 302),
        ("several audiences", json!({"aud": ["gateway", "x"], "azp": "gateway"}), json!({}), 302),
        ("another issuer", json!({"iss": "https://evil.example"}), json!({}), 502),
        ("another client", json!({"aud": "other"}), json!({}), 502),
        ("several audiences without azp", json!({"aud": ["gateway", "x"]}), json!({}), 502),
        ("issued to another", json!({"azp": "other"}), json!({}), 502),
        ("another nonce", json!({"nonce": "x"}), json!({}), 502),
        ("no nonce", json!({"nonce": null}), json!({}), 502),
        ("expired", json!({"exp": NOW - 31}), json!({}), 502),
        ("no exp", json!({"exp": null}), json!({}), 502),
        ("no iat", json!({"iat": null}), json!({}), 502),
        ("of the future", json!({"iat": NOW + 31}), json!({}), 502),
        ("no subject", json!({"sub": null}), json!({}), 502),
        ("a long subject", json!({"sub": "x".repeat(256)}), json!({}), 502),
        ("another access token", json!({"at_hash": "AAAA"}), json!({}), 502),
        ("no id token", json!({}), json!({"id_token": null}), 502),
        ("unsigned", json!({}), json!({"id_token": "eyJhbGciOiJub25lIn0.e30."}), 502),
        ("not a bearer token", json!({}), json!({"token_type": "DPoP"}), 502),
    ] {
        let mut scene = scene();
        let query = scene.leave("/").await;
        (scene.provider.lock().claims, scene.provider.lock().tokens) = (claims, tokens);
        let answer = scene.own(&back(&query["state"])).await;
        assert_eq!(answer.status.as_u16(), expected, "{name}: {answer:?}");
        assert_eq!(scene.jar.contains_key("sid"), expected == 302, "{name}");
    }
}

#[tokio::test]
async fn claims_come_from_userinfo_where_the_token_has_none() {
    for (subject, email) in [("ann", Some("ann@me")), ("eve", None)] {
        let mut scene = scene();
        scene.provider.lock().claims = json!({"email": null});
        let info = json!({"sub": subject, "email": "ann@me"});
        scene.world.web.at("https://idp.example/me", move |request| {
            assert_eq!(request.headers()["authorization"], "Bearer access-1");
            Ok(Response::new(info.to_string().into()))
        });
        scene.log_in().await;
        let identity = admitted(scene.get("r", "/", &[]).await);
        assert_eq!(identity.claims.get("email").and_then(Value::as_str), email);
    }
}

#[tokio::test]
async fn sessions_end() {
    let mut scene = scene();
    scene.provider.lock().tokens = json!({"refresh_token": null});
    scene.log_in().await;
    // A visit now and then keeps it, and its cookie is not set each time.
    let first = scene.jar["sid"].clone();
    scene.world.clock.advance(Duration::from_mins(5));
    admitted(scene.get("r", "/", &[]).await);
    assert_eq!(scene.jar["sid"], first);
    for _ in 0..3 {
        scene.world.clock.advance(Duration::from_mins(50));
        admitted(scene.get("r", "/", &[]).await);
    }
    assert_ne!(scene.jar["sid"], first);
    scene.world.clock.advance(Duration::from_hours(1));
    assert_eq!(status(&scene.get("r", "/", &[]).await), 401);
    assert_eq!(status(&scene.get("optional", "/", &[]).await), 0);
}

#[tokio::test]
async fn a_changed_cookie_is_no_session() {
    let mut scene = scene();
    scene.log_in().await;
    let right = scene.jar["sid"].clone();
    admitted(scene.get("r", "/", &[]).await);
    for at in 2..right.len() {
        let mut bytes = right.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        scene.jar.insert("sid".to_owned(), String::from_utf8(bytes).unwrap());
        assert_eq!(status(&scene.get("r", "/", &[]).await), 401, "{at}");
    }
    // Nor is that of a login under way, or of another login.
    scene.jar.clear();
    scene.leave("/").await;
    let login = scene.jar.values().next().unwrap().clone();
    for text in [
        format!("1.{login}"),
        "0.".to_owned(),
        "9.x".to_owned(),
        "1.".to_owned(),
        String::new(),
        right[2..].to_owned(),
    ] {
        scene.jar.insert("sid".to_owned(), text);
        assert_eq!(status(&scene.get("r", "/", &[]).await), 401);
    }
    scene.jar.insert("sid".to_owned(), right);
    admitted(scene.get("r", "/", &[]).await);
    scene.access = Arc::new(
        scene.world.access(&DOCUMENT.replace("logins.web", "logins.web2").replace("\"web\"", "\"web2\"")),
    );
    assert_eq!(status(&scene.get("r", "/", &[]).await), 401);
}

#[tokio::test]
async fn keys_of_cookies_change() {
    let mut scene = scene();
    scene.log_in().await;
    let old = scene.jar["sid"].clone();
    scene.world.parts.session_keys = SessionKeys { current: [8; 32], previous: Some([7; 32]) };
    scene.access = Arc::new(scene.world.access(DOCUMENT));
    admitted(scene.get("r", "/", &[]).await);
    assert_ne!(scene.jar["sid"], old);
    scene.world.parts.session_keys = SessionKeys { current: [8; 32], previous: None };
    scene.access = Arc::new(scene.world.access(DOCUMENT));
    admitted(scene.get("r", "/", &[]).await);
    scene.jar.insert("sid".to_owned(), old);
    assert_eq!(status(&scene.get("r", "/", &[]).await), 401);
}

#[tokio::test]
async fn large_sessions_are_cut_into_cookies() {
    let mut scene = scene();
    scene.provider.lock().claims = json!({"pad": "x".repeat(5_000)});
    scene.log_in().await;
    assert_eq!(scene.jar.keys().collect::<Vec<_>>(), ["sid", "sid.1", "sid.2"]);
    let identity = admitted(scene.get("r", "/", &[]).await);
    assert!(!identity.set_headers.iter().any(|(name, _)| name == "cookie"));
    let whole = scene.jar.clone();
    scene.jar.remove("sid.1");
    assert_eq!(status(&scene.get("r", "/", &[]).await), 401);
    // What is too large for cookies leaves the id token out, which only logout would have used; cookies that are no longer
    // needed end.
    scene.jar = whole;
    scene.provider.lock().claims = json!({"pad": "x".repeat(11_000)});
    scene.log_in_again().await;
    assert_eq!(scene.jar.keys().collect::<Vec<_>>(), ["sid"]);
    admitted(scene.get("r", "/", &[]).await);
}

#[tokio::test]
async fn sessions_are_refreshed_once() {
    let mut scene = scene();
    scene.log_in().await;
    let old = scene.jar.clone();
    scene.world.clock.advance(Duration::from_mins(10));
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (access, head) = (scene.access.clone(), scene.head("/", &[]));
            tokio::spawn(
                async move { admitted(access.decide("r", &facts(&head)).await).response_headers.len() },
            )
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 1);
    }
    assert_eq!(scene.provider.lock().exchanges.len(), 2);
    admitted(scene.get("r", "/", &[]).await);
    assert_ne!(scene.jar, old);
    // The next time, by the next refresh token.
    scene.world.clock.advance(Duration::from_mins(10));
    admitted(scene.get("r", "/", &[]).await);
    assert_eq!(scene.provider.lock().exchanges.last().unwrap()["refresh_token"], "refresh-2");
    // The old cookie is refused by the provider.
    scene.jar = old;
    assert_eq!(status(&scene.get("r", "/", &[]).await), 401);
}

#[tokio::test]
async fn a_refresh_that_fails_ends_a_session_or_not() {
    let mut scene = scene();
    scene.log_in().await;
    let jar = scene.jar.clone();
    scene.world.clock.advance(Duration::from_mins(10));
    scene.provider.lock().refuse = Some(500);
    for _ in 0..5 {
        admitted(scene.get("r", "/", &[]).await);
    }
    assert_eq!(scene.provider.lock().exchanges.len(), 2);
    scene.world.clock.advance(Duration::from_mins(10));
    assert_eq!(status(&scene.get("r", "/", &[HTML]).await), 503);
    scene.world.clock.advance(Duration::from_secs(30));
    scene.provider.lock().refuse = Some(400);
    assert_eq!(status(&scene.get("r", "/", &[HTML]).await), 302);
    // A refreshed id token of another subject is no session of his.
    scene.jar = jar;
    scene.world.clock.advance(Duration::from_mins(2));
    scene.provider.lock().refuse = None;
    scene.provider.lock().claims = json!({"sub": "eve"});
    assert_eq!(status(&scene.get("r", "/", &[]).await), 401);
}

#[tokio::test]
async fn logout_ends_the_session_here_and_there() {
    let mut scene = scene();
    scene.log_in().await;
    let head = scene.head("/.gateway/logout", &[HTML, ("sec-fetch-site", "cross-site")]);
    assert_eq!(answer(scene.access.own(&facts(&head)).await.unwrap()).status, 403);
    let answer = scene.own("/.gateway/logout").await;
    let location = answer.headers["location"].to_str().unwrap();
    let query = pairs(location.strip_prefix("https://idp.example/end?").unwrap());
    assert_eq!(
        (query["client_id"].as_str(), query["post_logout_redirect_uri"].as_str()),
        ("gateway", "https://api.example.com/")
    );
    assert!(query["id_token_hint"].starts_with("ey"));
    assert!(scene.jar.is_empty());
    let answer = scene.own("/.gateway/logout").await;
    assert_eq!(answer.headers["location"], "/");
    let head = scene.head("/other", &[HTML]);
    assert!(scene.access.own(&facts(&head)).await.is_none());
}

#[tokio::test]
async fn logins_that_are_never_finished_do_not_pile_up() {
    let mut scene = scene();
    for _ in 0..20 {
        scene.leave("/").await;
        assert!(scene.jar.len() <= 4, "{:?}", scene.jar.keys());
    }
}
