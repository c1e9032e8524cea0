//! INFO: what the server knows of itself, in Redis's sections and fields. A field that Bole does not measure is absent.

mod process;
mod sections;

use std::fmt::Write as _;

use crate::command::{Command, Flags, Handler, KeyPlaces};
use crate::context::Context;
use crate::failure::Outcome;

pub(super) use process::memory as process_memory;
pub(super) use sections::memory_bytes;

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
pub const COMMANDS: &[Command] = &[row(
    "info",
    -1,
    Flags::LOADING.and(Flags::STALE),
    KeyPlaces::None,
    ["1.0.0", "O(1)", "Returns information and statistics about the server."],
    Handler::Everything(info),
)];

/// A section: its name, whether it is shown unless asked for, and what writes its fields.
struct Section {
    name: &'static str,
    by_default: bool,
    write: fn(&Context<'_, '_>, &mut Report),
}

/// The text as it grows.
#[derive(Default)]
struct Report {
    text: String,
}

impl Report {
    fn title(&mut self, name: &str) {
        if !self.text.is_empty() {
            self.text.push_str("\r\n");
        }
        let (first, rest) = name.split_at(1);
        let _infallible = write!(self.text, "# {}{rest}\r\n", first.to_ascii_uppercase());
    }

    fn field(&mut self, name: &str, value: impl std::fmt::Display) {
        let _infallible = write!(self.text, "{name}:{value}\r\n");
    }
}

fn info(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let asked: Vec<String> =
        args[1..].iter().map(|arg| String::from_utf8_lossy(arg).to_lowercase()).collect();
    let has = |name: &str| asked.iter().any(|asked| asked == name);
    let all = has("all") || has("everything");
    let default = asked.is_empty() || has("default");
    for database in 0..crate::dataset::DATABASES {
        context.keys.need_all(database);
    }
    let mut report = Report::default();
    for section in sections::SECTIONS {
        if all || (default && section.by_default) || has(section.name) {
            report.title(section.name);
            (section.write)(context, &mut report);
        }
    }
    context.reply.verbatim(&report.text);
    Ok(())
}
