//! HELLO, AUTH, and what every connection begins with: PING, ECHO, SELECT, QUIT, RESET.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::command::{Command, Flags, Handler, KeyPlaces};
use crate::commands::arguments::{Options, is, parse_database};
use crate::commands::client::is_valid_name;
use crate::context::{Grants, Hello, ReplyMode, Session, SessionState, Then};
use crate::failure::Outcome;
use crate::protocol::Reply;
use crate::service::Service;
use crate::state::parse_integer;

const FLAGS: Flags = Flags::FAST.and(Flags::LOADING).and(Flags::STALE);
const OPEN: Flags = FLAGS.and(Flags::NO_AUTH).and(Flags::NOSCRIPT).and(Flags::ALLOW_BUSY);
/// The version of Redis whose behaviour clients may expect.
pub const REDIS_VERSION: &str = "7.2.4";
const WRONG_PASSWORD: &str = "WRONGPASS invalid username-password pair or user is disabled.";

const fn row(
    name: &'static str,
    arity: i16,
    flags: Flags,
    since: &'static str,
    summary: &'static str,
    handler: fn(&mut Session<'_>, &[&[u8]]) -> Outcome,
) -> Command {
    Command {
        name,
        arity,
        flags,
        keys: KeyPlaces::None,
        category: "connection",
        since,
        complexity: "O(1)",
        summary,
        handler: Handler::Session(handler),
    }
}

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    row("auth", -2, OPEN, "1.0.0", "Authenticates the connection.", auth),
    row("hello", -1, OPEN, "6.0.0", "Handshakes with the server.", hello),
    row("ping", -1, FLAGS, "1.0.0", "Returns the server's liveliness response.", ping),
    row("echo", 2, FLAGS, "1.0.0", "Returns the given string.", echo),
    row("select", 2, FLAGS, "1.0.0", "Changes the selected database.", select),
    row("quit", -1, OPEN, "1.0.0", "Closes the connection.", quit),
    row("reset", 1, OPEN, "6.2.0", "Resets the connection.", reset),
];

fn auth(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    let (user, password) = match args {
        [_, password] => (&b"default"[..], *password),
        [_, user, password] => (*user, *password),
        _ => return Err(crate::failure::SYNTAX.into()),
    };
    if session.in_exec {
        return Err("ERR AUTH inside a transaction is not supported; authenticate before MULTI".into());
    }
    if args.len() == 2 && session.service.authenticator.anonymous().is_some() {
        return Err("ERR AUTH <password> called without any password configured for the default user. \
                    Are you sure your configuration is correct?"
            .into());
    }
    session.then = Some(Then::Authenticate { user: text(user), password: text(password), hello: None });
    Ok(())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn hello(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    let mut asked = Hello::default();
    if let Some(version) = args.get(1) {
        let version =
            parse_integer(version).ok_or("ERR Protocol version is not an integer or out of range")?;
        if !(2..=3).contains(&version) {
            return Err("NOPROTO unsupported protocol version".into());
        }
        asked.version = Some(version as u8);
    }
    let mut credentials = None;
    let mut options = Options::new(args, 2);
    while let Some(option) = options.next() {
        if is(option, "auth") && options.left() >= 2 {
            credentials = Some((text(options.value()?), text(options.value()?)));
        } else if is(option, "setname") && options.left() >= 1 {
            let name = options.value()?;
            if !is_valid_name(name) {
                return Err("ERR Client names cannot contain spaces, newlines or special characters.".into());
            }
            asked.name = Some(text(name));
        } else {
            return Err(format!("ERR Syntax error in HELLO option '{}'", text(option)).into());
        }
    }
    if let Some((user, password)) = credentials {
        if session.in_exec {
            return Err("ERR AUTH inside a transaction is not supported; authenticate before MULTI".into());
        }
        session.then = Some(Then::Authenticate { user, password, hello: Some(asked) });
        return Ok(());
    }
    if session.state.grants.is_none() {
        return Err("NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH \
                    <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
            .into());
    }
    greet(session.state, session.reply, asked);
    Ok(())
}

/// Ends AUTH, or a HELLO with AUTH, after the password was checked.
pub fn authenticated(
    service: &Arc<Service>,
    state: &mut SessionState,
    reply: &mut Reply,
    user: &str,
    grants: Option<Grants>,
    hello: Option<Hello>,
) {
    let Some(grants) = grants else {
        reply.error(WRONG_PASSWORD);
        return;
    };
    state.grants = Some(grants);
    state.policy_version = service.authenticator.version();
    user.clone_into(&mut state.client.details.lock().user);
    match hello {
        None => reply.ok(),
        Some(asked) => greet(state, reply, asked),
    }
}

fn greet(state: &mut SessionState, reply: &mut Reply, asked: Hello) {
    if let Some(name) = asked.name {
        state.client.details.lock().name = name;
    }
    if let Some(version) = asked.version {
        reply.resp3 = version == 3;
        state.client.protocol.store(version, Ordering::Relaxed);
    }

    reply.map(7);
    for (name, value) in [("server", "redis"), ("version", REDIS_VERSION)] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"proto");
    reply.integer(if reply.resp3 { 3 } else { 2 });
    reply.bulk(b"id");
    reply.integer(state.client.id as i64);
    for (name, value) in [("mode", "standalone"), ("role", "master")] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
}

fn ping(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    if args.len() > 2 {
        return Err("ERR wrong number of arguments for 'ping' command".into());
    }
    if session.state.is_subscriber() && !session.reply.resp3 {
        session.reply.array(2);
        session.reply.bulk(b"pong");
        session.reply.bulk(args.get(1).copied().unwrap_or_default());
        return Ok(());
    }
    match args.get(1) {
        None => session.reply.simple("PONG"),
        Some(text) => session.reply.bulk(text),
    }
    Ok(())
}

fn echo(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    session.reply.bulk(args[1]);
    Ok(())
}

fn select(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    let database = parse_database(args[1])?;
    session.state.select(database);
    session.reply.ok();
    Ok(())
}

fn quit(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    session.reply.ok();
    session.then = Some(Then::Close);
    Ok(())
}

fn reset(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    session.state.end_multi(session.service);
    session.state.unsubscribe_all(session.service);
    session.state.select(0);
    session.state.reply_mode = ReplyMode::On;
    session.reply.resp3 = false;
    session.state.client.protocol.store(2, Ordering::Relaxed);
    {
        let mut details = session.state.client.details.lock();
        details.name.clear();
        details.user.clear();
    }
    session.state.grants = session.service.authenticator.anonymous();
    session.reply.simple("RESET");
    Ok(())
}
