//! Names and passwords (RFC 7617). Only so many are hashed at a time, on threads for blocking work; what was right a short
//! while ago is remembered. A name that nobody has costs what a wrong password costs, and so does a password that the document has in clear.

use crate::consumers::Consumers;
use crate::limits;
use crate::login::authorization;
use crate::memory::Memory;
use crate::parts::Parts;
use crate::request::RequestFacts;
use crate::secret::Verifier;
use crate::verdict::{Claimed, Found, Refusal, quoted};
use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordVerifier};
use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

#[derive(Debug)]
pub(crate) struct Basic {
    pub(crate) realm: String,
    pub(crate) users: bool,
}

/// Of no password that anybody knows; with the cost that OWASP's password storage sheet advises.
pub(crate) const DECOY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$Ym9sZS1nYXRld2F5LWRlY295$BPV6hFO2hVs0OLyrQM+3FaUKhQC2XWF1cfmyhqmHcsw";

/// Name and password of the header's base64. The name ends at the first colon.
pub(crate) fn read(text: &str) -> Option<(String, Zeroizing<String>)> {
    let bytes = Zeroizing::new(Base64::decode_vec(text).ok()?);
    let text = std::str::from_utf8(&bytes).ok()?;
    if text.chars().any(char::is_control) {
        return None;
    }
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), Zeroizing::new(password.to_owned())))
}

impl Basic {
    pub(crate) fn challenge(&self) -> String {
        format!("Basic realm={}, charset=\"UTF-8\"", quoted(&self.realm))
    }

    pub(crate) async fn decide(
        &self,
        facts: &RequestFacts<'_>,
        consumers: &Consumers,
        parts: &Parts,
    ) -> Found {
        let text = match authorization(facts, "Basic") {
            Ok(Some(text)) => text,
            Ok(None) => return Found::Nothing,
            Err(refusal) => return Found::Refused(refusal),
        };
        let Some((name, password)) = read(text) else {
            return Found::Refused(Refusal::malformed("the Authorization header holds no name and password"));
        };
        let consumer = consumers.get(&name);
        let (right, user) = if consumer.is_none() && self.users {
            match parts.users.verify(&name, &password).await {
                Ok(right) => (Some(right), true),
                Err(error) => {
                    tracing::warn!("a user's password could not be checked: {error}");
                    (None, true)
                }
            }
        } else {
            let verifier = consumer.and_then(|consumer| consumer.password.as_ref());
            (verify(&parts.memory, parts.now_ms(), &name, &password, verifier, &consumers.decoy).await, false)
        };
        match right {
            Some(true) => {
                Found::Somebody(Box::new(Claimed { consumer: Some(name), user, ..Claimed::default() }))
            }
            Some(false) => Found::Refused(
                Refusal::credentials("password", "the name or the password is wrong")
                    .with_challenge(&self.challenge()),
            ),
            None => Found::Refused(Refusal::unavailable("passwords cannot be checked now: too many wait")),
        }
    }
}

/// Whether it is right; `None` if too many wait.
async fn verify(
    memory: &Memory,
    now_ms: u64,
    name: &str,
    password: &Zeroizing<String>,
    verifier: Option<&Verifier>,
    decoy: &Arc<str>,
) -> Option<bool> {
    let version: &[u8] = match verifier {
        Some(Verifier::Argon2(text)) => text.as_bytes(),
        Some(Verifier::Hash(hash)) => hash,
        None => b"",
    };
    let key = memory.fingerprint(&[name.as_bytes(), password.as_bytes(), version]);
    if verifier.is_some() && memory.passwords.lock().get(&key, now_ms).is_some() {
        return Some(true);
    }
    let right = hash(memory, Zeroizing::clone(password), verifier.cloned(), Arc::clone(decoy)).await?;
    if right {
        let until = now_ms + limits::PASSWORD_TTL.as_millis() as u64;
        memory.passwords.lock().insert(key, (), until, 0, now_ms);
    }
    Some(right)
}

async fn hash(
    memory: &Memory,
    password: Zeroizing<String>,
    verifier: Option<Verifier>,
    decoy: Arc<str>,
) -> Option<bool> {
    let turn = if let Ok(turn) = Arc::clone(&memory.hashing).try_acquire_owned() {
        turn
    } else {
        let _waiting = Waiting::enter(&memory.hashing_waiting)?;
        Arc::clone(&memory.hashing).acquire_owned().await.ok()?
    };
    // The turn goes along: who goes away gives no place back before the hash is done.
    let checked = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        checked(&password, verifier.as_ref(), &decoy)
    });
    checked.await.ok()
}

/// One argon2id in each case.
fn checked(password: &str, verifier: Option<&Verifier>, decoy: &str) -> bool {
    let argon2 = |text: &str| {
        let hash = PasswordHash::new(text);
        hash.is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    };
    match verifier {
        Some(Verifier::Argon2(text)) => argon2(text),
        Some(Verifier::Hash(hash)) => {
            argon2(decoy);
            bool::from(Sha256::digest(password).as_slice().ct_eq(hash))
        }
        None => {
            argon2(decoy);
            false
        }
    }
}

/// A place among those who wait.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(waiting: &'a AtomicUsize) -> Option<Self> {
        let enter = |waiting: usize| (waiting < limits::HASHING_WAITING_MAX).then_some(waiting + 1);
        waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enter).ok().map(|_| Self(waiting))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_decoy_costs_a_hash() {
        let hash = PasswordHash::new(DECOY).unwrap();
        assert_eq!(hash.params.get_decimal("m"), Some(19_456));
        assert!(!checked("decoy", None, DECOY));
    }

    #[test]
    fn names_end_at_the_first_colon() {
        for (text, expected) in [
            ("ann:pen:cil", Some(("ann", "pen:cil"))),
            (":", Some(("", ""))),
            ("ann", None),
            ("ann:a\nb", None),
        ] {
            let got = read(&Base64::encode_string(text.as_bytes()));
            let got = got.as_ref().map(|(name, password)| (name.as_str(), password.as_str()));
            assert_eq!(got, expected, "{text}");
        }
        assert!(read("%").is_none() && read(&Base64::encode_string(b"\xff:a")).is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = read(&text);
        }
    }
}
