//! What a grouped query may name: its keys, what follows from a primary key, and anything inside aggregates.

use bole_sql_types::{Error, Result, SqlState};

use super::Binder;
use super::tree::{Cell, Expr, Node, Order, Query, Select, Source};
use super::walk::{Part, parts, query_parts};
use crate::catalog::{Object, Rule};

/// The query that is checked.
struct Grouping<'a> {
    keys: &'a [Expr],
    /// The relations of its FROM.
    relations: Vec<u32>,
    /// Those whose columns all follow from the keys.
    dependent: Vec<u32>,
}

impl Binder<'_> {
    /// Errors: 42803 for a column that has no one value for a group.
    pub(super) fn check_grouping(&self, select: &Select, order: &[Order], dependent: bool) -> Result<()> {
        let keys = select.group.as_deref().unwrap_or_default();
        let mut relations = Vec::new();
        let mut tables = Vec::new();
        for source in &select.from {
            collect(source, &mut relations, &mut tables);
        }
        let dependent = relations
            .iter()
            .copied()
            .filter(|relation| dependent && self.follows(*relation, &tables, keys))
            .collect();
        let grouping = Grouping { keys, relations, dependent };
        let hidden = order.iter().filter(|order| order.ordinal.is_none()).map(|order| &order.key);
        for expr in select.items.iter().chain(&select.having).chain(hidden) {
            self.check_grouped(expr, &grouping, false)?;
        }
        Ok(())
    }

    /// Whether a table's primary key is among the keys.
    fn follows(&self, relation: u32, tables: &[(u32, String)], keys: &[Expr]) -> bool {
        let Some((_, storage)) = tables.iter().find(|(of, _)| *of == relation) else { return false };
        let is_key = |number: &i16| {
            let wanted = Node::Column { relation, column: Cell::Number(*number as u32) };
            keys.iter().any(|key| key.node == wanted)
        };
        self.catalog.objects.values().any(|object| match object.as_ref() {
            Object::Table(table) if table.storage == *storage => table.constraints.iter().any(
                |constraint| matches!(&constraint.rule, Rule::PrimaryKey { columns, .. } if columns.iter().all(is_key)),
            ),
            _ => false,
        })
    }

    fn check_grouped(&self, expr: &Expr, grouping: &Grouping<'_>, nested: bool) -> Result<()> {
        if grouping.keys.contains(expr) {
            return Ok(());
        }
        match &expr.node {
            Node::Aggregate(aggregate) if aggregate.over.is_none() && !nested => return Ok(()),
            Node::Grouping(list) if !nested => {
                if list.iter().all(|key| grouping.keys.contains(key)) {
                    return Ok(());
                }
                let message =
                    "arguments to GROUPING must be grouping expressions of the associated query level";
                return Err(self.error_at(expr.place, SqlState::GROUPING_ERROR, message));
            }
            Node::Column { relation, column } => {
                if !grouping.relations.contains(relation) || grouping.dependent.contains(relation) {
                    return Ok(());
                }
                return Err(self.ungrouped(expr, *relation, *column, nested));
            }
            _ => {}
        }
        let mut result = Ok(());
        parts(expr, &mut |part| {
            if result.is_ok() {
                result = match part {
                    Part::Expr(expr) => self.check_grouped(expr, grouping, nested),
                    Part::Query(query) => self.check_grouped_query(query, grouping),
                };
            }
        });
        result
    }

    fn check_grouped_query(&self, query: &Query, grouping: &Grouping<'_>) -> Result<()> {
        let mut result = Ok(());
        query_parts(query, &mut |part| {
            if result.is_ok() {
                result = match part {
                    Part::Expr(expr) => self.check_grouped(expr, grouping, true),
                    Part::Query(query) => self.check_grouped_query(query, grouping),
                };
            }
        });
        result
    }

    fn ungrouped(&self, expr: &Expr, relation: u32, column: Cell, nested: bool) -> Error {
        let is_it = |node: &Node| matches!(node, Node::Column { relation: of, column: at } if *of == relation && *at == column);
        let mut name = String::new();
        for level in &self.levels {
            for table in &level.space.tables {
                if let Some(named) = table.columns.iter().find(|named| is_it(&named.expr.node)) {
                    name = format!("{}.{}", table.name, named.name);
                }
            }
        }
        let message = if nested {
            format!("subquery uses ungrouped column \"{name}\" from outer query")
        } else {
            format!(
                "column \"{name}\" must appear in the GROUP BY clause or be used in an aggregate function"
            )
        };
        self.error_at(expr.place, SqlState::GROUPING_ERROR, message)
    }
}

pub(super) fn collect(source: &Source, relations: &mut Vec<u32>, tables: &mut Vec<(u32, String)>) {
    match source {
        Source::Table { relation, name } => {
            relations.push(*relation);
            tables.push((*relation, name.clone()));
        }
        Source::Derived { relation, .. }
        | Source::Lateral { relation, .. }
        | Source::Cte { relation, .. }
        | Source::Function { relation, .. } => {
            relations.push(*relation);
        }
        Source::Join { left, right, .. } => {
            collect(left, relations, tables);
            collect(right, relations, tables);
        }
    }
}
