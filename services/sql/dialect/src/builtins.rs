//! Functions, operators and casts: what PostgreSQL calls them, what they take and give, and how they are said in SQLite.
//!
//! One file per family, each with its tables. A row that says [`Spelling::Function`] is a promise of the crate `bole-sql-functions`; its tests
//! compare the two.

use bole_sql_types::Type;

mod aggregate;
mod array;
mod bole;
mod casts;
mod datetime;
mod index;
mod json;
mod math;
mod missing;
mod operators;
mod pattern;
mod row;
mod set;
mod system;
mod text;
mod window;

pub use casts::{input, output};
pub(crate) use index::FAMILIES;
pub use index::{PRINTED, all_casts, all_functions, all_operators, cast, functions, operators};
pub(crate) use missing::{lacks_function, lacks_operator};

/// How a call is said in SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// A call of a SQLite function with the same arguments. Functions of ours begin with `pg_`; others are SQLite's.
    Function(&'static str),
    /// As `Function`, and before each argument that is declared with a pseudo-type (`anyelement`, `anyarray`, `"any"` …) stands the OID of
    /// its actual type, as an integer: `array_position('{1,2}'::int[], 2)` is `pg_array_position(1007, '{1,2}', 23, 2)`.
    Typed(&'static str),
    /// As `Function`, and each argument that is declared with a pseudo-type is first converted by the second function, which is called with
    /// the OID of its actual type and the argument: `concat(1, x)` is `pg_concat(pg_output(23, 1), pg_output(25, x))`. Conversions give NULL for NULL.
    Wrapped(&'static str, &'static str),
    /// SQL with `$1`, `$2` … for the arguments, each of which occurs once at most: `($1 || $2)`.
    Template(&'static str),
    /// The binder knows the name and prints it by a rule of its own.
    Special,
}

/// What a function is called on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A row's values.
    Scalar,
    /// A group's rows. Every aggregate may also be called over a window.
    Aggregate,
    /// A window's rows only: `row_number`.
    Window,
    /// Gives rows: `generate_series`. In SQLite a table-valued function with the columns `v1`, `v2` … for the results and `ordinality`,
    /// which counts the rows from 1. It gives no row if it is strict and an argument is NULL.
    Set,
}

/// Whether a call may be computed once for many rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volatility {
    /// The same for the same arguments, for ever.
    Immutable,
    /// The same for the same arguments within a statement.
    Stable,
    /// Different each time.
    Volatile,
    /// As `Volatile`, and it changes the database, so that its statement takes the write ticket: `nextval`.
    Writes,
}

/// A function of PostgreSQL's. The name is in `pg_catalog`, or in the schema that is written before it: `bole.publish`.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// PostgreSQL's name.
    pub name: &'static str,
    /// Types of its arguments. With `variadic` the last one may be repeated.
    pub arguments: &'static [Type],
    /// How many of them, from the end, may be left out; the spelling then gets fewer.
    pub optional: usize,
    /// Whether the last argument may be repeated.
    pub variadic: bool,
    /// The type of its result; a polymorphic one follows from the arguments.
    pub result: Type,
    /// Of what gives rows of several columns: their names and types. Empty if the result is the one column.
    pub columns: &'static [(&'static str, Type)],
    /// What it is called on.
    pub kind: Kind,
    /// Whether a NULL among the arguments makes the result NULL without a call. The SQLite function must do so itself.
    pub strict: bool,
    /// See [`Volatility`].
    pub volatility: Volatility,
    /// How it is said in SQLite.
    pub spelling: Spelling,
}

/// An operator. Comparisons are not here: the binder compares values of one type by SQLite's operators and the type's collation.
#[derive(Clone, Copy, Debug)]
pub struct Operator {
    /// PostgreSQL's name: `||`.
    pub name: &'static str,
    /// The left type; `None` for a prefix operator.
    pub left: Option<Type>,
    /// The right type.
    pub right: Type,
    /// The type of its result.
    pub result: Type,
    /// How it is said in SQLite.
    pub spelling: Spelling,
}

/// When a cast is applied without being asked for (PostgreSQL's `castcontext`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Context {
    /// Anywhere.
    Implicit,
    /// On assignment to a column.
    Assignment,
    /// Only where it is written.
    Explicit,
}

/// A conversion between types. Between any type and text there is one besides these, by input and output of the type.
#[derive(Clone, Copy, Debug)]
pub struct Cast {
    /// From.
    pub from: Type,
    /// To.
    pub to: Type,
    /// When.
    pub context: Context,
    /// `None`: both have the same form.
    pub spelling: Option<Spelling>,
}
