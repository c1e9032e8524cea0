//! Removing members: by name, by range, and the lowest or highest (ZPOPMIN, ZMPOP, and what blocked clients are served with).

use std::ops::Range;

use super::bounds;
use super::members::{Copied, from_end, reply_head, reply_member};
use crate::commands::arguments::{count, integer, slice};
use crate::commands::lists::many_asked;
use crate::context::Context;
use crate::failure::{Failure, Outcome, SYNTAX};
use crate::keys::Keys;
use crate::protocol::Reply;
use crate::state::value::SortedSet;
use crate::state::{Effect, Items};

/// ZREM.
pub fn zrem(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let (key, members) = (args[1], &args[2..]);
    let Some(set) = context.keys.sorted_set(key)? else {
        context.reply.integer(0);
        return Ok(());
    };
    let before = set.len();
    if members.iter().all(|member| set.score(member).is_none()) {
        context.reply.integer(0);
        return Ok(());
    }
    context.keys.apply(&Effect::SortedRemove { key, members: Items::Args(members) })?;
    let after = context.keys.sorted_set(key)?.map_or(0, SortedSet::len);
    context.reply.count(before - after);
    Ok(())
}

fn remove_ranks(
    context: &mut Context<'_, '_>,
    key: &[u8],
    ranks: impl FnOnce(&SortedSet) -> Range<usize>,
) -> Outcome {
    let Some(set) = context.keys.sorted_set(key)? else {
        context.reply.integer(0);
        return Ok(());
    };
    let length = set.len();
    let found = Copied::from(set.range(ranks(set)));
    found.remove(context.keys, key, length)?;
    context.reply.count(found.len());
    Ok(())
}

/// ZREMRANGEBYRANK.
pub fn by_rank(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let (start, stop) = (integer(args[2])?, integer(args[3])?);
    remove_ranks(context, args[1], |set| {
        let (from, to) = slice(start, stop, set.len());
        from..to
    })
}

/// ZREMRANGEBYSCORE.
pub fn by_score(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let (min, max) = bounds::scores(args[2], args[3])?;
    remove_ranks(context, args[1], |set| set.ranks_by_score(min, max))
}

/// ZREMRANGEBYLEX.
pub fn by_lex(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let between = bounds::members(args[2], args[3])?;
    remove_ranks(context, args[1], |set| between.ranks(set))
}

/// ZPOPMIN and ZPOPMAX.
pub fn pop(context: &mut Context<'_, '_>, args: &[&[u8]], highest: bool) -> Outcome {
    if args.len() > 3 {
        return Err(SYNTAX.into());
    }
    let asked = args.get(2).map(|arg| count(arg)).transpose()?;
    let Some(set) = context.keys.sorted_set(args[1])? else {
        context.reply.array(0);
        return Ok(());
    };
    let length = set.len();
    let found = from_end(set, highest, asked.unwrap_or(1));
    found.remove(context.keys, args[1], length)?;
    if asked.is_some() {
        reply_head(context.reply, found.len(), true);
        found.iter().for_each(|(member, score)| reply_member(context.reply, member, score, true));
    } else {
        context.reply.array(2);
        for (member, score) in found.iter() {
            context.reply.bulk(member);
            context.reply.double(score);
        }
    }
    Ok(())
}

/// ZMPOP.
pub fn zmpop(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let asked = many_asked(args, 1, ("max", "min"))?;
    for key in asked.keys {
        if pop_many(context.keys, context.reply, key, asked.first, asked.count)? {
            return Ok(());
        }
    }
    context.reply.null_array();
    Ok(())
}

/// Pops the lowest or highest member: the key, the member, the score. `false`, with nothing written or changed, if there is none.
/// Reserves journal space before the effect.
pub fn pop_one(keys: &mut Keys<'_>, reply: &mut Reply, key: &[u8], highest: bool) -> Result<bool, Failure> {
    let Some(set) = keys.sorted_set(key)? else { return Ok(false) };
    let length = set.len();
    let found = from_end(set, highest, 1);
    found.remove(keys, key, length)?;
    reply.array(3);
    reply.bulk(key);
    for (member, score) in found.iter() {
        reply.bulk(member);
        reply.double(score);
    }
    Ok(true)
}

/// As `pop_one`, for up to `count` members: the key, and pairs of member and score.
pub fn pop_many(
    keys: &mut Keys<'_>,
    reply: &mut Reply,
    key: &[u8],
    highest: bool,
    count: usize,
) -> Result<bool, Failure> {
    let Some(set) = keys.sorted_set(key)? else { return Ok(false) };
    let length = set.len();
    let found = from_end(set, highest, count);
    found.remove(keys, key, length)?;
    reply.array(2);
    reply.bulk(key);
    reply.array(found.len());
    for (member, score) in found.iter() {
        reply.array(2);
        reply.bulk(member);
        reply.double(score);
    }
    Ok(true)
}
