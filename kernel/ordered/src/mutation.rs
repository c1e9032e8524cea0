//! What an effect does to a store: puts and deletes, in order.

use bytes::Bytes;

use crate::limits::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use crate::{Error, Partition};

/// A put, or a delete where there is no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutation {
    /// Where.
    pub partition: Partition,
    /// Under which key.
    pub key: Bytes,
    /// What is there afterwards.
    pub value: Option<Bytes>,
}

/// The mutations of one effect or of a batch. Of several for one key, the last counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mutations(Vec<Mutation>);

impl Mutations {
    /// None yet.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Puts a value under a key, whatever was there.
    pub fn put(&mut self, partition: Partition, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.0.push(Mutation { partition, key: key.into(), value: Some(value.into()) });
    }

    /// Deletes a key, whether it is there or not.
    pub fn delete(&mut self, partition: Partition, key: impl Into<Bytes>) {
        self.0.push(Mutation { partition, key: key.into(), value: None });
    }

    /// In order.
    pub fn iter(&self) -> std::slice::Iter<'_, Mutation> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Refuses what a store cannot hold.
    pub fn check(&self) -> Result<(), Error> {
        for Mutation { partition, key, value } in &self.0 {
            let number = partition.number();
            if key.len() > KEY_BYTES_MAX {
                let text = format!(
                    "a key of {} bytes in partition {number} is longer than {KEY_BYTES_MAX}",
                    key.len()
                );
                return Err(Error::Refused(text));
            }
            let bytes = value.as_ref().map_or(0, Bytes::len);
            if bytes > VALUE_BYTES_MAX {
                let text = format!(
                    "a value of {bytes} bytes in partition {number} is larger than {VALUE_BYTES_MAX}; keep it as an attachment"
                );
                return Err(Error::Refused(text));
            }
        }
        Ok(())
    }
}

impl IntoIterator for Mutations {
    type Item = Mutation;
    type IntoIter = std::vec::IntoIter<Mutation>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Mutations {
    type Item = &'a Mutation;
    type IntoIter = std::slice::Iter<'a, Mutation>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_refused_with_its_size() {
        let rows = [
            (0, 0, ""),
            (KEY_BYTES_MAX, VALUE_BYTES_MAX, ""),
            (KEY_BYTES_MAX + 1, 0, "32769"),
            (1, VALUE_BYTES_MAX + 1, "1048577"),
        ];
        for (key, value, expected) in rows {
            let mut mutations = Mutations::new();
            mutations.put(Partition::new(3), vec![0_u8; key], vec![0_u8; value]);
            match mutations.check() {
                Ok(()) => assert_eq!(expected, ""),
                Err(error) => {
                    assert!(error.to_string().contains(expected) && !expected.is_empty(), "{error}");
                }
            }
        }
    }
}
