//! The state of the service: one shard on an ordered store, its changes and reads.
//!
//! An operation is a function over a [`Plan`], with no I/O of its own: it reads rows, refuses or decides, and says which rows are put and deleted. [`Blobs::change`]
//! runs it under the shard's lock, logs what it decided as one entry, and waits until that is durable; [`Blobs::read`] runs one that decides nothing,
//! and waits until what it saw is durable (promise P2), also where that is a refusal. An operation may be run more than once, when the journal has no room the first time; only the last run counts.
//!
//! What happened is told to those who listen, in the same batch ([`crate::events`]): the streams' shards are locked around the try that asks them.
//!
//! Reading order: [`plan`] → this file → [`holds`].
//!
//! # Invariants
//! - Nothing waits under the lock, but for a block of the store that is not cached.
//! - A body's chunks are durable before the entry that names them is pushed.
//! - Holds are taken and compared under the shard's lock.

mod error;
pub mod holds;
mod homes;
pub mod plan;

use std::future::poll_fn;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bole_base::{Disk, Durability, LogId, Position};
use bole_catalog::{Catalog, NewDataset};
use bole_log::entry::ENTRY_HEADER_BYTES;
use bole_ordered::{OrderedState, View};
use bole_shard::durable::{DurableLocked, DurableShard};
use bole_shard::participant::Request;
use bole_shard::participant::riders::{Riders, Route, Taken};
use bole_shard::{Hosted, Runtime, Transaction};
use parking_lot::Mutex;

pub use error::Error;
pub use plan::Plan;

use crate::chunks::homes::Homes;
use crate::chunks::{ChunkId, Home};
use crate::counters::Counters;
use crate::entry::{Entry, Kind, Rows};
use crate::events::{self, Asker, Streams};
use crate::limits::OVERLAY_BYTES_MAX;
use crate::objects::bodies::NewBody;
use crate::rows::keys;
use crate::rows::values::{self, Counter};
use crate::rules::lifecycle::Day;
use holds::Holds;

/// The result of an operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The shard.
pub type Shard = DurableShard<OrderedState<Rows>>;

/// The dataset that all buckets are in.
pub const DATASET: &str = "default/blobs/objects";

/// Numbers of chunks that an opening sets aside for itself: more than it can write.
const CHUNK_COUNTERS: u64 = 1 << 32;

/// How the state is kept.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Memory and files of the ordered store.
    pub store: bole_ordered::Config,
    /// Bytes of changes that are not in the store yet.
    pub overlay_bytes_max: usize,
    /// When a change is acknowledged: `sync` or `async`.
    pub durability: Durability,
    /// Whether the store's upkeep has a thread; without one, the caller does it.
    pub with_thread: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store: bole_ordered::Config::default(),
            overlay_bytes_max: OVERLAY_BYTES_MAX,
            durability: Durability::Sync,
            with_thread: true,
        }
    }
}

/// Opens the shard and takes it into the runtime, before that recovers. Makes the dataset if there is none. Blocks on the disk.
/// Errors: those of catalog and store, as a sentence for the operator.
pub async fn host(
    runtime: &Runtime,
    catalog: &Catalog,
    disk: Arc<dyn Disk>,
    folder: &Path,
    config: Config,
) -> Result<Arc<Shard>, String> {
    let known = |catalog: &Catalog| {
        let dataset = catalog.read(|state| state.dataset(DATASET).cloned());
        dataset.map_err(|error| error.to_string())
    };
    if known(catalog)?.is_none() {
        let new =
            NewDataset { name: DATASET.to_owned(), shards: 1, attributes: std::collections::BTreeMap::new() };
        catalog.create(&[new]).await.map_err(|error| error.to_string())?;
    }
    let log = known(catalog)?.and_then(|dataset| dataset.logs().next());
    let log: LogId = log.ok_or_else(|| format!("the catalog has no log for {DATASET}"))?;
    let open = if config.with_thread { OrderedState::open } else { OrderedState::open_by_hand };
    let state = open(disk, folder, log, config.store).map_err(|error| error.to_string())?;
    let shard = Arc::new(DurableShard::new(log, format!("{DATASET}#0"), state, config.overlay_bytes_max));
    runtime.host(Arc::clone(&shard) as Arc<dyn Hosted>).map_err(|error| error.to_string())?;
    Ok(shard)
}

/// The open state: what the protocol calls. Clones are the same state.
#[derive(Clone)]
pub struct Blobs(Arc<Inner>);

struct Inner {
    runtime: Arc<Runtime>,
    shard: Arc<Shard>,
    homes: Arc<Homes>,
    /// All of them, as one.
    home: Arc<dyn Home>,
    durability: Durability,
    holds: Arc<Holds>,
    /// The numbers of chunks that this opening has set aside, as far as they are not given out.
    chunk_numbers: Mutex<std::ops::Range<u64>>,
    around: Around,
    counters: Counters,
    /// Where in the journal the last change ends of what decides who may do what. What was allowed by it is shown after it.
    governed: AtomicU64,
}

/// What the state has around it.
#[derive(Default)]
pub struct Around {
    /// How long lifecycle's days are.
    pub day: Day,
    /// Where events go; without, nobody can listen.
    pub streams: Option<Streams>,
}

/// What an operation returned, and where what it changed or saw ends in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed<T> {
    /// The operation's own.
    pub value: T,
    /// Whether something was changed.
    pub is_change: bool,
    /// Not to be shown to anybody before this is durable.
    pub position: Position,
}

/// What a plan comes to.
enum Decided {
    Nothing,
    /// A stream has no room, or its shard is to be locked before this one.
    Wait,
    /// The entry, and what is told of it.
    Entry(Entry, Taken),
}

/// What came of a try to append.
enum Tried<T> {
    Done(Placed<T>),
    /// There was not enough room.
    Again,
    Refused(Error, Position),
}

impl Blobs {
    /// The state over a shard that was hosted and recovered.
    pub fn new(
        runtime: Arc<Runtime>,
        shard: Arc<Shard>,
        home: Arc<dyn Home>,
        durability: Durability,
    ) -> Self {
        Self::with_homes(runtime, shard, Homes::local(home), durability, Around::default())
    }

    /// As [`Blobs::new`], with chunks in several homes, and with what is around it.
    pub fn with_homes(
        runtime: Arc<Runtime>,
        shard: Arc<Shard>,
        homes: Homes,
        durability: Durability,
        around: Around,
    ) -> Self {
        let homes = Arc::new(homes);
        let home = homes::routed(&shard, &homes);
        let (holds, chunk_numbers, counters) = (Arc::default(), Mutex::new(0..0), Counters::default());
        Self(Arc::new(Inner {
            runtime,
            shard,
            homes,
            home,
            durability,
            holds,
            chunk_numbers,
            around,
            counters,
            governed: AtomicU64::default(),
        }))
    }

    /// How long lifecycle's days are.
    pub fn day(&self) -> Day {
        self.0.around.day
    }

    /// Where events go, if they go anywhere.
    pub fn streams(&self) -> Option<&Streams> {
        self.0.around.streams.as_ref()
    }

    /// What was done so far.
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// The homes of chunks.
    pub fn homes(&self) -> &Homes {
        &self.0.homes
    }

    /// Where chunks are, whichever home each is in.
    pub fn home(&self) -> &Arc<dyn Home> {
        &self.0.home
    }

    /// The chunks that readers hold.
    pub fn holds(&self) -> &Arc<Holds> {
        &self.0.holds
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.0.runtime
    }

    pub(crate) fn shard(&self) -> &Shard {
        &self.0.shard
    }

    /// Runs an operation that changes rows, and waits until that is durable. `asker`: who asks, for events. `bytes`:
    /// about how many will be logged; more may be.
    /// Errors: after `Unsure` it may be found changed; after all others nothing was.
    pub async fn change<'a, T>(
        &self,
        asker: impl Into<Asker<'a>>,
        bytes: usize,
        decide: impl FnMut(&mut Plan<'_>) -> Result<T>,
    ) -> Result<T> {
        let placed = self.append(asker, bytes, decide).await?;
        self.durable(placed.position).await?;
        Ok(placed.value)
    }

    /// As [`Blobs::change`], without waiting until it is durable: then the caller does, with [`Blobs::durable`], before it tells anybody.
    pub async fn append<'a, T>(
        &self,
        asker: impl Into<Asker<'a>>,
        bytes: usize,
        mut decide: impl FnMut(&mut Plan<'_>) -> Result<T>,
    ) -> Result<Placed<T>> {
        let Inner { runtime, shard, around, .. } = &*self.0;
        let asker = asker.into();
        let mut transaction = runtime.transaction();
        let (mut wanted, mut route) = (bytes, Route::default());
        loop {
            shard.admit(&mut transaction, wanted).await?;
            // The locks are within a plain function, so that no future has them while it waits.
            match self.try_append(&mut transaction, &mut wanted, &mut route, &asker, &mut decide)? {
                Tried::Done(placed) => return Ok(placed),
                Tried::Again => {}
                // A refusal shows what is there, too.
                Tried::Refused(error, position) => {
                    self.reached(position).await?;
                    return Err(error);
                }
            }
            if let Some(streams) = &around.streams {
                route.wait(&*streams.participant).await?;
            }
        }
    }

    /// One try under the locks, with the room that the transaction has. `wanted` becomes what the batch needs.
    fn try_append<T>(
        &self,
        transaction: &mut Transaction,
        wanted: &mut usize,
        route: &mut Route,
        asker: &Asker<'_>,
        decide: &mut impl FnMut(&mut Plan<'_>) -> Result<T>,
    ) -> Result<Tried<T>> {
        let Inner { runtime, shard, durability, around, .. } = &*self.0;
        let streams = around.streams.as_ref();
        let mut riders = streams.map(|streams| Riders::before(&*streams.participant, shard.id(), route));
        let mut locked = shard.lock()?;
        let decided = {
            let mut plan = self.plan(&locked, asker.requester)?;
            decide(&mut plan)
                .and_then(|value| Ok((value, self.decided(plan, asker, riders.as_mut(), route)?)))
        };
        let (value, entry, taken) = match decided {
            Ok((value, Decided::Entry(entry, taken))) => (value, entry, taken),
            Ok((_, Decided::Wait)) => return Ok(Tried::Again),
            Ok((value, Decided::Nothing)) => {
                return Ok(Tried::Done(Placed { value, is_change: false, position: locked.position() }));
            }
            Err(error) => return Ok(Tried::Refused(error, locked.position())),
        };
        transaction.set_time(runtime.tick());
        let needed = entry.bytes() + ENTRY_HEADER_BYTES + taken.bytes;
        *wanted = needed.max(*wanted);
        let happens = |kinds: &[Kind]| entry.happened.iter().any(|happened| kinds.contains(&happened.kind));
        let changes_settings = happens(&[Kind::SettingChanged]);
        let changes_buckets = happens(&[Kind::SettingChanged, Kind::BucketCreated, Kind::BucketDeleted]);
        // The shard's own push is the last that may fail, and the first.
        let pushed =
            transaction.reserve_record(needed).and_then(|()| locked.push(transaction, *durability, entry));
        match pushed {
            Err(bole_shard::Error::Wait { .. }) => return Ok(Tried::Again),
            pushed => pushed?,
        }
        if let Some(riders) = &mut riders {
            riders.push(transaction)?;
        }
        let position = transaction.append().map_err(Error::Unsure)?;
        locked.appended(position);
        if let Some(riders) = &mut riders {
            riders.appended(position);
        }
        self.0.counters.told(&taken);
        // Under the lock still: who looks sees both or neither.
        if changes_settings {
            self.0.counters.settings_changed();
        }
        if changes_buckets {
            self.0.governed.fetch_max(position.0, Ordering::Relaxed);
            self.0.counters.buckets_changed();
        }
        Ok(Tried::Done(Placed { value, is_change: true, position }))
    }

    /// What a plan comes to, with those who hear of it locked.
    fn decided<'s>(
        &'s self,
        mut plan: Plan<'_>,
        asker: &Asker<'_>,
        riders: Option<&mut Riders<'s>>,
        route: &mut Route,
    ) -> Result<Decided> {
        let asked = plan.take_asked();
        let Some(riders) = riders else {
            let entry = plan.into_entry(0)?;
            return Ok(entry.map_or(Decided::Nothing, |entry| Decided::Entry(entry, Taken::default())));
        };
        let must: Vec<Request> = asked.clone();
        let mut requests = events::told(&plan, asker)?;
        requests.extend(asked);
        let taken = match riders.take(requests, self.0.runtime.journal(), route) {
            Err(bole_shard::Error::Wait { .. }) => return Ok(Decided::Wait),
            taken => taken?,
        };
        for (request, error) in &taken.left_out {
            if must.contains(request) {
                return Err(events::unreachable(request, error).into());
            }
        }
        let entry = plan.into_entry(taken.bytes)?;
        Ok(entry.map_or(Decided::Nothing, |entry| Decided::Entry(entry, taken)))
    }

    /// Runs an operation that changes nothing, and waits until what it saw is durable: not for writes to other rows.
    pub async fn read<T>(&self, look: impl FnOnce(&Plan<'_>) -> Result<T>) -> Result<T> {
        let seen = self.see(look)?;
        self.reached(seen.position).await?;
        seen.value
    }

    /// As [`Blobs::read`], for what nobody is told of unless it is a refusal: only that waits (promise P2).
    pub async fn prepare<T>(&self, look: impl FnOnce(&Plan<'_>) -> Result<T>) -> Result<T> {
        let seen = self.see(look)?;
        if seen.value.is_err() {
            self.reached(seen.position).await?;
        }
        seen.value
    }

    /// What a look finds, and up to where the journal is to be durable before anybody is told: all that the shard appended, where it saw a row that may not be durable;
    /// else what decides who may do what.
    fn see<T>(&self, look: impl FnOnce(&Plan<'_>) -> Result<T>) -> Result<Placed<Result<T>>> {
        let seen = self.look(|plan| {
            let value = look(plan);
            Ok((value, plan.saw_pending()))
        })?;
        let (value, is_pending) = seen.value;
        let governed = Position(self.0.governed.load(Ordering::Relaxed));
        let position = if is_pending { seen.position } else { governed };
        Ok(Placed { value, is_change: false, position })
    }

    /// As [`Blobs::read`], without waiting until what it saw is durable.
    pub fn look<T>(&self, look: impl FnOnce(&Plan<'_>) -> Result<T>) -> Result<Placed<T>> {
        let locked = self.0.shard.lock()?;
        let plan = self.plan(&locked, None)?;
        let value = look(&plan)?;
        Ok(Placed { value, is_change: false, position: locked.position() })
    }

    /// Waits until the journal is durable up to `position`, in the state's class.
    /// Errors: `Unsure`.
    pub async fn durable(&self, position: Position) -> Result<()> {
        self.reached(position).await.map_err(Error::Unsure)
    }

    async fn reached(&self, position: Position) -> Result<(), bole_shard::Error> {
        let journal = self.0.runtime.journal();
        Ok(poll_fn(|context| journal.poll_reached(self.0.durability, position, context)).await?)
    }

    /// Removes the chunk of a body whose operation was refused. Not of one that may have happened (`Error::may_have_happened`). Blocks; what cannot be
    /// removed now is swept after the next start.
    pub fn give_up(&self, body: &NewBody) {
        if let Some(written) = body.written()
            && let Err(error) = self.0.home.remove(written.id)
        {
            tracing::warn!(chunk = %written.id, %error, "a chunk that was given up stays until the next start");
        }
    }

    fn plan<'a>(
        &'a self,
        locked: &'a DurableLocked<'_, OrderedState<Rows>>,
        requester: Option<&str>,
    ) -> Result<Plan<'a>> {
        let now = self.0.runtime.clock().now();
        let home = self.0.homes.current();
        Ok(Plan::new(View::of(locked)?, &self.0.holds, locked.next(), now, requester, home))
    }

    /// The id of a chunk that is to be written: one that no chunk ever had. The first of an opening sets numbers aside, durably.
    pub async fn new_chunk(&self) -> Result<ChunkId> {
        loop {
            {
                let epoch = self.0.shard.lock()?.epoch();
                if let Some(counter) = self.0.chunk_numbers.lock().next() {
                    return Ok(ChunkId { epoch, counter });
                }
            }
            let set_aside = |plan: &mut Plan<'_>| {
                let first = plan.row::<Counter>(keys::OWN, keys::CHUNK_COUNTER)?.unwrap_or_default().0;
                let counter = Counter(first + CHUNK_COUNTERS);
                plan.put(keys::OWN, keys::CHUNK_COUNTER, values::encode(&counter));
                plan.housekeeping();
                Ok(first..counter.0)
            };
            let range = self.change(None, 200, set_aside).await?;
            *self.0.chunk_numbers.lock() = range;
        }
    }
}
