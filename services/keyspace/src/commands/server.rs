//! The server as a whole: flushing, swapping, sizes, checkpoints, waiting for durability, time.

use crate::command::{Command, Flags, Handler, KeyPlaces};
use crate::commands::arguments::{integer, is, parse_database};
use crate::context::{Context, Session, Then};
use crate::dataset::DATABASES;
use crate::failure::{Failure, NOT_INTEGER, Outcome, SYNTAX};
use crate::state::database::Old;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const READ: Flags = Flags::READONLY.and(Flags::FAST);
const ADMIN: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::NO_MULTI);

const fn row(
    name: &'static str,
    arity: i16,
    flags: Flags,
    category: &'static str,
    since: &'static str,
    summary: &'static str,
    handler: Handler,
) -> Command {
    Command {
        name,
        arity,
        flags,
        keys: KeyPlaces::None,
        category,
        since,
        complexity: "O(1)",
        summary,
        handler,
    }
}

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    row(
        "flushdb",
        -1,
        Flags::WRITE,
        "server",
        "1.0.0",
        "Remove all keys from the current database.",
        Handler::Database(flushdb),
    ),
    row(
        "flushall",
        -1,
        Flags::WRITE,
        "server",
        "1.0.0",
        "Removes all keys from all databases.",
        Handler::Everything(flushall),
    ),
    row(
        "dbsize",
        1,
        READ,
        "server",
        "1.0.0",
        "Returns the number of keys in the database.",
        Handler::Database(dbsize),
    ),
    row(
        "swapdb",
        3,
        Flags::WRITE.and(Flags::FAST),
        "server",
        "4.0.0",
        "Swaps two Redis databases.",
        Handler::Everything(swapdb),
    ),
    row(
        "time",
        1,
        Flags::LOADING.and(Flags::STALE).and(Flags::FAST),
        "server",
        "2.6.0",
        "Returns the server time.",
        Handler::Session(time),
    ),
    row(
        "save",
        1,
        ADMIN,
        "server",
        "1.0.0",
        "Synchronously saves the database(s) to disk.",
        Handler::Session(save),
    ),
    row(
        "bgsave",
        -1,
        ADMIN,
        "server",
        "1.0.0",
        "Asynchronously saves the database(s) to disk.",
        Handler::Session(bgsave),
    ),
    row(
        "bgrewriteaof",
        1,
        ADMIN,
        "server",
        "1.0.0",
        "Asynchronously rewrites the append-only file to disk.",
        Handler::Session(bgrewriteaof),
    ),
    row(
        "lastsave",
        1,
        Flags::LOADING.and(Flags::STALE).and(Flags::FAST),
        "server",
        "1.0.0",
        "Returns the Unix timestamp of the last successful save to disk.",
        Handler::Session(lastsave),
    ),
    row(
        "shutdown",
        -1,
        ADMIN.and(Flags::LOADING).and(Flags::STALE),
        "server",
        "1.0.0",
        "Synchronously saves the database(s) to disk and shuts down the server.",
        Handler::Session(shutdown),
    ),
    row(
        "wait",
        3,
        Flags::BLOCKING,
        "generic",
        "3.0.0",
        "Blocks until the asynchronous replication of all preceding write commands sent by the connection is completed.",
        Handler::Session(wait),
    ),
    row(
        "waitaof",
        4,
        Flags::BLOCKING,
        "generic",
        "7.2.0",
        "Blocks until all of the preceding write commands sent by the connection are written to the append-only file of the master and/or replicas.",
        Handler::Session(waitaof),
    ),
];

fn flush_option(args: &[&[u8]]) -> Outcome {
    match args {
        [_] => Ok(()),
        [_, option] if is(option, "async") || is(option, "sync") => Ok(()),
        _ => Err(SYNTAX.into()),
    }
}

/// Frees what a flush removed, where it delays nobody.
fn free(old: Vec<Old>) {
    if !old.is_empty() {
        tokio::task::spawn_blocking(move || drop(old));
    }
}

fn flushdb(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    flush_option(args)?;
    let database = context.keys.database;
    context.keys.reserve(SPACE_PER_SHARD * context.service.databases.dataset(database).shards.len())?;
    free(context.keys.flush(database)?);
    context.reply.ok();
    Ok(())
}

/// Journal space of one shard's part of a flush.
const SPACE_PER_SHARD: usize = 64;

fn flushall(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    flush_option(args)?;
    let shards: usize = context.service.databases.datasets().iter().map(|dataset| dataset.shards.len()).sum();
    context.keys.reserve(SPACE_PER_SHARD * shards)?;
    for database in 0..DATABASES {
        free(context.keys.flush(database)?);
    }
    context.reply.ok();
    Ok(())
}

fn dbsize(context: &mut Context<'_, '_>, _args: &[&[u8]]) -> Outcome {
    let database = context.keys.database;
    context.keys.need_all(database);
    let keys: usize = context.keys.partitions(database).map(|partition| partition.data.len()).sum();
    context.reply.count(keys);
    Ok(())
}

fn swapdb(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let first = parse_database(args[1]).map_err(|_| Failure::from("ERR invalid first DB index"))?;
    let second = parse_database(args[2]).map_err(|_| Failure::from("ERR invalid second DB index"))?;
    if first != second {
        crate::swap::swap(context, first, second)?;
    }
    context.reply.ok();
    Ok(())
}

fn time(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    let micros = session.service.clock().now_micros();
    session.reply.array(2);
    session.reply.bulk_integer((micros / 1_000_000) as i64);
    session.reply.bulk_integer((micros % 1_000_000) as i64);
    Ok(())
}

fn save(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    session.then = Some(Then::Checkpoint);
    Ok(())
}

fn begin_save(session: &Session<'_>) -> Result<(), Failure> {
    if session.service.saving.load(Ordering::Acquire) {
        return Err("ERR Background save already in progress".into());
    }
    let service = Arc::clone(session.service);
    let handle = tokio::runtime::Handle::current();
    let save = move || {
        if let Err(error) = handle.block_on(service.save()) {
            tracing::error!(error, "the checkpoint that a client asked for failed");
        }
    };
    let spawned = bole_base::background::spawn("bgsave", save);
    spawned.map_err(|error| Failure::from(format!("ERR there is no thread for the checkpoint: {error}")))?;
    Ok(())
}

fn bgsave(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    if args.len() > 2 || args.get(1).is_some_and(|option| !is(option, "schedule")) {
        return Err(SYNTAX.into());
    }
    begin_save(session)?;
    session.reply.simple("Background saving started");
    Ok(())
}

fn bgrewriteaof(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    begin_save(session)?;
    session.reply.simple("Background append only file rewriting started");
    Ok(())
}

fn lastsave(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    session.reply.integer(session.service.last_save.load(Ordering::Relaxed) as i64);
    Ok(())
}

fn shutdown(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    // Every stop keeps what was acknowledged; `NOSAVE` cannot make it forget, and only skips nothing that matters.
    for option in &args[1..] {
        if !["save", "now", "force"].iter().any(|word| is(option, word)) {
            return Err(format!(
                "ERR SHUTDOWN {} is not supported: the journal keeps every acknowledged write",
                String::from_utf8_lossy(option).to_uppercase()
            )
            .into());
        }
    }
    session.then = Some(Then::Shutdown);
    Ok(())
}

fn timeout(arg: &[u8], now: u64) -> Result<Option<u64>, Failure> {
    match integer(arg).map_err(|_| Failure::from("ERR timeout is not an integer or out of range"))? {
        0 => Ok(None),
        millis if millis > 0 => Ok(Some(now.saturating_add(millis as u64))),
        _ => Err("ERR timeout is negative".into()),
    }
}

fn wait(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    let replicas = integer(args[1])?;
    let deadline = timeout(args[2], session.now)?;
    if replicas <= 0 || session.in_exec {
        session.reply.integer(0);
    } else {
        session.then = Some(Then::WaitReplicas { deadline });
    }
    Ok(())
}

fn waitaof(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    let local = integer(args[1])?;
    let replicas = integer(args[2])?;
    if !(0..=1).contains(&local) || replicas < 0 {
        return Err(NOT_INTEGER.into());
    }
    let deadline = timeout(args[3], session.now)?;
    if replicas > 0 {
        return Err("ERR WAITAOF with replicas is not supported: this node has none".into());
    }
    if local == 0 || session.in_exec {
        let synced = session.state.last_write.as_synced().is_met(&**session.service.runtime.journal());
        session.reply.array(2);
        session.reply.integer(i64::from(synced));
        session.reply.integer(0);
    } else {
        session.then = Some(Then::WaitSynced { deadline });
    }
    Ok(())
}
