//! Looking into the server: MEMORY, DEBUG, SLOWLOG, LATENCY, MONITOR.

//! The slow log and the latency monitor are as in a Redis where they are turned off (`slowlog-log-slower-than -1`): no command is timed.

use std::sync::atomic::Ordering;

use crate::command::{Command, Flags, Handler, KeyPlaces};
use crate::commands::arguments::{is, natural, parse_float};
use crate::commands::info::{memory_bytes, process_memory};
use crate::commands::{CONTAINER, help};
use crate::context::{Context, Session, Then};
use crate::failure::{Failure, NO_SUCH_KEY, NOT_FLOAT, NOT_INTEGER, Outcome, SYNTAX};

const DEBUG: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE);
const KEY: KeyPlaces = KeyPlaces::Range { first: 2, last: 2, step: 1 };

/// Nothing was recorded.
const EMPTY: Handler = Handler::Session(|session, _| {
    session.reply.array(0);
    Ok(())
});
const ZERO: Handler = Handler::Session(|session, _| {
    session.reply.integer(0);
    Ok(())
});

const fn row(
    name: &'static str,
    arity: i16,
    flags: Flags,
    keys: KeyPlaces,
    [since, complexity, summary]: [&'static str; 3],
    handler: Handler,
) -> Command {
    Command { name, arity, flags, keys, category: "server", since, complexity, summary, handler }
}

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    row(
        "memory",
        CONTAINER,
        Flags(0),
        KeyPlaces::None,
        ["4.0.0", "Depends on subcommand.", "A container for memory diagnostics commands."],
        help::HEAD,
    ),
    row(
        "memory|usage",
        -3,
        Flags::READONLY,
        KeyPlaces::Range { first: 2, last: 2, step: 1 },
        ["4.0.0", "O(N) where N is the number of samples.", "Estimates the memory usage of a key."],
        Handler::Keys(usage),
    ),
    row(
        "memory|doctor",
        2,
        Flags(0),
        KeyPlaces::None,
        ["4.0.0", "O(1)", "Outputs a memory problems report."],
        Handler::Session(|_, _| {
            Err("ERR MEMORY DOCTOR is not supported; see INFO memory and MEMORY STATS".into())
        }),
    ),
    row(
        "memory|stats",
        2,
        Flags(0),
        KeyPlaces::None,
        ["4.0.0", "O(1)", "Returns details about memory usage."],
        Handler::Everything(stats),
    ),
    row(
        "memory|purge",
        2,
        Flags(0),
        KeyPlaces::None,
        [
            "4.0.0",
            "Depends on how much memory is allocated, could be slow",
            "Asks the allocator to release memory.",
        ],
        Handler::Session(|_, _| {
            Err("ERR MEMORY PURGE is not supported: the allocator returns memory by itself".into())
        }),
    ),
    row(
        "memory|malloc-stats",
        2,
        Flags(0),
        KeyPlaces::None,
        [
            "4.0.0",
            "Depends on how much memory is allocated, could be slow",
            "Returns the allocator statistics.",
        ],
        Handler::Session(|_, _| Err("ERR MEMORY MALLOC-STATS is not supported; see INFO memory".into())),
    ),
    row(
        "memory|help",
        2,
        Flags::LOADING.and(Flags::STALE),
        KeyPlaces::None,
        ["4.0.0", "O(1)", "Returns helpful text about the different subcommands."],
        help::ROW,
    ),
    row(
        "latency",
        CONTAINER,
        Flags(0),
        KeyPlaces::None,
        ["2.8.13", "Depends on subcommand.", "A container for latency diagnostics commands."],
        help::HEAD,
    ),
    row(
        "latency|doctor",
        2,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["2.8.13", "O(1)", "Returns a human-readable latency analysis report."],
        Handler::Session(|_, _| Err("ERR LATENCY DOCTOR is not supported: latency monitoring is off".into())),
    ),
    row(
        "latency|graph",
        3,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["2.8.13", "O(1)", "Returns a latency graph for an event."],
        Handler::Session(latency_graph),
    ),
    row(
        "latency|histogram",
        -2,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        [
            "7.0.0",
            "O(N) where N is the number of commands with latency information being retrieved.",
            "Returns the cumulative distribution of latencies of a subset or all commands.",
        ],
        Handler::Session(|_, _| {
            Err("ERR LATENCY HISTOGRAM is not supported: commands are not timed one by one".into())
        }),
    ),
    row(
        "latency|history",
        3,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["2.8.13", "O(1)", "Returns timestamp-latency samples for an event."],
        EMPTY,
    ),
    row(
        "latency|latest",
        2,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["2.8.13", "O(1)", "Returns the latest latency samples for all events."],
        EMPTY,
    ),
    row(
        "latency|reset",
        -2,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["2.8.13", "O(1)", "Resets the latency data for one or more events."],
        ZERO,
    ),
    row(
        "latency|help",
        2,
        Flags::LOADING.and(Flags::STALE),
        KeyPlaces::None,
        ["2.8.13", "O(1)", "Returns helpful text about the different subcommands."],
        help::ROW,
    ),
    row(
        "slowlog",
        CONTAINER,
        Flags(0),
        KeyPlaces::None,
        ["2.2.12", "Depends on subcommand.", "A container for slow log commands."],
        help::HEAD,
    ),
    row(
        "slowlog|get",
        -2,
        Flags::ADMIN.and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["2.2.12", "O(N) where N is the number of entries returned", "Returns the slow log's entries."],
        Handler::Session(slowlog_get),
    ),
    row(
        "slowlog|len",
        2,
        Flags::ADMIN.and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["2.2.12", "O(1)", "Returns the number of entries in the slow log."],
        ZERO,
    ),
    row(
        "slowlog|reset",
        2,
        Flags::ADMIN.and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        [
            "2.2.12",
            "O(N) where N is the number of entries in the slowlog",
            "Clears all entries from the slow log.",
        ],
        Handler::Session(slowlog_reset),
    ),
    row(
        "slowlog|help",
        2,
        Flags::LOADING.and(Flags::STALE),
        KeyPlaces::None,
        ["6.2.0", "O(1)", "Show helpful text about the different subcommands"],
        help::ROW,
    ),
    row(
        "monitor",
        1,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["1.0.0", "O(1)", "Listens for all requests received by the server in real-time."],
        Handler::Session(|_, _| {
            Err("ERR MONITOR is not supported: it would show every client what all others send".into())
        }),
    ),
    row(
        "debug",
        CONTAINER,
        DEBUG,
        KeyPlaces::None,
        ["1.0.0", "Depends on subcommand.", "A container for debugging commands."],
        help::HEAD,
    ),
    row(
        "debug|sleep",
        3,
        DEBUG,
        KeyPlaces::None,
        ["1.0.0", "O(1)", "Waits for some seconds, which holds up this connection only."],
        Handler::Session(sleep),
    ),
    row(
        "debug|object",
        3,
        DEBUG,
        KEY,
        ["1.0.0", "O(1)", "Describes how a value is kept."],
        Handler::Keys(object),
    ),
    row(
        "debug|set-active-expire",
        3,
        DEBUG,
        KeyPlaces::None,
        ["1.0.0", "O(1)", "Turns the removal of expired keys that nobody asks for on (1) or off (0)."],
        Handler::Session(set_active_expire),
    ),
    row(
        "debug|help",
        2,
        DEBUG,
        KeyPlaces::None,
        ["1.0.0", "O(1)", "Returns helpful text about the different subcommands."],
        help::ROW,
    ),
];

fn usage(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    match &args[3..] {
        [] => {}
        // The size is known without sampling: any number of samples gives the same.
        [word, samples] if is(word, "samples") => {
            natural(samples, NOT_INTEGER)?;
        }
        _ => return Err(SYNTAX.into()),
    }
    match context.keys.peek(args[2]).map(|entry| entry.memory_bytes()) {
        None => context.reply.null(),
        Some(bytes) => context.reply.count(bytes),
    }
    Ok(())
}

fn stats(context: &mut Context<'_, '_>, _args: &[&[u8]]) -> Outcome {
    let used = memory_bytes(context);
    let databases = 0..crate::dataset::DATABASES;
    let keys: u64 = databases
        .flat_map(|database| context.keys.partitions(database))
        .map(|partition| partition.data.len() as u64)
        .sum();
    let fields = [
        ("peak.allocated", context.service.metrics.memory_peak.load(Ordering::Relaxed)),
        ("total.allocated", used),
        ("keys.count", keys),
        ("keys.bytes-per-key", used.checked_div(keys).unwrap_or(0)),
        ("dataset.bytes", used),
        ("process.resident", process_memory().resident),
    ];
    context.reply.map(fields.len());
    for (name, value) in fields {
        context.reply.bulk(name.as_bytes());
        context.reply.integer(value as i64);
    }
    Ok(())
}

fn slowlog_get(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    if let Some(count) = args.get(2)
        && crate::commands::arguments::integer(count)? < -1
    {
        return Err("ERR count should be greater than or equal to -1".into());
    }
    session.reply.array(0);
    Ok(())
}

fn slowlog_reset(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    session.reply.ok();
    Ok(())
}

fn latency_graph(_session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    Err(format!("ERR No samples available for event '{}'", String::from_utf8_lossy(args[2])).into())
}

/// The longest DEBUG SLEEP, in seconds: a year.
const SLEEP_SECONDS_MAX: f64 = 31_536_000.0;

fn sleep(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    let seconds = parse_float(args[2]).filter(|seconds| (0.0..=SLEEP_SECONDS_MAX).contains(seconds));
    let seconds = seconds.ok_or(Failure::from(NOT_FLOAT))?;
    if session.in_exec {
        return Err("ERR DEBUG SLEEP is not supported inside a transaction".into());
    }
    session.then = Some(Then::Sleep { deadline: session.service.now() + (seconds * 1_000.0).ceil() as u64 });
    Ok(())
}

fn object(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let now = context.keys.now / 1_000;
    let Some(entry) = context.keys.peek(args[2]) else { return Err(NO_SUCH_KEY.into()) };
    let mut value = Vec::new();
    entry.put_value(&mut value);
    let idle = now.saturating_sub(u64::from(entry.accessed()));
    let text = format!(
        "Value refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{idle}",
        entry.encoding(),
        value.len(),
        entry.accessed()
    );
    context.reply.simple(&text);
    Ok(())
}

fn set_active_expire(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    let on = match args[2] {
        b"0" => false,
        b"1" => true,
        _ => return Err(SYNTAX.into()),
    };
    session.service.active_expiry.store(on, Ordering::Relaxed);
    session.reply.ok();
    Ok(())
}
