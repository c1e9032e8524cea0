//! MULTI, EXEC, DISCARD, WATCH, UNWATCH.

use crate::command::{Command, Flags, Handler, KeyPlaces};
use crate::context::{Multi, Session, Watch, WatchedKey};
use crate::dispatch;
use crate::failure::{Outcome, too_many_names};
use crate::limits::{NAMES_BYTES_MAX, NAMES_MAX};
use std::sync::atomic::Ordering;

const FLAGS: Flags =
    Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::FAST).and(Flags::ALLOW_BUSY);

const fn row(
    name: &'static str,
    arity: i16,
    keys: KeyPlaces,
    since: &'static str,
    summary: &'static str,
    handler: fn(&mut Session<'_>, &[&[u8]]) -> Outcome,
) -> Command {
    Command {
        name,
        arity,
        flags: FLAGS,
        keys,
        category: "transactions",
        since,
        complexity: "O(1)",
        summary,
        handler: Handler::Session(handler),
    }
}

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    row("multi", 1, KeyPlaces::None, "1.2.0", "Starts a transaction.", multi),
    row("exec", 1, KeyPlaces::None, "1.2.0", "Executes all commands in a transaction.", exec),
    row("discard", 1, KeyPlaces::None, "2.0.0", "Discards a transaction.", discard),
    row(
        "watch",
        -2,
        KeyPlaces::ALL,
        "2.2.0",
        "Monitors changes to keys to determine the execution of a transaction.",
        watch,
    ),
    row("unwatch", 1, KeyPlaces::None, "2.2.0", "Forgets about watched keys of a transaction.", unwatch),
];

fn multi(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    if session.state.multi.is_some() {
        return Err("ERR MULTI calls can not be nested".into());
    }
    session.state.multi = Some(Multi::default());
    session.state.client.queued.store(0, Ordering::Relaxed);
    session.reply.ok();
    Ok(())
}

fn exec(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    dispatch::exec(session)
}

fn discard(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    if session.state.multi.is_none() {
        return Err("ERR DISCARD without MULTI".into());
    }
    session.state.end_multi(session.service);
    session.reply.ok();
    Ok(())
}

fn watch(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    if session.state.multi.is_some() {
        return Err("ERR WATCH inside MULTI is not allowed".into());
    }
    let database = session.state.database;
    let watch = session.state.watch.get_or_insert_with(Watch::default);
    for key in &args[1..] {
        let name = (database, key.to_vec());
        if watch.keys.contains_key(&name) {
            continue;
        }
        if watch.keys.len() >= NAMES_MAX || watch.bytes + key.len() > NAMES_BYTES_MAX {
            return Err(too_many_names("watch").into());
        }
        let index = session.service.databases.index(database);
        let dataset = &session.service.databases.datasets()[index];
        let mut locked = dataset.shards[dataset.shard_of(key)].lock()?;
        let partition = locked.state_mut();
        let live = partition.data.lookup(partition.data.hash(key), key, session.now).is_some();
        partition.watch(key, &watch.dirty);
        watch.keys.insert(name, WatchedKey { dataset: index, live });
        watch.bytes += key.len();
    }
    session.reply.ok();
    Ok(())
}

fn unwatch(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    // Inside EXEC the keys are forgotten when it ends.
    if !session.in_exec {
        session.state.unwatch(session.service);
    }
    session.reply.ok();
    Ok(())
}
