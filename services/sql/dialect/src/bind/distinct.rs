//! DISTINCT in aggregates that list values, whose order shows.

use bole_sql_types::Type;

use super::coerce::integer;
use super::tree::{Aggregate, Expr, Node, Order};
use crate::builtins;

/// `string_agg(DISTINCT …)`: SQLite's DISTINCT has one argument, so the texts are gathered in an array, which is then written.
pub(super) fn distinct_text(mut arguments: Vec<Expr>, order: Vec<Order>, filter: Option<Expr>) -> Expr {
    let separator = arguments.pop().unwrap_or_else(|| integer(0));
    let text = arguments.pop().unwrap_or_else(|| integer(0));
    let order = if order.is_empty() { ascending(std::slice::from_ref(&text)) } else { order };
    let known = Node::IsNull { operand: Box::new(text.clone()), negated: true };
    let mut tests = vec![Expr::new(known, Type::BOOL)];
    tests.extend(filter);
    let call = |name, arguments, ty| Expr::call(builtins::Spelling::Function(name), arguments, ty);
    let oid = |ty: Type| integer(i64::from(ty.0));
    let array = Type(1_009);
    let aggregate = Aggregate {
        spelling: builtins::Spelling::Function("pg_array_agg"),
        arguments: vec![call("pg_element", vec![oid(Type::TEXT), text], Type::TEXT)],
        star: false,
        distinct: true,
        order,
        filter: Some(Expr::new(Node::And(tests), Type::BOOL)),
        over: None,
    };
    let gathered = Expr::new(Node::Aggregate(Box::new(aggregate)), array);
    call("pg_array_to_string", vec![oid(array), gathered, separator], Type::TEXT)
}

/// The order in which PostgreSQL finds distinct values.
pub(super) fn ascending(arguments: &[Expr]) -> Vec<Order> {
    let key = |key: &Expr| Order { ordinal: None, key: key.clone(), descending: false, nulls_first: false };
    arguments.iter().filter(|argument| !argument.is_constant()).map(key).collect()
}
