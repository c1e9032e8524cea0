//! Digests of bytes that are kept already: what a copied part needs, whose ETag is of its own bytes.

use std::any::Any;

use http_body_util::BodyExt as _;

use super::outgoing::{Damaged, Piece, open};
use super::{Bodies, Error};
use crate::rules::checksums::{Algorithm, EtagHasher, Hasher, Value};

/// The MD5 of the bytes of `pieces`, and the checksum that is asked for. They are read as a download is, and verified. Errors: as
/// [`open`]'s, at any of their blocks.
pub async fn digests(
    bodies: &Bodies,
    pieces: Vec<Piece>,
    hold: Box<dyn Any + Send>,
    algorithm: Option<Algorithm>,
    damaged: Damaged,
) -> Result<([u8; 16], Option<Value>), Error> {
    let mut body = open(bodies, pieces, hold, Some(damaged)).await?;
    let (mut md5, mut checksum) = (EtagHasher::default(), algorithm.map(Hasher::new));
    while let Some(frame) = body.frame().await {
        let frame = frame?;
        let Some(bytes) = frame.data_ref() else { continue };
        md5.update(bytes);
        if let Some(checksum) = &mut checksum {
            checksum.update(bytes);
        }
    }
    Ok((md5.finish(), checksum.map(Hasher::finish)))
}
