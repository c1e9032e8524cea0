//! Hashes: fields and their values.

use crate::command::{Command, Flags, Handler, KeyPlaces};
use crate::commands::arguments::{float, integer, is, parse_float};
use crate::commands::decimal;
use crate::commands::sampling::{self, Amount, amount};
use crate::commands::scan::{self, Scan};
use crate::context::Context;
use crate::failure::{Failure, Outcome, SYNTAX};
use crate::protocol::Reply;
use crate::state::value::Hash;
use crate::state::{Effect, IntegerBuffer, Items, parse_integer};

const READ: Flags = Flags::READONLY;
const FAST_READ: Flags = READ.and(Flags::FAST);
const FAST_WRITE: Flags = Flags::WRITE.and(Flags::FAST);
const GROW: Flags = FAST_WRITE.and(Flags::DENYOOM);

const fn row(
    name: &'static str,
    arity: i16,
    flags: Flags,
    since: &'static str,
    complexity: &'static str,
    summary: &'static str,
    handler: fn(&mut Context<'_, '_>, &[&[u8]]) -> Outcome,
) -> Command {
    Command {
        name,
        arity,
        flags,
        keys: KeyPlaces::ONE,
        category: "hash",
        since,
        complexity,
        summary,
        handler: Handler::Keys(handler),
    }
}

const O1: &str = "O(1)";
const OF_SIZE: &str = "O(N) where N is the size of the hash.";

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    row(
        "hset",
        -4,
        GROW,
        "2.0.0",
        "O(1) for each field/value pair added, so O(N) to add N field/value pairs when the command is called with multiple field/value pairs.",
        "Creates or modifies the value of a field in a hash.",
        hset,
    ),
    row(
        "hmset",
        -4,
        GROW,
        "2.0.0",
        "O(N) where N is the number of fields being set.",
        "Sets the values of multiple fields.",
        hmset,
    ),
    row(
        "hsetnx",
        4,
        GROW,
        "2.0.0",
        O1,
        "Sets the value of a field in a hash only when the field doesn't exist.",
        hsetnx,
    ),
    row("hget", 3, FAST_READ, "2.0.0", O1, "Returns the value of a field in a hash.", hget),
    row(
        "hmget",
        -3,
        FAST_READ,
        "2.0.0",
        "O(N) where N is the number of fields being requested.",
        "Returns the values of all fields in a hash.",
        hmget,
    ),
    row("hgetall", 2, READ, "2.0.0", OF_SIZE, "Returns all fields and values in a hash.", hgetall),
    row("hkeys", 2, READ, "2.0.0", OF_SIZE, "Returns all fields in a hash.", hkeys),
    row("hvals", 2, READ, "2.0.0", OF_SIZE, "Returns all values in a hash.", hvals),
    row("hlen", 2, FAST_READ, "2.0.0", O1, "Returns the number of fields in a hash.", hlen),
    row("hstrlen", 3, FAST_READ, "3.2.0", O1, "Returns the length of the value of a field.", hstrlen),
    row("hexists", 3, FAST_READ, "2.0.0", O1, "Determines whether a field exists in a hash.", hexists),
    row(
        "hdel",
        -3,
        FAST_WRITE,
        "2.0.0",
        "O(N) where N is the number of fields to be removed.",
        "Deletes one or more fields and their values from a hash. Deletes the hash if no fields remain.",
        hdel,
    ),
    row(
        "hincrby",
        4,
        GROW,
        "2.0.0",
        O1,
        "Increments the integer value of a field in a hash by a number. Uses 0 as initial value if the field doesn't exist.",
        hincrby,
    ),
    row(
        "hincrbyfloat",
        4,
        GROW,
        "2.6.0",
        O1,
        "Increments the floating point value of a field by a number. Uses 0 as initial value if the field doesn't exist.",
        hincrbyfloat,
    ),
    row(
        "hrandfield",
        -2,
        READ,
        "6.2.0",
        "O(N) where N is the number of fields returned",
        "Returns one or more random fields from a hash.",
        hrandfield,
    ),
    row(
        "hscan",
        -3,
        READ,
        "2.8.0",
        "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.",
        "Iterates over fields and values of a hash.",
        hscan,
    ),
];

/// The number of fields.
fn length(context: &mut Context<'_, '_>, key: &[u8]) -> Result<usize, Failure> {
    Ok(context.keys.hash(key)?.map_or(0, Hash::len))
}

/// Sets fields and values in turn; how many fields are new.
fn set_pairs(context: &mut Context<'_, '_>, args: &[&[u8]], name: &str) -> Result<usize, Failure> {
    if !args.len().is_multiple_of(2) {
        return Err(format!("ERR wrong number of arguments for '{name}' command").into());
    }
    let key = args[1];
    let before = length(context, key)?;
    context.keys.apply(&Effect::HashSet { key, pairs: Items::Args(&args[2..]) })?;
    Ok(length(context, key)? - before)
}

fn hset(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let created = set_pairs(context, args, "hset")?;
    context.reply.count(created);
    Ok(())
}

fn hmset(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    set_pairs(context, args, "hmset")?;
    context.reply.ok();
    Ok(())
}

fn hsetnx(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let absent = field(context, args)?.is_none();
    if absent {
        context.keys.apply(&Effect::HashSet { key: args[1], pairs: Items::Args(&args[2..]) })?;
    }
    context.reply.integer(i64::from(absent));
    Ok(())
}

/// The value of the field that argument 2 names.
fn field<'c>(context: &'c mut Context<'_, '_>, args: &[&[u8]]) -> Result<Option<&'c [u8]>, Failure> {
    Ok(context.keys.hash(args[1])?.and_then(|hash| hash.get(args[2])))
}

fn hget(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let hash = context.keys.hash(args[1])?;
    context.reply.bulk_or_null(hash.and_then(|hash| hash.get(args[2])));
    Ok(())
}

fn hmget(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let hash = context.keys.hash(args[1])?;
    context.reply.array(args.len() - 2);
    for field in &args[2..] {
        context.reply.bulk_or_null(hash.and_then(|hash| hash.get(field)));
    }
    Ok(())
}

fn hgetall(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let hash = context.keys.hash(args[1])?;
    context.reply.map(hash.map_or(0, Hash::len));
    for (field, value) in hash.into_iter().flat_map(Hash::iter) {
        context.reply.bulk(field);
        context.reply.bulk(value);
    }
    Ok(())
}

fn hkeys(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let hash = context.keys.hash(args[1])?;
    context.reply.array(hash.map_or(0, Hash::len));
    hash.into_iter().flat_map(Hash::iter).for_each(|(field, _)| context.reply.bulk(field));
    Ok(())
}

fn hvals(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let hash = context.keys.hash(args[1])?;
    context.reply.array(hash.map_or(0, Hash::len));
    hash.into_iter().flat_map(Hash::iter).for_each(|(_, value)| context.reply.bulk(value));
    Ok(())
}

fn hlen(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let length = length(context, args[1])?;
    context.reply.count(length);
    Ok(())
}

fn hstrlen(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let length = field(context, args)?.map_or(0, <[u8]>::len);
    context.reply.count(length);
    Ok(())
}

fn hexists(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let exists = field(context, args)?.is_some();
    context.reply.integer(i64::from(exists));
    Ok(())
}

fn hdel(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let (key, fields) = (args[1], &args[2..]);
    let hash = context.keys.hash(key)?;
    let before = hash.map_or(0, Hash::len);
    if !hash.is_some_and(|hash| fields.iter().any(|field| hash.get(field).is_some())) {
        context.reply.count(0);
        return Ok(());
    }
    context.keys.apply(&Effect::HashDelete { key, fields: Items::Args(fields) })?;
    let after = length(context, key)?;
    context.reply.count(before - after);
    Ok(())
}

fn hincrby(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let by = integer(args[3])?;
    let value = match field(context, args)? {
        None => 0,
        Some(bytes) => parse_integer(bytes).ok_or(Failure::from("ERR hash value is not an integer"))?,
    };
    let sum = value.checked_add(by).ok_or(Failure::from("ERR increment or decrement would overflow"))?;
    let mut digits = IntegerBuffer::new();
    let pair = [args[2], digits.format(sum).as_bytes()];
    context.keys.apply(&Effect::HashSet { key: args[1], pairs: Items::Args(&pair) })?;
    context.reply.integer(sum);
    Ok(())
}

fn hincrbyfloat(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let by = float(args[3])?;
    if by.is_infinite() {
        return Err("ERR value is NaN or Infinity".into());
    }
    let value = field(context, args)?.unwrap_or(b"0");
    parse_float(value).ok_or(Failure::from("ERR hash value is not a float"))?;
    let sum = decimal::sum(value, args[3]).ok_or("ERR increment would produce NaN or Infinity")?;
    let pair = [args[2], sum.as_bytes()];
    // The digits of a large number need not be bounded by those of the arguments.
    context.keys.reserve(args[1].len() + pair[0].len() + pair[1].len())?;
    context.keys.apply(&Effect::HashSet { key: args[1], pairs: Items::Args(&pair) })?;
    context.reply.bulk(pair[1]);
    Ok(())
}

fn hrandfield(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let mut random = context.keys.random_source();
    let Some(count) = args.get(2) else {
        let found = context.keys.hash(args[1])?.and_then(|hash| hash.random(&mut random));
        context.reply.bulk_or_null(found.map(|(field, _)| field));
        return Ok(());
    };
    let count = amount(count)?;
    let with_values = match args.get(3) {
        None => false,
        Some(word) if args.len() == 4 && is(word, "withvalues") => true,
        Some(_) => return Err(SYNTAX.into()),
    };
    if with_values && count.number() > i64::MAX as u64 / 2 {
        return Err("ERR value is out of range".into());
    }
    let Some(hash) = context.keys.hash(args[1])? else {
        context.reply.array(0);
        return Ok(());
    };
    random_fields(context.reply, hash, count, with_values, &mut random)
}

/// Replies with random fields. Values follow their fields, in RESP3 as pairs.
fn random_fields(
    reply: &mut Reply,
    hash: &Hash,
    count: Amount,
    with_values: bool,
    random: &mut dyn FnMut() -> u64,
) -> Outcome {
    let nested = with_values && reply.resp3;
    let write = |reply: &mut Reply, (field, value): (&[u8], &[u8])| {
        if nested {
            reply.array(2);
        }
        reply.bulk(field);
        if with_values {
            reply.bulk(value);
        }
    };
    let items_each = if with_values && !nested { 2 } else { 1 };
    match count {
        Amount::Repeated(count) => sampling::repeat(reply, count, items_each, |reply| {
            hash.random(random).into_iter().for_each(|pair| write(reply, pair));
        }),
        Amount::Distinct(count) => {
            let amounts = (hash.len(), count);
            let draw = |random: &mut dyn FnMut() -> u64| hash.random(random);
            let chosen = sampling::distinct(amounts, hash.iter(), draw, |(field, _)| *field, random);
            reply.array(chosen.len() * items_each);
            for pair in chosen {
                write(reply, pair);
            }
            Ok(())
        }
    }
}

fn hscan(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let cursor = scan::cursor(args[2])?;
    let mut elements = Reply::in_version(context.reply.resp3);
    let Some(hash) = context.keys.hash(args[1])? else {
        scan::reply(context.reply, 0, 0, &elements);
        return Ok(());
    };
    let options = Scan::options(args, 3, true)?;
    let mut count = 0;
    let next = hash.scan(cursor, options.count, |field, value| {
        if !options.admits(field) {
            return;
        }
        elements.bulk(field);
        count += 1;
        if !options.no_values {
            elements.bulk(value);
            count += 1;
        }
    });
    scan::reply(context.reply, next, count, &elements);
    Ok(())
}
