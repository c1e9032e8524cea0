//! Limits, breaker, concurrency, answers of the gateway's own, files, splits, cookies, TLS, the PROXY protocol.

use crate::support::*;
use bole_gateway::config::{AccessLog, LogFormat, Parts};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn rates_refuse_what_is_too_much() {
    let text = "[limits.slow]\nbucket = { limit = 3, period = \"1h\" }\nkey = { header = \"x-key\" }\n[limits.seen]\nwindow = { limit = 1, period = \"1h\" }\nshadow = true\n[routes.a]\nreply = { status = 200, body = \"ok\" }\nlimits = [\"slow\", \"seen\"]\n";
    let gateway = gateway(text).await;
    let mut client = Client::connect(gateway.http()[0]).await;
    let mut ask = async |key: &str| {
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nX-Key: {key}\r\n\r\n")).await;
        client.answer().await.expect("the connection goes on")
    };
    for left in [2, 1, 0] {
        let answer = ask("a").await;
        assert!(
            status(&answer) == 200
                && answer.to_lowercase().contains(&format!("ratelimit: \"slow\";r={left};t=")),
            "{answer}"
        );
    }
    let answer = ask("a").await;
    assert_eq!(status(&answer), 429, "{answer}");
    let answer = answer.to_lowercase();
    for part in ["retry-after: 12", "ratelimit-policy: \"slow\";q=3;w=3600", "urn:bole:gateway:rate-limited"]
    {
        assert!(answer.contains(part), "{part} in {answer}");
    }
    assert_eq!(status(&ask("b").await), 200);
    let counters = &gateway.state().routes[0].counters.clone();
    assert_eq!((counters.limited.get(), counters.limited_in_shadow.get()), (1, 3));
}

#[tokio::test]
async fn a_service_gets_so_many_at_a_time() {
    let backend = Backend::start(Behaviour::Slow(Duration::from_millis(400))).await;
    let gateway = gateway(&document(&[&backend], "concurrency = { max = 2 }")).await;
    let (one, two) = (get(&gateway, "/1"), get(&gateway, "/2"));
    let third = async {
        until("two are under way", || backend.requests() == 2).await;
        get(&gateway, "/3").await
    };
    let (one, two, third) = tokio::join!(one, two, third);
    assert_eq!((status(&one), status(&two), status(&third)), (200, 200, 503));
    assert!(third.contains("too-many-at-once"), "{third}");
    assert_eq!(status(&get(&gateway, "/4").await), 200, "places are given back");
}

#[tokio::test]
async fn a_breaker_opens_and_closes() {
    let backend = Backend::start(Behaviour::Status(500)).await;
    let more =
        "ejection = { enabled = false }\nbreaker = { volume = 5, failure_share = 0.5, open_for = \"300ms\" }";
    let gateway = gateway(&document(&[&backend], more)).await;
    for _ in 0..5 {
        assert_eq!(status(&get(&gateway, "/").await), 500);
    }
    let answer = get(&gateway, "/").await;
    assert!(status(&answer) == 503 && answer.contains("breaker-open"), "{answer}");
    assert_eq!(backend.requests(), 5);
    backend.behave(Behaviour::Echo);
    let begun = std::time::Instant::now();
    while status(&get(&gateway, "/").await) != 200 {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for _ in 0..10 {
        assert_eq!(status(&get(&gateway, "/").await), 200);
    }
}

#[tokio::test]
async fn the_gateway_answers_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    std::fs::write(folder.path().join("a.txt"), "0123456789").unwrap();
    std::fs::write(folder.path().join("sub/index.html"), "<p>sub</p>").unwrap();
    std::fs::write(folder.path().join(".secret"), "secret").unwrap();
    std::os::unix::fs::symlink("/etc/hostname", folder.path().join("out")).unwrap();
    let text = format!(
        "[routes.reply]\npath = \"/reply\"\nreply = {{ status = 418, body = \"tea\", headers = {{ x-a = \"b\" }} }}\n\
         [routes.away]\npath = \"/away/*\"\nredirect = {{ to = \"https://a.example/{{rest}}\", status = 308 }}\n\
         [routes.denied]\npath = \"/denied\"\nreply = {{ status = 200 }}\ndeny_networks = [\"127.0.0.0/8\"]\n\
         [routes.files]\npath = \"/*\"\nfiles = {{ root = \"{}\" }}\n",
        folder.path().display()
    );
    let gateway = gateway(&text).await;
    let reply = get(&gateway, "/reply").await;
    assert!(status(&reply) == 418 && reply.contains("x-a: b") && reply.ends_with("tea"), "{reply}");
    let away = get(&gateway, "/away/x").await;
    assert!(status(&away) == 308 && away.to_lowercase().contains("location: https://a.example/x"), "{away}");
    assert_eq!(status(&get(&gateway, "/denied").await), 403);
    let file = get(&gateway, "/a.txt").await;
    assert!(status(&file) == 200 && file.ends_with("0123456789") && file.contains("text/plain"), "{file}");
    let sub = get(&gateway, "/sub").await;
    assert!(status(&sub) == 308 && sub.contains("/sub/"), "{sub}");
    assert!(get(&gateway, "/sub/").await.ends_with("<p>sub</p>"));
    for path in ["/.secret", "/out", "/../a.txt", "/%2e%2e/a.txt", "/sub/..%2fa.txt", "/none"] {
        let answer = get(&gateway, path).await;
        assert!(matches!(status(&answer), 400 | 404), "{path}: {answer}");
    }
    let mut client = Client::connect(gateway.http()[0]).await;
    client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=2-4\r\n\r\n").await;
    let part = client.answer().await.unwrap();
    assert!(status(&part) == 206 && part.ends_with("234") && part.contains("bytes 2-4/10"), "{part}");
    let tag = file
        .lines()
        .find_map(|line| line.strip_prefix("ETag: ").or(line.strip_prefix("etag: ")))
        .unwrap()
        .to_owned();
    client.send(format!("GET /a.txt HTTP/1.1\r\nHost: a\r\nIf-None-Match: {tag}\r\n\r\n")).await;
    assert_eq!(status(&client.answer().await.unwrap()), 304);
    client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=20-\r\n\r\n").await;
    assert_eq!(status(&client.answer().await.unwrap()), 416);
    client.send("DELETE /a.txt HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(status(&client.answer().await.unwrap()), 405);
    assert_eq!(status(&get(&gateway, "/nothing").await), 404);
}

#[tokio::test]
async fn traffic_is_split_and_clients_stay_where_they_were() {
    let (one, two) =
        (Backend::start(Behaviour::Status(201)).await, Backend::start(Behaviour::Status(202)).await);
    let text = format!(
        "[services.one]\ninstances = [\"{}\"]\n[services.two]\ninstances = [\"{}\"]\n\
         [services.both]\ninstances = [\"{}\", \"{}\"]\nbalance = {{ algorithm = \"sticky\", cookie = {{ name = \"c\" }} }}\n\
         [routes.split]\npath = \"/split\"\nsplit = [{{ service = \"one\", weight = 9 }}, {{ service = \"two\", weight = 1 }}]\n\
         [routes.sticky]\nservice = \"both\"\n",
        one.address, two.address, one.address, two.address
    );
    let gateway = gateway(&text).await;
    let mut client = Client::connect(gateway.http()[0]).await;
    let mut second = 0;
    for _ in 0..400 {
        second += u32::from(status(&client.get("/split").await.unwrap()) == 202);
    }
    assert!((15..80).contains(&second), "a tenth of 400: {second}");
    let answer = client.get("/").await.unwrap();
    let cookie = answer
        .lines()
        .find_map(|line| line.split_once("c="))
        .unwrap()
        .1
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    for _ in 0..20 {
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nCookie: x=y; c={cookie}\r\n\r\n")).await;
        let again = client.answer().await.unwrap();
        assert_eq!(status(&again), status(&answer));
        assert!(!again.to_lowercase().contains("set-cookie"), "{again}");
    }
}

#[tokio::test]
async fn answers_are_compressed_as_clients_like_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "text ".repeat(1_000)).unwrap();
    std::fs::write(folder.path().join("a.png"), "text ".repeat(1_000)).unwrap();
    std::fs::write(folder.path().join("s.txt"), "small").unwrap();
    let text =
        format!("[routes.f]\ncompression = {{}}\nfiles = {{ root = \"{}\" }}\n", folder.path().display());
    let gateway = gateway(&text).await;
    for (path, accept, coding) in [
        ("/a.txt", "gzip", Some("gzip")),
        ("/a.txt", "gzip, br, zstd", Some("zstd")),
        ("/a.txt", "gzip;q=1.0, br;q=0.5, zstd;q=0", Some("gzip")),
        ("/a.txt", "br", Some("br")),
        ("/a.txt", "identity", None),
        ("/a.txt", "gzip;q=0", None),
        ("/a.png", "gzip", None),
        ("/s.txt", "gzip", None),
    ] {
        let mut client = Client::connect(gateway.http()[0]).await;
        client
            .send(format!(
                "GET {path} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {accept}\r\nConnection: close\r\n\r\n"
            ))
            .await;
        let answer = client.rest().await.to_lowercase();
        assert_eq!(status(&answer), 200, "{path} {accept}");
        let found = answer.lines().find_map(|line| line.strip_prefix("content-encoding: ")).map(str::trim);
        assert_eq!(found, coding, "{path} {accept}: {answer:.300}");
    }
}

#[tokio::test]
async fn a_compressed_answer_that_grows_slowly_is_not_held_back() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, seeing) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        message(&mut stream, &mut Vec::new()).await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n";
        stream.write_all(head).await.unwrap();
        // The second comes only when the client has the first.
        seeing.await.unwrap();
        stream.write_all(b"6\r\nsecond\r\n0\r\n\r\n").await.unwrap();
    });
    let gateway = gateway(&format!(
        "[services.s]\ninstances = [\"{address}\"]\n[routes.all]\nservice = \"s\"\ncompression = {{}}\n"
    ))
    .await;
    let mut client = Client::connect(gateway.http()[0]).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n").await;
    let (mut all, mut shown) = (Vec::new(), Vec::new());
    while shown != b"first" {
        let read = tokio::time::timeout(PATIENCE, client.stream.read_buf(&mut all)).await;
        assert!(read.expect("the first piece in time").unwrap() > 0, "{}", String::from_utf8_lossy(&all));
        let Some(end) = all.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        // One chunk: its size, its bytes, a line end.
        let chunk = all[end + 4..].splitn(2, |byte| *byte == b'\n').nth(1).unwrap_or_default();
        shown = vec![0; 5];
        let mut reader = flate2::read::GzDecoder::new(chunk);
        if std::io::Read::read_exact(&mut reader, &mut shown).is_err() {
            shown.clear();
        }
    }
    seen.send(()).unwrap();
    assert!(client.rest().await.ends_with("0\r\n\r\n"));
}

#[tokio::test]
async fn the_access_log_has_no_secrets_and_explanations_are_off() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.log");
    let backend = Backend::start(Behaviour::Echo).await;
    let log = AccessLog { file: Some(file.clone()), format: LogFormat::Json };
    let gateway = gateway_with(&document(&[&backend], ""), Parts::default(), |config| {
        config.access_log = log;
        config.explain = true;
    })
    .await;
    let mut client = Client::connect(gateway.http()[0]).await;
    client.send("GET /p?token=secret HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer secret\r\nCookie: s=secret\r\n\r\n").await;
    let answer = client.answer().await.unwrap();
    assert!(answer.contains("x-bole-explain: route all, service s, instance 127.0.0.1"), "{answer}");
    until("a line", || std::fs::read_to_string(&file).is_ok_and(|text| text.ends_with('\n'))).await;
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("secret"), "{text}");
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (line["path"].as_str(), line["status"].as_u64(), line["route"].as_str()),
        (Some("/p"), Some(200), Some("all"))
    );
}

#[tokio::test]
async fn the_proxy_protocol_is_read_and_written() {
    let backend = Backend::start(Behaviour::Echo).await;
    let gateway = gateway_with(&document(&[&backend], ""), Parts::default(), |config| {
        config.proxy_protocol = true;
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let mut client = Client::connect(gateway.http()[0]).await;
    client.send("PROXY TCP4 203.0.113.9 198.51.100.1 1234 80\r\nGET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n").await;
    let answer = client.answer().await.unwrap();
    assert!(answer.to_lowercase().contains("x-forwarded-for: 203.0.113.9\r\n"), "{answer}");
    let mut without = Client::connect(gateway.http()[0]).await;
    without.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(without.rest().await, "");

    for (version, begin) in [("v1", b"PROXY TCP4 127.0.0.1 ".as_slice()), ("v2", b"\r\n\r\n\0\r\nQUIT\n")] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let first = tokio::spawn(async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut came = Vec::new();
            while !came.ends_with(b"\r\n\r\n") || came.len() < 40 {
                assert_ne!(stream.read_buf(&mut came).await.unwrap(), 0);
            }
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            came
        });
        let text = format!(
            "[services.s]\ninstances = [\"{address}\"]\nproxy_protocol = \"{version}\"\n[routes.a]\nservice = \"s\"\n"
        );
        let gateway = gateway_with(&text, Parts::default(), |_| {}).await;
        assert_eq!(status(&get(&gateway, "/").await), 204);
        assert!(first.await.unwrap().starts_with(begin));
    }
}

#[tokio::test]
async fn clients_behind_trusted_proxies_are_told_apart() {
    let text = "[limits.l]\nbucket = { limit = 1, period = \"1h\" }\n[routes.a]\nlimits = [\"l\"]\nreply = { status = 200 }\n";
    let trusting = |networks: &'static str| {
        gateway_with(text, Parts::default(), move |config| {
            config.trusted_proxies = vec![networks.parse().unwrap()];
        })
    };
    let trusted = trusting("127.0.0.0/8").await;
    let distrusted = trusting("10.0.0.0/8").await;
    let ask = async |gateway: &bole_gateway::Service, chain: &str| {
        let mut client = Client::connect(gateway.http()[0]).await;
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {chain}\r\n\r\n")).await;
        status(&client.answer().await.unwrap())
    };
    for (chain, expected) in [
        ("1.1.1.1", 200),
        ("2.2.2.2", 200),
        ("9.9.9.9, 2.2.2.2", 429),
        ("1.1.1.1, 127.0.0.9", 429),
        ("x", 200),
        ("y", 429),
    ] {
        assert_eq!(ask(&trusted, chain).await, expected, "{chain}");
    }
    for (chain, expected) in [("1.1.1.1", 200), ("2.2.2.2", 429)] {
        assert_eq!(ask(&distrusted, chain).await, expected, "{chain}: whom nobody trusts says nothing");
    }
}
