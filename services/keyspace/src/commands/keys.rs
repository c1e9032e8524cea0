//! Keys whatever they hold: presence, type, deadlines, names, copies, iteration, inspection.
//!
//! The rows stand here; the handlers in one file a topic.

mod expire;
mod names;
mod object;
mod portable;
mod scan;

use crate::command::{Command, Flags, Handler, KeyPlaces};
use crate::commands::CONTAINER;
use crate::commands::help;
use crate::context::Context;
use crate::failure::Outcome;
use crate::state::{Effect, Kind};

const fn row(
    name: &'static str,
    arity: i16,
    flags: Flags,
    keys: KeyPlaces,
    [since, complexity, summary]: [&'static str; 3],
    handler: Handler,
) -> Command {
    Command { name, arity, flags, keys, category: "generic", since, complexity, summary, handler }
}

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    row(
        "del",
        -2,
        Flags::WRITE,
        KeyPlaces::ALL,
        [
            "1.0.0",
            "O(N) where N is the number of keys that will be removed. When a key to remove holds a value other than a string, the individual complexity for this key is O(M) where M is the number of elements in the list, set, sorted set or hash. Removing a single key that holds a string value is O(1).",
            "Deletes one or more keys.",
        ],
        Handler::Keys(del),
    ),
    row(
        "unlink",
        -2,
        Flags::WRITE.and(Flags::FAST),
        KeyPlaces::ALL,
        [
            "4.0.0",
            "O(1) for each key removed regardless of its size. Then the command does O(N) work in a different thread in order to reclaim memory, where N is the number of allocations the deleted objects where composed of.",
            "Asynchronously deletes one or more keys.",
        ],
        Handler::Keys(del),
    ),
    row(
        "exists",
        -2,
        Flags::READONLY.and(Flags::FAST),
        KeyPlaces::ALL,
        [
            "1.0.0",
            "O(N) where N is the number of keys to check.",
            "Determines whether one or more keys exist.",
        ],
        Handler::Keys(exists),
    ),
    row(
        "type",
        2,
        Flags::READONLY.and(Flags::FAST),
        KeyPlaces::ONE,
        ["1.0.0", "O(1)", "Determines the type of value stored at a key."],
        Handler::Keys(kind),
    ),
    row(
        "touch",
        -2,
        Flags::READONLY.and(Flags::FAST),
        KeyPlaces::ALL,
        [
            "3.2.1",
            "O(N) where N is the number of keys that will be touched.",
            "Returns the number of existing keys out of those specified after updating the time they were last accessed.",
        ],
        Handler::Keys(touch),
    ),
    row(
        "expire",
        -3,
        Flags::WRITE.and(Flags::FAST),
        KeyPlaces::ONE,
        ["1.0.0", "O(1)", "Sets the expiration time of a key in seconds."],
        Handler::Keys(|c, a| expire::expire(c, a, 1_000, false)),
    ),
    row(
        "pexpire",
        -3,
        Flags::WRITE.and(Flags::FAST),
        KeyPlaces::ONE,
        ["2.6.0", "O(1)", "Sets the expiration time of a key in milliseconds."],
        Handler::Keys(|c, a| expire::expire(c, a, 1, false)),
    ),
    row(
        "expireat",
        -3,
        Flags::WRITE.and(Flags::FAST),
        KeyPlaces::ONE,
        ["1.2.0", "O(1)", "Sets the expiration time of a key to a Unix timestamp."],
        Handler::Keys(|c, a| expire::expire(c, a, 1_000, true)),
    ),
    row(
        "pexpireat",
        -3,
        Flags::WRITE.and(Flags::FAST),
        KeyPlaces::ONE,
        ["2.6.0", "O(1)", "Sets the expiration time of a key to a Unix milliseconds timestamp."],
        Handler::Keys(|c, a| expire::expire(c, a, 1, true)),
    ),
    row(
        "expiretime",
        2,
        Flags::READONLY.and(Flags::FAST),
        KeyPlaces::ONE,
        ["7.0.0", "O(1)", "Returns the expiration time of a key as a Unix timestamp."],
        Handler::Keys(|c, a| expire::deadline(c, a, 1_000)),
    ),
    row(
        "pexpiretime",
        2,
        Flags::READONLY.and(Flags::FAST),
        KeyPlaces::ONE,
        ["7.0.0", "O(1)", "Returns the expiration time of a key as a Unix milliseconds timestamp."],
        Handler::Keys(|c, a| expire::deadline(c, a, 1)),
    ),
    row(
        "ttl",
        2,
        Flags::READONLY.and(Flags::FAST),
        KeyPlaces::ONE,
        ["1.0.0", "O(1)", "Returns the expiration time in seconds of a key."],
        Handler::Keys(|c, a| expire::left(c, a, 1_000)),
    ),
    row(
        "pttl",
        2,
        Flags::READONLY.and(Flags::FAST),
        KeyPlaces::ONE,
        ["2.6.0", "O(1)", "Returns the expiration time in milliseconds of a key."],
        Handler::Keys(|c, a| expire::left(c, a, 1)),
    ),
    row(
        "persist",
        2,
        Flags::WRITE.and(Flags::FAST),
        KeyPlaces::ONE,
        ["2.2.0", "O(1)", "Removes the expiration time of a key."],
        Handler::Keys(expire::persist),
    ),
    row(
        "rename",
        3,
        Flags::WRITE,
        KeyPlaces::TWO,
        ["1.0.0", "O(1)", "Renames a key and overwrites the destination."],
        Handler::Keys(names::rename),
    ),
    row(
        "renamenx",
        3,
        Flags::WRITE.and(Flags::FAST),
        KeyPlaces::TWO,
        ["1.0.0", "O(1)", "Renames a key only when the target key name doesn't exist."],
        Handler::Keys(names::renamenx),
    ),
    row(
        "copy",
        -3,
        Flags::WRITE.and(Flags::DENYOOM),
        KeyPlaces::TWO,
        [
            "6.2.0",
            "O(N) worst case for collections, where N is the number of nested items. O(1) for string values.",
            "Copies the value of a key to a new key.",
        ],
        Handler::Keys(names::copy),
    ),
    row(
        "move",
        3,
        Flags::WRITE.and(Flags::FAST),
        KeyPlaces::ONE,
        ["1.0.0", "O(1)", "Moves a key to another database."],
        Handler::Keys(names::move_to),
    ),
    row(
        "keys",
        2,
        Flags::READONLY,
        KeyPlaces::None,
        [
            "1.0.0",
            "O(N) with N being the number of keys in the database, under the assumption that the key names in the database and the given pattern have limited length.",
            "Returns all key names that match a pattern.",
        ],
        Handler::Database(scan::keys),
    ),
    row(
        "randomkey",
        1,
        Flags::READONLY,
        KeyPlaces::None,
        ["1.0.0", "O(1)", "Returns a random key name from the database."],
        Handler::Database(scan::randomkey),
    ),
    row(
        "scan",
        -2,
        Flags::READONLY,
        KeyPlaces::None,
        [
            "2.8.0",
            "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.",
            "Iterates over the key names in the database.",
        ],
        Handler::Database(scan::scan),
    ),
    row(
        "object",
        CONTAINER,
        Flags(0),
        KeyPlaces::None,
        ["2.2.3", "Depends on subcommand.", "A container for object introspection commands."],
        help::HEAD,
    ),
    row(
        "object|encoding",
        3,
        Flags::READONLY,
        KeyPlaces::Range { first: 2, last: 2, step: 1 },
        ["2.2.3", "O(1)", "Returns the internal encoding of an object."],
        Handler::Keys(object::encoding),
    ),
    row(
        "object|refcount",
        3,
        Flags::READONLY,
        KeyPlaces::Range { first: 2, last: 2, step: 1 },
        ["2.2.3", "O(1)", "Returns the reference count of a value of a key."],
        Handler::Keys(object::refcount),
    ),
    row(
        "object|idletime",
        3,
        Flags::READONLY,
        KeyPlaces::Range { first: 2, last: 2, step: 1 },
        ["2.2.3", "O(1)", "Returns the time since the last access to an object."],
        Handler::Keys(object::idletime),
    ),
    row(
        "object|freq",
        3,
        Flags::READONLY,
        KeyPlaces::Range { first: 2, last: 2, step: 1 },
        ["4.0.0", "O(1)", "Returns the logarithmic access frequency counter of an object."],
        Handler::Keys(object::freq),
    ),
    row(
        "object|help",
        2,
        Flags::LOADING.and(Flags::STALE),
        KeyPlaces::None,
        ["6.2.0", "O(1)", "Returns helpful text about the different subcommands."],
        help::ROW,
    ),
    row(
        "dump",
        2,
        Flags::READONLY,
        KeyPlaces::ONE,
        [
            "2.6.0",
            "O(1) to access the key and additional O(N*M) to serialize it, where N is the number of objects composing the value and M their average size. For small string values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1).",
            "Returns a serialized representation of the value stored at a key.",
        ],
        Handler::Keys(portable::dump),
    ),
    row(
        "restore",
        -4,
        Flags::WRITE.and(Flags::DENYOOM),
        KeyPlaces::ONE,
        [
            "2.6.0",
            "O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N is the number of objects composing the value and M their average size. For small string values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1). However for sorted set values the complexity is O(N*M*log(N)) because inserting values into sorted sets is O(log(N)).",
            "Creates a key from the serialized representation of a value.",
        ],
        Handler::Keys(portable::restore),
    ),
];

fn del(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let mut removed = 0;
    for key in &args[1..] {
        if context.keys.exists(key) {
            context.keys.apply(&Effect::Delete { key })?;
            removed += 1;
        }
    }
    context.reply.count(removed);
    Ok(())
}

fn exists(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let found = args[1..].iter().filter(|key| context.keys.exists(key)).count();
    context.reply.count(found);
    Ok(())
}

fn touch(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let found = args[1..].iter().filter(|key| context.keys.get(key).is_some()).count();
    context.reply.count(found);
    Ok(())
}

/// The name of a type in TYPE and SCAN.
fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::String => "string",
        Kind::List => "list",
        Kind::Hash => "hash",
        Kind::Set => "set",
        Kind::SortedSet => "zset",
    }
}

fn kind(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let name = context.keys.kind(args[1]).map_or("none", kind_name);
    context.reply.simple(name);
    Ok(())
}
