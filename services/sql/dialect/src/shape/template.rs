//! Which literals of a statement may become parameters, so that its plan serves others of its shape.
//!
//! Only where a parameter of the literal's type means what the literal means: a comparison with a column, a sum of a column's, a new value of a column.
//! All else stays as it is written, above all what is read, folded or matched while names and types are resolved: ordinals, limits, casts, intervals,
//! arguments of functions, select lists, keys of groups and orders, and what is within a subquery.
//!
//! # Invariants
//! - A literal is either a slot or fixed: the plan holds for a text of the same key whose fixed literals are the same.
//! - Two literals that meet each other alone (`1 = 2`, `1 + 2`) are fixed, as PostgreSQL computes them before it runs the statement.

use bole_sql_types::Type;
use sqlparser::ast::{self, BinaryOperator, Expr, InTarget, SetExpr, Statement, UnaryOperator, Value};

use super::{Class, Literal, Shape};
use crate::parse::{Parsed, Syntax, byte_of};

/// A literal that may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Which of the shape's literals.
    pub literal: usize,
    /// Whether a minus before it belongs to it.
    pub negated: bool,
}

/// A statement with parameters for the literals that may differ.
#[derive(Clone, Debug)]
pub struct Template {
    /// The statement.
    pub parsed: Parsed,
    /// The types of the parameters, 0 for strings: it follows from where they are.
    pub types: Vec<Type>,
    /// What the parameters stand for.
    pub slots: Vec<Slot>,
    /// The literals that must be the same.
    pub fixed: Vec<usize>,
}

/// Strings that mean another value each time they are read, or may hold one that does.
const CLOCKS: [&str; 4] = ["now", "today", "tomorrow", "yesterday"];

/// The template of a statement with this shape; `None` if no plan for it may be kept.
pub fn template(parsed: &Parsed, shape: &Shape) -> Option<Template> {
    let Syntax::Rows(statement) = &parsed.statement else { return None };
    let mut statement = statement.clone();
    let mut slots = Slots { text: &parsed.text, literals: &shape.literals, taken: Vec::new() };
    slots.statement(&mut statement);
    let taken = slots.taken;
    let fixed: Vec<usize> =
        (0..shape.literals.len()).filter(|at| !taken.iter().any(|slot| slot.literal == *at)).collect();
    let is_clock = |text: &str| {
        let small = text.to_ascii_lowercase();
        CLOCKS.iter().any(|clock| small.contains(clock))
    };
    if fixed.iter().any(|at| is_clock(&shape.literals[*at].value)) {
        return None;
    }
    let types = taken.iter().map(|slot| match shape.literals[slot.literal].class {
        Class::Integer => Type::INT4,
        Class::Bigint => Type::INT8,
        Class::Decimal => Type::NUMERIC,
        Class::Text => Type(0),
    });
    let types = types.collect();
    let parsed = Parsed { statement: Syntax::Rows(statement), ..parsed.clone() };
    Some(Template { parsed, types, slots: taken, fixed })
}

struct Slots<'a> {
    text: &'a str,
    literals: &'a [Literal],
    taken: Vec<Slot>,
}

const fn is_sum(op: &BinaryOperator) -> bool {
    matches!(op, BinaryOperator::Plus | BinaryOperator::Minus | BinaryOperator::Multiply)
}

const fn is_comparison(op: &BinaryOperator) -> bool {
    matches!(
        op,
        BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq
    )
}

const fn is_column(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
}

fn is_number(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => matches!(value.value, Value::Number(..)),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
            matches!(expr.as_ref(), Expr::Value(value) if matches!(value.value, Value::Number(..)))
        }
        _ => false,
    }
}

fn is_string(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_)))
}

/// Whether it is a column, or sums of columns and numbers with a column in each.
fn is_of_columns(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_of_columns(inner),
        Expr::BinaryOp { left, op, right } if is_sum(op) => {
            is_of_columns(left) && (is_of_columns(right) || is_number(right))
                || is_number(left) && is_of_columns(right)
        }
        other => is_column(other),
    }
}

/// Whether it is a literal that columns on the other side of a comparison give its meaning.
fn is_value_for(expr: &Expr, other: &Expr) -> bool {
    is_string(expr) && is_column(other) || is_number(expr) && is_of_columns(other)
}

impl Slots<'_> {
    fn statement(&mut self, statement: &mut Statement) {
        match statement {
            Statement::Query(query) if query.with.is_none() => {
                if let SetExpr::Select(select) = query.body.as_mut() {
                    self.filter(select.selection.as_mut());
                }
            }
            Statement::Insert(insert) => {
                if let Some(source) = insert.source.as_mut().filter(|source| source.with.is_none())
                    && let SetExpr::Values(values) = source.body.as_mut()
                {
                    values
                        .rows
                        .iter_mut()
                        .flat_map(|row| row.content.iter_mut())
                        .for_each(|value| self.value(value));
                }
            }
            Statement::Update(update) => {
                update.assignments.iter_mut().for_each(|assignment| self.new_value(&mut assignment.value));
                self.filter(update.selection.as_mut());
            }
            Statement::Delete(delete) => self.filter(delete.selection.as_mut()),
            _ => {}
        }
    }

    fn filter(&mut self, filter: Option<&mut Expr>) {
        if let Some(filter) = filter {
            self.condition(filter);
        }
    }

    fn condition(&mut self, expr: &mut Expr) {
        match expr {
            Expr::Nested(inner) | Expr::UnaryOp { op: UnaryOperator::Not, expr: inner } => {
                self.condition(inner);
            }
            Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
                self.condition(left);
                self.condition(right);
            }
            Expr::BinaryOp { left, op, right } if is_comparison(op) => self.comparison(left, right),
            Expr::Between { expr, low, high, negated: _ }
                if is_column(expr)
                    && (is_number(low) && is_number(high) || is_string(low) && is_string(high)) =>
            {
                self.value(low);
                self.value(high);
            }
            Expr::In { expr, target: InTarget::List(list), .. }
                if is_column(expr) && (list.iter().all(is_number) || list.iter().all(is_string)) =>
            {
                list.iter_mut().for_each(|value| self.value(value));
            }
            _ => {}
        }
    }

    fn comparison(&mut self, left: &mut Expr, right: &mut Expr) {
        if is_value_for(right, left) {
            self.value(right);
        } else if is_value_for(left, right) {
            self.value(left);
        }
        self.sum(left);
        self.sum(right);
    }

    /// The numbers in sums of columns.
    fn sum(&mut self, expr: &mut Expr) {
        if !is_of_columns(expr) {
            return;
        }
        match expr {
            Expr::Nested(inner) => self.sum(inner),
            Expr::BinaryOp { left, right, .. } => {
                for side in [left, right] {
                    if is_number(side) { self.value(side) } else { self.sum(side) }
                }
            }
            _ => {}
        }
    }

    /// The new value of a column.
    fn new_value(&mut self, expr: &mut Expr) {
        self.value(expr);
        self.sum(expr);
    }

    /// Makes a parameter of it, if it is a literal.
    fn value(&mut self, expr: &mut Expr) {
        let negated = is_number(expr) && !matches!(expr, Expr::Value(_));
        let inner = match &*expr {
            Expr::UnaryOp { expr: inner, .. } if negated => inner.as_ref(),
            other => other,
        };
        let Expr::Value(value) = inner else { return };
        let span = value.span;
        if !matches!(value.value, Value::Number(_, false) | Value::SingleQuotedString(_)) {
            return;
        }
        let start = byte_of(self.text, span.start);
        let Ok(literal) = self.literals.binary_search_by_key(&start, |literal| literal.bytes.start) else {
            return;
        };
        // The smallest integer is written as a bigint with a minus.
        if negated && self.literals[literal].class == Class::Bigint {
            return;
        }
        self.taken.push(Slot { literal, negated });
        let parameter = Value::Placeholder(format!("${}", self.taken.len()));
        *expr = Expr::Value(ast::ValueWithSpan { value: parameter, span });
    }
}
