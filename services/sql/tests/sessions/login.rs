//! Before a session: startup, passwords, rights.

use crate::client::{Client, Send};
use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn who_may_come_in() {
    let server = Server::start().await;
    server.service.identity.add_user("ann", "secret", Vec::new()).await.unwrap();
    let wrong = |user: &str| Err(format!("E FATAL 28P01 password authentication failed for user \"{user}\""));
    for (user, password, database, expected) in [
        ("bole", "bolebole", "bole", Ok(())),
        ("bole", "wrong", "bole", wrong("bole")),
        ("nobody", "bolebole", "bole", wrong("nobody")),
        ("bole", "bolebole", "nope", Err("E FATAL 3D000 database \"nope\" does not exist".to_owned())),
        ("ann", "secret", "bole", Err("E FATAL 42501 permission denied for database \"bole\"".to_owned())),
    ] {
        let mut client = Client::connect(server.address).await;
        assert_eq!(client.login(user, password, &[("database", database)]).await, expected, "{user}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_at_the_start() {
    let server = Server::start().await;
    let mut client = Client::connect(server.address).await;
    // The database is named as the user, unless it is said.
    let parameters = [("application_name", "test"), ("options", "-c timezone=Asia/Tokyo")];
    client.login("bole", "bolebole", &parameters).await.unwrap();
    for line in [
        "S server_version=15.0 (Bole ",
        "S server_encoding=UTF8",
        "S client_encoding=UTF8",
        "S DateStyle=ISO, MDY",
        "S TimeZone=Asia/Tokyo",
        "S integer_datetimes=on",
        "S standard_conforming_strings=on",
        "S application_name=test",
        "S session_authorization=bole",
        "S is_superuser=on",
    ] {
        assert!(client.greeting.contains(line), "no {line} in {}", client.greeting);
    }
    // RESET goes back to what the startup packet said.
    client
        .check_all(&[(
            "set timezone = utc; reset timezone; show timezone",
            "C SET / C RESET / T TimeZone:25 / D Asia/Tokyo / C SHOW / Z I",
        )])
        .await;
    let mut client = Client::connect(server.address).await;
    let refused = client.login("bole", "bolebole", &[("nope", "1")]).await;
    assert_eq!(refused, Err("E FATAL 42704 unrecognized configuration parameter \"nope\"".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_before_the_session() {
    let server = Server::start().await;
    let mut client = Client::connect(server.address).await;
    for request in [80_877_103_u32, 80_877_104] {
        client.write(&[[0, 0, 0, 8], request.to_be_bytes()].concat()).await;
        assert_eq!(client.byte().await, b'N');
    }
    client.login("bole", "bolebole", &[]).await.unwrap();
    for (version, parameters, expected) in [
        (
            0x2_0000,
            &[][..],
            "E FATAL 0A000 unsupported frontend protocol 2.0: server supports 3.0 to 3.0\nend",
        ),
        (0x3_0000, &[], "E FATAL 28000 no PostgreSQL user name specified in startup packet\nend"),
        (
            0x3_0000,
            &[("user", "bole"), ("replication", "true")],
            "E FATAL 0A000 streaming replication is not supported\nend",
        ),
    ] {
        let mut client = Client::connect(server.address).await;
        client.startup(version, parameters).await;
        assert_eq!(client.until(b'Z').await, expected);
    }
    // A newer version, or an option that is not known, is negotiated.
    let mut client = Client::connect(server.address).await;
    client.startup(0x3_0002, &[("user", "bole"), ("_pq_.x", "1")]).await;
    assert_eq!(client.until(b'v').await, "v");
    for bytes in [&b"\xff\xff\xff\xff"[..], b"\0\0\0\x04", b"GET / HTTP/1.1\r\n\r\n"] {
        let mut client = Client::connect(server.address).await;
        client.write(bytes).await;
        assert_eq!(
            client.until(b'Z').await,
            "E FATAL 08P01 invalid length of startup packet\nend",
            "{bytes:?}"
        );
    }
    // Before the login, messages are small and of one type.
    let mut client = Client::connect(server.address).await;
    client.startup(0x3_0000, &[("user", "bole")]).await;
    let _challenge = client.until(b'R').await;
    client.send(&[Send::Query("select 1")]).await;
    assert_eq!(client.until(b'Z').await, "E FATAL 08P01 expected SASL response, got another message\nend");
}
