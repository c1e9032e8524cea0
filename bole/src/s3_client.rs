//! The client that commands speak S3 with: to the node's own blobs, and to other servers whose objects are moved here.
//!
//! Requests name the bucket in their path and are signed with Signature Version 4 ([`sign`]); bodies of objects are streamed and not signed. Answers that are XML are
//! read as a whole, within [`ANSWER_BYTES_MAX`] ([`xml`]). Every wait has a bound. Connections stay open and are used again.
//!
//! Reading order: [`connection`] (one request) → [`buckets`] and [`objects`] (what is asked).

pub(crate) mod buckets;
pub(crate) mod connection;
pub(crate) mod keys;
pub(crate) mod objects;
pub(crate) mod sign;
pub(crate) mod xml;

pub(crate) use connection::{Answer, Client, Endpoint, Payload, Request};
pub(crate) use keys::Keys;

/// The largest answer that is read as a whole: a page of 1,000 keys of 1,024 bytes, each of which is three times as long when it is encoded, and what is said of each.
pub(crate) const ANSWER_BYTES_MAX: usize = 16 << 20;

/// A server said no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code} ({status}): {message}")]
pub(crate) struct Refusal {
    /// The status code.
    pub(crate) status: u16,
    /// S3's code; for answers without a body what the status means.
    pub(crate) code: String,
    /// The server's text.
    pub(crate) message: String,
}

impl Refusal {
    /// What of an error a server said, if one did.
    pub(crate) fn of(error: &anyhow::Error) -> Option<&Self> {
        error.chain().find_map(|cause| cause.downcast_ref())
    }

    /// Whether the same request may succeed later.
    pub(crate) const fn is_passing(&self) -> bool {
        matches!(self.status, 429 | 500 | 502 | 503 | 504)
    }
}

/// A path or a value of a query, encoded as signatures want it (RFC 3986, section 2.3); `/` stays where `is_path`.
pub(crate) fn encode(text: &str, is_path: bool) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || (is_path && byte == b'/') {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// A key of a list that was asked for encoded: `%XX`, and `+` for a space.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                (digit(bytes.next())? * 16 + digit(bytes.next())?) as u8
            }
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_and_decoded() {
        for key in ["a/b c", "ä+%", "~._-", "\u{1}\n", ""] {
            assert_eq!(decode(&encode(key, false)).as_deref(), Some(key));
        }
        assert_eq!(encode("a/b c", true), "a/b%20c");
        assert_eq!(decode("a+b%2Bc").as_deref(), Some("a b+c"));
        for wrong in ["%", "%2", "%zz", "%FF"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
