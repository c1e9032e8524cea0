//! Buckets of objects as a system of the crash harness.
//!
//! A model beside the state changes in the same step as each append, so that reads and lists can be compared at once, and what they show with how far the journal
//! is when the reply leaves (promise P2).
//!
//! Chunks have two homes, both on the disk that fails. Which one new chunks go to changes from opening to opening, and in some of them chunks move there meanwhile.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bole_base::disk::{read_all, replace_file};
use bole_base::{Disk, Durability, Kind, LogId, Position, RealDisk};
use bole_blobs::chunks::Home;
use bole_blobs::chunks::homes::{HomeNumber, Homes};
use bole_blobs::chunks::local::Local;
use bole_blobs::events::Streams;
use bole_blobs::objects::{buckets, settings};
use bole_blobs::reclaim::Place;
use bole_blobs::seal::ServerKeys;
use bole_blobs::state::{self, Around, Blobs, Error, Plan};
use bole_catalog::Catalog;
use bole_log::{Journal, LocalJournal};
use bole_shard::Runtime;
use bole_shard::participant::Participant;
use bole_shard::participant::suite::FakeTopics;
use bole_testing::Rng;
use bole_testing::harness::{Call, Env, Model as _, Observed, OpenError, Outcome, System};
use bole_testing::process::{TempDir, temp_dir};
use bole_testing::scheduler::{Handle, Turn};

use super::acts::create;
use super::bodies::keys;
use super::model::{BUCKETS, Objects, Op};
use super::upkeep::{spawn_mover, spawn_reclaimer};
use super::{Flaw, audit, listeners, model};
use crate::node::{failed, unopened};
use crate::sink::apart::{Apart, Delivery as _};
use crate::wrap::{LyingDisk, NotingJournal};

pub(super) const OWNER: &str = "owner";
/// On the disk that fails: it says that the folder of rows belongs to this disk.
const MARKER: &str = "rows";

thread_local! {
    /// The folder of rows of the seed that runs on this thread.
    static ROWS: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

/// Open buckets.
pub struct Simulated<const FLAW: u8> {
    pub(super) runtime: Arc<Runtime>,
    pub(super) blobs: Blobs,
    /// Those of the key file.
    pub(super) keys: ServerKeys,
    pub(super) topics: Arc<FakeTopics>,
    /// What events wait in, where they come apart from their entries.
    pub(super) apart: Option<Arc<Apart>>,
    local: Arc<LocalJournal>,
    pub(super) scheduler: Handle,
    pub(super) disk: Arc<bole_testing::FaultDisk>,
    /// Where the recovered journal ended.
    recovered: u64,
    /// What is there; set by `observe`.
    pub(super) live: RefCell<Objects>,
    /// Where in the journal the last change of each key's newest version ends that was made in this opening.
    pub(super) written: RefCell<BTreeMap<model::Place, Position>>,
    /// Whether the sweep after the start is through, which `observe` does.
    swept: Rc<Cell<bool>>,
}

/// The folder of rows: a new one for a new disk.
fn rows_folder(disk: &dyn Disk) -> Result<std::path::PathBuf, OpenError> {
    let marker = Path::new(MARKER);
    let is_known =
        disk.open(marker).and_then(|file| read_all(file.as_ref())).is_ok_and(|bytes| bytes == b"rows");
    ROWS.with_borrow_mut(|rows| {
        if !is_known {
            // Nothing was done on this disk yet that a folder of another seed could be missed for.
            *rows = Some(temp_dir("soak-blobs").map_err(|error| failed(&error))?);
            replace_file(disk, marker, b"rows").map_err(|error| failed(&error))?;
        }
        let folder =
            rows.as_ref().ok_or_else(|| OpenError::Failed("the folder of rows is lost".to_owned()))?;
        Ok(folder.path().join("store"))
    })
}

/// The two homes of chunks.
fn homes<const FLAW: u8>(disk: &Arc<dyn Disk>) -> Result<[Arc<dyn Home>; 2], OpenError> {
    let is_chunk = |name: &str| name.len() == 32;
    let disk = if FLAW == Flaw::CHUNK_UNSYNCED { LyingDisk::about(disk, is_chunk) } else { Arc::clone(disk) };
    let home = |folder: &str| {
        let home = Local::open(Arc::clone(&disk), Path::new(folder), 0);
        home.map(|home| Arc::new(home) as Arc<dyn Home>).map_err(|error| failed(&error))
    };
    Ok([home("chunks")?, home("cluster")?])
}

/// Which of them new chunks go to in an opening.
fn current([first, second]: [Arc<dyn Home>; 2], epoch: u32) -> Homes {
    let current = if epoch % 4 < 2 { HomeNumber::LOCAL } else { HomeNumber::CLUSTER };
    Homes::with_cluster(first, second, current)
}

impl<const FLAW: u8> Simulated<FLAW> {
    /// What removes chunks, and what moves them if it does.
    fn spawn_upkeep(&self, moves: bool, seed: u64) {
        if moves {
            spawn_mover(&self.scheduler, &self.blobs, &self.swept, seed);
        }
        let swept = Rc::clone(&self.swept);
        spawn_reclaimer::<FLAW>(&self.scheduler, &self.blobs, move || !moves || !swept.get(), seed);
    }

    /// Others get a turn.
    pub(super) async fn pause(&self) {
        self.scheduler.sleep(Duration::from_micros(20)).await;
    }

    /// Runs an operation; the model does it in the same step as the append. The reply leaves when it is durable.
    pub(super) async fn change(
        &self,
        op: &Op,
        call: &Call<Objects>,
        decide: impl FnMut(&mut Plan<'_>) -> Result<(), Error>,
    ) -> Result<Option<usize>, Error> {
        let placed = self.blobs.append(Some(OWNER), 300, decide).await?;
        let before = (!placed.is_change).then(|| self.live.borrow().clone());
        if placed.is_change {
            call.placed(placed.position.0);
        }
        let earlier = self.live.borrow().keys.clone();
        let reply = self.live.borrow_mut().apply(op);
        self.note_written(&earlier, placed.position);
        if let Some(apart) = &self.apart {
            self.pause().await;
            apart.deliver().await?;
        }
        if let Some(before) = before {
            assert_eq!(before, *self.live.borrow(), "{op:?} logs nothing, and should change something");
        }
        self.acknowledge(placed.position).await?;
        Ok(placed.is_change.then_some(reply))
    }

    /// Notes what reads see of keys whose newest version is another than before.
    fn note_written(&self, earlier: &model::Keys, position: Position) {
        let live = self.live.borrow();
        for place in earlier.keys().chain(live.keys.keys()) {
            let newest = |keys: &model::Keys| keys.get(place).and_then(|versions| versions.last().cloned());
            if newest(earlier) != newest(&live.keys) {
                self.written.borrow_mut().insert(*place, position);
            }
        }
    }

    pub(super) async fn acknowledge(&self, position: Position) -> Result<(), Error> {
        if FLAW == Flaw::REPLY_EARLY {
            return Ok(());
        }
        self.blobs.durable(position).await?;
        let reached = self.runtime.journal().reached(Durability::Sync);
        assert!(reached >= position, "shown is what ends at {position}, durable is {reached}");
        Ok(())
    }

    async fn set_up(&self) -> Result<(), Error> {
        let make = |plan: &mut Plan<'_>| {
            if buckets::get(plan, BUCKETS[0]).is_ok() {
                return Ok(());
            }
            for name in BUCKETS {
                buckets::create(plan, &create(name))?;
                settings::put(plan, name, &listeners::everybody_hears(name))?;
                settings::put(plan, name, &listeners::all_expire())?;
            }
            buckets::set_versioning(plan, BUCKETS[2], true)
        };
        self.blobs.change(None, 4_000, make).await?;
        self.put_sources().await
    }

    /// Rows fit each other; and after all that may go went, chunks fit rows. Where the disk does not let chunks go, they are not looked at.
    async fn audit(&self) -> Result<(), String> {
        let looked = self.blobs.look(|plan| Ok(audit::check_rows(plan)));
        looked.map_err(|error| error.to_string())?.value?;
        let mut place = Place::default();
        loop {
            match self.blobs.reclaim(&mut place).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == Kind::Full || self.disk.is_off() => return Ok(()),
                Err(error) => return Err(error.to_string()),
            }
        }
        for place in 0..=u8::MAX {
            match self.blobs.sweep(place) {
                Ok(_) => {}
                Err(_) if self.disk.is_off() => return Ok(()),
                Err(error) => return Err(error.to_string()),
            }
        }
        audit::check_leaks(&self.blobs)
    }
}

/// How a node stops whose checkpoint failed for good. Nothing trims the journal then, and who waits for room would wait for ever: the power fails with the next thing that is done.
fn stop(disk: &Arc<bole_testing::FaultDisk>) -> impl Fn() + use<> {
    let disk = Arc::clone(disk);
    move || {
        let next = disk.counters().changes + 1;
        disk.set_faults(|faults| faults.power_off_at = Some(next));
        drop(disk.create(Path::new("stopped")));
    }
}

fn ended(error: &Error) -> Outcome<usize> {
    if error.may_have_happened() {
        Outcome::Unknown(error.to_string())
    } else {
        Outcome::Refused(error.to_string())
    }
}

impl<const FLAW: u8> System for Simulated<FLAW> {
    type Model = Objects;
    const NAME: &'static str = "blobs";

    fn operation(rng: &mut Rng, _client: usize) -> Op {
        Op::draw(rng)
    }

    async fn open(env: Env) -> Result<Rc<Self>, OpenError> {
        let disk: Arc<dyn Disk> = env.disk.clone();
        let clock: Arc<dyn bole_base::Clock> = env.clock.clone();
        let folder = rows_folder(&*disk)?;
        let config = crate::system::journal_config();
        let local = LocalJournal::open(Arc::clone(&disk), Arc::clone(&clock), Path::new("journal"), config);
        let local = Arc::new(local.map_err(|error| unopened(&error))?);
        let recovered = local.wal().positions().end.0;
        env.recovered(recovered);
        crate::system::add_actors(&env.scheduler, &local);
        let journal: Arc<dyn Journal> = Arc::new(NotingJournal::new(Arc::clone(&local)));
        let settings = bole_shard::runtime::Config {
            retained_bytes_max: crate::system::RETAINED_BYTES_MAX,
            ..Default::default()
        };
        let homes = homes::<FLAW>(&disk)?;
        let runtime = Arc::new(Runtime::new(journal, disk, clock, "checkpoints".into(), settings));
        let catalog = Catalog::host(Arc::clone(&runtime)).map_err(|error| failed(&error))?;
        runtime.recover(&[LogId::CATALOG]).await.map_err(|error| failed(&error))?;
        let config = state::Config {
            store: bole_ordered::Config::small(),
            overlay_bytes_max: 24 << 10,
            durability: Durability::Sync,
            with_thread: false,
        };
        let shard = state::host(&runtime, &catalog, Arc::new(RealDisk), &folder, config).await;
        let shard = shard.map_err(OpenError::Failed)?;
        let topics = FakeTopics::host(&runtime, &listeners::TOPICS, Durability::Sync)
            .map_err(|error| failed(&error))?;
        let topics = Arc::new(topics);
        let store = shard.lock().map_err(|error| failed(&error))?.store().store().cloned();
        let store = store.map_err(|error| failed(&error))?;
        let upkeep = move || if matches!(store.maintain(), Ok(true)) { Turn::Worked } else { Turn::Idle };
        env.scheduler.add_actor("upkeep", upkeep);
        runtime.recover(&[]).await.map_err(|error| failed(&error))?;
        for shard in runtime.status() {
            if let Some(reason) = shard.quarantined {
                return Err(OpenError::Failed(format!("shard {} is quarantined: {reason}", shard.name)));
            }
        }
        let epoch = shard.lock().map_err(|error| failed(&error))?.epoch().0;
        let homes = current(homes, epoch);
        let real = Arc::clone(&topics) as Arc<dyn Participant>;
        let apart = (FLAW == Flaw::EVENTS_APART)
            .then(|| Arc::new(Apart::new(Arc::clone(&real), Arc::clone(&runtime))));
        let participant = apart.clone().map_or(real, |apart| apart as Arc<_>);
        let streams = Some(Streams { participant, may_write: Box::new(|_, _| true) });
        let around = Around { streams, ..Around::default() };
        let blobs = Blobs::with_homes(Arc::clone(&runtime), shard, homes, Durability::Sync, around);
        let system = Rc::new(Self {
            runtime,
            blobs,
            keys: keys::<FLAW>(epoch),
            topics,
            apart,
            local,
            scheduler: env.scheduler.clone(),
            disk: env.disk,
            recovered,
            live: RefCell::default(),
            written: RefCell::default(),
            swept: Rc::default(),
        });
        system.set_up().await.map_err(|error| failed(&error))?;
        let stop = stop(&system.disk);
        crate::system::spawn_checkpoints_or(&env.scheduler, &system.runtime, env.seed, stop);
        system.spawn_upkeep(epoch % 2 == 1, env.seed);
        Ok(system)
    }

    async fn run(self: Rc<Self>, op: Op, call: Call<Objects>) -> Outcome<usize> {
        let done = match &op {
            Op::Put(place, mode, body) | Op::PutNew(place, mode, body) => {
                self.put(&op, *place, (*mode, body), &call).await
            }
            Op::Upload(..) => self.upload(&op, &call).await,
            Op::Copy(..) => self.copy(&op, &call).await,
            Op::Delete(..) | Op::DeleteVersion(..) | Op::DeleteAll(_) => self.delete(&op, &call).await,
            Op::Expire(bucket) => self.expire(&op, *bucket, &call).await,
            Op::Versioning(enabled) => {
                self.change(&op, &call, |plan| buckets::set_versioning(plan, BUCKETS[1], *enabled)).await
            }
            Op::Get(place, range) => self.get(*place, range).await.map(|()| None),
            Op::List(bucket) => self.list(*bucket).await.map(|()| None),
        };
        done.map_or_else(|error| ended(&error), Outcome::Done)
    }

    async fn observe(self: Rc<Self>) -> Result<Observed<Objects>, String> {
        self.audit().await?;
        let state = self.see().await?;
        *self.live.borrow_mut() = state.clone();
        self.swept.set(true);
        Ok(Observed { state, reached: Some(self.recovered) })
    }

    async fn close(self: Rc<Self>) -> Result<(), String> {
        self.runtime.checkpoint_all().await.map_err(|error| error.to_string())?;
        self.local.close().map_err(|error| error.to_string())
    }
}
