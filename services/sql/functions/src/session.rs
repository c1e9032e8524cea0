//! What is asked of the session: the clock, settings, names, random numbers.

pub(crate) mod effects;

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bole_sql_dialect::catalog::PG_CATALOG;
use bole_sql_types::{Error, Result, SqlState, Value};

use crate::array;
use crate::call::{Arguments, boolean, bytes, integer, real, text};
use crate::context::Session;
use crate::scalar::{Scalar, lenient, session};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    session(c"pg_now", 0, |_, session| integer(session.transaction_time)),
    session(c"pg_statement_timestamp", 0, |_, session| integer(session.statement_time)),
    session(c"pg_clock_timestamp", 0, |_, session| integer(session.effects.clock())),
    session(c"pg_postmaster_start_time", 0, |_, _| integer(started())),
    session(c"pg_current_setting", 1, current_setting).optional(1).called_on_null(),
    session(c"pg_set_config", 3, |of, session| {
        let Some(name) = of.text_or_null(0)? else {
            return Err(Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, "SET requires parameter name"));
        };
        let local = !of.is_null(2) && of.boolean(2)?;
        text(session.effects.set_config(name, of.text_or_null(1)?, local)?)
    })
    .called_on_null(),
    session(c"pg_version", 0, |_, session| {
        let version = setting(session, "server_version").unwrap_or("15.0");
        let version = version.split(' ').next().unwrap_or(version);
        text(format!("PostgreSQL {version} (Bole {})", env!("CARGO_PKG_VERSION")))
    }),
    session(c"pg_current_database", 0, |_, session| text(session.catalog.database.as_str())),
    session(c"pg_current_schema", 0, |_, session| {
        Ok(written_path(session).next().map_or(Value::Null, |name| Value::Text(name.to_owned())))
    }),
    session(c"pg_current_schemas", 1, |of, session| {
        let implicit = of.boolean(0)? && !names_pg_catalog(session);
        let path = implicit.then_some("pg_catalog").into_iter().chain(written_path(session));
        text(array::of_texts(path.map(Some)))
    }),
    session(c"pg_backend_pid", 0, |_, session| integer(session.process_id)),
    lenient(c"pg_is_in_recovery", 0, |_| boolean(false)),
    lenient(c"pg_jit_available", 0, |_| boolean(false)),
    lenient(c"pg_trigger_depth", 0, |_| integer(0)),
    lenient(c"pg_my_temp_schema", 0, |_| integer(0)),
    lenient(c"pg_client_encoding", 0, |_| text("UTF8")),
    lenient(c"pg_getdatabaseencoding", 0, |_| text("UTF8")),
    session(c"pg_txid_current", 0, |_, session| {
        integer(session.effects.transaction_number(session.transaction_time)?)
    }),
    session(c"pg_random", 0, |_, session| {
        let mut bytes = [0; 8];
        session.effects.random(&mut bytes);
        // 53 bits are what a number below 1 has room for.
        real((u64::from_be_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64)
    }),
    session(c"pg_gen_random_uuid", 0, |_, session| {
        let mut uuid = [0; 16];
        session.effects.random(&mut uuid);
        // Version 4 of the variant of RFC 4122.
        uuid[6] = uuid[6] & 0x0f | 0x40;
        uuid[8] = uuid[8] & 0x3f | 0x80;
        bytes(uuid)
    }),
    lenient(c"pg_raise", 2, |of| {
        let state = of.text(0)?.as_bytes().try_into().unwrap_or(*b"XX000");
        Err(Error::new(SqlState(state), of.text(1)?))
    }),
];

/// When functions were first registered, which is when the server started.
pub(crate) fn started() -> i64 {
    static STARTED: LazyLock<i64> = LazyLock::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH + Duration::from_secs(EPOCH));
        since.map_or(0, |since| since.as_micros() as i64)
    });
    *STARTED
}

/// 2000-01-01 UTC, in seconds of Unix.
const EPOCH: u64 = 946_684_800;

/// The value of a setting, by its name in any case.
fn setting<'a>(session: &'a Session, name: &str) -> Option<&'a str> {
    let mut settings = session.settings.iter();
    settings.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn current_setting(of: &Arguments<'_, '_>, session: &Session) -> Result<Value> {
    let Some(name) = of.text_or_null(0)? else { return Ok(Value::Null) };
    // What `set_config` set in the same statement is not in what the statement began with.
    let now = session.effects.setting(name);
    let known = match name.to_ascii_lowercase().as_str() {
        "timezone" => Some(session.time_zone.as_str()),
        _ => now.as_deref().or_else(|| setting(session, name)),
    };
    match known {
        Some(value) => text(value),
        None if of.len() > 1 && (of.is_null(1) || of.boolean(1)?) => Ok(Value::Null),
        None => {
            let message = format!("unrecognized configuration parameter \"{name}\"");
            Err(Error::new(SqlState::UNDEFINED_OBJECT, message))
        }
    }
}

/// Whether the search path names `pg_catalog` itself, so that it is not put before the others.
fn names_pg_catalog(session: &Session) -> bool {
    session.search_path.first() != Some(&PG_CATALOG)
        || setting(session, "search_path").is_some_and(|path| path.contains("pg_catalog"))
}

/// The names of the schemas in the search path that are written there.
fn written_path(session: &Session) -> impl Iterator<Item = &str> {
    let skip = usize::from(session.search_path.first() == Some(&PG_CATALOG) && !names_pg_catalog(session));
    session.search_path.iter().skip(skip).filter_map(|oid| session.catalog.schema_name(*oid))
}
