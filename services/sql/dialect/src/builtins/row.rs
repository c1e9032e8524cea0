//! How rows of the tables are written: `immutable("abs", &[INT4], INT4, "pg_abs_int4")`. A spelling with `$` in it is a template, an empty
//! one is special, any other is a function. Functions are strict unless they say `called_on_null`.

use bole_sql_types::Type;

use super::{Cast, Context, Function, Kind, Operator, Spelling, Volatility};

macro_rules! short_names {
    ($($name:ident),+) => { $(pub(super) const $name: Type = Type::$name;)+ };
}

short_names!(
    BOOL,
    BYTEA,
    CHAR,
    NAME,
    INT8,
    INT2,
    INT4,
    REGPROC,
    TEXT,
    OID,
    JSON,
    FLOAT4,
    FLOAT8,
    BPCHAR,
    VARCHAR,
    DATE,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    INTERVAL,
    NUMERIC,
    REGCLASS,
    REGTYPE,
    REGNAMESPACE,
    UUID,
    JSONB,
    JSONPATH,
    VOID,
    RECORD,
    ANY,
    ANYELEMENT,
    ANYARRAY,
    ANYNONARRAY,
    ANYENUM,
    ANYCOMPATIBLE,
    ANYCOMPATIBLEARRAY
);

/// `name[]`. The numbers are those of `pg_type`.
pub(super) const NAME_ARRAY: Type = Type(1003);
/// `smallint[]`.
pub(super) const INT2_ARRAY: Type = Type(1005);
/// `integer[]`.
pub(super) const INT4_ARRAY: Type = Type(1007);
/// `text[]`.
pub(super) const TEXT_ARRAY: Type = Type(1009);
/// `double precision[]`.
pub(super) const FLOAT8_ARRAY: Type = Type(1022);
/// `interval[]`.
pub(super) const INTERVAL_ARRAY: Type = Type(1187);

/// What a spelling in a table means.
const fn spelling(text: &'static str) -> Spelling {
    let bytes = text.as_bytes();
    if bytes.is_empty() {
        return Spelling::Special;
    }
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'$' {
            return Spelling::Template(text);
        }
        at += 1;
    }
    Spelling::Function(text)
}

const fn function(
    name: &'static str,
    arguments: &'static [Type],
    result: Type,
    kind: Kind,
    said: &'static str,
) -> Function {
    Function {
        name,
        arguments,
        optional: 0,
        variadic: false,
        result,
        columns: &[],
        kind,
        strict: matches!(kind, Kind::Scalar | Kind::Set),
        volatility: Volatility::Immutable,
        spelling: spelling(said),
    }
}

type Row = (&'static str, &'static [Type], Type, &'static str);

const fn scalar((name, arguments, result, said): Row, volatility: Volatility) -> Function {
    Function { volatility, ..function(name, arguments, result, Kind::Scalar, said) }
}

/// The same for the same arguments.
pub(super) const fn immutable(
    name: &'static str,
    arguments: &'static [Type],
    result: Type,
    said: &'static str,
) -> Function {
    scalar((name, arguments, result, said), Volatility::Immutable)
}

/// The same within a statement.
pub(super) const fn stable(
    name: &'static str,
    arguments: &'static [Type],
    result: Type,
    said: &'static str,
) -> Function {
    scalar((name, arguments, result, said), Volatility::Stable)
}

/// Different each time.
pub(super) const fn volatile(
    name: &'static str,
    arguments: &'static [Type],
    result: Type,
    said: &'static str,
) -> Function {
    scalar((name, arguments, result, said), Volatility::Volatile)
}

/// Changes the database.
pub(super) const fn writes(
    name: &'static str,
    arguments: &'static [Type],
    result: Type,
    said: &'static str,
) -> Function {
    scalar((name, arguments, result, said), Volatility::Writes)
}

/// Of a group's rows.
pub(super) const fn aggregate(
    name: &'static str,
    arguments: &'static [Type],
    result: Type,
    said: &'static str,
) -> Function {
    function(name, arguments, result, Kind::Aggregate, said)
}

/// Of a window's rows.
pub(super) const fn window(
    name: &'static str,
    arguments: &'static [Type],
    result: Type,
    said: &'static str,
) -> Function {
    function(name, arguments, result, Kind::Window, said)
}

/// Gives rows.
pub(super) const fn set(
    name: &'static str,
    arguments: &'static [Type],
    result: Type,
    said: &'static str,
) -> Function {
    function(name, arguments, result, Kind::Set, said)
}

impl Function {
    /// The last `count` arguments may be left out.
    pub(super) const fn optional(self, count: usize) -> Self {
        Self { optional: count, ..self }
    }

    /// The last argument may be repeated.
    pub(super) const fn variadic(self) -> Self {
        Self { variadic: true, ..self }
    }

    /// NULL among the arguments is its own matter.
    pub(super) const fn called_on_null(self) -> Self {
        Self { strict: false, ..self }
    }

    /// Depends on the session though it is no scalar.
    pub(super) const fn stable(self) -> Self {
        Self { volatility: Volatility::Stable, ..self }
    }

    /// Gives rows of several columns.
    pub(super) const fn columns(self, columns: &'static [(&'static str, Type)]) -> Self {
        Self { columns, ..self }
    }

    /// See [`Spelling::Typed`].
    pub(super) const fn typed(self) -> Self {
        Self { spelling: typed(self.spelling), ..self }
    }

    /// See [`Spelling::Wrapped`].
    pub(super) const fn wrapped(self, by: &'static str) -> Self {
        Self { spelling: wrapped(self.spelling, by), ..self }
    }
}

const fn typed(spelling: Spelling) -> Spelling {
    match spelling {
        Spelling::Function(name) => Spelling::Typed(name),
        other => other,
    }
}

const fn wrapped(spelling: Spelling, by: &'static str) -> Spelling {
    match spelling {
        Spelling::Function(name) => Spelling::Wrapped(name, by),
        other => other,
    }
}

/// An operator between two values.
pub(super) const fn binary(
    name: &'static str,
    left: Type,
    right: Type,
    result: Type,
    said: &'static str,
) -> Operator {
    Operator { name, left: Some(left), right, result, spelling: spelling(said) }
}

/// An operator before a value.
pub(super) const fn prefix(name: &'static str, right: Type, result: Type, said: &'static str) -> Operator {
    Operator { name, left: None, right, result, spelling: spelling(said) }
}

impl Operator {
    /// See [`Spelling::Typed`].
    pub(super) const fn typed(self) -> Self {
        Self { spelling: typed(self.spelling), ..self }
    }

    /// See [`Spelling::Wrapped`].
    pub(super) const fn wrapped(self, by: &'static str) -> Self {
        Self { spelling: wrapped(self.spelling, by), ..self }
    }
}

/// A cast between types of one form.
pub(super) const fn same(from: Type, to: Type, context: Context) -> Cast {
    Cast { from, to, context, spelling: None }
}

/// A cast that is computed.
pub(super) const fn call(from: Type, to: Type, context: Context, said: &'static str) -> Cast {
    Cast { from, to, context, spelling: Some(spelling(said)) }
}

/// What stands for a function in tables that are no [`Function`]s.
pub(super) const fn said(text: &'static str) -> Spelling {
    spelling(text)
}
