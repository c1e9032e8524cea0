//! Sorted sets: scores, ranks, ranges, removal, combinations. Commands that wait for members are in `blocked`.

pub mod add;
pub mod bounds;
pub mod combine;
pub mod members;
pub mod random;
pub mod range;
pub mod remove;

use crate::command::{Command, Flags, Handler, KeyPlaces};
use crate::commands::arguments::{Options, counted_keys, integer, is};
use crate::context::Context;
use crate::failure::{Outcome, SYNTAX};
use crate::glob;
use crate::protocol::reply::NumberText;
use crate::state::value::SortedSet;

const READ_FAST: Flags = Flags::READONLY.and(Flags::FAST);
const WRITE_FAST: Flags = Flags::WRITE.and(Flags::FAST);
const GROW: Flags = Flags::WRITE.and(Flags::DENYOOM);
const GROW_FAST: Flags = GROW.and(Flags::FAST);
const COUNTED: KeyPlaces = KeyPlaces::Find(|args| counted_keys(args, 1));
const DESTINATION_AND_COUNTED: KeyPlaces = KeyPlaces::Find(|args| {
    let mut places = vec![1];
    places.extend(counted_keys(args, 2));
    places
});

#[expect(clippy::too_many_arguments, reason = "a row of the table has these columns")]
const fn row(
    name: &'static str,
    arity: i16,
    flags: Flags,
    keys: KeyPlaces,
    since: &'static str,
    complexity: &'static str,
    summary: &'static str,
    handler: fn(&mut Context<'_, '_>, &[&[u8]]) -> Outcome,
) -> Command {
    Command {
        name,
        arity,
        flags,
        keys,
        category: "sortedset",
        since,
        complexity,
        summary,
        handler: Handler::Keys(handler),
    }
}

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    row(
        "zadd",
        -4,
        GROW_FAST,
        KeyPlaces::ONE,
        "1.2.0",
        "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
        "Adds one or more members to a sorted set, or updates their scores. Creates the key if it doesn't exist.",
        add::zadd,
    ),
    row(
        "zincrby",
        4,
        GROW_FAST,
        KeyPlaces::ONE,
        "1.2.0",
        "O(log(N)) where N is the number of elements in the sorted set.",
        "Increments the score of a member in a sorted set.",
        add::zincrby,
    ),
    row(
        "zscore",
        3,
        READ_FAST,
        KeyPlaces::ONE,
        "1.2.0",
        "O(1)",
        "Returns the score of a member in a sorted set.",
        zscore,
    ),
    row(
        "zmscore",
        -3,
        READ_FAST,
        KeyPlaces::ONE,
        "6.2.0",
        "O(N) where N is the number of members being requested.",
        "Returns the score of one or more members in a sorted set.",
        zmscore,
    ),
    row(
        "zcard",
        2,
        READ_FAST,
        KeyPlaces::ONE,
        "1.2.0",
        "O(1)",
        "Returns the number of members in a sorted set.",
        zcard,
    ),
    row(
        "zcount",
        4,
        READ_FAST,
        KeyPlaces::ONE,
        "2.0.0",
        "O(log(N)) with N being the number of elements in the sorted set.",
        "Returns the count of members in a sorted set that have scores within a range.",
        zcount,
    ),
    row(
        "zlexcount",
        4,
        READ_FAST,
        KeyPlaces::ONE,
        "2.8.9",
        "O(log(N)) with N being the number of elements in the sorted set.",
        "Returns the number of members in a sorted set within a lexicographical range.",
        zlexcount,
    ),
    row(
        "zrange",
        -4,
        Flags::READONLY,
        KeyPlaces::ONE,
        "1.2.0",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned.",
        "Returns members in a sorted set within a range of indexes.",
        range::zrange,
    ),
    row(
        "zrangebyscore",
        -4,
        Flags::READONLY,
        KeyPlaces::ONE,
        "1.0.5",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).",
        "Returns members in a sorted set within a range of scores.",
        range::zrange,
    ),
    row(
        "zrevrange",
        -4,
        Flags::READONLY,
        KeyPlaces::ONE,
        "1.2.0",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned.",
        "Returns members in a sorted set within a range of indexes in reverse order.",
        range::zrange,
    ),
    row(
        "zrevrangebyscore",
        -4,
        Flags::READONLY,
        KeyPlaces::ONE,
        "2.2.0",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).",
        "Returns members in a sorted set within a range of scores in reverse order.",
        range::zrange,
    ),
    row(
        "zrangebylex",
        -4,
        Flags::READONLY,
        KeyPlaces::ONE,
        "2.8.9",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).",
        "Returns members in a sorted set within a lexicographical range.",
        range::zrange,
    ),
    row(
        "zrevrangebylex",
        -4,
        Flags::READONLY,
        KeyPlaces::ONE,
        "2.8.9",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).",
        "Returns members in a sorted set within a lexicographical range in reverse order.",
        range::zrange,
    ),
    row(
        "zrangestore",
        -5,
        GROW,
        KeyPlaces::TWO,
        "6.2.0",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements stored into the destination key.",
        "Stores a range of members from sorted set in a key.",
        range::zrangestore,
    ),
    row(
        "zrank",
        -3,
        READ_FAST,
        KeyPlaces::ONE,
        "2.0.0",
        "O(log(N))",
        "Returns the index of a member in a sorted set ordered by ascending scores.",
        |context, args| rank(context, args, false),
    ),
    row(
        "zrevrank",
        -3,
        READ_FAST,
        KeyPlaces::ONE,
        "2.0.0",
        "O(log(N))",
        "Returns the index of a member in a sorted set ordered by descending scores.",
        |context, args| rank(context, args, true),
    ),
    row(
        "zrem",
        -3,
        WRITE_FAST,
        KeyPlaces::ONE,
        "1.2.0",
        "O(M*log(N)) with N being the number of elements in the sorted set and M the number of elements to be removed.",
        "Removes one or more members from a sorted set. Deletes the sorted set if all members were removed.",
        remove::zrem,
    ),
    row(
        "zremrangebyrank",
        4,
        Flags::WRITE,
        KeyPlaces::ONE,
        "2.0.0",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation.",
        "Removes members in a sorted set within a range of indexes. Deletes the sorted set if all members were removed.",
        remove::by_rank,
    ),
    row(
        "zremrangebyscore",
        4,
        Flags::WRITE,
        KeyPlaces::ONE,
        "1.2.0",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation.",
        "Removes members in a sorted set within a range of scores. Deletes the sorted set if all members were removed.",
        remove::by_score,
    ),
    row(
        "zremrangebylex",
        4,
        Flags::WRITE,
        KeyPlaces::ONE,
        "2.8.9",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation.",
        "Removes members in a sorted set within a lexicographical range. Deletes the sorted set if all members were removed.",
        remove::by_lex,
    ),
    row(
        "zpopmin",
        -2,
        WRITE_FAST,
        KeyPlaces::ONE,
        "5.0.0",
        "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements popped.",
        "Returns the lowest-scoring members from a sorted set after removing them. Deletes the sorted set if the last member was popped.",
        |context, args| remove::pop(context, args, false),
    ),
    row(
        "zpopmax",
        -2,
        WRITE_FAST,
        KeyPlaces::ONE,
        "5.0.0",
        "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements popped.",
        "Returns the highest-scoring members from a sorted set after removing them. Deletes the sorted set if the last member was popped.",
        |context, args| remove::pop(context, args, true),
    ),
    row(
        "zmpop",
        -4,
        Flags::WRITE.and(Flags::MOVABLE_KEYS),
        COUNTED,
        "7.0.0",
        "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted set, and M being the number of elements popped.",
        "Returns the highest- or lowest-scoring members from one or more sorted sets after removing them. Deletes the sorted set if the last member was popped.",
        remove::zmpop,
    ),
    row(
        "zunion",
        -3,
        Flags::READONLY.and(Flags::MOVABLE_KEYS),
        COUNTED,
        "6.2.0",
        "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of elements in the resulting sorted set.",
        "Returns the union of multiple sorted sets.",
        combine::zunion,
    ),
    row(
        "zinter",
        -3,
        Flags::READONLY.and(Flags::MOVABLE_KEYS),
        COUNTED,
        "6.2.0",
        "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input sorted sets and M being the number of elements in the resulting sorted set.",
        "Returns the intersect of multiple sorted sets.",
        combine::zinter,
    ),
    row(
        "zdiff",
        -3,
        Flags::READONLY.and(Flags::MOVABLE_KEYS),
        COUNTED,
        "6.2.0",
        "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of the first set, and K is the size of the result set.",
        "Returns the difference between multiple sorted sets.",
        combine::zdiff,
    ),
    row(
        "zunionstore",
        -4,
        GROW.and(Flags::MOVABLE_KEYS),
        DESTINATION_AND_COUNTED,
        "2.0.0",
        "O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of elements in the resulting sorted set.",
        "Stores the union of multiple sorted sets in a key.",
        combine::zunionstore,
    ),
    row(
        "zinterstore",
        -4,
        GROW.and(Flags::MOVABLE_KEYS),
        DESTINATION_AND_COUNTED,
        "2.0.0",
        "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input sorted sets and M being the number of elements in the resulting sorted set.",
        "Stores the intersect of multiple sorted sets in a key.",
        combine::zinterstore,
    ),
    row(
        "zdiffstore",
        -4,
        GROW.and(Flags::MOVABLE_KEYS),
        DESTINATION_AND_COUNTED,
        "6.2.0",
        "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of the first set, and K is the size of the result set.",
        "Stores the difference of multiple sorted sets in a key.",
        combine::zdiffstore,
    ),
    row(
        "zintercard",
        -3,
        Flags::READONLY.and(Flags::MOVABLE_KEYS),
        COUNTED,
        "7.0.0",
        "O(N*K) worst case with N being the smallest input sorted set, K being the number of input sorted sets.",
        "Returns the number of members of the intersect of multiple sorted sets.",
        combine::zintercard,
    ),
    row(
        "zrandmember",
        -2,
        Flags::READONLY,
        KeyPlaces::ONE,
        "6.2.0",
        "O(N) where N is the number of members returned",
        "Returns one or more random members from a sorted set.",
        random::zrandmember,
    ),
    row(
        "zscan",
        -3,
        Flags::READONLY,
        KeyPlaces::ONE,
        "2.8.0",
        "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.",
        "Iterates over members and scores of a sorted set.",
        zscan,
    ),
];

fn zscore(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    match context.keys.sorted_set(args[1])?.and_then(|set| set.score(args[2])) {
        Some(score) => context.reply.double(score),
        None => context.reply.null(),
    }
    Ok(())
}

fn zmscore(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let set = context.keys.sorted_set(args[1])?;
    context.reply.array(args.len() - 2);
    for member in &args[2..] {
        match set.and_then(|set| set.score(member)) {
            Some(score) => context.reply.double(score),
            None => context.reply.null(),
        }
    }
    Ok(())
}

fn zcard(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let length = context.keys.sorted_set(args[1])?.map_or(0, SortedSet::len);
    context.reply.count(length);
    Ok(())
}

fn zcount(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let (min, max) = bounds::scores(args[2], args[3])?;
    let count = context.keys.sorted_set(args[1])?.map_or(0, |set| set.ranks_by_score(min, max).len());
    context.reply.count(count);
    Ok(())
}

fn zlexcount(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let between = bounds::members(args[2], args[3])?;
    let count = context.keys.sorted_set(args[1])?.map_or(0, |set| between.ranks(set).len());
    context.reply.count(count);
    Ok(())
}

fn rank(context: &mut Context<'_, '_>, args: &[&[u8]], from_behind: bool) -> Outcome {
    let name = if from_behind { "zrevrank" } else { "zrank" };
    if args.len() > 4 {
        return Err(format!("ERR wrong number of arguments for '{name}' command").into());
    }
    let with_score = args.len() == 4;
    if with_score && !is(args[3], "withscore") {
        return Err(SYNTAX.into());
    }
    let set = context.keys.sorted_set(args[1])?;
    let found = set.and_then(|set| Some((set.rank(args[2])?, set.score(args[2])?, set.len())));
    let Some((rank, score, length)) = found else {
        if with_score {
            context.reply.null_array();
        } else {
            context.reply.null();
        }
        return Ok(());
    };
    if with_score {
        context.reply.array(2);
    }
    context.reply.count(if from_behind { length - 1 - rank } else { rank });
    if with_score {
        context.reply.double(score);
    }
    Ok(())
}

/// What a scan visits unless COUNT says otherwise.
const SCAN_COUNT: usize = 10;

fn zscan(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let cursor = std::str::from_utf8(args[2]).ok().and_then(|text| text.parse::<u64>().ok());
    let cursor = cursor.ok_or("ERR invalid cursor")?;
    let Some(set) = context.keys.sorted_set(args[1])? else {
        context.reply.array(2);
        context.reply.bulk(b"0");
        context.reply.array(0);
        return Ok(());
    };
    let (mut count, mut pattern) = (SCAN_COUNT, None);
    let mut options = Options::new(args, 3);
    while options.left() > 0 {
        if options.accept("count") {
            count = usize::try_from(integer(options.value()?)?).unwrap_or(0);
            if count == 0 {
                return Err(SYNTAX.into());
            }
        } else if options.accept("match") {
            pattern = Some(options.value()?);
        } else {
            return Err(SYNTAX.into());
        }
    }
    let (mut found, mut pairs) = (crate::protocol::Reply::new(), 0);
    let mut text = NumberText::default();
    let next = set.scan(cursor, count, |member, score| {
        if pattern.is_none_or(|pattern| glob::matches(pattern, member)) {
            found.bulk(member);
            found.bulk(text.format(score).as_bytes());
            pairs += 1;
        }
    });
    context.reply.array(2);
    context.reply.bulk(next.to_string().as_bytes());
    context.reply.array(2 * pairs);
    context.reply.raw(found.bytes());
    Ok(())
}
