//! The lists inside effects. They borrow: from a parsed request on the leader, from the payload when read from the log.

use bole_shard::ApplyError;

use crate::state::layout::{Reader, put_bytes, put_varint};

/// Defines a list that is either a slice or encoded bytes, walked and checked once when decoded.
macro_rules! list {
    ($(#[$doc:meta])* $name:ident of $item:ty, put $put:expr, read $read:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name<'a> {
            /// From a request.
            Args(&'a [$item]),
            /// From the log: a number of items in the layout of the effect. Only decoding makes these, so the bytes fit.
            Encoded(Encoded<'a>),
        }

        impl<'a> $name<'a> {
            /// The number of items.
            pub fn len(&self) -> usize {
                match self {
                    Self::Args(items) => items.len(),
                    Self::Encoded(encoded) => encoded.count,
                }
            }

            /// Whether there is none.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// The items in order.
            #[inline]
            pub fn iter(self) -> impl Iterator<Item = $item> {
                let (items, encoded) = match self {
                    Self::Args(items) => (items, &[][..]),
                    Self::Encoded(encoded) => (&[][..], encoded.bytes),
                };
                let mut reader = Reader::new(encoded);
                let mut items = items.iter();
                std::iter::from_fn(move || match items.next() {
                    Some(item) => Some(*item),
                    None if reader.is_empty() => None,
                    None => $read(&mut reader).ok(),
                })
            }

            pub(super) fn encode(self, out: &mut Vec<u8>) {
                put_varint(out, self.len() as u64);
                match self {
                    Self::Args(items) => items.iter().for_each(|item| $put(out, *item)),
                    Self::Encoded(encoded) => out.extend_from_slice(encoded.bytes),
                }
            }

            pub(super) fn decode(reader: &mut Reader<'a>) -> Result<Self, ApplyError> {
                let count = reader.varint()?;
                let bytes = reader.rest();
                for _ in 0..count {
                    $read(reader)?;
                }
                let bytes = &bytes[..bytes.len() - reader.rest().len()];
                Ok(Self::Encoded(Encoded { count: count as usize, bytes }))
            }
        }

        impl PartialEq for $name<'_> {
            fn eq(&self, other: &Self) -> bool {
                self.len() == other.len() && self.iter().eq(other.iter())
            }
        }
    };
}

/// Items in the layout of the log, known to fit it.
#[derive(Clone, Copy, Debug)]
pub struct Encoded<'a> {
    count: usize,
    bytes: &'a [u8],
}

list! {
    /// Byte strings.
    Items of &'a [u8], put put_bytes, read Reader::bytes
}

list! {
    /// Scores and members.
    Scored of (f64, &'a [u8]), put put_scored, read read_scored
}

list! {
    /// Rising indices.
    Indices of u64, put put_varint, read Reader::varint
}

fn put_scored(out: &mut Vec<u8>, (score, member): (f64, &[u8])) {
    out.extend_from_slice(&score.to_le_bytes());
    put_bytes(out, member);
}

fn read_scored<'a>(reader: &mut Reader<'a>) -> Result<(f64, &'a [u8]), ApplyError> {
    Ok((reader.score()?, reader.bytes()?))
}
