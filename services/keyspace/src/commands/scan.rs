//! What HSCAN, SSCAN and their like have in common: cursor, options, and the shape of the reply.

use crate::commands::arguments::{Options, integer};
use crate::failure::{Failure, SYNTAX};
use crate::glob;
use crate::protocol::Reply;

/// Elements that one call visits unless it says COUNT.
const COUNT_DEFAULT: usize = 10;

/// The options of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan<'a> {
    /// MATCH.
    pattern: Option<&'a [u8]>,
    /// COUNT.
    pub count: usize,
    /// NOVALUES.
    pub no_values: bool,
}

/// A cursor: 0, or one from an earlier call.
pub fn cursor(arg: &[u8]) -> Result<u64, Failure> {
    let number = std::str::from_utf8(arg).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| "ERR invalid cursor".into())
}

impl<'a> Scan<'a> {
    /// The options from argument `from` on. NOVALUES is one only where there are values.
    pub fn options(args: &'a [&'a [u8]], from: usize, has_values: bool) -> Result<Self, Failure> {
        let mut scan = Self { pattern: None, count: COUNT_DEFAULT, no_values: false };
        let mut options = Options::new(args, from);
        while options.left() > 0 {
            if options.accept("match") {
                scan.pattern = Some(options.value()?);
            } else if options.accept("count") {
                let count = integer(options.value()?)?;
                if count < 1 {
                    return Err(SYNTAX.into());
                }
                scan.count = count as usize;
            } else if has_values && options.accept("novalues") {
                scan.no_values = true;
            } else {
                return Err(SYNTAX.into());
            }
        }
        Ok(scan)
    }

    /// Whether MATCH lets an element through.
    pub fn admits(&self, element: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, element))
    }
}

/// Writes the reply: the cursor of the next call and `count` elements, which are replies already.
pub fn reply(reply: &mut Reply, next: u64, count: usize, elements: &Reply) {
    let mut digits = itoa::Buffer::new();
    reply.array(2);
    reply.bulk(digits.format(next).as_bytes());
    reply.array(count);
    reply.raw(elements.bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors() {
        for (text, expected) in
            [("0", Some(0)), ("18446744073709551615", Some(u64::MAX)), ("-1", None), ("x", None), ("", None)]
        {
            assert_eq!(cursor(text.as_bytes()).ok(), expected, "{text}");
        }
    }

    #[test]
    fn options() {
        for (text, has_values, expected) in [
            ("", true, Some((10, false, false))),
            ("COUNT 5 MATCH b*", true, Some((5, false, false))),
            ("match a? count 1 novalues", true, Some((1, true, true))),
            ("novalues", false, None),
            ("count 0", true, None),
            ("count", true, None),
            ("match", true, None),
        ] {
            let args: Vec<&[u8]> = text.split_whitespace().map(str::as_bytes).collect();
            let found = Scan::options(&args, 0, has_values).ok();
            let found =
                found.map(|scan| (scan.count, scan.no_values, scan.pattern.is_some() && scan.admits(b"ab")));
            assert_eq!(found, expected, "{text}");
        }
    }
}
