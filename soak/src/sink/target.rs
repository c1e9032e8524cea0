//! Where the sink under test writes: a database of the keyspace, or a table.

use std::fmt::Write as _;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bole_base::Disk;
use bole_catalog::Catalog;
use bole_keyspace::state::View;
use bole_shard::Runtime;
use bole_sql::store::{Config, DEFAULT, Database, Databases};
use bole_sql_dialect::bind::{self, Scope};
use bole_sql_dialect::catalog::{PG_CATALOG, PUBLIC};
use bole_sql_dialect::parse;
use bole_sql_dialect::plan::Action;
use bole_sql_types::Style;
use bole_testing::Rng;
use bole_testing::harness::OpenError;

use crate::sql::system::config_of;
use crate::sql::vfs::Vfs;

/// Of a record that says nothing of it.
const LENGTH: i64 = -1;
const TABLE: &str = "CREATE TABLE t (k text PRIMARY KEY, v text NOT NULL, length int DEFAULT -1 CHECK (length < 100), UNIQUE (v, k))";

/// See the module.
pub(super) enum Target {
    Keyspace(Arc<bole_keyspace::Service>),
    Table(Table),
}

/// The table, and what keeps it open.
pub(super) struct Table {
    database: Arc<Database>,
    pub(super) databases: Arc<Databases>,
    /// Last: it goes when nothing uses it any more.
    _vfs: Vfs,
}

impl Target {
    /// What a key has.
    pub(super) fn value(&self, key: &str) -> Result<Option<Vec<u8>>, String> {
        match self {
            Self::Keyspace(keyspace) => value_in_keyspace(keyspace, &format!("p:{key}")),
            Self::Table(table) => table.value(key),
        }
    }
}

fn value_in_keyspace(keyspace: &bole_keyspace::Service, key: &str) -> Result<Option<Vec<u8>>, String> {
    let dataset = keyspace.databases.dataset(0);
    let locked = dataset.shards[dataset.shard_of(key.as_bytes())].lock();
    let locked = locked.map_err(|error| error.to_string())?;
    let data = &locked.state().data;
    let entry = data.lookup(data.hash(key.as_bytes()), key.as_bytes(), keyspace.now());
    entry.map_or(Ok(None), |entry| match entry.view() {
        View::Bytes(bytes) => Ok(Some(bytes.to_vec())),
        View::Integer(integer) => Ok(Some(integer.to_string().into_bytes())),
        _ => Err(format!("{key:?} holds what no sink writes")),
    })
}

/// A record's value, by chance; for a table it is a row.
pub(super) fn draw(rng: &mut Rng, is_table: bool) -> Vec<u8> {
    let length = 1 + rng.index(60);
    let bytes = rng.bytes(length);
    if !is_table {
        return bytes;
    }
    let mut hex = String::new();
    for byte in bytes {
        let _ = write!(hex, "{byte:02x}");
    }
    row(&hex, if rng.one_in(3) { LENGTH } else { length as i64 }).into_bytes()
}

fn row(v: &str, length: i64) -> String {
    if length == LENGTH {
        return format!("{{\"v\":\"{v}\"}}");
    }
    format!("{{\"v\":\"{v}\",\"length\":{length}}}")
}

/// The result of what never has to wait here.
fn now<T>(future: impl Future<Output = T>) -> Result<T, String> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err("a snapshot is waited for".to_owned()),
    }
}

impl Table {
    /// Hosts the databases, on the disk that fails; recovery comes next, then [`Table::create`].
    pub(super) async fn host(
        catalog: &Catalog,
        runtime: &Arc<Runtime>,
        disk: &Arc<dyn Disk>,
    ) -> Result<Self, OpenError> {
        let vfs = Vfs::register(Arc::clone(disk));
        let config = Config { registers: bole_sql::registers(), ..config_of(Arc::clone(disk), vfs.name()) };
        let databases = Databases::host(catalog.clone(), Arc::clone(runtime), config).await;
        let databases = databases.map_err(OpenError::Failed)?;
        let database = databases.get(DEFAULT);
        let database = database.ok_or_else(|| OpenError::Failed("the database is lost".to_owned()))?;
        Ok(Self { database, databases: Arc::new(databases), _vfs: vfs })
    }

    /// Makes the table unless it is there.
    pub(super) async fn create(&self) -> Result<(), OpenError> {
        let failed = |error: bole_sql_types::Error| OpenError::Failed(error.to_string());
        if self.database.catalog().tables().next().is_some() {
            return Ok(());
        }
        let mut writer = self.database.writer(Duration::MAX).await.map_err(failed)?;
        writer.begin().map_err(failed)?;
        let scope = Scope {
            catalog: writer.catalog(),
            search_path: vec![PG_CATALOG, PUBLIC],
            user: "soak".to_owned(),
            database: DEFAULT.to_owned(),
            style: Style::default(),
        };
        let parsed = parse::parse(TABLE).map_err(failed)?;
        let Action::Schema(change) = bind::bind(&parsed[0], &scope, &[]).map_err(failed)?.action else {
            return Err(OpenError::Failed("a table is made by a change of the schema".to_owned()));
        };
        for step in &change.steps {
            writer.apply(step).map_err(failed)?;
        }
        let seen = writer.commit(Vec::new()).await.map_err(failed)?;
        self.database.durable(seen).await.map_err(failed)
    }

    fn value(&self, key: &str) -> Result<Option<Vec<u8>>, String> {
        let read = || {
            let mut reader = now(self.database.reader())?.map_err(|error| error.to_string())?;
            reader.begin().map_err(|error| error.to_string())?;
            let catalog = reader.catalog();
            let table = catalog.tables().next().ok_or("the table is lost")?;
            let sql = format!("SELECT c2, c3 FROM {} WHERE c1 = ?", table.storage);
            let mut statement = reader.connection().prepare(&sql).map_err(|error| error.to_string())?;
            let rows =
                statement.query_map([key], |row| Ok(self::row(&row.get::<_, String>(0)?, row.get(1)?)));
            let rows = rows.map_err(|error| error.to_string())?.collect::<rusqlite::Result<Vec<_>>>();
            rows.map_err(|error| error.to_string())
        };
        let mut rows: Vec<String> = read()?;
        if rows.len() > 1 {
            return Err(format!("{key:?} is in {} rows", rows.len()));
        }
        Ok(rows.pop().map(String::into_bytes))
    }
}
