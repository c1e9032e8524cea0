//! COMMAND: the registry, as clients read it.

mod describe;

use crate::command::{Command, Flags, Handler, KeyPlaces};
use crate::commands::arguments::is;
use crate::commands::{help, registry};
use crate::context::Session;
use crate::failure::{Failure, Outcome, SYNTAX};
use crate::glob;

pub(super) use describe::{CATEGORIES, categories};

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
        "command",
        -1,
        Flags::LOADING.and(Flags::STALE),
        KeyPlaces::None,
        [
            "2.8.13",
            "O(N) where N is the total number of commands",
            "Returns detailed information about all commands.",
        ],
        Handler::Session(all),
    ),
    row(
        "command|count",
        2,
        Flags::LOADING.and(Flags::STALE),
        KeyPlaces::None,
        ["2.8.13", "O(1)", "Returns a count of commands."],
        Handler::Session(count),
    ),
    row(
        "command|info",
        -2,
        Flags::LOADING.and(Flags::STALE),
        KeyPlaces::None,
        [
            "2.8.13",
            "O(N) where N is the number of commands to look up",
            "Returns information about one, multiple or all commands.",
        ],
        Handler::Session(info),
    ),
    row(
        "command|docs",
        -2,
        Flags::LOADING.and(Flags::STALE),
        KeyPlaces::None,
        [
            "7.0.0",
            "O(N) where N is the number of commands to look up",
            "Returns documentary information about one, multiple or all commands.",
        ],
        Handler::Session(docs),
    ),
    row(
        "command|list",
        -2,
        Flags::LOADING.and(Flags::STALE),
        KeyPlaces::None,
        ["7.0.0", "O(N) where N is the total number of commands", "Returns a list of command names."],
        Handler::Session(list),
    ),
    row(
        "command|getkeys",
        -3,
        Flags::LOADING.and(Flags::STALE),
        KeyPlaces::None,
        [
            "2.8.13",
            "O(N) where N is the number of arguments to the command",
            "Extracts the key names from an arbitrary command.",
        ],
        Handler::Session(getkeys),
    ),
    row(
        "command|getkeysandflags",
        -3,
        Flags::LOADING.and(Flags::STALE),
        KeyPlaces::None,
        [
            "7.0.0",
            "O(N) where N is the number of arguments to the command",
            "Extracts the key names and access flags for an arbitrary command.",
        ],
        Handler::Session(getkeysandflags),
    ),
    row(
        "command|help",
        2,
        Flags::LOADING.and(Flags::STALE),
        KeyPlaces::None,
        ["5.0.0", "O(1)", "Returns helpful text about the different subcommands."],
        help::ROW,
    ),
];

/// Commands that are not subcommands.
fn top_level() -> impl Iterator<Item = &'static Command> {
    registry().all().iter().copied().filter(|command| !command.name.contains('|'))
}

/// A command by the name that a client gives, `container|subcommand` included.
fn named(name: &[u8]) -> Option<&'static Command> {
    registry().by_name(&name.to_ascii_lowercase()).map(|(_, command)| command)
}

fn all(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    session.reply.array(top_level().count());
    for command in top_level() {
        describe::info(session.reply, command);
    }
    Ok(())
}

fn count(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    session.reply.count(top_level().count());
    Ok(())
}

fn info(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    if args.len() == 2 {
        return all(session, args);
    }
    session.reply.array(args.len() - 2);
    for name in &args[2..] {
        match named(name) {
            Some(command) => describe::info(session.reply, command),
            None => session.reply.null_array(),
        }
    }
    Ok(())
}

fn docs(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    let found: Vec<&Command> = if args.len() == 2 {
        top_level().collect()
    } else {
        args[2..].iter().filter_map(|name| named(name)).collect()
    };
    session.reply.map(found.len());
    for command in found {
        describe::docs(session.reply, command);
    }
    Ok(())
}

fn list(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    let found: Vec<&Command> = match args {
        [_, _] => top_level().collect(),
        [_, _, by, how, what] if is(by, "filterby") => {
            let all = registry().all().iter().copied();
            match () {
                () if is(how, "pattern") => {
                    let pattern = what.to_ascii_lowercase();
                    all.filter(|command| glob::matches(&pattern, command.name.as_bytes())).collect()
                }
                () if is(how, "aclcat") => {
                    let category = String::from_utf8_lossy(what).to_lowercase();
                    all.filter(|command| describe::categories(command).contains(&category.as_str())).collect()
                }
                () if is(how, "module") => Vec::new(),
                () => return Err(SYNTAX.into()),
            }
        }
        _ => return Err(SYNTAX.into()),
    };
    session.reply.array(found.len());
    for command in found {
        session.reply.bulk(command.name.as_bytes());
    }
    Ok(())
}

/// The indices of the keys of a command line, and its row.
fn find_keys(line: &[&[u8]]) -> Result<(&'static Command, Vec<usize>), Failure> {
    let (_, command) = registry().find(line).map_err(|_| Failure::from("ERR Invalid command specified"))?;
    if matches!(command.keys, KeyPlaces::None) {
        return Err("ERR The command has no key arguments".into());
    }
    if !command.accepts(line.len()) {
        return Err("ERR Invalid number of arguments specified for command".into());
    }
    let mut found = Vec::new();
    command.keys.each(line, |at| found.push(at));
    if found.is_empty() && !command.flags.has(Flags::NO_MANDATORY_KEYS) {
        return Err("ERR Invalid arguments specified for command".into());
    }
    Ok((command, found))
}

fn getkeys(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    let line = &args[2..];
    let (_, found) = find_keys(line)?;
    session.reply.array(found.len());
    for at in found {
        session.reply.bulk(line[at]);
    }
    Ok(())
}

fn getkeysandflags(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    let line = &args[2..];
    let (command, found) = find_keys(line)?;
    session.reply.array(found.len());
    for at in found {
        session.reply.array(2);
        session.reply.bulk(line[at]);
        describe::key_flags(session.reply, command);
    }
    Ok(())
}
