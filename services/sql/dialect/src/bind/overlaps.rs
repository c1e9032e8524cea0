//! OVERLAPS: whether two periods have an instant in common.

use bole_sql_types::{Error, Result, SqlState, Type, Value};

use super::Binder;
use super::tree::{Comparison, Expr, Node, Place};
use super::walk;

/// A period whose start is not after its end. If only one of them is known it is the start.
struct Period {
    start: Expr,
    end: Expr,
}

impl Binder<'_> {
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
        let repeatable = |expr: &Expr| {
            !walk::any(expr, true, &|part| {
                matches!(part.node, Node::Scalar(_) | Node::Call { volatile: true, .. } | Node::Parameter(_))
            })
        };
        let (instants, ty) = self.unify(instants, "OVERLAPS")?;
        let known = matches!(ty, Type::DATE | Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::TIME);
        if !known || !instants.iter().all(repeatable) {
            return Err(self.place(place, Error::unsupported("OVERLAPS of these operands")));
        }
        let Ok([first, second, third, fourth]) = <[Expr; 4]>::try_from(instants) else {
            return Err(self.place(place, Error::unsupported("OVERLAPS of these operands")));
        };
        let one = self.period(first, second, place)?;
        let other = self.period(third, fourth, place)?;
        let after = self.compare(Comparison::Greater, one.start.clone(), other.start.clone(), place)?;
        let before = self.compare(Comparison::Less, one.start.clone(), other.start.clone(), place)?;
        let same = self.compare(Comparison::Equal, one.start.clone(), other.start.clone(), place)?;
        let within = self.starts_within(&one, &other, place)?;
        let around = self.starts_within(&other, &one, place)?;
        let unknown = Expr::new(Node::Or(vec![is_null(&one.end), is_null(&other.end)]), Type::BOOL);
        let both = case(vec![(unknown, nothing())], Some(truth(true)));
        Ok(case(vec![(after, within), (before, around), (same, both)], None).at(place))
    }

    fn period(&mut self, start: Expr, end: Expr, place: Place) -> Result<Period> {
        let ty = start.ty;
        let swapped = self.compare(Comparison::Greater, start.clone(), end.clone(), place)?;
        let unknown = is_null(&start);
        let null = Expr::literal(Value::Null, ty);
        let of = |branches, otherwise| {
            Expr::new(Node::Case { branches, otherwise: Some(Box::new(otherwise)) }, ty)
        };
        Ok(Period {
            start: of(
                vec![(unknown.clone(), end.clone()), (swapped.clone(), end.clone())],
                start.clone(),
            ),
            end: of(vec![(unknown, null), (swapped, start)], end),
        })
    }

    /// Whether a period that starts after another starts before that one ends, as far as the ends are known.
    fn starts_within(&mut self, later: &Period, earlier: &Period, place: Place) -> Result<Expr> {
        let inside = self.compare(Comparison::Less, later.start.clone(), earlier.end.clone(), place)?;
        let branches = vec![
            (is_null(&earlier.end), nothing()),
            (inside, truth(true)),
            (is_null(&later.end), nothing()),
        ];
        Ok(case(branches, Some(truth(false))))
    }
}

fn is_null(expr: &Expr) -> Expr {
    Expr::new(Node::IsNull { operand: Box::new(expr.clone()), negated: false }, Type::BOOL).not_null()
}

fn nothing() -> Expr {
    Expr::literal(Value::Null, Type::BOOL)
}

fn truth(value: bool) -> Expr {
    Expr::literal(Value::Integer(i64::from(value)), Type::BOOL)
}

fn case(branches: Vec<(Expr, Expr)>, otherwise: Option<Expr>) -> Expr {
    Expr::new(Node::Case { branches, otherwise: otherwise.map(Box::new) }, Type::BOOL)
}
