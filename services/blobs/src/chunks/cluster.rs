//! Chunks as objects of any S3 cluster: `PREFIX/XX/<id>`, with the same bytes as a file of this node has.
//!
//! A chunk that fits into one part is one request; a longer one is a multipart upload, which nobody sees before it is complete. What a killed process left incomplete is in no list,
//! so the cluster's bucket needs a lifecycle rule that aborts incomplete uploads. Requests that fail in passing are tried again by the client itself, within its own limits.
//!
//! Each call waits for the network in its thread, while the request runs on the runtime that the home was given. So it may be made by a thread of that runtime that may block, also
//! within a task there, but not by its only thread.

use std::io;
use std::sync::{Arc, mpsc};

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

    /// Makes a request, and waits for it in this thread. Errors: the runtime ends.
    pub(super) fn ask<T, F>(
        &self,
        what: &str,
        request: impl FnOnce(Arc<dyn ObjectStore>) -> F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        wait(&self.runtime, what, request(Arc::clone(&self.store)))
    }

    fn folder(&self, place: u8) -> Path {
        self.prefix.child(format!("{place:02x}"))
    }

    fn path(&self, id: ChunkId) -> Path {
        self.folder(id.place()).child(id.to_string())
    }

    /// Whether `from` is at or beyond the end, where clusters refuse a range.
    fn is_beyond(&self, id: ChunkId, from: u64) -> bool {
        let path = self.path(id);
        let found = self.ask("a look", |store| async move { store.head(&path).await });
        found.is_ok_and(|found| found.is_ok_and(|meta| meta.size <= from))
    }
}

/// Runs what asks the cluster on the runtime, and waits for it in this thread.
fn wait<T: Send + 'static>(
    runtime: &Handle,
    what: &str,
    request: impl Future<Output = T> + Send + 'static,
) -> Result<T, Error> {
    let (send, receive) = mpsc::sync_channel(1);
    runtime.spawn(async move {
        // Who waits is there until it comes.
        let _ = send.send(request.await);
    });
    let ends = |_| Error::Io { what: what.to_owned(), error: io::Error::other("the node stops") };
    receive.recv().map_err(ends)
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
        let (path, range) = (self.path(id), from..from + bytes as u64);
        let what = format!("read of chunk {id}");
        match self.ask(&what, |store| async move { store.get_range(&path, range).await })? {
            Ok(found) => {
                out.extend_from_slice(&found);
                Ok(())
            }
            Err(object_store::Error::NotFound { .. }) => Err(Error::Missing(id)),
            Err(_) if self.is_beyond(id, from) => Ok(()),
            Err(error) => Err(failure(what, id, error)),
        }
    }

    fn remove(&self, id: ChunkId) -> Result<(), Error> {
        let (path, what) = (self.path(id), format!("removal of chunk {id}"));
        match self.ask(&what, |store| async move { store.delete(&path).await })? {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failure(what, id, error)),
        }
    }

    fn list(&self, place: u8) -> Result<Vec<ChunkId>, Error> {
        let folder = self.folder(place);
        let what = format!("list of {folder}");
        let ids = move |store: Arc<dyn ObjectStore>| async move {
            let ids = store.list(Some(&folder)).try_filter_map(|meta| {
                let id = meta.location.filename().and_then(|name| name.parse::<ChunkId>().ok());
                std::future::ready(Ok(id.filter(|id| id.place() == place)))
            });
            ids.try_collect().await
        };
        let listed: Result<_, object_store::Error> = self.ask(&what, ids)?;
        listed.map_err(|error| Error::Io { what, error: io::Error::other(error) })
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
        failure(self.what(), self.id, error)
    }

    fn what(&self) -> String {
        format!("write of chunk {}", self.id)
    }

    /// Asks for something of the multipart upload, which is begun if there is none. Given up, it is not there any more.
    fn with_multipart<T, F>(
        &mut self,
        request: impl FnOnce(Box<dyn MultipartUpload>) -> F + Send + 'static,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = (Box<dyn MultipartUpload>, object_store::Result<T>)> + Send,
    {
        let (begun, path) = (self.multipart.take(), self.home.path(self.id));
        let asked = self.home.ask(&self.what(), |store| async move {
            let multipart = match begun {
                Some(multipart) => multipart,
                None => store.put_multipart(&path).await?,
            };
            Ok(request(multipart).await)
        })?;
        let (multipart, done) = asked.map_err(|error| self.failure(error))?;
        self.multipart = Some(multipart);
        done.map_err(|error| self.failure(error))
    }

    fn send_part(&mut self) -> Result<(), Error> {
        let part = PutPayload::from(Bytes::from(std::mem::take(&mut self.part)));
        self.with_multipart(|mut multipart| async move {
            let sent = multipart.put_part(part).await;
            (multipart, sent)
        })
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
        if self.multipart.is_none() {
            let bytes = PutPayload::from(Bytes::from(std::mem::take(&mut self.part)));
            let path = self.home.path(self.id);
            let put = self.home.ask(&self.what(), |store| async move { store.put(&path, bytes).await })?;
            return put.map(drop).map_err(|error| self.failure(error));
        }
        if !self.part.is_empty() {
            self.send_part()?;
        }
        self.with_multipart(|mut multipart| async move {
            let completed = multipart.complete().await;
            (multipart, completed)
        })?;
        // It is complete, so there is nothing to give up.
        self.multipart = None;
        Ok(())
    }
}

impl Drop for ClusterUpload {
    fn drop(&mut self) {
        let Some(mut multipart) = self.multipart.take() else { return };
        let aborted = wait(&self.home.runtime, &self.what(), async move { multipart.abort().await });
        if !matches!(aborted, Ok(Ok(()))) {
            tracing::debug!(chunk = %self.id, ?aborted, "a chunk that was given up could not be aborted");
        }
    }
}
