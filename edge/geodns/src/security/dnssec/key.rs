//! Keys that sign zones, from files: PKCS#8 in PEM, or the pair of files that BIND and others write.

use super::ALGORITHM;
use crate::wire::Name;
use crate::zone::rdata::{decode_base64, encode_base64, encode_hex};
use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use std::path::Path;

/// A zone key that is its own secure entry point (RFC 4034 section 2.1.1).
const FLAGS: u16 = 257;
const PROTOCOL: u8 = 3;
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// A private key, ECDSA P-256.
pub struct Key {
    pair: EcdsaKeyPair,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Key (ECDSA P-256)")
    }
}

impl Key {
    /// A new key, as the PEM text that [`Key::from_pem`] reads. `None` if the system has no randomness.
    pub fn generate() -> Option<String> {
        let made =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).ok()?;
        let text = encode_base64(made.as_ref());
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        Some(format!("{BEGIN}\n{}\n{END}\n", lines.join("\n")))
    }

    /// Reads a key file. Of BIND's pair it is the one that ends in `.private`; the other is beside it.
    pub fn load(path: &Path) -> Result<Self, String> {
        let read = |path: &Path| {
            std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let text = read(path)?;
        let key = if text.contains("Private-key-format:") {
            Self::from_pair(&text, &read(&path.with_extension("key"))?)
        } else {
            Self::from_pem(&text)
        };
        key.map_err(|problem| format!("{}: {problem}", path.display()))
    }

    /// Reads PKCS#8 in PEM.
    pub fn from_pem(text: &str) -> Result<Self, String> {
        let body = text.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END)).map(|(body, _)| body);
        let body =
            body.ok_or_else(|| format!("there is no \"{BEGIN}\": the key is wanted as PKCS#8 in PEM"))?;
        let body: String = body.split_whitespace().collect();
        let bytes = decode_base64(&body).ok_or("the key is not base64")?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &bytes, &SystemRandom::new());
        pair.map(|pair| Self { pair })
            .map_err(|error| format!("no ECDSA P-256 key in PKCS#8 with its public part: {error}"))
    }

    /// Reads the texts of BIND's pair.
    fn from_pair(private: &str, public: &str) -> Result<Self, String> {
        let field = |name: &str| private.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let algorithm = field("Algorithm:").unwrap_or_default();
        if !algorithm.starts_with("13") {
            return Err(format!(
                "the key's algorithm is \"{algorithm}\"; only 13 (ECDSAP256SHA256) is supported"
            ));
        }
        let secret =
            field("PrivateKey:").and_then(decode_base64).ok_or("`PrivateKey` is missing or not base64")?;
        let record =
            public.lines().find_map(|line| line.split_once(" 3 13 ").filter(|_| !line.starts_with(';')));
        let point: String = record.map(|(_, point)| point.split_whitespace().collect()).unwrap_or_default();
        let point = decode_base64(&point).filter(|point| point.len() == 64);
        let point =
            [&[4], &point.ok_or("the file beside it that ends in .key has no DNSKEY of algorithm 13")?[..]]
                .concat();
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &secret,
            &point,
            &random,
        );
        pair.map(|pair| Self { pair }).map_err(|error| format!("the two files are no pair: {error}"))
    }

    /// Its DNSKEY record's data.
    pub(super) fn record(&self) -> Box<[u8]> {
        // The public key is an uncompressed point: 4, then both coordinates.
        let point = &self.pair.public_key().as_ref()[1..];
        [&FLAGS.to_be_bytes()[..], &[PROTOCOL, ALGORITHM], point].concat().into()
    }

    pub(super) fn sign(&self, bytes: &[u8], random: &SystemRandom) -> Option<Vec<u8>> {
        self.pair.sign(random, bytes).ok().map(|signature| signature.as_ref().to_vec())
    }
}

/// The key's tag (RFC 4034 appendix B).
pub(super) fn tag(record: &[u8]) -> u16 {
    let sum = record.iter().enumerate().fold(0_u32, |sum, (index, byte)| {
        sum + if index % 2 == 0 { u32::from(*byte) << 8 } else { u32::from(*byte) }
    });
    (sum + (sum >> 16)) as u16
}

/// The DS record of a key with SHA-256, as text.
pub(super) fn delegation(origin: &Name, record: &[u8], tag: u16) -> String {
    let digest = digest::digest(&digest::SHA256, &[origin.wire(), record].concat());
    let hex = encode_hex(digest.as_ref());
    format!("{origin} IN DS {tag} {ALGORITHM} 2 {hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key and the DS record of RFC 6605, section 6.1.
    #[test]
    fn the_example_of_the_standard_comes_out() {
        let private = "Private-key-format: v1.2\nAlgorithm: 13 (ECDSAP256SHA256)\nPrivateKey: GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ=\n";
        let public = "example.net. 3600 IN DNSKEY 257 3 13 GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==";
        let key = Key::from_pair(private, public).unwrap();
        let record = key.record();
        assert_eq!(tag(&record), 55_648);
        let shown = delegation(&Name::absolute("example.net").unwrap(), &record, tag(&record));
        assert_eq!(
            shown,
            "example.net. IN DS 55648 13 2 B4C8C1FE2E7477127B27115656AD6256F424625BF5C1E2770CE6D6E37DF61D17"
        );
        assert!(Key::from_pair(private, "").is_err());
        assert!(Key::from_pair(&private.replace("13 (", "8 ("), public).is_err());
    }

    #[test]
    fn a_key_that_was_made_is_read() {
        let text = Key::generate().unwrap();
        assert_eq!(Key::from_pem(&text).unwrap().record().len(), 68);
        assert!(Key::from_pem("").is_err());
        assert!(Key::from_pem(&text.replace('M', "N")).is_err());
    }
}
