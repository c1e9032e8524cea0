//! Functions on arrays.

pub(crate) mod construct;

use std::borrow::Cow;
use std::cmp::Ordering;

use bole_sql_types::array::{Array, Dimension, parse};
use bole_sql_types::collation::compare;
use bole_sql_types::storage::Collation;
use bole_sql_types::{Error, Result, SqlState, Style, Type, Value, ValueRef, array as arrays};

use crate::call::{Arguments, boolean, count, integer, text};
use crate::casts;
use crate::scalar::{Scalar, contextual, lenient, strict};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    strict(c"pg_array_dims", 1, |of| {
        let array = parse(of.text(0)?)?;
        let shown = |of: &Dimension| format!("[{}:{}]", of.lower, of.lower + of.length - 1);
        if array.dimensions.is_empty() {
            Ok(Value::Null)
        } else {
            text(array.dimensions.iter().map(shown).collect::<String>())
        }
    }),
    strict(c"pg_array_ndims", 1, |of| match parse(of.text(0)?)?.dimensions.len() {
        0 => Ok(Value::Null),
        length => count(length),
    }),
    strict(c"pg_array_length", 2, |of| dimension(of, |of| of.length)),
    strict(c"pg_array_lower", 2, |of| dimension(of, |of| of.lower)),
    strict(c"pg_array_upper", 2, |of| dimension(of, |of| of.lower + of.length - 1)),
    strict(c"pg_cardinality", 1, |of| count(parse(of.text(0)?)?.elements.len())),
    strict(c"pg_trim_array", 2, trim),
    lenient(c"pg_array_append", 2, |of| push(of.text_or_null(0)?, of.text_or_null(1)?, false)),
    lenient(c"pg_array_prepend", 2, |of| push(of.text_or_null(1)?, of.text_or_null(0)?, true)),
    lenient(c"pg_array_cat", 2, |of| match (of.text_or_null(0)?, of.text_or_null(1)?) {
        (None, None) => Ok(Value::Null),
        (Some(one), None) | (None, Some(one)) => text(one),
        (Some(a), Some(b)) => concat(a, b),
    }),
    lenient(c"pg_array_fill", 2, fill).optional(1),
    lenient(c"pg_array_position", 4, |of| match positions(of)? {
        None => Ok(Value::Null),
        Some(found) => {
            let from = if of.len() > 4 && !of.is_null(4) { of.integer(4)? } else { i64::MIN };
            if of.len() > 4 && of.is_null(4) {
                let message = "initial position must not be null";
                return Err(Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, message));
            }
            Ok(found.into_iter().find(|at| *at >= from).map_or(Value::Null, Value::Integer))
        }
    })
    .optional(1),
    lenient(c"pg_array_positions", 4, |of| match positions(of)? {
        None => Ok(Value::Null),
        Some(found) => text(
            Array::from_elements(found.into_iter().map(|at| Some(Cow::Owned(at.to_string()))).collect())
                .to_string(),
        ),
    }),
    lenient(c"pg_array_remove", 4, remove),
    lenient(c"pg_array_replace", 6, replace),
    strict(c"pg_array_contains", 4, |of| boolean(contains(&Pair::of(of)?))),
    strict(c"pg_array_contained", 4, |of| {
        let Pair { left, right, order } = Pair::of(of)?;
        boolean(contains(&Pair { left: right, right: left, order }))
    }),
    strict(c"pg_array_overlap", 4, |of| boolean(overlaps(&Pair::of(of)?))),
    contextual(c"pg_array_to_string", 3, |of, context| {
        if of.is_null(0) || of.is_null(1) || of.is_null(2) {
            return Ok(Value::Null);
        }
        let shown = casts::output(of.ty(0)?, of.value(1)?, context)?;
        text(joined(&parse(&shown)?, of.text(2)?, of.text_or_null(3)?))
    })
    .optional(1)
    .called_on_null(),
    lenient(c"pg_string_to_array", 2, |of| match pieces(of)? {
        None => Ok(Value::Null),
        Some(found) => text(of_texts(found.into_iter())),
    })
    .optional(1),
    strict(c"pg_width_bucket_array", 4, width_bucket),
];

/// An array of one dimension, of texts.
pub(crate) fn of_texts<'a>(elements: impl Iterator<Item = Option<&'a str>>) -> String {
    Array::from_elements(elements.map(|element| element.map(Cow::Borrowed)).collect()).to_string()
}

fn subscript(message: &str) -> Error {
    Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message)
}

fn dimension(of: &Arguments<'_, '_>, what: fn(&Dimension) -> i32) -> Result<Value> {
    let array = parse(of.text(0)?)?;
    let at = usize::try_from(of.integer(1)?).ok().and_then(|at| at.checked_sub(1));
    Ok(at.and_then(|at| array.dimensions.get(at)).map_or(Value::Null, |of| Value::Integer(what(of).into())))
}

fn trim(of: &Arguments<'_, '_>) -> Result<Value> {
    let mut array = parse(of.text(0)?)?;
    let length = array.dimensions.first().map_or(0, |of| i64::from(of.length));
    let away = of.integer(1)?;
    if !(0..=length).contains(&away) {
        return Err(subscript(&format!("number of elements to trim must be between 0 and {length}")));
    }
    let each = array.elements.len() / (length.max(1) as usize);
    array.elements.truncate(each * (length - away) as usize);
    // PostgreSQL cuts as a slice does, which counts from 1.
    if away == length {
        array.dimensions.clear();
    } else {
        for dimension in &mut array.dimensions {
            dimension.lower = 1;
        }
        array.dimensions[0].length = (length - away) as i32;
    }
    text(array.to_string())
}

fn push(whole: Option<&str>, element: Option<&str>, first: bool) -> Result<Value> {
    let mut array = whole.map(parse).transpose()?.unwrap_or_default();
    if array.dimensions.len() > 1 {
        return Err(Error::new(SqlState(*b"22000"), "argument must be empty or one-dimensional array"));
    }
    match array.dimensions.first_mut() {
        Some(dimension) => dimension.length += 1,
        None => array.dimensions.push(Dimension { lower: 1, length: 1 }),
    }
    let element = element.map(Cow::Borrowed);
    if first {
        array.elements.insert(0, element);
    } else {
        array.elements.push(element);
    }
    text(array.to_string())
}

fn concat(a: &str, b: &str) -> Result<Value> {
    let (mut left, mut right) = (parse(a)?, parse(b)?);
    let incompatible =
        |detail: &str| Err(subscript("cannot concatenate incompatible arrays").with_detail(detail));
    let (of_left, of_right) = (left.dimensions.len(), right.dimensions.len());
    if of_right == 0 {
        return text(a);
    }
    if of_left == 0 {
        return text(b);
    }
    let lengths = |of: &[Dimension]| of.iter().map(|of| of.length).collect::<Vec<_>>();
    match of_left as i64 - of_right as i64 {
        0 => {
            if lengths(&left.dimensions[1..]) != lengths(&right.dimensions[1..]) {
                return incompatible(
                    "Arrays with differing element dimensions are not compatible for concatenation.",
                );
            }
            left.dimensions[0].length += right.dimensions[0].length;
        }
        1 => {
            if lengths(&left.dimensions[1..]) != lengths(&right.dimensions) {
                return incompatible(
                    "Arrays with differing dimensions are not compatible for concatenation.",
                );
            }
            left.dimensions[0].length += 1;
        }
        -1 => {
            if lengths(&right.dimensions[1..]) != lengths(&left.dimensions) {
                return incompatible(
                    "Arrays with differing dimensions are not compatible for concatenation.",
                );
            }
            right.dimensions[0].length += 1;
            left.dimensions = right.dimensions.clone();
        }
        _ => {
            return incompatible(&format!(
                "Arrays of {of_left} and {of_right} dimensions are not compatible for concatenation."
            ));
        }
    }
    left.elements.append(&mut right.elements);
    text(left.to_string())
}

fn fill(of: &Arguments<'_, '_>) -> Result<Value> {
    let null = |what: &str| Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, what);
    if of.is_null(1) || (of.len() > 2 && of.is_null(2)) {
        return Err(null("dimension array or low bound array cannot be null"));
    }
    let numbers = |at: usize| -> Result<Vec<i32>> {
        let array = parse(of.text(at)?)?;
        let number = |element: &Option<Cow<'_, str>>| match element {
            Some(element) => element.parse().map_err(|_| subscript("dimension values must be integers")),
            None => Err(null("dimension values cannot be null")),
        };
        array.elements.iter().map(number).collect()
    };
    let lengths = numbers(1)?;
    let lowers = if of.len() > 2 { numbers(2)? } else { vec![1; lengths.len()] };
    if lowers.len() != lengths.len() {
        return Err(subscript("wrong number of array subscripts")
            .with_detail("Low bound array has different size than dimensions array."));
    }
    if lengths.len() > arrays::DIMENSIONS_MAX {
        let message = format!(
            "number of array dimensions ({}) exceeds the maximum allowed ({})",
            lengths.len(),
            arrays::DIMENSIONS_MAX
        );
        return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
    }
    let size =
        lengths.iter().try_fold(1_usize, |size, length| size.checked_mul(usize::try_from(*length).ok()?));
    let size = size.filter(|size| *size <= 1 << 24).ok_or_else(|| {
        Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "array size exceeds the maximum allowed (134217727)")
    })?;
    if size == 0 || lengths.is_empty() {
        return text("{}");
    }
    let element = of.text_or_null(0)?.map(Cow::Borrowed);
    let dimensions = lengths
        .iter()
        .zip(&lowers)
        .map(|(length, lower)| Dimension { lower: *lower, length: *length })
        .collect();
    text(Array { dimensions, elements: vec![element; size] }.to_string())
}

/// How elements of an array's type are compared.
#[derive(Clone, Copy)]
pub(crate) struct Order(Option<Collation>);

impl Order {
    /// Of the elements of an array type. Those of enums are integers.
    fn of_array(array: Type) -> Self {
        match array.info() {
            None => Self(Some(Collation::ArrayOfIntegers)),
            Some(info) if info.element == Some(Type::BPCHAR) => Self(Some(Collation::Bpchar)),
            Some(info) if info.element == Some(Type::JSONB) => Self(Some(Collation::Jsonb)),
            Some(info) => Self(info.collation),
        }
    }

    /// The order of two elements' texts.
    fn compare(self, a: &str, b: &str) -> Ordering {
        match self.0 {
            Some(Collation::ArrayOfNumerics) => compare(Collation::Numeric, a, b),
            Some(Collation::ArrayOfText) | None => a.cmp(b),
            Some(plain @ (Collation::Bpchar | Collation::Jsonb)) => compare(plain, a, b),
            Some(of_arrays) => {
                let wrapped = |text: &str| Array::from_elements(vec![Some(Cow::Borrowed(text))]).to_string();
                compare(of_arrays, &wrapped(a), &wrapped(b))
            }
        }
    }

    fn is_equal(self, a: Option<&str>, b: Option<&str>) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => a == b || self.compare(a, b) == Ordering::Equal,
            (None, None) => true,
            _ => false,
        }
    }
}

/// The text of an element that is an argument after its type.
fn element(of: &Arguments<'_, '_>, at: usize) -> Result<Option<String>> {
    match of.value(at + 1)? {
        ValueRef::Null => Ok(None),
        ValueRef::Integer(place) if of.ty(at)?.is_user() => Ok(Some(place.to_string())),
        value => arrays::element_text(of.ty(at)?, value),
    }
}

/// The array of the first two arguments, of which searching functions allow one dimension.
fn searched<'a>(of: &'a Arguments<'_, '_>, what: &str) -> Result<Option<(Array<'a>, Order)>> {
    let Some(whole) = of.text_or_null(1)? else { return Ok(None) };
    let array = parse(whole)?;
    if array.dimensions.len() > 1 {
        return Err(Error::unsupported(what));
    }
    Ok(Some((array, Order::of_array(of.ty(0)?))))
}

fn positions(of: &Arguments<'_, '_>) -> Result<Option<Vec<i64>>> {
    let Some((array, order)) = searched(of, "searching for elements in multidimensional arrays")? else {
        return Ok(None);
    };
    let wanted = element(of, 2)?;
    let lower = array.dimensions.first().map_or(1, |of| i64::from(of.lower));
    let found = array.elements.iter().enumerate();
    let found = found.filter(|(_, element)| order.is_equal(element.as_deref(), wanted.as_deref()));
    Ok(Some(found.map(|(at, _)| lower + at as i64).collect()))
}

fn remove(of: &Arguments<'_, '_>) -> Result<Value> {
    let Some((mut array, order)) = searched(of, "removing elements from multidimensional arrays")? else {
        return Ok(Value::Null);
    };
    let unwanted = element(of, 2)?;
    array.elements.retain(|element| !order.is_equal(element.as_deref(), unwanted.as_deref()));
    match array.elements.len() {
        0 => array.dimensions.clear(),
        length => array.dimensions[0].length = length as i32,
    }
    text(array.to_string())
}

fn replace(of: &Arguments<'_, '_>) -> Result<Value> {
    let Some(whole) = of.text_or_null(1)? else { return Ok(Value::Null) };
    let (mut array, order) = (parse(whole)?, Order::of_array(of.ty(0)?));
    let (from, to) = (element(of, 2)?, element(of, 4)?);
    for element in &mut array.elements {
        if order.is_equal(element.as_deref(), from.as_deref()) {
            *element = to.clone().map(Cow::Owned);
        }
    }
    text(array.to_string())
}

/// Two arrays of one type.
struct Pair<'a> {
    left: Array<'a>,
    right: Array<'a>,
    order: Order,
}

impl<'a> Pair<'a> {
    fn of(of: &'a Arguments<'_, '_>) -> Result<Self> {
        Ok(Self { left: parse(of.text(1)?)?, right: parse(of.text(3)?)?, order: Order::of_array(of.ty(0)?) })
    }

    /// Whether the left array has an element, which is not NULL.
    fn has(&self, element: Option<&str>) -> bool {
        element.is_some()
            && self.left.elements.iter().any(|known| self.order.is_equal(known.as_deref(), element))
    }
}

fn contains(pair: &Pair<'_>) -> bool {
    pair.right.elements.iter().all(|element| pair.has(element.as_deref()))
}

fn overlaps(pair: &Pair<'_>) -> bool {
    pair.right.elements.iter().any(|element| pair.has(element.as_deref()))
}

fn joined(array: &Array<'_>, by: &str, null: Option<&str>) -> String {
    let shown: Vec<&str> = array.elements.iter().filter_map(|element| element.as_deref().or(null)).collect();
    shown.join(by)
}

/// The parts of a text, for `string_to_array` and `string_to_table`.
pub(crate) fn pieces<'a>(of: &'a Arguments<'_, '_>) -> Result<Option<Vec<Option<&'a str>>>> {
    let Some(whole) = of.text_or_null(0)? else { return Ok(None) };
    let null = of.text_or_null(2)?;
    let parts: Vec<&str> = match of.text_or_null(1)? {
        _ if whole.is_empty() => Vec::new(),
        None => whole.split_inclusive(|_: char| true).collect(),
        Some("") => vec![whole],
        Some(by) => whole.split(by).collect(),
    };
    Ok(Some(parts.into_iter().map(|part| (Some(part) != null).then_some(part)).collect()))
}

/// The number of thresholds that a value is not below.
fn width_bucket(of: &Arguments<'_, '_>) -> Result<Value> {
    let thresholds = parse(of.text(3)?)?;
    if thresholds.dimensions.len() > 1 {
        return Err(subscript("thresholds must be one-dimensional array"));
    }
    let order = Order::of_array(of.ty(2)?);
    let value = arrays::element_text(of.ty(0)?, of.value(1)?)?.unwrap_or_default();
    let mut below = 0;
    for threshold in &thresholds.elements {
        let Some(threshold) = threshold else {
            let message = "thresholds array must not contain NULLs";
            return Err(Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, message));
        };
        if order.compare(&value, threshold) == Ordering::Less {
            break;
        }
        below += 1;
    }
    integer(below)
}

/// The value of an element of an array, in storage form.
pub(crate) fn value(array: Type, element: &str) -> Result<Value> {
    match array.element() {
        Some(ty) => bole_sql_types::text::input(ty, -1, element, &Style::default()),
        None => element
            .parse()
            .map(Value::Integer)
            .map_err(|_| Error::unsupported("an array of an enum in this form")),
    }
}

/// The values of all elements.
pub(crate) fn values(array: Type, of: &str) -> Result<Vec<Value>> {
    let parsed = parse(of)?;
    let one =
        |element: &Option<Cow<'_, str>>| element.as_ref().map_or(Ok(Value::Null), |text| value(array, text));
    parsed.elements.iter().map(one).collect()
}
