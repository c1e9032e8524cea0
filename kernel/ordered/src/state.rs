//! A state of a service on an ordered store: the service says what its effects put and delete, and writes no store code.

use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};

use bole_base::{Disk, LogId, Offset};
use bole_log::PayloadKind;
use bole_shard::ApplyError;
use bole_shard::durable::{Durable, Persister, Stand};

use crate::{Config, Error, Maintenance, Mutations, Overlay, Store};

/// What a service supplies.
pub trait Effects: Send + Sync + 'static {
    /// One change.
    type Effect: Send + 'static;

    /// The number and version of the effect's layout in the log.
    fn kind(effect: &Self::Effect) -> (PayloadKind, u8);
    /// Appends the effect's payload to `out`.
    fn encode(effect: &Self::Effect, out: &mut Vec<u8>);
    /// Reads a payload back. Must survive any bytes; bounded memory.
    fn decode(kind: PayloadKind, version: u8, payload: &[u8]) -> Result<Self::Effect, ApplyError>;
    /// What the effect does. A function of the effect alone: it is asked several times, here and on followers. What it depends on is decided before
    /// it is pushed, under the lock, with [`Mutations::check`].
    fn mutations(effect: &Self::Effect, out: &mut Mutations);
    /// Whether it makes room, and so is taken on a full disk.
    fn frees(_effect: &Self::Effect) -> bool {
        false
    }
}

/// A state on an ordered store, for a `DurableShard`.
pub struct OrderedState<E: Effects> {
    /// How to open it again.
    place: Place,
    open: Result<Opened, String>,
    effects: PhantomData<fn() -> E>,
}

struct Place {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    log: LogId,
    config: Config,
    with_thread: bool,
}

struct Opened {
    /// Ends before the store goes.
    _upkeep: Option<Maintenance>,
    store: Store,
}

impl<E: Effects> OrderedState<E> {
    /// Opens the store of log `log` in `folder`, or makes one there, and starts the thread that does its upkeep. A damaged one is kept as it
    /// is, for the shard to ask for a rebuild. Blocks on the disk.
    ///
    /// Errors: `Refused`, `Full`, `Io`: the node cannot start like this.
    pub fn open(disk: Arc<dyn Disk>, folder: &Path, log: LogId, config: Config) -> Result<Self, Error> {
        Self::open_with(disk, folder, log, config, true)
    }

    /// As [`OrderedState::open`], without the thread: the caller does the upkeep, with [`Store::maintain`], step by step.
    pub fn open_by_hand(
        disk: Arc<dyn Disk>,
        folder: &Path,
        log: LogId,
        config: Config,
    ) -> Result<Self, Error> {
        Self::open_with(disk, folder, log, config, false)
    }

    fn open_with(
        disk: Arc<dyn Disk>,
        folder: &Path,
        log: LogId,
        config: Config,
        with_thread: bool,
    ) -> Result<Self, Error> {
        let place = Place { disk, folder: folder.to_owned(), log, config, with_thread };
        let open = match place.open() {
            Ok(opened) => Ok(opened),
            Err(Error::Damaged { folder, reason }) => Err(format!("{}: {reason}", folder.display())),
            Err(error) => return Err(error),
        };
        Ok(Self { place, open, effects: PhantomData })
    }

    /// The store. Errors: `Damaged` if there is none, because it waits to be rebuilt.
    pub fn store(&self) -> Result<&Store, Error> {
        match &self.open {
            Ok(opened) => Ok(&opened.store),
            Err(reason) => Err(Error::damaged(&self.place.folder, reason.clone())),
        }
    }

    fn mutations(effect: &E::Effect) -> Mutations {
        let mut mutations = Mutations::new();
        E::mutations(effect, &mut mutations);
        mutations
    }
}

impl Place {
    fn open(&self) -> Result<Opened, Error> {
        let store = Store::open(Arc::clone(&self.disk), &self.folder, self.log, self.config)?;
        let upkeep = self.with_thread.then(|| Maintenance::start(&store)).transpose();
        let upkeep = upkeep.map_err(|error| Error::io(&self.folder, &error))?;
        Ok(Opened { _upkeep: upkeep, store })
    }

    /// Where a store that was replaced is kept: what a rebuild did not bring back can be looked for there. One at most.
    fn replaced(&self) -> PathBuf {
        let mut name = self.folder.as_os_str().to_owned();
        name.push(".replaced");
        name.into()
    }
}

impl<E: Effects> Durable for OrderedState<E> {
    type Effect = E::Effect;
    type Overlay = Overlay;

    fn kind(effect: &E::Effect) -> (PayloadKind, u8) {
        E::kind(effect)
    }

    fn encode(effect: &E::Effect, out: &mut Vec<u8>) {
        E::encode(effect, out);
    }

    fn decode(kind: PayloadKind, version: u8, payload: &[u8]) -> Result<E::Effect, ApplyError> {
        E::decode(kind, version, payload)
    }

    fn show(overlay: &mut Overlay, offset: Offset, effect: &E::Effect) {
        overlay.show(offset, Self::mutations(effect));
    }

    fn hide(overlay: &mut Overlay, offset: Offset, effect: &E::Effect) {
        overlay.hide(offset, Self::mutations(effect));
    }

    fn stand(&self) -> Stand {
        self.open.as_ref().map_or_else(|_| Stand::default(), |opened| opened.store.stand())
    }

    fn apply(&mut self, stand: Stand, effect: Option<&E::Effect>) -> io::Result<()> {
        let mutations = effect.map(Self::mutations).unwrap_or_default();
        Ok(self.store()?.write(&mutations, stand)?)
    }

    fn ready(&self) -> bool {
        self.open.as_ref().map_or(true, |opened| opened.store.ready())
    }

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        self.open.as_ref().map_or(Poll::Ready(()), |opened| opened.store.poll_ready(context))
    }

    fn room(&self, effect: &E::Effect) -> Result<(), String> {
        match &self.open {
            Ok(opened) if !E::frees(effect) => opened.store.room(),
            _ => Ok(()),
        }
    }

    fn persister(&self) -> Persister {
        match self.store() {
            Ok(store) => {
                let store = store.clone();
                Box::new(move || Ok(store.persist()?))
            }
            Err(error) => Box::new(move || Err(error.into())),
        }
    }

    fn broken(&self) -> Option<String> {
        self.open.as_ref().err().cloned()
    }

    fn place(&self) -> String {
        self.place.folder.display().to_string()
    }

    fn reset(&mut self) -> io::Result<()> {
        // Closes it, if it is open.
        self.open = Err("it is being rebuilt".to_owned());
        let (folder, replaced) = (&self.place.folder, self.place.replaced());
        match std::fs::remove_dir_all(&replaced) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::rename(folder, &replaced)?;
        if let Some(parent) = folder.parent() {
            self.place.disk.sync_dir(parent)?;
        }
        tracing::warn!(folder = %folder.display(), kept = %replaced.display(), "an ordered store makes place for a new one");
        self.open = Ok(self.place.open()?);
        Ok(())
    }

    fn memory_bytes(&self) -> u64 {
        self.open.as_ref().map_or(0, |opened| {
            let status = opened.store.status();
            status.memtable_bytes + status.cache_bytes + status.pinned_bytes
        })
    }
}
