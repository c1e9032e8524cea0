//! What a change says besides what happened and to which key: named values, as members of a JSON object, so that readers in any language can use them
//! and services need not agree on more.
//!
//! Bytes that are text stand as a JSON string; others as an object `{"base64":"…"}`. Text is UTF-8 without control characters other than tab,
//! line feed and carriage return; so a value never takes more than twice its bytes.

use base64ct::{Base64, Encoding as _};

/// Named values. Order is that of the calls; names are the service's and plain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    members: Vec<u8>,
    is_whole: bool,
}

impl Details {
    /// Nothing to say.
    pub const fn none() -> Self {
        Self { members: Vec::new(), is_whole: false }
    }

    /// All that the change says, in a service's own words: members of a JSON object as they stand, to which operation and key are not added. The first is `op`.
    pub const fn whole(members: Vec<u8>) -> Self {
        Self { members, is_whole: true }
    }

    /// Whether the members say operation and key themselves.
    pub const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// One string of bytes.
    #[must_use]
    pub fn bytes(self, name: &str, value: &[u8]) -> Self {
        self.member(name, |out| put_bytes(out, value))
    }

    /// A whole number.
    #[must_use]
    pub fn number(self, name: &str, value: u64) -> Self {
        self.member(name, |out| out.extend_from_slice(value.to_string().as_bytes()))
    }

    /// An array of strings of bytes.
    #[must_use]
    pub fn list<B: AsRef<[u8]>>(self, name: &str, values: impl IntoIterator<Item = B>) -> Self {
        self.array(name, values, |out, value| put_bytes(out, value.as_ref()))
    }

    /// An array of whole numbers.
    #[must_use]
    pub fn numbers(self, name: &str, values: impl IntoIterator<Item = u64>) -> Self {
        self.array(name, values, |out, value| out.extend_from_slice(value.to_string().as_bytes()))
    }

    /// An array of arrays of two strings of bytes. Not an object: its names would have to be text, and they are not.
    #[must_use]
    pub fn pairs<A, B>(self, name: &str, values: impl IntoIterator<Item = (A, B)>) -> Self
    where
        A: AsRef<[u8]>,
        B: AsRef<[u8]>,
    {
        self.array(name, values, |out, (first, second)| {
            out.push(b'[');
            put_bytes(out, first.as_ref());
            out.push(b',');
            put_bytes(out, second.as_ref());
            out.push(b']');
        })
    }

    /// An array of arrays of a string of bytes and a number. JSON has no infinity: it stands as `"inf"` or `"-inf"`.
    #[must_use]
    pub fn scores<B: AsRef<[u8]>>(self, name: &str, values: impl IntoIterator<Item = (B, f64)>) -> Self {
        self.array(name, values, |out, (member, score)| {
            out.push(b'[');
            put_bytes(out, member.as_ref());
            out.push(b',');
            let text = if score.is_finite() { format!("{score:?}") } else { format!("\"{score}\"") };
            out.extend_from_slice(text.as_bytes());
            out.push(b']');
        })
    }

    /// The members without braces, such as `"value":"v","expires_at":9`; empty if there are none.
    pub fn members(&self) -> &[u8] {
        &self.members
    }

    fn member(mut self, name: &str, put: impl FnOnce(&mut Vec<u8>)) -> Self {
        let out = &mut self.members;
        if !out.is_empty() {
            out.push(b',');
        }
        put_text(out, name);
        out.push(b':');
        put(out);
        self
    }

    fn array<T>(
        self,
        name: &str,
        values: impl IntoIterator<Item = T>,
        mut put: impl FnMut(&mut Vec<u8>, T),
    ) -> Self {
        self.member(name, |out| {
            out.push(b'[');
            for (at, value) in values.into_iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                put(out, value);
            }
            out.push(b']');
        })
    }
}

/// A string of bytes as JSON.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.bytes().any(|byte| byte < b' ' && !b"\t\n\r".contains(&byte)) => {
            put_text(out, text);
        }
        _ => {
            out.extend_from_slice(b"{\"base64\":\"");
            out.extend_from_slice(Base64::encode_string(bytes).as_bytes());
            out.extend_from_slice(b"\"}");
        }
    }
}

/// Appends a text as a JSON string.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            byte => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_members_of_a_json_object() {
        let rows: [(Details, &str); 12] = [
            (Details::none(), ""),
            (Details::none().bytes("value", b"v"), r#""value":"v""#),
            (Details::none().bytes("value", b""), r#""value":"""#),
            (
                Details::none().bytes("value", "\"\\\t\r\n/\u{7f}ä€😀".as_bytes()),
                "\"value\":\"\\\"\\\\\\t\\r\\n/\u{7f}ä€😀\"",
            ),
            (Details::none().bytes("value", b"\xff\x00"), r#""value":{"base64":"/wA="}"#),
            (Details::none().bytes("value", b"a\0b"), r#""value":{"base64":"YQBi"}"#),
            (Details::none().number("expires_at", u64::MAX), r#""expires_at":18446744073709551615"#),
            (Details::none().list("values", [&b"a"[..], b"\xfe"]), r#""values":["a",{"base64":"/g=="}]"#),
            (Details::none().list("values", [""; 0]), r#""values":[]"#),
            (Details::none().numbers("indices", [1, 20]), r#""indices":[1,20]"#),
            (Details::none().pairs("fields", [("f", "v"), ("g", "")]), r#""fields":[["f","v"],["g",""]]"#),
            (
                Details::none()
                    .scores("members", [("a", 1.5), ("b", -0.0), ("c", 1e300), ("d", f64::NEG_INFINITY)]),
                r#""members":[["a",1.5],["b",-0.0],["c",1e300],["d","-inf"]]"#,
            ),
        ];
        for (details, expected) in rows {
            assert_eq!(std::str::from_utf8(details.members()), Ok(expected));
        }
        let two = Details::none().bytes("value", b"v").number("expires_at", 9);
        assert_eq!(two.members(), br#""value":"v","expires_at":9"#);
    }
}
