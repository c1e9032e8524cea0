//! OVERLAPS: whether two periods have an instant in common.

use bole_sql_types::{Result, SqlState, Type};

use super::Binder;
use super::tree::{Expr, Node, Place};

impl Binder<'_> {
    /// A period is its start and its end, or its start and how long it is.
    pub(super) fn overlaps(&mut self, left: Expr, right: Expr, place: Place) -> Result<Expr> {
        let mut instants = Vec::with_capacity(4);
        for (side, name) in [(left, "left"), (right, "right")] {
            let row = if let Node::Row(row) = side.node { row } else { vec![side] };
            let Ok([start, end]) = <[Expr; 2]>::try_from(row) else {
                let message = format!("wrong number of parameters on {name} side of OVERLAPS expression");
                return Err(self.error_at(place, SqlState::SYNTAX_ERROR, message));
            };
            let end = if end.ty == Type::INTERVAL {
                self.apply_named("+", start.clone(), end, place)?
            } else {
                end
            };
            instants.extend([start, end]);
        }
        self.call_named("overlaps", instants, place)
    }
}
