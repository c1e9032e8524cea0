//! Scalar functions: what a row of their tables says, and how it is registered.

use std::ffi::CStr;

use bole_sql_types::{Error, Result, Value};
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use crate::call::{Arguments, to_sqlite};
use crate::context::{Context, Session};
use crate::memory;

/// One function.
pub(crate) struct Scalar {
    /// SQLite's name.
    pub(crate) name: &'static CStr,
    /// How many arguments; -1 for any number. Those that PostgreSQL lets one leave out follow in `optional`.
    pub(crate) arity: i32,
    /// How many arguments, from the end, may be left out.
    pub(crate) optional: i32,
    /// NULL among the arguments is its answer.
    pub(crate) strict: bool,
    /// What it does.
    pub(crate) run: Run,
}

/// What a function does.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// The same for the same arguments.
    Pure(fn(&Arguments<'_, '_>) -> Result<Value>),
    /// Depends on the session, or does something.
    Session(fn(&Arguments<'_, '_>, &Session) -> Result<Value>),
    /// As `Session`, with what is kept for the statement.
    Context(fn(&Arguments<'_, '_>, &Context) -> Result<Value>),
}

/// NULL for NULL; the same for the same arguments.
pub(crate) const fn strict(
    name: &'static CStr,
    arity: i32,
    run: fn(&Arguments<'_, '_>) -> Result<Value>,
) -> Scalar {
    Scalar { name, arity, optional: 0, strict: true, run: Run::Pure(run) }
}

/// The same for the same arguments, NULLs among them.
pub(crate) const fn lenient(
    name: &'static CStr,
    arity: i32,
    run: fn(&Arguments<'_, '_>) -> Result<Value>,
) -> Scalar {
    Scalar { name, arity, optional: 0, strict: false, run: Run::Pure(run) }
}

/// NULL for NULL; depends on the session.
pub(crate) const fn session(
    name: &'static CStr,
    arity: i32,
    run: fn(&Arguments<'_, '_>, &Session) -> Result<Value>,
) -> Scalar {
    Scalar { name, arity, optional: 0, strict: true, run: Run::Session(run) }
}

/// NULL for NULL; depends on the statement's context.
pub(crate) const fn contextual(
    name: &'static CStr,
    arity: i32,
    run: fn(&Arguments<'_, '_>, &Context) -> Result<Value>,
) -> Scalar {
    Scalar { name, arity, optional: 0, strict: true, run: Run::Context(run) }
}

impl Scalar {
    /// So many arguments more may be given.
    pub(crate) const fn optional(self, count: i32) -> Self {
        Self { optional: count, arity: self.arity + count, ..self }
    }

    /// NULL among the arguments is its own matter.
    pub(crate) const fn called_on_null(self) -> Self {
        Self { strict: false, ..self }
    }

    /// The numbers of arguments that it is registered with.
    pub(crate) fn arities(&self) -> std::ops::RangeInclusive<i32> {
        self.arity - self.optional..=self.arity
    }

    /// Registers it.
    pub(crate) fn register(
        &'static self,
        connection: &Connection,
        context: &Context,
    ) -> rusqlite::Result<()> {
        let flags = match self.run {
            Run::Pure(_) => FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS,
            Run::Session(_) | Run::Context(_) => FunctionFlags::empty(),
        };
        for arity in self.arities() {
            let context = context.clone();
            connection.create_scalar_function(
                self.name,
                arity,
                FunctionFlags::SQLITE_UTF8 | flags,
                move |call| match self.answer(&Arguments::Call(call), &context).and_then(memory::check) {
                    Ok(value) => Ok(to_sqlite(value)),
                    Err(error) => Err(fail(&context, error)),
                },
            )?;
        }
        Ok(())
    }

    fn answer(&self, arguments: &Arguments<'_, '_>, context: &Context) -> Result<Value> {
        if self.strict && arguments.any_null() {
            return Ok(Value::Null);
        }
        match self.run {
            Run::Pure(run) => run(arguments),
            Run::Session(run) => run(arguments, &*context.session()?),
            Run::Context(run) => run(arguments, context),
        }
    }
}

/// Leaves an error in the context, and says so to SQLite.
pub(crate) fn fail(context: &Context, error: Error) -> rusqlite::Error {
    let told = rusqlite::Error::UserFunctionError(Box::new(error.clone()));
    context.fail(error);
    told
}
