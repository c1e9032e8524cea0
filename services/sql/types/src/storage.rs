//! How values are kept. *Persisted*: the forms below are in SQLite files and in the log.
//!
//! | type | storage class | form |
//! |---|---|---|
//! | boolean | INTEGER | 0 or 1 |
//! | smallint, integer, bigint, oid, reg… | INTEGER | the number |
//! | real, double precision | REAL | the number; real is rounded to single precision; NaN is the TEXT `NaN`, which SQLite orders above all numbers, as PostgreSQL does |
//! | numeric | TEXT | PostgreSQL's output, scale included: `1.50`, `-0.001`, `NaN`, `Infinity`, `-Infinity`; collation `pg_numeric` |
//! | text, varchar, name, "char" | TEXT | as is; order of bytes (`COLLATE "C"`) |
//! | character(n) | TEXT | padded to n as PostgreSQL's output; collation `RTRIM` |
//! | bytea | BLOB | the bytes |
//! | uuid | BLOB | 16 bytes |
//! | date | INTEGER | days since 2000-01-01; infinity is `i32::MAX`, -infinity `i32::MIN` |
//! | time | INTEGER | microseconds since midnight, 24:00 included |
//! | timestamp, timestamptz | INTEGER | microseconds since 2000-01-01 (UTC); infinity is `i64::MAX`, -infinity `i64::MIN` |
//! | interval | TEXT | `months days microseconds`, decimal, a space between; collation `pg_interval` |
//! | json | TEXT | the input as it was |
//! | jsonb | TEXT | PostgreSQL's output: keys by length, then bytes, the last of equal ones; `, ` and `: `; collation `pg_jsonb` |
//! | enum | INTEGER | the label's place in the order (the catalog has the labels); places have gaps for labels to come |
//! | array | TEXT | PostgreSQL's output (`{1,NULL,"a b"}`, `[0:1]={1,2}`) with each element in the output form of its type in ISO style, enums as their INTEGER, bytea as `\x…`; a collation by the order of the elements |

/// How storage forms are compared. The names are SQLite's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collation {
    /// `pg_numeric`: by value; NaN above all.
    Numeric,
    /// `RTRIM`, which SQLite has: without trailing spaces.
    Bpchar,
    /// `pg_interval`: by length, a month being 30 days.
    Interval,
    /// `pg_jsonb`: PostgreSQL's order of jsonb.
    Jsonb,
    /// `pg_array_integers`: element by element, then by length, NULL last; elements are integers (booleans as `t` and `f` included).
    ArrayOfIntegers,
    /// `pg_array_floats`.
    ArrayOfFloats,
    /// `pg_array_numerics`.
    ArrayOfNumerics,
    /// `pg_array_intervals`.
    ArrayOfIntervals,
    /// `pg_array_times`: elements are dates or timestamps, in ISO style.
    ArrayOfTimes,
    /// `pg_array_text`: elements whose output has the order of its bytes.
    ArrayOfText,
}

impl Collation {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Numeric,
        Self::Bpchar,
        Self::Interval,
        Self::Jsonb,
        Self::ArrayOfIntegers,
        Self::ArrayOfFloats,
        Self::ArrayOfNumerics,
        Self::ArrayOfIntervals,
        Self::ArrayOfTimes,
        Self::ArrayOfText,
    ];

    /// SQLite's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Numeric => "pg_numeric",
            Self::Bpchar => "RTRIM",
            Self::Interval => "pg_interval",
            Self::Jsonb => "pg_jsonb",
            Self::ArrayOfIntegers => "pg_array_integers",
            Self::ArrayOfFloats => "pg_array_floats",
            Self::ArrayOfNumerics => "pg_array_numerics",
            Self::ArrayOfIntervals => "pg_array_intervals",
            Self::ArrayOfTimes => "pg_array_times",
            Self::ArrayOfText => "pg_array_text",
        }
    }
}
