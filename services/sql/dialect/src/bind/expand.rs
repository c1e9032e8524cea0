//! Functions that give rows in a select list: each row of the query is repeated for the rows that they give.
//!
//! As in PostgreSQL since version 10, calls run in step: there are as many rows as the longest gives, and the others are filled with NULL.
//! Calls among whose arguments are results of others run after those, again in step. They run before the rows are grouped where they are
//! keys of the grouping, else after grouping and windows, and before DISTINCT and ORDER BY.

use bole_sql_types::{Error, Result, SqlState, Type, Value};

use super::Binder;
use super::call::Call;
use super::group::collect;
use super::names::Clause;
use super::query::plain;
use super::resolve::spelled;
use super::rows::RESULTS;
use super::select::unnamed;
use super::tree::{Body, Cell, Expr, Node, Place, Select, Source};
use super::walk;
use crate::builtins::{Kind, Spelling};

/// How many calls run in step: `pg_in_step` has a bit for each of its arguments.
const IN_STEP_MAX: usize = 31;

/// Calls that run in step.
#[derive(Debug)]
pub(crate) struct Step {
    relation: u32,
    /// SQLite's name of the function and its arguments; the place is that of the result's column.
    calls: Vec<(&'static str, Vec<Expr>)>,
}

impl Step {
    /// The arguments of all calls.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &Expr> {
        self.calls.iter().flat_map(|(_, arguments)| arguments)
    }

    /// A source of the rows. A single call needs no other function around it.
    fn source(mut self) -> Source {
        let relation = self.relation;
        if self.calls.len() == 1
            && let Some((name, arguments)) = self.calls.pop()
        {
            return Source::Function { relation, name, arguments, last: true };
        }
        let packed = |(name, arguments): (&str, Vec<Expr>)| {
            let name = Expr::literal(Value::Text(name.to_owned()), Type::TEXT);
            let arguments = std::iter::once(name).chain(arguments).collect();
            Expr::call(Spelling::Function("pg_call"), arguments, Type::BYTEA)
        };
        let arguments = self.calls.into_iter().map(packed).collect();
        Source::Function { relation, name: "pg_in_step", arguments, last: true }
    }
}

impl Binder<'_> {
    /// A call in a select list: the column that its results are in.
    pub(super) fn set_in_list(&mut self, name: &str, call: &Call<'_>, place: Place) -> Result<Expr> {
        let level = self.level();
        if level.in_aggregate {
            return Err(
                self.misplaced("aggregate function calls cannot contain set-returning function calls", place)
            );
        }
        let clause = level.clause;
        if clause == Clause::From {
            let message = "set-returning functions must appear at top level of FROM";
            return Err(self.error_at(place, SqlState::FEATURE_NOT_SUPPORTED, message));
        }
        if !matches!(clause, Clause::Select | Clause::OrderBy | Clause::GroupBy | Clause::DistinctOn) {
            let message = format!("set-returning functions are not allowed in {}", clause.phrase());
            return Err(self.error_at(place, SqlState::FEATURE_NOT_SUPPORTED, message));
        }
        let arguments: Result<Vec<Expr>> =
            call.arguments.iter().map(|argument| self.expr(argument)).collect();
        let arguments = arguments?;
        let function = self.resolve(name, &arguments, place)?;
        let (arguments, result) = self.convert_arguments(&function, arguments, place)?;
        if function.of.kind != Kind::Set || !function.of.columns.is_empty() {
            return Err(self.place(place, Error::unsupported(format!("{name} outside FROM"))));
        }
        let (spelling, arguments) = spelled(function.of.spelling, &function.types, arguments);
        let Spelling::Function(spelled) = spelling else {
            return Err(self.place(place, Error::unsupported(format!("{name} in a select list"))));
        };
        let (relation, column) = self.in_step(spelled, arguments, place)?;
        let node = Node::Column { relation, column: Cell::Name(column) };
        Ok(Expr::new(node, result).at(place))
    }

    /// Adds a call to its step. The same call again is the same column, as it gives the same rows at the same time.
    fn in_step(
        &mut self,
        name: &'static str,
        arguments: Vec<Expr>,
        place: Place,
    ) -> Result<(u32, &'static str)> {
        let uses = |step: &Step| arguments.iter().any(|argument| refers(argument, &[step.relation]));
        let at = self.level().steps.iter().rposition(uses).map_or(0, |used| used + 1);
        if at == self.level().steps.len() {
            let relation = self.number();
            self.level().steps.push(Step { relation, calls: Vec::new() });
        }
        let step = &mut self.level().steps[at];
        let fresh = arguments.iter().any(Expr::is_fresh);
        let call = (name, arguments);
        let known = step.calls.iter().position(|other| !fresh && *other == call);
        if let Some(column) = known {
            return Ok((step.relation, RESULTS[column]));
        }
        if step.calls.len() == IN_STEP_MAX {
            let message = format!("more than {IN_STEP_MAX} set-returning functions in a select list");
            return Err(self.place(place, Error::unsupported(message)));
        }
        step.calls.push(call);
        Ok((step.relation, RESULTS[step.calls.len() - 1]))
    }

    /// Errors: 0A000 for a call that gives rows within what computes one of its parts only.
    pub(super) fn refuse_sets(&mut self, expr: &Expr, within: &str) -> Result<()> {
        match self.set_within(expr) {
            None => Ok(()),
            Some(place) => {
                Err(self.misplaced(&format!("set-returning functions are not allowed in {within}"), place))
            }
        }
    }

    /// The same of arguments of a window function.
    pub(super) fn refuse_sets_of_window(&mut self, arguments: &[Expr]) -> Result<()> {
        let found = arguments.iter().find_map(|argument| self.set_within(argument));
        match found {
            None => Ok(()),
            Some(place) => {
                Err(self
                    .misplaced("window function calls cannot contain set-returning function calls", place))
            }
        }
    }

    /// Errors: 42804 for rows where one truth is wanted.
    pub(super) fn refuse_set_as_condition(&mut self, expr: &Expr, clause: &str) -> Result<()> {
        if self.set_within(expr).is_none() {
            return Ok(());
        }
        let message = format!("argument of {clause} must not return a set");
        Err(self.error_at(expr.place, SqlState::DATATYPE_MISMATCH, message))
    }

    fn misplaced(&self, message: &str, place: Place) -> Error {
        let hint = "You might be able to move the set-returning function into a LATERAL FROM item.";
        self.error_at(place, SqlState::FEATURE_NOT_SUPPORTED, message).with_hint(hint)
    }

    fn set_within(&mut self, expr: &Expr) -> Option<Place> {
        let relations: Vec<u32> = self.level().steps.iter().map(|step| step.relation).collect();
        if relations.is_empty() {
            return None;
        }
        refers(expr, &relations).then(|| first_place(expr, &relations).unwrap_or_default())
    }

    /// Lets the level's calls give their rows where that is before grouping, or where nothing is grouped. What is left gives them after it.
    pub(super) fn expand_before(
        &mut self,
        select: &mut Select,
        sets: Option<&Vec<Vec<Expr>>>,
    ) -> Result<Vec<Step>> {
        let steps = std::mem::take(&mut self.level().steps);
        if steps.is_empty() {
            return Ok(steps);
        }
        let level = self.level();
        let computed = level.has_aggregates || level.has_windows || select.having.is_some();
        if sets.is_none() && !computed {
            select.from.extend(steps.into_iter().map(Step::source));
            return Ok(Vec::new());
        }
        let keys: Vec<&Expr> = sets.into_iter().flatten().flatten().collect();
        let mut used = vec![Vec::new(); steps.len()];
        for (step, used) in steps.iter().zip(&mut used) {
            for column in &RESULTS[..step.calls.len()] {
                let is_it = |expr: &Expr| {
                    matches!(&expr.node, Node::Column { relation, column: Cell::Name(name) }
                        if *relation == step.relation && name == column)
                };
                let in_later = steps.iter().flat_map(Step::arguments);
                used.push(keys.iter().copied().chain(in_later).any(|expr| walk::any(expr, true, &is_it)));
            }
        }
        let in_keys = keys.iter().any(|key| steps.iter().any(|step| refers(key, &[step.relation])));
        if !in_keys {
            if sets.is_some_and(|sets| sets.len() > 1) {
                return Err(Error::unsupported("a set-returning function beside GROUPING SETS"));
            }
            return Ok(steps);
        }
        if used.iter().flatten().all(|used| *used) {
            select.from.extend(steps.into_iter().map(Step::source));
            return Ok(Vec::new());
        }
        Err(Error::unsupported("set-returning functions of which some are in GROUP BY and others are not"))
    }

    /// A query of the rows as they are grouped, and around it one in which the calls give their rows. `keys` is what these are sorted by.
    pub(super) fn expand_after<'k>(
        &mut self,
        steps: Vec<Step>,
        mut select: Select,
        keys: impl Iterator<Item = &'k mut Expr>,
    ) -> Result<Select> {
        let mut relations = Vec::new();
        for source in &select.from {
            collect(source, &mut relations, &mut Vec::new());
        }
        let sets = steps.iter().map(|step| step.relation).collect();
        let mut lifted = Lifted { relation: self.number(), items: Vec::new(), relations, sets };
        let mut items = std::mem::take(&mut select.items);
        for item in &mut items {
            lifted.lift(item)?;
        }
        for key in keys {
            lifted.lift(key)?;
        }
        let mut sources = Vec::with_capacity(steps.len());
        for mut step in steps {
            for argument in step.calls.iter_mut().flat_map(|(_, arguments)| arguments) {
                lifted.lift(argument)?;
            }
            sources.push(step.source());
        }
        let columns = lifted.items.iter().map(unnamed).collect();
        select.items = lifted.items;
        let inner = plain(Body::Select(Box::new(select)), columns);
        let inner = Source::Derived { relation: lifted.relation, query: Box::new(inner) };
        let from = std::iter::once(inner).chain(sources).collect();
        Ok(Select { items, from, ..Select::default() })
    }
}

/// What is computed in the query of the grouped rows, to be named in the one around it.
struct Lifted {
    relation: u32,
    items: Vec<Expr>,
    /// The relations of the query of the grouped rows.
    relations: Vec<u32>,
    /// The relations of the calls that give rows.
    sets: Vec<u32>,
}

impl Lifted {
    /// Replaces what does not depend on the rows that calls give. What gives something else each time is computed for each of them.
    fn lift(&mut self, expr: &mut Expr) -> Result<()> {
        if expr.is_constant() {
            return Ok(());
        }
        if !refers(expr, &self.sets) && !expr.is_fresh() {
            let found = self.items.iter().position(|item| item == expr);
            let at = found.unwrap_or_else(|| {
                self.items.push(expr.clone());
                self.items.len() - 1
            });
            expr.node = Node::Column { relation: self.relation, column: Cell::Number(at as u32 + 1) };
            return Ok(());
        }
        if matches!(expr.node, Node::Column { .. }) {
            return Ok(());
        }
        let mut queries = false;
        walk::parts(expr, &mut |part| {
            if let walk::Part::Query(query) = part {
                let is_inner = |expr: &Expr| match &expr.node {
                    Node::Column { relation, .. } => self.relations.contains(relation),
                    _ => false,
                };
                queries |= walk::any_in_query(query, &is_inner);
            }
        });
        if queries || matches!(expr.node, Node::Aggregate(_) | Node::Quantified { .. }) {
            return Err(Error::unsupported(
                "this expression beside a set-returning function in a grouped query",
            ));
        }
        let mut result = Ok(());
        walk::parts_mut(expr, &mut |part| {
            if result.is_ok() {
                result = self.lift(part);
            }
        });
        result
    }
}

/// Whether an expression has a column of one of the relations.
fn refers(expr: &Expr, relations: &[u32]) -> bool {
    walk::any(
        expr,
        true,
        &|part| matches!(&part.node, Node::Column { relation, .. } if relations.contains(relation)),
    )
}

fn first_place(expr: &Expr, relations: &[u32]) -> Option<Place> {
    if matches!(&expr.node, Node::Column { relation, .. } if relations.contains(relation)) {
        return Some(expr.place);
    }
    let mut found = None;
    walk::parts(expr, &mut |part| {
        if let (None, walk::Part::Expr(part)) = (found, part) {
            found = first_place(part, relations);
        }
    });
    found
}
