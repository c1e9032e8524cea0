//! A whole registry in the test's process: real connections on a port of the system's choice, on a journal in memory.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bole_base::{LogId, RealDisk, SystemClock};
use bole_log::MemoryJournal;
use bole_net::limits::ConnectionLimit;
use bole_net::listener::{Config as ListenerConfig, Listener};
use bole_net::metrics::Metrics;
use bole_net::safety::HostOriginGuard;
use bole_net::shutdown::Stopper;
use bole_schemas::access::Authenticator;
use bole_schemas::service::Parts;
use bole_schemas::store::Store;
use bole_schemas::{Config, Service, door};
use bole_shard::{Runtime, runtime};

/// A running registry; stops when it is dropped.
pub(crate) struct Registry {
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
    _stopper: Stopper,
}

impl Registry {
    pub(crate) fn start(authenticator: Arc<dyn Authenticator>) -> Self {
        let tokio =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let folder = std::env::temp_dir().join("bole-schemas-no-checkpoints");
        let journal = Arc::new(MemoryJournal::new());
        let clock = Arc::new(SystemClock::new());
        let shards = Runtime::new(journal, Arc::new(RealDisk), clock, folder, runtime::Config::default());
        let store =
            Store::host(Arc::new(shards), LogId::FIRST_DATASET, "default/schemas/registry#0").unwrap();
        let guard = HostOriginGuard::default();
        let service = Service::open(Parts { store, config: Config::default(), authenticator, guard });
        let (stopper, token) = Stopper::new();
        let nowhere: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let router = door::router(service);
        let address = tokio.block_on(async {
            let listener = Listener::bind("schemas", "schemas.listen", nowhere).await.unwrap();
            let address = listener.local();
            let config = ListenerConfig::new(ConnectionLimit::new(64), ConnectionLimit::new(64));
            let metrics = Metrics::new().service("schemas");
            tokio::spawn(
                listener
                    .serve(config, metrics, token, move |connection| door::serve(router.clone(), connection)),
            );
            address
        });
        Self { address, _runtime: tokio, _stopper: stopper }
    }

    /// Sends one request with extra header lines; the status, the media type and the body of the answer.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let host = if headers.to_ascii_lowercase().contains("host:") {
            String::new()
        } else {
            format!("host: {}\r\n", self.address)
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\n{host}{headers}connection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        // The registry may answer and close before it has read everything.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) =
            text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{method} {path}: no answer: {text}"));
        let status =
            head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{head}"));
        let kind = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap_or_default();
        (status, kind.to_owned(), body.to_owned())
    }
}
