//! Joins: what each side shows, the columns that USING and NATURAL merge, and the condition.

use std::rc::Rc;

use bole_sql_types::{Error, Result, SqlState, Type};
use sqlparser::ast::{self, JoinConstraint, JoinOperator};

use super::Binder;
use super::names::{Clause, Named, Space, name_of, place_of};
use super::tree::{Comparison, Expr, Node, Place, Source};

impl Binder<'_> {
    /// What `JOIN` makes of two items, and what it makes visible.
    pub(super) fn join(
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
