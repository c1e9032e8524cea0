//! Strings: GET and SET with all options, counters, ranges, several keys at once, LCS.

use crate::command::{Command, Flags, Handler, KeyPlaces};
use crate::commands::arguments::{Options, expiry, float, integer, is, parse_float, slice};
use crate::commands::{decimal, lcs};
use crate::context::Context;
use crate::failure::{Failure, NOT_FLOAT, NOT_INTEGER, Outcome, SYNTAX, TOO_LONG, WRONG_TYPE};
use crate::keys::Keys;
use crate::state::effect::STRING_BYTES_MAX;
use crate::state::{Effect, IntegerBuffer, Text, parse_integer};

const READ: Flags = Flags::READONLY.and(Flags::FAST);
const WRITE: Flags = Flags::WRITE.and(Flags::DENYOOM);
const FAST_WRITE: Flags = WRITE.and(Flags::FAST);

#[expect(clippy::too_many_arguments, reason = "a row has as many columns")]
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
        category: "string",
        since,
        complexity,
        summary,
        handler: Handler::Keys(handler),
    }
}

const PAIRS: KeyPlaces = KeyPlaces::Range { first: 1, last: -1, step: 2 };

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    row("get", 2, READ, KeyPlaces::ONE, "1.0.0", "O(1)", "Returns the string value of a key.", get),
    row(
        "set",
        -3,
        WRITE,
        KeyPlaces::ONE,
        "1.0.0",
        "O(1)",
        "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.",
        set,
    ),
    row(
        "setnx",
        3,
        FAST_WRITE,
        KeyPlaces::ONE,
        "1.0.0",
        "O(1)",
        "Sets the string value of a key only when the key doesn't exist.",
        setnx,
    ),
    row(
        "setex",
        4,
        WRITE,
        KeyPlaces::ONE,
        "2.0.0",
        "O(1)",
        "Sets the string value and expiration time of a key. Creates the key if it doesn't exist.",
        setex,
    ),
    row(
        "psetex",
        4,
        WRITE,
        KeyPlaces::ONE,
        "2.6.0",
        "O(1)",
        "Sets both string value and expiration time in milliseconds of a key. The key is created if it doesn't exist.",
        setex,
    ),
    row(
        "getset",
        3,
        FAST_WRITE,
        KeyPlaces::ONE,
        "1.0.0",
        "O(1)",
        "Returns the previous string value of a key after setting it to a new value.",
        getset,
    ),
    row(
        "getex",
        -2,
        Flags::WRITE.and(Flags::FAST),
        KeyPlaces::ONE,
        "6.2.0",
        "O(1)",
        "Returns the string value of a key after setting its expiration time.",
        getex,
    ),
    row(
        "getdel",
        2,
        Flags::WRITE.and(Flags::FAST),
        KeyPlaces::ONE,
        "6.2.0",
        "O(1)",
        "Returns the string value of a key after deleting the key.",
        getdel,
    ),
    row(
        "append",
        3,
        FAST_WRITE,
        KeyPlaces::ONE,
        "2.0.0",
        "O(1)",
        "Appends a string to the value of a key. Creates the key if it doesn't exist.",
        append,
    ),
    row("strlen", 2, READ, KeyPlaces::ONE, "2.2.0", "O(1)", "Returns the length of a string value.", strlen),
    row(
        "getrange",
        4,
        Flags::READONLY,
        KeyPlaces::ONE,
        "2.4.0",
        "O(N) where N is the length of the returned string.",
        "Returns a substring of the string stored at a key.",
        getrange,
    ),
    row(
        "substr",
        4,
        Flags::READONLY,
        KeyPlaces::ONE,
        "1.0.0",
        "O(N) where N is the length of the returned string.",
        "Returns a substring from a string value.",
        getrange,
    ),
    row(
        "setrange",
        4,
        WRITE,
        KeyPlaces::ONE,
        "2.2.0",
        "O(M) where M is the length of the value.",
        "Overwrites a part of a string value with another by an offset. Creates the key if it doesn't exist.",
        setrange,
    ),
    row(
        "incr",
        2,
        FAST_WRITE,
        KeyPlaces::ONE,
        "1.0.0",
        "O(1)",
        "Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.",
        |c, a| add(c, a[1], 1),
    ),
    row(
        "decr",
        2,
        FAST_WRITE,
        KeyPlaces::ONE,
        "1.0.0",
        "O(1)",
        "Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.",
        |c, a| add(c, a[1], -1),
    ),
    row(
        "incrby",
        3,
        FAST_WRITE,
        KeyPlaces::ONE,
        "1.0.0",
        "O(1)",
        "Increments the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
        incrby,
    ),
    row(
        "decrby",
        3,
        FAST_WRITE,
        KeyPlaces::ONE,
        "1.0.0",
        "O(1)",
        "Decrements a number from the integer value of a key. Uses 0 as initial value if the key doesn't exist.",
        decrby,
    ),
    row(
        "incrbyfloat",
        3,
        FAST_WRITE,
        KeyPlaces::ONE,
        "2.6.0",
        "O(1)",
        "Increments the floating point value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
        incrbyfloat,
    ),
    row(
        "mget",
        -2,
        READ,
        KeyPlaces::ALL,
        "1.0.0",
        "O(N) where N is the number of keys to retrieve.",
        "Atomically returns the string values of one or more keys.",
        mget,
    ),
    row(
        "mset",
        -3,
        WRITE,
        PAIRS,
        "1.0.1",
        "O(N) where N is the number of keys to set.",
        "Atomically creates or modifies the string values of one or more keys.",
        mset,
    ),
    row(
        "msetnx",
        -3,
        WRITE,
        PAIRS,
        "1.0.1",
        "O(N) where N is the number of keys to set.",
        "Atomically modifies the string values of one or more keys only when all keys don't exist.",
        msetnx,
    ),
    row(
        "lcs",
        -3,
        Flags::READONLY,
        KeyPlaces::TWO,
        "7.0.0",
        "O(N*M) where N and M are the lengths of s1 and s2, respectively",
        "Finds the longest common substring.",
        lcs::lcs,
    ),
];

/// Replies with a string.
fn reply_text(context: &mut Context<'_, '_>, key: &[u8]) -> Outcome {
    match context.keys.string(key)? {
        None => context.reply.null(),
        Some(Text::Integer(integer)) => context.reply.bulk_integer(integer),
        Some(Text::Bytes(bytes)) => context.reply.bulk(bytes),
    }
    Ok(())
}

fn get(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    reply_text(context, args[1])
}

/// The condition of SET.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition<'a> {
    Always,
    IfAbsent,
    IfPresent,
    /// There is a string, and it is this one.
    IfEqual(&'a [u8]),
    /// There is none, or it is another one.
    IfDifferent(&'a [u8]),
}

impl Condition<'_> {
    /// Fails where strings are to be compared and the key has another type.
    fn holds(self, keys: &mut Keys<'_>, key: &[u8]) -> Result<bool, Failure> {
        Ok(match self {
            Self::Always => true,
            Self::IfAbsent => keys.peek(key).is_none(),
            Self::IfPresent => keys.peek(key).is_some(),
            Self::IfEqual(wanted) => keys.string(key)?.is_some_and(|text| is_text(text, wanted)),
            Self::IfDifferent(unwanted) => !keys.string(key)?.is_some_and(|text| is_text(text, unwanted)),
        })
    }
}

fn is_text(text: Text<'_>, bytes: &[u8]) -> bool {
    text.normal() == Text::Bytes(bytes).normal()
}

/// What SET's options ask for.
struct SetOptions<'a> {
    condition: Condition<'a>,
    get: bool,
    keep_deadline: bool,
    deadline: Option<u64>,
}

fn set_options<'a>(args: &'a [&'a [u8]], now: u64) -> Result<SetOptions<'a>, Failure> {
    let mut asked =
        SetOptions { condition: Condition::Always, get: false, keep_deadline: false, deadline: None };
    let mut options = Options::new(args, 3);
    while options.left() > 0 {
        let fresh = asked.deadline.is_none() && !asked.keep_deadline;
        let free = asked.condition == Condition::Always;
        if (free || asked.condition == Condition::IfAbsent) && options.accept("nx") {
            asked.condition = Condition::IfAbsent;
        } else if (free || asked.condition == Condition::IfPresent) && options.accept("xx") {
            asked.condition = Condition::IfPresent;
        } else if free && options.accept("ifeq") {
            asked.condition = Condition::IfEqual(options.value()?);
        } else if free && options.accept("ifne") {
            asked.condition = Condition::IfDifferent(options.value()?);
        } else if options.accept("get") {
            asked.get = true;
        } else if fresh && options.accept("keepttl") {
            asked.keep_deadline = true;
        } else if fresh && let Some((unit, absolute)) = take_unit(&mut options) {
            asked.deadline = Some(expiry("set", options.value()?, unit, absolute, now)?);
        } else {
            return Err(SYNTAX.into());
        }
    }
    Ok(asked)
}

/// Takes EX, PX, EXAT or PXAT: milliseconds in the unit, and whether the time is absolute.
fn take_unit(options: &mut Options<'_>) -> Option<(i64, bool)> {
    let units = [("ex", 1_000, false), ("px", 1, false), ("exat", 1_000, true), ("pxat", 1, true)];
    units.into_iter().find(|(word, ..)| options.accept(word)).map(|(_, unit, absolute)| (unit, absolute))
}

fn set(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let (key, value) = (args[1], args[2]);
    if args.len() == 3 {
        context.keys.apply(&Effect::SetString { key, value, deadline: None })?;
        context.reply.ok();
        return Ok(());
    }
    let asked = set_options(args, context.keys.now)?;
    if asked.get {
        reply_text(context, key)?;
    }
    if !asked.condition.holds(context.keys, key)? {
        if !asked.get {
            context.reply.null();
        }
        return Ok(());
    }
    let kept = context.keys.peek(key).and_then(|entry| entry.deadline());
    let deadline = if asked.keep_deadline { kept } else { asked.deadline };
    context.keys.apply(&Effect::SetString { key, value, deadline })?;
    if !asked.get {
        context.reply.ok();
    }
    Ok(())
}

fn setnx(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let absent = !context.keys.exists(args[1]);
    if absent {
        context.keys.apply(&Effect::SetString { key: args[1], value: args[2], deadline: None })?;
    }
    context.reply.integer(i64::from(absent));
    Ok(())
}

fn setex(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let (name, unit) = if is(args[0], "setex") { ("setex", 1_000) } else { ("psetex", 1) };
    let deadline = Some(expiry(name, args[2], unit, false, context.keys.now)?);
    context.keys.apply(&Effect::SetString { key: args[1], value: args[3], deadline })?;
    context.reply.ok();
    Ok(())
}

fn getset(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    reply_text(context, args[1])?;
    context.keys.apply(&Effect::SetString { key: args[1], value: args[2], deadline: None })?;
    Ok(())
}

fn getex(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let key = args[1];
    let mut options = Options::new(args, 2);
    let change = if options.left() == 0 {
        None
    } else if options.accept("persist") {
        Some(None)
    } else {
        let (unit, absolute) = take_unit(&mut options).ok_or(Failure::from(SYNTAX))?;
        Some(Some(expiry("getex", options.value()?, unit, absolute, context.keys.now)?))
    };
    if options.left() > 0 {
        return Err(SYNTAX.into());
    }
    reply_text(context, key)?;
    let Some(entry) = context.keys.peek(key) else { return Ok(()) };
    let had = entry.deadline();
    match change {
        Some(deadline) if deadline != had => {
            context.keys.apply(&Effect::SetDeadline { key, deadline })?;
            Ok(())
        }
        _ => Ok(()),
    }
}

fn getdel(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    reply_text(context, args[1])?;
    if context.keys.exists(args[1]) {
        context.keys.apply(&Effect::Delete { key: args[1] })?;
    }
    Ok(())
}

/// The length of a string as bytes.
fn text_len(text: Option<Text<'_>>) -> usize {
    match text {
        None => 0,
        Some(Text::Bytes(bytes)) => bytes.len(),
        Some(Text::Integer(integer)) => IntegerBuffer::new().format(integer).len(),
    }
}

fn append(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let (key, value) = (args[1], args[2]);
    let length = text_len(context.keys.string(key)?) + value.len();
    if length > STRING_BYTES_MAX {
        return Err(TOO_LONG.into());
    }
    context.keys.apply(&Effect::Append { key, value })?;
    context.reply.count(length);
    Ok(())
}

fn strlen(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let length = text_len(context.keys.string(args[1])?);
    context.reply.count(length);
    Ok(())
}

fn getrange(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let (start, stop) = (integer(args[2])?, integer(args[3])?);
    let mut buffer = IntegerBuffer::new();
    let text = context.keys.string(args[1])?;
    let bytes = text.map_or(&[][..], |text| text.bytes(&mut buffer));
    let (from, to) = if start < 0 && stop < 0 && start > stop {
        (0, 0)
    } else {
        slice(start, stop.max(-(bytes.len() as i64)), bytes.len())
    };
    context.reply.bulk(&bytes[from..to]);
    Ok(())
}

fn setrange(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let (key, value) = (args[1], args[3]);
    let offset = integer(args[2])?;
    if offset < 0 {
        return Err("ERR offset is out of range".into());
    }
    let length = text_len(context.keys.string(key)?);
    if value.is_empty() {
        context.reply.count(length);
        return Ok(());
    }
    let end = (offset as u64).saturating_add(value.len() as u64);
    if end > STRING_BYTES_MAX as u64 {
        return Err(TOO_LONG.into());
    }
    context.keys.apply(&Effect::SetRange { key, offset: offset as u64, value })?;
    context.reply.count(length.max(end as usize));
    Ok(())
}

fn incrby(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let by = integer(args[2])?;
    add(context, args[1], by)
}

fn decrby(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let by = integer(args[2])?.checked_neg().ok_or(Failure::from("ERR decrement would overflow"))?;
    add(context, args[1], by)
}

fn add(context: &mut Context<'_, '_>, key: &[u8], by: i64) -> Outcome {
    let (value, deadline) = match context.keys.get(key) {
        None => (0, None),
        Some(entry) => {
            let value = match entry.text().ok_or(Failure::from(WRONG_TYPE))? {
                Text::Integer(integer) => integer,
                Text::Bytes(bytes) => parse_integer(bytes).ok_or(Failure::from(NOT_INTEGER))?,
            };
            (value, entry.deadline())
        }
    };
    let sum = value.checked_add(by).ok_or(Failure::from("ERR increment or decrement would overflow"))?;
    let mut digits = IntegerBuffer::new();
    let value = digits.format(sum).as_bytes();
    context.keys.apply(&Effect::SetString { key, value, deadline })?;
    context.reply.integer(sum);
    Ok(())
}

fn incrbyfloat(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let key = args[1];
    float(args[2])?;
    let mut buffer = IntegerBuffer::new();
    let value = context.keys.string(key)?.map_or(&b"0"[..], |text| text.bytes(&mut buffer));
    parse_float(value).ok_or(Failure::from(NOT_FLOAT))?;
    let sum = decimal::sum(value, args[2]).ok_or("ERR increment would produce NaN or Infinity")?;
    let value = sum.as_bytes();
    let deadline = context.keys.peek(key).and_then(|entry| entry.deadline());
    // The digits of a large number need not be bounded by those of the arguments.
    context.keys.reserve(key.len() + value.len())?;
    context.keys.apply(&Effect::SetString { key, value, deadline })?;
    context.reply.bulk(value);
    Ok(())
}

fn mget(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    context.reply.array(args.len() - 1);
    for key in &args[1..] {
        match context.keys.get(key).and_then(|entry| entry.text()) {
            None => context.reply.null(),
            Some(Text::Integer(integer)) => context.reply.bulk_integer(integer),
            Some(Text::Bytes(bytes)) => context.reply.bulk(bytes),
        }
    }
    Ok(())
}

fn set_pairs(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    for pair in args[1..].chunks_exact(2) {
        context.keys.apply(&Effect::SetString { key: pair[0], value: pair[1], deadline: None })?;
    }
    Ok(())
}

fn mset(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    if args.len().is_multiple_of(2) {
        return Err("ERR wrong number of arguments for 'mset' command".into());
    }
    set_pairs(context, args)?;
    context.reply.ok();
    Ok(())
}

fn msetnx(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    if args.len().is_multiple_of(2) {
        return Err("ERR wrong number of arguments for 'msetnx' command".into());
    }
    let absent = args[1..].iter().step_by(2).all(|key| !context.keys.exists(key));
    if absent {
        set_pairs(context, args)?;
    }
    context.reply.integer(i64::from(absent));
    Ok(())
}
