//! What the ordered state holds of blobs: partitions, keys and values. *Persisted.*
//!
//! A partition is told by a letter. Integers in keys are big-endian; `~n` is the complement of `n`, so that the newest comes first; an object's
//! key is escaped as [`crate::rules::names::escape`] says.
//!
//! | partition | key | value |
//! |---|---|---|
//! | `B` | name | [`Bucket`] |
//! | `S` | bucket, number of the setting | the setting's document, as [`crate::rules::setting`] writes it |
//! | `C` | bucket, object's key | [`Version`]: the current one, where it is no delete marker |
//! | `V` | bucket, object's key, `~seq` | [`Version`]: those that are not current, and delete markers |
//! | `N` | bucket, object's key | the [`Seq`] of the null version, where it is in `V` |
//! | `I` | seq | an inline body |
//! | `P` | seq | [`Pieces`] of a body |
//! | `U` | bucket, object's key, upload | [`Upload`] |
//! | `T` | upload, number | [`Part`] |
//! | `K` | chunk | [`Kept`]: how many bodies name it, how it was sealed, and where it is |
//! | `G` | chunk, number of the home | [`Garbage`] |
//! | `D` | chunk | [`Damage`]: of one that is damaged |
//! | `O` | `chunk counter` | the first counter of chunks that was not given out |
//! | `O` | `scrub` | [`Scrub`]: where the walk over all chunks is |
//! | `O` | `lifecycle` bucket | [`Round`]: how far lifecycle is with the bucket |
//! | `O` | `cluster` | there if chunks are or were in a cluster |
//!
//! # Invariants
//! - The newest version of a key is in `C`, unless it is a delete marker; all others are in `V`, by falling seq.
//! - A chunk that a body names is in `K` with the number of times and its home, and not in `G` with that home. What is in `G` is read by none any more.
//! - A chunk in `D` is in `K`.
//! - A row of `I` or `P` belongs to one body.

pub mod bytes;
pub mod ids;
pub mod keys;
pub mod values;

pub use ids::{BucketId, Seq, UploadId, VersionId};
pub use values::{
    Body, Bucket, Checksum, Chunk, Damage, Etag, Garbage, Kept, Meta, Object, Part, PartInfo, Piece, Pieces,
    Place, Round, Scrub, Source, Upload, Version, Versioning, What,
};
