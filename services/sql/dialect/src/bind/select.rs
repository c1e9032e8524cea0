//! SELECT: its list, its conditions, its order.

use bole_sql_types::{Error, Result, SqlState, Type, Value};
use sqlparser::ast::{self, Distinct, GroupByExpr, SelectItem, SelectItemQualifiedWildcardKind};

use super::Binder;
use super::expand::Step;
use super::names::{Clause, Level, Named, name_of, place_of};
use super::query::{Rows, plain};
use super::tree::{Aggregate, Body, Cell, Column, Comparison, Expr, Node, Order, Select, Source, Window};
use super::walk;
use crate::builtins::Spelling;

impl Binder<'_> {
    pub(super) fn select(&mut self, select: &ast::Select, order: &[ast::OrderByExpr]) -> Result<Rows> {
        self.levels.push(Level::new(Clause::Select));
        let result = self.select_in_level(select, order);
        self.levels.pop();
        result
    }

    fn select_in_level(&mut self, select: &ast::Select, order: &[ast::OrderByExpr]) -> Result<Rows> {
        let ast::Select {
            select_token: _,
            optimizer_hints: _,
            distinct,
            select_modifiers,
            top,
            top_before_distinct: _,
            projection,
            exclude,
            into,
            from,
            lateral_views,
            prewhere,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor: _,
        } = select;
        if into.is_some() {
            return Err(Error::unsupported("SELECT INTO"));
        }
        let foreign = select_modifiers.is_some()
            || top.is_some()
            || exclude.is_some()
            || !lateral_views.is_empty()
            || prewhere.is_some()
            || !connect_by.is_empty()
            || !cluster_by.is_empty()
            || !distribute_by.is_empty()
            || !sort_by.is_empty()
            || qualify.is_some()
            || value_table_mode.is_some();
        if foreign {
            return Err(Error::unsupported("a clause of another dialect"));
        }
        self.level().windows.clone_from(named_window);
        let from = self.sources(from)?;
        let (items, columns) = self.select_list(projection)?;
        let filter = match selection {
            Some(expr) => Some(self.filter(expr)?),
            None => None,
        };
        let having = match having {
            Some(expr) => Some(self.within(Clause::Having, |binder| {
                let bound = binder.expr(expr)?;
                binder.condition(bound, "HAVING")
            })?),
            None => None,
        };
        let bound = Select { distinct: false, items, from, filter, group: None, having };
        self.finish_select(bound, columns, order, group_by, distinct.as_ref())
    }

    fn finish_select(
        &mut self,
        mut select: Select,
        columns: Vec<Column>,
        order: &[ast::OrderByExpr],
        group_by: &GroupByExpr,
        distinct: Option<&Distinct>,
    ) -> Result<Rows> {
        let mut order = self.order_by(order, &mut select.items, &columns)?;
        let sets = self.group_by(group_by, &select.items, &columns)?;
        let mut on = Vec::new();
        if let Some(Distinct::On(keys)) = distinct {
            for key in keys {
                on.push(self.sort_item(key, &mut select.items, &columns, Clause::DistinctOn)?.1);
            }
        }
        let steps = self.expand_before(&mut select, sets.as_ref())?;
        let mut columns = columns;
        for (column, item) in columns.iter_mut().zip(&select.items) {
            column.ty = item.ty;
        }
        if let Some(sets) = sets.as_ref().filter(|sets| sets.len() > 1) {
            return self.grouping_sets(sets, select, columns, order, distinct);
        }
        let keys = sets.and_then(|mut sets| sets.pop());
        if keys.is_some() || self.level().has_aggregates || select.having.is_some() {
            select.group = Some(keys.unwrap_or_default());
            let width = select.items.len();
            select.items.extend(steps.iter().flat_map(Step::arguments).cloned());
            self.check_grouping(&select, &order, true)?;
            select.items.truncate(width);
        }
        if !steps.is_empty() {
            let keys = order.iter_mut().map(|order| &mut order.key).chain(&mut on);
            select = self.expand_after(steps, select, keys)?;
        }
        match distinct {
            None | Some(Distinct::All) => {}
            Some(Distinct::Distinct) => {
                for (item, column) in select.items.iter_mut().zip(&mut columns) {
                    let known = std::mem::replace(item, super::coerce::integer(0));
                    *item = self.known(known)?;
                    column.ty = item.ty;
                }
                self.check_distinct(&columns)?;
                if let Some(hidden) = order.iter().find(|order| order.ordinal.is_none()) {
                    let message = "for SELECT DISTINCT, ORDER BY expressions must appear in select list";
                    return Err(self.error_at(hidden.key.place, SqlState::INVALID_COLUMN_REFERENCE, message));
                }
                select.distinct = true;
            }
            Some(Distinct::On(_)) => return self.distinct_on(on, select, columns, order),
        }
        Ok(Rows { body: Body::Select(Box::new(select)), order, columns })
    }

    /// A condition of WHERE: what is not known counts as false, so ANY of an array needs no care for NULL arrays.
    pub(super) fn filter(&mut self, expr: &ast::Expr) -> Result<Expr> {
        self.within(Clause::Where, |binder| {
            let bound = binder.expr(expr)?;
            binder.condition(bound, "WHERE")
        })
        .map(relaxed)
    }

    fn select_list(&mut self, projection: &[SelectItem]) -> Result<(Vec<Expr>, Vec<Column>)> {
        let mut items = Vec::with_capacity(projection.len());
        let mut columns = Vec::with_capacity(projection.len());
        for item in projection {
            match item {
                SelectItem::UnnamedExpr(expr) => {
                    let bound = self.expr(expr)?;
                    let name = self.implied_name(expr);
                    self.push_item(bound, name, &mut items, &mut columns);
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    let bound = self.expr(expr)?;
                    self.push_item(bound, name_of(alias), &mut items, &mut columns);
                }
                SelectItem::ExprWithAliases { .. } => {
                    return Err(Error::unsupported("several aliases of a value"));
                }
                SelectItem::Wildcard(options) => {
                    check_wildcard(options)?;
                    let level = self.level();
                    if level.space.tables.is_empty() && level.space.columns.is_empty() {
                        let message = "SELECT * with no tables specified is not valid";
                        let place = place_of(options.wildcard_token.0.span);
                        return Err(self.error_at(place, SqlState::SYNTAX_ERROR, message));
                    }
                    let all = level.space.columns.clone();
                    self.push_all(&all, &mut items, &mut columns);
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                    check_wildcard(options)?;
                    let (schema, table, place) = self.relation_name(name)?;
                    let table = self.table_named(schema.as_deref(), &table, place)?;
                    self.push_all(&table.columns, &mut items, &mut columns);
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(_), _) => {
                    return Err(Error::unsupported("the fields of a composite value"));
                }
            }
        }
        Ok((items, columns))
    }

    /// What RETURNING gives.
    pub(super) fn returning(&mut self, list: Option<&Vec<SelectItem>>) -> Result<(Vec<Expr>, Vec<Column>)> {
        let Some(list) = list else { return Ok((Vec::new(), Vec::new())) };
        let (items, mut columns) = self.within(Clause::Returning, |binder| binder.select_list(list))?;
        let items: Result<Vec<Expr>> = items.into_iter().map(|item| self.known(item)).collect();
        let items = items?;
        for (item, column) in items.iter().zip(&mut columns) {
            column.ty = item.ty;
        }
        Ok((items, columns))
    }

    fn push_all(&mut self, all: &[Named], items: &mut Vec<Expr>, columns: &mut Vec<Column>) {
        for named in all {
            self.push_item(named.expr.clone(), named.name.clone(), items, columns);
        }
    }

    fn push_item(&mut self, expr: Expr, name: String, items: &mut Vec<Expr>, columns: &mut Vec<Column>) {
        let origin = self.origin(&expr);
        columns.push(Column { name, ty: expr.ty, typmod: expr.typmod, nullable: expr.nullable, origin });
        items.push(expr);
    }

    /// The column of a table that a value is, unchanged.
    pub(super) fn origin(&self, expr: &Expr) -> Option<(u32, i16)> {
        let Node::Column { relation, column } = &expr.node else { return None };
        self.levels.iter().rev().flat_map(|level| level.space.columns.iter()).find_map(|named| {
            match &named.expr.node {
                Node::Column { relation: of, column: at } if of == relation && at == column => named.origin,
                _ => None,
            }
        })
    }

    fn order_by(
        &mut self,
        order: &[ast::OrderByExpr],
        items: &mut [Expr],
        columns: &[Column],
    ) -> Result<Vec<Order>> {
        let mut keys = Vec::with_capacity(order.len());
        for ast::OrderByExpr { expr, options, with_fill } in order {
            if with_fill.is_some() {
                return Err(Error::unsupported("WITH FILL"));
            }
            let (ordinal, key) = self.sort_item(expr, items, columns, Clause::OrderBy)?;
            keys.push(self.sort_key(ordinal, key, options)?);
        }
        Ok(keys)
    }

    /// A key of ORDER BY or DISTINCT ON: an output by its place or name, or an expression.
    fn sort_item(
        &mut self,
        expr: &ast::Expr,
        items: &mut [Expr],
        columns: &[Column],
        clause: Clause,
    ) -> Result<(Option<usize>, Expr)> {
        if let Some(index) = self.output_place(expr, columns, clause.phrase())? {
            if let ast::Expr::Identifier(ident) = expr {
                let same = |(at, column): (usize, &Column)| {
                    column.name == columns[index].name && items[at] != items[index]
                };
                if columns.iter().enumerate().any(same) {
                    let message = format!("{} \"{}\" is ambiguous", clause.phrase(), name_of(ident));
                    return Err(self.error_at(place_of(ident.span), SqlState::AMBIGUOUS_COLUMN, message));
                }
            }
            let known = std::mem::replace(&mut items[index], super::coerce::integer(0));
            items[index] = self.known(known)?;
            return Ok((Some(index + 1), items[index].clone()));
        }
        let key = self.within(clause, |binder| binder.expr(expr))?;
        let key = self.known(key)?;
        let ordinal = items.iter().position(|item| *item == key).map(|index| index + 1);
        Ok((ordinal, key))
    }

    /// The first row of each group: rows are numbered within their groups, in the order that is asked for.
    fn distinct_on(
        &mut self,
        keys: Vec<Expr>,
        mut select: Select,
        columns: Vec<Column>,
        order: Vec<Order>,
    ) -> Result<Rows> {
        let leading = order.iter().take(keys.len());
        if leading.clone().any(|order| !keys.contains(&order.key)) {
            let message = "SELECT DISTINCT ON expressions must match initial ORDER BY expressions";
            return Err(Error::new(SqlState::INVALID_COLUMN_REFERENCE, message));
        }
        let mut columns = self.settled_items(&mut select.items, columns)?;
        let width = columns.len();
        let (mut select, keys, order) = if select.items.iter().chain(&keys).any(has_window)
            || order.iter().any(|order| has_window(&order.key))
        {
            self.computed_first(select, &keys, order)
        } else {
            (select, keys, order)
        };
        let sorted = order.iter().map(|order| Order { ordinal: None, ..order.clone() }).collect::<Vec<_>>();
        let relation = self.number();
        let mut outer_order = Vec::with_capacity(order.len());
        for order in order {
            let place = order.ordinal.unwrap_or_else(|| {
                select.items.push(order.key.clone());
                select.items.len()
            });
            let node = Node::Column { relation, column: Cell::Number(place as u32) };
            outer_order.push(Order { ordinal: None, key: Expr { node, ..order.key.clone() }, ..order });
        }
        let window = Window { partition: keys, order: sorted, frame: None };
        let numbered = Aggregate {
            spelling: Spelling::Function("row_number"),
            arguments: Vec::new(),
            star: false,
            distinct: false,
            order: Vec::new(),
            filter: None,
            over: Some(window),
        };
        select.items.push(Expr::new(Node::Aggregate(Box::new(numbered)), Type::INT8));
        let last = select.items.len() as u32;
        let inner_columns = select.items.iter().map(unnamed).collect();
        let column = |number: u32, ty| Expr::new(Node::Column { relation, column: Cell::Number(number) }, ty);
        let first = Node::Compare {
            operator: Comparison::Equal,
            left: Box::new(column(last, Type::INT8)),
            right: Box::new(super::coerce::integer(1)),
        };
        let items = (1..=width).map(|number| {
            let inner = &select.items[number - 1];
            Expr { nullable: inner.nullable, typmod: inner.typmod, ..column(number as u32, inner.ty) }
        });
        let items = items.collect();
        let inner = plain(Body::Select(Box::new(select)), inner_columns);
        let outer = Select {
            items,
            from: vec![Source::Derived { relation, query: Box::new(inner) }],
            filter: Some(Expr::new(first, Type::BOOL)),
            ..Select::default()
        };
        columns.truncate(width);
        Ok(Rows { body: Body::Select(Box::new(outer)), order: outer_order, columns })
    }

    /// Window functions are computed in a query of their own, since rows are numbered by their results.
    fn computed_first(
        &mut self,
        mut select: Select,
        keys: &[Expr],
        order: Vec<Order>,
    ) -> (Select, Vec<Expr>, Vec<Order>) {
        let relation = self.number();
        let listed = select.items.clone();
        let mut computed = |key: &Expr| {
            let place = select.items.iter().position(|item| item == key).unwrap_or_else(|| {
                select.items.push(key.clone());
                select.items.len() - 1
            });
            let node = Node::Column { relation, column: Cell::Number(place as u32 + 1) };
            Expr { node, ..key.clone() }
        };
        let keys = keys.iter().map(&mut computed).collect();
        let order = order.into_iter().map(|order| Order { key: computed(&order.key), ..order }).collect();
        let items = listed.iter().map(&mut computed).collect();
        let columns = select.items.iter().map(unnamed).collect();
        let query = Box::new(plain(Body::Select(Box::new(select)), columns));
        let from = vec![Source::Derived { relation, query }];
        (Select { items, from, ..Select::default() }, keys, order)
    }

    pub(super) fn settled_items(
        &mut self,
        items: &mut [Expr],
        mut columns: Vec<Column>,
    ) -> Result<Vec<Column>> {
        for (item, column) in items.iter_mut().zip(&mut columns) {
            let known = std::mem::replace(item, super::coerce::integer(0));
            *item = self.known(known)?;
            column.ty = item.ty;
        }
        Ok(columns)
    }

    /// A key of GROUP BY: a column of FROM before an output's name.
    pub(super) fn group_key(&mut self, expr: &ast::Expr, items: &[Expr], columns: &[Column]) -> Result<Expr> {
        if matches!(expr, ast::Expr::GroupingSets(_) | ast::Expr::Cube(_) | ast::Expr::Rollup(_)) {
            return Err(Error::unsupported("GROUPING SETS in each other"));
        }
        let from_input = matches!(expr, ast::Expr::Identifier(ident)
            if { let name = name_of(ident); self.level().space.columns.iter().any(|named| named.name == name) });
        let key = match self.output_place(expr, columns, "GROUP BY")? {
            Some(index) if !from_input => items[index].clone(),
            _ => self.within(Clause::GroupBy, |binder| binder.expr(expr))?,
        };
        if walk::any(&key, false, &|part| matches!(&part.node, Node::Aggregate(call) if call.over.is_none()))
        {
            let message = "aggregate functions are not allowed in GROUP BY";
            return Err(self.error_at(key.place, SqlState::GROUPING_ERROR, message));
        }
        if walk::any(&key, false, &|part| matches!(part.node, Node::Aggregate(_))) {
            let message = "window functions are not allowed in GROUP BY";
            return Err(self.error_at(key.place, SqlState::WINDOWING_ERROR, message));
        }
        Ok(key)
    }

    /// The name of a column that has no alias (PostgreSQL's `FigureColname`).
    fn implied_name(&self, expr: &ast::Expr) -> String {
        self.figured(expr).unwrap_or_else(|| "?column?".to_owned())
    }

    fn figured(&self, expr: &ast::Expr) -> Option<String> {
        use ast::Expr as E;
        Some(match expr {
            E::Identifier(ident) => name_of(ident),
            E::CompoundIdentifier(idents) => name_of(idents.last()?),
            E::Nested(inner) | E::Collate { expr: inner, .. } => return self.figured(inner),
            E::Function(function) => match function.name.0.last()? {
                ast::ObjectNamePart::Identifier(ident) => name_of(ident),
                ast::ObjectNamePart::Function(_) => return None,
            },
            E::Cast { expr, data_type, .. } => {
                return self
                    .figured(expr)
                    .filter(|_| !is_weak(expr))
                    .or_else(|| self.figured_type(data_type));
            }
            E::TypedString(ast::TypedString { data_type, .. }) => return self.figured_type(data_type),
            E::Interval(_) => "interval".to_owned(),
            E::Case { else_result, .. } => {
                let strong = else_result.as_deref().filter(|expr| !is_weak(expr));
                let from_else = strong.and_then(|expr| self.figured(expr));
                from_else.unwrap_or_else(|| "case".to_owned())
            }
            E::Exists { negated: false, .. } => "exists".to_owned(),
            E::Subquery(query) => return self.figured_query(query),
            E::Array(_) => "array".to_owned(),
            E::Extract { .. } => "extract".to_owned(),
            E::Position { .. } => "position".to_owned(),
            E::Substring { shorthand, .. } => if *shorthand { "substr" } else { "substring" }.to_owned(),
            E::Overlay { .. } => "overlay".to_owned(),
            E::Ceil { .. } => "ceil".to_owned(),
            E::Floor { .. } => "floor".to_owned(),
            E::AtTimeZone { .. } => "timezone".to_owned(),
            E::Trim { trim_where, .. } => match trim_where {
                Some(ast::TrimWhereField::Leading) => "ltrim".to_owned(),
                Some(ast::TrimWhereField::Trailing) => "rtrim".to_owned(),
                _ => "btrim".to_owned(),
            },
            E::CompoundFieldAccess { root, access_chain } => {
                let field = access_chain.iter().rev().find_map(|access| match access {
                    ast::AccessExpr::Dot(E::Identifier(name)) => Some(name_of(name)),
                    _ => None,
                });
                return field.or_else(|| self.figured(root));
            }
            E::Tuple(_) => "row".to_owned(),
            E::BinaryOp { op: ast::BinaryOperator::Overlaps, .. } => "overlaps".to_owned(),
            _ => return None,
        })
    }

    fn figured_type(&self, data_type: &ast::DataType) -> Option<String> {
        let (ty, _) = self.data_type(data_type).ok()?;
        if ty.is_user() {
            return Some(self.enum_of(ty)?.name.clone());
        }
        let name = ty.info()?.name;
        Some(name.strip_prefix('_').unwrap_or(name).to_owned())
    }

    fn figured_query(&self, query: &ast::Query) -> Option<String> {
        let ast::SetExpr::Select(select) = query.body.as_ref() else { return None };
        match select.projection.first()? {
            // The subquery's column has this name already, so a cast around it gives no other.
            SelectItem::UnnamedExpr(expr) => Some(self.implied_name(expr)),
            SelectItem::ExprWithAlias { alias, .. } => Some(name_of(alias)),
            _ => None,
        }
    }
}

/// Whether an expression only has the name of a type or of CASE, which gives way to that of a cast around it.
fn is_weak(expr: &ast::Expr) -> bool {
    use ast::Expr as E;
    match expr {
        E::Nested(inner) | E::Collate { expr: inner, .. } => is_weak(inner),
        E::CompoundFieldAccess { root, .. } => is_weak(root),
        E::Cast { expr, .. } => is_weak(expr),
        E::Case { else_result, .. } => else_result.as_deref().is_none_or(is_weak),
        E::Identifier(_)
        | E::CompoundIdentifier(_)
        | E::Function(_)
        | E::Subquery(_)
        | E::Array(_)
        | E::Exists { .. }
        | E::Extract { .. }
        | E::Position { .. }
        | E::Substring { .. }
        | E::Overlay { .. }
        | E::Ceil { .. }
        | E::Floor { .. }
        | E::AtTimeZone { .. }
        | E::Trim { .. }
        | E::Tuple(_)
        | E::BinaryOp { op: ast::BinaryOperator::Overlaps, .. } => false,
        _ => true,
    }
}

fn has_window(expr: &Expr) -> bool {
    walk::any(expr, false, &|part| matches!(&part.node, Node::Aggregate(call) if call.over.is_some()))
}

/// A column of a query that nobody names.
pub(super) fn unnamed(item: &Expr) -> Column {
    Column { name: String::new(), ty: item.ty, typmod: item.typmod, nullable: item.nullable, origin: None }
}

/// The condition without what only tells NULL from false, where both mean that a row is left out.
fn relaxed(condition: Expr) -> Expr {
    let Expr { node, ty, typmod, place, nullable } = condition;
    let node = match node {
        Node::And(list) => Node::And(list.into_iter().map(relaxed).collect()),
        Node::Case { branches, otherwise: Some(otherwise) }
            // Of no elements ALL holds, so there the test for NULL decides.
            if tests_its_array(&branches, &otherwise) =>
        {
            otherwise.node
        }
        other => other,
    };
    Expr { node, ty, typmod, place, nullable }
}

/// Whether CASE is what the binder makes of `= ANY (array)`: the array is NULL, or an element is meant.
fn tests_its_array(branches: &[(Expr, Expr)], otherwise: &Expr) -> bool {
    let [(Expr { node: Node::IsNull { operand, negated: false }, .. }, result)] = branches else {
        return false;
    };
    let source = match &otherwise.node {
        Node::InQuery { query, negated: false, .. } => match &query.body {
            Body::Select(select) => select.from.first(),
            _ => None,
        },
        Node::Quantified { source, all: false, .. } => Some(source.as_ref()),
        _ => None,
    };
    let array = match source {
        Some(Source::Function { name: "pg_unnest", arguments, relation: _, last: _ }) => arguments.last(),
        _ => None,
    };
    matches!(result.node, Node::Literal(Value::Null)) && array == Some(operand.as_ref())
}

fn check_wildcard(options: &ast::WildcardAdditionalOptions) -> Result<()> {
    let ast::WildcardAdditionalOptions {
        wildcard_token: _,
        opt_ilike,
        opt_exclude,
        opt_except,
        opt_replace,
        opt_rename,
        opt_alias,
    } = options;
    let plain = opt_ilike.is_none()
        && opt_exclude.is_none()
        && opt_except.is_none()
        && opt_replace.is_none()
        && opt_rename.is_none()
        && opt_alias.is_none();
    if plain { Ok(()) } else { Err(Error::unsupported("an option of *")) }
}
