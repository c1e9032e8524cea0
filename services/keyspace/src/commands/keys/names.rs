//! RENAME, COPY, MOVE: a value under another name or in another database.
//!
//! They log the value that they find, so they take journal space for it before their first effect.

use crate::commands::arguments::{Options, parse_database};
use crate::context::Context;
use crate::failure::{Failure, NO_SUCH_KEY, Outcome, SYNTAX};
use crate::state::Effect;

const SAME: &str = "ERR source and destination objects are the same";

/// A value on its way, encoded as `Put` takes it.
struct Carried {
    value: Vec<u8>,
    deadline: Option<u64>,
}

/// The value at `key`, with journal space to put it under `names` bytes of names.
fn carry(context: &mut Context<'_, '_>, key: &[u8], names: usize) -> Result<Option<Carried>, Failure> {
    let Some(entry) = context.keys.peek(key) else { return Ok(None) };
    let mut value = Vec::new();
    entry.put_value(&mut value);
    let deadline = entry.deadline();
    context.keys.reserve(value.len() + names)?;
    Ok(Some(Carried { value, deadline }))
}

/// RENAME.
pub(super) fn rename(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    if args[1] == args[2] {
        if !context.keys.exists(args[1]) {
            return Err(NO_SUCH_KEY.into());
        }
    } else {
        put_under(context, args[1], args[2])?;
    }
    context.reply.ok();
    Ok(())
}

/// RENAMENX.
pub(super) fn renamenx(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    if !context.keys.exists(args[1]) {
        return Err(NO_SUCH_KEY.into());
    }
    let free = args[1] != args[2] && !context.keys.exists(args[2]);
    if free {
        put_under(context, args[1], args[2])?;
    }
    context.reply.integer(i64::from(free));
    Ok(())
}

fn put_under(context: &mut Context<'_, '_>, source: &[u8], destination: &[u8]) -> Outcome {
    let names = source.len() + destination.len();
    let carried = carry(context, source, names)?.ok_or(Failure::from(NO_SUCH_KEY))?;
    context.keys.apply(&Effect::Delete { key: source })?;
    let Carried { value, deadline } = &carried;
    context.keys.apply(&Effect::Put { key: destination, deadline: *deadline, value })?;
    Ok(())
}

/// COPY.
pub(super) fn copy(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let (source, destination) = (args[1], args[2]);
    let mut database = context.keys.database;
    let mut replace = false;
    let mut options = Options::new(args, 3);
    while options.left() > 0 {
        if options.accept("replace") {
            replace = true;
        } else if options.accept("db") {
            database = parse_database(options.value()?)?;
        } else {
            return Err(SYNTAX.into());
        }
    }
    if database == context.keys.database && source == destination {
        return Err(SAME.into());
    }
    if !replace && context.keys.peek_in(database, destination).is_some() {
        // Redis looks at the source first, but answers 0 either way.
        context.reply.integer(0);
        return Ok(());
    }
    let carried = carry(context, source, destination.len())?;
    if let Some(Carried { value, deadline }) = &carried {
        let effect = Effect::Put { key: destination, deadline: *deadline, value };
        context.keys.apply_in(database, &effect)?;
    }
    context.reply.integer(i64::from(carried.is_some()));
    Ok(())
}

/// MOVE.
pub(super) fn move_to(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let key = args[1];
    let database = parse_database(args[2])?;
    if database == context.keys.database {
        return Err(SAME.into());
    }
    let occupied = context.keys.peek_in(database, key).is_some();
    let carried = if occupied { None } else { carry(context, key, 2 * key.len())? };
    if let Some(Carried { value, deadline }) = &carried {
        context.keys.apply(&Effect::Delete { key })?;
        context.keys.apply_in(database, &Effect::Put { key, deadline: *deadline, value })?;
    }
    context.reply.integer(i64::from(carried.is_some()));
    Ok(())
}
