//! Which column a name means.

use std::rc::Rc;

use bole_sql_types::{Error, Result, SqlState, Type, Value};
use sqlparser::ast::{self, Ident, NamedWindowDefinition};
use sqlparser::tokenizer::Span;

use super::Binder;
use super::expand::Step;
use super::tree::{Expr, Node, Place};
use crate::builtins::Spelling;

/// A column that can be named.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub name: String,
    pub expr: Expr,
    /// The table's OID and the column's number.
    pub origin: Option<(u32, i16)>,
}

/// A table that can be named.
#[derive(Clone, Debug)]
pub(crate) struct NamedTable {
    pub schema: Option<String>,
    pub name: String,
    pub columns: Rc<Vec<Named>>,
    /// The table's OID, if it is one.
    pub oid: Option<u32>,
    /// Whether an outer join may leave it without a row.
    pub filled: bool,
}

/// What is visible by a FROM clause or a part of it: tables by their names, and columns without them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Space {
    pub tables: Vec<NamedTable>,
    pub columns: Rc<Vec<Named>>,
}

/// A part of a statement, which decides what is allowed in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clause {
    Select,
    Where,
    On,
    GroupBy,
    Having,
    OrderBy,
    DistinctOn,
    Values,
    Limit,
    From,
    Filter,
    Window,
    Returning,
    Set,
    Default,
    Check,
    Generated,
    Index,
    Predicate,
    Transform,
    Conflict,
}

impl Clause {
    /// As PostgreSQL's errors call it.
    pub(crate) const fn phrase(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Where => "WHERE",
            Self::On => "JOIN conditions",
            Self::GroupBy => "GROUP BY",
            Self::Having => "HAVING",
            Self::OrderBy => "ORDER BY",
            Self::DistinctOn => "DISTINCT ON",
            Self::Values => "VALUES",
            Self::Limit => "LIMIT",
            Self::From => "functions in FROM",
            Self::Filter => "FILTER",
            Self::Window => "window definitions",
            Self::Returning => "RETURNING",
            Self::Set => "UPDATE",
            Self::Default => "DEFAULT expressions",
            Self::Check => "check constraints",
            Self::Generated => "column generation expressions",
            Self::Index => "index expressions",
            Self::Predicate => "index predicates",
            Self::Transform => "transform expressions",
            Self::Conflict => "ON CONFLICT",
        }
    }

    pub(crate) const fn allows_aggregates(self) -> bool {
        matches!(self, Self::Select | Self::Having | Self::OrderBy | Self::DistinctOn | Self::Window)
    }

    pub(crate) const fn allows_windows(self) -> bool {
        matches!(self, Self::Select | Self::OrderBy | Self::DistinctOn)
    }
}

/// A query whose parts are being bound.
#[derive(Debug)]
pub(crate) struct Level {
    pub space: Space,
    pub clause: Clause,
    /// Inside an aggregate's arguments.
    pub in_aggregate: bool,
    pub has_aggregates: bool,
    pub has_windows: bool,
    pub windows: Vec<NamedWindowDefinition>,
    /// The functions of its select list that give rows.
    pub steps: Vec<Step>,
}

impl Level {
    pub(crate) fn new(clause: Clause) -> Self {
        Self {
            space: Space::default(),
            clause,
            in_aggregate: false,
            has_aggregates: false,
            has_windows: false,
            windows: Vec::new(),
            steps: Vec::new(),
        }
    }
}

impl Space {
    /// Both, the columns of `self` first.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.tables.extend(other.tables);
        if self.columns.is_empty() {
            self.columns = other.columns;
        } else {
            Rc::make_mut(&mut self.columns).extend(other.columns.iter().cloned());
        }
        self
    }

    /// The numbers of the relations whose columns are visible.
    pub(crate) fn relations(&self) -> Vec<u32> {
        let columns = self.tables.iter().flat_map(|table| table.columns.iter()).chain(self.columns.iter());
        let mut numbers: Vec<u32> = Vec::new();
        for named in columns {
            if let Node::Column { relation, .. } = &named.expr.node
                && !numbers.contains(relation)
            {
                numbers.push(*relation);
            }
        }
        numbers
    }

    /// The columns of one relation become those of another.
    pub(crate) fn rename(&mut self, from: u32, to: u32) {
        let tables = self.tables.iter_mut().map(|table| &mut table.columns);
        for columns in tables.chain([&mut self.columns]) {
            for named in Rc::make_mut(columns) {
                if let Node::Column { relation, .. } = &mut named.expr.node
                    && *relation == from
                {
                    *relation = to;
                }
            }
        }
    }

    /// Every column may be NULL: an outer join fills it.
    pub(crate) fn nullable(&mut self) {
        for named in Rc::make_mut(&mut self.columns) {
            named.expr.nullable = true;
        }
        for table in &mut self.tables {
            table.filled = true;
            for named in Rc::make_mut(&mut table.columns) {
                named.expr.nullable = true;
            }
        }
    }
}

/// A name as PostgreSQL takes it: in lower case unless it is quoted, 63 bytes at most.
pub(crate) fn name_of(ident: &Ident) -> String {
    let mut name =
        if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_ascii_lowercase() };
    if name.len() > 63 {
        let mut end = 63;
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        name.truncate(end);
    }
    name
}

/// Where a span starts.
pub(crate) fn place_of(span: Span) -> Place {
    Place(span.start.line as u32, span.start.column as u32)
}

impl Binder<'_> {
    /// The level that is being bound.
    pub(super) fn level(&mut self) -> &mut Level {
        if self.levels.is_empty() {
            self.levels.push(Level::new(Clause::Select));
        }
        let last = self.levels.len() - 1;
        &mut self.levels[last]
    }

    /// Runs `bind` with another clause at the level.
    pub(super) fn within<T>(
        &mut self,
        clause: Clause,
        bind: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let before = std::mem::replace(&mut self.level().clause, clause);
        let result = bind(self);
        self.level().clause = before;
        result
    }

    /// A column by its name alone.
    pub(super) fn column(&mut self, ident: &Ident) -> Result<Expr> {
        let name = name_of(ident);
        let place = place_of(ident.span);
        for level in self.levels.iter().rev() {
            let mut matching = level.space.columns.iter().filter(|named| named.name == name);
            if let Some(found) = matching.next() {
                if matching.next().is_some() {
                    let message = format!("column reference \"{name}\" is ambiguous");
                    return Err(self.error_at(place, SqlState::AMBIGUOUS_COLUMN, message));
                }
                return Ok(found.expr.clone().at(place));
            }
        }
        if let Some(column) = self.unqualified_system_column(&name, place)? {
            return Ok(column);
        }
        if self.levels.iter().any(|level| level.space.tables.iter().any(|table| table.name == name)) {
            return Err(self.place(place, Error::unsupported("a whole row as a value")));
        }
        let message = format!("column \"{name}\" does not exist");
        let error = self.error_at(place, SqlState::UNDEFINED_COLUMN, message);
        Err(match self.similar(&name, None) {
            Some(hint) => error.with_hint(hint),
            None => error,
        })
    }

    /// The row of a table that is named where a value could be, as JSON; `None` if it is not that.
    pub(super) fn whole_row(&mut self, expr: &ast::Expr) -> Result<Option<Expr>> {
        let ast::Expr::Identifier(ident) = expr else { return Ok(None) };
        let name = name_of(ident);
        let is_column =
            self.levels.iter().any(|level| level.space.columns.iter().any(|named| named.name == name));
        let is_table =
            self.levels.iter().any(|level| level.space.tables.iter().any(|table| table.name == name));
        if is_column || !is_table {
            return Ok(None);
        }
        let place = place_of(ident.span);
        let table = self.table_named(None, &name, place)?;
        if table.filled {
            return Err(self.place(place, Error::unsupported("a whole row of an outer join as a value")));
        }
        let mut arguments = Vec::with_capacity(table.columns.len() * 3);
        for named in table.columns.iter() {
            let value = self.known(named.expr.clone())?;
            arguments.push(Expr::literal(Value::Text(named.name.clone()), Type::TEXT));
            arguments.push(super::coerce::integer(i64::from(value.ty.0)));
            arguments.push(value);
        }
        let call = Spelling::Function("pg_row_to_json");
        Ok(Some(Expr::call(call, arguments, Type::JSON).not_null().at(place)))
    }

    /// A column by its table's name, perhaps with its schema, and its own.
    pub(super) fn qualified_column(&mut self, idents: &[Ident]) -> Result<Expr> {
        let place = idents.first().map(|ident| place_of(ident.span)).unwrap_or_default();
        let names: Vec<String> = idents.iter().map(name_of).collect();
        let (schema, table, name) = match names.as_slice() {
            [table, name] => (None, table, name),
            [schema, table, name] => (Some(schema), table, name),
            [database, schema, table, name] if *database == self.scope.database => {
                (Some(schema), table, name)
            }
            _ => return Err(self.place(place, Error::unsupported("a name of more than three parts"))),
        };
        let found = self.table_named(schema.map(String::as_str), table, place)?;
        let mut matching = found.columns.iter().filter(|named| named.name == *name);
        if let Some(first) = matching.next() {
            if matching.next().is_some() {
                let message = format!("column reference \"{name}\" is ambiguous");
                return Err(self.error_at(place, SqlState::AMBIGUOUS_COLUMN, message));
            }
            return Ok(first.expr.clone().at(place));
        }
        if let Some(column) = self.system_column(found.oid, name, place)? {
            return Ok(column);
        }
        let message = format!("column {table}.{name} does not exist");
        let error = self.error_at(place, SqlState::UNDEFINED_COLUMN, message);
        Err(match self.similar(name, Some(table)) {
            Some(hint) => error.with_hint(hint),
            None => error,
        })
    }

    /// A system column by its name alone: that of the only table of a level.
    fn unqualified_system_column(&self, name: &str, place: Place) -> Result<Option<Expr>> {
        for level in self.levels.iter().rev() {
            let mut tables = level.space.tables.iter().filter(|table| table.oid.is_some());
            let Some(first) = tables.next() else { continue };
            let found = self.system_column(first.oid, name, place)?;
            if found.is_some() && tables.next().is_some() {
                let message = format!("column reference \"{name}\" is ambiguous");
                return Err(self.error_at(place, SqlState::AMBIGUOUS_COLUMN, message));
            }
            return Ok(found);
        }
        Ok(None)
    }

    fn system_column(&self, oid: Option<u32>, name: &str, place: Place) -> Result<Option<Expr>> {
        match (name, oid) {
            ("tableoid", Some(oid)) => {
                Ok(Some(Expr::literal(Value::Integer(i64::from(oid)), Type::OID).at(place)))
            }
            ("ctid" | "xmin" | "xmax" | "cmin" | "cmax", Some(_)) => {
                Err(self.place(place, Error::unsupported(format!("system column \"{name}\""))))
            }
            _ => Ok(None),
        }
    }

    /// A table that is in a FROM clause.
    pub(super) fn table_named(&self, schema: Option<&str>, name: &str, place: Place) -> Result<NamedTable> {
        for level in self.levels.iter().rev() {
            let mut matching = level.space.tables.iter().filter(|table| {
                table.name == name && schema.is_none_or(|schema| table.schema.as_deref() == Some(schema))
            });
            if let Some(found) = matching.next() {
                if matching.next().is_some() {
                    let message = format!("table reference \"{name}\" is ambiguous");
                    return Err(self.error_at(place, SqlState(*b"42P09"), message));
                }
                return Ok(found.clone());
            }
        }
        let message = format!("missing FROM-clause entry for table \"{name}\"");
        Err(self.error_at(place, SqlState::UNDEFINED_TABLE, message))
    }

    /// What PostgreSQL suggests for a column that does not exist.
    fn similar(&self, name: &str, table: Option<&str>) -> Option<String> {
        let mut best: Vec<(usize, String)> = Vec::new();
        for level in self.levels.iter().rev() {
            for known in &level.space.tables {
                let penalty = usize::from(table.is_some_and(|table| table != known.name));
                for named in known.columns.iter() {
                    let distance = distance(name, &named.name) + penalty * 2;
                    best.push((distance, format!("{}.{}", known.name, named.name)));
                }
            }
        }
        let least = best.iter().map(|(distance, _)| *distance).min()?;
        if least > 3 || least > name.chars().count() / 2 {
            return None;
        }
        let mut names = best.iter().filter(|(distance, _)| *distance == least).map(|(_, name)| name);
        let first = names.next()?;
        match (names.next(), names.next()) {
            (None, _) => Some(format!("Perhaps you meant to reference the column \"{first}\".")),
            (Some(second), None) => Some(format!(
                "Perhaps you meant to reference the column \"{first}\" or the column \"{second}\"."
            )),
            _ => None,
        }
    }
}

/// How many characters must be changed, put in or left out.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, from) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (at, to) in right.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[at + 1];
            row[at + 1] = changed.min(row[at] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
