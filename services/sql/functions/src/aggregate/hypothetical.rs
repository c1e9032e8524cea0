//! Hypothetical-set aggregates: `rank(5) WITHIN GROUP (ORDER BY x)` and its like say where a value would stand among those of the group.

use std::cmp::Ordering;

use bole_sql_types::{Result, Type, Value};

use super::ordered::order_of;
use super::{Aggregate, Kept, State, aggregate};
use crate::call::{Arguments, count, real};

/// The aggregates. Arguments: the value that is placed, the type's OID, a row's value, whether the order descends, whether NULLs come first.
pub(crate) const AGGREGATES: &[Aggregate] = &[
    aggregate!(lenient "pg_rank_within", 5, Placed::new(|of| count(of.before().0 + 1))),
    aggregate!(lenient "pg_dense_rank_within", 5, Placed::new(|of| count(of.distinct_before() + 1))),
    aggregate!(lenient "pg_percent_rank_within", 5, Placed::new(|of| real(of.percent()))),
    aggregate!(lenient "pg_cume_dist_within", 5, Placed::new(|of| real(of.distribution()))),
];

/// The values of a group, NULLs included, and the one that is placed among them.
struct Placed {
    ty: Type,
    wanted: Value,
    descending: bool,
    nulls_first: bool,
    values: Vec<Value>,
    kept: Kept,
    result: fn(&Self) -> Result<Value>,
}

impl Placed {
    const fn new(result: fn(&Self) -> Result<Value>) -> Self {
        Self {
            ty: Type::TEXT,
            wanted: Value::Null,
            descending: false,
            nulls_first: false,
            values: Vec::new(),
            kept: Kept(0),
            result,
        }
    }

    fn order(&self, a: &Value, b: &Value) -> Ordering {
        match (a, b) {
            (Value::Null, Value::Null) => Ordering::Equal,
            (Value::Null, _) if self.nulls_first => Ordering::Less,
            (Value::Null, _) => Ordering::Greater,
            (_, Value::Null) => self.order(b, a).reverse(),
            _ if self.descending => order_of(Some(self.ty), b, a),
            _ => order_of(Some(self.ty), a, b),
        }
    }

    /// How many values come before the one that is placed, and how many are equal to it.
    fn before(&self) -> (usize, usize) {
        let count =
            |wanted| self.values.iter().filter(|value| self.order(value, &self.wanted) == wanted).count();
        (count(Ordering::Less), count(Ordering::Equal))
    }

    fn distinct_before(&self) -> usize {
        let mut before: Vec<&Value> =
            self.values.iter().filter(|value| self.order(value, &self.wanted).is_lt()).collect();
        before.sort_by(|a, b| self.order(a, b));
        before.dedup_by(|a, b| self.order(a, b).is_eq());
        before.len()
    }

    fn percent(&self) -> f64 {
        if self.values.is_empty() { 0.0 } else { self.before().0 as f64 / self.values.len() as f64 }
    }

    /// The one that is placed counts as well.
    fn distribution(&self) -> f64 {
        let (before, equal) = self.before();
        (before + equal + 1) as f64 / (self.values.len() + 1) as f64
    }
}

impl State for Placed {
    fn kept(&self) -> usize {
        self.kept.0
    }

    fn step(&mut self, row: &Arguments<'_, '_>) -> Result<()> {
        self.wanted = row.value(0)?.to_owned();
        self.ty = row.ty(1)?;
        self.descending = row.boolean(3)?;
        self.nulls_first = row.boolean(4)?;
        let value = row.value(2)?.to_owned();
        self.kept.grow_by(&value)?;
        self.values.push(value);
        Ok(())
    }

    fn value(&self) -> Result<Value> {
        (self.result)(self)
    }
}
