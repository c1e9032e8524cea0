//! Bounds of ranges of scores (`1.5`, `(1.5`, `-inf`) and of members (`[a`, `(a`, `-`, `+`).

use std::ops::{Bound, Range};

use crate::commands::arguments::parse_float;
use crate::failure::Failure;
use crate::state::value::SortedSet;

/// A range of scores.
pub fn scores(min: &[u8], max: &[u8]) -> Result<(Bound<f64>, Bound<f64>), Failure> {
    let bound = |arg: &[u8]| match arg.strip_prefix(b"(") {
        Some(rest) => parse_float(rest).map(Bound::Excluded),
        None => parse_float(arg).map(Bound::Included),
    };
    bound(min).zip(bound(max)).ok_or_else(|| "ERR min or max is not a float".into())
}

/// One end of a range of members.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End<'a> {
    /// `-`: before all.
    First,
    /// `+`: behind all.
    Last,
    At(Bound<&'a [u8]>),
}

/// A range of members.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Members<'a> {
    min: End<'a>,
    max: End<'a>,
}

/// A range of members.
pub fn members<'a>(min: &'a [u8], max: &'a [u8]) -> Result<Members<'a>, Failure> {
    let end = |arg: &'a [u8]| match arg {
        b"-" => Some(End::First),
        b"+" => Some(End::Last),
        [b'[', rest @ ..] => Some(End::At(Bound::Included(rest))),
        [b'(', rest @ ..] => Some(End::At(Bound::Excluded(rest))),
        _ => None,
    };
    let both = end(min).zip(end(max));
    both.map(|(min, max)| Members { min, max })
        .ok_or_else(|| "ERR min or max not valid string range item".into())
}

impl Members<'_> {
    /// The ranks in the range.
    pub fn ranks(&self, set: &SortedSet) -> Range<usize> {
        let min = match self.min {
            End::First => Bound::Unbounded,
            End::At(bound) => bound,
            End::Last => return 0..0,
        };
        let max = match self.max {
            End::Last => Bound::Unbounded,
            End::At(bound) => bound,
            End::First => return 0..0,
        };
        set.ranks_by_lex(min, max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_scores() {
        for (min, max, expected) in [
            ("1", "(2.5", Some((Bound::Included(1.0), Bound::Excluded(2.5)))),
            ("-inf", "+inf", Some((Bound::Included(f64::NEG_INFINITY), Bound::Included(f64::INFINITY)))),
            ("((1", "2", None),
            ("1", "nan", None),
            ("", "1", None),
        ] {
            assert_eq!(scores(min.as_bytes(), max.as_bytes()).ok(), expected, "{min} {max}");
        }
    }

    #[test]
    fn bounds_of_members() {
        let at = |bound| End::At(bound);
        for (min, max, expected) in [
            ("-", "+", Some((End::First, End::Last))),
            ("[a", "(b", Some((at(Bound::Included(&b"a"[..])), at(Bound::Excluded(&b"b"[..]))))),
            ("[", "(", Some((at(Bound::Included(&b""[..])), at(Bound::Excluded(&b""[..]))))),
            ("a", "+", None),
            ("-x", "+", None),
            ("-", "", None),
        ] {
            let expected = expected.map(|(min, max)| Members { min, max });
            assert_eq!(members(min.as_bytes(), max.as_bytes()).ok(), expected, "{min} {max}");
        }
    }
}
