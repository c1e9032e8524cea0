//! What clients do.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bole_base::{Durability, Position};
use bole_log::Journal as _;
use bole_sql::store::{Database, Databases, Seen, Temporary, Writer};
use bole_sql_types::SqlState;
use bole_testing::harness::{Call, Model as _};

use super::model::{Op, World};
use super::{PREFIX, Simulated, table};
use crate::sql::Flaw;
use crate::sql::system::{Ended, change};

/// Sessions with temporary tables that stay.
const SESSIONS_MAX: usize = 3;
/// The shape of every table at first.
const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, v bigint)";

fn nothing() -> Ended {
    Ended::Refused("there is nothing to do".to_owned())
}

impl<const FLAW: u8> Simulated<FLAW> {
    pub(super) async fn perform(&self, op: &Op, call: &Call<World>) -> Result<(), Ended> {
        match op {
            Op::Put { id, value, all, detour } => {
                let mut writer = self.writer().await?;
                if *detour {
                    self.detour(&mut writer, *id).await?;
                }
                table::put(&writer, &self.live.borrow().table, *id, *value, *all)?;
                self.commit(writer, op, call).await
            }
            Op::Remove(id) => {
                let writer = self.writer().await?;
                if !self.live.borrow().table.rows.contains_key(id) {
                    return Err(nothing());
                }
                let storage = storage(&writer)?;
                change(&writer, &format!("DELETE FROM {storage} WHERE c1 = {id}"))?;
                self.commit(writer, op, call).await
            }
            Op::Add(_) | Op::Drop(_) | Op::Rename(_) => self.alter(op, call).await,
            Op::Evolve(id, value, _) => self.evolve(*id, *value, op, call).await,
            Op::Private(id, value, stays) => self.private(*id, *value, *stays, op, call).await,
            Op::Database(number) => self.toggle(&format!("{PREFIX}{number}"), call).await,
            Op::PutIn(number, id, value) => {
                let database = self.databases.get(&format!("{PREFIX}{number}")).ok_or_else(nothing)?;
                let mut writer = begin(&database).await?;
                if table::find(&writer.catalog(), "t").is_none() {
                    table::define::<FLAW>(&mut writer, TABLE)?;
                }
                let storage = storage(&writer)?;
                let sql = format!(
                    "INSERT INTO {storage} VALUES ({id}, {value}) ON CONFLICT DO UPDATE SET c2 = excluded.c2"
                );
                change(&writer, &sql)?;
                let seen = self.append(writer, op, call).await?;
                durable(&database, seen).await
            }
            Op::Look => self.look().await,
        }
    }

    /// The table at the first start.
    pub(super) async fn set_up(&self) -> Result<(), Ended> {
        let mut writer = self.writer().await?;
        if table::find(&writer.catalog(), "t").is_some() {
            return Ok(());
        }
        table::define::<FLAW>(&mut writer, TABLE)?;
        let seen = writer.commit(Vec::new()).await?;
        durable(&self.database, seen).await
    }

    async fn writer(&self) -> Result<Writer, Ended> {
        begin(&self.database).await
    }

    /// Others get a turn.
    async fn pause(&self) {
        self.scheduler.sleep(Duration::from_micros(30)).await;
    }

    /// Commits what `op` did, and notes it in the same step. What its reply shows.
    async fn append(&self, writer: Writer, op: &Op, call: &Call<World>) -> Result<Seen, Ended> {
        let before = self.journal.last();
        let committed = writer.commit(Vec::new()).await;
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
        self.live.borrow_mut().apply(op);
        Ok(seen)
    }

    /// As [`Self::append`], for the table; the reply leaves when it is durable.
    async fn commit(&self, writer: Writer, op: &Op, call: &Call<World>) -> Result<(), Ended> {
        let seen = self.append(writer, op, call).await?;
        let position = Position(self.journal.last());
        *self.last.borrow_mut() = position;
        self.acknowledge(seen, position).await
    }

    async fn acknowledge(&self, seen: Seen, position: Position) -> Result<(), Ended> {
        durable(&self.database, seen).await?;
        let reached = self.journal.reached(Durability::Sync);
        assert!(
            FLAW != Flaw::NONE || reached >= position,
            "shown is what ends at {position}, durable is {reached}"
        );
        Ok(())
    }

    /// Changes that are undone before the transaction ends.
    async fn detour(&self, writer: &mut Writer, id: i64) -> Result<(), Ended> {
        writer.savepoint("a")?;
        let storage = storage(writer)?;
        change(writer, &format!("DELETE FROM {storage} WHERE c1 <> {id}"))?;
        table::define::<FLAW>(writer, "ALTER TABLE t ADD COLUMN k99_1_0 bigint DEFAULT 1")?;
        table::define::<FLAW>(writer, "ALTER TABLE t RENAME COLUMN v TO w")?;
        self.pause().await;
        writer.rollback_to("a")?;
        Ok(())
    }

    async fn alter(&self, op: &Op, call: &Call<World>) -> Result<(), Ended> {
        let mut writer = self.writer().await?;
        let shape = self.live.borrow().table.clone();
        let statements = match op {
            Op::Add(_) if shape.is_worn() => vec!["DROP TABLE t".to_owned(), TABLE.to_owned()],
            Op::Add(default) => vec![add(&shape.next(*default).ok_or_else(nothing)?)],
            Op::Drop(index) => {
                let column = shape.columns.get(*index).ok_or_else(nothing)?;
                vec![format!("ALTER TABLE t DROP COLUMN {column}")]
            }
            Op::Rename(index) => vec![rename(shape.columns.get(*index).ok_or_else(nothing)?)],
            _ => unreachable!("only what alters is altered"),
        };
        for sql in &statements {
            table::define::<FLAW>(&mut writer, sql)?;
            self.pause().await;
        }
        self.commit(writer, op, call).await
    }

    /// The steps of [`Op::Evolve`]. What the table is in between is a copy of the model's.
    async fn evolve(&self, id: i64, value: i64, op: &Op, call: &Call<World>) -> Result<(), Ended> {
        let Op::Evolve(_, _, default) = op else { unreachable!("only what evolves is evolved") };
        let mut writer = self.writer().await?;
        let mut within = World { table: self.live.borrow().table.clone(), ..World::default() };
        let put = |writer: &Writer, within: &mut World, id, value, all| {
            table::put(writer, &within.table, id, value, all)?;
            within.apply(&Op::Put { id, value, all, detour: false });
            Ok::<_, Ended>(())
        };
        put(&writer, &mut within, id, value, true)?;
        if let Some(column) = within.table.next(*default) {
            table::define::<FLAW>(&mut writer, &add(&column))?;
            within.apply(&Op::Add(*default));
        }
        self.pause().await;
        put(&writer, &mut within, id, value + 1, false)?;
        if let Some(column) = within.table.columns.first() {
            table::define::<FLAW>(&mut writer, &rename(column))?;
            within.apply(&Op::Rename(0));
        }
        put(&writer, &mut within, id + 1, value, true)?;
        self.commit(writer, op, call).await
    }

    /// A session's temporary table and the table in one transaction.
    async fn private(
        &self,
        id: i64,
        value: i64,
        stays: bool,
        op: &Op,
        call: &Call<World>,
    ) -> Result<(), Ended> {
        let session = self.sessions.borrow_mut().pop();
        let (temporary, mut own) = session.unwrap_or_else(|| (Temporary::new(&self.database), Vec::new()));
        let mut writer = self.database.writer(Duration::MAX).await?;
        writer.join(&temporary)?;
        writer.begin()?;
        if own.is_empty() {
            let kind = if FLAW == Flaw::TEMPORARY_KEPT { "" } else { "TEMPORARY" };
            table::define::<FLAW>(
                &mut writer,
                &format!("CREATE {kind} TABLE own (k int PRIMARY KEY, n bigint)"),
            )?;
        }
        let row = |number: usize| {
            let catalog = writer.catalog();
            let storage = &table::find(&catalog, "own").ok_or_else(nothing)?.storage;
            change(&writer, &format!("INSERT INTO {storage} VALUES ({number}, {value})"))
        };
        row(own.len())?;
        self.pause().await;
        table::put(&writer, &self.live.borrow().table, id, value, true)?;
        self.commit(writer, op, call).await?;
        own.push(value);
        if FLAW == Flaw::NONE {
            let mut reader = self.database.own_reader(&temporary).ok_or_else(nothing)?;
            reader.begin()?;
            let found = table::read_pairs(reader.connection(), &reader.catalog(), "own")?;
            let found: Vec<i64> = found.into_values().collect();
            assert_eq!(found, own, "a session's temporary table holds something else");
        }
        if stays && self.sessions.borrow().len() < SESSIONS_MAX {
            self.sessions.borrow_mut().push((temporary, own));
        }
        Ok(())
    }

    /// Makes a database, or drops it. It has happened with the entry of the catalog.
    async fn toggle(&self, name: &str, call: &Call<World>) -> Result<(), Ended> {
        let _turn = self.changing.lock().await;
        let change = async {
            match self.databases.get(name) {
                Some(_) => Databases::drop(&self.databases, name).await,
                None => self.databases.create(name).await,
            }
        };
        let before = self.journal.last_of_catalog();
        let placed = || self.journal.last_of_catalog() != before;
        match self.noting(call, change).await {
            Ok(()) => Ok(()),
            Err(error) if placed() => Err(Ended::Unknown(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    /// Says where the catalog's first entry of some work ends, as soon as it is there.
    async fn noting<T>(&self, call: &Call<World>, work: impl Future<Output = T>) -> T {
        let (before, mut placed) = (self.journal.last_of_catalog(), false);
        let mut work = pin!(work);
        poll_fn(|context| {
            self.journal.lie(FLAW == Flaw::DATABASE_EARLY);
            let polled: Poll<T> = work.as_mut().poll(context);
            self.journal.lie(false);
            let last = self.journal.last_of_catalog();
            if !placed && last != before {
                call.placed(last);
                placed = true;
            }
            polled
        })
        .await
    }

    /// A snapshot shows exactly what was committed before it.
    async fn look(&self) -> Result<(), Ended> {
        let mut reader = self.database.reader().await?;
        reader.begin()?;
        let (expected, position, seen) =
            (self.live.borrow().table.clone(), *self.last.borrow(), reader.seen());
        for _ in 0..2 {
            let found = table::read(reader.connection(), &reader.catalog())?;
            assert_eq!(found, expected, "a snapshot shows something else");
            self.pause().await;
        }
        drop(reader);
        self.acknowledge(seen, position).await
    }
}

async fn begin(database: &Arc<Database>) -> Result<Writer, Ended> {
    let mut writer = database.writer(Duration::MAX).await?;
    writer.begin()?;
    Ok(writer)
}

async fn durable(database: &Database, seen: Seen) -> Result<(), Ended> {
    database.durable(seen).await.map_err(|error| Ended::Unknown(error.to_string()))
}

/// Where SQLite has the rows of the table.
fn storage(writer: &Writer) -> Result<String, Ended> {
    Ok(table::find(&writer.catalog(), "t").ok_or_else(nothing)?.storage.clone())
}

fn add(column: &super::model::Column) -> String {
    let default = column.default.map_or_else(String::new, |value| format!(" DEFAULT {value}"));
    format!("ALTER TABLE t ADD COLUMN {column} bigint{default}")
}

fn rename(column: &super::model::Column) -> String {
    let to = super::model::Column { renamed: column.renamed + 1, ..*column };
    format!("ALTER TABLE t RENAME COLUMN {column} TO {to}")
}
