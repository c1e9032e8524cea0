//! Databases as a system of the crash harness.
//!
//! A model beside the database changes in the same step as each commit, so that every snapshot can be compared at once, and what it shows with how far the
//! journal is when the reply leaves (promise P2).

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bole_base::{Disk, Durability, LogId, Position};
use bole_catalog::Catalog;
use bole_log::{Journal, LocalJournal};
use bole_shard::Runtime;
use bole_shard::participant::Participants;
use bole_shard::participant::suite::{FakeParticipant, note};
use bole_sql::spill::{self, Spill};
use bole_sql::store::{Config, DEFAULT, Database, Databases, Fed, Seen, Step, Writer};
use bole_sql_types::{Error, SqlState};
use bole_testing::Rng;
use bole_testing::harness::{Call, Env, Model as _, Observed, OpenError, Outcome, System};
use bole_testing::scheduler::Handle;
use rusqlite::Connection;

use super::Flaw;
use super::model::{ACCOUNTS, Bank, FORGOTTEN_MAX, MONEY, Op};
use super::vfs::Vfs;
use crate::node::{failed, unopened};
use crate::wrap::{LyingDisk, NotingJournal};

/// The log of the other service.
const NOTES_LOG: LogId = LogId(1 << 40);

/// So few that the `-wal` starts over several times in a life.
const WAL_BYTES_MAX: u64 = 150 << 10;

const SCHEMA: [&str; 3] = [
    "CREATE TABLE t1 (c1 INTEGER PRIMARY KEY, c2 ANY NOT NULL) STRICT",
    "CREATE TABLE t2 (c1 INTEGER PRIMARY KEY, c2 ANY REFERENCES t1 DEFERRABLE INITIALLY DEFERRED, c3 ANY REFERENCES t1, c4 ANY, c5 ANY) STRICT",
    "CREATE INDEX i1 ON t2 (c4)",
];

/// An open database.
pub struct Simulated<const FLAW: u8> {
    runtime: Arc<Runtime>,
    database: Arc<Database>,
    _databases: Databases,
    notes: Arc<FakeParticipant>,
    journal: Arc<NotingJournal>,
    local: Arc<LocalJournal>,
    scheduler: Handle,
    /// Where the recovered journal ended.
    recovered: u64,
    /// What is committed; set by `observe`.
    live: RefCell<Bank>,
    /// Where the last commit ends in the journal.
    last: RefCell<Position>,
    /// Last: it goes when nothing uses it any more.
    _vfs: Vfs,
}

/// Why a transaction ended without a commit.
pub(super) enum Ended {
    Refused(String),
    Unknown(String),
}

impl From<String> for Ended {
    fn from(text: String) -> Self {
        Self::Refused(text)
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<rusqlite::Error> for Ended {
    fn from(error: rusqlite::Error) -> Self {
        Self::Refused(error.to_string())
    }
}

/// Runs a statement that changes rows.
pub(super) fn change(writer: &Writer, sql: &str) -> Result<(), Ended> {
    let statement = writer.statement();
    writer.connection().execute(sql, [])?;
    Ok(statement.keep()?)
}

impl<const FLAW: u8> Simulated<FLAW> {
    async fn writer(&self) -> Result<Writer, Ended> {
        let mut writer = self.database.writer(Duration::MAX).await?;
        writer.begin()?;
        Ok(writer)
    }

    /// Others get a turn, with the ticket held or not.
    async fn pause(&self) {
        self.scheduler.sleep(Duration::from_micros(30)).await;
    }

    /// Commits what `op` did, and notes it in the same step. The reply.
    async fn commit(&self, writer: Writer, op: &Op, notes: &[i64], call: &Call<Bank>) -> Result<i64, Ended> {
        let before = self.journal.last();
        let effects = notes.iter().map(|number| ("fake".to_owned(), note(0, &number.to_string()))).collect();
        let committed = writer.commit(effects).await;
        let position = self.journal.last();
        let seen = match committed {
            Ok(seen) => seen,
            // The journal has failed in the middle of it.
            Err(error) if position != before && error.state == SqlState::IO_ERROR => {
                return Err(Ended::Unknown(error.to_string()));
            }
            Err(error) => return Err(error.into()),
        };
        call.placed(position);
        let reply = self.live.borrow_mut().apply(op);
        *self.last.borrow_mut() = Position(position);
        self.acknowledge(seen, Position(position)).await?;
        Ok(reply)
    }

    /// Waits until what `seen` covers may be shown, which ends at `position`.
    async fn acknowledge(&self, seen: Seen, position: Position) -> Result<(), Ended> {
        if FLAW != Flaw::REPLY_EARLY
            && let Err(error) = self.database.durable(seen).await
        {
            return Err(Ended::Unknown(error.to_string()));
        }
        let reached = self.journal.reached(Durability::Sync);
        assert!(
            FLAW != Flaw::NONE || reached >= position,
            "shown is what ends at {position}, durable is {reached}"
        );
        Ok(())
    }

    async fn transfer(&self, op: &Op, call: &Call<Bank>) -> Result<i64, Ended> {
        let Op::Transfer { from, to, amount, note, length, detour } = op else {
            unreachable!("only transfers are transferred")
        };
        let mut writer = self.writer().await?;
        change(&writer, &format!("UPDATE t1 SET c2 = c2 - {amount} WHERE c1 = {from}"))?;
        if *detour {
            writer.savepoint("a")?;
            change(&writer, "UPDATE t1 SET c2 = 0")?;
            change(&writer, "DELETE FROM t2")?;
            self.pause().await;
            writer.rollback_to("a")?;
        }
        change(&writer, &format!("UPDATE t1 SET c2 = c2 + {amount} WHERE c1 = {to}"))?;
        let last =
            "SELECT coalesce(max(c1), 0) FROM (SELECT c1 FROM t2 UNION ALL SELECT c2 FROM t1 WHERE c1 = -1)";
        let number: i64 = writer.connection().query_row(last, [], |row| row.get::<_, i64>(0))? + 1;
        change(
            &writer,
            &format!("INSERT INTO t2 VALUES ({number}, {from}, {to}, {amount}, zeroblob({length}))"),
        )?;
        change(&writer, &format!("UPDATE t1 SET c2 = {number} WHERE c1 = -1"))?;
        let notes = if *note { vec![number] } else { Vec::new() };
        let reply = self.commit(writer, op, &notes, call).await?;
        assert_eq!(reply, number, "{op:?} gets another number than it should");
        Ok(reply)
    }

    async fn abort(&self, from: usize, to: usize) -> Result<(), Ended> {
        let writer = self.writer().await?;
        change(&writer, &format!("UPDATE t1 SET c2 = c2 - 1 WHERE c1 = {from}"))?;
        self.pause().await;
        change(&writer, &format!("UPDATE t1 SET c2 = c2 + 1 WHERE c1 = {to}"))?;
        writer.rollback();
        Ok(())
    }

    async fn violate(&self, account: usize) -> Result<(), Ended> {
        let writer = self.writer().await?;
        change(&writer, &format!("INSERT INTO t2 VALUES (1000000, 77, {account}, 0, NULL)"))?;
        match writer.commit(vec![("fake".to_owned(), note(0, "1000000"))]).await {
            Ok(_) => panic!("a foreign key is violated, and nobody says so"),
            Err(error) => Err(error.into()),
        }
    }

    async fn toggle(&self, table: u64, op: &Op, call: &Call<Bank>) -> Result<i64, Ended> {
        let mut writer = self.writer().await?;
        let there = self.live.borrow().tables.contains(&table);
        if there {
            writer.apply(&Step::Ddl(format!("DROP TABLE x{table}")))?;
        } else {
            writer.apply(&Step::Ddl(format!("CREATE TABLE x{table} (c1 ANY UNIQUE, c2 ANY) STRICT")))?;
            writer.apply(&Step::Rows(format!("INSERT INTO x{table} SELECT c1, c2 FROM t1 WHERE c1 >= 0")))?;
        }
        self.commit(writer, op, &[], call).await
    }

    async fn forget(&self, op: &Op, call: &Call<Bank>) -> Result<i64, Ended> {
        let writer = self.writer().await?;
        let old = format!(
            "SELECT c1 FROM t2 WHERE c1 + 5 <= (SELECT c2 FROM t1 WHERE c1 = -1) ORDER BY c1 LIMIT {FORGOTTEN_MAX}"
        );
        change(&writer, &format!("DELETE FROM t2 WHERE c1 IN ({old})"))?;
        // Something in any case, so that there is a commit to be found.
        change(&writer, "UPDATE t1 SET c1 = c1 - 1 WHERE c1 = -1")?;
        change(&writer, "UPDATE t1 SET c1 = c1 + 1 WHERE c1 = -2")?;
        self.commit(writer, op, &[], call).await
    }

    /// A snapshot shows exactly what was committed before it.
    async fn look(&self, twice: bool) -> Result<(), Ended> {
        let mut reader = self.database.reader().await?;
        reader.begin()?;
        let (expected, position, seen) = (self.live.borrow().clone(), *self.last.borrow(), reader.seen());
        let check = |found: Bank| {
            let found = Bank { notes: expected.notes.clone(), ..found };
            assert_eq!(found, expected, "a snapshot shows something else");
        };
        check(read(reader.connection())?);
        if twice {
            self.pause().await;
            check(read(reader.connection())?);
        }
        drop(reader);
        self.acknowledge(seen, position).await
    }

    async fn set_up(&self) -> Result<(), Ended> {
        let mut writer = self.writer().await?;
        let there = "SELECT count(*) FROM sqlite_schema WHERE name = 't1'";
        if writer.connection().query_row(there, [], |row| row.get::<_, i64>(0))? > 0 {
            return Ok(());
        }
        for sql in SCHEMA {
            writer.apply(&Step::Ddl(sql.to_owned()))?;
        }
        for account in 0..ACCOUNTS {
            change(&writer, &format!("INSERT INTO t1 VALUES ({account}, {MONEY})"))?;
        }
        change(&writer, "INSERT INTO t1 VALUES (-1, 0)")?;
        let seen = writer.commit(Vec::new()).await?;
        Ok(self.database.durable(seen).await?)
    }
}

/// All that a connection shows, but for what is noted elsewhere.
fn read(connection: &Connection) -> rusqlite::Result<Bank> {
    let numbers = |sql: &str| -> rusqlite::Result<Vec<i64>> {
        connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
    };
    let transfers = connection
        .prepare("SELECT c1, c2, c3, c4, length(c5) FROM t2 ORDER BY c1")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let tables =
        "SELECT CAST(substr(name, 2) AS INTEGER) FROM sqlite_schema WHERE type = 'table' AND name LIKE 'x%'";
    Ok(Bank {
        accounts: numbers("SELECT c2 FROM t1 WHERE c1 >= 0 ORDER BY c1")?,
        transfers,
        last: numbers("SELECT c2 FROM t1 WHERE c1 = -1")?.first().copied().unwrap_or_default(),
        tables: numbers(tables)?.into_iter().map(|table| table as u64).collect(),
        notes: Vec::new(),
    })
}

pub(super) fn ended<R>(ended: Ended) -> Outcome<R> {
    match ended {
        Ended::Refused(text) => Outcome::Refused(text),
        Ended::Unknown(text) => Outcome::Unknown(text),
    }
}

/// What databases stand on.
pub(super) struct Ground {
    pub(super) runtime: Arc<Runtime>,
    pub(super) catalog: Catalog,
    pub(super) journal: Arc<NotingJournal>,
    pub(super) local: Arc<LocalJournal>,
    /// Where the recovered journal ended.
    pub(super) recovered: u64,
}

impl Ground {
    /// Opens the journal, and recovers the catalog.
    pub(super) async fn open(
        env: &Env,
        config: bole_wal::Config,
        noting: fn(Arc<LocalJournal>) -> NotingJournal,
    ) -> Result<Self, OpenError> {
        let disk: Arc<dyn Disk> = env.disk.clone();
        let clock: Arc<dyn bole_base::Clock> = env.clock.clone();
        let local = LocalJournal::open(Arc::clone(&disk), Arc::clone(&clock), Path::new("journal"), config);
        let local = Arc::new(local.map_err(|error| unopened(&error))?);
        let recovered = local.wal().positions().end.0;
        env.recovered(recovered);
        crate::system::add_actors(&env.scheduler, &local);
        let journal = Arc::new(noting(Arc::clone(&local)));
        let shared: Arc<dyn Journal> = journal.clone();
        let settings = bole_shard::runtime::Config {
            retained_bytes_max: crate::system::RETAINED_BYTES_MAX,
            pinned_bytes_max: crate::system::FED_BYTES_MAX,
            ..Default::default()
        };
        let runtime = Arc::new(Runtime::new(shared, disk, clock, "checkpoints".into(), settings));
        let catalog = Catalog::host(Arc::clone(&runtime)).map_err(|error| failed(&error))?;
        runtime.recover(&[LogId::CATALOG]).await.map_err(|error| failed(&error))?;
        Ok(Self { runtime, catalog, journal, local, recovered })
    }
}

/// Recovers what is hosted, as a whole.
pub(super) async fn recover(runtime: &Runtime) -> Result<(), OpenError> {
    runtime.recover(&[]).await.map_err(|error| failed(&error))?;
    match runtime.status().into_iter().find_map(|shard| Some((shard.name, shard.quarantined?))) {
        Some((name, reason)) => Err(OpenError::Failed(format!("shard {name} is quarantined: {reason}"))),
        None => Ok(()),
    }
}

/// The disk that SQLite and the store get.
fn flawed<const FLAW: u8>(disk: &Arc<dyn Disk>) -> Arc<dyn Disk> {
    match FLAW {
        Flaw::WAL_UNSYNCED => LyingDisk::about(disk, |name| name == "main.db-wal"),
        Flaw::MAIN_UNSYNCED => LyingDisk::about(disk, |name| name == "main.db"),
        Flaw::MARKER_UNSYNCED => LyingDisk::about(disk, |name| name.starts_with("checkpoint")),
        _ => Arc::clone(disk),
    }
}

impl<const FLAW: u8> System for Simulated<FLAW> {
    type Model = Bank;
    const NAME: &'static str = "sql";

    fn operation(rng: &mut Rng, _client: usize) -> Op {
        Op::draw(rng)
    }

    async fn open(env: Env) -> Result<Rc<Self>, OpenError> {
        let disk: Arc<dyn Disk> = env.disk.clone();
        let noting = if FLAW == Flaw::JOURNAL_UNSYNCED { NotingJournal::lying } else { NotingJournal::new };
        let Ground { runtime, catalog, journal, local, recovered } =
            Ground::open(&env, crate::system::journal_config(), noting).await?;
        let for_sql = flawed::<FLAW>(&disk);
        let notes = FakeParticipant::host(&runtime, NOTES_LOG, 1, Durability::Sync);
        let notes = Arc::new(notes.map_err(|error| failed(&error))?);
        let vfs = Vfs::register(Arc::clone(&for_sql));
        let config = config_of(for_sql, vfs.name());
        let databases =
            Databases::host(catalog, Arc::clone(&runtime), config).await.map_err(OpenError::Failed)?;
        let mut participants = Participants::new(Arc::clone(runtime.journal()));
        participants.register(Arc::clone(&notes) as Arc<_>);
        databases.set_participants(Arc::new(participants));
        recover(&runtime).await?;
        let database =
            databases.get(DEFAULT).ok_or_else(|| OpenError::Failed("the database is lost".to_owned()))?;
        let system = Rc::new(Self {
            runtime,
            database,
            _databases: databases,
            notes,
            journal,
            local,
            scheduler: env.scheduler.clone(),
            recovered,
            live: RefCell::default(),
            last: RefCell::default(),
            _vfs: vfs,
        });
        system.set_up().await.map_err(|error| match ended::<()>(error) {
            Outcome::Refused(text) | Outcome::Unknown(text) => OpenError::Failed(text),
            Outcome::Done(_) => OpenError::Failed("it is done and failed".to_owned()),
        })?;
        crate::system::spawn_checkpoints(&env.scheduler, &system.runtime, env.seed);
        Ok(system)
    }

    async fn run(self: Rc<Self>, op: Op, call: Call<Bank>) -> Outcome<i64> {
        let done = match &op {
            Op::Transfer { .. } => self.transfer(&op, &call).await.map(Some),
            Op::Abort(from, to) => self.abort(*from, *to).await.map(|()| None),
            Op::Violate(account) => self.violate(*account).await.map(|()| None),
            Op::Toggle(table) => self.toggle(*table, &op, &call).await.map(Some),
            Op::Forget => self.forget(&op, &call).await.map(Some),
            Op::Look(twice) => self.look(*twice).await.map(|()| None),
        };
        done.map_or_else(ended, Outcome::Done)
    }

    async fn observe(self: Rc<Self>) -> Result<Observed<Bank>, String> {
        let mut reader = self.database.reader().await.map_err(|error| error.to_string())?;
        reader.begin().map_err(|error| error.to_string())?;
        let look = |connection: &Connection| {
            let whole: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
            let violated = connection.prepare("PRAGMA foreign_key_check")?.exists([])?;
            Ok((read(connection)?, whole, violated))
        };
        let (mut seen, whole, violated) =
            look(reader.connection()).map_err(|error: rusqlite::Error| error.to_string())?;
        if whole != "ok" || violated {
            return Err(format!("SQLite finds damage: {whole}; foreign keys are violated: {violated}"));
        }
        let ledger = self.notes.ledgers()[0].lock().map_err(|error| error.to_string())?;
        let notes = ledger.state().get().0.iter().map(|text| {
            let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
            text.parse().map_err(|_| format!("{text:?} was noted"))
        });
        seen.notes = notes.collect::<Result<_, String>>()?;
        drop(ledger);
        *self.live.borrow_mut() = seen.clone();
        *self.last.borrow_mut() = Position(self.recovered);
        Ok(Observed { state: seen, reached: Some(self.recovered) })
    }

    async fn close(self: Rc<Self>) -> Result<(), String> {
        self.runtime.checkpoint_all().await.map_err(|error| error.to_string())?;
        self.local.close().map_err(|error| error.to_string())
    }
}

/// What databases are opened with, on this disk and the file system that SQLite has of it.
pub(crate) fn config_of(disk: Arc<dyn Disk>, vfs: &str) -> Config {
    Config {
        dir: "sql".into(),
        spill: no_spill(Arc::clone(&disk)),
        disk,
        vfs: Some(vfs.to_owned()),
        durability: Durability::Sync,
        registers: Vec::new(),
        wal_bytes_max: WAL_BYTES_MAX,
        overlay_bytes_max: bole_sql::limits::OVERLAY_BYTES_MAX,
        temporary_bytes_session: bole_sql::limits::TEMPORARY_BYTES_SESSION,
        temporary_bytes_node: bole_sql::limits::TEMPORARY_BYTES_NODE,
        fed: Fed::None,
    }
}

/// Files without a name are memory here, and cursors belong to sessions, of which there are none.
fn no_spill(disk: Arc<dyn Disk>) -> Arc<Spill> {
    Spill::new(spill::Config {
        dir: "sql/tmp".into(),
        disk,
        bytes_max: 0,
        keep_free: 0,
        memory_session_max: 0,
        memory_node_max: 0,
    })
}
