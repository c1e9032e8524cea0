//! A listener with an echo handler, and what the tests wait with.

use std::net::SocketAddr;
use std::time::Duration;

use bole_net::listener::Config;
use bole_net::{Connection, ConnectionLimit, Drained, Listener, Metrics, ServiceMetrics, Stopper};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::JoinHandle;

/// Nothing on loopback takes longer; what does has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("within the tests' patience")
}

pub(crate) async fn until(condition: impl Fn() -> bool) {
    soon(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

pub(crate) struct Bench {
    pub(crate) address: SocketAddr,
    pub(crate) metrics: ServiceMetrics,
    pub(crate) stopper: Stopper,
    pub(crate) serving: JoinHandle<Drained>,
}

pub(crate) fn config() -> Config {
    Config::new(ConnectionLimit::new(100), ConnectionLimit::new(100))
}

impl Bench {
    pub(crate) async fn start(config: Config) -> Self {
        let listener = Listener::bind("echo", "echo.listen", "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (stopper, shutdown) = Stopper::new();
        let metrics = Metrics::new().service("echo");
        let address = listener.local();
        let serving = tokio::spawn(listener.serve(config, metrics.clone(), shutdown, echo));
        Self { address, metrics, stopper, serving }
    }

    pub(crate) async fn stop(self) -> Drained {
        self.stopper.stop();
        let drained = soon(self.serving).await.unwrap();
        assert_eq!(self.metrics.connections_open.get(), 0);
        drained
    }
}

/// Answers bytes with themselves; panics at `!`; at a stop says `.` and ends, unless it was told `#` before.
async fn echo(connection: Connection) {
    let Connection { mut stream, shutdown, .. } = connection;
    let mut requested = std::pin::pin!(shutdown.requested());
    let mut buffer = [0; 64];
    let mut stays = false;
    loop {
        tokio::select! {
            () = &mut requested, if !stays => {
                let _ = stream.write_all(b".").await;
                return;
            }
            read = stream.read(&mut buffer) => {
                let Ok(length @ 1..) = read else { return };
                let bytes = &buffer[..length];
                assert!(!bytes.contains(&b'!'), "told to");
                stays |= bytes.contains(&b'#');
                if stream.write_all(bytes).await.is_err() {
                    return;
                }
                let _ = stream.flush().await;
            }
        }
    }
}

/// Says `bytes` and hears them again.
pub(crate) async fn echoes(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), bytes: &[u8]) -> bool {
    let mut heard = vec![0; bytes.len()];
    soon(async {
        stream.write_all(bytes).await.is_ok()
            && stream.flush().await.is_ok()
            && stream.read_exact(&mut heard).await.is_ok()
            && heard == bytes
    })
    .await
}

/// All that is said until the end of the stream; a reset counts as its end.
pub(crate) async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut heard = Vec::new();
    let _ = soon(stream.read_to_end(&mut heard)).await;
    heard
}
