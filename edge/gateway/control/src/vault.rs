//! How secrets of a document are kept: keys of clients as digests, passwords as argon2id verifiers, and what must be known in clear
//! encrypted under a key that follows from the node's key file. So neither the log, nor a checkpoint, nor an answer of the API has one.
//!
//! A sealed text is `sealed:` and base64 of the key's id (8 bytes), a nonce (24), and the ciphertext with its tag
//! (XChaCha20-Poly1305; what it is bound to is `part/name` of its object). *Persisted.*

use crate::error::{Error, Result};
use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use base64ct::{Base64, Encoding as _};
use bole_gateway_document::Document;
use bole_gateway_document::secrets::Use;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fmt;
use zeroize::Zeroizing;

const ID: usize = 8;
const NONCE: usize = 24;
const SEALED: &str = "sealed:";

/// The keys; the first one seals, all open.
pub struct Vault(Vec<([u8; ID], Zeroizing<[u8; 32]>)>);

impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Vault of {} keys", self.0.len())
    }
}

impl Vault {
    /// Keys with their ids, the one that seals first; at least one.
    pub fn new(keys: impl IntoIterator<Item = ([u8; ID], [u8; 32])>) -> Self {
        let keys: Vec<_> = keys.into_iter().map(|(id, key)| (id, Zeroizing::new(key))).collect();
        assert!(!keys.is_empty(), "a vault has a key that seals");
        Self(keys)
    }

    /// Puts what is safe to be kept in place of each secret, and the same text as in `before` where the secret is the same: else each
    /// password and sealed secret would be another one each time. Blocks: a password takes a tenth of a second.
    pub fn close(&self, document: &mut Document, mut before: Document) -> Result<()> {
        let mut kept: HashMap<(&str, String), Vec<String>> = HashMap::new();
        for (part, name, _, secret) in before.secrets() {
            kept.entry((part, name.to_owned())).or_default().push(secret.0.clone());
        }
        for (part, name, purpose, secret) in document.secrets() {
            if secret.is_safe() {
                continue;
            }
            let object = format!("{part}/{name}");
            let same = kept.get(&(part, name.to_owned())).and_then(|kept| {
                kept.iter().find(|text| self.is_of(&object, purpose, text, &secret.0)).cloned()
            });
            if let Some(same) = same {
                secret.0 = same;
                continue;
            }
            secret.0 = match purpose {
                Use::Key => format!("sha256:{}", hexadecimal(&Sha256::digest(secret.0.as_bytes()))),
                Use::Password => verifier(&secret.0).map_err(|problem| Error::Invalid(vec![problem]))?,
                Use::Shared => self.seal(&object, &secret.0),
            };
        }
        Ok(())
    }

    /// Puts each sealed secret in clear again. What cannot be opened is named.
    pub fn open(&self, document: &mut Document) -> Vec<String> {
        let mut problems = Vec::new();
        for (part, name, _, secret) in document.secrets() {
            let Some(text) = secret.0.strip_prefix(SEALED) else { continue };
            match self.unseal(&format!("{part}/{name}"), text) {
                Some(clear) => secret.0 = clear,
                None => problems.push(format!(
                    "{part}.{name}: the secret was sealed by another node's key file, or for another object; put it again"
                )),
            }
        }
        problems
    }

    /// A text as it is kept under this name.
    pub(crate) fn close_text(&self, name: &str, clear: &str) -> String {
        self.seal(&format!("kept/{name}"), clear)
    }

    /// The text that was kept under this name; `None` if it was sealed by another node's key file.
    pub(crate) fn open_text(&self, name: &str, sealed: &str) -> Option<String> {
        self.unseal(&format!("kept/{name}"), sealed.strip_prefix(SEALED)?)
    }

    /// Whether what is kept was made of this secret.
    fn is_of(&self, object: &str, purpose: Use, kept: &str, clear: &str) -> bool {
        match purpose {
            Use::Key => false,
            Use::Password => PasswordHash::new(kept)
                .is_ok_and(|hash| Argon2::default().verify_password(clear.as_bytes(), &hash).is_ok()),
            Use::Shared => {
                let opened = kept.strip_prefix(SEALED).and_then(|text| self.unseal(object, text));
                opened.is_some_and(|opened| opened == clear)
            }
        }
    }

    fn seal(&self, object: &str, clear: &str) -> String {
        let (id, key) = &self.0[0];
        let nonce: [u8; NONCE] = rand::random();
        let payload = Payload { msg: clear.as_bytes(), aad: object.as_bytes() };
        let sealed = XChaCha20Poly1305::new((&**key).into()).encrypt(XNonce::from_slice(&nonce), payload);
        let sealed = sealed.expect("a secret is shorter than what the cipher takes");
        format!("{SEALED}{}", Base64::encode_string(&[&id[..], &nonce, &sealed].concat()))
    }

    fn unseal(&self, object: &str, text: &str) -> Option<String> {
        let bytes = Base64::decode_vec(text).ok()?;
        let (id, rest) = bytes.split_at_checked(ID)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE)?;
        let (_, key) = self.0.iter().find(|(known, _)| known == id)?;
        let payload = Payload { msg: sealed, aad: object.as_bytes() };
        let clear =
            XChaCha20Poly1305::new((&**key).into()).decrypt(XNonce::from_slice(nonce), payload).ok()?;
        String::from_utf8(clear).ok()
    }
}

fn verifier(password: &str) -> std::result::Result<String, String> {
    let salt: [u8; 16] = rand::random();
    let salt = SaltString::encode_b64(&salt).map_err(|error| error.to_string())?;
    let hash =
        Argon2::default().hash_password(password.as_bytes(), &salt).map_err(|error| error.to_string())?;
    Ok(hash.to_string())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAR: &str = "[consumers.a]\nkeys = [\"ka\", \"env:K\"]\npassword = \"pa\"\nsigning = { id = \"sa\" }\n\
                         [logins.t.jwt]\nsecret = \"ja\"\n";

    fn vault(seed: u8) -> Vault {
        Vault::new([([seed; 8], [seed; 32]), ([9; 8], [9; 32])])
    }

    #[test]
    fn what_is_kept_has_no_secret_and_opens_again() {
        let mut document = Document::from_toml(CLEAR).expect("it is right");
        vault(1).close(&mut document, Document::default()).expect("a password can be hashed");
        let kept = serde_json::to_string(&document).expect("it is JSON");
        for clear in ["\"ka\"", "\"pa\"", "\"sa\"", "\"ja\""] {
            assert!(!kept.contains(clear), "{kept}");
        }
        let a = &document.consumers["a"];
        assert!(a.keys[0].0.starts_with("sha256:") && a.keys[0].0.len() == 71, "{kept}");
        assert_eq!(a.keys[1].0, "env:K");
        assert!(a.password.as_ref().is_some_and(|password| password.0.starts_with("$argon2id$")), "{kept}");
        let mut again = document.clone();
        vault(1).close(&mut again, Document::default()).expect("nothing is left to do");
        assert_eq!(again, document);
        let mut same = Document::from_toml(CLEAR).expect("it is right");
        vault(1).close(&mut same, document.clone()).expect("a password can be hashed");
        assert_eq!(same, document, "who puts the same again changes nothing");

        assert!(vault(1).open(&mut again).is_empty());
        assert_eq!(again.consumers["a"].signing["id"].0, "sa");
        let mut elsewhere = document.clone();
        assert_eq!(vault(2).open(&mut elsewhere).len(), 2, "another node has other keys");
        let mut moved = document.clone();
        let a = moved.consumers.remove("a").expect("it is there");
        moved.consumers.insert("b".to_owned(), a);
        assert_eq!(vault(1).open(&mut moved).len(), 1, "a sealed secret belongs to its object");
        let older = Vault::new([([3; 8], [3; 32]), ([1; 8], [1; 32])]);
        assert!(older.open(&mut document).is_empty(), "keys that were replaced open still");
    }

    #[test]
    fn what_is_no_sealed_text_is_refused() {
        for text in ["sealed:", "sealed:AAAA", "sealed:%%%", &format!("sealed:{}", "A".repeat(80))] {
            let mut document =
                Document::from_toml(&format!("[logins.t.jwt]\nsecret = \"{text}\"")).expect("it is right");
            assert_eq!(vault(1).open(&mut document).len(), 1, "{text}");
        }
    }
}
