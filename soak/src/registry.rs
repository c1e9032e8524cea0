//! The schema registry as a system of the crash harness, and its model: ids and versions, deletions, levels.
//!
//! Its changes do not say their positions, so the harness searches for an order that explains every reply and what is recovered; that is exact,
//! for histories of some hundred operations. Replies carry ids and versions, so one that is given out twice, or lost, has no explanation.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bole_base::{Disk, Kind, LogId};
use bole_log::{Journal, LocalJournal};
use bole_net::safety::HostOriginGuard;
use bole_schemas::access::Open;
use bole_schemas::compatibility::Level;
use bole_schemas::operations::VersionName;
use bole_schemas::operations::configure::{NewSettings, Update};
use bole_schemas::operations::prepare::NewSchema;
use bole_schemas::operations::read::{Page, Seen};
use bole_schemas::operations::register::Wanted;
use bole_schemas::schema::Kind as Language;
use bole_schemas::service::Parts;
use bole_schemas::store::Store;
use bole_schemas::{Config, Error, Service};
use bole_shard::Runtime;
use bole_testing::Rng;
use bole_testing::harness::{Call, Dangers, Env, Model, Observed, OpenError, Options, Outcome, System};
use bole_testing::scheduler::{Handle, Turn};

use crate::node::failed;

const SUBJECTS: [&str; 3] = ["orders-value", "users-value", "x"];
/// Schemas; each reads itself, and some read others: see [`reads`].
const SCHEMAS: [&str; 4] = ["\"int\"", "\"long\"", "\"string\"", "\"bytes\""];
/// Journal bytes that start a checkpoint.
const RETAINED_BYTES_MAX: u64 = 12 << 10;

/// Whether schema `new` reads what `old` wrote.
const fn reads(new: usize, old: usize) -> bool {
    matches!((new, old), (1, 0) | (2, 3) | (3, 2)) || new == old
}

/// What a client asks for.
#[derive(Clone, Debug)]
pub enum Op {
    /// Registers a schema under a subject.
    Register(usize, usize),
    /// Deletes a version, softly or for good.
    DeleteVersion(usize, i32, bool),
    /// Deletes a subject, softly or for good.
    DeleteSubject(usize, bool),
    /// Sets the level of a subject: anything goes, or not.
    Configure(usize, bool),
    /// Lists the versions of a subject.
    Versions(usize),
}

/// What it gets back.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// An id.
    Id(u32),
    /// Versions.
    Versions(Vec<i32>),
    /// It is set.
    Set,
    /// An error by its code.
    Error(u32),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Subject {
    /// Schema, id, and whether it is hidden, by version.
    versions: BTreeMap<i32, (usize, u32, bool)>,
    last: i32,
    free: Option<bool>,
}

/// What the operations mean.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Registry {
    last_id: u32,
    subjects: [Subject; SUBJECTS.len()],
}

/// A version: its number, schema and id, and whether it is hidden.
pub type VersionShown = (i32, usize, u32, bool);
/// What can be seen of a subject: its versions, its level, and the last id and version that were given out.
/// All of it, since a round goes on from what the one before it showed.
pub type SubjectShown = (Vec<VersionShown>, Option<bool>, (u32, i32));
/// All that can be seen.
pub type Shown = Vec<SubjectShown>;

impl Registry {
    fn register(&mut self, subject: usize, schema: usize) -> Reply {
        let all = self.subjects.iter().flat_map(|subject| subject.versions.values());
        let known = all.into_iter().find(|(found, _, _)| *found == schema).map(|(_, id, _)| *id);
        let of = &self.subjects[subject];
        let mut visible = of.versions.values().filter(|(_, _, hidden)| !hidden);
        if let Some((_, id, _)) = visible.clone().find(|(found, _, _)| *found == schema) {
            return Reply::Id(*id);
        }
        if let Some((latest, _, _)) = visible.next_back().filter(|_| of.free != Some(true))
            && !reads(schema, *latest)
        {
            return Reply::Error(409);
        }
        let id = known.unwrap_or(self.last_id + 1);
        self.last_id = self.last_id.max(id);
        let of = &mut self.subjects[subject];
        of.last += 1;
        of.versions.insert(of.last, (schema, id, false));
        Reply::Id(id)
    }

    fn delete_version(&mut self, subject: usize, version: i32, permanent: bool) -> Reply {
        let of = &mut self.subjects[subject];
        if of.versions.is_empty() {
            return Reply::Error(40401);
        }
        match of.versions.get_mut(&version) {
            None => Reply::Error(40402),
            Some((_, _, true)) if !permanent => Reply::Error(40406),
            Some((_, _, false)) if permanent => Reply::Error(40407),
            Some(found) => {
                found.2 = true;
                if permanent {
                    of.versions.remove(&version);
                }
                Reply::Versions(vec![version])
            }
        }
    }

    fn delete_subject(&mut self, subject: usize, permanent: bool) -> Reply {
        let of = &mut self.subjects[subject];
        let visible: Vec<i32> =
            of.versions.iter().filter(|(_, (_, _, hidden))| !hidden).map(|(number, _)| *number).collect();
        if of.versions.is_empty() {
            return Reply::Error(40401);
        }
        if permanent {
            if !visible.is_empty() {
                return Reply::Error(40405);
            }
            return Reply::Versions(std::mem::take(&mut of.versions).into_keys().collect());
        }
        if visible.is_empty() {
            return Reply::Error(40404);
        }
        of.versions.values_mut().for_each(|version| version.2 = true);
        of.free = None;
        Reply::Versions(visible)
    }
}

impl Model for Registry {
    type Op = Op;
    type Reply = Reply;
    type State = Shown;

    fn apply(&mut self, op: &Op) -> Reply {
        match *op {
            Op::Register(subject, schema) => self.register(subject, schema),
            Op::DeleteVersion(subject, version, permanent) => {
                self.delete_version(subject, version, permanent)
            }
            Op::DeleteSubject(subject, permanent) => self.delete_subject(subject, permanent),
            Op::Configure(subject, free) => {
                self.subjects[subject].free = Some(free);
                Reply::Set
            }
            Op::Versions(subject) => {
                let all = self.subjects[subject].versions.iter();
                let visible: Vec<i32> =
                    all.filter(|(_, (_, _, hidden))| !hidden).map(|(number, _)| *number).collect();
                if visible.is_empty() { Reply::Error(40401) } else { Reply::Versions(visible) }
            }
        }
    }

    fn state(&self) -> Shown {
        let of = |subject: &Subject| {
            let versions = subject
                .versions
                .iter()
                .map(|(number, (schema, id, hidden))| (*number, *schema, *id, *hidden));
            (versions.collect(), subject.free, (self.last_id, subject.last))
        };
        self.subjects.iter().map(of).collect()
    }
}

/// Segments as small as they get, so that short lives leave several behind.
fn journal_config() -> bole_wal::Config {
    bole_wal::Config {
        segment_bytes: 32 << 10,
        batch_bytes_max: 6 << 10,
        bytes_max: 256 << 10,
        queue_bytes_max: 64 << 10,
        ..bole_wal::Config::small()
    }
}

/// The size of a seed's run: no more operations in flight and between two checks than the search can order.
pub fn options() -> Options {
    Options {
        rounds: 6,
        clients: 4,
        operations_per_client: 24,
        crash_steps_max: 2_500,
        dangers: Dangers::default(),
        ..Options::default()
    }
}

/// An open registry.
pub struct Simulated {
    service: Arc<Service>,
    runtime: Arc<Runtime>,
    local: Arc<LocalJournal>,
}

/// The journal's threads as actors, and checkpoints as a task.
fn start_threads(scheduler: &Handle, local: &Arc<LocalJournal>, runtime: &Arc<Runtime>, seed: u64) {
    let wal = Arc::clone(local.wal());
    scheduler.add_actor("fsync", move || {
        let wanted = wal.sync_is_wanted();
        if wal.sync_due().is_ok() && wanted { Turn::Worked } else { Turn::Idle }
    });
    let wal = Arc::clone(local.wal());
    scheduler.add_actor("spares", move || {
        let wanted = wal.space_is_wanted();
        if wanted && wal.make_space().is_ok() && !wal.space_is_wanted() { Turn::Worked } else { Turn::Idle }
    });
    let (handle, runtime, mut rng) = (scheduler.clone(), Arc::clone(runtime), Rng::new(seed));
    scheduler.spawn("checkpoints", async move {
        loop {
            handle.sleep(Duration::from_micros(100 + rng.below(3_000))).await;
            let outcome = runtime.checkpoint_all().await;
            if outcome.is_err_and(|error| error.kind() != Kind::Full) {
                // The node stops here (promise P4).
                return;
            }
        }
    });
}

impl Simulated {
    async fn perform(&self, op: &Op) -> Result<Reply, Error> {
        let service = &self.service;
        match *op {
            Op::Register(subject, schema) => {
                let text = SCHEMAS[schema].to_owned();
                let new = NewSchema { kind: Language::Avro, text, references: Vec::new() };
                let registered = service.register(SUBJECTS[subject], &new, Wanted::default()).await?;
                Ok(Reply::Id(registered.id))
            }
            Op::DeleteVersion(subject, version, permanent) => {
                let name = VersionName::Number(version);
                let deleted = service.delete_version(SUBJECTS[subject], name, permanent).await?;
                Ok(Reply::Versions(vec![deleted]))
            }
            Op::DeleteSubject(subject, permanent) => {
                service.delete_subject(SUBJECTS[subject], permanent).await.map(Reply::Versions)
            }
            Op::Configure(subject, free) => {
                let level = Update::Set(if free { Level::None } else { Level::Backward });
                let new = NewSettings { level, normalize: Update::Keep };
                service.configure(Some(SUBJECTS[subject]), new).await.map(|_| Reply::Set)
            }
            Op::Versions(subject) => {
                let versions = service.versions(SUBJECTS[subject], Seen::Visible, Page::default());
                versions.await.map(Reply::Versions)
            }
        }
    }

    async fn look(&self, subject: &str) -> Result<SubjectShown, Error> {
        let all = self.service.schemas(subject, Seen::All, false, Page::default()).await?;
        let hidden = self.service.schemas(subject, Seen::Hidden, false, Page::default()).await?;
        let versions = all.iter().map(|full| {
            let found = &full.registered;
            let schema = SCHEMAS.iter().position(|text| *text == full.schema.text).unwrap_or(usize::MAX);
            let is_hidden = hidden.iter().any(|full| full.registered.version == found.version);
            (found.version, schema, found.id, is_hidden)
        });
        let free = match self.service.settings(Some(subject), false).await {
            Ok(settings) => Some(settings.level == Some(Level::None)),
            Err(Error::NoSettings(_)) => None,
            Err(error) => return Err(error),
        };
        Ok((versions.collect(), free, self.service.last_given(subject).await?))
    }
}

impl System for Simulated {
    type Model = Registry;
    const NAME: &'static str = "schemas";

    fn operation(rng: &mut Rng, _client: usize) -> Op {
        let subject = rng.below(SUBJECTS.len() as u64) as usize;
        let version = 1 + rng.below(6) as i32;
        match rng.below(10) {
            0..=4 => Op::Register(subject, rng.below(SCHEMAS.len() as u64) as usize),
            5 | 6 => Op::DeleteVersion(subject, version, rng.one_in(2)),
            7 => Op::DeleteSubject(subject, rng.one_in(2)),
            8 => Op::Configure(subject, rng.one_in(2)),
            _ => Op::Versions(subject),
        }
    }

    async fn open(env: Env) -> Result<Rc<Self>, OpenError> {
        let disk: Arc<dyn Disk> = env.disk.clone();
        let clock: Arc<dyn bole_base::Clock> = env.clock.clone();
        let dir = PathBuf::from("journal");
        let local = LocalJournal::open(Arc::clone(&disk), Arc::clone(&clock), &dir, journal_config());
        let local = Arc::new(local.map_err(|error| match error.kind() {
            Kind::Corrupt => OpenError::Corrupt(error.to_string()),
            _ => failed(&error),
        })?);
        let config =
            bole_shard::runtime::Config { retained_bytes_max: RETAINED_BYTES_MAX, ..Default::default() };
        let journal: Arc<dyn Journal> = local.clone();
        let runtime = Arc::new(Runtime::new(journal, disk, clock, "checkpoints".into(), config));
        start_threads(&env.scheduler, &local, &runtime, env.seed);
        let store = Store::host(Arc::clone(&runtime), LogId::FIRST_DATASET, "default/schemas/registry#0");
        let store = store.map_err(|error| failed(&error))?;
        runtime.recover(&[]).await.map_err(|error| failed(&error))?;
        if let Some(reason) = runtime.status().into_iter().find_map(|shard| shard.quarantined) {
            return Err(OpenError::Failed(format!("the shard is quarantined: {reason}")));
        }
        let service = Service::open(Parts {
            store,
            // Where the request runs, so that the same seed gives the same run.
            config: Config { workers: 0, ..Config::default() },
            authenticator: Arc::new(Open),
            guard: HostOriginGuard::default(),
        });
        Ok(Rc::new(Self { service, runtime, local }))
    }

    async fn run(self: Rc<Self>, op: Op, _call: Call<Registry>) -> Outcome<Reply> {
        match self.perform(&op).await {
            Ok(reply) => Outcome::Done(Some(reply)),
            Err(Error::Store(error)) if matches!(error.kind(), Kind::Full | Kind::Limit) => {
                Outcome::Refused(error.to_string())
            }
            Err(error @ (Error::Store(_) | Error::Worker(_) | Error::Contended)) => {
                Outcome::Unknown(error.to_string())
            }
            Err(error) => Outcome::Done(Some(Reply::Error(error.wire().1))),
        }
    }

    async fn observe(self: Rc<Self>) -> Result<Observed<Shown>, String> {
        let mut state = Vec::new();
        for subject in SUBJECTS {
            state.push(self.look(subject).await.map_err(|error| error.to_string())?);
        }
        Ok(Observed { state, reached: None })
    }

    async fn close(self: Rc<Self>) -> Result<(), String> {
        self.runtime.checkpoint_all().await.map_err(|error| error.to_string())?;
        self.local.close().map_err(|error| error.to_string())
    }
}
