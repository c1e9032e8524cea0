//! Lists: pushing, popping, reading, changing and moving elements. Commands that wait for elements are in `blocked`.

pub mod search;
pub mod take;

use crate::command::{Command, Flags, Handler, KeyPlaces};
use crate::commands::arguments::{Options, choice, count, counted_keys, integer, positive, slice};
use crate::context::Context;
use crate::failure::{Failure, NO_SUCH_KEY, OUT_OF_RANGE, Outcome, SYNTAX};
use crate::state::value::List;
use crate::state::{Effect, Indices, Items};

const READ_FAST: Flags = Flags::READONLY.and(Flags::FAST);
const WRITE_FAST: Flags = Flags::WRITE.and(Flags::FAST);
const GROW: Flags = Flags::WRITE.and(Flags::DENYOOM);
const GROW_FAST: Flags = GROW.and(Flags::FAST);
const COUNTED: KeyPlaces = KeyPlaces::Find(|args| counted_keys(args, 1));

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
        category: "list",
        since,
        complexity,
        summary,
        handler: Handler::Keys(handler),
    }
}

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    row(
        "lpush",
        -3,
        GROW_FAST,
        KeyPlaces::ONE,
        "1.0.0",
        "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.",
        "Prepends one or more elements to a list. Creates the key if it doesn't exist.",
        |context, args| push(context, args, true, false),
    ),
    row(
        "rpush",
        -3,
        GROW_FAST,
        KeyPlaces::ONE,
        "1.0.0",
        "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.",
        "Appends one or more elements to a list. Creates the key if it doesn't exist.",
        |context, args| push(context, args, false, false),
    ),
    row(
        "lpushx",
        -3,
        GROW_FAST,
        KeyPlaces::ONE,
        "2.2.0",
        "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.",
        "Prepends one or more elements to a list only when the list exists.",
        |context, args| push(context, args, true, true),
    ),
    row(
        "rpushx",
        -3,
        GROW_FAST,
        KeyPlaces::ONE,
        "2.2.0",
        "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.",
        "Appends an element to a list only when the list exists.",
        |context, args| push(context, args, false, true),
    ),
    row(
        "lpop",
        -2,
        WRITE_FAST,
        KeyPlaces::ONE,
        "1.0.0",
        "O(N) where N is the number of elements returned",
        "Returns the first elements in a list after removing it. Deletes the list if the last element was popped.",
        |context, args| pop(context, args, "lpop"),
    ),
    row(
        "rpop",
        -2,
        WRITE_FAST,
        KeyPlaces::ONE,
        "1.0.0",
        "O(N) where N is the number of elements returned",
        "Returns and removes the last elements of a list. Deletes the list if the last element was popped.",
        |context, args| pop(context, args, "rpop"),
    ),
    row("llen", 2, READ_FAST, KeyPlaces::ONE, "1.0.0", "O(1)", "Returns the length of a list.", llen),
    row(
        "lindex",
        3,
        Flags::READONLY,
        KeyPlaces::ONE,
        "1.0.0",
        "O(N) where N is the number of elements to traverse to get to the element at index. This makes asking for the first or the last element of the list O(1).",
        "Returns an element from a list by its index.",
        lindex,
    ),
    row(
        "lset",
        4,
        GROW,
        KeyPlaces::ONE,
        "1.0.0",
        "O(N) where N is the length of the list. Setting either the first or the last element of the list is O(1).",
        "Sets the value of an element in a list by its index.",
        lset,
    ),
    row(
        "linsert",
        5,
        GROW,
        KeyPlaces::ONE,
        "2.2.0",
        "O(N) where N is the number of elements to traverse before seeing the value pivot. This means that inserting somewhere on the left end on the list (head) can be considered O(1) and inserting somewhere on the right end (tail) is O(N).",
        "Inserts an element before or after another element in a list.",
        linsert,
    ),
    row(
        "lrem",
        4,
        Flags::WRITE,
        KeyPlaces::ONE,
        "1.0.0",
        "O(N+M) where N is the length of the list and M is the number of elements removed.",
        "Removes elements from a list. Deletes the list if the last element was removed.",
        lrem,
    ),
    row(
        "lrange",
        4,
        Flags::READONLY,
        KeyPlaces::ONE,
        "1.0.0",
        "O(S+N) where S is the distance of start offset from HEAD for small lists, from nearest end (HEAD or TAIL) for large lists; and N is the number of elements in the specified range.",
        "Returns a range of elements from a list.",
        lrange,
    ),
    row(
        "ltrim",
        4,
        Flags::WRITE,
        KeyPlaces::ONE,
        "1.0.0",
        "O(N) where N is the number of elements to be removed by the operation.",
        "Removes elements from both ends a list. Deletes the list if all elements were trimmed.",
        ltrim,
    ),
    row(
        "lpos",
        -3,
        Flags::READONLY,
        KeyPlaces::ONE,
        "6.0.6",
        "O(N) where N is the number of elements in the list, for the average case. When searching for elements near the head or the tail of the list, or when the MAXLEN option is provided, the command may run in constant time.",
        "Returns the index of matching elements in a list.",
        search::lpos,
    ),
    row(
        "lmove",
        5,
        GROW,
        KeyPlaces::TWO,
        "6.2.0",
        "O(1)",
        "Returns an element after popping it from one list and pushing it to another. Deletes the list if the last element was moved.",
        lmove,
    ),
    row(
        "rpoplpush",
        3,
        GROW,
        KeyPlaces::TWO,
        "1.2.0",
        "O(1)",
        "Returns the last element of a list after removing and pushing it to another list. Deletes the list if the last element was popped.",
        rpoplpush,
    ),
    row(
        "lmpop",
        -4,
        Flags::WRITE.and(Flags::MOVABLE_KEYS),
        COUNTED,
        "7.0.0",
        "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
        "Returns multiple elements from a list after removing them. Deletes the list if the last element was popped.",
        lmpop,
    ),
];

fn push(context: &mut Context<'_, '_>, args: &[&[u8]], front: bool, must_exist: bool) -> Outcome {
    let length = match context.keys.list(args[1])? {
        Some(list) => list.len(),
        None if must_exist => {
            context.reply.integer(0);
            return Ok(());
        }
        None => 0,
    };
    context.keys.apply(&Effect::ListPush { key: args[1], front, values: Items::Args(&args[2..]) })?;
    context.reply.count(length + args.len() - 2);
    Ok(())
}

fn pop(context: &mut Context<'_, '_>, args: &[&[u8]], name: &str) -> Outcome {
    let front = name == "lpop";
    if args.len() > 3 {
        return Err(format!("ERR wrong number of arguments for '{name}' command").into());
    }
    let asked = args.get(2).map(|arg| count(arg)).transpose()?;
    let list = context.keys.list(args[1])?;
    let taken = match (list, asked) {
        (None, None) => {
            context.reply.null();
            return Ok(());
        }
        (None, Some(_)) => {
            context.reply.null_array();
            return Ok(());
        }
        (Some(list), None) => {
            take::each(list, front, 1, |element| context.reply.bulk(element));
            1
        }
        (Some(list), Some(asked)) => {
            let taken = asked.min(list.len());
            context.reply.array(taken);
            take::each(list, front, taken, |element| context.reply.bulk(element));
            taken
        }
    };
    if taken > 0 {
        context.keys.apply(&Effect::ListPop { key: args[1], front, count: taken as u64 })?;
    }
    Ok(())
}

fn llen(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let length = context.keys.list(args[1])?.map_or(0, List::len);
    context.reply.count(length);
    Ok(())
}

/// The place of an element, counted from the end if it is negative; `None` outside of the list.
fn place(index: i64, length: usize) -> Option<usize> {
    let index = if index < 0 { index + length as i64 } else { index };
    usize::try_from(index).ok().filter(|index| *index < length)
}

fn lindex(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let Some(list) = context.keys.list(args[1])? else {
        context.reply.null();
        return Ok(());
    };
    let index = place(integer(args[2])?, list.len());
    context.reply.bulk_or_null(index.and_then(|index| list.get(index)));
    Ok(())
}

fn lset(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let length = context.keys.list(args[1])?.ok_or(Failure::from(NO_SUCH_KEY))?.len();
    let index = place(integer(args[2])?, length).ok_or(Failure::from(OUT_OF_RANGE))?;
    context.keys.apply(&Effect::ListSet { key: args[1], index: index as u64, value: args[3] })?;
    context.reply.ok();
    Ok(())
}

fn linsert(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let before = choice(args[2], "before", "after")?;
    let (key, pivot, value) = (args[1], args[3], args[4]);
    let Some(list) = context.keys.list(key)? else {
        context.reply.integer(0);
        return Ok(());
    };
    let length = list.len();
    let Some(at) = list.iter().position(|element| element == pivot) else {
        context.reply.integer(-1);
        return Ok(());
    };
    let index = (if before { at } else { at + 1 }) as u64;
    context.keys.apply(&Effect::ListInsert { key, index, value })?;
    context.reply.count(length + 1);
    Ok(())
}

fn lrem(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let (key, asked, value) = (args[1], integer(args[2])?, args[3]);
    let Some(list) = context.keys.list(key)? else {
        context.reply.integer(0);
        return Ok(());
    };
    let limit = if asked == 0 { usize::MAX } else { asked.unsigned_abs() as usize };
    let indices = search::matching(list, value, asked < 0, limit);
    if !indices.is_empty() {
        context.keys.reserve(key.len() + indices.len() * INDEX_BYTES_MAX)?;
        context.keys.apply(&Effect::ListRemove { key, indices: Indices::Args(&indices) })?;
    }
    context.reply.count(indices.len());
    Ok(())
}

/// What an index takes in the log, at most.
const INDEX_BYTES_MAX: usize = 10;

fn lrange(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let (start, stop) = (integer(args[2])?, integer(args[3])?);
    let Some(list) = context.keys.list(args[1])? else {
        context.reply.array(0);
        return Ok(());
    };
    let (from, to) = slice(start, stop, list.len());
    context.reply.array(to - from);
    list.iter_from(from).take(to - from).for_each(|element| context.reply.bulk(element));
    Ok(())
}

fn ltrim(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let (start, stop) = (integer(args[2])?, integer(args[3])?);
    if let Some(length) = context.keys.list(args[1])?.map(List::len) {
        let (from, to) = slice(start, stop, length);
        if to - from < length {
            let (start, len) = (from as u64, (to - from) as u64);
            context.keys.apply(&Effect::ListTrim { key: args[1], start, len })?;
        }
    }
    context.reply.ok();
    Ok(())
}

fn lmove(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let (from_front, to_front) = (choice(args[3], "left", "right")?, choice(args[4], "left", "right")?);
    if !take::transfer(context.keys, context.reply, args[1], args[2], from_front, to_front)? {
        context.reply.null();
    }
    Ok(())
}

fn rpoplpush(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    if !take::transfer(context.keys, context.reply, args[1], args[2], false, true)? {
        context.reply.null();
    }
    Ok(())
}

/// What LMPOP, ZMPOP and their blocking forms ask for.
pub struct ManyAsked<'a> {
    /// The keys, in the order in which they are tried.
    pub keys: &'a [&'a [u8]],
    /// Whether the first of the two words was given.
    pub first: bool,
    /// At most so many elements.
    pub count: usize,
}

/// Reads `numkeys key … WORD [COUNT count]` from argument `at` on.
pub fn many_asked<'a>(
    args: &'a [&'a [u8]],
    at: usize,
    words: (&str, &str),
) -> Result<ManyAsked<'a>, Failure> {
    let number = positive(args[at], "ERR numkeys should be greater than 0")?;
    let rest = &args[at + 1..];
    if number >= rest.len() {
        return Err(SYNTAX.into());
    }
    let (keys, _) = rest.split_at(number);
    let mut options = Options::new(rest, number);
    let first = choice(options.value()?, words.0, words.1)?;
    let mut asked = None;
    while options.left() > 0 {
        if asked.is_some() || !options.accept("count") {
            return Err(SYNTAX.into());
        }
        asked = Some(positive(options.value()?, "ERR count should be greater than 0")?);
    }
    Ok(ManyAsked { keys, first, count: asked.unwrap_or(1) })
}

fn lmpop(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let asked = many_asked(args, 1, ("left", "right"))?;
    for key in asked.keys {
        if take::pop_many(context.keys, context.reply, key, asked.first, asked.count)? {
            return Ok(());
        }
    }
    context.reply.null_array();
    Ok(())
}
