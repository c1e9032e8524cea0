//! Patterns over values, and what they compile to. A pattern always covers the whole value, with or without `^` and `$`:
//! one that was meant for a part of it lets nothing in, rather than too much.

use crate::limits::{PATTERN_BYTES_MAX, PATTERN_NESTING_MAX, PATTERN_TEXT_BYTES_MAX};
use crate::route::Pattern;
use regex::bytes::{Regex, RegexBuilder};

/// What a value must be.
#[derive(Clone, Debug)]
pub enum Matcher {
    /// Any; it must only be there.
    Any,
    /// This one.
    Text(String),
    /// One that fits as a whole.
    Pattern(Regex),
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Its text is too long.
    #[error("a pattern has at most {PATTERN_TEXT_BYTES_MAX} bytes; this one has {0}")]
    Long(usize),
    /// It compiles to too much.
    #[error("the pattern takes more than {} KiB; repeat less, or smaller parts", PATTERN_BYTES_MAX >> 10)]
    Large,
    /// It does not compile.
    #[error("not a pattern: {0}")]
    Syntax(String),
}

/// Compiles a pattern that must cover the whole of a value. Time is linear in the value, whatever the pattern.
pub fn whole(text: &str) -> Result<Regex, Error> {
    if text.len() > PATTERN_TEXT_BYTES_MAX {
        return Err(Error::Long(text.len()));
    }
    // By itself first: `a)(b` would become one by being wrapped.
    build(text)?;
    build(&format!("^(?:{text})$"))
}

fn build(text: &str) -> Result<Regex, Error> {
    let mut builder = RegexBuilder::new(text);
    builder.unicode(false).nest_limit(PATTERN_NESTING_MAX);
    builder.size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
    builder.build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => Error::Large,
        error => {
            // The last line of a syntax error says what is wrong; those before it draw where.
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            Error::Syntax(last.trim_start_matches("error: ").to_owned())
        }
    })
}

impl Matcher {
    /// Compiles what a value must be.
    pub fn of(pattern: &Pattern) -> Result<Self, Error> {
        match pattern.0.strip_prefix('~') {
            Some(text) => whole(text).map(Self::Pattern),
            None if pattern.0 == "*" => Ok(Self::Any),
            None => Ok(Self::Text(pattern.0.clone())),
        }
    }

    /// Whether a value is what it must be.
    pub fn fits(&self, value: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Text(text) => text.as_bytes() == value,
            Self::Pattern(pattern) => pattern.is_match(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_the_whole_value() {
        for (pattern, value, expected) in [
            ("v1", "v1", true),
            ("v1", "v12", false),
            ("*", "", true),
            ("~v[12]", "v1", true),
            ("~v[12]", "xv1", false),
            ("~^v[12]$", "v2", true),
            ("~a|b", "b", true),
            ("~a|b", "ab", false),
            ("~a", "a\n", false),
        ] {
            let matcher = Matcher::of(&Pattern(pattern.to_owned())).expect("it is one");
            assert_eq!(matcher.fits(value.as_bytes()), expected, "{pattern} {value:?}");
        }
    }

    #[test]
    fn patterns_are_bounded() {
        assert_eq!(whole("(((a{99}){99}){99})").err(), Some(Error::Large));
        assert_eq!(whole(&"a".repeat(2_000)).err(), Some(Error::Long(2_000)));
        for text in ["(", "a)(b", "[z-a]", "(?P<a>x)(?P<a>y)", "\\1"] {
            assert!(matches!(whole(text), Err(Error::Syntax(_))), "{text}");
        }
        assert!(whole(&"(".repeat(40)).is_err());
    }
}
