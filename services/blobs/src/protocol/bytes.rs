//! For fuzzing: arbitrary bytes as XML documents and as the framing of aws-chunked bodies. Fuzz targets and `tests/hostile.rs` call these.

use std::fmt::Debug;

use s3s::xml::{Deserialize, Deserializer};

use super::chunked::{Passed, Watch};
use super::settings::{access, cors, lifecycle, lock, tags, website};
use crate::error::Result;
use crate::limits::CHUNK_BYTES_MAX;
use crate::rules::tags::On;

/// As every document that a client may put.
///
/// # Panics
/// Where a setting is shown as a document that is read as another one.
pub fn check_documents(bytes: &[u8]) {
    fn check<T, R: Debug + PartialEq>(bytes: &[u8], read: impl Fn(T) -> Result<R>, show: impl Fn(&R) -> T)
    where
        T: for<'xml> Deserialize<'xml>,
    {
        let Ok(document) = T::deserialize(&mut Deserializer::new(bytes)) else { return };
        let Ok(setting) = read(document) else { return };
        match read(show(&setting)) {
            Ok(again) => assert_eq!(again, setting),
            Err(error) => panic!("{error}: {setting:?}"),
        }
    }
    /// What is read alone.
    fn try_read<T: for<'xml> Deserialize<'xml>, R>(bytes: &[u8], read: impl Fn(T) -> R) {
        let _ = T::deserialize(&mut Deserializer::new(bytes)).map(read);
    }
    check(bytes, |document| lock::read(&document), lock::show);
    check(bytes, |document| lock::read_hold(&document), |held| lock::show_hold(*held));
    check(bytes, |document| lock::read_encryption(&document), lock::show_encryption);
    check(bytes, |document| access::read_ownership(&document), |found| access::show_ownership(*found));
    check(bytes, |document| Ok(access::read_block(&document)), |found| access::show_block(*found));
    try_read(bytes, |document| lock::read_retention(&document));
    try_read(bytes, |document| lock::read_versioning(&document));
    try_read(bytes, |document| access::read_acl(document, "owner"));
    try_read(bytes, cors::read);
    try_read(bytes, lifecycle::read);
    try_read(bytes, |document| tags::read(document, On::Bucket));
    try_read(bytes, website::read);
}

/// As the framing of a body: what is seen of it does not depend on where it is cut. The first byte says how long pieces are.
///
/// # Panics
/// Where it does, or where more is let through than may be.
pub fn check_chunked(bytes: &[u8]) {
    let Some((step, bytes)) = bytes.split_first() else { return };
    let whole = passed(bytes, bytes.len());
    let cut = passed(bytes, usize::from(*step) + 1);
    assert_eq!(whole, cut);
    assert!(whole.0.iter().all(|size| (1..=CHUNK_BYTES_MAX).contains(size)), "{whole:?}");
}

/// The chunks that began, how many ended, and whether the last one passed; up to an error, if there is one.
fn passed(bytes: &[u8], step: usize) -> (Vec<u64>, usize, bool, bool) {
    let (mut watch, mut begun, mut ended) = (Watch::default(), Vec::new(), 0);
    for mut piece in bytes.chunks(step.max(1)) {
        while !piece.is_empty() {
            let Ok((count, what)) = watch.pass(piece) else { return (begun, ended, false, true) };
            assert!(count > 0 && count <= piece.len(), "it gets on, and no further than there is");
            piece = &piece[count..];
            match what {
                Passed::Begin(size) => begun.push(size),
                Passed::End => ended += 1,
                Passed::More => {}
            }
        }
    }
    (begun, ended, watch.is_done(), false)
}
