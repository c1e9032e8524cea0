//! What is kept of a password: enough to check it, not enough to know it. Argon2id (RFC 9106) for protocols that send
//! the password, SCRAM keys (RFC 5802, SHA-256 by RFC 7677, SHA-512 alike) for those that prove it.
//!
//! Hashing takes milliseconds and megabytes by intention: on a runtime it goes through [`crate::cache`].

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use hmac::digest::Digest;
use hmac::{Hmac, Mac};
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

use crate::error::{Error, Result};
use crate::hex;

/// Passwords are between one byte and this many.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
const SALT_BYTES: usize = 16;

/// How much work a verifier costs, to make and to check and to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory that Argon2id fills, in KiB.
    pub argon2_kib: u32,
    /// How often it does.
    pub argon2_passes: u32,
    /// SCRAM's iterations, which its clients pay too.
    pub scram_iterations: u32,
}

impl Cost {
    /// Argon2id with 19 MiB and two passes, as OWASP's password storage sheet advises; SCRAM with 15,000 iterations:
    /// above RFC 7677's 4,096, within the 16,384 that Kafka's tools accept.
    pub const DEFAULT: Self = Self { argon2_kib: 19 * 1_024, argon2_passes: 2, scram_iterations: 15_000 };
    /// The least that the algorithms allow, for tests: no protection.
    pub const LEAST: Self = Self { argon2_kib: 8, argon2_passes: 1, scram_iterations: 1 };
}

impl Default for Cost {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What is kept of a user's password: all three when the node saw it, single SCRAM keys when a client computed them.
/// *Persisted* within a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verifiers {
    /// In PHC form, `$argon2id$v=19$m=...`. Missing once SCRAM keys were set by themselves: the node does not know the
    /// password that they are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    argon2: Option<String>,
    /// For SCRAM-SHA-256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scram_sha_256: Option<Scram>,
    /// For SCRAM-SHA-512.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scram_sha_512: Option<Scram>,
}

/// What a SCRAM server knows of a password. *Persisted* within a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scram {
    /// The hash function.
    pub hash: ScramHash,
    /// Random, per user and hash.
    #[serde(with = "hex")]
    pub salt: Vec<u8>,
    /// Of PBKDF2.
    pub iterations: u32,
    /// `H(HMAC(SaltedPassword, "Client Key"))`
    #[serde(with = "hex")]
    pub stored_key: Vec<u8>,
    /// `HMAC(SaltedPassword, "Server Key")`
    #[serde(with = "hex")]
    pub server_key: Vec<u8>,
}

/// The hash function of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScramHash {
    /// SCRAM-SHA-256
    #[serde(rename = "sha-256")]
    Sha256,
    /// SCRAM-SHA-512
    #[serde(rename = "sha-512")]
    Sha512,
}

impl Verifiers {
    /// Verifiers of `password`, with salts from `rng`. Refuses an empty or overlong password.
    pub fn new(password: &str, cost: Cost, rng: &mut impl CryptoRng) -> Result<Self> {
        if password.is_empty() || password.len() > PASSWORD_BYTES_MAX {
            let length = password.len();
            return Err(Error::Invalid(format!(
                "the password has {length} bytes; 1 to {PASSWORD_BYTES_MAX} are allowed"
            )));
        }
        let scram = |hash, salt: [u8; SALT_BYTES]| Scram::new(hash, password, &salt, cost.scram_iterations);
        Ok(Self {
            argon2: Some(argon2id(password, cost, &salt(rng))?),
            scram_sha_256: Some(scram(ScramHash::Sha256, salt(rng))),
            scram_sha_512: Some(scram(ScramHash::Sha512, salt(rng))),
        })
    }

    /// Whether `password` is the one. Costs what [`Cost`] says, or SCRAM's iterations where only SCRAM keys are kept; then
    /// each of these may be of a password of its own, and any of them will do.
    pub fn verify(&self, password: &str) -> bool {
        if password.len() > PASSWORD_BYTES_MAX {
            return false;
        }
        let Some(argon2) = &self.argon2 else {
            let keys = [&self.scram_sha_256, &self.scram_sha_512];
            return keys.into_iter().flatten().any(|keys| keys.verify(password));
        };
        let Ok(hash) = PasswordHash::new(argon2) else { return false };
        Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
    }

    /// What changes whenever the password, or a SCRAM key, is set, even to the same.
    pub fn version(&self) -> String {
        let mut version = self.argon2.clone().unwrap_or_default();
        for keys in [&self.scram_sha_256, &self.scram_sha_512] {
            version.push(' ');
            version.extend(
                keys.iter().flat_map(|keys| [hex::encode(&keys.salt), hex::encode(&keys.stored_key)]),
            );
        }
        version
    }

    /// The keys of one SCRAM mechanism.
    pub const fn scram(&self, hash: ScramHash) -> Option<&Scram> {
        match hash {
            ScramHash::Sha256 => self.scram_sha_256.as_ref(),
            ScramHash::Sha512 => self.scram_sha_512.as_ref(),
        }
    }

    /// Sets or removes (`None`) the keys of one SCRAM mechanism, whose password the node does not know. The Argon2id
    /// verifier goes: it is of a password that somebody wanted replaced.
    pub fn set_scram(&mut self, hash: ScramHash, keys: Option<Scram>) {
        self.argon2 = None;
        match hash {
            ScramHash::Sha256 => self.scram_sha_256 = keys,
            ScramHash::Sha512 => self.scram_sha_512 = keys,
        }
    }

    /// Whether no password can pass.
    pub const fn is_empty(&self) -> bool {
        self.argon2.is_none() && self.scram_sha_256.is_none() && self.scram_sha_512.is_none()
    }
}

fn salt(rng: &mut impl CryptoRng) -> [u8; SALT_BYTES] {
    let mut salt = [0; SALT_BYTES];
    rng.fill_bytes(&mut salt);
    salt
}

fn argon2id(password: &str, cost: Cost, salt: &[u8]) -> Result<String> {
    let refuse = |error: &dyn std::fmt::Display| Error::Internal(format!("argon2id with {cost:?}: {error}"));
    let params = Params::new(cost.argon2_kib, cost.argon2_passes, 1, None).map_err(|error| refuse(&error))?;
    let salt = SaltString::encode_b64(salt).map_err(|error| refuse(&error))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon2.hash_password(password.as_bytes(), &salt).map_err(|error| refuse(&error))?;
    Ok(hash.to_string())
}

impl Scram {
    /// The keys of `password` (RFC 5802 section 3).
    pub fn new(hash: ScramHash, password: &str, salt: &[u8], iterations: u32) -> Self {
        let salted = hash.salted_password(&prepared(password), salt, iterations);
        Self::from_salted(hash, &salted, salt, iterations)
    }

    /// The keys of a password that a client salted: `salted` is RFC 5802's `SaltedPassword`.
    pub fn from_salted(hash: ScramHash, salted: &[u8], salt: &[u8], iterations: u32) -> Self {
        let client_key = hash.hmac(salted, b"Client Key");
        let (stored_key, server_key) = (hash.digest(&client_key), hash.hmac(salted, b"Server Key"));
        Self { hash, salt: salt.to_owned(), iterations, stored_key, server_key }
    }

    /// Checks a client's proof over the handshake's messages; if it is right, gives the server's signature to answer
    /// with.
    pub fn check_proof(&self, auth_message: &[u8], proof: &[u8]) -> Option<Vec<u8>> {
        let signature = self.hash.hmac(&self.stored_key, auth_message);
        if proof.len() != signature.len() {
            return None;
        }
        let client_key: Vec<u8> = signature.iter().zip(proof).map(|(a, b)| a ^ b).collect();
        let right = bool::from(self.hash.digest(&client_key).ct_eq(&self.stored_key));
        right.then(|| self.hash.hmac(&self.server_key, auth_message))
    }

    /// Whether `password` has these keys. Costs the iterations.
    pub fn verify(&self, password: &str) -> bool {
        let other = Self::new(self.hash, password, &self.salt, self.iterations);
        bool::from(other.stored_key.ct_eq(&self.stored_key))
    }
}

/// The password as SCRAM hashes it: by `SASLprep` (RFC 4013), or as it is if that forbids it; other servers do the same.
fn prepared(password: &str) -> std::borrow::Cow<'_, str> {
    stringprep::saslprep(password).unwrap_or(password.into())
}

/// What a client computes from its password: the proof that it sends, and the signature that the right server answers with.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientProof {
    /// `ClientKey XOR HMAC(StoredKey, AuthMessage)`
    pub proof: Vec<u8>,
    /// `HMAC(ServerKey, AuthMessage)`
    pub signature: Vec<u8>,
}

impl ClientProof {
    /// A client's side of [`Scram::check_proof`] over the handshake's messages. Costs the iterations.
    pub fn new(hash: ScramHash, password: &str, salt: &[u8], iterations: u32, auth_message: &[u8]) -> Self {
        let salted = hash.salted_password(&prepared(password), salt, iterations);
        let keys = Scram::from_salted(hash, &salted, salt, iterations);
        let signature = hash.hmac(&keys.stored_key, auth_message);
        let client_key = hash.hmac(&salted, b"Client Key");
        let proof = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        Self { proof, signature: hash.hmac(&keys.server_key, auth_message) }
    }
}

impl ScramHash {
    /// Bytes of its digests.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    fn salted_password(self, password: &str, salt: &[u8], iterations: u32) -> Vec<u8> {
        let password = password.as_bytes();
        match self {
            Self::Sha256 => pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, salt, iterations).to_vec(),
            Self::Sha512 => pbkdf2::pbkdf2_hmac_array::<Sha512, 64>(password, salt, iterations).to_vec(),
        }
    }

    fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }

    fn hmac(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        const ANY_LENGTH: &str = "invariant: HMAC takes keys of any length";
        match self {
            Self::Sha256 => {
                let mac = Hmac::<Sha256>::new_from_slice(key).expect(ANY_LENGTH);
                mac.chain_update(message).finalize().into_bytes().to_vec()
            }
            Self::Sha512 => {
                let mac = Hmac::<Sha512>::new_from_slice(key).expect(ANY_LENGTH);
                mac.chain_update(message).finalize().into_bytes().to_vec()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn the_example_of_rfc_7677() {
        let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let messages = format!(
            "n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={nonce}"
        );
        let salt = hex::decode("5b6d99689d12358eeca04b141236fa81").unwrap();
        let proof = hex::decode("747cdb65aa56224e2352137e52d7bdcad6a0f738df30782caa69a2cfb0277554").unwrap();
        let signature =
            hex::decode("eabae24d1062db75a9451ff0b6ea7e98c8546549ff741e672d3251b2397de46e").unwrap();
        let scram = Scram::new(ScramHash::Sha256, "pencil", &salt, 4_096);
        let client = ClientProof::new(ScramHash::Sha256, "pencil", &salt, 4_096, messages.as_bytes());
        assert_eq!((&client.proof, &client.signature), (&proof, &signature));
        assert_eq!(scram.check_proof(messages.as_bytes(), &proof), Some(signature));
        assert_eq!(scram.check_proof(b"other messages", &proof), None);
        for wrong in [&proof[1..], &[0; 32], &[]] {
            assert_eq!(scram.check_proof(messages.as_bytes(), wrong), None);
        }
    }

    #[test]
    fn only_the_password_passes() {
        let mut rng = StdRng::seed_from_u64(1);
        let long = "x".repeat(PASSWORD_BYTES_MAX);
        for password in ["p", "pencil", "p\u{fc}nktlich", "\u{7}bell", &long] {
            let verifiers = Verifiers::new(password, Cost::LEAST, &mut rng).unwrap();
            let again = Verifiers::new(password, Cost::LEAST, &mut rng).unwrap();
            assert_ne!(verifiers.version(), again.version());
            for guess in [password, "q", "", &format!("{password} "), &password.to_uppercase()] {
                let right = guess == password;
                assert_eq!(verifiers.verify(guess), right, "{guess:?} for {password:?}");
                assert_eq!(
                    verifiers.scram_sha_256.as_ref().unwrap().verify(guess),
                    right,
                    "{guess:?} for {password:?}"
                );
                assert_eq!(
                    verifiers.scram_sha_512.as_ref().unwrap().verify(guess),
                    right,
                    "{guess:?} for {password:?}"
                );
            }
        }
        for password in ["", &format!("{long}x")] {
            let error = Verifiers::new(password, Cost::LEAST, &mut rng).unwrap_err();
            assert!(matches!(error, Error::Invalid(_)), "{error}");
        }
    }

    #[test]
    fn the_default_cost_is_what_is_stored() {
        let verifiers = Verifiers::new("pencil", Cost::DEFAULT, &mut StdRng::seed_from_u64(1)).unwrap();
        let argon2 = verifiers.argon2.unwrap();
        assert!(argon2.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{argon2}");
        assert_eq!(verifiers.scram_sha_512.unwrap().iterations, 15_000);
    }

    #[test]
    fn scram_keys_that_a_client_computed_replace_the_password() {
        let mut verifiers = Verifiers::new("old", Cost::LEAST, &mut StdRng::seed_from_u64(1)).unwrap();
        let before = verifiers.version();
        let salted = ScramHash::Sha256.salted_password("new", b"salt", 2);
        let keys = Scram::from_salted(ScramHash::Sha256, &salted, b"salt", 2);
        assert_eq!(keys, Scram::new(ScramHash::Sha256, "new", b"salt", 2));
        verifiers.set_scram(ScramHash::Sha256, Some(keys));
        assert_ne!(before, verifiers.version());
        // SHA-512 was not set, and keeps its own.
        assert!(verifiers.verify("new") && verifiers.verify("old") && !verifiers.verify("other"));
        verifiers.set_scram(ScramHash::Sha512, None);
        assert!(verifiers.verify("new") && !verifiers.verify("old") && !verifiers.is_empty());
        verifiers.set_scram(ScramHash::Sha256, None);
        assert!(verifiers.is_empty() && !verifiers.verify("new") && !verifiers.verify(""));
    }

    #[test]
    fn scram_normalizes_as_its_clients_do() {
        // RFC 4013 section 3: "I<U+00AD>X" and "IX" are the same; U+2168 is "IX" too.
        let scram = Scram::new(ScramHash::Sha512, "IX", b"salt", 1);
        assert!(scram.verify("I\u{ad}X") && scram.verify("\u{2168}") && !scram.verify("ix"));
    }
}
