//! ZUNION, ZINTER, ZDIFF, their STORE forms, and ZINTERCARD. Plain sets take part as sorted sets whose scores are all 1.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::members::{reply_head, reply_member, store};
use crate::commands::arguments::{Options, integer, is, natural_or, parse_float};
use crate::context::Context;
use crate::failure::{Failure, Outcome, SYNTAX, WRONG_TYPE};
use crate::keys::Keys;
use crate::state::{IntegerBuffer, View};

/// How the keys are combined.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Union,
    Inter,
    Diff,
}

/// How the scores of one member are.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    /// Infinities that cancel each other make 0.
    fn of(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Sum => number(left + right),
            Self::Min => left.min(right),
            Self::Max => left.max(right),
        }
    }
}

/// 0 instead of a NaN, which is no score.
fn number(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// One of the keys that are combined.
#[derive(Clone, Copy)]
struct Input<'a> {
    key: &'a [u8],
    weight: f64,
    len: usize,
}

struct Asked<'a> {
    inputs: Vec<Input<'a>>,
    aggregate: Aggregate,
    with_scores: bool,
    /// ZINTERCARD: at most so many; 0: all.
    limit: usize,
}

/// What a form of the command takes besides its keys.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Reply,
    Store,
    Count,
}

/// Reads `numkeys key … [options]` from argument `at` on, and looks at the keys before the options, as Redis does.
fn asked<'a>(
    keys: &mut Keys<'_>,
    args: &'a [&'a [u8]],
    at: usize,
    how: How,
    form: Form,
) -> Result<Asked<'a>, Failure> {
    let number = integer(args[at])?;
    if number < 1 {
        let name = String::from_utf8_lossy(args[0]).to_ascii_lowercase();
        return Err(format!("ERR at least 1 input key is needed for '{name}' command").into());
    }
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    if number > args.len() - at - 1 {
        return Err(SYNTAX.into());
    }
    let (names, rest) = args[at + 1..].split_at(number);
    let mut inputs = Vec::with_capacity(number);
    for key in names {
        inputs.push(Input { key, weight: 1.0, len: length(keys, key)? });
    }
    let mut asked = Asked { inputs, aggregate: Aggregate::Sum, with_scores: false, limit: 0 };
    let mut options = Options::new(rest, 0);
    while options.left() > 0 {
        let combines = how != How::Diff && form != Form::Count;
        if combines && options.left() > number && options.accept("weights") {
            for input in &mut asked.inputs {
                let weight = parse_float(options.value()?);
                input.weight = weight.ok_or("ERR weight value is not a float")?;
            }
        } else if combines && options.left() > 1 && options.accept("aggregate") {
            asked.aggregate = aggregate(options.value()?)?;
        } else if form == Form::Reply && options.accept("withscores") {
            asked.with_scores = true;
        } else if form == Form::Count && options.left() > 1 && options.accept("limit") {
            asked.limit = natural_or(integer_or_limit(options.value()?)?, NEGATIVE_LIMIT)?;
        } else {
            return Err(SYNTAX.into());
        }
    }
    Ok(asked)
}

const NEGATIVE_LIMIT: &str = "ERR LIMIT can't be negative";

fn integer_or_limit(arg: &[u8]) -> Result<i64, Failure> {
    integer(arg).map_err(|_| NEGATIVE_LIMIT.into())
}

fn aggregate(word: &[u8]) -> Result<Aggregate, Failure> {
    let words = [("sum", Aggregate::Sum), ("min", Aggregate::Min), ("max", Aggregate::Max)];
    let found = words.into_iter().find(|(text, _)| is(word, text));
    found.map(|(_, aggregate)| aggregate).ok_or_else(|| SYNTAX.into())
}

fn length(keys: &mut Keys<'_>, key: &[u8]) -> Result<usize, Failure> {
    match keys.get(key).map(|entry| entry.view()) {
        None => Ok(0),
        Some(View::Set(set)) => Ok(set.len()),
        Some(View::SortedSet(set)) => Ok(set.len()),
        Some(_) => Err(WRONG_TYPE.into()),
    }
}

/// Visits the members of a set or sorted set whose type was checked.
fn each(keys: &mut Keys<'_>, key: &[u8], mut visit: impl FnMut(&[u8], f64)) {
    match keys.peek(key).map(|entry| entry.view()) {
        Some(View::Set(set)) => {
            let mut digits = IntegerBuffer::new();
            set.iter().for_each(|member| visit(member.bytes(&mut digits), 1.0));
        }
        Some(View::SortedSet(set)) => set.iter().for_each(|(member, score)| visit(member, score)),
        _ => {}
    }
}

/// The members with their scores, in the order of a sorted set.
fn combine(keys: &mut Keys<'_>, asked: &mut Asked<'_>, how: How) -> Vec<(Vec<u8>, f64)> {
    if how != How::Diff {
        // Small ones first, as Redis adds up scores in this order, and an intersection is never larger than its smallest part.
        asked.inputs.sort_by_key(|input| input.len);
    }
    let mut found = match how {
        How::Union => union(keys, asked),
        How::Inter => inter(keys, asked, usize::MAX),
        How::Diff => diff(keys, asked),
    };
    found.sort_by(|left, right| {
        // There are no NaNs, and both zeros are the same score.
        let scores = left.1.partial_cmp(&right.1).unwrap_or(Ordering::Equal);
        scores.then_with(|| left.0.cmp(&right.0))
    });
    found
}

fn union(keys: &mut Keys<'_>, asked: &Asked<'_>) -> Vec<(Vec<u8>, f64)> {
    let mut scores: HashMap<Vec<u8>, f64> = HashMap::new();
    for input in &asked.inputs {
        each(keys, input.key, |member, score| {
            let score = number(score * input.weight);
            match scores.entry(member.to_vec()) {
                Entry::Vacant(vacant) => {
                    vacant.insert(score);
                }
                Entry::Occupied(mut found) => *found.get_mut() = asked.aggregate.of(*found.get(), score),
            }
        });
    }
    scores.into_iter().collect()
}

fn inter(keys: &mut Keys<'_>, asked: &Asked<'_>, limit: usize) -> Vec<(Vec<u8>, f64)> {
    let mut found: Vec<(Vec<u8>, f64)> = Vec::new();
    let Some((first, rest)) = asked.inputs.split_first() else { return found };
    each(keys, first.key, |member, score| found.push((member.to_vec(), number(score * first.weight))));
    for input in rest {
        if found.is_empty() {
            break;
        }
        let view = keys.peek(input.key).map(|entry| entry.view());
        found.retain_mut(|(member, sum)| {
            let score = match view {
                Some(View::Set(set)) => set.contains(member).then_some(1.0),
                Some(View::SortedSet(set)) => set.score(member),
                _ => None,
            };
            let Some(score) = score else { return false };
            *sum = asked.aggregate.of(*sum, number(score * input.weight));
            true
        });
    }
    found.truncate(limit);
    found
}

fn diff(keys: &mut Keys<'_>, asked: &Asked<'_>) -> Vec<(Vec<u8>, f64)> {
    let mut found: Vec<(Vec<u8>, f64)> = Vec::new();
    let Some((first, rest)) = asked.inputs.split_first() else { return found };
    each(keys, first.key, |member, score| found.push((member.to_vec(), score)));
    for input in rest {
        let view = keys.peek(input.key).map(|entry| entry.view());
        found.retain(|(member, _)| match view {
            Some(View::Set(set)) => !set.contains(member),
            Some(View::SortedSet(set)) => set.score(member).is_none(),
            _ => true,
        });
    }
    found
}

fn answer(context: &mut Context<'_, '_>, args: &[&[u8]], how: How) -> Outcome {
    let mut asked = asked(context.keys, args, 1, how, Form::Reply)?;
    let found = combine(context.keys, &mut asked, how);
    reply_head(context.reply, found.len(), asked.with_scores);
    for (member, score) in &found {
        reply_member(context.reply, member, *score, asked.with_scores);
    }
    Ok(())
}

fn save(context: &mut Context<'_, '_>, args: &[&[u8]], how: How) -> Outcome {
    let mut asked = asked(context.keys, args, 2, how, Form::Store)?;
    let found = combine(context.keys, &mut asked, how);
    store(context.keys, args[1], found.iter().map(|(member, score)| (member.as_slice(), *score)))?;
    context.reply.count(found.len());
    Ok(())
}

/// ZUNION.
pub fn zunion(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    answer(context, args, How::Union)
}

/// ZINTER.
pub fn zinter(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    answer(context, args, How::Inter)
}

/// ZDIFF.
pub fn zdiff(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    answer(context, args, How::Diff)
}

/// ZUNIONSTORE.
pub fn zunionstore(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    save(context, args, How::Union)
}

/// ZINTERSTORE.
pub fn zinterstore(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    save(context, args, How::Inter)
}

/// ZDIFFSTORE.
pub fn zdiffstore(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    save(context, args, How::Diff)
}

/// ZINTERCARD.
pub fn zintercard(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let mut asked = asked(context.keys, args, 1, How::Inter, Form::Count)?;
    asked.inputs.sort_by_key(|input| input.len);
    let limit = if asked.limit == 0 { usize::MAX } else { asked.limit };
    let count = inter(context.keys, &asked, limit).len();
    context.reply.count(count);
    Ok(())
}
