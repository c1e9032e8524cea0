//! CONFIG: settings as Redis names them. What is read comes from one table; SET changes several at once or none.

mod parameters;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bole_base::Durability;

use crate::command::{Command, Flags, Handler, KeyPlaces};
use crate::commands::arguments::parse_database;
use crate::commands::config::parameters::{PARAMETERS, Set, View};
use crate::commands::{CONTAINER, help};
use crate::context::{Context, Session};
use crate::dataset::DATABASES;
use crate::failure::{Failure, Outcome};
use crate::glob;
use crate::service::Settings;

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
        "config",
        CONTAINER,
        Flags(0),
        KeyPlaces::None,
        ["2.0.0", "Depends on subcommand.", "A container for server configuration commands."],
        help::HEAD,
    ),
    row(
        "config|get",
        -3,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        [
            "2.0.0",
            "O(N) when N is the number of configuration parameters provided",
            "Returns the effective values of configuration parameters.",
        ],
        Handler::Session(get),
    ),
    row(
        "config|set",
        -4,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        [
            "2.0.0",
            "O(N) when N is the number of configuration parameters provided",
            "Sets configuration parameters in-flight.",
        ],
        Handler::Everything(set),
    ),
    row(
        "config|resetstat",
        2,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["2.0.0", "O(1)", "Resets the server's statistics."],
        Handler::Session(resetstat),
    ),
    row(
        "config|rewrite",
        2,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["2.8.0", "O(1)", "Persists the effective configuration to file."],
        Handler::Session(rewrite),
    ),
    row(
        "config|help",
        2,
        Flags::LOADING.and(Flags::STALE),
        KeyPlaces::None,
        ["5.0.0", "O(1)", "Returns helpful text about the different subcommands."],
        help::ROW,
    ),
];

/// `durability` is the selected database's class, `durability-N` that of database N.
fn durability_of(name: &str, selected: usize) -> Option<usize> {
    match name.strip_prefix("durability")? {
        "" => Some(selected),
        number => parse_database(number.strip_prefix('-')?.as_bytes()).ok(),
    }
}

fn lower(name: &[u8]) -> String {
    String::from_utf8_lossy(name).to_lowercase()
}

fn get(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    let patterns: Vec<String> = args[2..].iter().map(|pattern| lower(pattern)).collect();
    let wanted =
        |name: &str| patterns.iter().any(|pattern| glob::matches(pattern.as_bytes(), name.as_bytes()));
    let service = session.service;
    let settings = service.settings.read().clone();
    let view = View { service, settings: &settings, client: &session.state.client };
    let mut found: Vec<(String, String)> = PARAMETERS
        .iter()
        .filter(|parameter| wanted(parameter.name))
        .map(|parameter| (parameter.name.to_owned(), (parameter.get)(&view)))
        .collect();
    let numbered = (0..DATABASES).map(|database| (format!("durability-{database}"), database));
    for (name, database) in [("durability".to_owned(), session.state.database)].into_iter().chain(numbered) {
        if wanted(&name) {
            found.push((name, service.databases.dataset(database).class().to_string()));
        }
    }
    session.reply.map(found.len());
    for (name, value) in &found {
        session.reply.bulk(name.as_bytes());
        session.reply.bulk(value.as_bytes());
    }
    Ok(())
}

/// What SET is going to do, once all of it is known to be possible.
struct Change {
    settings: Settings,
    classes: Vec<(usize, Durability)>,
}

fn set(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    if !args.len().is_multiple_of(2) {
        return Err("ERR wrong number of arguments for 'config|set' command".into());
    }
    let service = Arc::clone(context.service);
    let mut change = Change { settings: service.settings.read().clone(), classes: Vec::new() };
    let mut seen: Vec<String> = Vec::new();
    for pair in args[2..].chunks_exact(2) {
        let name = lower(pair[0]);
        let failed = |why: &str| {
            Failure::from(format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {why}"))
        };
        if seen.contains(&name) {
            return Err(failed("duplicate parameter"));
        }
        let value = std::str::from_utf8(pair[1]).map_err(|_| failed("the value is not valid UTF-8"))?;
        prepare(context, &mut change, &name, value, &failed)?;
        seen.push(name);
    }
    let limits = change.settings.limits;
    service.memory.configure(change.settings.memory_bytes_max as u64, change.settings.eviction);
    context.keys.set_limits(limits);
    context.keys.count_uses(change.settings.eviction.counts_uses());
    *service.settings.write() = change.settings;
    for (database, class) in change.classes {
        context.keys.set_class(database, class);
    }
    context.reply.ok();
    Ok(())
}

/// Checks one parameter and notes its change.
fn prepare(
    context: &Context<'_, '_>,
    change: &mut Change,
    name: &str,
    value: &str,
    failed: &dyn Fn(&str) -> Failure,
) -> Outcome {
    if let Some(database) = durability_of(name, context.keys.database) {
        let class = change_class(context, database, value).map_err(|why| failed(&why))?;
        change.classes.push((database, class));
        return Ok(());
    }
    let Some(parameter) = PARAMETERS.iter().find(|parameter| parameter.name == name) else {
        return Err(format!("ERR Unknown option or number of arguments for CONFIG SET - '{name}'").into());
    };
    match parameter.set {
        Set::To(set) => set(&mut change.settings, value).map_err(|why| failed(&why)),
        Set::Never => {
            let view = View { service: context.service, settings: &change.settings, client: context.client };
            let current = (parameter.get)(&view);
            if current.eq_ignore_ascii_case(value) {
                return Ok(());
            }
            Err(failed(&format!("it is '{current}' and cannot be changed")))
        }
    }
}

/// The class that a database may change to. What is not logged never becomes logged, nor the other way round, while there are keys.
fn change_class(context: &Context<'_, '_>, database: usize, value: &str) -> Result<Durability, String> {
    let class: Durability = value.to_ascii_lowercase().parse()?;
    let current = context.service.databases.dataset(database).class();
    let memory = [class, current].contains(&Durability::Memory);
    let keys: usize = context.keys.partitions(database).map(|partition| partition.data.len()).sum();
    if class != current && memory && keys > 0 {
        return Err(format!(
            "database {database} holds {keys} keys; it can change from {current} to {class} only while it is empty"
        ));
    }
    Ok(class)
}

fn resetstat(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    session.service.metrics.reset();
    session.service.metrics.memory_peak.store(0, Ordering::Relaxed);
    session.reply.ok();
    Ok(())
}

fn rewrite(_session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    Err("ERR CONFIG REWRITE is not supported: lasting settings belong in bole.toml".into())
}
