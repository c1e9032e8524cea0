//! Finite decimals as groups of four digits.
//!
//! Four, because the number of digits that PostgreSQL gives a quotient depends on groups of four.

use std::fmt;

use super::{DIGITS_MAX, SCALE_MAX, overflow};
use crate::Result;

/// Digits of a group.
pub(super) const GROUP: i32 = 4;
/// The base of a group.
pub(super) const BASE: u32 = 10_000;

/// A finite decimal: the sum of `groups[n] * 10000^(weight - n)`.
///
/// No group of zeros is first or last. Zero has no groups, weight 0 and no sign.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decimal {
    pub(super) negative: bool,
    pub(super) weight: i32,
    /// Digits after the point that are shown.
    pub(super) scale: i32,
    pub(super) groups: Vec<u16>,
}

impl Decimal {
    /// Zero with a scale.
    pub const fn zero(scale: i32) -> Self {
        Self { negative: false, weight: 0, scale, groups: Vec::new() }
    }

    /// One.
    pub fn one() -> Self {
        Self::from(1_i64)
    }

    /// From groups of four digits, each below 10000.
    pub(crate) fn from_groups(negative: bool, weight: i32, scale: i32, groups: Vec<u16>) -> Self {
        Self { negative, weight, scale, groups }.normal()
    }

    /// The weight of the first group, and the groups.
    pub(crate) fn groups(&self) -> (i32, &[u16]) {
        (self.weight, &self.groups)
    }

    /// -1, 0 or 1.
    pub fn signum(&self) -> i32 {
        match (self.is_zero(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }

    /// Whether it is zero.
    pub const fn is_zero(&self) -> bool {
        self.groups.is_empty()
    }

    /// Digits after the point.
    pub const fn scale(&self) -> i32 {
        self.scale
    }

    /// Whether nothing but zeros is after the point.
    pub fn is_integer(&self) -> bool {
        self.groups.len() as i32 <= self.weight + 1
    }

    /// The digits before the point; less than 1 for a fraction with zeros after the point.
    pub(super) fn digits_before_point(&self) -> i32 {
        let first = self.groups.first().map_or(0, |group| group.ilog10() as i32 + 1);
        self.weight * GROUP + first
    }

    pub(super) fn fits(&self) -> bool {
        self.scale as i64 <= SCALE_MAX && (self.is_zero() || self.weight as i64 * 4 < DIGITS_MAX)
    }

    /// Text without a sign. `None`: not a number. An inner error: too many digits.
    pub(super) fn parse(text: &str, negative: bool) -> Option<Result<Self>> {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => match exponent(&text[at + 1..])? {
                Ok(exponent) => (&text[..at], exponent),
                Err(error) => return Some(Err(error)),
            },
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = || whole.bytes().chain(fraction.bytes());
        if digits().next().is_none() || !digits().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let scale = (fraction.len() as i64 - exponent).max(0);
        let leading = digits().take_while(|byte| *byte == b'0').count();
        // Digits before the point, counted from the first that is not 0.
        let before = whole.len() as i64 - leading as i64 + exponent;
        let zero = leading == whole.len() + fraction.len();
        if scale > SCALE_MAX || (!zero && before > DIGITS_MAX) {
            return Some(Err(overflow()));
        }
        if zero {
            return Some(Ok(Self::zero(scale as i32)));
        }
        let weight = (before - 1).div_euclid(4);
        let first = (before - 1).rem_euclid(4) as u32;
        let mut groups = Vec::with_capacity((whole.len() + fraction.len()) / 4 + 2);
        let (mut group, mut left) = (0_u32, first + 1);
        for byte in digits().skip(leading) {
            group = group * 10 + u32::from(byte - b'0');
            left -= 1;
            if left == 0 {
                groups.push(group as u16);
                (group, left) = (0, 4);
            }
        }
        groups.push((group * 10_u32.pow(left)) as u16);
        let decimal = Self { negative, weight: weight as i32, scale: scale as i32, groups };
        Some(Ok(decimal.normal()))
    }

    /// The same without groups of zeros at the ends.
    pub(super) fn normal(mut self) -> Self {
        let leading = self.groups.iter().take_while(|group| **group == 0).count();
        self.groups.drain(..leading);
        self.weight -= leading as i32;
        while self.groups.last() == Some(&0) {
            self.groups.pop();
        }
        if self.groups.is_empty() {
            (self.weight, self.negative) = (0, false);
        }
        self
    }

    /// Rounded to digits after the point, halves away from zero; a negative scale rounds before the point.
    #[must_use]
    pub fn rounded(self, scale: i32) -> Self {
        self.cut(scale, true)
    }

    /// Cut off after digits after the point.
    #[must_use]
    pub fn truncated(self, scale: i32) -> Self {
        self.cut(scale, false)
    }

    fn cut(mut self, scale: i32, round: bool) -> Self {
        self.scale = scale.max(0);
        let keep = (self.weight + 1) * GROUP + scale;
        let count = keep.div_euclid(GROUP) + i32::from(keep.rem_euclid(GROUP) != 0);
        if self.is_zero() || keep >= self.groups.len() as i32 * GROUP {
            return self;
        }
        if keep < 0 {
            return Self::zero(self.scale);
        }
        let unit = 10_u32.pow((GROUP - keep.rem_euclid(GROUP)) as u32);
        let count = count as usize;
        let mut carry = if unit == BASE {
            // The first group that goes decides.
            round && self.groups.get(count).is_some_and(|group| u32::from(*group) >= BASE / 2)
        } else {
            let group = u32::from(self.groups[count - 1]);
            let rest = group % unit;
            let up = round && rest >= unit / 2;
            let group = group - rest + if up { unit } else { 0 };
            self.groups[count - 1] = (group % BASE) as u16;
            group >= BASE
        };
        self.groups.truncate(count);
        let mut at = if unit == BASE { count } else { count - 1 };
        while carry {
            if at == 0 {
                self.groups.insert(0, 1);
                self.weight += 1;
                break;
            }
            at -= 1;
            carry = u32::from(self.groups[at]) + 1 == BASE;
            self.groups[at] = if carry { 0 } else { self.groups[at] + 1 };
        }
        self.normal()
    }

    /// The group of a weight.
    pub(super) fn group(&self, weight: i32) -> u16 {
        usize::try_from(self.weight - weight).ok().and_then(|at| self.groups.get(at)).copied().unwrap_or(0)
    }
}

/// The exponent of a number; `None` if it is not one.
fn exponent(text: &str) -> Option<Result<i64>> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value = digits.parse::<i64>().ok().filter(|value| *value < i64::from(i32::MAX / 2));
    let signed = value.map(|value| if text.starts_with('-') { -value } else { value });
    Some(signed.ok_or_else(overflow))
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity((self.weight.max(0) as usize + 2) * 4 + self.scale as usize);
        self.write(&mut text);
        f.write_str(&text)
    }
}

impl Decimal {
    /// Appends the text.
    pub(super) fn write(&self, text: &mut String) {
        if self.negative {
            text.push('-');
        }
        if self.weight < 0 || self.is_zero() {
            text.push('0');
        } else {
            text.push_str(itoa::Buffer::new().format(self.groups[0]));
            for weight in (0..self.weight).rev() {
                push_group(text, self.group(weight));
            }
        }
        if self.scale > 0 {
            text.push('.');
            let end = text.len() + self.scale as usize;
            for weight in 1..=(self.scale + GROUP - 1) / GROUP {
                push_group(text, self.group(-weight));
            }
            text.truncate(end);
        }
    }
}

fn push_group(text: &mut String, group: u16) {
    for unit in [1_000, 100, 10, 1] {
        text.push(char::from(b'0' + (group / unit % 10) as u8));
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        Self::from(i128::from(value))
    }
}

impl From<i128> for Decimal {
    fn from(value: i128) -> Self {
        let mut rest = value.unsigned_abs();
        let mut groups = Vec::new();
        while rest > 0 {
            groups.push((rest % u128::from(BASE)) as u16);
            rest /= u128::from(BASE);
        }
        groups.reverse();
        let weight = groups.len() as i32 - 1;
        Self { negative: value < 0, weight, scale: 0, groups }.normal()
    }
}
