//! FROM: what its items make visible, and queries among them. Names are `relation`'s, joins `join`'s.

use std::rc::Rc;

use bole_sql_types::{Error, Result, SqlState};
use sqlparser::ast::{self, TableAlias, TableFactor, TableWithJoins};

use super::Binder;
use super::names::{Clause, Level, Named, NamedTable, Space, name_of, place_of};
use super::tree::{Cell, Column, Expr, Node, Source};
use super::walk;

/// A query of WITH that can be named.
#[derive(Clone, Debug)]
pub(super) struct With {
    pub name: String,
    pub number: u32,
    pub columns: Vec<Column>,
    pub used: bool,
}

impl Binder<'_> {
    /// All of a FROM clause. The level's space is what it makes visible.
    pub(super) fn sources(&mut self, from: &[TableWithJoins]) -> Result<Vec<Source>> {
        let mut sources = Vec::with_capacity(from.len());
        for item in from {
            let (source, space) = self.joined(item)?;
            let before = std::mem::take(&mut self.level().space);
            Self::check_names(&before, &space)?;
            self.level().space = before.and(space);
            sources.push(source);
        }
        Ok(sources)
    }

    fn check_names(known: &Space, new: &Space) -> Result<()> {
        for table in &new.tables {
            if known.tables.iter().any(|other| {
                other.name == table.name
                    && (other.schema == table.schema || other.oid.is_none() || table.oid.is_none())
            }) {
                let message = format!("table name \"{}\" specified more than once", table.name);
                return Err(Error::new(SqlState::DUPLICATE_ALIAS, message));
            }
        }
        Ok(())
    }

    fn joined(&mut self, item: &TableWithJoins) -> Result<(Source, Space)> {
        let TableWithJoins { relation, joins } = item;
        let (mut source, mut space) = self.factor(relation)?;
        for ast::Join { relation, global, join_operator } in joins {
            if *global {
                return Err(Error::unsupported("GLOBAL JOIN"));
            }
            // What is to the left may be named in a lateral item.
            let outer = self.level().space.clone();
            self.level().space = outer.clone().and(space.clone());
            let right = self.factor(relation);
            self.level().space = outer;
            let (right_source, right_space) = right?;
            Self::check_names(&space, &right_space)?;
            (source, space) = self.join(join_operator, (source, space), (right_source, right_space))?;
        }
        Ok((source, space))
    }

    fn factor(&mut self, factor: &TableFactor) -> Result<(Source, Space)> {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_directives,
                inheritance: _,
            } => {
                let foreign = !with_hints.is_empty()
                    || version.is_some()
                    || !partitions.is_empty()
                    || json_path.is_some()
                    || !index_directives.is_empty();
                if foreign {
                    return Err(Error::unsupported("a clause of another dialect"));
                }
                if sample.is_some() {
                    return Err(Error::unsupported("TABLESAMPLE"));
                }
                match args {
                    Some(ast::TableFunctionArgs { args, settings: None }) => {
                        self.table_function(name, args, *with_ordinality, alias.as_ref())
                    }
                    Some(_) => Err(Error::unsupported("a clause of another dialect")),
                    None if *with_ordinality => Err(Error::unsupported("WITH ORDINALITY of a table")),
                    None => self.relation(name, alias.as_ref()),
                }
            }
            TableFactor::Derived { lateral, subquery, alias, sample: None } => {
                self.derived(*lateral, subquery, alias.as_ref())
            }
            TableFactor::Function { lateral: _, name, args, with_ordinality, alias } => {
                if let Some(arrays) = several_arrays(name, args) {
                    return self.unnest(&arrays, *with_ordinality, alias.as_ref());
                }
                self.table_function(name, args, *with_ordinality, alias.as_ref())
            }
            TableFactor::UNNEST {
                alias,
                array_exprs,
                with_offset: false,
                with_offset_alias: None,
                with_ordinality,
            } => self.unnest(array_exprs, *with_ordinality, alias.as_ref()),
            TableFactor::NestedJoin { table_with_joins, alias } => {
                let (source, space) = self.joined(table_with_joins)?;
                match alias {
                    None => Ok((source, space)),
                    Some(alias) => {
                        let columns = space.columns.as_ref().clone();
                        Ok((source, self.aliased(columns, alias, None)?))
                    }
                }
            }
            _ => Err(Error::unsupported("this item of FROM")),
        }
    }

    fn derived(
        &mut self,
        lateral: bool,
        subquery: &ast::Query,
        alias: Option<&TableAlias>,
    ) -> Result<(Source, Space)> {
        let relation = self.number();
        let hidden = if lateral { None } else { Some(std::mem::take(&mut self.level().space)) };
        let visible = self.level().clause;
        self.level().clause = Clause::Select;
        let before: Vec<u32> = self.level().space.relations();
        let query = self.query(subquery);
        self.level().clause = visible;
        if let Some(hidden) = hidden {
            self.level().space = hidden;
        }
        let query = query?;
        let Some(alias) = alias else {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "subquery in FROM must have an alias")
                .with_hint("For example, FROM (SELECT ...) [AS] foo."));
        };
        let mut space = self.query_space(relation, &query.columns, "", Some(alias))?;
        let refers =
            |expr: &Expr| matches!(&expr.node, Node::Column { relation, .. } if before.contains(relation));
        let source = if lateral && walk::any_in_query(&query, &refers) {
            super::rows::packed(&mut space, query.columns.len())?;
            Source::Lateral { relation, query: Box::new(query) }
        } else {
            Source::Derived { relation, query: Box::new(query) }
        };
        Ok((source, space))
    }

    /// What a query makes visible.
    pub(super) fn query_space(
        &mut self,
        relation: u32,
        columns: &[Column],
        name: &str,
        alias: Option<&TableAlias>,
    ) -> Result<Space> {
        let named = columns.iter().enumerate().map(|(index, column)| {
            let node = Node::Column { relation, column: Cell::Number(index as u32 + 1) };
            let expr =
                Expr { typmod: column.typmod, nullable: column.nullable, ..Expr::new(node, column.ty) };
            Named { name: column.name.clone(), expr, origin: column.origin }
        });
        let named = named.collect();
        match alias {
            Some(alias) => self.aliased(named, alias, None),
            None => Ok(named_space(None, name.to_owned(), named, None)),
        }
    }

    /// Columns under an alias, which may name them too.
    pub(super) fn aliased(
        &self,
        mut columns: Vec<Named>,
        alias: &TableAlias,
        oid: Option<u32>,
    ) -> Result<Space> {
        let TableAlias { explicit: _, name, columns: names, at } = alias;
        if at.is_some() {
            return Err(Error::unsupported("AT in an alias"));
        }
        let table = name_of(name);
        if names.len() > columns.len() {
            let message = format!(
                "table \"{table}\" has {} columns available but {} columns specified",
                columns.len(),
                names.len()
            );
            return Err(self.error_at(place_of(name.span), SqlState::INVALID_COLUMN_REFERENCE, message));
        }
        for (column, ast::TableAliasColumnDef { name, data_type }) in columns.iter_mut().zip(names) {
            if data_type.is_some() {
                return Err(Error::unsupported("a list of column definitions"));
            }
            column.name = name_of(name);
        }
        Ok(named_space(None, table, columns, oid))
    }

    /// A level for one table that is not in a FROM clause: what INSERT, UPDATE and DELETE work on.
    pub(super) fn push_target(&mut self, space: Space, clause: Clause) {
        let mut level = Level::new(clause);
        level.space = space;
        self.levels.push(level);
    }
}

pub(super) fn named_space(
    schema: Option<String>,
    name: String,
    columns: Vec<Named>,
    oid: Option<u32>,
) -> Space {
    let columns = Rc::new(columns);
    Space {
        tables: vec![NamedTable { schema, name, columns: Rc::clone(&columns), oid, filled: false }],
        columns,
    }
}

/// The arguments of `unnest`, which may be several in FROM.
fn several_arrays(name: &ast::ObjectName, arguments: &[ast::FunctionArg]) -> Option<Vec<ast::Expr>> {
    let (name, _) = Binder::function_name(name).ok()?;
    if name != "unnest" || arguments.len() < 2 {
        return None;
    }
    let array = |argument: &ast::FunctionArg| match argument {
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(array)) => Some(array.clone()),
        _ => None,
    };
    arguments.iter().map(array).collect()
}
