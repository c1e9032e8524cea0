//! Follows paths through values.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Method, Node, Operator, Path, Step};
use crate::json::{Json, parse_binary};
use crate::numeric::{self, Numeric, operators};
use crate::text::float;
use crate::{Error, Result, SqlState, Type};

type Items<'d> = Vec<Cow<'d, Json<'d>>>;

struct Run<'d> {
    strict: bool,
    root: &'d Json<'d>,
    variables: Option<&'d Json<'d>>,
}

/// What a node is evaluated in.
#[derive(Clone, Copy)]
struct Place<'d, 'p> {
    current: &'p Cow<'d, Json<'d>>,
    /// The subscript of the last element, inside of brackets.
    last: Option<i64>,
}

fn fail<T>(state: SqlState, message: impl Into<String>) -> Result<T> {
    Err(Error::new(state, message))
}

/// Whether an error is one that `silent` and predicates keep.
fn is_soft(error: &Error) -> bool {
    error.state.as_str().starts_with("22")
}

/// Why a walk ends before its end.
enum Stop {
    /// Whoever gets the items has enough.
    Enough,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

type Flow = Result<(), Stop>;

/// Gets the items, one after the other.
type Sink<'s, 'd> = &'s mut dyn FnMut(Cow<'d, Json<'d>>) -> Flow;

/// The items that are found; up to an error, if it is kept silent. The second says whether there was one.
pub(super) fn query(
    path: &Path,
    target: &str,
    variables: Option<&str>,
    silent: bool,
    first: bool,
) -> Result<(Vec<String>, bool)> {
    let root = parse_binary(target)?;
    let variables = variables.map(parse_binary).transpose()?;
    if variables.as_ref().is_some_and(|variables| !matches!(variables, Json::Object(_))) {
        let error = Error::new(SqlState::INVALID_PARAMETER_VALUE, "\"vars\" argument is not an object");
        let detail = "Jsonpath parameters should be encoded as key-value pairs of \"vars\" object.";
        return Err(error.with_detail(detail));
    }
    let run = Run { strict: path.strict, root: &root, variables: variables.as_ref() };
    let current = Cow::Borrowed(&root);
    let mut found = Vec::new();
    let flow = run.walk(&path.root, Place { current: &current, last: None }, &mut |item| {
        found.push(item.to_string());
        // In strict mode later errors count too.
        if first && !path.strict { Err(Stop::Enough) } else { Ok(()) }
    });
    match flow {
        Ok(()) | Err(Stop::Enough) => Ok((found, false)),
        Err(Stop::Failed(error)) if silent && is_soft(&error) => Ok((found, true)),
        Err(Stop::Failed(error)) => Err(error),
    }
}

impl<'d> Run<'d> {
    /// Depth first, so that what was found before an error is known.
    fn walk(&self, node: &Node, place: Place<'d, '_>, sink: Sink<'_, 'd>) -> Flow {
        match node {
            Node::Root => sink(Cow::Borrowed(self.root)),
            Node::Current => sink(place.current.clone()),
            Node::Literal(json) => sink(Cow::Owned(json.clone())),
            Node::Variable(name) => match self.variables.map(|variables| variables.member(name)) {
                // Operators have no variables, and take all for null.
                None => sink(Cow::Owned(Json::Null)),
                Some(Some(value)) => sink(Cow::Borrowed(value)),
                Some(None) => {
                    let message = format!("could not find jsonpath variable \"{name}\"");
                    Ok(fail(SqlState::UNDEFINED_OBJECT, message)?)
                }
            },
            Node::Last => sink(number(place.last.unwrap_or(0).to_string())),
            Node::Step(inner, step) => {
                self.walk(inner, place, &mut |item| self.step(step, item, place, sink))
            }
            Node::Signed(minus, inner) => self.signed(*minus, inner, place, sink),
            Node::Binary(operator, a, b) if operator.priority() > 2 => {
                sink(self.arithmetic(*operator, a, b, place)?)
            }
            predicate => sink(Cow::Owned(match self.test(predicate, place)? {
                Some(value) => Json::Bool(value),
                None => Json::Null,
            })),
        }
    }

    /// All items.
    fn items(&self, node: &Node, place: Place<'d, '_>) -> Result<Items<'d>> {
        let mut items = Vec::new();
        let flow = self.walk(node, place, &mut |item| {
            items.push(item);
            Ok(())
        });
        match flow {
            Err(Stop::Failed(error)) => Err(error),
            _ => Ok(items),
        }
    }

    /// Whether there is an item. In strict mode later errors count too.
    fn any(&self, node: &Node, place: Place<'d, '_>) -> Result<bool> {
        let mut found = false;
        let flow = self.walk(node, place, &mut |_| {
            found = true;
            if self.strict { Ok(()) } else { Err(Stop::Enough) }
        });
        match flow {
            Err(Stop::Failed(error)) => Err(error),
            _ => Ok(found),
        }
    }

    /// Items with arrays replaced by their elements, unless the path is strict.
    fn unwrapped(&self, node: &Node, place: Place<'d, '_>) -> Result<Items<'d>> {
        let items = self.items(node, place)?;
        Ok(if self.strict { items } else { items.into_iter().flat_map(elements_or_self).collect() })
    }

    fn step(&self, step: &Step, item: Cow<'d, Json<'d>>, place: Place<'d, '_>, sink: Sink<'_, 'd>) -> Flow {
        // Arrays are opened for what is not about arrays.
        let opens = match step {
            Step::Member(_) | Step::AnyMember | Step::Filter(_) => true,
            Step::Method(method) => !matches!(method, Method::Type | Method::Size),
            Step::AnyElement | Step::AnyLevel | Step::Elements(_) => false,
        };
        if opens && !self.strict && matches!(*item, Json::Array(_)) {
            return elements_or_self(item)
                .into_iter()
                .try_for_each(|item| self.apply(step, item, place, sink));
        }
        self.apply(step, item, place, sink)
    }

    fn apply(&self, step: &Step, item: Cow<'d, Json<'d>>, place: Place<'d, '_>, sink: Sink<'_, 'd>) -> Flow {
        match step {
            Step::Member(name) => match self.member(name, &item)? {
                Some(value) => sink(value),
                None => Ok(()),
            },
            Step::AnyMember => match item.into_owned() {
                Json::Object(members) => {
                    members.into_iter().try_for_each(|member| sink(Cow::Owned(member.1)))
                }
                _ if self.strict => {
                    let message = "jsonpath wildcard member accessor can only be applied to an object";
                    Ok(fail(SqlState::SQL_JSON_OBJECT_NOT_FOUND, message)?)
                }
                _ => Ok(()),
            },
            Step::AnyElement => {
                if self.strict && !matches!(*item, Json::Array(_)) {
                    let message = "jsonpath wildcard array accessor can only be applied to an array";
                    return Ok(fail(SqlState::SQL_JSON_ARRAY_NOT_FOUND, message)?);
                }
                elements_or_self(item).into_iter().try_for_each(sink)
            }
            Step::AnyLevel => descend(item, sink),
            Step::Elements(subscripts) => self.elements(subscripts, &item, place, sink),
            Step::Filter(predicate) => {
                let passes = self.test(predicate, Place { current: &item, last: place.last })? == Some(true);
                if passes { sink(item) } else { Ok(()) }
            }
            Step::Method(Method::KeyValue) => self.key_values(&item, sink),
            Step::Method(method) => sink(self.method(*method, &item)?),
        }
    }

    /// `.keyvalue()`: an object for each member.
    #[expect(clippy::ptr_arg, reason = "an item is a value or borrowed from one")]
    fn key_values(&self, item: &Cow<'d, Json<'d>>, sink: Sink<'_, 'd>) -> Flow {
        let Json::Object(members) = &**item else {
            let message = "jsonpath item method .keyvalue() can only be applied to an object";
            return Ok(fail(SqlState::SQL_JSON_OBJECT_NOT_FOUND, message)?);
        };
        if !std::ptr::eq(&raw const **item, self.root) {
            return Err(Error::unsupported("keyvalue() of an object inside of another").into());
        }
        members.iter().try_for_each(|(key, value)| {
            let pair = [
                ("id", Json::Number(Cow::Borrowed("0"))),
                ("key", Json::String(key.clone())),
                ("value", value.clone()),
            ];
            let pair = pair.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect();
            sink(Cow::Owned(Json::Object(pair)))
        })
    }

    fn member(&self, name: &str, item: &Cow<'d, Json<'d>>) -> Result<Option<Cow<'d, Json<'d>>>> {
        let message = match &**item {
            Json::Object(_) => match part(item, |json| json.member(name)) {
                None if self.strict => format!("JSON object does not contain key \"{name}\""),
                found => return Ok(found),
            },
            _ if self.strict => "jsonpath member accessor can only be applied to an object".to_owned(),
            _ => return Ok(None),
        };
        fail(SqlState::SQL_JSON_MEMBER_NOT_FOUND, message)
    }

    #[expect(clippy::ptr_arg, reason = "parts of a borrowed value are borrowed too")]
    fn elements(
        &self,
        subscripts: &[(Node, Option<Node>)],
        item: &Cow<'d, Json<'d>>,
        place: Place<'d, '_>,
        sink: Sink<'_, 'd>,
    ) -> Flow {
        let length = match &**item {
            Json::Array(elements) => elements.len() as i64,
            _ if self.strict => {
                let message = "jsonpath array accessor can only be applied to an array";
                return Ok(fail(SqlState::SQL_JSON_ARRAY_NOT_FOUND, message)?);
            }
            _ => 1,
        };
        let place = Place { last: Some(length - 1), ..place };
        for (from, to) in subscripts {
            let from = self.subscript(from, place)?;
            let to = to.as_ref().map_or(Ok(from), |to| self.subscript(to, place))?;
            if self.strict && (from < 0 || from > to || to >= length) {
                let message = "jsonpath array subscript is out of bounds";
                return Ok(fail(SqlState::INVALID_SQL_JSON_SUBSCRIPT, message)?);
            }
            for at in from.max(0)..=to.min(length - 1) {
                let is_array = matches!(**item, Json::Array(_));
                let element = if is_array { part(item, |json| json.element(at)) } else { Some(item.clone()) };
                if let Some(element) = element {
                    sink(element)?;
                }
            }
        }
        Ok(())
    }

    fn subscript(&self, node: &Node, place: Place<'d, '_>) -> Result<i64> {
        let items = self.items(node, place)?;
        let [item] = &*items else {
            let message = "jsonpath array subscript is not a single numeric value";
            return fail(SqlState::INVALID_SQL_JSON_SUBSCRIPT, message);
        };
        let Json::Number(text) = &**item else {
            let message = "jsonpath array subscript is not a single numeric value";
            return fail(SqlState::INVALID_SQL_JSON_SUBSCRIPT, message);
        };
        Numeric::parse(text)?.truncate(0).to_integer(Type::INT4).or_else(|_| {
            let message = "jsonpath array subscript is out of integer range";
            fail(SqlState::INVALID_SQL_JSON_SUBSCRIPT, message)
        })
    }

    fn method(&self, method: Method, item: &Json<'d>) -> Result<Cow<'d, Json<'d>>> {
        let name = method.name();
        let value = match (method, item) {
            (Method::Type, item) => return Ok(Cow::Owned(Json::String(Cow::Borrowed(item.type_name())))),
            (Method::Size, Json::Array(elements)) => elements.len().to_string(),
            (Method::Size, _) if self.strict => {
                let message = "jsonpath item method .size() can only be applied to an array";
                return fail(SqlState::SQL_JSON_ARRAY_NOT_FOUND, message);
            }
            (Method::Size, _) => "1".to_owned(),
            (Method::Double, Json::Number(text) | Json::String(text)) => return double(text, item),
            (Method::Double, _) => {
                let message =
                    "jsonpath item method .double() can only be applied to a string or numeric value";
                return fail(SqlState::NON_NUMERIC_SQL_JSON_ITEM, message);
            }
            (Method::Ceiling, Json::Number(text)) => Numeric::parse(text)?.ceiling().to_string(),
            (Method::Floor, Json::Number(text)) => Numeric::parse(text)?.floor().to_string(),
            (Method::Abs, Json::Number(text)) => Numeric::parse(text)?.absolute().to_string(),
            _ => {
                let message =
                    format!("jsonpath item method .{name}() can only be applied to a numeric value");
                return fail(SqlState::NON_NUMERIC_SQL_JSON_ITEM, message);
            }
        };
        Ok(number(value))
    }

    fn signed(&self, minus: bool, inner: &Node, place: Place<'d, '_>, sink: Sink<'_, 'd>) -> Flow {
        let negate = |item: Cow<'d, Json<'d>>| match &*item {
            Json::Number(text) if minus => Ok(number(operators::negate(text)?)),
            Json::Number(_) => Ok(item),
            _ => {
                let sign = if minus { "-" } else { "+" };
                let message = format!("operand of unary jsonpath operator {sign} is not a numeric value");
                fail(SqlState::SQL_JSON_NUMBER_NOT_FOUND, message)
            }
        };
        self.unwrapped(inner, place)?.into_iter().try_for_each(|item| sink(negate(item)?))
    }

    fn arithmetic(
        &self,
        operator: Operator,
        a: &Node,
        b: &Node,
        place: Place<'d, '_>,
    ) -> Result<Cow<'d, Json<'d>>> {
        let single = |node: &Node, side: &str| {
            let items = self.unwrapped(node, place)?;
            if let [item] = &*items
                && let Json::Number(text) = &**item
            {
                return Ok(text.clone().into_owned());
            }
            let name = operator.text();
            let message = format!("{side} operand of jsonpath operator {name} is not a single numeric value");
            fail(SqlState::SINGLETON_SQL_JSON_ITEM_REQUIRED, message)
        };
        let (a, b) = (single(a, "left")?, single(b, "right")?);
        let result = match operator {
            Operator::Add => operators::add(&a, &b),
            Operator::Subtract => operators::subtract(&a, &b),
            Operator::Multiply => operators::multiply(&a, &b),
            Operator::Divide => operators::divide(&a, &b),
            _ => operators::remainder(&a, &b),
        };
        Ok(number(result?))
    }

    /// `None`: unknown.
    fn test(&self, predicate: &Node, place: Place<'d, '_>) -> Result<Option<bool>> {
        Ok(match predicate {
            Node::Not(inner) => self.test(inner, place)?.map(|value| !value),
            Node::IsUnknown(inner) => Some(self.test(inner, place)?.is_none()),
            Node::Exists(inner) => soft(self.any(inner, place))?,
            Node::Binary(Operator::And, a, b) => match self.test(a, place)? {
                Some(false) => Some(false),
                left => match self.test(b, place)? {
                    Some(true) => left,
                    right => right,
                },
            },
            Node::Binary(Operator::Or, a, b) => match self.test(a, place)? {
                Some(true) => Some(true),
                left => match self.test(b, place)? {
                    Some(false) => left,
                    right => right,
                },
            },
            Node::Binary(operator, a, b) => {
                let Some(a) = soft(self.unwrapped(a, place))? else { return Ok(None) };
                let Some(b) = soft(self.unwrapped(b, place))? else { return Ok(None) };
                self.pairs(*operator, &a, &b)
            }
            _ => None,
        })
    }

    /// Whether some pair of items fulfils a comparison.
    fn pairs(&self, operator: Operator, a: &Items<'d>, b: &Items<'d>) -> Option<bool> {
        let (mut found, mut unknown) = (false, false);
        for a in a {
            for b in b {
                match compare(operator, a, b) {
                    None if self.strict => return None,
                    None => unknown = true,
                    Some(true) if !self.strict => return Some(true),
                    Some(value) => found |= value,
                }
            }
        }
        if found {
            Some(true)
        } else if unknown {
            None
        } else {
            Some(false)
        }
    }
}

fn number<'d>(text: String) -> Cow<'d, Json<'d>> {
    Cow::Owned(Json::Number(Cow::Owned(text)))
}

/// An error that predicates keep, as `None`.
fn soft<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_soft(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A part of a value, borrowed if the value is.
fn part<'d>(
    item: &Cow<'d, Json<'d>>,
    find: impl for<'x> Fn(&'x Json<'d>) -> Option<&'x Json<'d>>,
) -> Option<Cow<'d, Json<'d>>> {
    match item {
        Cow::Borrowed(json) => find(json).map(Cow::Borrowed),
        Cow::Owned(json) => find(json).map(|part| Cow::Owned(part.clone())),
    }
}

/// An item, then all that it contains, each before what is in it.
fn descend<'d>(item: Cow<'d, Json<'d>>, sink: Sink<'_, 'd>) -> Flow {
    sink(item.clone())?;
    let parts: Items<'d> = match item {
        Cow::Borrowed(Json::Object(members)) => {
            members.iter().map(|member| Cow::Borrowed(&member.1)).collect()
        }
        Cow::Owned(Json::Object(members)) => members.into_iter().map(|member| Cow::Owned(member.1)).collect(),
        array if matches!(*array, Json::Array(_)) => elements_or_self(array),
        _ => return Ok(()),
    };
    parts.into_iter().try_for_each(|part| descend(part, sink))
}

fn elements_or_self<'d>(item: Cow<'d, Json<'d>>) -> Items<'d> {
    match item {
        Cow::Borrowed(Json::Array(elements)) => elements.iter().map(Cow::Borrowed).collect(),
        Cow::Owned(Json::Array(elements)) => elements.into_iter().map(Cow::Owned).collect(),
        other => vec![other],
    }
}

fn double<'d>(text: &str, item: &Json<'d>) -> Result<Cow<'d, Json<'d>>> {
    let value = float::parse_f64(text).ok().filter(|value| value.is_finite());
    let Some(value) = value else {
        let (kind, number) = match item {
            Json::String(_) => ("string", "is not a valid representation of a double precision number"),
            _ => ("numeric", "is out of range for type double precision"),
        };
        let message = format!("{kind} argument of jsonpath item method .double() {number}");
        return fail(SqlState::NON_NUMERIC_SQL_JSON_ITEM, message);
    };
    if let Json::Number(_) = item {
        return Ok(Cow::Owned(item.clone()));
    }
    Ok(number(Numeric::from_f64(value).to_string()))
}

fn compare(operator: Operator, a: &Json<'_>, b: &Json<'_>) -> Option<bool> {
    let order = match (a, b) {
        (Json::String(a), Json::String(b)) if operator == Operator::StartsWith => {
            return Some(a.starts_with(&**b));
        }
        _ if operator == Operator::StartsWith => return None,
        (Json::Null, Json::Null) => Ordering::Equal,
        (Json::Null, _) | (_, Json::Null) => return Some(operator == Operator::NotEqual),
        (Json::Bool(a), Json::Bool(b)) => a.cmp(b),
        (Json::Number(a), Json::Number(b)) => numeric::compare(a, b),
        (Json::String(a), Json::String(b)) => a.cmp(b),
        _ => return None,
    };
    Some(match operator {
        Operator::Equal => order.is_eq(),
        Operator::NotEqual => order.is_ne(),
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        Operator::Greater => order.is_gt(),
        _ => order.is_ge(),
    })
}
