//! `HELP` of every container: its subcommands and what they do, from their rows.

use crate::command::Handler;
use crate::commands::registry;
use crate::context::Session;
use crate::failure::Outcome;

/// The handler of a container, which never runs: its subcommands do.
pub const HEAD: Handler = Handler::Session(|_, _| Ok(()));
/// The handler of `container|help`.
pub const ROW: Handler = Handler::Session(help);

fn help(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    let container = String::from_utf8_lossy(args[0]).to_lowercase();
    let mut lines = vec![format!(
        "{} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        container.to_uppercase()
    )];
    for command in registry().subcommands(&container) {
        let subcommand = command.name.split_once('|').map_or(command.name, |(_, name)| name);
        lines.push(subcommand.to_uppercase());
        lines.push(format!("    {}", command.summary));
    }
    session.reply.array(lines.len());
    for line in &lines {
        session.reply.simple(line);
    }
    Ok(())
}
