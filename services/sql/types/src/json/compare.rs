//! The order of jsonb.

use std::cmp::Ordering;

use super::Json;
use super::value::compare_keys;
use crate::numeric;

/// PostgreSQL's order: null, strings, numbers, false, true, arrays, objects; arrays and objects by size first. An empty array is below
/// all, as it is there.
pub fn compare(a: &Json<'_>, b: &Json<'_>) -> Ordering {
    within(a, b, true)
}

const fn rank(json: &Json<'_>, top: bool) -> u8 {
    match json {
        Json::Array(elements) if elements.is_empty() && top => 0,
        Json::Null => 1,
        Json::String(_) => 2,
        Json::Number(_) => 3,
        Json::Bool(_) => 4,
        Json::Array(_) => 5,
        Json::Object(_) => 6,
    }
}

fn within(a: &Json<'_>, b: &Json<'_>, top: bool) -> Ordering {
    match (a, b) {
        (Json::String(a), Json::String(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Json::Number(a), Json::Number(b)) => numeric::compare(a, b),
        (Json::Bool(a), Json::Bool(b)) => a.cmp(b),
        (Json::Array(a), Json::Array(b)) => a.len().cmp(&b.len()).then_with(|| {
            a.iter().zip(b).map(|(a, b)| within(a, b, false)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
        }),
        (Json::Object(a), Json::Object(b)) => a.len().cmp(&b.len()).then_with(|| {
            a.iter()
                .zip(b)
                .map(|(a, b)| compare_keys(&a.0, &b.0).then_with(|| within(&a.1, &b.1, false)))
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        }),
        _ => rank(a, top).cmp(&rank(b, top)),
    }
}
