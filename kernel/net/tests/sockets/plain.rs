//! Without TLS.

use std::time::Duration;

use bole_net::listener::{LastWord, Refusal};
use bole_net::{ConnectionLimit, Drained, Error, Listener};
use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::bench::{Bench, config, echoes, rest, until};

#[tokio::test]
async fn bytes_are_served_and_counted() {
    let bench = Bench::start(config()).await;
    let mut client = TcpStream::connect(bench.address).await.unwrap();
    assert!(echoes(&mut client, b"hello").await);
    assert_eq!((bench.metrics.bytes_in.get(), bench.metrics.bytes_out.get()), (5, 5));
    assert_eq!((bench.metrics.connections_open.get(), bench.metrics.connections_accepted.get()), (1, 1));
    drop(client);
    until(|| bench.metrics.connections_open.get() == 0).await;
    assert_eq!(bench.stop().await.aborted, 0);
}

#[tokio::test]
async fn a_taken_port_names_address_and_option() {
    let bench = Bench::start(config()).await;
    let error = Listener::bind("echo", "echo.listen", bench.address).await.unwrap_err();
    assert!(matches!(error, Error::AddressTaken { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&bench.address.to_string()) && text.contains("`echo.listen`"), "{text}");
    // An address of documentation (RFC 5737) is not one of this machine.
    let foreign = Listener::bind("echo", "echo.listen", "192.0.2.1:0".parse().unwrap()).await.unwrap_err();
    assert!(matches!(&foreign, Error::Bind { .. }) && foreign.to_string().contains("192.0.2.1"), "{foreign}");
    bench.stop().await;
}

#[tokio::test]
async fn beyond_a_limit_there_is_a_last_word() {
    for (service_max, node_max, expected) in [(2, 9, &b"-service full"[..]), (9, 2, b"-node full")] {
        let last_word = LastWord::new(|refusal| match refusal {
            Refusal::ServiceFull => Bytes::from_static(b"-service full"),
            Refusal::NodeFull => Bytes::from_static(b"-node full"),
        });
        let (service_limit, node_limit) = (ConnectionLimit::new(service_max), ConnectionLimit::new(node_max));
        let bench = Bench::start(bole_net::listener::Config {
            last_word,
            ..bole_net::listener::Config::new(service_limit, node_limit)
        })
        .await;
        let mut first = TcpStream::connect(bench.address).await.unwrap();
        let mut second = TcpStream::connect(bench.address).await.unwrap();
        assert!(echoes(&mut first, b"1").await && echoes(&mut second, b"2").await);
        let mut third = TcpStream::connect(bench.address).await.unwrap();
        // What the client said before it heard the refusal must not make the refusal get lost.
        third.write_all(b"a request").await.unwrap();
        assert_eq!(rest(&mut third).await, expected);
        assert_eq!(bench.metrics.connections_refused.get(), 1);
        drop(first);
        until(|| bench.metrics.connections_open.get() == 1).await;
        let mut fourth = TcpStream::connect(bench.address).await.unwrap();
        assert!(echoes(&mut fourth, b"4").await);
        bench.stop().await;
    }
}

#[tokio::test]
async fn a_panic_closes_its_own_connection_only() {
    bole_net::tasks::install_panic_hook();
    let bench = Bench::start(config()).await;
    let mut good = TcpStream::connect(bench.address).await.unwrap();
    let mut bad = TcpStream::connect(bench.address).await.unwrap();
    assert!(echoes(&mut good, b"a").await && echoes(&mut bad, b"b").await);
    bad.write_all(b"!").await.unwrap();
    assert_eq!(rest(&mut bad).await, b"");
    until(|| bench.metrics.connections_open.get() == 1).await;
    assert_eq!(bench.metrics.connections_panicked.get(), 1);
    assert!(echoes(&mut good, b"c").await);
    bench.stop().await;
}

#[tokio::test]
async fn a_stop_drains_and_then_cuts_off() {
    let bench =
        Bench::start(bole_net::listener::Config { drain_timeout: Duration::from_millis(50), ..config() })
            .await;
    let address = bench.address;
    let mut polite = TcpStream::connect(address).await.unwrap();
    let mut stubborn = TcpStream::connect(address).await.unwrap();
    assert!(echoes(&mut polite, b"a").await && echoes(&mut stubborn, b"#").await);
    assert_eq!(bench.stop().await, Drained { finished: 1, aborted: 1 });
    assert_eq!(rest(&mut polite).await, b".");
    assert_eq!(rest(&mut stubborn).await, b"");
    assert!(TcpStream::connect(address).await.is_err(), "a stopped listener still accepts");
}
