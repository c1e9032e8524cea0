//! The order of storage texts of `numeric`, without taking them apart.

use std::cmp::Ordering;

/// By value: `1.0` equals `1.00`; NaN is above all. Text that is no number is ordered, but nobody should ask how.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (Parts::of(a), Parts::of(b));
    match (a.rank, b.rank) {
        (0, 0) => {}
        (a, b) => return a.cmp(&b),
    }
    match (a.negative, b.negative) {
        (false, true) => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, false) => a.magnitude(&b),
        (true, true) => b.magnitude(&a),
    }
}

struct Parts<'a> {
    /// Of those that are no numbers: -1, 1, 2.
    rank: i8,
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let (sign, digits) = match bytes {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, bytes),
        };
        let rank = match digits.first() {
            Some(b'N') => 2,
            Some(b'I') if sign => -1,
            Some(b'I') => 1,
            _ => 0,
        };
        let (whole, fraction) = match digits.iter().position(|byte| *byte == b'.') {
            Some(at) => (&digits[..at], &digits[at + 1..]),
            None => (digits, &[][..]),
        };
        let zeros = whole.iter().take_while(|byte| **byte == b'0').count();
        let end = fraction.iter().rposition(|byte| *byte != b'0').map_or(0, |at| at + 1);
        let (whole, fraction) = (&whole[zeros..], &fraction[..end]);
        Self { rank, negative: sign && !(whole.is_empty() && fraction.is_empty()), whole, fraction }
    }

    fn magnitude(&self, other: &Self) -> Ordering {
        let length = self.whole.len().cmp(&other.whole.len());
        length.then_with(|| self.whole.cmp(other.whole)).then_with(|| self.fraction.cmp(other.fraction))
    }
}
