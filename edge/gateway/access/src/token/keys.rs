//! Keys of tokens: a JSON Web Key Set (RFC 7517), or a secret. Each key fixes the algorithms that it may be used with.

use crate::limits;
use crate::token::{Unverified, algorithms};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Keys that a token without a key id is tried with: each costs a signature.
const TRIES_MAX: usize = 8;

/// Numbers of key sets: what was verified by one set is not taken for verified by another.
static GENERATIONS: AtomicU64 = AtomicU64::new(0);

/// Keys of one issuer.
pub(crate) struct KeySet {
    keys: Vec<Key>,
    /// Of no other set of this process.
    pub(crate) generation: u64,
}

struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    decoding: DecodingKey,
}

impl fmt::Debug for KeySet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KeySet({} keys)", self.keys.len())
    }
}

/// Why no key has signed a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// None has the token's key id.
    UnknownKey,
    /// The algorithm is not one that the login, or the key, allows.
    Algorithm,
    /// The signature is another's.
    Signature,
}

impl KeySet {
    fn of(keys: Vec<Key>) -> Self {
        Self { keys, generation: GENERATIONS.fetch_add(1, Ordering::Relaxed) }
    }

    /// Reads a set. Keys that are not for signatures, of kinds that nobody here knows, or secret are passed over; a set without
    /// any left, or with too many, is an error.
    pub(crate) fn read(json: &[u8]) -> Result<Self, String> {
        let value: Value =
            serde_json::from_slice(json).map_err(|error| format!("the key set is no JSON: {error}"))?;
        let rows = value.get("keys").and_then(Value::as_array).ok_or("the key set has no \"keys\"")?;
        if rows.len() > limits::KEYS_MAX {
            return Err(format!(
                "the key set has {} keys; at most {} are taken",
                rows.len(),
                limits::KEYS_MAX
            ));
        }
        let known = rows.iter().filter_map(|row| serde_json::from_value::<Jwk>(row.clone()).ok());
        let keys: Vec<Key> = known.filter_map(|key| Key::of(&key)).collect();
        if keys.is_empty() {
            return Err("the key set has no public key for signatures".to_owned());
        }
        Ok(Self::of(keys))
    }

    /// One secret.
    pub(crate) fn secret(secret: &[u8]) -> Self {
        let decoding = DecodingKey::from_secret(secret);
        Self::of(vec![Key { id: None, algorithms: algorithms(false), decoding }])
    }

    /// Whether one of the keys has signed the token, with one of the algorithms.
    pub(crate) fn verify(&self, token: &Unverified<'_>, allowed: &[Algorithm]) -> Result<(), Mismatch> {
        if !allowed.contains(&token.algorithm) {
            return Err(Mismatch::Algorithm);
        }
        let named = |key: &&Key| match (&token.key_id, &key.id) {
            (Some(wanted), Some(id)) => wanted == id,
            _ => true,
        };
        if !self.keys.iter().any(|key| named(&key)) {
            return Err(Mismatch::UnknownKey);
        }
        let mut fitting =
            self.keys.iter().filter(named).filter(|key| key.algorithms.contains(&token.algorithm)).peekable();
        if fitting.peek().is_none() {
            return Err(Mismatch::Algorithm);
        }
        let signed = |key: &Key| {
            let right =
                jsonwebtoken::crypto::verify(token.signature, token.message, &key.decoding, token.algorithm);
            right.unwrap_or(false)
        };
        if fitting.take(TRIES_MAX).any(signed) { Ok(()) } else { Err(Mismatch::Signature) }
    }
}

impl Key {
    fn of(jwk: &Jwk) -> Option<Self> {
        let common = &jwk.common;
        let signs = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature)
            && common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
        if !signs {
            return None;
        }
        let family: &[(KeyAlgorithm, Algorithm)] = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => &[
                (KeyAlgorithm::RS256, Algorithm::RS256),
                (KeyAlgorithm::RS384, Algorithm::RS384),
                (KeyAlgorithm::RS512, Algorithm::RS512),
                (KeyAlgorithm::PS256, Algorithm::PS256),
                (KeyAlgorithm::PS384, Algorithm::PS384),
                (KeyAlgorithm::PS512, Algorithm::PS512),
            ],
            AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
                EllipticCurve::P256 => &[(KeyAlgorithm::ES256, Algorithm::ES256)],
                EllipticCurve::P384 => &[(KeyAlgorithm::ES384, Algorithm::ES384)],
                _ => &[],
            },
            AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
                &[(KeyAlgorithm::EdDSA, Algorithm::EdDSA)]
            }
            // Secrets have no place in a set of public keys.
            _ => &[],
        };
        let fits = |row: &&(KeyAlgorithm, Algorithm)| common.key_algorithm.is_none_or(|named| named == row.0);
        let algorithms: Vec<Algorithm> = family.iter().filter(fits).map(|row| row.1).collect();
        let decoding = DecodingKey::from_jwk(jwk).ok().filter(|_| !algorithms.is_empty())?;
        Some(Self { id: common.key_id.clone(), algorithms, decoding })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_json_is_a_set_or_refused(kty in "RSA|EC|OKP|oct|x", crv in "P-256|Ed25519|x", value in "[A-Za-z0-9_-]{0,50}") {
            let row = serde_json::json!({"kty": kty, "crv": crv, "n": value, "e": "AQAB", "x": value, "y": value, "k": value});
            if let Ok(set) = KeySet::read(serde_json::json!({"keys": [row]}).to_string().as_bytes()) {
                // A key of nonsense takes no signature, and does no harm.
                for algorithm in algorithms(true) {
                    let claims = serde_json::Map::new();
                    let token = Unverified { algorithm, key_id: None, message: b"a.b", signature: "AAAA", claims };
                    prop_assert!(set.verify(&token, &[algorithm]).is_err());
                }
            }
        }
    }
}
