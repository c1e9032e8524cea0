//! Plans of simple statements, kept by their shape: a text that differs from an earlier one in literals alone is neither parsed nor resolved again, and
//! SQLite finds its own statement, too.
//!
//! # Invariants
//! - A plan is used as long as it would come out the same: with the catalog and the settings with which it was made, the same fixed literals, and
//!   not in a transaction that changed the schema.
//! - Whatever cannot be done with a plan (a literal that its type does not take, a catalog that changed meanwhile) is done with the text, which also finds the
//!   errors and their places.

use std::collections::HashMap;
use std::sync::Arc;

use bole_sql_dialect::Catalog;
use bole_sql_dialect::plan::Action;
use bole_sql_dialect::shape::{self, Class, Literal, Shape, Slot, Template};
use bole_sql_types::{Error, SqlState, Type, Value, text};

use super::execute::ToSession;
use super::plan::Plan;
use super::statement::Kind;
use super::{Formats, Halt, Prepared, Session, Statement, effects, values};
use crate::limits::{SHAPES_BYTES_MAX, SHAPES_MAX};
use crate::metrics::count;

/// What [`outdated`] says.
const OUTDATED: &str = "the plan does not hold any more";

/// The error where a plan without a text does not hold any more. No client is told of it.
pub(super) fn outdated() -> Error {
    Error::new(SqlState::INTERNAL_ERROR, OUTDATED)
}

fn is_outdated(halt: &Halt) -> bool {
    matches!(halt, Halt::Error(error) if error.state == SqlState::INTERNAL_ERROR && error.message == OUTDATED)
}

/// What is known of a shape.
#[derive(Clone)]
enum Known {
    /// A plan.
    Plan(Arc<Kept>),
    /// Statements of this shape cannot share one, as of this version of the catalog.
    Nothing((u64, u64)),
}

/// A plan for a shape.
struct Kept {
    prepared: Prepared,
    plan: Arc<Plan>,
    slots: Vec<Slot>,
    /// Literals that must be these.
    fixed: Vec<(usize, String)>,
}

struct Entry {
    known: Known,
    bytes: usize,
    /// When it was used last.
    used: u64,
}

/// What is known of a session's shapes. Bounded by [`SHAPES_MAX`] and [`SHAPES_BYTES_MAX`].
#[derive(Default)]
pub(super) struct Shapes {
    entries: HashMap<String, Entry>,
    bytes: usize,
    uses: u64,
}

impl Shapes {
    /// Whether there is a plan for a shape; it may not hold any more.
    pub(super) fn knows(&self, shape: &Shape) -> bool {
        let entry = self.entries.get(&shape.key);
        entry.is_some_and(|entry| matches!(&entry.known, Known::Plan(kept) if kept.serves(shape)))
    }

    fn find(&mut self, key: &str) -> Option<Known> {
        self.uses += 1;
        let entry = self.entries.get_mut(key)?;
        entry.used = self.uses;
        Some(entry.known.clone())
    }

    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.bytes;
        }
    }

    /// Keeps what is known of a shape. How many others made room.
    fn put(&mut self, key: &str, known: Known) -> u64 {
        self.remove(key);
        let bytes = key.len() + known.bytes();
        if bytes > SHAPES_BYTES_MAX {
            return 0;
        }
        let mut dropped = 0;
        while self.entries.len() >= SHAPES_MAX || self.bytes + bytes > SHAPES_BYTES_MAX {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { break };
            self.remove(&oldest);
            dropped += 1;
        }
        self.uses += 1;
        self.bytes += bytes;
        self.entries.insert(key.to_owned(), Entry { known, bytes, used: self.uses });
        dropped
    }
}

impl Known {
    fn bytes(&self) -> usize {
        match self {
            Self::Plan(kept) => {
                let fixed: usize = kept.fixed.iter().map(|(_, text)| text.len()).sum();
                fixed + texts_of(&kept.plan.bound.action).map(str::len).sum::<usize>()
            }
            Self::Nothing(_) => 0,
        }
    }
}

impl Kept {
    /// Whether it is a plan for the statement with these literals.
    fn serves(&self, shape: &Shape) -> bool {
        self.fixed
            .iter()
            .all(|(at, value)| shape.literals.get(*at).is_some_and(|literal| literal.value == *value))
    }
}

/// SQLite's SQL of a statement.
fn texts_of(action: &Action) -> impl Iterator<Item = &str> {
    let texts: Vec<&str> = match action {
        Action::Query(query) => vec![&query.sql],
        Action::Write(write) => {
            write.before.iter().chain([&write.sql]).chain(&write.after).map(String::as_str).collect()
        }
        Action::Schema(_) => Vec::new(),
    };
    texts.into_iter()
}

/// Whether SQLite may use an index for a literal that it cannot use for a parameter: one with a condition, or with an expression, of a table
/// whose name is somewhere in the SQL.
fn may_need_literals(catalog: &Catalog, action: &Action) -> bool {
    let is_special = |oid: u32| {
        let special = |index: &bole_sql_dialect::catalog::Index| {
            index.predicate.is_some() || index.keys.iter().any(|key| key.expression.is_some())
        };
        catalog.indexes_of(oid).any(special)
    };
    let words = |sql: &str| {
        let words = sql.split(|character: char| !character.is_ascii_alphanumeric());
        let oids = words.filter_map(|word| word.strip_prefix('t')?.parse().ok());
        oids.collect::<Vec<u32>>()
    };
    texts_of(action).any(|sql| words(sql).into_iter().any(is_special))
}

impl Session {
    /// Forgets the plans of all shapes.
    pub(crate) fn forget_shapes(&mut self) {
        self.shapes = Shapes::default();
    }

    /// Runs a simple statement with the plan that is kept for its shape; with `statement`, one is made if there is none. The answer is the tag; `None` if it has
    /// to be run as it is written.
    pub(super) fn run_shape(
        &mut self,
        shape: &Shape,
        statement: Option<&Statement>,
    ) -> Result<Option<String>, Halt> {
        self.account(true);
        self.check_not_failed()?;
        self.begin_implicit();
        if self.transaction.schema_changed {
            return Ok(None);
        }
        let catalog = self.catalog();
        let kept = match self.shapes.find(&shape.key) {
            Some(Known::Plan(kept)) if kept.serves(shape) && self.holds(&kept.plan, &catalog) => kept,
            Some(Known::Nothing(version)) if version == (catalog.version, catalog.temporary_version()) => {
                return Ok(None);
            }
            _ => {
                let made = statement.and_then(|statement| self.make_shape(shape, statement, &catalog));
                let Some(kept) = made else { return Ok(None) };
                kept
            }
        };
        let Some(parameters) = self.parameters_of(&kept, shape, &catalog) else { return Ok(None) };
        let mut to = ToSession { describe: true, formats: Formats::new() };
        match self.execute(&kept.prepared, &parameters, &mut to) {
            Ok(tag) => {
                count(&self.service.metrics.shapes_known, u64::from(statement.is_none()));
                Ok(Some(tag))
            }
            Err(halt) if is_outdated(&halt) => Ok(None),
            Err(halt) => Err(halt),
        }
    }

    /// Makes a plan for a shape and keeps it, or keeps that there is none.
    fn make_shape(
        &mut self,
        shape: &Shape,
        statement: &Statement,
        catalog: &Arc<Catalog>,
    ) -> Option<Arc<Kept>> {
        let made = self.plan_of_shape(shape, statement, catalog).map(Arc::new);
        let known = match &made {
            Some(kept) => {
                count(&self.service.metrics.shapes_made, 1);
                Known::Plan(Arc::clone(kept))
            }
            None => Known::Nothing((catalog.version, catalog.temporary_version())),
        };
        let dropped = self.shapes.put(&shape.key, known);
        count(&self.service.metrics.shapes_dropped, dropped);
        made
    }

    fn plan_of_shape(&self, shape: &Shape, statement: &Statement, catalog: &Arc<Catalog>) -> Option<Kept> {
        let Kind::Sql(parsed) = &statement.kind else { return None };
        let Template { parsed, types, slots, fixed } = shape::template(parsed, shape)?;
        let statement = Statement { kind: Kind::Sql(Arc::new(parsed)), before: statement.before };
        let plan = self.make_plan(&statement, catalog, &types).ok()?;
        let action = &plan.bound.action;
        let named = |ty: &Type| values::is_named(*ty);
        if matches!(action, Action::Schema(_))
            || plan.bound.parameters.iter().any(named)
            || !slots.is_empty() && may_need_literals(catalog, action)
        {
            return None;
        }
        let fixed = fixed.into_iter().map(|at| (at, shape.literals[at].value.clone())).collect();
        let prepared = Prepared::of_plan(Arc::clone(&plan), effects::now());
        Some(Kept { prepared, plan, slots, fixed })
    }

    /// The values of a plan's parameters; `None` if a type does not take its literal.
    fn parameters_of(&self, kept: &Kept, shape: &Shape, catalog: &Catalog) -> Option<Vec<Value>> {
        let style = self.style();
        let value = |(slot, ty): (&Slot, &Type)| {
            let Literal { class, value, bytes: _ } = shape.literals.get(slot.literal)?;
            let signed = || if slot.negated { format!("-{value}") } else { value.clone() };
            match class {
                Class::Integer | Class::Bigint => signed().parse().ok().map(Value::Integer),
                Class::Decimal => text::input(Type::NUMERIC, -1, &signed(), &style).ok(),
                Class::Text => values::input_text(catalog, *ty, -1, value, &style).ok(),
            }
        };
        kept.slots.iter().zip(&kept.plan.bound.parameters).map(value).collect()
    }
}
