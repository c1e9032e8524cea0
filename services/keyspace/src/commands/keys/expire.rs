//! Deadlines: setting them, taking them away, and how long is left.

use crate::commands::arguments::{integer, is};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::state::Effect;

/// When a new deadline is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four words that a client may say, in several combinations"
)]
struct Conditions {
    absent: bool,
    present: bool,
    greater: bool,
    less: bool,
}

impl Conditions {
    fn parse(args: &[&[u8]]) -> Result<Self, Failure> {
        let mut asked = Self::default();
        for option in args {
            let flag = match () {
                () if is(option, "nx") => &mut asked.absent,
                () if is(option, "xx") => &mut asked.present,
                () if is(option, "gt") => &mut asked.greater,
                () if is(option, "lt") => &mut asked.less,
                () => {
                    return Err(format!("ERR Unsupported option {}", String::from_utf8_lossy(option)).into());
                }
            };
            *flag = true;
        }
        if asked.absent && (asked.present || asked.greater || asked.less) {
            return Err("ERR NX and XX, GT or LT options at the same time are not compatible".into());
        }
        if asked.greater && asked.less {
            return Err("ERR GT and LT options at the same time are not compatible".into());
        }
        Ok(asked)
    }

    /// Whether a key with this deadline (`None`: for ever) gets the new one.
    fn hold(self, current: Option<u64>, new: i64) -> bool {
        let current = current.map(|deadline| i64::try_from(deadline).unwrap_or(i64::MAX));
        !(self.absent && current.is_some()
            || self.present && current.is_none()
            || self.greater && current.is_none_or(|current| new <= current)
            || self.less && current.is_some_and(|current| new >= current))
    }
}

/// EXPIRE and its like. A deadline that has passed removes the key at once.
pub(super) fn expire(context: &mut Context<'_, '_>, args: &[&[u8]], unit_ms: i64, absolute: bool) -> Outcome {
    let key = args[1];
    let conditions = Conditions::parse(&args[3..])?;
    let base = if absolute { 0 } else { context.keys.now as i64 };
    let when = integer(args[2])?.checked_mul(unit_ms).and_then(|millis| millis.checked_add(base));
    let Some(when) = when else {
        let name = String::from_utf8_lossy(args[0]).to_lowercase();
        return Err(format!("ERR invalid expire time in '{name}' command").into());
    };
    let holds = context.keys.peek(key).is_some_and(|entry| conditions.hold(entry.deadline(), when));
    if holds {
        let effect = if when <= context.keys.now as i64 {
            Effect::Delete { key }
        } else {
            Effect::SetDeadline { key, deadline: Some(when as u64) }
        };
        context.keys.apply(&effect)?;
    }
    context.reply.integer(i64::from(holds));
    Ok(())
}

/// Replies what `shown` makes of the deadline; -1: the key stays for ever; -2: there is no such key.
fn reply_deadline(context: &mut Context<'_, '_>, key: &[u8], shown: impl Fn(u64) -> i64) -> Outcome {
    let value = match context.keys.peek(key).map(|entry| entry.deadline()) {
        None => -2,
        Some(None) => -1,
        Some(Some(deadline)) => shown(deadline),
    };
    context.reply.integer(value);
    Ok(())
}

/// TTL and PTTL.
pub(super) fn left(context: &mut Context<'_, '_>, args: &[&[u8]], unit_ms: u64) -> Outcome {
    let now = context.keys.now;
    reply_deadline(context, args[1], |deadline| rounded(deadline - now, unit_ms))
}

/// EXPIRETIME and PEXPIRETIME.
pub(super) fn deadline(context: &mut Context<'_, '_>, args: &[&[u8]], unit_ms: u64) -> Outcome {
    reply_deadline(context, args[1], |deadline| rounded(deadline, unit_ms))
}

/// To the nearest unit, as Redis does.
fn rounded(millis: u64, unit_ms: u64) -> i64 {
    (millis.saturating_add(unit_ms / 2) / unit_ms) as i64
}

/// PERSIST.
pub(super) fn persist(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let key = args[1];
    let volatile = context.keys.peek(key).is_some_and(|entry| entry.deadline().is_some());
    if volatile {
        context.keys.apply(&Effect::SetDeadline { key, deadline: None })?;
    }
    context.reply.integer(i64::from(volatile));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions() {
        for (options, current, new, expected) in [
            (&[][..], None, 5, true),
            (&["nx"], None, 5, true),
            (&["NX"], Some(9), 5, false),
            (&["xx"], None, 5, false),
            (&["xx"], Some(9), 5, true),
            (&["gt"], None, 5, false),
            (&["gt"], Some(5), 5, false),
            (&["gt"], Some(4), 5, true),
            (&["lt"], None, 5, true),
            (&["lt"], Some(5), 5, false),
            (&["lt", "xx"], None, 5, false),
            (&["lt"], Some(6), 5, true),
            (&["gt"], Some(6), i64::MAX, true),
        ] {
            let args: Vec<&[u8]> = options.iter().map(|option| option.as_bytes()).collect();
            let conditions = Conditions::parse(&args).expect("they go together");
            assert_eq!(conditions.hold(current, new), expected, "{options:?} {current:?} {new}");
        }
        for refused in [&[&b"nx"[..], b"gt"][..], &[b"gt", b"lt"], &[b"nx", b"xx"], &[b"ex"]] {
            assert!(Conditions::parse(refused).is_err());
        }
    }
}
