//! The registry of commands, one file a family.
//!
//! A family's file lists its rows in `COMMANDS` and holds their handlers. `COMMAND INFO`, `COMMAND DOCS`, arity errors and
//! key positions all come from these rows.

#![expect(clippy::unnecessary_wraps, reason = "all handlers have one signature")]

pub mod acl;
pub mod arguments;
pub mod blocked;
pub mod client;
pub mod config;
pub mod decimal;
pub mod diagnostics;
pub mod gathered;
pub mod hashes;
pub mod hello;
pub mod help;
pub mod info;
pub mod introspection;
pub mod keys;
pub mod lcs;
pub mod lists;
pub mod pubsub;
pub mod sampling;
pub mod scan;
pub mod server;
pub mod sets;
pub mod sort;
pub mod sorted_sets;
pub mod strings;
pub mod topology;
pub mod transactions;

use std::collections::HashMap;
use std::sync::OnceLock;

pub use arguments::parse_database;
pub use blocked::{as_command, serve_blocked};

use crate::command::Command;

/// All families.
const FAMILIES: &[&[Command]] = &[
    blocked::COMMANDS,
    acl::COMMANDS,
    client::COMMANDS,
    config::COMMANDS,
    diagnostics::COMMANDS,
    hashes::COMMANDS,
    hello::COMMANDS,
    info::COMMANDS,
    introspection::COMMANDS,
    keys::COMMANDS,
    lists::COMMANDS,
    pubsub::COMMANDS,
    server::COMMANDS,
    sets::COMMANDS,
    sets::algebra::COMMANDS,
    sort::COMMANDS,
    sorted_sets::COMMANDS,
    strings::COMMANDS,
    topology::COMMANDS,
    transactions::COMMANDS,
];

/// All commands, by name.
pub struct Registry {
    commands: Vec<&'static Command>,
    by_name: HashMap<&'static [u8], usize>,
}

/// The longest name, `container|subcommand` included.
const NAME_BYTES_MAX: usize = 40;

/// The one registry.
pub fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let commands: Vec<&Command> = FAMILIES.iter().copied().flatten().collect();
        let by_name: HashMap<_, _> =
            commands.iter().enumerate().map(|(index, command)| (command.name.as_bytes(), index)).collect();
        assert_eq!(by_name.len(), commands.len(), "each command has one row");
        Registry { commands, by_name }
    })
}

impl Registry {
    /// How many rows there are, subcommands included.
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether there are none, which is never so.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// The row at `index`.
    pub fn get(&self, index: usize) -> &'static Command {
        self.commands[index]
    }

    /// All rows, subcommands included.
    pub fn all(&self) -> &[&'static Command] {
        &self.commands
    }

    /// A row by its name in lower case.
    pub fn by_name(&self, name: &[u8]) -> Option<(usize, &'static Command)> {
        self.by_name.get(name).map(|&index| (index, self.commands[index]))
    }

    /// The subcommands of a container.
    pub fn subcommands(&self, container: &str) -> impl Iterator<Item = &'static Command> {
        let of =
            move |command: &&Command| command.name.split_once('|').is_some_and(|(name, _)| name == container);
        self.commands.iter().copied().filter(of)
    }

    /// The row for a command that a client sent. The error is the reply.
    pub fn find(&self, args: &[&[u8]]) -> Result<(usize, &'static Command), String> {
        let mut buffer = [0_u8; NAME_BYTES_MAX];
        let name = lower(args[0], &mut buffer).and_then(|name| self.by_name(name));
        let Some((index, command)) = name else { return Err(unknown(args)) };
        // COMMAND alone is a command, too.
        let is_container = command.arity == CONTAINER || (command.name == "command" && args.len() > 1);
        if !is_container {
            return Ok((index, command));
        }
        let Some(subcommand) = args.get(1) else {
            return Err(format!("ERR wrong number of arguments for '{}' command", command.name));
        };
        let mut buffer = [0_u8; NAME_BYTES_MAX];
        let joined = [command.name.as_bytes(), b"|", subcommand].concat();
        let found = lower(&joined, &mut buffer).and_then(|name| self.by_name(name));
        found.ok_or_else(|| {
            format!(
                "ERR unknown subcommand '{}'. Try {} HELP.",
                String::from_utf8_lossy(&subcommand[..subcommand.len().min(128)]),
                command.name.to_ascii_uppercase()
            )
        })
    }
}

/// The arity of a command that is only the head of its subcommands.
pub const CONTAINER: i16 = -2000;

fn lower<'a>(name: &[u8], buffer: &'a mut [u8; NAME_BYTES_MAX]) -> Option<&'a [u8]> {
    let lowered = buffer.get_mut(..name.len())?;
    lowered.copy_from_slice(name);
    lowered.make_ascii_lowercase();
    Some(lowered)
}

/// Redis's text for a command that does not exist: the start of the name and of the arguments.
fn unknown(args: &[&[u8]]) -> String {
    let shorten = |arg: &[u8]| String::from_utf8_lossy(&arg[..arg.len().min(128)]).into_owned();
    let mut listed = String::new();
    for arg in &args[1..] {
        if listed.len() >= 128 {
            break;
        }
        listed.extend(["'", &shorten(arg), "' "]);
    }
    format!("ERR unknown command '{}', with args beginning with: {listed}", shorten(args[0]))
}

/// The second database that a command touches.
pub fn other_database(name: &str, args: &[&[u8]]) -> Option<usize> {
    match name {
        "move" => args.get(2).and_then(|arg| parse_database(arg).ok()),
        "copy" => {
            // The last one counts, as for the handler.
            let at = args.iter().rposition(|arg| arg.eq_ignore_ascii_case(b"db")).filter(|at| *at >= 3)?;
            args.get(at + 1).and_then(|arg| parse_database(arg).ok())
        }
        _ => None,
    }
}

/// Whether a command reads keys that its arguments do not name one by one, so that the whole database must be locked for it.
pub fn reads_any_key(name: &str, args: &[&[u8]]) -> bool {
    matches!(name, "sort" | "sort_ro") && sort::reads_any_key(args)
}

/// Whether a command logs values that it finds, so that its arguments do not bound what it logs.
pub fn logs_found_values(name: &str) -> bool {
    matches!(
        name,
        "rename"
            | "renamenx"
            | "copy"
            | "move"
            | "sort"
            | "sinterstore"
            | "sunionstore"
            | "sdiffstore"
            | "zinterstore"
            | "zunionstore"
            | "zdiffstore"
            | "zrangestore"
            | "zremrangebyrank"
            | "zremrangebyscore"
            | "zremrangebylex"
            | "zpopmin"
            | "zpopmax"
            | "zmpop"
            | "bzpopmin"
            | "bzpopmax"
            | "bzmpop"
            | "lrem"
            | "lmove"
            | "rpoplpush"
            | "blmove"
            | "brpoplpush"
            | "spop"
            | "smove"
    )
}
