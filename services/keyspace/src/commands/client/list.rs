//! CLIENT LIST and CLIENT INFO: a line a client, with the fields that this server knows.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use crate::client::Client;
use crate::commands::arguments::{integer, is};
use crate::commands::registry;
use crate::context::Session;
use crate::failure::{Failure, Outcome, SYNTAX};

/// What kind of client Redis calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    PubSub,
    /// There are none, but clients may ask for them.
    Replication,
}

impl Kind {
    pub(super) fn parse(arg: &[u8]) -> Result<Self, Failure> {
        match () {
            () if is(arg, "normal") => Ok(Self::Normal),
            () if is(arg, "pubsub") => Ok(Self::PubSub),
            () if is(arg, "master") || is(arg, "replica") || is(arg, "slave") => Ok(Self::Replication),
            () => Err(format!("ERR Unknown client type '{}'", String::from_utf8_lossy(arg)).into()),
        }
    }

    pub(super) fn of(client: &Client) -> Self {
        if client.subscriptions.load(Ordering::Relaxed) > 0 { Self::PubSub } else { Self::Normal }
    }
}

/// The name of a client's user, as clients see it.
pub(super) fn user(name: &str) -> &str {
    if name.is_empty() { "default" } else { name }
}

/// A client's line, without its end.
fn line(client: &Client, now: u64) -> String {
    let details = client.details.lock().clone();
    let seconds_since = |then: u64| now.saturating_sub(then) / 1_000;
    let [channels, patterns, shard_channels] =
        client.subscribed.each_ref().map(|n| n.load(Ordering::Relaxed));
    let queued = match client.queued.load(Ordering::Relaxed) {
        u32::MAX => -1,
        count => i64::from(count),
    };
    let mut flags = String::new();
    for (flag, set) in [
        ('P', Kind::of(client) == Kind::PubSub),
        ('b', client.blocked.load(Ordering::Relaxed)),
        ('x', queued >= 0),
        ('c', client.is_killed()),
    ] {
        if set {
            flags.push(flag);
        }
    }
    if flags.is_empty() {
        flags.push('N');
    }
    let command = match client.last_command.load(Ordering::Relaxed) {
        u32::MAX => "NULL",
        index => registry().get(index as usize).name,
    };
    let mut line = format!(
        "id={} addr={} laddr={} fd=-1 name={} age={} idle={} flags={flags} db={} sub={channels} psub={patterns} ssub={shard_channels} multi={queued}",
        client.id,
        client.peer,
        client.local,
        details.name,
        seconds_since(client.connected_ms),
        seconds_since(client.active_ms.load(Ordering::Relaxed)),
        client.database.load(Ordering::Relaxed),
    );
    let _infallible = write!(
        line,
        " omem={} cmd={command} user={} redir=-1 resp={} lib-name={} lib-ver={}",
        client.outbox_bytes(),
        user(&details.user),
        client.protocol.load(Ordering::Relaxed),
        details.library_name,
        details.library_version,
    );
    line
}

/// CLIENT INFO.
pub(super) fn info(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    let text = line(&session.state.client, session.now);
    session.reply.verbatim(&format!("{text}\n"));
    Ok(())
}

/// CLIENT LIST.
pub(super) fn list(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    let clients = match args.get(2) {
        None => session.service.clients.all(),
        Some(word) if is(word, "type") && args.len() == 4 => {
            let kind = Kind::parse(args[3])?;
            let mut clients = session.service.clients.all();
            clients.retain(|client| Kind::of(client) == kind);
            clients
        }
        Some(word) if is(word, "id") && args.len() > 3 => {
            let mut clients = Vec::new();
            for arg in &args[3..] {
                let id = integer(arg).map_err(|_| Failure::from("ERR Invalid client ID"))?;
                clients.extend(u64::try_from(id).ok().and_then(|id| session.service.clients.get(id)));
            }
            clients
        }
        Some(_) => return Err(SYNTAX.into()),
    };
    let lines: String = clients.iter().map(|client| line(client, session.now) + "\n").collect();
    session.reply.verbatim(&lines);
    Ok(())
}
