//! Views, and tables that are made from a query.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use bole_sql_types::{Error, Result, SqlState, Type};
use sqlparser::ast::{
    Expr, JoinConstraint, JoinOperator, ObjectName, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableAlias, TableFactor, Visit, VisitMut, Visitor, VisitorMut,
    visit_relations_mut,
};

use super::change::{Change, SUCCESS, wrong_kind};
use super::resolved::{ident, written};
use super::syntax::{CreateTableAs, CreateView, Kind, Name};
use super::temporary;
use crate::bind::name_of;
use crate::catalog::temporary::is_temporary;
use crate::catalog::{Catalog, Column, Object, Relation, Table, View, text};
use crate::plan::Output;

/// A query as the catalog keeps it.
pub(super) struct Kept {
    pub(super) text: String,
    pub(super) outputs: Vec<Output>,
    pub(super) uses: Vec<u32>,
    pub(super) uses_columns: Vec<(u32, i16)>,
}

/// The names of all queries in `WITH`.
#[derive(Default)]
struct WithNames(BTreeSet<String>);

impl Visitor for WithNames {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.0.extend(tables.map(|table| name_of(&table.alias.name)));
        ControlFlow::Continue(())
    }
}

/// Whether a query uses columns that it does not name: by `*`, by a natural join, or by a list of names in their place.
struct Unnamed(bool);

impl Visitor for Unnamed {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.0 |= has_unnamed(&query.body);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { alias: Some(alias), .. } = factor {
            self.0 |= !alias.columns.is_empty();
        }
        ControlFlow::Continue(())
    }
}

/// The same of one level of a query; those within it are visited by themselves.
fn has_unnamed(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => {
            let is_star = |item: &SelectItem| {
                matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
            };
            let mut joins = select.from.iter().flat_map(|item| &item.joins);
            select.projection.iter().any(is_star) || joins.any(|join| is_natural(&join.join_operator))
        }
        SetExpr::SetOperation { left, right, .. } => has_unnamed(left) || has_unnamed(right),
        SetExpr::Query(_) | SetExpr::Values(_) => false,
        // What else a query may be is no part of a view.
        _ => true,
    }
}

const fn is_natural(operator: &JoinOperator) -> bool {
    use JoinOperator as J;
    matches!(
        operator,
        J::Join(JoinConstraint::Natural)
            | J::Inner(JoinConstraint::Natural)
            | J::Left(JoinConstraint::Natural)
            | J::LeftOuter(JoinConstraint::Natural)
            | J::Right(JoinConstraint::Natural)
            | J::RightOuter(JoinConstraint::Natural)
            | J::FullOuter(JoinConstraint::Natural)
    )
}

/// Gives relations their schemas, and an alias that is what they were called.
struct Qualifier<'c, 'a> {
    change: &'c Change<'a>,
    with: BTreeSet<String>,
    uses: BTreeSet<u32>,
}

impl VisitorMut for Qualifier<'_, '_> {
    type Break = Error;

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        if let TableFactor::Table { name, alias, args: None, .. } = factor {
            match self.qualify(name) {
                Ok(Some(called)) => {
                    alias.get_or_insert_with(|| TableAlias {
                        explicit: true,
                        name: ident(&called),
                        columns: Vec::new(),
                        at: None,
                    });
                }
                Ok(None) => {}
                Err(error) => return ControlFlow::Break(error),
            }
        }
        ControlFlow::Continue(())
    }
}

/// Takes the schema off columns whose table got an alias: PostgreSQL's `public.t.a` is `t.a` then.
struct Unqualified;

impl VisitorMut for Unqualified {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(parts) = expr
            && parts.len() == 3
        {
            parts.remove(0);
        }
        ControlFlow::Continue(())
    }
}

impl Qualifier<'_, '_> {
    /// Qualifies a relation's name if it is a user's; gives what it was called.
    fn qualify(&mut self, name: &mut ObjectName) -> Result<Option<String>> {
        let Some(written) = as_name(name) else { return Ok(None) };
        if written.schema.is_none() && self.with.contains(&written.name) {
            if self.change.catalog.find_relation(&written, self.change.path()).is_some() {
                return Err(Error::unsupported(
                    "a view with a query in WITH that has the name of a relation",
                ));
            }
            return Ok(None);
        }
        match self.change.catalog.relation(&written, self.change.path())? {
            Relation::User(object) => {
                self.uses.insert(object.oid());
                let schema = self.change.catalog.schema_name(object.schema()).unwrap_or_default();
                *name = ObjectName::from(vec![ident(schema), ident(object.name())]);
                Ok(Some(written.name))
            }
            Relation::System(_) => Ok(None),
        }
    }
}

fn as_name(name: &ObjectName) -> Option<Name> {
    let mut parts: Vec<String> =
        name.0.iter().map(|part| part.as_ident().map(name_of)).collect::<Option<_>>()?;
    let last = parts.pop()?;
    Some(Name { schema: parts.pop(), name: last })
}

impl Change<'_> {
    /// A query whose names say by themselves what they mean: `*` is written out, relations and types have their schemas.
    pub(super) fn kept_query(&self, query: &Query) -> Result<Kept> {
        let mut query = query.clone();
        let outputs = self.query(&query)?.columns;
        let with_clause = query.with.clone();
        self.expand(&mut query.body, with_clause.as_ref())?;
        let mut with = WithNames::default();
        let _finished = query.visit(&mut with);
        let mut qualifier = Qualifier { change: self, with: with.0, uses: BTreeSet::new() };
        if let ControlFlow::Break(error) = VisitMut::visit(&mut query, &mut qualifier) {
            return Err(error);
        }
        let _finished = VisitMut::visit(&mut query, &mut Unqualified);
        let mut uses = qualifier.uses;
        let mut unnamed = Unnamed(false);
        let _finished = query.visit(&mut unnamed);
        let text = self.resolve_query(query)?;
        let (words, Unnamed(everything)) = (text::words(&text), unnamed);
        let mut uses_columns = Vec::new();
        for oid in &uses {
            let columns = match self.catalog.object(*oid) {
                Some(Object::Table(table)) => &table.columns,
                Some(Object::View(view)) => &view.columns,
                _ => continue,
            };
            let used = columns
                .iter()
                .filter(|column| !column.dropped && (everything || words.contains(&column.name)));
            uses_columns.extend(used.map(|column| (*oid, column.number)));
        }
        let names_it = |name: &str| words.contains(name);
        uses.extend(self.catalog.enums().filter(|it| names_it(&it.name)).map(|it| it.oid));
        Ok(Kept { text, outputs, uses: uses.into_iter().collect(), uses_columns })
    }

    fn resolve_query(&self, query: Query) -> Result<String> {
        // The resolver works on expressions, of which a query in parentheses is one.
        let text = self.resolved(&Expr::Subquery(Box::new(query)), None)?;
        Ok(text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).unwrap_or(&text).to_owned())
    }

    /// Writes out `*` in the select lists of a query's top level.
    fn expand(&self, body: &mut SetExpr, with: Option<&sqlparser::ast::With>) -> Result<()> {
        match body {
            SetExpr::Select(select) => self.expand_select(select, with),
            SetExpr::SetOperation { left, right, .. } => {
                self.expand(left, with)?;
                self.expand(right, with)
            }
            SetExpr::Query(query) => {
                let inner = query.with.clone().or_else(|| with.cloned());
                self.expand(&mut query.body, inner.as_ref())
            }
            _ => Ok(()),
        }
    }

    fn expand_select(&self, select: &mut Select, with: Option<&sqlparser::ast::With>) -> Result<()> {
        let mut projection = Vec::new();
        for item in &select.projection {
            let table = match item {
                SelectItem::Wildcard(_) => None,
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                    Some(name)
                }
                _ => {
                    projection.push(item.clone());
                    continue;
                }
            };
            let probe =
                Select { projection: vec![item.clone()], from: select.from.clone(), ..empty_select() };
            let columns = self.query(&query_of(probe, with.cloned()))?.columns;
            let mut seen = BTreeSet::new();
            for column in columns {
                if !seen.insert(column.name.clone()) && table.is_none() {
                    let message = format!("column \"{}\" specified more than once", column.name);
                    return Err(Error::new(SqlState::DUPLICATE_COLUMN, message));
                }
                let name = ident(&column.name);
                let expr = match table.map(|table| {
                    table.0.iter().filter_map(|part| part.as_ident().cloned()).collect::<Vec<_>>()
                }) {
                    Some(mut parts) => {
                        parts.push(name);
                        Expr::CompoundIdentifier(parts)
                    }
                    None => Expr::Identifier(name),
                };
                projection.push(SelectItem::UnnamedExpr(expr));
            }
        }
        select.projection = projection;
        Ok(())
    }

    pub(super) fn create_view(&mut self, statement: &CreateView) -> Result<()> {
        let CreateView { name, temporary, replace, columns, query } = statement;
        let kept = self.kept_query(query)?;
        let becomes_temporary = !temporary && kept.uses.iter().any(|oid| is_temporary(*oid));
        if becomes_temporary {
            self.notice(SUCCESS, format!("view \"{}\" will be a temporary view", name.name));
        }
        let schema = self.place_for(name, *temporary || becomes_temporary)?;
        let existing = self.catalog.relations.get(&(schema, name.name.clone())).copied();
        let old = match existing.and_then(|oid| self.catalog.object(oid)).cloned() {
            Some(Object::View(view)) if *replace => Some(view),
            Some(_) if *replace => return Err(wrong_kind(&name.name, Kind::View)),
            _ => None,
        };
        if old.is_none() {
            self.is_free(schema, &name.name, false)?;
            self.check_row_type(schema, &name.name)?;
        }
        let columns =
            named_columns(&kept.outputs, columns, "CREATE VIEW specifies more column names than columns")?;
        if let Some(old) = &old {
            self.check_replacement(old, &columns)?;
            if reaches(&self.catalog, &kept.uses, old.oid) {
                let message = format!("infinite recursion detected in rules for relation \"{}\"", old.name);
                return Err(Error::new(SqlState(*b"42P17"), message));
            }
        }
        let oid = old.as_ref().map_or_else(|| self.catalog.allocate(schema), |old| old.oid);
        let comment = old.and_then(|old| old.comment);
        let Kept { text, outputs: _, uses, uses_columns } = kept;
        self.put(Object::View(View {
            oid,
            schema,
            name: name.name.clone(),
            query: text,
            columns,
            uses,
            uses_columns,
            comment,
        }));
        Ok(())
    }

    /// That what uses the old view can go on with the new one.
    fn check_replacement(&self, old: &View, new: &[Column]) -> Result<()> {
        let invalid = |message: String| Error::new(SqlState::INVALID_TABLE_DEFINITION, message);
        if new.len() < old.columns.len() {
            return Err(invalid("cannot drop columns from view".to_owned()));
        }
        for (old, new) in old.columns.iter().zip(new) {
            if old.name != new.name {
                let error = invalid(format!(
                    "cannot change name of view column \"{}\" to \"{}\"",
                    old.name, new.name
                ));
                return Err(error.with_hint(
                    "Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.",
                ));
            }
            let format = |column: &Column| {
                crate::catalog::definitions::format_type(&self.catalog, column.ty(), column.typmod)
            };
            if (old.type_oid, old.typmod) != (new.type_oid, new.typmod) {
                let (from, to) = (format(old), format(new));
                return Err(invalid(format!(
                    "cannot change data type of view column \"{}\" from {from} to {to}",
                    old.name
                )));
            }
        }
        Ok(())
    }

    pub(super) fn create_table_as(&mut self, statement: &CreateTableAs) -> Result<()> {
        let CreateTableAs {
            name,
            temporary,
            on_commit,
            if_not_exists,
            columns,
            query,
            with_data,
            materialized,
        } = statement;
        let schema = self.place_for(name, *temporary)?;
        let on_commit = temporary::on_commit(schema, *on_commit)?;
        if !self.is_free(schema, &name.name, *if_not_exists)? {
            return Ok(());
        }
        self.check_row_type(schema, &name.name)?;
        let materialized = if *materialized { Some(self.materialized(query, *with_data)?) } else { None };
        let bound = if *with_data { self.query_for_rows(query)? } else { self.query(query)? };
        let columns = named_columns(&bound.columns, columns, "too many column names were specified")?;
        for column in &columns {
            self.check_column_type(&column.name, column.ty())?;
            super::table::check_column_name(&column.name)?;
        }
        let oid = self.catalog.allocate(schema);
        let list =
            super::storage::column_list(&columns.iter().map(|column| column.number).collect::<Vec<_>>());
        self.put(Object::Table(Table {
            oid,
            schema,
            name: name.name.clone(),
            storage: format!("t{oid}"),
            columns,
            rowid_column: None,
            constraints: Vec::new(),
            temporary: is_temporary(schema),
            on_commit,
            materialized,
            comment: None,
        }));
        self.create_storage(oid)?;
        if *with_data {
            self.rows(format!("INSERT INTO t{oid} ({list}) {}", bound.sql));
        }
        Ok(())
    }

    /// Rewrites the relations' names in the views that use one which got another name or schema.
    pub(super) fn rename_in_views(&mut self, oid: u32, from: (&str, &str), to: (&str, &str)) {
        let using: Vec<View> = self
            .catalog
            .queries()
            .filter(|view| view.uses.contains(&oid))
            .map(std::borrow::Cow::into_owned)
            .collect();
        for mut view in using {
            let Some(mut query) = parse_query(&view.query) else { continue };
            let _finished = visit_relations_mut(&mut query, |name| {
                let is_it = as_name(name)
                    .is_some_and(|name| name.schema.as_deref() == Some(from.0) && name.name == from.1);
                if is_it {
                    *name = ObjectName::from(vec![ident(to.0), ident(to.1)]);
                }
                ControlFlow::<()>::Continue(())
            });
            view.query = written(query);
            if self.catalog.view(view.oid).is_some() {
                self.put(Object::View(view));
            } else {
                self.update_table(view.oid, |table| {
                    if let Some(materialized) = &mut table.materialized {
                        materialized.query = view.query;
                    }
                });
            }
        }
    }
}

/// A query from the catalog's text.
pub(crate) fn parse_query(text: &str) -> Option<Box<Query>> {
    let dialect = crate::parse::Grammar;
    sqlparser::parser::Parser::new(&dialect).try_with_sql(text).ok()?.parse_query().ok()
}

/// A query that is nothing but a select, and what it may name.
fn query_of(select: Select, with: Option<sqlparser::ast::With>) -> Query {
    Query {
        with,
        body: Box::new(SetExpr::Select(Box::new(select))),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

/// A select with nothing in it.
fn empty_select() -> Select {
    Select {
        select_token: sqlparser::ast::helpers::attached_token::AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection: Vec::new(),
        exclude: None,
        into: None,
        from: Vec::new(),
        lateral_views: Vec::new(),
        prewhere: None,
        selection: None,
        connect_by: Vec::new(),
        group_by: sqlparser::ast::GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: sqlparser::ast::SelectFlavor::Standard,
    }
}

/// Whether one of the relations is, or shows, that one.
fn reaches(catalog: &Catalog, from: &[u32], to: u32) -> bool {
    from.iter()
        .any(|oid| *oid == to || catalog.view(*oid).is_some_and(|view| reaches(catalog, &view.uses, to)))
}

/// The columns that a query gives, by the names that are written and then its own.
fn named_columns(outputs: &[Output], names: &[String], too_many: &str) -> Result<Vec<Column>> {
    if names.len() > outputs.len() {
        return Err(Error::new(SqlState::SYNTAX_ERROR, too_many));
    }
    let mut columns: Vec<Column> = Vec::new();
    for (place, output) in outputs.iter().enumerate() {
        let name = names.get(place).unwrap_or(&output.name);
        if columns.iter().any(|column| column.name == *name) {
            return Err(Error::new(
                SqlState::DUPLICATE_COLUMN,
                format!("column \"{name}\" specified more than once"),
            ));
        }
        let ty = if output.ty == Type::UNKNOWN { Type::TEXT } else { output.ty };
        columns.push(Column {
            number: place as i16 + 1,
            name: name.clone(),
            type_oid: ty.0,
            typmod: output.typmod,
            not_null: false,
            default: None,
            identity: None,
            generated: None,
            dropped: false,
            collation: None,
            comment: None,
        });
    }
    Ok(columns)
}
