//! A whole keyspace in the test's process: real connections on a port of the system's choice, on a journal that forgets.

mod service;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bole_base::{Durability, LogId, Offset, Position, RealDisk, SystemClock};
use bole_keyspace::service::Service;
use bole_keyspace::{Config, connection};
use bole_log::{AttachmentId, Batch, EntryRef, Error, Journal, Read};
use bole_shard::Runtime;
use bytes::Bytes;
use service::service_on;

/// Accepts everything and keeps nothing; every append is durable at once.
#[derive(Default)]
struct Forgetful {
    end: AtomicU64,
}

impl Journal for Forgetful {
    fn try_admit(&self, _bytes: u64) -> Result<bool, Error> {
        Ok(true)
    }
    fn poll_admit(&self, _bytes: u64, _context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }
    fn return_admitted(&self, _bytes: u64) {}
    fn batch_cost(&self, batch_bytes: usize) -> u64 {
        batch_bytes as u64
    }
    fn batch_bytes_max(&self) -> usize {
        bole_log::entry::BATCH_BYTES_MAX
    }
    fn append(&self, batch: &Batch) -> Result<Position, Error> {
        let bytes = batch.bytes().len() as u64;
        Ok(Position(self.end.fetch_add(bytes, Ordering::Relaxed) + bytes))
    }
    fn write_queued(&self) -> Result<(), Error> {
        Ok(())
    }
    fn want_sync(&self, _position: Position) {}
    fn settle(&self) -> Result<bool, Error> {
        Ok(true)
    }
    fn reached(&self, _class: Durability) -> Position {
        Position(u64::MAX)
    }
    fn poll_reached(&self, _: Durability, _: Position, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }
    fn replay(&self, _visit: &mut dyn FnMut(&EntryRef<'_>) -> Result<(), Error>) -> Result<(), Error> {
        Ok(())
    }
    fn read(&self, _log: LogId, from: Offset, _bytes_max: usize) -> Result<Read, Error> {
        Ok(Read { gap: None, entries: Vec::new(), next: from })
    }
    fn tail(&self, _log: LogId) -> Offset {
        Offset::ZERO
    }
    fn first(&self, _log: LogId) -> Offset {
        Offset::ZERO
    }
    fn stretch_end(&self, _log: LogId) -> Offset {
        Offset::ZERO
    }
    fn poll_tail(&self, _: LogId, _: Offset, _: &mut Context<'_>) -> Poll<Result<Offset, Error>> {
        Poll::Pending
    }
    fn trim(&self, _log: LogId, _below: Offset) {}
    fn forget(&self, _log: LogId) {}
    fn retained_bytes(&self) -> u64 {
        0
    }
    fn oldest_log(&self) -> Option<LogId> {
        None
    }
    fn seal(&self) -> Result<Position, Error> {
        Err(Error::Sealed)
    }
    fn put_attachment(&self, _bytes: &[u8], _class: Durability) -> Result<AttachmentId, Error> {
        Err(Error::Sealed)
    }
    fn new_attachment(&self, _length: u64) -> Result<u64, Error> {
        Ok(0)
    }
    fn append_with(&self, batch: &Batch, _id: AttachmentId, _bytes: Bytes) -> Result<Position, Error> {
        self.append(batch)
    }
    fn attachment(&self, id: &AttachmentId) -> Result<Bytes, Error> {
        Err(Error::NoAttachment(id.to_string()))
    }
    fn remove_attachment(&self, _id: &AttachmentId) -> Result<(), Error> {
        Ok(())
    }
    fn attachments(&self) -> Result<Vec<AttachmentId>, Error> {
        Ok(Vec::new())
    }
}

/// An empty service with `shards` shards a database, on a journal that forgets.
pub(crate) fn service(shards: u64, config: Config) -> Arc<Service> {
    let journal: Arc<dyn Journal> = Arc::new(Forgetful::default());
    let root = std::env::temp_dir().join("bole-keyspace-tests-write-nothing-here");
    let runtime = Arc::new(Runtime::new(
        journal,
        Arc::new(RealDisk),
        Arc::new(SystemClock::new()),
        root,
        bole_shard::runtime::Config::default(),
    ));
    service_on(runtime, shards, config)
}

/// Serves an empty keyspace until the runtime ends: where to connect, and the service.
pub(crate) async fn start() -> (SocketAddr, Arc<Service>) {
    let service = service(16, Config::default());
    (listen(Arc::clone(&service)).await, service)
}

/// Serves `service` until the runtime ends; where to connect.
pub(crate) async fn listen(service: Arc<Service>) -> SocketAddr {
    tokio::spawn(Arc::clone(&service).run_expiry());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let _unset = stream.set_nodelay(true);
            tokio::spawn(connection::serve(Arc::clone(&service), stream, peer, address));
        }
    });
    address
}
