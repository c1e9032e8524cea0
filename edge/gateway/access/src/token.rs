//! Signed tokens (JWT, RFC 7519, in the compact form of RFC 7515), read without trust: what a header says chooses among
//! the keys that are known here and can add none. `jwk`, `jku`, `x5c` and `x5u` are not looked at.

pub(crate) mod claims;
pub(crate) mod keys;
pub(crate) mod source;

use crate::{json, limits};
use base64ct::{Base64UrlUnpadded, Encoding};
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

/// Algorithms by name, with whether their keys are public. A name that is not here is refused, `none` first.
const ALGORITHMS: [(&str, Algorithm, bool); 12] = [
    ("RS256", Algorithm::RS256, true),
    ("RS384", Algorithm::RS384, true),
    ("RS512", Algorithm::RS512, true),
    ("PS256", Algorithm::PS256, true),
    ("PS384", Algorithm::PS384, true),
    ("PS512", Algorithm::PS512, true),
    ("ES256", Algorithm::ES256, true),
    ("ES384", Algorithm::ES384, true),
    ("EdDSA", Algorithm::EdDSA, true),
    ("HS256", Algorithm::HS256, false),
    ("HS384", Algorithm::HS384, false),
    ("HS512", Algorithm::HS512, false),
];

/// The algorithm of a name, and whether its keys are public.
pub(crate) fn algorithm(name: &str) -> Option<(Algorithm, bool)> {
    ALGORITHMS.iter().find(|row| row.0 == name).map(|row| (row.1, row.2))
}

/// All algorithms of public keys, or all of secrets.
pub(crate) fn algorithms(public: bool) -> Vec<Algorithm> {
    ALGORITHMS.iter().filter(|row| row.2 == public).map(|row| row.1).collect()
}

/// A token whose signature nobody has checked yet.
#[derive(Debug)]
pub(crate) struct Unverified<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<String>,
    /// What is signed.
    pub(crate) message: &'a [u8],
    pub(crate) signature: &'a str,
    pub(crate) claims: Map<String, Value>,
}

/// Reads a token. The error is for its sender.
pub(crate) fn read(text: &str) -> Result<Unverified<'_>, &'static str> {
    if text.len() > limits::CREDENTIAL_BYTES_MAX {
        return Err("the token is too long");
    }
    let shape = "the token is not three parts of base64url between dots";
    let mut parts = text.split('.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(shape);
    };
    let bytes = |part: &str| Base64UrlUnpadded::decode_vec(part).map_err(|_| shape);
    let head = json::object(&bytes(header)?)
        .map_err(|_| "the token's header is no JSON object with each member once")?;
    bytes(signature)?;
    if head.contains_key("crit") {
        return Err("the token asks for extensions that are not known here");
    }
    let named = head.get("alg").and_then(Value::as_str).and_then(algorithm);
    let (algorithm, _) = named.ok_or("the token's algorithm is not taken")?;
    let key_id = match head.get("kid") {
        None => None,
        Some(Value::String(id)) if id.len() <= 512 => Some(id.clone()),
        Some(_) => return Err("the token's key id is no text of at most 512 bytes"),
    };
    let claims = json::object(&bytes(payload)?)
        .map_err(|_| "the token's claims are no JSON object with each member once")?;
    let message = &text.as_bytes()[..header.len() + 1 + payload.len()];
    Ok(Unverified { algorithm, key_id, message, signature, claims })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,80}") {
            let _ = read(&text);
        }

        /// What is read is what was encoded.
        #[test]
        fn parts_are_read(id in "[a-z]{0,9}", subject in ".{0,20}") {
            let part = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
            let header = part(&serde_json::json!({"alg": "RS256", "kid": id}));
            let payload = part(&serde_json::json!({"sub": subject}));
            let text = format!("{header}.{payload}.AAAA");
            let token = read(&text).unwrap();
            prop_assert_eq!(token.key_id, Some(id));
            prop_assert_eq!(token.claims["sub"].as_str(), Some(subject.as_str()));
            let message = format!("{header}.{payload}");
            prop_assert_eq!(token.message, message.as_bytes());
        }
    }
}
