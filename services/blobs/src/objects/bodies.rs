//! Bodies and what they name: rows of bytes, chunks with the number of bodies that are on them, pieces.

use std::ops::Range;

use bytes::Bytes;

use crate::chunks::homes::Stored;
use crate::chunks::writer::Written;
use crate::damage;
use crate::error::{Code, Error as Refusal};
use crate::limits::{INLINE_BYTES_MAX, INLINE_PIECES_MAX};
use crate::rows::keys::{CHUNKS, DAMAGED, GARBAGE, INLINE, PIECES};
use crate::rows::{Body, Chunk, Garbage, Kept, Piece, Pieces, Source, keys};
use crate::rules::encryption::Encryption;
use crate::seal::Cipher;
use crate::state::{Error, Plan, Result};

/// A body that came.
#[derive(Clone, Debug)]
pub enum NewBody {
    /// Its bytes, at most [`INLINE_BYTES_MAX`].
    Inline(Bytes),
    /// A chunk that is durable and named by nothing yet. If the operation is refused, whoever wrote it removes it.
    Chunk(Written),
    /// Sealed: what its row holds, as [`crate::seal`] makes it, and how many bytes it was.
    SealedInline(Bytes, u64),
    /// As [`NewBody::Chunk`], sealed: how, and how many bytes it was.
    SealedChunk(Written, Cipher, u64),
}

impl NewBody {
    /// How long it is.
    pub const fn bytes(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Chunk(written) => written.body_bytes,
            Self::SealedInline(_, bytes) | Self::SealedChunk(_, _, bytes) => *bytes,
        }
    }

    /// The chunk that it is in.
    pub const fn written(&self) -> Option<&Written> {
        match self {
            Self::Inline(_) | Self::SealedInline(..) => None,
            Self::Chunk(written) | Self::SealedChunk(written, ..) => Some(written),
        }
    }

    /// Whether it is as an object that is encrypted so (or not) must be. There is nothing to seal of no bytes.
    pub(super) fn check(&self, encryption: Option<&Encryption>) -> Result<()> {
        let is_sealed = matches!(self, Self::SealedInline(..) | Self::SealedChunk(..));
        if self.bytes() == 0 || is_sealed == encryption.is_some() {
            return Ok(());
        }
        Err(Error::Row(format!("a body is sealed: {is_sealed}, and its object is encrypted: {encryption:?}")))
    }

    /// About how many bytes of it are logged.
    pub const fn logged_bytes(&self) -> usize {
        match self {
            Self::Inline(bytes) | Self::SealedInline(bytes, _) => bytes.len() + 16,
            Self::Chunk(_) | Self::SealedChunk(..) => 160,
        }
    }
}

/// Takes a body in.
pub(super) fn take(plan: &mut Plan<'_>, body: &NewBody) -> Result<Body> {
    match body {
        NewBody::Inline(bytes) if bytes.is_empty() => Ok(Body::Empty),
        NewBody::Inline(_) | NewBody::SealedInline(..) if body.bytes() > INLINE_BYTES_MAX as u64 => {
            let bytes = body.bytes();
            let text = format!("a body of {bytes} bytes is no inline body; {INLINE_BYTES_MAX} are allowed");
            Err(Refusal::new(Code::InternalError, text).into())
        }
        NewBody::Inline(bytes) | NewBody::SealedInline(bytes, _) => {
            let seq = plan.new_seq();
            plan.put(INLINE, keys::seq(seq), bytes.clone());
            Ok(Body::Inline(seq))
        }
        NewBody::Chunk(written) | NewBody::SealedChunk(written, ..) => {
            let cipher = if let NewBody::SealedChunk(_, cipher, _) = body { Some(*cipher) } else { None };
            let chunk = Chunk::from(*written);
            let (key, home) = (keys::chunk(chunk.id()), plan.home());
            let garbage = keys::garbage(Stored { id: chunk.id(), home });
            if plan.get(CHUNKS, &key)?.is_some() || plan.get(GARBAGE, &garbage)?.is_some() {
                return Err(Error::Row(format!(
                    "chunk {} was just written, and is known already",
                    chunk.id()
                )));
            }
            plan.put_row(CHUNKS, key, &Kept { count: 1, bytes: chunk.bytes, cipher, home });
            Ok(Body::Chunk(chunk, 0))
        }
    }
}

/// Gives a body up: rows go, and chunks that no other body names become garbage.
pub(super) fn release(plan: &mut Plan<'_>, body: &Body) -> Result<()> {
    match body {
        Body::Empty => {}
        Body::Inline(seq) => plan.delete(INLINE, keys::seq(*seq)),
        Body::Chunk(chunk, _) => release_chunk(plan, chunk)?,
        Body::Pieces(seq) => {
            let pieces: Pieces = plan.named_row(PIECES, &keys::seq(*seq))?;
            plan.delete(PIECES, keys::seq(*seq));
            for piece in &pieces.pieces {
                match &piece.source {
                    Source::Chunk(chunk) => release_chunk(plan, chunk)?,
                    Source::Inline(seq) => plan.delete(INLINE, keys::seq(*seq)),
                }
            }
        }
    }
    Ok(())
}

fn release_chunk(plan: &mut Plan<'_>, chunk: &Chunk) -> Result<()> {
    let key = keys::chunk(chunk.id());
    let kept: Kept = plan.named_row(CHUNKS, &key)?;
    if kept.count > 1 {
        plan.put_row(CHUNKS, key, &Kept { count: kept.count - 1, ..kept });
    } else {
        plan.delete(CHUNKS, key.clone());
        if plan.get(DAMAGED, &key)?.is_some() {
            plan.delete(DAMAGED, key);
        }
        let garbage = keys::garbage(Stored { id: chunk.id(), home: kept.home });
        plan.put_row(GARBAGE, garbage, &Garbage { bytes: kept.bytes });
    }
    Ok(())
}

fn name_chunk(plan: &mut Plan<'_>, chunk: &Chunk) -> Result<()> {
    let key = keys::chunk(chunk.id());
    let kept: Kept = plan.named_row(CHUNKS, &key)?;
    plan.put_row(CHUNKS, key, &Kept { count: kept.count + 1, ..kept });
    Ok(())
}

/// Refuses a body on damaged chunks: what cannot be read is not passed on. Refuses: `InternalError`.
pub(super) fn check_sound(plan: &Plan<'_>, pieces: &[Piece]) -> Result<()> {
    let damaged = damage::among(plan, pieces)?;
    if damaged.is_empty() { Ok(()) } else { Err(damage::refusal().into()) }
}

/// The pieces of a body of `bytes` bytes, in order, and the parts that it came in.
pub(super) fn pieces(plan: &Plan<'_>, body: &Body, bytes: u64) -> Result<Pieces> {
    let one = |source, from| Pieces { pieces: vec![Piece { source, from, bytes }], parts: Vec::new() };
    Ok(match body {
        Body::Empty => Pieces::default(),
        Body::Inline(seq) => one(Source::Inline(*seq), 0),
        Body::Chunk(chunk, from) => one(Source::Chunk(*chunk), *from),
        Body::Pieces(seq) => plan.named_row(PIECES, &keys::seq(*seq))?,
    })
}

/// What of `pieces` is in `range` of the body.
pub(super) fn cut(pieces: &[Piece], range: &Range<u64>) -> Vec<Piece> {
    let mut at = 0;
    let mut cut = Vec::new();
    for piece in pieces {
        let begin = range.start.max(at);
        let end = range.end.min(at + piece.bytes);
        if begin < end {
            cut.push(Piece { from: piece.from + (begin - at), bytes: end - begin, ..*piece });
        }
        at += piece.bytes;
    }
    cut
}

/// The bytes of a piece that is in a row.
pub(super) fn inline_bytes(plan: &Plan<'_>, piece: &Piece, seq: crate::rows::Seq) -> Result<Bytes> {
    let (from, until) = (piece.from as usize, (piece.from + piece.bytes) as usize);
    let found = plan.get(INLINE, &keys::seq(seq))?.filter(|bytes| until <= bytes.len());
    let missing = || Error::Row(format!("inline body {} is missing, or shorter than {until} bytes", seq.0));
    Ok(found.ok_or_else(missing)?.slice(from..until))
}

/// The sealed body that is in a row.
pub(super) fn sealed_row(plan: &Plan<'_>, seq: crate::rows::Seq) -> Result<Bytes> {
    let missing = || Error::Row(format!("inline body {} is missing", seq.0));
    plan.get(INLINE, &keys::seq(seq))?.ok_or_else(missing)
}

/// How a chunk was sealed. Errors: it was not.
pub(super) fn cipher(plan: &Plan<'_>, chunk: &Chunk) -> Result<Cipher> {
    let kept: Kept = plan.named_row(CHUNKS, &keys::chunk(chunk.id()))?;
    let plain = || Error::Row(format!("chunk {} is not sealed, and its object is encrypted", chunk.id()));
    kept.cipher.ok_or_else(plain)
}

/// A body of its own on the same chunks, of `range` of a body of `bytes` bytes. Of a sealed one all of it: a part of a sealed row opens under no key.
pub(super) fn copy(
    plan: &mut Plan<'_>,
    body: &Body,
    bytes: u64,
    range: &Range<u64>,
    is_sealed: bool,
) -> Result<Body> {
    let mut copied = pieces(plan, body, bytes)?;
    if *range != (0..bytes) {
        if is_sealed {
            return Err(Error::Row(format!("bytes {range:?} of a sealed body of {bytes} cannot be shared")));
        }
        copied = Pieces { pieces: cut(&copied.pieces, range), parts: Vec::new() };
    }
    check_sound(plan, &copied.pieces)?;
    for piece in &mut copied.pieces {
        match piece.source {
            Source::Chunk(chunk) => name_chunk(plan, &chunk)?,
            Source::Inline(old) => {
                let bytes = if is_sealed { sealed_row(plan, old)? } else { inline_bytes(plan, piece, old)? };
                let seq = plan.new_seq();
                plan.put(INLINE, keys::seq(seq), bytes);
                (piece.source, piece.from) = (Source::Inline(seq), 0);
            }
        }
    }
    keep(plan, &copied)
}

/// The body that is made of pieces, and takes them over. Their inline rows are whole: nothing names a part of one.
///
/// A body that is opened has its inline pieces in memory, so they are bounded. More than one come only from copies of ranges.
pub(super) fn keep(plan: &mut Plan<'_>, pieces: &Pieces) -> Result<Body> {
    let inline = pieces.pieces.iter().filter(|piece| matches!(piece.source, Source::Inline(_))).count();
    if inline > INLINE_PIECES_MAX {
        let text = format!(
            "The object would have {inline} pieces of less than {INLINE_BYTES_MAX} bytes; {INLINE_PIECES_MAX} are allowed. Upload its bytes instead of copying them"
        );
        return Err(Refusal::new(Code::EntityTooLarge, text).into());
    }
    if pieces.parts.is_empty() {
        match pieces.pieces[..] {
            [] => return Ok(Body::Empty),
            [Piece { source: Source::Inline(seq), .. }] => return Ok(Body::Inline(seq)),
            [Piece { source: Source::Chunk(chunk), from, .. }] => return Ok(Body::Chunk(chunk, from)),
            _ => {}
        }
    }
    let seq = plan.new_seq();
    plan.put_row(PIECES, keys::seq(seq), pieces);
    Ok(Body::Pieces(seq))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Seq;

    #[test]
    fn ranges_cut_pieces() {
        let piece = |seq, from, bytes| Piece { source: Source::Inline(Seq(seq)), from, bytes };
        let pieces = [piece(1, 5, 10), piece(2, 0, 1), piece(3, 0, 20)];
        let rows: [(Range<u64>, &[Piece]); 7] = [
            (0..31, &pieces),
            (0..100, &pieces),
            (0..1, &[piece(1, 5, 1)]),
            (9..11, &[piece(1, 14, 1), piece(2, 0, 1)]),
            (10..11, &[piece(2, 0, 1)]),
            (12..31, &[piece(3, 1, 19)]),
            (31..40, &[]),
        ];
        for (range, expected) in rows {
            assert_eq!(cut(&pieces, &range), expected, "{range:?}");
        }
    }
}
