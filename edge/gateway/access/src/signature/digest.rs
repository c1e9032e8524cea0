//! `Content-Digest` (RFC 9530): what a body must be. The head is decided upon before the body is there, so this goes along with it.

use crate::signature::fields::{self, Bare, Value};
use http::HeaderMap;
use sha2::{Digest, Sha256, Sha512};
use std::fmt;
use subtle::ConstantTimeEq;

/// What a body must be. Give it each piece, then ask.
#[derive(Clone)]
pub struct BodyCheck {
    sha256: Option<(Sha256, Vec<u8>)>,
    sha512: Option<(Sha512, Vec<u8>)>,
}

impl fmt::Debug for BodyCheck {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("BodyCheck(…)")
    }
}

/// The body is another than was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not what Content-Digest says")]
pub struct WrongBody;

impl BodyCheck {
    /// Of the header: every digest of `sha-256` and `sha-512` in it counts, and one must be there.
    pub(crate) fn new(headers: &HeaderMap) -> Result<Self, String> {
        let values: Vec<&[u8]> =
            headers.get_all("content-digest").iter().map(http::HeaderValue::as_bytes).collect();
        let wrong = || "Content-Digest is no dictionary of byte sequences".to_owned();
        let members = fields::dictionary(&values.join(&b", "[..])).map_err(|_| wrong())?;
        let mut check = Self { sha256: None, sha512: None };
        for (name, member) in members {
            let Value::Item(Bare::Bytes(digest)) = member.value else { return Err(wrong()) };
            match name.as_str() {
                "sha-256" => check.sha256 = Some((Sha256::new(), digest)),
                "sha-512" => check.sha512 = Some((Sha512::new(), digest)),
                // Others are not trusted (RFC 9530, section 5), and count for nothing.
                _ => {}
            }
        }
        if check.sha256.is_none() && check.sha512.is_none() {
            return Err("Content-Digest has neither sha-256 nor sha-512".to_owned());
        }
        Ok(check)
    }

    /// The body's next piece.
    pub fn update(&mut self, piece: &[u8]) {
        if let Some((hash, _)) = &mut self.sha256 {
            hash.update(piece);
        }
        if let Some((hash, _)) = &mut self.sha512 {
            hash.update(piece);
        }
    }

    /// Whether that was the body.
    pub fn finish(self) -> Result<(), WrongBody> {
        let sha256 =
            self.sha256.is_none_or(|(hash, digest)| hash.finalize().as_slice().ct_eq(&digest).into());
        let sha512 =
            self.sha512.is_none_or(|(hash, digest)| hash.finalize().as_slice().ct_eq(&digest).into());
        if sha256 && sha512 { Ok(()) } else { Err(WrongBody) }
    }
}
