//! W3C Trace Context, level 1: which trace a request belongs to, and the gateway's own span in it, if it makes any ([`crate::otel`]).

use http::HeaderMap;
use rand::Rng;
use std::fmt;

/// A `traceparent`: the trace, the span that the receiver continues, and its flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// The trace, never all zero.
    pub trace: u128,
    /// The span, never zero.
    pub span: u64,
    /// Bit 0: it is sampled.
    pub flags: u8,
}

/// Hexadecimal digits in lower case only, as the recommendation asks.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let fits = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    fits.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

impl Parent {
    /// Reads a header. Later versions may have more after the flags.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, '-');
        let version = hex(parts.next()?, 2)?;
        let (trace, span, flags) = (hex(parts.next()?, 32)?, hex(parts.next()?, 16)?, hex(parts.next()?, 2)?);
        let ends = parts.next().is_none() || version > 0;
        let valid = version != 0xFF && trace != 0 && span != 0 && ends;
        valid.then_some(Self { trace, span: span as u64, flags: flags as u8 })
    }

    /// What the headers of a request say. Several parents are none.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all("traceparent").iter();
        let parent = parents.next().and_then(|value| Self::read(value.to_str().ok()?));
        parent.filter(|_| parents.next().is_none())
    }

    /// What goes on where the gateway makes no spans: the client's, as it came, or that of a new trace, which is not sampled.
    pub fn passed_on(from: Option<Self>) -> Self {
        from.map_or_else(|| Self::continued(None), |parent| Self { flags: parent.flags & 1, ..parent })
    }

    /// A span of the gateway's own, in the trace of a client or in a new one, which is not sampled.
    pub fn continued(from: Option<Self>) -> Self {
        let mut random = rand::rng();
        let span = random.random::<u64>().max(1);
        match from {
            Some(parent) => Self { span, flags: parent.flags & 1, ..parent },
            None => Self { trace: random.random::<u128>().max(1), span, flags: 0 },
        }
    }
}

/// Bytes of a `tracestate` that is passed on (W3C Trace Context asks for at least 512).
const STATE_BYTES_MAX: usize = 2 << 10;

/// Whether what else was said of the trace goes on: only with a trace that is taken up, and if it is not too long.
pub fn keeps_state(headers: &HeaderMap) -> bool {
    let bytes: usize = headers.get_all("tracestate").iter().map(http::HeaderValue::len).sum();
    bytes <= STATE_BYTES_MAX && Parent::of(headers).is_some()
}

/// Adds the last so many hexadecimal digits of a number.
fn put_hex(text: &mut String, number: u128, digits: usize) {
    let mut room = [0; 32];
    for (pair, byte) in room.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        for (place, digit) in pair.iter_mut().zip([byte >> 4, byte & 15]) {
            *place = if digit < 10 { b'0' + digit } else { b'a' - 10 + digit };
        }
    }
    // They are ASCII.
    text.push_str(std::str::from_utf8(&room[32 - digits..]).unwrap_or_default());
}

impl Parent {
    /// It, as it is sent on.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(55);
        text.push_str("00-");
        put_hex(&mut text, self.trace, 32);
        text.push('-');
        put_hex(&mut text, self.span.into(), 16);
        text.push('-');
        put_hex(&mut text, self.flags.into(), 2);
        text
    }
}

/// What else was said of the trace, if it goes on.
pub fn state(headers: &HeaderMap) -> String {
    if !keeps_state(headers) {
        return String::new();
    }
    let states = headers.get_all("tracestate").iter().filter_map(|state| state.to_str().ok());
    states.filter(|state| !state.is_empty()).collect::<Vec<_>>().join(",")
}

impl fmt::Display for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// A new id of a request.
pub fn request_id() -> String {
    let mut id = String::with_capacity(32);
    put_hex(&mut id, rand::rng().random(), 32);
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_what_is_a_parent_is_one() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        for (text, valid) in [
            (format!("00-{trace}-b7ad6b7169203331-01"), true),
            (format!("01-{trace}-b7ad6b7169203331-01-more"), true),
            (format!("00-{trace}-b7ad6b7169203331-01-more"), false),
            (format!("ff-{trace}-b7ad6b7169203331-01"), false),
            (format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)), false),
            (format!("00-{trace}-{}-01", "0".repeat(16)), false),
            (format!("00-{}-b7ad6b7169203331-01", trace.to_uppercase()), false),
            (format!("00-{trace}-b7ad6b7169203331"), false),
            (format!("00-{trace}-b7ad6b7169203331-00"), true),
            (format!("00-{trace}-b7ad6b7169203331-0"), false),
            (format!("00-{trace}-b7ad6b7169203331-0g"), false),
            (format!("00-{trace}_b7ad6b7169203331-01"), false),
            (format!("01-{trace}-b7ad6b7169203331-01more"), false),
            (String::new(), false),
        ] {
            assert_eq!(Parent::read(&text).is_some(), valid, "{text}");
        }
        let parent = Parent::read(&format!("00-{trace}-b7ad6b7169203331-03"));
        let own = Parent::continued(parent);
        assert_eq!((format!("{:032x}", own.trace).as_str(), own.flags), (trace, 1));
        assert_ne!(own.span, 0xb7ad_6b71_6920_3331);
        assert_eq!(
            Parent::passed_on(parent),
            parent.map(|parent| Parent { flags: 1, ..parent }).expect("one")
        );
        assert_eq!(Parent::passed_on(None).flags, 0);
    }

    #[test]
    fn what_else_is_said_goes_on_only_with_its_trace() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for (parents, state, keeps) in [
            (&[good][..], "a=b".to_owned(), true),
            (&[good, good], "a=b".to_owned(), false),
            (&[], "a=b".to_owned(), false),
            (&["x"], "a=b".to_owned(), false),
            (&[good], "a".repeat(STATE_BYTES_MAX + 1), false),
        ] {
            let mut headers = HeaderMap::new();
            for parent in parents {
                headers.append("traceparent", parent.parse().expect("a value"));
            }
            headers.insert("tracestate", state.parse().expect("a value"));
            assert_eq!(keeps_state(&headers), keeps, "{parents:?} {state:.10}");
            assert_eq!(super::state(&headers), if keeps { state.as_str() } else { "" });
            assert_eq!(Parent::of(&headers).is_some(), parents == [good], "{parents:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(trace in 1_u128.., span in 1_u64.., flags: u8) {
            let parent = Parent { trace, span, flags };
            prop_assert_eq!(Parent::read(&parent.to_string()), Some(parent));
        }

        #[test]
        fn any_text_is_survived(text: String) {
            let _ = Parent::read(&text);
        }
    }
}
