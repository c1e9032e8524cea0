//! Members with scores, copied out of sorted sets to be removed, stored or answered; and how they are answered.

use crate::failure::Failure;
use crate::keys::Keys;
use crate::protocol::Reply;
use crate::state::value::SortedSet;
use crate::state::{Effect, Items, codec};

/// What an item takes in the log besides its bytes, at most: its length and its score.
const ITEM_BYTES: usize = 18;

/// Starts a reply of `count` members: pairs are arrays of their own in RESP3.
pub fn reply_head(reply: &mut Reply, count: usize, with_scores: bool) {
    reply.array(if with_scores && !reply.resp3 { 2 * count } else { count });
}

/// A member of such a reply.
pub fn reply_member(reply: &mut Reply, member: &[u8], score: f64, with_scores: bool) {
    if with_scores && reply.resp3 {
        reply.array(2);
    }
    reply.bulk(member);
    if with_scores {
        reply.double(score);
    }
}

/// Members, copied into one buffer.
#[derive(Debug, Default)]
pub struct Copied {
    bytes: Vec<u8>,
    /// Where each ends in `bytes`, and its score.
    ends: Vec<(usize, f64)>,
}

impl Copied {
    /// Copies members.
    pub fn from<'a>(members: impl Iterator<Item = (&'a [u8], f64)>) -> Self {
        let mut copied = Self::default();
        for (member, score) in members {
            copied.bytes.extend_from_slice(member);
            copied.ends.push((copied.bytes.len(), score));
        }
        copied
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The members and scores, in the order in which they were copied.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], f64)> {
        let mut start = 0;
        self.ends.iter().map(move |&(end, score)| {
            let member = &self.bytes[start..end];
            start = end;
            (member, score)
        })
    }

    /// Removes them from the sorted set at `key`, which has `length` members.
    pub fn remove(&self, keys: &mut Keys<'_>, key: &[u8], length: usize) -> Result<(), Failure> {
        if self.len() == length {
            keys.reserve(key.len())?;
            keys.apply(&Effect::Delete { key })?;
        } else if !self.is_empty() {
            keys.reserve(key.len() + self.bytes.len() + self.len() * ITEM_BYTES)?;
            let members: Vec<&[u8]> = self.iter().map(|(member, _)| member).collect();
            keys.apply(&Effect::SortedRemove { key, members: Items::Args(&members) })?;
        }
        Ok(())
    }
}

/// The first `count` members from one end of a sorted set.
pub fn from_end(set: &SortedSet, highest: bool, count: usize) -> Copied {
    let count = count.min(set.len());
    if highest {
        Copied::from(set.range(set.len() - count..set.len()).rev())
    } else {
        Copied::from(set.range(0..count))
    }
}

/// Replaces `key` by a sorted set of these members, in order; removes it if there are none.
pub fn store<'a>(
    keys: &mut Keys<'_>,
    key: &[u8],
    members: impl ExactSizeIterator<Item = (&'a [u8], f64)>,
) -> Result<(), Failure> {
    if members.len() == 0 {
        if keys.exists(key) {
            keys.apply(&Effect::Delete { key })?;
        }
        return Ok(());
    }
    let mut value = Vec::new();
    codec::put_sorted(&mut value, members);
    keys.reserve(key.len() + value.len())?;
    keys.apply(&Effect::Put { key, deadline: None, value: &value })?;
    Ok(())
}
