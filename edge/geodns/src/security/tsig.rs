//! Messages signed with a shared key (TSIG, RFC 8945): checks those of requests, signs answers and the messages of a transfer.

use crate::wire::query::Signature;
use crate::wire::{HEADER_BYTES, Name, Query};
use ring::hmac;

/// Clocks may differ by this (RFC 8945 section 10).
const FUDGE_SECONDS: u16 = 300;
const CLASS_ANY: u16 = 255;

/// Errors of TSIG (RFC 8945 section 3).
pub const BADSIG: u16 = 16;
/// The key is not known.
pub const BADKEY: u16 = 17;
/// The clocks differ too much.
pub const BADTIME: u16 = 18;

/// Algorithms by name. HMAC-MD5 and SHA-1 are not accepted.
const ALGORITHMS: [(&str, fn() -> hmac::Algorithm); 3] = [
    ("hmac-sha256", || hmac::HMAC_SHA256),
    ("hmac-sha384", || hmac::HMAC_SHA384),
    ("hmac-sha512", || hmac::HMAC_SHA512),
];

/// A shared key.
#[derive(Clone)]
pub struct Key {
    /// Its name.
    pub name: Name,
    algorithm: Name,
    secret: hmac::Key,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} ({})", self.name, self.algorithm)
    }
}

impl Key {
    /// From its name, the algorithm's, and the secret in base64.
    pub fn new(name: &str, algorithm: &str, secret: &str) -> Result<Self, String> {
        let found =
            ALGORITHMS.iter().find(|(known, _)| known.eq_ignore_ascii_case(algorithm.trim_end_matches('.')));
        let (algorithm, make) = found.ok_or_else(|| {
            let known: Vec<&str> = ALGORITHMS.iter().map(|row| row.0).collect();
            format!(
                "the TSIG key \"{name}\" has the algorithm \"{algorithm}\"; known are {}",
                known.join(", ")
            )
        })?;
        let secret = crate::zone::rdata::decode_base64(secret).filter(|secret| secret.len() >= 16);
        let secret = secret.ok_or_else(|| {
            format!("the secret of the TSIG key \"{name}\" is not base64 of 16 bytes or more")
        })?;
        let wrong = |wrong: crate::wire::name::Wrong| wrong.to_string();
        let (name, algorithm) =
            (Name::absolute(name).map_err(wrong)?, Name::absolute(algorithm).map_err(wrong)?);
        Ok(Self { name, algorithm, secret: hmac::Key::new(make(), &secret) })
    }
}

/// How a request's signature was found.
#[derive(Clone, Debug)]
pub enum Verified<'k> {
    /// It has none.
    Unsigned,
    /// It is good: answers are signed with this.
    Good(Signing<'k>),
    /// It is not: the answer is NOTAUTH with this error; one about time is signed all the same.
    Bad(u16, Option<Signing<'k>>),
}

/// What the answers to one request are signed with.
#[derive(Clone, Debug)]
pub struct Signing<'k> {
    key: &'k Key,
    /// The code of the message before.
    previous: Vec<u8>,
    /// Whether it is the request's, not an answer's.
    first: bool,
    original_id: u16,
    error: u16,
    client_time: u64,
}

/// Checks a request. `now` is in seconds since 1970.
pub fn verify<'k>(query: &Query<'_>, keys: &'k [Key], now: u64) -> Verified<'k> {
    let Some(tsig) = &query.tsig else { return Verified::Unsigned };
    let Some(key) = keys.iter().find(|key| key.name == tsig.key && key.algorithm == tsig.algorithm) else {
        return Verified::Bad(BADKEY, None);
    };
    if hmac::verify(&key.secret, &signed_request(query, tsig), tsig.mac).is_err() {
        return Verified::Bad(BADSIG, None);
    }
    let mut signing = Signing {
        key,
        previous: tsig.mac.to_vec(),
        first: true,
        original_id: tsig.original_id,
        error: 0,
        client_time: tsig.time,
    };
    if now.abs_diff(tsig.time) > u64::from(tsig.fudge) {
        signing.error = BADTIME;
        return Verified::Bad(BADTIME, Some(signing));
    }
    Verified::Good(signing)
}

/// What a request's code is made of: the message as it was before it was signed, and the variables (RFC 8945 section 4.3).
fn signed_request(query: &Query<'_>, tsig: &Signature<'_>) -> Vec<u8> {
    let mut bytes = query.message[..tsig.at].to_vec();
    bytes[..2].copy_from_slice(&tsig.original_id.to_be_bytes());
    let additional = u16::from_be_bytes([bytes[10], bytes[11]]) - 1;
    bytes[10..HEADER_BYTES].copy_from_slice(&additional.to_be_bytes());
    variables(&tsig.key, &tsig.algorithm, tsig.time, tsig.fudge, tsig.error, tsig.other, &mut bytes);
    bytes
}

fn variables(
    key: &Name,
    algorithm: &Name,
    time: u64,
    fudge: u16,
    error: u16,
    other: &[u8],
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(key.wire());
    out.extend_from_slice(&CLASS_ANY.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(algorithm.wire());
    timers(time, fudge, out);
    out.extend_from_slice(&error.to_be_bytes());
    out.extend_from_slice(&(other.len() as u16).to_be_bytes());
    out.extend_from_slice(other);
}

fn timers(time: u64, fudge: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&time.to_be_bytes()[2..]);
    out.extend_from_slice(&fudge.to_be_bytes());
}

impl Signing<'_> {
    /// Signs a complete message at the end of what was answered so far. Those of a transfer are signed one after the other.
    pub fn sign(&mut self, message: &mut Vec<u8>, now: u64) {
        let other = if self.error == BADTIME { now.to_be_bytes()[2..].to_vec() } else { Vec::new() };
        // An answer about clocks carries the client's time, so that the client can check it.
        let time = if self.error == BADTIME { self.client_time } else { now };
        let mut bytes = (self.previous.len() as u16).to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.previous);
        bytes.extend_from_slice(message);
        if self.first {
            variables(
                &self.key.name,
                &self.key.algorithm,
                time,
                FUDGE_SECONDS,
                self.error,
                &other,
                &mut bytes,
            );
        } else {
            timers(time, FUDGE_SECONDS, &mut bytes);
        }
        let code = hmac::sign(&self.key.secret, &bytes);
        append(
            &self.key.name,
            &self.key.algorithm,
            time,
            code.as_ref(),
            self.original_id,
            self.error,
            &other,
            message,
        );
        self.previous = code.as_ref().to_vec();
        self.first = false;
    }

    /// The name of the key.
    pub fn key(&self) -> &Name {
        &self.key.name
    }
}

/// Appends an unsigned TSIG record with an error (RFC 8945 section 5.3.2).
pub fn append_error(tsig: &Signature<'_>, error: u16, message: &mut Vec<u8>) {
    append(&tsig.key, &tsig.algorithm, tsig.time, &[], tsig.original_id, error, &[], message);
}

#[expect(clippy::too_many_arguments, reason = "the fields of one record, written once")]
fn append(
    key: &Name,
    algorithm: &Name,
    time: u64,
    code: &[u8],
    id: u16,
    error: u16,
    other: &[u8],
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(key.wire());
    out.extend_from_slice(&crate::wire::RecordType::TSIG.0.to_be_bytes());
    out.extend_from_slice(&CLASS_ANY.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    let length = algorithm.wire().len() + 6 + 2 + 2 + code.len() + 2 + 2 + 2 + other.len();
    out.extend_from_slice(&(length as u16).to_be_bytes());
    out.extend_from_slice(algorithm.wire());
    timers(time, FUDGE_SECONDS, out);
    out.extend_from_slice(&(code.len() as u16).to_be_bytes());
    out.extend_from_slice(code);
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(&error.to_be_bytes());
    out.extend_from_slice(&(other.len() as u16).to_be_bytes());
    out.extend_from_slice(other);
    let additional = u16::from_be_bytes([out[10], out[11]]) + 1;
    out[10..HEADER_BYTES].copy_from_slice(&additional.to_be_bytes());
}
