//! DUMP and RESTORE: values in the form that Redis itself writes.

use crate::commands::arguments::{Options, integer};
use crate::context::Context;
use crate::failure::{Failure, Outcome, SYNTAX};
use crate::state::{Effect, dump as payload};

/// DUMP.
pub(super) fn dump(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let mut bytes = Vec::new();
    match context.keys.get(args[1]) {
        None => context.reply.null(),
        Some(entry) => {
            payload::dump(entry.view(), &mut bytes);
            context.reply.bulk(&bytes);
        }
    }
    Ok(())
}

#[derive(Default)]
struct Asked {
    replace: bool,
    absolute: bool,
    idle_seconds: Option<u64>,
}

fn options(args: &[&[u8]]) -> Result<Asked, Failure> {
    let mut asked = Asked::default();
    let mut frequency = false;
    let mut options = Options::new(args, 4);
    while options.left() > 0 {
        if options.accept("replace") {
            asked.replace = true;
        } else if options.accept("absttl") {
            asked.absolute = true;
        } else if !frequency && options.left() > 1 && options.accept("idletime") {
            let seconds = integer(options.value()?)?;
            let seconds = u64::try_from(seconds)
                .map_err(|_| Failure::from("ERR Invalid IDLETIME value, must be >= 0"))?;
            asked.idle_seconds = Some(seconds);
        } else if asked.idle_seconds.is_none() && options.left() > 1 && options.accept("freq") {
            // Checked, and then of no consequence, as in Redis without an LFU policy.
            if !(0..=255).contains(&integer(options.value()?)?) {
                return Err("ERR Invalid FREQ value, must be >= 0 and <= 255".into());
            }
            frequency = true;
        } else {
            return Err(SYNTAX.into());
        }
    }
    Ok(asked)
}

/// RESTORE.
pub(super) fn restore(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let key = args[1];
    let now = context.keys.now;
    let asked = options(args)?;
    let exists = context.keys.exists(key);
    if exists && !asked.replace {
        return Err("BUSYKEY Target key name already exists.".into());
    }
    let ttl = integer(args[2])?;
    let ttl = u64::try_from(ttl).map_err(|_| Failure::from("ERR Invalid TTL value, must be >= 0"))?;
    let deadline = match ttl {
        0 => None,
        deadline if asked.absolute => Some(deadline),
        ttl => Some(now.saturating_add(ttl)),
    };
    let mut value = Vec::new();
    payload::restore(args[3], &mut value).map_err(|error| Failure::from(format!("ERR {error}")))?;
    if deadline.is_some_and(|deadline| deadline <= now) {
        if exists {
            context.keys.apply(&Effect::Delete { key })?;
        }
        context.reply.ok();
        return Ok(());
    }
    context.keys.reserve(value.len() + key.len())?;
    context.keys.apply(&Effect::Put { key, deadline, value: &value })?;
    if let Some(idle) = asked.idle_seconds {
        let database = context.keys.database;
        let data = &mut context.keys.partition_mut(database, key).data;
        let accessed = (now / 1_000).saturating_sub(idle);
        data.touch(data.hash(key), key, accessed as u32);
    }
    context.reply.ok();
    Ok(())
}
