//! FROM: tables, views, queries, functions, joins.

use std::rc::Rc;

use bole_sql_types::{Error, Result, SqlState, Type};
use sqlparser::ast::{self, JoinConstraint, JoinOperator, TableAlias, TableFactor, TableWithJoins};

use super::Binder;
use super::names::{Clause, Level, Named, NamedTable, Space, name_of, place_of};
use super::tree::{Cell, Column, Comparison, Expr, Node, Place, Source};
use super::walk;
use crate::catalog::{Object, Sequence, View};

/// How many views may be nested.
const VIEWS_MAX: usize = 64;
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

    fn join(
        &mut self,
        operator: &JoinOperator,
        (left, mut left_space): (Source, Space),
        (right, mut right_space): (Source, Space),
    ) -> Result<(Source, Space)> {
        let (kind, constraint) = match operator {
            JoinOperator::Join(constraint)
            | JoinOperator::Inner(constraint)
            | JoinOperator::CrossJoin(constraint) => (" JOIN ", constraint),
            JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => {
                (" LEFT JOIN ", constraint)
            }
            JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => {
                (" RIGHT JOIN ", constraint)
            }
            JoinOperator::FullOuter(constraint) => (" FULL JOIN ", constraint),
            _ => return Err(Error::unsupported("this kind of join")),
        };
        let shared = match constraint {
            JoinConstraint::On(_) | JoinConstraint::None => Vec::new(),
            JoinConstraint::Using(names) => names.iter().map(Self::using_name).collect::<Result<_>>()?,
            JoinConstraint::UsingAlias(..) => return Err(Error::unsupported("an alias of USING")),
            JoinConstraint::Natural => {
                natural(&left_space, &right_space).into_iter().map(|name| (name, Place::default())).collect()
            }
        };
        let mut tests = Vec::new();
        let mut merged = Vec::new();
        for (name, place) in shared {
            let first = self.shared_column(&left_space, &name, "left", place)?;
            let second = self.shared_column(&right_space, &name, "right", place)?;
            let (test, column) = self.merge(kind, &name, first, second, place)?;
            tests.push(test);
            merged.push(column);
        }
        if matches!(kind, " LEFT JOIN " | " FULL JOIN ") {
            right_space.nullable();
        }
        if matches!(kind, " RIGHT JOIN " | " FULL JOIN ") {
            left_space.nullable();
        }
        let space = if merged.is_empty() {
            left_space.and(right_space)
        } else {
            with_merged(left_space, right_space, &merged)
        };
        let on = match constraint {
            JoinConstraint::On(expr) => Some(self.join_condition(expr, &space)?),
            _ if tests.is_empty() => None,
            _ if tests.len() == 1 => tests.pop(),
            _ => Some(Expr::new(Node::And(tests), Type::BOOL)),
        };
        // An outer join without a condition is one on TRUE.
        let on = on.or_else(|| (kind != " JOIN ").then(|| super::coerce::integer(1)));
        if kind == " FULL JOIN " && on.as_ref().is_some_and(|on| !is_mergeable(on)) {
            let message = "FULL JOIN is only supported with merge-joinable or hash-joinable join conditions";
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
        }
        Ok((Source::Join { kind, left: Box::new(left), right: Box::new(right), on }, space))
    }

    fn using_name(name: &ast::ObjectName) -> Result<(String, Place)> {
        match name.0.as_slice() {
            [ast::ObjectNamePart::Identifier(ident)] => Ok((name_of(ident), place_of(ident.span))),
            _ => Err(Error::new(SqlState::SYNTAX_ERROR, format!("syntax error at or near \"{name}\""))),
        }
    }

    fn shared_column(&self, space: &Space, name: &str, side: &str, place: Place) -> Result<Expr> {
        let mut matching = space.columns.iter().filter(|named| named.name == name);
        match (matching.next(), matching.next()) {
            (Some(named), None) => Ok(named.expr.clone()),
            (None, _) => {
                let message =
                    format!("column \"{name}\" specified in USING clause does not exist in {side} table");
                Err(Error::new(SqlState::UNDEFINED_COLUMN, message))
            }
            _ => {
                let message = format!("common column name \"{name}\" appears more than once in {side} table");
                Err(self.error_at(place, SqlState::AMBIGUOUS_COLUMN, message))
            }
        }
    }

    /// The test and the column that USING makes of two columns of one name.
    fn merge(
        &mut self,
        kind: &str,
        name: &str,
        left: Expr,
        right: Expr,
        place: Place,
    ) -> Result<(Expr, Named)> {
        let test = self.compare(Comparison::Equal, left.clone(), right.clone(), place)?;
        let same = left.ty == right.ty;
        let (mut sides, _) = self.unify(vec![left.clone(), right.clone()], "JOIN/USING")?;
        let (second, first) = (sides.pop(), sides.pop());
        let expr = match (kind, first, second) {
            (" FULL JOIN ", Some(first), Some(second)) => {
                let ty = first.ty;
                Expr::new(Node::Coalesce(vec![first, second]), ty)
            }
            (" RIGHT JOIN ", _, Some(second)) => {
                if same {
                    right
                } else {
                    second
                }
            }
            (_, Some(first), _) => {
                if same {
                    left
                } else {
                    first
                }
            }
            (_, None, _) => left,
        };
        let origin = None;
        Ok((test, Named { name: name.to_owned(), expr, origin }))
    }

    fn join_condition(&mut self, expr: &ast::Expr, space: &Space) -> Result<Expr> {
        let outer = std::mem::replace(&mut self.level().space, space.clone());
        let bound = self.within(Clause::On, |binder| {
            let bound = binder.expr(expr)?;
            binder.condition(bound, "JOIN/ON")
        });
        self.level().space = outer;
        bound
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

    /// The parts of a relation's name, without the database.
    pub(super) fn relation_name(&self, name: &ast::ObjectName) -> Result<(Option<String>, String, Place)> {
        let mut idents = Vec::new();
        for part in &name.0 {
            match part {
                ast::ObjectNamePart::Identifier(ident) => idents.push(ident),
                ast::ObjectNamePart::Function(_) => return Err(Error::unsupported(format!("name {name}"))),
            }
        }
        let place = idents.first().map(|ident| place_of(ident.span)).unwrap_or_default();
        let names: Vec<String> = idents.into_iter().map(name_of).collect();
        match names.as_slice() {
            [name] => Ok((None, name.clone(), place)),
            [schema, name] => Ok((Some(schema.clone()), name.clone(), place)),
            [database, schema, name] if *database == self.scope.database => {
                Ok((Some(schema.clone()), name.clone(), place))
            }
            _ => {
                let message = format!("cross-database references are not implemented: {}", names.join("."));
                Err(self.error_at(place, SqlState::FEATURE_NOT_SUPPORTED, message))
            }
        }
    }

    /// The object that a relation's name means.
    pub(super) fn find_relation(&self, schema: Option<&str>, name: &str) -> Option<&Object> {
        let found = |schema: u32| {
            let oid = self.catalog.relations.get(&(schema, name.to_owned()))?;
            self.catalog.objects.get(oid).map(AsRef::as_ref)
        };
        match schema {
            Some(schema) => found(*self.catalog.schemas.get(schema)?),
            None => self.catalog.with_temporary(&self.scope.search_path).into_iter().find_map(found),
        }
    }

    pub(super) fn no_relation(&self, schema: Option<&str>, name: &str, place: Place) -> Error {
        let full = schema.map_or_else(|| name.to_owned(), |schema| format!("{schema}.{name}"));
        self.error_at(place, SqlState::UNDEFINED_TABLE, format!("relation \"{full}\" does not exist"))
    }

    fn relation(&mut self, name: &ast::ObjectName, alias: Option<&TableAlias>) -> Result<(Source, Space)> {
        let (schema, name, place) = self.relation_name(name)?;
        if schema.is_none()
            && let Some(with) = self.with.iter_mut().rev().find(|with| with.name == name)
        {
            with.used = true;
            let with = with.clone();
            let relation = self.number();
            let space = self.query_space(relation, &with.columns, &name, alias)?;
            return Ok((Source::Cte { relation, number: with.number }, space));
        }
        if let Some(found) = self.system_relation(schema.as_deref(), &name, alias)? {
            return Ok(found);
        }
        let relation = self.number();
        let object = self.find_relation(schema.as_deref(), &name);
        match object {
            Some(Object::Table(table))
                if self.populated && table.materialized.as_ref().is_some_and(|it| !it.populated) =>
            {
                let message = format!("materialized view \"{name}\" has not been populated");
                let error = Error::new(SqlState(*b"55000"), message);
                Err(error.with_hint("Use the REFRESH MATERIALIZED VIEW command."))
            }
            Some(Object::Table(table)) => {
                let (oid, storage) = (table.oid, table.storage.clone());
                let space = self.table_space(oid, relation, alias)?;
                Ok((Source::Table { relation, name: storage }, space))
            }
            Some(Object::View(view)) => {
                let view = view.clone();
                self.view(&view, relation, alias)
            }
            Some(Object::Sequence(sequence)) => {
                let view = standing(sequence);
                self.view(&view, relation, alias)
            }
            Some(Object::Index(_)) => {
                let message = format!("cannot open relation \"{name}\"");
                Err(self
                    .error_at(place, SqlState::WRONG_OBJECT_TYPE, message)
                    .with_detail("This operation is not supported for indexes."))
            }
            _ => Err(self.no_relation(schema.as_deref(), &name, place)),
        }
    }

    /// A relation of `pg_catalog` or `information_schema`, whose rows a virtual table gives.
    fn system_relation(
        &mut self,
        schema: Option<&str>,
        name: &str,
        alias: Option<&TableAlias>,
    ) -> Result<Option<(Source, Space)>> {
        let written = crate::catalog::Name::new(schema, name);
        let found = self.catalog.find_relation(&written, &self.scope.search_path);
        let Some(crate::catalog::Relation::System(system)) = found else { return Ok(None) };
        let relation = self.number();
        let columns =
            system.columns.iter().zip(&system.not_null).enumerate().map(|(place, ((name, ty), not_null))| {
                let cell = Cell::Number(place as u32 + 1);
                let node = Node::Column { relation, column: cell };
                let expr = Expr { nullable: !not_null, ..Expr::new(node, *ty) };
                let origin = i16::try_from(place + 1).ok().map(|number| (system.oid, number));
                Named { name: (*name).to_owned(), expr, origin }
            });
        let columns = columns.collect();
        let space = match alias {
            Some(alias) => self.aliased(columns, alias, Some(system.oid))?,
            None => named_space(self.schema_name(system.schema), name.to_owned(), columns, Some(system.oid)),
        };
        Ok(Some((Source::Table { relation, name: system.storage() }, space)))
    }

    /// What a table makes visible.
    pub(super) fn table_space(
        &mut self,
        oid: u32,
        relation: u32,
        alias: Option<&TableAlias>,
    ) -> Result<Space> {
        let Some(Object::Table(table)) = self.catalog.objects.get(&oid).map(AsRef::as_ref) else {
            return Err(Error::new(SqlState::UNDEFINED_TABLE, format!("relation {oid} does not exist")));
        };
        let columns = table.columns.iter().filter(|column| !column.dropped).map(|column| {
            let cell = Cell::Number(column.number as u32);
            let expr = Expr {
                typmod: column.typmod,
                nullable: !column.not_null,
                ..Expr::new(Node::Column { relation, column: cell }, column.ty())
            };
            Named { name: column.name.clone(), expr, origin: Some((oid, column.number)) }
        });
        let columns = columns.collect();
        if let Some(alias) = alias {
            self.aliased(columns, alias, Some(oid))
        } else {
            let schema = self.schema_name(table.schema);
            Ok(named_space(schema, table.name.clone(), columns, Some(oid)))
        }
    }

    fn schema_name(&self, oid: u32) -> Option<String> {
        self.catalog.schema_name(oid).map(str::to_owned)
    }

    fn view(&mut self, view: &View, relation: u32, alias: Option<&TableAlias>) -> Result<(Source, Space)> {
        if self.views >= VIEWS_MAX {
            return Err(Error::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded"));
        }
        let parsed = crate::parse::parse(&view.query)?;
        let Some(query) = parsed.first().and_then(crate::parse::Parsed::query) else {
            return Err(Error::new(SqlState::DATA_CORRUPTED, format!("view {} has no query", view.name)));
        };
        // A view's names are its own: neither the levels around it nor their WITH are visible in it.
        let levels = std::mem::take(&mut self.levels);
        let with = std::mem::take(&mut self.with);
        let text = std::mem::take(&mut self.text);
        self.views += 1;
        let bound = self.query(query);
        self.views -= 1;
        self.levels = levels;
        self.with = with;
        self.text = text;
        let mut bound = bound?;
        for (column, known) in bound.columns.iter_mut().zip(&view.columns) {
            column.name.clone_from(&known.name);
            column.origin = Some((view.oid, known.number));
        }
        let space = self.query_space(relation, &bound.columns, &view.name, alias)?;
        Ok((Source::Derived { relation, query: Box::new(bound) }, space))
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

/// The names that both have, in the order of the left.
fn natural(left: &Space, right: &Space) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for named in left.columns.iter() {
        if right.columns.iter().any(|other| other.name == named.name) && !names.contains(&named.name) {
            names.push(named.name.clone());
        }
    }
    names
}

/// The columns that were merged come first, then the others of the left and of the right.
fn with_merged(left: Space, right: Space, merged: &[Named]) -> Space {
    let is_merged = |named: &&Named| merged.iter().any(|column| column.name == named.name);
    let mut columns = merged.to_vec();
    columns.extend(left.columns.iter().filter(|named| !is_merged(named)).cloned());
    columns.extend(right.columns.iter().filter(|named| !is_merged(named)).cloned());
    let mut tables = left.tables;
    tables.extend(right.tables);
    Space { tables, columns: Rc::new(columns) }
}

/// PostgreSQL has full joins only on equalities; SQLite on anything.
fn is_mergeable(on: &Expr) -> bool {
    match &on.node {
        Node::Compare { operator: Comparison::Equal, .. } | Node::Literal(_) => true,
        Node::And(list) => list.iter().any(is_mergeable),
        _ => false,
    }
}

/// What a sequence is as a relation: one row. How many values were logged ahead (`log_cnt`) is always 0 here.
fn standing(sequence: &Sequence) -> View {
    let query = format!(
        "SELECT CAST(pg_catalog.split_part(s, ' ', 1) AS bigint) AS last_value, CAST(0 AS bigint) AS log_cnt, \
         pg_catalog.split_part(s, ' ', 2) = 't' AS is_called \
         FROM (SELECT bole.sequence_standing(CAST(CAST({} AS oid) AS regclass)) AS s) AS standing",
        sequence.oid
    );
    View {
        oid: sequence.oid,
        schema: sequence.schema,
        name: sequence.name.clone(),
        query,
        columns: Vec::new(),
        uses: Vec::new(),
        uses_columns: Vec::new(),
        comment: None,
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
