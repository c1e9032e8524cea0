//! The keyspace as a system of the crash harness: journal, catalog, shard runtime and service as in the node, on a disk that fails, with the threads of the
//! node as actors and tasks of the seeded scheduler.
//!
//! Two things are compared with the model. After each crash the harness replays the journal's order. And at each command, since commands run
//! one at a time here, its reply must be the model's at once; so reads are checked too. A reply that would leave before what it shows is
//! durable (promise P2) is found by positions that are kept beside the service.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bole_base::{Disk, Durability, Position};
use bole_keyspace::client::Client;
use bole_keyspace::context::{Grants, SessionState};
use bole_keyspace::dispatch::{self, Flow};
use bole_keyspace::protocol::Reply;
use bole_keyspace::{Service, expiry};
use bole_log::{Journal, LocalJournal};
use bole_shard::Runtime;
use bole_shard::changes::Feeds;
use bole_testing::Rng;
use bole_testing::harness::{Call, Env, Observed, OpenError, Outcome, System};
use bole_testing::scheduler::{Handle, Turn};

use crate::command::{Command, Op, class, next_of};
use crate::model::{Answer, DATABASES, Keyspace, Shown};
use crate::node::{failed, open_service, unopened};
use crate::wrap::{LyingDisk, NotingJournal};
use crate::{dump, fold};

/// A defect built in on purpose, to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flaw(u8);

impl Flaw {
    /// None: the real thing.
    pub const NONE: u8 = 0;
    /// Replies leave before what they show is durable.
    pub const REPLY_EARLY: u8 = 1;
    /// A checkpoint is installed, and the log trimmed, before its sections are fsynced.
    pub const CHECKPOINT_UNSYNCED: u8 = 2;
}

/// A command that waits for journal space more often than this makes no progress.
const RETRIES_MAX: u32 = 1_000;
/// Journal bytes that start a checkpoint.
pub(crate) const RETAINED_BYTES_MAX: u64 = 24 << 10;

/// Segments as small as batches of 6 KiB allow, so that lives of a few hundred operations leave several behind.
pub(crate) fn journal_config() -> bole_wal::Config {
    bole_wal::Config {
        segment_bytes: 32 << 10,
        batch_bytes_max: 6 << 10,
        bytes_max: 256 << 10,
        queue_bytes_max: 64 << 10,
        ..bole_wal::Config::small()
    }
}

/// Room for all that a seed's run logs, where feeds keep it.
pub(crate) const FED_BYTES_MAX: u64 = 16 << 20;

/// An open keyspace. Where it is `FED`, all that was ever logged is kept for feeds, and after each crash what they say from their first change on must be what the
/// databases hold.
pub struct Simulated<const FLAW: u8, const FED: bool = false> {
    service: Arc<Service>,
    feeds: Feeds,
    local: Arc<LocalJournal>,
    journal: Arc<NotingJournal>,
    scheduler: Handle,
    /// Where the recovered journal ended.
    recovered: u64,
    /// What the keyspace should hold now; set by `observe`.
    live: RefCell<Keyspace>,
    /// Where the last write of a key ends, for keys whose history since is known.
    marks: RefCell<HashMap<(usize, Vec<u8>), u64>>,
    clients: Cell<u64>,
}

/// The journal's threads, as actors.
pub(crate) fn add_actors(scheduler: &Handle, local: &Arc<LocalJournal>) {
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
}

/// Checkpoints, as a task.
pub(crate) fn spawn_checkpoints(scheduler: &Handle, runtime: &Arc<Runtime>, seed: u64) {
    spawn_checkpoints_or(scheduler, runtime, seed, || {});
}

/// Checkpoints, as a task, with what stops the node when one failed for good.
pub(crate) fn spawn_checkpoints_or(
    scheduler: &Handle,
    runtime: &Arc<Runtime>,
    seed: u64,
    stop: impl Fn() + 'static,
) {
    let (handle, runtime) = (scheduler.clone(), Arc::clone(runtime));
    let mut rng = Rng::new(seed);
    scheduler.spawn("checkpoints", async move {
        loop {
            handle.sleep(Duration::from_micros(100 + rng.below(5_000))).await;
            let all = rng.one_in(8);
            let outcome =
                if all { runtime.checkpoint_all().await } else { runtime.checkpoint_due().await.map(drop) };
            match outcome {
                Err(error) if error.kind() != bole_base::Kind::Full => {
                    // The node stops here (promise P4).
                    handle.event(format_args!("the checkpoint failed: {error}"));
                    stop();
                    return;
                }
                _ => {}
            }
        }
    });
}

/// Expiry, as a task.
fn spawn_expiry(scheduler: &Handle, service: &Arc<Service>) {
    let (handle, service) = (scheduler.clone(), Arc::clone(service));
    scheduler.spawn("expiry", async move {
        let mut transaction = service.transaction();
        loop {
            handle.sleep(Duration::from_millis(2)).await;
            expiry::round(&service, &mut transaction).await;
        }
    });
}

impl<const FLAW: u8, const FED: bool> Simulated<FLAW, FED> {
    fn session(&self) -> SessionState {
        self.clients.set(self.clients.get() + 1);
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        let client = Client::new(self.clients.get(), nowhere, nowhere, self.service.now());
        SessionState {
            random: self.service.next_random(),
            ..SessionState::new(Arc::new(client), self.service.transaction(), Some(Grants::ALL))
        }
    }

    /// Runs one command as a connection does: again when the journal has no room. `done` is called in the same step as the command that ran,
    /// with the position of what it appended, if anything.
    async fn command(
        &self,
        session: &mut SessionState,
        words: &[Vec<u8>],
        done: impl FnOnce(&[u8], Option<u64>),
    ) -> Vec<u8> {
        let args: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let mut reply = Reply::new();
        for _ in 0..RETRIES_MAX {
            let before = self.journal.last();
            let flow = crate::runtime::with(|| {
                dispatch::run(&self.service, session, &mut reply, &args, self.service.now())
            });
            match flow {
                Flow::Next => {
                    let last = self.journal.last();
                    done(reply.bytes(), (last != before).then_some(last));
                    return reply.bytes().to_vec();
                }
                Flow::Retry(bytes) => {
                    assert_eq!(before, self.journal.last(), "a command that waits has appended nothing");
                    // After a failure the command runs again and is refused for the same reason.
                    let _refused = session.transaction.admit(bytes).await;
                }
                flow => panic!("{flow:?} after {words:?}"),
            }
        }
        panic!(
            "{:?} is told to wait for space again and again, {RETRIES_MAX} times",
            words.first().map(|word| word.escape_ascii().to_string())
        );
    }

    async fn plain(&self, session: &mut SessionState, words: &[&str]) -> Vec<u8> {
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        self.command(session, &words, |_, _| {}).await
    }

    /// Compares what the feeds say with what the databases show.
    fn compare_feeds(&self, shown: &Shown) -> Result<(), String> {
        let mut told = Keyspace::default();
        for database in 0..DATABASES {
            let dataset = &self.service.databases.dataset(database).name;
            told.databases[database] = fold::database(&self.feeds, dataset)?;
        }
        let told = bole_testing::harness::Model::state(&told);
        for (database, (told, shown)) in told.0.iter().zip(&shown.0).enumerate() {
            if told != shown {
                return Err(format!("database {database} shows {shown:?}, its feed tells {told:?}"));
            }
        }
        Ok(())
    }

    /// Notes what the last command of an operation has done, and compares its reply with the model's.
    fn done(&self, op: &Op, call: &Call<Keyspace>, reply: &[u8], position: Option<u64>) {
        if let Some(position) = position {
            call.placed(position);
        }
        let happened = if let Op::Watched(..) = op { position.is_some() } else { !is_refusal(reply) };
        if !happened {
            return;
        }
        let expected = bole_testing::harness::Model::apply(&mut *self.live.borrow_mut(), op);
        assert!(
            expected == Answer(Some(reply.to_vec())),
            "{op:?} answers {}, the model {}",
            reply.escape_ascii(),
            expected.0.unwrap_or_default().escape_ascii()
        );
        self.mark(op, position);
    }

    /// Remembers where keys were written last.
    fn mark(&self, op: &Op, position: Option<u64>) {
        let Some(position) = position else { return };
        let mut marks = self.marks.borrow_mut();
        match op {
            Op::One(
                database,
                Command::Set(key, _)
                | Command::SetSoon(key, _, _)
                | Command::Append(key, _)
                | Command::Add(key, _),
            ) => {
                marks.insert((*database, key.clone()), position);
            }
            Op::One(database, Command::SetAll(pairs)) => {
                marks.extend(pairs.iter().map(|(key, _)| ((*database, key.clone()), position)));
            }
            Op::One(_, command) if !matches!(command, Command::Flush | Command::Move(..)) => {
                let words = command.words();
                marks.retain(|(_, key), _| !words.contains(key));
            }
            _ => marks.clear(),
        }
    }

    /// Where the journal must be before the reply of a read may leave.
    fn shown(&self, op: &Op) -> Option<(Durability, Position)> {
        let Op::One(database, Command::Get(key)) = op else { return None };
        let position = *self.marks.borrow().get(&(*database, key.clone()))?;
        Some((class(*database), Position(position)))
    }

    async fn perform(&self, session: &mut SessionState, op: &Op, call: &Call<Keyspace>) -> Vec<u8> {
        let done = |reply: &[u8], position| self.done(op, call, reply, position);
        match op {
            Op::One(database, command) => {
                session.select(*database);
                self.command(session, &command.words(), done).await
            }
            Op::Multi(database, commands) => {
                session.select(*database);
                self.plain(session, &["MULTI"]).await;
                for command in commands {
                    self.command(session, &command.words(), |_, _| {}).await;
                }
                self.command(session, &[b"EXEC".to_vec()], done).await
            }
            Op::Across(parts) => {
                self.plain(session, &["MULTI"]).await;
                for (database, command) in parts {
                    self.plain(session, &["SELECT", &database.to_string()]).await;
                    self.command(session, &command.words(), |_, _| {}).await;
                }
                self.command(session, &[b"EXEC".to_vec()], done).await
            }
            Op::Watched(database, key) => {
                session.select(*database);
                self.command(session, &[b"WATCH".to_vec(), key.clone()], |_, _| {}).await;
                let reply = self.command(session, &[b"GET".to_vec(), key.clone()], |_, _| {}).await;
                if reply.starts_with(b"-") {
                    session.unwatch(&self.service);
                    return reply;
                }
                let value = next_of(dump::bulk(&reply));
                self.scheduler.sleep(Duration::from_micros(50)).await;
                self.plain(session, &["MULTI"]).await;
                // KEEPTTL: what INCR does.
                let set = [b"SET".to_vec(), key.clone(), value, b"KEEPTTL".to_vec()];
                self.command(session, &set, |_, _| {}).await;
                self.command(session, &[b"EXEC".to_vec()], done).await
            }
            Op::Swap(first, second) => {
                let words = ["SWAPDB".to_owned(), first.to_string(), second.to_string()];
                self.command(session, &words.map(String::into_bytes), done).await
            }
            Op::FlushAll => self.command(session, &[b"FLUSHALL".to_vec()], done).await,
        }
    }
}

/// Whether the node said that it cannot, as opposed to what the command itself answers.
fn is_refusal(reply: &[u8]) -> bool {
    const BEGINNINGS: [&str; 5] =
        ["-MISCONF ", "-LOADING ", "-BUSY ", "-ERR the databases were not swapped", "-ERR a batch of "];
    BEGINNINGS.iter().any(|beginning| reply.starts_with(beginning.as_bytes()))
}

impl<const FLAW: u8, const FED: bool> System for Simulated<FLAW, FED> {
    type Model = Keyspace;
    const NAME: &'static str = if FED { "feeds of the keyspace" } else { "keyspace" };

    fn operation(rng: &mut Rng, _client: usize) -> Op {
        Op::draw(rng)
    }

    fn durability(op: &Op) -> Durability {
        op.durability()
    }

    async fn open(env: Env) -> Result<Rc<Self>, OpenError> {
        let disk: Arc<dyn Disk> = env.disk.clone();
        let clock: Arc<dyn bole_base::Clock> = env.clock.clone();
        let dir = PathBuf::from("journal");
        let mut config = journal_config();
        config.bytes_max = if FED { FED_BYTES_MAX } else { config.bytes_max };
        let local = LocalJournal::open(Arc::clone(&disk), Arc::clone(&clock), &dir, config);
        let local = Arc::new(local.map_err(|error| unopened(&error))?);
        let recovered = local.wal().positions().end.0;
        env.recovered(recovered);
        add_actors(&env.scheduler, &local);
        let journal = Arc::new(NotingJournal::new(Arc::clone(&local)));
        let for_checkpoints = if FLAW == Flaw::CHECKPOINT_UNSYNCED {
            LyingDisk::about(&disk, |name| name.ends_with(".sections"))
        } else {
            disk
        };
        let config = bole_shard::runtime::Config {
            retained_bytes_max: RETAINED_BYTES_MAX,
            pinned_bytes_max: FED_BYTES_MAX,
            ..Default::default()
        };
        let shared: Arc<dyn Journal> = journal.clone();
        let runtime = Arc::new(Runtime::new(shared, for_checkpoints, clock, "checkpoints".into(), config));
        let service = open_service(runtime, env.seed, FED).await?;
        let feeds = Feeds::new(Arc::clone(service.runtime.journal()), service.runtime.pins().clone());
        service.databases.show(&feeds).map_err(|error| failed(&error))?;
        spawn_checkpoints(&env.scheduler, &service.runtime, env.seed);
        spawn_expiry(&env.scheduler, &service);
        Ok(Rc::new(Self {
            service,
            feeds,
            local,
            journal,
            scheduler: env.scheduler,
            recovered,
            live: RefCell::default(),
            marks: RefCell::default(),
            clients: Cell::new(0),
        }))
    }

    async fn run(self: Rc<Self>, op: Op, call: Call<Keyspace>) -> Outcome<Answer> {
        let mut session = self.session();
        let reply = self.perform(&mut session, &op, &call).await;
        session.transaction.finish();
        let shown = self.shown(&op);
        if FLAW != Flaw::REPLY_EARLY
            && let Err(error) = session.need.met(&*self.journal).await
        {
            return Outcome::Unknown(error.to_string());
        }
        if is_refusal(&reply) {
            return Outcome::Refused(String::from_utf8_lossy(&reply).trim().to_owned());
        }
        if let Some((class, position)) = shown.filter(|_| FLAW == Flaw::NONE) {
            let reached = self.journal.reached(class);
            assert!(
                reached >= position,
                "{op:?} shows what is durable at {position}, which is {reached} in {class}"
            );
        }
        Outcome::Done(Some(Answer(Some(reply))))
    }

    async fn observe(self: Rc<Self>) -> Result<Observed<Shown>, String> {
        let mut session = self.session();
        let mut seen = Keyspace::default();
        for database in 0..DATABASES {
            session.select(database);
            let keys = dump::items(&self.plain(&mut session, &["KEYS", "*"]).await)?;
            for key in keys {
                let ask = async |words: Vec<Vec<u8>>, session: &mut SessionState| {
                    self.command(session, &words, |_, _| {}).await
                };
                let kind = ask(dump::kind_of(&key), &mut session).await;
                let value = ask(dump::value_of(&kind, &key)?, &mut session).await;
                let deadline = ask(dump::deadline_of(&key), &mut session).await;
                if let Some(entry) = dump::entry(&kind, &value, &deadline, &key)? {
                    seen.databases[database].insert(key, entry);
                }
            }
        }
        let state = bole_testing::harness::Model::state(&seen);
        if FED {
            self.compare_feeds(&state)?;
        }
        *self.live.borrow_mut() = seen;
        Ok(Observed { state, reached: Some(self.recovered) })
    }

    async fn close(self: Rc<Self>) -> Result<(), String> {
        self.service.runtime.checkpoint_all().await.map_err(|error| error.to_string())?;
        self.local.close().map_err(|error| error.to_string())
    }
}
