//! Bodies as the service has them: in memory or in a chunk, and sealed where their object is encrypted.
//!
//! The node's key file gets a new first line now and then ([`keys`]); what older lines sealed has to open all the same.

use std::ops::Range;
use std::sync::Arc;

use bole_blobs::chunks;
use bole_blobs::chunks::reader::Reader;
use bole_blobs::chunks::sealing::Sealing;
use bole_blobs::chunks::writer::Writer;
use bole_blobs::objects::bodies::NewBody;
use bole_blobs::objects::put::Attributes;
use bole_blobs::objects::read::{Open, Segment};
use bole_blobs::rows::{Version, values};
use bole_blobs::rules::checksums::EtagHasher;
use bole_blobs::rules::encryption::{Encryption, Key as CustomerKey};
use bole_blobs::seal::{self, SealedInline, ServerKeys};
use bole_blobs::state::Error;
use bytes::Bytes;

use super::Flaw;
use super::model::Mode;
use super::system::{OWNER, Simulated};

/// The lines of the node's key file in an opening: a new one at each second. A crash takes none, but where that is the flaw.
pub(super) fn keys<const FLAW: u8>(epoch: u32) -> ServerKeys {
    let kept = if FLAW == Flaw::KEYS_FORGOTTEN { 1 } else { usize::MAX };
    ServerKeys::new((0..=epoch / 2).rev().map(|line| ([line as u8; 8], [!line as u8; 32])).take(kept))
}

fn customer_key(number: u8) -> CustomerKey {
    CustomerKey::new([number; 32])
}

pub(super) fn md5(bytes: &[u8]) -> [u8; 16] {
    let mut hasher = EtagHasher::default();
    hasher.update(bytes);
    hasher.finish()
}

/// What the ETag is made of: under a client's key it is no MD5 of the bytes.
pub(super) fn digest(mode: Mode, bytes: &[u8]) -> [u8; 16] {
    if matches!(mode, Mode::Customer(_)) { md5(&[bytes, b"sealed"].concat()) } else { md5(bytes) }
}

/// What a mode is called in rows.
pub(super) fn encryption(mode: Mode) -> Option<Encryption> {
    match mode {
        Mode::Plain => None,
        Mode::Server => Some(Encryption::Server),
        Mode::Customer(number) => Some(Encryption::Customer { key_md5: format!("key {number}") }),
    }
}

/// The mode of a version.
pub(super) fn mode_of(version: &Version) -> Result<Mode, Error> {
    let told = version.object().and_then(|object| object.encryption.clone());
    Mode::ALL.into_iter().find(|mode| encryption(*mode) == told).ok_or_else(|| lost(format!("{told:?}")))
}

/// What an object is besides its body.
pub(super) fn attributes(mode: Mode) -> Attributes {
    Attributes { owner: OWNER.to_owned(), encryption: encryption(mode), ..Attributes::default() }
}

/// Blocks of a body, each as the home gives it.
type Blocks = Box<dyn Iterator<Item = Result<Bytes, chunks::Error>>>;

fn lost(what: impl std::fmt::Display) -> Error {
    Error::Row(what.to_string())
}

impl<const FLAW: u8> Simulated<FLAW> {
    /// Takes a body in as the protocol does: into memory, or block by block into a chunk.
    pub(super) async fn body(&self, mode: Mode, content: &[u8], is_chunk: bool) -> Result<NewBody, Error> {
        let seal = match mode {
            Mode::Plain => None,
            Mode::Server => Some(self.keys.seal().map_err(lost)?),
            Mode::Customer(number) => Some(seal::customer(&customer_key(number))),
        };
        let bytes = content.len() as u64;
        if !is_chunk {
            return Ok(match &seal {
                Some(seal) if bytes > 0 => NewBody::SealedInline(seal.inline(content), bytes),
                _ => NewBody::Inline(Bytes::copy_from_slice(content)),
            });
        }
        let (id, home) = (self.blobs.new_chunk().await?, &**self.blobs.home());
        let pieces = content.chunks(50_000);
        if let Some(seal) = seal {
            let mut writer = Sealing::create(home, id, bytes, seal.key)?;
            for piece in pieces {
                writer.push(piece)?;
                self.pause().await;
            }
            return Ok(NewBody::SealedChunk(writer.finish()?, seal.cipher, bytes));
        }
        let mut writer = Writer::create(home, id, bytes)?;
        for piece in pieces {
            writer.push(piece)?;
            self.pause().await;
        }
        Ok(NewBody::Chunk(writer.finish()?))
    }

    /// Runs an operation with a body, which is given up if it is refused.
    pub(super) async fn with_body<T>(
        &self,
        (mode, content, is_chunk): (Mode, &[u8], bool),
        run: impl AsyncFnOnce(&NewBody) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let new = self.body(mode, content, is_chunk).await?;
        let outcome = run(&new).await;
        if let Err(error) = &outcome
            && !error.may_have_happened()
        {
            self.blobs.give_up(&new);
        }
        outcome
    }

    /// The bytes of a piece of a body, block by block, opened where they are sealed.
    pub(super) fn blocks(&self, segment: Segment, mode: Mode) -> Result<Blocks, Error> {
        let home = self.blobs.home();
        let customer = if let Mode::Customer(number) = mode { Some(customer_key(number)) } else { None };
        match segment {
            Segment::Chunk { id, chunk_bytes, part, cipher: Some(cipher) } => {
                let key = self.keys.open(&cipher, customer.as_ref()).map_err(lost)?;
                Ok(Box::new(Reader::sealed(Arc::clone(home), id, chunk_bytes, part, key)))
            }
            Segment::Sealed { row, part } => {
                let sealed: SealedInline = values::decode(&row).map_err(Error::Row)?;
                let key = self.keys.open(&sealed.cipher, customer.as_ref()).map_err(lost)?;
                let body = sealed.open(&key).map_err(lost)?;
                Ok(Box::new(std::iter::once(Ok(body.slice(part.start as usize..part.end as usize)))))
            }
            plain => Ok(Box::new(plain.read(home))),
        }
    }

    /// A range of an object, read block by block while others go on.
    pub(super) async fn content(&self, open: &Open, range: Range<u64>) -> Result<Vec<u8>, Error> {
        let mode = mode_of(&open.version)?;
        let mut content = Vec::new();
        for segment in open.segments(&range)? {
            for block in self.blocks(segment, mode)? {
                content.extend_from_slice(&block?);
                self.pause().await;
            }
        }
        Ok(content)
    }
}
