//! Real sockets: UDP, TCP, TLS, HTTPS, and their end.

use crate::answers::ZONE;
use crate::service::parts;
use crate::support::question;
use bole_geodns::config::{Config, Transfer};
use bole_geodns::geo::Prefix;
use bole_geodns::service::origin::Given;
use bole_geodns::{Doors, Service};
use bole_net::{Drained, Stopper};
use hickory_proto::op::{Message, ResponseCode};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

const STATIC: &str = "origin = \"static.example\"\n[records]\n\"@\" = { NS = \"ns.example.net.\" }\nwww = { A = \"192.0.2.1\" }\n";

fn local() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

struct Running {
    service: Arc<Service>,
    address: SocketAddr,
    tls: SocketAddr,
    https: SocketAddr,
    roots: RootCertStore,
    stopper: Stopper,
    task: tokio::task::JoinHandle<Drained>,
    _folder: tempfile::TempDir,
}

async fn run() -> Running {
    run_with(Duration::from_mins(1)).await
}

async fn run_with(idle_timeout: Duration) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = Config {
        listen: vec![local()],
        tls_listen: Some(local()),
        https_listen: Some(local()),
        certificate: Some((certificate, key)),
        udp_sockets: 2,
        transfers: vec![Transfer { from: vec![Prefix::parse("127.0.0.1").unwrap()], ..Transfer::default() }],
        idle_timeout,
        ..Config::default()
    };
    let service = Service::open(config, parts()).unwrap();
    service.put(&Given::document("one", ZONE)).unwrap();
    service.put(&Given::document("two", STATIC)).unwrap();
    let doors: Doors = service.bind().await.unwrap();
    let (address, tls, https) =
        (doors.addresses()[0], doors.tls_address().unwrap(), doors.https_address().unwrap());
    let (stopper, shutdown) = Stopper::new();
    let task = tokio::spawn(doors.serve(shutdown));
    Running { service, address, tls, https, roots, stopper, task, _folder: folder }
}

async fn secure(
    running: &Running,
    address: SocketAddr,
    protocol: &[u8],
) -> tokio_rustls::client::TlsStream<TcpStream> {
    let mut config =
        ClientConfig::builder().with_root_certificates(running.roots.clone()).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), message: &[u8]) {
    stream.write_u16(message.len() as u16).await.unwrap();
    stream.write_all(message).await.unwrap();
}

async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Message> {
    let length = stream.read_u16().await?;
    let mut bytes = vec![0; length as usize];
    stream.read_exact(&mut bytes).await?;
    Ok(Message::from_vec(&bytes).unwrap())
}

fn two() -> Vec<u8> {
    question("two.example.com.", "A", None).to_vec().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_door_gives_the_same_answer() {
    let running = run().await;
    let socket = UdpSocket::bind(local()).await.unwrap();
    let mut buffer = [0; 2_000];
    // Many ports, so that each of the sockets gets some.
    for _ in 0..16 {
        let other = UdpSocket::bind(local()).await.unwrap();
        other.send_to(&two(), running.address).await.unwrap();
        let length = other.recv(&mut buffer).await.unwrap();
        assert_eq!(Message::from_vec(&buffer[..length]).unwrap().answers.len(), 2);
    }
    for junk in [&b""[..], b"x", &[0xFF; 600]] {
        socket.send_to(junk, running.address).await.unwrap();
    }
    let mut tcp = TcpStream::connect(running.address).await.unwrap();
    let mut tls = secure(&running, running.tls, b"dot").await;
    for _ in 0..3 {
        // Several at once, answered in order.
        for _ in 0..5 {
            send(&mut tcp, &two()).await;
            send(&mut tls, &two()).await;
        }
        for _ in 0..5 {
            assert_eq!(receive(&mut tcp).await.unwrap().answers.len(), 2);
            assert_eq!(receive(&mut tls).await.unwrap().answers.len(), 2);
        }
    }
    send(&mut tcp, &question("static.example.", "AXFR", None).to_vec().unwrap()).await;
    assert_eq!(receive(&mut tcp).await.unwrap().answers.len(), 4);
    send(&mut tcp, &question("example.com.", "AXFR", None).to_vec().unwrap()).await;
    assert_eq!(receive(&mut tcp).await.unwrap().metadata.response_code, ResponseCode::Refused);
    let mut long = TcpStream::connect(running.address).await.unwrap();
    long.write_all(&[0xFF, 0xFF, 0, 0]).await.unwrap();
    assert!(receive(&mut long).await.is_err(), "a message that is too long ends the connection");
    assert_eq!(running.service.metrics.panics.get(), 0);
    running.stopper.stop();
    assert_eq!(running.task.await.unwrap().aborted, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_silent_is_let_go() {
    let running = run_with(Duration::from_millis(50)).await;
    let mut tcp = TcpStream::connect(running.address).await.unwrap();
    assert!(receive(&mut tcp).await.is_err());
    running.stopper.stop();
    running.task.await.unwrap();
}

async fn request(running: &Running, head: &str, body: &[u8]) -> (String, Vec<u8>) {
    let mut stream = secure(running, running.https, b"http/1.1").await;
    let text = format!("{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut all = Vec::new();
    // A close without close_notify is the end all the same.
    drop(stream.read_to_end(&mut all).await);
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    (String::from_utf8_lossy(&all[..end]).to_lowercase(), all[end + 4..].to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_come_by_https() {
    let running = run().await;
    let post = "POST /dns-query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/dns-message";
    let (head, body) = request(&running, post, &two()).await;
    assert!(
        head.starts_with("http/1.1 200") && head.contains("content-type: application/dns-message"),
        "{head}"
    );
    assert!(head.contains("cache-control: max-age=300"), "{head}");
    assert_eq!(Message::from_vec(&body).unwrap().answers.len(), 2);
    // The message of two.example.com, whose id is 4711, in base64url.
    let text = bole_geodns::zone::rdata::encode_base64(&two()).replace('+', "-").replace('/', "_");
    let get = format!("GET /dns-query?dns={} HTTP/1.1\r\nHost: localhost", text.trim_end_matches('='));
    let (head, body) = request(&running, &get, &[]).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_eq!(Message::from_vec(&body).unwrap().answers.len(), 2);
    let rows = [
        (post.replace("/dns-query", "/other"), 404),
        (post.replace("Host: localhost", "Host: evil.example"), 421),
        (post.replace("Host: localhost", "Host: localhost\r\nOrigin: https://evil.example"), 403),
        (post.replace("dns-message", "json"), 415),
        (post.replace("POST", "PUT"), 405),
        (post.replace("Host: localhost", "Host: localhost\r\nAccept: text/html"), 406),
        ("GET /dns-query HTTP/1.1\r\nHost: localhost".to_owned(), 400),
    ];
    for (head, status) in rows {
        let (answer, _) = request(&running, &head, &two()).await;
        assert!(answer.starts_with(&format!("http/1.1 {status}")), "{head}: {answer}");
    }
    let (answer, _) = request(&running, post, &[0; 5_000]).await;
    assert!(answer.starts_with("http/1.1 413"), "{answer}");
    running.stopper.stop();
    running.task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn secondaries_are_told_of_each_change_until_they_answer() {
    let secondary = UdpSocket::bind(local()).await.unwrap();
    let notify = vec![secondary.local_addr().unwrap()];
    let config = Config { listen: vec![local()], notify, ..Config::default() };
    let service = Service::open(config, parts()).unwrap();
    let doors = service.bind().await.unwrap();
    let (stopper, shutdown) = Stopper::new();
    let task = tokio::spawn(doors.serve(shutdown));
    let mut buffer = [0; 600];
    let put = |serial: u32| {
        service.put(&Given { serial_least: Some(serial), ..Given::document("static", STATIC) }).unwrap();
    };
    service.put(&Given::document("pools", ZONE)).unwrap();
    put(3_000_000_000);
    // The first message is not answered, and comes again.
    let (mut last, mut again) = (Vec::new(), 0);
    while again < 2 {
        let (length, from) = secondary.recv_from(&mut buffer).await.unwrap();
        let message = Message::from_vec(&buffer[..length]).unwrap();
        assert_eq!(message.metadata.op_code, hickory_proto::op::OpCode::Notify);
        assert_eq!(
            message.queries[0].to_string(),
            "static.example. IN SOA",
            "a zone with pools has no whole"
        );
        again += 1;
        last = buffer[..length].to_vec();
        if again == 2 {
            last[2] |= 0x80;
            secondary.send_to(&last, from).await.unwrap();
        }
    }
    put(3_000_000_001);
    let (length, from) = secondary.recv_from(&mut buffer).await.unwrap();
    assert_ne!(buffer[..2], last[..2], "a message of its own");
    buffer[2] |= 0x80;
    secondary.send_to(&buffer[..length], from).await.unwrap();
    stopper.stop();
    task.await.unwrap();
}
