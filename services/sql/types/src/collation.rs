//! The order of storage forms that are text but not ordered as text.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::array::{self, Array};
use crate::datetime::interval::Interval;
use crate::datetime::{INFINITY, NEGATIVE_INFINITY, parse_date, parse_timestamptz};
use crate::storage::Collation;
use crate::style::Style;
use crate::{Result, json, numeric, text};

/// The order of two storage forms. It is total: text that is no value of the type is ordered by its bytes, behind all values.
pub fn compare(collation: Collation, a: &str, b: &str) -> Ordering {
    match collation {
        Collation::Numeric => numeric::compare(a, b),
        Collation::Bpchar => a.trim_end_matches(' ').cmp(b.trim_end_matches(' ')),
        Collation::Interval => by(a, b, |text| Interval::from_storage(text).ok(), |a, b| a.compare(*b)),
        Collation::Jsonb => by(a, b, |text| json::parse(text).ok(), json::compare),
        Collation::ArrayOfIntegers => arrays(a, b, integers),
        Collation::ArrayOfFloats => arrays(a, b, floats),
        Collation::ArrayOfNumerics => arrays(a, b, numeric::compare),
        Collation::ArrayOfIntervals => arrays(a, b, intervals),
        Collation::ArrayOfTimes => arrays(a, b, times),
        Collation::ArrayOfText => arrays(a, b, str::cmp),
    }
}

fn by<'a, T>(
    a: &'a str,
    b: &'a str,
    read: impl Fn(&'a str) -> Option<T>,
    compare: impl Fn(&T, &T) -> Ordering,
) -> Ordering {
    match (read(a), read(b)) {
        (Some(a), Some(b)) => compare(&a, &b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

pub(crate) fn integers(a: &str, b: &str) -> Ordering {
    by(a, b, |text| text.parse::<i64>().ok(), Ord::cmp)
}

pub(crate) fn floats(a: &str, b: &str) -> Ordering {
    by(a, b, |value| text::float::parse_f64(value).ok(), |a, b| compare_floats(*a, *b))
}

/// PostgreSQL's order of floats: NaN is above all and equal to itself, zeros are equal.
pub fn compare_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// Elements that are intervals as PostgreSQL writes them.
pub(crate) fn intervals(a: &str, b: &str) -> Ordering {
    let read = |text: &str| crate::datetime::interval::parse(text, -1).ok();
    by(a, b, read, |a, b| a.compare(*b))
}

/// Elements that are dates or timestamps in ISO style, with the zone in which all of them are kept.
pub(crate) fn times(a: &str, b: &str) -> Ordering {
    by(a, b, |text| moment(text).ok(), Ord::cmp)
}

/// Microseconds since 2000-01-01; dates reach farther than timestamps.
fn moment(text: &str) -> Result<i128> {
    let style = Style::default();
    if text.ends_with("infinity") || text.contains(':') {
        return Ok(match parse_timestamptz(text, -1, &style)? {
            INFINITY => i128::MAX,
            NEGATIVE_INFINITY => i128::MIN,
            moment => i128::from(moment),
        });
    }
    Ok(i128::from(parse_date(text, &style)?) * 86_400_000_000)
}

fn arrays(a: &str, b: &str, compare: impl Fn(&str, &str) -> Ordering) -> Ordering {
    by(a, b, |text| array::parse(text).ok(), |a, b| compare_arrays(a, b, &compare))
}

/// Element by element, NULL last; then by number of elements, of dimensions, by their lengths and bounds.
pub fn compare_arrays(a: &Array<'_>, b: &Array<'_>, compare: impl Fn(&str, &str) -> Ordering) -> Ordering {
    let element = |a: &Option<Cow<'_, str>>, b: &Option<Cow<'_, str>>| match (a, b) {
        (Some(a), Some(b)) => compare(a, b),
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (None, None) => Ordering::Equal,
    };
    let elements = a.elements.iter().zip(&b.elements).map(|(a, b)| element(a, b)).find(|order| order.is_ne());
    let sizes = || a.elements.len().cmp(&b.elements.len());
    let dimensions = || a.dimensions.len().cmp(&b.dimensions.len());
    let lengths = || a.dimensions.iter().map(|d| d.length).cmp(b.dimensions.iter().map(|d| d.length));
    let bounds = || a.dimensions.iter().map(|d| d.lower).cmp(b.dimensions.iter().map(|d| d.lower));
    elements
        .unwrap_or(Ordering::Equal)
        .then_with(sizes)
        .then_with(dimensions)
        .then_with(lengths)
        .then_with(bounds)
}
