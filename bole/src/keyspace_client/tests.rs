//! Cells against a server that is not well. A whole node stands behind them in the tests of the program.

use super::*;
use tokio::net::TcpListener;

fn cells(address: String) -> KeyspaceCells {
    KeyspaceCells::new(Login { address, database: 0, credentials: None })
}

/// A server that answers each connection's first request with `answer`, and closes it then.
async fn server(answers: Vec<&'static [u8]>) -> KeyspaceCells {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback is there");
    let address = listener.local_addr().expect("it listens").to_string();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.expect("it listens");
            let mut bytes = [0; 1_024];
            let _ = stream.read(&mut bytes).await;
            let _ = stream.write_all(answer).await;
        }
    });
    cells(address)
}

#[tokio::test]
async fn a_connection_that_was_closed_is_made_anew() {
    let cells = server(vec![b"$1\r\na\r\n", b"$1\r\nb\r\n"]).await;
    assert_eq!(cells.read(b"k").await, Ok(Some(b"a".to_vec())));
    assert_eq!(cells.read(b"k").await, Ok(Some(b"b".to_vec())));
}

#[tokio::test]
async fn what_is_not_well_is_unavailable() {
    for (answer, part) in [
        (b"-NOAUTH who\r\n".as_slice(), "NOAUTH"),
        (b"", "unexpected end of file"),
        (b"*0\r\n", "unknown kind"),
        (b"+OK\r\n+OK\r\n", "more than one"),
    ] {
        let error = server(vec![answer]).await.read(b"k").await.expect_err("it is not well");
        assert!(error.to_string().contains(part), "{error}");
    }
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("loopback is there");
    let address = closed.local_addr().expect("it listens").to_string();
    drop(closed);
    assert!(matches!(cells(address).read(b"k").await, Err(Error::Unavailable(_))));
}
