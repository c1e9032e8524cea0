//! CLIENT KILL is complete when its reply can be read: the victim's socket is closed, whatever the victim was doing, so that a
//! client that looks before it sends notices and connects again.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bole_keyspace::service::Service;

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server accepts");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout is taken");
    stream
}

/// Sends `command` and reads as many bytes as `expected` has.
fn exchange(stream: &mut TcpStream, command: &str, expected: &str) {
    stream.write_all(format!("{command}\r\n").as_bytes()).expect("the server reads");
    let mut reply = vec![0; expected.len()];
    stream.read_exact(&mut reply).expect("a reply");
    assert_eq!(String::from_utf8_lossy(&reply), expected, "{command}");
}

/// The end of the connection is there to be read, without waiting for it.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).expect("a socket");
    let mut rest = [0; 4096];
    loop {
        match stream.read(&mut rest) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A client that has sent `command` and does what it does by now.
fn victim(address: SocketAddr, service: &Service, command: &str) -> (TcpStream, u64) {
    let mut stream = connect(address);
    stream.write_all(format!("{command}\r\n").as_bytes()).expect("the server reads");
    let own = stream.local_addr().expect("it is connected");
    loop {
        let found = service.clients.all().into_iter().find(|client| client.peer == own);
        if let Some(client) = found
            && client.last_command.load(std::sync::atomic::Ordering::Acquire) != u32::MAX
        {
            return (stream, client.id);
        }
        std::thread::yield_now();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_client_sees_its_end_before_the_killer_reads_the_reply() {
    let (address, service) = support::start().await;
    let rounds = move || {
        let mut killer = connect(address);
        let large = "x".repeat(1 << 20);
        exchange(
            &mut killer,
            &format!("*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n${}\r\n{large}", large.len()),
            "+OK\r\n",
        );
        for round in 0..40 {
            for command in [
                "PING",
                "BLPOP nothing 0",
                "SUBSCRIBE channel",
                "WAIT 1 0",
                "DEBUG SLEEP 1000",
                // Replies that it does not read fill its socket.
                &"GET large\r\n".repeat(20),
                // Half a command.
                "PING\r\n*2\r\n$3\r\nGET",
            ] {
                let (mut stream, id) = victim(address, &service, command);
                if round % 2 == 0 {
                    exchange(&mut killer, &format!("CLIENT KILL ID {id}"), ":1\r\n");
                } else {
                    exchange(&mut killer, "MULTI", "+OK\r\n");
                    exchange(&mut killer, &format!("CLIENT KILL ID {id}"), "+QUEUED\r\n");
                    exchange(&mut killer, "EXEC", "*1\r\n:1\r\n");
                }
                assert!(is_closed(&mut stream), "{command} in round {round}");
                assert!(service.clients.get(id).is_none(), "{command} in round {round}");
            }
        }
    };
    tokio::task::spawn_blocking(rounds).await.expect("it holds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_kills_one_another_does_not_wait_for_ever() {
    let (address, service) = support::start().await;
    let rounds = move || {
        for _ in 0..200 {
            let (mut first, first_id) = victim(address, &service, "PING");
            let (mut second, second_id) = victim(address, &service, "PING");
            first.write_all(format!("CLIENT KILL ID {second_id}\r\n").as_bytes()).expect("the server reads");
            // It may be gone by now.
            let _gone = second.write_all(format!("CLIENT KILL ID {first_id}\r\n").as_bytes());
            while service.clients.get(first_id).is_some() && service.clients.get(second_id).is_some() {
                std::thread::yield_now();
            }
        }
    };
    let rounds = tokio::task::spawn_blocking(rounds);
    tokio::time::timeout(Duration::from_mins(1), rounds).await.expect("no wait for ever").expect("it holds");
}
