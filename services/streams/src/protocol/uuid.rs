//! Topic ids and other 128-bit names.

use std::fmt;
use std::str::FromStr;

use base64ct::{Base64UrlUnpadded, Encoding};

/// 16 bytes that name a topic, a directory or a member; shown as 22 characters of base64url, as Kafka's tools show them.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// All zeros: on the wire this says "no id".
    pub const ZERO: Uuid = Uuid([0; 16]);

    /// Whether this says "no id".
    pub fn is_zero(self) -> bool {
        self == Uuid::ZERO
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 22];
        formatter
            .write_str(Base64UrlUnpadded::encode(&self.0, &mut text).expect("22 characters hold 16 bytes"))
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// A text that is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no id: 22 characters of base64url without padding are expected")]
pub struct ParseUuidError(pub String);

impl FromStr for Uuid {
    type Err = ParseUuidError;

    fn from_str(text: &str) -> Result<Uuid, ParseUuidError> {
        let mut bytes = [0; 16];
        match Base64UrlUnpadded::decode(text, &mut bytes) {
            Ok(decoded) if decoded.len() == 16 => Ok(Uuid(bytes)),
            _ => Err(ParseUuidError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_shown_as_base64url() {
        let id = Uuid([0xFB, 0xFF, 0xFE, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        assert_eq!(id.to_string(), "-__-AwQFBgcICQoLDA0ODw");
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "-__-AwQFBgcICQoLDA0O", "-__-AwQFBgcICQoLDA0ODw==", "!__-AwQFBgcICQoLDA0ODw"] {
            assert_eq!(text.parse::<Uuid>(), Err(ParseUuidError(text.to_owned())), "{text}");
        }
    }
}
