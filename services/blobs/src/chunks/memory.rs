//! Chunks in memory: for tests of what stands on chunks, which may damage them, take room away, and make syncs fail.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{ChunkId, Error, Home, Upload};

/// The chunks. Clones share them.
#[derive(Clone, Default)]
pub struct Memory {
    state: Arc<Mutex<State>>,
}

struct State {
    chunks: BTreeMap<ChunkId, Vec<u8>>,
    room: u64,
}

impl Default for State {
    fn default() -> Self {
        Self { chunks: BTreeMap::new(), room: u64::MAX }
    }
}

impl Memory {
    /// Lets in no more than so many bytes from now on.
    pub fn set_room(&self, bytes: u64) {
        self.state.lock().room = bytes;
    }

    /// Changes the bytes of a chunk, if there is one.
    pub fn damage(&self, id: ChunkId, change: impl FnOnce(&mut Vec<u8>)) {
        self.state.lock().chunks.get_mut(&id).map(change);
    }

    /// Bytes of all chunks.
    pub fn bytes(&self) -> u64 {
        self.state.lock().chunks.values().map(|chunk| chunk.len() as u64).sum()
    }
}

impl State {
    fn take(&mut self, bytes: u64) -> Result<(), Error> {
        let left = self.room.checked_sub(bytes);
        self.room = left.ok_or(Error::Full { needed: bytes, free: self.room, reserve: 0 })?;
        Ok(())
    }
}

impl Home for Memory {
    fn create(&self, id: ChunkId, bytes: u64) -> Result<Box<dyn Upload>, Error> {
        let mut state = self.state.lock();
        if state.room < bytes {
            return Err(Error::Full { needed: bytes, free: state.room, reserve: 0 });
        }
        if state.chunks.insert(id, Vec::new()).is_some() {
            return Err(Error::Failed(format!("chunk {id} is there already")));
        }
        Ok(Box::new(MemoryUpload { state: Arc::clone(&self.state), id, finished: false }))
    }

    fn read(&self, id: ChunkId, from: u64, bytes: usize, out: &mut Vec<u8>) -> Result<(), Error> {
        let state = self.state.lock();
        let chunk = state.chunks.get(&id).ok_or(Error::Missing(id))?;
        let from = (from as usize).min(chunk.len());
        out.extend_from_slice(&chunk[from..chunk.len().min(from + bytes)]);
        Ok(())
    }

    fn remove(&self, id: ChunkId) -> Result<(), Error> {
        let mut state = self.state.lock();
        let freed = state.chunks.remove(&id).map_or(0, |chunk| chunk.len() as u64);
        state.room = state.room.saturating_add(freed);
        Ok(())
    }

    fn list(&self, place: u8) -> Result<Vec<ChunkId>, Error> {
        Ok(self.state.lock().chunks.keys().copied().filter(|id| id.place() == place).collect())
    }
}

struct MemoryUpload {
    state: Arc<Mutex<State>>,
    id: ChunkId,
    finished: bool,
}

impl Upload for MemoryUpload {
    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut state = self.state.lock();
        state.take(bytes.len() as u64)?;
        let chunk = state.chunks.get_mut(&self.id).ok_or(Error::Missing(self.id))?;
        chunk.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        self.finished = true;
        Ok(())
    }
}

impl Drop for MemoryUpload {
    fn drop(&mut self) {
        if !self.finished {
            let mut state = self.state.lock();
            let freed = state.chunks.remove(&self.id).map_or(0, |chunk| chunk.len() as u64);
            state.room = state.room.saturating_add(freed);
        }
    }
}
