//! Aggregates: what a row of their table says, and how it is registered.
//!
//! Each is registered under its name for groups, and for windows whose frame begins at the partition's first row. SQLite takes rows out of
//! other frames, which floating-point sums do not survive; for these a second function, its name with `_moving` added, keeps the frame's
//! rows and computes anew, as PostgreSQL does.

pub(crate) mod collect;
pub(crate) mod exact;
pub(crate) mod float;
pub(crate) mod hypothetical;
pub(crate) mod interval;
pub(crate) mod json;
pub(crate) mod ordered;

use std::collections::VecDeque;
use std::ffi::CStr;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bole_sql_types::{Error, Result, SqlState, Value};
use rusqlite::Connection;
use rusqlite::functions::{self, FunctionFlags};

use crate::call::{Arguments, to_sqlite};
use crate::context::Context;
use crate::scalar::fail;

/// What is gathered from a group's rows.
pub(crate) trait State: Send + UnwindSafe + RefUnwindSafe {
    /// Takes a row.
    fn step(&mut self, row: &Arguments<'_, '_>) -> Result<()>;
    /// The result of the rows so far. More may come.
    fn value(&self) -> Result<Value>;
    /// What it keeps, if that grows with the rows.
    fn kept(&self) -> usize {
        0
    }
}

/// Bytes that the state of one aggregate may take: a node bears several of them at a time.
pub(crate) const STATE_BYTES_MAX: usize = 256 << 20;

/// Bytes that a state takes.
#[derive(Default)]
pub(crate) struct Kept(pub(crate) usize);

impl Kept {
    /// Asked before the state grows. Errors: 53200.
    pub(crate) fn grow(&mut self, more: usize) -> Result<()> {
        self.0 = self.0.saturating_add(more);
        if self.0 <= STATE_BYTES_MAX {
            return Ok(());
        }
        let detail = format!("The values of one aggregate may take {} MiB.", STATE_BYTES_MAX >> 20);
        Err(out_of_memory(detail))
    }

    /// What keeping a value takes.
    pub(crate) fn grow_by(&mut self, value: &Value) -> Result<()> {
        self.grow(size(value))
    }

    fn shrink(&mut self, less: usize) {
        self.0 = self.0.saturating_sub(less);
    }
}

fn out_of_memory(detail: String) -> Error {
    Error::new(SqlState::OUT_OF_MEMORY, "out of memory").with_detail(detail)
}

/// Bytes that all aggregates of one connection may take together, those of open cursors among them.
const TOTAL_BYTES_MAX: usize = 2 * STATE_BYTES_MAX;

/// Bytes that all aggregates of the process may take together.
pub const NODE_BYTES_MAX: usize = 4 * STATE_BYTES_MAX;

/// What they take.
static NODE: AtomicUsize = AtomicUsize::new(0);

/// Bytes that the aggregates of all connections take.
pub fn node_bytes() -> usize {
    NODE.load(Ordering::Relaxed)
}

/// What a state takes of what there is for a connection, and for all; given back when it goes.
struct Share {
    taken: usize,
    total: Arc<AtomicUsize>,
}

impl Share {
    fn new(context: &Context) -> Self {
        Self { taken: 0, total: context.kept() }
    }

    /// Takes more or gives back; the answer is what all of the connection take, and all of the process.
    fn change(&mut self, bytes: usize) -> (usize, usize) {
        // The sum wraps as the step does.
        let step = bytes.wrapping_sub(self.taken);
        self.taken = bytes;
        let add = |sum: &AtomicUsize| sum.fetch_add(step, Ordering::Relaxed).wrapping_add(step);
        (add(&self.total), add(&NODE))
    }

    /// The state has this size now. Errors: 53200.
    fn set(&mut self, bytes: usize) -> Result<()> {
        if bytes == self.taken {
            return Ok(());
        }
        let grows = bytes > self.taken;
        let (own, node) = self.change(bytes);
        if !grows || own <= TOTAL_BYTES_MAX && node <= NODE_BYTES_MAX {
            return Ok(());
        }
        let (of, max) = if own > TOTAL_BYTES_MAX {
            ("all aggregates", TOTAL_BYTES_MAX)
        } else {
            ("the aggregates of all sessions", NODE_BYTES_MAX)
        };
        Err(out_of_memory(format!("The values of {of} may take {} MiB.", max >> 20)))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.change(0);
    }
}

/// Bytes that a value takes where it is kept.
fn size(value: &Value) -> usize {
    let beside = match value {
        Value::Text(value) => value.len(),
        Value::Blob(value) => value.len(),
        _ => 0,
    };
    size_of::<Value>() + beside
}

/// The same of a row.
fn row_size(row: &[Value]) -> usize {
    size_of::<Vec<Value>>() + row.iter().map(size).sum::<usize>()
}

/// One aggregate.
pub(crate) struct Aggregate {
    /// SQLite's name.
    pub(crate) name: &'static CStr,
    /// The name for frames that move.
    pub(crate) moving: &'static CStr,
    /// How many arguments; -1 for any number.
    pub(crate) arity: i32,
    /// Rows with a NULL among the arguments are left out.
    pub(crate) strict: bool,
    /// The state of no row.
    pub(crate) new: fn() -> Box<dyn State>,
}

/// A row of the table: name, arguments, state; `lenient` ones get rows with NULL too.
macro_rules! aggregate {
    ($name:literal, $arity:literal, $new:expr) => {
        aggregate!($name, $arity, true, $new)
    };
    (lenient $name:literal, $arity:literal, $new:expr) => {
        aggregate!($name, $arity, false, $new)
    };
    ($name:literal, $arity:literal, $strict:literal, $new:expr) => {
        $crate::aggregate::Aggregate {
            name: $crate::aggregate::c_name(concat!($name, "\0")),
            moving: $crate::aggregate::c_name(concat!($name, "_moving\0")),
            arity: $arity,
            strict: $strict,
            new: || Box::new($new),
        }
    };
}
pub(crate) use aggregate;

/// The name in a literal that ends with NUL.
pub(crate) const fn c_name(literal: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(literal.as_bytes()) {
        Ok(name) => name,
        Err(_) => panic!("a name with NUL in it"),
    }
}

impl Aggregate {
    /// Registers it under both names.
    pub(crate) fn register(
        &'static self,
        connection: &Connection,
        context: &Context,
    ) -> rusqlite::Result<()> {
        let flags = FunctionFlags::SQLITE_UTF8
            | FunctionFlags::SQLITE_DETERMINISTIC
            | FunctionFlags::SQLITE_INNOCUOUS;
        let fixed = Fixed(Registered { row: self, context: context.clone() });
        connection.create_window_function(self.name, self.arity, flags, fixed)?;
        let moving = Moving(Registered { row: self, context: context.clone() });
        connection.create_window_function(self.moving, self.arity, flags, moving)
    }
}

struct Registered {
    row: &'static Aggregate,
    context: Context,
}

impl Registered {
    fn takes(&self, row: &Arguments<'_, '_>) -> bool {
        !(self.row.strict && row.any_null())
    }

    fn told<T>(&self, answer: Result<T>) -> rusqlite::Result<T> {
        answer.map_err(|error| fail(&self.context, error))
    }

    fn value(&self, state: &dyn State) -> rusqlite::Result<rusqlite::types::Value> {
        self.told(state.value()).map(to_sqlite)
    }
}

type Answer = rusqlite::types::Value;

/// For groups and growing frames.
struct Fixed(Registered);

/// A group.
struct Group {
    state: Box<dyn State>,
    share: Share,
}

impl functions::Aggregate<Group, Answer> for Fixed {
    fn init(&self, _: &mut functions::Context<'_>) -> rusqlite::Result<Group> {
        Ok(Group { state: (self.0.row.new)(), share: Share::new(&self.0.context) })
    }

    fn step(&self, call: &mut functions::Context<'_>, group: &mut Group) -> rusqlite::Result<()> {
        let row = Arguments::Call(call);
        if !self.0.takes(&row) {
            return Ok(());
        }
        self.0.told(group.state.step(&row).and_then(|()| group.share.set(group.state.kept())))
    }

    fn finalize(&self, _: &mut functions::Context<'_>, group: Option<Group>) -> rusqlite::Result<Answer> {
        self.value(group.as_ref())
    }
}

impl Fixed {
    fn value(&self, group: Option<&Group>) -> rusqlite::Result<Answer> {
        match group {
            Some(group) => self.0.value(&*group.state),
            None => self.0.value(&*(self.0.row.new)()),
        }
    }
}

impl functions::WindowAggregate<Group, Answer> for Fixed {
    fn value(&self, group: Option<&mut Group>) -> rusqlite::Result<Answer> {
        self.value(group.map(|group| &*group))
    }

    fn inverse(&self, _: &mut functions::Context<'_>, _: &mut Group) -> rusqlite::Result<()> {
        self.0.told(Err(Error::unsupported("this aggregate over a frame that moves")))
    }
}

/// For frames that move.
struct Moving(Registered);

/// The rows of a frame.
struct Rows {
    of: VecDeque<Vec<Value>>,
    kept: Kept,
    share: Share,
}

impl Moving {
    fn compute(&self, rows: Option<&Rows>) -> rusqlite::Result<Answer> {
        let mut state = (self.0.row.new)();
        for row in rows.into_iter().flat_map(|rows| &rows.of) {
            let row = Arguments::Kept(row);
            if self.0.takes(&row) {
                self.0.told(state.step(&row))?;
            }
        }
        self.0.value(&*state)
    }
}

impl functions::Aggregate<Rows, Answer> for Moving {
    fn init(&self, _: &mut functions::Context<'_>) -> rusqlite::Result<Rows> {
        Ok(Rows { of: VecDeque::new(), kept: Kept::default(), share: Share::new(&self.0.context) })
    }

    fn step(&self, call: &mut functions::Context<'_>, rows: &mut Rows) -> rusqlite::Result<()> {
        let row = self.0.told(Arguments::Call(call).keep())?;
        self.0.told(rows.kept.grow(row_size(&row)).and_then(|()| rows.share.set(rows.kept.0)))?;
        rows.of.push_back(row);
        Ok(())
    }

    fn finalize(&self, _: &mut functions::Context<'_>, rows: Option<Rows>) -> rusqlite::Result<Answer> {
        self.compute(rows.as_ref())
    }
}

impl functions::WindowAggregate<Rows, Answer> for Moving {
    fn value(&self, rows: Option<&mut Rows>) -> rusqlite::Result<Answer> {
        self.compute(rows.map(|rows| &*rows))
    }

    fn inverse(&self, _: &mut functions::Context<'_>, rows: &mut Rows) -> rusqlite::Result<()> {
        if let Some(row) = rows.of.pop_front() {
            rows.kept.shrink(row_size(&row));
        }
        self.0.told(rows.share.set(rows.kept.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_has_a_limit() {
        let context = Context::default();
        let mut shares: Vec<_> = (0..3).map(|_| Share::new(&context)).collect();
        assert!(shares[0].set(TOTAL_BYTES_MAX - 1).is_ok());
        assert!(shares[1].set(1).is_ok());
        assert_eq!(shares[2].set(1).map_err(|error| error.state), Err(SqlState::OUT_OF_MEMORY));
        assert!(shares[0].set(0).is_ok());
        assert!(shares[1].set(TOTAL_BYTES_MAX - 1).is_ok());
        shares.truncate(1);
        assert!(shares[0].set(TOTAL_BYTES_MAX).is_ok());
        // Of another connection, as long as there is room for both.
        let mut other = Share::new(&Context::default());
        assert!(other.set(STATE_BYTES_MAX).is_ok());
        let mut third = Share::new(&Context::default());
        let refused = third.set(NODE_BYTES_MAX - TOTAL_BYTES_MAX - STATE_BYTES_MAX + 1).unwrap_err();
        assert_eq!(refused.state, SqlState::OUT_OF_MEMORY);
        drop((other, shares));
        assert!(third.set(TOTAL_BYTES_MAX).is_ok());
    }

    #[test]
    fn what_is_kept_has_a_limit() {
        let mut kept = Kept::default();
        assert!(kept.grow(STATE_BYTES_MAX).is_ok());
        assert_eq!(kept.grow(1).map_err(|error| error.state), Err(SqlState::OUT_OF_MEMORY));
        kept.shrink(size(&Value::Text("abc".to_owned())) + 1);
        assert!(kept.grow_by(&Value::Text("abc".to_owned())).is_ok());
        assert!(kept.grow(1).is_err());
    }
}
