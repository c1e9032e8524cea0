//! Finding elements of a list by their value.

use crate::commands::arguments::{Options, integer, natural_or};
use crate::context::Context;
use crate::failure::{Failure, Outcome, SYNTAX};
use crate::state::value::List;

/// The rising indices of up to `limit` elements that equal `value`, the first or (from behind) the last ones.
pub fn matching(list: &List, value: &[u8], from_behind: bool, limit: usize) -> Vec<u64> {
    let mut indices: Vec<u64> =
        matches(list, value, from_behind, usize::MAX).take(limit).map(|at| at as u64).collect();
    if from_behind {
        indices.reverse();
    }
    indices
}

/// The indices of elements that equal `value`, among the first `look_at` from that end.
fn matches<'a>(
    list: &'a List,
    value: &'a [u8],
    from_behind: bool,
    look_at: usize,
) -> impl Iterator<Item = usize> + 'a {
    let length = list.len();
    let forward = (!from_behind).then(|| list.iter().enumerate());
    let backward = from_behind.then(|| list.iter_back_from(length).enumerate());
    let backward =
        backward.into_iter().flatten().map(move |(number, element)| (length - 1 - number, element));
    let all = forward.into_iter().flatten().chain(backward);
    all.take(look_at).filter(move |(_, element)| *element == value).map(|(index, _)| index)
}

struct Asked {
    /// How many matches are passed over.
    skip: usize,
    from_behind: bool,
    /// `Some(0)`: all.
    count: Option<usize>,
    look_at: usize,
}

fn asked(args: &[&[u8]]) -> Result<Asked, Failure> {
    let mut asked = Asked { skip: 0, from_behind: false, count: None, look_at: usize::MAX };
    let mut options = Options::new(args, 3);
    while options.left() > 0 {
        if options.accept("rank") {
            let rank = integer(options.value()?)?;
            if rank == 0 {
                return Err("ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list".into());
            }
            if rank == i64::MIN {
                return Err("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807".into());
            }
            asked.skip = rank.unsigned_abs() as usize - 1;
            asked.from_behind = rank < 0;
        } else if options.accept("count") {
            asked.count = Some(natural_or(integer(options.value()?)?, "ERR COUNT can't be negative")?);
        } else if options.accept("maxlen") {
            let look_at = natural_or(integer(options.value()?)?, "ERR MAXLEN can't be negative")?;
            asked.look_at = if look_at == 0 { usize::MAX } else { look_at };
        } else {
            return Err(SYNTAX.into());
        }
    }
    Ok(asked)
}

/// LPOS.
pub fn lpos(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let asked = asked(args)?;
    let list = context.keys.list(args[1])?;
    let limit = match asked.count {
        None => 1,
        Some(0) => usize::MAX,
        Some(count) => count,
    };
    let found: Vec<usize> = list.map_or_else(Vec::new, |list| {
        matches(list, args[2], asked.from_behind, asked.look_at).skip(asked.skip).take(limit).collect()
    });
    if asked.count.is_some() {
        context.reply.array(found.len());
        for index in found {
            context.reply.count(index);
        }
    } else {
        match found.first() {
            Some(index) => context.reply.count(*index),
            None => context.reply.null(),
        }
    }
    Ok(())
}
