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

const NO_IDLE_TIME: &str = "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between \
     policies at runtime LRU and LFU data will take some time to adjust.";

/// OBJECT IDLETIME.
pub(super) fn idletime(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let now = context.keys.now / 1_000;
    let counts_uses = context.service.memory.policy().counts_uses();
    match context.keys.peek(args[2]).map(|entry| u64::from(entry.accessed())) {
        None => context.reply.null(),
        Some(_) if counts_uses => return Err(NO_IDLE_TIME.into()),
        Some(accessed) => context.reply.integer(now.saturating_sub(accessed) as i64),
    }
    Ok(())
}

/// OBJECT FREQ.
pub(super) fn freq(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let now = context.keys.now;
    let counts_uses = context.service.memory.policy().counts_uses();
    match context.keys.peek(args[2]).map(|entry| entry.frequency(now)) {
        None => context.reply.null(),
        Some(_) if !counts_uses => return Err(NO_FREQUENCY.into()),
        Some(frequency) => context.reply.integer(i64::from(frequency)),
    }
    Ok(())
}
