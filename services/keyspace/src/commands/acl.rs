//! ACL: who a client is, the categories of commands, and random passwords. Users belong to the node's identity, not to this protocol.

use std::io::Read as _;

use crate::command::{Command, Flags, Handler, KeyPlaces};
use crate::commands::arguments::integer;
use crate::commands::introspection::{CATEGORIES, categories};
use crate::commands::{CONTAINER, help, registry};
use crate::context::Session;
use crate::failure::Outcome;

const ELSEWHERE: Handler = Handler::Session(|_, _| {
    Err("ERR users are managed by the node for all its protocols, not with ACL commands".into())
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
        "acl",
        CONTAINER,
        Flags(0),
        KeyPlaces::None,
        ["6.0.0", "Depends on subcommand.", "A container for Access List Control commands."],
        help::HEAD,
    ),
    row(
        "acl|whoami",
        2,
        Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["6.0.0", "O(1)", "Returns the authenticated username of the current connection."],
        Handler::Session(whoami),
    ),
    row(
        "acl|list",
        2,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        [
            "6.0.0",
            "O(N). Where N is the number of configured users.",
            "Dumps the effective rules in ACL file format.",
        ],
        ELSEWHERE,
    ),
    row(
        "acl|users",
        2,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["6.0.0", "O(N). Where N is the number of configured users.", "Lists all ACL users."],
        ELSEWHERE,
    ),
    row(
        "acl|cat",
        -2,
        Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        [
            "6.0.0",
            "O(1) since the categories and commands are a fixed set.",
            "Lists the ACL categories, or the commands inside a category.",
        ],
        Handler::Session(cat),
    ),
    row(
        "acl|genpass",
        -2,
        Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        [
            "6.0.0",
            "O(1)",
            "Generates a pseudorandom, secure password that can be used to identify ACL users.",
        ],
        Handler::Session(genpass),
    ),
    row(
        "acl|help",
        2,
        Flags::LOADING.and(Flags::STALE),
        KeyPlaces::None,
        ["6.0.0", "O(1)", "Returns helpful text about the different subcommands."],
        help::ROW,
    ),
    row(
        "acl|setuser",
        -3,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        [
            "6.0.0",
            "O(N). Where N is the number of rules provided.",
            "Creates and modifies an ACL user and its rules.",
        ],
        ELSEWHERE,
    ),
    row(
        "acl|getuser",
        3,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        [
            "6.0.0",
            "O(N). Where N is the number of password, command and pattern rules that the user has.",
            "Lists the ACL rules of a user.",
        ],
        ELSEWHERE,
    ),
    row(
        "acl|deluser",
        -3,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        [
            "6.0.0",
            "O(1) amortized time considering the typical user.",
            "Deletes ACL users, and terminates their connections.",
        ],
        ELSEWHERE,
    ),
    row(
        "acl|dryrun",
        -4,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["7.0.0", "O(1).", "Simulates the execution of a command by a user, without executing the command."],
        ELSEWHERE,
    ),
    row(
        "acl|load",
        2,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        [
            "6.0.0",
            "O(N). Where N is the number of configured users.",
            "Reloads the rules from the configured ACL file.",
        ],
        ELSEWHERE,
    ),
    row(
        "acl|save",
        2,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        [
            "6.0.0",
            "O(N). Where N is the number of configured users.",
            "Saves the effective ACL rules in the configured ACL file.",
        ],
        ELSEWHERE,
    ),
    row(
        "acl|log",
        -2,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        [
            "6.0.0",
            "O(N) with N being the number of entries shown.",
            "Lists recent security events generated due to ACL rules.",
        ],
        ELSEWHERE,
    ),
];

fn whoami(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    let details = session.state.client.details.lock();
    session.reply.bulk(crate::commands::client::user_name(&details.user).as_bytes());
    Ok(())
}

fn cat(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    let names: Vec<&str> = match args {
        [_, _] => CATEGORIES.to_vec(),
        [_, _, asked] => {
            let asked = String::from_utf8_lossy(asked).to_lowercase();
            if !CATEGORIES.contains(&asked.as_str()) {
                return Err(format!("ERR Unknown category '{asked}'").into());
            }
            let all = registry().all().iter();
            all.filter(|command| categories(command).contains(&asked.as_str()))
                .map(|command| command.name)
                .collect()
        }
        _ => return Err("ERR wrong number of arguments for 'acl|cat' command".into()),
    };
    session.reply.array(names.len());
    for name in names {
        session.reply.bulk(name.as_bytes());
    }
    Ok(())
}

/// Bits of a password unless the client asks for another number.
const PASSWORD_BITS: i64 = 256;
/// The most bits of a password.
const PASSWORD_BITS_MAX: i64 = 4_096;

fn genpass(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    let bits = match args {
        [_, _] => PASSWORD_BITS,
        [_, _, bits] => integer(bits)?,
        _ => return Err("ERR wrong number of arguments for 'acl|genpass' command".into()),
    };
    if !(1..=PASSWORD_BITS_MAX).contains(&bits) {
        return Err(format!(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to {PASSWORD_BITS_MAX}"
        )
        .into());
    }
    let digits = bits.div_euclid(4) as usize + usize::from(bits % 4 > 0);
    let mut bytes = vec![0_u8; digits.div_ceil(2)];
    // A password needs the system's randomness, not the service's cheap one.
    let read = std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|error| format!("ERR no randomness for a password: {error}"))?;
    let text: String =
        bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).take(digits).map(hexadecimal).collect();
    session.reply.bulk(text.as_bytes());
    Ok(())
}

fn hexadecimal(digit: u8) -> char {
    char::from(b"0123456789abcdef"[usize::from(digit & 15)])
}
