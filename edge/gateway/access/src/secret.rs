//! Secrets of a document: where references lead, and the two things that are made of them. A clear text lives no longer than
//! its use needs, and nothing here is shown by `Debug` or in an error.

use crate::limits;
use argon2::password_hash::PasswordHash;
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::Path;
use zeroize::Zeroizing;

/// Where references of secrets lead.
pub trait Secrets: Send + Sync + 'static {
    /// A variable of the environment.
    fn environment(&self, name: &str) -> Option<String>;
    /// A file, 64 KiB at most.
    fn file(&self, path: &Path) -> std::io::Result<Vec<u8>>;
}

/// The process's environment and the machine's files.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemSecrets;

const FILE_BYTES_MAX: u64 = 256 << 10;

impl Secrets for SystemSecrets {
    fn environment(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        use std::io::Read;
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(std::io::Error::other(format!("it has more than {FILE_BYTES_MAX} bytes")));
        }
        Ok(bytes)
    }
}

/// A secret in clear text.
#[derive(Clone)]
pub(crate) struct Clear(pub(crate) Zeroizing<Vec<u8>>);

impl fmt::Debug for Clear {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Clear(…)")
    }
}

/// Follows a reference. What is no reference is itself.
fn follow(text: &str, secrets: &dyn Secrets) -> Result<Zeroizing<Vec<u8>>, String> {
    if text.starts_with("sealed:") {
        return Err("the secret is sealed: whoever keeps the document opens it first".to_owned());
    }
    let mut bytes = if let Some(name) = text.strip_prefix("env:") {
        let value = secrets.environment(name);
        value.ok_or_else(|| format!("the environment has no variable {name:?}; set it"))?.into_bytes()
    } else if let Some(path) = text.strip_prefix("file:") {
        let read = secrets.file(Path::new(path));
        let mut bytes =
            read.map_err(|error| format!("the secret's file {path:?} cannot be read: {error}"))?;
        // Editors end files with a line end that is no part of the secret.
        while bytes.last().is_some_and(|last| matches!(last, b'\n' | b'\r')) {
            bytes.pop();
        }
        bytes
    } else {
        text.as_bytes().to_vec()
    };
    if bytes.is_empty() {
        return Err("the secret is empty".to_owned());
    }
    bytes.shrink_to_fit();
    Ok(Zeroizing::new(bytes))
}

/// A secret that must be known in clear, as those of signatures must.
pub(crate) fn clear(text: &str, secrets: &dyn Secrets) -> Result<Clear, String> {
    let bytes = follow(text, secrets)?;
    if bytes.starts_with(b"sha256:") || bytes.starts_with(b"$argon2") {
        return Err("a secret for signatures must be known in clear, and this is a hash; use env: or file:"
            .to_owned());
    }
    Ok(Clear(bytes))
}

/// The SHA-256 of a key.
pub(crate) fn key_hash(text: &str, secrets: &dyn Secrets) -> Result<[u8; 32], String> {
    let bytes = follow(text, secrets)?;
    if bytes.starts_with(b"$argon2") {
        return Err(
            "a key is looked up by its hash: write it as sha256:HEX, not as an argon2id verifier".to_owned()
        );
    }
    let Some(hex) = bytes.strip_prefix(b"sha256:") else { return Ok(Sha256::digest(&*bytes).into()) };
    unhex(hex).ok_or_else(|| "a hash of a key is sha256: and 64 hexadecimal digits".to_owned())
}

fn unhex(hex: &[u8]) -> Option<[u8; 32]> {
    if hex.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks(2)) {
        let digit = |digit: u8| (digit as char).to_digit(16);
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some(bytes)
}

/// What a password is checked against.
#[derive(Clone)]
pub(crate) enum Verifier {
    /// In PHC form.
    Argon2(String),
    /// The document had the password itself: compared by its hash.
    Hash([u8; 32]),
}

impl fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Verifier(…)")
    }
}

/// The verifier of a password.
pub(crate) fn verifier(text: &str, secrets: &dyn Secrets) -> Result<Verifier, String> {
    let bytes = follow(text, secrets)?;
    if bytes.starts_with(b"sha256:") {
        return Err("a plain hash of a password is soon guessed; use an argon2id verifier".to_owned());
    }
    if !bytes.starts_with(b"$argon2") {
        return Ok(Verifier::Hash(Sha256::digest(&*bytes).into()));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| "the password's verifier is no text".to_owned())?;
    let hash = PasswordHash::new(text).map_err(|error| format!("the password's verifier: {error}"))?;
    if hash.algorithm.as_str() != "argon2id" || hash.hash.is_none() {
        return Err("a password's verifier is of argon2id ($argon2id$…), with its hash".to_owned());
    }
    let number = |name: &str| hash.params.get_decimal(name).unwrap_or(0);
    let (memory, passes) = (number("m"), number("t"));
    if memory > limits::ARGON2_KIB_MAX || passes > limits::ARGON2_PASSES_MAX {
        return Err(format!(
            "the password's verifier asks for {memory} KiB and {passes} passes; at most {} KiB and {} are allowed",
            limits::ARGON2_KIB_MAX,
            limits::ARGON2_PASSES_MAX
        ));
    }
    argon2::Params::try_from(&hash).map_err(|error| format!("the password's verifier: {error}"))?;
    Ok(Verifier::Argon2(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake;

    impl Secrets for Fake {
        fn environment(&self, name: &str) -> Option<String> {
            (name == "KEY").then(|| "from-environment".to_owned())
        }
        fn file(&self, path: &Path) -> std::io::Result<Vec<u8>> {
            match path.to_str() {
                Some("/key") => Ok(b"from-file\r\n".to_vec()),
                _ => Err(std::io::ErrorKind::NotFound.into()),
            }
        }
    }

    #[test]
    fn references_lead_to_what_they_name() {
        let hash = |text: &str| <[u8; 32]>::from(Sha256::digest(text));
        let hexed = "BA7816BF8F01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let rows: [(&str, Result<[u8; 32], &str>); 9] = [
            ("sealed:x", Err("is sealed")),
            ("clear", Ok(hash("clear"))),
            ("env:KEY", Ok(hash("from-environment"))),
            ("file:/key", Ok(hash("from-file"))),
            (&format!("sha256:{hexed}"), Ok(hash("abc"))),
            ("env:OTHER", Err("no variable \"OTHER\"")),
            ("file:/other", Err("\"/other\" cannot be read")),
            ("sha256:zz", Err("64 hexadecimal digits")),
            ("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g", Err("looked up by its hash")),
        ];
        for (text, expected) in rows {
            match (key_hash(text, &Fake), expected) {
                (Ok(hash), Ok(expected)) => assert_eq!(hash, expected, "{text}"),
                (Err(error), Err(expected)) => assert!(error.contains(expected), "{text}: {error}"),
                (got, _) => panic!("{text}: {got:?}"),
            }
        }
    }

    #[test]
    fn a_verifier_may_not_ask_for_the_whole_machine() {
        let hash = "c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA";
        for (text, right) in [
            (format!("$argon2id$v=19$m=19456,t=2,p=1${hash}"), true),
            (format!("$argon2id$v=19$m=4194304,t=2,p=1${hash}"), false),
            (format!("$argon2id$v=19$m=19456,t=2000,p=1${hash}"), false),
            (format!("$argon2i$v=19$m=19456,t=2,p=1${hash}"), false),
            ("$argon2id$nonsense".to_owned(), false),
        ] {
            assert_eq!(verifier(&text, &Fake).is_ok(), right, "{text}");
        }
    }
}
