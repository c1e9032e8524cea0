//! ZADD with its options, and ZINCRBY.

use std::collections::HashMap;

use smallvec::SmallVec;

use crate::commands::arguments::{Options, float};
use crate::context::Context;
use crate::failure::{Failure, Outcome, SYNTAX};
use crate::state::value::SortedSet;
use crate::state::{Effect, Scored};

/// The options of ZADD.
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Rules {
    if_absent: bool,
    if_present: bool,
    if_greater: bool,
    if_less: bool,
    count_changes: bool,
    increment: bool,
}

/// What becomes of one member.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Decision {
    /// The options forbid it.
    Refused,
    /// It has this score already.
    Same(f64),
    Added(f64),
    Changed(f64),
}

impl Rules {
    fn decide(self, current: Option<f64>, given: f64) -> Result<Decision, Failure> {
        let Some(current) = current else {
            return Ok(if self.if_present { Decision::Refused } else { Decision::Added(given) });
        };
        if self.if_absent {
            return Ok(Decision::Refused);
        }
        let score = if self.increment { current + given } else { given };
        if score.is_nan() {
            return Err("ERR resulting score is not a number (NaN)".into());
        }
        if self.if_greater && score <= current || self.if_less && score >= current {
            return Ok(Decision::Refused);
        }
        #[expect(clippy::float_cmp, reason = "the same score is the same score")]
        let same = score == current;
        Ok(if same { Decision::Same(score) } else { Decision::Changed(score) })
    }
}

fn parse<'a>(args: &'a [&'a [u8]]) -> Result<(Rules, &'a [&'a [u8]]), Failure> {
    let mut rules = Rules::default();
    let mut options = Options::new(args, 2);
    loop {
        let flag = if options.accept("nx") {
            &mut rules.if_absent
        } else if options.accept("xx") {
            &mut rules.if_present
        } else if options.accept("gt") {
            &mut rules.if_greater
        } else if options.accept("lt") {
            &mut rules.if_less
        } else if options.accept("ch") {
            &mut rules.count_changes
        } else if options.accept("incr") {
            &mut rules.increment
        } else {
            break;
        };
        *flag = true;
    }
    let pairs = options.rest();
    if pairs.is_empty() || !pairs.len().is_multiple_of(2) {
        return Err(SYNTAX.into());
    }
    if rules.if_absent && rules.if_present {
        return Err("ERR XX and NX options at the same time are not compatible".into());
    }
    if u8::from(rules.if_absent) + u8::from(rules.if_greater) + u8::from(rules.if_less) > 1 {
        return Err("ERR GT, LT, and/or NX options at the same time are not compatible".into());
    }
    if rules.increment && pairs.len() > 2 {
        return Err("ERR INCR option supports a single increment-element pair".into());
    }
    Ok((rules, pairs))
}

/// A score. A negative zero becomes a positive one, as in Redis's small sorted sets.
fn given(arg: &[u8]) -> Result<f64, Failure> {
    Ok(float(arg)? + 0.0)
}

/// ZADD.
pub fn zadd(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let (rules, pairs) = parse(args)?;
    if let [score, member] = pairs {
        return one(context, args[1], rules, given(score)?, member);
    }
    let mut scored: SmallVec<[(f64, &[u8]); 8]> = SmallVec::with_capacity(pairs.len() / 2);
    for pair in pairs.chunks_exact(2) {
        scored.push((given(pair[0])?, pair[1]));
    }
    if rules == Rules::default() {
        let before = context.keys.sorted_set(args[1])?.map_or(0, SortedSet::len);
        context.keys.apply(&Effect::SortedAdd { key: args[1], members: Scored::Args(&scored) })?;
        let after = context.keys.sorted_set(args[1])?.map_or(0, SortedSet::len);
        context.reply.count(after - before);
        return Ok(());
    }
    several(context, args[1], rules, &scored)
}

/// Several members under options: each is decided on as those before it have left the set.
fn several(context: &mut Context<'_, '_>, key: &[u8], rules: Rules, scored: &[(f64, &[u8])]) -> Outcome {
    let set = context.keys.sorted_set(key)?;
    let mut ahead: HashMap<&[u8], f64> = HashMap::with_capacity(scored.len());
    let mut writes: Vec<(f64, &[u8])> = Vec::with_capacity(scored.len());
    let mut counted = 0;
    for &(given, member) in scored {
        let current = ahead.get(member).copied().or_else(|| set.and_then(|set| set.score(member)));
        let score = match rules.decide(current, given)? {
            Decision::Refused | Decision::Same(_) => continue,
            Decision::Added(score) => {
                counted += 1;
                score
            }
            Decision::Changed(score) => {
                counted += usize::from(rules.count_changes);
                score
            }
        };
        ahead.insert(member, score);
        writes.push((score, member));
    }
    if !writes.is_empty() {
        context.keys.apply(&Effect::SortedAdd { key, members: Scored::Args(&writes) })?;
    }
    context.reply.count(counted);
    Ok(())
}

/// One member: what most commands add.
fn one(context: &mut Context<'_, '_>, key: &[u8], rules: Rules, given: f64, member: &[u8]) -> Outcome {
    let current = context.keys.sorted_set(key)?.and_then(|set| set.score(member));
    let decision = rules.decide(current, given)?;
    if let Decision::Added(score) | Decision::Changed(score) = decision {
        context.keys.apply(&Effect::SortedAdd { key, members: Scored::Args(&[(score, member)]) })?;
    }
    match decision {
        Decision::Refused if rules.increment => context.reply.null(),
        Decision::Same(score) | Decision::Added(score) | Decision::Changed(score) if rules.increment => {
            context.reply.double(score);
        }
        Decision::Added(_) => context.reply.integer(1),
        Decision::Changed(_) => context.reply.integer(i64::from(rules.count_changes)),
        Decision::Refused | Decision::Same(_) => context.reply.integer(0),
    }
    Ok(())
}

/// ZINCRBY.
pub fn zincrby(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let rules = Rules { increment: true, ..Rules::default() };
    one(context, args[1], rules, given(args[2])?, args[3])
}
