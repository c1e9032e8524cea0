//! Commands that wait until a list or a sorted set has elements, and serving the clients that wait.
//!
//! A command tries its keys in order at once; if none has anything, the client joins their queues. Whoever then adds elements calls
//! [`serve_blocked`] for the first in the queue, inside its own batch. Both do the same thing for a key: `attempt`.

use std::collections::HashSet;

use crate::blocking::{Waiter, Wish};
use crate::command::{Command, Flags, Handler, KeyPlaces};
use crate::commands::arguments::{choice, counted_keys, deadline};
use crate::commands::lists::{many_asked, take};
use crate::commands::sorted_sets::remove;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::keys::Keys;
use crate::protocol::Reply;

const BLOCK: Flags = Flags::WRITE.and(Flags::BLOCKING);
const BLOCK_FAST: Flags = BLOCK.and(Flags::FAST);
const BLOCK_GROW: Flags = BLOCK.and(Flags::DENYOOM);
const ALL_BUT_LAST: KeyPlaces = KeyPlaces::Range { first: 1, last: -2, step: 1 };
const COUNTED_AFTER_TIMEOUT: KeyPlaces = KeyPlaces::Find(|args| counted_keys(args, 2));

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
    let of_lists = matches!(name.as_bytes(), [b'b', b'l' | b'r', ..]);
    let category = if of_lists { "list" } else { "sortedset" };
    Command {
        name,
        arity,
        flags,
        keys,
        category,
        since,
        complexity,
        summary,
        handler: Handler::Keys(handler),
    }
}

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    row(
        "blpop",
        -3,
        BLOCK,
        ALL_BUT_LAST,
        "2.0.0",
        "O(N) where N is the number of provided keys.",
        "Removes and returns the first element in a list. Blocks until an element is available otherwise. Deletes the list if the last element was popped.",
        |context, args| pop(context, args, true),
    ),
    row(
        "brpop",
        -3,
        BLOCK,
        ALL_BUT_LAST,
        "2.0.0",
        "O(N) where N is the number of provided keys.",
        "Removes and returns the last element in a list. Blocks until an element is available otherwise. Deletes the list if the last element was popped.",
        |context, args| pop(context, args, false),
    ),
    row(
        "blmove",
        6,
        BLOCK_GROW,
        KeyPlaces::TWO,
        "6.2.0",
        "O(1)",
        "Pops an element from a list, pushes it to another list and returns it. Blocks until an element is available otherwise. Deletes the list if the last element was moved.",
        blmove,
    ),
    row(
        "brpoplpush",
        4,
        BLOCK_GROW,
        KeyPlaces::TWO,
        "2.2.0",
        "O(1)",
        "Pops an element from a list, pushes it to another list and returns it. Block until an element is available otherwise. Deletes the list if the last element was popped.",
        brpoplpush,
    ),
    row(
        "blmpop",
        -5,
        BLOCK.and(Flags::MOVABLE_KEYS),
        COUNTED_AFTER_TIMEOUT,
        "7.0.0",
        "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
        "Pops the first element from one of multiple lists. Blocks until an element is available otherwise. Deletes the list if the last element was popped.",
        blmpop,
    ),
    row(
        "bzpopmin",
        -3,
        BLOCK_FAST,
        ALL_BUT_LAST,
        "5.0.0",
        "O(log(N)) with N being the number of elements in the sorted set.",
        "Removes and returns the member with the lowest score from one or more sorted sets. Blocks until a member is available otherwise. Deletes the sorted set if the last element was popped.",
        |context, args| pop_scored(context, args, false),
    ),
    row(
        "bzpopmax",
        -3,
        BLOCK_FAST,
        ALL_BUT_LAST,
        "5.0.0",
        "O(log(N)) with N being the number of elements in the sorted set.",
        "Removes and returns the member with the highest score from one or more sorted sets. Blocks until a member available otherwise. Deletes the sorted set if the last element was popped.",
        |context, args| pop_scored(context, args, true),
    ),
    row(
        "bzmpop",
        -5,
        BLOCK.and(Flags::MOVABLE_KEYS),
        COUNTED_AFTER_TIMEOUT,
        "7.0.0",
        "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted set, and M being the number of elements popped.",
        "Removes and returns a member by score from one or more sorted sets. Blocks until a member is available otherwise. Deletes the sorted set if the last element was popped.",
        bzmpop,
    ),
];

/// Gives `wish` what `key` holds. `false`, with nothing written or changed, if the key does not exist. Errors: another type, of
/// a destination too.
fn attempt(keys: &mut Keys<'_>, key: &[u8], wish: &Wish, reply: &mut Reply) -> Result<bool, Failure> {
    match wish {
        Wish::Pop { front } => take::pop_one(keys, reply, key, *front),
        Wish::PopMany { front, count } => take::pop_many(keys, reply, key, *front, *count),
        Wish::Move { destination, from_front, to_front } => {
            take::transfer(keys, reply, key, destination, *from_front, *to_front)
        }
        Wish::PopScored { highest } => remove::pop_one(keys, reply, key, *highest),
        Wish::PopScoredMany { highest, count } => remove::pop_many(keys, reply, key, *highest, *count),
    }
}

/// Lets a blocked client have what `key` holds; `false` if there is nothing of its kind.
pub fn serve_blocked(
    keys: &mut Keys<'_>,
    key: &[u8],
    wish: &Wish,
    reply: &mut Reply,
) -> Result<bool, Failure> {
    if keys.kind(key) != Some(wish.kind()) {
        return Ok(false);
    }
    attempt(keys, key, wish, reply)
}

/// Tries the keys in order; waits for all of them if none has anything.
fn attempt_all(context: &mut Context<'_, '_>, names: &[&[u8]], wish: Wish, deadline: Option<u64>) -> Outcome {
    for key in names {
        if attempt(context.keys, key, &wish, context.reply)? {
            return Ok(());
        }
    }
    let mut keys: Vec<Vec<u8>> = Vec::with_capacity(names.len());
    let mut seen = HashSet::with_capacity(names.len());
    keys.extend(names.iter().filter(|name| seen.insert(**name)).map(|name| name.to_vec()));
    let array = !matches!(wish, Wish::Move { .. });
    Err(Failure::Block { wish, keys, deadline, array })
}

fn pop(context: &mut Context<'_, '_>, args: &[&[u8]], front: bool) -> Outcome {
    let (timeout, names) = (args[args.len() - 1], &args[1..args.len() - 1]);
    let deadline = deadline(timeout, context.keys.now)?;
    attempt_all(context, names, Wish::Pop { front }, deadline)
}

fn pop_scored(context: &mut Context<'_, '_>, args: &[&[u8]], highest: bool) -> Outcome {
    let (timeout, names) = (args[args.len() - 1], &args[1..args.len() - 1]);
    let deadline = deadline(timeout, context.keys.now)?;
    attempt_all(context, names, Wish::PopScored { highest }, deadline)
}

fn blmove(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let (from_front, to_front) = (choice(args[3], "left", "right")?, choice(args[4], "left", "right")?);
    let deadline = deadline(args[5], context.keys.now)?;
    let wish = Wish::Move { destination: args[2].to_vec(), from_front, to_front };
    attempt_all(context, &args[1..2], wish, deadline)
}

fn brpoplpush(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let deadline = deadline(args[3], context.keys.now)?;
    let wish = Wish::Move { destination: args[2].to_vec(), from_front: false, to_front: true };
    attempt_all(context, &args[1..2], wish, deadline)
}

fn blmpop(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let deadline = deadline(args[1], context.keys.now)?;
    let asked = many_asked(args, 2, ("left", "right"))?;
    let wish = Wish::PopMany { front: asked.first, count: asked.count };
    attempt_all(context, asked.keys, wish, deadline)
}

fn bzmpop(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let deadline = deadline(args[1], context.keys.now)?;
    let asked = many_asked(args, 2, ("max", "min"))?;
    let wish = Wish::PopScoredMany { highest: asked.first, count: asked.count };
    attempt_all(context, asked.keys, wish, deadline)
}

/// A command for what a blocked client waits for, without a time limit: the connection keeps that.
pub fn as_command(waiter: &Waiter) -> Vec<Vec<u8>> {
    let end = |front: bool| if front { "LEFT" } else { "RIGHT" };
    let count_keys = waiter.keys.len().to_string();
    let (before, after): (Vec<&str>, Vec<String>) = match &waiter.wish {
        Wish::Pop { front } => (vec![if *front { "BLPOP" } else { "BRPOP" }], vec!["0".to_owned()]),
        Wish::PopScored { highest } => {
            (vec![if *highest { "BZPOPMAX" } else { "BZPOPMIN" }], vec!["0".to_owned()])
        }
        Wish::PopMany { front, count } => (
            vec!["BLMPOP", "0", &count_keys],
            vec![end(*front).to_owned(), "COUNT".to_owned(), count.to_string()],
        ),
        Wish::PopScoredMany { highest, count } => (
            vec!["BZMPOP", "0", &count_keys],
            vec![if *highest { "MAX" } else { "MIN" }.to_owned(), "COUNT".to_owned(), count.to_string()],
        ),
        Wish::Move { destination, from_front, to_front } => {
            let text = |text: &str| text.as_bytes().to_vec();
            let ends = [text(end(*from_front)), text(end(*to_front)), text("0")];
            let names = [text("BLMOVE"), waiter.keys[0].clone(), destination.clone()];
            return names.into_iter().chain(ends).collect();
        }
    };
    let before = before.into_iter().map(|word| word.as_bytes().to_vec());
    before.chain(waiter.keys.iter().cloned()).chain(after.into_iter().map(String::into_bytes)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::client::Client;

    #[test]
    fn a_waiter_becomes_its_command() {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        let client = Arc::new(Client::new(1, address, address, 0));
        let destination = b"d".to_vec();
        for (wish, keys, expected) in [
            (Wish::Pop { front: true }, "a b", "BLPOP a b 0"),
            (Wish::Pop { front: false }, "a", "BRPOP a 0"),
            (Wish::PopScored { highest: false }, "a b", "BZPOPMIN a b 0"),
            (Wish::PopScored { highest: true }, "a", "BZPOPMAX a 0"),
            (Wish::PopMany { front: false, count: 7 }, "a b", "BLMPOP 0 2 a b RIGHT COUNT 7"),
            (Wish::PopScoredMany { highest: true, count: 1 }, "a", "BZMPOP 0 1 a MAX COUNT 1"),
            (Wish::Move { destination, from_front: true, to_front: false }, "a", "BLMOVE a d LEFT RIGHT 0"),
        ] {
            let keys = keys.split(' ').map(|key| key.as_bytes().to_vec()).collect();
            let command = as_command(&Waiter::new(Arc::clone(&client), 0, keys, wish));
            assert_eq!(String::from_utf8_lossy(&command.join(&b' ')), expected);
        }
    }
}
