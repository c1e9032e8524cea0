//! Encryption of objects at rest: which headers go with which, and whether the key that a client sent is what it says. The cipher is not
//! here.
//!
//! There are SSE-S3 (the server's key) and SSE-C (a key that comes with each request). Keys of a key service (`aws:kms`) are refused by
//! name.

use std::fmt;

use base64ct::{Base64, Encoding};
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

use super::setting::Setting;
use crate::error::{Code, Error, Result, shown};

/// A bucket's default. *Persisted.*
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefaultEncryption {
    /// `BucketKeyEnabled`, which means something only for a key service; kept to be said again.
    pub bucket_key: bool,
}

impl Setting for DefaultEncryption {
    const NAME: &'static str = "default encryption";
    const VERSION: u32 = 1;
}

/// How an object is encrypted. *Persisted.*
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Encryption {
    /// SSE-S3.
    Server,
    /// SSE-C.
    Customer {
        /// The MD5 of the key, base64, as clients sent it.
        key_md5: String,
    },
}

/// A client's key. Its bytes are not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl Key {
    /// A key of these bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// For the cipher.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(hidden)")
    }
}

/// The headers of SSE-C: `x-amz-server-side-encryption-customer-…`, or those of a copy's source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CustomerHeaders<'a> {
    /// `algorithm`.
    pub algorithm: Option<&'a str>,
    /// `key`, base64.
    pub key: Option<&'a str>,
    /// `key-MD5`, base64.
    pub key_md5: Option<&'a str>,
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requested {
    /// Nothing.
    Nothing,
    /// SSE-S3.
    Server,
    /// SSE-C, with this key.
    Customer {
        /// The key.
        key: Key,
        /// Its MD5, base64.
        key_md5: String,
    },
}

fn invalid(text: impl Into<String>) -> Error {
    Error::new(Code::InvalidArgument, text)
}

/// Reads the name of an algorithm in `x-amz-server-side-encryption`, and in a bucket's default: `AES256` alone.
pub fn check_server_algorithm(name: &str) -> Result<()> {
    match name {
        "AES256" => Ok(()),
        "aws:kms" | "aws:kms:dsse" => Err(Error::new(
            Code::NotImplemented,
            format!("Server side encryption with {name}: there is no key service here; use AES256"),
        )),
        _ => {
            let shown = shown(name);
            Err(invalid(format!("The encryption method specified is not supported: \"{shown}\"")))
        }
    }
}

/// Reads the headers of a request that writes.
pub fn requested(
    server: Option<&str>,
    kms_key_id: Option<&str>,
    customer: &CustomerHeaders<'_>,
) -> Result<Requested> {
    let key = customer_key(customer)?;
    if let Some(name) = server {
        check_server_algorithm(name)?;
    }
    if kms_key_id.is_some() {
        return Err(invalid(
            "x-amz-server-side-encryption-aws-kms-key-id is only for aws:kms, which is not supported",
        ));
    }
    match (server, key) {
        (Some(_), Some(_)) => Err(invalid(
            "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
        )),
        (Some(_), None) => Ok(Requested::Server),
        (None, Some((key, key_md5))) => Ok(Requested::Customer { key, key_md5 }),
        (None, None) => Ok(Requested::Nothing),
    }
}

impl Requested {
    /// How the object is encrypted then: by the bucket's default, where the request says nothing.
    pub fn encryption(&self, default: Option<&DefaultEncryption>) -> Option<Encryption> {
        match self {
            Self::Nothing => default.map(|_| Encryption::Server),
            Self::Server => Some(Encryption::Server),
            Self::Customer { key_md5, .. } => Some(Encryption::Customer { key_md5: key_md5.clone() }),
        }
    }
}

/// Reads and checks the headers of SSE-C: all three or none.
pub fn customer_key(headers: &CustomerHeaders<'_>) -> Result<Option<(Key, String)>> {
    let missing = |what: &str| {
        invalid(format!(
            "Requests specifying Server Side Encryption with Customer provided keys must provide {what}."
        ))
    };
    let CustomerHeaders { algorithm, key, key_md5 } = *headers;
    if algorithm.is_none() && key.is_none() && key_md5.is_none() {
        return Ok(None);
    }
    let algorithm = algorithm.ok_or_else(|| missing("a valid encryption algorithm"))?;
    if algorithm != "AES256" {
        let shown = shown(algorithm);
        let text = format!(
            "The encryption request you specified is not valid: \"{shown}\". Supported value: AES256."
        );
        return Err(Error::new(Code::InvalidEncryptionAlgorithmError, text));
    }
    let key = key.ok_or_else(|| missing("an appropriate secret key"))?;
    let key_md5 = key_md5.ok_or_else(|| missing("the client calculated MD5 of the secret key"))?;
    // 32 bytes are 44 characters; others are not decoded.
    let bytes = Some(key).filter(|key| key.len() == 44).and_then(|key| Base64::decode_vec(key).ok());
    let bytes: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok());
    let bytes = bytes.ok_or_else(|| invalid("The secret key was invalid for the specified algorithm."))?;
    if Base64::encode_string(&Md5::digest(bytes)) != key_md5 {
        return Err(invalid("The calculated MD5 hash of the key did not match the hash that was provided."));
    }
    Ok(Some((Key(bytes), key_md5.to_owned())))
}

/// Judges a read of an object that is encrypted so (or not): the key for it, if it needs one.
pub fn read(stored: Option<&Encryption>, headers: &CustomerHeaders<'_>) -> Result<Option<Key>> {
    match (stored, customer_key(headers)?) {
        (Some(Encryption::Customer { key_md5 }), Some((key, sent_md5))) => {
            let text = "Access Denied: the key is not the one that the object was stored with";
            if *key_md5 == sent_md5 { Ok(Some(key)) } else { Err(Error::new(Code::AccessDenied, text)) }
        }
        (Some(Encryption::Customer { .. }), None) => Err(Error::new(
            Code::InvalidRequest,
            "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.",
        )),
        (None | Some(Encryption::Server), Some(_)) => Err(Error::new(
            Code::InvalidRequest,
            "The encryption parameters are not applicable to this object.",
        )),
        (None | Some(Encryption::Server), None) => Ok(None),
    }
}

/// Judges a part of an upload that was begun so: the key for it, if it needs one.
pub fn part(begun: Option<&Encryption>, headers: &CustomerHeaders<'_>) -> Result<Option<Key>> {
    let refuse = |text: &str| Err(Error::new(Code::InvalidRequest, text));
    match (begun, customer_key(headers)?) {
        (Some(Encryption::Customer { key_md5 }), Some((key, sent_md5))) if *key_md5 == sent_md5 => {
            Ok(Some(key))
        }
        (Some(Encryption::Customer { .. }), Some(_)) => {
            refuse("The provided encryption parameters did not match the ones used originally.")
        }
        (Some(Encryption::Customer { .. }), None) => refuse(
            "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.",
        ),
        (None | Some(Encryption::Server), Some(_)) => refuse(
            "The multipart upload initiate did not request encryption. Please resend the request without sending encryption parameters.",
        ),
        (None | Some(Encryption::Server), None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::setting;

    const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const OTHER_KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    fn md5_of(key: &str) -> String {
        Base64::encode_string(&Md5::digest(Base64::decode_vec(key).unwrap()))
    }

    #[test]
    fn headers_go_together() {
        let md5 = md5_of(KEY);
        let md5 = Some(md5.as_str());
        let aes = Some("AES256");
        for (server, kms, algorithm, key, key_md5, expected) in [
            (None, None, None, None, None, Ok("none")),
            (aes, None, None, None, None, Ok("server")),
            (None, None, aes, Some(KEY), md5, Ok("customer")),
            (aes, None, aes, Some(KEY), md5, Err(Code::InvalidArgument)),
            (Some("aws:kms"), None, None, None, None, Err(Code::NotImplemented)),
            (Some("aws:kms:dsse"), None, None, None, None, Err(Code::NotImplemented)),
            (Some("aes256"), None, None, None, None, Err(Code::InvalidArgument)),
            (None, Some("id"), None, None, None, Err(Code::InvalidArgument)),
            (None, None, None, Some(KEY), md5, Err(Code::InvalidArgument)),
            (None, None, aes, None, md5, Err(Code::InvalidArgument)),
            (None, None, aes, Some(KEY), None, Err(Code::InvalidArgument)),
            (None, None, Some("AES128"), Some(KEY), md5, Err(Code::InvalidEncryptionAlgorithmError)),
            (None, None, aes, Some("AAAA"), md5, Err(Code::InvalidArgument)),
            (None, None, aes, Some("not base64"), md5, Err(Code::InvalidArgument)),
            (None, None, aes, Some(OTHER_KEY), md5, Err(Code::InvalidArgument)),
        ] {
            let customer = CustomerHeaders { algorithm, key, key_md5 };
            let found = requested(server, kms, &customer);
            let name = found.as_ref().map(|requested| match requested {
                Requested::Nothing => "none",
                Requested::Server => "server",
                Requested::Customer { .. } => "customer",
            });
            assert_eq!(name.map_err(|error| error.code), expected, "{server:?} {kms:?} {customer:?}");
            if let Ok(Requested::Customer { key, .. }) = &found {
                assert_eq!((key.bytes(), format!("{key:?}")), (&[0; 32], "Key(hidden)".to_owned()));
            }
        }
    }

    #[test]
    fn reads_need_the_key() {
        let (md5, other_md5) = (md5_of(KEY), md5_of(OTHER_KEY));
        let with = |key: &'static str, key_md5| CustomerHeaders {
            algorithm: Some("AES256"),
            key: Some(key),
            key_md5,
        };
        let (right, wrong) = (with(KEY, Some(&*md5)), with(OTHER_KEY, Some(&*other_md5)));
        let customer = Encryption::Customer { key_md5: md5.clone() };
        for (stored, headers, expected) in [
            (None, CustomerHeaders::default(), Ok(false)),
            (Some(&Encryption::Server), CustomerHeaders::default(), Ok(false)),
            (Some(&customer), right, Ok(true)),
            (Some(&customer), wrong, Err(Code::AccessDenied)),
            (Some(&customer), CustomerHeaders::default(), Err(Code::InvalidRequest)),
            (None, right, Err(Code::InvalidRequest)),
            (Some(&Encryption::Server), right, Err(Code::InvalidRequest)),
        ] {
            let found = read(stored, &headers).map(|key| key.is_some()).map_err(|error| error.code);
            assert_eq!(found, expected, "{stored:?} {headers:?}");
            // Parts are refused where reads are, but never as denied: it is the same requester's upload.
            let part = part(stored, &headers).map(|key| key.is_some()).map_err(|error| error.code);
            assert_eq!(part, expected.map_err(|_| Code::InvalidRequest), "{stored:?} {headers:?}");
        }
    }

    #[test]
    fn buckets_have_a_default() {
        let default = DefaultEncryption { bucket_key: true };
        for (requested, default, expected) in [
            (Requested::Nothing, None, None),
            (Requested::Nothing, Some(&default), Some(Encryption::Server)),
            (Requested::Server, None, Some(Encryption::Server)),
        ] {
            assert_eq!(requested.encryption(default), expected, "{requested:?}");
        }
        assert_eq!(setting::decode(&setting::encode(&default)), Ok(default));
    }
}
