//! Windows: what a call is over.

use bole_sql_types::{Error, Result, SqlState, Type, Value, datetime};
use sqlparser::ast::{
    self, NamedWindowDefinition, NamedWindowExpr, OrderByExpr, OrderByOptions, OrderBySort, WindowFrame,
    WindowFrameBound, WindowFrameUnits, WindowSpec, WindowType,
};

use super::Binder;
use super::names::{Clause, name_of, place_of};
use super::tree::{Bound, Expr, Frame, Node, Order, Window};
use crate::builtins::Context;

impl Binder<'_> {
    /// The window that a call names or describes.
    pub(super) fn window(&mut self, window: &WindowType) -> Result<Window> {
        match window {
            WindowType::WindowSpec(spec) => self.window_of(spec),
            WindowType::NamedWindow(name) => self.named_window(name, 0),
        }
    }

    fn named_window(&mut self, name: &ast::Ident, depth: usize) -> Result<Window> {
        let wanted = name_of(name);
        let found = self
            .level()
            .windows
            .iter()
            .find(|NamedWindowDefinition(known, _)| name_of(known) == wanted)
            .cloned();
        match found {
            Some(NamedWindowDefinition(_, NamedWindowExpr::WindowSpec(spec))) => self.window_of(&spec),
            Some(NamedWindowDefinition(_, NamedWindowExpr::NamedWindow(other))) if depth < 32 => {
                self.named_window(&other, depth + 1)
            }
            _ => {
                let message = format!("window \"{wanted}\" does not exist");
                Err(self.error_at(place_of(name.span), SqlState::UNDEFINED_OBJECT, message))
            }
        }
    }

    fn window_of(&mut self, spec: &WindowSpec) -> Result<Window> {
        let WindowSpec { window_name, partition_by, order_by, window_frame } = spec;
        let mut window = match window_name {
            Some(name) => {
                let base = self.named_window(name, 0)?;
                if !partition_by.is_empty() {
                    let message =
                        format!("cannot override PARTITION BY clause of window \"{}\"", name_of(name));
                    return Err(self.error_at(place_of(name.span), SqlState::WINDOWING_ERROR, message));
                }
                if !order_by.is_empty() && !base.order.is_empty() {
                    let message = format!("cannot override ORDER BY clause of window \"{}\"", name_of(name));
                    return Err(self.error_at(place_of(name.span), SqlState::WINDOWING_ERROR, message));
                }
                if base.frame.is_some() {
                    let message =
                        format!("cannot copy window \"{}\" because it has a frame clause", name_of(name));
                    return Err(self.error_at(place_of(name.span), SqlState::WINDOWING_ERROR, message));
                }
                base
            }
            None => Window::default(),
        };
        self.within(Clause::Window, |binder| {
            for expr in partition_by {
                let expr = binder.expr(expr)?;
                window.partition.push(binder.known(expr)?);
            }
            if !order_by.is_empty() {
                window.order = binder.plain_order(order_by)?;
            }
            if let Some(frame) = window_frame {
                window.frame = Some(binder.frame(frame, &window)?);
                infinite_keys(&mut window);
            }
            Ok(window)
        })
    }

    fn frame(&mut self, frame: &WindowFrame, window: &Window) -> Result<Frame> {
        let WindowFrame { units, start_bound, end_bound } = frame;
        let offset_type = match units {
            WindowFrameUnits::Rows | WindowFrameUnits::Groups => Some(Type::INT8),
            WindowFrameUnits::Range => None,
        };
        if *units == WindowFrameUnits::Groups && window.order.is_empty() {
            return Err(Error::new(SqlState::WINDOWING_ERROR, "GROUPS mode requires an ORDER BY clause"));
        }
        let start = self.bound(start_bound, offset_type, window)?;
        let end = match end_bound {
            Some(end) => self.bound(end, offset_type, window)?,
            None => Bound::CurrentRow,
        };
        let units = match units {
            WindowFrameUnits::Rows => "ROWS",
            WindowFrameUnits::Range => "RANGE",
            WindowFrameUnits::Groups => "GROUPS",
        };
        let wrong = match (&start, &end) {
            (Bound::UnboundedFollowing, _) => Some("frame start cannot be UNBOUNDED FOLLOWING"),
            (_, Bound::UnboundedPreceding) => Some("frame end cannot be UNBOUNDED PRECEDING"),
            (Bound::CurrentRow, Bound::Preceding(_)) => {
                Some("frame starting from current row cannot have preceding rows")
            }
            (Bound::Following(_), Bound::Preceding(_)) => {
                Some("frame starting from following row cannot have preceding rows")
            }
            (Bound::Following(_), Bound::CurrentRow) => {
                Some("frame starting from following row cannot end with current row")
            }
            _ => None,
        };
        match wrong {
            Some(message) => Err(Error::new(SqlState::WINDOWING_ERROR, message)),
            None => Ok(Frame { units, start, end }),
        }
    }

    fn bound(&mut self, bound: &WindowFrameBound, offset: Option<Type>, window: &Window) -> Result<Bound> {
        Ok(match bound {
            WindowFrameBound::CurrentRow => Bound::CurrentRow,
            WindowFrameBound::Preceding(None) => Bound::UnboundedPreceding,
            WindowFrameBound::Following(None) => Bound::UnboundedFollowing,
            WindowFrameBound::Preceding(Some(expr)) => Bound::Preceding(self.offset(expr, offset, window)?),
            WindowFrameBound::Following(Some(expr)) => Bound::Following(self.offset(expr, offset, window)?),
        })
    }

    fn offset(&mut self, expr: &ast::Expr, ty: Option<Type>, window: &Window) -> Result<Expr> {
        let expr = self.expr(expr)?;
        if let Some(ty) = ty {
            return self.coerce(expr, ty, -1, Context::Assignment);
        }
        // SQLite adds a number to the key; that is what PostgreSQL does for numbers only.
        match window.order.as_slice() {
            [Order { key, .. }] if matches!(key.ty, Type::INT2 | Type::INT4 | Type::INT8) => {
                let key = key.ty;
                self.coerce(expr, if key == Type::INT8 { key } else { Type::INT8 }, -1, Context::Implicit)
            }
            [Order { key, .. }] if key.ty == Type::FLOAT8 => self.implicit(expr, Type::FLOAT8),
            [Order { key, .. }] if matches!(key.ty, Type::DATE | Type::TIMESTAMP) => {
                let (key, place) = (key.ty, expr.place);
                let interval = self.implicit(expr, Type::INTERVAL)?;
                fixed_offset(&interval, key).ok_or_else(|| {
                    self.place(place, Error::unsupported("RANGE with an offset that is no fixed time"))
                })
            }
            [_] => Err(self.place(expr.place, Error::unsupported("RANGE with an offset of this type"))),
            _ => {
                let message = "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column";
                Err(self.error_at(expr.place, SqlState::WINDOWING_ERROR, message))
            }
        }
    }

    /// Keys of ORDER BY that are expressions and nothing else: in aggregates and windows.
    pub(super) fn plain_order(&mut self, order: &[OrderByExpr]) -> Result<Vec<Order>> {
        let mut keys = Vec::with_capacity(order.len());
        for OrderByExpr { expr, options, with_fill } in order {
            if with_fill.is_some() {
                return Err(Error::unsupported("WITH FILL"));
            }
            let key = self.expr(expr)?;
            let key = self.known(key)?;
            keys.push(self.sort_key(None, key, options)?);
        }
        Ok(keys)
    }

    /// A key with its direction.
    pub(super) fn sort_key(
        &mut self,
        ordinal: Option<usize>,
        key: Expr,
        options: &OrderByOptions,
    ) -> Result<Order> {
        let OrderByOptions { sort, nulls_first } = options;
        let descending = match sort {
            None | Some(OrderBySort::Asc) => false,
            Some(OrderBySort::Desc) => true,
            Some(OrderBySort::Using(operator)) => match operator.to_string().as_str() {
                "<" => false,
                ">" => true,
                other => return Err(Error::unsupported(format!("ORDER BY USING {other}"))),
            },
        };
        if !self.is_comparable(key.ty) {
            let message =
                format!("could not identify an ordering operator for type {}", self.type_name(key.ty));
            let hint = "Use an explicit ordering operator or modify the query.";
            return Err(self.error_at(key.place, SqlState::UNDEFINED_FUNCTION, message).with_hint(hint));
        }
        Ok(Order { ordinal, key, descending, nulls_first: nulls_first.unwrap_or(descending) })
    }
}

/// Infinity is as far as it was with an offset added, as it is among floats, so that a row is within reach of itself. Timestamps have it as the greatest integer, to which SQLite
/// would add.
fn infinite_keys(window: &mut Window) {
    let is_offset = |bound: &Bound| matches!(bound, Bound::Preceding(_) | Bound::Following(_));
    let (Some(frame), [order]) = (&window.frame, window.order.as_mut_slice()) else { return };
    let infinities = match order.key.ty {
        Type::DATE => [datetime::DATE_NEGATIVE_INFINITY, datetime::DATE_INFINITY],
        Type::TIMESTAMP => [datetime::NEGATIVE_INFINITY, datetime::INFINITY],
        _ => return,
    };
    if frame.units != "RANGE" || !(is_offset(&frame.start) || is_offset(&frame.end)) {
        return;
    }
    let ty = order.key.ty;
    let branches = infinities.into_iter().map(|infinity| {
        let far = if infinity < 0 { f64::NEG_INFINITY } else { f64::INFINITY };
        (Expr::literal(Value::Integer(infinity), ty), Expr::literal(Value::Real(far), ty))
    });
    let (operand, otherwise) = (Box::new(order.key.clone()), Some(Box::new(order.key.clone())));
    order.key.node = Node::Switch { operand, branches: branches.collect(), otherwise };
}

/// What an interval without months is in the unit of a key: days of a date, microseconds of a timestamp.
fn fixed_offset(interval: &Expr, key: Type) -> Option<Expr> {
    const DAY: i64 = 86_400_000_000;
    let Node::Literal(Value::Text(text)) = &interval.node else { return None };
    let parts: Option<Vec<i64>> = text.split(' ').map(|part| part.parse().ok()).collect();
    let [0, days @ 0..=i64::MAX, time @ 0..=i64::MAX] = parts?[..] else { return None };
    let offset = match (key, time) {
        (Type::DATE, 0) => days,
        (Type::TIMESTAMP, time) => days.checked_mul(DAY)?.checked_add(time)?,
        _ => return None,
    };
    Some(Expr::literal(Value::Integer(offset), Type::INT8))
}
