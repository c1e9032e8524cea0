//! ZRANGE and its older forms, and ZRANGESTORE: by rank, by score, by member; either way round.

use std::ops::{Bound, Range};

use super::bounds::{self, Members};
use super::members::{Copied, reply_head, reply_member, store};
use crate::commands::arguments::{Options, integer, slice};
use crate::context::Context;
use crate::failure::{Failure, Outcome, SYNTAX};
use crate::state::value::SortedSet;

/// What a range is counted in.
#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    Rank,
    Score,
    Member,
}

/// What the name of a command and its options ask for.
struct Asked<'a> {
    between: Between<'a>,
    reverse: bool,
    with_scores: bool,
    /// How many are passed over, and how many are taken after that; negative: none, and all.
    limit: (i64, i64),
}

enum Between<'a> {
    Ranks(i64, i64),
    Scores(Bound<f64>, Bound<f64>),
    Members(Members<'a>),
}

/// What the older names say about the range and the direction; `None`: options say it.
fn fixed(name: &[u8]) -> (Option<By>, Option<bool>) {
    match name.to_ascii_lowercase().as_slice() {
        b"zrevrange" => (Some(By::Rank), Some(true)),
        b"zrangebyscore" => (Some(By::Score), Some(false)),
        b"zrevrangebyscore" => (Some(By::Score), Some(true)),
        b"zrangebylex" => (Some(By::Member), Some(false)),
        b"zrevrangebylex" => (Some(By::Member), Some(true)),
        _ => (None, None),
    }
}

/// Reads `min max [options]` from argument `at` on.
fn asked<'a>(args: &'a [&'a [u8]], at: usize, stores: bool) -> Result<Asked<'a>, Failure> {
    let (named_by, named_reverse) = fixed(args[0]);
    let (mut by, mut reverse, mut with_scores, mut limit) = (named_by, named_reverse, false, (0, -1));
    let mut options = Options::new(args, at + 2);
    while options.left() > 0 {
        if !stores && options.accept("withscores") {
            with_scores = true;
        } else if options.left() > 2 && options.accept("limit") {
            limit = (integer(options.value()?)?, integer(options.value()?)?);
        } else if named_reverse.is_none() && options.accept("rev") {
            reverse = Some(true);
        } else if named_by.is_none() && options.accept("bylex") {
            by = Some(By::Member);
        } else if named_by.is_none() && options.accept("byscore") {
            by = Some(By::Score);
        } else {
            return Err(SYNTAX.into());
        }
    }
    let (by, reverse) = (by.unwrap_or(By::Rank), reverse.unwrap_or(false));
    if limit.1 != -1 && by == By::Rank {
        return Err(
            "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX".into()
        );
    }
    if with_scores && by == By::Member {
        return Err("ERR syntax error, WITHSCORES not supported in combination with BYLEX".into());
    }
    let (min, max) =
        if reverse && by != By::Rank { (args[at + 1], args[at]) } else { (args[at], args[at + 1]) };
    let between = match by {
        By::Rank => Between::Ranks(integer(min)?, integer(max)?),
        By::Score => {
            let (min, max) = bounds::scores(min, max)?;
            Between::Scores(min, max)
        }
        By::Member => Between::Members(bounds::members(min, max)?),
    };
    Ok(Asked { between, reverse, with_scores, limit })
}

impl Asked<'_> {
    /// The ranks that are asked for, counted from the lowest score.
    fn ranks(&self, set: &SortedSet) -> Range<usize> {
        let all = match &self.between {
            Between::Ranks(start, stop) => {
                let (from, to) = slice(*start, *stop, set.len());
                return if self.reverse { set.len() - to..set.len() - from } else { from..to };
            }
            Between::Scores(min, max) => set.ranks_by_score(*min, *max),
            Between::Members(members) => members.ranks(set),
        };
        let (skip, take) = self.limit;
        let Ok(skip) = usize::try_from(skip) else { return 0..0 };
        let skip = skip.min(all.len());
        let take = usize::try_from(take).unwrap_or(usize::MAX).min(all.len() - skip);
        if self.reverse {
            all.end - skip - take..all.end - skip
        } else {
            all.start + skip..all.start + skip + take
        }
    }
}

/// ZRANGE, ZREVRANGE, Z(REV)RANGEBYSCORE, Z(REV)RANGEBYLEX.
pub fn zrange(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let asked = asked(args, 2, false)?;
    let Some(set) = context.keys.sorted_set(args[1])? else {
        context.reply.array(0);
        return Ok(());
    };
    let ranks = asked.ranks(set);
    reply_head(context.reply, ranks.len(), asked.with_scores);
    let mut write = |(member, score)| reply_member(context.reply, member, score, asked.with_scores);
    if asked.reverse {
        set.range(ranks).rev().for_each(&mut write);
    } else {
        set.range(ranks).for_each(&mut write);
    }
    Ok(())
}

/// ZRANGESTORE.
pub fn zrangestore(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let asked = asked(args, 3, true)?;
    let found = match context.keys.sorted_set(args[2])? {
        Some(set) => Copied::from(set.range(asked.ranks(set))),
        None => Copied::default(),
    };
    store(context.keys, args[1], found.iter())?;
    context.reply.count(found.len());
    Ok(())
}
