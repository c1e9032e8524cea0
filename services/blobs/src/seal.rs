//! The cipher of bodies at rest: AES-256-GCM, block by block, under a key that each body has for itself.
//!
//! | encryption | the body's key |
//! |---|---|
//! | SSE-S3 | 32 random bytes, sealed under the server's key and kept so with the chunk or the inline body, with the id of that key |
//! | SSE-C | HKDF-SHA256 of the client's key and 32 random bytes that are kept; nothing that is kept tells either |
//!
//! A block of a chunk has 65,520 bytes of the body and a tag of 16, so that what is sealed is a block of [`frame`], with a checksum of its own: the
//! walk over all chunks and `bole check` need no keys, and a range opens only its blocks.
//!
//! # Layout, *persisted*
//! ```text
//! nonce   3 bytes 0, 1 byte: whether it is the last block of the body, 8 bytes: number of the block, big-endian
//! data    of a chunk's block: the chunk's id; of an inline body: "bole blobs inline 1"
//! ```
//!
//! # Invariants
//! - A key seals one body, so no nonce comes twice under it.
//! - A block in another place, of another chunk, or behind the last one does not open.
//! - Keys are shown nowhere, and those of clients are kept nowhere.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use serde::{Deserialize, Serialize};

use crate::chunks::ChunkId;
use crate::chunks::frame::{self, BLOCK_BYTES};
use crate::error::{Code, Error as Refusal};
use crate::rows::values;
use crate::rules::encryption::Key as CustomerKey;

/// Bytes of a block's tag.
pub const TAG_BYTES: usize = 16;
/// Bytes of a body in a sealed block of a chunk.
pub const PLAIN_BYTES: usize = BLOCK_BYTES - TAG_BYTES;

const INLINE: &[u8] = b"bole blobs inline 1";
const CUSTOMER: &[u8] = b"bole blobs customer 1";
const SERVER: &[u8] = b"bole blobs server 1";

/// Names a key of the server without telling it.
pub type KeyId = [u8; 8];

/// How the key of a body comes about. *Persisted.*
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cipher {
    /// It is sealed under a key of the server.
    Server {
        /// Which.
        key: KeyId,
        /// Random.
        nonce: [u8; NONCE_LEN],
        /// The body's key, sealed.
        sealed: [u8; 32],
        /// And its tag.
        tag: [u8; TAG_BYTES],
    },
    /// It follows from the client's key and this.
    Customer {
        /// Random.
        salt: [u8; 32],
    },
}

/// Why a key or a body does not open, for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The key is not in the key file.
    #[error(
        "a body is sealed under the server's key {0}, which is not in the key file of identity; add its line there"
    )]
    NoKey(String),
    /// What is kept with the body is not what was sealed.
    #[error("the sealed key of a body does not open under the server's key {0}")]
    Key(String),
    /// The bytes are not what was sealed.
    #[error("a body does not open under its key")]
    Body,
    /// The client's key is needed.
    #[error("a body is sealed under a client's key, which did not come")]
    NoCustomerKey,
    /// There is no key of the server to seal with.
    #[error("there is no key of the server to seal bodies with")]
    NoServerKey,
}

/// What the client hears of any of them.
pub fn refusal() -> Refusal {
    let text = "The object's bytes cannot be decrypted or encrypted; the operator's log says why.";
    Refusal::new(Code::InternalError, text)
}

/// The key of one body. Cheap to clone.
#[derive(Clone)]
pub struct DataKey(Arc<LessSafeKey>);

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(hidden)")
    }
}

impl PartialEq for DataKey {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for DataKey {}

/// What a new body is sealed with.
#[derive(Clone, Debug)]
pub struct Seal {
    /// What is kept of it.
    pub cipher: Cipher,
    /// Its key.
    pub key: DataKey,
}

/// The server's keys: the one that seals, and those that only open.
pub struct ServerKeys(Vec<(KeyId, LessSafeKey)>);

impl fmt::Debug for ServerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(id, _)| hex(*id))).finish()
    }
}

fn hex(id: KeyId) -> String {
    format!("{:016x}", u64::from_be_bytes(id))
}

impl ServerKeys {
    /// These keys; the first seals.
    pub fn new(keys: impl IntoIterator<Item = (KeyId, [u8; 32])>) -> Self {
        Self(keys.into_iter().map(|(id, key)| (id, expand(&key, &[], SERVER))).collect())
    }

    /// A key for a new body.
    pub fn seal(&self) -> Result<Seal, Error> {
        let (id, key) = self.0.first().ok_or(Error::NoServerKey)?;
        let (mut sealed, nonce): ([u8; 32], [u8; NONCE_LEN]) = (rand::random(), rand::random());
        let data = DataKey::of(&sealed);
        let tag = key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(SERVER), &mut sealed)
            .expect("32 bytes are not more than the cipher takes");
        let tag: [u8; TAG_BYTES] = tag.as_ref().try_into().expect("tags of AES-GCM have 16 bytes");
        Ok(Seal { cipher: Cipher::Server { key: *id, nonce, sealed, tag }, key: data })
    }

    /// The key of a body. `customer`: the client's, which was compared with what is known of it.
    pub fn open(&self, cipher: &Cipher, customer: Option<&CustomerKey>) -> Result<DataKey, Error> {
        match cipher {
            Cipher::Server { key, nonce, sealed, tag } => {
                let found = self.0.iter().find(|(id, _)| id == key);
                let (_, found) = found.ok_or_else(|| Error::NoKey(hex(*key)))?;
                let mut bytes = [&sealed[..], &tag[..]].concat();
                let nonce = Nonce::assume_unique_for_key(*nonce);
                let opened = found.open_in_place(nonce, Aad::from(SERVER), &mut bytes);
                Ok(DataKey::of(opened.map_err(|_| Error::Key(hex(*key)))?))
            }
            Cipher::Customer { salt } => {
                let customer = customer.ok_or(Error::NoCustomerKey)?;
                Ok(DataKey(Arc::new(expand(customer.bytes(), salt, CUSTOMER))))
            }
        }
    }
}

/// A key for a new body under a client's key.
pub fn customer(key: &CustomerKey) -> Seal {
    let salt: [u8; 32] = rand::random();
    let data = DataKey(Arc::new(expand(key.bytes(), &salt, CUSTOMER)));
    Seal { cipher: Cipher::Customer { salt }, key: data }
}

/// HKDF-SHA256 (RFC 5869).
fn expand(key: &[u8], salt: &[u8], info: &[u8]) -> LessSafeKey {
    let pseudorandom = Salt::new(HKDF_SHA256, salt).extract(key);
    let info = [info];
    let okm = pseudorandom.expand(&info, &AES_256_GCM);
    LessSafeKey::new(UnboundKey::from(okm.expect("one key is not more than HKDF gives")))
}

fn nonce(number: u64, is_last: bool) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[3] = u8::from(is_last);
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

impl DataKey {
    fn of(key: &[u8]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("a key of AES-256 has 32 bytes");
        Self(Arc::new(LessSafeKey::new(key)))
    }

    /// Seals a block of a chunk in place; its tag comes behind it.
    pub fn seal_block(&self, chunk: ChunkId, number: u64, is_last: bool, block: &mut Vec<u8>) {
        let sealed =
            self.0.seal_in_place_append_tag(nonce(number, is_last), Aad::from(chunk.to_bytes()), block);
        sealed.expect("a block is not more than the cipher takes");
    }

    /// Opens a block of a chunk.
    pub fn open_block(
        &self,
        chunk: ChunkId,
        number: u64,
        is_last: bool,
        mut block: Vec<u8>,
    ) -> Result<Bytes, Error> {
        let opened = self.0.open_in_place(nonce(number, is_last), Aad::from(chunk.to_bytes()), &mut block);
        let bytes = opened.map_err(|_| Error::Body)?.len();
        block.truncate(bytes);
        Ok(block.into())
    }
}

/// An inline body, sealed: what its row holds. *Persisted.*
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedInline {
    /// How its key comes about.
    pub cipher: Cipher,
    /// Its bytes and their tag.
    pub sealed: Vec<u8>,
}

impl Seal {
    /// Seals an inline body: what its row holds.
    pub fn inline(&self, body: &[u8]) -> Bytes {
        let mut sealed = body.to_vec();
        let done = self.key.0.seal_in_place_append_tag(nonce(0, true), Aad::from(INLINE), &mut sealed);
        done.expect("an inline body is not more than the cipher takes");
        values::encode(&SealedInline { cipher: self.cipher, sealed })
    }
}

impl SealedInline {
    /// The body.
    pub fn open(self, key: &DataKey) -> Result<Bytes, Error> {
        let Self { mut sealed, .. } = self;
        let opened = key.0.open_in_place(nonce(0, true), Aad::from(INLINE), &mut sealed);
        let bytes = opened.map_err(|_| Error::Body)?.len();
        sealed.truncate(bytes);
        Ok(sealed.into())
    }
}

/// Bytes of what is in the blocks of a chunk for a body of `body_bytes`.
pub const fn sealed_bytes(body_bytes: u64) -> u64 {
    body_bytes + body_bytes.div_ceil(PLAIN_BYTES as u64) * TAG_BYTES as u64
}

/// Bytes of the body that is in the blocks of a chunk.
pub const fn plain_bytes(sealed_bytes: u64) -> u64 {
    sealed_bytes.saturating_sub(sealed_bytes.div_ceil(frame::BLOCK_BYTES as u64) * TAG_BYTES as u64)
}

#[cfg(test)]
mod tests {
    use bole_base::Epoch;

    use super::*;

    const ID: ChunkId = ChunkId { epoch: Epoch(1), counter: 2 };

    fn customer_key(byte: u8) -> CustomerKey {
        CustomerKey::new([byte; 32])
    }

    #[test]
    fn keys_open_what_they_sealed_and_nothing_else() {
        let (old, new) = (([1; 8], [1; 32]), ([2; 8], [2; 32]));
        let (before, after) = (ServerKeys::new([old]), ServerKeys::new([new, old]));
        let seal = before.seal().unwrap();
        let body = seal.inline(b"body");
        let read = || values::decode::<SealedInline>(&body).unwrap();
        let key = after.open(&read().cipher, None).unwrap();
        assert_eq!(read().open(&key).unwrap(), "body", "a key that was replaced still opens");
        assert!(matches!(after.seal().unwrap().cipher, Cipher::Server { key: [2, ..], .. }));
        let text = ServerKeys::new([new]).open(&seal.cipher, None).unwrap_err().to_string();
        assert!(text.contains("0101010101010101"), "{text}");
        let wrong = ServerKeys::new([([1; 8], [3; 32])]).open(&seal.cipher, None);
        assert_eq!(wrong.unwrap_err(), Error::Key("0101010101010101".to_owned()));
        assert_eq!(ServerKeys::new([]).seal().unwrap_err(), Error::NoServerKey);

        let seal = customer(&customer_key(7));
        let body = values::decode::<SealedInline>(&seal.inline(b"body")).unwrap();
        assert_eq!(before.open(&body.cipher, None).unwrap_err(), Error::NoCustomerKey);
        let key = before.open(&body.cipher, Some(&customer_key(7))).unwrap();
        assert_eq!(body.clone().open(&key).unwrap(), "body");
        let other = before.open(&body.cipher, Some(&customer_key(8))).unwrap();
        assert_eq!(body.clone().open(&other), Err(Error::Body));
        for at in 0..body.sealed.len() {
            let mut flipped = body.clone();
            flipped.sealed[at] ^= 1;
            assert_eq!(flipped.open(&key), Err(Error::Body), "{at}");
        }
        assert!(format!("{key:?} {after:?}").contains("hidden"));
    }

    #[test]
    fn a_block_opens_in_its_place_alone() {
        let seal = customer(&customer_key(7));
        let mut block = b"block".to_vec();
        seal.key.seal_block(ID, 3, false, &mut block);
        let other = ChunkId { counter: 3, ..ID };
        for (id, number, is_last, opens) in
            [(ID, 3, false, true), (ID, 3, true, false), (ID, 4, false, false), (other, 3, false, false)]
        {
            let opened = seal.key.open_block(id, number, is_last, block.clone());
            assert_eq!(opened.is_ok_and(|opened| opened == "block"), opens, "{number} {is_last}");
        }
    }

    /// What version 1 made of known keys, computed with another library as well: it is on disks, and stays.
    #[test]
    fn the_layout_is_frozen() {
        let cipher = Cipher::Customer { salt: [5; 32] };
        let key = ServerKeys::new([]).open(&cipher, Some(&customer_key(7))).unwrap();
        let mut block = b"block".to_vec();
        key.seal_block(ID, 1, true, &mut block);
        let inline = Seal { cipher, key }.inline(b"");
        let stored = [&[1, 1][..], &[5; 32], &[16]].concat();
        assert_eq!(inline[..35], stored);
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        assert_eq!((text(&block), text(&inline[35..])), (text(BLOCK), text(EMPTY)));
    }

    const BLOCK: &[u8] =
        b"\x48\xe2\x09\x58\xc4\x00\x0d\xd7\x0c\x0c\xde\x07\x80\x29\x3c\x8f\xcb\x60\x5b\xb6\x45";
    const EMPTY: &[u8] = b"\x40\x38\x5b\x3a\xda\x00\xe8\xac\xbb\x07\x1a\x8b\xf9\x25\xc1\xf9";

    #[test]
    fn lengths_follow_from_each_other() {
        for bytes in [0, 1, 65_519, 65_520, 65_521, 131_040, 1 << 30] {
            assert_eq!(plain_bytes(sealed_bytes(bytes)), bytes, "{bytes}");
        }
        assert_eq!((sealed_bytes(65_520), sealed_bytes(65_521)), (65_536, 65_553));
    }
}
