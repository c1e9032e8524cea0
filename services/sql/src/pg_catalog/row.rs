//! Rows of a system relation, built by names of columns. What is not said is NULL, or where NULL cannot be, 0, false, or the empty text.

use bole_sql_dialect::catalog::system::SystemRelation;
use bole_sql_types::{Type, Value};

/// Rows that are being made.
pub(crate) struct Rows {
    relation: &'static SystemRelation,
    made: Vec<Vec<Value>>,
    empty: Vec<Value>,
}

/// A value of a column.
pub(crate) trait IntoValue {
    /// In the storage form.
    fn into_value(self) -> Value;
}

macro_rules! integers {
    ($($ty:ty),+) => { $(impl IntoValue for $ty { fn into_value(self) -> Value { Value::Integer(i64::from(self)) } })+ };
}
integers!(u32, i16, i32, i64, bool);

impl IntoValue for &str {
    fn into_value(self) -> Value {
        Value::Text(self.to_owned())
    }
}

impl IntoValue for String {
    fn into_value(self) -> Value {
        Value::Text(self)
    }
}

impl IntoValue for char {
    fn into_value(self) -> Value {
        Value::Text(self.to_string())
    }
}

impl IntoValue for Value {
    fn into_value(self) -> Value {
        self
    }
}

impl<T: IntoValue> IntoValue for Option<T> {
    fn into_value(self) -> Value {
        self.map_or(Value::Null, IntoValue::into_value)
    }
}

/// A value by the name of its column.
pub(crate) fn at<T: IntoValue>(column: &'static str, value: T) -> (&'static str, Value) {
    (column, value.into_value())
}

fn nothing(ty: Type, not_null: bool) -> Value {
    if !not_null {
        return Value::Null;
    }
    match ty {
        Type::NAME | Type::TEXT | Type::CHAR | Type::VARCHAR => Value::Text(String::new()),
        Type::FLOAT4 | Type::FLOAT8 => Value::Real(0.0),
        ty if ty.element().is_some() => Value::Text("{}".to_owned()),
        _ => Value::Integer(0),
    }
}

impl Rows {
    /// No rows yet.
    pub(crate) fn new(relation: &'static SystemRelation) -> Self {
        let empty = relation
            .columns
            .iter()
            .zip(&relation.not_null)
            .map(|((_, ty), not_null)| nothing(*ty, *not_null))
            .collect();
        Self { relation, made: Vec::new(), empty }
    }

    /// Appends a row with these values.
    pub(crate) fn push(&mut self, values: impl IntoIterator<Item = (&'static str, Value)>) {
        let mut row = self.empty.clone();
        for (column, value) in values {
            let place = self.relation.place(column);
            debug_assert!(place.is_some(), "{} has no column {column}", self.relation.name);
            if let Some(place) = place {
                row[place] = value;
            }
        }
        self.made.push(row);
    }

    /// Appends a row whose values are in the order of the columns.
    pub(crate) fn push_row(&mut self, row: Vec<Value>) {
        debug_assert_eq!(row.len(), self.empty.len(), "{} has other columns", self.relation.name);
        self.made.push(row);
    }

    /// The relation.
    pub(crate) const fn relation(&self) -> &'static SystemRelation {
        self.relation
    }

    /// All of them.
    pub(crate) fn finish(self) -> Vec<Vec<Value>> {
        self.made
    }
}

/// An array of numbers as it is kept; `int2vector` and `oidvector` begin at index 0.
pub(crate) fn vector(numbers: impl IntoIterator<Item = i64>) -> Value {
    let numbers: Vec<String> = numbers.into_iter().map(|number| number.to_string()).collect();
    if numbers.is_empty() {
        return Value::Text("{}".to_owned());
    }
    Value::Text(format!("[0:{}]={{{}}}", numbers.len() - 1, numbers.join(",")))
}

/// An array of numbers as it is kept.
pub(crate) fn array(numbers: impl IntoIterator<Item = i64>) -> Value {
    let numbers: Vec<String> = numbers.into_iter().map(|number| number.to_string()).collect();
    Value::Text(format!("{{{}}}", numbers.join(",")))
}
