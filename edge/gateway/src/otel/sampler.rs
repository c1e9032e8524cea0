//! Which requests are sampled: those whose parent is, and of those without one a share.

use crate::trace::Parent;
use std::fmt;
use std::str::FromStr;

/// A share of requests, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(u32);

/// All.
const WHOLE: u32 = 1_000_000;

impl Share {
    /// Every request.
    pub const ALL: Self = Self(WHOLE);

    /// Whether a trace belongs to it: by the low bits of its id, as others decide as well, so that each of them decides alike.
    fn has(self, trace: u128) -> bool {
        let bound = (1_u64 << 63) / u64::from(WHOLE) * u64::from(self.0);
        self.0 == WHOLE || (trace as u64) >> 1 < bound
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let share: Option<f64> = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
        let share = share.ok_or_else(|| format!("\"{text}\" is not a share from 0 to 1"))?;
        Ok(Self((share * f64::from(WHOLE)).round() as u32))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(self.0) / f64::from(WHOLE))
    }
}

/// Whose parents decide whether a request is sampled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parents {
    /// Everybody's.
    #[default]
    All,
    /// Those of trusted proxies. Others' traces go on, and their share is sampled.
    Trusted,
}

impl FromStr for Parents {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            "trusted" => Ok(Self::Trusted),
            other => Err(format!("\"{other}\" is unknown")),
        }
    }
}

/// Decides.
#[derive(Clone, Copy, Debug)]
pub struct Sampler {
    /// Of requests without a parent that decides.
    pub share: Share,
    /// Whose parents decide.
    pub parents: Parents,
}

impl Sampler {
    /// The gateway's own span in the trace of a client, or in a new one.
    pub fn begin(&self, from: Option<Parent>, trusted: bool) -> Parent {
        let mut own = Parent::continued(from);
        if from.is_none() || (self.parents == Parents::Trusted && !trusted) {
            own.flags = u8::from(self.share.has(own.trace));
        }
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(share: &str, parents: Parents) -> Sampler {
        Sampler { share: share.parse().expect("a share"), parents }
    }

    #[test]
    fn shares_are_read() {
        for (text, expected) in [
            ("1", Some("1")),
            ("0", Some("0")),
            ("0.25", Some("0.25")),
            ("1.1", None),
            ("-1", None),
            ("NaN", None),
            ("", None),
        ] {
            assert_eq!(
                text.parse::<Share>().ok().map(|share| share.to_string()).as_deref(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn parents_decide_and_others_are_a_share() {
        let parent = |flags| Some(Parent { trace: u128::MAX, span: 7, flags });
        for (share, parents, from, trusted, expected) in [
            ("0", Parents::All, parent(1), false, 1),
            ("1", Parents::All, parent(0), false, 0),
            ("1", Parents::All, None, false, 1),
            ("0", Parents::All, None, false, 0),
            ("0", Parents::Trusted, parent(1), false, 0),
            ("1", Parents::Trusted, parent(0), false, 1),
            ("0", Parents::Trusted, parent(1), true, 1),
            ("1", Parents::Trusted, parent(0), true, 0),
        ] {
            let own = sampler(share, parents).begin(from, trusted);
            assert_eq!(own.flags, expected, "{share} {parents:?} {from:?} {trusted}");
            assert_ne!(own.span, 7);
            assert!(from.is_none() || own.trace == u128::MAX);
        }
    }

    #[test]
    fn a_share_is_that_share_of_traces() {
        let sampler = sampler("0.3", Parents::All);
        let sampled = (0..20_000).filter(|_| sampler.begin(None, false).flags == 1).count();
        assert!((5_500..6_500).contains(&sampled), "{sampled} of 20000");
        // The same trace is decided on alike.
        assert!(sampler.share.has(0) && !sampler.share.has(u128::MAX));
    }
}
