//! OBJECT: how a value is kept.

use crate::context::Context;
use crate::failure::Outcome;

const NO_FREQUENCY: &str = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
     switching between policies at runtime LRU and LFU data will take some time to adjust.";

/// OBJECT ENCODING.
pub(super) fn encoding(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let encoding = context.keys.peek(args[2]).map(|entry| entry.encoding().as_bytes());
    context.reply.bulk_or_null(encoding);
    Ok(())
}

/// OBJECT REFCOUNT: no value is shared.
pub(super) fn refcount(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    if context.keys.exists(args[2]) {
        context.reply.integer(1);
    } else {
        context.reply.null();
    }
    Ok(())
}

/// OBJECT IDLETIME.
pub(super) fn idletime(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let now = context.keys.now / 1_000;
    match context.keys.peek(args[2]).map(|entry| u64::from(entry.accessed())) {
        None => context.reply.null(),
        Some(accessed) => context.reply.integer(now.saturating_sub(accessed) as i64),
    }
    Ok(())
}

/// OBJECT FREQ.
pub(super) fn freq(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    if context.keys.exists(args[2]) {
        return Err(NO_FREQUENCY.into());
    }
    context.reply.null();
    Ok(())
}
