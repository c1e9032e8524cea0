//! CLIENT: what a connection says about itself, and what operators do to connections.

mod kill;
mod list;
mod own;

use crate::command::{Command, Flags, Handler, KeyPlaces};
use crate::commands::{CONTAINER, help};

const fn row(
    name: &'static str,
    arity: i16,
    flags: Flags,
    keys: KeyPlaces,
    [since, complexity, summary]: [&'static str; 3],
    handler: Handler,
) -> Command {
    Command { name, arity, flags, keys, category: "connection", since, complexity, summary, handler }
}

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    row(
        "client",
        CONTAINER,
        Flags(0),
        KeyPlaces::None,
        ["2.4.0", "Depends on subcommand.", "A container for client connection commands."],
        help::HEAD,
    ),
    row(
        "client|id",
        2,
        Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["5.0.0", "O(1)", "Returns the unique client ID of the connection."],
        Handler::Session(own::id),
    ),
    row(
        "client|info",
        2,
        Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["6.2.0", "O(1)", "Returns information about the connection."],
        Handler::Session(list::info),
    ),
    row(
        "client|list",
        -2,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["2.4.0", "O(N) where N is the number of client connections", "Lists open connections."],
        Handler::Session(list::list),
    ),
    row(
        "client|getname",
        2,
        Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["2.6.9", "O(1)", "Returns the name of the connection."],
        Handler::Session(own::getname),
    ),
    row(
        "client|setname",
        3,
        Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["2.6.9", "O(1)", "Sets the connection name."],
        Handler::Session(own::setname),
    ),
    row(
        "client|setinfo",
        4,
        Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["7.2.0", "O(1)", "Sets information specific to the client or connection."],
        Handler::Session(own::setinfo),
    ),
    row(
        "client|kill",
        -3,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["2.4.0", "O(N) where N is the number of client connections", "Terminates open connections."],
        Handler::Session(kill::kill),
    ),
    row(
        "client|unblock",
        -3,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        [
            "5.0.0",
            "O(log N) where N is the number of client connections",
            "Unblocks a client blocked by a blocking command from a different connection.",
        ],
        Handler::Session(kill::unblock),
    ),
    row(
        "client|reply",
        3,
        Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["3.2.0", "O(1)", "Instructs the server whether to reply to commands."],
        Handler::Session(own::reply),
    ),
    row(
        "client|pause",
        -3,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["3.0.0", "O(1)", "Suspends commands processing."],
        Handler::Session(kill::pause),
    ),
    row(
        "client|unpause",
        2,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        [
            "6.2.0",
            "O(N) Where N is the number of paused clients",
            "Resumes processing commands from paused clients.",
        ],
        Handler::Session(kill::unpause),
    ),
    row(
        "client|no-evict",
        3,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["7.0.0", "O(1)", "Sets the client eviction mode of the connection."],
        Handler::Session(own::no_evict),
    ),
    row(
        "client|no-touch",
        3,
        Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        [
            "7.2.0",
            "O(1)",
            "Controls whether commands sent by the client affect the LRU/LFU of accessed keys.",
        ],
        Handler::Session(own::no_touch),
    ),
    row(
        "client|getredir",
        2,
        Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        [
            "6.0.0",
            "O(1)",
            "Returns the client ID to which the connection's tracking notifications are redirected.",
        ],
        Handler::Session(own::getredir),
    ),
    row(
        "client|tracking",
        -3,
        Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        [
            "6.0.0",
            "O(1). Some options may introduce additional complexity.",
            "Controls server-assisted client-side caching for the connection.",
        ],
        Handler::Session(own::tracking),
    ),
    row(
        "client|trackinginfo",
        2,
        Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        [
            "6.2.0",
            "O(1)",
            "Returns information about server-assisted client-side caching for the connection.",
        ],
        Handler::Session(own::trackinginfo),
    ),
    row(
        "client|caching",
        3,
        Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["6.0.0", "O(1)", "Instructs the server whether to track the keys in the next request."],
        Handler::Session(own::caching),
    ),
    row(
        "client|help",
        2,
        Flags::LOADING.and(Flags::STALE),
        KeyPlaces::None,
        ["5.0.0", "O(1)", "Returns helpful text about the different subcommands."],
        help::ROW,
    ),
];

/// Whether a client may call itself so: printable ASCII without spaces.
pub fn is_valid_name(name: &[u8]) -> bool {
    name.iter().all(|byte| (b'!'..=b'~').contains(byte))
}
