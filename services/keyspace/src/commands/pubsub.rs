//! SUBSCRIBE and its kin, PUBLISH, SPUBLISH, PUBSUB.

use std::collections::BTreeSet;

use crate::command::{Command, Flags, Handler, KeyPlaces};
use crate::commands::CONTAINER;
use crate::context::Session;
use crate::failure::{Outcome, too_many_names};
use crate::limits::{NAMES_BYTES_MAX, NAMES_MAX};
use crate::pubsub::Kind;

const FLAGS: Flags = Flags::PUBSUB.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE);
const SEND: Flags = Flags::PUBSUB.and(Flags::LOADING).and(Flags::STALE).and(Flags::FAST);
const LOOK: Flags = Flags::PUBSUB.and(Flags::LOADING).and(Flags::STALE);

const fn row(
    name: &'static str,
    arity: i16,
    flags: Flags,
    since: &'static str,
    complexity: &'static str,
    summary: &'static str,
    handler: fn(&mut Session<'_>, &[&[u8]]) -> Outcome,
) -> Command {
    Command {
        name,
        arity,
        flags,
        keys: KeyPlaces::None,
        category: "pubsub",
        since,
        complexity,
        summary,
        handler: Handler::Session(handler),
    }
}

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    row(
        "subscribe",
        -2,
        FLAGS,
        "2.0.0",
        "O(N) where N is the number of channels to subscribe to.",
        "Listens for messages published to channels.",
        |s, a| subscribe(s, a, Kind::Channel),
    ),
    row(
        "psubscribe",
        -2,
        FLAGS,
        "2.0.0",
        "O(N) where N is the number of patterns to subscribe to.",
        "Listens for messages published to channels that match one or more patterns.",
        |s, a| subscribe(s, a, Kind::Pattern),
    ),
    row(
        "ssubscribe",
        -2,
        FLAGS,
        "7.0.0",
        "O(N) where N is the number of shard channels to subscribe to.",
        "Listens for messages published to shard channels.",
        |s, a| subscribe(s, a, Kind::Shard),
    ),
    row(
        "unsubscribe",
        -1,
        FLAGS,
        "2.0.0",
        "O(N) where N is the number of channels to unsubscribe.",
        "Stops listening to messages posted to channels.",
        |s, a| unsubscribe(s, a, Kind::Channel),
    ),
    row(
        "punsubscribe",
        -1,
        FLAGS,
        "2.0.0",
        "O(N) where N is the number of patterns to unsubscribe.",
        "Stops listening to messages published to channels that match one or more patterns.",
        |s, a| unsubscribe(s, a, Kind::Pattern),
    ),
    row(
        "sunsubscribe",
        -1,
        FLAGS,
        "7.0.0",
        "O(N) where N is the number of shard channels to unsubscribe.",
        "Stops listening to messages posted to shard channels.",
        |s, a| unsubscribe(s, a, Kind::Shard),
    ),
    row(
        "publish",
        3,
        SEND,
        "2.0.0",
        "O(N+M) where N is the number of clients subscribed to the receiving channel and M is the total number of subscribed patterns (by any client).",
        "Posts a message to a channel.",
        |s, a| publish(s, a, false),
    ),
    row(
        "spublish",
        3,
        SEND,
        "7.0.0",
        "O(N) where N is the number of clients subscribed to the receiving shard channel.",
        "Post a message to a shard channel",
        |s, a| publish(s, a, true),
    ),
    row(
        "pubsub",
        CONTAINER,
        Flags(0),
        "2.8.0",
        "Depends on subcommand.",
        "A container for Pub/Sub commands.",
        |_, _| Ok(()),
    ),
    row(
        "pubsub|channels",
        -2,
        LOOK,
        "2.8.0",
        "O(N) where N is the number of active channels, and assuming constant time pattern matching (relatively short channels and patterns)",
        "Returns the active channels.",
        |s, a| channels(s, a, Kind::Channel),
    ),
    row(
        "pubsub|shardchannels",
        -2,
        LOOK,
        "7.0.0",
        "O(N) where N is the number of active shard channels, and assuming constant time pattern matching (relatively short shard channels).",
        "Returns the active shard channels.",
        |s, a| channels(s, a, Kind::Shard),
    ),
    row(
        "pubsub|numsub",
        -2,
        LOOK,
        "2.8.0",
        "O(N) for the NUMSUB subcommand, where N is the number of requested channels",
        "Returns a count of subscribers to channels.",
        |s, a| numsub(s, a, Kind::Channel),
    ),
    row(
        "pubsub|shardnumsub",
        -2,
        LOOK,
        "7.0.0",
        "O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels",
        "Returns the count of subscribers of shard channels.",
        |s, a| numsub(s, a, Kind::Shard),
    ),
    row(
        "pubsub|numpat",
        2,
        LOOK,
        "2.8.0",
        "O(1)",
        "Returns a count of unique pattern subscriptions.",
        numpat,
    ),
];

const fn words(kind: Kind) -> (&'static [u8], &'static [u8]) {
    match kind {
        Kind::Channel => (b"subscribe", b"unsubscribe"),
        Kind::Pattern => (b"psubscribe", b"punsubscribe"),
        Kind::Shard => (b"ssubscribe", b"sunsubscribe"),
    }
}

fn subscribe(session: &mut Session<'_>, args: &[&[u8]], kind: Kind) -> Outcome {
    let known = &session.state.subscriptions[kind as usize];
    let mut count: usize = session.state.subscriptions.iter().map(BTreeSet::len).sum();
    let mut bytes = session.state.subscription_bytes;
    for name in args[1..].iter().filter(|name| !known.contains(**name)) {
        count += 1;
        bytes += name.len();
    }
    if count > NAMES_MAX || bytes > NAMES_BYTES_MAX {
        return Err(too_many_names("subscribe to").into());
    }
    for name in &args[1..] {
        if session.state.subscriptions[kind as usize].insert(name.to_vec()) {
            session.state.subscription_bytes += name.len();
            session.service.pubsub.subscribe(kind, name, &session.state.client);
        }
        confirm(session, words(kind).0, Some(name), kind);
    }
    Ok(())
}

fn unsubscribe(session: &mut Session<'_>, args: &[&[u8]], kind: Kind) -> Outcome {
    let names: Vec<Vec<u8>> = if args.len() > 1 {
        args[1..].iter().map(|name| name.to_vec()).collect()
    } else {
        session.state.subscriptions[kind as usize].iter().cloned().collect()
    };
    if names.is_empty() {
        confirm(session, words(kind).1, None, kind);
    }
    for name in names {
        if session.state.subscriptions[kind as usize].remove(&name) {
            session.state.subscription_bytes -= name.len();
            session.service.pubsub.unsubscribe(kind, &name, &session.state.client);
        }
        confirm(session, words(kind).1, Some(&name), kind);
    }
    Ok(())
}

fn confirm(session: &mut Session<'_>, word: &[u8], name: Option<&[u8]>, kind: Kind) {
    session.reply.push(3);
    session.reply.bulk(word);
    session.reply.bulk_or_null(name);
    session.reply.count(session.state.subscription_count(kind));
}

fn publish(session: &mut Session<'_>, args: &[&[u8]], shard: bool) -> Outcome {
    let limit = session.service.pubsub_output();
    let receivers = session.service.pubsub.publish(shard, args[1], args[2], limit, session.now);
    session.reply.count(receivers);
    Ok(())
}

fn channels(session: &mut Session<'_>, args: &[&[u8]], kind: Kind) -> Outcome {
    let channels = session.service.pubsub.channels(kind, args.get(2).copied());
    session.reply.array(channels.len());
    channels.iter().for_each(|name| session.reply.bulk(name));
    Ok(())
}

fn numsub(session: &mut Session<'_>, args: &[&[u8]], kind: Kind) -> Outcome {
    session.reply.array(2 * (args.len() - 2));
    for name in &args[2..] {
        session.reply.bulk(name);
        session.reply.count(session.service.pubsub.subscribers(kind, name));
    }
    Ok(())
}

fn numpat(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    session.reply.count(session.service.pubsub.names(Kind::Pattern));
    Ok(())
}
