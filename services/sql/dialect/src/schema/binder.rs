//! Names and types of expressions and queries, as the binder of rows' statements resolves them.

pub(crate) use crate::bind::{
    BoundExpression, Scope, Use, bind_expression, bind_expression_tree, bind_query_tree, resolve_type,
};
