//! What the headers of requests say of encryption, and what answers say of it. The rules judge which go together.

use hyper::HeaderMap;
use s3s::dto;

use super::headers::text;
use crate::error::{Code, Error, Result};
use crate::rules::encryption::{self, CustomerHeaders, Encryption, Requested};

const SERVER: &str = "x-amz-server-side-encryption";
const KMS_KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";
/// Headers that only a key service would have a use for.
const KMS_ONLY: [&str; 2] =
    ["x-amz-server-side-encryption-context", "x-amz-server-side-encryption-bucket-key-enabled"];

/// Headers with keys of clients.
pub(crate) const KEY_HEADERS: [&str; 2] =
    ["x-amz-server-side-encryption-customer-key", "x-amz-copy-source-server-side-encryption-customer-key"];

/// The client's key for the object of a request.
pub(super) fn own(headers: &HeaderMap) -> CustomerHeaders<'_> {
    CustomerHeaders {
        algorithm: text(headers, "x-amz-server-side-encryption-customer-algorithm"),
        key: text(headers, KEY_HEADERS[0]),
        key_md5: text(headers, "x-amz-server-side-encryption-customer-key-md5"),
    }
}

/// The client's key for the source of a copy.
pub(super) fn source(headers: &HeaderMap) -> CustomerHeaders<'_> {
    CustomerHeaders {
        algorithm: text(headers, "x-amz-copy-source-server-side-encryption-customer-algorithm"),
        key: text(headers, KEY_HEADERS[1]),
        key_md5: text(headers, "x-amz-copy-source-server-side-encryption-customer-key-md5"),
    }
}

/// How a request wants what it makes to be encrypted.
pub(super) fn requested(headers: &HeaderMap) -> Result<Requested> {
    for name in KMS_ONLY {
        if text(headers, name).is_some_and(|value| value != "false") {
            let text = format!("{name} is not supported: there is no key service here");
            return Err(Error::new(Code::NotImplemented, text));
        }
    }
    encryption::requested(text(headers, SERVER), text(headers, KMS_KEY), &own(headers))
}

/// Refuses what says how something is to be encrypted, where nothing is made that a request could say this of.
pub(super) fn refuse_requested(headers: &HeaderMap) -> Result<()> {
    let named = [SERVER, KMS_KEY].into_iter().chain(KMS_ONLY).find(|name| headers.contains_key(*name));
    named.map_or(Ok(()), |name| {
        let text = format!("{name} header is not supported for this operation.");
        Err(Error::new(Code::InvalidArgument, text))
    })
}

/// What an answer says of an encryption.
#[derive(Default)]
pub(super) struct Told {
    pub(super) server: Option<dto::ServerSideEncryption>,
    pub(super) customer_algorithm: Option<String>,
    pub(super) customer_key_md5: Option<String>,
}

pub(super) fn told(encryption: Option<&Encryption>) -> Told {
    match encryption {
        None => Told::default(),
        Some(Encryption::Server) => Told {
            server: Some(dto::ServerSideEncryption::from_static(dto::ServerSideEncryption::AES256)),
            ..Told::default()
        },
        Some(Encryption::Customer { key_md5 }) => Told {
            customer_algorithm: Some("AES256".to_owned()),
            customer_key_md5: Some(key_md5.clone()),
            ..Told::default()
        },
    }
}
