//! What BY and GET name: the element itself, or a key (and a field of the hash in it) with the element in the place of `*`.

use crate::keys::Keys;
use crate::state::{IntegerBuffer, View};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern<'a> {
    /// `#`.
    Itself,
    /// No `*`: it stands for no element, so nothing is ever found.
    Nowhere,
    /// `before*after` or `before*after->field`.
    Key { before: &'a [u8], after: &'a [u8], field: Option<&'a [u8]> },
}

impl<'a> Pattern<'a> {
    pub(super) fn parse(text: &'a [u8]) -> Self {
        if text == b"#" {
            return Self::Itself;
        }
        let Some(star) = memchr::memchr(b'*', text) else { return Self::Nowhere };
        let (before, rest) = (&text[..star], &text[star + 1..]);
        match memchr::memmem::find(rest, b"->") {
            Some(arrow) if arrow + 2 < rest.len() => {
                Self::Key { before, after: &rest[..arrow], field: Some(&rest[arrow + 2..]) }
            }
            _ => Self::Key { before, after: rest, field: None },
        }
    }

    /// Calls `found` with what the pattern names for `element`, once. Keys of another type hold nothing.
    pub(super) fn look_up(&self, keys: &mut Keys<'_>, element: &[u8], found: impl FnOnce(Option<&[u8]>)) {
        match *self {
            Self::Itself => found(Some(element)),
            Self::Nowhere => found(None),
            Self::Key { before, after, field } => {
                let key = [before, element, after].concat();
                let mut digits = IntegerBuffer::new();
                match (keys.get(&key).map(|entry| entry.view()), field) {
                    (Some(View::Bytes(bytes)), None) => found(Some(bytes)),
                    (Some(View::Integer(integer)), None) => found(Some(digits.format(integer).as_bytes())),
                    (Some(View::Hash(hash)), Some(field)) => found(hash.get(field)),
                    _ => found(None),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let key = |before: &'static str, after: &'static str, field: Option<&'static str>| Pattern::Key {
            before: before.as_bytes(),
            after: after.as_bytes(),
            field: field.map(str::as_bytes),
        };
        for (text, expected) in [
            ("#", Pattern::Itself),
            ("##", Pattern::Nowhere),
            ("nosort", Pattern::Nowhere),
            ("*", key("", "", None)),
            ("w_*_x", key("w_", "_x", None)),
            ("w_*->f", key("w_", "", Some("f"))),
            ("w_*_x->f->g", key("w_", "_x", Some("f->g"))),
            ("w_*->", key("w_", "->", None)),
            ("a->b*", key("a->b", "", None)),
            ("a*b*c", key("a", "b*c", None)),
        ] {
            assert_eq!(Pattern::parse(text.as_bytes()), expected, "{text}");
        }
    }
}
