//! Arbitrary bytes as every kind of row and as an entry: what fuzz targets and `tests/hostile.rs` run. Nothing may panic, and what is read is written as it was.

use super::values::{Counter, Row, decode, encode};
use super::{Bucket, Damage, Garbage, Kept, Part, Pieces, Scrub, Seq, Upload, Version};
use crate::entry::{Entry, Rows};
use bole_ordered::{Effects as _, Mutations};

/// As every kind of row, and as an entry.
///
/// # Panics
/// Where something is not written as it was read, or an entry writes what no store holds.
pub fn check(bytes: &[u8]) {
    fn row<T: Row + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
        if let Ok(read) = decode::<T>(bytes) {
            assert_eq!(decode::<T>(&encode(&read)), Ok(read));
        }
    }
    row::<Bucket>(bytes);
    row::<Version>(bytes);
    row::<Seq>(bytes);
    row::<Pieces>(bytes);
    row::<Upload>(bytes);
    row::<Part>(bytes);
    row::<Kept>(bytes);
    row::<Garbage>(bytes);
    row::<Counter>(bytes);
    row::<Damage>(bytes);
    row::<Scrub>(bytes);
    row::<crate::seal::SealedInline>(bytes);
    let Ok(entry) = Entry::decode(bytes) else { return };
    let mut written = Vec::new();
    entry.encode(&mut written);
    assert_eq!(Entry::decode(&written).as_ref(), Ok(&entry));
    let mut mutations = Mutations::new();
    Rows::mutations(&entry, &mut mutations);
}
