//! What functions do beyond computing: sequences, notifications, locks, waiting, records and keys of other services.

use bole_sql_dialect::catalog::Object;
use bole_sql_types::datetime::interval::Interval;
use bole_sql_types::{Error, Result, SqlState, Value, ValueRef};

use crate::call::{Arguments, boolean, integer};
use crate::context::{Advisory, How, LockKey, Session};
use crate::scalar::{Scalar, session};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    session(c"pg_nextval", 1, |of, session| integer(session.effects.nextval(sequence(of, session)?)?)),
    session(c"pg_currval", 1, |of, session| integer(session.effects.currval(sequence(of, session)?)?)),
    session(c"pg_lastval", 0, |_, session| integer(session.effects.lastval()?)),
    session(c"pg_setval", 2, |of, session| {
        let called = of.len() < 3 || of.boolean(2)?;
        session.effects.setval(sequence(of, session)?, of.integer(1)?, called)?;
        integer(of.integer(1)?)
    })
    .optional(1),
    session(c"pg_notify", 2, notify).called_on_null(),
    session(c"pg_sleep", 1, |of, session| sleep(session, of.real(0)?)),
    session(c"pg_sleep_for", 1, |of, session| {
        let length = Interval::from_storage(of.text(0)?)?.length();
        sleep(session, length as f64 / 1e6)
    }),
    session(c"pg_sleep_until", 1, |of, session| {
        sleep(session, of.integer(0)?.saturating_sub(session.effects.clock()) as f64 / 1e6)
    }),
    session(c"pg_advisory_lock", 1, |of, session| lock(of, session, false, false)).optional(1),
    session(c"pg_advisory_lock_shared", 1, |of, session| lock(of, session, true, false)).optional(1),
    session(c"pg_advisory_xact_lock", 1, |of, session| lock(of, session, false, true)).optional(1),
    session(c"pg_advisory_xact_lock_shared", 1, |of, session| lock(of, session, true, true)).optional(1),
    session(c"pg_try_advisory_lock", 1, |of, session| try_lock(of, session, false, false)).optional(1),
    session(c"pg_try_advisory_lock_shared", 1, |of, session| try_lock(of, session, true, false)).optional(1),
    session(c"pg_try_advisory_xact_lock", 1, |of, session| try_lock(of, session, false, true)).optional(1),
    session(c"pg_try_advisory_xact_lock_shared", 1, |of, session| try_lock(of, session, true, true))
        .optional(1),
    session(c"pg_advisory_unlock", 1, |of, session| unlock(of, session, false)).optional(1),
    session(c"pg_advisory_unlock_shared", 1, |of, session| unlock(of, session, true)).optional(1),
    session(c"pg_advisory_unlock_all", 0, |_, session| {
        let all = Advisory { shared: false, transaction: false, how: How::UnlockAll };
        session.effects.advisory(all, LockKey::One(0))?;
        nothing()
    }),
    session(c"pg_bole_publish", 3, publish).called_on_null(),
    session(c"pg_bole_cache_del", 1, |of, session| {
        let database = if of.len() > 1 { of.integer(0)? } else { 0 };
        session.effects.cache_delete(database, octets(of, of.len() - 1)?.unwrap_or_default())?;
        nothing()
    })
    .optional(1),
];

/// What functions of type `void` answer.
#[expect(clippy::unnecessary_wraps, reason = "it ends functions that may fail")]
fn nothing() -> Result<Value> {
    Ok(Value::Text(String::new()))
}

/// The sequence that the first argument names by its OID. Errors: 42809.
fn sequence(of: &Arguments<'_, '_>, session: &Session) -> Result<u32> {
    let oid = of.integer(0)? as u32;
    match session.catalog.objects.get(&oid).map(|object| &**object) {
        Some(Object::Sequence(_)) => Ok(oid),
        Some(
            Object::Table(bole_sql_dialect::catalog::Table { name, .. })
            | Object::View(bole_sql_dialect::catalog::View { name, .. })
            | Object::Index(bole_sql_dialect::catalog::Index { name, .. }),
        ) => Err(Error::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{name}\" is not a sequence"))),
        _ => {
            let message = format!("could not open relation with OID {oid}");
            Err(Error::new(SqlState::INTERNAL_ERROR, message))
        }
    }
}

fn notify(of: &Arguments<'_, '_>, session: &Session) -> Result<Value> {
    let (channel, payload) = (of.text_or_null(0)?.unwrap_or(""), of.text_or_null(1)?.unwrap_or(""));
    session.effects.notify(channel, payload)?;
    nothing()
}

fn sleep(session: &Session, seconds: f64) -> Result<Value> {
    if seconds > 0.0 {
        session.effects.sleep(seconds)?;
    }
    nothing()
}

fn key(of: &Arguments<'_, '_>) -> Result<LockKey> {
    Ok(if of.len() > 1 { LockKey::Two(of.int4(0)?, of.int4(1)?) } else { LockKey::One(of.integer(0)?) })
}

fn lock(of: &Arguments<'_, '_>, session: &Session, shared: bool, transaction: bool) -> Result<Value> {
    session.effects.advisory(Advisory { shared, transaction, how: How::Lock }, key(of)?)?;
    nothing()
}

fn try_lock(of: &Arguments<'_, '_>, session: &Session, shared: bool, transaction: bool) -> Result<Value> {
    boolean(session.effects.advisory(Advisory { shared, transaction, how: How::Try }, key(of)?)?)
}

fn unlock(of: &Arguments<'_, '_>, session: &Session, shared: bool) -> Result<Value> {
    let how = Advisory { shared, transaction: false, how: How::Unlock };
    boolean(session.effects.advisory(how, key(of)?)?)
}

/// The bytes of text or bytea.
fn octets<'a>(of: &'a Arguments<'_, '_>, at: usize) -> Result<Option<&'a [u8]>> {
    Ok(match of.value(at)? {
        ValueRef::Null => None,
        ValueRef::Blob(value) => Some(value),
        _ => Some(of.text(at)?.as_bytes()),
    })
}

fn publish(of: &Arguments<'_, '_>, session: &Session) -> Result<Value> {
    let Some(topic) = of.text_or_null(0)? else {
        return Err(Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, "the topic of a record cannot be NULL"));
    };
    session.effects.publish(topic, octets(of, 1)?, octets(of, 2)?)?;
    nothing()
}
