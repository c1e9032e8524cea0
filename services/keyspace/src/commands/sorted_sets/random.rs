//! ZRANDMEMBER.

use std::collections::HashSet;

use super::members::{reply_head, reply_member};
use crate::commands::arguments::{integer, is};
use crate::context::Context;
use crate::failure::{Outcome, SYNTAX};

/// How many members a negative count may ask for, with repetitions: it bounds the reply, as nothing else does.
const REPEATED_MAX: u64 = 1 << 20;

/// ZRANDMEMBER.
pub fn zrandmember(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let mut random = context.keys.random_source();
    let Some(asked) = args.get(2) else {
        let found = context.keys.sorted_set(args[1])?.and_then(|set| set.random(&mut random));
        context.reply.bulk_or_null(found.map(|(member, _)| member));
        return Ok(());
    };
    let asked = integer(asked)?;
    let with_scores = args.len() == 4 && is(args[3], "withscores");
    if args.len() > 3 && !with_scores {
        return Err(SYNTAX.into());
    }
    if asked < 0 && asked.unsigned_abs() > REPEATED_MAX {
        return Err("ERR value is out of range".into());
    }
    let Some(set) = context.keys.sorted_set(args[1])? else {
        context.reply.array(0);
        return Ok(());
    };
    let count = asked.unsigned_abs() as usize;
    if asked < 0 {
        reply_head(context.reply, count, with_scores);
        for _ in 0..count {
            if let Some((member, score)) = set.random(&mut random) {
                reply_member(context.reply, member, score, with_scores);
            }
        }
    } else if count >= set.len() {
        reply_head(context.reply, set.len(), with_scores);
        set.iter().for_each(|(member, score)| reply_member(context.reply, member, score, with_scores));
    } else {
        reply_head(context.reply, count, with_scores);
        for rank in distinct(&mut random, count, set.len()) {
            for (member, score) in set.range(rank..rank + 1) {
                reply_member(context.reply, member, score, with_scores);
            }
        }
    }
    Ok(())
}

/// `count` different numbers below `end`, each choice as likely as any other (Floyd's algorithm: Bentley, "Programming Pearls: a sample of
/// brilliance", CACM 1987).
fn distinct(random: &mut impl FnMut() -> u64, count: usize, end: usize) -> Vec<usize> {
    let mut chosen = HashSet::with_capacity(count);
    let mut in_order = Vec::with_capacity(count);
    for last in end - count..end {
        let candidate = (random() % (last as u64 + 1)) as usize;
        let taken = if chosen.insert(candidate) { candidate } else { last };
        chosen.insert(taken);
        in_order.push(taken);
    }
    in_order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_distinct_and_reach_everything() {
        let mut seed = 1_u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed >> 33
        };
        let mut seen = HashSet::new();
        for count in [0, 1, 3, 9, 10] {
            for _ in 0..50 {
                let sample = distinct(&mut random, count, 10);
                assert_eq!(sample.iter().collect::<HashSet<_>>().len(), count);
                assert!(sample.iter().all(|number| *number < 10));
                seen.extend(sample);
            }
        }
        assert_eq!(seen.len(), 10);
    }
}
