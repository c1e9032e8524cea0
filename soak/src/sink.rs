//! A write-behind sink under the crash harness: a topic, the group with its position and a database of the keyspace, or a table, on one journal, on a disk that fails.
//!
//! Clients append records; the sink's [`Pump`] runs as a task with pauses and bounds by chance. At any moment, and after every crash, the database must be what the
//! topic's records up to the committed position come to: neither a record more nor one less.

pub mod apart;
mod target;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bole_base::{Disk, Durability, LogId};
use bole_catalog::Catalog;
use bole_log::{Extents, Journal, LocalJournal};
use bole_shard::Runtime;
use bole_shard::participant::upserts::Upserts;
use bole_shard::participant::{Participant, Participants};
use bole_sql::upserts::{Config as UpsertsConfig, Tables};
use bole_streams::advance::Advancer;
use bole_streams::groups::{self, Coordinator};
use bole_streams::partition::Partition;
use bole_streams::partition::append::Terms;
use bole_streams::partition::batch::HEAD_BYTES;
use bole_streams::partition::files::SegmentFiles;
use bole_streams::partition::read::Isolation;
use bole_streams::protocol::batch::Builder;
use bole_streams::settings::Settings;
use bole_streams::sink::pump::{Failure, Parts, Pump};
use bole_streams::sink::{Plan, group_of};
use bole_streams::topics::{NewTopic, Topics, known};
use bole_streams::{hosting, records};
use bole_testing::Rng;
use bole_testing::harness::{Call, Env, Model, Observed, OpenError, Options, Outcome, System};
use bole_testing::scheduler::Handle;

use apart::{Apart, ApartUpserts, Delivery};
use target::{Table, Target, draw};

use crate::node::{failed, host_database, open_over};
use crate::wrap::NotingJournal;

const TOPIC: &str = "t";
const PARTITIONS: usize = 3;
/// Keys of one partition.
const KEYS: u64 = 5;
const TERMS: Terms = Terms { segment_bytes: 3_000, segment_ms: i64::MAX, expected_offset: None };

/// Batches that sinks have committed in this process: a run in which they do nothing proves nothing.
pub static BATCHES: AtomicU64 = AtomicU64::new(0);

/// What a client asks for.
#[derive(Clone, Debug)]
pub enum Op {
    /// Appends a record: partition, key, value.
    Append(usize, u64, Option<Vec<u8>>),
    /// Compares the database with the topic.
    Look,
}

/// A record: key, value.
type Row = (u64, Option<Vec<u8>>);

/// The topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Log([Vec<Row>; PARTITIONS]);

impl Model for Log {
    type Op = Op;
    type Reply = i64;
    type State = Vec<Vec<Row>>;

    fn apply(&mut self, op: &Op) -> i64 {
        let Op::Append(partition, key, value) = op else { return 0 };
        let rows = &mut self.0[*partition];
        rows.push((*key, value.clone()));
        rows.len() as i64 - 1
    }

    fn state(&self) -> Vec<Vec<Row>> {
        self.0.to_vec()
    }
}

/// The size of a seed's run.
pub fn options() -> Options {
    Options { operations_per_client: 80, crash_steps_max: 8_000, ..crate::options() }
}

/// An open topic with its sink. `APART`: with the defect of [`apart`]; `TABLE`: into a table rather than the keyspace.
pub struct Simulated<const APART: bool, const TABLE: bool = false> {
    runtime: Arc<Runtime>,
    groups: Arc<Coordinator>,
    partitions: Arc<[Arc<Partition>]>,
    advancer: Arc<Advancer>,
    local: Arc<LocalJournal>,
    recovered: u64,
    live: RefCell<Log>,
    target: Target,
}

fn key_of(partition: usize, key: u64) -> String {
    format!("{partition}:{key}")
}

impl<const APART: bool, const TABLE: bool> Simulated<APART, TABLE> {
    /// What the group says of a partition.
    fn position(&self, partition: usize) -> Result<Option<i64>, String> {
        let group = group_of(TOPIC);
        let locked = self.groups.shards()[self.groups.shard_of(&group)].lock();
        let locked = locked.map_err(|error| error.to_string())?;
        let offsets = locked.state().group(&group).map(|group| &group.offsets);
        let committed = offsets.and_then(|offsets| offsets.get(TOPIC, partition as i32));
        Ok(committed.map(|committed| committed.offset))
    }

    /// Compares the database with the records up to the position, in one step.
    fn check(&self, log: &Log) -> Result<(), String> {
        for (number, rows) in log.0.iter().enumerate() {
            let position = self.position(number)?.unwrap_or(0) as usize;
            if position > rows.len() {
                return Err(format!(
                    "position {position} of partition {number}, which ends at {}",
                    rows.len()
                ));
            }
            let mut fold: BTreeMap<u64, &Option<Vec<u8>>> = BTreeMap::new();
            fold.extend(rows[..position].iter().map(|(key, value)| (*key, value)));
            for key in 0..KEYS {
                let name = key_of(number, key);
                let (expected, found) =
                    (fold.get(&key).copied().cloned().flatten(), self.target.value(&name)?);
                if found != expected {
                    let text = "the topic's records up to the position say";
                    return Err(format!("{name} is {found:?}; {text} {expected:?} (position {position})"));
                }
            }
        }
        Ok(())
    }

    fn seen(&self) -> Result<Log, String> {
        let mut log = Log::default();
        for (rows, partition) in log.0.iter_mut().zip(self.partitions.iter()) {
            loop {
                let from = rows.len() as i64;
                let read = partition.read(from, Isolation::Uncommitted, 1 << 20);
                let (bounds, found) = read.map_err(|error| error.to_string())?;
                if found.batches.is_empty() {
                    if bounds.next != from {
                        return Err(format!("{} ends at {from}, not {}", partition.name(), bounds.next));
                    }
                    break;
                }
                for batch in &found.batches {
                    for record in records::of(batch).map_err(|error| error.to_string())?.1 {
                        let record = record.map_err(|error| error.to_string())?;
                        let key = record.key.ok_or("a record has no key")?;
                        let (_, key) = std::str::from_utf8(&key)
                            .ok()
                            .and_then(|key| key.split_once(':'))
                            .ok_or("no key")?;
                        let key = key.parse().map_err(|_| "no number")?;
                        rows.push((key, record.value.map(|value| value.to_vec())));
                    }
                }
            }
        }
        Ok(log)
    }

    async fn append(&self, op: &Op, call: &Call<Log>) -> Outcome<i64> {
        let Op::Append(number, key, value) = op else { return Outcome::Done(None) };
        let partition = &self.partitions[*number];
        let mut builder = Builder::new();
        let name = key_of(*number, *key);
        builder.push(1_000, Some(name.as_bytes()), value.as_deref(), &[]);
        let body = builder.build().slice(HEAD_BYTES..);
        let runtime = &self.runtime;
        let mut transaction = runtime.transaction();
        transaction.set_time(runtime.tick());
        let appended = match partition.append(&mut transaction, &body, &TERMS).await {
            Ok(appended) => appended,
            Err(bole_streams::Error::Storage(text)) => return Outcome::Unknown(text),
            Err(error) => return Outcome::Refused(error.to_string()),
        };
        call.placed(appended.position.0);
        let reply = self.live.borrow_mut().apply(op);
        assert_eq!(appended.base_offset, reply, "{op:?} goes to another offset than it should");
        self.advancer.add(partition, appended.position);
        match partition.reached(&**runtime.journal(), appended.position).await {
            Ok(()) => Outcome::Done(Some(reply)),
            Err(error) => Outcome::Unknown(error.to_string()),
        }
    }
}

/// The sink, as a task: with bounds and pauses by chance, and after an error from its committed position.
async fn run_sink(
    handle: Handle,
    mut pump: Pump,
    mut rng: Rng,
    plan: Plan,
    apart: Option<Arc<dyn Delivery>>,
) {
    let Some(target) = plan.target.clone() else { return };
    let mut is_stale = true;
    loop {
        handle.sleep(Duration::from_micros(50 + rng.below(3_000))).await;
        let outcome: Result<(), Failure> = async {
            if is_stale || rng.one_in(20) {
                pump.load().await?;
                is_stale = false;
            }
            let is_full = pump.take(&plan, 1 + rng.index(6))?;
            if is_full || rng.one_in(2) {
                let written = pump.write(&target).await?;
                if let Some(apart) = &apart {
                    apart.deliver().await?;
                }
                BATCHES.fetch_add(u64::from(written.records > 0), Ordering::Relaxed);
            }
            Ok(())
        }
        .await;
        match outcome {
            Ok(()) => {}
            Err(Failure::Record(text)) => panic!("the sink stands: {text}"),
            Err(failure) => {
                handle.event(format_args!("the sink tries again: {failure}"));
                is_stale = true;
            }
        }
    }
}

fn open_topics(
    runtime: &Arc<Runtime>,
    catalog: &Catalog,
    files: &Arc<SegmentFiles>,
) -> Result<Arc<Topics>, OpenError> {
    let (catalog, runtime, files) = (catalog.clone(), Arc::clone(runtime), Arc::clone(files));
    Topics::host(catalog, runtime, files, Durability::Async).map(Arc::new).map_err(OpenError::Failed)
}

/// Opens the keyspace or the table, and lets it take part beside the groups.
async fn open_target(
    apart: bool,
    opened: Opened,
    runtime: &Arc<Runtime>,
    participants: &mut Participants,
) -> Result<(Target, Option<Arc<dyn Delivery>>), OpenError> {
    match opened {
        Opened::Keyspace(catalog, datasets, seed) => {
            let keyspace = open_over(Arc::clone(runtime), catalog, datasets, seed)?;
            let real = Arc::clone(&keyspace) as Arc<dyn Participant>;
            let flawed = apart.then(|| Arc::new(Apart::new(Arc::clone(&real), Arc::clone(runtime))));
            participants.register(flawed.clone().map_or(real, |flawed| flawed as Arc<_>));
            Ok((Target::Keyspace(keyspace), flawed.map(|flawed| flawed as Arc<_>)))
        }
        Opened::Table(table) => {
            table.create().await?;
            let config = UpsertsConfig { pool: None, turn_wait_max: Duration::MAX, hold_max: Duration::MAX };
            let real: Arc<dyn Upserts> = Arc::new(Tables::new(&table.databases, config));
            let flawed = apart.then(|| Arc::new(ApartUpserts::new(Arc::clone(&real), Arc::clone(runtime))));
            participants.register_upserts(flawed.clone().map_or(real, |flawed| flawed as Arc<_>));
            Ok((Target::Table(table), flawed.map(|flawed| flawed as Arc<_>)))
        }
    }
}

/// What the target needs to be opened after recovery.
enum Opened {
    Keyspace(Catalog, Vec<bole_keyspace::dataset::Dataset>, u64),
    Table(Table),
}

impl Opened {
    async fn host(
        is_table: bool,
        runtime: &Arc<Runtime>,
        catalog: &Catalog,
        disk: &Arc<dyn Disk>,
        seed: u64,
    ) -> Result<Self, OpenError> {
        if is_table {
            return Ok(Self::Table(Table::host(catalog, runtime, disk).await?));
        }
        let datasets = host_database(runtime, catalog, Durability::Sync).await?;
        Ok(Self::Keyspace(catalog.clone(), datasets, seed))
    }
}

impl<const APART: bool, const TABLE: bool> System for Simulated<APART, TABLE> {
    type Model = Log;
    const NAME: &'static str = if TABLE { "sink into a table" } else { "sink" };

    fn operation(rng: &mut Rng, _client: usize) -> Op {
        if rng.one_in(8) {
            return Op::Look;
        }
        let value = (!rng.one_in(5)).then(|| draw(rng, TABLE));
        Op::Append(rng.index(PARTITIONS), rng.below(KEYS), value)
    }

    fn durability(op: &Op) -> Durability {
        match op {
            Op::Append(..) => Durability::Async,
            Op::Look => Durability::Memory,
        }
    }

    async fn open(env: Env) -> Result<Rc<Self>, OpenError> {
        let disk: Arc<dyn Disk> = env.disk.clone();
        let clock: Arc<dyn bole_base::Clock> = env.clock.clone();
        let files =
            SegmentFiles::open(Arc::clone(&disk), Path::new("streams")).map_err(|error| failed(&error))?;
        let files = Arc::new(files);
        let mut config = crate::system::journal_config();
        config.extents.add(Arc::clone(&files) as Arc<dyn Extents>);
        let local =
            LocalJournal::open(Arc::clone(&disk), Arc::clone(&clock), &PathBuf::from("journal"), config);
        let local = Arc::new(local.map_err(|error| match error.kind() {
            bole_base::Kind::Corrupt => OpenError::Corrupt(error.to_string()),
            _ => failed(&error),
        })?);
        let recovered = local.wal().positions().end.0;
        env.recovered(recovered);
        crate::system::add_actors(&env.scheduler, &local);
        let journal: Arc<dyn Journal> = Arc::new(NotingJournal::new(Arc::clone(&local)));
        let config = bole_shard::runtime::Config {
            retained_bytes_max: crate::system::RETAINED_BYTES_MAX,
            ..Default::default()
        };
        let for_sql = Arc::clone(&disk);
        let runtime = Arc::new(Runtime::new(journal, disk, clock, "checkpoints".into(), config));
        let catalog = Catalog::host(Arc::clone(&runtime)).map_err(|error| failed(&error))?;
        runtime.recover(&[LogId::CATALOG]).await.map_err(|error| failed(&error))?;
        let opened = Opened::host(TABLE, &runtime, &catalog, &for_sql, env.seed).await?;
        let topics = open_topics(&runtime, &catalog, &files)?;
        let shards = hosting::host(&catalog, &runtime, hosting::GROUPS, 2, groups::State::default).await;
        let shards = shards.map_err(|error| failed(&error))?;
        runtime.recover(&[]).await.map_err(|error| failed(&error))?;
        let groups = Coordinator::open(groups::coordinator::Parts {
            runtime: Arc::clone(&runtime),
            shards,
            topics: Arc::clone(&topics) as Arc<dyn groups::Topics>,
            config: groups::Config::default(),
            class: Durability::Sync,
            seed: env.seed,
        });
        let mut participants = Participants::new(Arc::clone(runtime.journal()));
        participants.register(Arc::clone(&groups) as Arc<dyn Participant>);
        let (target, apart) = open_target(APART, opened, &runtime, &mut participants).await?;
        let participants = Arc::new(participants);
        topics.targets.set(&participants);
        if topics.get(TOPIC).is_none() {
            let to = if TABLE { "sql/bole/t" } else { "keyspace/0" };
            let given = [("durability", "async"), ("sink.target", to)];
            let given = given.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            let settings = Settings::with(Durability::Async, given).map_err(|error| failed(&error))?;
            let new = NewTopic { name: TOPIC.to_owned(), partitions: PARTITIONS as i32, settings };
            topics.create(&new).await.map_err(|error| failed(&error))?;
        }
        let topic = topics.get(TOPIC).ok_or_else(|| OpenError::Failed("the topic is gone".to_owned()))?;
        let parts = Parts { runtime: Arc::clone(&runtime), participants, groups: Arc::clone(&groups) };
        let (partitions, scheduler) = (topic.partitions(), &env.scheduler);
        let pump = Pump::new(parts, known(&topic), Arc::clone(&partitions));
        let key_prefix = if TABLE { String::new() } else { "p:".to_owned() };
        let plan = Plan { key_prefix, ..topic.settings().sink.clone() };
        scheduler.spawn("sink", run_sink(scheduler.clone(), pump, Rng::new(env.seed ^ 7), plan, apart));
        let advancer = Arc::new(Advancer::new(Durability::Async));
        let (for_task, journal) = (Arc::clone(&advancer), Arc::clone(runtime.journal()));
        scheduler.spawn("advance", async move { for_task.run(journal).await });
        crate::system::spawn_checkpoints(scheduler, &runtime, env.seed);
        let live = RefCell::default();
        Ok(Rc::new(Self { runtime, groups, partitions, advancer, local, recovered, live, target }))
    }

    async fn run(self: Rc<Self>, op: Op, call: Call<Log>) -> Outcome<i64> {
        if let Op::Look = op {
            if APART {
                // Only what a crash leaves is to find it.
                return Outcome::Done(None);
            }
            let checked = self.check(&self.live.borrow());
            checked.unwrap_or_else(|text| panic!("{text}"));
            return Outcome::Done(None);
        }
        self.append(&op, &call).await
    }

    async fn observe(self: Rc<Self>) -> Result<Observed<Vec<Vec<Row>>>, String> {
        let seen = self.seen()?;
        self.check(&seen)?;
        let state = seen.state();
        *self.live.borrow_mut() = seen;
        Ok(Observed { state, reached: Some(self.recovered) })
    }

    async fn close(self: Rc<Self>) -> Result<(), String> {
        self.runtime.checkpoint_all().await.map_err(|error| error.to_string())?;
        self.local.close().map_err(|error| error.to_string())
    }
}
