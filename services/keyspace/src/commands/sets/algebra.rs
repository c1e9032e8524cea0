//! Intersections, unions and differences of sets, replied, counted or stored.
//!
//! The sets are locked together, so results are made of borrowed members; only what is stored is copied.

use std::collections::HashSet;

use super::row;
use crate::command::{Command, Flags, KeyPlaces};
use crate::commands::arguments::{Options, natural, positive};
use crate::context::Context;
use crate::failure::{Failure, Outcome, SYNTAX};
use crate::state::value::Set;
use crate::state::{Effect, IntegerBuffer, Text, codec};

const READ: Flags = Flags::READONLY;
const WRITE: Flags = Flags::WRITE.and(Flags::DENYOOM);
const INTERSECTION: &str =
    "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.";
const TOTAL: &str = "O(N) where N is the total number of elements in all given sets.";

/// The rows of this part of the family.
pub const COMMANDS: &[Command] = &[
    row(
        "sinter",
        -2,
        READ,
        KeyPlaces::ALL,
        "1.0.0",
        INTERSECTION,
        "Returns the intersect of multiple sets.",
        |context, args| reply(context, args, intersection),
    ),
    row(
        "sinterstore",
        -3,
        WRITE,
        KeyPlaces::ALL,
        "1.0.0",
        INTERSECTION,
        "Stores the intersect of multiple sets in a key.",
        |context, args| store(context, args, intersection),
    ),
    row(
        "sintercard",
        -3,
        READ.and(Flags::MOVABLE_KEYS),
        KeyPlaces::Find(numbered),
        "7.0.0",
        INTERSECTION,
        "Returns the number of members of the intersect of multiple sets.",
        sintercard,
    ),
    row(
        "sunion",
        -2,
        READ,
        KeyPlaces::ALL,
        "1.0.0",
        TOTAL,
        "Returns the union of multiple sets.",
        |context, args| reply(context, args, union),
    ),
    row(
        "sunionstore",
        -3,
        WRITE,
        KeyPlaces::ALL,
        "1.0.0",
        TOTAL,
        "Stores the union of multiple sets in a key.",
        |context, args| store(context, args, union),
    ),
    row(
        "sdiff",
        -2,
        READ,
        KeyPlaces::ALL,
        "1.0.0",
        TOTAL,
        "Returns the difference of multiple sets.",
        |context, args| reply(context, args, difference),
    ),
    row(
        "sdiffstore",
        -3,
        WRITE,
        KeyPlaces::ALL,
        "1.0.0",
        TOTAL,
        "Stores the difference of multiple sets in a key.",
        |context, args| store(context, args, difference),
    ),
];

/// What makes one set of several: its members, each once, at most so many.
type Combine = for<'s> fn(&[Option<&'s Set>], usize) -> Vec<Text<'s>>;

/// Whether `set` has `member`.
fn has(set: &Set, member: Text<'_>) -> bool {
    set.contains(member.bytes(&mut IntegerBuffer::new()))
}

fn intersection<'s>(sets: &[Option<&'s Set>], limit: usize) -> Vec<Text<'s>> {
    let Some(mut sets) = sets.iter().copied().collect::<Option<Vec<&Set>>>() else { return Vec::new() };
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else { return Vec::new() };
    smallest.iter().filter(|member| others.iter().all(|set| has(set, *member))).take(limit).collect()
}

fn union<'s>(sets: &[Option<&'s Set>], limit: usize) -> Vec<Text<'s>> {
    let mut seen = HashSet::new();
    let members = sets.iter().copied().flatten().flat_map(Set::iter).map(Text::normal);
    members.filter(|member| seen.insert(*member)).take(limit).collect()
}

fn difference<'s>(sets: &[Option<&'s Set>], limit: usize) -> Vec<Text<'s>> {
    let Some((Some(first), others)) = sets.split_first() else { return Vec::new() };
    let is_elsewhere = |member: &Text<'_>| others.iter().flatten().any(|set| has(set, *member));
    first.iter().filter(|member| !is_elsewhere(member)).take(limit).collect()
}

fn reply(context: &mut Context<'_, '_>, args: &[&[u8]], combine: Combine) -> Outcome {
    let members = combine(&context.keys.sets(&args[1..])?, usize::MAX);
    context.reply.set(members.len());
    members.into_iter().for_each(|member| context.reply.bulk_text(member));
    Ok(())
}

fn store(context: &mut Context<'_, '_>, args: &[&[u8]], combine: Combine) -> Outcome {
    let key = args[1];
    let members = combine(&context.keys.sets(&args[2..])?, usize::MAX);
    let count = members.len();
    if count == 0 {
        if context.keys.exists(key) {
            context.keys.apply(&Effect::Delete { key })?;
        }
    } else {
        let mut value = Vec::new();
        codec::put_set(&mut value, members.into_iter());
        context.keys.reserve(key.len() + value.len())?;
        context.keys.apply(&Effect::Put { key, deadline: None, value: &value })?;
    }
    context.reply.count(count);
    Ok(())
}

/// The number of keys that argument 1 announces, all of which are there.
fn count_of_keys(args: &[&[u8]]) -> Result<usize, Failure> {
    let count = positive(args[1], "ERR numkeys should be greater than 0")?;
    if count > args.len() - 2 {
        return Err("ERR Number of keys can't be greater than number of args".into());
    }
    Ok(count)
}

/// Where the keys are of a command that begins with their number.
fn numbered(args: &[&[u8]]) -> Vec<usize> {
    count_of_keys(args).map_or(Vec::new(), |count| (2..2 + count).collect())
}

fn sintercard(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let count = count_of_keys(args)?;
    let mut limit = 0;
    let mut options = Options::new(args, 2 + count);
    while options.left() > 0 {
        if !options.accept("limit") {
            return Err(SYNTAX.into());
        }
        limit = natural(options.value()?, "ERR LIMIT can't be negative")?;
    }
    let limit = if limit == 0 { usize::MAX } else { limit };
    let found = intersection(&context.keys.sets(&args[2..2 + count])?, limit).len();
    context.reply.count(found);
    Ok(())
}
