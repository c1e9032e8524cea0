//! Traces that go on (W3C Trace Context, level 1): a request's trace is taken up, and the service is told the gateway's span as its parent.

use crate::limits::TRACESTATE_BYTES_MAX;
use bole_edge_core::Random;
use http::header::{HeaderMap, HeaderName, HeaderValue};

const PARENT: HeaderName = HeaderName::from_static("traceparent");
const STATE: HeaderName = HeaderName::from_static("tracestate");

/// What `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// The trace, not 0.
    pub trace: u128,
    /// Whose span the sender's is, not 0.
    pub span: u64,
    /// Whether the sender records it.
    pub sampled: bool,
}

/// The gateway's own span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The trace.
    pub trace: u128,
    /// This span.
    pub span: u64,
    /// The client's span; none if the trace begins here.
    pub parent: Option<u64>,
    /// Whether it is recorded.
    pub sampled: bool,
}

impl Parent {
    /// Reads `00-TRACE-SPAN-FLAGS`. Later versions may go on after another hyphen.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (head, rest) = text.split_at_checked(55)?;
        let version = number(&head[..2])?;
        let hyphens = [2, 35, 52].iter().all(|at| head[*at] == b'-');
        let later = version != 0 && rest.first().is_none_or(|byte| *byte == b'-');
        if version == 0xFF || !hyphens || !(rest.is_empty() || later) {
            return None;
        }
        let (trace, span) = (number(&head[3..35])?, number(&head[36..52])? as u64);
        let flags = number(&head[53..55])?;
        (trace != 0 && span != 0).then_some(Self { trace, span, sampled: flags & 1 == 1 })
    }
}

/// Hexadecimal digits in lower case.
fn number(text: &[u8]) -> Option<u128> {
    text.iter().try_fold(0_u128, |number, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

/// Takes up a request's trace, or begins one, and tells the service. `sample` decides for traces that begin here. A `tracestate` goes on with a
/// trace that is taken up, if it is not too long; otherwise it is taken out.
pub fn apply(headers: &mut HeaderMap, random: &mut Random, sample: bool) -> Span {
    let mut parents = headers.get_all(PARENT).iter();
    let parent = parents.next().and_then(|value| Parent::parse(value.as_bytes()));
    let parent = parent.filter(|_| parents.next().is_none());
    let bits: usize = headers.get_all(STATE).iter().map(HeaderValue::len).sum();
    if parent.is_none() || bits > TRACESTATE_BYTES_MAX {
        headers.remove(STATE);
    }
    let some = |random: &mut Random| random.bits().max(1);
    let span = Span {
        trace: parent
            .map_or_else(|| u128::from(some(random)) << 64 | u128::from(some(random)), |parent| parent.trace),
        span: some(random),
        parent: parent.map(|parent| parent.span),
        sampled: parent.map_or(sample, |parent| parent.sampled),
    };
    let text = format!("00-{:032x}-{:016x}-{:02x}", span.trace, span.span, u8::from(span.sampled));
    headers.insert(PARENT, HeaderValue::try_from(text).expect("digits and hyphens are a value"));
    span
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn parents_are_read_by_the_letter() {
        let parent = Parent::parse(GOOD.as_bytes()).expect("it is one");
        let trace = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c;
        assert_eq!(parent, Parent { trace, span: 0xb7ad_6b71_6920_3331, sampled: true });
        for (from, to, expected) in [
            ("-01", "-00", true),
            ("-01", "-03", true),
            ("00-0", "01-0", true),
            ("-01", "-01-x", false),
            ("00-0", "ff-0", false),
            ("0af7", "0AF7", false),
            ("0af7651916cd43dd8448eb211c80319c", "00000000000000000000000000000000", false),
            ("b7ad6b7169203331", "0000000000000000", false),
            ("-01", "-0", false),
            ("-01", "-0g", false),
            ("-b7", "_b7", false),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert_eq!(Parent::parse(text.as_bytes()).is_some(), expected, "{text}");
        }
        assert!(Parent::parse(format!("01{}-more", &GOOD[2..]).as_bytes()).is_some());
        assert!(Parent::parse(format!("01{}more", &GOOD[2..]).as_bytes()).is_none());
    }

    #[test]
    fn a_trace_goes_on_or_begins() {
        let mut random = Random::new(1);
        let mut headers = HeaderMap::new();
        headers.insert(PARENT, HeaderValue::from_static(GOOD));
        headers.insert(STATE, HeaderValue::from_static("a=b"));
        let span = apply(&mut headers, &mut random, false);
        assert_eq!((span.parent, span.sampled), (Some(0xb7ad_6b71_6920_3331), true));
        let sent = Parent::parse(headers[PARENT].as_bytes()).expect("it is one");
        assert_eq!(sent, Parent { trace: span.trace, span: span.span, sampled: true });
        assert!(headers.contains_key(STATE));

        headers.append(PARENT, HeaderValue::from_static(GOOD));
        let span = apply(&mut headers, &mut random, false);
        assert_eq!((span.parent, span.sampled, headers.contains_key(STATE)), (None, false, false));
        assert_eq!(headers.get_all(PARENT).iter().count(), 1);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_parent_or_not(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
            Parent::parse(&bytes);
        }
    }
}
