//! Values of rows. *Persisted*: a byte for the version, then the fields as postcard writes them, in the order in which they stand here.

use bole_base::Epoch;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{BucketId, Seq, VersionId};
use crate::chunks::{ChunkId, homes::HomeNumber, writer::Written};
use crate::error::{Code, Error, Result};
use crate::limits::{META_BYTES_MAX, USER_META_BYTES_MAX};
use crate::rules::acl::Acl;
use crate::rules::checksums::{self, Algorithm, Value};
use crate::rules::encryption::Encryption;
use crate::rules::lock::Lock;
use crate::rules::tags::Tags;
use crate::seal::{Cipher, SealedInline};

/// A kind of row.
pub trait Row: Serialize + DeserializeOwned {
    /// Its name in messages.
    const NAME: &'static str;
    /// The version in which it is written.
    const VERSION: u8 = 1;
}

/// The bytes to store.
pub fn encode<T: Row>(value: &T) -> Bytes {
    postcard::to_extend(value, vec![T::VERSION])
        .expect("rows hold strings, numbers and lists of known length only, which postcard can write")
        .into()
}

/// Reads what [`encode`] wrote; the error is for the operator. Memory: a small multiple of the bytes.
pub fn decode<T: Row>(bytes: &[u8]) -> Result<T, String> {
    let name = T::NAME;
    let (version, rest) = bytes.split_first().ok_or_else(|| format!("a row of a {name} is empty"))?;
    if *version != T::VERSION {
        let known = T::VERSION;
        return Err(format!("a row of a {name} has version {version}; this version of Bole reads {known}"));
    }
    let (value, rest) = postcard::take_from_bytes(rest)
        .map_err(|error| format!("a row of a {name} cannot be read: {error}"))?;
    if !rest.is_empty() {
        return Err(format!("a row of a {name} has {} bytes too many", rest.len()));
    }
    Ok(value)
}

macro_rules! rows {
    ($($name:ident $text:literal $($version:literal)?),* $(,)?) => {
        $(impl Row for $name {
            const NAME: &'static str = $text;
            $(const VERSION: u8 = $version;)?
        })*
    };
}

rows! {
    Bucket "bucket", Version "version", Seq "null version", Pieces "body", Upload "multipart upload", Part "part",
    Kept "chunk" 3, Garbage "chunk that is garbage", Damage "damaged chunk", Counter "counter", Scrub "walk over all chunks",
    SealedInline "sealed body", Round "round of lifecycle",
}

/// Whether puts make versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Versioning {
    /// They never did.
    #[default]
    Off,
    /// They do.
    Enabled,
    /// They did once.
    Suspended,
}

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Its id, in all rows that belong to it.
    pub id: BucketId,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// The canonical id of its owner.
    pub owner: String,
    /// The owner's account.
    pub account: String,
    /// Where its creator wanted it.
    pub region: String,
    /// Whether puts make versions.
    pub versioning: Versioning,
    /// Whether versions can be locked.
    pub object_lock: bool,
    /// The number of the shard that its rows are in.
    pub shard: u32,
}

/// A version of a key: an object or a delete marker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Which.
    pub seq: Seq,
    /// Whether its id is `null`.
    pub is_null: bool,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// The canonical id of its owner.
    pub owner: String,
    /// What it is.
    pub what: What,
}

impl Version {
    /// Its id for clients.
    pub const fn id(&self) -> VersionId {
        if self.is_null { VersionId::Null } else { VersionId::Seq(self.seq) }
    }

    /// The object, if it is one.
    pub const fn object(&self) -> Option<&Object> {
        match &self.what {
            What::Marker => None,
            What::Object(object) => Some(object),
        }
    }
}

/// What a version is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// A delete marker.
    Marker,
    /// An object.
    Object(Box<Object>),
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Bytes of its body.
    pub bytes: u64,
    /// Its ETag.
    pub etag: Etag,
    /// Its checksum, if its put asked for one.
    pub checksum: Option<Checksum>,
    /// Where its body is.
    pub body: Body,
    /// Its headers.
    pub meta: Meta,
    /// Its tags.
    pub tags: Tags,
    /// What locks it.
    pub lock: Lock,
    /// Its access control list; nothing means that it is private.
    pub acl: Option<Acl>,
    /// How it is encrypted.
    pub encryption: Option<Encryption>,
}

/// An ETag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Etag {
    /// The MD5 of the body, or of its parts' MD5s.
    pub md5: [u8; 16],
    /// How many parts; 0 for a body that was put at once.
    pub parts: u16,
}

impl Etag {
    /// Of a body that was put at once.
    pub const fn of(md5: [u8; 16]) -> Self {
        Self { md5, parts: 0 }
    }

    /// As headers say it, without quotes.
    pub fn text(&self) -> String {
        let md5 = checksums::etag(&self.md5);
        if self.parts == 0 { md5 } else { format!("{md5}-{}", self.parts) }
    }
}

/// A checksum of S3's, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// Which algorithm: its place in [`Algorithm::ALL`].
    algorithm: u8,
    bytes: Vec<u8>,
    /// Of how many parts' checksums it is one; 0 if it is of the whole.
    pub parts: u16,
}

impl Checksum {
    /// Of the whole body.
    pub fn whole(value: &Value) -> Self {
        Self::composite(value, 0)
    }

    /// Of the checksums of so many parts.
    pub fn composite(value: &Value, parts: u16) -> Self {
        Self { algorithm: number_of(value.algorithm()), bytes: value.bytes().to_vec(), parts }
    }

    /// Its algorithm and bytes; nothing if the row names an algorithm that is none.
    pub fn value(&self) -> Option<Value> {
        Value::new(algorithm_of(self.algorithm)?, &self.bytes)
    }

    /// As headers carry it.
    pub fn text(&self) -> Option<String> {
        let base64 = self.value()?.base64();
        Some(if self.parts == 0 { base64 } else { format!("{base64}-{}", self.parts) })
    }
}

/// The number of an algorithm in rows. *Persisted.*
pub const fn number_of(algorithm: Algorithm) -> u8 {
    match algorithm {
        Algorithm::Crc32 => 0,
        Algorithm::Crc32c => 1,
        Algorithm::Crc64Nvme => 2,
        Algorithm::Sha1 => 3,
        Algorithm::Sha256 => 4,
    }
}

/// The algorithm of a number in rows.
pub fn algorithm_of(number: u8) -> Option<Algorithm> {
    Algorithm::ALL.into_iter().find(|algorithm| number_of(*algorithm) == number)
}

/// The headers that come back with a body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// `content-type` and its like, by name in lower case.
    pub headers: Vec<(String, String)>,
    /// What is after `x-amz-meta-`.
    pub user: Vec<(String, String)>,
}

impl Meta {
    /// Checks the bounds.
    pub fn check(&self) -> Result<()> {
        let bytes = |pairs: &[(String, String)]| -> usize {
            pairs.iter().map(|(name, value)| name.len() + value.len()).sum()
        };
        for (what, found, most) in [
            ("user-defined metadata", bytes(&self.user), USER_META_BYTES_MAX),
            ("headers that are stored", bytes(&self.headers), META_BYTES_MAX),
        ] {
            if found > most {
                let text = format!(
                    "Your metadata headers exceed the maximum allowed metadata size: {what} has {found} bytes; {most} are allowed"
                );
                return Err(Error::new(Code::MetadataTooLarge, text));
            }
        }
        Ok(())
    }
}

/// Where a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// There is nothing of it.
    Empty,
    /// In a row.
    Inline(Seq),
    /// In a chunk, from a byte of the chunk's body on.
    Chunk(Chunk, u64),
    /// In pieces.
    Pieces(Seq),
}

/// A chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    epoch: u32,
    counter: u64,
    /// Bytes of the body that was written into it, whatever of it is used.
    pub bytes: u64,
}

impl Chunk {
    /// Its id.
    pub const fn id(&self) -> ChunkId {
        ChunkId { epoch: Epoch(self.epoch), counter: self.counter }
    }
}

impl From<Written> for Chunk {
    fn from(written: Written) -> Self {
        let Written { id, body_bytes } = written;
        Self { epoch: id.epoch.0, counter: id.counter, bytes: body_bytes }
    }
}

/// A body of several pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pieces {
    /// The pieces, in order.
    pub pieces: Vec<Piece>,
    /// The parts of the upload that it came from, in order; nothing for a copied range.
    pub parts: Vec<PartInfo>,
}

/// A piece of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Where.
    pub source: Source,
    /// From which byte on.
    pub from: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// Where a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// In a chunk.
    Chunk(Chunk),
    /// In a row that belongs to this body.
    Inline(Seq),
}

/// What HEAD, GET by part and `GetObjectAttributes` say of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartInfo {
    /// Its number.
    pub number: u16,
    /// Its bytes.
    pub bytes: u64,
    /// Its checksum, if it has one.
    pub checksum: Option<Checksum>,
}

/// A multipart upload: what its object will be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Which.
    pub seq: Seq,
    /// When it was begun, in milliseconds since 1970.
    pub created_ms: u64,
    /// The canonical id of the object's owner.
    pub owner: String,
    /// The canonical id of who began it.
    pub initiator: String,
    /// The algorithm of its checksums, by number, and whether that of the object is one of the parts' checksums.
    pub checksum: Option<(u8, bool)>,
    /// See [`Object`].
    pub meta: Meta,
    /// See [`Object`].
    pub tags: Tags,
    /// What its begin asked for; the bucket's default is added at completion.
    pub lock: Lock,
    /// See [`Object`].
    pub acl: Option<Acl>,
    /// See [`Object`].
    pub encryption: Option<Encryption>,
}

/// A part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Which.
    pub seq: Seq,
    /// When it came, in milliseconds since 1970.
    pub created_ms: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Its MD5.
    pub md5: [u8; 16],
    /// Its checksum.
    pub checksum: Option<Checksum>,
    /// Where it is.
    pub body: Body,
}

/// A chunk that bodies name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// How often.
    pub count: u64,
    /// Bytes of the body that was written into it, sealed if it was sealed.
    pub bytes: u64,
    /// How it was sealed, if it was.
    pub cipher: Option<Cipher>,
    /// Where it is.
    pub home: HomeNumber,
}

/// A chunk that none names any more, or that none names any more where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Garbage {
    /// Bytes of the body that was written into it.
    pub bytes: u64,
}

/// What is wrong with a chunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    /// When that was found, in milliseconds since 1970.
    pub found_ms: u64,
    /// Where in the chunk, and how, for the operator.
    pub what: String,
}

/// A walk over all chunks that verifies their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scrub {
    /// When it began, in milliseconds since 1970; 0: there was none yet.
    pub begun_ms: u64,
    /// When it ended, if it did.
    pub ended_ms: Option<u64>,
    /// Epoch and counter of the chunk that it is at.
    pub chunk: Option<(u32, u64)>,
    /// Bytes of that chunk's body that are verified.
    pub chunk_bytes: u64,
    /// Chunks that it has been through.
    pub chunks: u64,
    /// Bytes that are verified.
    pub bytes: u64,
    /// Bytes that there were when it began.
    pub bytes_total: u64,
    /// Chunks that it found damaged.
    pub damaged: u64,
}

/// A counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter(pub u64);

/// How far lifecycle is with a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// The midnight after which it was begun, in milliseconds since 1970.
    pub midnight_ms: u64,
    /// A CRC32C of the rules that it goes by.
    pub rules: u32,
    /// Where it goes on; nothing once it came to its end.
    pub place: Option<Place>,
}

/// A place in a round.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Which of a round's walks.
    pub walk: u32,
    /// The row after which it goes on; nothing at the beginning.
    pub after: Option<Vec<u8>>,
    /// Whether something was left undone so far, so that the round is to be made again.
    pub left: bool,
}

#[cfg(test)]
mod tests;
