//! Strings that share the memory of the frame in which they came.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use bytestring::ByteString;

/// A UTF-8 string over [`Bytes`]: checked once when it is made, cloned without a copy.
///
/// A decoded text keeps its whole frame alive. What outlives the request (names in a table, member ids) is stored as
/// [`Text::detached`], which owns its bytes alone.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(ByteString);

impl Text {
    /// The empty text.
    pub const fn new() -> Text {
        Text(ByteString::new())
    }

    /// A text that costs nothing.
    pub const fn from_static(text: &'static str) -> Text {
        Text(ByteString::from_static(text))
    }

    /// The text in these bytes, without a copy; the position of the first bad byte when they are not UTF-8.
    pub fn from_utf8(bytes: Bytes) -> Result<Text, usize> {
        match std::str::from_utf8(&bytes) {
            Err(error) => Err(error.valid_up_to()),
            Ok(_) => Ok(Text(ByteString::try_from(bytes).expect("checked above"))),
        }
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A copy with memory of its own, so that keeping it keeps no frame.
    #[must_use]
    pub fn detached(&self) -> Text {
        Text::from(self.as_str())
    }

    /// The bytes, shared.
    pub fn into_bytes(self) -> Bytes {
        self.0.into_bytes()
    }

    /// The bytes, still shared with this text.
    pub fn as_bytes(&self) -> &Bytes {
        self.0.as_bytes()
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text(ByteString::from(text))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(ByteString::from(text))
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), formatter)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_checked_and_shared() {
        let frame = Bytes::from(b"xxorders".to_vec());
        let text = Text::from_utf8(frame.slice(2..)).expect("UTF-8");
        assert_eq!(text, "orders");
        assert_eq!(text.as_bytes().as_ptr(), frame[2..].as_ptr(), "no copy");
        assert_ne!(text.detached().as_bytes().as_ptr(), frame[2..].as_ptr(), "a copy");
        assert_eq!(Text::from_utf8(Bytes::from_static(b"ab\xFF")), Err(2));
    }

    #[test]
    fn a_map_of_texts_is_asked_with_a_str() {
        let map = std::collections::HashMap::from([(Text::from("a"), 1)]);
        assert_eq!(map.get("a"), Some(&1));
    }
}
