//! What a client sets and asks about its own connection.

use crate::commands::arguments::is;
use crate::commands::client::is_valid_name;
use crate::context::{ReplyMode, Session};
use crate::failure::{Failure, Outcome, SYNTAX};

/// CLIENT ID.
pub(super) fn id(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    session.reply.integer(session.state.client.id as i64);
    Ok(())
}

/// CLIENT GETNAME.
pub(super) fn getname(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    let details = session.state.client.details.lock();
    session.reply.bulk_or_null(Some(details.name.as_bytes()).filter(|name| !name.is_empty()));
    Ok(())
}

fn valid(value: &[u8], complaint: &str) -> Result<String, Failure> {
    if !is_valid_name(value) {
        return Err(format!("ERR {complaint} cannot contain spaces, newlines or special characters.").into());
    }
    Ok(String::from_utf8_lossy(value).into_owned())
}

/// CLIENT SETNAME.
pub(super) fn setname(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    let name = valid(args[2], "Client names")?;
    session.state.client.details.lock().name = name;
    session.reply.ok();
    Ok(())
}

/// CLIENT SETINFO.
pub(super) fn setinfo(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    let mut details = session.state.client.details.lock();
    if is(args[2], "lib-name") {
        details.library_name = valid(args[3], "lib-name")?;
    } else if is(args[2], "lib-ver") {
        details.library_version = valid(args[3], "lib-ver")?;
    } else {
        let option = String::from_utf8_lossy(args[2]);
        return Err(format!("ERR Unrecognized option '{option}'").into());
    }
    session.reply.ok();
    Ok(())
}

/// CLIENT REPLY. The connection drops the replies.
pub(super) fn reply(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    let mode = &mut session.state.reply_mode;
    if is(args[2], "on") {
        *mode = ReplyMode::On;
        session.reply.ok();
    } else if is(args[2], "off") {
        *mode = ReplyMode::Off;
    } else if is(args[2], "skip") {
        if *mode != ReplyMode::Off {
            *mode = ReplyMode::SkipNext;
        }
    } else {
        return Err(SYNTAX.into());
    }
    Ok(())
}

fn on_or_off(arg: &[u8]) -> Result<bool, Failure> {
    match () {
        () if is(arg, "on") => Ok(true),
        () if is(arg, "off") => Ok(false),
        () => Err(SYNTAX.into()),
    }
}

/// CLIENT NO-EVICT: no client is ever evicted for the memory that it takes, so either wish is granted.
pub(super) fn no_evict(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    on_or_off(args[2])?;
    session.reply.ok();
    Ok(())
}

/// CLIENT NO-TOUCH.
pub(super) fn no_touch(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    if on_or_off(args[2])? {
        return Err("ERR CLIENT NO-TOUCH ON is not supported: every read counts as a use of its key".into());
    }
    session.reply.ok();
    Ok(())
}

/// CLIENT GETREDIR: tracking is always off.
pub(super) fn getredir(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    session.reply.integer(-1);
    Ok(())
}

/// CLIENT TRACKING.
pub(super) fn tracking(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    if on_or_off(args[2])? {
        return Err(
            "ERR CLIENT TRACKING ON is not supported: this server does not track what clients cache".into()
        );
    }
    session.reply.ok();
    Ok(())
}

/// CLIENT TRACKINGINFO.
pub(super) fn trackinginfo(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    session.reply.map(3);
    session.reply.bulk(b"flags");
    session.reply.set(1);
    session.reply.bulk(b"off");
    session.reply.bulk(b"redirect");
    session.reply.integer(-1);
    session.reply.bulk(b"prefixes");
    session.reply.array(0);
    Ok(())
}

/// CLIENT CACHING.
pub(super) fn caching(_session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    Err("ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled".into())
}
