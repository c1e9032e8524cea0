//! What functions know of the session and the statement on whose behalf SQLite calls them.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use bole_sql_dialect::Catalog;
use bole_sql_dialect::catalog::definitions::Shown;
use bole_sql_types::style::{ByteaOutput, DateFormat, DateOrder};
use bole_sql_types::zone::Zone;
use bole_sql_types::{Error, Result, Style};
use parking_lot::Mutex;

/// What a statement's functions may ask. Set by whoever executes it, before it is stepped.
#[derive(Clone)]
pub struct Session {
    /// Microseconds since 2000-01-01 UTC when the transaction began: `now()`.
    pub transaction_time: i64,
    /// The same of the statement.
    pub statement_time: i64,
    /// The name of the time zone, as `SHOW timezone` gives it.
    pub time_zone: String,
    /// The user that logged in.
    pub user: String,
    /// `application_name` and other settings that `current_setting` gives.
    pub settings: Arc<std::collections::BTreeMap<String, String>>,
    /// The schemas of the search path that exist, by OID, `pg_catalog` first unless it is named.
    pub search_path: Vec<u32>,
    /// The process id that the client was told.
    pub process_id: i32,
    /// What the database contains, as the statement sees it.
    pub catalog: Arc<Catalog>,
    /// What the statement may do beyond its rows.
    pub effects: Arc<dyn Effects>,
}

impl Session {
    /// What is shown to the session of its catalog.
    pub fn shown(&self) -> Shown<'_> {
        Shown { catalog: &self.catalog, path: &self.search_path }
    }

    /// How the session reads and writes values. Errors: there is no such time zone.
    pub fn style(&self) -> Result<Style> {
        let setting = |name: &str| {
            let found = self.settings.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map_or("", |(_, value)| value.as_str())
        };
        let date_style = setting("DateStyle").to_ascii_lowercase();
        Ok(Style {
            date_format: match date_style.split(',').next().map(str::trim) {
                Some("sql") => DateFormat::Sql,
                Some("postgres") => DateFormat::Postgres,
                Some("german") => DateFormat::German,
                _ => DateFormat::Iso,
            },
            date_order: match date_style.split(',').nth(1).map(str::trim) {
                Some("dmy") => DateOrder::Dmy,
                Some("ymd") => DateOrder::Ymd,
                _ => DateOrder::Mdy,
            },
            bytea_output: if setting("bytea_output") == "escape" {
                ByteaOutput::Escape
            } else {
                ByteaOutput::Hex
            },
            extra_float_digits: setting("extra_float_digits").parse().unwrap_or(1),
            zone: Zone::find(&self.time_zone)?,
            now: Some(self.transaction_time),
        })
    }
}

/// What functions do beyond computing. Each method says what went wrong in SQL's terms. What an implementation leaves out is refused with 0A000.
pub trait Effects: Send + Sync {
    /// The next value of a sequence. Never given again, whatever becomes of the transaction.
    fn nextval(&self, _sequence: u32) -> Result<i64> {
        refused("nextval")
    }
    /// The value that `nextval` gave this session last.
    fn currval(&self, _sequence: u32) -> Result<i64> {
        refused("currval")
    }
    /// The value that `nextval` gave this session last, of whichever sequence.
    fn lastval(&self) -> Result<i64> {
        refused("lastval")
    }
    /// The last value of a sequence, and whether it was given out.
    fn standing(&self, _sequence: u32) -> Result<(i64, bool)> {
        refused("where a sequence stands")
    }
    /// Sets a sequence.
    fn setval(&self, _sequence: u32, _value: i64, _is_called: bool) -> Result<()> {
        refused("setval")
    }
    /// Tells those who listen, when the transaction commits.
    fn notify(&self, _channel: &str, _payload: &str) -> Result<()> {
        refused("pg_notify")
    }
    /// Appends a record to a topic with the transaction's batch.
    fn publish(&self, _topic: &str, _key: Option<&[u8]>, _value: Option<&[u8]>) -> Result<()> {
        refused("bole.publish")
    }
    /// Removes a key of a keyspace database with the transaction's batch.
    fn cache_delete(&self, _database: i64, _key: &[u8]) -> Result<()> {
        refused("bole.cache_del")
    }
    /// Microseconds since 2000-01-01 UTC, now: `clock_timestamp()`.
    fn clock(&self) -> i64;
    /// Bytes of a random number generator that cannot be foreseen.
    fn random(&self, bytes: &mut [u8]);
    /// `set_config`: sets a setting, until the transaction ends if `local`; the answer is its new value.
    fn set_config(&self, _name: &str, _value: Option<&str>, _local: bool) -> Result<String> {
        refused("set_config")
    }
    /// The value of a setting now; `None` if only [`Session::settings`] knows.
    fn setting(&self, _name: &str) -> Option<String> {
        None
    }
    /// What `DECLARE` and `Bind` left open.
    fn cursors(&self) -> Vec<Cursor> {
        Vec::new()
    }
    /// Statements that are prepared, by name.
    fn prepared_statements(&self) -> Vec<PreparedStatement> {
        Vec::new()
    }
    /// Bytes of the file of another database.
    fn database_size(&self, _name: &str) -> Result<i64> {
        refused("the size of another database")
    }
    /// The numbers of the functions of this name.
    fn functions_named(&self, _name: &str) -> Vec<u32> {
        Vec::new()
    }
    /// The name of a function by its number.
    fn function_name(&self, _number: u32) -> Option<String> {
        None
    }
    /// The value that a sequence gave last to whichever session; `None` if it gave none yet.
    fn last_value(&self, _sequence: u32) -> Option<i64> {
        None
    }
    /// The number of the transaction that began at a time: no other one has it, and those that asked before have lower ones.
    fn transaction_number(&self, _began: i64) -> Result<i64> {
        refused("txid_current")
    }
    /// All databases: OID and name.
    fn databases(&self) -> Vec<(u32, String)> {
        Vec::new()
    }
    /// Whether a user may do something in the session's database: `connect`, `read`, `write`, `schema`, or make databases: `create`.
    fn may(&self, _user: &str, _action: &str) -> bool {
        false
    }
    /// What a setting goes back to by `RESET`.
    fn reset_value(&self, _name: &str) -> Option<String> {
        None
    }
    /// What is there in every database, in one of these relations of `pg_catalog`: the texts of the columns with tabs between. The relation
    /// `functions` has what `pg_get_function_arguments`, `…_identity_arguments` and `…_result` say behind the OIDs of functions.
    fn built_in(&self, _relation: &str, _oid: u32) -> Option<&'static str> {
        None
    }
    /// Sleeps, unless the statement is cancelled: `pg_sleep`.
    fn sleep(&self, _seconds: f64) -> Result<()> {
        refused("pg_sleep")
    }
    /// Takes, tries or releases an advisory lock. See the functions `pg_advisory_…`.
    fn advisory(&self, _operation: Advisory, _key: LockKey) -> Result<bool> {
        refused("an advisory lock")
    }
}

fn refused<T>(what: &str) -> Result<T> {
    Err(Error::unsupported(format!("{what} here")))
}

/// A cursor, as `pg_cursors` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Its name.
    pub name: String,
    /// The text that made it.
    pub statement: String,
    /// `WITH HOLD`.
    pub holdable: bool,
    /// `BINARY`.
    pub binary: bool,
    /// Whether it goes back.
    pub scrollable: bool,
    /// When it was made, in microseconds since 2000-01-01 UTC.
    pub created: i64,
}

/// A prepared statement, as `pg_prepared_statements` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedStatement {
    /// Its name.
    pub name: String,
    /// The text that made it.
    pub statement: String,
    /// When it was made, in microseconds since 2000-01-01 UTC.
    pub prepared: i64,
    /// The OIDs of the types of its parameters.
    pub parameters: Vec<u32>,
    /// Whether `PREPARE` made it, rather than `Parse`.
    pub from_sql: bool,
}

/// What is done with an advisory lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advisory {
    /// Shared rather than exclusive.
    pub shared: bool,
    /// Until the transaction ends rather than the session.
    pub transaction: bool,
    /// Wait for it, try it, or give it back.
    pub how: How,
}

/// What an advisory lock is on. One number and two are never the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockKey {
    /// A bigint.
    One(i64),
    /// Two integers.
    Two(i32, i32),
}

/// How an advisory lock is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Wait until it is free.
    Lock,
    /// Answer whether it was free.
    Try,
    /// Give it back.
    Unlock,
    /// Give all of the session's back.
    UnlockAll,
}

/// The place of a SQLite connection where its functions find the session, and leave their errors. Clones share it.
#[derive(Clone, Default)]
pub struct Context {
    inner: Arc<Mutex<Inner>>,
    /// Bytes that aggregates keep.
    kept: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Inner {
    session: Option<Arc<Session>>,
    error: Option<Error>,
    style: Option<Arc<Style>>,
}

impl Context {
    /// Functions are called for `session` from now on.
    pub fn enter(&self, session: Arc<Session>) {
        *self.inner.lock() = Inner { session: Some(session), ..Inner::default() };
    }

    /// Functions are called for nobody from now on.
    pub fn leave(&self) {
        *self.inner.lock() = Inner::default();
    }

    /// The session that functions are called for. Errors: there is none, as when an index is built in recovery.
    pub fn session(&self) -> Result<Arc<Session>> {
        self.inner
            .lock()
            .session
            .clone()
            .ok_or_else(|| Error::unsupported("a function of the session in an index or check"))
    }

    /// How the session reads and writes values. Errors: there is no session, or no such time zone.
    pub fn style(&self) -> Result<Arc<Style>> {
        if let Some(style) = &self.inner.lock().style {
            return Ok(Arc::clone(style));
        }
        let style = Arc::new(self.session()?.style()?);
        self.inner.lock().style = Some(Arc::clone(&style));
        Ok(style)
    }

    /// Bytes that all aggregates of the connection keep.
    pub(crate) fn kept(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.kept)
    }

    /// Leaves an error for whoever executes the statement. The first one stays.
    pub fn fail(&self, error: Error) {
        self.inner.lock().error.get_or_insert(error);
    }

    /// The error that was left.
    pub fn take_error(&self) -> Option<Error> {
        self.inner.lock().error.take()
    }
}
