//! SORT and SORT_RO.
//!
//! BY and GET with a `*` read keys that no argument names, in any shard: [`reads_any_key`] tells the dispatcher to lock the whole
//! database. Elements are copied out once; what they are sorted by is looked up once for each.

mod pattern;
mod plan;

use std::cmp::Ordering;
use std::ops::Range;

use pattern::Pattern;
use plan::{By, Plan};

use crate::command::{Command, Flags, Handler, KeyPlaces};
use crate::commands::gathered::Gathered;
use crate::context::Context;
use crate::failure::{Failure, Outcome, WRONG_TYPE};
use crate::state::{Effect, IntegerBuffer, View, codec};

const COMPLEXITY: &str = "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of returned elements. When the elements are not sorted, complexity is O(N).";

const fn row(
    name: &'static str,
    flags: Flags,
    since: &'static str,
    keys: KeyPlaces,
    summary: &'static str,
    handler: fn(&mut Context<'_, '_>, &[&[u8]]) -> Outcome,
) -> Command {
    Command {
        name,
        arity: -2,
        flags: flags.and(Flags::MOVABLE_KEYS),
        keys,
        category: "generic",
        since,
        complexity: COMPLEXITY,
        summary,
        handler: Handler::Keys(handler),
    }
}

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    row(
        "sort",
        Flags::WRITE.and(Flags::DENYOOM),
        "1.0.0",
        KeyPlaces::Find(|args| {
            let store = Plan::parse(args, true).ok().and_then(|plan| plan.store);
            std::iter::once(1).chain(store).collect()
        }),
        "Sorts the elements in a list, a set, or a sorted set, optionally storing the result.",
        |context, args| sort(context, args, true),
    ),
    row(
        "sort_ro",
        Flags::READONLY,
        "7.0.0",
        KeyPlaces::Find(|_| vec![1]),
        "Returns the sorted elements of a list, a set, or a sorted set.",
        |context, args| sort(context, args, false),
    ),
];

/// Whether the command reads keys that are named only by a pattern.
pub fn reads_any_key(args: &[&[u8]]) -> bool {
    Plan::parse(args, true).is_ok_and(|plan| plan.reads_any_key())
}

fn sort(context: &mut Context<'_, '_>, args: &[&[u8]], may_store: bool) -> Outcome {
    let mut plan = Plan::parse(args, may_store)?;
    let (elements, window) = gather(context, args[1], &mut plan)?;
    let order = match &plan.by {
        By::Nothing => (0..elements.len()).collect(),
        _ => arrange(context, &plan, &elements)?,
    };
    let chosen = order[window].iter().map(|index| elements.get(*index));
    match plan.store {
        None => {
            context.reply.array(chosen.len() * plan.get.len().max(1));
            chosen.for_each(|element| reply(context, &plan, element));
            Ok(())
        }
        Some(at) => {
            let mut found = Gathered::default();
            for element in chosen {
                if plan.get.is_empty() {
                    found.push(element);
                }
                for pattern in &plan.get {
                    pattern.look_up(context.keys, element, |value| found.push(value.unwrap_or_default()));
                }
            }
            store(context, args[at], &found)
        }
    }
}

/// Replies with what is asked for of one element.
fn reply(context: &mut Context<'_, '_>, plan: &Plan<'_>, element: &[u8]) {
    if plan.get.is_empty() {
        context.reply.bulk(element);
    }
    for pattern in &plan.get {
        pattern.look_up(context.keys, element, |value| context.reply.bulk_or_null(value));
    }
}

fn store(context: &mut Context<'_, '_>, key: &[u8], found: &Gathered) -> Outcome {
    if found.is_empty() {
        if context.keys.exists(key) {
            context.keys.apply(&Effect::Delete { key })?;
        }
    } else {
        let mut value = Vec::new();
        codec::put_list(&mut value, found.iter());
        context.keys.reserve(key.len() + value.len())?;
        context.keys.apply(&Effect::Put { key, deadline: None, value: &value })?;
    }
    context.reply.count(found.len());
    Ok(())
}

/// Copies of the elements, and which of them are asked for once they are in order. Elements in the order of a list or of a
/// sorted set are copied only as far as they are asked for. May change a plan that a set cannot follow.
fn gather(
    context: &mut Context<'_, '_>,
    key: &[u8],
    plan: &mut Plan<'_>,
) -> Result<(Gathered, Range<usize>), Failure> {
    let mut elements = Gathered::default();
    let mut digits = IntegerBuffer::new();
    let in_place = matches!(plan.by, By::Nothing);
    match context.keys.get(key).map(|entry| entry.view()) {
        None => {}
        Some(View::List(list)) if in_place => {
            let window = plan.window(list.len());
            if plan.descending {
                let elements_back = list.iter_back_from(list.len() - window.start);
                elements_back.take(window.len()).for_each(|element| elements.push(element));
            } else {
                list.iter_from(window.start).take(window.len()).for_each(|element| elements.push(element));
            }
            let count = elements.len();
            return Ok((elements, 0..count));
        }
        Some(View::SortedSet(sorted)) if in_place => {
            let (window, len) = (plan.window(sorted.len()), sorted.len());
            if plan.descending {
                let ranks = len - window.end..len - window.start;
                sorted.range(ranks).rev().for_each(|(member, _)| elements.push(member));
            } else {
                sorted.range(window).for_each(|(member, _)| elements.push(member));
            }
            let count = elements.len();
            return Ok((elements, 0..count));
        }
        Some(View::List(list)) => list.iter().for_each(|element| elements.push(element)),
        Some(View::SortedSet(sorted)) => sorted.iter().for_each(|(member, _)| elements.push(member)),
        Some(View::Set(set)) => {
            set.iter().for_each(|member| elements.push(member.bytes(&mut digits)));
            // What is stored must not depend on the order of a table.
            if in_place && plan.store.is_some() {
                plan.by = By::Itself;
                plan.alpha = true;
            }
        }
        Some(_) => return Err(WRONG_TYPE.into()),
    }
    let window = plan.window(elements.len());
    Ok((elements, window))
}

/// The indices of all elements, in order.
fn arrange(
    context: &mut Context<'_, '_>,
    plan: &Plan<'_>,
    elements: &Gathered,
) -> Result<Vec<usize>, Failure> {
    let mut order: Vec<usize> = (0..elements.len()).collect();
    let turn = |ordering: Ordering| if plan.descending { ordering.reverse() } else { ordering };
    let itself = Pattern::Itself;
    let by = if let By::Pattern(pattern) = &plan.by { pattern } else { &itself };
    if !plan.alpha {
        let scores = scores(context, by, elements)?;
        order.sort_by(|&a, &b| {
            let by_score = scores[a].partial_cmp(&scores[b]).unwrap_or(Ordering::Equal);
            turn(by_score.then_with(|| elements.get(a).cmp(elements.get(b))))
        });
    } else if let Pattern::Itself = by {
        order.sort_by(|&a, &b| turn(elements.get(a).cmp(elements.get(b))));
    } else {
        let mut texts = Gathered::default();
        let mut places = Vec::with_capacity(elements.len());
        for element in elements.iter() {
            by.look_up(context.keys, element, |value| {
                places.push(value.map(|_| texts.len()));
                value.into_iter().for_each(|value| texts.push(value));
            });
        }
        // An element without a text comes before those with one, as in the order of options.
        let text = |index: usize| places[index].map(|place| texts.get(place));
        order.sort_by(|&a, &b| turn(text(a).cmp(&text(b))));
    }
    Ok(order)
}

/// The number that each element is sorted by: 0 if there is none. Errors: something that is no number.
fn scores(context: &mut Context<'_, '_>, by: &Pattern<'_>, elements: &Gathered) -> Result<Vec<f64>, Failure> {
    let mut scores = Vec::with_capacity(elements.len());
    let mut all = true;
    for element in elements.iter() {
        by.look_up(context.keys, element, |value| {
            let score = value.map_or(Some(0.0), number);
            all &= score.is_some();
            scores.push(score.unwrap_or_default());
        });
    }
    if all { Ok(scores) } else { Err("ERR One or more scores can't be converted into double".into()) }
}

/// A number as SORT reads it: an empty text is 0, spaces may come first, and digits beyond the range of doubles are none.
fn number(text: &[u8]) -> Option<f64> {
    if text.is_empty() {
        return Some(0.0);
    }
    let text = std::str::from_utf8(text.trim_ascii_start()).ok()?;
    let value: f64 = text.parse().ok()?;
    let overflows = value.is_infinite() && text.bytes().any(|byte| byte.is_ascii_digit());
    (!value.is_nan() && !overflows).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (text, expected) in [
            ("", Some(0.0)),
            ("1.5", Some(1.5)),
            (" -2e3", Some(-2000.0)),
            ("inf", Some(f64::INFINITY)),
            ("1e999", None),
            ("1 ", None),
            (" ", None),
            ("nan", None),
            ("abc", None),
        ] {
            assert_eq!(number(text.as_bytes()), expected, "{text:?}");
        }
    }
}
