//! Which bytes of an object a request is about: `Range`, `partNumber` and `x-amz-copy-source-range`.

use crate::error::{Code, Error, Result, shown};
use crate::limits::PARTS_MAX;

/// Bytes from `first` up to, and without, `end`. `first` is below `end` except in an object without bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub first: u64,
    /// The byte after the last one.
    pub end: u64,
}

impl Span {
    /// How many bytes.
    pub const fn length(self) -> u64 {
        self.end - self.first
    }

    /// `Content-Range`.
    pub fn content_range(self, size: u64) -> String {
        format!("bytes {}-{}/{size}", self.first, self.end.saturating_sub(1))
    }
}

/// What a request reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selected {
    /// All of it: 200.
    Whole,
    /// A part: 206.
    Part(Span),
}

/// One number, or an open end.
fn numbers(range: &str) -> Option<(Option<u64>, Option<u64>)> {
    let number = |text: &str| match text {
        "" => Some(None),
        // More digits than a number can hold are beyond every end.
        _ if text.bytes().all(|byte| byte.is_ascii_digit()) => Some(Some(text.parse().unwrap_or(u64::MAX))),
        _ => None,
    };
    let (first, last) = range.split_once('-')?;
    Some((number(first.trim())?, number(last.trim())?))
}

/// Reads `Range` for an object of `size` bytes. What is not a range of bytes is ignored, and so are several of them, as S3 does; one that
/// has no byte of the object is refused with 416.
pub fn range(header: &str, size: u64) -> Result<Selected> {
    let set = header.split_once('=').filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes"));
    let Some((first, last)) = set.and_then(|(_, set)| numbers(set.trim())) else {
        return Ok(Selected::Whole);
    };
    let span = match (first, last) {
        (None, None) => return Ok(Selected::Whole),
        (Some(first), Some(last)) if last < first => return Ok(Selected::Whole),
        (Some(first), last) => {
            Span { first, end: last.map_or(size, |last| size.min(last.saturating_add(1))) }
        }
        (None, Some(length)) => Span { first: size.saturating_sub(length), end: size },
    };
    if span.first >= span.end {
        return Err(Error::new(
            Code::InvalidRange,
            format!(
                "The requested range \"{}\" is not satisfiable: the object has {size} bytes",
                shown(header)
            ),
        ));
    }
    Ok(Selected::Part(span))
}

/// Reads `partNumber` for an object whose parts have these sizes; one that was not put in parts has one part, itself. Answered with 206,
/// as a range is.
pub fn part(number: u32, sizes: &[u64]) -> Result<Span> {
    if !(1..=PARTS_MAX).contains(&number) {
        return Err(Error::new(
            Code::InvalidArgument,
            format!("Part number must be an integer between 1 and {PARTS_MAX}, inclusive; it is {number}"),
        ));
    }
    let index = number as usize - 1;
    let Some(length) = sizes.get(index) else {
        return Err(Error::new(
            Code::InvalidPartNumber,
            format!(
                "The requested partnumber is not satisfiable: the object has {} parts, not {number}",
                sizes.len()
            ),
        ));
    };
    let first = sizes[..index].iter().fold(0, |sum: u64, size| sum.saturating_add(*size));
    Ok(Span { first, end: first.saturating_add(*length) })
}

/// Reads what of an object a request wants, from both headers.
pub fn select(
    header: Option<&str>,
    part_number: Option<u32>,
    size: u64,
    part_sizes: &[u64],
) -> Result<Selected> {
    match (header, part_number) {
        (Some(_), Some(_)) => Err(Error::new(
            Code::InvalidRequest,
            "Cannot specify both Range header and partNumber query parameter",
        )),
        (Some(header), None) => range(header, size),
        (None, Some(number)) => part(number, part_sizes).map(Selected::Part),
        (None, None) => Ok(Selected::Whole),
    }
}

/// Reads `x-amz-copy-source-range` for a source of `size` bytes: both ends must be said, and be within it.
pub fn copy_source(header: &str, size: u64) -> Result<Span> {
    let both = header.strip_prefix("bytes=").and_then(numbers);
    let Some((Some(first), Some(last))) = both.filter(|(first, last)| first <= last) else {
        return Err(Error::new(
            Code::InvalidArgument,
            format!(
                "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy; it is \"{}\"",
                shown(header)
            ),
        ));
    };
    if last >= size {
        return Err(Error::new(
            Code::InvalidRange,
            format!("Range specified is not valid for source object of size: {size}"),
        ));
    }
    Ok(Span { first, end: last + 1 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn part_of(first: u64, end: u64) -> Selected {
        Selected::Part(Span { first, end })
    }

    #[test]
    fn ranges() {
        const BEYOND: Result<Selected, Code> = Err(Code::InvalidRange);
        const WHOLE: Result<Selected, Code> = Ok(Selected::Whole);
        for (header, size, expected) in [
            ("bytes=0-4", 10, Ok(part_of(0, 5))),
            ("bytes=0-0", 10, Ok(part_of(0, 1))),
            ("bytes=9-", 10, Ok(part_of(9, 10))),
            ("bytes=4-100", 10, Ok(part_of(4, 10))),
            ("bytes=-3", 10, Ok(part_of(7, 10))),
            ("bytes=-30", 10, Ok(part_of(0, 10))),
            ("Bytes = 1 - 2", 10, Ok(part_of(1, 3))),
            ("bytes=4-99999999999999999999999", 10, Ok(part_of(4, 10))),
            ("bytes=0-18446744073709551615", 10, Ok(part_of(0, 10))),
            ("bytes=10-", 10, BEYOND),
            ("bytes=10-20", 10, BEYOND),
            ("bytes=99999999999999999999999-", 10, BEYOND),
            ("bytes=-0", 10, BEYOND),
            ("bytes=0-0", 0, BEYOND),
            ("bytes=-5", 0, BEYOND),
            ("bytes=5-4", 10, WHOLE),
            ("bytes=0-1,3-4", 10, WHOLE),
            ("bytes=-", 10, WHOLE),
            ("bytes=a-b", 10, WHOLE),
            ("bytes=+1-2", 10, WHOLE),
            ("bytes=", 10, WHOLE),
            ("lines=0-4", 10, WHOLE),
            ("", 10, WHOLE),
        ] {
            assert_eq!(range(header, size).map_err(|error| error.code), expected, "{header} of {size}");
        }
        assert_eq!(Span { first: 2, end: 5 }.content_range(9), "bytes 2-4/9");
    }

    #[test]
    fn parts() {
        for (number, sizes, expected) in [
            (1, &[5, 5, 3][..], Ok((0, 5))),
            (3, &[5, 5, 3], Ok((10, 13))),
            (4, &[5, 5, 3], Err(Code::InvalidPartNumber)),
            (1, &[0], Ok((0, 0))),
            (2, &[9], Err(Code::InvalidPartNumber)),
            (0, &[9], Err(Code::InvalidArgument)),
            (10_001, &[9], Err(Code::InvalidArgument)),
        ] {
            let found = part(number, sizes).map(|span| (span.first, span.end));
            assert_eq!(found.map_err(|error| error.code), expected, "{number} of {sizes:?}");
        }
        assert_eq!(select(Some("bytes=0-"), Some(1), 9, &[9]).unwrap_err().code, Code::InvalidRequest);
        assert_eq!(select(None, Some(1), 9, &[9]), Ok(Selected::Part(Span { first: 0, end: 9 })));
        assert_eq!(select(None, None, 9, &[9]), Ok(Selected::Whole));
    }

    #[test]
    fn sources_of_copies() {
        for (header, size, expected) in [
            ("bytes=0-8", 9, Ok((0, 9))),
            ("bytes=3-3", 9, Ok((3, 4))),
            ("bytes=0-9", 9, Err(Code::InvalidRange)),
            ("bytes=0-18446744073709551615", 9, Err(Code::InvalidRange)),
            ("bytes=0-", 9, Err(Code::InvalidArgument)),
            ("bytes=-3", 9, Err(Code::InvalidArgument)),
            ("bytes=4-3", 9, Err(Code::InvalidArgument)),
            ("bytes=0-1,2-3", 9, Err(Code::InvalidArgument)),
            ("bytes=hello-world", 9, Err(Code::InvalidArgument)),
            ("0-1", 9, Err(Code::InvalidArgument)),
            ("", 9, Err(Code::InvalidArgument)),
        ] {
            let found = copy_source(header, size).map(|span| (span.first, span.end));
            assert_eq!(found.map_err(|error| error.code), expected, "{header} of {size}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_judged(header in "(bytes=)?(-|,|[0-9]{1,21}|\\PC){0,6}", size in any::<u64>()) {
            if let Ok(Selected::Part(span)) = range(&header, size) {
                prop_assert!(span.first < span.end && span.end <= size);
            }
            if let Ok(span) = copy_source(&header, size) {
                prop_assert!(span.first < span.end && span.end <= size && span.length() > 0);
            }
        }
    }
}
