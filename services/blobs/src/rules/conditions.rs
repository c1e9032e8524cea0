//! Conditions of requests on what is there: RFC 9110, section 13, as S3 applies it.
//!
//! Times are compared in whole seconds, since that is what clients are told. A date that cannot be read is no condition (RFC 9110,
//! 13.1.3). An ETag is compared with or without its quotes, since clients send both.

use bole_base::Timestamp;

use super::calendar;
use crate::error::{Code, Error, Result};
use crate::limits::CONDITION_BYTES_MAX;

/// The headers, as they came: `If-…` or `x-amz-copy-source-if-…`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions<'a> {
    /// `If-Match`.
    pub if_match: Option<&'a str>,
    /// `If-None-Match`.
    pub if_none_match: Option<&'a str>,
    /// `If-Modified-Since`.
    pub if_modified_since: Option<&'a str>,
    /// `If-Unmodified-Since`.
    pub if_unmodified_since: Option<&'a str>,
}

/// The version that the conditions are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Current<'a> {
    /// Its ETag, without quotes.
    pub etag: &'a str,
    /// When it was last modified.
    pub modified: Timestamp,
}

/// What a GET or HEAD does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// It answers.
    Proceed,
    /// 304, without a body.
    NotModified,
    /// 412.
    Failed,
}

/// Judges a GET or HEAD of a version that is there.
///
/// `If-Match` decides, and else `If-Unmodified-Since`; then `If-None-Match` decides, and else `If-Modified-Since` (RFC 9110, 13.2.2).
pub fn read(conditions: &Conditions<'_>, current: &Current<'_>) -> Result<Read> {
    check_lengths(conditions)?;
    if !precondition_holds(conditions, current) {
        return Ok(Read::Failed);
    }
    Ok(if is_modified(conditions, current) { Read::Proceed } else { Read::NotModified })
}

/// Judges the source of a copy, which is there. Whatever does not hold is 412.
pub fn copy_source(conditions: &Conditions<'_>, current: &Current<'_>) -> Result<()> {
    check_lengths(conditions)?;
    if precondition_holds(conditions, current) && is_modified(conditions, current) {
        Ok(())
    } else {
        Err(failed())
    }
}

/// Judges a put, a copy's target or the completion of a multipart upload, from the current version (nothing where there is none, or it is
/// a delete marker). To be asked under the lock that the write is decided under.
pub fn write(conditions: &Conditions<'_>, current: Option<&Current<'_>>) -> Result<()> {
    check_lengths(conditions)?;
    refuse_dates(conditions)?;
    if conditions.if_match.is_some() && conditions.if_none_match.is_some() {
        return Err(unsupported("If-Match together with If-None-Match"));
    }
    if let Some(list) = conditions.if_none_match {
        if list.trim() != "*" {
            return Err(unsupported("If-None-Match with another value than *"));
        }
        return if current.is_none() { Ok(()) } else { Err(failed()) };
    }
    match (conditions.if_match, current) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(Error::new(Code::NoSuchKey, "The specified key does not exist.")),
        (Some(list), Some(current)) if matches(list, current.etag, Compare::Strong) => Ok(()),
        (Some(_), Some(_)) => Err(failed()),
    }
}

/// What a DELETE may ask beyond `If-Match`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeleteConditions<'a> {
    /// `If-Match`.
    pub if_match: Option<&'a str>,
    /// `x-amz-if-match-last-modified-time`.
    pub if_match_modified: Option<Timestamp>,
    /// `x-amz-if-match-size`.
    pub if_match_size: Option<u64>,
}

/// Judges a DELETE, from the version that it would delete and its size. Where there is none, there is nothing to delete, and only
/// `If-Match` asks for more than that.
pub fn delete(conditions: &DeleteConditions<'_>, current: Option<(&Current<'_>, u64)>) -> Result<()> {
    check_length(conditions.if_match)?;
    let Some((current, size)) = current else {
        return match conditions.if_match {
            None => Ok(()),
            Some(_) => Err(Error::new(Code::NoSuchKey, "The specified key does not exist.")),
        };
    };
    let holds = conditions.if_match.is_none_or(|list| matches(list, current.etag, Compare::Strong))
        && conditions.if_match_modified.is_none_or(|time| seconds(time) == seconds(current.modified))
        && conditions.if_match_size.is_none_or(|wanted| wanted == size);
    if holds { Ok(()) } else { Err(failed()) }
}

fn precondition_holds(conditions: &Conditions<'_>, current: &Current<'_>) -> bool {
    match (conditions.if_match, conditions.if_unmodified_since.and_then(calendar::parse_http)) {
        (Some(list), _) => matches(list, current.etag, Compare::Strong),
        (None, Some(since)) => seconds(current.modified) <= seconds(since),
        (None, None) => true,
    }
}

fn is_modified(conditions: &Conditions<'_>, current: &Current<'_>) -> bool {
    match (conditions.if_none_match, conditions.if_modified_since.and_then(calendar::parse_http)) {
        (Some(list), _) => !matches(list, current.etag, Compare::Weak),
        (None, Some(since)) => seconds(current.modified) > seconds(since),
        (None, None) => true,
    }
}

const fn seconds(time: Timestamp) -> u64 {
    time.0 / 1_000
}

fn failed() -> Error {
    Error::new(Code::PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
}

fn unsupported(what: &str) -> Error {
    Error::new(
        Code::NotImplemented,
        format!("A header you provided implies functionality that is not implemented: {what}"),
    )
}

fn refuse_dates(conditions: &Conditions<'_>) -> Result<()> {
    match (conditions.if_modified_since, conditions.if_unmodified_since) {
        (Some(_), _) => Err(unsupported("If-Modified-Since on a write")),
        (_, Some(_)) => Err(unsupported("If-Unmodified-Since on a write")),
        (None, None) => Ok(()),
    }
}

fn check_lengths(conditions: &Conditions<'_>) -> Result<()> {
    let headers = [
        conditions.if_match,
        conditions.if_none_match,
        conditions.if_modified_since,
        conditions.if_unmodified_since,
    ];
    headers.into_iter().try_for_each(check_length)
}

fn check_length(header: Option<&str>) -> Result<()> {
    let length = header.map_or(0, str::len);
    if length <= CONDITION_BYTES_MAX {
        return Ok(());
    }
    let text = format!("A condition has {length} bytes; {CONDITION_BYTES_MAX} are allowed");
    Err(Error::new(Code::InvalidArgument, text))
}

/// How ETags are compared (RFC 9110, 8.8.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compare {
    /// A weak one is equal to none.
    Strong,
    /// Weakness is not looked at.
    Weak,
}

/// Whether a list of ETags, or `*`, has this one.
fn matches(list: &str, etag: &str, compare: Compare) -> bool {
    let mut rest = list.trim();
    if rest == "*" {
        return true;
    }
    while !rest.is_empty() {
        let (weak, tag) = rest.strip_prefix("W/").map_or((false, rest), |tag| (true, tag));
        let (value, after) = match tag.strip_prefix('"').and_then(|tag| tag.split_once('"')) {
            Some((value, after)) => (value, after.trim_start().strip_prefix(',').unwrap_or("")),
            None => tag.split_once(',').unwrap_or((tag, "")),
        };
        if value.trim() == etag && !(weak && compare == Compare::Strong) {
            return true;
        }
        rest = after.trim_start();
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT, and a part of a second.
    const MODIFIED: Timestamp = Timestamp(784_111_777_400);
    const SAME: Option<&str> = Some("Sun, 06 Nov 1994 08:49:37 GMT");
    const BEFORE: Option<&str> = Some("Sun, 06 Nov 1994 08:49:36 GMT");
    const AFTER: Option<&str> = Some("Sun, 06 Nov 1994 08:49:38 GMT");
    const CURRENT: Current<'_> = Current { etag: "abc", modified: MODIFIED };
    const YES: Option<&str> = Some("\"abc\"");
    const NO: Option<&str> = Some("\"x\"");

    #[test]
    fn reads_and_copies() {
        use Read::{Failed, NotModified, Proceed};
        for (if_match, if_unmodified_since, if_none_match, if_modified_since, expected) in [
            (None, None, None, None, Proceed),
            (YES, None, None, None, Proceed),
            (NO, None, None, None, Failed),
            (None, SAME, None, None, Proceed),
            (None, AFTER, None, None, Proceed),
            (None, BEFORE, None, None, Failed),
            (YES, BEFORE, None, None, Proceed),
            (NO, AFTER, None, None, Failed),
            (None, None, YES, None, NotModified),
            (None, None, NO, None, Proceed),
            (None, None, None, SAME, NotModified),
            (None, None, None, AFTER, NotModified),
            (None, None, None, BEFORE, Proceed),
            (None, None, YES, BEFORE, NotModified),
            (None, None, NO, AFTER, Proceed),
            (NO, None, YES, None, Failed),
            (YES, None, YES, None, NotModified),
            (None, BEFORE, None, AFTER, Failed),
            (None, Some("yesterday"), None, Some(""), Proceed),
            (Some("*"), None, None, None, Proceed),
            (None, None, Some("*"), None, NotModified),
        ] {
            let conditions = Conditions { if_match, if_none_match, if_modified_since, if_unmodified_since };
            assert_eq!(read(&conditions, &CURRENT), Ok(expected), "{conditions:?}");
            let copied = copy_source(&conditions, &CURRENT);
            assert_eq!(copied.is_ok(), expected == Proceed, "{conditions:?}");
            assert!(copied.is_ok() || copied.is_err_and(|error| error.code == Code::PreconditionFailed));
        }
    }

    #[test]
    fn writes() {
        let there = Some(&CURRENT);
        for (if_match, if_none_match, current, expected) in [
            (None, None, there, Ok(())),
            (None, Some("*"), None, Ok(())),
            (None, Some(" * "), there, Err(Code::PreconditionFailed)),
            (None, YES, there, Err(Code::NotImplemented)),
            (YES, None, there, Ok(())),
            (Some("abc"), None, there, Ok(())),
            (Some("*"), None, there, Ok(())),
            (NO, None, there, Err(Code::PreconditionFailed)),
            (Some("W/\"abc\""), None, there, Err(Code::PreconditionFailed)),
            (YES, None, None, Err(Code::NoSuchKey)),
            (YES, Some("*"), there, Err(Code::NotImplemented)),
        ] {
            let conditions = Conditions { if_match, if_none_match, ..Conditions::default() };
            let found = write(&conditions, current).map_err(|error| error.code);
            assert_eq!(found, expected, "{conditions:?}");
        }
        for conditions in [
            Conditions { if_modified_since: SAME, ..Conditions::default() },
            Conditions { if_unmodified_since: SAME, ..Conditions::default() },
        ] {
            assert_eq!(write(&conditions, None).unwrap_err().code, Code::NotImplemented);
        }
        let long = "x".repeat(CONDITION_BYTES_MAX + 1);
        let conditions = Conditions { if_match: Some(&long), ..Conditions::default() };
        assert_eq!(write(&conditions, there).unwrap_err().code, Code::InvalidArgument);
    }

    #[test]
    fn deletes() {
        let there = Some((&CURRENT, 7));
        let second = Some(Timestamp(784_111_777_000));
        for (if_match, if_match_modified, if_match_size, current, expected) in [
            (None, None, None, None, Ok(())),
            (YES, None, None, None, Err(Code::NoSuchKey)),
            (None, second, Some(1), None, Ok(())),
            (YES, second, Some(7), there, Ok(())),
            (Some("*"), None, None, there, Ok(())),
            (NO, second, Some(7), there, Err(Code::PreconditionFailed)),
            (YES, Some(Timestamp(0)), None, there, Err(Code::PreconditionFailed)),
            (None, None, Some(8), there, Err(Code::PreconditionFailed)),
        ] {
            let conditions = DeleteConditions { if_match, if_match_modified, if_match_size };
            let found = delete(&conditions, current).map_err(|error| error.code);
            assert_eq!(found, expected, "{conditions:?}");
        }
    }

    #[test]
    fn lists_of_etags() {
        for (list, strong, weak) in [
            ("\"abc\"", true, true),
            ("abc", true, true),
            ("W/\"abc\"", false, true),
            ("\"x\", \"abc\"", true, true),
            ("\"x\" ,W/\"abc\",\"y\"", false, true),
            ("x, abc", true, true),
            ("\"x,abc\"", false, false),
            ("\"abc", false, false),
            ("", false, false),
            ("\"\"", false, false),
            ("ABC", false, false),
            (",,", false, false),
        ] {
            let found = [Compare::Strong, Compare::Weak].map(|compare| matches(list, "abc", compare));
            assert_eq!(found, [strong, weak], "{list}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_judged(list in "(W/|\"|,|abc| |\\PC){0,20}", date in "\\PC{0,30}") {
            let conditions = Conditions { if_match: Some(&list), if_modified_since: Some(&date), ..Conditions::default() };
            prop_assert!(read(&conditions, &CURRENT).is_ok());
        }
    }
}
