//! Tags of buckets and objects: what may be one, and how a header says them.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::setting::Setting;
use crate::error::{Code, Error, Result, shown};
use crate::limits::{BUCKET_TAGS_MAX, OBJECT_TAGS_MAX, TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX};

/// A tag. *Persisted.*
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    /// 1 to 128 characters.
    pub key: String,
    /// Up to 256 characters.
    pub value: String,
}

/// The tags of a bucket or an object. *Persisted.*
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tags(pub Vec<Tag>);

impl Setting for Tags {
    const NAME: &'static str = "set of tags";
    const VERSION: u32 = 1;
}

/// What tags are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// An object: 10 at most.
    Object,
    /// A bucket: 50 at most.
    Bucket,
}

impl Tags {
    /// Checks how many there are and each of them.
    pub fn check(&self, on: On) -> Result<()> {
        let (what, most) = match on {
            On::Object => ("Object", OBJECT_TAGS_MAX),
            On::Bucket => ("Bucket", BUCKET_TAGS_MAX),
        };
        if self.0.len() > most {
            let count = self.0.len();
            return Err(Error::new(
                Code::BadRequest,
                format!("{what} tags cannot be greater than {most}; there are {count}"),
            ));
        }
        let mut keys = HashSet::new();
        self.0.iter().try_for_each(|tag| {
            tag.check()?;
            if keys.insert(&tag.key) {
                return Ok(());
            }
            let text = format!("Cannot provide multiple Tags with the same key: \"{}\"", shown(&tag.key));
            Err(Error::new(Code::InvalidTag, text))
        })
    }

    /// Reads `x-amz-tagging`: `key=value&key=value`, url-encoded, and checks the tags.
    pub fn parse_header(text: &str) -> Result<Self> {
        let members = text.split('&').filter(|member| !member.is_empty());
        // One more than is allowed is enough to refuse the rest unread.
        let tags = members.take(OBJECT_TAGS_MAX + 1).map(|member| {
            let (key, value) = member.split_once('=').unwrap_or((member, ""));
            Ok(Tag { key: decode(key)?, value: decode(value)? })
        });
        let tags = Self(tags.collect::<Result<_>>()?);
        tags.check(On::Object)?;
        Ok(tags)
    }
}

impl Tag {
    fn check(&self) -> Result<()> {
        let wrong = |text: String| Err(Error::new(Code::InvalidTag, text));
        let legal = |character: char| {
            character.is_alphanumeric() || character.is_whitespace() || "+-=._:/@".contains(character)
        };
        let key_chars = self.key.chars().count();
        if !(1..=TAG_KEY_CHARS_MAX).contains(&key_chars) || !self.key.chars().all(legal) {
            return wrong(format!(
                "The TagKey you have provided is invalid: \"{}\" ({key_chars} characters)",
                shown(&self.key)
            ));
        }
        if self.key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
            return wrong(format!(
                "System tags cannot be added/updated by requester: \"{}\"",
                shown(&self.key)
            ));
        }
        let value_chars = self.value.chars().count();
        if value_chars > TAG_VALUE_CHARS_MAX || !self.value.chars().all(legal) {
            return wrong(format!(
                "The TagValue you have provided is invalid: \"{}\" ({value_chars} characters)",
                shown(&self.value)
            ));
        }
        Ok(())
    }
}

/// Text of a query: `+` is a space, `%` with two digits a byte.
fn decode(text: &str) -> Result<String> {
    let wrong = || {
        let text = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.";
        Error::new(Code::InvalidArgument, text)
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16).ok_or_else(wrong);
                bytes.push((digit(*high)? << 4 | digit(*low)?) as u8);
                rest = after;
            }
            (b'%', _) => return Err(wrong()),
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rules::setting;

    #[test]
    fn headers() {
        let many = (0..11).map(|number| format!("k{number}=v")).collect::<Vec<_>>().join("&");
        let long_key = format!("{}=v", "k".repeat(129));
        let long_value = format!("k={}", "v".repeat(257));
        let longest = format!("{}={}", "k".repeat(128), "%C3%A9".repeat(256));
        for (text, expected) in [
            ("", Ok(0)),
            ("a=b", Ok(1)),
            ("a=b&c=&d", Ok(3)),
            ("a%20b+c=%2B%C3%A9", Ok(1)),
            (&longest, Ok(1)),
            ("a=b=c", Ok(1)),
            (&many, Err(Code::BadRequest)),
            ("a=b&a=c", Err(Code::InvalidTag)),
            ("=b", Err(Code::InvalidTag)),
            (&long_key, Err(Code::InvalidTag)),
            (&long_value, Err(Code::InvalidTag)),
            ("aws:x=b", Err(Code::InvalidTag)),
            ("AWS:x=b", Err(Code::InvalidTag)),
            ("a=%00", Err(Code::InvalidTag)),
            ("a=%", Err(Code::InvalidArgument)),
            ("a=%zz", Err(Code::InvalidArgument)),
            ("a=%FF", Err(Code::InvalidArgument)),
        ] {
            let found = Tags::parse_header(text);
            let count = found.as_ref().map(|tags| tags.0.len()).map_err(|error| error.code);
            assert_eq!(count, expected, "{text}");
            if let Ok(tags) = found {
                assert_eq!(setting::decode(&setting::encode(&tags)), Ok(tags));
            }
        }
        let tags = Tags::parse_header("a%20b+c=%2B%C3%A9").unwrap();
        assert_eq!(tags.0, [Tag { key: "a b c".to_owned(), value: "+é".to_owned() }]);
        let tag = |number: usize| Tag { key: format!("k{number}"), value: String::new() };
        let fifty = Tags((0..50).map(tag).collect());
        assert_eq!(fifty.check(On::Bucket), Ok(()));
        assert_eq!(fifty.check(On::Object).unwrap_err().code, Code::BadRequest);
        assert_eq!(Tags((0..51).map(tag).collect()).check(On::Bucket).unwrap_err().code, Code::BadRequest);
    }

    proptest! {
        #[test]
        fn any_header_is_judged(text in "([a-z]|=|&|%|\\+|[0-9a-fA-F]|\\PC){0,30}") {
            if let Ok(tags) = Tags::parse_header(&text) {
                prop_assert!(tags.0.len() <= OBJECT_TAGS_MAX);
            }
        }
    }
}
