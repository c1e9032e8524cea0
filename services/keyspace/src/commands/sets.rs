//! Sets: members, one set at a time or two. What combines several sets is in [`algebra`].

pub mod algebra;

use crate::command::{Command, Flags, Handler, KeyPlaces};
use crate::commands::arguments::natural;
use crate::commands::gathered::Gathered;
use crate::commands::sampling::{self, Amount, amount};
use crate::commands::scan::{self, Scan};
use crate::context::Context;
use crate::failure::{Failure, Outcome, SYNTAX};
use crate::protocol::Reply;
use crate::state::value::{Random, Set};
use crate::state::{Effect, IntegerBuffer, Items, Text};

const READ: Flags = Flags::READONLY;
const FAST_READ: Flags = READ.and(Flags::FAST);
const FAST_WRITE: Flags = Flags::WRITE.and(Flags::FAST);

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
        category: "set",
        since,
        complexity,
        summary,
        handler: Handler::Keys(handler),
    }
}

const O1: &str = "O(1)";

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    row(
        "sadd",
        -3,
        FAST_WRITE.and(Flags::DENYOOM),
        KeyPlaces::ONE,
        "1.0.0",
        "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.",
        "Adds one or more members to a set. Creates the key if it doesn't exist.",
        sadd,
    ),
    row(
        "srem",
        -3,
        FAST_WRITE,
        KeyPlaces::ONE,
        "1.0.0",
        "O(N) where N is the number of members to be removed.",
        "Removes one or more members from a set. Deletes the set if the last member was removed.",
        srem,
    ),
    row(
        "smembers",
        2,
        READ,
        KeyPlaces::ONE,
        "1.0.0",
        "O(N) where N is the set cardinality.",
        "Returns all members of a set.",
        smembers,
    ),
    row("scard", 2, FAST_READ, KeyPlaces::ONE, "1.0.0", O1, "Returns the number of members in a set.", scard),
    row(
        "sismember",
        3,
        FAST_READ,
        KeyPlaces::ONE,
        "1.0.0",
        O1,
        "Determines whether a member belongs to a set.",
        sismember,
    ),
    row(
        "smismember",
        -3,
        FAST_READ,
        KeyPlaces::ONE,
        "6.2.0",
        "O(N) where N is the number of elements being checked for membership",
        "Determines whether multiple members belong to a set.",
        smismember,
    ),
    row(
        "spop",
        -2,
        FAST_WRITE,
        KeyPlaces::ONE,
        "1.0.0",
        "Without the count argument O(1), otherwise O(N) where N is the value of the passed count.",
        "Returns one or more random members from a set after removing them. Deletes the set if the last member was popped.",
        spop,
    ),
    row(
        "srandmember",
        -2,
        READ,
        KeyPlaces::ONE,
        "1.0.0",
        "Without the count argument O(1), otherwise O(N) where N is the absolute value of the passed count.",
        "Get one or multiple random members from a set",
        srandmember,
    ),
    row(
        "smove",
        4,
        FAST_WRITE,
        KeyPlaces::TWO,
        "1.0.0",
        O1,
        "Moves a member from one set to another.",
        smove,
    ),
    row(
        "sscan",
        -3,
        READ,
        KeyPlaces::ONE,
        "2.8.0",
        "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.",
        "Iterates over members of a set.",
        sscan,
    ),
];

/// The number of members.
fn length(context: &mut Context<'_, '_>, key: &[u8]) -> Result<usize, Failure> {
    Ok(context.keys.set(key)?.map_or(0, Set::len))
}

fn sadd(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let (key, members) = (args[1], &args[2..]);
    let set = context.keys.set(key)?;
    let before = set.map_or(0, Set::len);
    if set.is_some_and(|set| members.iter().all(|member| set.contains(member))) {
        context.reply.count(0);
        return Ok(());
    }
    context.keys.apply(&Effect::SetAdd { key, members: Items::Args(members) })?;
    let after = length(context, key)?;
    context.reply.count(after - before);
    Ok(())
}

fn srem(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let (key, members) = (args[1], &args[2..]);
    let set = context.keys.set(key)?;
    let before = set.map_or(0, Set::len);
    if !set.is_some_and(|set| members.iter().any(|member| set.contains(member))) {
        context.reply.count(0);
        return Ok(());
    }
    context.keys.apply(&Effect::SetRemove { key, members: Items::Args(members) })?;
    let after = length(context, key)?;
    context.reply.count(before - after);
    Ok(())
}

/// Replies with all members.
fn reply_set(reply: &mut Reply, set: Option<&Set>) {
    reply.set(set.map_or(0, Set::len));
    set.into_iter().flat_map(Set::iter).for_each(|member| reply.bulk_text(member));
}

fn smembers(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let set = context.keys.set(args[1])?;
    reply_set(context.reply, set);
    Ok(())
}

fn scard(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let length = length(context, args[1])?;
    context.reply.count(length);
    Ok(())
}

fn sismember(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let set = context.keys.set(args[1])?;
    context.reply.integer(i64::from(set.is_some_and(|set| set.contains(args[2]))));
    Ok(())
}

fn smismember(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let set = context.keys.set(args[1])?;
    context.reply.array(args.len() - 2);
    for member in &args[2..] {
        context.reply.integer(i64::from(set.is_some_and(|set| set.contains(member))));
    }
    Ok(())
}

fn spop(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let key = args[1];
    let count = match args {
        [_, _] => None,
        [_, _, count] => Some(natural(count, "ERR value is out of range, must be positive")?),
        _ => return Err(SYNTAX.into()),
    };
    let mut random = context.keys.random_source();
    let Some(set) = context.keys.set(key)? else {
        match count {
            None => context.reply.null(),
            Some(_) => context.reply.set(0),
        }
        return Ok(());
    };
    if let Some(count) = count {
        if count == 0 {
            context.reply.set(0);
            return Ok(());
        }
        if count >= set.len() {
            reply_set(context.reply, Some(set));
            context.keys.apply(&Effect::Delete { key })?;
            return Ok(());
        }
    }
    let popped = gather(choose(set, count.unwrap_or(1), &mut random));
    let members: Vec<&[u8]> = popped.iter().collect();
    context.keys.reserve(key.len() + popped.bytes() + 10 * popped.len())?;
    context.keys.apply(&Effect::SetRemove { key, members: Items::Args(&members) })?;
    if count.is_some() {
        context.reply.set(members.len());
    }
    members.iter().for_each(|member| context.reply.bulk(member));
    Ok(())
}

/// Different members at random.
fn choose<'s>(set: &'s Set, count: usize, random: Random<'_>) -> Vec<Text<'s>> {
    let draw = |random: Random<'_>| set.random(random);
    sampling::distinct((set.len(), count), set.iter(), draw, |member| *member, random)
}

/// Copies of members, which outlive the set.
fn gather(members: Vec<Text<'_>>) -> Gathered {
    let mut digits = IntegerBuffer::new();
    let mut gathered = Gathered::default();
    members.into_iter().for_each(|member| gathered.push(member.bytes(&mut digits)));
    gathered
}

fn srandmember(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let mut random = context.keys.random_source();
    let count = match args {
        [_, _] => {
            let found = context.keys.set(args[1])?.and_then(|set| set.random(&mut random));
            match found {
                None => context.reply.null(),
                Some(member) => context.reply.bulk_text(member),
            }
            return Ok(());
        }
        [_, _, count] => amount(count)?,
        _ => return Err(SYNTAX.into()),
    };
    let Some(set) = context.keys.set(args[1])? else {
        context.reply.array(0);
        return Ok(());
    };
    match count {
        Amount::Repeated(count) => sampling::repeat(context.reply, count, 1, |reply| {
            set.random(&mut random).into_iter().for_each(|member| reply.bulk_text(member));
        }),
        Amount::Distinct(count) => {
            let chosen = choose(set, count, &mut random);
            context.reply.array(chosen.len());
            chosen.into_iter().for_each(|member| context.reply.bulk_text(member));
            Ok(())
        }
    }
}

fn smove(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let (source, destination, member) = (args[1], args[2], args[3]);
    let keys = [source, destination];
    // Another type at the destination does not matter if there is no source.
    if !context.keys.exists(source) {
        context.reply.integer(0);
        return Ok(());
    }
    let sets = context.keys.sets(&keys)?;
    let [from, to] = [0, 1].map(|at| sets[at].is_some_and(|set| set.contains(member)));
    if from && source != destination {
        let members = [member];
        let members = Items::Args(&members);
        // The member is logged twice.
        context.keys.reserve(source.len() + destination.len() + 2 * member.len())?;
        context.keys.apply(&Effect::SetRemove { key: source, members })?;
        if !to {
            context.keys.apply(&Effect::SetAdd { key: destination, members })?;
        }
    }
    context.reply.integer(i64::from(from));
    Ok(())
}

fn sscan(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let cursor = scan::cursor(args[2])?;
    let mut elements = Reply::in_version(context.reply.resp3);
    let Some(set) = context.keys.set(args[1])? else {
        scan::reply(context.reply, 0, 0, &elements);
        return Ok(());
    };
    let options = Scan::options(args, 3, false)?;
    let mut digits = IntegerBuffer::new();
    let mut count = 0;
    let next = set.scan(cursor, options.count, |member| {
        let member = member.bytes(&mut digits);
        if options.admits(member) {
            elements.bulk(member);
            count += 1;
        }
    });
    scan::reply(context.reply, next, count, &elements);
    Ok(())
}
