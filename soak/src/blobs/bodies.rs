//! Bodies as the service has them: in memory or in a chunk, and sealed in the bucket that encrypts.

use std::sync::{Arc, LazyLock};

use bole_blobs::chunks::reader::Reader;
use bole_blobs::chunks::sealing::Sealing;
use bole_blobs::chunks::writer::Writer;
use bole_blobs::chunks::{self, Home};
use bole_blobs::objects::bodies::NewBody;
use bole_blobs::objects::put::Attributes;
use bole_blobs::objects::read::Segment;
use bole_blobs::rows::values;
use bole_blobs::rules::checksums::EtagHasher;
use bole_blobs::rules::encryption::Encryption;
use bole_blobs::seal::{SealedInline, ServerKeys};
use bole_blobs::state::Error;
use bytes::Bytes;

use super::model::SEALED_BUCKET;
use super::system::{OWNER, Simulated};

/// Those of the node, which a crash does not take.
static KEYS: LazyLock<ServerKeys> = LazyLock::new(|| ServerKeys::new([([7; 8], [9; 32])]));

pub(super) fn md5(bytes: &[u8]) -> [u8; 16] {
    let mut hasher = EtagHasher::default();
    hasher.update(bytes);
    hasher.finish()
}

/// What an object of a bucket is besides its body.
pub(super) fn attributes(bucket: usize) -> Attributes {
    let encryption = (bucket == SEALED_BUCKET).then_some(Encryption::Server);
    Attributes { owner: OWNER.to_owned(), encryption, ..Attributes::default() }
}

fn lost(what: impl std::fmt::Display) -> Error {
    Error::Row(what.to_string())
}

impl<const FLAW: u8> Simulated<FLAW> {
    /// Takes a body in as the protocol does: into memory, or block by block into a chunk.
    pub(super) async fn body(&self, bucket: usize, content: &[u8], is_chunk: bool) -> Result<NewBody, Error> {
        let seal = (bucket == SEALED_BUCKET).then(|| KEYS.seal().map_err(lost)).transpose()?;
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
        (bucket, content, is_chunk): (usize, &[u8], bool),
        run: impl AsyncFnOnce(&NewBody) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let new = self.body(bucket, content, is_chunk).await?;
        let outcome = run(&new).await;
        if let Err(error) = &outcome
            && !error.may_have_happened()
        {
            self.blobs.give_up(&new);
        }
        outcome
    }
}

/// The bytes of a piece of a body, block by block, opened where they are sealed.
pub(super) fn blocks(
    segment: Segment,
    home: &Arc<dyn Home>,
) -> Result<Box<dyn Iterator<Item = Result<Bytes, chunks::Error>>>, Error> {
    match segment {
        Segment::Chunk { id, chunk_bytes, part, cipher: Some(cipher) } => {
            let key = KEYS.open(&cipher, None).map_err(lost)?;
            Ok(Box::new(Reader::sealed(Arc::clone(home), id, chunk_bytes, part, key)))
        }
        Segment::Sealed { row, part } => {
            let sealed: SealedInline = values::decode(&row).map_err(Error::Row)?;
            let key = KEYS.open(&sealed.cipher, None).map_err(lost)?;
            let body = sealed.open(&key).map_err(lost)?;
            Ok(Box::new(std::iter::once(Ok(body.slice(part.start as usize..part.end as usize)))))
        }
        plain => Ok(Box::new(plain.read(home))),
    }
}
