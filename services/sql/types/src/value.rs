//! Values in their storage form.

/// A value as it is kept: SQLite's storage classes. What it means, its [`crate::Type`] says.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// SQL's NULL, of every type.
    #[default]
    Null,
    /// SQLite's INTEGER.
    Integer(i64),
    /// SQLite's REAL; never NaN, which is the text `NaN`.
    Real(f64),
    /// SQLite's TEXT: UTF-8 without NUL.
    Text(String),
    /// SQLite's BLOB.
    Blob(Vec<u8>),
}

/// A borrowed [`Value`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ValueRef<'a> {
    /// SQL's NULL.
    #[default]
    Null,
    /// SQLite's INTEGER.
    Integer(i64),
    /// SQLite's REAL.
    Real(f64),
    /// SQLite's TEXT.
    Text(&'a str),
    /// SQLite's BLOB.
    Blob(&'a [u8]),
}

impl Value {
    /// The value, borrowed.
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Null => ValueRef::Null,
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Real(value) => ValueRef::Real(*value),
            Self::Text(value) => ValueRef::Text(value),
            Self::Blob(value) => ValueRef::Blob(value),
        }
    }

    /// Whether it is SQL's NULL.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

impl ValueRef<'_> {
    /// The value, with bytes of its own.
    pub fn to_owned(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Integer(value) => Value::Integer(value),
            Self::Real(value) => Value::Real(value),
            Self::Text(value) => Value::Text(value.to_owned()),
            Self::Blob(value) => Value::Blob(value.to_vec()),
        }
    }
}
