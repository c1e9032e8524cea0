//! One command in the words of COMMAND INFO, COMMAND DOCS and the ACL categories, as far as its row knows.

use crate::command::{Command, Flags, KeyPlaces};
use crate::commands::{CONTAINER, registry};
use crate::protocol::Reply;

/// The ACL categories, without the `@`.
pub(in crate::commands) const CATEGORIES: [&str; 21] = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];

/// Not marked `admin`, but able to hurt a server in production.
const DANGEROUS: [&str; 8] = ["keys", "flushdb", "flushall", "swapdb", "info", "role", "sort", "restore"];

/// A command's ACL categories.
pub(in crate::commands) fn categories(command: &Command) -> Vec<&'static str> {
    let flags = command.flags;
    let family = match command.category {
        "generic" => "keyspace",
        "sorted-set" | "sorted_set" => "sortedset",
        "transactions" => "transaction",
        other => other,
    };
    let mut found: Vec<&'static str> = CATEGORIES.into_iter().filter(|name| *name == family).collect();
    let mut add = |name: &'static str, holds: bool| {
        if holds && !found.contains(&name) {
            found.push(name);
        }
    };
    let has_keys = !matches!(command.keys, KeyPlaces::None);
    add("read", flags.has(Flags::READONLY) && (has_keys || family == "keyspace"));
    add("write", flags.has(Flags::WRITE));
    add("keyspace", command.name.starts_with("flush") || matches!(command.name, "dbsize" | "swapdb"));
    add("pubsub", flags.has(Flags::PUBSUB));
    add("admin", flags.has(Flags::ADMIN));
    add("blocking", flags.has(Flags::BLOCKING));
    add("dangerous", flags.has(Flags::ADMIN) || DANGEROUS.contains(&command.name));
    add("fast", flags.has(Flags::FAST));
    add("slow", !flags.has(Flags::FAST));
    found
}

fn arity(command: &Command) -> i64 {
    if command.arity == CONTAINER { -2 } else { i64::from(command.arity) }
}

/// The element of COMMAND INFO.
pub(super) fn info(reply: &mut Reply, command: &Command) {
    reply.array(10);
    reply.bulk(command.name.as_bytes());
    reply.integer(arity(command));
    let flags: Vec<&str> =
        Flags::ALL.iter().filter(|(flag, _)| command.flags.has(*flag)).map(|(_, name)| *name).collect();
    let movable = matches!(command.keys, KeyPlaces::Find(_)) && !flags.contains(&"movablekeys");
    reply.set(flags.len() + usize::from(movable));
    for flag in flags.into_iter().chain(movable.then_some("movablekeys")) {
        reply.simple(flag);
    }
    let (first, last, step) = match command.keys {
        KeyPlaces::Range { first, last, step } => (first, last, step),
        KeyPlaces::None | KeyPlaces::Find(_) => (0, 0, 0),
    };
    for place in [first, last, step] {
        reply.integer(i64::from(place));
    }
    let categories = categories(command);
    reply.set(categories.len());
    for category in categories {
        reply.simple(&format!("@{category}"));
    }
    // Hints for proxies: none.
    reply.array(0);
    key_specification(reply, command);
    let subcommands: Vec<_> = registry().subcommands(command.name).collect();
    reply.array(subcommands.len());
    for subcommand in subcommands {
        info(reply, subcommand);
    }
}

/// How a command uses its keys.
pub(super) fn key_flags(reply: &mut Reply, command: &Command) {
    let flags: &[&str] =
        if command.flags.has(Flags::WRITE) { &["RW", "access", "update"] } else { &["RO", "access"] };
    reply.set(flags.len());
    for flag in flags {
        reply.simple(flag);
    }
}

fn pair(reply: &mut Reply, name: &str, value: &str) {
    reply.bulk(name.as_bytes());
    reply.bulk(value.as_bytes());
}

fn key_specification(reply: &mut Reply, command: &Command) {
    let range = match command.keys {
        KeyPlaces::None => return reply.array(0),
        KeyPlaces::Find(_) => None,
        KeyPlaces::Range { first, last, step } => Some((first, last, step)),
    };
    reply.array(1);
    reply.map(3);
    reply.bulk(b"flags");
    key_flags(reply, command);
    for (part, kind) in [("begin_search", "index"), ("find_keys", "range")] {
        reply.bulk(part.as_bytes());
        reply.map(2);
        pair(reply, "type", if range.is_some() { kind } else { "unknown" });
        reply.bulk(b"spec");
        let fields: Vec<(&str, i16)> = match (range, kind) {
            (None, _) => Vec::new(),
            (Some((first, ..)), "index") => vec![("index", first)],
            (Some((first, last, step)), _) => {
                // Relative to the first key, unless it counts from the end.
                let last = if last < 0 { last } else { last - first };
                vec![("lastkey", last), ("keystep", step), ("limit", 0)]
            }
        };
        reply.map(fields.len());
        for (name, value) in fields {
            reply.bulk(name.as_bytes());
            reply.integer(i64::from(value));
        }
    }
}

/// The pair of COMMAND DOCS.
pub(super) fn docs(reply: &mut Reply, command: &Command) {
    reply.bulk(command.name.as_bytes());
    let subcommands: Vec<_> = registry().subcommands(command.name).collect();
    reply.map(4 + usize::from(!subcommands.is_empty()));
    pair(reply, "summary", command.summary);
    pair(reply, "since", command.since);
    pair(reply, "group", command.category);
    pair(reply, "complexity", command.complexity);
    if !subcommands.is_empty() {
        reply.bulk(b"subcommands");
        reply.map(subcommands.len());
        for subcommand in subcommands {
            docs(reply, subcommand);
        }
    }
}
