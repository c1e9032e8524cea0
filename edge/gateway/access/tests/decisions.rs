//! Requests against documents: who comes in by which login, and what changes on the way.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

mod world;

use base64ct::{Base64, Encoding};
use bole_gateway_access::{FetchError, RequestFacts, Verdict};
use http::Response;
use world::{World, admitted, answer, facts, get, request, status};

/// Argon2id of `opensesame` with the least cost.
const ARGON2: &str = "ARGON2";

fn argon2() -> String {
    use argon2::password_hash::{PasswordHasher, SaltString};
    use argon2::{Algorithm, Argon2, Params, Version};
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
    let salt = SaltString::from_b64("c2FsdHNhbHQ").unwrap();
    argon2.hash_password(b"opensesame", &salt).unwrap().to_string()
}

const DOCUMENT: &str = r#"
[services.s]
instances = ["127.0.0.1:1"]
[limits.slow]
bucket = { limit = 1, period = "1s" }

[logins.header.key]
header = "x-api-key"
[logins.query.key]
query = "key"
[logins.forwarded.key]
header = "x-api-key"
forward = true
[logins.password.basic]
realm = "the shop"
[logins.users.basic]
users = true
[logins.certificate.certificate]
names = ["*.clients.example.com"]

[consumers.shop]
keys = ["shop-key", "env:SECRET"]
password = "ARGON2"
signing = { shop-1 = "env:SECRET" }
groups = ["partners"]
limits = ["slow"]
priority = 9
[consumers.other]
keys = ["other-key"]
password = "clear-password"
[consumers."a.clients.example.com"]
groups = ["machines"]

[routes.open]
service = "s"
login = ["users"]
[routes.closed]
service = "s"
login = ["users"]
[routes.nothing]
service = "s"
[routes.keys]
service = "s"
login = ["header", "query", "password"]
[routes.optional]
service = "s"
login = ["header"]
login_optional = true
[routes.forwarded]
service = "s"
login = ["forwarded"]
[routes.partners]
service = "s"
login = ["header"]
allow = ["@partners"]
[routes.named]
service = "s"
login = ["header"]
allow = ["other"]
[routes.networks]
service = "s"
allow_networks = ["192.0.2.0/24"]
deny_networks = ["192.0.2.7"]
[routes.machines]
service = "s"
login = ["certificate"]
"#;

fn document() -> String {
    DOCUMENT.replace(ARGON2, &argon2())
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", Base64::encode_string(format!("{name}:{password}").as_bytes()))
}

#[tokio::test]
async fn credentials_come_in_or_do_not() {
    let world = World::new();
    let access = world.access(&document());
    let right = basic("shop", "opensesame");
    let clear = basic("other", "clear-password");
    let wrong = basic("shop", "sesame");
    let unknown = basic("nobody", "opensesame");
    let node = basic("ann", "pencil");
    let no_password = basic("a.clients.example.com", "");
    let auth = |value: &'static str| vec![("authorization", value)];
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let rows: Vec<(&str, &str, Vec<(&str, &str)>, u16, Option<&str>)> = vec![
        ("nothing", "/", vec![], 0, None),
        ("keys", "/", vec![("x-api-key", "shop-key")], 0, Some("shop")),
        ("keys", "/", vec![("x-api-key", "environment-secret-0123456789abcdef")], 0, Some("shop")),
        ("keys", "/?a=1&key=other-key", vec![], 0, Some("other")),
        ("keys", "/?key=other%2Dkey", vec![], 0, Some("other")),
        ("keys", "/", vec![("x-api-key", "shop-ke")], 401, None),
        ("keys", "/", vec![("x-api-key", "")], 401, None),
        ("keys", "/", vec![], 401, None),
        // The first kind that is found decides.
        ("keys", "/?key=other-key", vec![("x-api-key", "wrong")], 401, None),
        ("keys", "/", vec![("x-api-key", "shop-key"), ("x-api-key", "other-key")], 400, None),
        ("keys", "/?key=shop-key&key=other-key", vec![], 400, None),
        ("keys", "/", auth(leak(right.clone())), 0, Some("shop")),
        ("keys", "/", auth(leak(right.replace("Basic", "bAsIc"))), 0, Some("shop")),
        ("keys", "/", auth(leak(clear)), 0, Some("other")),
        ("keys", "/", auth(leak(wrong)), 401, None),
        ("keys", "/", auth(leak(unknown)), 401, None),
        ("keys", "/", auth(leak(no_password)), 401, None),
        ("keys", "/", auth("Basic %"), 400, None),
        ("keys", "/", auth("Basic"), 401, None),
        ("keys", "/", vec![("authorization", "Basic YTpi"), ("authorization", "Basic YTpi")], 400, None),
        ("optional", "/", vec![], 0, None),
        ("optional", "/", vec![("x-api-key", "shop-key")], 0, Some("shop")),
        ("optional", "/", vec![("x-api-key", "wrong")], 401, None),
        ("partners", "/", vec![("x-api-key", "shop-key")], 0, Some("shop")),
        ("partners", "/", vec![("x-api-key", "other-key")], 403, None),
        ("named", "/", vec![("x-api-key", "shop-key")], 403, None),
        ("named", "/", vec![("x-api-key", "other-key")], 0, Some("other")),
        ("open", "/", auth(leak(node.clone())), 0, Some("ann")),
        ("closed", "/", auth(leak(node)), 403, None),
        ("open", "/", auth(leak(basic("ann", "pen"))), 401, None),
        // A consumer's name is never a user's.
        ("closed", "/", auth(leak(right)), 0, Some("shop")),
        ("missing", "/", vec![], 503, None),
    ];
    for (route, target, headers, expected, consumer) in rows {
        let verdict = get(&access, route, target, &headers).await;
        assert_eq!(status(&verdict), expected, "{route} {target} {headers:?}: {verdict:?}");
        if expected == 0 {
            assert_eq!(admitted(verdict).consumer.as_deref(), consumer, "{route} {target} {headers:?}");
        } else {
            let answer = answer(verdict);
            assert_eq!(answer.headers["content-type"], "application/problem+json");
            let body = String::from_utf8(answer.body.to_vec()).unwrap();
            for secret in ["shop-key", "opensesame", "clear-password", "pencil"] {
                assert!(!body.contains(secret) && !format!("{:?}", answer.headers).contains(secret));
            }
        }
    }
}

#[tokio::test]
async fn what_came_in_tells_limits_and_what_goes_out() {
    let world = World::new();
    let access = world.access(&document());
    let identity = admitted(get(&access, "keys", "/?key=x", &[("x-api-key", "shop-key")]).await);
    assert_eq!((identity.limits, identity.priority), (vec!["slow".to_owned()], Some(9)));
    assert_eq!((identity.groups, identity.login.as_deref()), (vec!["partners".to_owned()], Some("header")));
    assert!(identity.strip_headers.contains(&"x-api-key".parse().unwrap()));
    assert_eq!(identity.strip_query, ["key"]);
    let identity = admitted(get(&access, "forwarded", "/", &[("x-api-key", "shop-key")]).await);
    assert!(identity.strip_headers.is_empty());
    let auth = basic("shop", "opensesame");
    let identity = admitted(get(&access, "keys", "/", &[("authorization", &auth)]).await);
    assert!(identity.strip_headers.contains(&"authorization".parse().unwrap()));
    let answer = answer(get(&access, "keys", "/", &[]).await);
    let challenges: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
    assert_eq!(
        challenges,
        ["Key header=\"x-api-key\"", "Key parameter=\"key\"", "Basic realm=\"the shop\", charset=\"UTF-8\""]
    );
}

#[tokio::test]
async fn passwords_are_remembered_and_many_at_once_are_bounded() {
    let world = World::new();
    let access = std::sync::Arc::new(world.access(&document()));
    let auth = basic("shop", "opensesame");
    for _ in 0..3 {
        admitted(get(&access, "keys", "/", &[("authorization", &auth)]).await);
    }
    assert_eq!(world.parts.memory.counts().passwords, 1);
    get(&access, "keys", "/", &[("authorization", &basic("shop", "wrong"))]).await;
    get(&access, "keys", "/", &[("authorization", &basic("nobody", "opensesame"))]).await;
    assert_eq!(world.parts.memory.counts().passwords, 1);
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let (access, auth) = (access.clone(), basic("shop", &format!("wrong{number}")));
            tokio::spawn(async move { status(&get(&access, "keys", "/", &[("authorization", &auth)]).await) })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 401);
    }
}

#[tokio::test]
async fn networks_are_asked_first() {
    let world = World::new();
    let access = world.access(&document());
    let head = request("GET", "/", &[]);
    for (client, expected) in [
        ("192.0.2.1", 0),
        ("::ffff:192.0.2.1", 0),
        ("192.0.2.7", 403),
        ("198.51.100.1", 403),
        ("2001:db8::1", 403),
    ] {
        let facts = RequestFacts { client: client.parse().unwrap(), ..facts(&head) };
        assert_eq!(status(&access.decide("networks", &facts).await), expected, "{client}");
    }
}

#[tokio::test]
async fn certificates_have_names() {
    let world = World::new();
    let access = world.access(&document());
    let head = request("GET", "/", &[]);
    let made = |names: &[&str], common: &str| {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, common);
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec()
    };
    for (names, common, expected, consumer) in [
        (&["a.clients.example.com"][..], "x", 0, Some("a.clients.example.com")),
        (&["b.clients.example.com", "a.clients.example.com"], "x", 0, Some("a.clients.example.com")),
        (&["x"], "b.clients.example.com", 0, Some("b.clients.example.com")),
        (&["a.b.clients.example.com"], "x", 403, None),
        (&["a.example.com"], "x", 403, None),
    ] {
        let der = made(names, common);
        let facts = RequestFacts { certificate: Some(&der), ..facts(&head) };
        let verdict = access.decide("machines", &facts).await;
        assert_eq!(status(&verdict), expected, "{names:?}");
        if let Some(consumer) = consumer {
            assert_eq!(admitted(verdict).consumer.as_deref(), Some(consumer));
        }
    }
    assert_eq!(status(&access.decide("machines", &facts(&head)).await), 403);
    let facts = RequestFacts { certificate: Some(b"no certificate"), ..facts(&head) };
    assert_eq!(status(&access.decide("machines", &facts).await), 403);
}

const FORWARD: &str = r#"
[services.s]
instances = ["127.0.0.1:1"]
[logins.ask.forward]
url = "http://auth.internal/check?x=1"
headers = ["x-user"]
[routes.r]
service = "s"
login = ["ask"]
"#;

#[tokio::test]
async fn another_server_decides() {
    let world = World::new();
    let access = world.access(FORWARD);
    let url = "http://auth.internal/check";
    let asked = [
        ("cookie", "a=b"),
        ("x-forwarded-for", "6.6.6.6"),
        ("x-user", "forged"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("content-length", "5"),
    ];
    // Nobody is there.
    assert_eq!(status(&get(&access, "r", "/a?b=c", &asked).await), 503);
    world.web.at(url, |request| {
        let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!((request.method(), request.uri().query()), (&http::Method::GET, Some("x=1")));
        for (name, expected) in [
            ("x-forwarded-method", Some("GET")),
            ("x-forwarded-uri", Some("/a?b=c")),
            ("x-forwarded-host", Some("api.example.com")),
            ("x-forwarded-proto", Some("https")),
            ("x-forwarded-for", Some("192.0.2.1")),
            ("cookie", Some("a=b")),
            ("x-hop", None),
            ("content-length", None),
        ] {
            assert_eq!(header(name).as_deref(), expected, "{name}");
        }
        Ok(Response::builder()
            .status(204)
            .header("x-user", "ann")
            .header("x-other", "1")
            .body("".into())
            .unwrap())
    });
    let identity = admitted(get(&access, "r", "/a?b=c", &asked).await);
    assert_eq!(identity.set_headers, [("x-user".parse().unwrap(), "ann".parse().unwrap())]);
    assert!(identity.strip_headers.contains(&"x-user".parse().unwrap()));
    world.web.at(url, |_| {
        let answer = Response::builder().status(302).header("location", "https://login.example.com");
        Ok(answer
            .header("set-cookie", "a=b")
            .header("transfer-encoding", "chunked")
            .body("go".into())
            .unwrap())
    });
    let passed = answer(get(&access, "r", "/", &[]).await);
    assert_eq!((passed.status.as_u16(), passed.body.as_ref()), (302, &b"go"[..]));
    assert!(passed.headers.contains_key("set-cookie") && !passed.headers.contains_key("transfer-encoding"));
    world.web.at(url, |_| Ok(Response::builder().status(403).body(vec![0; 1 << 20].into()).unwrap()));
    assert_eq!(status(&get(&access, "r", "/", &[]).await), 502);
    world.web.at(url, |_| Err(FetchError("reset".to_owned())));
    assert_eq!(status(&get(&access, "r", "/", &[]).await), 503);
}

#[tokio::test]
async fn wrong_documents_are_refused_whole() {
    let world = World::new();
    let service = "[services.s]\ninstances = [\"127.0.0.1:1\"]\n";
    for (document, expected) in [
        ("[logins.a.key]", "write one of header and query"),
        ("[logins.a.key]\nheader = \"x y\"", "no name of a header"),
        ("[logins.a.key]\nheader = \"host\"", "the gateway's own"),
        ("[logins.a.jwt]", "nothing says where keys are"),
        ("[logins.a.jwt]\nissuer = \"http://example.com\"", "use https"),
        ("[logins.a.jwt]\nkeys_url = \"https://a/k\"\nsecret = \"x\"", "only one says"),
        ("[logins.a.jwt]\nkeys_file = \"/nowhere\"", "cannot be read"),
        ("[logins.a.jwt]\nsecret = \"short\"", "need 32 at least"),
        ("[logins.a.jwt]\nsecret = \"env:SECRET\"\nalgorithms = [\"HS512\"]", "need 64 at least"),
        ("[logins.a.jwt]\nsecret = \"env:SECRET\"\nalgorithms = [\"RS256\"]", "does not go with a secret"),
        ("[logins.a.jwt]\nissuer = \"https://a\"\nalgorithms = [\"HS256\"]", "does not go with public keys"),
        ("[logins.a.jwt]\nissuer = \"https://a\"\nalgorithms = [\"none\"]", "is not taken"),
        ("[logins.a.jwt]\nissuer = \"https://a\"\nclock_skew = \"2h\"", "above an hour"),
        ("[logins.a.signature]\ncomponents = [\"@status\"]", "not known"),
        ("[logins.a.signature]\nclock_skew = \"0s\"", "clock_skew"),
        ("[logins.a.certificate]\nnames = [\"a*\"]", "no name of a certificate"),
        ("[logins.a.forward]\nurl = \"/a\"", "no http or https URL"),
        ("[logins.a.oidc]\nissuer = \"https://a\"\nclient_id = \"c\"\ncallback = \"//a\"", "callback"),
        ("[logins.a.oidc]\nissuer = \"https://a\"\nclient_id = \"c\"\ncookie = \"a b\"", "cookie"),
        ("[logins.a.oidc]\nissuer = \"https://a\"\nclient_id = \"c\"\nsession = \"1s\"", "session"),
        (
            "[logins.a.oidc]\nissuer = \"https://a\"\nclient_id = \"c\"\n[logins.b.oidc]\nissuer = \"https://b\"\nclient_id = \"c\"",
            "its cookie",
        ),
        ("[consumers.a]\nkeys = [\"env:NONE\"]", "no variable"),
        ("[consumers.a]\nkeys = [\"k\"]\n[consumers.b]\nkeys = [\"k\"]", "same key"),
        ("[consumers.a]\nsigning = { x = \"sha256:00\" }", "known in clear"),
        ("[consumers.a]\npassword = \"$argon2id$x\"", "verifier"),
        ("[consumers.a]\npassword = \"sha256:00\"", "soon guessed"),
        ("[consumers.a]\nkeys = [\"sealed:00\"]", "is sealed"),
        ("[consumers.a]\nlimits = [\"none\"]", "does not exist"),
        ("[consumers.a]\npriority = 64", "above 63"),
        ("[routes.r]\nservice = \"s\"\nlogin = [\"none\"]", "does not exist"),
        ("[routes.r]\nservice = \"s\"\nallow = [\"a\"]", "needs a login"),
        ("[routes.r]\nservice = \"s\"\nlogin_optional = true", "needs a login"),
        ("[routes.r]\nservice = \"s\"\nallow_networks = [\"10.0.0.1/8\"]", "is no network"),
        (
            "[logins.k.key]\nheader = \"x\"\n[routes.r]\nservice = \"s\"\nlogin = [\"k\"]\nallow = [\"who\"]",
            "no consumer's entry",
        ),
        (
            "[logins.f.forward]\nurl = \"http://a\"\n[routes.r]\nservice = \"s\"\nlogin = [\"f\"]\nallow = [\"who\"]",
            "names nobody",
        ),
    ] {
        let problems = world.problems(&format!("{service}{document}"));
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{document}: {problems:?}");
        assert!(problems.iter().all(|problem| !problem.contains("environment-secret")), "{problems:?}");
    }
}

/// Everything that can be shown for debugging, with every secret of a document in it.
#[tokio::test]
async fn nothing_that_is_shown_holds_a_secret() {
    let world = World::new();
    let document = format!(
        "{}\n[logins.hs.jwt]\nsecret = \"jwt-secret-0123456789abcdef-0123456789\"\n\
         [logins.web.oidc]\nissuer = \"https://a\"\nclient_id = \"c\"\nclient_secret = \"client-secret\"\n",
        document()
    );
    let access = world.access(&document);
    let parsed = bole_gateway_document::Document::from_toml(&document).unwrap();
    let mut shown = vec![format!("{access:?} {access:#?}"), format!("{:?} {parsed:?}", world.parts)];
    shown.push(format!("{:?} {:?}", world.parts.session_keys, world.parts.memory));
    for headers in [&[("x-api-key", "shop-key")][..], &[("x-api-key", "wrong-key")], &[]] {
        let verdict: Verdict = get(&access, "keys", "/", headers).await;
        shown.push(format!("{verdict:?}"));
    }
    let verifier = argon2();
    for text in shown {
        for secret in [
            "shop-key",
            "wrong-key",
            "other-key",
            "clear-password",
            "environment-secret",
            "jwt-secret",
            "client-secret",
            &verifier,
            "[7, 7, 7",
        ] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
        // Nor as bytes.
        let bytes: Vec<String> =
            b"environment-secret-0123456789abcdef".iter().map(ToString::to_string).collect();
        assert!(!text.contains(&bytes.join(", ")));
    }
}
