//! Domain names in wire form, folded to lower case: what zones are keyed by.
//!
//! ```text
//! 3 'w' 'w' 'w' 7 'e' 'x' 'a' 'm' 'p' 'l' 'e' 3 'c' 'o' 'm' 0
//! ```

use std::fmt;
use std::sync::Arc;

/// Bytes of a name at most, its lengths and the root's 0 included (RFC 1035 section 2.3.4).
pub const NAME_BYTES_MAX: usize = 255;
/// Bytes of a label at most.
pub const LABEL_BYTES_MAX: usize = 63;

/// A complete name: lower case, never compressed, within its bounds.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<[u8]>);

/// What is wrong with a name's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Two dots, or one at the beginning.
    #[error("the name \"{0}\" has an empty label")]
    EmptyLabel(String),
    /// A label of more than 63 bytes.
    #[error("the name \"{0}\" has a label of more than 63 bytes")]
    LongLabel(String),
    /// More than 255 bytes.
    #[error("the name \"{0}\" has more than 255 bytes")]
    Long(String),
    /// An escape that is neither `\X` nor `\DDD`.
    #[error("the name \"{0}\" has an escape that is neither \\X nor \\DDD with DDD up to 255")]
    Escape(String),
    /// A character that is not ASCII.
    #[error("the name \"{0}\" has characters beyond ASCII: write it in its xn-- form")]
    NotAscii(String),
}

impl Name {
    /// The root.
    pub fn root() -> Self {
        Self(Arc::from([0_u8]))
    }

    /// The name that `text` says. `@` is `origin`; a name without a dot at its end is below `origin`.
    pub fn parse(text: &str, origin: &Self) -> Result<Self, Wrong> {
        match text {
            "@" => return Ok(origin.clone()),
            "." => return Ok(Self::root()),
            "" => return Err(Wrong::EmptyLabel(String::new())),
            _ if !text.is_ascii() => return Err(Wrong::NotAscii(text.to_owned())),
            _ => {}
        }
        let mut wire = Vec::with_capacity(text.len() + origin.0.len() + 1);
        let mut label = Vec::with_capacity(LABEL_BYTES_MAX);
        let mut rest = text.as_bytes();
        let mut absolute = false;
        while let [first, tail @ ..] = rest {
            rest = tail;
            match first {
                b'.' => {
                    close(&mut wire, &mut label, text)?;
                    absolute = rest.is_empty();
                }
                b'\\' => {
                    let (byte, used) = escaped(rest).ok_or_else(|| Wrong::Escape(text.to_owned()))?;
                    label.push(byte.to_ascii_lowercase());
                    rest = &rest[used..];
                }
                byte => label.push(byte.to_ascii_lowercase()),
            }
        }
        if !absolute {
            close(&mut wire, &mut label, text)?;
        }
        wire.extend_from_slice(if absolute { &[0] } else { &origin.0 });
        if wire.len() > NAME_BYTES_MAX { Err(Wrong::Long(text.to_owned())) } else { Ok(Self(wire.into())) }
    }

    /// The complete name that `text` says, with or without a dot at its end.
    pub fn absolute(text: &str) -> Result<Self, Wrong> {
        Self::parse(text, &Self::root())
    }

    /// A name from its wire form, folded; `None` if it is not one name without compression and nothing more.
    pub fn from_wire(wire: &[u8]) -> Option<Self> {
        let mut at = 0;
        while *wire.get(at)? != 0 {
            if wire[at] as usize > LABEL_BYTES_MAX {
                return None;
            }
            at += 1 + wire[at] as usize;
        }
        (at + 1 == wire.len() && wire.len() <= NAME_BYTES_MAX).then(|| Self(wire.to_ascii_lowercase().into()))
    }

    /// Its wire form.
    pub fn wire(&self) -> &[u8] {
        &self.0
    }

    /// The name without its first label; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let first = self.0[0] as usize;
        (first > 0).then(|| Self(self.0[first + 1..].into()))
    }

    /// `*` below this name; `None` if that is too long.
    pub fn wildcard(&self) -> Option<Self> {
        let wire = [b"\x01*", &*self.0].concat();
        (wire.len() <= NAME_BYTES_MAX).then(|| Self(wire.into()))
    }

    /// Whether its first label is `*`.
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(b"\x01*")
    }

    /// Whether this is `other` or below it.
    pub fn is_within(&self, other: &Self) -> bool {
        suffixes(&self.0).any(|suffix| *suffix == *other.0)
    }
}

impl std::borrow::Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

/// Ends a label.
fn close(wire: &mut Vec<u8>, label: &mut Vec<u8>, text: &str) -> Result<(), Wrong> {
    match label.len() {
        0 => Err(Wrong::EmptyLabel(text.to_owned())),
        1..=LABEL_BYTES_MAX => {
            wire.push(label.len() as u8);
            wire.append(label);
            Ok(())
        }
        _ => Err(Wrong::LongLabel(text.to_owned())),
    }
}

/// The byte behind a backslash, and how many bytes said it.
pub(crate) fn escaped(rest: &[u8]) -> Option<(u8, usize)> {
    match rest {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', ..] => {
            let value = u32::from(a - b'0') * 100 + u32::from(b - b'0') * 10 + u32::from(c - b'0');
            u8::try_from(value).ok().map(|byte| (byte, 3))
        }
        [b'0'..=b'9', ..] | [] => None,
        [byte, ..] => Some((*byte, 1)),
    }
}

/// The labels of a well-formed name, without the root's.
pub fn labels(wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    suffixes(wire).filter(|suffix| suffix[0] > 0).map(|suffix| &suffix[1..=suffix[0] as usize])
}

/// A well-formed name, then what is left of it without its first label, and so on to the root.
pub fn suffixes(wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(wire);
    std::iter::from_fn(move || {
        let current = rest?;
        let first = *current.first()? as usize;
        rest = if first == 0 { None } else { current.get(first + 1..) };
        Some(current)
    })
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(&self.0, formatter)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(&self.0, formatter)
    }
}

/// Writes a well-formed name as zone files have it.
pub fn show(wire: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    if wire == [0] {
        return out.write_str(".");
    }
    for label in labels(wire) {
        for byte in label {
            match byte {
                b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => write!(out, "\\{}", *byte as char)?,
                0x21..=0x7E => out.write_char(*byte as char)?,
                _ => write!(out, "\\{byte:03}")?,
            }
        }
        out.write_char('.')?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_read_relative_and_absolute() {
        let origin = Name::absolute("Example.COM").unwrap();
        let rows = [
            ("@", "example.com."),
            ("www", "www.example.com."),
            ("WWW.", "www."),
            (".", "."),
            ("a\\.b.c", "a\\.b.c.example.com."),
            ("a\\032b", "a\\032b.example.com."),
            ("*", "*.example.com."),
        ];
        for (text, expected) in rows {
            assert_eq!(Name::parse(text, &origin).unwrap().to_string(), expected, "{text}");
        }
        for text in ["", "a..b", ".a", "a\\25", "a\\999", "ü", &"a".repeat(64), &"abcdefg.".repeat(40)] {
            assert!(Name::parse(text, &origin).is_err(), "{text}");
        }
        assert!(Name::absolute("a.b.example.com").unwrap().is_within(&origin));
        assert!(!Name::absolute("bexample.com").unwrap().is_within(&origin));
    }

    proptest! {
        #[test]
        fn text_and_wire_round_trip(labels in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..20), 0..8)) {
            let mut wire = Vec::new();
            for label in &labels {
                wire.push(label.len() as u8);
                wire.extend_from_slice(label);
            }
            wire.push(0);
            let name = Name::from_wire(&wire).unwrap();
            prop_assert_eq!(&Name::absolute(&name.to_string()).unwrap(), &name);
            prop_assert_eq!(Name::from_wire(&wire[..wire.len() - 1]), None);
        }

        #[test]
        fn any_bytes_are_a_name_or_not(wire in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(name) = Name::from_wire(&wire) {
                prop_assert_eq!(name.wire().len(), wire.len());
            }
        }
    }
}
