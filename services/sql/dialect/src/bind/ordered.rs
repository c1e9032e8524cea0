//! Aggregates with WITHIN GROUP: of values in an order, and of a value's place among them.

use bole_sql_types::{Error, Result, Type};
use sqlparser::ast;

use super::Binder;
use super::call::Call;
use super::coerce::integer;
use super::tree::{Aggregate, Expr, Node, Order, Place};
use crate::builtins::Spelling;

/// Window functions that are aggregates with WITHIN GROUP, what they are in SQLite, and their results.
const HYPOTHETICAL: [(&str, &str, Type); 4] = [
    ("rank", "pg_rank_within", Type::INT8),
    ("dense_rank", "pg_dense_rank_within", Type::INT8),
    ("percent_rank", "pg_percent_rank_within", Type::FLOAT8),
    ("cume_dist", "pg_cume_dist_within", Type::FLOAT8),
];

impl Binder<'_> {
    /// `percentile_cont(0.5) WITHIN GROUP (ORDER BY x)`: the functions take the fraction, the value, and whether it descends.
    pub(super) fn ordered_set(
        &mut self,
        name: &str,
        mut arguments: Vec<Expr>,
        call: &Call<'_>,
        filter: Option<Expr>,
        place: Place,
    ) -> Result<Expr> {
        let [order] = call.within else {
            return Err(self.place(place, Error::unsupported("WITHIN GROUP of several keys")));
        };
        if call.over.is_some() || call.distinct || !call.order.is_empty() {
            return Err(
                self.place(place, Error::unsupported("OVER, DISTINCT or ORDER BY beside WITHIN GROUP"))
            );
        }
        if let Some(&(_, spelling, result)) = HYPOTHETICAL.iter().find(|(known, ..)| *known == name) {
            let [placed] = <[Expr; 1]>::try_from(arguments)
                .map_err(|_| self.place(place, Error::unsupported("WITHIN GROUP of several keys")))?;
            let mut aggregate = self.hypothetical(placed, order)?;
            aggregate.spelling = Spelling::Function(spelling);
            aggregate.filter = filter;
            return Ok(Expr::new(Node::Aggregate(Box::new(aggregate)), result).at(place));
        }
        let before = std::mem::replace(&mut self.level().in_aggregate, true);
        let is_literal = self.expr(&order.expr).map(|key| matches!(key.node, Node::Unknown(_)));
        let key = self.plain_order(std::slice::from_ref(order));
        self.level().in_aggregate = before;
        let key = key?.remove(0);
        if name != "percentile_cont" && is_literal? {
            return Err(self.undetermined(place));
        }
        let descending = key.descending;
        arguments.push(key.key);
        let function = self.resolve(name, &arguments, place)?;
        let (mut arguments, result) = self.convert_arguments(&function, arguments, place)?;
        let value = arguments.pop().unwrap_or_else(|| integer(0));
        let several = arguments.iter().any(|argument| self.element_of(argument.ty).is_some());
        let oid = integer(i64::from(value.ty.0));
        let spelling = match (name, value.ty) {
            ("mode", _) => "pg_mode",
            ("percentile_disc", _) if several => "pg_percentile_disc_array",
            ("percentile_disc", _) => "pg_percentile_disc",
            ("percentile_cont", Type::INTERVAL) if several => {
                return Err(self.place(place, Error::unsupported("an array of fractions of intervals")));
            }
            ("percentile_cont", Type::INTERVAL) => "pg_percentile_cont_interval",
            ("percentile_cont", _) if several => "pg_percentile_cont_array",
            ("percentile_cont", _) => "pg_percentile_cont",
            _ => return Err(self.place(place, Error::unsupported(format!("aggregate {name} WITHIN GROUP")))),
        };
        if name != "percentile_cont" {
            arguments.push(oid);
        }
        arguments.push(value);
        arguments.push(integer(i64::from(descending)));
        let spelling = Spelling::Function(spelling);
        let aggregate = Aggregate {
            spelling,
            arguments,
            star: false,
            distinct: false,
            order: Vec::new(),
            filter,
            over: None,
        };
        Ok(Expr::new(Node::Aggregate(Box::new(aggregate)), result).at(place))
    }

    /// `rank(5) WITHIN GROUP (ORDER BY x)`: the functions take the value that is placed, the type, the value of a row, and the order.
    fn hypothetical(&mut self, placed: Expr, order: &ast::OrderByExpr) -> Result<Aggregate> {
        let ast::OrderByExpr { expr, options, with_fill } = order;
        if with_fill.is_some() {
            return Err(Error::unsupported("WITH FILL"));
        }
        let before = std::mem::replace(&mut self.level().in_aggregate, true);
        let key = self.expr(expr);
        self.level().in_aggregate = before;
        let (mut both, ty) = self.unify(vec![placed, key?], "WITHIN GROUP")?;
        let key = both.pop().unwrap_or_else(|| integer(0));
        let Order { key, descending, nulls_first, .. } = self.sort_key(None, key, options)?;
        let mut arguments = both;
        arguments.extend([integer(i64::from(ty.0)), key]);
        arguments.extend([descending, nulls_first].map(|is| integer(i64::from(is))));
        Ok(Aggregate {
            spelling: Spelling::Special,
            arguments,
            star: false,
            distinct: false,
            order: Vec::new(),
            filter: None,
            over: None,
        })
    }
}
