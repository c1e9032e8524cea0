//! Digests of bodies: the MD5 that is an ETag, and S3's own checksums, streaming, for single bodies and for those of several parts.
//!
//! A body of several parts has a checksum of the whole (`FULL_OBJECT`), computed from those of the parts without their bytes, or one of
//! the parts' checksums (`COMPOSITE`), written with the number of parts. CRCs can be combined, so they may be either; hashes cannot;
//! CRC64NVME is only ever of the whole.

use base64ct::{Base64, Encoding};
use crc_fast::CrcAlgorithm;
use md5::{Digest as _, Md5};
use ring::digest;

use crate::error::{Code, Error, Result, shown};
use crate::limits::PARTS_MAX;

/// S3's algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// CRC-32 as in zip.
    Crc32,
    /// CRC-32C (Castagnoli).
    Crc32c,
    /// CRC-64/NVME.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

/// What a checksum of several parts is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// Of all bytes.
    FullObject,
    /// Of the parts' checksums.
    Composite,
}

impl Type {
    /// As headers and documents say it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }

    /// Reads `x-amz-checksum-type`.
    pub fn parse(name: &str) -> Result<Self> {
        [Self::FullObject, Self::Composite].into_iter().find(|known| known.name() == name).ok_or_else(|| {
            let text = format!("Value for x-amz-checksum-type header is invalid: \"{}\"", shown(name));
            Error::new(Code::InvalidRequest, text)
        })
    }
}

impl Algorithm {
    /// All algorithms.
    pub const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// As headers and documents say it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The header or trailer that carries a value.
    pub const fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// Reads `x-amz-checksum-algorithm` or `x-amz-sdk-checksum-algorithm`, without case.
    pub fn parse(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(name)).ok_or_else(|| {
            let text = format!(
                "Checksum algorithm provided is unsupported: \"{}\". Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
                shown(name)
            );
            Error::new(Code::InvalidRequest, text)
        })
    }

    /// The algorithm of a header or trailer, which is compared without case; nothing for other headers.
    pub fn of_header(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.header().eq_ignore_ascii_case(name))
    }

    /// Bytes of a value.
    pub const fn width(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// The type for a multipart upload, checked where the client says one.
    pub fn multipart_type(self, asked: Option<Type>) -> Result<Type> {
        match (self, asked) {
            (Self::Crc64Nvme, None | Some(Type::FullObject)) => Ok(Type::FullObject),
            (Self::Sha1 | Self::Sha256, None | Some(Type::Composite)) => Ok(Type::Composite),
            (Self::Crc32 | Self::Crc32c, asked) => Ok(asked.unwrap_or(Type::Composite)),
            (_, Some(asked)) => {
                let (kind, name) = (asked.name(), self.name().to_lowercase());
                let text =
                    format!("The {kind} checksum type cannot be used with the {name} checksum algorithm.");
                Err(Error::new(Code::InvalidRequest, text))
            }
        }
    }

    const fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }
}

/// A checksum's bytes, most significant first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Value {
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

impl Value {
    /// The checksum with these bytes, as many as its algorithm has.
    pub fn new(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        (bytes.len() == algorithm.width()).then(|| Self { algorithm, bytes: bytes.to_vec() })
    }

    /// Reads a header's base64.
    pub fn parse(algorithm: Algorithm, text: &str) -> Result<Self> {
        // Longer than the longest value's base64 is none, and is not decoded.
        let bytes = Some(text).filter(|text| text.len() <= 44).and_then(|text| Base64::decode_vec(text).ok());
        bytes.and_then(|bytes| Self::new(algorithm, &bytes)).ok_or_else(|| {
            let shown = shown(text);
            Error::new(
                Code::InvalidRequest,
                format!("Value for {} header is invalid: \"{shown}\"", algorithm.header()),
            )
        })
    }

    /// As headers carry it.
    pub fn base64(&self) -> String {
        Base64::encode_string(&self.bytes)
    }

    /// Its algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Refuses a body whose checksum is not the one that was announced.
    pub fn check(&self, announced: &Self) -> Result<()> {
        if self == announced {
            return Ok(());
        }
        let text = format!(
            "The {} you specified did not match the calculated checksum: it is {}, not {}.",
            announced.algorithm.name(),
            self.base64(),
            announced.base64()
        );
        Err(Error::new(Code::BadDigest, text))
    }

    fn crc(&self) -> u64 {
        self.bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
    }
}

/// A checksum in the making.
#[derive(Clone)]
pub struct Hasher {
    algorithm: Algorithm,
    state: State,
}

#[derive(Clone)]
enum State {
    Crc(crc_fast::Digest),
    Hash(digest::Context),
}

impl Hasher {
    /// Of no bytes yet.
    pub fn new(algorithm: Algorithm) -> Self {
        let hash = |hash| State::Hash(digest::Context::new(hash));
        let state = match (algorithm, algorithm.crc()) {
            (_, Some(crc)) => State::Crc(crc_fast::Digest::new(crc)),
            (Algorithm::Sha1, None) => hash(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            (_, None) => hash(&digest::SHA256),
        };
        Self { algorithm, state }
    }

    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Crc(crc) => crc.update(bytes),
            State::Hash(hash) => hash.update(bytes),
        }
    }

    /// The checksum of all bytes.
    pub fn finish(self) -> Value {
        match self.state {
            State::Crc(crc) => of_crc(self.algorithm, crc.finalize()),
            State::Hash(hash) => Value { algorithm: self.algorithm, bytes: hash.finish().as_ref().to_vec() },
        }
    }
}

fn of_crc(algorithm: Algorithm, crc: u64) -> Value {
    let bytes = crc.to_be_bytes();
    Value { algorithm, bytes: bytes[bytes.len() - algorithm.width()..].to_vec() }
}

/// The checksum of `bytes`.
pub fn checksum(algorithm: Algorithm, bytes: &[u8]) -> Value {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.finish()
}

/// The checksum of a whole from those of its parts and how long each is; nothing for algorithms that cannot be combined, for no parts, and
/// for parts of another algorithm.
pub fn combine(algorithm: Algorithm, parts: &[(Value, u64)]) -> Option<Value> {
    let crc = algorithm.crc()?;
    if parts.is_empty() || parts.iter().any(|(value, _)| value.algorithm != algorithm) {
        return None;
    }
    // The checksum of nothing, with which combining anything changes nothing.
    let empty = checksum(algorithm, &[]).crc();
    let whole = parts
        .iter()
        .filter(|(_, length)| *length > 0)
        .fold(empty, |whole, (part, length)| crc_fast::checksum_combine(crc, whole, part.crc(), *length));
    Some(of_crc(algorithm, whole))
}

/// The checksum of parts' checksums, as headers carry it: base64, a hyphen, how many parts. Nothing for parts of another algorithm.
pub fn composite(algorithm: Algorithm, parts: &[Value]) -> Option<String> {
    if parts.iter().any(|part| part.algorithm != algorithm) {
        return None;
    }
    let mut hasher = Hasher::new(algorithm);
    parts.iter().for_each(|part| hasher.update(&part.bytes));
    Some(format!("{}-{}", hasher.finish().base64(), parts.len()))
}

/// Reads a composite checksum as a client announces it at completion; the number of parts may be missing.
pub fn parse_composite(algorithm: Algorithm, text: &str) -> Result<(Value, Option<u32>)> {
    let wrong = || {
        let text = format!("Value for {} header is invalid", algorithm.header());
        Error::new(Code::InvalidRequest, text)
    };
    match text.rsplit_once('-') {
        None => Ok((Value::parse(algorithm, text)?, None)),
        Some((value, count)) => {
            let count =
                count.parse().ok().filter(|count| (1..=PARTS_MAX).contains(count)).ok_or_else(wrong)?;
            Ok((Value::parse(algorithm, value)?, Some(count)))
        }
    }
}

/// The MD5 in the making of which an ETag is made.
#[derive(Clone, Default)]
pub struct EtagHasher(Md5);

impl EtagHasher {
    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The MD5 of all bytes.
    pub fn finish(self) -> [u8; 16] {
        self.0.finalize().into()
    }
}

/// The ETag of a body that was put at once, without quotes.
pub fn etag(md5: &[u8; 16]) -> String {
    use std::fmt::Write as _;
    md5.iter().fold(String::with_capacity(35), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The ETag of a body of several parts, from their MD5s, without quotes.
pub fn multipart_etag(parts: &[[u8; 16]]) -> String {
    let mut hasher = EtagHasher::default();
    parts.iter().for_each(|md5| hasher.update(md5));
    format!("{}-{}", etag(&hasher.finish()), parts.len())
}

/// Reads `Content-MD5`.
pub fn parse_content_md5(text: &str) -> Result<[u8; 16]> {
    let bytes = Some(text).filter(|text| text.len() == 24).and_then(|text| Base64::decode_vec(text).ok());
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| Error::new(Code::InvalidDigest, "The Content-MD5 you specified is not valid."))
}

/// Refuses a body whose MD5 is not `Content-MD5`.
pub fn check_content_md5(found: &[u8; 16], announced: &[u8; 16]) -> Result<()> {
    if found == announced {
        return Ok(());
    }
    Err(Error::new(Code::BadDigest, "The Content-MD5 you specified did not match what we received."))
}

#[cfg(test)]
mod tests;
