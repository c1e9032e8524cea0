//! Chunks as objects of any S3 cluster: `PREFIX/XX/<id>`, with the same bytes as a file of this node has.
//!
//! A chunk that fits into one part is one request; a longer one is a multipart upload, which nobody sees before it is complete. What a killed process left incomplete is in no list,
//! so the cluster's bucket needs a lifecycle rule that aborts incomplete uploads. Requests that fail in passing are tried again by the client itself, within its own limits.
//!
//! Each call waits for the network in its thread, on the runtime that the home was given.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, PutPayload};
use tokio::runtime::Handle;

use super::{ChunkId, Error, Home, Upload};

/// Bytes of a part, all but the last: what an upload keeps in memory. Clusters want at least 5 MiB, and at most 10,000 parts: 78 GiB a chunk.
pub const PART_BYTES: usize = 8 << 20;

/// Blocks that are asked for at once: 2 MiB, so that a stream is not slower than 60 MiB a second where a request takes 30 ms.
const BLOCKS_AT_ONCE: u64 = 32;

/// The cluster. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    runtime: Handle,
}

impl Cluster {
    /// Chunks below `prefix` in `store`. Calls come from other threads than the runtime's own.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str, runtime: Handle) -> Self {
        Self { store, prefix: Path::from(prefix), runtime }
    }

    /// Where the mark is that says whose it is.
    pub(super) fn mark(&self) -> Path {
        self.prefix.child("owner")
    }

    pub(super) fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    /// Waits in this thread.
    pub(super) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    fn folder(&self, place: u8) -> Path {
        self.prefix.child(format!("{place:02x}"))
    }

    fn path(&self, id: ChunkId) -> Path {
        self.folder(id.place()).child(id.to_string())
    }

    /// Whether `from` is at or beyond the end, where clusters refuse a range.
    fn is_beyond(&self, id: ChunkId, from: u64) -> bool {
        let found = self.runtime.block_on(self.store.head(&self.path(id)));
        found.is_ok_and(|meta| meta.size <= from)
    }
}

/// What a request that did not succeed means. A write that failed harms only its own chunk: nobody names it.
fn failure(what: String, id: ChunkId, error: object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { .. } => Error::Missing(id),
        other => Error::Io { what, error: io::Error::other(other) },
    }
}

impl Home for Cluster {
    fn create(&self, id: ChunkId, _bytes: u64) -> Result<Box<dyn Upload>, Error> {
        Ok(Box::new(ClusterUpload { home: self.clone(), id, part: Vec::new(), multipart: None }))
    }

    fn read(&self, id: ChunkId, from: u64, bytes: usize, out: &mut Vec<u8>) -> Result<(), Error> {
        let range = from..from + bytes as u64;
        match self.runtime.block_on(self.store.get_range(&self.path(id), range)) {
            Ok(found) => {
                out.extend_from_slice(&found);
                Ok(())
            }
            Err(object_store::Error::NotFound { .. }) => Err(Error::Missing(id)),
            Err(_) if self.is_beyond(id, from) => Ok(()),
            Err(error) => Err(failure(format!("read of chunk {id}"), id, error)),
        }
    }

    fn remove(&self, id: ChunkId) -> Result<(), Error> {
        match self.runtime.block_on(self.store.delete(&self.path(id))) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failure(format!("removal of chunk {id}"), id, error)),
        }
    }

    fn list(&self, place: u8) -> Result<Vec<ChunkId>, Error> {
        let folder = self.folder(place);
        let ids = self.store.list(Some(&folder)).try_filter_map(|meta| {
            let id = meta.location.filename().and_then(|name| name.parse::<ChunkId>().ok());
            std::future::ready(Ok(id.filter(|id| id.place() == place)))
        });
        let io = |error| Error::Io { what: format!("list of {folder}"), error: io::Error::other(error) };
        self.runtime.block_on(ids.try_collect()).map_err(io)
    }

    /// A part that is filled, which is sent from the same memory.
    fn upload_bytes(&self, bytes: u64) -> u64 {
        bytes.min(PART_BYTES as u64)
    }

    fn blocks_at_once(&self) -> u64 {
        BLOCKS_AT_ONCE
    }
}

struct ClusterUpload {
    home: Cluster,
    id: ChunkId,
    /// Bytes that are not sent yet, at most a part.
    part: Vec<u8>,
    multipart: Option<Box<dyn MultipartUpload>>,
}

impl ClusterUpload {
    fn failure(&self, error: object_store::Error) -> Error {
        failure(format!("write of chunk {}", self.id), self.id, error)
    }

    fn send_part(&mut self) -> Result<(), Error> {
        let runtime = self.home.runtime.clone();
        let part = PutPayload::from(Bytes::from(std::mem::take(&mut self.part)));
        if self.multipart.is_none() {
            let begun = runtime.block_on(self.home.store.put_multipart(&self.home.path(self.id)));
            self.multipart = Some(begun.map_err(|error| self.failure(error))?);
        }
        let Some(multipart) = &mut self.multipart else { return Err(Error::Missing(self.id)) };
        let sent = runtime.block_on(multipart.put_part(part));
        sent.map_err(|error| self.failure(error))
    }
}

impl Upload for ClusterUpload {
    fn append(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PART_BYTES - self.part.len()));
            self.part.extend_from_slice(now);
            bytes = later;
            if self.part.len() == PART_BYTES {
                self.send_part()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        let runtime = self.home.runtime.clone();
        if self.multipart.is_none() {
            let bytes = PutPayload::from(Bytes::from(std::mem::take(&mut self.part)));
            let put = runtime.block_on(self.home.store.put(&self.home.path(self.id), bytes));
            return put.map(drop).map_err(|error| self.failure(error));
        }
        if !self.part.is_empty() {
            self.send_part()?;
        }
        let Some(mut multipart) = self.multipart.take() else { return Err(Error::Missing(self.id)) };
        let completed = runtime.block_on(multipart.complete());
        completed.map(drop).map_err(|error| self.failure(error))
    }
}

impl Drop for ClusterUpload {
    fn drop(&mut self) {
        if let Some(mut multipart) = self.multipart.take()
            && let Err(error) = self.home.runtime.block_on(multipart.abort())
        {
            tracing::debug!(chunk = %self.id, %error, "a chunk that was given up could not be aborted");
        }
    }
}
