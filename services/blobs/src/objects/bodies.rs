//! Bodies and what they name: rows of bytes, chunks with the number of bodies that are on them, pieces.

use std::ops::Range;

use bytes::Bytes;

use crate::chunks::homes::Stored;
use crate::chunks::writer::Written;
use crate::error::{Code, Error as Refusal};
use crate::limits::{INLINE_BYTES_MAX, INLINE_PIECES_MAX};
use crate::rows::keys::{CHUNKS, GARBAGE, INLINE, PIECES};
use crate::rows::{Body, Chunk, Garbage, Kept, Piece, Pieces, Source, keys};
use crate::state::{Error, Plan, Result};

/// A body that came.
#[derive(Clone, Debug)]
pub enum NewBody {
    /// Its bytes, at most [`INLINE_BYTES_MAX`].
    Inline(Bytes),
    /// A chunk that is durable and named by nothing yet. If the operation is refused, whoever wrote it removes it.
    Chunk(Written),
}

impl NewBody {
    /// How long it is.
    pub const fn bytes(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Chunk(written) => written.body_bytes,
        }
    }

    /// About how many bytes of it are logged.
    pub const fn logged_bytes(&self) -> usize {
        match self {
            Self::Inline(bytes) => bytes.len() + 16,
            Self::Chunk(_) => 64,
        }
    }
}

/// Takes a body in.
pub(super) fn take(plan: &mut Plan<'_>, body: &NewBody) -> Result<Body> {
    match body {
        NewBody::Inline(bytes) if bytes.is_empty() => Ok(Body::Empty),
        NewBody::Inline(bytes) if bytes.len() > INLINE_BYTES_MAX => {
            let text =
                format!("a body of {} bytes is no inline body; {INLINE_BYTES_MAX} are allowed", bytes.len());
            Err(Refusal::new(Code::InternalError, text).into())
        }
        NewBody::Inline(bytes) => {
            let seq = plan.new_seq();
            plan.put(INLINE, keys::seq(seq), bytes.clone());
            Ok(Body::Inline(seq))
        }
        NewBody::Chunk(written) => {
            let chunk = Chunk::from(*written);
            let (key, home) = (keys::chunk(chunk.id()), plan.home());
            let garbage = keys::garbage(Stored { id: chunk.id(), home });
            if plan.get(CHUNKS, &key)?.is_some() || plan.get(GARBAGE, &garbage)?.is_some() {
                return Err(Error::Row(format!(
                    "chunk {} was just written, and is known already",
                    chunk.id()
                )));
            }
            plan.put_row(CHUNKS, key, &Kept { count: 1, bytes: chunk.bytes, home });
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
        plan.delete(CHUNKS, key);
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

/// A body of its own on the same chunks, of `range` of a body of `bytes` bytes.
pub(super) fn copy(plan: &mut Plan<'_>, body: &Body, bytes: u64, range: &Range<u64>) -> Result<Body> {
    let mut copied = pieces(plan, body, bytes)?;
    if *range != (0..bytes) {
        copied = Pieces { pieces: cut(&copied.pieces, range), parts: Vec::new() };
    }
    for piece in &mut copied.pieces {
        match piece.source {
            Source::Chunk(chunk) => name_chunk(plan, &chunk)?,
            Source::Inline(old) => {
                let bytes = inline_bytes(plan, piece, old)?;
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
