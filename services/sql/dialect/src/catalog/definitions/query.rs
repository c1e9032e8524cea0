//! Queries of views as PostgreSQL writes them.
//!
//! A query of one SELECT is written out clause by clause. Any other is shown as it is kept, with names shortened.

use std::fmt::Write as _;

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, GroupByExpr, Query, Select, SelectItem, SetExpr, TableFactor, TableWithJoins, VisitMut, VisitorMut,
};

use super::Shown;
use crate::catalog::names::quote;
use crate::catalog::{Column, Name, Object, View};
use crate::schema::resolved::{ident, written_form};
use crate::schema::view::parse_query;

/// A view's query, with the semicolon that PostgreSQL ends it with.
pub(super) fn view(catalog: Shown<'_>, view: &View, _pretty: bool) -> String {
    let Some(mut query) = parse_query(&view.query) else { return format!(" {};", view.query) };
    name_outputs(&mut query, &view.columns);
    let mut shortener = Shortener { catalog, tables: Vec::new() };
    let _finished = VisitMut::visit(&mut query, &mut shortener);
    written_form(&mut *query);
    if let Query { with: None, body, .. } = query.as_ref()
        && let SetExpr::Select(select) = body.as_ref()
    {
        return format!(" {};", simple(&query, select));
    }
    format!(" {query};")
}

/// Gives the columns of the select list the names that the view's have.
fn name_outputs(query: &mut Query, columns: &[Column]) {
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    if select.projection.len() != columns.len() {
        return;
    }
    for (item, column) in select.projection.iter_mut().zip(columns) {
        let expr = match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => expr.clone(),
            _ => return,
        };
        let own = match &expr {
            Expr::Identifier(ident) => Some(ident.value.clone()),
            Expr::CompoundIdentifier(parts) => parts.last().map(|ident| ident.value.clone()),
            _ => None,
        };
        *item = if own.as_ref() == Some(&column.name) {
            SelectItem::UnnamedExpr(expr)
        } else {
            SelectItem::ExprWithAlias { expr, alias: ident(&column.name) }
        };
    }
}

/// Takes schemas off relations that are found without, and aliases that say nothing; gives columns the names of their tables.
struct Shortener<'c> {
    catalog: Shown<'c>,
    /// What can be named, with its columns.
    tables: Vec<(String, Vec<String>)>,
}

impl VisitorMut for Shortener<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        let TableFactor::Table { name, alias, .. } = factor else { return ControlFlow::Continue(()) };
        let parts: Vec<String> =
            name.0.iter().filter_map(|part| part.as_ident()).map(|ident| ident.value.clone()).collect();
        let [schema, bare] = parts.as_slice() else { return ControlFlow::Continue(()) };
        let Some(object) = self.catalog.find_relation(&Name::new(Some(schema), bare), &[]) else {
            return ControlFlow::Continue(());
        };
        let crate::catalog::Relation::User(object) = object else { return ControlFlow::Continue(()) };
        let called = alias.as_ref().map_or_else(|| bare.clone(), |alias| alias.name.value.clone());
        let columns = match object {
            Object::Table(table) => table.live().map(|column| column.name.clone()).collect(),
            Object::View(view) => view.columns.iter().map(|column| column.name.clone()).collect(),
            _ => Vec::new(),
        };
        self.tables.push((called, columns));
        if self.catalog.name(object) == quote(bare) {
            name.0.remove(0);
        }
        if let Some(alias) = alias.take_if(|alias| alias.name.value == *bare && alias.columns.is_empty()) {
            drop(alias);
        }
        if let Some(alias) = alias {
            // PostgreSQL leaves the word out.
            alias.explicit = false;
        }
        ControlFlow::Continue(())
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",\n    ")
}

fn simple(query: &Query, select: &Select) -> String {
    let mut text = format!("SELECT {}", list(select.projection.iter().map(ToString::to_string)));
    if !select.from.is_empty() {
        let _ =
            write!(text, "\n   FROM {}", select.from.iter().map(from).collect::<Vec<_>>().join(",\n    "));
    }
    if let Some(condition) = &select.selection {
        let _ = write!(text, "\n  WHERE {condition}");
    }
    if let GroupByExpr::Expressions(keys, _) = &select.group_by
        && !keys.is_empty()
    {
        let _ = write!(
            text,
            "\n  GROUP BY {}",
            keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        );
    }
    if let Some(condition) = &select.having {
        let _ = write!(text, "\n HAVING {condition}");
    }
    if let Some(order) = &query.order_by {
        let _ = write!(text, "\n  {order}");
    }
    if let Some(limit) = &query.limit_clause {
        let _ = write!(text, "\n {limit}");
    }
    text
}

fn from(table: &TableWithJoins) -> String {
    let mut text = table.relation.to_string();
    for join in &table.joins {
        let _ = write!(text, "\n     {join}");
    }
    text
}
