//! The newest write of each key, until they are committed together.

use std::collections::HashMap;

use bole_shard::participant::Request;
use bole_shard::participant::upserts::Upsert;
use bytes::{BufMut, Bytes, BytesMut};

use super::{DELETE, Plan, SET, Target};

/// What a write counts besides its bytes: about what its entry and its request take.
const WRITE_BYTES: usize = 256;

/// Writes that are committed together.
#[derive(Debug, Default)]
pub struct Batch {
    /// By key, with its prefix: the number of the record that was taken last, and its value; `None` removes the key.
    writes: HashMap<Bytes, (u64, Option<Bytes>)>,
    bytes: usize,
    taken: u64,
}

impl Batch {
    /// Takes in a record if there is room: a key of this batch takes the place of its former write. One always fits.
    pub fn put(&mut self, plan: &Plan, records_max: usize, key: &[u8], value: Option<Bytes>) -> bool {
        let key = prefixed(&plan.key_prefix, key);
        let before = self.writes.get(&key);
        let freed = before.map_or(0, |(_, before)| cost(&key, before.as_ref()));
        let records = self.writes.len() + usize::from(before.is_none());
        let bytes = self.bytes - freed + cost(&key, value.as_ref());
        if !self.writes.is_empty() && (records > records_max || bytes > plan.bytes_max) {
            return false;
        }
        self.bytes = bytes;
        self.taken += 1;
        self.writes.insert(key, (self.taken, value));
        true
    }

    /// How many keys it writes.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether it writes nothing.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Forgets all writes.
    pub fn clear(&mut self) {
        self.writes.clear();
        self.bytes = 0;
    }

    /// What is asked of the target. No two requests have the same key, so their order means nothing.
    pub fn requests<'a>(&'a self, target: &'a Target) -> impl Iterator<Item = Request> + 'a {
        self.writes.iter().map(|(key, (_, value))| match value {
            Some(value) => target.request(SET, vec![key.clone(), value.clone()]),
            None => target.request(DELETE, vec![key.clone()]),
        })
    }

    /// The writes in the order of their records, for targets where one key has to do with another.
    pub fn upserts(&self) -> Vec<Upsert> {
        let mut writes: Vec<_> = self.writes.iter().collect();
        writes.sort_unstable_by_key(|(_, (number, _))| *number);
        let upsert = |(key, (_, value)): (&Bytes, &(u64, Option<Bytes>))| Upsert {
            key: key.clone(),
            value: value.clone(),
        };
        writes.into_iter().map(upsert).collect()
    }
}

fn prefixed(prefix: &str, key: &[u8]) -> Bytes {
    let mut prefixed = BytesMut::with_capacity(prefix.len() + key.len());
    prefixed.put_slice(prefix.as_bytes());
    prefixed.put_slice(key);
    prefixed.freeze()
}

fn cost(key: &[u8], value: Option<&Bytes>) -> usize {
    // An expired key is removed by an entry of its own before it is set.
    WRITE_BYTES + 2 * key.len() + value.map_or(0, Bytes::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_write_of_a_key_stays_and_bounds_hold() {
        let plan = Plan { key_prefix: "p:".to_owned(), bytes_max: 3 * WRITE_BYTES, ..Plan::default() };
        let mut batch = Batch::default();
        let value = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
        // Key, value; whether it is taken, and how many keys there are then.
        for (key, value, taken, len) in [
            ("a", value("1"), true, 1),
            ("a", value("2"), true, 1),
            ("b", None, true, 2),
            ("c", value("3"), false, 2),
            ("b", value("4"), true, 2),
            ("a", None, true, 2),
        ] {
            assert_eq!((batch.put(&plan, 2, key.as_bytes(), value), batch.len()), (taken, len), "{key}");
        }
        assert!(!batch.put(&plan, 9, b"long", Some(Bytes::from(vec![0; 300]))), "there are too many bytes");
        let target: Target = "keyspace/3".parse().unwrap();
        let mut requests: Vec<_> = batch.requests(&target).collect();
        requests.sort_by(|one, other| one.arguments.cmp(&other.arguments));
        let (a, b) = (&requests[0], &requests[1]);
        assert_eq!((a.operation.as_str(), &a.arguments[..]), ("del", &[Bytes::from("p:a")][..]));
        assert_eq!(
            (b.operation.as_str(), &b.arguments[..]),
            ("set", &[Bytes::from("p:b"), Bytes::from("4")][..])
        );
        let ordered: Vec<_> = batch.upserts().into_iter().map(|write| write.key).collect();
        assert_eq!(ordered, ["p:b", "p:a"], "the newest record of each key says its place");
        batch.clear();
        assert!(batch.is_empty() && batch.put(&plan, 1, b"k", Some(Bytes::from(vec![0; 5_000]))), "one fits");
    }
}
