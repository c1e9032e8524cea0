//! The stores: each takes a batch with the number that comes next, makes everything durable, gets, and scans in pages.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bole_base::{Epoch, LogId, Offset, RealDisk};
use bole_ordered::{Config, Direction, Maintenance, Mutations, PageLimits, Partition, Range, Store};
use bole_shard::durable::Stand;
use fjall::KeyspaceCreateOptions;
use redb::{Durability, ReadableDatabase, TableDefinition};

const CACHE_BYTES: u64 = 32 << 20;
const MEMTABLE_BYTES: u64 = 32 << 20;
const PAGE: usize = 100;
const PARTITION: Partition = Partition::new(1);
const STAND: &[u8] = b"\0stand";
const TABLE: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("table");

/// A store by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Bole's.
    Ordered,
    /// With its own journal.
    Fjall,
    /// A copy-on-write tree.
    Redb,
}

pub(super) const KINDS: [Kind; 3] = [Kind::Ordered, Kind::Fjall, Kind::Redb];

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ordered => "bole-ordered",
            Self::Fjall => "fjall",
            Self::Redb => "redb",
        }
    }
}

pub(super) trait Contender {
    /// A batch of puts and the number `next`.
    fn put(&mut self, next: u64, keys: &mut dyn Iterator<Item = [u8; 20]>, value: &[u8]) -> Result<()>;
    /// Makes everything durable.
    fn persist(&mut self) -> Result<()>;
    /// The value's length.
    fn get(&mut self, key: &[u8]) -> Result<Option<usize>>;
    /// Reads everything, a page after the other; how many entries there are.
    fn scan(&mut self) -> Result<u64>;
    /// Waits for work in the background, and drops what the cache has for free from writing.
    fn rest(&mut self) -> Result<()>;
    fn disk_bytes(&self) -> Result<u64>;
}

pub(super) fn open(kind: Kind, folder: &Path) -> Result<Box<dyn Contender>> {
    Ok(match kind {
        Kind::Ordered => Box::new(Ordered::open(folder)?),
        Kind::Fjall => Box::new(Fjall::open(folder)?),
        Kind::Redb => Box::new(Redb::open(folder)?),
    })
}

struct Ordered {
    _upkeep: Maintenance,
    store: Store,
}

impl Ordered {
    fn open(folder: &Path) -> Result<Self> {
        let config = Config { cache_bytes: CACHE_BYTES, memtable_bytes: MEMTABLE_BYTES, ..Config::default() };
        let store = Store::open(Arc::new(RealDisk), folder, LogId(16), config)?;
        Ok(Self { _upkeep: Maintenance::start(&store)?, store })
    }
}

impl Contender for Ordered {
    fn put(&mut self, next: u64, keys: &mut dyn Iterator<Item = [u8; 20]>, value: &[u8]) -> Result<()> {
        let mut mutations = Mutations::new();
        let value = bytes::Bytes::copy_from_slice(value);
        keys.for_each(|key| mutations.put(PARTITION, key.to_vec(), value.clone()));
        while !self.store.ready() {
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(self.store.write(&mutations, Stand { epoch: Epoch(1), next: Offset(next) })?)
    }
    fn persist(&mut self) -> Result<()> {
        self.store.persist()?;
        Ok(())
    }
    fn get(&mut self, key: &[u8]) -> Result<Option<usize>> {
        Ok(self.store.snapshot().get(PARTITION, key)?.map(|value| value.len()))
    }
    fn scan(&mut self) -> Result<u64> {
        let (mut rest, mut count) = (Some(Range::all(PARTITION)), 0);
        while let Some(range) = rest.take() {
            let page = self.store.snapshot().page(&range, Direction::Forward, PageLimits::entries(PAGE))?;
            count += page.entries.len() as u64;
            rest = page.rest(range, Direction::Forward);
        }
        Ok(count)
    }
    fn rest(&mut self) -> Result<()> {
        while self.store.maintain()? {}
        Ok(())
    }
    fn disk_bytes(&self) -> Result<u64> {
        Ok(self.store.status().disk_bytes)
    }
}

struct Fjall {
    database: fjall::Database,
    keyspace: fjall::Keyspace,
}

impl Fjall {
    fn open(folder: &Path) -> Result<Self> {
        let database = fjall::Database::builder(folder)
            .cache_size(CACHE_BYTES)
            .worker_threads(1)
            .manual_journal_persist(true)
            .open()?;
        let options = || {
            KeyspaceCreateOptions::default()
                .manual_journal_persist(true)
                .max_memtable_size(MEMTABLE_BYTES / 2)
        };
        let keyspace = database.keyspace("keys", options)?;
        Ok(Self { database, keyspace })
    }
}

impl Contender for Fjall {
    fn put(&mut self, next: u64, keys: &mut dyn Iterator<Item = [u8; 20]>, value: &[u8]) -> Result<()> {
        let mut batch = self.database.batch();
        keys.for_each(|key| batch.insert(&self.keyspace, key, value));
        batch.insert(&self.keyspace, STAND, next.to_be_bytes());
        Ok(batch.commit()?)
    }
    fn persist(&mut self) -> Result<()> {
        Ok(self.database.persist(fjall::PersistMode::SyncAll)?)
    }
    fn get(&mut self, key: &[u8]) -> Result<Option<usize>> {
        Ok(self.keyspace.get(key)?.map(|value| value.len()))
    }
    fn scan(&mut self) -> Result<u64> {
        let (mut after, mut count) = (STAND.to_vec(), 0);
        loop {
            let from = (std::ops::Bound::Excluded(after.clone()), std::ops::Bound::Unbounded);
            let mut page = 0;
            for entry in self.keyspace.range::<Vec<u8>, _>(from).take(PAGE) {
                let (key, _value) = entry.into_inner()?;
                after = key.to_vec();
                page += 1;
            }
            count += page;
            if page < PAGE as u64 {
                return Ok(count);
            }
        }
    }
    fn rest(&mut self) -> Result<()> {
        while self.database.outstanding_flushes() > 0 || self.database.active_compactions() > 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
    fn disk_bytes(&self) -> Result<u64> {
        Ok(self.database.disk_space()?)
    }
}

struct Redb {
    database: redb::Database,
    path: std::path::PathBuf,
}

impl Redb {
    fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("redb");
        // It has no memtables: their bytes go to its cache, which holds what is not durable, too.
        let cache = (CACHE_BYTES + MEMTABLE_BYTES) as usize;
        let database = redb::Builder::new().set_cache_size(cache).create(&path)?;
        let write = database.begin_write()?;
        write.open_table(TABLE)?;
        write.commit()?;
        Ok(Self { database, path })
    }

    fn commit(
        &self,
        durability: Durability,
        change: impl FnOnce(&mut redb::Table<'_, &'static [u8], &'static [u8]>) -> Result<()>,
    ) -> Result<()> {
        let mut write = self.database.begin_write()?;
        write.set_durability(durability)?;
        let mut table = write.open_table(TABLE)?;
        change(&mut table)?;
        drop(table);
        Ok(write.commit()?)
    }
}

impl Contender for Redb {
    fn put(&mut self, next: u64, keys: &mut dyn Iterator<Item = [u8; 20]>, value: &[u8]) -> Result<()> {
        self.commit(Durability::None, |table| {
            for key in keys {
                table.insert(&key[..], value)?;
            }
            table.insert(STAND, &next.to_be_bytes()[..])?;
            Ok(())
        })
    }
    fn persist(&mut self) -> Result<()> {
        self.commit(Durability::Immediate, |_| Ok(()))
    }
    fn get(&mut self, key: &[u8]) -> Result<Option<usize>> {
        let table = self.database.begin_read()?.open_table(TABLE)?;
        Ok(table.get(key)?.map(|value| value.value().len()))
    }
    fn scan(&mut self) -> Result<u64> {
        let (mut after, mut count) = (STAND.to_vec(), 0);
        loop {
            let table = self.database.begin_read()?.open_table(TABLE)?;
            let from = (std::ops::Bound::Excluded(&after[..]), std::ops::Bound::Unbounded);
            let mut page = 0;
            let mut last = Vec::new();
            for entry in table.range::<&[u8]>(from)?.take(PAGE) {
                let (key, _value) = entry?;
                last = key.value().to_vec();
                page += 1;
            }
            count += page;
            if page < PAGE as u64 {
                return Ok(count);
            }
            after = last;
        }
    }
    fn rest(&mut self) -> Result<()> {
        Ok(())
    }
    fn disk_bytes(&self) -> Result<u64> {
        Ok(std::fs::metadata(&self.path)?.len())
    }
}
