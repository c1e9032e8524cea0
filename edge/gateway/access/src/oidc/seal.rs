//! Cookies that only the gateway can read and make: XChaCha20-Poly1305, whose nonces are long enough to be drawn. What a cookie is
//! for is sealed with it, so that none is taken for another's.
//!
//! ```text
//! base64url( version (1) | nonce (24) | ciphertext and tag )
//! ```

use crate::parts::{Parts, random};
use base64ct::{Base64UrlUnpadded, Encoding};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;

/// Seals some bytes with the current key.
pub(crate) fn seal(parts: &Parts, purpose: &[u8], bytes: &[u8]) -> String {
    let nonce: [u8; NONCE_BYTES] = random(&*parts.entropy);
    let cipher = XChaCha20Poly1305::new((&parts.session_keys.current).into());
    let sealed = cipher.encrypt(XNonce::from_slice(&nonce), Payload { msg: bytes, aad: purpose });
    let sealed = sealed.expect("invariant: a cookie is shorter than what the cipher takes");
    let whole = [&[VERSION], &nonce[..], &sealed].concat();
    Base64UrlUnpadded::encode_string(&whole)
}

/// Opens what was sealed for the purpose, and says whether that was with the current key.
pub(crate) fn open(parts: &Parts, purpose: &[u8], text: &str) -> Option<(Vec<u8>, bool)> {
    let whole = Base64UrlUnpadded::decode_vec(text).ok()?;
    let (version, rest) = whole.split_first()?;
    let (nonce, sealed) = rest.split_at_checked(NONCE_BYTES)?;
    if *version != VERSION {
        return None;
    }
    let open = |key: &[u8; 32]| {
        let cipher = XChaCha20Poly1305::new(key.into());
        cipher.decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad: purpose }).ok()
    };
    let keys = &parts.session_keys;
    open(&keys.current)
        .map(|bytes| (bytes, true))
        .or_else(|| keys.previous.as_ref().and_then(open).map(|bytes| (bytes, false)))
}
