//! What a function is given and what it answers: storage forms in, storage forms out.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bole_sql_types::{Error, Result, SqlState, Type, Value, ValueRef};
use rusqlite::types::ValueRef as Sqlite;

use crate::context::Context;

/// Does what SQLite asks of a virtual table. A panic becomes an error of the statement: it must not unwind into SQLite's C.
pub fn guarded<T>(context: &Context, ask: impl FnOnce() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    // What the panic left half done is read by nobody: the statement ends with the error.
    catch_unwind(AssertUnwindSafe(ask)).unwrap_or_else(|_| {
        let message = "a function that gives rows failed";
        context.fail(Error::new(SqlState::INTERNAL_ERROR, message));
        Err(rusqlite::Error::ModuleError(message.to_owned()))
    })
}

/// The arguments of a call.
pub(crate) enum Arguments<'a, 'c> {
    /// Of a call by SQLite.
    Call(&'a rusqlite::functions::Context<'c>),
    /// Of a table-valued function, or of a call that was kept.
    Kept(&'a [Value]),
}

impl Arguments<'_, '_> {
    /// How many.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Call(call) => call.len(),
            Self::Kept(values) => values.len(),
        }
    }

    /// Whether one of them is NULL.
    pub(crate) fn any_null(&self) -> bool {
        (0..self.len()).any(|at| self.is_null(at))
    }

    /// Whether one is NULL. One that was left out is.
    pub(crate) fn is_null(&self, at: usize) -> bool {
        match self {
            Self::Call(call) => at >= call.len() || matches!(call.get_raw(at), Sqlite::Null),
            Self::Kept(values) => values.get(at).is_none_or(Value::is_null),
        }
    }

    /// One of them. Errors: text is not UTF-8.
    pub(crate) fn value(&self, at: usize) -> Result<ValueRef<'_>> {
        match self {
            Self::Call(call) => Ok(match call.get_raw(at) {
                Sqlite::Null => ValueRef::Null,
                Sqlite::Integer(value) => ValueRef::Integer(value),
                Sqlite::Real(value) => ValueRef::Real(value),
                Sqlite::Text(bytes) => ValueRef::Text(utf8(bytes)?),
                Sqlite::Blob(bytes) => ValueRef::Blob(bytes),
            }),
            Self::Kept(values) => Ok(values[at].as_ref()),
        }
    }

    /// A number that is not a fraction.
    pub(crate) fn integer(&self, at: usize) -> Result<i64> {
        match self.value(at)? {
            ValueRef::Integer(value) => Ok(value),
            other => Err(unexpected(other)),
        }
    }

    /// As [`Arguments::integer`], for what PostgreSQL declares `integer`.
    pub(crate) fn int4(&self, at: usize) -> Result<i32> {
        self.integer(at).map(|value| value as i32)
    }

    /// Whether it is true.
    pub(crate) fn boolean(&self, at: usize) -> Result<bool> {
        self.integer(at).map(|value| value != 0)
    }

    /// A number of floating point; `NaN` is text.
    pub(crate) fn real(&self, at: usize) -> Result<f64> {
        match self.value(at)? {
            ValueRef::Real(value) => Ok(value),
            ValueRef::Integer(value) => Ok(value as f64),
            ValueRef::Text("NaN") => Ok(f64::NAN),
            other => Err(unexpected(other)),
        }
    }

    /// Text.
    pub(crate) fn text(&self, at: usize) -> Result<&str> {
        match self.value(at)? {
            ValueRef::Text(value) => Ok(value),
            other => Err(unexpected(other)),
        }
    }

    /// Text, or NULL.
    pub(crate) fn text_or_null(&self, at: usize) -> Result<Option<&str>> {
        if self.is_null(at) { Ok(None) } else { self.text(at).map(Some) }
    }

    /// Bytes.
    pub(crate) fn bytes(&self, at: usize) -> Result<&[u8]> {
        match self.value(at)? {
            ValueRef::Blob(value) => Ok(value),
            other => Err(unexpected(other)),
        }
    }

    /// The OID of a type.
    pub(crate) fn ty(&self, at: usize) -> Result<Type> {
        self.integer(at).map(|oid| Type(oid as u32))
    }

    /// All of them, to keep.
    pub(crate) fn keep(&self) -> Result<Vec<Value>> {
        (0..self.len()).map(|at| self.value(at).map(ValueRef::to_owned)).collect()
    }
}

fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| Error::new(SqlState::DATA_CORRUPTED, "text that is not UTF-8"))
}

/// A value in another class of storage than its type has.
fn unexpected(value: ValueRef<'_>) -> Error {
    let class = match value {
        ValueRef::Null => "NULL",
        ValueRef::Integer(_) => "an integer",
        ValueRef::Real(_) => "a floating-point number",
        ValueRef::Text(_) => "text",
        ValueRef::Blob(_) => "bytes",
    };
    Error::new(
        SqlState::INTERNAL_ERROR,
        format!("a function was called with {class} where its type is another"),
    )
}

/// SQLite's value of ours.
pub(crate) fn to_sqlite(value: Value) -> rusqlite::types::Value {
    match value {
        Value::Null => rusqlite::types::Value::Null,
        Value::Integer(value) => rusqlite::types::Value::Integer(value),
        Value::Real(value) => rusqlite::types::Value::Real(value),
        Value::Text(value) => rusqlite::types::Value::Text(value),
        Value::Blob(value) => rusqlite::types::Value::Blob(value),
    }
}

/// Answers a truth.
#[expect(clippy::unnecessary_wraps, reason = "it ends functions that may fail")]
pub(crate) fn boolean(value: bool) -> Result<Value> {
    Ok(Value::Integer(i64::from(value)))
}

/// Answers an integer.
#[expect(clippy::unnecessary_wraps, reason = "it ends functions that may fail")]
pub(crate) fn integer(value: impl Into<i64>) -> Result<Value> {
    Ok(Value::Integer(value.into()))
}

/// Answers a number of characters, bytes or elements.
pub(crate) fn count(value: usize) -> Result<Value> {
    integer(value as i64)
}

/// Answers text.
#[expect(clippy::unnecessary_wraps, reason = "it ends functions that may fail")]
pub(crate) fn text(value: impl Into<String>) -> Result<Value> {
    Ok(Value::Text(value.into()))
}

/// Answers text or NULL.
#[expect(clippy::unnecessary_wraps, reason = "it ends functions that may fail")]
pub(crate) fn text_or_null(value: Option<String>) -> Result<Value> {
    Ok(value.map_or(Value::Null, Value::Text))
}

/// Answers bytes.
#[expect(clippy::unnecessary_wraps, reason = "it ends functions that may fail")]
pub(crate) fn bytes(value: impl Into<Vec<u8>>) -> Result<Value> {
    Ok(Value::Blob(value.into()))
}

/// Answers a number of floating point.
#[expect(clippy::unnecessary_wraps, reason = "it ends functions that may fail")]
pub(crate) fn real(value: f64) -> Result<Value> {
    Ok(if value.is_nan() { Value::Text("NaN".to_owned()) } else { Value::Real(value) })
}
