//! Chunks of several homes behind one: rows say in which each is. With one home nothing is asked.

use std::sync::Arc;

use bole_ordered::View;

use super::{Result, Shard};
use crate::chunks::homes::{HomeNumber, Homes, Stored};
use crate::chunks::{self, ChunkId, Home, Opened, Upload};
use crate::rows::keys::{self, CHUNKS, GARBAGE};
use crate::rows::{Kept, values};

/// What operations and bodies see of the homes.
pub(super) fn routed(shard: &Arc<Shard>, homes: &Arc<Homes>) -> Arc<dyn Home> {
    match homes.only() {
        Some(home) => Arc::clone(home),
        None => Arc::new(Routed { shard: Arc::clone(shard), homes: Arc::clone(homes) }),
    }
}

struct Routed {
    shard: Arc<Shard>,
    homes: Arc<Homes>,
}

impl Routed {
    /// Where a chunk is. One that no row knows was written a moment ago, and is where new ones go.
    fn find(&self, id: ChunkId) -> Result<HomeNumber> {
        let locked = self.shard.lock()?;
        let view = View::of(&locked)?;
        if let Some(row) = view.get(CHUNKS, &keys::chunk(id))? {
            return Ok(values::decode::<Kept>(&row).map_err(super::Error::Row)?.home);
        }
        // A body that was deleted and is still read.
        for (home, _) in self.homes.all() {
            if view.get(GARBAGE, &keys::garbage(Stored { id, home }))?.is_some() {
                return Ok(home);
            }
        }
        Ok(self.homes.current())
    }

    fn home_of(&self, id: ChunkId) -> Result<(HomeNumber, &Arc<dyn Home>), chunks::Error> {
        let number = self.find(id).map_err(|error| chunks::Error::Io {
            what: format!("look for the home of chunk {id}"),
            error: std::io::Error::other(error.to_string()),
        })?;
        Ok((number, self.homes.get(number)?))
    }

    /// Asks the home of a chunk, and again where it is meanwhile if it moved since the look.
    fn where_it_is<T>(
        &self,
        id: ChunkId,
        mut ask: impl FnMut(&dyn Home) -> Result<T, chunks::Error>,
    ) -> Result<T, chunks::Error> {
        let (number, home) = self.home_of(id)?;
        match ask(&**home) {
            Err(chunks::Error::Missing(_)) => match self.home_of(id)? {
                (now, home) if now != number => ask(&**home),
                _ => Err(chunks::Error::Missing(id)),
            },
            answer => answer,
        }
    }

    fn current(&self) -> Result<&Arc<dyn Home>, chunks::Error> {
        self.homes.get(self.homes.current())
    }
}

impl Home for Routed {
    fn create(&self, id: ChunkId, bytes: u64) -> Result<Box<dyn Upload>, chunks::Error> {
        self.current()?.create(id, bytes)
    }

    fn read(&self, id: ChunkId, from: u64, bytes: usize, out: &mut Vec<u8>) -> Result<(), chunks::Error> {
        self.where_it_is(id, |home| home.read(id, from, bytes, out))
    }

    fn open(&self, id: ChunkId) -> Result<Option<Box<dyn Opened>>, chunks::Error> {
        self.where_it_is(id, |home| home.open(id))
    }

    /// Of a chunk that no row names: what was given up. Others are removed where rows say.
    fn remove(&self, id: ChunkId) -> Result<(), chunks::Error> {
        self.current()?.remove(id)
    }

    fn list(&self, place: u8) -> Result<Vec<ChunkId>, chunks::Error> {
        self.current()?.list(place)
    }

    fn upload_bytes(&self, bytes: u64) -> u64 {
        self.current().map_or(0, |home| home.upload_bytes(bytes))
    }

    fn blocks_at_once(&self) -> u64 {
        self.homes.all().map(|(_, home)| home.blocks_at_once()).max().unwrap_or(1)
    }
}
