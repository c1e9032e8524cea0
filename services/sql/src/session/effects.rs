//! What functions do on behalf of a session beyond computing: sequences, settings, notifications, requests to other services.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime};

use bole_shard::participant::Request;
use bole_sql_dialect::Catalog;
use bole_sql_dialect::catalog::temporary::is_temporary;
use bole_sql_functions::context::{self, Advisory, Effects, LockKey};
use bole_sql_types::{Error, Result, SqlState};
use bytes::Bytes;
use parking_lot::Mutex;
use rand::RngCore as _;

use super::Prepared;
use super::advisory::Asked;
use super::cancel::Canceller;
use super::notify::Notification;
use super::settings::Settings;
use crate::pool::Blocked;
use crate::service::Service;
use crate::store::{Database, Lent, Sequences, Temporary};

/// Bytes of a notification's text, as in PostgreSQL.
const PAYLOAD_BYTES_MAX: usize = 8_000;
/// Bytes of a channel's name.
const CHANNEL_BYTES_MAX: usize = 63;
/// Notifications and requests of one transaction.
const PENDING_MAX: usize = 1_000_000;
/// Bytes of what these say.
const PENDING_BYTES_MAX: usize = 64 << 20;
/// Values of sequences that are remembered of one statement: only those about one row are run again.
const DRAWN_MAX: usize = 1_000;
/// How often a sleep looks whether it is cancelled.
const SLEEP_STEP: Duration = Duration::from_millis(10);

/// What a session and its functions share.
pub(crate) struct Shared {
    service: Arc<Service>,
    database: Arc<Database>,
    pub(crate) temporary: Arc<Temporary>,
    user: Arc<str>,
    process_id: i32,
    pub(crate) settings: Mutex<Settings>,
    pub(crate) canceller: Arc<Canceller>,
    pub(crate) pending: Mutex<Pending>,
    /// What the statement that runs sees.
    pub(crate) catalog: Mutex<Arc<Catalog>>,
    /// Statements that are prepared, by name.
    pub(crate) statements: Mutex<BTreeMap<String, Arc<Prepared>>>,
    /// Cursors as they were when the statement began that runs.
    pub(crate) cursors: Mutex<Vec<context::Cursor>>,
    /// See [`Holds`].
    pub(crate) holds: Mutex<Holds>,
    sequences: Mutex<Given>,
    /// When the transaction began that asked for its number last, and the number.
    numbered: Mutex<Option<(i64, i64)>>,
}

/// What a transaction does when it commits, besides its rows.
#[derive(Default)]
pub(crate) struct Pending {
    pub(crate) notifications: Vec<Notification>,
    pub(crate) requests: Vec<(String, Request)>,
    /// Of both, about.
    pub(crate) bytes: usize,
}

impl Pending {
    /// Errors: there is no room for another effect of so many bytes.
    fn grow(&mut self, bytes: usize) -> Result<()> {
        let count = self.notifications.len() + self.requests.len();
        if count >= PENDING_MAX || self.bytes + bytes > PENDING_BYTES_MAX {
            return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "too many effects in one transaction"));
        }
        self.bytes += bytes;
        Ok(())
    }
}

/// What the statement that runs keeps from others while it waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Holds {
    #[default]
    Nothing,
    /// A place among the readers.
    Reader,
    /// The write ticket.
    Ticket,
}

#[derive(Default)]
struct Given {
    values: HashMap<u32, i64>,
    last: Option<u32>,
    /// What the statement that runs was given, for when it is run again.
    drawn: Vec<i64>,
    /// It is run again: how many of these were given anew.
    repeated: Option<usize>,
}

impl Shared {
    pub(crate) fn new(
        service: &Arc<Service>,
        database: &Arc<Database>,
        (user, process_id): (&str, i32),
        settings: Settings,
        canceller: Arc<Canceller>,
    ) -> Self {
        Self {
            service: Arc::clone(service),
            database: Arc::clone(database),
            temporary: Temporary::new(database),
            user: Arc::from(user),
            process_id,
            settings: Mutex::new(settings),
            canceller,
            pending: Mutex::default(),
            catalog: Mutex::default(),
            statements: Mutex::default(),
            cursors: Mutex::default(),
            holds: Mutex::default(),
            sequences: Mutex::default(),
            numbered: Mutex::default(),
        }
    }

    /// Forgets which values of sequences were given: `DISCARD SEQUENCES`.
    pub(crate) fn forget_sequences(&self) {
        *self.sequences.lock() = Given::default();
    }

    /// Remembers from now on what sequences give.
    pub(super) fn note_sequences(&self) {
        self.sequences.lock().drawn.clear();
    }

    /// The statement is run again, for which sequences give the same and nothing else may be done; or no longer.
    pub(super) fn repeat(&self, on: bool) {
        self.sequences.lock().repeated = on.then_some(0);
    }

    /// Errors: the statement is run again.
    fn check_first(&self) -> Result<()> {
        if self.sequences.lock().repeated.is_some() {
            return Err(Error::new(SqlState::INTERNAL_ERROR, "an effect of a statement that is run again"));
        }
        Ok(())
    }

    /// The sequences among which one is.
    fn values_of(&self, sequence: u32) -> &Sequences {
        if is_temporary(sequence) { self.temporary.sequences() } else { self.database.sequences() }
    }

    /// The statement waits for something outside: its thread and its place among the readers are others' meanwhile. Errors: too many wait.
    fn begin_wait(&self) -> Result<(Option<Lent>, Blocked)> {
        let blocked = self.service.pool.wait().ok_or_else(|| {
            let message = "too many statements wait for locks or sleep";
            Error::new(SqlState::CONFIGURATION_LIMIT_EXCEEDED, message)
        })?;
        let reads = *self.holds.lock() == Holds::Reader;
        // The place comes back before the thread counts again.
        Ok((reads.then(|| self.database.lend_reader(&self.service.handle)), blocked))
    }

    fn request(&self, service: &str, request: Request) -> Result<()> {
        self.check_first()?;
        if !self.service.may_affect(&self.user, service, &request) {
            let message = format!("permission denied for {service} {}", request.dataset);
            return Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
        }
        let mut pending = self.pending.lock();
        let bytes = request.arguments.iter().map(Bytes::len).sum::<usize>() + request.dataset.len();
        pending.grow(bytes)?;
        pending.requests.push((service.to_owned(), request));
        Ok(())
    }
}

/// Microseconds since 2000-01-01 UTC.
pub(crate) fn now() -> i64 {
    /// Seconds from 1970 to 2000.
    const EPOCH: i64 = 946_684_800;
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_micros() as i64 - EPOCH * 1_000_000
}

fn definition(catalog: &Catalog, sequence: u32) -> Result<&bole_sql_dialect::catalog::Sequence> {
    catalog.sequence(sequence).ok_or_else(|| {
        Error::new(SqlState::UNDEFINED_TABLE, format!("could not open relation with OID {sequence}"))
    })
}

impl Effects for Shared {
    fn nextval(&self, sequence: u32) -> Result<i64> {
        let mut given = self.sequences.lock();
        if let Some(place) = given.repeated {
            given.repeated = Some(place + 1);
            let again = given.drawn.get(place).copied();
            return again
                .ok_or_else(|| Error::new(SqlState::INTERNAL_ERROR, "a value that was not given before"));
        }
        let catalog = Arc::clone(&self.catalog.lock());
        let value = self.values_of(sequence).next(definition(&catalog, sequence)?)?;
        if given.drawn.len() < DRAWN_MAX {
            given.drawn.push(value);
        }
        given.values.insert(sequence, value);
        given.last = Some(sequence);
        Ok(value)
    }

    fn currval(&self, sequence: u32) -> Result<i64> {
        let value = self.sequences.lock().values.get(&sequence).copied();
        value.ok_or_else(|| {
            let catalog = self.catalog.lock();
            let name = catalog.objects.get(&sequence).map_or("?", |object| object.name());
            let message = format!("currval of sequence \"{name}\" is not yet defined in this session");
            Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
        })
    }

    fn lastval(&self) -> Result<i64> {
        let given = self.sequences.lock();
        given.last.and_then(|last| given.values.get(&last).copied()).ok_or_else(|| {
            let message = "lastval is not yet defined in this session";
            Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
        })
    }

    fn standing(&self, sequence: u32) -> Result<(i64, bool)> {
        let catalog = Arc::clone(&self.catalog.lock());
        let start = definition(&catalog, sequence)?.start;
        let standing = self.database.sequences().get(sequence);
        Ok(standing.map_or((start, false), |it| (it.last_value, it.is_called)))
    }

    fn setval(&self, sequence: u32, value: i64, is_called: bool) -> Result<()> {
        self.check_first()?;
        let catalog = Arc::clone(&self.catalog.lock());
        self.values_of(sequence).set(definition(&catalog, sequence)?, value, is_called)?;
        if is_called {
            self.sequences.lock().values.insert(sequence, value);
        }
        Ok(())
    }

    fn notify(&self, channel: &str, payload: &str) -> Result<()> {
        self.check_first()?;
        let invalid = |message: &str| Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
        if channel.is_empty() {
            return invalid("channel name cannot be empty");
        }
        if channel.len() > CHANNEL_BYTES_MAX {
            return invalid("channel name too long");
        }
        if payload.len() >= PAYLOAD_BYTES_MAX {
            return invalid("payload string too long");
        }
        let mut pending = self.pending.lock();
        let same = |known: &Notification| *known.channel == *channel && *known.payload == *payload;
        // Equal ones of one transaction are delivered once; looking far back would cost more than it saves.
        if pending.notifications.iter().rev().take(64).any(same) {
            return Ok(());
        }
        pending.grow(channel.len() + payload.len())?;
        let (channel, payload) = (Arc::from(channel), Arc::from(payload));
        pending.notifications.push(Notification { process_id: self.process_id, channel, payload });
        Ok(())
    }

    fn publish(&self, topic: &str, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<()> {
        let has: &'static [u8] = match (key, value) {
            (Some(_), Some(_)) => b"kv",
            (Some(_), None) => b"k",
            (None, Some(_)) => b"v",
            (None, None) => b"",
        };
        let bytes = [key, value].into_iter().flatten().map(Bytes::copy_from_slice);
        let arguments = std::iter::once(Bytes::from_static(has)).chain(bytes).collect();
        let request = Request { operation: "publish".to_owned(), dataset: topic.to_owned(), arguments };
        self.request("streams", request)
    }

    fn cache_delete(&self, database: i64, key: &[u8]) -> Result<()> {
        let arguments = vec![Bytes::copy_from_slice(key)];
        let request = Request { operation: "del".to_owned(), dataset: database.to_string(), arguments };
        self.request("keyspace", request)
    }

    fn database_size(&self, name: &str) -> Result<i64> {
        let missing =
            || Error::new(SqlState::INVALID_CATALOG_NAME, format!("database \"{name}\" does not exist"));
        let database = self.service.databases.get(name).ok_or_else(missing)?;
        database.file_bytes().map_err(|error| crate::error::from_sqlite(&error))
    }

    fn functions_named(&self, name: &str) -> Vec<u32> {
        crate::pg_catalog::functions_named(name).to_vec()
    }

    fn function_name(&self, number: u32) -> Option<String> {
        crate::pg_catalog::function_name(number).map(str::to_owned)
    }

    fn clock(&self) -> i64 {
        now()
    }

    fn random(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }

    fn set_config(&self, name: &str, value: Option<&str>, local: bool) -> Result<String> {
        self.check_first()?;
        let mut settings = self.settings.lock();
        settings.change(name, value, local)?;
        settings.get(name).map(str::to_owned)
    }

    fn setting(&self, name: &str) -> Option<String> {
        self.settings.lock().get(name).ok().map(str::to_owned)
    }

    fn cursors(&self) -> Vec<context::Cursor> {
        self.cursors.lock().clone()
    }

    fn prepared_statements(&self) -> Vec<context::PreparedStatement> {
        let statements = self.statements.lock();
        let named = statements.iter().filter(|(name, _)| !name.is_empty());
        let shown = named.map(|(name, prepared)| context::PreparedStatement {
            name: name.clone(),
            statement: prepared.text.clone(),
            prepared: prepared.at,
            parameters: prepared.parameters.iter().map(|ty| ty.0).collect(),
            from_sql: prepared.from_sql,
        });
        shown.collect()
    }

    fn sleep(&self, seconds: f64) -> Result<()> {
        self.check_first()?;
        let length = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
        let until = Instant::now().checked_add(length);
        let _wait = self.begin_wait()?;
        loop {
            self.canceller.check()?;
            let left = until.map_or(SLEEP_STEP, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(SLEEP_STEP));
        }
    }

    fn last_value(&self, sequence: u32) -> Option<i64> {
        let standing = self.values_of(sequence).get(sequence)?;
        standing.is_called.then_some(standing.last_value)
    }

    fn transaction_number(&self, began: i64) -> Result<i64> {
        // Numbers begin with the time of the start in microseconds: fewer transactions than these run meanwhile, so none comes again after a
        // start.
        static LAST: LazyLock<AtomicI64> = LazyLock::new(|| AtomicI64::new(now()));
        let mut numbered = self.numbered.lock();
        match *numbered {
            Some((time, number)) if time == began => Ok(number),
            _ => {
                let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
                *numbered = Some((began, number));
                Ok(number)
            }
        }
    }

    fn databases(&self) -> Vec<(u32, String)> {
        let all = self.service.databases.all();
        all.iter().map(|database| (database.oid(), database.name().to_owned())).collect()
    }

    fn may(&self, user: &str, action: &str) -> bool {
        self.service.allowed(user, action, self.database.name())
    }

    fn reset_value(&self, name: &str) -> Option<String> {
        self.settings.lock().reset_value(name).map(str::to_owned)
    }

    fn built_in(&self, relation: &str, oid: u32) -> Option<&'static str> {
        crate::pg_catalog::built_in(relation, &oid.to_string())
    }

    fn advisory(&self, operation: Advisory, key: LockKey) -> Result<bool> {
        self.check_first()?;
        let (locks, database) = (&self.service.advisory, self.database.name());
        let asked = Asked { database, process_id: self.process_id, operation, key };
        if let Some(answer) = locks.operate(&asked)? {
            return Ok(answer);
        }
        let _wait = self.begin_wait()?;
        let limit = self.settings.lock().derived().lock_timeout;
        locks.wait(&asked, &self.canceller, limit, *self.holds.lock() == Holds::Ticket)
    }
}
