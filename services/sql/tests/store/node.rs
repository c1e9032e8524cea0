//! A node with nothing but databases, on a journal in memory.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bole_base::disk::RealDisk;
use bole_base::{Durability, SystemClock};
use bole_catalog::Catalog;
use bole_log::{Journal, MemoryJournal};
use bole_shard::Runtime;
use bole_sql::spill::Spill;
use bole_sql::store::{Config, Database, Databases, Fed, Seen, Writer};
use bole_sql_types::Error;
use tempfile::TempDir;

/// See the module.
pub(crate) struct Node {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) databases: Databases,
    pub(crate) database: Arc<Database>,
}

/// What survives a node.
pub(crate) struct Place {
    pub(crate) journal: Arc<MemoryJournal>,
    pub(crate) dir: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { journal: Arc::new(MemoryJournal::new()), dir: tempfile::tempdir().unwrap() }
    }

    /// Starts a node here.
    pub(crate) async fn start(&self) -> Node {
        self.start_with(bole_sql::limits::WAL_BYTES_MAX).await
    }

    /// Starts a node that lets a `-wal` grow so far.
    pub(crate) async fn start_with(&self, wal_bytes_max: u64) -> Node {
        start(Arc::clone(&self.journal) as Arc<dyn Journal>, self.dir.path(), wal_bytes_max).await
    }
}

/// Room for what statements set aside.
pub(crate) fn spill(dir: &Path) -> Arc<Spill> {
    Spill::new(bole_sql::spill::Config {
        dir: dir.join("sql").join("tmp"),
        disk: Arc::new(RealDisk),
        bytes_max: bole_sql::limits::SPILL_BYTES_NODE,
        keep_free: 0,
        memory_session_max: bole_sql::limits::CURSOR_BYTES_SESSION,
        memory_node_max: bole_sql::limits::CURSOR_BYTES_NODE,
    })
}

pub(crate) async fn start(journal: Arc<dyn Journal>, dir: &Path, wal_bytes_max: u64) -> Node {
    let disk = Arc::new(RealDisk);
    let clock = Arc::new(SystemClock::new());
    let checkpoints = dir.join("checkpoints");
    let runtime = Arc::new(Runtime::new(
        journal,
        Arc::clone(&disk) as _,
        clock,
        checkpoints,
        bole_shard::runtime::Config::default(),
    ));
    let catalog = Catalog::host(Arc::clone(&runtime)).unwrap();
    runtime.recover(&[bole_base::LogId::CATALOG]).await.unwrap();
    let config = Config {
        dir: dir.join("sql"),
        disk,
        vfs: None,
        durability: Durability::Sync,
        registers: Vec::new(),
        wal_bytes_max,
        overlay_bytes_max: bole_sql::limits::OVERLAY_BYTES_MAX,
        temporary_bytes_session: bole_sql::limits::TEMPORARY_BYTES_SESSION,
        temporary_bytes_node: bole_sql::limits::TEMPORARY_BYTES_NODE,
        spill: spill(dir),
        fed: Fed::None,
    };
    let databases = Databases::host(catalog, Arc::clone(&runtime), config).await.unwrap();
    runtime.recover(&[]).await.unwrap();
    let database = databases.get(bole_sql::store::DEFAULT).unwrap();
    Node { runtime, databases, database }
}

impl Node {
    pub(crate) async fn writer(&self) -> Writer {
        let mut writer = self.database.writer(Duration::from_secs(5)).await.unwrap();
        writer.begin().unwrap();
        writer
    }

    /// One transaction of these statements.
    pub(crate) async fn write(&self, statements: &[&str]) -> Seen {
        let mut writer = self.writer().await;
        for sql in statements {
            run(&mut writer, sql).unwrap();
        }
        let seen = writer.commit(Vec::new()).await.unwrap();
        self.database.durable(seen).await.unwrap();
        seen
    }

    /// All that a query gives, in a snapshot of its own.
    pub(crate) async fn read(&self, sql: &str) -> String {
        let mut reader = self.database.reader().await.unwrap();
        reader.begin().unwrap();
        rows(reader.connection(), sql)
    }

    /// Every table with its rows.
    pub(crate) async fn dump(&self) -> String {
        let tables = self
            .read(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'bole_stand' ORDER BY name",
            )
            .await;
        let mut all = self.read("SELECT type, name, sql FROM sqlite_schema ORDER BY name").await;
        for table in tables.split('\n').filter(|table| !table.is_empty()) {
            let rows = self.read(&format!("SELECT _rowid_, * FROM \"{table}\" ORDER BY _rowid_")).await;
            all = format!("{all}\n== {table}\n{rows}");
        }
        all
    }
}

/// Runs a statement as a session does: what changes the schema is a step of it.
pub(crate) fn run(writer: &mut Writer, sql: &str) -> Result<u64, Error> {
    use bole_sql_dialect::plan::Step;
    let ddl = ["CREATE", "DROP", "ALTER"].iter().any(|word| sql.starts_with(word));
    let step = if ddl { Step::Ddl(sql.to_owned()) } else { Step::Rows(sql.to_owned()) };
    writer.apply(&step)
}

/// Rows as text, columns with a bar between them.
pub(crate) fn rows(connection: &rusqlite::Connection, sql: &str) -> String {
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        let values = (0..columns).map(|column| {
            use rusqlite::types::Value;
            row.get::<_, Value>(column).map(|value| match value {
                Value::Null => "NULL".to_owned(),
                Value::Integer(number) => number.to_string(),
                Value::Real(number) => format!("{number:?}"),
                Value::Text(text) => text,
                Value::Blob(blob) => format!("{blob:02x?}"),
            })
        });
        Ok(values.collect::<rusqlite::Result<Vec<_>>>()?.join("|"))
    });
    rows.unwrap().collect::<rusqlite::Result<Vec<_>>>().unwrap().join("\n")
}
