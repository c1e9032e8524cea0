//! Random elements of a collection: each at most once (SPOP, SRANDMEMBER, HRANDFIELD with a count), or with repeats.

use std::collections::HashSet;
use std::hash::Hash;

use crate::commands::arguments::integer;
use crate::failure::Failure;
use crate::limits::REPEATED_BYTES_MAX;
use crate::protocol::Reply;
use crate::state::value::Random;

/// A share of the elements below this is drawn one by one; for more, all elements are walked.
const DRAWN_SHARE: usize = 3;

/// How many elements to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many different ones, or all if there are not so many.
    Distinct(usize),
    /// Exactly so many, the same one perhaps several times.
    Repeated(u64),
}

impl Amount {
    /// The number alone.
    pub fn number(self) -> u64 {
        match self {
            Self::Distinct(count) => count as u64,
            Self::Repeated(count) => count,
        }
    }
}

/// An amount as SRANDMEMBER and HRANDFIELD take it: negative for repeats.
pub fn amount(arg: &[u8]) -> Result<Amount, Failure> {
    match integer(arg)? {
        i64::MIN => {
            Err(format!("ERR value is out of range, value must between {} and {}", -i64::MAX, i64::MAX)
                .into())
        }
        count if count < 0 => Ok(Amount::Repeated(count.unsigned_abs())),
        count => Ok(Amount::Distinct(count as usize)),
    }
}

/// Writes the elements that `write` draws, `count` of them, `items_each` replies for each. Errors: the reply would grow too large.
pub fn repeat(
    reply: &mut Reply,
    count: u64,
    items_each: usize,
    mut write: impl FnMut(&mut Reply),
) -> Result<(), Failure> {
    let start = reply.len();
    reply.array((count as usize).saturating_mul(items_each));
    for _ in 0..count {
        write(reply);
        if reply.len() - start > REPEATED_BYTES_MAX {
            return Err(format!(
                "ERR {count} random elements are more than the {REPEATED_BYTES_MAX} bytes that one reply may have; ask for fewer"
            )
            .into());
        }
    }
    Ok(())
}

/// Different elements, `count` of the `size` that `all` yields, or all of them. `draw` yields any one; elements with equal keys are the same.
pub fn distinct<T, K: Hash + Eq>(
    (size, count): (usize, usize),
    all: impl Iterator<Item = T>,
    mut draw: impl FnMut(Random<'_>) -> Option<T>,
    key: impl Fn(&T) -> K,
    random: Random<'_>,
) -> Vec<T> {
    if count < size / DRAWN_SHARE {
        let mut drawn = Vec::with_capacity(count);
        let mut keys = HashSet::with_capacity(count);
        // Enough tries for even chances. A table that was emptied from one end has others: then the walk decides.
        for _ in 0..4 * count + 64 {
            if drawn.len() == count {
                return drawn;
            }
            let Some(element) = draw(random) else { break };
            if keys.insert(key(&element)) {
                drawn.push(element);
            }
        }
    }
    walk((size, count), all, random)
}

/// Selection sampling (Knuth, volume 2, algorithm S): each subset is as likely as any other.
fn walk<T>((size, count): (usize, usize), all: impl Iterator<Item = T>, random: Random<'_>) -> Vec<T> {
    let mut needed = count.min(size);
    let mut chosen = Vec::with_capacity(needed);
    for (seen, element) in all.enumerate() {
        if needed == 0 {
            break;
        }
        let left = size.saturating_sub(seen).max(1);
        if random() % (left as u64) < needed as u64 {
            chosen.push(element);
            needed -= 1;
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn source(mut state: u64) -> impl FnMut() -> u64 {
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 16
        }
    }

    proptest! {
        #[test]
        fn as_many_different_ones_as_there_are(size in 0_usize..300, count in 0_usize..400, stuck: bool, seed: u64) {
            let mut random = source(seed);
            // A source that always draws the same element must not keep it from finding the others.
            let draw = |random: Random<'_>| (size > 0).then(|| if stuck { 0 } else { random() as usize % size });
            let chosen = distinct((size, count), 0..size, draw, |element| *element, &mut random);
            prop_assert_eq!(chosen.len(), count.min(size));
            prop_assert!(chosen.iter().all(|element| *element < size));
            prop_assert_eq!(chosen.iter().collect::<HashSet<_>>().len(), chosen.len());
        }
    }

    #[test]
    fn every_element_has_its_chance() {
        let mut random = source(1);
        for (size, count) in [(10, 2), (10, 7)] {
            let mut times = vec![0_usize; size];
            for _ in 0..10_000 {
                let draw = |random: Random<'_>| Some(random() as usize % size);
                distinct((size, count), 0..size, draw, |element| *element, &mut random)
                    .into_iter()
                    .for_each(|element| times[element] += 1);
            }
            let even = 10_000 * count / size;
            assert!(
                times.iter().all(|times| times.abs_diff(even) < even / 5),
                "{count} of {size}: {times:?}"
            );
        }
    }

    #[test]
    fn amounts() {
        for (text, expected) in [
            ("0", Some(Amount::Distinct(0))),
            ("3", Some(Amount::Distinct(3))),
            ("-3", Some(Amount::Repeated(3))),
            ("-9223372036854775807", Some(Amount::Repeated(i64::MAX as u64))),
            ("-9223372036854775808", None),
            ("x", None),
        ] {
            assert_eq!(amount(text.as_bytes()).ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_reply_without_end_is_refused() {
        let megabyte = vec![0; 1 << 20];
        let mut reply = Reply::new();
        assert!(repeat(&mut reply, 3, 1, |reply| reply.bulk(b"a")).is_ok());
        assert!(repeat(&mut reply, u64::MAX, 1, |reply| reply.bulk(&megabyte)).is_err());
    }
}
