//! What clients do to others: KILL, UNBLOCK, PAUSE.

use std::sync::Arc;

use crate::client::{Client, Unblock};
use crate::commands::arguments::{Options, integer, is};
use crate::commands::client::list::{Kind, user};
use crate::context::{Session, Then};
use crate::failure::{Failure, Outcome, SYNTAX};

/// Which clients KILL means: all that every given filter matches.
struct Filter<'a> {
    id: Option<u64>,
    kind: Option<Kind>,
    user: Option<&'a [u8]>,
    address: Option<&'a [u8]>,
    local: Option<&'a [u8]>,
    age_seconds_min: Option<u64>,
    skip_me: bool,
}

impl<'a> Filter<'a> {
    fn parse(args: &'a [&'a [u8]]) -> Result<Self, Failure> {
        let mut filter = Self {
            id: None,
            kind: None,
            user: None,
            address: None,
            local: None,
            age_seconds_min: None,
            skip_me: true,
        };
        let mut options = Options::new(args, 2);
        while let Some(option) = options.next() {
            let value = options.value()?;
            match () {
                () if is(option, "id") => {
                    let id = integer(value).ok().and_then(|id| u64::try_from(id).ok()).filter(|&id| id > 0);
                    filter.id = Some(id.ok_or("ERR client-id should be greater than 0")?);
                }
                () if is(option, "type") => filter.kind = Some(Kind::parse(value)?),
                () if is(option, "user") => filter.user = Some(value),
                () if is(option, "addr") => filter.address = Some(value),
                () if is(option, "laddr") => filter.local = Some(value),
                () if is(option, "maxage") => {
                    let age =
                        integer(value).ok().and_then(|age| u64::try_from(age).ok()).filter(|&age| age > 0);
                    filter.age_seconds_min = Some(age.ok_or("ERR maxage is not an integer or out of range")?);
                }
                () if is(option, "skipme") && is(value, "yes") => filter.skip_me = true,
                () if is(option, "skipme") && is(value, "no") => filter.skip_me = false,
                () => return Err(SYNTAX.into()),
            }
        }
        Ok(filter)
    }

    fn matches(&self, client: &Client, own_id: u64, now: u64) -> bool {
        let at = |wanted: Option<&[u8]>, address: std::net::SocketAddr| {
            wanted.is_none_or(|wanted| address.to_string().as_bytes() == wanted)
        };
        let age_seconds = now.saturating_sub(client.connected_ms) / 1_000;
        !(self.skip_me && client.id == own_id)
            && self.id.is_none_or(|id| client.id == id)
            && self.kind.is_none_or(|kind| Kind::of(client) == kind)
            && self.user.is_none_or(|name| user(&client.details.lock().user).as_bytes() == name)
            && at(self.address, client.peer)
            && at(self.local, client.local)
            && self.age_seconds_min.is_none_or(|least| age_seconds >= least)
    }
}

/// CLIENT KILL.
pub(super) fn kill(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    let old_form = args.len() == 3;
    let filter = if old_form {
        let mut filter = Filter::parse(&[])?;
        filter.address = Some(args[2]);
        filter.skip_me = false;
        filter
    } else {
        Filter::parse(args)?
    };
    let own = session.state.client.id;
    let mut killed: Vec<Arc<Client>> = session.service.clients.all();
    killed.retain(|client| filter.matches(client, own, session.now));
    match (old_form, killed.len()) {
        (true, 0) => return Err("ERR No such client".into()),
        (true, _) => session.reply.ok(),
        (false, count) => session.reply.count(count),
    }
    for client in &killed {
        if client.id == own {
            // Its own connection still gets this reply: it looks after the replies are sent.
            client.kill();
        } else {
            client.cut_off();
        }
    }
    killed.retain(|client| client.id != own);
    // The reply leaves when their sockets are closed: whoever reads it may rely on them to notice before they send anything more.
    if !killed.is_empty() {
        session.then = Some(Then::Killed(killed));
    }
    Ok(())
}

/// CLIENT UNBLOCK.
pub(super) fn unblock(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    let how = match args.get(3) {
        None => Unblock::Timeout,
        Some(word) if is(word, "timeout") => Unblock::Timeout,
        Some(word) if is(word, "error") => Unblock::Error,
        Some(_) => return Err("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR".into()),
    };
    if args.len() > 4 {
        return Err(SYNTAX.into());
    }
    let id = integer(args[2])?;
    let client = u64::try_from(id).ok().and_then(|id| session.service.clients.get(id));
    let unblocked = client.is_some_and(|client| client.unblock(how));
    session.reply.integer(i64::from(unblocked));
    Ok(())
}

/// CLIENT PAUSE.
pub(super) fn pause(_session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    Err("ERR CLIENT PAUSE is not supported: there is no replica to fail over to".into())
}

/// CLIENT UNPAUSE: nobody is ever paused.
pub(super) fn unpause(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    session.reply.ok();
    Ok(())
}
