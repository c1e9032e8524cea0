//! Feeds of tables keep the kernel's contract of feeds: those of shards, but that offsets are split.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bole_base::clock::ManualClock;
use bole_base::disk::RealDisk;
use bole_base::{Clock, Durability, LogId};
use bole_catalog::Catalog;
use bole_log::{Journal, MemoryJournal};
use bole_shard::changes::{Changes, Cursor, Details, Feeds, suite};
use bole_shard::{Runtime, runtime};
use bole_sql::store::{Config, DEFAULT, Database, Databases, Fed, Writer};
use bole_sql_dialect::catalog::{PG_CATALOG, PUBLIC};
use bole_sql_dialect::plan::Action;
use bole_sql_dialect::{Scope, bind, parse};
use bytes::Bytes;
use tempfile::TempDir;

use crate::node::spill;

/// Changes that an entry's offsets have room for.
const PARTS: u64 = 1 << 20;

/// One table on a journal that fsyncs when it is told to, and a clock that stands.
struct Fixture {
    journal: Arc<MemoryJournal>,
    clock: Arc<ManualClock>,
    runtime: Arc<Runtime>,
    databases: Arc<Databases>,
    database: Arc<Database>,
    feeds: Feeds,
    dataset: String,
    table: String,
    _dir: TempDir,
}

/// Runs a future, fsyncing whenever it waits.
fn run<T>(journal: &MemoryJournal, future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1_000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        journal.sync();
    }
    panic!("it waits for what never comes");
}

/// Does a statement that changes the schema.
fn define(writer: &mut Writer, statement: &str) {
    let scope = Scope {
        catalog: writer.catalog(),
        search_path: vec![PG_CATALOG, PUBLIC],
        user: "bole".to_owned(),
        database: DEFAULT.to_owned(),
        style: bole_sql_types::Style::default(),
    };
    let bound = bind(&parse(statement).unwrap()[0], &scope, &[]).unwrap();
    let Action::Schema(change) = bound.action else { panic!("{statement} changes no schema") };
    for step in &change.steps {
        writer.apply(step).unwrap();
    }
}

impl Fixture {
    fn new() -> Self {
        let (journal, clock) = (Arc::new(MemoryJournal::by_hand()), Arc::new(ManualClock::new()));
        let dir = tempfile::tempdir().unwrap();
        let config =
            runtime::Config { retained_bytes_max: 2_000, pinned_bytes_max: 8_000, ..Default::default() };
        let runtime = Arc::new(Runtime::new(
            Arc::clone(&journal) as Arc<dyn Journal>,
            Arc::new(RealDisk),
            Arc::clone(&clock) as Arc<dyn Clock>,
            dir.path().join("checkpoints"),
            config,
        ));
        let catalog = Catalog::host(Arc::clone(&runtime)).unwrap();
        run(&journal, runtime.recover(&[LogId::CATALOG])).unwrap();
        let config = Config {
            dir: dir.path().join("sql"),
            disk: Arc::new(RealDisk),
            vfs: None,
            durability: Durability::Sync,
            registers: bole_sql::registers(),
            wal_bytes_max: bole_sql::limits::WAL_BYTES_MAX,
            overlay_bytes_max: bole_sql::limits::OVERLAY_BYTES_MAX,
            spill: spill(dir.path()),
            temporary_bytes_session: bole_sql::limits::TEMPORARY_BYTES_SESSION,
            temporary_bytes_node: bole_sql::limits::TEMPORARY_BYTES_NODE,
            fed: Fed::All,
        };
        let databases = run(&journal, Databases::host(catalog, Arc::clone(&runtime), config)).unwrap();
        run(&journal, runtime.recover(&[])).unwrap();
        let databases = Arc::new(databases);
        let database = databases.get(DEFAULT).unwrap();
        // The suite says when something is kept, and no other database is to give way instead.
        databases.all().iter().for_each(|database| runtime.pins().release(database.log()));
        let feeds = Feeds::new(Arc::clone(runtime.journal()), runtime.pins().clone());
        feeds.add_directory(Arc::clone(&databases) as Arc<_>);
        let mut fed = Self {
            journal,
            clock,
            runtime,
            database,
            feeds,
            dataset: String::new(),
            table: String::new(),
            databases,
            _dir: dir,
        };
        fed.transact(|writer| define(writer, "CREATE TABLE t (id int PRIMARY KEY, v bigint)"));
        fed.journal.sync();
        fed.dataset = fed.databases.feed(DEFAULT, None, "t").unwrap().dataset();
        let catalog = fed.database.catalog();
        let table = catalog.tables().find(|table| table.name == "t").unwrap();
        fed.table.clone_from(&table.storage);
        fed
    }

    /// Appends a transaction, which is visible and not durable yet.
    fn transact(&self, work: impl FnOnce(&mut Writer)) {
        let mut writer = run(&self.journal, self.database.writer(Duration::MAX)).unwrap();
        writer.begin().unwrap();
        work(&mut writer);
        // It waits for nothing but journal space, of which there is enough.
        let mut commit = std::pin::pin!(writer.commit(Vec::new()));
        let polled = commit.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Ok(_))));
    }

    fn execute(&self, sql: &str) {
        self.transact(|writer| {
            let statement = writer.statement();
            writer.connection().execute(sql, []).unwrap();
            statement.keep().unwrap();
        });
    }
}

impl suite::Subject for Fixture {
    fn changes(&self) -> &dyn Changes {
        &self.feeds
    }

    fn dataset(&self) -> String {
        self.dataset.clone()
    }

    fn write(&self, number: u64) -> (Option<Bytes>, Details) {
        use bole_shard::Hosted as _;
        let (transaction, time) = (self.database.next(), self.clock.now().0);
        self.execute(&format!("INSERT OR REPLACE INTO {} VALUES ({number}, 7)", self.table));
        let told = format!(
            "\"op\":\"insert\",\"before\":null,\"after\":{{\"id\":{number},\"v\":7}},\
             \"transaction\":{transaction},\"position\":0,\"time\":{time}"
        );
        (Some(Bytes::from(format!("{{\"id\":{number}}}"))), Details::whole(told.into_bytes()))
    }

    fn sync(&self) {
        self.journal.sync();
    }

    fn trim(&self, force: bool) {
        self.journal.sync();
        run(&self.journal, self.runtime.checkpoint(&[self.database.log()])).unwrap();
        let mut number = 1_000;
        let gave_way = |totals: runtime::CheckpointTotals| totals.pins_broken + totals.kept_trims;
        while force && gave_way(self.runtime.checkpoint_totals()) == 0 {
            self.write(number);
            self.journal.sync();
            run(&self.journal, self.runtime.checkpoint_due()).unwrap();
            number += 1;
        }
    }

    fn offsets_per_entry(&self) -> u64 {
        PARTS
    }
}

#[test]
fn tables_keep_the_contract_of_feeds() {
    suite::run(&|| Box::new(Fixture::new()));
}

/// A reader that fell behind is told so, also one that stands inside of a transaction that went.
#[test]
fn what_was_trimmed_is_a_gap() {
    use suite::Subject as _;
    let fed = Fixture::new();
    let start = fed.feeds.bounds(&fed.dataset, 0).unwrap().tail;
    fed.execute(&format!("INSERT INTO {} VALUES (1, 1), (2, 2), (3, 3)", fed.table));
    fed.sync();
    let first = fed.feeds.read(&fed.dataset, 0, Cursor::at(start), 1).unwrap();
    assert_eq!((first.changes.len(), first.next.offset.0), (1, start.0 + 1), "it stands in the transaction");
    fed.trim(false);
    fed.execute(&format!("INSERT INTO {} VALUES (4, 4)", fed.table));
    fed.sync();
    let kept = fed.feeds.bounds(&fed.dataset, 0).unwrap().first;
    assert!(kept.0 >= start.0 + PARTS, "{kept} is what is left");
    let read = fed.feeds.read(&fed.dataset, 0, first.next, usize::MAX).unwrap();
    assert_eq!(read.gap.map(|gap| (gap.from, gap.to)), Some((first.next.offset, kept)));
    assert_eq!(read.changes.iter().map(|change| change.offset).collect::<Vec<_>>(), [kept]);
}

/// Where a change of the catalog cannot be read, a feed ends with an error and shows nothing that may be wrong; behind it, it goes on.
#[test]
fn a_change_of_the_catalog_that_is_not_known_ends_the_feed() {
    let fed = Fixture::new();
    let read = |from| fed.feeds.read(&fed.dataset, 0, Cursor::at(from), usize::MAX);
    let tail = || {
        fed.journal.sync();
        fed.feeds.bounds(&fed.dataset, 0).unwrap().tail
    };
    let start = tail();
    fed.execute(&format!("INSERT INTO {} VALUES (1, 1)", fed.table));
    let broken = tail();
    fed.transact(|writer| {
        define(writer, "ALTER TABLE t RENAME COLUMN v TO w");
        let statement = writer.statement();
        for sql in [
            "INSERT INTO bole_catalog VALUES (99999, '{broken')",
            "DELETE FROM bole_catalog WHERE oid = 99999",
        ] {
            writer.connection().execute(sql, []).unwrap();
        }
        statement.keep().unwrap();
    });
    let behind = tail();
    fed.execute(&format!("UPDATE {} SET c2 = 2", fed.table));
    tail();
    let one = |from| {
        let feed = read(from).unwrap();
        let mut told = Vec::new();
        feed.changes[0].put_json(&mut told);
        assert_eq!(feed.changes.len(), 1);
        (String::from_utf8(told).unwrap(), feed.next.offset)
    };
    // What came before is told, up to there.
    let (told, next) = one(start);
    assert!(told.contains(r#""after":{"id":1,"v":1}"#) && next == broken, "{told} {next}");
    let text = read(broken).map(|feed| feed.changes).unwrap_err().to_string();
    assert!(text.contains("of the catalog"), "{text}");
    let (told, _) = one(behind);
    assert!(told.contains(r#""before":{"id":1,"w":1},"after":{"id":1,"w":2}"#), "{told}");
}
