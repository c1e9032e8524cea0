//! Taking elements from a list that may be missing: what LMOVE and LMPOP do at once, and what blocked clients are served with.
//!
//! Each function says whether there was anything to take; if not, it has written and changed nothing. Journal space is
//! reserved before the first effect, so these may also run at the end of another client's batch.

use crate::failure::Failure;
use crate::keys::Keys;
use crate::protocol::Reply;
use crate::state::value::List;
use crate::state::{Effect, Items};

/// Visits up to `count` elements from one end.
pub fn each(list: &List, front: bool, count: usize, mut visit: impl FnMut(&[u8])) {
    if front {
        list.iter().take(count).for_each(&mut visit);
    } else {
        list.iter_back_from(list.len()).take(count).for_each(&mut visit);
    }
}

/// Pops one element: the key and the element.
pub fn pop_one(keys: &mut Keys<'_>, reply: &mut Reply, key: &[u8], front: bool) -> Result<bool, Failure> {
    keys.reserve(key.len())?;
    let Some(list) = keys.list(key)? else { return Ok(false) };
    reply.array(2);
    reply.bulk(key);
    each(list, front, 1, |element| reply.bulk(element));
    keys.apply(&Effect::ListPop { key, front, count: 1 })?;
    Ok(true)
}

/// Pops up to `count` elements: the key and the elements.
pub fn pop_many(
    keys: &mut Keys<'_>,
    reply: &mut Reply,
    key: &[u8],
    front: bool,
    count: usize,
) -> Result<bool, Failure> {
    keys.reserve(key.len())?;
    let Some(list) = keys.list(key)? else { return Ok(false) };
    let count = count.min(list.len());
    reply.array(2);
    reply.bulk(key);
    reply.array(count);
    each(list, front, count, |element| reply.bulk(element));
    keys.apply(&Effect::ListPop { key, front, count: count as u64 })?;
    Ok(true)
}

/// Moves one element to another list, or to the other end of the same one.
pub fn transfer(
    keys: &mut Keys<'_>,
    reply: &mut Reply,
    source: &[u8],
    destination: &[u8],
    from_front: bool,
    to_front: bool,
) -> Result<bool, Failure> {
    let Some(list) = keys.list(source)? else { return Ok(false) };
    let length = list.len();
    let mut element = Vec::new();
    each(list, from_front, 1, |found| element.extend_from_slice(found));
    keys.list(destination)?;
    keys.reserve(source.len() + destination.len() + element.len())?;
    reply.bulk(&element);
    if source == destination && from_front == to_front {
        // Nothing moves, but it counts as a change.
        let index = if from_front { 0 } else { length as u64 - 1 };
        keys.apply(&Effect::ListSet { key: source, index, value: &element })?;
        return Ok(true);
    }
    // First the push: a list of one element that moves within itself keeps its deadline.
    keys.apply(&Effect::ListPush { key: destination, front: to_front, values: Items::Args(&[&element]) })?;
    keys.apply(&Effect::ListPop { key: source, front: from_front, count: 1 })?;
    Ok(true)
}
